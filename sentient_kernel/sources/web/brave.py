"""Brave Search: an index of its own, asked with a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sentient_kernel.sources.web.keyed import KeyedSource
from sentient_kernel.sources.web.web import HITS, list_of, text_of

if TYPE_CHECKING:
    from sentient_kernel.transport import Fetched

__all__ = ["BraveSource"]

MOST_CHARACTERS, MOST_WORDS = 400, 50
"""Of a query; Brave takes no more."""


class BraveSource(KeyedSource):
    """Pages that Brave Search finds."""

    service = "Brave"
    setting = "brave_url"

    def _asked(self, query: str) -> dict[str, Any]:
        return {
            "q": " ".join(query.split()[:MOST_WORDS])[:MOST_CHARACTERS],
            "count": HITS,
            "text_decorations": "false",
        }

    async def _answer(self, asked: dict[str, Any], secret: str) -> Fetched:
        self._outside.readers.warm()
        return await self._api.get(
            "/res/v1/web/search", asked, headers={"x-subscription-token": secret}
        )

    def _found(self, answer: dict[str, Any]) -> list[dict[str, str]]:
        web = answer.get("web")
        found = list_of(web.get("results") if isinstance(web, dict) else None)
        return [
            {"url": text_of(one.get("url")), "title": text_of(one.get("title"))} for one in found
        ]
