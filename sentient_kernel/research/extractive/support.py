"""Whether there is enough to answer with. Pure; by rule; rather an honest "not found" than an
answer to something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sentient_kernel.index.chunk import sentences
from sentient_kernel.research.extractive.features import family, row
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.sought import loose, reader, sought
from sentient_kernel.research.extractive.tables import read_row
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import KIND, content, titled

__all__ = ["ENOUGH", "Support", "listed", "supported", "supports"]

ENOUGH = 2.85
"""From this score on the passages answer the question; measured so that 95 of 100 answerable
questions pass (tests/bench/evidence.py).
"""
FEW = 5
"""A search that finds fewer passages found rare words."""
RARE = 2
"""What a question names is rare where so many passages at most have all of it."""
LIST = 10
"""The peak is measured among so many of the best passages."""


class Support(NamedTuple):
    """Whether passages answer a question, and what decided it.

    Args:
        ok: Whether they do.
        reason: Why not, in one sentence; empty when they do.
        score: The figure that was compared with :data:`ENOUGH`.
        missing: Telling words of the question that no passage holds.
        names: Those of them that are names or numbers: a detail that the answer cannot speak of.
        near: Where they do not: one passage has all that the question names, and only its verb or
            an adjective may be said there otherwise, so that it is worth showing.
    """

    ok: bool
    reason: str
    score: float = 0.0
    missing: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    near: bool = False

    @property
    def shown(self) -> bool:
        """Whether sentences of what was found are worth showing."""
        return self.ok or self.near


def supported(question: str, passages: Sequence[Passage]) -> Support:
    """Tells whether what a search found can answer a question, or only shares a word with it.

    Four signs count: how much of the question one sentence (with its title) holds, how many of its
    words meet there, how much of it stands nowhere at all, and how far the best passage stands out
    from the others; a list without a peak is what a search returns when it has nothing.

    Args:
        question: What is asked.
        passages: What was found, in any order.
    """
    terms, read = sought(question), reader(question)
    if not passages:
        return Support(False, "The search found nothing.", 0.0, tuple(_spelled(question, terms)))
    if not terms:
        return Support(False, "The question names nothing to look for.")
    total = sum(terms.values())
    titles = {
        passage.title: titled(passage.title) | frozenset(read(passage.title))
        for passage in passages
    }
    said = [(one, _shown(one, a, b)) for one in passages for a, b in sentences(one.text)]
    # an example is about anything
    said = [(one, text) for one, text in said if not text.startswith("```")]
    bags = [frozenset(read(text)) | titles[one.title] for one, text in said]
    best = max(
        sum(value for term, value in terms.items() if term in bag) for bag in bags or [frozenset()]
    )
    everything = frozenset().union(*bags)
    absent = {term: value for term, value in terms.items() if term not in everything}
    missing = tuple(
        _spelled(question, {term: value for term, value in absent.items() if value >= 1})
    )
    names = tuple(_spelled(question, {term: value for term, value in absent.items() if value == 2}))
    held = 1.6 * best / total + 0.3 * min(best, 4.0) - 0.8 * sum(absent.values()) / total
    score = round(held + _peak([passage.score for passage in passages]), 4)
    needed = frozenset(term for term, value in terms.items() if value > KIND)
    if score >= ENOUGH or (needed and any(needed <= bag for bag in bags)):
        return Support(True, "", score, missing, names)
    held_by: dict[Passage, Counter[str]] = {}
    for (one, _), bag in zip(said, bags, strict=True):
        held_by.setdefault(one, Counter()).update(bag)
    near = not names and _near(question, terms, passages, held_by)
    if missing:
        return Support(
            False,
            f"Nothing that was found mentions {listed(missing)}.",
            score,
            missing,
            names,
            near,
        )
    why = "What was found shares words with the question but no " + (
        "sentence" if near else "passage"
    )
    return Support(False, f"{why} brings them together.", score, near=near)


def _near(
    question: str,
    terms: Mapping[str, float],
    passages: Sequence[Passage],
    bags: Mapping[Passage, Counter[str]],
) -> bool:
    """Tells whether one passage has all that a question names, but for a verb or an adjective.

    And it tells of it: a search in much text finds passages for "the symptoms" too.
    """
    otherwise = loose(question)
    needed = frozenset(
        term for term, value in terms.items() if value >= 1 and term not in otherwise
    )
    fit = [one for one, bag in bags.items() if needed <= bag.keys()]
    fit = [one for one in fit if len(otherwise - bags[one].keys()) <= bool(otherwise)]
    if not needed or not fit:
        return False
    if len(passages) < FEW:
        return True
    tells = any(
        needed & titled(one.title) or min(bags[one][term] for term in needed) > 1 for one in fit
    )
    return tells and len(fit) <= RARE


def _shown(passage: Passage, start: int, end: int) -> str:
    """Returns a sentence of a passage, a row of a table with the names of its columns."""
    text = passage.text[start:end]
    if not row(text):
        return text
    table = read_row(passage.text, start, end, whole=passage.start == 0)
    return table.text if table else text


def supports(
    parts: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]]
) -> dict[int, Support]:
    """Returns for each part of a question, by id, whether what was found can answer it.

    A comparison is answered by what was found for it, or by documents that are called like each of
    the things compared.

    Args:
        parts: What is asked.
        found: What the searches found for each, by id.
    """
    each = {part.id: supported(part.query, found.get(part.id, ())) for part in parts}
    sides = [part for part in parts if part.kind == "side"]
    told = [
        any(family(one.title, side.query) is not None for one in found.get(side.id, ()))
        for side in sides
    ]
    for part in parts:
        known = each[part.id]
        if part.kind == "whole" and sides and all(told) and not known.names:
            each[part.id] = Support(True, "", known.score)
    return each


def _peak(scores: Sequence[float]) -> float:
    """Returns how far the best score stands above the mean of the others, 1 to 2; 1.3 for lists too
    short to say.
    """
    # a longer list has a longer tail, not a higher peak
    ranked = sorted(scores, reverse=True)[:LIST]
    rest = sum(ranked[1:])
    if len(ranked) < 5 or rest <= 0:
        return 1.3
    return min(2.0, ranked[0] * (len(ranked) - 1) / rest)


def _spelled(question: str, terms: Mapping[str, float]) -> list[str]:
    """Returns the words of a question that stand for terms, as a person wrote them, names and
    numbers first.
    """
    found: dict[str, str] = {}
    for word in question.split():
        shown = word.strip("\"'?!.,;:()[]")
        for term in content(word):
            if term in terms:
                found.setdefault(term, shown)
    return [found[term] for term in sorted(found, key=lambda term: terms[term] < 2)]


def listed(found: Sequence[str]) -> str:
    """Returns up to three words as a list in a sentence."""
    quoted = [f"“{word}”" for word in found[:3]]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
