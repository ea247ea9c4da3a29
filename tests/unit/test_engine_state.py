"""What a run's events amount to, and what may be asked of it: pure functions, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentient_kernel import events as ev
from sentient_kernel.commands import (
    CancelRun,
    Command,
    ContinueRun,
    DecideApproval,
    FinishRun,
    PauseRun,
    SendMessage,
    SteerRun,
)
from sentient_kernel.engine.state import (
    CRASH_LOOP,
    TAKEN,
    ApprovalState,
    Refusal,
    RunState,
    StepState,
    answered_by,
    apply,
    decide,
    fold,
)
from sentient_kernel.events import Record
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey

RUN = RunId("r")
A, B = ApprovalId("a1"), ApprovalId("a2")
K, L = StepKey("k" * 16), StepKey("l" * 16)
OOPS = ev.ErrorInfo(type="ValueError")


def records(facts: Iterable[Any], at: int = 1_700_000_000_000_000) -> list[Record]:
    """Facts as rows of a journal."""
    return [
        Record(Seq(n), RUN, at + n * 1_000_000, fact.kind, fact.body())
        for n, fact in enumerate(facts, start=1)
    ]


def state(*facts: Any, code: str = "c1") -> RunState:
    """The state of a run that began, and of which these facts are known."""
    return fold(RUN, records([ev.RunStarted(workflow="w", code=code), *facts]))


def asked(approval: ApprovalId = A, **fields: Any) -> ev.ApprovalRequested:
    return ev.ApprovalRequested(
        approval=approval, key=K, question="Go?", payload={"n": 1}, digest="d1", **fields
    )


def decided(approval: ApprovalId = A) -> ev.ApprovalDecided:
    return ev.ApprovalDecided(approval=approval, decision="approve", by="ada")


def started(key: StepKey = K, **fields: Any) -> ev.StepStarted:
    return ev.StepStarted(key=key, name="work", **fields)


def done(key: StepKey = K) -> ev.StepCompleted:
    return ev.StepCompleted(key=key, result=1)


def resumed(code: str = "c1", **fields: Any) -> ev.RunResumed:
    return ev.RunResumed(code=code, **fields)


def failed(key: StepKey = K) -> ev.StepEndedFailed:
    return ev.StepEndedFailed(key=key, error=OOPS)


# -- apply -----------------------------------------------------------------------------------------


def key_in(body: bytes) -> str:
    return ev.key_of(Record(Seq(1), RUN, 0, "step_completed", body))


def test_key_is_found_in_every_kind_of_step_event_without_parsing_it() -> None:
    facts = [
        started(),
        done(),
        failed(),
        ev.StepRetried(key=K, attempt=2, error=OOPS),
        ev.EffectIntended(key=K),
    ]
    assert {fact.kind for fact in facts} == ev.STEPS
    assert {key_in(fact.body()) for fact in facts} == {K}
    assert key_in(b'{"name":"x","key":"short"}') == "short"


def test_every_kind_counts_in_the_state_of_a_run_or_is_left_out_on_purpose() -> None:
    left_out = ev.kinds_of(ev.LoopBlocked | ev.UsageRecorded) | ev.TRANSIENT
    assert TAKEN | left_out == set(ev.classes())
    assert not TAKEN & left_out


def test_nothing_is_known_of_a_run_without_events() -> None:
    fresh = RunState(RUN)
    assert (fresh.seq, fresh.recoveries, fresh.foreign) == (0, 0, False)
    assert (fresh.paused, fresh.cancelling, fresh.finishing, fresh.at_rest) == (False,) * 4
    step = StepState()
    assert (step.attempt, step.began, step.done, step.intents) == (0, 0, 0, 0)
    assert step.loose is False
    assert (ApprovalState(asked()).open, ApprovalState(asked()).answered_at) == (True, 0)
    assert Refusal("no").about_answer is False


def test_key_of_any_length_is_found() -> None:
    assert key_in(b'{"key":"short","name":"work"}') == "short"
    assert key_in(b'{"key":"' + b"k" * 20 + b'","name":"work"}') == "k" * 20


def test_step_goes_from_started_over_retried_to_completed() -> None:
    after = state(
        started(title="T", effect="once"), ev.StepRetried(key=K, attempt=2, error=OOPS), done()
    ).steps[K]
    assert (after.name, after.attempt, after.began, after.done, after.failed) == (
        "work",
        1,
        2,
        4,
        None,
    )


@pytest.mark.parametrize(
    ("facts", "intents"),
    [
        ([started()], 0),
        ([started(), ev.EffectIntended(key=K)], 1),
        ([started(), ev.EffectIntended(key=K), ev.StepRetried(key=K, attempt=2, error=OOPS)], 1),
        ([started(), ev.EffectIntended(key=K), resumed(), ev.EffectIntended(key=K)], 2),
        (
            [
                started(),
                ev.EffectIntended(key=K),
                failed(),
                ev.RunEndedFailed(error=OOPS),
                resumed(retry_failed=True),
            ],
            1,
        ),
    ],
    ids=["none", "one", "survives a retry", "two lives", "survives a failure"],
)
def test_intents_of_an_effect_are_never_forgotten(facts: list[Any], intents: int) -> None:
    assert state(*facts).steps[K].intents == intents


def test_retry_of_a_failed_run_forgets_failed_steps_and_keeps_the_rest() -> None:
    after = state(
        started(),
        failed(),
        started(L),
        done(L),
        ev.RunEndedFailed(error=OOPS),
        resumed(retry_failed=True),
    )
    assert list(after.steps) == [L]
    assert after.ended == ""


def test_failed_effect_that_may_have_happened_is_tried_anew_and_stays_on_the_record() -> None:
    tried = [
        started(effect="once"),
        ev.StepRetried(key=K, attempt=3, error=OOPS),
        ev.EffectIntended(key=K),
    ]
    after = state(
        *tried, failed(), ev.RunEndedFailed(error=OOPS), resumed(retry_failed=True)
    ).steps[K]
    assert (after.attempt, after.done, after.failed, after.intents) == (0, 0, None, 1)


def test_what_is_asked_for_after_an_edit_belongs_to_the_code_of_then() -> None:
    after = state(started(), resumed("c2"), started(L), resumed("c2"))
    assert (after.steps[K].loose, after.steps[L].loose, after.code) == (True, False, "c2")


def test_who_wants_the_end_is_known() -> None:
    after = state(ev.FinishRequested(by="ada"), ev.CancelRequested(reason="enough", by="ada"))
    assert (after.finisher, after.cancel_reason) == ("ada", "enough")


@pytest.mark.parametrize("policy", [None, {}, {"plan": "auto"}])
def test_policy_is_that_of_the_beginning(policy: dict[str, str] | None) -> None:
    assert fold(RUN, records([ev.RunStarted(workflow="w", approve=policy)])).policy == (
        policy or {}
    )


@pytest.mark.parametrize(
    ("policy", "by_default", "answer"),
    [
        ({}, True, "ask"),
        ({"default": "auto"}, True, "auto"),
        ({"default": "auto"}, False, "ask"),
        ({"default": "deny"}, False, "deny"),
        ({"default": "deny", "effect": "auto"}, False, "auto"),
    ],
)
def test_policy_answers_by_kind_and_yes_to_everything_is_not_yes_to_a_second_effect(
    policy: dict[str, str], by_default: bool, answer: str
) -> None:
    assert answered_by(policy, "effect", by_default=by_default) == answer


@pytest.mark.parametrize(
    ("facts", "loose"),
    [
        ([resumed("c1")], False),
        ([resumed("c2")], True),
        ([resumed("c2"), resumed("c2")], True),
        ([ev.RunEndedCancelled(), resumed("c1")], True),
        ([ev.RunPaused(), resumed("c1")], False),
    ],
    ids=["same code", "edited", "edited before", "taken up after its end", "paused"],
)
def test_step_need_not_be_asked_for_again_after_an_edit_or_an_end(
    facts: list[Any], loose: bool
) -> None:
    assert state(started(), done(), *facts).steps[K].loose is loose


DEATH = [resumed()]


@pytest.mark.parametrize(
    ("facts", "recoveries"),
    [
        (DEATH * 3, 3),
        ([*DEATH * 3, started(), done()], 0),
        ([*DEATH * 3, asked()], 0),
        ([asked(), *DEATH * 9], 0),
        ([asked(), started(), *DEATH * 9], 9),
        ([asked(), *DEATH * 9, decided(), *DEATH], 1),
        ([ev.RunPaused(), *DEATH], 0),
        ([ev.RunPaused(), *DEATH * 3], 2),
        ([*DEATH * 3, ev.MessageReceived(key=K, message=Seq(1))], 0),
        ([*DEATH * 9, ev.RunEndedFailed(error=OOPS), *DEATH], 0),
        ([asked(), started(), *DEATH * 2, decided()], 0),
    ],
    ids=[
        "deaths",
        "a step",
        "a question",
        "waiting",
        "waiting and working",
        "answered",
        "closed",
        "closed, then deaths",
        "message",
        "retried",
        "working, then answered",
    ],
)
def test_deaths_are_counted_until_something_gets_done(facts: list[Any], recoveries: int) -> None:
    assert state(*facts).recoveries == recoveries
    assert CRASH_LOOP > 3


def test_emitted_events_are_remembered_by_what_they_say() -> None:
    one, two = ev.ProgressUpdated(message="one"), ev.ResearchUpdated(phase="plan")
    assert state(one, two, one).emitted == {one.body(): 2, two.body(): 1}


def test_end_of_a_run_is_undone_when_it_is_taken_up_again() -> None:
    before = state(
        ev.CancelRequested(reason="enough"), ev.FinishRequested(), ev.RunEndedCancelled()
    )
    assert (before.ended, before.cancelling, before.cancel_reason, before.finishing) == (
        "cancelled",
        True,
        "enough",
        True,
    )
    after = state(ev.CancelRequested(), ev.FinishRequested(), ev.RunEndedCancelled(), resumed())
    assert (after.ended, after.cancelling, after.finishing) == ("", False, False)
    assert state(ev.FinishRequested(), resumed()).finishing


def test_expired_question_is_asked_anew_when_a_failed_run_is_retried_and_a_rejection_stands() -> (
    None
):
    no = ev.ApprovalDecided(approval=B, decision="reject", by="ada")
    expired = [asked(), asked(B), ev.ApprovalExpired(approval=A), no]
    assert state(*expired).approvals[A].closed == "approval_expired"
    assert (
        state(*expired).approvals[A].answered_at,
        state(*expired).approvals[B].answered_at > 0,
    ) == (0, True)
    after = state(*expired, ev.RunEndedFailed(error=OOPS), resumed(retry_failed=True))
    assert after.approvals[A].closed == "approval_withdrawn"
    assert after.approvals[B].answer == no


def test_nothing_was_received_where_the_wait_ended_without_a_message() -> None:
    assert state(ev.MessageReceived(key=K)).received == {K: 0}


def test_messages_steers_and_directions_are_kept_in_order() -> None:
    after = state(
        ev.MessageSent(to="x", message=1, key=K),
        ev.RunSteered(text="left"),
        ev.RunSteered(text="right"),
        ev.MessageReceived(key=L, message=Seq(2)),
        ev.DirectionTaken(look=3, steers=2),
    )
    assert after.messages[Seq(2)].message == 1
    assert (after.sent, after.received) == ({K}, {L: 2})
    assert after.steers == [(3, "left"), (4, "right")]
    assert after.directions == [(3, False, 2)]


# -- decide ----------------------------------------------------------------------------------------

ENDS = [ev.RunCompleted(), ev.RunEndedFailed(error=OOPS), ev.RunEndedCancelled()]
REQUESTS: list[Command] = [
    CancelRun(run=RUN, by="ada", reason="enough"),
    PauseRun(run=RUN, by="ada"),
    ContinueRun(run=RUN, by="ada"),
    FinishRun(run=RUN, by="ada"),
    SteerRun(run=RUN, by="ada", text="left"),
    SendMessage(run=RUN, by="ada", to="x", message=[1]),
]


def approve(approval: ApprovalId = A, **fields: Any) -> DecideApproval:
    return DecideApproval(
        run=RUN, approval=approval, by="bob", decision=fields.pop("decision", "approve"), **fields
    )


@pytest.mark.parametrize(
    ("facts", "command", "kinds"),
    [
        ([], REQUESTS[0], ["cancel_requested"]),
        ([ev.CancelRequested()], REQUESTS[0], []),
        ([], REQUESTS[1], ["run_paused"]),
        ([ev.RunPaused()], REQUESTS[1], []),
        ([], REQUESTS[2], []),
        ([ev.RunPaused()], REQUESTS[2], ["run_continued"]),
        ([], REQUESTS[3], ["finish_requested"]),
        ([ev.FinishRequested()], REQUESTS[3], []),
        ([], REQUESTS[4], ["run_steered"]),
        ([], REQUESTS[5], ["message_sent"]),
        ([asked()], approve(), ["approval_decided"]),
        ([asked()], approve(decision="reject", reason="no"), ["approval_decided"]),
        ([asked()], approve(digest="d1"), ["approval_decided"]),
    ],
    ids=lambda v: getattr(v, "kind", None) or str([getattr(f, "kind", f) for f in v]),
)
def test_command_becomes_the_events_that_say_so(
    facts: list[Any], command: Command, kinds: list[str]
) -> None:
    outcome = decide(state(*facts), command)
    assert not isinstance(outcome, Refusal)
    assert [fact.kind for fact in outcome] == kinds
    assert all(
        getattr(fact, "by", "") or getattr(fact, "sender", "") == command.by for fact in outcome
    )


@pytest.mark.parametrize("command", REQUESTS, ids=lambda c: type(c).__name__)
@pytest.mark.parametrize("end", ENDS, ids=lambda e: e.kind)
def test_run_that_has_ended_refuses_every_request(command: Command, end: Any) -> None:
    outcome = decide(state(end), command)
    assert isinstance(outcome, Refusal)
    assert "has ended" in outcome.reason


@pytest.mark.parametrize(
    ("facts", "command", "says"),
    [
        ([], approve(), "has no approval 'a1'"),
        (
            [asked(), decided()],
            approve(),
            "was already approved by ada at 2023-11-14 22:13:23+00:00",
        ),
        (
            [asked(), ev.ApprovalDecided(approval=A, decision="reject")],
            approve(),
            "was already rejected by somebody",
        ),
        ([asked(), ev.ApprovalExpired(approval=A)], approve(), "has expired"),
        ([asked(), ev.ApprovalWithdrawn(approval=A)], approve(), "was withdrawn"),
        ([asked(), ev.RunEndedCancelled()], approve(), "has ended (cancelled)"),
        ([asked()], approve(digest="d0"), "asks something else now"),
        ([asked(), asked(B), decided(B)], approve(B), "was already approved"),
    ],
    ids=[
        "unknown",
        "second",
        "second after no",
        "late",
        "withdrawn",
        "ended",
        "stale",
        "second of two",
    ],
)
def test_answer_that_may_not_count_is_refused_with_the_reason(
    facts: list[Any], command: DecideApproval, says: str
) -> None:
    outcome = decide(state(*facts), command)
    assert isinstance(outcome, Refusal)
    assert outcome.about_answer
    assert says in outcome.reason


@pytest.mark.parametrize(
    ("payload", "edited", "kept"),
    [
        (None, False, (None, False)),
        ({"n": 2}, True, ({"n": 2}, True)),
        ({"n": 1}, True, (None, False)),
        (None, True, (None, True)),
    ],
    ids=["as shown", "edited", "edited to the same", "edited to nothing"],
)
def test_only_a_payload_that_differs_from_what_was_shown_counts_as_edited(
    payload: Any, edited: bool, kept: Any
) -> None:
    outcome = decide(state(asked()), approve(payload=payload, edited=edited))
    assert not isinstance(outcome, Refusal)
    (fact,) = outcome
    assert isinstance(fact, ev.ApprovalDecided)
    assert (fact.payload, fact.edited, fact.digest, fact.by) == (*kept, "d1", "bob")


def test_steer_without_words_is_refused() -> None:
    assert isinstance(decide(state(), SteerRun(run=RUN, text=" \n")), Refusal)


def test_run_that_is_not_there_refuses_everything() -> None:
    assert all(
        isinstance(decide(RunState(RUN), command), Refusal) for command in [*REQUESTS, approve()]
    )


FACTS = st.sampled_from(
    [
        started(),
        started(L, effect="once"),
        done(),
        done(L),
        failed(),
        failed(L),
        ev.EffectIntended(key=L),
        ev.StepRetried(key=L, attempt=2, error=OOPS),
        asked(),
        asked(B),
        decided(),
        decided(B),
        ev.ApprovalExpired(approval=B),
        ev.ApprovalWithdrawn(approval=A),
        resumed(),
        resumed("c2"),
        resumed(retry_failed=True),
        *ENDS,
        ev.RunPaused(),
        ev.RunContinued(),
        ev.CancelRequested(),
        ev.FinishRequested(),
        ev.RunSteered(text="t"),
        ev.DirectionTaken(look=1),
        ev.MessageSent(to="x"),
        ev.MessageReceived(key=K),
        ev.ProgressUpdated(message="m"),
        ev.LoopBlocked(seconds=1.0),
    ]
)
COMMANDS = st.sampled_from(
    [*REQUESTS, approve(), approve(B, decision="reject"), approve(digest="other")]
)


@given(st.lists(FACTS | COMMANDS, max_size=40))
@settings(max_examples=120, deadline=None)
def test_whatever_happens_an_accepted_command_holds_and_a_question_has_one_answer(
    story: list[Any],
) -> None:
    run = state()
    for n, item in enumerate(story, start=2):
        facts = [item] if isinstance(item, ev.Fact) else decide(run, item)
        if isinstance(facts, Refusal):
            assert facts.reason
            continue
        for fact in facts:
            if isinstance(item, DecideApproval):
                assert run.approvals[item.approval].open
                assert not run.ended
            apply(run, Record(Seq(n), RUN, n, fact.kind, fact.body()))
        if isinstance(item, (CancelRun, PauseRun, FinishRun)):
            assert decide(run, item) == ()  # what is so already is no event
        if isinstance(item, DecideApproval):
            assert isinstance(decide(run, item), Refusal)
    assert all(approval.open == (not approval.closed) for approval in run.approvals.values())


@given(st.lists(FACTS, max_size=30), st.integers(0, 30))
@settings(max_examples=100, deadline=None)
def test_state_is_the_same_folded_at_once_or_piece_by_piece(story: list[Any], cut: int) -> None:
    rows = records([ev.RunStarted(workflow="w", code="c1"), *story])
    piecewise = fold(RUN, rows[:cut])
    for row in rows[cut:]:
        apply(piecewise, row)
    assert piecewise == fold(RUN, rows)
