"""Settings: read once from ``SENTIENT_*`` and ``.env`` files, frozen, handed to whoever needs them,
never global.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from sentient_kernel.describing import Described
from sentient_kernel.env_files import USERS, EnvFile, lend_providers, project_file, user_file
from sentient_kernel.errors import ConfigurationError
from sentient_kernel.redaction import hold, hold_address, shown
from sentient_kernel.spelling import did_you_mean, nearest

PREFIX = "SENTIENT_"
PROJECTS = frozenset({"offline", "deny_domains"})
"""Settings that count from the ``.env`` of any folder whatever their value is."""
MOST_NAMES = 12
"""Names that are listed in a sentence."""
_DEFAULT: tuple[str, ...] = ()
"""Stands for the files that are read unless the caller names one: pydantic-settings is given none,
as it would read all of them whole.
"""
_WHY = {
    "mode": " (other than replay)",
    "log_level": " (above WARNING)",
    **dict.fromkeys(("cache_ttl", "cache_max_size", "model_timeout"), " (below its default)"),
}
_BASE_URL = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)
_HOST = re.compile(
    r"(?:https?://)?(?:\[[0-9a-fA-F:.]+\]|[^\s/:@\\%\[\]]+)(?::[0-9]{1,5})?(?:/\S*)?", re.IGNORECASE
)


def _parts(value: Any) -> Any:
    """Reads a list that is written with commas."""
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


Commas = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]


class Settings(Described, BaseSettings):
    """Everything that can be set from outside.

    Each field is read from the environment as ``SENTIENT_`` and its name in capitals, then from the
    user's own file (``~/.config/sentient-kernel/.env``), then from ``.env`` in the working
    directory. That one may belong to somebody else: unless the user trusts it, only ``CACHE_*``,
    ``*_TIMEOUT``, ``OFFLINE``, ``DENY_DOMAINS``, ``LOG_LEVEL`` and ``MODE=replay`` count from it,
    the cache's limits and the model's time only where they are above the defaults, and the log's
    level only where it hides no warning. Lists are written with commas.

    Raises:
        ConfigurationError: from :meth:`load`, in one sentence, when a value does not fit.

    Example:
        >>> Settings(_env_file=None, mode="replay").mode
        'replay'
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=_DEFAULT, extra="ignore", frozen=True
    )

    home: Path = Field(Path(".sentient"), description="the folder that keeps everything")
    model: str | None = Field(
        None,
        description="a language model, such as openai:gpt-5-mini; none: the sources' sentences",
    )
    model_timeout: float = Field(
        300.0,
        gt=0,
        allow_inf_nan=False,
        description="seconds to wait for a model's first token",
    )
    model_reasoning: int = Field(
        16_000, ge=0, description="tokens a call may spend on reasoning beside its answer"
    )
    model_rate: int | None = Field(
        None, gt=0, description="requests to one provider in a minute; by default any number"
    )
    model_prices: str = Field(
        "",
        description=(
            "prices of your own, in dollars for a million tokens read and written, such as "
            "openai:x=0.15/0.60; commas between models"
        ),
    )
    embedder: str = Field(
        "",
        description=(
            "an embedding model that compares meanings where words alone do not tell, such "
            "as openai:text-embedding-3-small or ollama:nomic-embed-text"
        ),
    )
    approve: Literal["ask", "auto", "deny"] | None = Field(
        None,
        description="how approvals are answered where nobody can answer; by default the run waits",
    )
    mode: Literal["live", "record", "replay"] = Field(
        "live",
        description=(
            "live answers from the cache while an answer is fresh; record makes every call "
            "anew, once; replay makes no call and answers all of them as recorded"
        ),
    )
    offline: bool = Field(False, description="makes no call to another machine")
    allow_hosts: Commas = Field(
        (),
        description=(
            "private hosts that may be requested, as host:port; stronger than the domain lists"
        ),
    )
    allow_domains: Commas = Field((), description="the only domains that pages are read from")
    deny_domains: Commas = Field((), description="domains that no page is read from")
    searxng_url: str | None = Field(None, description="a SearXNG server for the source web")
    tavily_api_key: SecretStr | None = Field(None, description="key of Tavily for the source web")
    tavily_url: str = Field("https://api.tavily.com", description="base URL of Tavily")
    brave_api_key: SecretStr | None = Field(
        None, description="key of Brave Search for the source web"
    )
    brave_url: str = Field("https://api.search.brave.com", description="base URL of Brave Search")
    arxiv_url: str = Field("https://export.arxiv.org/api", description="base URL of arXiv")
    openalex_url: str = Field("https://api.openalex.org", description="base URL of OpenAlex")
    crossref_url: str = Field("https://api.crossref.org", description="base URL of Crossref")
    wikipedia_url: str = Field("https://en.wikipedia.org", description="base URL of Wikipedia")
    pubmed_url: str = Field(
        "https://eutils.ncbi.nlm.nih.gov/entrez/eutils", description="base URL of PubMed"
    )
    page_timeout: float = Field(
        10.0, gt=0, allow_inf_nan=False, description="seconds for one page of the web"
    )
    database_url: str | None = Field(
        None, description="where the journal is kept instead of the home folder: sqlite:///path"
    )
    executor: str = Field("local", description="where steps run: local, in this process")
    cache_ttl: float = Field(
        86_400.0,
        gt=0,
        allow_inf_nan=False,
        description="seconds for which a kept answer is served again",
    )
    cache_max_size: int = Field(
        1_000_000_000,
        gt=0,
        description="bytes of all kept answers; those of opened runs may take a quarter more",
    )
    durability: Literal["process", "power"] = Field(
        "process",
        description="process: steps survive the end of the process; power: also a power cut",
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        BeforeValidator(lambda value: str(value).upper()),
    ] = Field(
        "WARNING",
        description="lowest level of this package's log records (the logger sentient_kernel)",
    )

    def model_post_init(self, context: Any, /) -> None:
        """Makes its secrets known to the redactor: keys, and what stands in addresses."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                hold(value.get_secret_value(), PREFIX + name.upper())
            elif isinstance(value, str) and "://" in value:
                hold_address(value, PREFIX + name.upper())

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yields what its repr shows: addresses without what is secret in them."""
        return (
            (name, shown(value) if isinstance(value, str) else value)
            for name, value in super().__repr_args__()
        )

    def _about(self) -> dict[str, Any]:
        """Returns what its text and its HTML show, as its repr does."""
        return {str(name): value for name, value in self.__repr_args__()}

    def set_log_level(self) -> None:
        """Sets the level of this package's logger, unless the setting leaves it to the program."""
        if "log_level" in self.model_fields_set:
            log.setLevel(self.log_level)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Returns where values come from, the strongest first. A file that the caller names in code
        counts whole.
        """
        if getattr(dotenv_settings, "env_file", None) != _DEFAULT:
            return init_settings, env_settings, dotenv_settings
        project = project_file()
        left_out = _left_out(project)
        counts = {name: value for name, value in _fields(project).items() if name not in left_out}
        return (
            init_settings,
            env_settings,
            InitSettingsSource(settings_cls, _fields(user_file())),
            InitSettingsSource(settings_cls, counts),
        )

    @classmethod
    def load(cls, **given: Any) -> Settings:
        """Reads the settings; arguments win over the environment, the environment over ``.env``
        files.

        What the file of the working directory may not set is ignored, and said once, through the
        log; so is what looks misspelt. Keys and addresses of model providers (``*_API_KEY``,
        ``*_BASE_URL``) of files that count are put into the environment.

        Args:
            given: Values that are already known; None leaves a field to the environment.

        Returns:
            The frozen settings.

        Raises:
            ConfigurationError: A value does not fit; names the variable and what it may be. Or
                there is no such setting.
        """
        for name in given.keys() - cls.model_fields.keys():
            raise ConfigurationError(
                f"There is no setting {name!r}.", hint=did_you_mean(name, cls.model_fields)
            )
        try:
            settings = cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = PREFIX + str(first["loc"][0]).upper() if first["loc"] else "A setting"
            raise ConfigurationError(
                f"{name} is not valid: {first['msg'][:1].lower()}{first['msg'][1:]}.",
                hint="Correct it in the environment or in .env.",
            ) from None
        _check_places(settings)
        lend_providers()
        tell(log.warning)
        return settings

    def remarks(self) -> list[str]:
        """Returns what may not be meant: names that are not settings, what was ignored, and hosts
        at their usual ports alone.
        """
        found = [
            f"There is no setting {PREFIX}{name}. {meant}".strip() for name, meant in _unknown()
        ]
        bare = [
            host
            for host in self.allow_hosts
            if "://" not in host and not re.search(r":[0-9]+$", host)
        ]
        return (
            found
            + ignored()
            + [
                f"{PREFIX}ALLOW_HOSTS names {host!r} without a port: only ports 80 and 443 of it"
                " are allowed."
                for host in bare
            ]
        )


log = logging.getLogger("sentient_kernel")
_told: set[str] = set()


def _check_places(settings: Settings) -> None:
    """Refuses what cannot be a place on the network. It is not shown: people write passwords into
    addresses.
    """
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if (
            name.endswith("_url")
            and name != "database_url"
            and value
            and not _BASE_URL.match(value.strip())
        ):
            raise ConfigurationError(
                f"{PREFIX}{name.upper()} is not a URL.",
                hint="Write it like https://example.org/api.",
            )
    if not all(map(_HOST.fullmatch, settings.allow_hosts)):
        hint = "Write them like 127.0.0.1:8080, with commas between them."
        raise ConfigurationError(f"{PREFIX}ALLOW_HOSTS must name hosts.", hint=hint)


def ignored() -> list[str]:
    """Returns what of the working directory's ``.env`` does not count, and why: names, never
    values.
    """
    project = project_file()
    names = _left_out(project)
    found = [project.problem] if project.problem else []
    shown = [f"{PREFIX}{name.upper()}{_WHY.get(name, '')}" for name in names]
    if not project.trusted:
        shown += [
            name for name, value in project.providers.items() if os.environ.get(name) != value
        ]
    if shown:
        found.append(
            f".env sets {listed(shown)}, which {'counts' if len(shown) == 1 else 'count'} only from"
            f" the environment, {USERS}, or a file that you trust (`sentient-kernel trust .`):"
            " ignored."
        )
    return found


def misspelt() -> list[str]:
    """Returns what to say of variables that look like a setting and are written otherwise; what is
    like none may be another program's.
    """
    return [f"There is no setting {PREFIX}{name}. {meant}" for name, meant in _unknown() if meant]


def tell(say: Callable[[str], object]) -> None:
    """Says what was ignored, and what is misspelt, each sentence once in a process."""
    for sentence in (*ignored(), *misspelt()):
        if sentence not in _told:
            _told.add(sentence)
            say(sentence)


def own_lines(file: EnvFile) -> list[str]:
    """Returns the settings that a file makes, as lines; of what may be secret only that it is
    there.

    Those that count only from a file that is trusted come first.
    """
    left_out = _left_out(file)
    given = sorted(_fields(file).items(), key=lambda pair: pair[0] not in left_out)
    values = {**file.providers, **{f"{PREFIX}{name.upper()}": value for name, value in given}}
    lines = [f"{name} = {_masked(name, value)}" for name, value in values.items()]
    others = len(file.values) - len(lines)
    return lines + (
        [f"({others:,} more that are not settings, and are not read)"] if others else []
    )


def _masked(name: str, value: str) -> str:
    if name.endswith("_KEY"):
        return f"(hidden, {len(value)} characters)"
    return re.sub(r"//[^/@\s]*@", "//(hidden)@", value)


def listed(names: Iterable[str]) -> str:
    """Returns names as a list in a sentence."""
    shown = list(names)
    more = len(shown) - MOST_NAMES
    if more > 0:
        return f"{', '.join(shown[:MOST_NAMES])} and {more} more"
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _fields(file: EnvFile) -> dict[str, str]:
    """Returns what a file sets of the settings that there are, by the names of fields."""
    names = {f"{PREFIX}{name.upper()}": name for name in Settings.model_fields}
    return {names[name]: value for name, value in file.values.items() if name in names}


def _left_out(project: EnvFile) -> list[str]:
    """Returns the settings that a project's file names and that do not count from it."""
    return (
        []
        if project.trusted
        else [name for name, value in _fields(project).items() if not _is_harmless(name, value)]
    )


def _is_harmless(name: str, value: str) -> bool:
    if name in ("cache_ttl", "cache_max_size", "model_timeout"):
        # less of these throws away answers that were paid for
        with suppress(ValueError):
            return not float(value) < Settings.model_fields[name].default
    if name == "log_level":
        return value.upper() != "ERROR"
    return name in PROJECTS or name.endswith("_timeout") or (name, value) == ("mode", "replay")


def _unknown() -> list[tuple[str, str]]:
    """Returns the names that are set and are not settings, without the prefix, each with the
    question what was meant.
    """
    known = {name.upper() for name in Settings.model_fields}
    names = sorted(
        {name.removeprefix(PREFIX) for name in _set() if name.startswith(PREFIX)} - known
    )
    shown = [
        (name if name.isascii() and name.isprintable() else ascii(name))[:60]
        for name in names[:MOST_NAMES]
    ]
    return [
        (name, f"Did you mean {PREFIX}{meant}?" if (meant := nearest(name, known)) else "")
        for name in shown
    ]


def _set() -> set[str]:
    """Returns the names that the environment and the files set, in capitals."""
    return {name.upper() for name in (*os.environ, *user_file().values, *project_file().values)}
