"""What a model adds to a research: it asks back, plans, looks for gaps, writes, and rewrites what
its quotes do not support.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

# pydantic, which brings it, reads no other before Python 3.12
from typing_extensions import TypedDict

from sentient_kernel.engine import Context
from sentient_kernel.errors import ApprovalRejected
from sentient_kernel.events import ResearchUpdated
from sentient_kernel.report.report import Report
from sentient_kernel.research import prompts
from sentient_kernel.research.assemble import (
    answered,
    assemble,
    by_judgement,
    claims_from,
    mended,
    weak,
)
from sentient_kernel.research.coverage import written
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.plan import SubQuestion, plan
from sentient_kernel.research.gathering import Gathering
from sentient_kernel.research.model_calls import ModelClient
from sentient_kernel.research.steps import Checking, SearchResult, by_part, pick_quotes

REWRITING = "rewriting unsupported sentences"


class AskedBack(TypedDict):
    """What a model asks before it plans, and the answer to that: at first what it would assume."""

    question: str
    answer: str


@dataclass(slots=True, eq=False)
class WithModel:
    """The parts of one research that ask a model.

    Args:
        ctx: The run.
        client: The way to the model.
        gathering: What the research knows so far.
        checking: Checks what the model wrote.
    """

    ctx: Context
    client: ModelClient
    gathering: Gathering
    checking: Checking

    async def clarify(self) -> None:
        """Asks a person what the model finds unclear; not when all is clear, or nobody wants to
        say.
        """
        self.ctx.tell(ResearchUpdated(phase="plan", message="Looking for what is unclear"))
        messages = prompts.clarify_messages(self.gathering.question, self.ctx.steers)
        value = await self.client.ask("clarify", messages, prompts.CLARIFY, most_tokens=300)
        asked = prompts.asked_back(value)
        if (asked or value is None) and self.ctx.finishing:
            self.gathering.left_out.append("asking back what is unclear")
        elif asked:
            try:
                answers = await self.ctx.approve(
                    "Is this what you mean? Correct what is not.", asked, schema=list[AskedBack]
                )
                self.gathering.understood = prompts.understood(answers)
            except ApprovalRejected as error:
                why = f" ({error.reason})" if error.reason else ""
                self.client.spending.notes.append(
                    f"What the model asked before planning was left unanswered{why}."
                )

    async def plan(self) -> list[SubQuestion]:
        """Returns what the model would ask besides."""
        messages = prompts.plan_messages(self.gathering.question, self.gathering.said())
        value = await self._ask("plan", messages, prompts.PLAN, 500, "planning with the model")
        return prompts.further(value, self.gathering.parts, prompts.MOST_PARTS, self.client.taint)

    async def search_at_once(self) -> None:
        """Searches for the whole question while the model plans, and for what it planned without
        waiting for that.
        """
        gathering, more, refreshed = self.gathering, list[SubQuestion](), asyncio.Event()

        async def search_whole() -> list[SearchResult]:
            try:
                await gathering.refresh()
            finally:
                refreshed.set()
            return await gathering.search(gathering.parts)

        async def search_planned() -> list[SearchResult]:
            more.extend(await self.plan())
            await refreshed.wait()
            return await self._search_more(more)

        for outcome in await self.ctx.gather(search_whole(), search_planned()):
            if outcome.error is not None:
                raise outcome.error
            gathering.found += outcome.value or []
        gathering.parts = [*gathering.parts, *more]

    async def _search_more(self, parts: list[SubQuestion]) -> list[SearchResult]:
        """Searches for what a model asked for; of a run that is to finish, notes it."""
        if parts and not self.ctx.finishing:
            return await self.gathering.search(parts)
        self.gathering.leave_out(parts)
        return []

    async def search_deeper(self, depth: int) -> None:
        """Looks for gaps and searches again, until nothing is missing, nothing new comes, or it is
        deep enough.
        """
        gathering, before = self.gathering, None
        for _ in range(depth):
            if self.client.spending.closed or gathering.documents == before:
                return
            if self.ctx.finishing:
                gathering.left_out.append("looking for gaps")
                return
            before = gathering.documents
            evidence = await self.ctx.step(
                pick_quotes, gathering.parts, gathering.found, title="look over the evidence"
            )
            searched = [part.query for part in gathering.parts]
            messages = prompts.gap_messages(
                gathering.question, evidence, searched, gathering.said()
            )
            value = await self._ask("gaps", messages, prompts.GAPS, 400, "looking for gaps")
            parts = prompts.further(value, gathering.parts, prompts.MOST_QUERIES, self.client.taint)
            if prompts.enough(value) or not parts:
                return
            gathering.parts = [*gathering.parts, *parts]
            gathering.found += await self._search_more(parts)

    async def write(self, evidence: list[Evidence], embedder: str) -> Report | None:
        """Returns the report that the model wrote, checked and mended, or that says that nothing
        answers; None when it is of no use.
        """
        gathering, notes = self.gathering, self.client.spending.notes
        messages = prompts.write_messages(gathering.question, evidence, gathering.said())
        value = await self.client.ask("write", messages, prompts.REPORT, most_tokens=1_500)
        missing, sentences = prompts.missing_of(value), prompts.claims_of(value, len(evidence))
        found = (gathering.healths, by_part(gathering.found))
        if prompts.finds_nothing(value):
            notes.append("The model found nothing in the quotes that answers the question.")
            nothing = assemble(gathering.question, gathering.parts, (), (), missing, *found)
            return self._rated(nothing)
        if not sentences:
            gathering.missing = missing
            if value is None and self.ctx.finishing:
                gathering.left_out.append("writing with the model")
            if value is not None:
                notes.append("The model wrote no sentence.")
            return None
        self.ctx.tell(
            ResearchUpdated(phase="verify", message="Checking every sentence against its quotes")
        )
        draft = assemble(gathering.question, gathering.parts, evidence, sentences, missing, *found)
        report = await self._checked(draft, evidence, embedder)
        if any(claim.verdict == "supported" for claim in report.claims):
            notes += [f"{why} The sentence is “{text}”" for text, why in by_judgement(report)]
            return self._rated(answered(report))
        notes.append("Nothing that the model wrote is supported by what it cites.")
        return None

    def _rated(self, report: Report) -> Report:
        """Returns a report with how well it answers, as far as the model says what is missing."""
        gaps = [gap.question for gap in report.unanswered]
        asked = plan(self.gathering.question)
        return replace(report, coverage=written(asked, report.claims, gaps))

    async def _checked(self, draft: Report, evidence: list[Evidence], embedder: str) -> Report:
        """Returns a draft with a verdict on every sentence; the model judges or rewrites once what
        the rules do not support.
        """
        ctx, checking = self.ctx, self.checking
        report: Report = await ctx.step(checking.verify, draft, title="verify the citations")
        near: dict[str, float] = {}
        if embedder and not ctx.finishing and (doubted := weak(report)):
            near = await checking.similarity(
                doubted, evidence, embedder, self.client.spending.notes
            )
        if near:
            report = await ctx.step(
                checking.verify, draft, None, near, title="verify by similarity of meaning"
            )
        if not (doubtful := weak(report)):
            return report
        if ctx.finishing:
            self.gathering.left_out.append(REWRITING)
            return report
        messages = prompts.repair_messages(self.gathering.question, doubtful, evidence)
        value = await self._ask("repair", messages, prompts.MEND, 700, REWRITING)
        if words := prompts.judged_of(value, doubtful):
            report = await ctx.step(
                checking.verify, draft, words, near, title="verify what was judged"
            )
        if again := tuple(claims_from(prompts.claims_of(value, len(evidence)), evidence)):
            rewritten: Report = await ctx.step(
                checking.verify,
                replace(draft, claims=again, disagreements=()),
                title="verify what was rewritten",
            )
            report = mended(report, rewritten.claims)
        return report

    async def _ask(
        self, purpose: str, messages: Any, schema: prompts.Schema, most_tokens: int, doing: str
    ) -> Any:
        """Returns what the model answers; where it gave nothing as the run is to finish, notes what
        was left out.
        """
        value = await self.client.ask(purpose, messages, schema, most_tokens=most_tokens)
        if value is None and self.ctx.finishing:
            self.gathering.left_out.append(doing)
        return value
