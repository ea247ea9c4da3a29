"""Whether a sentence is supported by what it cites: the exact place first, then the words, by rule;
and how similar a sentence is to its quotes in meaning. Pure; no model.

It is made to be wrong on the safe side: a sentence whose number, sense or subject its quotes do not
carry is marked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sentient_kernel.errors import NotFound
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Citation, Claim, Report, Verdict
from sentient_kernel.research.extractive.features import pointing
from sentient_kernel.research.verify.rules import CUT, RULES, Comparison, clauses, likeness
from sentient_kernel.text.words import STOP, content, words

PARTLY = 0.25
"""The least likeness at which an embedder may find a sentence supported: some of its words are
there.
"""
_NAMED = 2.0
"""What names and numbers count for among the words of a sentence."""
NEAR = 0.4
"""From here on, a sentence of whose words only some are held may mean what its quote says.
Measured on SciFact's claims with MiniLM: of 100 that their evidence supports 50 pass instead of
39, of those that it contradicts no more (18), of other sentences 5.
"""

Vector = Sequence[float]
TextOf = Callable[[DocumentId], str | None]
"""Gives the text of a stored document, or None when there is no such document."""
NOTHING: Mapping[str, Any] = MappingProxyType({})


def check_report(
    report: Report,
    text_of: TextOf,
    judged: Mapping[str, str] = NOTHING,
    near: Mapping[str, float] = NOTHING,
) -> Report:
    """Returns a report with a verdict on every sentence.

    Args:
        report: The report as it was written.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: By sentence the words of its quotes by which a model takes it for supported.
        near: By sentence its similarity to its quotes, 0 to 1.
    """
    return report.revised(
        lambda one: check_claim(one, text_of, judged.get(one.text, ""), near.get(one.text, 0.0))
    )


def check_claim(claim: Claim, text_of: TextOf, judged: str = "", near: float = 0.0) -> Claim:
    """Returns a sentence with its verdict: first whether each quote stands at its place in the
    stored text, then whether they carry the sentence.

    Args:
        claim: The sentence with what it cites.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: The words of its quotes by which a model takes it for supported, where the rules
            find too little of its own there.
        near: Its :func:`similarity` to its quotes, as an embedder sees it.
    """
    citations = tuple([replace(one, placed=_stands(one, text_of)) for one in claim.citations])
    about = {one.quote: _about(claim.text, one) for one in citations if one.placed}
    verdict: Verdict = "supported"
    score, reason = 0.0, ""
    if not about:
        verdict = "misplaced" if citations else "unsupported"
        reason = "Its quote does not stand in the stored document."
        reason = reason if citations else "It cites nothing."
    else:
        compared = [Comparison(claim.text, quote, title) for quote, title in about.items()]
        score = max(max([one.score() for one in compared]), _joined(claim.text, about))
        # a number, a name or the sense may speak against it, whatever a model or an embedder says
        free = [one for one in compared if not any([rule.final for rule in one.broken])]
        if score < CUT and score >= PARTLY and near >= NEAR and free:
            reason = f"Supported: the embedding is close to its quote ({near:.2f})."
        elif score < CUT and judged and carried(claim.text, judged, list(about)):
            reason = f"Supported: a model judged so, by the words “{judged}”."
        elif score < CUT:
            verdict, reason = "unsupported", _reason(claim.text, about, compared)
    good = verdict == "supported"
    citations = tuple([replace(one, verified=one.placed and good) for one in citations])
    return replace(claim, verdict=verdict, citations=citations, support=score, reason=reason)


def _stands(citation: Citation, text_of: TextOf) -> bool:
    """Tells whether a quote stands at its place in the stored text."""
    try:
        text = text_of(citation.document) or ""
    except NotFound:
        return False
    start, end = citation.start, citation.end
    return 0 <= start < end <= len(text) and text[start:end] == citation.quote


def _reason(claim: str, about: Mapping[str, str], compared: Sequence[Comparison]) -> str:
    """Returns in one sentence what of a claim its quotes do not carry."""
    together = compared
    if len(about) > 1:
        together = [Comparison(claim, " ".join(about), " ".join(about.values()))]
    for rule in RULES:
        for one in compared if rule.each else together:
            if rule in one.broken:
                return rule.says.format(one.broken[rule])
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
    against = [one for one in pointed.broken if one.final and one.group in ("denial", "sense")]
    if together.unheld or against:
        return False
    named = {term for term, worth in together.terms.items() if worth == _NAMED}
    return named <= together.held


def _about(claim: str, citation: Citation) -> str:
    """Returns what says whom a quote speaks of where it does not name it itself, or not in full.

    That is the title of its document, and the words before one that points back ("He kept bees.").
    A quote that begins with somebody of whom the sentence says nothing speaks of that one, whatever
    the title is.
    """
    if pointing(citation.quote):
        return f"{citation.title} {citation.before}"
    first = words(citation.quote)[:1]
    stranger = citation.quote[:1].isupper() and STOP.union(words(claim)).isdisjoint(first)
    return "" if stranger else citation.title


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


def similarity(claim: Vector, cited: Sequence[Vector], others: Sequence[Vector]) -> float:
    """Returns how near a sentence is to the nearest of its quotes: 0 as near as to any, 1 the same.

    It is the cosine similarity to them, normalised by the mean similarity to all quotes: embedders
    differ in how alike they find any two texts, so a likeness tells nothing by itself.

    Args:
        claim: Of the sentence.
        cited: Of the quotes that it cites.
        others: Of all quotes that it could cite, at least three: with fewer nobody can say what is
            usual.

    Example:
        >>> similarity([1.0, 0.0], [[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
        1.0
    """
    alike = [_cosine(claim, one) for one in others]
    if len(alike) < 3 or not cited:
        return 0.0
    usual = sum(alike) / len(alike)
    nearest = max(_cosine(claim, one) for one in cited)
    return round(max(0.0, (nearest - usual) / (1 - usual)), 4) if usual < 0.999 else 0.0


def _cosine(one: Vector, other: Vector) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    found = sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0
    return found if math.isfinite(found) else 0.0
