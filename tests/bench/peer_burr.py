"""Burr, with its asynchronous SQLite persister, on the same work. Needs ``burr`` and ``aiosqlite``.

Usage, with that environment's Python: ``python -m tests.bench.peer_burr steps N | flows RUNS N``
"""

from __future__ import annotations

import asyncio
import time

from burr.core import Application, ApplicationBuilder, State, action, default, expr
from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister

from tests.bench._measure import (
    Figures,
    Taken,
    at_once,
    folder,
    gaps,
    per_step,
    run,
    size_of,
    version,
)

stamps: list[float] = []


@action(reads=["i"], writes=["i"])
async def step(state: State) -> State:
    stamps.append(time.perf_counter())
    return state.update(i=state["i"] + 1)


@action(reads=[], writes=[])
async def done(state: State) -> State:
    return state


async def measured(runs: int, n: int) -> Taken:
    """Runs that many applications of n actions at once, each kept after each action."""
    persister = await AsyncSQLitePersister.from_values(
        str(folder() / "burr.db"), table_name="state"
    )
    await persister.initialize()

    async def application(i: int) -> Application:
        builder = ApplicationBuilder().with_actions(step=step, done=done).with_entrypoint("step")
        builder = builder.with_transitions(
            ("step", "step", expr(f"i < {n}")), ("step", "done", default)
        )
        builder = (
            builder.with_state(State({"i": 0}))
            .with_identifiers(app_id=f"run {i}")
            .with_state_persister(persister)
        )
        return await builder.abuild()

    applications = [await application(i) for i in range(runs)]
    with Taken() as taken:
        await asyncio.gather(*(one.arun(halt_after=["done"]) for one in applications))
    await persister.connection.close()
    return taken


def steps(n: int) -> Figures:
    """One run of n steps, one after the other."""
    taken = asyncio.run(measured(1, n))
    return per_step(taken, n, gaps(stamps), size_of(folder() / "burr.db"))


def flows(runs: int, n: int) -> Figures:
    """That many runs of n steps at once."""
    return at_once(asyncio.run(measured(runs, n)))


def versions() -> str:
    """Returns what is measured."""
    return version("burr")


if __name__ == "__main__":
    run(globals())
