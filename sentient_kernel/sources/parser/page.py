"""Extracts the main text and the metadata of a web page, without navigation and other boilerplate.

By trafilatura where it is installed, which finds the text among menus, adverts and footers; else,
and for what is short or very long, by the reader of HTML files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import known
from .common import ParsedText, clean, one_line
from .html import decoded, shown

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_MOST = 2_000_000  # characters that trafilatura is given: it takes a second for each
_LEAST = 250  # characters below which it takes a page for a fragment and gives its menus too
_SHORT = 8_000  # characters of markup below which it is worth looking first how much text there is
_LIST = re.compile(r"(?:- |\|)")
_RULE = re.compile(r"\|(?:[ :]*-{3,}[ :]*\|)+\s*")
_AROUND = "footer,aside,[role=navigation],[role=banner],[role=contentinfo]"
_ENCODING = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,39}", re.IGNORECASE)

_TITLE = ("citation_title", "og:title", "dc.title", "twitter:title")
_AUTHORS = ("citation_author", "dc.creator", "author", "article:author")
_DATE = (
    "citation_publication_date",
    "citation_date",
    "article:published_time",
    "dc.date",
    "dcterms.issued",
    "dcterms.date",
    "date",
    "datepublished",
    "og:published_time",
)
_DOI = ("citation_doi", "prism.doi", "dc.identifier", "doi")
_LICENCE = ("dcterms.license", "dc.rights", "license")
_CONTAINER = ("citation_journal_title", "prism.publicationname", "og:site_name")


def page(data: bytes) -> ParsedText:
    """Reads a page. The first line is JSON, ``{"url": ..., "charset": ...}`` as the server named
    them; the rest is the page.
    """
    from selectolax.lexbor import LexborHTMLParser

    head, _, body = data.partition(b"\n")
    asked = json.loads(head)
    charset = asked.get("charset", "")
    markup = decoded(body, charset if _ENCODING.fullmatch(charset) else "")
    title, meta = _known(LexborHTMLParser(markup))
    found = _whole(markup) if len(markup) < _SHORT else None
    text = ""
    # the search for a text in so little takes longest
    if len(markup) <= _MOST and not (found and len(found.text) < _LEAST):
        text = _text(markup, asked.get("url", ""), meta)
    if not text:
        found = found or _whole(markup)
        text, title = found.text, title or found.title
    return ParsedText(text, title, meta)


def reader() -> str:
    """Returns which library takes text out of pages here."""
    try:
        import trafilatura  # noqa: F401
    except ImportError:
        return "selectolax"
    return "trafilatura"


def _whole(markup: str) -> ParsedText:
    """Returns all text of a page but footers and what else stands around it."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(markup)
    for node in tree.css(_AROUND):
        node.decompose()
    return shown(tree)


def _text(markup: str, url: str, meta: dict[str, Any]) -> str:
    """Returns the text of a page by trafilatura, and adds what it knows of it; "" where it knows no
    better than others.
    """
    if reader() != "trafilatura":
        return ""
    import trafilatura

    try:
        found = trafilatura.extract(
            markup,
            url=url or None,
            output_format="markdown",
            include_formatting=False,
            include_comments=False,
        )
        if found and len(found) >= _LEAST and not ("authors" in meta and "date" in meta):
            _add(meta, markup, url)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        return ""  # as hostile markup does; the other reader may fare better
    if not found or len(found) < _LEAST:
        return ""
    meta["reader"] = "trafilatura"
    return _paragraphs(clean(found))


def _add(meta: dict[str, Any], markup: str, url: str) -> None:
    """Adds author and date as trafilatura finds them in the page, where its head is silent."""
    import trafilatura

    tree = trafilatura.load_html(markup)
    if tree is None:
        return
    asked = {"extensive_search": False, "original_date": True}
    told = trafilatura.extract_metadata(
        tree, default_url=url or None, date_config=asked, extensive=False
    )
    if "authors" not in meta and told.author and (names := known.authors(told.author.split(";"))):
        meta["authors"] = names
    if "date" not in meta and told.date and (day := known.date(told.date)):
        meta["date"] = day


def _paragraphs(text: str) -> str:
    """Sets paragraphs apart by an empty line; items of a list and rows of a table follow each
    other.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if not line.strip() or _RULE.fullmatch(line):
            continue
        if lines and not (_LIST.match(line) and _LIST.match(lines[-1])):
            lines.append("")
        lines.append(line.rstrip())
    return "\n".join(lines)


def _known(tree: LexborHTMLParser) -> tuple[str, dict[str, Any]]:
    """Returns a page's title and what its head says of it."""
    told: dict[str, list[str]] = {}
    for node in tree.css("meta[content]")[:500]:
        said = node.attributes
        name = said.get("name") or said.get("property") or said.get("itemprop") or ""
        if content := one_line(said.get("content") or "", 500):
            told.setdefault(name.strip().lower(), []).append(content)
    heading = tree.css_first("title") or tree.css_first("h1")
    title = _first(told, _TITLE) or (one_line(heading.text()) if heading is not None else "")
    names = next((told[name] for name in _AUTHORS if name in told), [])
    dates = (known.date(said) for name in _DATE for said in told.get(name, ()))
    numbers = (known.doi(said) for name in _DOI for said in told.get(name, ()))
    links = (node.attributes.get("href") for node in tree.css("[rel~=license][href]")[:3])
    meta: dict[str, Any] = {
        "authors": known.authors(part for name in names for part in name.split(";")),
        "date": next(filter(None, dates), ""),
        "doi": next(filter(None, numbers), ""),
        "licence": known.licence(next(filter(None, links), None) or _first(told, _LICENCE)),
        "container": _first(told, _CONTAINER),
        "section": _first(told, ("article:section",)),
    }
    root = tree.css_first("html")
    meta["language"] = one_line((root.attributes.get("lang") or "") if root is not None else "", 20)
    return title, {name: value for name, value in meta.items() if value}


def _first(told: Mapping[str, list[str]], names: tuple[str, ...]) -> str:
    return next((told[name][0] for name in names if name in told), "")
