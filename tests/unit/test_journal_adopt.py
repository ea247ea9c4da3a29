"""A journal takes in runs of another one: all of them or none, at their times, under numbers of its
own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from journal_kit import bound

from sentient_kernel.errors import DuplicateKey, UsageError
from sentient_kernel.events import Record, RunCompleted, RunStarted
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import SqliteJournal
from sentient_kernel.journal.sqlite.append import PORTION

STARTED, COMPLETED = RunStarted(workflow="w"), RunCompleted(result=1)


def stranger(*runs: str) -> Callable[[Seq], list[Record]]:
    """Returns what makes the events of runs that began and ended in 1970."""
    return lambda first: [
        Record(Seq(0), RunId(run), 1_000_000 * n, fact.kind, fact.body())
        for run in runs
        for n, fact in enumerate((STARTED, COMPLETED), 1)
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

        assert await journal.adopt(make) == 4
        await journal.append(RunId("mine"), [COMPLETED])
        assert seen == [2]
        assert [(r.seq, r.run, r.at) for r in told[1:5]] == [
            (2, "a", 1e6),
            (3, "a", 2e6),
            (4, "b", 1e6),
            (5, "b", 2e6),
        ]
        assert journal.read() == told
        assert [r.seq for r in told] == [1, 2, 3, 4, 5, 6]
        assert [row.workflow for row in journal.runs(run=RunId("b"))] == ["w"]
        assert journal.verify().ok

    on(tmp_path / "journal.db", main)


def test_a_run_that_is_here_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        await journal.append(RunId("b"), [STARTED])
        with pytest.raises(DuplicateKey, match="'b'"):
            await journal.adopt(stranger("a", "b"))
        assert len(journal.read()) == len(told) == 1
        assert await journal.adopt(stranger("a")) == 2
        assert journal.head() == 3
        with pytest.raises(DuplicateKey):
            await journal.adopt(stranger("a"))
        assert journal.verify().ok

    on(tmp_path / "journal.db", main)


def test_what_fails_while_it_is_made_leaves_nothing(tmp_path: Path) -> None:
    def broken(first: Seq) -> list[Record]:
        raise ValueError("no")

    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        with pytest.raises(ValueError, match="no"):
            await journal.adopt(broken)
        with pytest.raises(UsageError, match="heartbeat"):
            await journal.adopt(lambda first: [Record(Seq(0), RunId("a"), 1, "heartbeat", b"{}")])
        assert await journal.adopt(lambda first: []) == 0
        await journal.append(RunId("mine"), [STARTED])
        assert [r.seq for r in journal.read()] == [1]

    on(tmp_path / "journal.db", main)


def test_it_belongs_to_the_loop_like_other_writes(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "journal.db") as journal, pytest.raises(UsageError, match="loop"):
        journal.adopt(stranger("a"))


def test_many_rows_are_handed_over_a_portion_at_a_time_and_before_what_was_written_behind_them(
    tmp_path: Path,
) -> None:
    rows = [Record(Seq(0), RunId("a"), 1_000_000, STARTED.kind, STARTED.body())]
    rows += [
        Record(Seq(0), RunId("a"), 1_000_000, "progress_updated", b'{"message":"%d"}' % n)
        for n in range(3_000)
    ]

    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        adopting = journal.adopt(lambda first: rows)
        portions: list[int] = []
        while not adopting.done() or len(told) < len(rows):
            portions.append(len(told))
            if len(told) == 0:
                behind = journal.append(RunId("mine"), [STARTED])
            await asyncio.sleep(0)
        seq = await behind
        assert max(b - a for a, b in pairwise(portions)) <= PORTION + 1
        assert told[seq - 1].run == "mine"  # told before its future was done
        assert [r.seq for r in told] == list(range(1, len(told) + 1))
        assert told == journal.read()

    on(tmp_path / "journal.db", main)


def test_a_journal_that_is_closed_at_once_tells_what_it_has_written(tmp_path: Path) -> None:
    rows = [Record(Seq(0), RunId("a"), 1_000_000, STARTED.kind, STARTED.body())]
    rows += [
        Record(Seq(0), RunId("a"), 1_000_000, "progress_updated", b'{"message":"%d"}' % n)
        for n in range(500)
    ]

    async def main(journal: SqliteJournal, told: list[Record]) -> None:
        adopting = journal.adopt(lambda first: rows)
        while journal.head() == 0:
            await asyncio.sleep(0)
        mine = journal.append(RunId("mine"), [COMPLETED])
        journal.close()
        assert await mine == len(rows) + 1
        assert await adopting == len(rows)
        assert [r.seq for r in told] == list(range(1, len(rows) + 2))

    on(tmp_path / "journal.db", main)
