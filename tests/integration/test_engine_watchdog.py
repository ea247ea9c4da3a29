"""What keeps the loop from turning is named: which step, of which run, where it stands; and nobody
is blamed for nothing.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import engine_kit
import pytest
from engine_kit import Home, ended, events, wait_for

from sentient_kernel.engine import Context, Engine, threads, workflow

home = engine_kit.home


@pytest.fixture
def engine(home: Home, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """An engine whose watchdog is in a hurry."""
    monkeypatch.setattr(threads, "BLOCKED_AFTER", 0.2)
    return home.engine()


def hold() -> None:
    """Blocks in a way that nobody can see beforehand."""
    getattr(time, "sle" + "ep")(0.5)


async def blocks(i: int, guilty: bool = True) -> int:
    await asyncio.sleep(0)
    if guilty:
        hold()
    else:
        await asyncio.sleep(0.7)
    return i


def decorated(fn: Any) -> Any:
    @functools.wraps(fn)
    async def wrapper(*args: Any) -> Any:
        await asyncio.sleep(0)
        return await fn(*args)

    return wrapper


def test_of_several_calls_of_one_function_the_one_that_blocks_is_named(engine: Engine) -> None:
    @workflow
    async def several(ctx: Context) -> None:
        await ctx.gather(*(ctx.step(blocks, i, i == 2) for i in range(4)))

    run = engine.start(several)
    blocked = wait_for(engine, run, "loop_blocked")
    assert ended(engine, run) == "completed"
    keys = [e.key for e in events(engine, run, "step_started")]
    assert blocked.step == "blocks"
    assert blocked.key == keys[2]
    assert blocked.seconds > 0.2
    assert any("in hold" in place or place.endswith(" hold") for place in blocked.stack)


def test_workflow_that_blocks_itself_is_named(engine: Engine) -> None:
    @workflow
    async def thoughtless(ctx: Context) -> None:
        hold()

    assert ended(engine, engine.start(thoughtless)) == "completed"
    until, named = time.monotonic() + 10, []
    # told when the loop turns again, which may be after the end of the run
    while not named and time.monotonic() < until:
        named = [row.event for row in engine.journal.read(kinds=["loop_blocked"]) if row.event.step]
        time.sleep(0.005)
    assert [(event.step, event.key) for event in named] == [("thoughtless", None)]


def test_decorated_function_that_blocked_does_not_come_back_to_the_loop(engine: Engine) -> None:
    threads: list[str] = []

    @decorated
    async def hidden(i: int) -> int:
        threads.append(threading.current_thread().name)
        await asyncio.sleep(0)
        hold()
        return i

    @workflow
    async def twice(ctx: Context) -> None:
        await ctx.step(hidden, 1)
        await ctx.step(hidden, 2)

    run = engine.start(twice)
    assert ended(engine, run) == "completed"
    assert threads[0] == "sentient-engine"
    assert threads[1].startswith("sentient-step-")


def test_function_that_did_well_once_does_not_stay_on_the_loop_when_it_blocks(
    engine: Engine,
) -> None:
    threads: list[str] = []

    async def moody(i: int) -> int:
        threads.append(threading.current_thread().name)
        await asyncio.sleep(0)
        if i == 1:
            hold()
        return i

    @workflow
    async def some(ctx: Context) -> None:
        for i in range(3):
            await ctx.step(moody, i)

    assert ended(engine, engine.start(some)) == "completed"
    assert threads[:2] == ["sentient-engine", "sentient-engine"]
    assert threads[2].startswith("sentient-step-")


def test_async_step_that_blocks_is_named_while_it_blocks(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    freed = threading.Event()

    async def without_await() -> str:
        freed.wait(20)
        return "late"

    @workflow
    async def one(ctx: Context) -> Any:
        return await ctx.step(without_await)

    run = engine.start(one)
    until = time.monotonic() + 10
    while not caplog.messages and time.monotonic() < until:
        time.sleep(0.005)
    assert "Step 'without_await' blocks the engine's loop" in caplog.messages[0]
    assert engine.watchdog.blocked is not None
    freed.set()
    assert ended(engine, run) == "completed"


def test_busy_interpreter_and_slow_sync_step_are_blamed_on_nobody(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # on a machine with much to do the loop itself may lose a tenth of a second
    monkeypatch.setattr(threads, "BLOCKED_AFTER", 0.4)

    def slow() -> None:
        threading.Event().wait(0.9)

    @workflow
    async def honest(ctx: Context) -> None:
        await ctx.step(slow)

    run = engine.start(honest)
    until = time.monotonic() + 0.8
    while time.monotonic() < until:
        sum(range(1000))
    assert ended(engine, run) == "completed"
    assert not engine.journal.read(kinds=["loop_blocked"])


STOPPED = """
import asyncio, sys, time
from sentient_kernel.engine import Engine, workflow
from sentient_kernel.journal.sqlite.store import SqliteJournal
engine = Engine(SqliteJournal(sys.argv[1]))

async def works():
    while True:
        sum(range(200_000))
        await asyncio.sleep(0)

@workflow
async def busy(ctx):
    await ctx.step(works)

run = engine.start(busy)
while not engine.journal.read(run=run, kinds=["step_started"]):
    time.sleep(0.01)
print("ready", flush=True)
sys.stdin.readline()
time.sleep(0.6)
print(len(engine.journal.read(kinds=["loop_blocked"])), flush=True)
engine.close()
"""


def test_process_that_was_stopped_blames_nobody(tmp_path: Any) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", STOPPED, str(tmp_path / "journal.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGSTOP)
        time.sleep(1.6)  # the fault itself
        child.send_signal(signal.SIGCONT)
        said, _ = child.communicate("\n", timeout=20)
    assert said == "0\n"
