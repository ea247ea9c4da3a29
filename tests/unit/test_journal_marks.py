"""Rows say who wrote them: this installation, another one, or a file that was opened."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import pytest
from journal_kit import RUN, bound, fill, note, tamper

from sentient_kernel.errors import JournalDamaged, Refused
from sentient_kernel.events import ApprovalDecided, Fact, Record, RunStarted
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import SqliteJournal, repair
from sentient_kernel.journal.sqlite.commit import link
from sentient_kernel.journal.sqlite.watermark import HeadFile, head_path

OURS, THEIRS = b"o" * 32, b"t" * 32


def write(path: Path, facts: Sequence[Fact], *, key: bytes = OURS, run: RunId = RUN) -> None:
    async def main() -> None:
        with SqliteJournal(path, key=key) as journal:
            bound(journal)
            await journal.append(run, facts)

    asyncio.run(main())


def origins(path: Path, key: bytes = OURS, **options: Any) -> list[str]:
    with SqliteJournal(path, key=key, **options) as journal:
        return [record.origin for record in journal.read()]


def forge(path: Path, run: RunId, kind: str, body: bytes) -> None:
    """Appends a row as anybody can who may write to the file: with a chain hash that is right, and
    the mark of the row before.
    """
    database = apsw.Connection(str(path))
    seq, chain, at, mark = database.execute(
        "SELECT seq, chain, at, mark FROM events ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    born, journal = (
        database.execute("SELECT value FROM meta WHERE name = ?", (name,)).get
        for name in ("born", "id")
    )
    code = database.execute("SELECT code FROM kinds WHERE name = ?", (kind,)).get
    number = database.execute("SELECT no FROM runs WHERE id = ?", (run,)).get
    chain = link(chain, seq + 1, at + born + 1, code, run.encode(), body)
    database.execute(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)",
        (seq + 1, number, code, at + 1, chain, body, mark),
    )
    for key in (number, -code):
        database.execute("INSERT OR IGNORE INTO spans VALUES (?, ?)", (key, (seq + 1) // 64))
    database.close()
    head = HeadFile(head_path(path), journal)
    head.write(seq + 1, chain)
    head.write(seq + 1, chain)
    head.close()


def as_version_1(path: Path) -> None:
    """Makes the file what the version before marks would have written."""
    tamper(path, "ALTER TABLE events DROP COLUMN mark")
    tamper(path, "PRAGMA user_version = 1")


def test_what_is_written_here_counts_here_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [note("one"), note("two")])
    assert origins(path) == ["", ""]
    assert origins(path, THEIRS) == ["elsewhere", "elsewhere"]
    write(path, [note("three")], key=THEIRS)
    assert origins(path) == ["", "", "elsewhere"]
    assert origins(path, THEIRS) == ["elsewhere", "elsewhere", ""]


def test_a_home_that_was_copied_keeps_its_marks(tmp_path: Path) -> None:
    write(tmp_path / "here" / "journal.db", [note("one")])
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    assert origins(tmp_path / "there" / "journal.db") == [""]


def test_a_row_with_the_right_chain_and_a_borrowed_mark_is_foreign(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [RunStarted(workflow="w")])
    forge(path, RUN, "approval_decided", ApprovalDecided(approval="a", decision="approve").body())  # type: ignore[arg-type]
    with SqliteJournal(path, key=OURS) as journal:
        assert journal.verify().ok  # the chain does not prove who wrote a row,
        assert journal.verify().foreign == 1  # and the verdict says so
    assert origins(path) == ["", "elsewhere"]


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE events SET body = CAST(\'{"message":"2"}\' AS BLOB) WHERE seq = 2',
        "UPDATE events SET at = at + 1 WHERE seq = 2",
        "UPDATE events SET kind = (SELECT code FROM kinds WHERE name = 'run_paused') WHERE seq = 2",
        "UPDATE events SET chain = zeroblob(8) WHERE seq = 2",
        "UPDATE events SET mark = (SELECT mark FROM events WHERE seq = 1) WHERE seq = 2",
        "UPDATE events SET mark = NULL WHERE seq = 2",
        "UPDATE events SET mark = 'text' WHERE seq = 2",
        "UPDATE events SET seq = 9 WHERE seq = 2",
    ],
)
def test_a_row_that_was_altered_or_moved_is_foreign(tmp_path: Path, change: str) -> None:
    path = tmp_path / "journal.db"
    write(path, [note("one"), note("two")])
    tamper(path, change)
    assert origins(path, readonly=True) == ["", "elsewhere"]


@pytest.mark.parametrize(
    "changes",
    [
        ["UPDATE runs SET id = '0190c0de-0000-7000-8000-00000000000b'"],
        ["UPDATE meta SET value = value - 1 WHERE name = 'born'"],
        [
            "UPDATE kinds SET name = 'x' WHERE name = 'progress_updated'",
            "UPDATE kinds SET name = 'progress_updated' WHERE name = 'run_paused'",
            "UPDATE kinds SET name = 'run_paused' WHERE name = 'x'",
        ],
    ],
    ids=["another run's id", "another time to count from", "another kind's number"],
)
def test_what_a_row_borrows_from_other_tables_is_covered(
    tmp_path: Path, changes: list[str]
) -> None:
    path = tmp_path / "journal.db"
    write(path, [note("one")])
    for change in changes:
        tamper(path, change)
    assert origins(path, readonly=True) == ["elsewhere"]


def test_adopted_rows_come_from_a_file_and_stay_so(tmp_path: Path) -> None:
    async def main() -> None:
        with SqliteJournal(tmp_path / "journal.db", key=OURS) as journal:
            told = bound(journal)
            theirs = Record(Seq(0), RunId("r"), 7, "run_started", RunStarted(workflow="w").body())
            await journal.adopt(lambda first: [theirs])
            await journal.append(RunId("r"), [note("mine")])
            assert [record.origin for record in told] == ["file", ""]
            assert journal.read() == told

    asyncio.run(main())
    assert origins(tmp_path / "journal.db") == ["file", ""]


def test_a_home_of_the_version_before_opens_and_its_rows_have_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [note("one"), note("two")])
    as_version_1(path)
    assert origins(path, readonly=True) == ["elsewhere"] * 2
    assert origins(path) == ["elsewhere"] * 2
    write(path, [note("three")])
    assert origins(path) == ["elsewhere", "elsewhere", ""]
    with SqliteJournal(path) as journal:
        assert journal.verify().ok
    copy = apsw.Connection(f"{path}.v1")
    assert copy.execute("SELECT count(*) FROM events").get == 2
    copy.close()


def test_repair_carries_marks_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal.db"
    fill(path, 300)
    write(path, [note("x")], key=THEIRS)
    tamper(path, "UPDATE events SET body = CAST('{}' AS BLOB) WHERE seq = 150")
    assert repair(path, tmp_path / "saved.db").rows == 300
    with SqliteJournal(tmp_path / "saved.db") as journal:
        found = [record.origin for record in journal.read()]
    assert (set(found[:-1]), found[-1]) == ({""}, "elsewhere")


def test_repair_of_a_file_of_the_version_before_saves_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 30)
    as_version_1(path)
    assert repair(path, tmp_path / "saved.db").rows == 30
    assert set(origins(tmp_path / "saved.db", readonly=True)) == {"elsewhere"}


# -- taking a journal for one's own ----------------------------------------------------------------


def test_trust_marks_what_was_seen_as_own(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [note(str(n)) for n in range(200)], key=THEIRS)
    write(path, [note("mine")])
    with SqliteJournal(path, key=OURS) as journal:
        assert journal.trust(journal.newest()) == 200
        assert journal.trust(journal.newest()) == 0
        assert journal.verify() == replace(journal.verify(), foreign=0, damage=())
    assert set(origins(path)) == {""}
    write(path, [note("later")], key=THEIRS)
    assert origins(path)[-1] == "elsewhere"


def test_trust_covers_no_row_that_came_after_the_look(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [note("one")], key=THEIRS)
    with SqliteJournal(path, key=OURS) as journal:
        seen = journal.newest()
        write(path, [note("two")], key=THEIRS)
        assert journal.trust(seen) == 1
    assert origins(path) == ["", "elsewhere"]


def test_trust_refuses_a_journal_that_is_not_what_was_written_or_seen(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    write(path, [note("one"), note("two"), note("three")], key=THEIRS)
    with SqliteJournal(path, key=OURS) as journal:
        seen = journal.newest()
        with pytest.raises(Refused, match="changed"):
            journal.trust(seen._replace(chain=b"12345678"))
        tamper(path, "UPDATE events SET body = CAST('{}' AS BLOB) WHERE seq = 2")
        with pytest.raises(JournalDamaged, match="Row 2"):
            journal.trust(seen)
    assert set(origins(path, readonly=True)) == {"elsewhere"}
