"""What scholarly services share: one call gives works with their abstracts, each of which is a
document.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from sentient_kernel.sources.base import Document
from sentient_kernel.sources.web.base import Brought, ServiceSource, shown
from sentient_kernel.sources.web.fetch import SearchCalls
from sentient_kernel.sources.web.fit import telling_words

__all__ = ["ScholarlySource"]


class ScholarlySource(ServiceSource):
    """A service that finds works by the words of a question.

    A subclass sets ``service`` (its name as people read it) and ``setting`` (the field of its base
    URL in the settings), and writes ``_works``.
    """

    async def _bring(self, query: str, calls: SearchCalls) -> Brought:
        words = telling_words(query)
        if not words:
            return self._no_hits(query)
        what = {self.setting: self._api.base, "query": " ".join(words), "as": 1}
        works = (await calls.ask("search", what, partial(self._works, words))).value
        if not works:
            return self._no_hits(query)
        found: dict[str, Document] = {}
        for work in works:
            if work["text"].strip() and work["uri"]:
                found.setdefault(work["uri"], Document(source=self._key, **work))
        count = f"{len(works)} work{'s' if len(works) > 1 else ''}"
        none = f"{self.service} finds {count} for {shown(query)}, and gives the abstract of none."
        own = dict.fromkeys(found, "") if await self._api.gives_own() else {}
        return Brought(list(found.values()), (), "" if found else none, own)

    async def _works(self, words: list[str]) -> list[dict[str, Any]]:
        """Asks the service; returns works as ``parser.known.work`` makes them. Raises
        SourceError.
        """
        raise NotImplementedError

    async def _of_xml(self, path: str, asked: dict[str, Any], suffix: str) -> list[dict[str, Any]]:
        """Asks for works as XML and reads them in a child."""
        self._outside.readers.warm()
        fetched = await self._api.get(path, asked, xml=True)
        name = f"The answer of {self.service}"
        parsed = await self._outside.readers.read([fetched.body], suffix=suffix, name=name)
        return list(parsed.meta["works"])
