"""Finds statements of different documents that contradict each other. Pure; by rule; rather misses
one than makes one up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from sentient_kernel.report.report import Claim, Disagreement
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.features import clean, entry
from sentient_kernel.research.extractive.noise import noisy
from sentient_kernel.research.verify.rules import opposed
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
    used: set[Evidence] = set()
    able = [(one, asked(one.quote)) for one in evidence if not _unfit(one.quote)]
    for (one, terms), (other, others) in combinations(able, 2):
        said, told = one.quote, other.quote
        if one.document == other.document or not used.isdisjoint((one, other)):
            continue
        if not _same_thing(terms, others, numbers(said) | numbers(told)):
            continue
        if differs := _sense(said, told) or _number(said, told):
            used |= {one, other}
            first, second = [
                Claim(text=clean(side.quote), citations=(side.citation,), part=side.part)
                for side in (one, other)
            ]
            kind, why = differs
            found.append(Disagreement(kind=kind, why=why, sides=(first, second)))
    return tuple(found[:MOST])


def _unfit(quote: str) -> bool:
    """Tells whether a sentence states nothing that another could contradict."""
    if noisy(quote) or entry(quote) or _HEDGE.search(quote):
        return True
    return quote.rstrip().endswith("?") or len(quote.split()) > 45


def _same_thing(
    one: Mapping[str, float], other: Mapping[str, float], digits: frozenset[str]
) -> bool:
    """Tells whether two sentences are about the same thing: most words shared, and no name that
    only one has.

    Args:
        one: The stems of one, with how telling each is.
        other: Those of the other.
        digits: The numbers of both.
    """
    bags, names = [], []
    for terms in (one, other):
        bags.append({term for term in terms if term not in digits and not term.isdigit()})
        names.append([term for term in terms if terms[term] == 2.0 and not term[0].isdigit()])
    shared = bags[0] & bags[1]
    if len(shared) < SHARED or len(shared) < OVERLAP * min(map(len, bags)):
        return False
    return not all(names) or not {*names[0]}.isdisjoint(names[1])


def _sense(one: str, other: str) -> tuple[str, str] | None:
    """Says when one of two sentences denies what the other, which denies nothing, says, or when
    both deny nothing and point in opposite directions.
    """
    if not negated(one) and not negated(other) and opposed(one, other):
        return "direction", "One reports a rise where the other reports a fall."
    if negated(one) == negated(other):
        return None
    denying, saying = (one, other) if negated(one) else (other, one)
    found = [match for match in WORD.finditer(denying) if plain(match[0].lower()) in NEGATIONS]
    # of several it is not known what they deny; "Never Cry Wolf is a film" denies nothing
    if len(found) != 1 or found[0][0] == "Never" or (found[0][0][0].isupper() and found[0].start()):
        return None
    denied = content(denying[found[0].end() : found[0].end() + 60])[:1]
    if not denied or denied[0] not in content(saying):
        return None
    return "negation", "One says what the other denies."


def _number(one: str, other: str) -> tuple[str, str] | None:
    """Says when two sentences give different figures, in the same unit, for the same thing."""
    left, right = _figures(one), _figures(other)
    years = [set(filter(_YEAR.fullmatch, numbers(text))) for text in (one, other)]
    for unit in sorted(left.keys() & right.keys()) if years[0] == years[1] else ():
        (a, *more), (b, *others) = left[unit], right[unit]
        if a != b and not more and not others:
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
