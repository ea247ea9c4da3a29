"""Web pages as documents: fetched politely, parsed in a child process, kept as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from sentient_kernel.errors import Blocked, FetchFailed, Offline, ParseError
from sentient_kernel.sources.base import Document
from sentient_kernel.sources.parser.bounds import TITLE
from sentient_kernel.sources.web.fetch import Outside, SearchCalls

if TYPE_CHECKING:
    from sentient_kernel.transport import Fetched

__all__ = ["Page", "boilerplate_note", "page_document", "page_reader", "read_page"]

READER = 1
"""Counts up when pages are read differently, so that they are read again."""
REFUSAL_HOLDS = 3_600.0
"""Seconds for which a page that said no is not asked again."""
_PASSING = frozenset({"cut", "encoding", "not_json"})
_SUFFIXES = {
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "text/x-rst": ".rst",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as it was read.

    Args:
        url: Where it was in the end.
        title: What it calls itself, or "".
        text: What it says.
        meta: What else it says of itself.
        refused: Why it could not be read, as a sentence; then there is no text.
    """

    url: str
    title: str = ""
    text: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    refused: str = ""


async def read_page(calls: SearchCalls, url: str) -> Page:
    """Reads a page, or takes it from the cache; a page that says no for good is not asked again for
    an hour.

    What another reader made of a page is served in a replay, or offline; else the page is read
    again.

    Args:
        calls: Through what.
        url: As a person or a search result gave it.

    Raises:
        FetchFailed: It may not be asked, or it could not be had this time.
        NotRecorded: This is a replay, or offline, and it is not in the cache.
    """
    from sentient_kernel.transport import check_url

    outside = calls.outside
    target = check_url(url, outside.rules)
    what = {"url": target.url, "reader": READER}

    async def fetch() -> dict[str, Any]:
        return asdict(await _fetch(outside, target.url))

    answer = await calls.ask("page", what, fetch)
    page = Page(**answer.value)
    read_otherwise = (
        page.meta.get("format") == "html" and page.meta.get("reader", "") != page_reader()
    )
    if not answer.fresh and (page.refused or read_otherwise):
        holds = min(REFUSAL_HOLDS, outside.cache.ttl) if page.refused else 0.0
        page = Page(**(await calls.ask("page", what, fetch, ttl=holds)).value)
    return page


async def _fetch(outside: Outside, url: str) -> Page:
    try:
        fetched = await outside.fetcher.get(
            url, accept="page", deadline=outside.settings.page_timeout, robots=True
        )
        suffix = _suffix(fetched)
        data = [fetched.body]
        if suffix == ".page":
            told = {"url": fetched.url, "charset": fetched.charset}
            data.insert(0, json.dumps(told).encode() + b"\n")
        name = f"The page of {urlsplit(fetched.url).hostname or 'It'!r}"
        parsed = await outside.readers.read(data, suffix=suffix, name=name)
    except ParseError as error:
        return Page(url=url, refused=error.message)
    except FetchFailed as error:
        if error.retryable or isinstance(error, Offline) or error.reason_code in _PASSING:
            raise
        # what settings say may be another thing tomorrow
        if isinstance(error, Blocked) and error.reason_code != "robots":
            raise
        return Page(url=url, refused=error.message)
    html = {"format": "html", "reader": page_reader()}
    known = html if suffix == ".page" else {"format": suffix[1:]}
    meta = {**parsed.meta, **known}
    return Page(url=fetched.url, title=parsed.title, text=parsed.text, meta=meta)


def _suffix(fetched: Fetched) -> str:
    """Tells which kind of page it is: by its first bytes, then by what the server says."""
    start = fetched.body[:1_024].lstrip()
    if start.startswith(b"%PDF-"):
        return ".pdf"
    if fetched.kind == "application/pdf":
        return ".page" if start.startswith(b"<") else ".pdf"
    if fetched.kind in ("", "text/plain"):
        return ".page" if start[:15].lower().startswith((b"<!doctype html", b"<html")) else ".txt"
    return _SUFFIXES.get(fetched.kind, ".page")


def page_document(page: Page, source: str, title: str = "") -> Document:
    """Returns a page as a document of a source; with a title of others where it has none."""
    parts = urlsplit(page.url)
    named = unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.hostname or page.url
    title = page.title or title or named[:TITLE]
    meta = {name: value for name, value in page.meta.items() if name != "reader"}
    return Document(title=title, uri=page.url, text=page.text, source=source, meta=meta)


@cache
def boilerplate_note() -> str:
    """Says that pages are read without the library that leaves out their menus; "" where it is
    installed.
    """
    from importlib.util import find_spec

    if find_spec("trafilatura") is not None and find_spec("lxml_html_clean") is not None:
        return ""
    return (
        "Pages are read with their menus and footers, as trafilatura is not installed: pip install"
        " 'sentient-kernel[web]'."
    )


@cache
def page_reader() -> str:
    """Returns which library reads pages here, with its version; "" for the one that is always
    there.
    """
    from importlib.metadata import version

    return "" if boilerplate_note() else f"trafilatura {version('trafilatura')}"
