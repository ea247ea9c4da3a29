"""PubMed: citations of the life sciences, by NCBI's E-utilities: one call finds numbers, a second
one gives the articles.
"""

from __future__ import annotations

from typing import Any

from sentient_kernel.errors import SourceError
from sentient_kernel.sources.scholarly.base import ScholarlySource
from sentient_kernel.sources.web.base import WORKS
from sentient_kernel.sources.web.web import dict_of, text_of

__all__ = ["PubmedSource"]


class PubmedSource(ScholarlySource):
    """Abstracts of articles at ``SENTIENT_PUBMED_URL``."""

    service = "PubMed"
    setting = "pubmed_url"

    async def _works(self, words: list[str]) -> list[dict[str, Any]]:
        shared = {"db": "pubmed", "tool": "sentient-kernel"}
        asked = {
            **shared,
            "term": " OR ".join(words),
            "retmax": WORKS,
            "sort": "relevance",
            "retmode": "json",
        }
        self._outside.readers.warm()
        answer = (await self._api.get("/esearch.fcgi", asked)).json()
        result = dict_of(answer, "esearchresult")
        if not result or "ERROR" in result:
            said = text_of(result.get("ERROR")) if result else "what it sent is not an answer"
            raise SourceError(f"PubMed cannot search: {said[:200]}.")
        ids = [one for one in result.get("idlist") or () if isinstance(one, str) and one.isdigit()]
        if not ids:
            return []
        wanted = {**shared, "id": ",".join(ids[:WORKS]), "retmode": "xml"}
        return await self._of_xml("/efetch.fcgi", wanted, ".pubmed")
