"""Whether there is enough to answer with. Pure; by rule; rather an honest "not found" than an
answer to something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sentient_kernel.index.chunk import sentences
from sentient_kernel.research.extractive.features import family, read_row
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.sought import Sought, sought
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import KIND, content, titled

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
    asked = sought(question)
    terms = asked.terms
    if not passages:
        return Support(False, "The search found nothing.", 0.0, tuple(_spelled(question, terms)))
    if not terms:
        return Support(False, "The question names nothing to look for.")
    total = sum(terms.values())
    needed = {term for term, value in terms.items() if value > KIND}
    held_by: dict[Passage, Counter[str]] = {}
    best, answered = 0.0, False
    for one in passages:
        title = titled(one.title).union(asked.read(one.title))
        for start, end in sentences(one.text):
            table = read_row(one.text, start, end, whole=one.start == 0)
            said = table.text if table else one.text[start:end]
            if said.startswith("```"):  # an example is about anything
                continue
            bag = title.union(asked.read(said))
            held_by.setdefault(one, Counter()).update(bag)
            best = max(best, sum([value for term, value in terms.items() if term in bag]))
            answered = answered or (bool(needed) and needed <= bag)
    everything = frozenset[str]().union(*held_by.values())
    absent = {term: value for term, value in terms.items() if term not in everything}
    named = {term: value for term, value in absent.items() if value >= 1}
    missing = tuple(_spelled(question, named))
    named = {term: value for term, value in absent.items() if value == 2}
    names = tuple(_spelled(question, named))
    held = 1.6 * best / total + 0.3 * min(best, 4.0) - 0.8 * sum(absent.values()) / total
    score = round(held + _peak([passage.score for passage in passages]), 4)
    if score >= ENOUGH or answered:
        return Support(True, "", score, missing, names)
    near = not names and _near(asked, passages, held_by)
    if missing:
        reason = f"Nothing that was found mentions {listed(missing)}."
        return Support(False, reason, score, missing, names, near)
    unit = "sentence" if near else "passage"
    reason = f"What was found shares words with the question but no {unit} brings them together."
    return Support(False, reason, score, near=near)


def _near(asked: Sought, passages: Sequence[Passage], bags: Mapping[Passage, Counter[str]]) -> bool:
    """Tells whether one passage has all that a question names, but for a verb or an adjective.

    And it tells of it: a search in much text finds passages for "the symptoms" too.
    """
    needed = {term for term, value in asked.terms.items() if value >= 1} - asked.loose
    fit = {
        one: bag
        for one, bag in bags.items()
        if needed <= bag.keys() and len(asked.loose - bag.keys()) <= bool(asked.loose)
    }
    if not needed or not fit or len(passages) < FEW:
        return bool(needed and fit)
    tells = [
        one
        for one, bag in fit.items()
        if needed & titled(one.title) or min([bag[term] for term in needed]) > 1
    ]
    return bool(tells) and len(fit) <= RARE


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
    sides = [part for part in parts if part.kind == "side"]
    told = [
        any([family(one.title, side.query) is not None for one in found.get(side.id, ())])
        for side in sides
    ]
    each = dict[int, Support]()
    for part in parts:
        known = supported(part.query, found.get(part.id, ()))
        compared = part.kind == "whole" and sides and all(told) and not known.names
        each[part.id] = Support(True, "", known.score) if compared else known
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
