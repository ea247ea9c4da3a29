"""What a person can do to a run that works: cancel, pause, steer, finish, close the workbench under
it.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import engine_kit
import pytest
from engine_kit import Calls, Home, answer, ended, events, kinds, outcome, wait_for

from sentient_kernel.commands import CancelRun, ContinueRun, FinishRun, PauseRun, SteerRun
from sentient_kernel.engine import Context, Engine, Retry, workflow
from sentient_kernel.errors import JournalUnusable, NotFound, Refused
from sentient_kernel.ids import RunId
from sentient_kernel.testing import FakeClock

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()
freed = threading.Event()


@pytest.fixture(autouse=True)
def fresh() -> Any:
    calls.counts.clear()
    freed.clear()
    yield
    freed.set()


async def endless() -> None:
    calls("endless")
    try:
        await asyncio.sleep(3600)
    finally:
        calls("cleaned up")


def blocked() -> None:
    calls("blocked")
    freed.wait(60)


async def fails() -> None:
    calls("fails")
    raise ValueError


async def work(i: int) -> int:
    calls("work")
    return i


def die() -> None:
    if calls("die") == 1:
        raise SystemExit


@workflow
async def busy(ctx: Context, how: str) -> str:
    if how == "async step":
        await ctx.step(endless)
    elif how == "thread step":
        await ctx.step(blocked)
    elif how == "approve":
        await ctx.approve("Go?")
    elif how == "receive":
        await ctx.receive()
    elif how == "retry":
        await ctx.step(fails, retry=Retry(attempts=3, delay=60, jitter=0))
    elif how == "gather":
        await ctx.gather(ctx.step(endless), ctx.step(blocked), ctx.approve("Go?"), ctx.receive())
    elif how == "sleep":
        await asyncio.sleep(3600)
    return "done"


@pytest.mark.parametrize(
    "how", ["async step", "thread step", "approve", "receive", "retry", "gather", "sleep"]
)
def test_run_is_cancelled_whatever_it_is_at(home: Home, how: str) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)
    run = engine.start(busy, (how,))
    if how in ("async step", "thread step", "gather"):
        wait_for(engine, run, "step_started")
    if how == "approve":
        wait_for(engine, run, "approval_requested")
    if how == "retry":
        clock.wait_for_sleepers()
    engine.command(CancelRun(run=run, reason="enough", by="ada"))
    assert ended(engine, run) == "cancelled"
    assert events(engine, run, "run_cancelled")[0].reason == "enough"
    assert calls["cleaned up"] == calls["endless"]
    assert "approval_requested" not in kinds(engine, run) or "approval_withdrawn" in kinds(
        engine, run
    )
    with pytest.raises(Refused, match="has ended"):
        engine.command(CancelRun(run=run))


def test_cancelled_run_can_be_taken_up_again(engine: Engine) -> None:
    @workflow
    async def two(ctx: Context) -> list[Any]:
        return [await ctx.step(work, 1), await ctx.approve("Go?", 2)]

    run = engine.start(two)
    wait_for(engine, run, "approval_requested")
    engine.command(CancelRun(run=run))
    assert ended(engine, run) == "cancelled"
    engine.resume(run)
    answer(engine, run, count=2)
    assert outcome(engine, run) == [1, 2]
    assert calls["work"] == 1


def test_run_that_nobody_executes_can_be_cancelled(home: Home) -> None:
    first = home.engine()
    crashed = first.start(dies)
    assert ended(first, crashed) == "crashed"
    waiting = first.start(busy, ("approve",))
    wait_for(first, waiting, "approval_requested")
    first.close()
    second = home.engine()
    for run in (crashed, waiting):
        second.command(CancelRun(run=run, reason="not needed any more"))
        assert ended(second, run) == "cancelled"
    assert kinds(second, waiting)[-3:] == [
        "cancel_requested",
        "approval_withdrawn",
        "run_cancelled",
    ]
    assert not second.alive(crashed)


@workflow
async def dies(ctx: Context) -> str:
    await ctx.step(work, 1)
    await ctx.step(die)
    return "done"


# -- pause -----------------------------------------------------------------------------------------


def test_paused_run_finishes_what_it_is_at_and_begins_nothing(engine: Engine) -> None:
    started = threading.Event()

    def first() -> str:
        started.set()
        freed.wait(60)
        return "first"

    @workflow
    async def two(ctx: Context) -> list[Any]:
        return [await ctx.step(first), await ctx.step(work, 2)]

    run = engine.start(two)
    assert started.wait(10)
    engine.command(PauseRun(run=run, by="ada"))
    engine.command(PauseRun(run=run, by="bob"))  # it is so already
    freed.set()
    wait_for(engine, run, "step_completed")
    engine.command(SteerRun(run=run, text="a turn of the loop"))
    assert calls["work"] == 0
    assert [e.by for e in events(engine, run, "run_paused")] == ["ada"]
    engine.command(ContinueRun(run=run))
    assert outcome(engine, run) == ["first", 2]


def test_paused_run_can_be_cancelled(engine: Engine) -> None:
    run = engine.start(busy, ("approve",))
    wait_for(engine, run, "approval_requested")
    engine.command(PauseRun(run=run))
    engine.command(CancelRun(run=run))
    assert ended(engine, run) == "cancelled"


# -- finish and steer ------------------------------------------------------------------------------


@workflow
async def gathers(ctx: Context) -> list[Any]:
    notes: list[Any] = []
    while not ctx.finishing:
        notes.append(await ctx.step(work, len(notes)))
        await ctx.approve(f"Enough with {len(notes)}?")
    written = await ctx.step(write, notes, list(ctx.steers))
    await ctx.step(die)
    return list(written)


async def write(notes: list[int], steers: list[str]) -> list[Any]:
    calls("write")
    return [len(notes), *steers]


def test_run_that_is_to_finish_writes_with_what_it_has_also_after_a_crash(engine: Engine) -> None:
    """A replay must see the request where the first run saw it, not from its first line on."""
    run = engine.start(gathers)
    answer(engine, run)
    wait_for(engine, run, "approval_requested", 2)
    engine.command(SteerRun(run=run, text="be brief", by="ada"))
    engine.command(FinishRun(run=run, by="ada"))
    engine.command(FinishRun(run=run, by="bob"))  # it is so already
    answer(engine, run, count=2)
    assert ended(engine, run) == "crashed"
    engine.command(SteerRun(run=run, text="too late for what is written"))
    engine.resume(run)
    assert outcome(engine, run) == [2, "be brief"]
    assert (calls["work"], calls["write"]) == (2, 1)
    assert [e.by for e in events(engine, run, "finish_requested")] == ["ada"]


def test_request_to_finish_that_came_while_nobody_ran_it_is_heeded(home: Home) -> None:
    first = home.engine()
    run = first.start(gathers)
    wait_for(first, run, "approval_requested")
    first.close()
    second = home.engine()
    second.command(FinishRun(run=run))
    second.resume(run)
    answer(second, run)
    assert ended(second, run) == "crashed"
    second.resume(run)
    assert outcome(second, run) == [1]


def test_budget_of_time_asks_the_run_to_finish(home: Home) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)

    @workflow
    async def limited(ctx: Context) -> bool:
        ctx.finish_after(60)
        await ctx.approve("Go?")
        return ctx.finishing

    run = engine.start(limited)
    clock.wait_for_sleepers()
    clock.advance(60)
    wait_for(engine, run, "finish_requested")
    answer(engine, run)
    assert outcome(engine, run) is True


def test_steer_reaches_the_run_at_its_next_look(engine: Engine) -> None:
    @workflow
    async def looks(ctx: Context) -> list[Any]:
        before = list(ctx.steers)
        await ctx.approve("Go?")
        return [before, list(ctx.steers)]

    run = engine.start(looks)
    wait_for(engine, run, "approval_requested")
    engine.command(SteerRun(run=run, text="to the left"))
    answer(engine, run)
    assert outcome(engine, run) == [[], ["to the left"]]


def test_what_comes_while_nobody_works_is_seen_behind_what_was_done_before(engine: Engine) -> None:
    @workflow
    async def looks(ctx: Context) -> list[Any]:
        await ctx.approve("Go?")
        between = list(ctx.steers)
        await ctx.step(work, 1)
        if calls("looks") == 1:
            raise SystemExit
        return [between, list(ctx.steers)]

    run = engine.start(looks)
    answer(engine, run)
    assert ended(engine, run) == "crashed"
    engine.command(SteerRun(run=run, text="to the left"))
    engine.resume(run)
    assert outcome(engine, run) == [[], ["to the left"]]


def test_what_comes_while_nobody_works_is_seen_behind_an_answer_that_was_the_last_thing(
    engine: Engine,
) -> None:
    @workflow
    async def looks(ctx: Context) -> list[str]:
        await ctx.approve("Go?")
        if calls("looks") == 1:
            raise SystemExit
        return list(ctx.steers)

    run = engine.start(looks)
    answer(engine, run)
    assert ended(engine, run) == "crashed"
    engine.command(SteerRun(run=run, text="to the left"))
    engine.resume(run)
    assert outcome(engine, run) == ["to the left"]


# -- close -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", ["async step", "thread step", "approve", "receive", "retry", "gather", "sleep"]
)
def test_closed_workbench_leaves_its_runs_resumable(home: Home, how: str) -> None:
    first = home.engine(clock=FakeClock())
    run = first.start(busy, (how,))
    if how in ("async step", "thread step", "gather"):
        wait_for(first, run, "step_started")
    first.close()
    second = home.engine()
    assert not {"run_failed", "run_cancelled", "run_completed"} & set(kinds(second, run))
    assert not second.alive(run)
    second.resume(run)
    assert second.alive(run)
    assert not second.watch(run).done()
    second.command(CancelRun(run=run))
    assert ended(second, run) == "cancelled"
    assert second.journal.verify().ok


def test_closing_is_no_crash(home: Home) -> None:
    """However often a workbench is closed under a run, the run is not declared to have killed
    it.
    """
    run: RunId | None = None
    for _ in range(12):
        engine = home.engine()
        if run is None:
            run = engine.start(busy, ("receive",))
        else:
            engine.resume(run)
        engine.close()
    engine = home.engine()
    assert run is not None
    assert "run_failed" not in kinds(engine, run)


def test_closed_workbench_says_so(home: Home) -> None:
    engine = home.engine()
    run = engine.start(dies)
    ended(engine, run)
    engine.close()
    engine.close()
    for call in (
        lambda: engine.start(dies),
        lambda: engine.resume(run),
        lambda: engine.watch(run),
        lambda: engine.command(CancelRun(run=run)),
        lambda: engine.start_soon(endless),
    ):
        with pytest.raises(JournalUnusable, match="closed"):
            call()


def test_run_that_is_not_there_is_named(engine: Engine) -> None:
    nowhere = RunId("nowhere")
    for call in (
        lambda: engine.resume(nowhere),
        lambda: engine.watch(nowhere),
        lambda: engine.command(CancelRun(run=nowhere)),
    ):
        with pytest.raises(NotFound, match="There is no run 'nowhere' here"):
            call()


def test_whoever_watches_a_run_that_is_not_there_stops_no_heartbeat(engine: Engine) -> None:
    nowhere = RunId("nowhere")

    async def look() -> bool:
        # as it stands while another thread looks whether there is such a run
        engine._watched[nowhere] = Future()
        engine._notice_deaths()
        return engine._watched.pop(nowhere).done()

    assert engine.start_soon(look).result(10) is False


def test_result_of_a_run_that_has_none_is_refused(engine: Engine) -> None:
    run = engine.start(dies)
    assert ended(engine, run) == "crashed"
    with pytest.raises(Refused, match="has no result"):
        engine.result(run)
