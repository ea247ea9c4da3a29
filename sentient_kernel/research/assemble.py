"""Makes a report of what a model wrote: each sentence with the quotes it points to, checked like
any other. Pure.

The model chooses quotes by number; it never writes one. So every quotation is a source's own,
whatever the model says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sentient_kernel.report.report import Claim, Gap, Report
from sentient_kernel.research.extractive.disagree import disagreements
from sentient_kernel.research.extractive.evidence import FLOOR, Evidence
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.support import supports
from sentient_kernel.research.extractive.write import source_notes, unanswered
from sentient_kernel.sources.base import Health, Passage
from sentient_kernel.text.words import content

LEADS = 2
"""Sentences that make the answer, at most."""

Sentences = Sequence[tuple[str, tuple[int, ...]]]


def assemble(
    question: str,
    plan: Sequence[SubQuestion],
    evidence: Sequence[Evidence],
    sentences: Sentences,
    missing: Sequence[str],
    healths: Sequence[Health],
    found: Mapping[int, Sequence[Passage]],
) -> Report:
    """Returns a report of written sentences, not yet checked; without any, that of a model that
    says that no quote answers the question.

    Args:
        question: What was asked.
        plan: What it asks, part by part.
        evidence: The quotes that the model was shown, in their order.
        sentences: What it wrote, each with the places of the quotes it cites.
        missing: What it says the quotes do not answer.
        healths: How the sources are doing.
        found: What the searches gave, by sub-question.
    """
    claims = claims_from(sentences, evidence)
    cited = [claim for claim in claims if claim.citations][:LEADS]
    lead = cited[: 1 if len(cited) == 1 or len(cited[0].text) > 240 else LEADS] if cited else []
    claims = [replace(claim, lead=claim in lead) for claim in claims]
    # whether the others are answered, the model says, not their words
    empty = [part for part in plan if part.id and not found.get(part.id)]
    gaps = unanswered(empty, {}, (), healths, supports(empty, {}))
    report = Report(
        question=question,
        answer=" ".join(claim.text for claim in lead) or "Nothing in the sources answers this.",
        claims=tuple(claims),
        abstained=not claims,
        parts=tuple(part.text for part in plan),
        unanswered=(*gaps, *missed(missing, gaps)),
        disagreements=disagreements(_near(evidence)),
    )
    return replace(report, sources=source_notes(healths, found, report))


def _near(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Returns the evidence that is about the question by its words: what a model is shown besides
    would seem to contradict it.
    """
    best = max((one.score for one in evidence), default=0.0)
    return [one for one in evidence if one.score >= FLOOR * best]


def missed(missing: Sequence[str], known: Sequence[Gap]) -> list[Gap]:
    """Returns what a model says is not answered, beside what is known to be."""
    reason = "The model found no quote that answers this."
    return [
        Gap(question=text, reason=reason)
        for text in missing
        if all(gap.question != text for gap in known)
    ]


def claims_from(sentences: Sentences, evidence: Sequence[Evidence]) -> list[Claim]:
    """Returns written sentences as claims with the citations they point to."""
    claims = []
    for text, places in sentences:
        cited = [evidence[place] for place in places if place < len(evidence)]
        part = min((one.part for one in cited), default=0)
        claims.append(Claim(text=text, citations=tuple([one.citation for one in cited]), part=part))
    return claims


def mended(report: Report, repaired: Sequence[Claim]) -> Report:
    """Returns a checked report in which unsupported sentences gave way to those that were written
    anew and are supported.

    Args:
        report: The report as it was checked.
        repaired: The new sentences, checked. Those that are not supported either are left out: the
            old ones then stay, marked.
    """
    known = {claim.text for claim in report.claims}
    good = [claim for claim in repaired if claim.verdict == "supported" and claim.text not in known]
    claims: list[Claim] = []
    for claim in report.claims:
        if claim.verdict == "supported" or not good:
            claims.append(claim)
            continue
        nearest = max(good, key=lambda one: _alike(one.text, claim.text))
        if _alike(nearest.text, claim.text) > 0:
            good.remove(nearest)
            claims.append(replace(nearest, lead=claim.lead, part=claim.part))
        else:
            claims.append(claim)
    answer = " ".join(claim.text for claim in claims if claim.lead)
    return replace(report, claims=tuple(claims), answer=answer or report.answer)


def answered(report: Report) -> Report:
    """Returns a checked report whose answer is made of supported sentences; where the first ones
    are not, the next best lead.
    """
    good = [claim for claim in report.claims if claim.verdict == "supported"]
    lead = [claim for claim in good if claim.lead] or good[:1]
    claims = tuple(replace(claim, lead=claim in lead) for claim in report.claims)
    return replace(report, claims=claims, answer=" ".join(claim.text for claim in lead))


def weak(report: Report) -> list[Claim]:
    """Returns the sentences that their quotes do not carry."""
    return [claim for claim in report.claims if claim.verdict != "supported"]


def by_judgement(report: Report) -> list[tuple[str, str]]:
    """Returns the sentences that count as supported because a model or an embedder says so, each
    with who.
    """
    return [
        (claim.text, claim.reason)
        for claim in report.claims
        if claim.verdict == "supported" and claim.reason
    ]


def _alike(one: str, other: str) -> float:
    a, b = set(content(one)), set(content(other))
    return len(a & b) / len(a | b) if a | b else 0.0
