"""LangGraph, with its SQLite checkpointer, on the same work. Needs ``langgraph`` and
``langgraph-checkpoint-sqlite``.

Usage, with that environment's Python: ``python -m tests.bench.peer_langgraph steps API N SYNC | fan
    API N | flows API RUNS N
| approve API N SYNC | resume API N | kill API TRIES``

API is ``graph`` (a node that leads back to itself) or ``func`` (``@task`` and ``@entrypoint``);
durability is "sync" in both. SYNC is
SQLite's setting: FULL is the checkpointer's default, NORMAL is ours. With ``func`` a task may
    return before it is on disk.
"""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import aiosqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

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

DIES_AT = 7
stamps: list[float] = []


class State(TypedDict):
    """What goes from node to node."""

    i: int
    n: int


class Fan(TypedDict):
    """What many nodes at once add to."""

    n: int
    done: Annotated[list[int], operator.add]


@asynccontextmanager
async def saver(sync: str, path: str | Path = "") -> AsyncIterator[AsyncSqliteSaver]:
    """Yields a checkpointer on a file."""
    async with aiosqlite.connect(path or folder() / "langgraph.db") as connection:
        made = AsyncSqliteSaver(connection)
        await made.setup()
        await connection.execute(f"PRAGMA synchronous={sync}")
        yield made


def thread(name: str, steps: int = 0) -> dict[str, Any]:
    """Returns the settings of one run."""
    return {"configurable": {"thread_id": name}, "recursion_limit": steps + 50}


def looping(made: AsyncSqliteSaver, body: Callable[[int], None], *, asks: bool = False) -> Any:
    """Returns a graph of one node that runs n times, with a question at the end or not."""

    async def step(state: State) -> dict[str, int]:
        body(state["i"])
        return {"i": state["i"] + 1}

    async def ask(_: State) -> dict[str, int]:
        interrupt("Go on?")
        stamps.append(time.perf_counter())
        return {}

    graph = StateGraph(State)
    graph.add_node("step", step)
    graph.add_node("ask", ask)
    graph.add_edge(START, "step")
    after = "ask" if asks else END
    graph.add_conditional_edges(
        "step", lambda state: "step" if state["i"] < state["n"] else after, ["step", after]
    )
    graph.add_edge("ask", END)
    return graph.compile(checkpointer=made)


def functional(made: AsyncSqliteSaver, body: Callable[[int], None], *, asks: bool = False) -> Any:
    """Returns a function of n tasks, with a question at the end or not."""

    @task
    async def step(i: int) -> int:
        body(i)
        return i

    @entrypoint(checkpointer=made)
    async def work(state: State) -> int:
        for i in range(state["n"]):
            await step(i)
        if asks:
            interrupt("Go on?")
            stamps.append(time.perf_counter())
        return state["n"]

    return work


APIS = {"graph": looping, "func": functional}


def stamp(_: int) -> None:
    """What a step does: nothing, at a moment that is noted."""
    stamps.append(time.perf_counter())


async def invoke(app: Any, given: Any, settings: dict[str, Any]) -> Any:
    """Runs or takes up a run."""
    return await app.ainvoke(given, settings, durability="sync")


def steps(api: str, n: int, sync: str) -> Figures:
    """One run of n steps, one after the other."""

    async def main() -> Taken:
        async with saver(sync) as made:
            app = APIS[api](made, stamp)
            with Taken() as taken:
                await invoke(app, {"i": 0, "n": n}, thread("one", n))
        return taken

    taken = asyncio.run(main())
    return per_step(taken, n, gaps(stamps), size_of(folder() / "langgraph.db"))


def fan(api: str, n: int) -> Figures:
    """n steps of 20 ms at once."""

    def graph(made: AsyncSqliteSaver) -> Any:
        async def work(state: dict[str, int]) -> dict[str, list[int]]:
            await asyncio.sleep(0.02)
            return {"done": [state["i"]]}

        made_of = StateGraph(Fan)
        made_of.add_node("work", work)
        made_of.add_conditional_edges(
            START, lambda state: [Send("work", {"i": i}) for i in range(state["n"])], ["work"]
        )
        made_of.add_edge("work", END)
        return made_of.compile(checkpointer=made)

    def func(made: AsyncSqliteSaver) -> Any:
        @task
        async def work(i: int) -> int:
            await asyncio.sleep(0.02)
            return i

        @entrypoint(checkpointer=made)
        async def everything(state: Fan) -> int:
            return len(await asyncio.gather(*(work(i) for i in range(state["n"]))))

        return everything

    async def main() -> Taken:
        async with saver("FULL") as made:
            app = {"graph": graph, "func": func}[api](made)
            with Taken() as taken:
                await invoke(app, {"n": n, "done": []}, thread("fan"))
        return taken

    return at_once(asyncio.run(main()))


def flows(api: str, runs: int, n: int) -> Figures:
    """That many runs of n steps at once."""

    async def main() -> Taken:
        async with saver("FULL") as made:
            app = APIS[api](made, stamp)
            with Taken() as taken:
                await asyncio.gather(
                    *(invoke(app, {"i": 0, "n": n}, thread(f"{i}", n)) for i in range(runs))
                )
        return taken

    return at_once(asyncio.run(main()))


def approve(api: str, n: int, sync: str) -> Figures:
    """From the answer to the next line."""

    async def main() -> list[float]:
        took = []
        async with saver(sync) as made:
            app = APIS[api](made, stamp, asks=True)
            for i in range(n):
                await invoke(app, {"i": 0, "n": 1}, thread(f"{i}"))
                before = time.perf_counter()
                await invoke(app, Command(resume=True), thread(f"{i}"))
                took.append(stamps[-1] - before)
        return took

    return {"p50_us": p50_us(asyncio.run(main()))}


def resume(api: str, n: int) -> Figures:
    """n finished steps and an open question, kill -9, a fresh process that answers it."""
    path = folder() / "resume.db"
    killed_when_ready("peer_langgraph", "prepare", api, path, n)
    return figures_of("peer_langgraph", "go_on", api, path, n)


def prepare(api: str, path: str, n: int) -> None:
    """Says READY when the question is open, and waits to be killed."""

    async def main() -> None:
        async with saver("FULL", path) as made:
            await invoke(APIS[api](made, stamp, asks=True), {"i": 0, "n": n}, thread("one", n))
            print("READY", flush=True)
            await asyncio.sleep(600)

    asyncio.run(main())


def go_on(api: str, path: str, n: int) -> Figures:
    """Takes up what :func:`prepare` left. Nothing waits here: it reads the question, then replays
    up to it when it is answered.
    """

    async def main() -> Figures:
        async with saver("FULL", path) as made:
            app = APIS[api](made, stamp, asks=True)
            with Taken() as looked:
                assert (await app.aget_state(thread("one"))).tasks
            with Taken() as taken:
                await invoke(app, Command(resume=True), thread("one", n))
        return {
            "see_question_cpu_ms": round(looked.cpu * 1e3, 2),
            "replay_cpu_ms": round(taken.cpu * 1e3, 2),
        }

    return asyncio.run(main())


def kill(api: str, tries: int) -> Figures:
    """SIGKILL on the first line of a step, then a fresh process: how many steps that had returned
    run again?
    """
    return lost_steps("peer_langgraph", ("die", api), tries, DIES_AT)


def die(api: str, path: str) -> None:
    """Runs, or takes up, the run that dies at a step."""

    async def main() -> None:
        async with saver("FULL", path) as made:
            app = APIS[api](made, last_words)
            known = (await app.aget_state(thread("one"))).created_at is not None
            await invoke(app, None if known else {"i": 0, "n": DIES_AT + 3}, thread("one"))

    asyncio.run(main())


def versions() -> str:
    """Returns what is measured."""
    return version("langgraph", "langgraph-checkpoint-sqlite")


if __name__ == "__main__":
    run(globals())
