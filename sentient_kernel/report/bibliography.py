"""The works a report cites, as BibTeX and as CSL-JSON. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

from sentient_kernel.report.escape import link, visible
from sentient_kernel.report.report import Citation, Report

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
} | {char: "\\" + char for char in "&%$#_"}


def works(report: Report) -> list[tuple[str, Citation]]:
    """Returns every document cited, once, with a key that is unique in the report."""
    found: dict[str, Citation] = {}
    for citation in report.citations:
        found.setdefault(citation.document, citation)
    keys: dict[str, Citation] = {}
    for citation in found.values():
        base = (
            re.sub(r"[^a-z0-9]+", "-", citation.title.lower().encode("ascii", "ignore").decode())
            .strip("-")[:40]
            .strip("-")
            or "work"
        )
        key, count = base, 2
        while key in keys:
            key, count = f"{base}-{count}", count + 1
        keys[key] = citation
    return list(keys.items())


def bibtex(report: Report) -> str:
    """Returns the works cited as BibTeX."""
    entries = (
        f"@{'article' if _article(one) else 'misc'}{{{key},\n{_fields(one)}}}\n\n"
        for key, one in works(report)
    )
    return "".join(entries).rstrip("\n") + "\n"


def csl_json(report: Report) -> str:
    """Returns the works cited as CSL-JSON."""
    rows = []
    for key, one in works(report):
        row = {
            "id": key,
            "type": "article-journal" if _article(one) else "document",
            "title": visible(one.title),
        }
        url = link(one.uri)
        rows.append(row | _known(one) | ({"URL": url} if url else {"note": visible(one.uri)}))
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _known(one: Citation) -> dict[str, Any]:
    """Returns what is known of a document, in the names of CSL."""
    found: dict[str, Any] = {}
    if authors := _authors(one):
        found["author"] = [_name(name) if _article(one) else {"literal": name} for name in authors]
    if parts := [int(part) for part in _date(one).split("-") if part]:
        found["issued"] = {"date-parts": [parts]}
    for name, field in (("doi", "DOI"), ("container", "container-title"), ("licence", "license")):
        if said := _said(one, name):
            found[field] = said
    return found


def _article(one: Citation) -> bool:
    """Tells whether a document is a paper: it has a DOI and stands somewhere."""
    return bool(_said(one, "doi") and _said(one, "container"))


def _said(one: Citation, name: str) -> str:
    value = one.meta.get(name)
    return visible(value) if isinstance(value, str) else ""


def _authors(one: Citation) -> list[str]:
    names = one.meta.get("authors")
    return (
        [shown for name in names if isinstance(name, str) and (shown := visible(name))]
        if isinstance(names, list)
        else []
    )


def _date(one: Citation) -> str:
    said = _said(one, "date")
    return said if re.fullmatch(r"\d{4}(-\d\d){0,2}", said) else ""


def _name(name: str) -> dict[str, str]:
    """Returns a person's name in its two parts, where it has them."""
    family, comma, given = name.partition(", ")
    if not comma:
        given, _, family = name.rpartition(" ")
    return {"family": family, "given": given} if given else {"literal": family}


def _fields(one: Citation) -> str:
    url = link(one.uri)
    place = ("url", url) if url else ("howpublished", visible(one.uri))
    fields = (
        ("author", " and ".join(name.replace(" and ", " & ") for name in _authors(one))),
        ("title", visible(one.title)),
        ("journal" if _article(one) else "organization", _said(one, "container")),
        ("year", _date(one)[:4]),
        ("doi", _said(one, "doi")),
        place,
        ("note", f"snapshot {one.document}"),
    )
    return "".join(
        f"  {name} = {{{''.join(_SPECIAL.get(char, char) for char in value)}}},\n"
        for name, value in fields
        if value
    )
