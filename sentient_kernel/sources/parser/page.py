"""Extracts the main text and the metadata of a web page, without navigation and other boilerplate.

By trafilatura where it is installed, which finds the text among menus, adverts and footers; else,
and for what is short or very long, by the reader of HTML files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from . import known
from .common import ParsedText, clean, one_line
from .html import _decoded, html

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
    head, _, body = data.partition(b"\n")
    asked = json.loads(head)
    markup = _markup(body, asked.get("charset", ""))
    title, meta = _known(markup)
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


def _markup(body: bytes, charset: str) -> str:
    """Decodes a page by its mark, by what the server says, by what it says itself, else as any
    text.
    """
    if _ENCODING.fullmatch(charset) and not body.startswith(
        (b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")
    ):
        try:
            return body.decode(charset)
        except (LookupError, UnicodeError):
            pass
    return _decoded(body)


def _whole(markup: str) -> ParsedText:
    """Returns all text of a page but footers and what else stands around it."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(markup)
    for node in tree.css(_AROUND + ",meta"):
        node.decompose()
    # which is what it is by now
    return html(f'<meta charset="utf-8">{tree.html or ""}'.encode("utf-8", "replace"))


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
        return (  # what hostile markup does to a parser in Python; the other reader may fare better
            ""
        )
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


def _known(markup: str) -> tuple[str, dict[str, Any]]:
    """Returns a page's title and what its head says of it."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(markup)
    told: dict[str, list[str]] = {}
    for node in tree.css("meta[content]")[:500]:
        attributes = node.attributes
        name = (
            (
                attributes.get("name")
                or attributes.get("property")
                or attributes.get("itemprop")
                or ""
            )
            .strip()
            .lower()
        )
        if name and (content := one_line(attributes.get("content") or "", 500)):
            told.setdefault(name, []).append(content)
    heading = tree.css_first("title") or tree.css_first("h1")
    title = _first(told, _TITLE) or (one_line(heading.text()) if heading is not None else "")
    names = next((told[name] for name in _AUTHORS if name in told), [])
    meta: dict[str, Any] = {
        "authors": known.authors(part for name in names for part in name.split(";")),
        "date": next(
            (day for name in _DATE for said in told.get(name, ()) if (day := known.date(said))), ""
        ),
        "doi": next(
            (number for name in _DOI for said in told.get(name, ()) if (number := known.doi(said))),
            "",
        ),
        "licence": known.licence(_licence(tree) or _first(told, _LICENCE)),
        "container": _first(told, _CONTAINER),
        "section": _first(told, ("article:section",)),
    }
    root = tree.css_first("html")
    meta["language"] = one_line((root.attributes.get("lang") or "") if root is not None else "", 20)
    return title, {name: value for name, value in meta.items() if value}


def _licence(tree: Any) -> str:
    for node in tree.css("[rel~=license][href]")[:3]:
        if href := node.attributes.get("href"):
            return str(href)
    return ""


def _first(told: Mapping[str, list[str]], names: tuple[str, ...]) -> str:
    return next((told[name][0] for name in names if name in told), "")
