"""Puts together the evidence for a whole plan: for the question first, then what its parts bring.

Pure; no model.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sentient_kernel.ids import DocumentId
from sentient_kernel.research.extractive.evidence import WEIGHTS, Evidence, SentenceWeights, select
from sentient_kernel.research.extractive.features import family, last
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.sought import reader, sought
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import content, titled

__all__ = ["collect"]

OWN = 0.6
"""A sentence under a part holds at least this share of the part's own words that the best one
holds.
"""

LEAST = 0.01
"""How much of a part a sentence holds at least that stands under it."""


def collect(
    parts: Sequence[SubQuestion],
    found: Mapping[int, Sequence[Passage]],
    *,
    limit: int = 10,
    extra: int = 3,
    weights: SentenceWeights = WEIGHTS,
) -> tuple[Evidence, ...]:
    """Returns the evidence of a whole plan: for the question first, then what its parts brought.

    Args:
        parts: What is asked, the whole question first.
        found: What the searches found for each, by id.
        limit: At most so many sentences for the whole question.
        extra: At most so many more for each part.
        weights: How much each sign counts.

    Returns:
        Evidence in the order of the plan; a place is quoted once, under the part it answers best.
    """
    chosen: dict[tuple[DocumentId, int, int], Evidence] = {}
    fits: dict[tuple[DocumentId, int, int], float] = {}
    whole = _weight(parts[0]) if parts else 0.0
    sides = _sides(parts, found)
    for part in parts:
        count = 0
        # To hold all of "loc" is not to hold all of "the difference between loc and iloc".
        share = min(1.0, _weight(part) / whole) if whole else 1.0
        picked = select(
            part.query, found.get(part.id, ()), limit=limit, part=part.id, weights=weights
        )
        for one, fit in _fitting(part, picked, sides):
            place = (one.document, one.start, one.end)
            if place not in chosen:
                if part.id == 0 or count < extra:
                    score, cover = round(share * one.score, 4), round(share * one.cover, 4)
                    chosen[place] = replace(one, score=score, cover=cover)
                    fits[place] = fit
                    count += 1
            elif fit > fits[place]:  # it keeps its rank; the part says what it is about
                chosen[place] = replace(chosen[place], part=part.id)
                fits[place] = fit
                count += 1
    return tuple(chosen.values())


def _weight(part: SubQuestion) -> float:
    return sum(sought(part.query).values())


def _fitting(
    part: SubQuestion, picked: Sequence[Evidence], sides: Mapping[int, _Side]
) -> list[tuple[Evidence, float]]:
    """Returns the sentences that are about a part, with how much of it each holds.

    That a document is about the part is not enough.
    """
    if part.id in sides:
        return [(one, 1.0) for one in picked if one.document in sides[part.id].documents]
    if part.kind == "whole":
        return [(one, 0.0) for one in picked if not sides or _compares(one, sides.values())]
    own = {term: value for term, value in sought(part.text).items() if value >= 1}
    if not own:  # "for how long?" is asked of what the question names
        return [(one, LEAST) for one in picked]
    read = reader(part.text)
    held = [sum(own[term] for term in own.keys() & frozenset(read(one.quote))) for one in picked]
    least = OWN * max(held, default=0.0)
    fitting: list[tuple[Evidence, float]] = []
    for one, fit in zip(picked, held, strict=True):
        if fit and fit >= least:
            fitting.append((one, fit / sum(own.values())))
        elif fit and not own.keys() & titled(one.title):
            # No title brought it, so a few words do: who is named in one text is told of in
            # another.
            fitting.append((one, 0.0))
    return fitting


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the things compared.

    Args:
        terms: The stems of its name.
        documents: The documents that are called so.
    """

    terms: frozenset[str]
    documents: frozenset[DocumentId]


def _compares(one: Evidence, sides: Collection[_Side]) -> bool:
    """Tells whether a sentence is about things compared.

    Of a document that is called like one of them it has to name one; of another, both and not
    itself.
    """
    bag = frozenset(content(one.quote))
    if any(one.document in side.documents for side in sides):
        return any(side.terms <= bag for side in sides)
    both = frozenset(term for side in sides for term in side.terms)
    itself = frozenset(content(last(one.title)))
    return both <= bag and (itself <= both or not itself <= bag)


def _sides(
    parts: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]]
) -> dict[int, _Side]:
    """Returns the things compared, by sub-question, where each has documents that are called so.

    Where some are of one family (``pandas.merge`` and ``pandas.concat``), those alone.
    """
    everything = [passage for group in found.values() for passage in group]
    named: dict[int, list[tuple[tuple[str, ...], DocumentId]]] = {}
    for part in parts:
        if part.kind == "side":
            called = ((family(one.title, part.query), one.document) for one in everything)
            named[part.id] = [
                (family, document) for family, document in called if family is not None
            ]
    if not all(named.values()):
        return {}
    families = [{family for family, _ in some} for some in named.values()]
    shared = set.intersection(*families) if families else set()
    return {
        part.id: _Side(
            frozenset(content(part.query)),
            frozenset(
                document for family, document in named[part.id] if family in shared or not shared
            ),
        )
        for part in parts
        if part.id in named
    }
