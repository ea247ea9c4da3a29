"""How far a run is: a fraction, a sentence, and the phases of a research."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, assert_never

from sentient_kernel.describing import Described
from sentient_kernel.events import (
    ENDS,
    ProgressUpdated,
    Record,
    ResearchUpdated,
    RunResumed,
    StepCompleted,
    StepEndedFailed,
    StepStarted,
    key_of,
    kinds_of,
)
from sentient_kernel.ids import StepKey

PHASES = ("plan", "search", "read", "evidence", "write", "verify")
"""The phases of a research, in order."""

Taken = ProgressUpdated | ResearchUpdated | StepStarted | RunResumed
TAKEN = kinds_of(Taken)
STEP_ENDS = kinds_of(StepCompleted | StepEndedFailed)


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
        phase: The phase it is in; empty where it is no research.
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

    __slots__ = (
        "_completed",
        "_ended",
        "_fraction",
        "_message",
        "_phase",
        "_running",
        "_started",
        "_told",
    )

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
        elif record.kind in TAKEN:
            self._take(record.event)

    def _take(self, event: Taken) -> None:
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
