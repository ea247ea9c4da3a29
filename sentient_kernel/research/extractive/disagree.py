"""Finds statements of different documents that contradict each other. Pure; by rule; rather misses
one than makes one up.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

from sentient_kernel.report.clean import clean
from sentient_kernel.report.report import Claim, Disagreement
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.features import entry
from sentient_kernel.research.extractive.noise import noisy
from sentient_kernel.research.verify.contradictions import opposed
from sentient_kernel.text.words import (
    NEGATIONS,
    NUMBER,
    WORD,
    asked,
    content,
    negated,
    numbers,
    plain,
    stem,
)

__all__ = ["disagreements"]

SHARED = 4
"""Two statements are on the same thing when they share so many telling words,"""
OVERLAP = 0.6
"""and this share of the words of the shorter one."""
MOST = 5
"""At most so many disagreements are listed."""

_UNIT = re.compile(r"\s?(%|\u00b0[CF]?|[A-Za-z\u00b5]+)")
_YEAR = re.compile(r"(?:1[5-9]|20)[0-9]{2}")
_HEDGE = re.compile(r"\b(?:whether|if|unclear|unknown|may or may not|compared|versus|vs)\b", re.I)


def disagreements(evidence: Sequence[Evidence]) -> tuple[Disagreement, ...]:
    """Returns pairs of statements on the same thing that differ in sense, in direction or in a
    number.

    Args:
        evidence: Sentences of several documents.

    Returns:
        At most five, in the order of the evidence; a statement appears once.
    """
    found: list[Disagreement] = []
    used: set[int] = set()
    able = [
        (at, one, frozenset(content(one.quote)))
        for at, one in enumerate(evidence)
        if not _unfit(one.quote)
    ]
    for (i, one, terms), (j, other, others) in combinations(able, 2):
        if (
            one.document == other.document
            or {i, j} & used
            or not _same_thing(one.quote, terms, other.quote, others)
        ):
            continue
        verdict = (
            _negation(one.quote, other.quote)
            or _direction(one.quote, other.quote)
            or _number(one.quote, other.quote)
        )
        if verdict:
            used |= {i, j}
            first, second = (
                Claim(text=clean(side.quote), citations=(side.citation,), part=side.part)
                for side in (one, other)
            )
            found.append(Disagreement(kind=verdict[0], why=verdict[1], sides=(first, second)))
    return tuple(found[:MOST])


def _unfit(quote: str) -> bool:
    """Tells whether a sentence states nothing that another could contradict."""
    return (
        noisy(quote)
        or entry(quote)
        or quote.rstrip().endswith("?")
        or bool(_HEDGE.search(quote))
        or len(quote.split()) > 45
    )


def _same_thing(one: str, terms: frozenset[str], other: str, others: frozenset[str]) -> bool:
    """Tells whether two sentences are about the same thing: most words shared, and no name that
    only one has.
    """
    digits = numbers(one) | numbers(other)
    left, right = (
        frozenset(term for term in bag if term not in digits and not term.isdigit())
        for bag in (terms, others)
    )
    shared = left & right
    if len(shared) < SHARED or len(shared) < OVERLAP * min(len(left), len(right)):
        return False
    weights, weights_other = asked(one), asked(other)
    names = {term for term, value in weights.items() if value == 2.0 and not term[0].isdigit()}
    names_other = {
        term for term, value in weights_other.items() if value == 2.0 and not term[0].isdigit()
    }
    return not (names and names_other and names ^ names_other and not names & names_other)


def _negation(one: str, other: str) -> tuple[str, str] | None:
    """Says when one of two sentences denies what the other, which denies nothing, says."""
    if bool(negated(one)) == bool(negated(other)):
        return None
    denying, saying = (one, other) if negated(one) else (other, one)
    denied = _denied(denying)
    return (
        ("negation", "One says what the other denies.")
        if denied and denied in content(saying)
        else None
    )


def _denied(text: str) -> str:
    """Returns the stem that the only negation of a sentence stands before; empty when there are
    several, or a title holds it.
    """
    found = [match for match in WORD.finditer(text) if plain(match.group().lower()) in NEGATIONS]
    if len(found) != 1 or (found[0].group()[0].isupper() and found[0].start() > 0):
        return ""
    if found[0].group() == "Never":  # "Never Cry Wolf is a film": more often a name than a denial
        return ""
    return next(iter(content(text[found[0].end() : found[0].end() + 60])), "")


def _direction(one: str, other: str) -> tuple[str, str] | None:
    """Says when two sentences point in opposite directions, and in nothing else."""
    if negated(one) or negated(other) or not opposed(one, other):
        return None
    return "direction", "One reports a rise where the other reports a fall."


def _number(one: str, other: str) -> tuple[str, str] | None:
    """Says when two sentences give different figures, in the same unit, for the same thing."""
    left, right = _figures(one), _figures(other)
    for unit in sorted(left.keys() & right.keys()):
        (a, *more), (b, *others) = left[unit], right[unit]
        if a != b and not more and not others and not _years(one) ^ _years(other):
            shown = unit if unit == "%" else f" {unit}"
            return "number", f"One says {a}{shown}, the other {b}{shown}."
    return None


def _figures(text: str) -> dict[str, list[str]]:
    """Returns the numbers of a text by their units, the stems of the words that follow them; years
    apart.
    """
    found: dict[str, list[str]] = {}
    for match in NUMBER.finditer(text):
        unit = _UNIT.match(text, match.end())
        if unit and not _YEAR.fullmatch(match.group()):
            name = unit.group(1).lower()
            found.setdefault(name if len(name) < 4 else stem(name), []).extend(
                numbers(match.group())
            )
    return found


def _years(text: str) -> frozenset[str]:
    return frozenset(number for number in numbers(text) if _YEAR.fullmatch(number))
