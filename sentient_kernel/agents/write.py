"""Writes a report from evidence, without a model: the sources' own sentences, in order, each with what it cites. Pure.

Nothing is put in anybody's mouth: a sentence is shown as it stands in its source, cleaned of markup; its quote stays verbatim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sentient_kernel.agents._clean import clean
from sentient_kernel.agents._noise import Kind, excused, noise, noisy
from sentient_kernel.agents._signs import body, entry, heading, pointing, row
from sentient_kernel.agents._titles import last
from sentient_kernel.agents._words import content, negated, numbers
from sentient_kernel.agents.coverage import judged
from sentient_kernel.agents.disagree import disagreements
from sentient_kernel.agents.evidence import CONTEXT, Evidence
from sentient_kernel.agents.form import subject
from sentient_kernel.agents.plan import SubQuestion
from sentient_kernel.agents.report import Citation, Claim, Gap, Report, SourceNote
from sentient_kernel.agents.support import listed, supports
from sentient_kernel.ids import DocumentId, RunId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.sources.base import Health, Passage

__all__ = ["source_notes", "unanswered", "write"]

ANSWER = 3
"""An answer has at most so many sentences."""
NEAR = 0.75
"""A sentence joins the answer when its score is at least this share of the best one's."""
ROW = 0.55
"""A row of a table is shown when it holds at least this share of what is asked; the other rows of its table come near anything."""
FULL = 4
"""A statement of so many telling words is left out where another has them all."""
CRISP = 30
"""An answer prefers sentences of up to so many words; each further word costs a hundredth."""
SPARE: frozenset[Kind] = frozenset(("", "figures", "fragment"))
"""Kinds that are shown where there is nothing better: a heading, a row, a few words."""


@dataclass(slots=True)
class _Statement:
    """A sentence of the report being written."""

    first: Evidence
    text: str
    citations: list[Citation]
    terms: frozenset[str]
    lead: bool = False


def write(
    question: str,
    plan: Sequence[SubQuestion],
    evidence: Sequence[Evidence],
    healths: Sequence[Health] = (),
    *,
    found: Mapping[int, Sequence[Passage]] | None = None,
    run_id: str = "",
) -> Report:
    """Returns a report made of evidence, its sentences not yet checked; one that abstains when nothing answers the question.

    Args:
        question: What was asked.
        plan: What it asks, part by part.
        evidence: What was picked, best first.
        healths: How the sources are doing.
        found: What the searches gave, by sub-question; without it the evidence alone tells whether there is enough.
        run_id: The run that writes.
    """
    passages = _passages(evidence) if found is None else found
    plan = plan or (SubQuestion(id=0, text=question, query=subject(question)),)
    held = supports(plan, passages)
    support = held[plan[0].id]
    statements = _statements(evidence, excused(plan[0].query)) if support.ok else []
    report = Report(
        question=question, run_id=RunId(run_id), parts=tuple(part.text for part in plan),
        unanswered=unanswered(plan, passages, evidence, healths), coverage=judged(plan, (), held),
    )  # fmt: skip
    if not statements:
        silent = [health for health in healths if health.reason and not health.documents]
        asked_nobody = bool(healths) and len(silent) == len(healths) and not any(passages.values())
        why = silent[0].reason if asked_nobody else support.reason
        said = "No source could be searched." if asked_nobody else "Nothing in the sources answers this."
        report = replace(report, answer=f"{said} {why}".strip(), abstained=True)
        return replace(report, sources=source_notes(healths, passages, report))
    sides = [part.id for part in plan if part.kind == "side"]  # they are not asked for by themselves
    own = [part.id for part in plan if part.kind == "part" and held[part.id].ok]
    lead = _compared(statements, sides) or _answer(statements, own)
    for one in lead:
        one.lead = True
    ordered = [*lead, *(one for one in _ordered(statements) if not one.lead)]
    claims = tuple(Claim(text=one.text, citations=tuple(one.citations), part=one.first.part, lead=one.lead) for one in ordered)
    report = replace(
        report, answer=" ".join(one.text for one in lead), claims=claims, disagreements=disagreements(evidence),
        coverage=judged(plan, claims, held),
    )  # fmt: skip
    return replace(report, sources=source_notes(healths, passages, report))


def _passages(evidence: Sequence[Evidence]) -> dict[int, list[Passage]]:
    """Returns what is left of the passages in the evidence that was picked from them."""
    found: dict[int, list[Passage]] = {0: []}
    for one in evidence:
        start, text = one.start - len(one.before), one.before + one.quote + one.after
        whole = Passage(
            document=one.document, title=one.title, uri=one.uri, start=start, end=start + len(text), text=text,
            score=one.passage, source=one.source,
        )  # fmt: skip
        found[0].append(whole)
        if one.part:
            found.setdefault(one.part, []).append(whole)
    return found


def _statements(evidence: Sequence[Evidence], about: frozenset[Kind]) -> list[_Statement]:
    """Returns what can be shown, the same statement once with all that say it; headings only where there is nothing else."""
    quoted = {(one.document, one.end) for one in evidence}
    found: list[_Statement] = []
    spare: list[_Statement] = []
    for one in evidence:
        whole, complete = _complete(one, quoted)
        text = clean(whole.quote)
        if not content(text):
            continue
        said = frozenset(content(body(text, one.title)))
        statement = _Statement(one, text, [_citation(whole)], said)
        same = next((other for other in found if _same(statement, other) or _adds_nothing(statement, other)), None)
        if same is not None:
            if _same(statement, same) and all(known.place != statement.citations[0].place for known in same.citations):
                same.citations.extend(statement.citations)
        elif complete and _says(one, text, about):
            found.append(statement)
        elif noise(text) in SPARE:
            spare.append(statement)
    return found or spare[:ANSWER]


def _says(one: Evidence, text: str, about: frozenset[Kind]) -> bool:
    """Tells whether a piece of evidence says something by itself: prose, or a row of a table that is about what is asked."""
    if row(one.quote):
        return one.cover >= ROW and not one.quote.rstrip().endswith("?")
    return not noisy(text, about) and not text.endswith(("?", "\uff1f", "\u061f")) and not heading(one.quote, one.after)


def _complete(one: Evidence, quoted: set[tuple[DocumentId, int]]) -> tuple[_Span, bool]:
    """Returns a piece of evidence, with the sentence before it where it points back to that, and whether it can stand alone."""
    span = _Span(one, one.start, one.quote, one.before)
    if not pointing(one.quote):
        return span, True
    if any(document == one.document and 0 < one.start - end <= 3 for document, end in quoted):
        return span, True  # the sentence before it is quoted too and will stand before it
    before = sentences(one.before)
    if not before or (before[-1][0] == 0 and len(one.before) >= CONTEXT):  # cut off: its beginning is not known
        return span, False
    at = before[-1][0]
    lead = one.before[at:]
    if "\n\n" in lead or noisy(lead) or len(lead.split()) < 3:
        return span, False
    return _Span(one, one.start - len(lead), lead + one.quote, one.before[:at]), not pointing(lead)


@dataclass(slots=True, frozen=True)
class _Span:
    """A stretch to quote."""

    evidence: Evidence
    start: int
    quote: str
    before: str


def _citation(span: _Span) -> Citation:
    one = span.evidence
    return Citation(
        document=one.document, title=one.title, uri=one.uri, start=span.start, end=one.end, quote=span.quote,
        source=one.source, before=span.before, after=one.after,
    )  # fmt: skip


def _same(one: _Statement, other: _Statement) -> bool:
    """Tells whether two statements say the same, with the same numbers and without one of them denying it."""
    if not one.terms or len(one.terms & other.terms) < 0.7 * len(one.terms | other.terms):
        return False
    if _head(one) != _head(other):  # the same is said of another thing
        return False
    return _agree(one, other) and not (one.terms ^ other.terms) & (_named(one) | _named(other))


def _agree(one: _Statement, other: _Statement) -> bool:
    return numbers(one.text) == numbers(other.text) and bool(negated(one.text)) == bool(negated(other.text))


def _named(one: _Statement) -> frozenset[str]:
    """Returns the stems of what a statement's document is called."""
    return frozenset(content(last(one.first.title)))


def _adds_nothing(one: _Statement, other: _Statement) -> bool:
    """Tells whether a statement says nothing beside another.

    All its words are there, or it says the same of a sibling: of ``iloc`` what the other says of ``loc``.
    """
    apart = one.terms ^ other.terms
    if _agree(one, other) and one.terms & other.terms and apart <= _named(one) | _named(other):
        return True
    if numbers(one.text) - numbers(other.text) or bool(negated(one.text)) != bool(negated(other.text)):
        return False
    if _head(one) and _head(other):
        return len(one.terms & other.terms) >= max(2, min(len(one.terms), len(other.terms)))
    return len(one.terms) >= FULL and one.terms <= other.terms


def _head(one: _Statement) -> str:
    """Returns the name that a statement says what it is of: ``os.walk: ``; empty when it says it of none."""
    return one.text.removesuffix(body(one.text, one.first.title))


def _answer(statements: Sequence[_Statement], parts: Sequence[int]) -> list[_Statement]:
    """Returns the statements that make the answer: the best one of each part, then what comes near the best of all.

    Args:
        statements: What can be shown.
        parts: The parts that the question sets apart and that are answered.
    """
    ranked = sorted(_able(statements) or statements, key=lambda one: -_worth(one))
    top = _worth(ranked[0])
    firsts = (next((one for one in ranked if one.first.part == part), None) for part in parts)
    chosen = [one for one in firsts if one][:ANSWER] or ranked[:1]
    more = [one for one in ranked if one not in chosen and _worth(one) >= NEAR * top]
    chosen += more[: ANSWER - len(chosen)]
    if not parts:
        return [chosen[0], *_in_order(chosen[1:])]
    return sorted(_in_order(chosen), key=lambda one: one.first.part or max(parts) + 1)


def _able(statements: Sequence[_Statement]) -> list[_Statement]:
    """Returns what can stand alone: no heading, no half formula, no entry of a list, nothing that needs what is before it."""
    ends = (".", "!", "\u3002", "\uff01")
    able = [one for one in statements if one.text.rstrip("\"'\u201d\u2019)").endswith(ends) and not pointing(one.text)]
    return [one for one in able if not entry(one.first.before.rpartition("\n")[2] + one.first.quote)] or able


def _in_order(statements: Sequence[_Statement]) -> list[_Statement]:
    """Returns statements with those of one document in its own order, the document named first before the others."""
    documents = list(dict.fromkeys(one.first.document for one in statements))
    return sorted(statements, key=lambda one: (documents.index(one.first.document), one.first.start))


def _compared(statements: Sequence[_Statement], sides: Sequence[int]) -> list[_Statement]:
    """Returns the best statement on each side of a comparison, in the order of the question; none when a side has none."""
    able = [one for one in statements if not pointing(one.text)]
    best = [max((one for one in able if one.first.part == side), key=_worth, default=None) for side in sides]
    return [one for one in best if one] if all(best) else []


def _worth(one: _Statement) -> float:
    """Returns how well a statement serves as an answer: to the point, and what it says is in its own words, not only around it."""
    return one.first.score + one.first.cover - 0.01 * max(0, len(one.text.split()) - CRISP)


def _ordered(statements: Sequence[_Statement]) -> list[_Statement]:
    """Returns statements as one reads them: part by part, the best document first, within a document in its own order."""
    best: dict[tuple[int, str], float] = {}
    for one in statements:
        key = (one.first.part, one.first.document)
        best[key] = max(best.get(key, one.first.score), one.first.score)
    return sorted(
        statements, key=lambda one: (one.first.part, -best[one.first.part, one.first.document], one.first.document, one.first.start)
    )


def unanswered(
    plan: Sequence[SubQuestion], found: Mapping[int, Sequence[Passage]], evidence: Sequence[Evidence], healths: Sequence[Health]
) -> tuple[Gap, ...]:
    """Returns the parts of a question that stay open, with the reason for each and source by source.

    Args:
        plan: What was asked, part by part.
        found: What the searches gave, by sub-question.
        evidence: What was picked from it.
        healths: How the sources are doing.
    """
    gaps: list[Gap] = []
    held = supports(plan, found)
    for part in plan:
        passages, support = found.get(part.id, ()), held[part.id]
        if not support.ok or (part.id == 0 and not evidence):
            reason = support.reason or "No sentence of what was found fits."
            gaps.append(Gap(question=part.text, reason=reason, sources=_reasons(healths, passages)))
        elif part.id == 0 and support.names:  # the topic is there, the detail is not
            gaps.append(Gap(question=part.text, reason=f"Nothing that was found mentions {listed(support.names)}."))
    return tuple(gaps)


def _reasons(healths: Sequence[Health], passages: Sequence[Passage]) -> tuple[tuple[str, str], ...]:
    """Returns for each source why it brought no answer."""
    return tuple((health.source, _reason(health, _given(health, healths, passages))) for health in healths)


def _reason(health: Health, given: int) -> str:
    if health.reason:
        return health.reason
    unread = f" {_count(len(health.refused), 'document')} could not be read." if health.refused else ""
    if given:
        held = f" of its {_count(health.documents, 'document')}" if health.documents else ""  # a search engine holds none
        return f"{_count(given, 'passage')}{held} came near; none answers.{unread}"
    if not health.documents:
        return f"It holds no documents.{unread}"
    return f"None of its {_count(health.documents, 'document')} shares a word with the question.{unread}"


def _given(health: Health, healths: Sequence[Health], passages: Sequence[Passage]) -> int:
    """Returns how many passages came through a source; an only source gave those that name none."""
    return sum(1 for one in passages if one.source == health.source or (not one.source and len(healths) == 1))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def source_notes(healths: Sequence[Health], found: Mapping[int, Sequence[Passage]], report: Report) -> tuple[SourceNote, ...]:
    """Returns what each source was asked and gave, for the report.

    Args:
        healths: How the sources are doing.
        found: What the searches gave, by sub-question.
        report: The report, to count what it cites.
    """
    passages = {(one.document, one.start, one.end): one for group in found.values() for one in group}
    notes = []
    for health in healths:
        given = _given(health, healths, list(passages.values()))
        cited = {one.document for one in report.citations if one.source == health.source or (not one.source and len(healths) == 1)}
        reason = health.reason or ("" if cited else _reason(health, given))
        notes.append(
            SourceNote(
                source=health.source, documents=health.documents, found=given, cited=len(cited), refused=health.refused, reason=reason
            )
        )
    return tuple(notes)
