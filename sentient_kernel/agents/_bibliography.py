"""The works a report cites, as BibTeX and as CSL-JSON. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sentient_kernel.agents._outside import link, visible

if TYPE_CHECKING:
    from sentient_kernel.agents.report import Citation, Report

_SPECIAL = {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    char: "\\" + char for char in "&%$#_"
}


def works(report: Report) -> list[tuple[str, Citation]]:
    """Returns every document cited, once, with a key that is unique in the report."""
    found: dict[str, Citation] = {}
    for citation in report.citations:
        found.setdefault(citation.document, citation)
    keys: dict[str, Citation] = {}
    for citation in found.values():
        base = re.sub(r"[^a-z0-9]+", "-", citation.title.lower().encode("ascii", "ignore").decode()).strip("-")[:40].strip("-") or "work"
        key, count = base, 2
        while key in keys:
            key, count = f"{base}-{count}", count + 1
        keys[key] = citation
    return list(keys.items())


def bibtex(report: Report) -> str:
    """Returns the works cited as BibTeX."""
    return "".join(f"@misc{{{key},\n{_fields(one)}}}\n\n" for key, one in works(report)).rstrip("\n") + "\n"


def csl_json(report: Report) -> str:
    """Returns the works cited as CSL-JSON."""
    rows = []
    for key, one in works(report):
        row = {"id": key, "type": "document", "title": visible(one.title)}
        url = link(one.uri)
        rows.append(row | ({"URL": url} if url else {"note": visible(one.uri)}))
    return json.dumps(rows, ensure_ascii=False, indent=2) + "\n"


def _fields(one: Citation) -> str:
    url = link(one.uri)
    place = ("url", url) if url else ("howpublished", visible(one.uri))
    fields = (("title", visible(one.title)), place, ("note", f"snapshot {one.document}"))
    return "".join(f"  {name} = {{{''.join(_SPECIAL.get(char, char) for char in value)}}},\n" for name, value in fields if value)
