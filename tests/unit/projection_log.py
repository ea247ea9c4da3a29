"""Journals made by hand, for tests of what is shown: records in order, at times that the test
says.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ApprovalWithdrawn,
    ErrorInfo,
    ErrorRecorded,
    Fact,
    ProgressUpdated,
    Record,
    ResearchUpdated,
    RunCompleted,
    RunContinued,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    SourceReported,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
)
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey
from sentient_kernel.projections.activity import Sources, Steps
from sentient_kernel.projections.approvals import Approvals
from sentient_kernel.projections.base import fold
from sentient_kernel.projections.runs import RunFold, RunView, with_liveness

START = 1_760_000_000_000_000
RUN = RunId("01999f2a-5c00-7a31-8b52-0c8d1f6a2b90")
BROKEN = ErrorInfo(
    type="httpx.ReadTimeout", message="no answer", fingerprint="f1", where="sources/web.py:88 fetch"
)


class Log:
    """Collects records: ``log(seconds, event)``."""

    def __init__(self, run: RunId = RUN) -> None:
        self.run = run
        self.records: list[Record] = []

    def __call__(self, seconds: float, event: Fact, run: RunId | None = None) -> Log:
        # every event has one, their base does not say so
        kind: str = getattr(event, "kind")  # noqa: B009
        at = START + int(seconds * 1e6)
        self.records.append(
            Record(
                Seq(len(self.records) + 1), self.run if run is None else run, at, kind, event.body()
            )
        )
        return self

    def view(self, alive: bool | None = None) -> RunView:
        """Returns the run as of the last record."""
        view = fold(RunFold(self.run), self.records).view
        return view if alive is None else with_liveness(view, alive)

    def all(self, alive: bool | None = None) -> tuple[Any, ...]:
        """Returns what the views of a run take: run, steps, progress, sources, approvals."""
        run = fold(RunFold(self.run), self.records)
        steps, sources, approvals = (
            fold(f, self.records) for f in (Steps(), Sources(), Approvals())
        )
        return self.view(alive), steps.table, run.progress.view, sources.table, approvals.table


def started(question: str = "Why?") -> Log:
    """Returns the log of a research that has just begun."""
    return Log()(
        0,
        RunStarted(
            workflow="sentient_kernel.research.workflow:research",
            inputs={"args": [question], "kwargs": {}},
        ),
    )


_keys = st.sampled_from([StepKey(f"{i:016x}") for i in range(4)])
_approvals = st.sampled_from([ApprovalId(f"a{i}") for i in range(3)])
_errors = st.builds(
    ErrorInfo,
    type=st.sampled_from(["E", "x.F"]),
    message=st.text(max_size=8),
    fingerprint=st.sampled_from(["1", "2", "3"]),
)
_events = st.one_of(
    st.builds(
        RunStarted,
        workflow=st.sampled_from(["m:research", "m:f"]),
        inputs=st.just({"kwargs": {"question": "Q"}}),
    ),
    st.builds(RunResumed),
    st.builds(RunPaused),
    st.builds(RunContinued),
    st.builds(RunCompleted),
    st.builds(RunEndedFailed, error=_errors),
    st.builds(RunEndedCancelled, reason=st.text(max_size=4)),
    *(
        st.builds(StepStarted, key=_keys, name=st.sampled_from(["read", "search", "f"]))
        for _ in range(3)
    ),
    *(st.builds(StepCompleted, key=_keys) for _ in range(2)),
    st.builds(StepRetried, key=_keys, attempt=st.integers(2, 4), error=_errors),
    st.builds(StepEndedFailed, key=_keys, attempt=st.integers(1, 3), error=_errors),
    st.builds(ProgressUpdated, message=st.text(max_size=5), progress=st.none() | st.floats(0, 1)),
    st.builds(
        ResearchUpdated,
        phase=st.sampled_from(["plan", "read", "verify", "other"]),
        data=st.sampled_from([None, {"done": 2, "total": 3}]),
    ),
    st.builds(
        SourceReported,
        source=st.sampled_from(["a", "b"]),
        found=st.integers(0, 3),
        reason=st.sampled_from(["", "no"]),
    ),
    *(
        st.builds(
            ApprovalRequested,
            approval=_approvals,
            key=_keys,
            question=st.just("ok?"),
            payload=st.just([1]),
        )
        for _ in range(2)
    ),
    st.builds(
        ApprovalDecided,
        approval=_approvals,
        decision=st.sampled_from(["approve", "reject"]),
        edited=st.booleans(),
    ),
    st.builds(ApprovalExpired, approval=_approvals),
    st.builds(ApprovalWithdrawn, approval=_approvals),
    st.builds(ErrorRecorded, error=_errors),
)


@st.composite
def journals(draw: st.DrawFn) -> list[Record]:
    """Draws any order of events over two runs, likely or not, on a clock that may go back."""
    log = Log()
    for event in draw(st.lists(_events, max_size=40)):
        log(
            draw(st.integers(0, 300)),
            event,
            run=draw(st.sampled_from([RunId("r1"), RunId("r1"), RunId("r2")])),
        )
    return log.records
