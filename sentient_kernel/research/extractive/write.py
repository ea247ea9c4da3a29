"""Writes a report from evidence, without a model: the sources' own sentences, in order, each with
what it cites. Pure.

Nothing is put in anybody's mouth: a sentence is shown as it stands in its source, cleaned of
    markup; its quote stays verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter

from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.report.markdown import count
from sentient_kernel.report.report import Citation, Claim, Gap, Report, SourceNote
from sentient_kernel.research.coverage import judged, left_open
from sentient_kernel.research.extractive.disagree import disagreements
from sentient_kernel.research.extractive.evidence import CONTEXT, Evidence
from sentient_kernel.research.extractive.features import (
    body,
    clean,
    entry,
    heading,
    path,
    pointing,
    row,
)
from sentient_kernel.research.extractive.noise import Kind, excused, noise, noisy
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.support import Support, listed, supports
from sentient_kernel.sources.base import Health, Passage
from sentient_kernel.text.words import content, negated, numbers

ANSWER = 3
"""An answer has at most so many sentences."""
NEAR = 0.75
"""A sentence joins the answer when its score is at least this share of the best one's."""
CLOSEST = "The rules found no sentence that answers this; the closest passages are shown."
ADJACENT = 3
"""So many characters lie at most between two sentences that follow one another."""
FULL_ROW = 0.75
"""A row of a table can be the answer when it holds this share of what is asked."""
_SEVERAL = re.compile(
    r"\bhow (?:to|can|should|do (?:i|you|we|they|people))\b|\bsteps?\b|\blist\b"
    r"|\b(?:reasons|causes|ways|recommendations|measures|steps|items|points|rules|factors"
    r"|things)\b",
    re.I,
)
"""Questions whose answer may be a list."""
_ITEM = re.compile(r"\s*(?:[-*+\u2022]|\(?\d{1,3}[.)])\s")
ENDS = ".!?\u2026\u3002\uff01\uff1f\"'\u201d\u2019)"
"""Signs that a sentence ends with."""
CRISP = 30
"""An answer prefers sentences of up to so many words; each further word costs a hundredth."""

MOST_SPARE = 3
"""Statements that are shown at most where there is nothing better."""
ROW = 0.55
"""A row of a table is shown when it holds at least this share of what is asked.

The other rows of its table come near anything.
"""
FULL = 4
"""A statement of so many telling words is left out where another has them all."""
SPARE: frozenset[Kind] = frozenset(("", "figures", "fragment"))
"""Kinds that are shown where there is nothing better: a heading, a row, a few words."""


@dataclass(slots=True)
class _Statement:
    """A sentence of the report being written.

    Args:
        first: The piece of evidence that says it best.
        text: As it is shown.
        citations: All that say it.
        terms: The stems of what it says.
        head: The name that it says what it is of: ``os.walk: ``; empty when it says it of none.
        named: The stems of what its document is called.
    """

    first: Evidence
    text: str
    citations: list[Citation]
    terms: frozenset[str]
    head: str
    named: frozenset[str]

    @property
    def worth(self) -> float:
        """How well it serves as an answer: to the point, and what it says is in its own words, not
        only around it.
        """
        long = 0.01 * max(0, len(self.text.split()) - CRISP)
        return self.first.score + self.first.cover - long


def write(
    question: str,
    plan: Sequence[SubQuestion],
    evidence: Sequence[Evidence],
    healths: Sequence[Health] = (),
    *,
    found: Mapping[int, Sequence[Passage]],
) -> Report:
    """Returns a report made of evidence, its sentences not yet checked; one that abstains when
    nothing answers the question.

    Args:
        question: What was asked.
        plan: What it asks, part by part.
        evidence: What was picked, best first.
        healths: How the sources are doing.
        found: What the searches gave, by sub-question.
    """
    held = supports(plan, found)
    # sides are not asked for by themselves
    own = [part.id for part in plan if part.kind == "part" and held[part.id].ok]
    worth = bool(own) or held[plan[0].id].shown
    shown = _statements(evidence, excused(plan[0].query)) if worth else []
    report = Report(
        question=question,
        parts=tuple([part.text for part in plan]),
        unanswered=unanswered(plan, found, evidence, healths, held),
        coverage=judged(plan, (), held),
    )
    if not shown:
        silent = [health.reason for health in healths if health.reason and not health.documents]
        if healths and len(silent) == len(healths) and not any(found.values()):
            said = f"No source could be searched. {silent[0]}"
        else:
            said = f"Nothing in the sources answers this. {held[plan[0].id].reason}"
        report = replace(report, answer=said.strip(), abstained=True)
        return replace(report, sources=source_notes(healths, found, report))
    sides = [part.id for part in plan if part.kind == "side"]
    lead = _compared(shown, sides) or (not own and _series(question, shown)) or _answer(shown, own)
    claims = [
        Claim(
            text=one.text,
            citations=tuple(one.citations),
            part=one.first.part,
            lead=at < len(lead),
        )
        for at, one in enumerate([*lead, *_others(shown, lead)])
    ]
    coverage = judged(plan, claims, held)
    told = [
        gap for gap in report.unanswered if coverage.level != "some" or gap.question != plan[0].text
    ]
    known = [gap.question for gap in told]
    for part in left_open(plan, claims, held):
        if part.text not in known:
            told.append(Gap(question=part.text, reason=CLOSEST))
    # a row of a table ends like a sentence
    answer = [one.text if one.text[-1:] in ENDS else f"{one.text}." for one in lead]
    report = replace(
        report,
        answer=" ".join(answer),
        claims=tuple(claims),
        disagreements=disagreements(evidence),
        coverage=coverage,
        unanswered=tuple(told),
    )
    return replace(report, sources=source_notes(healths, found, report))


def _answer(shown: Sequence[_Statement], parts: Sequence[int]) -> list[_Statement]:
    """Returns the statements that make the answer: the best one of each part, then what comes near
    the best of all.

    Args:
        shown: What can be shown.
        parts: The parts that the question sets apart and that are answered.
    """
    ranked = sorted(_able(shown), key=attrgetter("worth"), reverse=True)
    # an entry of a list may be all that answers a part
    others = sorted(shown, key=attrgetter("worth"), reverse=True)
    chosen: list[_Statement] = []
    for part in parts:
        chosen += [one for one in [*ranked, *others] if one.first.part == part][:1]
    chosen = chosen[:ANSWER] or _with_its_subject(others, ranked[0]) or ranked[:1]
    near = NEAR * ranked[0].worth
    more = [one for one in ranked if one not in chosen and one.worth >= near]
    chosen += more[: ANSWER - len(chosen)]
    if not parts:
        return [chosen[0], *_in_order(chosen[1:])]
    return sorted(_in_order(chosen), key=lambda one: one.first.part or max(parts) + 1)


def _with_its_subject(others: Sequence[_Statement], able: _Statement) -> list[_Statement]:
    """Returns the best statement with the one before it, where it says "it" and fits better than
    what stands alone.
    """
    best = others[0]
    better = best.first.cover > able.first.cover and best.worth > able.worth
    if not pointing(best.text) or not better:
        return []
    for one in others:
        apart = best.first.start - one.first.end
        if one.first.document == best.first.document and 0 < apart <= ADJACENT:
            return [] if pointing(one.text) else [one, best]
    return []


def _series(question: str, shown: Sequence[_Statement]) -> list[_Statement]:
    """Returns the first entries of a list that answers what asks for several things, in their
    order.
    """
    if not _SEVERAL.search(question[:2_000]):
        return []
    entries: dict[str, list[_Statement]] = {}
    for one in shown:
        if _ITEM.match(one.first.quote):
            entries.setdefault(one.first.document, []).append(one)
    lists = [some for some in entries.values() if len(some) > 1]
    best = max(lists, key=lambda some: max([one.worth for one in some]), default=[])
    least = NEAR * max([one.first.cover for one in shown])
    fits = any([one.first.cover >= least for one in best])
    return _in_order(best)[:ANSWER] if fits else []


def _able(shown: Sequence[_Statement]) -> Sequence[_Statement]:
    """Returns what can stand alone: no heading, no half formula, no entry of a list, nothing that
    needs what is before it; all where nothing can.
    """
    able: list[_Statement] = []
    prose: list[_Statement] = []
    for one in shown:
        ends = one.text.rstrip("\"'\u201d\u2019)").endswith((".", "!", "\u3002", "\uff01"))
        whole = ends or (one.first.shown and one.first.cover >= FULL_ROW)
        if whole and not pointing(one.text):
            able.append(one)
            if not entry(one.first.before.rpartition("\n")[2] + one.first.quote):
                prose.append(one)
    return prose or able or shown


def _in_order(shown: Sequence[_Statement]) -> list[_Statement]:
    """Returns statements with those of one document in its own order, the document named first
    before the others.
    """
    documents = [one.first.document for one in shown]
    return sorted(shown, key=lambda one: (documents.index(one.first.document), one.first.start))


def _compared(shown: Sequence[_Statement], sides: Sequence[int]) -> list[_Statement]:
    """Returns the best statement on each side of a comparison, in the order of the question; none
    when a side has none.
    """
    best: list[_Statement] = []
    for side in sides:
        told = [one for one in shown if one.first.part == side and not pointing(one.text)]
        best += sorted(told, key=attrgetter("worth"), reverse=True)[:1]
    return best if len(best) == len(sides) else []


def _others(shown: Sequence[_Statement], lead: Sequence[_Statement]) -> list[_Statement]:
    """Returns the statements beside the answer as one reads them: part by part, the best document
    first, within a document in its own order.
    """
    best: dict[tuple[int, str], float] = {}
    for one in shown:
        key = (one.first.part, one.first.document)
        best[key] = max(best.get(key, one.first.score), one.first.score)
    return sorted(
        [one for one in shown if one not in lead],
        key=lambda one: (
            one.first.part,
            -best[one.first.part, one.first.document],
            one.first.document,
            one.first.start,
        ),
    )


def _statements(evidence: Sequence[Evidence], about: frozenset[Kind]) -> list[_Statement]:
    """Returns what can be shown, the same statement once with all that say it.

    Args:
        evidence: What was picked, best first.
        about: Kinds of noise that the question is about, so that they are statements here.

    Returns:
        Statements in the order of the evidence; headings and the like only where there is nothing
        else.
    """
    quoted = {(one.document, one.end) for one in evidence}
    found: list[_Statement] = []
    spare: list[_Statement] = []
    for one in evidence:
        whole, complete = _complete(one, quoted)
        text = clean(one.shown or whole.quote)
        said = body(text, one.title)
        new = _Statement(
            first=one,
            text=text,
            citations=[whole.citation],
            terms=frozenset(content(said)),
            head=text.removesuffix(said),
            named=frozenset(content(path(one.title)[-1])),
        )
        if not content(text) or _known(new, found):
            continue
        if complete and _says(one, text, about):
            found.append(new)
        elif noise(text) in SPARE:
            spare.append(new)
    return found or spare[:MOST_SPARE]


def _known(new: _Statement, found: Sequence[_Statement]) -> bool:
    """Tells whether a statement adds nothing to those that were found; one that says the same gets
    its citation.
    """
    for other in found:
        same = _same(new, other)
        if same and new.citations[0].place not in [one.place for one in other.citations]:
            other.citations += new.citations
        if same or _adds_nothing(new, other):
            return True
    return False


def _says(one: Evidence, text: str, about: frozenset[Kind]) -> bool:
    """Tells whether a piece of evidence says something by itself: prose, or a row of a table that
    is about what is asked.
    """
    if row(one.quote):
        return one.cover >= ROW and not one.quote.rstrip().endswith("?")
    if noisy(text, about) or noisy(one.quote, about) or heading(one.quote, one.after):
        return False
    return not text.endswith(("?", "\uff1f", "\u061f"))


def _complete(one: Evidence, quoted: set[tuple[DocumentId, int]]) -> tuple[Evidence, bool]:
    """Returns a piece of evidence, with the sentence before it where it points back to that, and
    whether it can stand alone.
    """
    at, complete = len(one.before) - one.lead, True
    if not one.lead:
        # where the sentence before it is quoted too, that will stand before it
        follows = any([(one.document, one.start - gap) in quoted for gap in (1, 2, 3)])
        if not pointing(one.quote) or follows:
            return one, True
        before = sentences(one.before)
        at = before[-1][0] if before else 0
        lead = one.before[at:]
        cut = at == 0 and len(one.before) >= CONTEXT  # its beginning is not known
        if cut or "\n\n" in lead or noisy(lead) or len(lead.split()) < 3:
            return one, False
        complete = not pointing(lead)
    start = one.start - len(one.before) + at
    quote = one.before[at:] + one.quote
    return replace(one, start=start, quote=quote, before=one.before[:at]), complete


def _same(one: _Statement, other: _Statement) -> bool:
    """Tells whether two statements say the same, with the same numbers and without one of them
    denying it.
    """
    alike = one.terms and len(one.terms & other.terms) >= 0.7 * len(one.terms | other.terms)
    if not alike or one.head != other.head:  # the same may be said of another thing
        return False
    return _agree(one, other) and not (one.terms ^ other.terms) & (one.named | other.named)


def _agree(one: _Statement, other: _Statement) -> bool:
    same = numbers(one.text) == numbers(other.text)
    return same and negated(one.text) == negated(other.text)


def _adds_nothing(one: _Statement, other: _Statement) -> bool:
    """Tells whether a statement says nothing beside another.

    All its words are there, or it says the same of a sibling: of ``iloc`` what the other says of
    ``loc``.
    """
    both = one.terms & other.terms
    if both and one.terms ^ other.terms <= one.named | other.named and _agree(one, other):
        return True
    least = max(FULL, len(one.terms))
    if one.head and other.head:
        least = max(2, min(len(one.terms), len(other.terms)))
    if len(both) < least or numbers(one.text) - numbers(other.text):
        return False
    return negated(one.text) == negated(other.text)


def unanswered(
    plan: Sequence[SubQuestion],
    found: Mapping[int, Sequence[Passage]],
    evidence: Sequence[Evidence],
    healths: Sequence[Health],
    held: Mapping[int, Support],
) -> tuple[Gap, ...]:
    """Returns the parts of a question that stay open, with the reason for each and source by
    source.

    Args:
        plan: What was asked, part by part.
        found: What the searches gave, by sub-question.
        evidence: What was picked from it.
        healths: How the sources are doing.
        held: By sub-question whether what was found can answer it.
    """
    gaps: list[Gap] = []
    for part in plan:
        support = held[part.id]
        if not support.ok or (part.id == 0 and not evidence):
            reason = support.reason or "No sentence of what was found fits."
            passages = found.get(part.id, ())
            sources = [
                (one.source, _reason(one, len(_through(one, healths, passages)))) for one in healths
            ]
            gaps.append(Gap(question=part.text, reason=reason, sources=tuple(sources)))
        elif part.id == 0 and support.names:  # the topic is there, the detail is not
            reason = f"Nothing that was found mentions {listed(support.names)}."
            gaps.append(Gap(question=part.text, reason=reason))
    return tuple(gaps)


def _reason(health: Health, given: int) -> str:
    """Returns why a source brought no answer."""
    if health.reason:
        return health.reason
    documents = count(health.documents, "document")
    if given:
        # a search engine holds none
        held = f" of its {documents}" if health.documents else ""
        reason = f"{count(given, 'passage')}{held} came near; none answers."
    elif health.documents:
        reason = f"None of its {documents} shares a word with the question."
    else:
        reason = "It holds no documents."
    unread = len(health.refused)
    return f"{reason} {count(unread, 'document')} could not be read." if unread else reason


def _through(
    health: Health, healths: Sequence[Health], found: Iterable[Passage | Citation]
) -> list[DocumentId]:
    """Returns the documents of what came through a source; an only source gave what names none."""
    named = {health.source} if len(healths) > 1 else {health.source, ""}
    return [one.document for one in found if one.source in named]


def source_notes(
    healths: Sequence[Health], found: Mapping[int, Sequence[Passage]], report: Report
) -> tuple[SourceNote, ...]:
    """Returns what each source was asked and gave, for the report.

    Args:
        healths: How the sources are doing.
        found: What the searches gave, by sub-question.
        report: The report, to count what it cites.
    """
    passages = {}
    for one in chain.from_iterable(found.values()):
        passages[one.document, one.start, one.end] = one
    notes = []
    for health in healths:
        given = len(_through(health, healths, passages.values()))
        cited = len(set(_through(health, healths, report.citations)))
        notes.append(
            SourceNote(
                source=health.source,
                documents=health.documents,
                found=given,
                cited=cited,
                refused=health.refused,
                reason=health.reason or ("" if cited else _reason(health, given)),
            )
        )
    return tuple(notes)
