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
from sentient_kernel.failures import describe
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

__all__ = ["ErrorStats", "ErrorView", "Errors", "FailureView", "describe"]


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


class _Group:
    __slots__ = (
        "code",
        "count",
        "first",
        "frames",
        "hint",
        "last",
        "mark",
        "message",
        "runs",
        "seq",
        "type",
        "where",
    )

    def __init__(self, at: int) -> None:
        self.count = 0
        self.first = self.last = at
        self.seq = Seq(0)
        self.type = self.code = self.mark = self.message = self.hint = self.where = self.frames = ""
        self.runs: OrderedDict[RunId, None] = OrderedDict()

    def add(self, info: ErrorInfo, record: Record) -> None:
        self.count += 1
        # Short texts instead of the error itself: a thousand groups with thirty frames each would
        # take twice the memory that is allowed.
        self.type, self.code, self.mark = info.type, info.code, info.fingerprint
        self.message, self.hint, self.where = (
            line(info.message, SAMPLE),
            line(info.hint, SAMPLE),
            line(info.where, FRAME),
        )
        self.frames = "\n".join(
            f"{file}:{number} {name}"[:FRAME] for file, number, name in info.frames[-GROUP_FRAMES:]
        )
        self.first, self.last, self.seq = (
            min(self.first, record.at),
            max(self.last, record.at),
            record.seq,
        )
        if record.run:
            self.runs[record.run] = None
            self.runs.move_to_end(record.run)
            if len(self.runs) > GROUP_RUNS:
                self.runs.popitem(last=False)

    def view(self) -> ErrorView:
        return ErrorView(
            fingerprint=self.mark,
            type=self.type,
            message=self.message,
            hint=self.hint,
            code=self.code,
            where=self.where,
            count=self.count,
            first_seen=as_datetime(self.first),
            last_seen=as_datetime(self.last),
            runs=tuple(self.runs),
            frames=tuple(self.frames.splitlines()),
            last_seq=self.seq,
        )


class Errors:
    """Folds a journal into groups of failures.

    A failed try, a failed step and a failed run are failures each. A step or a run that only passes
    on that a step failed is not
    one more: the step was counted when it failed.

    Args:
        max_groups: Groups kept; beyond that the one seen longest ago is let go, and counted.
        max_recent: Single failures kept.
    """

    __slots__ = (
        "_by_type",
        "_evicted_errors",
        "_evicted_groups",
        "_groups",
        "_max_groups",
        "_minutes",
        "_recent",
        "_total",
    )

    def __init__(self, *, max_groups: int = 1_000, max_recent: int = 100) -> None:
        self._max_groups = max_groups
        self._groups: OrderedDict[str, _Group] = OrderedDict()
        self._recent: deque[FailureView] = deque(maxlen=max_recent)
        self._by_type: Counter[str] = Counter()
        self._minutes: OrderedDict[int, int] = OrderedDict()
        self._total = self._evicted_groups = self._evicted_errors = 0

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        if record.kind not in FAILURES:
            return
        event: Failure = record.event
        info = event.error
        if info.code == StepFailed.code and isinstance(event, StepEndedFailed | RunEndedFailed):
            return
        mark = info.fingerprint or f"{info.type}@{info.where}"
        self._count(record, info)
        group = self._groups.get(mark)
        if group is None:
            group = self._groups[mark] = _Group(record.at)
            self._make_room()
        self._groups.move_to_end(mark)
        group.add(info, record)

    @property
    def table(self) -> Table[ErrorView]:
        """All groups that are kept, the one seen last first."""
        return Table((group.view() for group in reversed(self._groups.values())), ErrorView)

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
        minute = record.at // 60_000_000
        self._minutes[minute] = self._minutes.get(minute, 0) + 1
        while len(self._minutes) > MINUTES or min(self._minutes) <= max(self._minutes) - MINUTES:
            del self._minutes[min(self._minutes)]

    def _make_room(self) -> None:
        while len(self._groups) > self._max_groups:
            _, gone = self._groups.popitem(last=False)
            self._evicted_groups += 1
            self._evicted_errors += gone.count
