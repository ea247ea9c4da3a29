"""The steps of a run, in the order in which they began."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, assert_never

from sentient_kernel.describing import Described
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
from sentient_kernel.projections.base import seconds_between, when
from sentient_kernel.projections.drawing.table import Table

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
    scope: str = ""
    status: StepStatus = "running"
    attempts: int = 1
    started: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None
    effect: Effect = "pure"
    error: ErrorInfo | None = None


class _Step:
    __slots__ = (
        "attempts",
        "effect",
        "ended",
        "error",
        "key",
        "name",
        "scope",
        "started",
        "status",
        "title",
        "view",
    )

    def __init__(self, key: StepKey) -> None:
        self.key = key
        self.name = self.title = self.scope = ""
        self.effect: Effect = "pure"
        self.status: StepStatus = "running"
        self.attempts = self.started = self.ended = 0
        self.error: ErrorInfo | None = None
        self.view: StepView | None = None

    def make(self) -> StepView:
        under_way = self.status in ("running", "retrying")
        return StepView(
            key=self.key,
            name=self.name,
            title=self.title or self.name,
            scope=self.scope,
            status=self.status,
            attempts=max(1, self.attempts),
            started=when(self.started),
            ended=when(self.ended),
            seconds=None if under_way else seconds_between(self.started, self.ended),
            effect=self.effect,
            error=self.error,
        )


class Steps:
    """Folds one run's records into its steps.

    A record costs the same however many steps there are; a look makes new views only of the steps
    that changed since the last.
    """

    __slots__ = ("_open", "_steps")

    def __init__(self) -> None:
        self._steps: dict[StepKey, _Step] = {}
        self._open: dict[StepKey, _Step] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in."""
        if record.kind == StepCompleted.KIND:  # not parsed: results may be long
            self._close(self._step(key_of(record), record.at), "completed", record.at)
        elif record.kind in TAKEN:
            self._take(record.event, record.at)
        elif record.kind in ENDS:
            self._interrupt(record.at)

    def _take(self, event: Taken, at: int) -> None:
        match event:
            case StepStarted():
                self._start(event, at)
            case StepRetried():
                step = self._step(event.key, at)
                step.status, step.error, step.ended, step.view = "retrying", event.error, 0, None
                step.attempts = max(1, step.attempts) + 1
                self._open[step.key] = step
            case StepEndedFailed():
                step = self._step(event.key, at)
                step.error, step.attempts = event.error, max(step.attempts, event.attempt)
                self._close(step, "failed", at)
            case RunResumed():
                self._interrupt(at)
            case RunPaused():
                if event.cut:
                    self._interrupt(at)
            case _:
                assert_never(event)

    def _interrupt(self, at: int) -> None:
        for step in list(self._open.values()):
            self._close(step, "interrupted", at)

    @property
    def table(self) -> Table[StepView]:
        """All steps."""
        return Table((self._view(step) for step in self._steps.values()), StepView)

    def _view(self, step: _Step) -> StepView:
        if step.view is None:
            step.view = step.make()
        return step.view

    def _step(self, key: StepKey, at: int) -> _Step:
        step = self._steps.get(key)
        if step is None:
            step = self._steps[key] = self._open[key] = _Step(key)
            step.started = at
        return step

    def _start(self, event: StepStarted, at: int) -> None:
        step = self._step(event.key, at)
        step.name, step.title, step.scope, step.effect = (
            event.name,
            event.title,
            event.scope,
            event.effect,
        )
        step.status, step.started, step.ended, step.view = "running", at, 0, None
        step.attempts += 1
        self._open[event.key] = step

    def _close(self, step: _Step, status: StepStatus, at: int) -> None:
        step.status, step.ended, step.view = status, at, None
        self._open.pop(step.key, None)
