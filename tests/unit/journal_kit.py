"""What the tests of the journal share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw

from sentient_kernel.events import ProgressUpdated, Record
from sentient_kernel.ids import RunId
from sentient_kernel.journal import SqliteJournal

RUN = RunId("0190c0de-0000-7000-8000-00000000000a")


def note(text: str = "") -> ProgressUpdated:
    """Returns an event that says something."""
    return ProgressUpdated(message=text)


def bound(journal: SqliteJournal) -> list[Record]:
    """Binds a journal to the running loop and returns the list that its records come to."""
    told: list[Record] = []
    journal.bind(asyncio.get_running_loop(), told.extend)
    return told


def with_journal(
    path: Path, main: Callable[[SqliteJournal], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Opens a journal, binds it, and runs a coroutine with it."""

    async def inside() -> None:
        with SqliteJournal(path, **options) as journal:
            bound(journal)
            await main(journal)

    asyncio.run(inside())


def fill(path: Path, rows: int, *, first: int = 1) -> None:
    """Writes notes that say their seq, and closes the journal."""

    async def main(journal: SqliteJournal) -> None:
        for seq in range(first, first + rows - 1):
            journal.post(RUN, note(f"{seq}"))
        await journal.append(RUN, [note(f"{first + rows - 1}")])

    with_journal(path, main)


def tamper(path: Path, sql: str, *values: Any) -> None:
    """Changes a journal behind its back."""
    connection = apsw.Connection(str(path))
    connection.execute(sql, values)
    connection.close()
