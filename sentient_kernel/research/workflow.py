"""Research as a durable workflow: each arrow of plan, search, read, evidence, write, verify is a recorded step.

Without a model all judgement is in pure functions beside this file; here is only their order, and what is told on the way.
"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
import time
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict  # pydantic, which brings it, reads no other before Python 3.12

from sentient_kernel.budget import Budget
from sentient_kernel.engine import Context, Outcome, Workflow, fixed_name
from sentient_kernel.errors import ApprovalRejected, NotFound, SourceError, UsageError
from sentient_kernel.events import ResearchUpdated, SourceReported
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Cost, Report
from sentient_kernel.research import prompts
from sentient_kernel.research.assemble import abstaining, answered, assemble, by_judgement, claims_from, mended, missed, weak
from sentient_kernel.research.coverage import written
from sentient_kernel.research.deadline import Hurried
from sentient_kernel.research.extractive.collect import collect
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.form import read
from sentient_kernel.research.extractive.plan import SubQuestion, plan
from sentient_kernel.research.extractive.support import supports
from sentient_kernel.research.extractive.write import write
from sentient_kernel.research.library import Desk, check_query
from sentient_kernel.research.model_calls import Asking
from sentient_kernel.research.model_registry import Shelf
from sentient_kernel.research.names import research_names
from sentient_kernel.research.quoting import quoted
from sentient_kernel.research.taint import (
    Taint,
    agreed,
    approval_question,
    approval_schema,
    needs_approval,
    outgoing,
    said_of,
)
from sentient_kernel.research.verify.reports import check_report
from sentient_kernel.sources.base import Health, Passage

RESEARCH = "sentient_kernel.research"
PASSAGES = 10
"""Passages that one search takes from one source, for each unit of depth."""
AT_ONCE = 8
REFUSED_SHOWN = 20
BETWEEN = 0.5
"""Seconds between two words of progress while a source is read."""

LISTED = 10
"""Sentences of evidence for the question itself, where no model writes: all of them stand in the report."""

check_question = check_query


@dataclass(slots=True)
class Searched:
    """What a research knows so far."""

    question: str
    sources: list[list[str]]
    depth: int
    each: int
    """Passages that one search takes from one source."""
    parts: list[SubQuestion] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    healths: list[Health] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    """What the person who asks has said to what was asked back."""
    missing: list[str] = field(default_factory=list)
    """What a model says is not answered that wrote nothing."""
    taint: Taint = ()
    """One's own sources whose text stands in the question itself, as whoever delegated it had read them."""
    sent: dict[int, str] = field(default_factory=dict)
    """What people agreed to send to sources elsewhere, by sub-question; empty for nothing."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the report has to know of how it came about, a model aside."""
    left_out: list[str] = field(default_factory=list)
    """What was not done because the run was to finish."""
    heeded: int = 0
    """How many of the things that people told the run were made use of."""


def _asks_something(plan: list[str]) -> list[str]:
    if not any(text.strip() for text in plan):
        raise ValueError("a plan asks something; reject it to stop the run")
    return plan


Plan = Annotated[list[str], Field(min_length=1), AfterValidator(_asks_something)]
"""A plan as a person may edit it."""


class AskedBack(TypedDict):
    """What a model asks before it plans, and the answer to that: at first what it would assume."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one source gave for one sub-question."""

    part: int
    source: str
    passages: tuple[Passage, ...]
    health: Health


def research_workflow(desk: Desk, shelf: Shelf) -> Workflow[..., Any]:
    """Returns the research workflow over the sources of one desk and the models of one shelf."""
    return Workflow(Research(desk, shelf).research, RESEARCH, "5", research_names)


class Research:
    """The steps of a research, with what they work on."""

    def __init__(self, desk: Desk, shelf: Shelf) -> None:
        self._desk = desk
        self._shelf = shelf

    async def research(
        self,
        ctx: Context,
        question: str,
        *,
        sources: list[list[str]],
        depth: int = 1,
        ask_plan: bool = False,
        model: str = "",
        budget: dict[str, Any] | None = None,
        clarify: bool = False,
        embedder: str = "",
        taint: list[str] | None = None,
    ) -> dict[str, Any]:
        """Answers a question from sources; returns the report as JSON.

        ``taint`` names one's own sources whose text was read before the question was written: by a run that delegates it, for one.
        """
        limits = Budget(**(budget or {}))
        if limits.seconds is not None:
            ctx.finish_after(limits.seconds)
        asking = Hurried(ctx, self._shelf.get(model), self._desk.cache, limits, tuple(taint or ())) if model else None
        # A model looks again for what one search did not bring.
        state = Searched(question, sources, depth, PASSAGES if model else PASSAGES * depth, taint=tuple(taint or ()))
        if asking is not None and clarify:
            state.understood = await self._clarified(ctx, state, asking)
        await self._first(ctx, state, asking, ask_plan)
        if asking is not None:
            await self._deeper(ctx, state, asking)
        documents = len({passage.document for one in state.found for passage in one.passages})
        ctx.tell(ResearchUpdated(phase="read", message=f"{documents:,} documents", data={"done": documents, "total": documents}))
        ctx.tell(ResearchUpdated(phase="evidence", message="Picking the sentences that answer"))
        evidence = await self._picked(ctx, state, show=asking is not None)
        ctx.tell(ResearchUpdated(phase="write", message="Putting the report together"))
        report = await self._written(ctx, state, evidence, asking, embedder) if asking is not None and evidence else None
        by_model = report is not None
        if report is None:
            if asking is not None:  # what is listed without a model is chosen by words alone
                evidence = await self._picked(ctx, state, show=False)
            healths = _merged(state.healths, state.found)
            draft = await ctx.step(write_report, question, state.parts, state.found, evidence, healths, title="write the report")
            ctx.tell(ResearchUpdated(phase="verify", message="Checking every quotation at its place"))
            report = await ctx.step(self.verify, draft, title="verify the citations")
            report = replace(report, unanswered=(*report.unanswered, *missed(state.missing, report.unanswered)))
        if by_model:
            report = replace(report, coverage=written(plan(question), report.claims, [gap.question for gap in report.unanswered]))
        level = report.coverage.level
        ctx.tell(ResearchUpdated(phase="verify", message=" · ".join(report.facts), progress=1.0, data={"coverage": level}))
        made = await ctx.step(
            made_with, model, sorted({citation.document for citation in report.citations}), title="note what it was made with"
        )
        cost, notes = (asking.cost, [*asking.notes, *state.notes]) if asking is not None else (Cost(), state.notes)
        if asking is not None and not by_model and report.claims:
            notes.append("The report is made of the sources' own sentences.")
        notes += [*([] if by_model else _not_followed(question)), *_cut_short(ctx, state, limits)]
        return dict(replace(report, run_id=ctx.run_id, cost=cost, made_with=made, notes=tuple(notes)).to_dict())

    async def _clarified(self, ctx: Context, state: Searched, asking: Asking) -> list[str]:
        """Returns what a person says to what the model asks back; nothing when all is clear, or nobody wants to say."""
        ctx.tell(ResearchUpdated(phase="plan", message="Looking for what is unclear"))
        value = await asking.ask("clarify", prompts.clarify_messages(state.question, ctx.steers), prompts.CLARIFY, most_tokens=300)
        asked = prompts.asked_back(value)
        if (asked or value is None) and ctx.finishing:
            state.left_out.append("asking back what is unclear")
            return []
        if not asked:
            return []
        try:
            answers = await ctx.approve("Is this what you mean? Put right what is not.", asked, schema=list[AskedBack])
        except ApprovalRejected as error:
            why = f" ({error.reason})" if error.reason else ""
            asking.notes.append(f"What the model asked before planning was left unanswered{why}.")
            return []
        return prompts.understood(answers)

    # -- searching ----------------------------------------------------------------------------------------------------

    async def _first(self, ctx: Context, state: Searched, asking: Asking | None, ask_plan: bool) -> None:
        """Plans, and searches for the first time; at once where neither needs the other and nobody has to agree first."""
        state.parts = [replace(part, taint=state.taint) for part in await self._plan(ctx, state.question)]
        if asking is not None and not ask_plan:
            await self._at_once(ctx, state, asking)
            return
        if asking is not None:
            state.parts += await self._more_parts(ctx, state, asking)
        if ask_plan:
            state.parts = await self._agreed(ctx, state)
        state.healths = await self._refresh(ctx, state.sources)
        if asking is None:
            state.parts = [*state.parts, *_told_parts(ctx, state)]
        finishing = len(state.parts) > 1 and ctx.finishing
        state.found = await self._search(ctx, state, _wanted(state, state.parts, finishing), state.sources, state.each)
        while asking is None and not ctx.finishing and (parts := _told_parts(ctx, state)):
            state.parts = [*state.parts, *parts]
            state.found += await self._search(ctx, state, parts, state.sources, state.each)

    async def _at_once(self, ctx: Context, state: Searched, asking: Asking) -> None:
        """Searches for the whole question while the model plans, and for what it planned without waiting for that."""
        whole, more = list(state.parts), list[SubQuestion]()
        first, then = list[Found](), list[Found]()
        refreshed = asyncio.Event()

        async def search_whole() -> None:
            try:
                state.healths = await self._refresh(ctx, state.sources)
            finally:
                refreshed.set()
            first.extend(await self._search(ctx, state, whole, state.sources, PASSAGES))

        async def search_planned() -> None:
            more.extend(await self._more_parts(ctx, state, asking))
            await refreshed.wait()
            if more and not ctx.finishing:
                then.extend(await self._search(ctx, state, more, state.sources, PASSAGES))
            elif more:
                state.left_out += _searches(more)

        _raise_first(await ctx.gather(search_whole(), search_planned()))
        state.parts, state.found = [*whole, *more], [*first, *then]

    async def _more_parts(self, ctx: Context, state: Searched, asking: Asking) -> list[SubQuestion]:
        """Returns what the model would ask besides."""
        value = await asking.ask("plan", prompts.plan_messages(state.question, _said(ctx, state)), prompts.PLAN, most_tokens=500)
        if value is None and ctx.finishing:
            state.left_out.append("planning with the model")
        return prompts.further(value, state.parts, prompts.MOST_PARTS, asking.taint)

    async def _deeper(self, ctx: Context, state: Searched, asking: Asking) -> None:
        """Looks for gaps and searches again, until nothing is missing, nothing new comes, or it is deep enough."""
        for _ in range(state.depth):
            if asking.closed:
                return
            if ctx.finishing:
                state.left_out.append("looking for gaps")
                return
            evidence = await ctx.step(pick_quotes, state.parts, state.found, title="look over the evidence")
            searched = [part.query for part in state.parts]
            messages = prompts.gap_messages(state.question, evidence, searched, _said(ctx, state))
            value = await asking.ask("gaps", messages, prompts.GAPS, most_tokens=400)
            if value is None and ctx.finishing:
                state.left_out.append("looking for gaps")
            parts = [] if prompts.enough(value) else prompts.further(value, state.parts, prompts.MOST_QUERIES, asking.taint)
            if not parts:
                return
            before = {passage.document for one in state.found for passage in one.passages}
            state.parts = [*state.parts, *parts]
            await self._search_on(ctx, state, parts)
            if not {passage.document for one in state.found for passage in one.passages} - before:
                return

    async def _search_on(self, ctx: Context, state: Searched, parts: Sequence[SubQuestion]) -> None:
        if ctx.finishing:
            state.left_out += _searches(parts)
        else:
            state.found += await self._search(ctx, state, parts, state.sources, PASSAGES)

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _written(self, ctx: Context, state: Searched, evidence: list[Evidence], asking: Asking, embedder: str) -> Report | None:
        """Returns the report that the model wrote, checked and mended, or that says that nothing answers; None when it is of no use."""
        messages = prompts.write_messages(state.question, evidence, _said(ctx, state))
        value = await asking.ask("write", messages, prompts.REPORT, most_tokens=1_500)
        sentences, healths = prompts.claims_of(value, len(evidence)), _merged(state.healths, state.found)
        if prompts.finds_nothing(value):
            asking.notes.append("The model found nothing in the quotes that answers the question.")
            return abstaining(state.question, state.parts, prompts.missing_of(value), healths, _by_part(state.found))
        if not sentences:
            state.missing = prompts.missing_of(value)
            if value is None and ctx.finishing:
                state.left_out.append("writing with the model")
            if value is not None:
                asking.notes.append("The model wrote no sentence.")
            return None
        ctx.tell(ResearchUpdated(phase="verify", message="Checking every sentence against its quotes"))
        draft = assemble(state.question, state.parts, evidence, sentences, prompts.missing_of(value), healths, _by_part(state.found))
        report: Report = await ctx.step(self.verify, draft, title="verify the citations")
        near: dict[str, float] = {}
        if embedder and not ctx.finishing and (doubted := weak(report)):
            from sentient_kernel.research.verify.embedding_check import nearest

            near = await nearest(ctx, doubted, evidence, embedder, self._shelf.embedder, self._desk.cache, asking.notes)
        if near:
            report = await ctx.step(self.verify, draft, None, near, title="verify by nearness of meaning")
        if (doubtful := weak(report)) and ctx.finishing:
            state.left_out.append("mending sentences that are not borne out")
        elif doubtful:
            messages = prompts.repair_messages(state.question, doubtful, evidence)
            value = await asking.ask("repair", messages, prompts.MEND, most_tokens=700)
            if value is None and ctx.finishing:
                state.left_out.append("mending sentences that are not borne out")
            if words := prompts.judged_of(value, doubtful):
                report = await ctx.step(self.verify, draft, words, near, title="verify what was judged")
            again = replace(draft, claims=tuple(claims_from(prompts.claims_of(value, len(evidence)), evidence)), disagreements=())
            if again.claims:
                checked: Report = await ctx.step(self.verify, again, title="verify what was mended")
                report = mended(report, checked.claims)
        if any(claim.verdict == "supported" for claim in report.claims):
            asking.notes += [f"{why} The sentence is “{text}”" for text, why in by_judgement(report)]
            return answered(report)
        asking.notes.append("Nothing that the model wrote is borne out by what it cites.")
        return None

    # -- the steps ----------------------------------------------------------------------------------------------------

    async def _plan(self, ctx: Context, question: str) -> list[SubQuestion]:
        ctx.tell(ResearchUpdated(phase="plan", message="Planning"))
        parts: list[SubQuestion] = await ctx.step(make_plan, question, title="plan")
        return list(parts)

    async def _agreed(self, ctx: Context, state: Searched) -> list[SubQuestion]:
        """Returns the plan as a person approved it."""
        asked = [part.text for part in state.parts]
        names = ", ".join(name for name, *_ in state.sources)
        answer = await ctx.approve(f"Go ahead with this plan over {names}?", asked, schema=Plan, ask="plan")
        if answer == asked and not (any(part.taint for part in state.parts) and ctx.policy("plan") == "ask"):
            return state.parts
        known = {part.text: part.query for part in state.parts if not part.taint}  # of the others only what was seen is searched for
        kept = [text.strip() for text in answer if text.strip()]
        return [SubQuestion(id=i, text=t, query=known.get(t, t), kind="part" if i else "whole") for i, t in enumerate(kept)]

    async def _refresh(self, ctx: Context, sources: list[list[str]]) -> list[Health]:
        ctx.tell(ResearchUpdated(phase="search", message="Looking for what is new in the sources"))

        @fixed_name("research:refresh")
        async def refresh(ref: list[str]) -> Health:
            told = 0.0

            def tell(message: str, done: float | None) -> None:
                nonlocal told
                if time.monotonic() - told >= BETWEEN or done == 1.0:
                    told = time.monotonic()
                    ctx.whisper(ResearchUpdated(phase="search", message=message))

            try:
                return await self._desk.refresh(ref, tell)
            except (SourceError, UsageError) as error:
                return Health(source=ref[0], reason=str(error))

        outcomes = await ctx.gather(*(ctx.step(refresh, ref, title=f"look through {ref[0]}") for ref in sources), limit=AT_ONCE)
        healths = [o.value or Health(source=ref[0], reason=str(o.error)) for o, ref in zip(outcomes, sources, strict=True)]
        for health in healths:
            ctx.tell(
                SourceReported(
                    source=health.source, documents=health.documents, reason=health.reason, refused=health.refused[:REFUSED_SHOWN]
                )
            )
        return healths

    async def _may_send(self, ctx: Context, state: Searched, parts: Sequence[SubQuestion], sources: list[list[str]]) -> None:
        """Asks a person, once, which of the searches may be sent that a model wrote after it had read that person's documents."""
        elsewhere = [ref[0] for ref in sources if self._desk.sends(ref)]
        parts = [part for part in parts if part.id not in state.sent and any(needs_approval(part, name) for name in elsewhere)]
        if not parts:
            return
        names = [name for name in elsewhere if any(needs_approval(part, name) for part in parts)]
        reason, answer = "", list[str]()
        try:
            shown = [part.query for part in parts]
            answer = await ctx.approve(approval_question(parts, names), shown, schema=approval_schema(len(parts)), ask="fetch")
        except ApprovalRejected as error:
            reason = error.reason or "this was not approved"
        allowed = agreed(parts, answer)
        state.sent |= {part.id: allowed.get(part.id, "") for part in parts}
        state.notes.append(said_of(len(parts), len(allowed), names, policy=ctx.policy("fetch"), reason=reason))

    async def _search(self, ctx: Context, state: Searched, parts: Sequence[SubQuestion], sources: list[list[str]], k: int) -> list[Found]:
        await self._may_send(ctx, state, parts, sources)

        @fixed_name("research:search")
        async def search(part: int, query: str, ref: list[str], k: int) -> Found:
            try:
                passages, health = await self._desk.search(ref, query, k)
            except (SourceError, UsageError) as error:
                passages, health = [], Health(source=ref[0], reason=str(error))
            return Found(part=part, source=ref[0], passages=tuple(passages), health=health)

        away = {ref[0] for ref in sources if self._desk.sends(ref)}
        asks = [(p, ref, outgoing(p, ref[0], state.sent) if ref[0] in away else p.query) for p in parts for ref in sources]
        wanted = [(p, ref) for p, ref, query in asks if query]
        steps = (ctx.step(search, p.id, query, ref, k, title=f"search “{_short(p.text)}” in {ref[0]}") for p, ref, query in asks if query)
        outcomes = await ctx.gather(*steps, limit=AT_ONCE)
        found = [
            o.value or Found(part=p.id, source=ref[0], passages=(), health=Health(source=ref[0], reason=str(o.error)))
            for o, (p, ref) in zip(outcomes, wanted, strict=True)
        ]
        asked = {part.id: part.text for part in parts}
        self._say_brought(state, [one.health for one in found])
        for one in found:
            reason = "" if one.passages else one.health.reason
            ctx.tell(
                SourceReported(
                    source=one.source, query=asked[one.part], found=len(one.passages), documents=one.health.documents, reason=reason
                )
            )
        total = len(wanted)
        ctx.tell(
            ResearchUpdated(
                phase="search", message=f"{sum(len(f.passages) for f in found)} passages", data={"done": len(found), "total": total}
            )
        )
        return found

    @staticmethod
    def _say_brought(state: Searched, healths: Iterable[Health]) -> None:
        """Notes whose answers to searches and pages came with an opened file."""
        names = dict.fromkeys(health.source for health in healths if health.brought)
        notes = [f"What {name} says was taken from a file that was opened here, and not asked for." for name in names]
        state.notes += [note for note in notes if note not in state.notes]

    async def _picked(self, ctx: Context, state: Searched, *, show: bool) -> list[Evidence]:
        """Picks the evidence, to be listed or shown to a model, and keeps what it points into.

        What is gone since it was found is looked for once more, then done without.
        """

        async def pick(title: str) -> list[Evidence]:
            how, more = (pick_quotes, ()) if show else (pick_evidence, (LISTED,))
            picked: list[Evidence] = await ctx.step(how, state.parts, state.found, *more, title=title)
            return picked

        evidence = await pick("pick evidence")
        kept = await self._keep(ctx, evidence)
        if gone := {one.document: one.title for one in evidence if one.document not in kept}:
            await self._search_again(ctx, state, gone)
            evidence = await pick("pick evidence again")
            kept = await self._keep(ctx, evidence)
            if lost := [title for document, title in gone.items() if document not in kept]:
                documents = "A document that was found is" if len(lost) == 1 else f"{len(lost)} documents that were found are"
                state.notes.append(f"{documents} not kept any more, and could not be read again as it was: {'; '.join(lost)}.")
        found = [one for one in evidence if one.document in kept]
        message = f"{len(found):,} sentences from {len(kept):,} documents"
        ctx.tell(ResearchUpdated(phase="evidence", message=message, data={"done": len(found)}))
        return found

    async def _keep(self, ctx: Context, evidence: list[Evidence]) -> set[DocumentId]:
        """Keeps a snapshot of every document that will be cited; returns those that were still there."""
        titles = {one.document: one.title for one in evidence}
        outcomes = await ctx.gather(*(ctx.step(self.keep, d, title=f"keep {_short(t)}") for d, t in titles.items()), limit=AT_ONCE)
        return {d for d, o in zip(titles, outcomes, strict=True) if o.value}

    async def _search_again(self, ctx: Context, state: Searched, gone: Container[DocumentId]) -> None:
        """Asks once more what brought documents that are gone, as they are when a cache was emptied before a run went on."""
        brought = [(one.part, one.source) for one in state.found if any(passage.document in gone for passage in one.passages)]
        for part in [part for part in state.parts if part.id in {number for number, _ in brought}]:
            sources = [ref for ref in state.sources if (part.id, ref[0]) in brought]
            fresh = await self._search(ctx, state, [part], sources, state.each)
            again = {(one.part, one.source) for one in fresh}
            state.found = [*(one for one in state.found if (one.part, one.source) not in again), *fresh]

    @fixed_name("research:keep")
    def keep(self, document: str) -> bool:
        """Keeps a document as it stands now; False when it is gone."""
        return not self._desk.keep([DocumentId(document)])

    @fixed_name("research:verify")
    def verify(self, draft: Report, judged: dict[str, str] | None = None, near: dict[str, float] | None = None) -> Report:
        """Checks every citation of a report against the stored snapshots.

        Args:
            draft: The report.
            judged: What a model says bears sentences out.
            near: How near sentences are to their quotes in meaning.
        """

        def text_of(document: DocumentId) -> str | None:
            with suppress(NotFound):
                return self._desk.document(document).text
            return None

        def meta_of(document: DocumentId) -> dict[str, Any]:
            with suppress(NotFound):
                return self._desk.document(document).meta
            return {}

        return check_report(draft, text_of, judged or {}, near or {}).described(meta_of)


@fixed_name("research:make_plan")
def make_plan(question: str) -> list[SubQuestion]:
    """Returns what a question asks."""
    return list(plan(question))


@fixed_name("research:pick_evidence")
def pick_evidence(parts: list[SubQuestion], found: list[Found], limit: int) -> list[Evidence]:
    """Returns the sentences that answer, over all sources and parts; none when what was found only shares words with the question."""
    passages = _by_part(found)
    held = supports(parts, passages)
    if not any(held[part.id].shown for part in parts if part.id == parts[0].id or part.kind == "part"):
        return []
    return list(collect(parts, passages, limit=limit))


@fixed_name("research:pick_quotes")
def pick_quotes(parts: list[SubQuestion], found: list[Found]) -> list[Evidence]:
    """Returns the sentences that a model is shown, over all sources and parts."""
    return list(quoted(parts, _by_part(found)))


@fixed_name("research:write_report")
def write_report(question: str, parts: list[SubQuestion], found: list[Found], evidence: list[Evidence], healths: list[Health]) -> Report:
    """Returns the report, its citations not yet checked."""
    return write(question, parts, evidence, healths, found=_by_part(found))


@fixed_name("research:made_with")
def made_with(model: str, documents: list[str]) -> dict[str, Any]:
    """Returns what a report was made with: versions, the model, the prompts and the snapshots it cites, by their hashes."""
    from sentient_kernel import __version__

    others = {"python": platform.python_version(), **{name: version for name, version in _installed().items() if model or name in _READERS}}
    versions = f"{__version__} ({', '.join(f'{name} {version}' for name, version in others.items())})"
    return {"sentient_kernel": versions, "model": model, "prompts": prompts.digest() if model else "", "documents": documents}


_READERS = ("trafilatura", "pypdfium2")
_ASKS = "pydantic-ai-slim"


@cache
def _installed() -> dict[str, str]:
    """Returns the versions of what reads pages and asks models, where it is installed.

    From the names of folders: importlib.metadata would read whole files for it, which takes longer than a search.
    """
    found = dict[str, str]()
    for folder in [folder for folder in sys.path if folder.endswith("-packages")]:
        with suppress(OSError):
            for name, _, version in (entry.partition("-") for entry in os.listdir(folder) if entry.endswith(".dist-info")):
                found.setdefault(name.lower().replace("_", "-"), version.removesuffix(".dist-info"))
    return {name: found[name] for name in (*_READERS, _ASKS) if name in found}


def _said(ctx: Context, state: Searched) -> list[str]:
    """Returns what the person who asks has added to the question."""
    steers = ctx.steers
    state.heeded = len(steers)
    return [*state.understood, *steers]


def _told_parts(ctx: Context, state: Searched) -> list[SubQuestion]:
    """Returns what people have told a run without a model since it last looked, as sub-questions: it can search for them, no more."""
    new = ctx.steers[state.heeded :]
    state.heeded += len(new)
    return [SubQuestion(id=len(state.parts) + i, text=text, query=text, kind="part") for i, text in enumerate(new)]


def _wanted(state: Searched, parts: list[SubQuestion], finishing: bool) -> list[SubQuestion]:
    """Returns what to search for; of a run that is to finish, the whole question alone."""
    if finishing:
        state.left_out += _searches(parts[1:])
    return parts[:1] if finishing else parts


def _searches(parts: Sequence[SubQuestion]) -> list[str]:
    return [f"searching for “{part.text}”" for part in parts]


def _not_followed(question: str) -> list[str]:
    """Says which wishes for the form of an answer its sentences, shown as they stand in their sources, do not follow."""
    wished = "; ".join(f"“{wish}”" for wish in read(question).unmet)
    return [f"Sentences are shown as they stand in the sources. Not followed: {wished}."] if wished else []


def _cut_short(ctx: Context, state: Searched, limits: Budget) -> list[str]:
    """Says what was left out as the run was to finish, and what people told it too late to be of use."""
    notes = []
    if state.left_out:
        over = ctx.asked_to_finish == "budget" and limits.seconds is not None
        why = f"Its {limits.seconds:g} s were over" if over else "It was asked to finish"
        notes.append(f"{why} before all was done. Left out: {'; '.join(dict.fromkeys(state.left_out))}.")
    late = ctx.steers[state.heeded :]
    return [*notes, *(f"This was told too late to make a difference: “{text}”" for text in late)]


def _by_part(found: list[Found]) -> dict[int, list[Passage]]:
    by_part: dict[int, list[Passage]] = {}
    for one in found:
        by_part.setdefault(one.part, []).extend(one.passages)
    return {part: sorted(passages, key=lambda p: -p.score) for part, passages in by_part.items()}


def _merged(healths: list[Health], found: list[Found]) -> list[Health]:
    """Returns how each source did over the whole run: what its refresh refused, and why its searches came back empty."""
    merged = []
    for health in healths:
        searches = [f for f in found if f.source == health.source]
        empty = next((f.health.reason for f in searches if not f.passages and f.health.reason), "")
        some = any(f.passages for f in searches)
        refused = dict.fromkeys(pair for part in (health, *(f.health for f in searches)) for pair in part.refused)
        merged.append(replace(health, reason=health.reason if some else health.reason or empty, refused=tuple(refused)))
    return merged


def _raise_first(outcomes: Sequence[Outcome[None]]) -> None:
    """Raises what one of several things that were done at once has failed with."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59].rstrip() + "…"
