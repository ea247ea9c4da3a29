"""Settings: read once from ``SENTIENT_*`` and ``.env``, frozen, handed to whoever needs them, never global."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sentient_kernel.errors import ConfigurationError

PREFIX = "SENTIENT_"
_BASE_URL = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_HOST = re.compile(r"(?:https?://)?(?:\[[0-9a-fA-F:.]+\]|[^\s/:@\\%\[\]]+)(?::[0-9]{1,5})?(?:/\S*)?", re.IGNORECASE)


class Settings(BaseSettings):
    """Everything that can be set from outside.

    Each field is read from the environment as ``SENTIENT_`` and its name in capitals, then from ``.env`` in the working
    directory. Lists are written with commas.

    Raises:
        ConfigurationError: from :meth:`load`, in one sentence, when a value does not fit.

    Example:
        >>> Settings(_env_file=None, mode="replay").mode
        'replay'
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    home: Path = Path(".sentient")
    model: str | None = None
    model_timeout: float = Field(60.0, gt=0, description="seconds until the first token")
    model_rate: int | None = Field(None, gt=0, description="requests to one provider in a minute; by default any number")
    model_prices: str = ""
    embedder: str = Field("", description="compares meanings where words alone do not tell; such as openai:text-embedding-3-small")
    approve: Literal["ask", "auto", "deny"] | None = None
    mode: Literal["live", "record", "replay"] = "live"
    offline: bool = False
    allow_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    allow_domains: Annotated[tuple[str, ...], NoDecode] = ()
    deny_domains: Annotated[tuple[str, ...], NoDecode] = ()
    searxng_url: str | None = None
    tavily_api_key: SecretStr | None = None
    tavily_url: str = "https://api.tavily.com"
    brave_api_key: SecretStr | None = None
    brave_url: str = "https://api.search.brave.com"
    arxiv_url: str = "https://export.arxiv.org/api"
    openalex_url: str = "https://api.openalex.org"
    crossref_url: str = "https://api.crossref.org"
    wikipedia_url: str = "https://en.wikipedia.org"
    pubmed_url: str = "https://eutils.ncbi.nlm.nih.gov/entrez/eutils"
    page_timeout: float = Field(10.0, gt=0, description="seconds for one page of the web")
    database_url: str | None = None
    executor: str = "local"
    cache_ttl: float = Field(86_400.0, gt=0, description="seconds")
    cache_max_size: int = Field(1_000_000_000, gt=0, description="bytes")
    durability: Literal["process", "power"] = "process"
    api_host: str = "127.0.0.1"
    api_port: int = Field(0, ge=0, le=65_535)
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    heartbeat: float = Field(15.0, gt=0, description="seconds")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    @field_validator("allow_hosts", "allow_domains", "deny_domains", "cors_origins", mode="before")
    @classmethod
    def _commas(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _capitals(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @classmethod
    def load(cls, **given: Any) -> Settings:
        """Reads the settings; arguments win over the environment, the environment over ``.env``.

        Args:
            given: Values that are already known; None leaves a field to the environment.

        Returns:
            The frozen settings.

        Raises:
            ConfigurationError: A value does not fit; names the variable and what it may be.
        """
        try:
            settings = cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "A setting"
            raise ConfigurationError(
                f"{name} does not fit: {first['msg'][:1].lower()}{first['msg'][1:]}.", hint="Correct it in the environment or in .env."
            ) from None
        except UnicodeDecodeError as error:
            raise ConfigurationError(f".env cannot be read: {error.reason} at byte {error.start}.", hint="Save it as UTF-8.") from None
        settings._check_places()
        return settings

    def _check_places(self) -> None:
        """Refuses what can be no place on the network. It is not shown: people write passwords into addresses."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name.endswith("_url") and name != "database_url" and value and not _BASE_URL.match(value.strip()):
                raise ConfigurationError(f"{PREFIX}{name.upper()} is no address.", hint="Write it like https://example.org/api.")
        if not all(map(_HOST.fullmatch, self.allow_hosts)):
            hint = "Write them like 127.0.0.1:8080, with commas between them."
            raise ConfigurationError(f"{PREFIX}ALLOW_HOSTS names something that is no host.", hint=hint)

    def remarks(self) -> list[str]:
        """Returns what may not be meant: names that are no settings, and hosts that are allowed at their usual ports alone."""
        from difflib import get_close_matches

        known = {name.upper() for name in type(self).model_fields}
        unknown = sorted({name.removeprefix(PREFIX) for name in _set() if name.startswith(PREFIX)} - known)
        near = {name: get_close_matches(name, known, 1) for name in unknown}
        found = [f"{PREFIX}{name} is no setting." + (f" Is {PREFIX}{near[name][0]} meant?" if near[name] else "") for name in unknown]
        bare = [host for host in self.allow_hosts if "://" not in host and not re.search(r":[0-9]+$", host)]
        return found + [f"{PREFIX}ALLOW_HOSTS names {host!r} without a port: it may be asked at 80 and 443 alone." for host in bare]


def _set() -> set[str]:
    """Returns the names that the environment and ``.env`` set, in capitals."""
    from dotenv import dotenv_values

    return {name.upper() for name in (*os.environ, *dotenv_values(".env"))}
