"""What tests of the engine share: engines on a folder, runs waited for, cells of a notebook, and
processes to kill.
"""

from __future__ import annotations

import linecache
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine import Engine, Workflow
from sentient_kernel.events import Record
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.sqlite.store import SqliteJournal

PATIENCE = 20.0
"""Seconds that a test waits for what comes at once; only a hang takes so long."""


class Home:
    """A folder with a journal, and the engines on it; all are closed at the end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engines: list[Engine] = []

    def engine(self, **settings: Any) -> Engine:
        """Opens an engine on the folder's journal."""
        made = Engine(SqliteJournal(self.path / "journal.db"), **settings)
        self._engines.append(made)
        return made

    def close(self) -> None:
        """Closes every engine that was opened."""
        for engine in self._engines:
            engine.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A folder for engines."""
    made = Home(tmp_path)
    yield made
    made.close()


@pytest.fixture
def engine(home: Home) -> Engine:
    """An engine on an empty journal."""
    return home.engine()


def ended(engine: Engine, run: RunId) -> str:
    """Waits for a run's end and says what it was."""
    return engine.watch(run).result(PATIENCE)


def outcome(engine: Engine, run: RunId) -> Any:
    """Waits for a run's end and returns its result, or raises what it ended with."""
    if ended(engine, run) == "completed":
        return engine.result(run)
    error = engine.error(run)
    raise error if error is not None else AssertionError(ended(engine, run))


def finish(engine: Engine, flow: Workflow[..., Any], *args: Any, **settings: Any) -> Any:
    """Starts a run and returns its result, or raises what it ended with."""
    return outcome(engine, engine.start(flow, args, **settings))


def events(engine: Engine, run: RunId, *kinds: str) -> list[Any]:
    """Returns the events of a run, of some kinds or of all."""
    return [record.event for record in engine.journal.read(run=run, kinds=kinds or None)]


def kinds(engine: Engine, run: RunId) -> list[str]:
    """Returns the kinds of a run's events, in order."""
    return [record.kind for record in engine.journal.read(run=run)]


def wait_for(engine: Engine, run: RunId, kind: str, count: int = 1) -> Any:
    """Waits until a run has so many events of a kind and returns the newest of them."""
    deadline = threading.Event()
    for _ in range(int(PATIENCE / 0.005)):
        found = events(engine, run, kind)
        if len(found) >= count:
            return found[-1]
        deadline.wait(0.005)
    raise TimeoutError(f"no {kind} in {kinds(engine, run)}")


def children_of(engine: Engine, run: RunId, count: int = 1) -> list[RunId]:
    """Waits until a run has so many children and returns them."""
    wait_for(engine, run, "step_started", count)
    for _ in range(int(PATIENCE / 0.005)):
        if len(rows := engine.journal.runs(parent=run)) >= count:
            return [row.run for row in rows]
        threading.Event().wait(0.005)
    raise TimeoutError(f"{run!r} has {len(rows)} children")


def answer(
    engine: Engine, run: RunId, decision: Any = "approve", *, count: int = 1, **fields: Any
) -> str:
    """Waits for a run's n-th question, answers it, and returns its id."""
    asked = wait_for(engine, run, "approval_requested", count)
    engine.command(
        DecideApproval(
            run=run,
            approval=asked.approval,
            decision=decision,
            edited="payload" in fields,
            **fields,
        )
    )
    return str(asked.approval)


class Calls:
    """Counts calls, thread-safe enough for tests; can make the first so many end the process or
    raise.
    """

    def __init__(self) -> None:
        self.counts: Counter[Any] = Counter()

    def __call__(self, what: Any = "") -> int:
        self.counts[what] += 1
        return self.counts[what]

    def __getitem__(self, what: Any) -> int:
        return self.counts[what]


class Cells:
    """Runs source as a notebook does: in one namespace called ``__main__``, with the source to be
    had again.
    """

    def __init__(self, **given: Any) -> None:
        self.space: dict[str, Any] = {"__name__": "__main__", **given}
        self._number = 0

    def run(self, source: str) -> dict[str, Any]:
        """Runs one cell and returns the namespace."""
        self._number += 1
        name = f"/tmp/ipykernel_1/{id(self)}_{self._number}.py"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), self.space)
        return self.space


def seen(records: list[Record]) -> Callable[[Any], None]:
    """Returns an ``on_commit`` that keeps all records in a list."""

    def keep(news: Any) -> None:
        records.extend(news)

    return keep


def head(engine: Engine) -> Seq:
    """Returns the newest seq."""
    return engine.journal.head()
