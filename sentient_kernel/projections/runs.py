"""What a run is, how it is doing and how far it is, as far as its events say."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, assert_never

from sentient_kernel.clock import as_datetime
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
    ProgressUpdated,
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
    RunSteered,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
    key_of,
    kinds_of,
)
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey
from sentient_kernel.projections.base import when
from sentient_kernel.projections.drawing.table import Table

PHASES = ("plan", "search", "read", "evidence", "write", "verify")
"""The phases of a research, in order."""

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
    | RunSteered
    | ResearchUpdated
)
TAKEN = kinds_of(Taken)
BEGINS = kinds_of(StepStarted | StepRetried)
Telling = ProgressUpdated | ResearchUpdated | StepStarted | RunResumed
TELLING = kinds_of(Telling)
STEP_ENDS = kinds_of(StepCompleted | StepEndedFailed)
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
        said: What people told it while it worked, oldest first.
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
    said: tuple[str, ...] = ()
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PhaseView(Described):
    """One phase: what it is called, where the run stands towards it, and how much of it is done
    where that is known.
    """

    name: str
    state: Literal["done", "now", "todo"] = "todo"
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ProgressView(Described):
    """How far a run is.

    Args:
        fraction: From 0 to 1; None where nobody said.
        message: What it said last.
        phase: The phase it is in; empty for other workflows than research.
        phases: All phases of a research, else empty.
    """

    fraction: float | None = None
    message: str = ""
    phase: str = ""
    phases: tuple[PhaseView, ...] = ()


class Progress:
    """Folds one run's records into a :class:`ProgressView`.

    A phase's counts are those that ``ResearchUpdated.data`` gives (``{"done": 9, "total": 14}``);
    where it gives none they are the run's own steps of that name.
    """

    def __init__(self) -> None:
        self._fraction: float | None = None
        self._message = self._phase = ""
        self._ended = ""
        self._told: dict[str, tuple[int, int | None]] = {}
        self._running: dict[StepKey, str] = {}
        self._started: dict[str, int] = {}
        self._completed: dict[str, int] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        if record.kind in STEP_ENDS:  # not parsed: results may be long
            if self._running and (name := self._running.pop(key_of(record), "")):
                self._completed[name] = self._completed.get(name, 0) + 1
        elif record.kind in ENDS:
            self._ended = ENDS[record.kind]
        elif record.kind in TELLING:
            self._take(record.event)

    def _take(self, event: Telling) -> None:
        match event:
            case ProgressUpdated() | ResearchUpdated():
                self._tell(event)
            case StepStarted():
                if event.name in PHASES and event.key not in self._running:
                    self._running[event.key] = event.name
                    self._started[event.name] = self._started.get(event.name, 0) + 1
            case RunResumed():
                self._ended = ""
                for name in self._running.values():
                    self._started[name] -= 1
                self._running.clear()
            case _:
                assert_never(event)

    @property
    def view(self) -> ProgressView:
        """Where the run stands."""
        phases = tuple(self._phase_view(name) for name in PHASES) if self._phase else ()
        fraction = 1.0 if self._ended == "completed" else self._fraction
        if fraction is None and phases:
            fraction = sum(p.state == "done" for p in phases) / len(phases)
        return ProgressView(
            fraction=fraction, message=self._message, phase=self._phase, phases=phases
        )

    def _tell(self, event: ProgressUpdated | ResearchUpdated) -> None:
        self._message = event.message or self._message
        if event.progress is not None and not math.isnan(event.progress):
            self._fraction = min(1.0, max(0.0, event.progress))
        if isinstance(event, ResearchUpdated):
            self._phase = event.phase
            counts = _counts(event.data)
            if counts and event.phase in PHASES:
                self._told[event.phase] = counts

    def _phase_view(self, name: str) -> PhaseView:
        at = PHASES.index(self._phase) if self._phase in PHASES else -1
        place = PHASES.index(name)
        state: Literal["done", "now", "todo"] = (
            "done" if place < at else "now" if place == at else "todo"
        )
        if self._ended == "completed":
            state = "done"
        started = self._started.get(name, 0)
        done, total = self._told.get(name) or (
            self._completed.get(name, 0),
            started if started > 1 else None,
        )
        return PhaseView(name=name, state=state, done=done, total=total)


def _counts(data: Any) -> tuple[int, int | None] | None:
    if not isinstance(data, dict) or not isinstance(data.get("done"), int):
        return None
    total = data.get("total")
    return int(data["done"]), total if isinstance(total, int) else None


class RunFold:
    """Folds one run's records into a :class:`RunView`."""

    def __init__(self, run: RunId) -> None:
        self.run = run
        self.progress = Progress()
        self._base = RunView(id=run, status="pending")
        """What seldom changes; counts, times and the status of what rests are put into it for each
        look.
        """
        self._at, self._seq = 0, Seq(0)
        self._paused = self._cut = self._answered = self._foreign = False
        self._done = self._retried = 0
        self._running: set[StepKey] = set()
        self._failed: set[StepKey] = set()
        self._said: list[str] = []
        self._approvals: dict[ApprovalId, None] = {}
        self._asked_elsewhere: set[ApprovalId] = set()
        self._view: RunView | None = None

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in; what is only sent, not stored, is no news of it."""
        if record.kind in TRANSIENT:
            return
        self._view = None
        self._seq, self._at = record.seq, record.at
        self._foreign = self._foreign or record.origin != ""
        self.progress.apply(record)
        if record.kind == RunStarted.KIND:
            if self._base.started is None:
                self._start(record.event)
            return
        if self._base.status == "pending":
            self._set(status="running")
        self._answered = record.kind == ApprovalDecided.KIND
        if record.kind in STEPS:  # not parsed: results may be long
            self._step(record.kind, key_of(record))
        elif record.kind in TAKEN:
            self._take(record.event, record)

    def _set(self, **changes: Any) -> None:
        self._base = replace(self._base, **changes)

    def _start(self, event: RunStarted) -> None:
        self._set(
            title=title_of(event),
            name=event.name,
            workflow=event.workflow,
            started=when(self._at),
            parent=event.parent,
            session=event.session,
            user=event.user,
        )

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
                self._running.clear()
                self._set(
                    status=ENDS[event.kind],
                    ended=when(record.at),
                    error=event.error if isinstance(event, RunEndedFailed) else None,
                    reason=event.reason if isinstance(event, RunEndedCancelled) else "",
                    cancelling=False,
                    finishing=False,
                )
            case RunResumed():
                self._running.clear()
                self._asked_elsewhere.clear()  # it is asked again where it is asked at all
                self._paused = self._cut = False
                self._set(recoveries=self._base.recoveries + 1, cancelling=False)
                if self._ended:
                    self._set(status="running", ended=None, error=None, reason="")
            case RunPaused():
                self._paused, self._cut = True, event.cut
                if event.cut:
                    self._running.clear()
            case RunContinued():
                self._paused = self._cut = False
            case CancelRequested():
                self._set(cancelling=not self._ended)
            case FinishRequested():
                self._set(finishing=not self._ended)
            case RunSteered():
                self._said.append(event.text)
            case ResearchUpdated():
                told = event.data.get("coverage") if isinstance(event.data, dict) else None
                if told in ("all", "some", "near", "nothing"):
                    self._set(coverage=told)
            case _:
                assert_never(event)

    def _step(self, kind: str, key: StepKey) -> None:
        if kind in BEGINS and not self._cut:
            # One that was being written when the workbench was closed ended with all others. A
            # retry too: a step that a crash cut off is not announced again when it goes on.
            self._running.add(key)
            self._failed.discard(key)
            self._retried += kind == StepRetried.KIND
        elif kind in STEP_ENDS:
            self._running.discard(key)
            self._failed.discard(key)
            if kind == StepCompleted.KIND:
                self._done += 1
            else:
                self._failed.add(key)

    @property
    def _ended(self) -> bool:
        return self._base.status in ENDS.values()

    def _status(self) -> Status:
        if not self._ended and (self._paused or (self._asked_elsewhere and not self._running)):
            return "paused"
        if not self._ended and self._approvals and not self._running:
            return "waiting"
        return self._base.status

    @property
    def view(self) -> RunView:
        """The run as of the newest record."""
        if self._view is None:
            base, progress, updated = self._base, self.progress.view, as_datetime(self._at)
            lasted = (base.ended or updated) - (base.started or updated)
            self._view = replace(
                base,
                status=self._status(),
                updated=when(self._at),
                seconds=max(0.0, lasted.total_seconds()),  # wall clocks can be set back
                progress=progress.fraction,
                phase=progress.phase,
                message=progress.message,
                done=self._done,
                running=len(self._running),
                failed=len(self._failed),
                retried=self._retried,
                approvals=() if self._ended else tuple(self._approvals),
                answered=self._answered,
                foreign=self._foreign,
                said=tuple(self._said),
                seq=self._seq,
            )
        return self._view


class Runs:
    """Folds a whole journal into one :class:`RunView` for each run, oldest first."""

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
    given = start.inputs if isinstance(start.inputs, dict) else {}
    args = given.get("args")
    places: list[Any] = [given, given.get("kwargs")]
    if isinstance(args, list) and args and "research" in start.workflow:
        places += [{"question": args[0]}, args[0]]
    for place in places:
        if isinstance(place, dict) and isinstance(place.get("question"), str):
            return str(place["question"])
    return ""
