"""How a run is, as its events say."""

from __future__ import annotations

import pytest
from projection_log import BROKEN, RUN, Log, started

from sentient_kernel.clock import as_datetime
from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalRequested,
    CancelRequested,
    Fact,
    FinishRequested,
    ProgressUpdated,
    RunCompleted,
    RunContinued,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
)
from sentient_kernel.ids import ApprovalId, RunId, StepKey
from sentient_kernel.projections.base import fold
from sentient_kernel.projections.runs import Runs, title_of

K, A = StepKey("0" * 16), ApprovalId("a1")
BEGIN = StepStarted(key=K, name="read")
ASK = ApprovalRequested(approval=A, key=StepKey("q"), question="ok?")


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "pending"),
        ([BEGIN], "running"),
        ([ProgressUpdated(message="x")], "running"),
        ([ASK], "waiting"),
        ([BEGIN, ASK], "running"),
        ([BEGIN, ASK, StepCompleted(key=K)], "waiting"),
        ([ASK, ApprovalDecided(approval=A, decision="approve")], "running"),
        ([BEGIN, RunPaused()], "paused"),
        ([RunPaused(), RunContinued()], "running"),
        ([BEGIN, CancelRequested()], "running"),
        ([BEGIN, RunCompleted()], "completed"),
        ([BEGIN, RunEndedFailed(error=BROKEN)], "failed"),
        ([BEGIN, CancelRequested(), RunEndedCancelled()], "cancelled"),
        ([BEGIN, RunEndedFailed(error=BROKEN), RunResumed()], "running"),
        ([ASK, RunEndedFailed(error=BROKEN)], "failed"),
    ],
)
def test_status_follows_the_events(events: list[Fact], status: str) -> None:
    log = started()
    for i, event in enumerate(events):
        log(i + 1, event)
    assert log.view().status == status


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([], "crashed"),
        ([BEGIN], "crashed"),
        ([BEGIN, ASK], "crashed"),
        ([BEGIN, RunPaused()], "crashed"),
        ([RunPaused()], "paused"),
        ([BEGIN, RunPaused(cut=True)], "paused"),
        ([RunPaused(cut=True), BEGIN], "paused"),
        ([RunPaused(cut=True), BEGIN, RunContinued(), BEGIN], "crashed"),
        ([ASK], "waiting"),
        ([BEGIN, RunCompleted()], "completed"),
        ([BEGIN, RunEndedFailed(error=BROKEN)], "failed"),
    ],
)
def test_a_run_that_nobody_executes_has_crashed_unless_it_rests_for_a_reason(
    events: list[Fact], status: str
) -> None:
    log = started()
    for event in events:
        log(1, event)
    assert log.view(alive=False).status == status


def test_a_run_that_somebody_executes_is_not_pending() -> None:
    assert started().view(alive=True).status == "running"


def test_counts_follow_steps_through_retry_failure_and_second_start() -> None:
    log = started()(1, BEGIN)(2, StepRetried(key=K, attempt=2, error=BROKEN))(
        3, StepEndedFailed(key=K, attempt=2, error=BROKEN)
    )
    view = log.view()
    assert (view.done, view.running, view.failed, view.retried) == (0, 0, 1, 1)
    view = log(4, BEGIN)(5, StepCompleted(key=K)).view()
    assert (view.done, view.running, view.failed, view.retried) == (1, 0, 0, 1)


def test_an_error_is_kept_until_the_run_is_taken_up_again() -> None:
    log = started()(1, RunEndedFailed(error=BROKEN))
    assert log.view().error == BROKEN
    resumed = log(2, RunResumed()).view()
    assert (resumed.error, resumed.ended, resumed.recoveries) == (None, None, 1)


def test_times_are_those_of_the_events_and_never_negative() -> None:
    view = started()(90.5, RunCompleted()).view()
    assert view.seconds == 90.5
    assert view.started is not None
    assert view.ended is not None
    assert (view.ended - view.started).total_seconds() == 90.5
    assert view.started.utcoffset() == as_datetime(0).utcoffset()
    assert Log()(10, RunStarted(workflow="f"))(5, RunCompleted()).view().seconds == 0


def test_a_completed_run_is_all_done_whatever_it_said_last() -> None:
    view = started()(1, ProgressUpdated(message="half", progress=0.5)).view()
    assert (view.progress, view.message) == (0.5, "half")
    assert started()(1, ProgressUpdated(progress=0.5))(2, RunCompleted()).view().progress == 1.0


def test_wishes_are_shown_while_they_are_open() -> None:
    log = started()(1, CancelRequested())(1, FinishRequested())
    assert (log.view().cancelling, log.view().finishing) == (True, True)
    ended = log(2, RunEndedCancelled(reason="enough")).view()
    assert (ended.cancelling, ended.finishing, ended.reason) == (False, False, "enough")


def test_title_is_the_question_of_a_research_else_name_else_workflow() -> None:
    assert started("Why?").view().title == "Why?"
    assert title_of(RunStarted(workflow="m:f", inputs={"question": "How?"})) == "How?"
    assert (
        title_of(RunStarted(workflow="m:f", name="soil", inputs={"args": [1], "kwargs": {}}))
        == "soil"
    )
    assert title_of(RunStarted(workflow="pkg.mod:Outer.inner")) == "inner"


def test_runs_keeps_every_run_with_its_parent_in_order_of_their_first_event() -> None:
    log = started()(1, RunStarted(workflow="m:child", parent=RUN), RunId("child"))(2, BEGIN)(
        3, RunCompleted(), RunId("child")
    )
    runs = fold(Runs(), log.records)
    assert [(r.id, r.parent, r.status) for r in runs.table] == [
        (RUN, None, "running"),
        ("child", RUN, "completed"),
    ]
    assert runs.get(RunId("none")) is None


def test_a_run_that_was_answered_while_nobody_executed_it_is_paused_not_crashed() -> None:
    log = started()(1, ASK)
    assert log.view(alive=False).status == "waiting"
    log(2, ApprovalDecided(approval=A, decision="approve"))
    assert (log.view(alive=False).status, log.view(alive=True).status) == ("paused", "running")
    log(3, RunResumed())
    assert log.view(alive=False).status == "crashed"
