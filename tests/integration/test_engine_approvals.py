"""Questions to a person: asked once, answered once, bound to what was shown."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import engine_kit
import pytest
from engine_kit import Calls, Home, answer, ended, events, finish, kinds, outcome, wait_for
from pydantic import BaseModel, Field

from sentient_kernel.commands import CancelRun, DecideApproval
from sentient_kernel.engine import Context, Engine, workflow
from sentient_kernel.errors import AnswerRefused, ApprovalRejected, UsageError
from sentient_kernel.ids import ApprovalId
from sentient_kernel.testing import FakeClock

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


class Plan(BaseModel):
    steps: list[str]
    budget: float = Field(0, ge=0)
    tags: set[str] = set()


def die() -> None:
    if calls("die") == 1:
        raise SystemExit


@workflow
async def asks(ctx: Context, payload: Any = None, expires: float | None = None) -> Any:
    return await ctx.approve("Go ahead?", payload, expires=expires)


@workflow
async def plans(ctx: Context) -> list[str]:
    plan = await ctx.approve("This plan?", Plan(steps=["a"], tags={"x"}), ask="plan")
    assert isinstance(plan, Plan)
    return [*plan.steps, *sorted(plan.tags)]


@pytest.mark.parametrize("payload", [None, {"a": [1, None]}, "text", 3, [1, 2]])
def test_approved_payload_is_what_was_shown(engine: Engine, payload: Any) -> None:
    run = engine.start(asks, (payload,))
    answer(engine, run, by="ada")
    assert outcome(engine, run) == payload
    (asked,), (said,) = (
        events(engine, run, "approval_requested"),
        events(engine, run, "approval_decided"),
    )
    assert (asked.question, asked.payload, said.decision, said.by, said.edited) == (
        "Go ahead?",
        payload,
        "approve",
        "ada",
        False,
    )
    assert said.digest == asked.digest != ""


def test_rejection_raises_with_its_reason(engine: Engine) -> None:
    run = engine.start(asks)
    answer(engine, run, "reject", reason="too dear", by="ada")
    with pytest.raises(ApprovalRejected, match="'Go ahead\\?' was rejected by ada") as raised:
        outcome(engine, run)
    assert raised.value.reason == "too dear"


def test_edited_payload_reaches_the_workflow_as_its_type(engine: Engine) -> None:
    run = engine.start(plans)
    answer(engine, run, payload={"steps": ["b", "c"], "tags": ["y"]})
    assert outcome(engine, run) == ["b", "c", "y"]
    (asked,) = events(engine, run, "approval_requested")
    assert asked.ask == "plan"
    assert asked.form["properties"]["steps"]["type"] == "array"


def test_model_approved_as_shown_reaches_the_workflow_as_its_type(engine: Engine) -> None:
    run = engine.start(plans)
    answer(engine, run)
    assert outcome(engine, run) == ["a", "x"]


@pytest.mark.parametrize(
    ("payload", "named"),
    [({"steps": "b"}, "steps: "), ({"steps": [], "budget": -1}, "budget: "), ([], "the payload: ")],
    ids=str,
)
def test_edited_payload_that_does_not_fit_is_refused_and_nothing_is_recorded(
    engine: Engine, payload: Any, named: str
) -> None:
    run = engine.start(plans)
    with pytest.raises(AnswerRefused, match=f"does not fit: {named}"):
        answer(engine, run, payload=payload)
    assert "approval_decided" not in kinds(engine, run)
    answer(engine, run)
    assert outcome(engine, run) == ["a", "x"]


def test_edited_payload_that_another_process_did_not_check_is_asked_for_again(home: Home) -> None:
    """Who answers from elsewhere does not know the type; the run looks itself and says what was
    wrong.
    """
    first, second = home.engine(), home.engine()
    run = first.start(plans)
    answer(second, run, payload={"steps": 1})
    again = wait_for(first, run, "approval_requested", 2)
    assert "The last answer did not fit: steps: " in again.question
    answer(second, run, count=2)
    assert outcome(first, run) == ["a", "x"]
    assert first.journal.verify().ok


def test_payload_that_does_not_fit_its_own_schema_is_a_mistake_of_the_workflow(
    engine: Engine,
) -> None:
    @workflow
    async def wrong(ctx: Context) -> Any:
        return await ctx.approve("Go?", {"steps": 1}, schema=Plan)

    with pytest.raises(UsageError, match="does not fit its own schema: steps"):
        finish(engine, wrong, approve={"default": "auto"})


# -- who answers, and when -------------------------------------------------------------------------


def test_second_answer_is_refused_and_says_who_answered_when(engine: Engine) -> None:
    @workflow
    async def waits_on(ctx: Context) -> None:
        await ctx.approve("One?")
        await ctx.approve("Two?")

    run = engine.start(waits_on)
    answer(engine, run, by="ada")
    wait_for(engine, run, "approval_requested", 2)
    first, _ = events(engine, run, "approval_requested")
    with pytest.raises(
        AnswerRefused,
        match=r"was already approved by ada at 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\+00:00",
    ):
        engine.command(
            DecideApproval(run=run, approval=first.approval, decision="reject", by="bob")
        )
    answer(engine, run, count=2)
    assert ended(engine, run) == "completed"


def test_of_two_answers_at_once_one_wins_and_the_other_is_told(home: Home) -> None:
    engines = [home.engine(), home.engine()]
    for _ in range(20):
        run = engines[0].start(asks)
        asked = wait_for(engines[0], run, "approval_requested")
        told: list[str] = []
        together = threading.Barrier(4)

        def say(
            n: int,
            run: Any = run,
            asked: Any = asked,
            told: list[str] = told,
            together: threading.Barrier = together,
        ) -> None:
            command = DecideApproval(
                run=run,
                approval=asked.approval,
                decision="approve",
                payload=n,
                edited=True,
                by=f"p{n}",
            )
            together.wait()
            try:
                engines[n % 2].command(command)
            except AnswerRefused as refused:
                told.append(refused.message)

        threads = [threading.Thread(target=say, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        winner = outcome(engines[0], run)
        (said,) = events(engines[0], run, "approval_decided")
        assert said.payload == winner
        assert len(told) == 3
        assert all(f"already approved by p{winner} at" in words for words in told)


def test_stale_answer_is_refused(engine: Engine) -> None:
    run = engine.start(asks, ({"price": 1},))
    with pytest.raises(AnswerRefused, match="asks something else now"):
        answer(engine, run, digest="of an older plan")
    answer(engine, run, digest=events(engine, run, "approval_requested")[0].digest)
    assert outcome(engine, run) == {"price": 1}


@pytest.mark.parametrize(
    ("question", "payload", "with_form"),
    [("Pay?", {"price": 1}, False), ("Go?", {"price": 2}, False), ("Go?", {"price": 1}, True)],
    ids=["another question", "another payload", "another form"],
)
def test_answer_to_what_was_shown_elsewhere_is_refused(
    engine: Engine, question: str, payload: Any, with_form: bool
) -> None:
    """The answer is bound to the question, to its payload, and to the form that an edited payload
    has to fit.
    """

    @workflow
    async def shows(ctx: Context, question: str, payload: Any, with_form: bool) -> Any:
        return await ctx.approve(question, payload, schema=dict[str, int] if with_form else None)

    seen = engine.start(shows, ("Go?", {"price": 1}, False))
    run = engine.start(shows, (question, payload, with_form))
    shown = wait_for(engine, seen, "approval_requested")
    with pytest.raises(AnswerRefused, match="asks something else now"):
        answer(engine, run, digest=shown.digest)
    assert "approval_decided" not in kinds(engine, run)
    answer(engine, seen, digest=shown.digest)
    assert outcome(engine, seen) == {"price": 1}


def test_answer_to_a_question_that_is_not_there_is_refused(engine: Engine) -> None:
    run = engine.start(asks)
    wait_for(engine, run, "approval_requested")
    with pytest.raises(AnswerRefused, match="has no approval 'a0'"):
        engine.command(DecideApproval(run=run, approval=ApprovalId("a0"), decision="approve"))


@workflow
async def quiet(ctx: Context) -> int:
    return await ctx.step(int, 1)


# -- expiry ----------------------------------------------------------------------------------------


def test_question_expires_when_its_time_is_over_and_not_before(home: Home) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)
    run = engine.start(asks, (None, 60.0))
    clock.wait_for_sleepers()
    clock.advance(59)
    finish(engine, quiet)  # the loop has had its turns meanwhile
    assert "approval_expired" not in kinds(engine, run)
    clock.advance(1)
    with pytest.raises(ApprovalRejected, match="nobody answered in time"):
        outcome(engine, run)
    with pytest.raises(AnswerRefused, match="has expired"):
        answer(engine, run)


@pytest.mark.parametrize("hours", [-25, 25])
def test_clock_that_is_set_does_not_move_an_expiry(home: Home, hours: int) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)
    run = engine.start(asks, (None, 60.0))
    clock.wait_for_sleepers()
    clock.set_wall(clock.now_us() + hours * 3_600_000_000)
    clock.advance(59)
    answer_still_counts = "approval_expired" not in kinds(engine, run)
    clock.advance(1)
    assert ended(engine, run) == "failed"
    assert answer_still_counts


@pytest.mark.parametrize("seconds", [60.0, 1.0])
def test_question_in_time_is_answered(home: Home, seconds: float) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)
    run = engine.start(asks, (7, seconds))
    clock.wait_for_sleepers()
    clock.advance(seconds - 0.5)
    answer(engine, run)
    assert outcome(engine, run) == 7


def test_time_goes_on_while_nobody_runs_the_question(home: Home) -> None:
    clock = FakeClock()
    first = home.engine(clock=clock)
    run = first.start(asks, (None, 60.0))
    clock.wait_for_sleepers()
    first.close()
    clock.advance(61)
    second = home.engine(clock=clock)
    second.resume(run)
    assert ended(second, run) == "failed"
    second.resume(run)  # retried, it asks anew
    clock.wait_for_sleepers()
    answer(second, run, count=2)
    assert ended(second, run) == "completed"


# -- restarts --------------------------------------------------------------------------------------


def test_open_question_is_the_same_after_a_restart_and_asked_once(home: Home) -> None:
    first = home.engine()
    run = first.start(asks, ({"a": 1},))
    before = wait_for(first, run, "approval_requested")
    for _ in range(12):  # more often than a run may crash
        first.close()
        first = home.engine()
        first.resume(run)
    assert events(first, run, "approval_requested") == [before]
    assert "run_failed" not in kinds(first, run)
    answer(first, run)
    assert outcome(first, run) == {"a": 1}


def test_answer_given_while_nobody_runs_the_question_counts(home: Home) -> None:
    first = home.engine()
    run = first.start(asks, (5,))
    wait_for(first, run, "approval_requested")
    first.close()
    second = home.engine()
    answer(second, run)
    assert kinds(second, run)[-1] == "approval_decided"
    second.resume(run)
    assert outcome(second, run) == 5


def test_answered_question_is_not_asked_again_on_replay(engine: Engine) -> None:
    @workflow
    async def asks_then_dies(ctx: Context) -> Any:
        said = await ctx.approve("Go?", 1)
        await ctx.step(die)
        return said

    run = engine.start(asks_then_dies)
    answer(engine, run, payload=2)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == 2
    assert kinds(engine, run).count("approval_requested") == 1


def test_same_question_asked_twice_needs_two_answers(engine: Engine) -> None:
    @workflow
    async def twice(ctx: Context) -> list[Any]:
        return [await ctx.approve("Go?", 1), await ctx.approve("Go?", 1)]

    run = engine.start(twice)
    first = answer(engine, run, payload="x")
    second = answer(engine, run, count=2, payload="y")
    assert first != second
    assert outcome(engine, run) == ["x", "y"]


# -- withdrawal ------------------------------------------------------------------------------------


def test_question_is_withdrawn_when_its_run_is_cancelled_and_asked_anew_when_it_goes_on(
    engine: Engine,
) -> None:
    run = engine.start(asks, (1,))
    first = wait_for(engine, run, "approval_requested")
    engine.command(CancelRun(run=run, reason="enough"))
    assert ended(engine, run) == "cancelled"
    assert events(engine, run, "approval_withdrawn")[0].approval == first.approval
    with pytest.raises(AnswerRefused, match="was withdrawn"):
        answer(engine, run)
    engine.resume(run)
    second = answer(engine, run, count=2)
    assert second != first.approval
    assert outcome(engine, run) == 1


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_question_that_nobody_waits_for_any_more_is_withdrawn_at_the_end(
    engine: Engine, end: str
) -> None:
    @workflow
    async def gives_up(ctx: Context) -> None:
        try:
            async with asyncio.timeout(0.02):
                await ctx.approve("Quickly?")
        except TimeoutError:
            if end == "failed":
                raise

    run = engine.start(gives_up)
    assert ended(engine, run) == end
    assert kinds(engine, run)[-2:] == ["approval_withdrawn", f"run_{end}"]


# -- policies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "ask", "end"),
    [
        ({"default": "auto"}, "question", "completed"),
        ({"default": "deny"}, "question", "failed"),
        ({"plan": "auto"}, "plan", "completed"),
        ({"plan": "auto", "default": "deny"}, "spend", "failed"),
        ({"default": "auto"}, "effect", "completed"),
    ],
)
def test_policy_answers_for_people(
    engine: Engine, policy: dict[str, str], ask: Any, end: str
) -> None:
    @workflow
    async def asks_kind(ctx: Context) -> Any:
        return await ctx.approve("Go?", 1, ask=ask)

    run = engine.start(asks_kind, approve=policy)
    assert ended(engine, run) == end
    (said,) = events(engine, run, "approval_decided")
    assert said.by == f"policy {'auto' if end == 'completed' else 'deny'}"


def test_policy_asks_for_the_kinds_it_does_not_name(engine: Engine) -> None:
    run = engine.start(plans, approve={"spend": "auto", "plan": "ask", "default": "deny"})
    answer(engine, run)
    assert ended(engine, run) == "completed"


def test_policy_holds_for_child_runs(engine: Engine) -> None:
    @workflow
    async def parent(ctx: Context) -> Any:
        return await ctx.run(asks, 4)

    assert finish(engine, parent, approve={"default": "auto"}) == 4
