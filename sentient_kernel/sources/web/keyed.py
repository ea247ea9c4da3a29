"""Search engines that need an API key: Tavily and Brave.

Their answers are the same for every key, so the cache's key leaves it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentient_kernel.errors import ConfigurationError, SourceError, StatusError
from sentient_kernel.sources.web.fetch import Outside
from sentient_kernel.sources.web.web import (
    AT_MOST,
    HITS,
    WebSource,
    dict_of,
    hits_of,
    list_of,
    text_of,
)

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sentient_kernel.transport import Fetched

__all__ = ["BraveSource", "KeyedSource", "TavilySource"]

MOST_CHARACTERS, MOST_WORDS = 400, 50
"""Of a query; neither takes more."""
_FIELDS = (("url", "url"), ("title", "title"), ("text", "raw_content"))


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
        self._outside.readers.warm()
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


class TavilySource(KeyedSource):
    """Pages that Tavily finds; where it gives no text, the page is read."""

    service = "Tavily"
    setting = "tavily_url"

    def _asked(self, query: str) -> dict[str, Any]:
        return {
            "query": query[:MOST_CHARACTERS],
            "max_results": 2 * AT_MOST,
            "include_raw_content": True,
            "search_depth": "basic",
        }

    async def _answer(self, asked: dict[str, Any], secret: str) -> Fetched:
        return await self._api.post("/search", asked, headers={"authorization": f"Bearer {secret}"})

    def _found(self, answer: dict[str, Any]) -> list[dict[str, str]]:
        return [
            {name: text_of(one.get(said)) for name, said in _FIELDS}
            for one in list_of(answer.get("results"))
        ]


class BraveSource(KeyedSource):
    """Pages that Brave Search finds, in an index of its own."""

    service = "Brave"
    setting = "brave_url"

    def _asked(self, query: str) -> dict[str, Any]:
        return {
            "q": " ".join(query.split()[:MOST_WORDS])[:MOST_CHARACTERS],
            "count": HITS,
            "text_decorations": "false",
        }

    async def _answer(self, asked: dict[str, Any], secret: str) -> Fetched:
        return await self._api.get(
            "/res/v1/web/search", asked, headers={"x-subscription-token": secret}
        )

    def _found(self, answer: dict[str, Any]) -> list[dict[str, str]]:
        return hits_of(dict_of(answer, "web"))
