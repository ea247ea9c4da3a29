"""A report as a live view needs it: JSON, every citation once, sentences point to them by number;
and the texts to copy. Pure.
"""

from __future__ import annotations

from typing import Any

from sentient_kernel.report.bibliography import bibtex
from sentient_kernel.report.report import Report


def row(report: Report) -> dict[str, Any]:
    """Returns the report as JSON values.

    Args:
        report: Any report.
    """
    number = {citation.place: n for n, citation in enumerate(report.citations, 1)}
    return {
        "question": report.question,
        "answer": report.answer,
        "abstained": report.abstained,
        "parts": list(report.parts),
        "coverage": report.coverage.level,
        "facts": report.facts,
        "claims": [
            {
                "text": claim.text,
                "verdict": claim.verdict,
                "citations": [number[c.place] for c in claim.citations],
                "part": claim.part,
                "reason": claim.reason,
                "lead": claim.lead,
            }
            for claim in report.claims
        ],
        "citations": [
            {
                "n": n,
                "document": c.document,
                "title": c.title,
                "uri": c.uri,
                "start": c.start,
                "end": c.end,
                "quote": c.quote,
                "before": c.before,
                "after": c.after,
                "source": c.source,
                "placed": c.placed,
                "verified": c.verified,
            }
            for n, c in enumerate(report.citations, 1)
        ],
        "unanswered": [
            {
                "question": gap.question,
                "reason": gap.reason,
                "sources": [list(pair) for pair in gap.sources],
            }
            for gap in report.unanswered
        ],
        "disagreements": [
            {
                "kind": one.kind,
                "why": one.why,
                "sides": [
                    {"text": side.text, "citations": [number[c.place] for c in side.citations]}
                    for side in one.sides
                ],
            }
            for one in report.disagreements
        ],
        "markdown": report.to_markdown(),
        "bibtex": bibtex(report),
        "notes": list(report.notes),
    }
