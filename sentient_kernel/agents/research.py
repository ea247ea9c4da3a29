"""Research as a durable workflow: each arrow of plan, search, read, evidence, write, verify is a recorded step.

Without a model all judgement is in pure functions beside this file; here is only their order, and what is told on the way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sentient_kernel.agents.desk import Desk, check_query
from sentient_kernel.agents.evidence import Evidence, collect
from sentient_kernel.agents.plan import SubQuestion, plan
from sentient_kernel.agents.report import Report
from sentient_kernel.agents.support import supported
from sentient_kernel.agents.write import write
from sentient_kernel.engine import Context, Workflow
from sentient_kernel.errors import NotFound, SourceError, UsageError
from sentient_kernel.events import ResearchUpdated, SourceReported
from sentient_kernel.ids import DocumentId
from sentient_kernel.sources.base import Health, Passage

RESEARCH = "sentient_kernel.research"
PASSAGES = 10
"""Passages that one search takes from one source, for each unit of depth."""
AT_ONCE = 8
REFUSED_SHOWN = 20
BETWEEN = 0.5
"""Seconds between two words of progress while a source is read."""

check_question = check_query


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one source gave for one sub-question."""

    part: int
    source: str
    passages: tuple[Passage, ...]
    health: Health


def research_workflow(desk: Desk) -> Workflow[..., Any]:
    """Returns the research workflow over the sources of one desk."""
    return Workflow(Research(desk).research, RESEARCH, "1")


class Research:
    """The steps of a research, with what they work on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def research(
        self,
        ctx: Context,
        question: str,
        *,
        sources: list[list[str]],
        depth: int = 1,
        ask_plan: bool = False,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Answers a question from sources; returns the report as JSON."""
        if seconds is not None:
            ctx.finish_after(seconds)
        parts = await self._plan(ctx, question, sources, ask_plan)
        healths = await self._refresh(ctx, sources)
        found = await self._search(ctx, parts, sources, PASSAGES * depth)
        documents = len({passage.document for one in found for passage in one.passages})
        ctx.tell(ResearchUpdated(phase="read", message=f"{documents:,} documents", data={"done": documents, "total": documents}))
        ctx.tell(ResearchUpdated(phase="evidence", message="Picking the sentences that answer"))
        evidence = await ctx.step(pick_evidence, parts, found, title="pick evidence")
        evidence = await self._keep(ctx, evidence)
        ctx.tell(ResearchUpdated(phase="write", message="Putting the report together"))
        draft = await ctx.step(write_report, question, parts, found, evidence, _merged(healths, found), title="write the report")
        ctx.tell(ResearchUpdated(phase="verify", message="Checking every quotation at its place"))
        report = await ctx.step(self.verify, draft, title="verify the citations")
        ctx.tell(ResearchUpdated(phase="verify", message=_summary(report), progress=1.0))
        return dict(replace(report, run_id=ctx.run_id).to_dict())

    async def _plan(self, ctx: Context, question: str, sources: list[list[str]], ask: bool) -> list[SubQuestion]:
        ctx.tell(ResearchUpdated(phase="plan", message="Planning"))
        parts: list[SubQuestion] = await ctx.step(make_plan, question, title="plan")
        if not ask:
            return parts
        asked = [part.text for part in parts]
        names = ", ".join(name for name, *_ in sources)
        answer = await ctx.approve(f"Go ahead with this plan over {names}?", asked, schema=list[str], ask="plan")
        if answer == asked:
            return parts
        kept = [text.strip() for text in answer if text.strip()]
        return [SubQuestion(id=i, text=text, query=text, kind="whole" if i == 0 else "part") for i, text in enumerate(kept)] or parts

    async def _refresh(self, ctx: Context, sources: list[list[str]]) -> list[Health]:
        ctx.tell(ResearchUpdated(phase="search", message="Looking for what is new in the sources"))

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

    async def _search(self, ctx: Context, parts: Sequence[SubQuestion], sources: list[list[str]], k: int) -> list[Found]:
        async def search(part: int, query: str, ref: list[str], k: int) -> Found:
            try:
                passages, health = await self._desk.search(ref, query, k)
            except (SourceError, UsageError) as error:
                passages, health = [], Health(source=ref[0], reason=str(error))
            return Found(part=part, source=ref[0], passages=tuple(passages), health=health)

        # What a person asked to finish is searched for the whole question alone.
        wanted = [(p, ref) for p in parts for ref in sources if p.id == parts[0].id or not ctx.finishing]
        steps = (ctx.step(search, p.id, p.query, ref, k, title=f"search “{_short(p.text)}” in {ref[0]}") for p, ref in wanted)
        outcomes = await ctx.gather(*steps, limit=AT_ONCE)
        found = [
            o.value or Found(part=p.id, source=ref[0], passages=(), health=Health(source=ref[0], reason=str(o.error)))
            for o, (p, ref) in zip(outcomes, wanted, strict=True)
        ]
        for one in found:
            reason = "" if one.passages else one.health.reason
            ctx.tell(
                SourceReported(
                    source=one.source, query=parts[0].text, found=len(one.passages), documents=one.health.documents, reason=reason
                )
            )
        total = len(wanted)
        ctx.tell(
            ResearchUpdated(
                phase="search", message=f"{sum(len(f.passages) for f in found)} passages", data={"done": len(found), "total": total}
            )
        )
        return found

    async def _keep(self, ctx: Context, evidence: list[Evidence]) -> list[Evidence]:
        """Keeps a snapshot of every document that will be cited; evidence from one that is gone is dropped."""
        titles = {one.document: one.title for one in evidence}
        outcomes = await ctx.gather(*(ctx.step(self.keep, d, title=f"keep {_short(t)}") for d, t in titles.items()), limit=AT_ONCE)
        kept = {d for d, o in zip(titles, outcomes, strict=True) if o.value}
        found = [one for one in evidence if one.document in kept]
        message = f"{len(found):,} sentences from {len(kept):,} documents"
        ctx.tell(ResearchUpdated(phase="evidence", message=message, data={"done": len(found)}))
        return found

    def keep(self, document: str) -> bool:
        """Keeps a document as it stands now; False when it is gone."""
        return not self._desk.keep([DocumentId(document)])

    def verify(self, draft: Report) -> Report:
        """Checks every citation of a report against the stored snapshots."""

        def text_of(document: DocumentId) -> str | None:
            with suppress(NotFound):
                return self._desk.document(document).text
            return None

        return draft.checked(text_of)


def make_plan(question: str) -> list[SubQuestion]:
    """Returns what a question asks."""
    return list(plan(question))


def pick_evidence(parts: list[SubQuestion], found: list[Found]) -> list[Evidence]:
    """Returns the sentences that answer, over all sources and parts; none when what was found only shares words with the question."""
    passages = _by_part(found)
    if not supported(parts[0].query, passages.get(parts[0].id, [])).ok:
        return []
    return list(collect({part.id: part.query for part in parts}, passages))


def write_report(question: str, parts: list[SubQuestion], found: list[Found], evidence: list[Evidence], healths: list[Health]) -> Report:
    """Returns the report, its citations not yet checked."""
    return write(question, parts, evidence, healths, found=_by_part(found))


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
        merged.append(replace(health, reason=health.reason if some else health.reason or empty))
    return merged


def _summary(report: Report) -> str:
    if report.abstained or not report.claims:
        return "Nothing in the sources answers this"
    verified = sum(1 for citation in report.citations if citation.verified)
    return f"{verified} of {len(report.citations)} citations verified"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59].rstrip() + "…"
