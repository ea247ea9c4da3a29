"""Research as a durable workflow: plan, search, pick evidence, write, verify; each arrow is a
recorded step.

Without a model all judgement is in pure functions beside this file; here is only their order, and
what is told on the way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from sentient_kernel.budget import Budget
from sentient_kernel.engine import Context, Workflow
from sentient_kernel.events import ResearchUpdated
from sentient_kernel.projections.foreign import arguments, listed, said
from sentient_kernel.report.report import Cost, Report
from sentient_kernel.research.assemble import missed
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.plan import read
from sentient_kernel.research.gathering import Gathering
from sentient_kernel.research.library import Library
from sentient_kernel.research.model_registry import ModelRegistry
from sentient_kernel.research.steps import Checking, made_with, write_report
from sentient_kernel.research.taint import Taint

if TYPE_CHECKING:
    from sentient_kernel.research.with_model import WithModel


RESEARCH = "sentient_kernel.research"
_SHOWN = ("model", "embedder", "budget", "depth")
"""Settings of a research that its names tell."""
PASSAGES = 10
"""Passages that one search takes from one source, for each unit of depth where no model looks for
gaps.
"""


def research_workflow(library: Library, models: ModelRegistry) -> Workflow[..., Any]:
    """Returns the research workflow over the sources of one library and the models of one
    registry.
    """
    return Workflow(Research(library, models).research, RESEARCH, "5", research_names)


class Research:
    """The order of a research, with what it works on."""

    def __init__(self, library: Library, models: ModelRegistry) -> None:
        self._library = library
        self._models = models

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

        ``taint`` names one's own sources whose text was read before the question was written: by a
        run that delegates it, for one.
        """
        limits, own = Budget(**(budget or {})), tuple(taint or ())
        if limits.seconds is not None:
            ctx.finish_after(limits.seconds)
        checking = Checking(ctx, self._library, self._models)
        # A model looks again for what one search did not bring.
        gathering = Gathering(
            ctx, self._library, question, sources, PASSAGES if model else PASSAGES * depth, own
        )
        helper = self._with_model(ctx, gathering, checking, model, limits, own) if model else None
        if helper is not None and clarify:
            await helper.clarify()
        await gathering.plan()
        if helper is not None and not ask_plan:
            await helper.search_at_once()
        else:
            if helper is not None:
                gathering.parts += await helper.plan()
            if ask_plan:
                await gathering.agree()
            await gathering.refresh()
            await gathering.search_first(told=helper is None)
        if helper is not None:
            await helper.search_deeper(depth)
        evidence = await gathering.pick(show=helper is not None)
        ctx.tell(ResearchUpdated(phase="write", message="Putting the report together"))
        report = await helper.write(evidence, embedder) if helper is not None and evidence else None
        by_model = report is not None
        if report is None:
            if helper is not None:  # what is listed without a model is chosen by words alone
                evidence = await gathering.pick(show=False)
            report = await self._by_rule(ctx, gathering, checking, evidence)
        ctx.tell(
            ResearchUpdated(
                phase="verify",
                message=" · ".join(report.facts),
                progress=1.0,
                data={"coverage": report.coverage.level},
            )
        )
        documents = sorted({citation.document for citation in report.citations})
        made = await ctx.step(made_with, model, documents, title="note what it was made with")
        cost, notes = Cost(), gathering.notes
        if helper is not None:
            spending = helper.client.spending
            cost, notes = spending.cost, [*spending.notes, *notes]
            if not by_model and report.claims:
                notes.append("The report is made of the sources' own sentences.")
        if not by_model and (wished := read(question).unmet):
            wishes = "; ".join(f"“{wish}”" for wish in wished)
            notes.append(
                f"Sentences are shown as they stand in the sources. Not followed: {wishes}."
            )
        notes += gathering.cut_short(limits)
        return replace(
            report, run_id=ctx.run_id, cost=cost, made_with=made, notes=tuple(notes)
        ).to_dict()

    async def _by_rule(
        self, ctx: Context, gathering: Gathering, checking: Checking, evidence: list[Evidence]
    ) -> Report:
        """Returns the report of the sources' own sentences, checked."""
        draft = await ctx.step(
            write_report,
            gathering.question,
            gathering.parts,
            gathering.found,
            evidence,
            gathering.healths,
            title="write the report",
        )
        ctx.tell(ResearchUpdated(phase="verify", message="Checking every quotation at its place"))
        report: Report = await ctx.step(checking.verify, draft, title="verify the citations")
        gaps = missed(gathering.missing, report.unanswered) if gathering.missing else ()
        return replace(report, unanswered=(*report.unanswered, *gaps))

    def _with_model(
        self,
        ctx: Context,
        gathering: Gathering,
        checking: Checking,
        model: str,
        limits: Budget,
        taint: Taint,
    ) -> WithModel:
        from sentient_kernel.research.model_calls import ModelClient
        from sentient_kernel.research.with_model import WithModel

        client = ModelClient(ctx, self._models.get(model), self._library.cache, limits, taint)
        return WithModel(ctx, client, gathering, checking)


def research_names(inputs: Any) -> dict[str, JsonValue]:
    """Returns what the stored inputs of a research name, for a person who decides whether somebody
    else's research may go on here: question, sources, model and limits, word for word as far as
    they fit.

    Args:
        inputs: As they stand in the run's first event; anything may stand there.

    Example:
        >>> research_names({"args": ["Why?"], "kwargs": {"sources": [["notes", "/home/ada/notes",
        ...     "notes"]], "depth": 1}})
        {'question': 'Why?', 'sources': ['notes: /home/ada/notes'], 'depth': '1'}
    """
    args, kwargs = arguments(inputs)
    rest = dict(kwargs)
    question = args[0] if args else rest.pop("question", "")
    named: dict[str, JsonValue] = {"question": said(question)}
    sources = rest.pop("sources", None)
    if isinstance(sources, list) and sources:
        named["sources"] = listed([_source(ref) for ref in sources], len(sources))
    elif sources:
        named["sources"] = said(sources)
    named |= {name: said(rest.pop(name)) for name in _SHOWN if rest.get(name)}
    if left := [*args[1:], *([rest] if rest else [])]:
        named["also"] = listed([said(value) for value in left], len(left))
    return named


def _source(ref: Any) -> str:
    if isinstance(ref, list) and len(ref) >= 2 and all(isinstance(part, str) for part in ref):
        return said(ref[1] if ref[0] == ref[1] else f"{ref[0]}: {ref[1]}")
    return said(ref)
