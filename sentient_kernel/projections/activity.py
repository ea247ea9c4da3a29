"""What a run did: its steps, what each source gave, what it used, and its events as rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, assert_never

from pydantic_core import from_json

from sentient_kernel.clock import as_datetime
from sentient_kernel.describing import Described
from sentient_kernel.events import (
    ENDS,
    Effect,
    ErrorInfo,
    Record,
    RunPaused,
    RunResumed,
    SourceReported,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
    UsageRecorded,
    key_of,
    kinds_of,
)
from sentient_kernel.ids import RunId, Seq, StepKey
from sentient_kernel.projections.base import when
from sentient_kernel.projections.drawing.table import Table

REFUSED = 50
"""So many refused documents are kept by name for each source, the newest; all are counted."""

Taken = StepStarted | StepRetried | StepEndedFailed | RunResumed | RunPaused
TAKEN = kinds_of(Taken)
StepStatus = Literal["running", "retrying", "completed", "failed", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepView(Described):
    """A step as of its newest event.

    Args:
        title: What it does, in words; its name where it said nothing.
        status: ``retrying`` from a failed try until it ends; ``interrupted`` when its run ended, or
            was taken up again, before it did.
        attempts: How often it was tried, the try under way included.
        seconds: From the beginning of its newest start to its end; None while it is under way.
        error: Of the last try that failed, also when a later one succeeded.
    """

    NOUN: ClassVar[str] = "step"
    SHOW: ClassVar[tuple[str, ...]] = ("title", "status", "attempts", "started", "seconds", "error")

    key: StepKey
    name: str = ""
    title: str = ""
    status: StepStatus = "running"
    attempts: int = 1
    started: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    effect: Effect = "pure"
    error: ErrorInfo | None = None


class Steps:
    """Folds one run's records into its steps; a record costs the same however many there are."""

    def __init__(self) -> None:
        self._views: dict[StepKey, StepView] = {}
        self._open: dict[StepKey, None] = {}  # those under way, oldest first

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in."""
        if record.kind == StepCompleted.KIND:  # not parsed: results may be long
            self._close(key_of(record), "completed", record.at)
        elif record.kind in TAKEN:
            self._take(record.event, record.at)
        elif record.kind in ENDS:
            self._interrupt(record.at)

    def _take(self, event: Taken, at: int) -> None:
        match event:
            case StepStarted():
                known = self._views.get(event.key)
                self._open[event.key] = None
                self._views[event.key] = StepView(
                    key=event.key,
                    name=event.name,
                    title=event.title or event.name,
                    attempts=known.attempts + 1 if known else 1,
                    started=when(at),
                    effect=event.effect,
                    error=known.error if known else None,
                )
            case StepRetried():
                view = self._view(event.key, at)
                self._open[event.key] = None
                self._views[event.key] = replace(
                    view,
                    status="retrying",
                    attempts=max(1, view.attempts) + 1,
                    ended=None,
                    seconds=None,
                    error=event.error,
                )
            case StepEndedFailed():
                tried = max(self._view(event.key, at).attempts, event.attempt)
                self._close(event.key, "failed", at, error=event.error, attempts=tried)
            case RunResumed():
                self._interrupt(at)
            case RunPaused():
                if event.cut:
                    self._interrupt(at)
            case _:
                assert_never(event)

    def _interrupt(self, at: int) -> None:
        for key in list(self._open):
            self._close(key, "interrupted", at)

    @property
    def table(self) -> Table[StepView]:
        """All steps."""
        return Table(self._views.values(), StepView)

    def _view(self, key: StepKey, at: int) -> StepView:
        view = self._views.get(key)
        if view is None:
            view = self._views[key] = StepView(key=key, attempts=0, started=when(at))
        return view

    def _close(self, key: StepKey, status: StepStatus, at: int, **changes: Any) -> None:
        view, ended = self._view(key, at), as_datetime(at)
        seconds = max(0.0, (ended - (view.started or ended)).total_seconds())
        changes.setdefault("attempts", max(1, view.attempts))
        self._views[key] = replace(view, status=status, ended=ended, seconds=seconds, **changes)
        self._open.pop(key, None)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SourceView(Described):
    """A source as a run has seen it.

    Args:
        asked: How often it reported.
        found: Passages found, over all reports.
        documents: How many documents it held when it last said.
        reason: Why nothing came, of its last report; empty when something came.
        refused: (uri, reason) of the newest documents that could not be used; ``refusals`` counts
            all.
    """

    NOUN: ClassVar[str] = "source"
    SHOW: ClassVar[tuple[str, ...]] = (
        "source",
        "asked",
        "found",
        "documents",
        "refusals",
        "reason",
    )

    source: str
    asked: int = 0
    found: int = 0
    documents: int = 0
    reason: str = ""
    query: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    refusals: int = 0
    updated: datetime | None = None


class Sources:
    """Folds one run's records into its sources, in the order in which they first reported."""

    def __init__(self) -> None:
        self._views: dict[str, SourceView] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in."""
        if record.kind != SourceReported.KIND:
            return
        event: SourceReported = record.event
        seen = self._views.get(event.source) or SourceView(source=event.source)
        self._views[event.source] = replace(
            seen,
            asked=seen.asked + 1,
            found=seen.found + event.found,
            documents=event.documents or seen.documents,
            reason=event.reason,
            query=event.query,
            refused=(seen.refused + event.refused)[-REFUSED:],
            refusals=seen.refusals + len(event.refused),
            updated=when(record.at),
        )

    @property
    def table(self) -> Table[SourceView]:
        """All sources that reported."""
        return Table(self._views.values(), SourceView)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UsageView(Described):
    """The use that one kind of work made of one model.

    Args:
        purpose: What it was used for: plan, gaps, write, repair.
        calls: Calls that were made; answers kept from an earlier time are counted in ``kept`` and
            cost nothing.
        tokens_in, tokens_out: Tokens read and written.
        reasoning: How many of those written were reasoning.
        usd: US dollars; None when no price is known.
        seconds: How long the calls took together.
    """

    NOUN: ClassVar[str] = "usage line"
    TOTAL: ClassVar[tuple[str, ...]] = (
        "calls",
        "kept",
        "tokens_in",
        "tokens_out",
        "reasoning",
        "usd",
        "seconds",
    )

    purpose: str
    model: str
    calls: int = 0
    kept: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    reasoning: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0


class Costs:
    """Folds one run's records into what it used; a run that asked no model has no line at all."""

    def __init__(self) -> None:
        self._views: dict[tuple[str, str], UsageView] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in."""
        if record.kind != UsageRecorded.KIND:
            return
        event: UsageRecorded = record.event
        key = (event.purpose, event.model)
        seen = self._views.get(key) or UsageView(purpose=event.purpose, model=event.model)
        if event.kept:
            self._views[key] = replace(seen, kept=seen.kept + 1)
            return
        self._views[key] = replace(
            seen,
            calls=seen.calls + event.calls,
            tokens_in=seen.tokens_in + event.prompt,
            tokens_out=seen.tokens_out + event.completion,
            reasoning=seen.reasoning + event.reasoning,
            usd=None if seen.usd is None or event.usd is None else seen.usd + event.usd,
            seconds=seen.seconds + event.seconds,
        )

    @property
    def table(self) -> Table[UsageView]:
        """All lines, in the order in which they began."""
        return Table(self._views.values(), UsageView)

    @property
    def label(self) -> str:
        """Returns what was spent in a few words; empty when nothing was used."""
        return spent(self.table)


def spent(lines: Table[UsageView]) -> str:
    """Returns what was used in a few words.

    Example:
        >>> spent(Table([UsageView(purpose="write", model="m", calls=2, tokens_in=900,
        ...     tokens_out=100, usd=0.031)]))
        '$0.031 · 2 calls'
        >>> spent(Table([UsageView(purpose="plan", model="m", calls=1, tokens_in=90, tokens_out=710,
        ...     reasoning=700, usd=None)]))
        '800 tokens, 700 of them reasoning · 1 call'
        >>> spent(Table((), UsageView))
        ''
    """
    calls, kept = sum(line.calls for line in lines), sum(line.kept for line in lines)
    if not calls:
        return f"{kept} answers kept from before" if kept else ""
    known = all(line.usd is not None for line in lines)
    tokens = sum(line.tokens_in + line.tokens_out for line in lines)
    thought = sum(line.reasoning for line in lines)
    reasoning = f", {thought:,} {'tokens of' if known else 'of them'} reasoning" if thought else ""
    money = (
        f"${sum(line.usd or 0.0 for line in lines):.3f}" if known else f"{tokens:,} tokens"
    ) + reasoning
    return f"{money} · {calls} call{'' if calls == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventView(Described):
    """One event of the journal; ``data`` holds its own fields."""

    NOUN: ClassVar[str] = "event"
    SHOW: ClassVar[tuple[str, ...]] = ("seq", "at", "kind", "data")

    seq: Seq
    run: RunId
    at: datetime
    kind: str
    data: dict[str, Any]


def history(records: Iterable[Record]) -> Table[EventView]:
    """Returns records as a table of events."""
    return Table(
        (
            EventView(
                seq=r.seq, run=r.run, at=as_datetime(r.at), kind=r.kind, data=from_json(r.body)
            )
            for r in records
        ),
        EventView,
    )
