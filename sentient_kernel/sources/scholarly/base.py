"""What scholarly services share: one call gives works with their abstracts, each of which is a
document.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sentient_kernel.sources.web.base import Brought, ServiceSource, of_works, shown
from sentient_kernel.sources.web.fetch import SearchCalls
from sentient_kernel.sources.web.fit import telling_words

__all__ = ["ScholarlySource"]


class ScholarlySource(ServiceSource):
    """A service that finds works by the words of a question. Subclasses ask it."""

    async def _bring(self, query: str, calls: SearchCalls) -> Brought:
        words = telling_words(query)
        if not words:
            return self._no_hits(query)
        what = {self.setting: self._api.base, "query": " ".join(words), "as": 1}
        works: list[dict[str, Any]] = (
            await calls.ask("search", what, partial(self._works, words))
        ).value
        if not works:
            return self._no_hits(query)
        documents = of_works(works, self._key)
        count = f"{len(works)} work{'s' if len(works) > 1 else ''}"
        reason = (
            ""
            if documents
            else f"{self.service} finds {count} for {shown(query)}, and gives the abstract of none."
        )
        own = {document.uri: "" for document in documents} if await self._api.gives_own() else {}
        return Brought(documents, (), reason, own)

    async def _works(self, words: list[str]) -> list[dict[str, Any]]:
        """Asks the service; returns works as ``parser.known.work`` makes them. Raises
        SourceError.
        """
        raise NotImplementedError
