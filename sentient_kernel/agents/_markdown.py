"""Draws a report as Markdown. Pure. Text from outside is escaped: it can be neither markup nor a link nor raw HTML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sentient_kernel.agents._outside import link, visible

if TYPE_CHECKING:
    from sentient_kernel.agents.report import Citation, Claim, Report

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$!&^=])")
_LIST = re.compile(r"^(\s*)([-+]|\d{1,9}[.)])(?=\s|$)")
_BARE = re.compile(r"(?i)\b(https?|ftp|mailto|javascript|data|vbscript|file|xmpp)(:)|\b(www)(\.)|([^\s@])(@)(?=[^\s@])")


def text(outside: str) -> str:
    """Returns text from outside as Markdown that draws as just that text, on one line.

    Example:
        >>> text("<b>*x*</b>")
        '\\\\<b\\\\>\\\\*x\\\\*\\\\</b\\\\>'
    """
    shown = _SPECIAL.sub(r"\\\1", visible(outside))
    shown = _LIST.sub(lambda match: match.group(1) + _guard(match.group(2)), shown)
    return _BARE.sub(lambda match: "".join(part for part in match.groups() if part)[:-1] + _entity(match.group()[-1]), shown)


def _guard(mark: str) -> str:
    """Returns the mark of a list item so that it begins no list."""
    return mark[:-1] + "\\" + mark[-1]


def _entity(char: str) -> str:
    """Returns a character so that no reader makes a bare address a link."""
    return f"&#{ord(char)};"


def draw(report: Report) -> str:
    """Returns the report as Markdown.

    Args:
        report: Any report.
    """
    number = {citation.place: at for at, citation in enumerate(report.citations, 1)}
    lines = [f"# {text(report.question) or 'Report'}", ""]
    if report.abstained or not report.claims:
        lines += [f"**{text(report.answer) or 'Nothing in the sources answers this.'}**", ""]
    lead = [claim for claim in report.claims if claim.lead]
    if lead:
        lines += [" ".join(_sentence(claim, number) for claim in lead), ""]
    elif report.answer and not report.abstained:
        lines += [text(report.answer), ""]
    lines += _details(report, number)
    for one in report.disagreements:
        sides = "; ".join(_sentence(side, number) for side in one.sides)
        lines += [f"**Sources disagree.** {text(one.why)} {sides}", ""]
    for gap in report.unanswered:
        lines += [f"**Not found:** {text(gap.question)} {text(gap.reason)}", ""]
        lines += [f"- {text(source)}: {text(reason)}" for source, reason in gap.sources]
        lines += [""] if gap.sources else []
    for note in report.notes:
        lines += [f"**Note:** {text(note)}", ""]
    if report.citations:
        lines += ["## Evidence", ""]
        for citation in report.citations:
            lines += _evidence(citation, number[citation.place])
    lines += _sources(report)
    return "\n".join(lines).rstrip("\n") + "\n"


def _details(report: Report, number: dict[tuple[str, int, int], int]) -> list[str]:
    """Returns the sentences that are not in the answer, under the part that they belong to."""
    lines: list[str] = []
    rest = [claim for claim in report.claims if not claim.lead]
    for part in sorted({claim.part for claim in rest}):
        if part and part < len(report.parts):
            lines += [f"## {text(report.parts[part])}", ""]
        lines += [" ".join(_sentence(claim, number) for claim in rest if claim.part == part), ""]
    return lines


def _sentence(claim: Claim, number: dict[tuple[str, int, int], int]) -> str:
    marks = "".join(f"[^{number[citation.place]}]" for citation in claim.citations if citation.place in number)
    if claim.verdict in ("unsupported", "misplaced"):
        return f"{text(claim.text)}{marks} *(unsupported: {text(claim.reason) or 'no source carries it'})*"
    return f"{text(claim.text)}{marks}"


def _evidence(citation: Citation, at: int) -> list[str]:
    url = link(citation.uri)
    title = text(citation.title) or "untitled"
    where = f"[{title}](<{url}>)" if url else f"{title}, {text(citation.uri)}"
    checked = "verified" if citation.verified else "not verified"
    return [f"[^{at}]: {where} ({checked}, characters {citation.start} to {citation.end}): “{text(citation.quote)}”", ""]


def count(number: int, noun: str) -> str:
    """Returns a number of things in words.

    Example:
        >>> count(1, "passage"), count(2, "passage")
        ('1 passage', '2 passages')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _sources(report: Report) -> list[str]:
    if not report.sources:
        return []
    lines = ["## Sources", ""]
    for note in report.sources:
        parts = [count(note.documents, "document")] if note.documents or not note.found else []  # a search engine holds none of its own
        parts += [f"{count(note.found, 'passage')} found", f"{note.cited} cited"]
        parts += [f"{len(note.refused)} not read"] if note.refused else []
        lines.append(f"- **{text(note.source)}**: {', '.join(parts)}.{' ' + text(note.reason) if note.reason else ''}")
        lines += [f"  - {text(uri)}: {text(reason)}" for uri, reason in note.refused[:10]]
    return lines
