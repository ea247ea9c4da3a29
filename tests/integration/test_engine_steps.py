"""Steps: recorded once, tried again, timed out, gathered."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import engine_kit
import pytest
from engine_kit import Calls, Home, ended, events, finish, kinds, outcome, wait_for

from sentient_kernel.engine import Context, Engine, Retry, workflow
from sentient_kernel.engine.engine import SYNC_SLOTS
from sentient_kernel.errors import NotFound, StepFailed, StepTimedOut, UsageError, ValueNotStorable
from sentient_kernel.testing import FakeClock

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


async def double(i: int) -> int:
    calls("double")
    return i * 2


async def waits(i: int) -> int:
    await asyncio.sleep(0)
    return i


def in_thread(i: int) -> tuple[int, str]:
    calls("in_thread")
    return i, threading.current_thread().name


def die() -> None:
    if calls("die") == 1:
        raise SystemExit("first time")


@workflow
async def doubles(ctx: Context, n: int, deadly: bool = False) -> list[int]:
    done = [await ctx.step(double, i) for i in range(n)]
    if deadly:
        await ctx.step(die)
    return done


def test_step_is_recorded_once_and_returns_its_result(engine: Engine) -> None:
    run = engine.start(doubles, (3,))
    assert outcome(engine, run) == [0, 2, 4]
    assert kinds(engine, run) == [
        "run_started",
        *["step_started", "step_completed"] * 3,
        "run_completed",
    ]
    assert engine.journal.verify().ok


def test_resumed_run_does_not_repeat_completed_step(engine: Engine) -> None:
    run = engine.start(doubles, (3, True))
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == [0, 2, 4]
    assert calls["double"] == 3
    assert kinds(engine, run).count("step_completed") == 4


def test_resumed_run_does_not_repeat_completed_step_in_another_engine(home: Home) -> None:
    first = home.engine()
    run = first.start(doubles, (3, True))
    assert ended(first, run) == "crashed"
    first.close()
    second = home.engine()
    second.resume(run)
    assert outcome(second, run) == [0, 2, 4]
    assert calls["double"] == 3


def test_same_step_asked_for_twice_runs_twice(engine: Engine) -> None:
    @workflow
    async def twice(ctx: Context) -> list[int]:
        return [await ctx.step(double, 1), await ctx.step(double, 1)]

    assert finish(engine, twice) == [2, 2]
    assert calls["double"] == 2


def test_sync_step_runs_in_a_thread_and_async_one_on_the_loop(engine: Engine) -> None:
    async def where() -> str:
        await asyncio.sleep(0)
        return threading.current_thread().name

    @workflow
    async def both(ctx: Context) -> list[Any]:
        return [await ctx.step(in_thread, 1), await ctx.step(where)]

    assert finish(engine, both) == [[1, "sentient-step-in_thread"], "sentient-engine"]


@pytest.mark.parametrize(
    "kind",
    [
        "partial",
        "method",
        "callable",
        "async callable",
        "lambda of coroutine",
        "decorated",
        "builtin",
    ],
)
def test_every_kind_of_callable_can_be_a_step_also_a_second_time(engine: Engine, kind: str) -> None:
    class Tool:
        async def use(self, i: int) -> int:
            return i + 1

        def __call__(self, i: int) -> int:
            return i + 1

    class AsyncTool:
        async def __call__(self, i: int) -> int:
            return i + 1

    def announced(fn: Any) -> Any:
        @functools.wraps(fn)
        def wrapper(*args: Any) -> Any:
            calls("announced")
            return fn(*args)

        return wrapper

    async def add(k: int, i: int) -> int:
        await asyncio.sleep(0)
        return i + k

    fns: dict[str, Any] = {
        "partial": functools.partial(add, 1),
        "method": Tool().use,
        "callable": Tool(),
        "async callable": AsyncTool(),
        "lambda of coroutine": lambda i: add(1, i),
        "decorated": functools.partial(announced(add), 1),
        "builtin": (1).__add__,
    }

    @workflow
    async def uses(ctx: Context) -> list[int]:
        return [await ctx.step(fns[kind], i) for i in range(3)]

    assert finish(engine, uses) == [1, 2, 3]


def test_partials_are_told_apart_by_what_is_bound_whatever_the_order(engine: Engine) -> None:
    order = [1, 2, 3]

    @workflow
    async def bound(ctx: Context) -> dict[str, int]:
        outcomes = await ctx.gather(*(ctx.step(functools.partial(double, i)) for i in order))
        await ctx.step(die)
        return {str(i): o.value or 0 for i, o in zip(order, outcomes, strict=True)}

    run = engine.start(bound)
    assert ended(engine, run) == "crashed"
    order.reverse()
    engine.resume(run)
    assert outcome(engine, run) == {"1": 2, "2": 4, "3": 6}
    assert calls["double"] == 3


def test_functions_of_one_name_are_told_apart(engine: Engine) -> None:
    class First:
        async def ask(self, i: int) -> str:
            return "first"

    class Second:
        async def ask(self, i: int) -> str:
            return "second"

    order = [First(), Second()]

    @workflow
    async def asks(ctx: Context) -> dict[str, str]:
        said = {type(o).__name__: await ctx.step(o.ask, 1) for o in order}
        await ctx.step(die)
        return said

    run = engine.start(asks)
    assert ended(engine, run) == "crashed"
    order.reverse()
    engine.resume(run)
    assert outcome(engine, run) == {"First": "first", "Second": "second"}


# -- gather ----------------------------------------------------------------------------------------


def test_gather_keeps_order_and_gives_failures_as_values(engine: Engine) -> None:
    async def odd_only(i: int) -> int:
        await asyncio.sleep(0.001 * (5 - i))
        if i % 2 == 0:
            raise ValueError(f"{i} is even")
        return i

    @workflow
    async def some(ctx: Context) -> list[Any]:
        outcomes = await ctx.gather(*(ctx.step(odd_only, i) for i in range(5)))
        return [
            o.value if o.ok else f"{type(o.error).__name__}: {o.error.cause_type}" for o in outcomes
        ]  # type: ignore[union-attr]

    assert finish(engine, some) == [
        "StepFailed: ValueError",
        1,
        "StepFailed: ValueError",
        3,
        "StepFailed: ValueError",
    ]


def test_gather_runs_no_more_than_its_limit_at_once(engine: Engine) -> None:
    now, most = 0, 0

    async def counted(i: int) -> int:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return i

    @workflow
    async def limited(ctx: Context, limit: int) -> list[Any]:
        return [
            o.value
            for o in await ctx.gather(*(ctx.step(counted, i) for i in range(10)), limit=limit)
        ]

    assert finish(engine, limited, 3) == list(range(10))
    assert most == 3


def test_gather_of_nothing_is_nothing_and_of_limit_zero_is_refused(engine: Engine) -> None:
    @workflow
    async def nothing(ctx: Context, limit: int | None) -> list[Any]:
        return await ctx.gather(limit=limit)

    assert finish(engine, nothing, None) == []
    with pytest.raises(UsageError, match="limit must be at least 1, not 0"):
        finish(engine, nothing, 0)


def test_exit_inside_a_gathered_coroutine_ends_the_run_and_not_the_engine(engine: Engine) -> None:
    async def leaves(ctx: Context) -> None:
        await ctx.step(double, 1)
        raise SystemExit(2)

    @workflow
    async def left(ctx: Context) -> None:
        await ctx.gather(leaves(ctx), ctx.step(waits, 1))

    @workflow
    async def left_alone(ctx: Context) -> None:
        task = asyncio.get_running_loop().create_task(leaves(ctx))
        await asyncio.wait([task])
        task.exception()

    assert ended(engine, engine.start(left)) == "crashed"
    assert ended(engine, engine.start(left_alone)) == "completed"
    assert finish(engine, doubles, 2) == [0, 2]


# -- retries ---------------------------------------------------------------------------------------


class Busy(Exception):
    def __init__(self, retry_after: Any = None) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


def test_failed_step_is_tried_again_after_growing_waits(home: Home) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)

    async def flaky() -> int:
        if calls("flaky") < 4:
            raise Busy
        return calls["flaky"]

    @workflow
    async def tries(ctx: Context) -> int:
        return await ctx.step(
            flaky, retry=Retry(attempts=5, delay=10, factor=3, longest=60, jitter=0)
        )

    run = engine.start(tries)
    for n, wait in enumerate((10, 30, 60), start=1):
        clock.wait_for_sleepers()
        assert calls["flaky"] == n
        clock.advance(wait - 1)
        clock.wait_for_sleepers()
        assert calls["flaky"] == n
        clock.advance(1)
    assert outcome(engine, run) == 4
    assert [(e.attempt, e.delay) for e in events(engine, run, "step_retried")] == [
        (2, 10),
        (3, 30),
        (4, 60),
    ]


def test_error_that_asks_for_a_longer_wait_gets_it(home: Home) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)

    async def throttled() -> str:
        if calls("throttled") == 1:
            raise Busy(retry_after=120)
        return "in"

    @workflow
    async def patient(ctx: Context) -> str:
        return await ctx.step(throttled, retry=Retry(delay=1, jitter=0))

    run = engine.start(patient)
    clock.wait_for_sleepers()
    clock.advance(119)
    clock.wait_for_sleepers()
    clock.advance(1)
    assert outcome(engine, run) == "in"


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (Busy(), 3),
        (KeyError("x"), 1),
        (NotFound("not retryable"), 1),
        (StepTimedOut("retryable"), 3),
    ],
    ids=["meant", "another", "says no", "says yes"],
)
def test_retry_is_for_the_errors_it_names(home: Home, error: Exception, tries: int) -> None:
    engine = home.engine()

    async def fails() -> None:
        calls("fails")
        raise error

    @workflow
    async def stubborn(ctx: Context) -> None:
        await ctx.step(fails, retry=Retry(attempts=3, delay=0, on=(Busy, NotFound, StepTimedOut)))

    with pytest.raises(StepFailed) as raised:
        finish(engine, stubborn)
    assert calls["fails"] == tries
    assert raised.value.cause_type.rpartition(".")[2] == type(error).__name__
    assert [e["kind"] for e in raised.value.story] == [
        "step_started",
        *["step_retried"] * (tries - 1),
        "step_failed",
    ]


def test_attempts_are_counted_over_restarts(home: Home) -> None:
    async def fails() -> None:
        if calls("fails") == 2:
            raise SystemExit
        raise Busy

    @workflow
    async def thrice(ctx: Context) -> None:
        await ctx.step(fails, retry=Retry(attempts=3, delay=0))

    engine = home.engine()
    run = engine.start(thrice)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    with pytest.raises(StepFailed, match="failed after 3 attempts"):
        outcome(engine, run)
    # one of them ended with the process, which is no attempt that failed
    assert calls["fails"] == 4


def test_recorded_failure_is_raised_again_on_replay_without_a_try(engine: Engine) -> None:
    async def fails() -> None:
        calls("fails")
        raise Busy

    @workflow
    async def copes(ctx: Context) -> str:
        try:
            await ctx.step(fails)
        except StepFailed as error:
            await ctx.step(die)
            return error.cause_type
        return ""

    run = engine.start(copes)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run).endswith("Busy")
    assert calls["fails"] == 1


def test_failed_run_taken_up_again_tries_its_failed_step_again_and_no_other(engine: Engine) -> None:
    async def fails_once() -> str:
        if calls("fails_once") == 1:
            raise Busy
        return "done"

    @workflow
    async def part(ctx: Context) -> str:
        await ctx.step(double, 1)
        return await ctx.step(fails_once)

    run = engine.start(part)
    assert ended(engine, run) == "failed"
    engine.resume(run)
    assert outcome(engine, run) == "done"
    assert (calls["double"], calls["fails_once"]) == (1, 2)


# -- timeouts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_step_that_takes_too_long_is_given_up(engine: Engine, kind: str) -> None:
    freed = threading.Event()

    async def slow() -> None:
        await asyncio.sleep(60)

    def blocked() -> None:
        freed.wait(60)

    @workflow
    async def hurried(ctx: Context) -> str:
        try:
            await ctx.step(slow if kind == "async" else blocked, timeout=0.05)
        except StepFailed as error:
            return error.cause_type
        return "in time"

    try:
        assert finish(engine, hurried) == "StepTimedOut"
    finally:
        freed.set()


def test_timeout_of_the_body_itself_is_not_taken_for_that_of_the_step(engine: Engine) -> None:
    async def raises() -> None:
        raise TimeoutError("of its own")

    @workflow
    async def own(ctx: Context) -> str:
        try:
            await ctx.step(raises, timeout=60)
        except StepFailed as error:
            return f"{error.cause_type} {error.message}"
        return ""

    assert finish(engine, own) == "TimeoutError Step 'raises' failed: TimeoutError: of its own"


def test_sync_step_does_not_time_out_while_it_waits_for_a_thread(engine: Engine) -> None:
    """When all threads are taken a step waits its turn, and that is not held against it."""
    freed = threading.Event()

    def holds(i: int) -> None:
        calls("holds")
        freed.wait(60)

    @workflow
    async def many(ctx: Context) -> Any:
        outcomes = await ctx.gather(
            *(ctx.step(holds, i) for i in range(SYNC_SLOTS)), ctx.step(in_thread, 1, timeout=0.2)
        )
        return outcomes[-1].value

    run = engine.start(many)
    wait_for(engine, run, "step_started", SYNC_SLOTS + 1)
    threading.Timer(0.5, freed.set).start()
    assert outcome(engine, run)[0] == 1
    assert calls["holds"] == SYNC_SLOTS


def test_cancellation_that_a_body_causes_itself_is_a_failure_of_its_step(engine: Engine) -> None:
    async def cancels_itself() -> None:
        inner = asyncio.get_running_loop().create_task(asyncio.sleep(60))
        inner.cancel()
        await inner

    @workflow
    async def goes_on(ctx: Context, gathered: bool) -> str:
        for _ in range(2):
            if gathered:
                error = (await ctx.gather(ctx.step(cancels_itself)))[0].error
                assert isinstance(error, StepFailed)
                said = error.cause_type
            else:
                try:
                    await ctx.step(cancels_itself)
                except StepFailed as failed:
                    said = failed.cause_type
        return said

    assert finish(engine, goes_on, False).endswith("CancelledError")
    assert finish(engine, goes_on, True).endswith("CancelledError")


def test_workflow_that_raises_cancelled_error_without_being_cancelled_has_failed(
    engine: Engine,
) -> None:
    @workflow
    async def confused(ctx: Context) -> None:
        raise asyncio.CancelledError

    assert ended(engine, engine.start(confused)) == "failed"


# -- what cannot be a step -------------------------------------------------------------------------


def test_argument_that_cannot_be_kept_is_named_at_the_call(engine: Engine) -> None:
    @workflow
    async def wrong(ctx: Context) -> None:
        await ctx.step(double, lambda: 1)

    with pytest.raises(
        ValueNotStorable,
        match=(
            r"Argument 1 of step 'double' cannot be kept as JSON: it is of type builtins\.function"
        ),
    ):
        finish(engine, wrong)


def test_result_that_cannot_be_kept_fails_its_step_and_is_named_each_time(engine: Engine) -> None:
    async def opens() -> Any:
        return {"file": object()}

    @workflow
    async def wrong(ctx: Context) -> list[str]:
        said = []
        for _ in range(3):
            try:
                await ctx.step(opens)
            except StepFailed as error:
                said.append(f"{error.cause_type}: {error.message}")
        return said

    for said in finish(engine, wrong):
        assert said.startswith(
            "ValueNotStorable: Step 'opens' failed: ValueNotStorable: The result of step 'opens'"
            " cannot be kept"
        )
        assert "it['file'] is of type builtins.object" in said


@pytest.mark.parametrize("what", ["workflow", "coroutine", "value"])
def test_what_is_no_step_is_refused_with_advice(engine: Engine, what: str) -> None:
    @workflow
    async def wrong(ctx: Context) -> None:
        await ctx.step(
            {
                "workflow": doubles,
                "coroutine": double(1) if what == "coroutine" else None,
                "value": 7,
            }[what],
            1,
        )

    with pytest.raises(
        UsageError,
        match=r"ctx\.run" if what == "workflow" else r"Give the function and its arguments",
    ):
        finish(engine, wrong)


def test_engine_called_from_a_step_on_its_loop_says_what_to_use_instead(engine: Engine) -> None:
    async def nested() -> None:
        await asyncio.sleep(0)
        engine.start(doubles, (1,))

    async def closes() -> None:
        await asyncio.sleep(0)
        engine.close()

    @workflow
    async def wrong(ctx: Context) -> list[str]:
        said = []
        for fn in (nested, closes):
            try:
                await ctx.step(fn)
            except StepFailed as error:
                said.append(error.message)
        return said

    first, second = finish(engine, wrong)
    assert "UsageError: The workbench was called from inside a workflow or an async step" in first
    assert "UsageError: The workbench cannot be closed from inside" in second
    assert finish(engine, doubles, 1) == [0]


def test_engine_called_from_a_sync_step_works(engine: Engine) -> None:
    def outer() -> Any:
        return finish(engine, doubles, 2)

    @workflow
    async def calls_back(ctx: Context) -> Any:
        return await ctx.step(outer)

    assert finish(engine, calls_back) == [0, 2]
