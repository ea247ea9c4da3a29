"""Replay: the same results as before, a contradiction where there is one, and none where there is
not.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import math
import random
from typing import Any

import engine_kit
import pandas as pd
import pytest
from engine_kit import Calls, Home, answer, ended, events, kinds, outcome, wait_for
from pydantic import BaseModel

from sentient_kernel.engine import Context, Engine, once, workflow
from sentient_kernel.engine.state import CRASH_LOOP
from sentient_kernel.errors import NondeterminismError, StepFailed, UnknownWorkflow

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


class Paper(BaseModel):
    title: str
    score: float = 0.0


@dataclasses.dataclass
class Point:
    x: float
    raw: bytes = b""


async def work(*args: Any) -> Any:
    calls(("work", *args))
    return args[0] if args else None


async def other_work(*args: Any) -> Any:
    calls(("other", *args))
    return args


def die(name: str = "die") -> None:
    if calls(name) == 1:
        raise SystemExit


# -- results ---------------------------------------------------------------------------------------


def paper() -> Paper:
    return Paper(title="A", score=math.inf)


def point() -> Point:
    return Point(0.1, b"\xff")


def pair() -> tuple[int, str]:
    return 1, "a"


def members() -> set[str]:
    return {"b", "a"}


def raw() -> bytes:
    return b"\x00\xff"


def moment() -> dt.datetime:
    return dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)


def unknown() -> float:
    return math.nan


def book() -> str:
    return "é" * 100_000


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {"p": [0.1 + 0.2, math.nan], "t": pd.to_datetime(["2024-01-01", None]), "s": ["a", None]}
    )


def papers() -> list[Paper]:
    return [Paper(title="A"), Paper(title="B")]


def untyped():
    return (1, {"a": (2.5, None)}, {3, 1})


def nothing() -> None: ...


KINDS = [paper, point, pair, members, raw, moment, unknown, book, table, papers, untyped, nothing]
seen: list[list[Any]] = []


@workflow
async def results(ctx: Context) -> int:
    seen.append([await ctx.step(fn) for fn in KINDS])
    await ctx.step(die)
    return len(KINDS)


def test_results_of_every_kind_are_the_same_on_first_run_and_replay(home: Home) -> None:
    seen.clear()
    first = home.engine()
    run = first.start(results)
    assert ended(first, run) == "crashed"
    first.close()
    second = home.engine()
    second.resume(run)
    assert outcome(second, run) == len(KINDS)
    for fn, before, after in zip(KINDS, *seen, strict=True):
        assert type(before) is type(after), fn.__name__
        if isinstance(before, pd.DataFrame):
            pd.testing.assert_frame_equal(before, after, check_exact=True)
            pd.testing.assert_frame_equal(before, table(), check_exact=True)
        elif fn is unknown:
            assert math.isnan(before)
            assert math.isnan(after)
        elif fn is untyped:
            assert before == after == [1, {"a": [2.5, None]}, [1, 3]]
        else:
            assert before == after == fn(), fn.__name__  # type: ignore[operator]
    (stored,) = [e for e in events(second, run, "step_completed") if e.blob]
    assert stored.result is None


def test_result_of_a_run_is_the_same_for_who_waited_and_for_who_asks_later(home: Home) -> None:
    @workflow
    async def typed(ctx: Context) -> list[Paper]:
        return [paper()]

    first = home.engine()
    run = first.start(typed)
    assert outcome(first, run) == [paper()]
    first.close()
    assert home.engine().result(run) == [paper()]


# -- contradictions --------------------------------------------------------------------------------


@workflow
async def by_chance(ctx: Context) -> None:
    await ctx.step(work, "same")
    await ctx.step(work, random.random())
    await ctx.step(die)


def test_random_argument_is_found_when_the_run_is_resumed_before_anything_runs_twice(
    engine: Engine,
) -> None:
    run = engine.start(by_chance)
    assert ended(engine, run) == "crashed"
    before = dict(calls.counts)
    engine.resume(run)
    with pytest.raises(
        NondeterminismError, match="calls step 'work' with other arguments than its record holds"
    ) as raised:
        outcome(engine, run)
    assert dict(calls.counts) == before
    assert [e["kind"] for e in raised.value.story] == ["step_started", "step_completed"]
    assert "Take chance, time and the outside world into steps" in raised.value.hint


def test_random_argument_of_an_effect_is_found_also_among_concurrent_ones(engine: Engine) -> None:
    @workflow
    async def pays(ctx: Context) -> None:
        async def one(i: int) -> None:
            await ctx.step(work, "prepare", i)
            outcomes = await ctx.gather(ctx.step(work, "pay", i, random.random(), effect=once()))
            assert outcomes[0].ok

        await ctx.gather(*(one(i) for i in range(3)))
        await ctx.step(die)

    run = engine.start(pays)
    assert ended(engine, run) == "crashed"
    paid = sum(n for what, n in calls.counts.items() if "pay" in what)
    engine.resume(run)
    with pytest.raises(NondeterminismError):
        outcome(engine, run)
    assert sum(n for what, n in calls.counts.items() if "pay" in what) == paid == 3


def test_contradiction_inside_a_child_is_found(engine: Engine) -> None:
    @workflow
    async def parent(ctx: Context) -> None:
        await ctx.run(by_chance)

    run = engine.start(parent)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    with pytest.raises(StepFailed, match="NondeterminismError"):
        outcome(engine, run)


order = list(range(6))


@workflow
async def any_order(ctx: Context) -> list[Any]:
    async def chain(i: int) -> Any:
        await ctx.approve(f"{i}?")
        first = await ctx.step(work, "first", i)
        return await ctx.step(work, f"{first} and second", i)

    outcomes = await ctx.gather(*(chain(i) for i in order), limit=None)
    await ctx.step(die)
    return sorted(str(o.value) for o in outcomes)


def test_gathered_chains_that_go_on_in_another_order_are_no_contradiction(engine: Engine) -> None:
    from sentient_kernel.commands import DecideApproval

    run = engine.start(any_order)
    wait_for(engine, run, "approval_requested", 6)
    asked = events(engine, run, "approval_requested")
    for one in (asked[4], asked[1]):
        engine.command(DecideApproval(run=run, approval=one.approval, decision="approve"))
    wait_for(engine, run, "step_completed", 4)
    engine.close()
    again = Engine(type(engine.journal)(engine.journal.path))  # type: ignore[attr-defined,call-arg]
    try:
        # answered while nobody ran it: the first part is now ahead of the others
        for one in (
            asked[0],
            asked[2],
            asked[3],
            asked[5],
        ):
            again.command(DecideApproval(run=run, approval=one.approval, decision="approve"))
        again.resume(run)
        assert ended(again, run) == "crashed"
        again.resume(run)
        assert len(outcome(again, run)) == 6
    finally:
        again.close()
    assert all(n == 1 for what, n in calls.counts.items() if what[0] == "work")


def test_steps_taken_as_they_are_completed_are_no_contradiction(engine: Engine) -> None:
    gate = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def fetch(what: str) -> str:
        if calls(("fetch", what)) == 1:
            await gate[what].wait()
        return what

    async def digest(what: str) -> str:
        if calls(("digest", what)) == 1:
            gate["a"].set()
        return what

    @workflow
    async def as_they_come(ctx: Context) -> list[str]:
        gate["b"].set()
        done = []
        for coming in asyncio.as_completed([ctx.step(fetch, "a"), ctx.step(fetch, "b")]):
            done.append(await ctx.step(digest, await coming))
        await ctx.step(die)
        return sorted(done)

    run = engine.start(as_they_come)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == ["a", "b"]
    assert set(calls.counts.values()) == {1, 2}  # all once, but the one that died


def test_other_branch_after_a_retried_failure_is_no_contradiction(engine: Engine) -> None:
    async def flaky() -> str:
        if calls("flaky") == 1:
            raise ValueError
        return "first choice"

    @workflow
    async def branches(ctx: Context) -> Any:
        try:
            choice = await ctx.step(flaky)
        except StepFailed:
            choice = "second choice"
        await ctx.step(work, choice)
        if calls("visits") == 1:
            raise RuntimeError("later")
        return await ctx.step(work, choice, "again")

    run = engine.start(branches)
    assert ended(engine, run) == "failed"
    engine.resume(run)
    assert outcome(engine, run) == "first choice"


def test_step_inside_a_step_is_no_contradiction(engine: Engine) -> None:
    @workflow
    async def nested(ctx: Context) -> Any:
        async def outer(i: int) -> Any:
            return await ctx.step(work, "inner", i)

        await ctx.step(outer, 1)
        die()
        return await ctx.step(work, "after")

    run = engine.start(nested)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == "after"


def test_step_given_up_by_the_workflow_is_no_contradiction(engine: Engine) -> None:
    async def slow_once() -> str:
        if calls("slow") == 1:
            await asyncio.sleep(60)
        return "in time"

    @workflow
    async def hurried(ctx: Context) -> Any:
        try:
            async with asyncio.timeout(0.05):
                said = await ctx.step(slow_once)
        except TimeoutError:
            said = await ctx.step(work, "fallback")
        await ctx.step(die)
        return await ctx.step(work, said)

    run = engine.start(hurried)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == "in time"


# -- crash loops -----------------------------------------------------------------------------------


def test_run_that_keeps_killing_its_kernel_is_declared_failed_and_can_be_mended(
    engine: Engine,
) -> None:
    mended: list[bool] = []

    def kills() -> str:
        if not mended:
            raise SystemExit(9)
        return "mended"

    @workflow
    async def deadly(ctx: Context) -> Any:
        await ctx.step(work, "before")
        return await ctx.step(kills)

    run = engine.start(deadly)
    for _ in range(CRASH_LOOP):
        assert ended(engine, run) == "crashed"
        engine.resume(run)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert ended(engine, run) == "failed"
    (failed,) = events(engine, run, "run_failed")
    assert failed.error.code == "crash_loop"
    assert "while the run was at: kills" in failed.error.message
    mended.append(True)
    engine.resume(run)
    assert outcome(engine, run) == "mended"
    assert calls["work", "before"] == 1


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), MemoryError("too much")], ids=repr
)
@pytest.mark.parametrize("where", ["sync step", "async step", "settled step", "workflow", "child"])
def test_what_ends_a_process_leaves_a_crashed_run_that_names_it_and_resumes(
    engine: Engine, error: BaseException, where: str
) -> None:
    def raises() -> None:
        if calls("raises") == 1:
            raise error

    async def raises_async(i: int) -> None:
        await asyncio.sleep(0)
        if calls(f"raises {i}") == 1 and i == 2:
            raise error

    @workflow
    async def inner(ctx: Context) -> None:
        await ctx.step(raises)

    @workflow
    async def outer(ctx: Context) -> str:
        await ctx.step(work, 1)
        if where == "sync step":
            await ctx.step(raises)
        elif where == "async step":
            await ctx.step(raises_async, 2)
        elif where == "settled step":
            for i in range(3):
                await ctx.step(raises_async, i)
        elif where == "child":
            await ctx.run(inner)
        else:
            raises()
        return "done"

    run = engine.start(outer)
    assert ended(engine, run) == "crashed"
    owner = run if where != "child" else engine.journal.runs(parent=run)[0].run
    (recorded,) = events(engine, owner, "error_recorded")
    assert recorded.error.type == type(error).__name__
    assert ("raises" in recorded.origin) == (where != "workflow")
    engine.resume(run)
    assert outcome(engine, run) == "done"
    assert calls["work", 1] == 1


def test_run_whose_workflow_is_not_defined_says_how_to_define_it(home: Home) -> None:
    @workflow(name="elsewhere:gone")
    async def gone(ctx: Context) -> None:
        await ctx.step(die)

    engine = home.engine()
    run = engine.start(gone)
    assert ended(engine, run) == "crashed"
    from sentient_kernel.engine.workflow import _defined

    del _defined["elsewhere:gone"]
    with pytest.raises(UnknownWorkflow, match="Import 'elsewhere' or run the cell that defines it"):
        engine.resume(run)
    with pytest.raises(UnknownWorkflow):
        _forged(engine, "sentient_kernel.nowhere:nothing")
    with pytest.raises(UnknownWorkflow):
        _forged(engine, "sentient_kernel.__main__:main")
    engine.resume(run, gone)
    assert ended(engine, run) == "completed"


def _forged(engine: Engine, name: str) -> None:
    """Resumes a run that somebody else's journal says is of that workflow."""
    from sentient_kernel.events import RunStarted
    from sentient_kernel.ids import RunId

    async def write() -> None:
        await engine.journal.append(
            RunId(name), [RunStarted(workflow=name, inputs={"args": [], "kwargs": {}})]
        )

    engine.start_soon(write).result(10)
    engine.resume(RunId(name))


def test_answer_survives_a_crash_right_after_it(engine: Engine) -> None:
    @workflow
    async def asks(ctx: Context) -> Any:
        said = await ctx.approve("Go?", {"a": 1})
        await ctx.step(die)
        return said

    run = engine.start(asks)
    answer(engine, run, payload={"a": 2})
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == {"a": 2}
    assert kinds(engine, run).count("approval_decided") == 1
