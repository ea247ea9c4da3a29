"""What a research knows so far, and how it gets to know more: plan, refresh, search, pick, keep.
Each is a recorded step.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import AfterValidator, Field

from sentient_kernel.budget import Budget
from sentient_kernel.engine import Context, fixed_name
from sentient_kernel.errors import ApprovalRejected, SourceError, UsageError
from sentient_kernel.events import ResearchUpdated, SourceReported
from sentient_kernel.ids import DocumentId
from sentient_kernel.research.extractive.evidence import Evidence
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.library import Library
from sentient_kernel.research.steps import (
    SearchResult,
    make_plan,
    pick_evidence,
    pick_quotes,
)
from sentient_kernel.research.taint import (
    Taint,
    agreed,
    approval_question,
    approval_schema,
    needs_approval,
    outgoing,
    said_of,
)
from sentient_kernel.sources.base import Health

AT_ONCE = 8
REFUSED_SHOWN = 20
BETWEEN = 0.4
"""Seconds between two words of progress while a source is read."""
LISTED = 10
"""Sentences of evidence for the question itself, where no model writes: all of them stand in the
report.
"""


def _asks_something(plan: list[str]) -> list[str]:
    if not any(text.strip() for text in plan):
        raise ValueError("a plan must ask something; reject it to stop the run")
    return plan


Plan = Annotated[list[str], Field(min_length=1), AfterValidator(_asks_something)]
"""A plan as a person may edit it."""


@dataclass(slots=True, eq=False)
class Gathering:
    """What one research knows so far.

    Args:
        ctx: The run.
        library: The sources.
        question: What was asked.
        sources: References to the sources that are searched.
        each: Passages that one search takes from one source.
        taint: One's own sources whose text stands in the question itself, as whoever delegated it
            had read them.

    Attributes:
        parts: What the question asks, the whole question first.
        found: What the searches gave.
        understood: What the person who asks has said to what was asked back.
        missing: What a model says is not answered that wrote nothing.
        notes: What a reader of the report has to know of how it came about, a model aside.
        left_out: What was not done because the run was to finish.
    """

    ctx: Context
    library: Library
    question: str
    sources: list[list[str]]
    each: int
    taint: Taint = ()
    parts: list[SubQuestion] = field(default_factory=list, init=False)
    found: list[SearchResult] = field(default_factory=list, init=False)
    understood: list[str] = field(default_factory=list, init=False)
    missing: list[str] = field(default_factory=list, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    left_out: list[str] = field(default_factory=list, init=False)
    _refreshed: list[Health] = field(default_factory=list, init=False)
    # what people agreed to send elsewhere, by sub-question; empty for nothing
    _sent: dict[int, str] = field(default_factory=dict, init=False)
    # how many of the things that people told the run were made use of
    _heard: int = field(default=0, init=False)

    @property
    def healths(self) -> list[Health]:
        """How each source did over the whole run: what its refresh and its searches refused, and
        why those came back empty.
        """
        whole = []
        for health in self._refreshed:
            searches = [one for one in self.found if one.source == health.source]
            refused = dict.fromkeys(health.refused)
            for one in searches:
                refused |= dict.fromkeys(one.health.refused)
            reasons = [health.reason]
            if not any(one.passages for one in searches):
                reasons += [one.health.reason for one in searches]
            reason = next(filter(None, reasons), "")
            whole.append(replace(health, reason=reason, refused=tuple(refused)))
        return whole

    @property
    def documents(self) -> set[DocumentId]:
        """The documents in which something was found."""
        return {passage.document for one in self.found for passage in one.passages}

    # -- what people say ---------------------------------------------------------------------------

    def said(self) -> list[str]:
        """Returns what the person who asks has added to the question."""
        steers = self.ctx.steers
        self._heard = len(steers)
        return [*self.understood, *steers]

    def told_parts(self) -> list[SubQuestion]:
        """Adds and returns what people have told a run without a model since it last looked: it can
        search for that, no more.
        """
        new = self.ctx.steers[self._heard :]
        self._heard += len(new)
        parts = [
            SubQuestion(id=i, text=text, query=text, kind="part")
            for i, text in enumerate(new, len(self.parts))
        ]
        self.parts = [*self.parts, *parts]
        return parts

    async def agree(self) -> None:
        """Lets a person approve or edit the plan."""
        asked = [part.text for part in self.parts]
        names = ", ".join(name for name, *_ in self.sources)
        answer = await self.ctx.approve(
            f"Go ahead with this plan over {names}?", asked, schema=Plan, ask="plan"
        )
        if answer == asked and not (
            any(part.taint for part in self.parts) and self.ctx.policy("plan") == "ask"
        ):
            return
        # of others only what was seen is searched for
        known = {part.text: part.query for part in self.parts if not part.taint}
        kept = [text.strip() for text in answer if text.strip()]
        self.parts = [
            SubQuestion(id=i, text=text, query=known.get(text, text), kind="part" if i else "whole")
            for i, text in enumerate(kept)
        ]

    def cut_short(self, limits: Budget) -> list[str]:
        """Says what was left out as the run was to finish, and what people told it too late to be
        of use.
        """
        notes = []
        if self.left_out:
            over = self.ctx.asked_to_finish == "budget" and limits.seconds is not None
            why = f"Its {limits.seconds:g} s were over" if over else "It was asked to finish"
            notes.append(
                f"{why} before all was done. Left out: {'; '.join(dict.fromkeys(self.left_out))}."
            )
        late = self.ctx.steers[self._heard :]
        return notes + [f"This was told too late to make a difference: “{text}”" for text in late]

    # -- searching ---------------------------------------------------------------------------------

    async def plan(self) -> None:
        """Splits the question into what it asks."""
        self.ctx.tell(ResearchUpdated(phase="plan", message="Planning"))
        self.parts = await self.ctx.step(make_plan, self.question, title="plan")
        if self.taint:
            self.parts = [replace(part, taint=self.taint) for part in self.parts]

    async def refresh(self) -> None:
        """Lets every source read what is new in it."""
        ctx = self.ctx
        ctx.tell(ResearchUpdated(phase="search", message="Looking for what is new in the sources"))

        @fixed_name("research:refresh")
        async def refresh(ref: list[str]) -> Health:
            told = 0.0

            def tell(message: str, done: float | None) -> None:
                nonlocal told
                if time.monotonic() - told >= BETWEEN or done == 1.0:
                    told = time.monotonic()
                    ctx.note(ResearchUpdated(phase="search", message=message))

            try:
                return await self.library.refresh(ref, tell)
            except (SourceError, UsageError) as error:
                return Health(source=ref[0], reason=str(error))

        steps = [ctx.step(refresh, ref, title=f"look through {ref[0]}") for ref in self.sources]
        outcomes = await ctx.gather(*steps, limit=AT_ONCE)
        for outcome, ref in zip(outcomes, self.sources, strict=True):
            health = outcome.value or Health(source=ref[0], reason=str(outcome.error))
            self._refreshed.append(health)
            ctx.tell(
                SourceReported(
                    source=health.source,
                    documents=health.documents,
                    reason=health.reason,
                    refused=health.refused[:REFUSED_SHOWN],
                )
            )

    async def search(
        self, parts: Sequence[SubQuestion], sources: list[list[str]] | None = None
    ) -> list[SearchResult]:
        """Searches for sub-questions in all sources, or some, and returns what they gave: whoever
        asks keeps it.
        """
        ctx = self.ctx
        sources = self.sources if sources is None else sources
        elsewhere = [ref[0] for ref in sources if self.library.sends(ref)]
        if elsewhere:
            await self._ask_to_send(parts, elsewhere)

        @fixed_name("research:search")
        async def search(part: int, query: str, ref: list[str], k: int) -> SearchResult:
            try:
                passages, health = await self.library.search(ref, query, k)
            except (SourceError, UsageError) as error:
                passages, health = [], Health(source=ref[0], reason=str(error))
            return SearchResult(part=part, source=ref[0], passages=tuple(passages), health=health)

        asked, steps = [], []
        for part in parts:
            for ref in sources:
                if query := (
                    outgoing(part, ref[0], self._sent) if ref[0] in elsewhere else part.query
                ):
                    asked.append((part, ref[0]))
                    title = f"search “{shortened(part.text)}” in {ref[0]}"
                    steps.append(ctx.step(search, part.id, query, ref, self.each, title=title))
        outcomes = await ctx.gather(*steps, limit=AT_ONCE)
        found, count = [], 0
        for outcome, (part, source) in zip(outcomes, asked, strict=True):
            one = outcome.value or SearchResult(
                part=part.id,
                source=source,
                passages=(),
                health=Health(source=source, reason=str(outcome.error)),
            )
            found.append(one)
            count += len(one.passages)
            ctx.tell(
                SourceReported(
                    source=source,
                    query=part.text,
                    found=len(one.passages),
                    documents=one.health.documents,
                    reason="" if one.passages else one.health.reason,
                )
            )
            note = f"Answers of {source} come from a file that was opened here, not from requests."
            if one.health.brought and note not in self.notes:
                self.notes.append(note)
        data = {"done": len(found), "total": len(found)}
        ctx.tell(ResearchUpdated(phase="search", message=f"{count} passages", data=data))
        return found

    async def _ask_to_send(self, parts: Sequence[SubQuestion], elsewhere: Sequence[str]) -> None:
        """Asks a person, once, which of the searches may be sent that a model wrote after it had
        read that person's documents.
        """
        parts = [
            part
            for part in parts
            if part.id not in self._sent and any(needs_approval(part, name) for name in elsewhere)
        ]
        if not parts:
            return
        names = [name for name in elsewhere if any(needs_approval(part, name) for part in parts)]
        reason, answer = "", list[str]()
        try:
            answer = await self.ctx.approve(
                approval_question(parts, names),
                [part.query for part in parts],
                schema=approval_schema(len(parts)),
                ask="fetch",
            )
        except ApprovalRejected as error:
            reason = error.reason or "this was not approved"
        allowed = agreed(parts, answer)
        self._sent |= {part.id: allowed.get(part.id, "") for part in parts}
        self.notes.append(
            said_of(len(parts), len(allowed), names, policy=self.ctx.policy("fetch"), reason=reason)
        )

    def leave_out(self, parts: Sequence[SubQuestion]) -> None:
        """Notes searches that were not made as the run was to finish."""
        self.left_out += [f"searching for “{part.text}”" for part in parts]

    async def search_first(self, *, told: bool) -> None:
        """Searches for the first time; of a run that is to finish, for the whole question alone.

        Args:
            told: Whether what people tell the run meanwhile is searched for as it stands.
        """
        parts = self.parts
        if len(parts) > 1 and self.ctx.finishing:
            self.leave_out(parts[1:])
            parts = parts[:1]
        self.found = await self.search(parts)
        while told and not self.ctx.finishing and len(self.ctx.steers) > self._heard:
            self.found += await self.search(self.told_parts())

    # -- picking -----------------------------------------------------------------------------------

    async def pick(self, *, show: bool) -> list[Evidence]:
        """Picks the evidence, to be listed or shown to a model, and keeps what it points into.

        What is gone since it was found is looked for once more, then done without.
        """
        count = len(self.documents)
        data = {"done": count, "total": count}
        self.ctx.tell(ResearchUpdated(phase="read", message=f"{count:,} documents", data=data))
        self.ctx.tell(
            ResearchUpdated(phase="evidence", message="Picking the sentences that answer")
        )
        how, more = (pick_quotes, ()) if show else (pick_evidence, (LISTED,))
        gone: dict[DocumentId, str] = {}
        while True:
            title = "pick evidence again" if gone else "pick evidence"
            evidence: list[Evidence] = await self.ctx.step(
                how, self.parts, self.found, *more, title=title
            )
            titles = {one.document: one.title for one in evidence}
            keeping = [
                self.ctx.step(self.library.keep, document, title=f"keep {shortened(name)}")
                for document, name in titles.items()
            ]
            outcomes = await self.ctx.gather(*keeping, limit=AT_ONCE)
            kept = {
                document
                for document, outcome in zip(titles, outcomes, strict=True)
                if outcome.value
            }
            if gone or kept == titles.keys():
                break
            gone = {document: name for document, name in titles.items() if document not in kept}
            await self._search_again(gone)
        if lost := [name for document, name in gone.items() if document not in kept]:
            documents = (
                "A document that was found is"
                if len(lost) == 1
                else f"{len(lost)} documents that were found are"
            )
            self.notes.append(
                f"{documents} not kept any more, and could not be read again as it was:"
                f" {'; '.join(lost)}."
            )
        found = [one for one in evidence if one.document in kept]
        message = f"{len(found):,} sentences from {len(kept):,} documents"
        self.ctx.tell(ResearchUpdated(phase="evidence", message=message, data={"done": len(found)}))
        return found

    async def _search_again(self, gone: Collection[DocumentId]) -> None:
        """Searches once more for documents that are gone, as they are when a cache was emptied
        before a run went on.
        """
        brought = {
            (one.part, one.source)
            for one in self.found
            if any(passage.document in gone for passage in one.passages)
        }
        for part in self.parts:
            if again := [ref for ref in self.sources if (part.id, ref[0]) in brought]:
                fresh = {(one.part, one.source): one for one in await self.search([part], again)}
                self.found = [fresh.pop((one.part, one.source), one) for one in self.found]


def shortened(text: str) -> str:
    """Returns a text as long as a title may be."""
    return text if len(text) <= 60 else text[:59].rstrip() + "…"
