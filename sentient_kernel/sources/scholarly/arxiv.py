"""arXiv: preprints, by its Atom API. One request in three seconds, as its terms ask."""

from __future__ import annotations

from typing import Any

from sentient_kernel.sources.scholarly.base import ScholarlySource
from sentient_kernel.sources.web.base import WORKS

__all__ = ["ArxivSource"]


class ArxivSource(ScholarlySource):
    """Abstracts of preprints at ``SENTIENT_ARXIV_URL``."""

    service = "arXiv"
    setting = "arxiv_url"

    async def _works(self, words: list[str]) -> list[dict[str, Any]]:
        wanted = " OR ".join(f"all:{word}" if word.isalnum() else f'all:"{word}"' for word in words)
        asked = {
            "search_query": wanted,
            "start": 0,
            "max_results": WORKS,
            "sortBy": "relevance",
            "sortOrder": "descending",
        }
        return await self._of_xml("/query", asked, ".atom")
