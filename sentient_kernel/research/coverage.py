"""How well a report answers what was asked; whether its quotes stand at their place is another
question.

Pure. Rules cannot read meaning, so they claim little: a part counts as answered when nothing that
it names is missing, and one sentence of the answer holds what it asks about, its measure or kind
(money for a price), and what a question of yes or no asks of it: most of its words where the search
stood out, else all of them. Measured so, COVID-QA's answer stands
in 72 of 100 such answers and in 88 of 100 such reports; of XQuAD's questions, which its documents
have no answer to, 2 in 1,000 count as answered (``python -m tests.bench.evidence --set covidqa``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sentient_kernel.report.report import Claim, Coverage, Level
from sentient_kernel.research.extractive.features import body, defines, wanted
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.sought import sought
from sentient_kernel.research.extractive.support import Support
from sentient_kernel.text.words import KIND, asked, content, titled, words

SURE = 3.8
"""From this score of :func:`.support.supported` on, what was found counts as an answer."""
HELD = 0.65
"""The share of what a part asks that a sentence of the answer holds, with its title."""
ALL = 0.95
"""The same where the search did not stand out."""
UNSURE = frozenset(("deep", "wid", "tall", "high", "thick", "near"))
"""Words for a kind whose measure does not tell it: metres may be deep or high."""
ENOUGH_ASKED = 2
"""What a question says at least that is answered though the search did not stand out."""

STANDING = ("supported", "unchecked")
"""Verdicts of sentences that count."""
MEANT = 0.7
"""What is missing is a part of the question when it has more than this share of its words."""


def judged(
    parts: Sequence[SubQuestion], claims: Sequence[Claim], supports: Mapping[int, Support]
) -> Coverage:
    """Returns how well the sources' own sentences answer a question.

    Args:
        parts: What is asked, the whole question first.
        claims: The sentences of the report.
        supports: By sub-question whether what was found can answer it.
    """
    asked_for = len(_own(parts))
    if not any(claim.verdict in STANDING for claim in claims):
        return Coverage(level="nothing", asked=asked_for)
    answered = asked_for - len(left_open(parts, claims, supports))
    level: Level = "all" if answered == asked_for else "some" if answered else "near"
    return Coverage(level=level, asked=asked_for, answered=answered)


def left_open(
    parts: Sequence[SubQuestion], claims: Sequence[Claim], supports: Mapping[int, Support]
) -> list[SubQuestion]:
    """Returns the parts of a question that no sentence of the answer counts as an answer to.

    Args:
        parts: What is asked, the whole question first.
        claims: The sentences of the report.
        supports: By sub-question whether what was found can answer it.
    """
    lead = [claim for claim in claims if claim.lead and claim.verdict in STANDING]
    sides = [part for part in parts if part.kind == "side"]
    return [part for part in _own(parts) if not _answers(part, lead, supports.get(part.id), sides)]


def _own(parts: Sequence[SubQuestion]) -> list[SubQuestion]:
    """Returns what is asked for by itself: the parts that the question sets apart, or the whole."""
    return [part for part in parts if part.kind == "part"] or list(parts[:1])


def written(
    parts: Sequence[SubQuestion], claims: Sequence[Claim], missing: Sequence[str]
) -> Coverage:
    """Returns how well checked sentences of a model, which says itself what is missing, answer.

    Args:
        parts: What is asked, as rules take it apart, the whole question first.
        claims: The sentences of the report.
        missing: What the report says is not answered.
    """
    own = _own(parts)
    if not any(claim.verdict == "supported" for claim in claims):
        return Coverage(level="near" if claims else "nothing", asked=len(own))
    if not missing:
        return Coverage(level="all", asked=len(own), answered=len(own))
    # Which part is meant is known only where it is named in its own words.
    named = sum(any(_meant(part, text) for text in missing) for part in own)
    return Coverage(level="some", asked=len(own), answered=len(own) - named if named else 0)


def _meant(part: SubQuestion, missing: str) -> bool:
    """Tells whether what is missing is a part of a question: it has most of its words."""
    terms, told = asked(part.text), frozenset(content(missing))
    return sum(value for term, value in terms.items() if term in told) > MEANT * sum(terms.values())


def _answers(
    part: SubQuestion, lead: Sequence[Claim], support: Support | None, sides: Sequence[SubQuestion]
) -> bool:
    """Tells whether a part is answered by the sentences of the answer.

    What compares is answered by those on both sides together, or when each side is told what it is.
    """
    if support is None or not support.ok or support.names:
        return False
    if (
        part.kind == "whole"
        and sides
        and all(any(_tells(claim, side) for claim in lead) for side in sides)
    ):
        return True
    own = [claim for claim in lead if part.kind == "whole" or claim.part == part.id]
    if sides and own:  # what compares is told by several sentences together
        return support.score >= SURE and _fits(part, own)
    share = HELD if support.score >= SURE else ALL
    if (
        share == ALL
        and sum(value for value in sought(part.query).terms.values() if value > KIND) < ENOUGH_ASKED
    ):
        return False
    return any(_fits(part, [claim], share) for claim in own)


def _fits(part: SubQuestion, told: Sequence[Claim], share: float = HELD) -> bool:
    """Tells whether sentences hold what a part asks about, its measure, and what it asks of it.

    Args:
        part: What is asked.
        told: Sentences that count as one.
        share: How much of the words of the part they hold at least, with their titles.
    """
    asks = sought(part.query)
    terms = sought(part.text).terms if part.kind == "part" else asks.terms
    # "for how long?" is asked of what the question names
    if all(value < 1 for value in terms.values()):
        terms = asks.terms
    text = " ".join(claim.text for claim in told)
    said = frozenset(asks.read(text))
    titles = (one.title for claim in told for one in claim.citations[:1])
    held = said.union(*(titled(title).union(asks.read(title)) for title in titles))
    thing, done = asks.counted, asks.deed
    needed = {
        term for term, value in terms.items() if value == 2 or (value >= 1 and term in thing)
    } | done
    if (
        not needed <= held
        or not asks.of_form <= held
        or (done and not done & said)
        or not said & terms.keys()
    ):
        return False
    telling = {
        term: value for term, value in terms.items() if value > KIND or term in UNSURE
    } or terms
    if sum(value for term, value in telling.items() if term in held) < share * sum(
        telling.values()
    ):
        return False
    signs = asks.signs or wanted(part.query, first=True)
    return all(sign.search(text) for sign in signs)


def _tells(claim: Claim, side: SubQuestion) -> bool:
    """Tells whether a sentence says what one of two things compared is."""
    title = claim.citations[0].title if claim.citations else ""
    named = body(claim.text, title) != claim.text or defines(claim.text, words(side.query))
    return claim.part == side.id and named
