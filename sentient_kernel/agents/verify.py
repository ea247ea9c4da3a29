"""Whether a sentence is borne out by what it cites: the exact place first, then the words. Pure; no model.

It is made to be wrong on the safe side: a sentence whose number, sense or subject its quotes do not carry is marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from sentient_kernel.agents._quantities import quantities, unheld, worded
from sentient_kernel.agents._words import NEGATIONS, asked, content, negated, plain, words
from sentient_kernel.errors import NotFound
from sentient_kernel.ids import DocumentId

if TYPE_CHECKING:
    from sentient_kernel.agents.report import Report

__all__ = ["CUT", "Verdict", "Verification", "carried", "directions", "likeness", "verify", "verify_report"]

NUMBER = 2.0
"""What a number counts for among the words of a sentence: as much as a name."""

CUT = 0.5
"""From this likeness on a sentence counts as borne out by its quotes."""

Verdict = Literal["supported", "unsupported", "misplaced", "unchecked"]
"""``supported``: the quotes stand where they should and carry the sentence. ``unsupported``: they do not carry it, or there are
none. ``misplaced``: a quote does not stand in its document. ``unchecked``: nobody looked yet."""


class Cited(Protocol):
    """What :func:`verify` needs of a citation: where its quote stands."""

    @property
    def document(self) -> DocumentId:
        """The document's snapshot."""

    @property
    def start(self) -> int:
        """Where the quote begins."""

    @property
    def end(self) -> int:
        """Where the quote ends."""

    @property
    def quote(self) -> str:
        """The words that are quoted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What checking a sentence against its citations gave.

    Args:
        verdict: The result.
        score: Likeness of the sentence to its quotes, 0 to 1.
        reason: Why it is not supported, or by whose judgement it is where its words alone do not say so; else empty.
        places: For each citation whether its quote stands at its place.
    """

    verdict: Verdict
    score: float = 0.0
    reason: str = ""
    places: tuple[bool, ...] = ()


def verify(claim: str, citations: Sequence[Cited], text_of: Callable[[DocumentId], str | None], *, judged: str = "") -> Verification:
    """Checks a sentence: first whether each quote stands at its place in the stored text, then whether they carry the sentence.

    Args:
        claim: The sentence as the report shows it.
        citations: What it cites.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: The words of its quotes by which a model takes it for borne out, where the rules find too little of its own words there.
    """
    if not citations:
        return Verification(verdict="unsupported", reason="It cites nothing.")
    places: list[bool] = []
    for citation in citations:
        text = _text(text_of, citation.document)
        inside = text is not None and 0 <= citation.start < citation.end <= len(text)
        places.append(bool(inside and text is not None and text[citation.start : citation.end] == citation.quote))
    standing = [citation.quote for citation, stands in zip(citations, places, strict=True) if stands]
    if not standing:
        return Verification(verdict="misplaced", reason="Its quote does not stand in the stored document.", places=tuple(places))
    score = max(likeness(claim, quote) for quote in [*standing, " ".join(standing)])
    if score < CUT and judged and carried(claim, judged, standing):
        why = f"Borne out by a model's judgement, for the words “{judged}”."
        return Verification(verdict="supported", score=score, reason=why, places=tuple(places))
    if score < CUT:
        return Verification(verdict="unsupported", score=score, reason=_why(claim, " ".join(standing)), places=tuple(places))
    return Verification(verdict="supported", score=score, places=tuple(places))


def carried(claim: str, judged: str, quotes: Sequence[str]) -> bool:
    """Tells whether a model may say that quotes carry a sentence in other words: the words it points to stand there, and nothing that
    the rules can see speaks against it, no number or name that is missing, nothing denied, no direction turned round.

    Args:
        claim: The sentence.
        judged: The words that the model points to.
        quotes: What the sentence cites, each standing at its place.

    Example:
        >>> carried("The device was well received.", "won a silver medal", ["The hive won a silver medal at Graz."])
        True
        >>> carried("The device won 3 medals.", "won a silver medal", ["The hive won a silver medal at Graz."])
        False
    """
    together = " ".join(quotes)
    held = frozenset(content(together))
    return (
        len(content(judged)) >= 2
        and any(" ".join(words(judged)) in " ".join(words(quote)) for quote in quotes)
        and all(term in held for term, value in asked(worded(claim)).items() if value == 2.0)
        and not unheld(claim, together)
        and _denies(claim) == _denies(judged)
        and not _opposed(claim, judged)
    )


def verify_report(report: Report, text_of: Callable[[DocumentId], str | None]) -> Report:
    """Returns a report with a verdict on every sentence.

    Args:
        report: The report as it was written.
        text_of: Gives the text of a stored document; None, or NotFound, when there is no such document.
    """
    return report.checked(text_of)


def _text(text_of: Callable[[DocumentId], str | None], document: DocumentId) -> str | None:
    """Returns a stored text, or None when it is gone."""
    try:
        return text_of(document)
    except NotFound:
        return None


_SILENT = re.compile(
    r"\b(?:contexts?|documents?|texts?|passages?|excerpts?|quotes?|sources?|filings?|information|articles?|evidence|data)\b[^.]{0,40}?"
    r"\b(?:(?:do|does|did)(?:\s+not|n['\u2019]t)|fails?\s+to)\s+(?:\w+\s+)?"
    r"(?:provide|mention|contain|state|specify|say|include|disclose|give|answer|report|indicate|tell|allow)"
    r"|\bno\s+(?:\w+\s+)?(?:information|mention|data|evidence)\b[^.]{0,30}?\b(?:provided|given|available|found|in\s+the|about|on)\b"
    r"|\b(?:I|we|it\s+is)\s+(?:cannot|can['\u2019]?t|am\s+(?:not\s+able|unable)|are\s+(?:not\s+able|unable)|not\s+possible|impossible)\b"
    r"|\b(?:is|are|was|were)\s+not\s+(?:\w+\s+)?(?:provided|mentioned|disclosed|specified|stated|given|available)\b"
    r"|\bcannot\s+be\s+(?:determined|calculated|answered|found|computed)\b",
    re.IGNORECASE,
)
"""What says that a text is silent: no quote of that text bears it out."""

_PARTS = re.compile(r"[.,;:!?()]")
_REACH = 6  # words behind a negation of which the first that tells something is what it denies

_UP = tuple(
    """increas rais ris grow grew higher greater more gain improv enhanc elevat promot activ induc accelerat
    stimulat upregulat strengthen faster larger
    longer""".split()
)
_DOWN = tuple(
    """decreas reduc lower less fall fell declin drop diminish weaken worsen suppress inhibit block impair prevent
    slow fewer smaller shorter downregulat attenuat
    deplet""".split()
)
_STEPS = {"higher", "greater", "more", "faster", "larger", "longer", "lower", "less", "slower", "fewer", "smaller", "shorter"}


def directions(text: str) -> tuple[int, int]:
    """Returns how many words of a text say that something grows, and how many that it shrinks."""
    up = down = 0
    for word in words(text):
        form = word if word in _STEPS else next(iter(content(word)), "")
        up += form.startswith(_UP) if form not in _STEPS else form in _UP
        down += form.startswith(_DOWN) if form not in _STEPS else form in _DOWN
    return up, down


def likeness(claim: str, evidence: str) -> float:
    """Returns how well a text bears out a sentence, 0 to 1: its words are there, and its numbers, names and sense agree.

    Args:
        claim: A sentence.
        evidence: The text that is said to carry it.

    Example:
        >>> likeness("The trial lasted nine years.", "The trial lasted nine years.")
        1.0
        >>> likeness("It rose by 45%.", "It rose by 14%.") < 0.5
        True
    """
    terms = asked(worded(claim))
    stated = quantities(claim)
    if not terms and not stated:
        return 1.0 if words(claim) and " ".join(words(claim)) in " ".join(words(evidence)) else 0.0
    held = frozenset(content(evidence))
    missing = len(unheld(claim, evidence)) / len(stated) if stated else 0.0
    told = sum(value for term, value in terms.items() if term in held) + NUMBER * len(stated) * (1 - missing)
    score = told / (sum(terms.values()) + NUMBER * len(stated))
    if missing:
        score *= 0.49
    if _SILENT.search(claim) and not _SILENT.search(evidence):
        score *= 0.3
    if _denied(claim) & (held - _denied(evidence)) or _denied(evidence) & (frozenset(content(claim)) - _denied(claim)):
        score *= 0.45
    elif _denies(claim) != _denies(evidence):
        score *= 0.8
    if _opposed(claim, evidence):
        score *= 0.5
    return round(score, 4)


def _denies(text: str) -> bool:
    """Tells whether a text holds a word that negates."""
    return bool(negated(text))


def _denied(text: str) -> frozenset[str]:
    """Returns the stems of the words that a text denies: the first that tells something behind each negation."""
    found: set[str] = set()
    for part in _PARTS.split(text):
        said = words(part)
        for at, word in enumerate(said):
            if plain(word) in NEGATIONS:
                behind = [
                    one for one in said[at + 1 : at + 1 + _REACH] if not one.endswith("ly")
                ]  # "not significantly raised" denies raised
                found.update(content(" ".join(behind))[:1])
    return frozenset(found)


def _opposed(one: str, other: str) -> bool:
    """Tells whether one text only says up and the other only down."""
    (up, down), (rise, fall) = directions(one), directions(other)
    return bool((up and not down and fall and not rise) or (down and not up and rise and not fall))


def _why(claim: str, evidence: str) -> str:
    """Returns in one sentence what of a claim its quotes do not carry."""
    if strange := unheld(claim, evidence):
        return f"The number {strange[0]} does not stand in its quotes."
    if _denies(claim) != _denies(evidence):
        return "It denies what its quotes say, or the other way round."
    if _opposed(claim, evidence):
        return "It turns the direction of its quotes round."
    return "Its quotes do not hold what it says."
