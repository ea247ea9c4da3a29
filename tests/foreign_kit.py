"""Two installations on one machine: homes and files that one of them wrote, and the other one
opens.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

import sentient_kernel as sk
from sentient_kernel.events import Fact, RunStarted
from sentient_kernel.journal.sqlite.commit import link
from sentient_kernel.journal.sqlite.watermark import HeadFile, head_path
from sentient_kernel.projections.approvals import ApprovalView

done: list[Any] = []


def act(what: str) -> str:
    """Stands for what must not happen twice."""
    done.append(what)
    return what


@sk.workflow
async def sends(ctx: sk.Context, what: str) -> Any:
    """Asks, and then does something that must not happen twice."""
    await ctx.approve("Send it?", {"what": what}, ask="tool")
    return await ctx.step(act, what, effect=sk.once())


def research_inputs(*sources: list[str], **more: Any) -> dict[str, Any]:
    """Returns the inputs of a research over some sources, as they are stored."""
    return {
        "args": ["How far do bees fly?"],
        "kwargs": {"sources": list(sources), "depth": 1, **more},
    }


@contextmanager
def another_installation(folder: Path) -> Iterator[None]:
    """What is opened inside belongs to another user, who keeps their key in this folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield


def copied(home: Path, to: Path) -> Path:
    """Returns a copy of a home, as ``cp -r`` makes it."""
    return Path(shutil.copytree(home, to))


def forge(path: Path, run: str, *facts: Fact) -> None:
    """Appends rows as anybody can who may write to the file: with chain hashes that are right, and
    the mark of the row before.
    """
    database = apsw.Connection(str(path))
    born, journal = (
        database.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        for name in ("born", "id")
    )
    number = database.execute("SELECT no FROM runs WHERE id = ?", (run,)).get
    if number is None:
        begun = next(fact for fact in facts if isinstance(fact, RunStarted))
        first = (database.execute("SELECT max(seq) FROM events").get or 0) + 1
        values = (run, first, begun.workflow, begun.name, begun.parent, begun.session, begun.user)
        sql = (
            "INSERT INTO runs(id, first, workflow, name, parent, session, user) VALUES (?, ?, ?, ?,"
            " ?, ?, ?) RETURNING no"
        )
        number = database.execute(sql, values).get
    for fact in facts:
        newest = database.execute(
            "SELECT seq, chain, at, mark FROM events ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        seq, chain, at, mark = newest or (0, b"", 0, b"12345678")
        code = database.execute("SELECT code FROM kinds WHERE name = ?", (fact.kind,)).get
        chain = link(chain, seq + 1, at + born + 1, code, run.encode(), fact.body())
        database.execute(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
            (seq + 1, number, code, at + 1, chain, fact.body(), mark),
        )
        for key in (number, -code):
            database.execute("INSERT OR IGNORE INTO spans VALUES (?, ?)", (key, (seq + 1) // 64))
        head = HeadFile(head_path(path), journal)
        head.write(seq + 1, chain)
        head.write(seq + 1, chain)
        head.close()
    database.close()


def open_question(run: sk.Run, ask: str = "open", seconds: float = 20) -> ApprovalView:
    """Waits until a run asks a question of a kind, and returns it."""
    until = time.monotonic() + seconds
    while not (asked := [one for one in run.approvals if one.ask == ask and one.status == "open"]):
        assert time.monotonic() < until, (
            run.status,
            [(one.ask, one.status) for one in run.approvals],
            run.error,
        )
        time.sleep(0.01)
    return asked[0]


def settled(run: sk.Run, seconds: float = 20) -> str:
    """Waits until no kernel executes a run, and returns its status."""
    until = time.monotonic() + seconds
    while run.alive:
        assert time.monotonic() < until
        time.sleep(0.01)
    return run.status


def kinds(run: sk.Run) -> list[str]:
    """Returns the kinds of a run's events."""
    return [event.kind for event in run.events]
