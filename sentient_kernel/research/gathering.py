"""What a research knows so far, and how it gets to know more: plan, refresh, search, pick, keep.
Each is a recorded step.
"""

from __future__ import annotations

import time
from collections.abc import Container, Sequence
from dataclasses import replace
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
    merged,
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

__all__ = ["Gathering", "shortened"]

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

    def __init__(
        self,
        ctx: Context,
        library: Library,
        question: str,
        sources: list[list[str]],
        each: int,
        taint: Taint = (),
    ) -> None:
        self._ctx = ctx
        self._library = library
        self._sources = sources
        self._each = each
        self._taint = taint
        self.question = question
        self.parts: list[SubQuestion] = []
        self.found: list[SearchResult] = []
        self.understood: list[str] = []
        self.missing: list[str] = []
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self._refreshed: list[Health] = []
        self._sent: dict[
            int, str
        ] = {}  # what people agreed to send elsewhere, by sub-question; empty for nothing
        self._heard = 0  # how many of the things that people told the run were made use of

    @property
    def healths(self) -> list[Health]:
        """How each source did over the whole run."""
        return merged(self._refreshed, self.found)

    @property
    def documents(self) -> set[DocumentId]:
        """The documents in which something was found."""
        return {passage.document for one in self.found for passage in one.passages}

    # -- what people say ---------------------------------------------------------------------------

    def said(self) -> list[str]:
        """Returns what the person who asks has added to the question."""
        steers = self._ctx.steers
        self._heard = len(steers)
        return [*self.understood, *steers]

    def told_parts(self) -> list[SubQuestion]:
        """Adds and returns what people have told a run without a model since it last looked: it can
        search for that, no more.
        """
        new = self._ctx.steers[self._heard :]
        self._heard += len(new)
        first = len(self.parts)
        parts = [
            SubQuestion(id=first + i, text=text, query=text, kind="part")
            for i, text in enumerate(new)
        ]
        self.parts = [*self.parts, *parts]
        return parts

    async def agree(self) -> None:
        """Lets a person approve or edit the plan."""
        asked = [part.text for part in self.parts]
        names = ", ".join(name for name, *_ in self._sources)
        answer = await self._ctx.approve(
            f"Go ahead with this plan over {names}?", asked, schema=Plan, ask="plan"
        )
        if answer == asked and not (
            any(part.taint for part in self.parts) and self._ctx.policy("plan") == "ask"
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
            over = self._ctx.asked_to_finish == "budget" and limits.seconds is not None
            why = f"Its {limits.seconds:g} s were over" if over else "It was asked to finish"
            notes.append(
                f"{why} before all was done. Left out: {'; '.join(dict.fromkeys(self.left_out))}."
            )
        for text in self._ctx.steers[self._heard :]:
            notes.append(f"This was told too late to make a difference: “{text}”")
        return notes

    # -- searching ---------------------------------------------------------------------------------

    async def plan(self) -> None:
        """Splits the question into what it asks."""
        self._ctx.tell(ResearchUpdated(phase="plan", message="Planning"))
        parts: list[SubQuestion] = await self._ctx.step(make_plan, self.question, title="plan")
        self.parts = (
            [replace(part, taint=self._taint) for part in parts] if self._taint else list(parts)
        )

    async def refresh(self) -> None:
        """Lets every source read what is new in it."""
        ctx = self._ctx
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
                return await self._library.refresh(ref, tell)
            except (SourceError, UsageError) as error:
                return Health(source=ref[0], reason=str(error))

        steps = [ctx.step(refresh, ref, title=f"look through {ref[0]}") for ref in self._sources]
        outcomes = await ctx.gather(*steps, limit=AT_ONCE)
        for outcome, ref in zip(outcomes, self._sources, strict=True):
            health = outcome.value or Health(source=ref[0], reason=str(outcome.error))
            self._refreshed.append(health)
            refused = health.refused[:REFUSED_SHOWN]
            ctx.tell(
                SourceReported(
                    source=health.source,
                    documents=health.documents,
                    reason=health.reason,
                    refused=refused,
                )
            )

    async def search(
        self, parts: Sequence[SubQuestion], sources: list[list[str]] | None = None
    ) -> list[SearchResult]:
        """Searches for sub-questions in all sources, or some, and returns what they gave: whoever
        asks keeps it.
        """
        ctx = self._ctx
        sources = self._sources if sources is None else sources
        elsewhere = [ref[0] for ref in sources if self._library.sends(ref)]
        await self._ask_to_send(parts, elsewhere)

        @fixed_name("research:search")
        async def search(part: int, query: str, ref: list[str], k: int) -> SearchResult:
            try:
                passages, health = await self._library.search(ref, query, k)
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
                    steps.append(ctx.step(search, part.id, query, ref, self._each, title=title))
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
            reason = "" if one.passages else one.health.reason
            ctx.tell(
                SourceReported(
                    source=source,
                    query=part.text,
                    found=len(one.passages),
                    documents=one.health.documents,
                    reason=reason,
                )
            )
        for source in dict.fromkeys(one.health.source for one in found if one.health.brought):
            note = f"Answers of {source} come from a file that was opened here, not from requests."
            if note not in self.notes:
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
            shown = [part.query for part in parts]
            answer = await self._ctx.approve(
                approval_question(parts, names),
                shown,
                schema=approval_schema(len(parts)),
                ask="fetch",
            )
        except ApprovalRejected as error:
            reason = error.reason or "this was not approved"
        allowed = agreed(parts, answer)
        self._sent |= {part.id: allowed.get(part.id, "") for part in parts}
        self.notes.append(
            said_of(
                len(parts), len(allowed), names, policy=self._ctx.policy("fetch"), reason=reason
            )
        )

    def leave_out(self, parts: Sequence[SubQuestion]) -> None:
        """Notes searches that were not made as the run was to finish."""
        self.left_out += [f"searching for “{part.text}”" for part in parts]

    async def search_first(self, *, told: bool) -> None:
        """Searches for the first time; of a run that is to finish, for the whole question alone.

        Args:
            told: Whether what people tell the run meanwhile is searched for as it stands.
        """
        if told:
            self.told_parts()
        parts = self.parts
        if len(parts) > 1 and self._ctx.finishing:
            self.leave_out(parts[1:])
            parts = parts[:1]
        self.found = await self.search(parts)
        while told and not self._ctx.finishing and (parts := self.told_parts()):
            self.found += await self.search(parts)

    # -- picking -----------------------------------------------------------------------------------

    async def pick(self, *, show: bool) -> list[Evidence]:
        """Picks the evidence, to be listed or shown to a model, and keeps what it points into.

        What is gone since it was found is looked for once more, then done without.
        """
        evidence, kept = await self._pick("pick evidence", show=show)
        if gone := {one.document: one.title for one in evidence if one.document not in kept}:
            await self._search_again(gone)
            evidence, kept = await self._pick("pick evidence again", show=show)
            if lost := [title for document, title in gone.items() if document not in kept]:
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
        self._ctx.tell(
            ResearchUpdated(phase="evidence", message=message, data={"done": len(found)})
        )
        return found

    async def _pick(self, title: str, *, show: bool) -> tuple[list[Evidence], set[DocumentId]]:
        """Returns evidence, and which of its documents were still there to be kept."""
        ctx = self._ctx
        how, more = (pick_quotes, ()) if show else (pick_evidence, (LISTED,))
        evidence: list[Evidence] = await ctx.step(how, self.parts, self.found, *more, title=title)
        titles = {one.document: one.title for one in evidence}
        steps = [
            ctx.step(self.keep, document, title=f"keep {shortened(name)}")
            for document, name in titles.items()
        ]
        outcomes = await ctx.gather(*steps, limit=AT_ONCE)
        return evidence, {
            document for document, outcome in zip(titles, outcomes, strict=True) if outcome.value
        }

    @fixed_name("research:keep")
    def keep(self, document: str) -> bool:
        """Keeps a snapshot of a document as it stands now; False when it is gone."""
        return not self._library.keep([DocumentId(document)])

    async def _search_again(self, gone: Container[DocumentId]) -> None:
        """Searches once more for documents that are gone, as they are when a cache was emptied
        before a run went on.
        """
        brought = [
            (one.part, one.source)
            for one in self.found
            if any(passage.document in gone for passage in one.passages)
        ]
        for part in [part for part in self.parts if part.id in {number for number, _ in brought}]:
            fresh = await self.search(
                [part], [ref for ref in self._sources if (part.id, ref[0]) in brought]
            )
            again = {(one.part, one.source) for one in fresh}
            self.found = [
                *(one for one in self.found if (one.part, one.source) not in again),
                *fresh,
            ]


def shortened(text: str) -> str:
    """Returns a text as long as a title may be."""
    return text if len(text) <= 60 else text[:59].rstrip() + "…"
