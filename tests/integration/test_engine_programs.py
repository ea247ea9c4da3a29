"""Whatever a workflow is made of, and wherever its kernel dies: it ends as if nothing had been, and
nothing happens twice.
"""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from engine_kit import PATIENCE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine import Context, Engine, Retry, idempotent, once, pure, workflow
from sentient_kernel.engine.state import CRASH_LOOP
from sentient_kernel.errors import AnswerRefused, StepFailed
from sentient_kernel.events import Record
from sentient_kernel.journal.sqlite.store import SqliteJournal

LEAVES = (
    "async",
    "sync",
    "quick",
    "once",
    "same key",
    "ask",
    "emit",
    "fails",
    "flaky",
    "look",
    "message",
)
ALL = st.recursive(
    st.tuples(st.sampled_from(LEAVES), st.integers(0, 3)),
    lambda inner: (
        st.tuples(st.just("one by one"), st.lists(inner, max_size=4))
        | st.tuples(st.just("at once"), st.lists(inner, max_size=4), st.sampled_from([None, 1, 2]))
        | st.tuples(st.just("child"), inner)
    ),
    max_leaves=12,
)
"""Programs: what one workflow does, as a value."""


class World:
    """What happens outside, and when the kernel is to die: before or after the n-th effect, counted
    over all lives.
    """

    def __init__(self, deaths: Sequence[tuple[int, bool]]) -> None:
        self.deaths = set(deaths)
        self.effects = 0
        self.did: Counter[str] = Counter()
        self.lock = threading.Lock()

    def act(self, what: str) -> str:
        """Does an effect, unless the kernel dies first; dies behind it, if that is to be."""
        with self.lock:
            self.effects += 1
            n = self.effects
        if (n, False) in self.deaths:
            raise SystemExit(f"before {n}")
        self.did[what] += 1
        if (n, True) in self.deaths:
            raise SystemExit(f"after {n}")
        return what

    def answer(self, engine: Engine, row: Record) -> None:
        """Answers as a person who looks at the world."""
        asked, fields = row.event, {}
        if asked.ask == "effect":
            name = asked.question.split("'")[1]
            fields = {"edited": True, "payload": {"happened": self.did[name] > 0, "result": name}}
        try:
            engine.command(
                DecideApproval(
                    run=row.run, approval=asked.approval, decision="approve", by="person", **fields
                )
            )  # type: ignore[arg-type]
        except AnswerRefused:
            pass  # answered in a former life


world = World(())


def named(name: str, kind: str) -> Any:
    """Returns a step function of that name."""

    async def waits() -> str:
        await asyncio.sleep(0)
        return world.act(name)

    async def at_once() -> str:
        return world.act(name)

    def in_a_thread() -> str:
        return world.act(name)

    async def fails() -> str:
        world.act(name)
        raise ValueError(name)

    async def flaky() -> str:
        world.act(name)
        if world.did[name] < 2:
            raise ConnectionError(name)
        return name

    fn = {"quick": at_once, "sync": in_a_thread, "fails": fails, "flaky": flaky}.get(kind, waits)
    fn.__qualname__ = name
    return fn


@workflow
async def program(ctx: Context, tree: list[Any], path: str) -> Any:
    return await execute(ctx, tree, path)


async def execute(ctx: Context, tree: Sequence[Any], path: str) -> Any:
    """Does what a program says; ``path`` names each of its places."""
    what, of = tree[0], tree[1]
    if what == "one by one":
        return [await execute(ctx, part, f"{path}:{i}") for i, part in enumerate(of)]
    if what == "at once":
        outcomes = await ctx.gather(
            *(execute(ctx, part, f"{path}:{i}") for i, part in enumerate(of)), limit=tree[2]
        )
        return [o.value if o.ok else type(o.error).__name__ for o in outcomes]
    if what == "child":
        return await ctx.run(program, list(of), f"{path}/")
    if what == "ask":
        return await ctx.approve(f"{path}?", {"path": path})
    if what == "emit":
        await ctx.emit(f"{path} {of}")
        return of
    if what == "look":
        return [ctx.finishing, len(ctx.steers)]
    if what == "message":
        await ctx.send(path, of)
        return of
    name = f"{what} {of} {path}"
    try:
        return await ctx.step(
            named(name, what),
            effect={"once": once(), "same key": idempotent(name)}.get(what, pure()),
            retry=Retry(attempts=2, delay=0) if what == "flaky" else None,
        )
    except StepFailed as error:
        return error.cause_type


def expected(tree: Sequence[Any], path: str) -> Any:
    """What a program returns when nothing dies."""
    what, of = tree[0], tree[1]
    if what in ("one by one", "at once"):
        return [expected(part, f"{path}:{i}") for i, part in enumerate(of)]
    simple = {
        "ask": {"path": path},
        "emit": of,
        "look": [False, 0],
        "message": of,
        "fails": "ValueError",
    }
    return expected(of, f"{path}/") if what == "child" else simple.get(what, f"{what} {of} {path}")


def lived(folder: str, tree: Any, reopen: bool) -> tuple[Any, list[Record]]:
    """Runs a program to its end over all its deaths; returns the result and the journal."""
    engines: list[Engine] = []

    def on_commit(records: Sequence[Record]) -> None:
        for row in records:
            if row.kind == "approval_requested":
                threading.Thread(target=world.answer, args=(engines[-1], row), daemon=True).start()

    def opened() -> Engine:
        engines.append(Engine(SqliteJournal(Path(folder) / "journal.db"), on_commit=on_commit))
        return engines[-1]

    engine = opened()
    try:
        run = engine.start(program, (tree, "r"), name="program")
        while (end := engine.watch(run).result(PATIENCE)) == "crashed":
            if reopen:
                engine.close()
                engine = opened()
                for row in engine.journal.read(kinds=["approval_requested"]):
                    world.answer(engine, row)
            engine.resume(run)
        assert end == "completed", engine.error(run)
        assert engine.journal.verify().ok
        return engine.result(run), engine.journal.read()
    finally:
        engine.close()


def check(tree: Any, deaths: list[tuple[int, bool]], reopen: bool) -> None:
    """Lives a program and holds it to what it should have been."""
    global world
    world = World(deaths)
    with tempfile.TemporaryDirectory() as folder:
        result, rows = lived(folder, tree, reopen)
    assert result == expected(tree, "r")
    completed = Counter(
        (row.run, row.event.key) for row in rows if row.kind in ("step_completed", "step_failed")
    )
    assert all(n == 1 for n in completed.values())
    told = Counter(row.event.message for row in rows if row.kind == "progress_updated")
    assert all(n == 1 for n in told.values())
    assert all(
        n == 1
        for n in Counter(row.event.key for row in rows if row.kind == "message_sent").values()
    )
    for what, n in world.did.items():
        most = (
            1 if what.startswith("once") else (2 if what.startswith("flaky") else 1) + len(deaths)
        )
        assert n <= most, (what, n)


DEATHS = st.lists(
    st.tuples(st.integers(1, 12), st.booleans()), max_size=CRASH_LOOP - 2, unique=True
)
QUIETLY = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(ALL, DEATHS, st.booleans())
@settings(QUIETLY, max_examples=40)
def test_any_program_ends_as_if_nothing_had_been(
    tree: Any, deaths: list[tuple[int, bool]], reopen: bool
) -> None:
    check(tree, deaths, reopen)


@pytest.mark.faults
@pytest.mark.timeout(1800)
@given(ALL, DEATHS, st.booleans())
@settings(QUIETLY, max_examples=3000)
def test_any_of_many_programs_ends_as_if_nothing_had_been(
    tree: Any, deaths: list[tuple[int, bool]], reopen: bool
) -> None:
    check(tree, deaths, reopen)
