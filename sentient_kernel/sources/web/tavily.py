"""Tavily: a search engine for programs, which gives the text of pages along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentient_kernel.sources.web.keyed import KeyedSource
from sentient_kernel.sources.web.web import AT_MOST, list_of, text_of

if TYPE_CHECKING:
    from sentient_kernel.transport import Fetched

__all__ = ["TavilySource"]

MOST_CHARACTERS = 400
"""Of a query; Tavily takes no more."""
_FIELDS = (("url", "url"), ("title", "title"), ("text", "raw_content"))


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
