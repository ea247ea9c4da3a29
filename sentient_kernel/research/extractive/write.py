"""Writes a report from evidence, without a model: the sources' own sentences, in order, each with
what it cites. Pure.

Nothing is put in anybody's mouth: a sentence is shown as it stands in its source, cleaned of
    markup; its quote stays verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sentient_kernel.ids import RunId
from sentient_kernel.report.report import Claim, Gap, Report, SourceNote
from sentient_kernel.research.coverage import judged, left_open
from sentient_kernel.research.extractive.disagree import disagreements
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.features import entry, pointing
from sentient_kernel.research.extractive.form import subject
from sentient_kernel.research.extractive.noise import excused
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.extractive.statements import Statement, statements
from sentient_kernel.research.extractive.support import Support, listed, supports
from sentient_kernel.sources.base import Health, Passage

__all__ = ["source_notes", "unanswered", "write"]

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
CRISP = 30
"""An answer prefers sentences of up to so many words; each further word costs a hundredth."""


def write(
    question: str,
    plan: Sequence[SubQuestion],
    evidence: Sequence[Evidence],
    healths: Sequence[Health] = (),
    *,
    found: Mapping[int, Sequence[Passage]] | None = None,
    run_id: str = "",
) -> Report:
    """Returns a report made of evidence, its sentences not yet checked; one that abstains when
    nothing answers the question.

    Args:
        question: What was asked.
        plan: What it asks, part by part.
        evidence: What was picked, best first.
        healths: How the sources are doing.
        found: What the searches gave, by sub-question; without it the evidence alone tells whether
            there is enough.
        run_id: The run that writes.
    """
    passages = _passages(evidence) if found is None else found
    plan = plan or (SubQuestion(id=0, text=question, query=subject(question)),)
    held = supports(plan, passages)
    support = held[plan[0].id]
    worth = support.shown or any(held[part.id].ok for part in plan if part.kind == "part")
    shown = statements(evidence, excused(plan[0].query)) if worth else []
    report = Report(
        question=question,
        run_id=RunId(run_id),
        parts=tuple(part.text for part in plan),
        unanswered=_gaps(plan, passages, evidence, healths, held),
        coverage=judged(plan, (), held),
    )
    if not shown:
        silent = [health for health in healths if health.reason and not health.documents]
        asked_nobody = bool(healths) and len(silent) == len(healths) and not any(passages.values())
        why = silent[0].reason if asked_nobody else support.reason
        said = (
            "No source could be searched."
            if asked_nobody
            else "Nothing in the sources answers this."
        )
        report = replace(report, answer=f"{said} {why}".strip(), abstained=True)
        return replace(report, sources=source_notes(healths, passages, report))
    # they are not asked for by themselves
    sides = [part.id for part in plan if part.kind == "side"]
    own = [part.id for part in plan if part.kind == "part" and held[part.id].ok]
    lead = _compared(shown, sides) or (not own and _series(question, shown)) or _answer(shown, own)
    for one in lead:
        one.lead = True
    ordered = [*lead, *(one for one in _ordered(shown) if not one.lead)]
    claims = tuple(
        Claim(text=one.text, citations=tuple(one.citations), part=one.first.part, lead=one.lead)
        for one in ordered
    )
    coverage = judged(plan, claims, held)
    told = [
        gap for gap in report.unanswered if coverage.level != "some" or gap.question != plan[0].text
    ]
    known = {gap.question for gap in told}
    missed = [part for part in left_open(plan, claims, held) if part.text not in known]
    report = replace(
        report,
        answer=" ".join(_closed(one.text) for one in lead),
        claims=claims,
        disagreements=disagreements(evidence),
        coverage=coverage,
        unanswered=(*told, *(Gap(question=part.text, reason=CLOSEST) for part in missed)),
    )
    return replace(report, sources=source_notes(healths, passages, report))


def _closed(text: str) -> str:
    """Returns a statement as one of several: a row of a table ends like a sentence."""
    return text if text[-1:] in ".!?\u2026\u3002\uff01\uff1f\"'\u201d\u2019)" else f"{text}."


def _passages(evidence: Sequence[Evidence]) -> dict[int, list[Passage]]:
    """Returns what is left of the passages in the evidence that was picked from them."""
    found: dict[int, list[Passage]] = {0: []}
    for one in evidence:
        start, text = one.start - len(one.before), one.before + one.quote + one.after
        whole = Passage(
            document=one.document,
            title=one.title,
            uri=one.uri,
            start=start,
            end=start + len(text),
            text=text,
            score=one.passage,
            source=one.source,
        )
        found[0].append(whole)
        if one.part:
            found.setdefault(one.part, []).append(whole)
    return found


def _answer(shown: Sequence[Statement], parts: Sequence[int]) -> list[Statement]:
    """Returns the statements that make the answer: the best one of each part, then what comes near
    the best of all.

    Args:
        shown: What can be shown.
        parts: The parts that the question sets apart and that are answered.
    """
    ranked = sorted(_able(shown) or shown, key=lambda one: -_worth(one))
    top = _worth(ranked[0])
    # an entry of a list may be all that answers a part
    others = sorted(shown, key=lambda one: -_worth(one))
    firsts = (
        next((one for one in [*ranked, *others] if one.first.part == part), None) for part in parts
    )
    chosen = (
        [one for one in firsts if one][:ANSWER]
        or _with_its_subject(others, ranked[0])
        or ranked[:1]
    )
    more = [one for one in ranked if one not in chosen and _worth(one) >= NEAR * top]
    chosen += more[: ANSWER - len(chosen)]
    if not parts:
        return [chosen[0], *_in_order(chosen[1:])]
    return sorted(_in_order(chosen), key=lambda one: one.first.part or max(parts) + 1)


def _with_its_subject(others: Sequence[Statement], able: Statement) -> list[Statement]:
    """Returns the best statement with the one before it, where it says "it" and fits better than
    what stands alone.
    """
    best = others[0]
    if (
        not pointing(best.text)
        or best.first.cover <= able.first.cover
        or _worth(best) <= _worth(able)
    ):
        return []
    ends = best.first.start
    before = (
        one
        for one in others
        if one.first.document == best.first.document and 0 < ends - one.first.end <= ADJACENT
    )
    one = next(before, None)
    return [one, best] if one is not None and not pointing(one.text) else []


def _series(question: str, shown: Sequence[Statement]) -> list[Statement]:
    """Returns the first entries of a list that answers what asks for several things, in their
    order.
    """
    if not _SEVERAL.search(question[:2_000]):
        return []
    entries: dict[str, list[Statement]] = {}
    for one in shown:
        if _ITEM.match(one.first.quote):
            entries.setdefault(one.first.document, []).append(one)
    best = max(
        (some for some in entries.values() if len(some) > 1),
        key=lambda some: max(map(_worth, some)),
        default=[],
    )
    if (
        not best
        or max(one.first.cover for one in best) < max(one.first.cover for one in shown) * NEAR
    ):
        return []
    return _in_order(best)[:ANSWER]


def _able(shown: Sequence[Statement]) -> list[Statement]:
    """Returns what can stand alone: no heading, no half formula, no entry of a list, nothing that
    needs what is before it.
    """
    ends = (".", "!", "\u3002", "\uff01")
    able = [
        one
        for one in shown
        if (
            one.text.rstrip("\"'\u201d\u2019)").endswith(ends)
            or (one.first.shown and one.first.cover >= FULL_ROW)
        )
        and not pointing(one.text)
    ]
    return [
        one for one in able if not entry(one.first.before.rpartition("\n")[2] + one.first.quote)
    ] or able


def _in_order(shown: Sequence[Statement]) -> list[Statement]:
    """Returns statements with those of one document in its own order, the document named first
    before the others.
    """
    documents = list(dict.fromkeys(one.first.document for one in shown))
    return sorted(shown, key=lambda one: (documents.index(one.first.document), one.first.start))


def _compared(shown: Sequence[Statement], sides: Sequence[int]) -> list[Statement]:
    """Returns the best statement on each side of a comparison, in the order of the question; none
    when a side has none.
    """
    able = [one for one in shown if not pointing(one.text)]
    best = [
        max((one for one in able if one.first.part == side), key=_worth, default=None)
        for side in sides
    ]
    return [one for one in best if one] if all(best) else []


def _worth(one: Statement) -> float:
    """Returns how well a statement serves as an answer: to the point, and what it says is in its
    own words, not only around it.
    """
    return one.first.score + one.first.cover - 0.01 * max(0, len(one.text.split()) - CRISP)


def _ordered(shown: Sequence[Statement]) -> list[Statement]:
    """Returns statements as one reads them: part by part, the best document first, within a
    document in its own order.
    """
    best: dict[tuple[int, str], float] = {}
    for one in shown:
        key = (one.first.part, one.first.document)
        best[key] = max(best.get(key, one.first.score), one.first.score)
    return sorted(
        shown,
        key=lambda one: (
            one.first.part,
            -best[one.first.part, one.first.document],
            one.first.document,
            one.first.start,
        ),
    )


def unanswered(
    plan: Sequence[SubQuestion],
    found: Mapping[int, Sequence[Passage]],
    evidence: Sequence[Evidence],
    healths: Sequence[Health],
) -> tuple[Gap, ...]:
    """Returns the parts of a question that stay open, with the reason for each and source by
    source.

    Args:
        plan: What was asked, part by part.
        found: What the searches gave, by sub-question.
        evidence: What was picked from it.
        healths: How the sources are doing.
    """
    return _gaps(plan, found, evidence, healths, supports(plan, found))


def _gaps(
    plan: Sequence[SubQuestion],
    found: Mapping[int, Sequence[Passage]],
    evidence: Sequence[Evidence],
    healths: Sequence[Health],
    held: Mapping[int, Support],
) -> tuple[Gap, ...]:
    gaps: list[Gap] = []
    for part in plan:
        passages, support = found.get(part.id, ()), held[part.id]
        if not support.ok or (part.id == 0 and not evidence):
            reason = support.reason or "No sentence of what was found fits."
            gaps.append(Gap(question=part.text, reason=reason, sources=_reasons(healths, passages)))
        elif part.id == 0 and support.names:  # the topic is there, the detail is not
            gaps.append(
                Gap(
                    question=part.text,
                    reason=f"Nothing that was found mentions {listed(support.names)}.",
                )
            )
    return tuple(gaps)


def _reasons(healths: Sequence[Health], passages: Sequence[Passage]) -> tuple[tuple[str, str], ...]:
    """Returns for each source why it brought no answer."""
    return tuple(
        (health.source, _reason(health, _given(health, healths, passages))) for health in healths
    )


def _reason(health: Health, given: int) -> str:
    if health.reason:
        return health.reason
    unread = (
        f" {_count(len(health.refused), 'document')} could not be read." if health.refused else ""
    )
    if given:
        # a search engine holds none
        held = f" of its {_count(health.documents, 'document')}" if health.documents else ""
        return f"{_count(given, 'passage')}{held} came near; none answers.{unread}"
    if not health.documents:
        return f"It holds no documents.{unread}"
    return (
        f"None of its {_count(health.documents, 'document')} shares a word with the"
        f" question.{unread}"
    )


def _given(health: Health, healths: Sequence[Health], passages: Sequence[Passage]) -> int:
    """Returns how many passages came through a source; an only source gave those that name none."""
    return sum(
        1
        for one in passages
        if one.source == health.source or (not one.source and len(healths) == 1)
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def source_notes(
    healths: Sequence[Health], found: Mapping[int, Sequence[Passage]], report: Report
) -> tuple[SourceNote, ...]:
    """Returns what each source was asked and gave, for the report.

    Args:
        healths: How the sources are doing.
        found: What the searches gave, by sub-question.
        report: The report, to count what it cites.
    """
    passages = {
        (one.document, one.start, one.end): one for group in found.values() for one in group
    }
    notes = []
    for health in healths:
        given = _given(health, healths, list(passages.values()))
        cited = {
            one.document
            for one in report.citations
            if one.source == health.source or (not one.source and len(healths) == 1)
        }
        reason = health.reason or ("" if cited else _reason(health, given))
        notes.append(
            SourceNote(
                source=health.source,
                documents=health.documents,
                found=given,
                cited=len(cited),
                refused=health.refused,
                reason=reason,
            )
        )
    return tuple(notes)
