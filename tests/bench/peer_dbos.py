"""DBOS on SQLite, on the same work. Needs ``dbos``.

Usage, with that environment's Python:
``python -m tests.bench.peer_dbos steps N | fan N | flows RUNS N | approve N | resume N | kill TRIES``

It is meant for PostgreSQL; on SQLite it uses the rollback journal, with two or more fsyncs a
commit, and polls for messages.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOS, SetWorkflowID

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
    version,
)

T = TypeVar("T")
DIES_AT = 7
stamps: list[float] = []
waiting, answered = asyncio.Event(), asyncio.Event()


@DBOS.step()
async def noop(i: int) -> None:
    stamps.append(time.perf_counter())


@DBOS.step()
async def sleepy(i: int) -> int:
    await asyncio.sleep(0.02)
    return i


@DBOS.step()
async def telling(i: int) -> int:
    last_words(i)
    return i


@DBOS.workflow()
async def sequence(n: int) -> None:
    for i in range(n):
        await noop(i)


@DBOS.workflow()
async def fan_out(n: int) -> int:
    return len(await asyncio.gather(*(sleepy(i) for i in range(n))))


@DBOS.workflow()
async def asking(n: int) -> None:
    for i in range(n):
        await noop(i)
    waiting.set()
    await DBOS.recv_async("answer", timeout_seconds=600)
    stamps.append(time.perf_counter())
    answered.set()


@DBOS.workflow()
async def dying() -> None:
    for i in range(DIES_AT + 3):
        await telling(i)


def with_dbos(work: Coroutine[Any, Any, T], path: Path | None = None) -> T:
    """Runs something on a database, started before and stopped afterwards."""
    url = f"sqlite:///{path or folder() / 'dbos.db'}"
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "run_admin_server": False,
        }
    )

    async def main() -> T:
        DBOS.launch()
        return await work

    result = asyncio.run(main())
    DBOS.destroy()
    return result


async def measured(*work: Coroutine[Any, Any, Any]) -> Taken:
    """Waits for all of it and returns what that took."""
    with Taken() as taken:
        await asyncio.gather(*work)
    return taken


def steps(n: int) -> Figures:
    """One run of n steps, one after the other."""
    taken = with_dbos(measured(sequence(n)))
    return per_step(taken, n, gaps(stamps), size_of(folder() / "dbos.db"))


def fan(n: int) -> Figures:
    """n steps of 20 ms at once."""
    return at_once(with_dbos(measured(fan_out(n))))


def flows(runs: int, n: int) -> Figures:
    """That many runs of n steps at once."""
    return at_once(with_dbos(measured(*(sequence(n) for _ in range(runs)))))


def approve(n: int) -> Figures:
    """From the answer to the next line."""

    async def main() -> list[float]:
        took = []
        for i in range(n):
            waiting.clear()
            with SetWorkflowID(f"run {i}"):
                handle = await DBOS.start_workflow_async(asking, 1)
            await waiting.wait()
            await asyncio.sleep(0.05)
            before = time.perf_counter()
            await DBOS.send_async(f"run {i}", "yes", "answer")
            await handle.get_result()
            took.append(stamps[-1] - before)
        return took

    return {"p50_us": p50_us(with_dbos(main()))}


def resume(n: int) -> Figures:
    """n finished steps and an open question, kill -9, a fresh process: until it waits again."""
    path = folder() / "resume.db"
    killed_when_ready("peer_dbos", "prepare", path, n)
    return figures_of("peer_dbos", "go_on", path)


def prepare(path: str, n: int) -> None:
    """Says READY when n steps are done and a question is open, and waits to be killed."""

    async def main() -> None:
        with SetWorkflowID("one"):
            await DBOS.start_workflow_async(asking, n)
        await waiting.wait()
        await asyncio.sleep(0.5)  # it is written that it waits
        print("READY", flush=True)
        await asyncio.sleep(600)

    with_dbos(main(), Path(path))


def go_on(path: str) -> Figures:
    """Takes up what :func:`prepare` left: DBOS does so by itself when it starts."""
    begun, cpu = time.perf_counter(), time.process_time()

    async def main() -> Figures:
        await waiting.wait()
        figures = {
            "again_waiting_wall_ms": round((time.perf_counter() - begun) * 1e3, 2),
            "again_waiting_cpu_ms": round((time.process_time() - cpu) * 1e3, 2),
            "bodies_run_again": len(stamps),
        }
        await DBOS.send_async("one", "yes", "answer")
        await answered.wait()
        return figures

    return with_dbos(main(), Path(path))


def kill(tries: int) -> Figures:
    """SIGKILL on the first line of a step, then a fresh process: how many steps that had returned
    run again?
    """
    return lost_steps("peer_dbos", ("die",), tries, DIES_AT)


def die(path: str) -> None:
    """Runs the run that dies at a step; DBOS takes it up by itself."""

    async def main() -> None:
        if "BENCH_DIES_AT" in os.environ:
            with SetWorkflowID("one"):
                await dying()
        else:
            await (await DBOS.retrieve_workflow_async("one")).get_result()

    with_dbos(main(), Path(path))


def versions() -> str:
    """Returns what is measured."""
    return version("dbos")


if __name__ == "__main__":
    run(globals())
