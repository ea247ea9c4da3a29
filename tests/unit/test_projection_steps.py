"""Steps, phases, approvals and sources, as their events say."""

from __future__ import annotations

import math
from typing import Any

import pytest
from projection_log import BROKEN, RUN, START, Log, started

from sentient_kernel.errors import UsageError
from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ApprovalWithdrawn,
    Fact,
    ProgressUpdated,
    ResearchUpdated,
    RunCompleted,
    RunEndedCancelled,
    RunResumed,
    SourceReported,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
)
from sentient_kernel.ids import ApprovalId, RunId, StepKey
from sentient_kernel.projections.activity import REFUSED, Sources, Steps, StepView
from sentient_kernel.projections.approvals import Approvals
from sentient_kernel.projections.base import fold
from sentient_kernel.projections.runs import Progress

K = StepKey("0" * 16)
BEGIN = StepStarted(key=K, name="read", title="read a page", effect="idempotent")
ASK = ApprovalRequested(
    approval=ApprovalId("a1"),
    key=K,
    ask="plan",
    question="ok?",
    payload=["x"],
    digest="d1",
    expires_at=START + 60_000_000,
)


def step(log: Log) -> StepView:
    """Returns the only step of a log."""
    (only,) = fold(Steps(), log.records).table
    return only


def test_a_step_goes_from_running_over_retrying_to_completed() -> None:
    log = started()(1, BEGIN)
    assert (step(log).status, step(log).seconds, step(log).title, step(log).effect) == (
        "running",
        None,
        "read a page",
        "idempotent",
    )
    log(3, StepRetried(key=K, attempt=2, error=BROKEN))
    assert (step(log).status, step(log).attempts, step(log).error) == ("retrying", 2, BROKEN)
    log(5, StepCompleted(key=K, result="x" * 1000))
    assert (step(log).status, step(log).attempts, step(log).seconds) == ("completed", 2, 4.0)


def test_a_step_that_goes_on_after_a_crash_is_under_way_from_its_next_sign() -> None:
    log = started()(1, BEGIN)(2, RunResumed())(3, StepRetried(key=K, attempt=2, error=BROKEN))
    assert (step(log).status, log.view().running) == ("retrying", 1)
    assert step(log(4, RunEndedCancelled())).status == "interrupted"


def test_a_failed_step_keeps_its_error_and_attempts() -> None:
    failed = step(started()(1, BEGIN)(2, StepEndedFailed(key=K, attempt=3, error=BROKEN)))
    assert (failed.status, failed.attempts, failed.error, failed.seconds) == (
        "failed",
        3,
        BROKEN,
        1.0,
    )


@pytest.mark.parametrize("end", [RunEndedCancelled(), RunCompleted(), RunResumed()])
def test_a_step_that_was_under_way_when_its_run_stopped_is_interrupted(end: Fact) -> None:
    log = started()(1, BEGIN)(4, end)
    assert (step(log).status, step(log).seconds) == ("interrupted", 3.0)
    assert step(log(6, StepCompleted(key=K))).status == "completed"


def test_steps_stand_in_the_order_in_which_they_began() -> None:
    log = started()
    for i in (3, 1, 2):
        log(i, StepStarted(key=StepKey(str(i)), name=f"s{i}"))
    log(9, StepCompleted(key=StepKey("2")))
    assert [s.name for s in fold(Steps(), log.records).table] == ["s3", "s1", "s2"]


def test_phases_before_the_present_one_are_done_and_count_what_they_were_told() -> None:
    log = started()(
        1,
        ResearchUpdated(
            phase="read", message="reading", progress=0.4, data={"done": 9, "total": 14}
        ),
    )
    view = fold(Progress(), log.records).view
    assert [p.state for p in view.phases] == ["done", "done", "now", "todo", "todo", "todo"]
    assert (view.phases[2].done, view.phases[2].total) == (9, 14)
    assert (view.fraction, view.message, view.phase) == (0.4, "reading", "read")


def test_phases_that_are_not_told_count_their_own_steps() -> None:
    log = started()(1, ResearchUpdated(phase="search"))
    for i in range(3):
        log(2, StepStarted(key=StepKey(f"k{i}"), name="search"))
    view = fold(Progress(), log(3, StepCompleted(key=StepKey("k0"))).records).view
    assert (view.phases[1].done, view.phases[1].total) == (1, 3)
    assert view.fraction == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("told", "shown"), [(2.0, 1.0), (-1.0, 0.0), (math.nan, None), (math.inf, 1.0)]
)
def test_progress_is_a_share_whatever_was_told(told: float, shown: float | None) -> None:
    log = Log()(0, ProgressUpdated(progress=told))
    assert fold(Progress(), log.records).view.fraction == shown


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ApprovalDecided(approval=ASK.approval, decision="approve", by="ada"), "approved"),
        (
            ApprovalDecided(
                approval=ASK.approval, decision="approve", by="ada", edited=True, payload=["y"]
            ),
            "edited",
        ),
        (
            ApprovalDecided(approval=ASK.approval, decision="reject", by="ada", reason="no"),
            "rejected",
        ),
        (ApprovalExpired(approval=ASK.approval), "expired"),
        (ApprovalWithdrawn(approval=ASK.approval, reason="changed"), "withdrawn"),
    ],
)
def test_an_approval_is_open_until_it_is_answered_and_the_first_answer_stands(
    answer: Fact, status: str
) -> None:
    log = started()(1, ASK)
    (asked,) = fold(Approvals(), log.records).open
    assert (asked.status, asked.payload, asked.digest, asked.ask, asked.run) == (
        "open",
        ["x"],
        "d1",
        "plan",
        RUN,
    )
    assert asked.expires_at is not None
    assert asked.requested is not None
    assert (asked.expires_at - asked.requested).total_seconds() == 59
    log(2, answer)(3, ApprovalDecided(approval=ASK.approval, decision="reject", by="bob"))
    (closed,) = fold(Approvals(), log.records).table
    assert (closed.status, closed.by) == (
        status,
        "ada" if isinstance(answer, ApprovalDecided) else "",
    )
    assert closed.answer == (["y"] if status == "edited" else None)
    assert not fold(Approvals(), log.records).open


def test_a_question_opens_again_with_the_run_that_ended_over_it() -> None:
    log = started()(1, ASK)(2, RunEndedCancelled())(3, RunResumed())
    assert [a.id for a in fold(Approvals(), log.records).open] == ["a1"]


def test_an_answer_that_crossed_with_the_end_of_its_run_counts() -> None:
    log = started()(1, ASK)(2, RunEndedCancelled())
    (closed,) = fold(Approvals(), log.records).table
    assert (closed.status, closed.reason) == ("withdrawn", "The run has ended.")
    log(3, ApprovalDecided(approval=ASK.approval, decision="approve"))(4, RunResumed())
    assert [a.status for a in fold(Approvals(), log.records).table] == ["approved"]


def test_a_question_of_one_run_outlives_the_end_of_another() -> None:
    log = started()(1, ASK)(2, RunCompleted(), RunId("other"))
    assert [a.id for a in fold(Approvals(), log.records).open] == ["a1"]


def test_an_approval_answers_through_its_door_with_the_digest_of_what_it_shows() -> None:
    (asked,) = fold(Approvals(), started()(1, ASK).records).table
    with pytest.raises(UsageError, match="a1"):
        asked.approve()
    calls: list[Any] = []
    able = asked.bind(lambda *args, **kwargs: calls.append((args, kwargs)))
    able.approve(["y"])
    able.reject("no")
    assert able == asked
    assert calls == [
        (("a1", "approve"), {"payload": ["y"], "reason": None, "digest": "d1"}),
        (("a1", "reject"), {"payload": None, "reason": "no", "digest": "d1"}),
    ]


def test_sources_add_up_over_reports_and_keep_a_bounded_list_of_refusals() -> None:
    log = started()
    for i in range(60):
        log(
            i,
            SourceReported(
                source="papers/",
                query=f"q{i}",
                found=2,
                documents=48,
                refused=((f"{i}.pdf", "encrypted"),),
            ),
        )
    (one,) = fold(Sources(), log(99, SourceReported(source="papers/", reason="gone")).records).table
    assert (one.asked, one.found, one.documents, one.reason, one.refusals) == (
        61,
        120,
        48,
        "gone",
        60,
    )
    assert len(one.refused) == REFUSED
    assert one.refused[-1] == ("59.pdf", "encrypted")
