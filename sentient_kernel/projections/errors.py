"""The error tracker: what went wrong, how often and where, in a bounded amount of memory.

Two failures are the same when type and functions are the same (the fingerprint), whatever their
messages and line numbers say.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from sentient_kernel.clock import as_datetime
from sentient_kernel.describing import Described
from sentient_kernel.errors import StepFailed
from sentient_kernel.events import (
    ErrorInfo,
    ErrorRecorded,
    Record,
    RunEndedFailed,
    StepEndedFailed,
    StepRetried,
    kinds_of,
)
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.projections.drawing.style import line
from sentient_kernel.projections.drawing.table import Table

SAMPLE = 200
"""Characters of the newest message that a group keeps; the whole one stands in the journal at
``last_seq``.
"""
GROUP_FRAMES = 8
FRAME = 120
GROUP_RUNS = 8
TYPES = 200
MINUTES = 60
OTHER = "(other types)"

Failure = StepRetried | StepEndedFailed | RunEndedFailed | ErrorRecorded
FAILURES = kinds_of(Failure)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ErrorView(Described):
    """Failures with one fingerprint.

    Args:
        message: Of the newest one, at most 200 characters.
        where: The innermost place in the user's or this package's code.
        runs: The runs concerned, newest last; at most 8 are kept.
        frames: The innermost frames, as text.
        last_seq: Where the journal holds the newest one in full.
    """

    NOUN: ClassVar[str] = "error"
    SHOW: ClassVar[tuple[str, ...]] = ("type", "message", "where", "count", "last_seen")

    fingerprint: str
    type: str
    message: str = ""
    hint: str = ""
    code: str = "error"
    where: str = ""
    count: int = 0
    first_seen: datetime
    last_seen: datetime
    runs: tuple[RunId, ...] = ()
    frames: tuple[str, ...] = ()
    last_seq: Seq


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ErrorStats(Described):
    """Figures over all failures.

    Args:
        total: How many there were.
        unique: How many groups; one that was let go and came back counts again.
        by_type: How many of each type, most frequent first.
        per_minute: (minute, how many) of the last hour before the newest failure, oldest first,
            minutes with none left out.
        evicted_groups: Groups let go for room; ``evicted_errors`` is how many failures were in
            them.
    """

    total: int = 0
    unique: int = 0
    by_type: tuple[tuple[str, int], ...] = ()
    per_minute: tuple[tuple[datetime, int], ...] = ()
    evicted_groups: int = 0
    evicted_errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FailureView(Described):
    """One failure: when and where it happened, and the error as it was kept."""

    NOUN: ClassVar[str] = "failure"
    SHOW: ClassVar[tuple[str, ...]] = ("at", "run", "error")

    seq: Seq
    run: RunId
    at: datetime
    kind: str
    error: ErrorInfo


class Errors:
    """Folds a journal into groups of failures.

    A failed try, a failed step and a failed run are failures each. A step or a run that only passes
    on that a step failed is not one more: the step was counted when it failed.

    Args:
        max_groups: Groups kept; beyond that the one seen longest ago is let go, and counted.
        max_recent: Single failures kept.
    """

    def __init__(self, *, max_groups: int = 1_000, max_recent: int = 100) -> None:
        self._max_groups = max_groups
        self._groups: OrderedDict[str, ErrorView] = OrderedDict()
        self._recent: deque[FailureView] = deque(maxlen=max_recent)
        self._by_type: Counter[str] = Counter()
        self._minutes: Counter[int] = Counter()
        self._total = self._evicted_groups = self._evicted_errors = 0

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        if record.kind not in FAILURES:
            return
        event: Failure = record.event
        info = event.error
        if info.code == StepFailed.code and isinstance(event, StepEndedFailed | RunEndedFailed):
            return
        self._count(record, info)
        mark = info.fingerprint or f"{info.type}@{info.where}"
        self._groups[mark] = _joined(self._groups.get(mark), record, info)
        self._groups.move_to_end(mark)
        if len(self._groups) > self._max_groups:
            _, gone = self._groups.popitem(last=False)
            self._evicted_groups += 1
            self._evicted_errors += gone.count

    @property
    def table(self) -> Table[ErrorView]:
        """All groups that are kept, the one seen last first."""
        return Table(reversed(self._groups.values()), ErrorView)

    @property
    def recent(self) -> Table[FailureView]:
        """The newest failures one by one, the newest first."""
        return Table(reversed(self._recent), FailureView)

    @property
    def stats(self) -> ErrorStats:
        """Figures over all failures, evicted ones too."""
        return ErrorStats(
            total=self._total,
            unique=len(self._groups) + self._evicted_groups,
            by_type=tuple(sorted(self._by_type.items(), key=lambda item: (-item[1], item[0]))),
            per_minute=tuple(
                (as_datetime(m * 60_000_000), n) for m, n in sorted(self._minutes.items())
            ),
            evicted_groups=self._evicted_groups,
            evicted_errors=self._evicted_errors,
        )

    def _count(self, record: Record, info: ErrorInfo) -> None:
        self._total += 1
        self._recent.append(
            FailureView(
                seq=record.seq,
                run=record.run,
                at=as_datetime(record.at),
                kind=record.kind,
                error=info,
            )
        )
        known = info.type in self._by_type or len(self._by_type) < TYPES
        self._by_type[info.type if known else OTHER] += 1
        self._minutes[record.at // 60_000_000] += 1
        while len(self._minutes) > MINUTES or min(self._minutes) <= max(self._minutes) - MINUTES:
            del self._minutes[min(self._minutes)]


def _joined(group: ErrorView | None, record: Record, info: ErrorInfo) -> ErrorView:
    """Returns a group with one more failure. It keeps short texts instead of the error itself: a
    thousand groups with thirty frames each would take twice the memory that is allowed.
    """
    at, frames = as_datetime(record.at), info.frames[-GROUP_FRAMES:]
    runs = [run for run in (group.runs if group else ()) if run != record.run]
    return ErrorView(
        fingerprint=info.fingerprint,
        type=info.type,
        message=line(info.message, SAMPLE),
        hint=line(info.hint, SAMPLE),
        code=info.code,
        where=line(info.where, FRAME),
        count=group.count + 1 if group else 1,
        first_seen=min(at, group.first_seen) if group else at,
        last_seen=max(at, group.last_seen) if group else at,
        runs=(*runs, *([record.run] if record.run else ()))[-GROUP_RUNS:],
        frames=tuple(f"{file}:{number} {name}"[:FRAME] for file, number, name in frames),
        last_seq=record.seq,
    )
