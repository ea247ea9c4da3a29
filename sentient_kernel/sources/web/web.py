"""The web: a page that somebody names, and pages that a search engine finds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sentient_kernel.errors import Blocked, ConfigurationError, SourceError, UsageError
from sentient_kernel.redaction import without_credentials
from sentient_kernel.sources.base import Document, Health, Progress
from sentient_kernel.sources.parser.bounds import TITLE
from sentient_kernel.sources.web.base import Brought, RemoteSource, ServiceSource, shown
from sentient_kernel.sources.web.fetch import Outside, SearchCalls
from sentient_kernel.sources.web.pages import Page, boilerplate_note, page_document, read_page

if TYPE_CHECKING:
    from sentient_kernel.settings import Settings

__all__ = ["UrlSource", "WebSource", "configured"]

Refusals = list[tuple[str, str]]
AT_MOST = 5
"""Pages that are read for one query."""
HITS = 10
"""Results that are asked of a search engine."""


class UrlSource(RemoteSource):
    """One page, named by the user: HTML, PDF or text.

    Args:
        url: Its address.
        outside: Through what.
        name: What it is called; its address when not given.

    Raises:
        UsageError: It is an address that is never asked.
    """

    service = "The page"

    def __init__(self, url: str, outside: Outside, *, name: str | None = None) -> None:
        from sentient_kernel.transport import check_url

        self._shown = without_credentials(url)
        super().__init__(outside, name=name or self._shown, key=self._shown)
        try:
            check_url(url, outside.rules)
        except Blocked as error:
            raise UsageError(
                error.message,
                hint=error.hint or "Give the address of a page that everybody may read.",
            ) from None
        self._url = url

    async def refresh(self, progress: Progress | None = None) -> Health:
        """Reads the page, unless it was read lately. A page that cannot be read is in ``refused``,
        and the reason why there is nothing.
        """
        if progress is not None:
            progress(f"Reading {self.name}", None)
        calls = SearchCalls(self._outside)
        try:
            brought = await self._brought("", calls)
        except SourceError as error:
            brought = Brought(refused=((self._shown, str(error)),), reason=str(error))
        self._health = self._after(brought, calls)
        return self._health

    async def _bring(self, query: str, calls: SearchCalls) -> Brought:
        page = await read_page(calls, self._url)
        if page.refused:
            return Brought(refused=((self._shown, page.refused),), reason=page.refused)
        return Brought([page_document(page, self._key)], _notes(page))


class WebSource(ServiceSource):
    """A search engine whose results are read. Subclasses say what it is asked, and ask it."""

    async def _bring(self, query: str, calls: SearchCalls) -> Brought:
        hits, refused = self._allowed(await self._hits(query, calls))
        outcomes = await asyncio.gather(*(self._read(hit, calls) for hit in hits))
        documents = {document.uri: document for document, _ in outcomes if document is not None}
        refused += [pair for _, pairs in outcomes for pair in pairs]
        if not hits and not refused:
            return self._no_hits(query)
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        reason = (
            ""
            if documents
            else f"{self.service} finds pages for {shown(query)}, and none could be read:"
            f" {refused[0][0]}{more}: {refused[0][1]}"
        )
        own = await self._own(documents, hits)
        return Brought(list(documents.values()), tuple(dict.fromkeys(refused)), reason, own)

    async def _own(self, documents: Iterable[str], hits: Sequence[Page]) -> dict[str, str]:
        """Returns which pages are a person's own, and their hosts: what an engine found did not
        come from it, but from there.

        A page at the engine's own host may be spoken of to it. Where the engine gave the text
        itself, it counts whose engine it is.
        """
        engine = urlsplit(self._api.base).netloc
        given = {hit.url for hit in hits if hit.text}
        own = (
            {uri: "" for uri in given.intersection(documents)}
            if given and await self._api.gives_own()
            else {}
        )
        for uri in documents:
            if self._outside.owns(uri):
                own[uri] = "" if (host := urlsplit(uri).netloc) == engine else host
        return own

    async def _hits(self, query: str, calls: SearchCalls) -> list[Page]:
        asked = self._asked(query)
        what = {self._word: self._api.base, **asked, "as": 1}
        answer = await calls.ask("search", what, partial(self._results, asked))
        return [Page(**one, meta={"format": "html"}) for one in answer.value]

    def _asked(self, query: str) -> dict[str, Any]:
        """Returns all that the answer to a query depends on."""
        raise NotImplementedError

    async def _results(self, asked: dict[str, Any]) -> list[dict[str, str]]:
        """Asks the engine; returns what makes a :class:`Page` each. Raises SourceError."""
        raise NotImplementedError

    def _allowed(self, hits: Sequence[Page]) -> tuple[list[Page], Refusals]:
        """Returns the first results that may be read, each address once, and those before them that
        may not.
        """
        chosen: dict[str, Page] = {}
        refused: Refusals = []
        for hit in hits:
            try:
                chosen.setdefault(self._checked(hit.url), hit)
            except Blocked as error:
                refused.append((hit.url, error.message))
            if len(chosen) == AT_MOST:
                break
        return list(chosen.values()), refused

    def _checked(self, url: str) -> str:
        """Returns an address as it is asked. What the settings allow though it is private is not
        for an engine of strangers.

        Raises:
            Blocked: It may not be asked, or not because the engine names it.
        """
        from sentient_kernel.transport import check_url

        target = check_url(url, self._outside.rules)
        if target.trusted and not self._api.own:
            why = (
                f"Not fetching from {target.host!r}: the hosts of SENTIENT_ALLOW_HOSTS are yours,"
                f" and not for what {self.service} finds."
            )
            raise Blocked(
                why,
                reason_code="private",
                host=target.host,
                hint="Add the address itself as a source.",
            )
        return target.url

    async def _read(self, hit: Page, calls: SearchCalls) -> tuple[Document | None, Refusals]:
        """Returns what one result says, or why it could not be read."""
        if hit.text:
            return page_document(hit, self._key, hit.url[:TITLE]), []
        try:
            page = await read_page(calls, hit.url)
            self._checked(page.url)  # it may have been sent on
        except SourceError as error:
            return None, [(hit.url, error.message)]
        if page.refused:
            return None, [(hit.url, page.refused)]
        return page_document(page, self._key, hit.title), list(_notes(page))


def configured(settings: Settings) -> str:
    """Returns the search engine that the settings give access to: a server of one's own first.

    Raises:
        ConfigurationError: There is none.
    """
    if settings.searxng_url:
        return "searxng"
    if settings.tavily_api_key is not None:
        return "tavily"
    if settings.brave_api_key is not None:
        return "brave"
    raise ConfigurationError(
        "Searching the web needs a search engine, and none is set.",
        hint=(
            "Set SENTIENT_SEARXNG_URL, SENTIENT_TAVILY_API_KEY or SENTIENT_BRAVE_API_KEY;"
            " 'wikipedia' needs none."
        ),
    )


def text_of(value: Any) -> str:
    """Returns a value of an answer if it is text, else ""; cleaned as texts of documents are."""
    from sentient_kernel.sources.parser.common import clean

    return clean(value).strip() if isinstance(value, str) else ""


def list_of(value: Any) -> list[dict[str, Any]]:
    """Returns the dicts of a list in an answer; what is none of these is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def dict_of(answer: Any, name: str) -> dict[str, Any]:
    """Returns the dict that an answer has under a name, if it has one, else an empty one."""
    found = answer.get(name) if isinstance(answer, dict) else None
    return found if isinstance(found, dict) else {}


def hits_of(answer: Any) -> list[dict[str, str]]:
    """Returns the results that an answer lists, as what makes a :class:`Page` each."""
    found = list_of(answer.get("results") if isinstance(answer, dict) else None)[:HITS]
    return [{"url": text_of(one.get("url")), "title": text_of(one.get("title"))} for one in found]


def _notes(page: Page) -> tuple[tuple[str, str], ...]:
    """Says that HTML was read without trafilatura, where it was."""
    note = boilerplate_note() if page.meta.get("format") == "html" else ""
    return (("trafilatura", note),) if note else ()
