"""Crossref: what publishers register of their works. Abstracts come as JATS."""

from __future__ import annotations

import html
import re
from typing import Any

from sentient_kernel.sources.parser import known
from sentient_kernel.sources.scholarly.base import ScholarlySource
from sentient_kernel.sources.web.base import WORKS
from sentient_kernel.sources.web.web import dict_of, list_of, text_of

__all__ = ["CrossrefSource", "jats_text"]

_SELECT = "DOI,title,container-title,author,issued,abstract,license"
_PARAGRAPH = re.compile(r"</(?:jats:)?(?:p|title|sec|list-item)>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{1,300}>")
_ABSTRACT = re.compile(r"\s*(?:abstract|summary)\s*(?:\n|$)", re.IGNORECASE)


class CrossrefSource(ScholarlySource):
    """Abstracts of works at ``SENTIENT_CROSSREF_URL``."""

    service = "Crossref"
    setting = "crossref_url"

    async def _works(self, words: list[str]) -> list[dict[str, Any]]:
        asked = {
            "query.bibliographic": " ".join(words),
            "filter": "has-abstract:true",
            "rows": WORKS,
            "select": _SELECT,
        }
        answer = (await self._api.get("/works", asked)).json()
        return [_work(one) for one in list_of(dict_of(answer, "message").get("items"))]


def _work(one: dict[str, Any]) -> dict[str, Any]:
    doi = known.doi(text_of(one.get("DOI")))
    names = (
        f"{text_of(each.get('given'))} {text_of(each.get('family'))}".strip()
        or text_of(each.get("name"))
        for each in list_of(one.get("author"))
    )
    licences = list_of(one.get("license"))
    final = next(
        (each for each in licences if each.get("content-version") == "vor"),
        licences[0] if licences else {},
    )
    return known.work(
        jats_text(_first(one, "title")).replace("\n", " "),
        jats_text(text_of(one.get("abstract"))),
        f"https://doi.org/{doi}" if doi else text_of(one.get("URL")),
        authors=known.authors(names),
        date=_date(one.get("issued")),
        doi=doi,
        licence=known.licence(text_of(final.get("URL"))),
        container=_first(one, "container-title"),
    )


def _first(one: dict[str, Any], name: str) -> str:
    found = one.get(name)
    return text_of(found[0]) if isinstance(found, list) and found else ""


def _date(issued: Any) -> str:
    match issued:
        case {"date-parts": [[_, *_] as first, *_]}:
            return known.joined_date(*first[:3])
    return ""


def jats_text(markup: str) -> str:
    """Returns the text of a bit of JATS, a paragraph a line; the heading "Abstract" is left out.

    Example:
        >>> said = "<jats:p>Bees &lt;3 <jats:italic>Salvia</jats:italic>.</jats:p>"
        >>> jats_text(f"<jats:title>Abstract</jats:title>{said}")
        'Bees <3 Salvia.'
    """
    text = html.unescape(_TAG.sub("", _PARAGRAPH.sub("\n\n", markup)))
    text = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    return _ABSTRACT.sub("", text, count=1).strip() if _ABSTRACT.match(text) else text
