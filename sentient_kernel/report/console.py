"""Draws a report for a terminal: wrapped to its width, and as readable without colours. Text from
outside stays text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sentient_kernel.projections.drawing.words import OUTCOMES
from sentient_kernel.report.escape import link, visible
from sentient_kernel.report.markdown import source_line
from sentient_kernel.report.report import Citation, Claim, Report

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


WIDEST = 100
"""Columns that a line takes at most, however wide the terminal is."""
HEADING, CITED, WEAK, SOFT = "bold", "cyan", "yellow", "dim"

Numbers = dict[tuple[str, int, int], int]


class Block(NamedTuple):
    """A stretch of text, and what stands before its first line and before the others."""

    text: Text
    first: str = ""
    others: str = ""


def draw(report: Report, console: Console) -> None:
    """Prints a report.

    Args:
        report: Any report.
        console: Where to; its width, colours and links are those of the terminal behind it.
    """
    width = min(console.width, WIDEST)
    bar = "│" if console.encoding.startswith("utf") else "|"
    for block in _blocks(report, f"    {bar} "):
        lines = block.text.wrap(console, max(8, width - max(len(block.first), len(block.others))))
        for at, line in enumerate(lines or [block.text]):
            line.rstrip()
            console.print(
                block.others if at else block.first,
                line,
                sep="",
                soft_wrap=True,
                highlight=False,
                markup=False,
            )


def _blocks(report: Report, quoted: str) -> Iterator[Block]:
    from rich.text import Text

    numbers = {citation.place: at for at, citation in enumerate(report.citations, 1)}
    blank = Block(Text(""))
    yield from (Block(Text(visible(report.question) or "Report", "bold underline")), blank)
    lead = report.lead
    answer = visible(report.answer) or "Nothing in the sources answers this."
    yield from (Block(_sentences(lead, numbers) if lead else Text(answer, HEADING)), blank)
    if said := report.facts:
        weak = report.abstained or report.coverage.level in OUTCOMES
        told = Text(visible(said[0]), WEAK if weak else "")
        yield from (Block(told.append("".join(f" · {one}" for one in said[1:]), SOFT)), blank)
    for heading, claims in report.details:
        if heading:
            yield Block(Text(visible(heading), HEADING))
        yield from (Block(_sentences(claims, numbers)), blank)
    yield from _notes(report, numbers)
    if report.citations:
        yield from (Block(Text("Evidence", HEADING)), blank)
        for citation in report.citations:
            yield from (*_evidence(citation, numbers[citation.place], quoted), blank)
    if report.sources:
        yield Block(Text("Sources", HEADING))
    for note in report.sources:
        yield _item(
            Text.assemble((visible(note.source), "bold"), ": ", visible(source_line(report, note)))
        )
        yield from (
            _item(Text(f"{visible(uri)}: {visible(why)}", SOFT), 4)
            for uri, why in note.refused[:10]
        )


def _notes(report: Report, numbers: Numbers) -> Iterator[Block]:
    """Yields what sources disagree on, what was not found, and what there is to know of how the
    report was made.
    """
    from rich.text import Text

    for one in report.disagreements:
        yield Block(Text.assemble(("Sources disagree. ", HEADING), visible(one.why)))
        yield from (_item(_sentences([side], numbers)) for side in one.sides)
        yield Block(Text(""))
    for gap in report.unanswered:
        yield Block(
            Text.assemble(("Not found: ", HEADING), visible(gap.question), " ", visible(gap.reason))
        )
        yield from (
            _item(Text(f"{visible(source)}: {visible(reason)}")) for source, reason in gap.sources
        )
        yield Block(Text(""))
    for note in report.notes:
        yield from (Block(Text.assemble(("Note: ", HEADING), visible(note))), Block(Text("")))


def _sentences(claims: Sequence[Claim], numbers: Numbers) -> Text:
    from rich.text import Text

    return Text(" ").join(_sentence(claim, numbers) for claim in claims)


def _sentence(claim: Claim, numbers: Numbers) -> Text:
    from rich.text import Text

    said = Text(visible(claim.text))
    for number in (numbers[one.place] for one in claim.citations if one.place in numbers):
        # without a space: no mark stands alone at the beginning of a line
        said.append(f"[{number}]", CITED)
    if claim.weak:
        said.append(f" (unsupported: {visible(claim.reason) or 'no source supports it'})", WEAK)
    return said


def _evidence(citation: Citation, at: int, quoted: str) -> Iterator[Block]:
    """Yields the number and title of a quotation, the quotation, and where it stands."""
    from rich.style import Style
    from rich.text import Text

    url = link(citation.uri)
    checked = ("at its place", "green") if citation.placed else ("not at its place", WEAK)
    number = f"[{at}] "
    head = Text.assemble(
        (number, CITED), (visible(citation.title) or "untitled", "bold"), " · ", checked
    )
    yield Block(head, "", " " * len(number))
    yield Block(Text(f"“{visible(citation.quote)}”"), quoted, quoted)
    where = Text(visible(citation.uri), Style(dim=True, link=url or None))
    yield Block(
        where.append(f" · characters {citation.start} to {citation.end}", SOFT), "    ", "    "
    )


def _item(said: Text, indent: int = 2) -> Block:
    """Returns a line of a list; what does not fit into it goes on below its text, not below its
    mark.
    """
    return Block(said, f"{' ' * indent}- ", " " * (indent + 2))
