"""The engine: steps one after the other and at once, runs at once, approvals, going on after a
kill.

Usage:
    ``python -m tests.bench.engine steps N SIZE SYNC | fan N SYNC | flows RUNS N SYNC | approve N SYNC | resume N | kill TRIES SYNC``

SYNC is NORMAL (survives kill -9) or FULL (survives power loss). What a script defines carries its
source in its identity, as what a
notebook defines does: that cost is in the figures.
"""

from __future__ import annotations

import asyncio
import queue
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench._measure import (
    Figures,
    Taken,
    at_once,
    figures_of,
    folder,
    gaps,
    killed_when_ready,
    last_words,
    lost_steps,
    p50_us,
    per_step,
    run,
    size_of,
)
from tests.bench._package import (
    FULL_KINDS,
    Context,
    DecideApproval,
    Engine,
    Record,
    RunId,
    SqliteJournal,
    workflow,
)

DIES_AT = 7
"""The step at whose first line the kill test dies."""

stamps: list[float] = []


class Seen:
    """What the engine's listener saw: how many commits, and which approvals were asked for."""

    def __init__(self) -> None:
        self.commits = 0
        self.asked: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, records: Sequence[Record]) -> None:
        self.commits += 1
        for record in records:
            if record.kind == "approval_requested":
                self.asked.put(record.event)


def opened(
    sync: str, path: Path | None = None, *, answers_full: bool = True
) -> tuple[Engine, Seen]:
    """Returns an engine on a journal of that durability, and what listens to it."""
    seen, durability = Seen(), "power" if sync == "FULL" else "process"
    kinds = FULL_KINDS if answers_full else frozenset()
    journal = SqliteJournal(
        path or folder() / "journal.db", durability=durability, full_kinds=kinds
    )
    return Engine(journal, on_commit=seen), seen


async def noop(i: int, size: int) -> str | None:
    stamps.append(time.perf_counter())
    return "x" * size or None


async def sleepy(i: int) -> int:
    await asyncio.sleep(0.02)
    return i


async def telling(i: int) -> int:
    last_words(i)
    return i


@workflow
async def sequence(ctx: Context, n: int, size: int) -> int:
    for i in range(n):
        await ctx.step(noop, i, size)
    return n


@workflow
async def fan_out(ctx: Context, n: int) -> int:
    return sum(outcome.ok for outcome in await ctx.gather(*(ctx.step(sleepy, i) for i in range(n))))


@workflow
async def asking(ctx: Context, n: int) -> bool:
    for i in range(n):
        await ctx.step(noop, i, 100)
    await ctx.approve("Go on?", {"n": n})
    stamps.append(time.perf_counter())
    return True


@workflow
async def dying(ctx: Context) -> None:
    for i in range(DIES_AT + 3):
        await ctx.step(telling, i)


def finish(engine: Engine, run_id: RunId) -> None:
    """Waits for the end of a run, which must be a good one."""
    ended = engine.watch(run_id).result()
    if ended != "completed":
        raise SystemExit(f"run {run_id} ended {ended}: {engine.error(run_id)!r}")


def steps(n: int, size: int, sync: str) -> Figures:
    """One run of n steps, one after the other, each with a result of that many bytes; the empty
    journal is taken off its size.
    """
    empty, _ = opened(sync, folder() / "empty.db")
    empty.close()
    engine, _ = opened(sync)
    with Taken() as taken:
        finish(engine, engine.start(sequence, (n, size)))
    engine.close()
    return per_step(
        taken, n, gaps(stamps), size_of(folder() / "journal.db") - size_of(folder() / "empty.db")
    )


def fan(n: int, sync: str) -> Figures:
    """n steps of 20 ms at once."""
    engine, seen = opened(sync)
    with Taken() as taken:
        finish(engine, engine.start(fan_out, (n,)))
    engine.close()
    return at_once(taken) | {"commits": seen.commits}


def flows(runs: int, n: int, sync: str) -> Figures:
    """That many runs of n steps at once."""
    engine, seen = opened(sync)

    async def start_all() -> list[RunId]:
        return await asyncio.gather(*(engine.launch(sequence, (n, 0)) for _ in range(runs)))

    with Taken() as taken:
        for run_id in engine.start_soon(start_all).result():
            finish(engine, run_id)
    engine.close()
    return at_once(taken) | {"commits": seen.commits}


def approve(n: int, sync: str) -> Figures:
    """From the call that approves to the workflow's next line, on one loop as with the peers.
    NORMAL lifts the rule of FULL answers.
    """
    engine, seen = opened(sync, answers_full=sync == "FULL")
    took = []
    for _ in range(n):
        run_id = engine.start(asking, (1,))
        command = DecideApproval(
            run=run_id, approval=seen.asked.get(timeout=10).approval, decision="approve"
        )

        async def answer(command: DecideApproval = command) -> float:
            before = time.perf_counter()
            await engine.decide(command)
            return before

        before = engine.start_soon(answer).result()
        finish(engine, run_id)
        took.append(stamps[-1] - before)
    engine.close()
    return {"p50_us": p50_us(took)}


def resume(n: int) -> Figures:
    """n finished steps and an open question, kill -9, a fresh process: until it waits again, and
    from the answer to the next line.
    """
    path = folder() / "resume.db"
    killed_when_ready("engine", "prepare", path, n)
    return figures_of("engine", "go_on", path)


def prepare(path: str, n: int) -> None:
    """Says READY when n steps are done and a question is open, and waits to be killed."""
    engine, seen = opened("NORMAL", Path(path))
    engine.start(asking, (n,))
    seen.asked.get(timeout=60)
    print("READY", flush=True)
    signal.pause()


def go_on(path: str) -> Figures:
    """Takes up what :func:`prepare` left."""
    with Taken() as taken:
        engine, _ = opened("NORMAL", Path(path))
        (row,) = engine.journal.runs()
        engine.resume(row.run)
        while not (waiting := engine.live[row.run].answers):
            time.sleep(0.0001)
    again, (approval,) = len(stamps), waiting
    before = time.perf_counter()
    engine.command(DecideApproval(run=row.run, approval=approval, decision="approve"))
    finish(engine, row.run)
    engine.close()
    waited = {f"again_waiting_{key}": value for key, value in at_once(taken).items()}
    return waited | {
        "approve_to_next_ms": round((stamps[-1] - before) * 1e3, 2),
        "bodies_run_again": again,
    }


def kill(tries: int, sync: str) -> Figures:
    """SIGKILL on the first line of a step, then a fresh process: how many steps that had returned
    run again?
    """
    return lost_steps("engine", ("die", sync), tries, DIES_AT)


def die(sync: str, path: str) -> None:
    """Runs, or takes up, the run that dies at a step."""
    engine, _ = opened(sync, Path(path))
    rows = engine.journal.runs()
    if rows:
        engine.resume(rows[0].run)
    finish(engine, rows[0].run if rows else engine.start(dying))
    engine.close()


if __name__ == "__main__":
    run(globals())
