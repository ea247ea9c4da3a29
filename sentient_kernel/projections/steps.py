"""The steps of a run, in the order in which they began."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, assert_never

from sentient_kernel.clock import as_datetime
from sentient_kernel.events import (
    ENDS,
    Effect,
    ErrorInfo,
    Record,
    RunPaused,
    RunResumed,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
    key_of,
    kinds_of,
)
from sentient_kernel.ids import StepKey
from sentient_kernel.projections.base import when
from sentient_kernel.projections.drawing.table import Table

Taken = StepStarted | StepRetried | StepEndedFailed | RunResumed | RunPaused
TAKEN = kinds_of(Taken)
StepStatus = Literal["running", "retrying", "completed", "failed", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepView:
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
                tried = self._view(event.key, at).attempts
                self._set(
                    event.key,
                    name=event.name,
                    title=event.title or event.name,
                    effect=event.effect,
                    status="running",
                    started=when(at),
                    attempts=tried + 1,
                )
            case StepRetried():
                tried = max(1, self._view(event.key, at).attempts)
                self._set(event.key, status="retrying", error=event.error, attempts=tried + 1)
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

    def _set(self, key: StepKey, **changes: Any) -> None:
        """Notes what is new of a step that is under way."""
        self._views[key] = replace(self._views[key], ended=None, seconds=None, **changes)
        self._open[key] = None

    def _close(self, key: StepKey, status: StepStatus, at: int, **changes: Any) -> None:
        view, ended = self._view(key, at), as_datetime(at)
        seconds = max(0.0, (ended - (view.started or ended)).total_seconds())
        changes.setdefault("attempts", max(1, view.attempts))
        self._views[key] = replace(view, status=status, ended=ended, seconds=seconds, **changes)
        self._open.pop(key, None)
