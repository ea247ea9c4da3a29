"""Draws a report as Markdown, and as a notebook of it. Pure. Text from outside is escaped: it can
be neither markup nor a link nor raw HTML.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sentient_kernel.report.escape import link, visible
from sentient_kernel.report.report import Citation, Claim, Report, SourceNote

_MARK = re.compile(
    r"[`$\[\]]"
    r"|\\(?=[!-/:-@\[-`{-~]|\Z)"  # before punctuation it escapes that
    r"|<(?=[^\s\d=<-]|[^\s<>]{1,254}@)"  # a tag, a comment, an address in angle brackets
    r"|&(?=#?[0-9A-Za-z]{1,31};)"  # an entity
    r"|(?P<run>\*+|_+|~+)"
    # a bare address, which GFM makes a link
    r"|(?<!\w)/(?=/\w)|(?<=[Ww]{3})\.|(?<=[\w.+-])@(?=[\w-]+\.)"
    r"|(?<=\s)#(?=#*\Z)"  # the end of a heading
)
_START = re.compile(r"(?=[#>]|[-+](?:\s|\Z)|-[-\s]*\Z|=+\Z)|[0-9]{1,9}(?=[.)](?:\s|\Z))")
"""Ends where a heading, a quotation, a list, a rule or an underline would begin."""


def text(outside: str) -> str:
    """Returns text from outside as Markdown (CommonMark and GFM) that draws as just that text, on
    one line.

    A backslash stands only before what would be read as markup at that place.

    Example:
        >>> print(text("<b> on axis=0, test_distutils and 2 * 3: *x*"))
        \\<b> on axis=0, test_distutils and 2 * 3: \\*x\\*
    """
    shown = visible(outside)
    drawn = _MARK.sub(_escape, shown)
    start = _START.match(shown)
    return f"{drawn[: start.end()]}\\{drawn[start.end() :]}" if start else drawn


def _escape(found: re.Match[str]) -> str:
    marks, whole = found.group(), found.string
    if found["run"] and _literal(
        marks,
        whole[max(0, found.start() - 1) : found.start()],
        whole[found.end() : found.end() + 1],
    ):
        return marks
    return "".join(f"\\{mark}" for mark in marks)


def _literal(run: str, before: str, after: str) -> bool:
    """Tells whether a run of ``*``, ``_`` or ``~`` can neither begin nor end emphasis between these
    characters.
    """
    if before.isspace() and after.isspace():
        return True
    if run == "~":
        return (
            not before or before.isspace()
        ) and after.isalnum()  # begins, and nothing that ends it is left unescaped
    return run[0] == "_" and before.isalnum() and after.isalnum()


def draw(report: Report) -> str:
    """Returns the report as Markdown.

    Args:
        report: Any report.
    """
    number = {citation.place: at for at, citation in enumerate(report.citations, 1)}
    blocks = [f"# {text(report.question) or 'Report'}"]
    if report.abstained or not report.claims:
        blocks.append(f"**{text(report.answer) or 'Nothing in the sources answers this.'}**")
    if lead := report.lead:
        blocks.append(" ".join(_sentence(claim, number) for claim in lead))
    elif report.answer and not report.abstained:
        blocks.append(text(report.answer))
    if said := report.facts:
        blocks.append(f"*{text(' · '.join(said))}*")
    for heading, claims in report.details:
        blocks += [f"## {text(heading)}"] if heading else []
        blocks.append(" ".join(_sentence(claim, number) for claim in claims))
    for one in report.disagreements:
        blocks.append(f"**Sources disagree.** {text(one.why)}")
        blocks.append("\n".join(f"- {_sentence(side, number)}" for side in one.sides))
    for gap in report.unanswered:
        blocks.append(f"**Not found:** {text(gap.question)} {text(gap.reason)}")
        why = [f"- {text(source)}: {text(reason)}" for source, reason in gap.sources]
        blocks += ["\n".join(why)] if why else []
    blocks += [f"**Note:** {text(note)}" for note in report.notes]
    blocks += ["## Evidence"] if report.citations else []
    blocks += [_evidence(one, number[one.place]) for one in report.citations]
    sources: list[str] = []
    for note in report.sources:
        sources.append(f"- **{text(note.source)}**: {text(source_line(report, note))}")
        sources += [f"  - {text(uri)}: {text(reason)}" for uri, reason in note.refused[:10]]
    blocks += ["## Sources", "\n".join(sources)] if sources else []
    return "\n\n".join(blocks).rstrip("\n") + "\n"


def notebook(report: Report) -> str:
    """Returns the report as the JSON of a Jupyter notebook (format 4.5): the text with its quotes,
    and cells that bring the run back.

    Args:
        report: Any report.
    """
    cells = [_cell("markdown", "report", draw(report))]
    if report.run_id:
        back = (
            "Where the workbench that made it is at hand, this brings the run back, with every"
            " quote in its context:"
        )
        code = (
            "import sentient_kernel as sk\n\nwb = sk.Workbench()\nrun ="
            f" wb.run({str(report.run_id)!r})\nrun"
        )
        cells.append(_cell("markdown", "back", back))
        cells.append(_cell("code", "run", code, execution_count=None, outputs=[]))
    value = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _cell(kind: str, name: str, source: str, **others: Any) -> dict[str, Any]:
    lines = source.splitlines(keepends=True)
    return {"cell_type": kind, "id": name, "metadata": {}, **others, "source": lines}


def _sentence(claim: Claim, number: dict[tuple[str, int, int], int]) -> str:
    marks = "".join(
        f"[^{number[citation.place]}]" for citation in claim.citations if citation.place in number
    )
    said = text(claim.text)
    if marks and said.endswith("!"):  # before a bracket it would be an image
        said = f"{said[:-1]}\\!"
    if claim.weak:
        return f"{said}{marks} *(unsupported: {text(claim.reason) or 'no source supports it'})*"
    return f"{said}{marks}"


def _evidence(citation: Citation, at: int) -> str:
    url = link(citation.uri)
    title = text(citation.title) or "untitled"
    where = f"[{title}](<{url}>)" if url else f"{title}, {text(citation.uri)}"
    checked = "at its place" if citation.placed else "not at its place"
    return (
        f"[^{at}]: {where} ({checked}, characters {citation.start} to {citation.end}):"
        f" “{text(citation.quote)}”"
    )


def count(number: int, noun: str) -> str:
    """Returns a number of things in words.

    Example:
        >>> count(1, "passage"), count(2, "passage")
        ('1 passage', '2 passages')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def source_line(report: Report, note: SourceNote) -> str:
    """Returns what a source holds, what it gave and how often it is cited, in words; why nothing
    came of it is text from outside.
    """
    # A search engine holds no documents of its own.
    parts = [count(note.documents, "document")] if note.documents or not note.found else []
    parts += [f"{count(note.found, 'passage')} found", f"{report.cited_of(note.source)} cited"]
    parts += [f"{len(note.refused)} not read"] if note.refused else []
    return f"{', '.join(parts)}.{' ' + note.reason if note.reason else ''}"
