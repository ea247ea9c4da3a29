"""Finds the names of packages and their members in a question, and other words for them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from sentient_kernel.sources.base import Passage

_WORD = re.compile(r"[A-Za-z_][\w.]*\w|[A-Za-z]")
_BETWEEN = re.compile(r"\bbetween `?([\w.]{1,80}?)`?(?:\(\))? and `?([\w.]{1,80}\w)`?", re.I)
_FAULT = re.compile(r"(?:Error|Warning|Exception)$")
_ABOUT_FAULTS = re.compile(
    r"\b(?:error|exception|warning|raise|raised|raises|fail|fails|failed|wrong)\b", re.I
)
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LITTLE = frozenset(
    """a about all an and any are as at be by can do does each for from get has have how i if in
        into is it its many me my no not of off on once one or our same several should so some
        than that the them there this time to use using was way what when where which who why
        will with you mean difference between""".split()
)
_SAID = dict(
    pair.split("=")
    for pair in """folder=directory folders=directories group=groupby grouped=groupby remove=drop
    delete=drop blank=missing aggregates=agg duplicate=duplicates""".split()
)
"""How documentation says what people ask for in other words."""
_TOLD_APART = 5  # letters: "validate" and "validator", "limit" and "limiter" are one word here

_OLD = frozenset(("v1", "distutils"))

INNER = 0.7
NAMED = 1.1
EXACT = 1.6
PLACE = 1.2
SUMMARY = 1.1
FAULT = 0.75
OLD = 0.7
ALIKE = 1.2
FURTHER = (1.0, 0.5, 0.3)


class AskedNames:
    """The names in a question, and what they make a passage worth.

    Args:
        question: The question.
    """

    def __init__(self, question: str) -> None:
        self._words = set(_WORD.findall(question))
        self._lower = {word.lower() for word in self._words}
        self._named = {word for word in self._words if "." in word} | _compared(question)
        self._faults = bool(_ABOUT_FAULTS.search(question))
        self._parts = _parts(
            " ".join([question, *(_SAID[word] for word in self._lower if word in _SAID)])
        )
        self._count = len(_parts(question))

    def weight(self, passage: Passage, meta: Mapping[str, Any]) -> float:
        """Returns what a passage counts, for what it is about.

        Args:
            passage: One that was found.
            meta: What is known of its document.
        """
        name = passage.title.partition(" (")[0]
        parts = name.split(".")
        modules = next(
            (at for at, part in enumerate(parts) if part[:1].isupper()), max(1, len(parts) - 1)
        )
        weight = SUMMARY if passage.start == 0 else 1.0
        if not meta.get("exported", True):
            weight *= INNER
        if {parts[0].lower(), str(meta.get("distribution", "")).lower()} & self._lower:
            weight *= PLACE
        if any(name == word or name.endswith(f".{word}") for word in self._named):
            weight *= EXACT
        elif parts[-1] in self._words and len(parts) > 1:
            weight *= NAMED
        if meta.get("kind") not in ("readme", "reference", "module"):
            own = _parts(" ".join(parts[modules:]))
            weight *= 1 + ALIKE * 2 * len(own & self._parts) / (len(own) + self._count or 1)
        if not self._faults and _FAULT.search(parts[-1]):
            weight *= FAULT
        if _OLD & set(parts):
            weight *= OLD
        return weight


def _compared(question: str) -> set[str]:
    """Returns the two things that a question compares, and what it consists of when that is one
    word: these are names for sure.
    """
    match = _BETWEEN.search(question)
    whole = question.strip(" ?`'\"")
    return set(match.groups()) if match else {whole} if _WORD.fullmatch(whole) else set()


def _parts(text: str) -> set[str]:
    """Returns the words that names and questions are made of, cut to their first letters."""
    return {
        part.lower()[:_TOLD_APART] for part in _PART.findall(text) if part.lower() not in _LITTLE
    }


def expanded(question: str) -> str:
    """Returns a question with neighbouring words joined and other words for what it asks.

    Example:
        >>> expanded("merge data frames")
        'merge data frames mergedata dataframes'
    """
    words = _WORD.findall(question)
    joined = [f"{one}{other}".lower() for one, other in pairwise(words)]
    said = [_SAID[word.lower()] for word in words if word.lower() in _SAID]
    return " ".join([question, *joined, *said])


def ordered(weighed: Sequence[tuple[float, Passage]]) -> list[Passage]:
    """Returns passages document by document, the best document first: its best passage, then the
    one that begins with what it is.

    Where several passages of a document fit, it is about what is asked, and counts for more than
    its best one.

    Args:
        weighed: Passages with what they are worth.
    """
    documents: dict[str, list[tuple[float, Passage]]] = {}
    for pair in sorted(weighed, key=lambda pair: -pair[0]):
        documents.setdefault(pair[1].document, []).append(pair)
    worth = {
        key: sum(share * pair[0] for share, pair in zip(FURTHER, held, strict=False))
        for key, held in documents.items()
    }
    first: list[Passage] = []
    rest: list[tuple[float, Passage]] = []
    for key in sorted(documents, key=lambda key: -worth[key]):
        best, *others = documents[key]
        first += [best[1], *(passage for _, passage in others if passage.start == 0)]
        rest += [pair for pair in others if pair[1].start != 0]
    return first + [passage for _, passage in sorted(rest, key=lambda pair: -pair[0])]
