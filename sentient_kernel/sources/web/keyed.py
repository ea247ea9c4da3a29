"""Search engines that need an API key.

Their answers are the same for every key, so the cache's key leaves it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentient_kernel.errors import ConfigurationError, SourceError, StatusError
from sentient_kernel.sources.web.fetch import Outside
from sentient_kernel.sources.web.web import WebSource

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sentient_kernel.transport import Fetched

__all__ = ["KeyedSource"]


class KeyedSource(WebSource):
    """A search engine that wants a key; a replay needs none. Subclasses ask it.

    Args:
        outside: Through what; ``SENTIENT_<word for it>_API_KEY`` is the key.
        name: What it is called; the word for it when not given.
        key: As for every source on other machines; not the key of the engine.

    Raises:
        ConfigurationError: There is no key.
    """

    def __init__(self, outside: Outside, *, name: str = "", key: str = "") -> None:
        super().__init__(outside, name=name, key=key)
        self._secret: SecretStr | None = getattr(outside.settings, f"{self._word}_api_key")
        self._variable = f"SENTIENT_{self._word.upper()}_API_KEY"
        if self._secret is None and outside.settings.mode != "replay":
            raise ConfigurationError(f"{self.service} needs a key.", hint=f"Set {self._variable}.")

    async def _results(self, asked: dict[str, Any]) -> list[dict[str, str]]:
        try:
            answer = await self._answer(
                asked, self._secret.get_secret_value() if self._secret is not None else ""
            )
        except StatusError as error:
            raise self._refused(error) from None
        found: Any = answer.json()
        return self._found(found if isinstance(found, dict) else {})

    def _refused(self, error: StatusError) -> SourceError:
        """Words a refusal that has to do with the key."""
        if error.answered not in (401, 402, 403, 422):
            return error
        why = "the key has no calls left" if error.answered == 402 else "it does not accept the key"
        return SourceError(
            f"{self.service} refuses to search: {why} (HTTP {error.answered}).",
            hint=f"Look at {self._variable}.",
        )

    async def _answer(self, asked: dict[str, Any], secret: str) -> Fetched:
        """Asks the engine. Raises FetchFailed."""
        raise NotImplementedError

    def _found(self, answer: dict[str, Any]) -> list[dict[str, str]]:
        """Returns the results in an answer."""
        raise NotImplementedError
