"""Whether a sentence is supported by what it cites: the exact place first, then the words, by rule.
Pure; no model.

It is made to be wrong on the safe side: a sentence whose number, sense or subject its quotes do not
    carry is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from sentient_kernel.errors import NotFound
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Claim, Report, Verdict
from sentient_kernel.research.extractive.features import pointing
from sentient_kernel.research.verify.contradictions import clauses
from sentient_kernel.research.verify.rules import CUT, RULES, Comparison, likeness
from sentient_kernel.research.verify.similarity import NEAR
from sentient_kernel.text.words import STOP, content, words

__all__ = ["Verification", "carried", "check_claim", "check_report", "verify"]

PARTLY = 0.25
"""The least likeness at which an embedder may find a sentence supported: some of its words are
there.
"""
_NAMED = 2.0
"""What names and numbers count for among the words of a sentence."""
NOBODY: Mapping[str, str] = MappingProxyType({})
NONE_NEAR: Mapping[str, float] = MappingProxyType({})


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
        reason: Why it is not supported, or who judged so where its words alone do not say so; else
            empty.
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
    """Checks a sentence: first whether each quote stands at its place in the stored text, then
    whether they carry the sentence.

    Args:
        claim: The sentence as the report shows it.
        citations: What it cites.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: The words of its quotes by which a model takes it for supported, where the rules
            find too little of its own there.
        near: Its similarity to its quotes, as an embedder sees it
            (:func:`sentient_kernel.research.verify.similarity.similarity`).
    """
    places = tuple([_stands(citation, text_of) for citation in citations])
    if not any(places):
        reason = (
            "Its quote does not stand in the stored document." if citations else "It cites nothing."
        )
        verdict: Verdict = "misplaced" if citations else "unsupported"
        return Verification(verdict=verdict, reason=reason, places=places)
    about = {
        one.quote: _about(claim, one)
        for one, stands in zip(citations, places, strict=True)
        if stands
    }
    compared = [Comparison(claim, quote, title) for quote, title in about.items()]
    score = max(max([one.score() for one in compared]), _joined(claim, about))
    supported, reason = True, ""
    if score < CUT:
        if score >= PARTLY and near >= NEAR and not all(_overruled(one) for one in compared):
            reason = f"Supported: the embedding is close to its quote ({near:.2f})."
        elif judged and carried(claim, judged, list(about)):
            reason = f"Supported: a model judged so, by the words “{judged}”."
        else:
            supported, reason = False, _reason(claim, about, compared)
    return Verification(
        verdict="supported" if supported else "unsupported",
        score=score,
        reason=reason,
        places=places,
    )


def _stands(citation: Cited, text_of: Callable[[DocumentId], str | None]) -> bool:
    """Tells whether a quote stands at its place in the stored text."""
    try:
        text = text_of(citation.document) or ""
    except NotFound:
        return False
    start, end = citation.start, citation.end
    return 0 <= start < end <= len(text) and text[start:end] == citation.quote


def _overruled(one: Comparison) -> bool:
    """Tells whether a number, a name or the sense of a sentence speaks against it, whatever a model
    or an embedder says.
    """
    return any(rule.final and one.breaks(rule) for rule in RULES)


def _reason(claim: str, about: Mapping[str, str], compared: Sequence[Comparison]) -> str:
    """Returns in one sentence what of a claim its quotes do not carry."""
    together = (
        compared
        if len(about) == 1
        else [Comparison(claim, " ".join(about), " ".join(about.values()))]
    )
    for rule in RULES:
        for one in compared if rule.each else together:
            if found := one.breaks(rule):
                return rule.says.format(found)
    if len(about) > 1 and together[0].score() >= CUT:
        return "No quote alone holds what it says, though its words stand in them."
    return "Its quotes do not hold what it says."


def carried(claim: str, judged: str, quotes: Sequence[str]) -> bool:
    """Tells whether a model may say that quotes carry a sentence in other words: the words it
    points to stand there, and no rule speaks against it: no number or name is missing, nothing is
    denied, no direction turned round.

    Args:
        claim: The sentence.
        judged: The words that the model points to.
        quotes: What the sentence cites, each standing at its place.

    Example:
        >>> carried("The device was well received.", "won a silver medal",
        ...     ["The hive won a silver medal at Graz."])
        True
        >>> carried("The device won 3 medals.", "won a silver medal",
        ...     ["The hive won a silver medal at Graz."])
        False
    """
    said = " ".join(words(judged))
    if len(content(judged)) < 2 or not any(said in " ".join(words(quote)) for quote in quotes):
        return False
    together, pointed = Comparison(claim, " ".join(quotes)), Comparison(claim, judged)
    if together.unheld or any(
        rule.final and rule.group in ("denial", "sense") and pointed.breaks(rule) for rule in RULES
    ):
        return False
    return all(term in together.held for term, worth in together.terms.items() if worth == _NAMED)


def _about(claim: str, citation: Cited) -> str:
    """Returns what says whom a quote speaks of where it does not name it itself, or not in full.

    That is the title of its document, and the words before one that points back ("He kept bees.").
    A quote that begins with somebody of whom the sentence says nothing speaks of that one, whatever
    the title is.
    """
    title, before = getattr(citation, "title", ""), getattr(citation, "before", "")
    first = next(iter(words(citation.quote)), "")
    if pointing(citation.quote):
        return f"{title} {before}"
    return (
        title if first in STOP or first in words(claim) or not citation.quote[:1].isupper() else ""
    )


def _joined(claim: str, about: Mapping[str, str]) -> float:
    """Returns how well several quotes support a sentence of several statements: each has to be
    supported by one of them.
    """
    parts = clauses(claim)
    if len(about) < 2 or len(parts) < 2:
        return 0.0
    return min(
        [max([likeness(part, quote, title) for quote, title in about.items()]) for part in parts]
    )


def check_report(
    report: Report,
    text_of: Callable[[DocumentId], str | None],
    judged: Mapping[str, str] = NOBODY,
    near: Mapping[str, float] = NONE_NEAR,
) -> Report:
    """Returns a report with a verdict on every sentence.

    Args:
        report: The report as it was written.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: By sentence the words of its quotes by which a model takes it for supported.
        near: By sentence its similarity to its quotes, 0 to 1.
    """
    claims = [
        check_claim(one, text_of, judged.get(one.text, ""), near.get(one.text, 0.0))
        for one in report.claims
    ]
    disagreements = []
    for one in report.disagreements:
        first, second = one.sides
        disagreements.append(
            replace(one, sides=(check_claim(first, text_of), check_claim(second, text_of)))
        )
    return replace(report, claims=tuple(claims), disagreements=tuple(disagreements))


def check_claim(
    claim: Claim, text_of: Callable[[DocumentId], str | None], judged: str = "", near: float = 0.0
) -> Claim:
    """Returns a claim with its verdict; the arguments are those of :func:`verify`."""
    found = verify(claim.text, claim.citations, text_of, judged=judged, near=near)
    good = found.verdict == "supported"
    pairs = zip(claim.citations, found.places, strict=True)
    citations = tuple(
        [replace(one, placed=stands, verified=stands and good) for one, stands in pairs]
    )
    return replace(
        claim, verdict=found.verdict, citations=citations, support=found.score, reason=found.reason
    )
