"""P5: a cell or a step that blocks stalls nobody else. F22, F23."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentient_kernel.engine import Context, Engine, workflow
from sentient_kernel.journal.sqlite.store import SqliteJournal

BLOCK = 3.0
"""Seconds that the fault lasts; long enough for watchdog (1 s), renewals and percentiles."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(SqliteJournal(tmp_path / "journal.db"), lease_ttl=1.5)
    yield engine
    engine.close()


async def beat(i: int) -> float:
    await asyncio.sleep(0.01)
    return time.monotonic()


@workflow(name="faults:beating")
async def beating(ctx: Context, seconds: float) -> list[float]:
    beats: list[float] = []
    while not beats or beats[-1] - beats[0] < seconds:
        beats.append(await ctx.step(beat, len(beats)))
    return beats


def sleeping() -> None:
    time.sleep(BLOCK)


def burning() -> None:
    until = time.monotonic() + BLOCK
    while time.monotonic() < until:
        sum(i * i for i in range(1000))


@pytest.mark.parametrize("cell", [sleeping, burning])
def test_cell_that_blocks_the_main_thread_does_not_stop_a_run(engine: Engine, cell: Any) -> None:
    """F22: the user's cell sleeps, or computes; the run goes on in its own thread, keeps its lease,
    and no step times out.
    """
    run = engine.start(beating, (BLOCK + 0.5,))
    cell()
    assert engine.watch(run).result(BLOCK + 10) == "completed"
    beats = engine.result(run)
    gaps = [b - a for a, b in itertools.pairwise(beats)]
    print(f"\nF22 {cell.__name__}: {len(beats)} steps, longest gap {max(gaps):.2f} s")
    assert max(gaps) <= 2
    assert not engine.journal.read(run=run, kinds=["step_failed", "step_retried"])


async def without_await() -> str:
    time.sleep(BLOCK)
    return "late"


def deep_down() -> None:
    threading.Event().wait(BLOCK)


async def unknown_to_block() -> str:
    await asyncio.sleep(0)
    deep_down()
    return "late"


@workflow(name="faults:blocking")
async def blocking(ctx: Context) -> str:
    result: str = await ctx.step(without_await)
    return result


@workflow(name="faults:unknown")
async def unknown(ctx: Context) -> str:
    result: str = await ctx.step(unknown_to_block)
    return result


@pytest.mark.parametrize("which", ["without_await", "unknown"])
def test_watchdog_names_the_step_and_where_it_stands(engine: Engine, which: str) -> None:
    """F23: within two seconds the log names the step; the journal keeps it, also when the engine's
    loop itself was blocked.
    """
    named = threading.Event()
    step = "without_await" if which == "without_await" else "unknown_to_block"

    class Watch:
        def __call__(self, message: str, *args: Any) -> None:
            if any(step in str(arg) for arg in args) or step in message:
                named.set()

    from sentient_kernel.engine import threads

    before, threads.log.warning = threads.log.warning, Watch()  # type: ignore[method-assign]
    try:
        began = time.monotonic()
        run = engine.start(blocking if which == "without_await" else unknown)
        assert named.wait(2.5), "nobody named the step that blocks"
        print(f"\nF23 {which}: named after {time.monotonic() - began:.1f} s")
        assert engine.watch(run).result(BLOCK + 10) == "completed"
    finally:
        threads.log.warning = before  # type: ignore[method-assign]
    events = [record.event for record in engine.journal.read(run=run, kinds=["loop_blocked"])]
    until = time.monotonic() + 5
    # told when the loop turns again, which may be after the end of the run
    while not events and time.monotonic() < until:
        events = [record.event for record in engine.journal.read(run=run, kinds=["loop_blocked"])]
    assert [event.step for event in events] == [step]
    assert any("test_engine_blocked.py" in place for place in events[0].stack)


@pytest.mark.parametrize("blocks", [blocking, unknown])
def test_function_that_blocked_the_loop_once_stalls_no_other_run_again(
    engine: Engine, blocks: Any
) -> None:
    """F23: what nobody could know is learnt; from then on other runs' steps keep their pace (p99 at
    most 250 ms).
    """
    engine.watch(engine.start(blocks, name="first")).result(BLOCK + 10)
    other = engine.start(beating, (BLOCK + 0.5,))
    engine.watch(engine.start(blocks, name="second")).result(BLOCK + 10)
    engine.watch(other).result(BLOCK + 10)
    beats = engine.result(other)
    gaps = sorted(b - a for a, b in itertools.pairwise(beats))
    assert gaps[int(len(gaps) * 0.99)] <= 0.25
