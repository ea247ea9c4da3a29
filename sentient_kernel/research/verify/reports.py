"""A report with a verdict on every sentence. Pure, but for the texts that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Claim, Report
from sentient_kernel.research.verify.claims import verify

__all__ = ["check_claim", "check_report"]

NOBODY: Mapping[str, str] = MappingProxyType({})
NONE_NEAR: Mapping[str, float] = MappingProxyType({})


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
        near: By sentence its cosine similarity to its quotes, 0 to 1.
    """

    def look(claim: Claim) -> Claim:
        return check_claim(claim, text_of, judged.get(claim.text, ""), near.get(claim.text, 0.0))

    def alone(claim: Claim) -> Claim:
        return check_claim(claim, text_of)

    return replace(
        report,
        claims=tuple(look(claim) for claim in report.claims),
        disagreements=tuple(replace(one, sides=(alone(one.sides[0]), alone(one.sides[1]))) for one in report.disagreements),
    )


def check_claim(claim: Claim, text_of: Callable[[DocumentId], str | None], judged: str = "", near: float = 0.0) -> Claim:
    """Returns a claim with its verdict.

    Args:
        claim: The claim.
        text_of: Gives the text of a stored document, or None when there is no such document.
        judged: The words of its quotes by which a model takes it for supported.
        near: Its cosine similarity to its quotes, 0 to 1.
    """
    found = verify(claim.text, claim.citations, text_of, judged=judged, near=near)
    places = found.places or (False,) * len(claim.citations)
    good = found.verdict == "supported"
    marked = tuple(replace(one, placed=stands, verified=stands and good) for one, stands in zip(claim.citations, places, strict=True))
    return replace(claim, verdict=found.verdict, citations=marked, support=found.score, reason=found.reason)
