"""Damage is reported, never papered over (F11, F12, F13); what can be saved is saved; an
acknowledged row survives the process (P1).
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from killed_journal import Killed, leave_behind

from sentient_kernel.errors import JournalDamaged, JournalError
from sentient_kernel.journal import SqliteJournal, repair

ROWS = 400
PAGE = 4096


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """A journal whose newest rows are in the log only, because its process was killed."""
    left = leave_behind(tmp_path_factory.mktemp("killed"), ROWS)
    assert left.acknowledged == list(range(1, ROWS + 1))
    assert (left.home / "journal.db-wal").stat().st_size > 100_000
    return left


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, killed: Killed) -> Path:
    """The same journal, closed, so that all rows are in the main file."""
    path = killed.copy(tmp_path_factory.mktemp("moved") / "home")
    SqliteJournal(path).close()
    assert not path.with_name("journal.db-wal").exists()
    return path


def messages(journal: SqliteJournal) -> list[str]:
    return [record.event.message for record in journal.read(kinds=["progress_updated"])]


WRITTEN = [f"{n} {'x' * 20}" for n in range(2, ROWS + 1)]


def test_journal_of_a_killed_process_opens_whole(killed: Killed, tmp_path: Path) -> None:
    with SqliteJournal(killed.copy(tmp_path / "home")) as journal:
        assert journal.opened.ok
        assert journal.verify().ok
        assert journal.head() == ROWS
        assert messages(journal) == WRITTEN


@pytest.mark.parametrize("full_every", [0, 5])
def test_acknowledged_rows_survive_kill_9(tmp_path: Path, full_every: int) -> None:
    for attempt in range(5):
        left = leave_behind(
            tmp_path / f"{attempt}", 100_000, full_every=full_every, kill_after=40 + 90 * attempt
        )
        with SqliteJournal(left.home / "journal.db") as journal:
            assert journal.verify().ok
            have = [record.seq for record in journal.read()]
            assert have == list(range(1, len(have) + 1))
            assert len(have) >= left.acknowledged[-1]


def cut(log: bytes, chance: random.Random) -> bytes:
    return log[: chance.randrange(len(log))]


def flip(log: bytes, chance: random.Random) -> bytes:
    bit = chance.randrange(len(log) * 8)
    return log[: bit // 8] + bytes([log[bit // 8] ^ 1 << bit % 8]) + log[bit // 8 + 1 :]


@pytest.mark.parametrize("damage", [cut, flip])
def test_damaged_log_leaves_a_prefix_and_the_missing_tail_is_reported(
    killed: Killed, tmp_path: Path, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    chance = random.Random(11)
    seen: Counter[str] = Counter()
    for _ in range(200):
        path = killed.copy(tmp_path / "home")
        log = path.with_name("journal.db-wal")
        log.write_bytes(damage(log.read_bytes(), chance))
        with SqliteJournal(path) as journal:
            records = journal.read()
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            assert messages(journal) == WRITTEN[: max(len(records) - 1, 0)]
            lost = ROWS - len(records)
            if not lost:
                assert journal.opened.ok
                seen["whole"] += 1
                continue
            assert [(found.first, found.last) for found in journal.opened.damage] == [
                (len(records) + 1, ROWS)
            ]
            assert "journal.db-wal" in journal.opened.damage[0].what
            assert not journal.verify().ok
            seen["reported"] += 1
    assert seen["reported"] >= 100, seen


def test_rows_behind_a_flipped_bit_are_saved_by_a_repair(killed: Killed, tmp_path: Path) -> None:
    chance = random.Random(5)
    more = 0
    for n in range(8):
        path = killed.copy(tmp_path / "home")
        log = path.with_name("journal.db-wal")
        log.write_bytes(flip(log.read_bytes(), chance))
        with SqliteJournal(path) as journal:
            reachable = len(journal.read())
        before = {
            file.name: file.read_bytes()
            for file in path.parent.iterdir()
            if file.suffix != ".db-shm"
        }
        saved = repair(path, tmp_path / f"saved-{n}.db")
        assert {
            file.name: file.read_bytes()
            for file in path.parent.iterdir()
            if file.suffix != ".db-shm"
        } == before
        assert saved.rows >= reachable
        more += saved.rows > reachable
        with SqliteJournal(tmp_path / f"saved-{n}.db") as journal:
            assert journal.verify().ok
            assert len(journal.read()) == saved.rows
            assert set(messages(journal)) <= set(WRITTEN)
            assert journal.runs()[0].workflow == "w"
            assert saved.rows + sum(lost.last - lost.first + 1 for lost in saved.lost) == ROWS
    assert more, "no flipped bit hid rows: the test tests nothing"


def zero_last_page(data: bytearray) -> None:
    data[-PAGE:] = bytes(PAGE)


def cut_half_a_page(data: bytearray) -> None:
    del data[-PAGE // 2 :]


def flip_a_byte_of_the_header(data: bytearray) -> None:
    data[2] ^= 0xFF


def flip_the_page_size(data: bytearray) -> None:
    data[16] ^= 0x08


def scramble_a_page_of_rows(data: bytearray) -> None:
    start = next(
        at
        for at in range(PAGE, len(data), PAGE)
        if data[at] == 0x0D and data.find(b"2 xxxx", at, at + PAGE) > 0
    )
    data[start : start + PAGE] = random.Random(2).randbytes(PAGE)


def change_a_letter(data: bytearray) -> None:
    at = data.find(b'"200 xxxx') + 6
    data[at] = ord("y")


def drop_the_root_of_the_rows(data: bytearray) -> None:
    start = next(at for at in range(PAGE, len(data), PAGE) if data[at] == 0x05)
    data[start : start + PAGE] = bytes(PAGE)


DAMAGES = [
    zero_last_page,
    cut_half_a_page,
    flip_a_byte_of_the_header,
    flip_the_page_size,
    scramble_a_page_of_rows,
    change_a_letter,
    drop_the_root_of_the_rows,
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_main_file_is_found_and_every_readable_row_is_saved(
    moved: Path, tmp_path: Path, damage: Callable[[bytearray], None]
) -> None:
    path = tmp_path / "home" / "journal.db"
    shutil.copytree(moved.parent, path.parent)
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)
    found = []
    try:
        with SqliteJournal(path) as journal:
            found += [*journal.opened.damage, *journal.verify().damage]
    except JournalDamaged as error:
        found.append(error)
        assert "repair" in str(error)
    assert found
    saved = repair(path, tmp_path / "saved.db")
    with SqliteJournal(tmp_path / "saved.db") as journal:
        assert journal.verify().ok
        records = journal.read()
        assert len(records) == saved.rows
        for record in records:
            assert record.seq == 1 or record.event.message == WRITTEN[record.seq - 2]
    lost = sum(stretch.last - stretch.first + 1 for stretch in saved.lost)
    assert saved.rows + lost == ROWS
    rows_of_a_page = 70
    assert lost <= rows_of_a_page, saved.lost


@pytest.mark.parametrize("gone", ["journal.db-wal", "journal.head"])
def test_missing_companion_file_is_named(killed: Killed, tmp_path: Path, gone: str) -> None:
    path = killed.copy(tmp_path / "home")
    path.with_name(gone).unlink()
    with SqliteJournal(path) as journal:
        assert not journal.opened.ok
        assert gone in journal.opened.damage[0].what
        assert len(journal.read()) <= ROWS


def test_journal_copied_without_its_log_and_head_is_found(killed: Killed, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    shutil.copy(killed.home / "journal.db", tmp_path / "copy" / "journal.db")
    with SqliteJournal(tmp_path / "copy" / "journal.db") as journal:
        (damage,) = journal.opened.damage
        assert "journal.head" in damage.what
        assert "journal.db-wal" in damage.what


def test_lost_shared_memory_costs_nothing(killed: Killed, tmp_path: Path) -> None:
    path = killed.copy(tmp_path / "home")
    shutil.copy(killed.home / "journal.db-shm", path.with_name("journal.db-shm"))
    os.truncate(path.with_name("journal.db-shm"), 100)
    with SqliteJournal(path) as journal:
        assert journal.opened.ok
        assert journal.head() == ROWS


def test_junk_is_refused_in_a_sentence(tmp_path: Path) -> None:
    chance = random.Random(1)
    magic = b"SQLite format 3\0"
    for n, junk in enumerate(
        [b"x", chance.randbytes(5000), magic + chance.randbytes(9000), magic + bytes(9000)]
    ):
        path = tmp_path / f"{n}.db"
        path.write_bytes(junk)
        with pytest.raises(JournalError):
            SqliteJournal(path)
        assert path.read_bytes() == junk
        with pytest.raises(JournalDamaged, match="no row"):
            repair(path, tmp_path / f"{n}-saved.db")
