"""The statements that evidence makes: sentences that can be shown, each once, with all that say it.
Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.report.clean import clean
from sentient_kernel.report.report import Citation
from sentient_kernel.research.extractive.evidence import CONTEXT, Evidence
from sentient_kernel.research.extractive.features import body, heading, last, pointing, row
from sentient_kernel.research.extractive.noise import Kind, noise, noisy
from sentient_kernel.text.words import content, negated, numbers

__all__ = ["Statement", "statements"]

MOST_SPARE = 3
"""Statements that are shown at most where there is nothing better."""
ROW = 0.55
"""A row of a table is shown when it holds at least this share of what is asked.

The other rows of its table come near anything.
"""
FULL = 4
"""A statement of so many telling words is left out where another has them all."""
SPARE: frozenset[Kind] = frozenset(("", "figures", "fragment"))
"""Kinds that are shown where there is nothing better: a heading, a row, a few words."""


@dataclass(slots=True)
class Statement:
    """A sentence of the report being written."""

    first: Evidence
    text: str
    citations: list[Citation]
    terms: frozenset[str]
    head: str
    """The name that it says what it is of: ``os.walk: ``; empty when it says it of none."""
    named: frozenset[str]
    """The stems of what its document is called."""
    lead: bool = False


def statements(evidence: Sequence[Evidence], about: frozenset[Kind]) -> list[Statement]:
    """Returns what can be shown, the same statement once with all that say it.

    Args:
        evidence: What was picked, best first.
        about: Kinds of noise that the question is about, so that they are statements here.

    Returns:
        Statements in the order of the evidence; headings and the like only where there is nothing
        else.
    """
    quoted = {(one.document, one.end) for one in evidence}
    found: list[Statement] = []
    spare: list[Statement] = []
    for one in evidence:
        whole, complete = _complete(one, quoted)
        text = clean(one.shown or whole.quote)
        if not content(text):
            continue
        said = body(text, one.title)
        name = frozenset(content(last(one.title)))
        statement = Statement(
            one, text, [whole.citation], frozenset(content(said)), text.removesuffix(said), name
        )
        same = next(
            (
                other
                for other in found
                if _same(statement, other) or _adds_nothing(statement, other)
            ),
            None,
        )
        if same is not None:
            if _same(statement, same) and all(
                known.place != statement.citations[0].place for known in same.citations
            ):
                same.citations.extend(statement.citations)
        elif complete and _says(one, text, about):
            found.append(statement)
        elif noise(text) in SPARE:
            spare.append(statement)
    return found or spare[:MOST_SPARE]


def _says(one: Evidence, text: str, about: frozenset[Kind]) -> bool:
    """Tells whether a piece of evidence says something by itself: prose, or a row of a table that
    is about what is asked.
    """
    if row(one.quote):
        return one.cover >= ROW and not one.quote.rstrip().endswith("?")
    if noisy(text, about) or noisy(one.quote, about) or heading(one.quote, one.after):
        return False
    return not text.endswith(("?", "\uff1f", "\u061f"))


def _complete(one: Evidence, quoted: set[tuple[DocumentId, int]]) -> tuple[Evidence, bool]:
    """Returns a piece of evidence, with the sentence before it where it points back to that, and
    whether it can stand alone.
    """
    if one.lead:
        at = len(one.before) - one.lead
        return (
            replace(
                one,
                start=one.start - one.lead,
                quote=one.before[at:] + one.quote,
                before=one.before[:at],
            ),
            True,
        )
    if not pointing(one.quote) or any(
        (one.document, one.start - gap) in quoted for gap in (1, 2, 3)
    ):
        return one, True  # where the sentence before it is quoted too, that will stand before it
    before = sentences(one.before)
    at = before[-1][0] if before else 0
    lead = one.before[at:]
    cut = at == 0 and len(one.before) >= CONTEXT  # its beginning is not known
    if cut or "\n\n" in lead or noisy(lead) or len(lead.split()) < 3:
        return one, False
    return replace(
        one, start=one.start - len(lead), quote=lead + one.quote, before=one.before[:at]
    ), not pointing(lead)


def _same(one: Statement, other: Statement) -> bool:
    """Tells whether two statements say the same, with the same numbers and without one of them
    denying it.
    """
    alike = one.terms and len(one.terms & other.terms) >= 0.7 * len(one.terms | other.terms)
    if not alike or one.head != other.head:  # the same may be said of another thing
        return False
    return _agree(one, other) and not (one.terms ^ other.terms) & (one.named | other.named)


def _agree(one: Statement, other: Statement) -> bool:
    return numbers(one.text) == numbers(other.text) and bool(negated(one.text)) == bool(
        negated(other.text)
    )


def _adds_nothing(one: Statement, other: Statement) -> bool:
    """Tells whether a statement says nothing beside another.

    All its words are there, or it says the same of a sibling: of ``iloc`` what the other says of
        ``loc``.
    """
    both = one.terms & other.terms
    if both and one.terms ^ other.terms <= one.named | other.named and _agree(one, other):
        return True
    least = (
        max(2, min(len(one.terms), len(other.terms)))
        if one.head and other.head
        else max(FULL, len(one.terms))
    )
    if len(both) < least or numbers(one.text) - numbers(other.text):
        return False
    return bool(negated(one.text)) == bool(negated(other.text))
