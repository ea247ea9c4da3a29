"""What a workflow tells and hears: progress, messages, each once however often the run is taken up
again.
"""

from __future__ import annotations

from typing import Any

import engine_kit
import pytest
from engine_kit import Calls, Home, children_of, ended, events, finish, kinds, outcome, wait_for

from sentient_kernel.commands import DecideApproval, SendMessage
from sentient_kernel.engine import Context, Engine, workflow
from sentient_kernel.errors import Refused, StepTimedOut, UsageError, ValueNotStorable
from sentient_kernel.events import ProgressUpdated, ResearchUpdated
from sentient_kernel.ids import RunId
from sentient_kernel.testing import FakeClock

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


def die(name: str = "die") -> None:
    if calls(name) == 1:
        raise SystemExit


async def slow(i: int) -> int:
    return i


# -- progress --------------------------------------------------------------------------------------


def test_emitted_progress_is_written_once_over_replays(engine: Engine) -> None:
    @workflow
    async def tells(ctx: Context) -> None:
        await ctx.emit("begun", progress=0.0, total=3)
        ctx.tell(ResearchUpdated(phase="plan"))
        await ctx.step(die, "first")
        await ctx.emit("half way", progress=0.5)
        await ctx.emit("half way", progress=0.5)
        await ctx.step(die, "second")
        await ctx.emit("done", progress=1.0)

    run = engine.start(tells)
    for _ in range(2):
        assert ended(engine, run) == "crashed"
        engine.resume(run)
    assert ended(engine, run) == "completed"
    told = [(e.message, e.progress, e.data) for e in events(engine, run, "progress_updated")]
    assert told == [
        ("begun", 0.0, {"total": 3}),
        ("half way", 0.5, None),
        ("half way", 0.5, None),
        ("done", 1.0, None),
    ]
    assert kinds(engine, run).count("research_updated") == 1


def test_what_concurrent_parts_emit_is_not_mixed_up_when_they_come_in_another_order(
    engine: Engine,
) -> None:
    @workflow
    async def two(ctx: Context) -> None:
        async def part(i: int) -> None:
            await ctx.approve(f"Part {i}?")
            await ctx.emit(f"part {i} done")
            await ctx.step(die, "once") if i == 2 else None

        await ctx.gather(part(1), part(2))

    run = engine.start(two)
    wait_for(engine, run, "approval_requested", 2)
    one, other = events(engine, run, "approval_requested")
    engine.command(DecideApproval(run=run, approval=other.approval, decision="approve"))
    assert ended(engine, run) == "crashed"
    engine.command(DecideApproval(run=run, approval=one.approval, decision="approve"))
    engine.resume(run)
    assert ended(engine, run) == "completed"
    assert sorted(e.message for e in events(engine, run, "progress_updated")) == [
        "part 1 done",
        "part 2 done",
    ]


def test_edited_message_is_told_although_as_many_were_told_before(engine: Engine) -> None:
    words = ["one", "two"]

    @workflow
    async def says(ctx: Context) -> None:
        for word in words:
            await ctx.emit(word)
        await ctx.step(die)

    run = engine.start(says)
    assert ended(engine, run) == "crashed"
    words[1] = "deux"
    engine.resume(run)
    assert ended(engine, run) == "completed"
    assert [e.message for e in events(engine, run, "progress_updated")] == ["one", "two", "deux"]


def test_progress_told_from_inside_a_step_does_not_count_as_the_workflow_s_own(
    engine: Engine,
) -> None:
    @workflow
    async def notes(ctx: Context) -> None:
        async def work() -> None:
            ctx.note(ProgressUpdated(message="inside"))

        await ctx.step(work)
        await ctx.emit("outside")
        await ctx.step(die)
        await ctx.emit("inside")

    run = engine.start(notes)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert ended(engine, run) == "completed"
    assert [(e.message, bool(e.inside)) for e in events(engine, run, "progress_updated")] == [
        ("inside", True),
        ("outside", False),
        ("inside", False),
    ]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_progress_outside_its_scale_is_refused(engine: Engine, share: float) -> None:
    @workflow
    async def wrong(ctx: Context) -> None:
        await ctx.emit("x", progress=share)

    with pytest.raises(UsageError, match="from 0 to 1"):
        finish(engine, wrong)


def test_data_of_progress_that_cannot_be_kept_is_named(engine: Engine) -> None:
    @workflow
    async def wrong(ctx: Context) -> None:
        await ctx.emit("x", thing=object())  # type: ignore[arg-type]

    with pytest.raises(ValueNotStorable, match=r"\['thing'\] is of type builtins\.object"):
        finish(engine, wrong)


# -- messages --------------------------------------------------------------------------------------


@workflow
async def writer(ctx: Context, n: int) -> list[Any]:
    heard = [await ctx.receive() for _ in range(n)]
    await ctx.send("editor", {"draft": heard})
    return heard


@workflow
async def editor(ctx: Context, deadly: bool = False) -> Any:
    async def sends() -> None:
        for i in range(3):
            await ctx.send("writer", i)
            await ctx.step(slow, i)

    _, drafted = await ctx.gather(sends(), ctx.run(writer, 3))
    assert drafted.ok
    if deadly:
        await ctx.step(die)
    return await ctx.receive()


@pytest.mark.parametrize("deadly", [False, True])
def test_parent_and_child_send_each_other_messages_in_order_and_once(
    engine: Engine, deadly: bool
) -> None:
    run = engine.start(editor, (deadly,))
    if deadly:
        assert ended(engine, run) == "crashed"
        engine.resume(run)
    assert outcome(engine, run) == {"draft": [0, 1, 2]}
    assert kinds(engine, run).count("message_sent") == 4
    assert kinds(engine, run).count("message_received") == 4


@workflow
async def listens(ctx: Context, n: int = 1, timeout: float | None = None) -> list[Any]:
    heard = []
    for _ in range(n):
        try:
            heard.append(await ctx.receive(timeout=timeout))
        except StepTimedOut as error:
            heard.append(str(error))
        await ctx.step(slow, len(heard))
    await ctx.step(die)
    return heard


def send(engine: Engine, run: RunId, message: Any, to: str = "") -> None:
    engine.command(SendMessage(run=run, to=to, message=message, by="ada"))


@pytest.mark.parametrize("to", ["", "*", "listens", "by name", "its id"])
def test_message_from_outside_reaches_a_run_by_any_of_its_names(engine: Engine, to: str) -> None:
    run = engine.start(listens, name="by name")
    send(engine, run, "for somebody else", "nobody")
    send(engine, run, {"hello": 1}, run if to == "its id" else to)
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == [{"hello": 1}]


def test_message_sent_before_anybody_listens_is_kept(home: Home) -> None:
    @workflow
    async def late(ctx: Context) -> Any:
        await ctx.approve("Listen?")
        return [await ctx.receive(), await ctx.receive()]

    first = home.engine()
    run = first.start(late)
    asked = wait_for(first, run, "approval_requested")
    send(first, run, 1)
    first.close()
    second = home.engine()
    send(second, run, 2)
    second.command(DecideApproval(run=run, approval=asked.approval, decision="approve"))
    second.resume(run)
    assert outcome(second, run) == [1, 2]


def test_message_to_a_child_run_reaches_it(engine: Engine) -> None:
    @workflow
    async def parent(ctx: Context) -> Any:
        return await ctx.run(writer, 1)

    run = engine.start(parent)
    (child,) = children_of(engine, run)
    send(engine, child, "down")
    assert outcome(engine, run) == ["down"]


def test_waiting_for_a_message_ends_after_its_time_and_does_so_again_on_replay(home: Home) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)
    run = engine.start(listens, (2, 30.0))
    for _ in range(2):
        clock.wait_for_sleepers()
        clock.advance(30)
        wait_for(engine, run, "message_received", 1)
    assert ended(engine, run) == "crashed"
    send(engine, run, "too late")
    engine.resume(run)
    assert outcome(engine, run) == ["No message came within 30 s.", "No message came within 30 s."]


def test_message_in_time_is_taken(home: Home) -> None:
    clock = FakeClock()
    engine = home.engine(clock=clock)
    run = engine.start(listens, (1, 30.0))
    clock.wait_for_sleepers()
    clock.advance(29)
    send(engine, run, "in time")
    assert ended(engine, run) == "crashed"
    engine.resume(run)
    assert outcome(engine, run) == ["in time"]


def test_each_of_two_who_listen_gets_another_message(engine: Engine) -> None:
    @workflow
    async def pair(ctx: Context) -> list[Any]:
        return sorted(o.value for o in await ctx.gather(ctx.receive(), ctx.receive()))  # type: ignore[type-var]

    run = engine.start(pair)
    send(engine, run, 1)
    send(engine, run, 2)
    assert outcome(engine, run) == [1, 2]


def test_message_to_a_run_that_has_ended_is_refused(engine: Engine) -> None:
    run = engine.start(pure_workflow)
    assert ended(engine, run) == "completed"
    with pytest.raises(Refused, match="has ended"):
        send(engine, run, 1)


@workflow
async def pure_workflow(ctx: Context) -> None: ...


def test_message_that_cannot_be_kept_is_named(engine: Engine) -> None:
    @workflow
    async def wrong(ctx: Context) -> None:
        await ctx.send("x", object())

    with pytest.raises(ValueNotStorable, match="The message cannot be kept"):
        finish(engine, wrong)
