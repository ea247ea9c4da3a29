"""Tavily: a search engine for programs, which gives the text of pages along."""

from __future__ import annotations

from typing import Any

from sentient_kernel.errors import ConfigurationError, StatusError
from sentient_kernel.sources.outside import Calls, Outside
from sentient_kernel.sources.remote import Service, key_refused
from sentient_kernel.sources.web import AT_MOST, Hit, WebSource, list_of, text_of

__all__ = ["TavilySource"]

MOST_CHARACTERS = 400
"""Of a query; Tavily takes no more."""


class TavilySource(WebSource):
    """Pages that Tavily finds; where it gives no text, the page is read.

    Args:
        outside: Through what; ``SENTIENT_TAVILY_API_KEY`` is the key.
        name: What it is called.

    Raises:
        ConfigurationError: There is no key.
    """

    service = "Tavily"

    def __init__(self, outside: Outside, *, name: str = "tavily", key: str = "") -> None:
        super().__init__(outside, name=name, key=key)
        if outside.settings.tavily_api_key is None:
            raise ConfigurationError("Tavily needs a key.", hint="Set SENTIENT_TAVILY_API_KEY.")
        self._secret = outside.settings.tavily_api_key
        self._api = Service(outside, "tavily_url")

    async def _hits(self, query: str, calls: Calls) -> list[Hit]:
        asked = {"query": query[:MOST_CHARACTERS], "max_results": 2 * AT_MOST, "include_raw_content": True, "search_depth": "basic"}

        async def ask() -> list[dict[str, str]]:
            try:
                headers = {"authorization": f"Bearer {self._secret.get_secret_value()}"}
                answer: Any = (await self._api.post("/search", asked, headers=headers)).json()
            except StatusError as error:
                raise key_refused(error, self.service, "SENTIENT_TAVILY_API_KEY") from None
            found = list_of(answer.get("results") if isinstance(answer, dict) else None)
            return [{name: text_of(one.get(said)) for name, said in _FIELDS} for one in found]

        value = (await calls.ask("search", {"tavily": self._api.base, **asked, "as": 1}, ask)).value
        return [Hit(**one) for one in value]


_FIELDS = (("url", "url"), ("title", "title"), ("text", "raw_content"))
