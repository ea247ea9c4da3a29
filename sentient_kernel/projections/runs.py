"""What a run is and how it is doing, as far as its events say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, assert_never

from sentient_kernel.describing import Described
from sentient_kernel.events import (
    ENDS,
    STEPS,
    TRANSIENT,
    ApprovalClosed,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ApprovalWithdrawn,
    CancelRequested,
    ErrorInfo,
    FinishRequested,
    Record,
    ResearchUpdated,
    RunCompleted,
    RunContinued,
    RunEnd,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
    key_of,
    kinds_of,
)
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey
from sentient_kernel.projections.base import seconds_between, when
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.progress import Progress

LONGEST_TITLE = 4_000
"""Characters of a title: as many as a question may have."""
_NONE = Seq(0)
Taken = (
    ApprovalRequested
    | ApprovalClosed
    | RunEnd
    | RunResumed
    | RunPaused
    | RunContinued
    | CancelRequested
    | FinishRequested
    | ResearchUpdated
)
TAKEN = kinds_of(Taken)
BEGINS = kinds_of(StepStarted | StepRetried)
Status = Literal[
    "pending", "running", "waiting", "paused", "completed", "failed", "cancelled", "crashed"
]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunView(Described):
    """A run as of its newest event.

    Args:
        title: What it is about: the question of a research, else its name or its workflow.
        status: ``crashed`` only after :func:`with_liveness`: events alone do not tell a crash from
            a pause for thought.
        updated: When its newest event was written; ``seconds`` runs from ``started`` to there, or
            to ``ended``.
        done, running, failed: How many steps are in that state. ``retried`` counts tries that
            failed and were followed by another.
        approvals: The open questions, oldest first.
        recoveries: How often it was taken up again.
        answered: Whether an answer to a question is the last that happened to it.
        foreign: Whether some of it was written elsewhere; what that names is asked about before it
            goes on here.
        coverage: How well the report of a research answers what was asked: ``all``, ``some``,
            ``near`` or ``nothing``.
    """

    NOUN: ClassVar[str] = "run"
    SHOW: ClassVar[tuple[str, ...]] = (
        "status",
        "title",
        "started",
        "seconds",
        "done",
        "failed",
        "id",
    )

    id: RunId
    status: Status
    title: str = ""
    name: str | None = None
    workflow: str = ""
    started: datetime | None = None
    updated: datetime | None = None
    ended: datetime | None = None
    seconds: float = 0.0
    progress: float | None = None
    phase: str = ""
    message: str = ""
    done: int = 0
    running: int = 0
    failed: int = 0
    retried: int = 0
    approvals: tuple[ApprovalId, ...] = ()
    error: ErrorInfo | None = None
    reason: str = ""
    parent: RunId | None = None
    session: str = ""
    user: str = ""
    recoveries: int = 0
    cancelling: bool = False
    finishing: bool = False
    answered: bool = False
    foreign: bool = False
    coverage: str = ""
    seq: Seq = _NONE


def with_liveness(view: RunView, alive: bool) -> RunView:
    """Returns the view as it is once one knows whether somebody executes the run.

    A run that nobody executes has crashed, unless it has ended, is paused, or waits for an answer
    with nothing under way: those go on when they are resumed or answered. One that was answered
    since is paused: nothing was lost, and it goes on when it is resumed. One that somebody executes
    is no longer pending.

    Args:
        view: The run as its events say.
        alive: Whether its lease has a holder that lives.
    """
    if alive:
        return replace(view, status="running") if view.status == "pending" else view
    if view.status == "running" and view.answered and not view.running:
        return replace(view, status="paused")
    if view.status in ("pending", "running") or (view.status == "paused" and view.running):
        return replace(view, status="crashed")
    return view


class RunFold:
    """Folds one run's records into a :class:`RunView`."""

    __slots__ = (
        "_answered",
        "_approvals",
        "_asked_elsewhere",
        "_at",
        "_cancelling",
        "_coverage",
        "_cut",
        "_done",
        "_ended",
        "_ended_at",
        "_error",
        "_failed",
        "_finishing",
        "_first",
        "_foreign",
        "_moved",
        "_paused",
        "_progress",
        "_reason",
        "_recoveries",
        "_retried",
        "_running",
        "_seq",
        "_start",
        "_view",
        "run",
    )

    def __init__(self, run: RunId) -> None:
        self.run = run
        self._start = RunStarted(workflow="")
        self._first = self._at = self._ended_at = 0
        self._seq = Seq(0)
        self._ended: Status | Literal[""] = ""
        self._reason = self._coverage = ""
        self._error: ErrorInfo | None = None
        self._paused = self._cut = self._cancelling = self._finishing = self._moved = (
            self._answered
        ) = False
        self._done = self._retried = self._recoveries = 0
        self._running: set[StepKey] = set()
        self._failed: set[StepKey] = set()
        self._approvals: dict[ApprovalId, None] = {}
        self._asked_elsewhere: set[ApprovalId] = set()
        self._foreign = False
        self._progress = Progress()
        self._view: RunView | None = None

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in; what is only sent, not stored, is no news of it."""
        if record.kind in TRANSIENT:
            return
        self._view = None
        self._seq, self._at = record.seq, record.at
        self._foreign = self._foreign or record.origin != ""
        self._progress.apply(record)
        if record.kind == RunStarted.KIND:
            if not self._first:
                self._start, self._first = record.event, record.at
            return
        self._moved, self._answered = True, record.kind == ApprovalDecided.KIND
        if record.kind in STEPS:  # not parsed: results may be long
            self._step(record.kind, key_of(record))
        elif record.kind in TAKEN:
            self._take(record.event, record)

    def _take(self, event: Taken, record: Record) -> None:
        match event:
            case ApprovalRequested():
                if record.origin:
                    self._asked_elsewhere.add(event.approval)
                else:
                    self._approvals[event.approval] = None
            case ApprovalDecided() | ApprovalExpired() | ApprovalWithdrawn():
                self._approvals.pop(event.approval, None)
                self._asked_elsewhere.discard(event.approval)
            case RunCompleted() | RunEndedFailed() | RunEndedCancelled():
                self._end(event, record.at)
            case RunResumed():
                self._resume()
            case RunPaused():
                self._paused, self._cut = True, event.cut
                if event.cut:
                    self._running.clear()
            case RunContinued():
                self._paused = self._cut = False
            case CancelRequested():
                self._cancelling = True
            case FinishRequested():
                self._finishing = True
            case ResearchUpdated():
                told = event.data.get("coverage") if isinstance(event.data, dict) else None
                if told in ("all", "some", "near", "nothing"):
                    self._coverage = str(told)
            case _:
                assert_never(event)

    @property
    def view(self) -> RunView:
        """The run as of the newest record."""
        if self._view is None:
            self._view = self._make()
        return self._view

    def _step(self, kind: str, key: StepKey) -> None:
        if kind in BEGINS:
            if self._cut:
                # it was being written when the workbench was closed, and ended with all others
                return
            # a retry too: a step that a crash cut off is not announced again when it goes on
            self._running.add(key)
            self._failed.discard(key)
            self._retried += kind == StepRetried.KIND
        elif kind == StepCompleted.KIND:
            self._running.discard(key)
            self._done += 1
            self._failed.discard(key)
        elif kind == StepEndedFailed.KIND:
            self._running.discard(key)
            self._failed.add(key)

    def _end(self, event: RunEnd, at: int) -> None:
        self._ended, self._ended_at = ENDS[event.kind], at
        self._running.clear()
        if isinstance(event, RunEndedFailed):
            self._error = event.error
        elif isinstance(event, RunEndedCancelled):
            self._reason = event.reason

    def _resume(self) -> None:
        self._recoveries += 1
        self._running.clear()
        self._asked_elsewhere.clear()  # it is asked again where it is asked at all
        self._paused = self._cut = self._cancelling = False
        if self._ended:
            self._ended, self._ended_at, self._error, self._reason, self._finishing = (
                "",
                0,
                None,
                "",
                False,
            )

    def _status(self) -> Status:
        if self._ended:
            return self._ended
        if self._paused or (self._asked_elsewhere and not self._running):
            return "paused"
        if self._approvals and not self._running:
            return "waiting"
        return "running" if self._moved else "pending"

    def _make(self) -> RunView:
        start, progress = self._start, self._progress.view
        return RunView(
            id=self.run,
            status=self._status(),
            title=title_of(start),
            name=start.name,
            workflow=start.workflow,
            started=when(self._first),
            updated=when(self._at),
            ended=when(self._ended_at),
            seconds=seconds_between(self._first or self._at, self._ended_at or self._at),
            progress=progress.fraction,
            phase=progress.phase,
            message=progress.message,
            done=self._done,
            running=len(self._running),
            failed=len(self._failed),
            retried=self._retried,
            approvals=() if self._ended else tuple(self._approvals),
            error=self._error,
            reason=self._reason,
            parent=start.parent,
            session=start.session,
            user=start.user,
            recoveries=self._recoveries,
            cancelling=self._cancelling and not self._ended,
            finishing=self._finishing and not self._ended,
            answered=self._answered,
            foreign=self._foreign,
            coverage=self._coverage,
            seq=self._seq,
        )

    @property
    def progress(self) -> Progress:
        """The fold of its progress."""
        return self._progress


class Runs:
    """Folds a whole journal into one :class:`RunView` for each run, oldest first."""

    __slots__ = ("_runs",)

    def __init__(self) -> None:
        self._runs: dict[RunId, RunFold] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record in; those of the workbench itself belong to no run."""
        if not record.run or record.kind in TRANSIENT:
            return
        run = self._runs.get(record.run)
        if run is None:
            run = self._runs[record.run] = RunFold(record.run)
        run.apply(record)

    def get(self, run: RunId) -> RunView | None:
        """Returns one run, or None when nothing was written of it."""
        found = self._runs.get(run)
        return found.view if found else None

    @property
    def table(self) -> Table[RunView]:
        """All runs."""
        return Table((run.view for run in self._runs.values()), RunView)


def title_of(start: RunStarted) -> str:
    """Returns what a run is about: its question where it has one, else its name, else its
    workflow's last name.

    Example:
        >>> title_of(RunStarted(workflow="m:research", inputs={"args": [],
        ...     "kwargs": {"question": "Why?"}}))
        'Why?'
        >>> title_of(RunStarted(workflow="__main__:compare"))
        'compare'
    """
    title = _question(start) or start.name or start.workflow.rpartition(":")[2].rpartition(".")[2]
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def _question(start: RunStarted) -> str:
    places: list[Any] = [start.inputs]
    if isinstance(start.inputs, dict):
        places.append(start.inputs.get("kwargs"))
        args = start.inputs.get("args")
        if isinstance(args, list) and args and "research" in start.workflow:
            places.append({"question": args[0]})
            places.append(args[0])
    for place in places:
        if isinstance(place, dict) and isinstance(place.get("question"), str):
            return str(place["question"])
    return ""
