"""A journal takes in runs of another one: all of them or none, at their times, under numbers of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from journal_kit import bound

from sentient_kernel.errors import DuplicateKey, UsageError
from sentient_kernel.events import Record, RunCompleted, RunStarted
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import SqliteJournal

STARTED, COMPLETED = RunStarted(workflow="w"), RunCompleted(result=1)


def stranger(*runs: str) -> Callable[[Seq], list[Record]]:
    """Returns what makes the events of runs that began and ended in 1970."""
    return lambda first: [
        Record(Seq(0), RunId(run), 1_000_000 * n, fact.kind, fact.body()) for run in runs for n, fact in enumerate((STARTED, COMPLETED), 1)
    ]


def on(path: Path, main: Callable[[SqliteJournal, list[Record]], Any]) -> Any:
    """Runs a coroutine on a journal that is bound; returns what that returns."""

    async def run() -> Any:
        with SqliteJournal(path) as journal:
            return await main(journal, bound(journal))

    return asyncio.run(run())


def test_events_keep_their_times_and_get_numbers_of_here(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        await journal.append(RunId("mine"), [STARTED])
        seen: list[Seq] = []

        def make(first: Seq) -> list[Record]:
            seen.append(first)
            return stranger("a", "b")(first)

        adopted = journal.adopt(make)
        await journal.append(RunId("mine"), [COMPLETED])
        assert seen == [2]
        assert [(r.seq, r.run, r.at) for r in adopted] == [(2, "a", 1e6), (3, "a", 2e6), (4, "b", 1e6), (5, "b", 2e6)]
        assert journal.read() == told
        assert [r.seq for r in told] == [1, 2, 3, 4, 5, 6]
        assert [row.workflow for row in journal.runs(run=RunId("b"))] == ["w"]
        assert journal.verify().ok

    on(tmp_path / "journal.db", main)


def test_a_run_that_is_here_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        await journal.append(RunId("b"), [STARTED])
        with pytest.raises(DuplicateKey, match="'b'"):
            journal.adopt(stranger("a", "b"))
        assert len(journal.read()) == len(told) == 1
        assert journal.adopt(stranger("a"))[-1].seq == 3
        with pytest.raises(DuplicateKey):
            journal.adopt(stranger("a"))
        assert journal.verify().ok

    on(tmp_path / "journal.db", main)


def test_what_fails_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    def broken(first: Seq) -> list[Record]:
        raise ValueError("no")

    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        with pytest.raises(ValueError, match="no"):
            journal.adopt(broken)
        with pytest.raises(UsageError, match="heartbeat"):
            journal.adopt(lambda first: [Record(Seq(0), RunId("a"), 1, "heartbeat", b"{}")])
        assert journal.adopt(lambda first: []) == []
        await journal.append(RunId("mine"), [STARTED])
        assert [r.seq for r in journal.read()] == [1]

    on(tmp_path / "journal.db", main)


def test_it_belongs_to_the_loop_like_other_writes(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "journal.db") as journal, pytest.raises(UsageError, match="loop"):
        journal.adopt(stranger("a"))
