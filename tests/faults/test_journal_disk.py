"""A disk that fails (F04), fills up, or loses power (F05): what was acknowledged is there, what was
not is not half there.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from bad_disk import Disk, FailingDisk, FullDisk, PoweredDisk

from sentient_kernel.errors import JournalDamaged, JournalError, JournalUnusable
from sentient_kernel.events import ApprovalDecided, ProgressUpdated
from sentient_kernel.ids import ApprovalId, RunId
from sentient_kernel.journal import SqliteJournal

RUN = RunId("run")


def note(text: str) -> ProgressUpdated:
    return ProgressUpdated(message=text)


async def use(journal: SqliteJournal, acknowledged: list[str]) -> int:
    """Writes in all the ways there are; goes on after errors; returns how many writes failed."""
    journal.bind(asyncio.get_running_loop(), lambda records: None)
    failed = 0
    for n in range(24):
        text = f"{n} " + "x" * (n * 700)
        try:
            if n % 6 == 5:
                lease = journal.acquire(RunId(f"run-{n}"), ttl=30)
                await journal.append(
                    RunId(f"run-{n}"), [note(text)], lease=lease, unique=f"key {n}"
                )
            else:
                await journal.append(RUN, [note(text)], full=n % 4 == 3)
            acknowledged.append(text)
        except JournalError:
            failed += 1
    return failed


def found(path: Path) -> list[str]:
    with SqliteJournal(path) as journal:
        assert journal.opened.ok, journal.opened
        verdict = journal.verify()
        assert verdict.ok, verdict
        return [record.event.message for record in journal.read()]


def with_failure(home: Path, fails: int, error: type[apsw.Error]) -> tuple[int, int]:
    """Opens and uses a journal on a disk that fails once; returns how many changes were made and
    how many writes failed.
    """
    disk, acknowledged, failed = FailingDisk(fails, error), [], 0
    path = home / f"{fails}" / "journal.db"
    try:
        with SqliteJournal(path, vfs=disk.name) as journal:
            failed = asyncio.run(use(journal, acknowledged))
    except JournalError:
        pass  # it could not be opened, which was said
    finally:
        disk.close()
    messages = found(path)
    assert [message for message in messages if message in set(acknowledged)] == acknowledged
    return disk.changes, failed


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many changes the use of a journal makes on a disk that works."""
    made, failed = with_failure(tmp_path_factory.mktemp("works"), 0, apsw.IOError)
    assert failed == 0
    assert made > 100
    return made


@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_failure_of_some_changes_loses_nothing_that_was_acknowledged(
    tmp_path: Path, changes: int, error: type[apsw.Error]
) -> None:
    assert (
        sum(with_failure(tmp_path, fails, error)[1] > 0 for fails in range(1, changes + 1, 17)) > 3
    )


@pytest.mark.faults
@pytest.mark.parametrize("error", [apsw.IOError, apsw.FullError])
def test_failure_of_any_change_loses_nothing_that_was_acknowledged(
    tmp_path: Path, changes: int, error: type[apsw.Error]
) -> None:
    assert sum(with_failure(tmp_path, fails, error)[1] > 0 for fails in range(1, changes + 1)) > 50


def on(disk: Disk, path: Path, main: Callable[[SqliteJournal], object]) -> None:
    async def inside() -> None:
        with SqliteJournal(path, vfs=disk.name) as journal:
            journal.bind(asyncio.get_running_loop(), lambda records: None)
            await main(journal)  # type: ignore[misc]

    try:
        asyncio.run(inside())
    finally:
        disk.close()


@pytest.mark.parametrize("full", [False, True])
def test_full_disk_refuses_writes_and_takes_them_again_when_there_is_room(
    tmp_path: Path, full: bool
) -> None:
    disk = FullDisk()

    async def main(journal: SqliteJournal) -> None:
        for n in range(5):
            await journal.append(RUN, [note(f"{n}")], full=full)
        disk.full = True
        for n in range(5):
            journal.post(RUN, note(f"posted {n}"))
            with pytest.raises(JournalUnusable, match="disk is full"):
                await journal.append(RUN, [note(f"refused {n}")], full=full, unique="key")
        assert len(journal.read()) == 5
        disk.full = False
        assert await journal.append(RUN, [note("after")], full=full, unique="key") == 11
        expected = [*(f"{n}" for n in range(5)), *(f"posted {n}" for n in range(5)), "after"]
        assert [record.event.message for record in journal.read()] == expected

    on(disk, tmp_path / "journal.db", main)
    assert len(found(tmp_path / "journal.db")) == 11


def test_what_a_full_disk_kept_waiting_is_written_at_the_close(tmp_path: Path) -> None:
    disk = FullDisk()

    async def main(journal: SqliteJournal) -> None:
        await journal.append(RUN, [note("before")])
        disk.full = True
        journal.post(RUN, note("posted"))
        await asyncio.sleep(0.01)
        disk.full = False

    on(disk, tmp_path / "journal.db", main)
    assert found(tmp_path / "journal.db") == ["before", "posted"]


def lose_power(home: Path, seed: int, *, big: bool) -> tuple[int, int]:
    """Lets the power fail at a chance moment; returns how many rows were lost and how many were
    confirmed.
    """
    home.mkdir(parents=True)
    chance, disk = random.Random(seed), PoweredDisk()
    path = home / "before" / "journal.db"
    confirmed: list[int] = []
    left: dict[str, bytes] = {}
    written = 0

    async def main(journal: SqliteJournal) -> None:
        nonlocal written
        moment = chance.randrange(1, 120)
        for n in range(moment):
            answer = chance.random() < 0.1
            event = (
                ApprovalDecided(approval=ApprovalId(f"{n}"), decision="approve")
                if answer
                else note("x" * (60_000 if big else 50))
            )
            full = chance.random() < 0.05
            written = await journal.append(RUN, [event], full=full)
            if answer or full:
                confirmed.append(written)
        with disk.lock:
            head = path.with_name("journal.head").read_bytes()
        left.update(disk.power_failure(chance))
        left["journal.head"] = head

    on(disk, path, main)
    after = home / "after"
    after.mkdir()
    for name, data in left.items():
        (after / name).write_bytes(data)
    try:
        journal = SqliteJournal(after / "journal.db")
    except JournalDamaged:
        assert not confirmed, "the journal cannot be opened, though the disk had confirmed rows"
        return written, 0
    with journal:
        have = [record.seq for record in journal.read()]
        assert have == list(range(1, len(have) + 1))
        assert set(confirmed) <= set(have)
        lost = written - len(have)
        assert [(damage.first, damage.last) for damage in journal.opened.damage] == (
            [(len(have) + 1, written)] if lost else []
        )
        if lost:
            assert journal.acknowledge().ok
        assert journal.verify().ok
    return lost, len(confirmed)


@pytest.mark.parametrize("big", [False, True])
def test_power_failure_costs_only_a_suffix_that_nobody_confirmed_and_it_is_counted(
    tmp_path: Path, big: bool
) -> None:
    results = [lose_power(tmp_path / f"{seed}", seed, big=big) for seed in range(12)]
    assert sum(lost for lost, _ in results) > 0, "no row was lost: the test tests nothing"
    assert sum(confirmed for _, confirmed in results) > 10


@pytest.mark.faults
@pytest.mark.parametrize("big", [False, True])
def test_two_hundred_power_failures_lose_nothing_that_was_confirmed(
    tmp_path: Path, big: bool
) -> None:
    results = [lose_power(tmp_path / f"{seed}", 1_000 + seed, big=big) for seed in range(200)]
    assert sum(confirmed for _, confirmed in results) > 500
