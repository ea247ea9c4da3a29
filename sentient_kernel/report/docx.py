"""Draws a report as a Word document. Pure but for the library; nothing in it is fetched, and links
are plain http and https alone.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from sentient_kernel.errors import ConfigurationError
from sentient_kernel.report.escape import link, visible
from sentient_kernel.report.report import Claim, Report

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(report: Report) -> bytes:
    """Returns the report as the bytes of a .docx file.

    Args:
        report: Any report.

    Raises:
        ConfigurationError: The extra ``export`` is not installed.
    """
    try:
        import docx
    except ImportError:
        raise ConfigurationError(
            "A Word file needs python-docx.", hint="pip install 'sentient-kernel[export]'"
        ) from None
    file = docx.Document()
    file.core_properties.title, file.core_properties.author = (
        _text(report.question)[:200],
        "Sentient Kernel",
    )
    file.add_heading(_text(report.question), 1)
    if said := report.facts:
        file.add_paragraph().add_run(_text(" \u00b7 ".join(said))).italic = True
    numbers = {citation.place: n for n, citation in enumerate(report.citations, 1)}
    if report.abstained:
        file.add_paragraph(_text(report.answer))
    for part in sorted({claim.part for claim in report.claims}):
        claims = [claim for claim in report.claims if claim.part == part]
        if part and part < len(report.parts):
            file.add_heading(_text(report.parts[part]), 2)
        paragraph = file.add_paragraph()
        for claim in claims:
            _sentence(paragraph, claim, numbers)
    if report.disagreements:
        file.add_heading("Sources disagree", 2)
        for one in report.disagreements:
            paragraph = file.add_paragraph(_text(one.why) + " ", style="List Bullet")
            for side in one.sides:
                _sentence(paragraph, side, numbers)
    if report.unanswered:
        file.add_heading("Not found", 2)
        for gap in report.unanswered:
            file.add_paragraph(f"{_text(gap.question)} {_text(gap.reason)}", style="List Bullet")
            for source, reason in gap.sources:
                file.add_paragraph(f"{_text(source)}: {_text(reason)}", style="List Bullet 2")
    for note in report.notes:
        file.add_paragraph(f"Note: {_text(note)}")
    if report.citations:
        file.add_heading("Evidence", 2)
    for n, citation in enumerate(report.citations, 1):
        placed = "at its place" if citation.placed else "not at its place"
        where = link(citation.uri) or citation.uri
        paragraph = file.add_paragraph()
        paragraph.add_run(f"[{n}] {_text(citation.title)}").bold = True
        paragraph.add_run(
            f", {_text(where)}, characters {citation.start} to {citation.end}, {placed}\n"
        )
        paragraph.add_run(f"\u201c{_text(citation.quote)}\u201d").italic = True
    written = BytesIO()
    file.save(written)
    return written.getvalue()


def _sentence(paragraph: Any, claim: Claim, numbers: dict[tuple[str, int, int], int]) -> None:
    run = paragraph.add_run(_text(claim.text))
    marks = "".join(f"[{numbers[citation.place]}]" for citation in claim.citations)
    paragraph.add_run(f" {marks}" if marks else "").font.superscript = True
    if claim.weak:
        run.underline = True
        paragraph.add_run(" (not supported by its quotes)").italic = True
    paragraph.add_run(" ")


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", visible(text))
