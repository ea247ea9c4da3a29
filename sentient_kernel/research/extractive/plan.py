"""Sub-questions without a model, by rules. Pure.

Searching for clauses instead of the question is measured to hurt retrieval, so the whole question
always comes first, keeps the top places, and a part is only added where the grammar says that
something else is asked too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sentient_kernel.index.chunk import sentences
from sentient_kernel.research.extractive.form import subject
from sentient_kernel.text.words import STOP, content, words

__all__ = ["SubQuestion", "plan"]

MOST = 6
"""At most so many sub-questions, the whole question among them."""
CUT = 2000
"""Rules look at so many characters of a question; what follows is context."""

SIDE = 6
"""A compared thing has at most so many words; what is longer is a sentence that the pattern hit by
chance.
"""

_ASKING = (
    r"(?:what|who|whom|whose|when|where|why|which|how|does|do|did|is|are|was|were|can|could|should"
    r"|will|would|has|have|had)"
)
_LEADING = r"(?:(?:for|in|at|by|to|from|with|under)\s+)?"
_AND_ASKS = re.compile(
    rf"\s*[,;]\s*(?:and|or|but)\s+(?={_LEADING}{_ASKING}\b)"
    rf"|\s+and\s+(?={_LEADING}(?:what|who|when|where|why|which|how)\b)"
    r"|\s*,\s+(?=(?:what|who|when|where|why|which|how)"
    r" (?:is|are|was|were|do|does|did|can|will|has|have"
    rf"|many|much|long|far|old|often|big|high)\b[^?]{{1,300}},\s*and\s+{_LEADING}{_ASKING}\b)",
    re.I,
)
_STARTS = re.compile(
    rf"\s*(?:(?:for|in|at|by|to|from|with|under|and|or|but|so|then|also)\s+)*{_ASKING}\b", re.I
)
_TERM = r"([^?,;]{1,80}?)"
_COMPARISONS = (
    re.compile(
        r"\b(?:differences?|distinction|relationship|trade-?offs?)\s+between\s+"
        rf"{_TERM}\s+and\s+([^?,;]{{1,80}})",
        re.I,
    ),
    re.compile(
        rf"\bcompar(?:e|es|ed|ing|ison of)\s+{_TERM}\s+(?:and|with|to|against)\s+([^?,;]{{1,80}})",
        re.I,
    ),
    re.compile(rf"\b(?:is|are|was|were)\s+{_TERM}\s+\w+\s+than\s+([^?,;]{{1,80}})", re.I),
    re.compile(r"^\s*(\S(?:[^?,;]{0,78}\S)?)\s+(?:vs\.?|versus)\s+([^?,;]{1,80})", re.I),
    re.compile(
        rf"\bhow\s+(?:do|does|did)\s+{_TERM}\s+(?:differ|vary)\s+from\s+([^?,;]{{1,80}})", re.I
    ),
)
_EDGE = re.compile(r"^(?:a|an|the|both|between|using|of|in)\s+", re.I)
_POINTS_BACK = frozenset(
    (
        "it",
        "its",
        "they",
        "them",
        "their",
        "this",
        "that",
        "these",
        "those",
        "he",
        "she",
        "him",
        "her",
        "his",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubQuestion:
    """One thing that a question asks.

    Args:
        id: Its place in the plan; 0 is the whole question.
        text: What is shown to a person, in the words of the question.
        query: What is searched for: the text without its form ("please tell me"), and for a part
            that points back ("for how long?") what it points to.
        kind: ``whole``, ``part`` or ``side`` (one of two things compared).
        taint: One's own sources whose text its writer had read.
    """

    id: int
    text: str
    query: str
    kind: str = "whole"
    taint: tuple[str, ...] = ()


def plan(question: str) -> tuple[SubQuestion, ...]:
    """Returns what a question asks: itself first, then the parts that its grammar sets apart.

    Args:
        question: One question, or several in a row, in English; in other languages it stays whole.

    Returns:
        One to six sub-questions with ids 0, 1, ...

    Example:
        >>> [part.text for part in plan("Does biochar hold water in sand, and for how long?")]
        ['Does biochar hold water in sand, and for how long?', 'Does biochar hold water in sand?',
        'For how long?']
        >>> [part.text for part in plan("Who wrote War and Peace?")]
        ['Who wrote War and Peace?']
    """
    asked = " ".join(subject(question).split())
    found = [SubQuestion(id=0, text=" ".join(question.split()), query=asked)]
    parts = _parts(asked[:CUT])
    if len(parts) > 1:
        _append_parts(found, parts)
    for part in parts if len(parts) > 1 else (asked[:CUT],):
        _append_sides(found, part)
    return tuple(found[:MOST])


def _parts(text: str) -> list[str]:
    """Returns the questions that a text is made of, in order."""
    asking = [
        text[a:b] for a, b in sentences(text) if text[a:b].endswith("?") or _STARTS.match(text[a:b])
    ]
    pieces: list[str] = []
    for sentence in asking if len(asking) > 1 else [text]:
        # "The cat sat, and where did it go" tells before it asks: leave it whole
        if not _STARTS.match(sentence):
            pieces.append(sentence)
            continue
        pieces.extend(
            piece.strip(" ,;") for piece in _AND_ASKS.split(sentence) if piece.strip(" ,;?.")
        )
    return pieces


def _append_parts(found: list[SubQuestion], parts: list[str]) -> None:
    """Appends each part that asks for something; a part with few words of its own borrows those of
    the part before it.
    """
    subject = parts[0]
    for at, part in enumerate(parts):
        text = part.rstrip(" ?.,;") + "?"
        text = text[0].upper() + text[1:]
        thin = at > 0 and (
            len(set(content(part))) < 3 or any(word in _POINTS_BACK for word in words(part))
        )
        query = f"{text} {_subject(subject)}".strip() if thin else text
        if not content(query):
            continue
        found.append(SubQuestion(id=len(found), text=text, query=query, kind="part"))
        if not thin:
            subject = part


def _append_sides(found: list[SubQuestion], text: str) -> None:
    """Appends the two things that a comparison is about, each a search of its own."""
    for pattern in _COMPARISONS:
        match = pattern.search(text)
        if not match:
            continue
        sides = [_side(side) for side in match.groups()]
        if all(content(side) and len(side.split()) <= SIDE for side in sides) and words(
            sides[0]
        ) != words(sides[1]):
            found.extend(
                [
                    SubQuestion(id=len(found) + n, text=side, query=side, kind="side")
                    for n, side in enumerate(sides)
                ]
            )
        return


def _side(text: str) -> str:
    """Returns a compared thing without articles and without a trailing clause."""
    text = re.split(
        r"\s+(?:when|while|because|if|whether|that|which|who|and|or)\s+|[.?!](?=\s|$)", text.strip()
    )[0]
    return _EDGE.sub("", text).strip(" \"'?.,;:")


def _subject(text: str) -> str:
    """Returns the words of a part that say what it is about, as they stand."""
    return " ".join(
        word for word in text.strip(" ?.,;").split() if word.lower().strip("?.,;") not in STOP
    )
