"""Wikipedia, or another wiki of MediaWiki: articles that its search finds, as plain text."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from urllib.parse import quote, urlsplit

from sentient_kernel.errors import SourceError
from sentient_kernel.sources.base import Document
from sentient_kernel.sources.web.base import Brought, ServiceSource, shown
from sentient_kernel.sources.web.fetch import SearchCalls
from sentient_kernel.sources.web.fit import telling_words
from sentient_kernel.sources.web.web import AT_MOST, list_of, text_of

__all__ = ["WikipediaSource"]

_HEADING = re.compile(r"\n*^(={2,6}) {0,3}([^=\n]{1,200}?) {0,3}\1 *$\n*", re.MULTILINE)
_DISAMBIGUATION = "It lists what the name may mean, and says nothing of it."
_SHARED = {"format": "json", "formatversion": 2, "action": "query"}


class WikipediaSource(ServiceSource):
    """Articles of the wiki at ``SENTIENT_WIKIPEDIA_URL``."""

    service = "Wikipedia"
    setting = "wikipedia_url"

    async def _bring(self, query: str, calls: SearchCalls) -> Brought:
        words = telling_words(query)
        titles = await self._titles(" ".join(words), calls)
        # it wants all words in one article, which is much for a question
        if not titles and len(words) > 1:
            titles = await self._titles(" OR ".join(words), calls)
        if not titles:
            return self._no_hits(query)
        outcomes = await asyncio.gather(*(self._read(title, calls) for title in titles))
        documents = [document for document, _ in outcomes if document is not None]
        refused = tuple(pair for _, pairs in outcomes for pair in pairs)
        reason = (
            ""
            if documents
            else (
                f"Wikipedia finds no article for {shown(query)} that says anything:"
                f" {refused[0][0]}: {refused[0][1]}"
            )
        )
        own = {document.uri: "" for document in documents} if await self._api.gives_own() else {}
        return Brought(documents, refused, reason, own)

    async def _titles(self, query: str, calls: SearchCalls) -> list[str]:
        asked = {
            "list": "search",
            "srsearch": query,
            "srlimit": AT_MOST,
            "srnamespace": 0,
            "srprop": "",
            "srinfo": "",
        }

        async def ask() -> list[str]:
            return [
                title
                for one in list_of((await self._query(asked)).get("search"))
                if (title := text_of(one.get("title")))
            ]

        return list(
            (
                await calls.ask(
                    "search", {"wikipedia": self._api.base, "query": query, "as": 1}, ask
                )
            ).value
        )

    async def _read(
        self, title: str, calls: SearchCalls
    ) -> tuple[Document | None, tuple[tuple[str, str], ...]]:
        """Returns an article, or why there is none."""

        async def ask() -> dict[str, Any]:
            asked = {
                "titles": title,
                "redirects": 1,
                "prop": "extracts|info|pageprops|revisions",
                "explaintext": 1,
                "exsectionformat": "wiki",
                "inprop": "url",
                "ppprop": "disambiguation",
                "rvprop": "timestamp|ids",
            }
            return _article(next(iter(list_of((await self._query(asked)).get("pages"))), {}))

        url = f"{self._api.base}/wiki/{quote(title.replace(' ', '_'))}"
        try:
            answer = await calls.ask(
                "page", {"wikipedia": self._api.base, "title": title, "as": 1}, ask
            )
        except SourceError as error:
            return None, ((url, error.message),)
        found: dict[str, Any] = answer.value
        if found["disambiguation"] or not found["text"]:
            return None, (
                (url, _DISAMBIGUATION if found["disambiguation"] else "It holds no text."),
            )
        meta = {
            "format": "wiki",
            "container": "Wikipedia",
            "date": found["date"],
            "revision": found["revision"],
            "licence": self._licence,
        }
        meta = {name: value for name, value in meta.items() if value}
        uri = found["url"] or url
        document = Document(
            title=found["title"] or title, uri=uri, text=found["text"], source=self._key, meta=meta
        )
        return document, ()

    @property
    def _licence(self) -> str:
        host = urlsplit(self._api.base).hostname or ""
        return "CC BY-SA 4.0" if host == "wikipedia.org" or host.endswith(".wikipedia.org") else ""

    async def _query(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Asks the API. Raises SourceError."""
        answer: Any = (await self._api.get("/w/api.php", {**_SHARED, **asked})).json()
        error = answer.get("error") if isinstance(answer, dict) else {}
        if not isinstance(answer, dict) or error:
            said = text_of(error.get("info")) if isinstance(error, dict) else ""
            raise SourceError(
                f"Wikipedia cannot answer: {said[:200] or 'what it sent is not an answer'}."
            )
        query = answer.get("query")
        return query if isinstance(query, dict) else {}


def _article(page: dict[str, Any]) -> dict[str, Any]:
    """Returns what is kept of an article."""
    revision = next(iter(list_of(page.get("revisions"))), {})
    props = page.get("pageprops")
    return {
        "title": text_of(page.get("title")),
        "url": text_of(page.get("fullurl")),
        "text": _HEADING.sub(r"\n\n## \2\n\n", text_of(page.get("extract"))).strip(),
        "date": text_of(revision.get("timestamp"))[:10],
        "revision": revision.get("revid") if isinstance(revision.get("revid"), int) else 0,
        "disambiguation": isinstance(props, dict) and "disambiguation" in props,
    }
