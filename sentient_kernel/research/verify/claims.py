"""Whether a sentence is borne out by what it cites: the exact place first, then the words. Pure; no model.

It is made to be wrong on the safe side: a sentence whose number, sense or subject its quotes do not carry is marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sentient_kernel.errors import NotFound
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Verdict
from sentient_kernel.research.extractive.features import pointing
from sentient_kernel.research.verify.contradictions import DONE, against, clauses, names, opposed
from sentient_kernel.research.verify.quantities import quantities, unheld, worded
from sentient_kernel.research.verify.similarity import NEAR
from sentient_kernel.text.words import NEGATIONS, STOP, asked, content, negated, plain, words

__all__ = ["CUT", "Verification", "carried", "likeness", "verify"]

_PART = 0.25
"""How much of a sentence has to be held at least, for its meaning to count besides."""
_STATEMENT = 2.0
"""What the words of a clause count for together, from which on it is a statement of its own."""
_HELD = 0.4
"""The share of a statement that has to be held."""

NUMBER = 2.0
"""What a number counts for among the words of a sentence: as much as a name."""

CUT = 0.5
"""From this likeness on a sentence counts as borne out by its quotes."""


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


def verify(
    claim: str,
    citations: Sequence[Cited],
    text_of: Callable[[DocumentId], str | None],
    *,
    judged: str = "",
    near: float = 0.0,
) -> Verification:
    """Checks a sentence: first whether each quote stands at its place in the stored text, then whether they carry the sentence.

    Args:
        claim: The sentence as the report shows it.
        citations: What it cites.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: The words of its quotes by which a model takes it for borne out, where the rules find too little of its own words there.
        near: How near it is to its quotes in meaning, as an embedder sees it (:func:`sentient_kernel.research.verify.similarity.nearness`).
    """
    if not citations:
        return Verification(verdict="unsupported", reason="It cites nothing.")
    places: list[bool] = []
    for citation in citations:
        text = _text(text_of, citation.document)
        inside = text is not None and 0 <= citation.start < citation.end <= len(text)
        places.append(bool(inside and text is not None and text[citation.start : citation.end] == citation.quote))
    known = {citation.quote: _about(claim, citation) for citation, stands in zip(citations, places, strict=True) if stands}
    standing = list(known)
    if not standing:
        return Verification(verdict="misplaced", reason="Its quote does not stand in the stored document.", places=tuple(places))
    score = max(max(likeness(claim, quote, about) for quote, about in known.items()), _joined(claim, known))
    if _PART <= score < CUT and near >= NEAR and any(_meant(claim, quote, about) for quote, about in known.items()):
        why = "Borne out by its nearness in meaning, as the embedder sees it."
        return Verification(verdict="supported", score=score, reason=why, places=tuple(places))
    if score < CUT and judged and carried(claim, judged, standing):
        why = f"Borne out by a model's judgement, for the words “{judged}”."
        return Verification(verdict="supported", score=score, reason=why, places=tuple(places))
    if score < CUT:
        return Verification(verdict="unsupported", score=score, reason=_why(claim, known), places=tuple(places))
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
    held = _held(together)
    return (
        len(content(judged)) >= 2
        and any(" ".join(words(judged)) in " ".join(words(quote)) for quote in quotes)
        and all(term in held for term, value in asked(worded(claim)).items() if value == 2.0)
        and not unheld(claim, together)
        and _unopposed(claim, judged)
    )


def _meant(claim: str, evidence: str, about: str) -> bool:
    """Tells whether a text may mean what a sentence says: no number, name or denial of it is another one."""
    return (
        _unopposed(claim, evidence)
        and not unheld(claim, evidence)
        and not _strange(claim, _held(evidence), about)
        and not (_SILENT.search(claim) and not _SILENT.search(evidence))
    )


def _unopposed(claim: str, evidence: str) -> bool:
    """Tells whether nothing that the rules can see of its sense speaks against a sentence."""
    return _denies(claim) == _denies(evidence) and not opposed(claim, evidence) and against(claim, evidence) in ("", DONE)


def _about(claim: str, citation: Cited) -> str:
    """Returns what says whom a quote speaks of where it does not name it itself, or not in full.

    That is the title of its document, and the words before one that points back ("He kept bees."). A quote that begins with somebody of
    whom the sentence says nothing speaks of that one, whatever the title is.
    """
    title, before = getattr(citation, "title", ""), getattr(citation, "before", "")
    first = next(iter(words(citation.quote)), "")
    if pointing(citation.quote):
        return f"{title} {before}"
    return title if first in STOP or first in words(claim) or not citation.quote[:1].isupper() else ""


def _joined(claim: str, known: Mapping[str, str]) -> float:
    """Returns how well several quotes bear out a sentence of several statements: each has to be borne out by one of them."""
    parts = clauses(claim)
    if len(known) < 2 or len(parts) < 2:
        return 0.0
    return min(max(likeness(part, quote, about) for quote, about in known.items()) for part in parts)


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


def likeness(claim: str, evidence: str, about: str = "") -> float:
    """Returns how well a text bears out a sentence, 0 to 1: its words are there, and its numbers, names and sense agree.

    Args:
        claim: A sentence.
        evidence: The text that is said to carry it.
        about: What that text is about, such as its title: what it names need not be named again.

    Example:
        >>> likeness("The trial lasted nine years.", "The trial lasted nine years.")
        1.0
        >>> likeness("It rose by 45%.", "It rose by 14%.") < 0.5
        True
        >>> likeness("The trial lasted nine years and proved a cure.", "The trial lasted nine years.") < 0.5
        True
    """
    terms = asked(worded(claim))
    stated = quantities(claim)
    if not terms and not stated:
        return 1.0 if words(claim) and " ".join(words(claim)) in " ".join(words(evidence)) else 0.0
    held = _held(evidence)
    named = frozenset(content(about)) & frozenset(part for name in names(claim) for part in content(name))
    missing = len(unheld(claim, evidence)) / len(stated) if stated else 0.0
    told = sum(value for term, value in terms.items() if term in held | named) + NUMBER * len(stated) * (1 - missing)
    score = told / (sum(terms.values()) + NUMBER * len(stated))
    if missing:
        score *= 0.49
    if _SILENT.search(claim) and not _SILENT.search(evidence):
        score *= 0.3
    if _denied(claim) & (held - _denied(evidence)) or _denied(evidence) & (frozenset(content(claim)) - _denied(claim)):
        score *= 0.45
    elif _denies(claim) != _denies(evidence):
        score *= 0.8
    if opposed(claim, evidence) or against(claim, evidence):
        score *= 0.49
    if _strange(claim, held, about) or _loose(claim, held | named):
        score *= 0.7 if score * 0.7 < CUT else (CUT - 0.01) / score
    return round(score, 4)


def _held(evidence: str) -> frozenset[str]:
    """Returns the stems of a text, with and without its numbers: "6MP" holds a number, and is a name."""
    return frozenset(content(evidence)) | frozenset(content(worded(evidence)))


def _strange(claim: str, held: frozenset[str], about: str) -> str:
    """Returns a proper name of a sentence that neither the text nor what it is about holds."""
    known = held | frozenset(content(about))
    return next((name for name in names(claim) if not frozenset(content(name)) <= known), "")


def _loose(claim: str, held: frozenset[str]) -> str:
    """Returns a statement of a sentence of which next to nothing is held, though the rest may be."""
    terms = asked(worded(claim))
    for part in clauses(claim):
        mine = {term: terms[term] for term in content(worded(part)) if term in terms}
        whole = sum(mine.values())
        if len(mine) >= 2 and whole >= _STATEMENT and sum(value for term, value in mine.items() if term in held) < _HELD * whole:
            return part
    return ""


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


def _why(claim: str, known: Mapping[str, str]) -> str:
    """Returns in one sentence what of a claim its quotes do not carry."""
    evidence = " ".join(known)
    held = _held(evidence)
    if strange := unheld(claim, evidence):
        return f"The number {strange[0]} does not stand in its quotes."
    if _denies(claim) != _denies(evidence):
        return "It denies what its quotes say, or the other way round."
    if opposed(claim, evidence):
        return "It turns the direction of its quotes round."
    for quote in known:
        if what := against(claim, quote):
            return f"It says otherwise than its quote {what}."
    if name := _strange(claim, held, " ".join(known.values())):
        return f"Its quotes do not name “{name}”."
    if (part := _loose(claim, held)) and len(clauses(claim)) > 1:
        return f"Its quotes do not hold that “{part}”."
    if len(known) > 1 and likeness(claim, evidence) >= CUT:
        return "No quote alone holds what it says, though its words stand in them."
    return "Its quotes do not hold what it says."
