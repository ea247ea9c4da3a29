"""Child runs: part of their parent's life, runs of their own in the journal."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import engine_kit
import pytest
from engine_kit import (
    Calls,
    Home,
    answer,
    children_of,
    ended,
    events,
    finish,
    kinds,
    outcome,
    wait_for,
)
from pydantic import BaseModel

from sentient_kernel.commands import CancelRun, ContinueRun, FinishRun, PauseRun, SteerRun
from sentient_kernel.engine import Context, Engine, workflow
from sentient_kernel.errors import StepFailed, UsageError
from sentient_kernel.ids import RunId

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


class Paper(BaseModel):
    title: str


@dataclasses.dataclass
class Note:
    text: str


async def work(i: int) -> int:
    calls("work")
    return i


def die(name: str = "die") -> None:
    if calls(name) == 1:
        raise SystemExit


@workflow
async def reads(ctx: Context, title: str) -> Paper:
    await ctx.step(work, 1)
    return Paper(title=title)


@workflow
async def notes(ctx: Context, paper: Paper) -> Note:
    return Note(paper.title)


@workflow
async def parent(ctx: Context, deadly: bool = False) -> list[Any]:
    paper = await ctx.run(reads, "A")
    if deadly:
        await ctx.step(die)
    note = await ctx.run(notes, paper=paper)
    return [type(paper).__name__, type(note).__name__, note.text]


def child_of(engine: Engine, run: RunId) -> RunId:
    """Waits for a run's first child."""
    return children_of(engine, run, 1)[0]


@pytest.mark.parametrize("deadly", [False, True])
def test_result_of_a_child_is_typed_on_first_run_and_on_replay(
    engine: Engine, deadly: bool
) -> None:
    run = engine.start(parent, (deadly,))
    if deadly:
        assert ended(engine, run) == "crashed"
        engine.resume(run)
    assert outcome(engine, run) == ["Paper", "Note", "A"]
    assert calls["work"] == 1
    rows = engine.journal.runs(parent=run)
    assert [row.workflow.rpartition(":")[2] for row in rows] == ["reads", "notes"]
    assert {ended(engine, row.run) for row in rows} == {"completed"}


def test_child_goes_on_where_it_was_when_its_parent_is_resumed(home: Home) -> None:
    @workflow
    async def two_steps(ctx: Context) -> int:
        first = await ctx.step(work, 1)
        await ctx.step(die)
        return first + await ctx.step(work, 2)

    @workflow
    async def outer(ctx: Context) -> int:
        return await ctx.run(two_steps)

    first = home.engine()
    run = first.start(outer)
    assert ended(first, run) == "crashed"
    child = child_of(first, run)
    assert ended(first, child) == "crashed"
    first.close()
    second = home.engine()
    second.resume(child)  # takes up the whole tree
    assert outcome(second, run) == 3
    assert calls["work"] == 2
    assert kinds(second, child).count("run_resumed") == 1


def test_failure_of_a_child_is_a_failed_step_of_its_parent(engine: Engine) -> None:
    @workflow
    async def fails(ctx: Context) -> None:
        calls("fails")
        raise KeyError("no such paper")

    @workflow
    async def copes(ctx: Context) -> str:
        try:
            await ctx.run(fails)
        except StepFailed as error:
            await ctx.step(die)
            return f"{error.cause_type}: {error.message}"
        return ""

    run = engine.start(copes)
    assert ended(engine, run) == "crashed"
    assert ended(engine, child_of(engine, run)) == "failed"
    engine.resume(run)
    assert outcome(engine, run) == "KeyError: Step 'run fails' failed: KeyError: 'no such paper'"
    assert calls["fails"] == 1


def test_failed_child_is_tried_again_with_its_parent(engine: Engine) -> None:
    async def fails_once() -> str:
        if calls("fails_once") == 1:
            raise ValueError
        return "done"

    @workflow
    async def inner(ctx: Context) -> str:
        await ctx.step(work, 1)
        return str(await ctx.step(fails_once))

    @workflow
    async def outer(ctx: Context) -> str:
        return await ctx.run(inner)

    run = engine.start(outer)
    assert ended(engine, run) == "failed"
    engine.resume(run)
    assert outcome(engine, run) == "done"
    assert (calls["work"], calls["fails_once"]) == (1, 2)


@workflow
async def waits(ctx: Context, i: int) -> int:
    await ctx.approve(f"Child {i}?")
    return i


@workflow
async def three(ctx: Context) -> list[Any]:
    outcomes = await ctx.gather(*(ctx.run(waits, i) for i in range(3)))
    return [o.value if o.ok else getattr(o.error, "cause_type", "") for o in outcomes]


def test_child_cancelled_alone_fails_alone(engine: Engine) -> None:
    run = engine.start(three)
    children = children_of(engine, run, 3)
    for child in children:
        wait_for(engine, child, "approval_requested")
    engine.command(CancelRun(run=children[1], reason="not that one"))
    assert ended(engine, children[1]) == "cancelled"
    answer(engine, children[0])
    answer(engine, children[2])
    assert outcome(engine, run) == [0, "RunCancelled", 2]


def test_cancelled_parent_takes_its_children_along_and_all_go_on_together(engine: Engine) -> None:
    run = engine.start(three)
    children = children_of(engine, run, 3)
    for child in children:
        wait_for(engine, child, "approval_requested")
    engine.command(CancelRun(run=run, reason="enough"))
    assert ended(engine, run) == "cancelled"
    assert {ended(engine, child) for child in children} == {"cancelled"}
    engine.start_soon(lambda: asyncio.sleep(0)).result(10)  # those that have ended are let go of
    assert not engine.live
    engine.resume(run)
    for child in children:
        answer(engine, child, count=2)
    assert outcome(engine, run) == [0, 1, 2]


def test_paused_parent_pauses_its_children_and_a_child_can_be_paused_alone(engine: Engine) -> None:
    @workflow
    async def inner(ctx: Context) -> int:
        await ctx.approve("Go on?")
        return int(await ctx.step(work, 1))

    @workflow
    async def outer(ctx: Context) -> int:
        return await ctx.run(inner)

    for who in ("parent", "child"):
        calls.counts.clear()
        run = engine.start(outer)
        child = child_of(engine, run)
        wait_for(engine, child, "approval_requested")
        paused = run if who == "parent" else child
        engine.command(PauseRun(run=paused))
        answer(engine, child)
        wait_for(engine, child, "approval_decided")
        engine.command(SteerRun(run=run, text="a turn of the loop"))
        assert calls["work"] == 0
        assert "step_started" not in kinds(engine, child)
        engine.command(ContinueRun(run=paused))
        assert outcome(engine, run) == 1


def test_parent_that_is_to_finish_tells_its_children_and_steers_reach_them(engine: Engine) -> None:
    @workflow
    async def inner(ctx: Context) -> list[Any]:
        await ctx.approve("Look now?")
        return [ctx.finishing, list(ctx.steers)]

    @workflow
    async def outer(ctx: Context) -> list[Any]:
        return await ctx.run(inner)

    run = engine.start(outer)
    child = child_of(engine, run)
    wait_for(engine, child, "approval_requested")
    engine.command(SteerRun(run=run, text="left"))
    engine.command(SteerRun(run=child, text="right"))
    engine.command(FinishRun(run=run))
    answer(engine, child)
    assert outcome(engine, run) == [True, ["left", "right"]]


def test_child_is_alive_as_long_as_its_parent_is_executed_anywhere(home: Home) -> None:
    first, second = home.engine(), home.engine()
    run = first.start(three)
    child = child_of(first, run)
    wait_for(second, child, "approval_requested")
    assert first.alive(run)
    assert first.alive(child)
    assert second.alive(run)
    assert second.alive(child)
    first.close()
    assert not second.alive(run)
    assert not second.alive(child)


def test_what_is_no_workflow_cannot_be_a_child(engine: Engine) -> None:
    @workflow
    async def wrong(ctx: Context) -> Any:
        return await ctx.run(work, 1)  # type: ignore[arg-type]

    @workflow
    async def wrong_arguments(ctx: Context) -> Any:
        return await ctx.run(reads)  # type: ignore[call-arg]

    with pytest.raises(UsageError, match="is not a workflow"):
        finish(engine, wrong)
    with pytest.raises(
        UsageError,
        match="cannot be started with these arguments: missing a required argument: 'title'",
    ):
        finish(engine, wrong_arguments)


def test_workflow_called_inside_another_runs_as_part_of_it(engine: Engine) -> None:
    @workflow
    async def outer(ctx: Context) -> str:
        return (await reads(ctx, "B")).title

    run = engine.start(outer)
    assert outcome(engine, run) == "B"
    assert engine.journal.runs(parent=run) == []
    assert events(engine, run, "step_started")[0].name == "work"
