"""What a check finds, what it passes over when told, and that nobody writes behind damage
unknowingly.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import apsw
import pytest
from journal_kit import RUN, bound, fill, note, tamper

from sentient_kernel.clock import SystemClock
from sentient_kernel.errors import JournalDamaged
from sentient_kernel.events import RunCompleted, StepCompleted
from sentient_kernel.ids import RunId, Seq, StepKey
from sentient_kernel.journal import SqliteJournal, repair
from sentient_kernel.journal.base import Damage, Verdict
from sentient_kernel.journal.sqlite.commit import link
from sentient_kernel.testing import FakeClock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill(tmp_path / "journal.db", 100)
    return tmp_path / "journal.db"


def checked(path: Path, *, full: bool = True) -> Verdict:
    with SqliteJournal(path) as journal:
        return journal.verify(full=full)


def places(verdict: Verdict) -> list[tuple[int, int]]:
    return [(damage.first, damage.last) for damage in verdict.damage]


def test_sound_journal_has_nothing_wrong(path: Path) -> None:
    assert checked(path) == Verdict(100, Seq(100), ())


@pytest.mark.parametrize("column", ["run", "kind", "at", "chain", "body"])
def test_altered_row_is_named_whatever_was_altered(path: Path, column: str) -> None:
    other = {"run": 7, "kind": 3, "at": 12345, "chain": b"12345678", "body": b'{"message":"fake"}'}[
        column
    ]
    tamper(path, f"UPDATE events SET {column} = ? WHERE seq = 50", other)
    assert (50, 50) in places(checked(path))
    assert {first for first, _ in places(checked(path))} <= {0, 50, 51}


@pytest.mark.parametrize("value", [None, "text", 5, 2.5])
def test_value_of_a_wrong_type_is_found_and_never_taken_for_data(path: Path, value: object) -> None:
    column = "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE name = 'events'"
    tamper(path, f"PRAGMA writable_schema=ON; {column}", "body BLOB NOT NULL", "body BLOB")
    tamper(path, "UPDATE events SET body = ? WHERE seq = 50", value)
    tamper(path, f"PRAGMA writable_schema=ON; {column}", "body BLOB", "body BLOB NOT NULL")
    assert (50, 50) in places(checked(path))
    saved = repair(path, path.with_name("saved.db"))
    assert [(lost.first, lost.last) for lost in saved.lost] == [(50, 50)]
    with SqliteJournal(path.with_name("saved.db")) as journal:
        assert [record.event.message for record in journal.read()] == [
            f"{n}" for n in range(1, 101) if n != 50
        ]


def test_run_that_was_renamed_is_found(path: Path) -> None:
    tamper(path, "UPDATE runs SET id = 'another'")
    assert (1, 1) in places(checked(path))


def test_rows_that_were_deleted_are_named(path: Path) -> None:
    tamper(path, "DELETE FROM events WHERE seq BETWEEN 40 AND 44")
    assert places(checked(path)) == [(40, 44)]
    assert checked(path, full=False).damage == (
        Damage(Seq(40), Seq(44), "Rows 40 to 44 are missing."),
    )


def test_newest_rows_that_were_deleted_are_named(path: Path) -> None:
    tamper(path, "DELETE FROM events WHERE seq > 98")
    assert places(checked(path)) == [(99, 100)]
    assert checked(path).head == 100


def test_all_rows_deleted_is_no_empty_journal(path: Path) -> None:
    tamper(path, "DELETE FROM events")
    assert places(checked(path)) == [(1, 100)]


def test_quick_check_looks_at_the_newest_thousand_rows(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 1_200)
    tamper(path, "UPDATE events SET at = 1 WHERE seq IN (100, 1150)")
    assert places(checked(path, full=False)) == [(1150, 1150)]
    assert places(checked(path)) == [(100, 100), (1150, 1150)]


def test_index_that_leaves_rows_out_is_found(path: Path) -> None:
    tamper(path, "DELETE FROM spans WHERE block = 1 AND key > 0")
    (damage,) = checked(path).damage
    assert "index" in damage.what


def test_head_record_of_another_journal_is_found(path: Path, tmp_path: Path) -> None:
    fill(tmp_path / "other" / "journal.db", 10)
    shutil.copy(tmp_path / "other" / "journal.head", path.with_name("journal.head"))
    (damage,) = checked(path).damage
    assert "another journal" in damage.what


def test_newest_row_rewritten_with_a_chain_that_is_right_in_itself_is_found(path: Path) -> None:
    connection = apsw.Connection(str(path))
    (before,), (kind, at) = connection.execute(
        "SELECT chain FROM events WHERE seq = 99; SELECT kind, at FROM events WHERE seq = 100"
    )
    born = connection.execute("SELECT value FROM meta WHERE name = 'born'").get
    connection.close()
    forged = b'{"message":"forged"}'
    chain = link(before, 100, born + at, kind, RUN.encode(), forged)
    tamper(path, "UPDATE events SET body = ?, chain = ? WHERE seq = 100", forged, chain)
    (damage,) = checked(path).damage
    assert (damage.first, damage.last) == (100, 100)
    assert "journal.head" in damage.what


def test_damaged_journal_is_read_but_not_written_until_the_damage_is_acknowledged(
    path: Path,
) -> None:
    tamper(path, "DELETE FROM events WHERE seq > 95")

    async def main() -> None:
        with SqliteJournal(path, clock=FakeClock()) as journal:
            assert not journal.opened.ok
            assert len(journal.read()) == 95
            with pytest.raises(JournalDamaged, match="Rows 96 to 100 are lost"):
                bound(journal)
            assert journal.acknowledge().ok
            told = bound(journal)
            assert await journal.append(RUN, [note("after")]) == 101
            assert [record.seq for record in told] == [101]
            assert journal.verify().ok
            assert journal.verify().rows == 96

    asyncio.run(main())
    assert checked(path).ok
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT first, last FROM gaps").fetchall() == [(96, 100)]
    connection.close()


def test_acknowledged_damage_does_not_hide_new_damage(path: Path) -> None:
    tamper(path, "DELETE FROM events WHERE seq BETWEEN 40 AND 44")
    with SqliteJournal(path) as journal:
        assert journal.acknowledge().ok
    tamper(path, "DELETE FROM events WHERE seq IN (39, 70)")
    assert places(checked(path)) == [(39, 44), (70, 70)]


def test_missing_head_record_is_acknowledged_by_writing_a_new_one(path: Path) -> None:
    path.with_name("journal.head").unlink()
    with SqliteJournal(path) as journal:
        assert "journal.head" in journal.opened.damage[0].what
        assert journal.acknowledge().ok
    assert checked(path).ok


def test_acknowledging_a_sound_journal_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with SqliteJournal(path) as journal:
        assert journal.acknowledge().ok
    assert path.read_bytes() == before


def test_damage_to_the_file_itself_cannot_be_acknowledged_away(path: Path) -> None:
    data = bytearray(path.read_bytes())
    connection = apsw.Connection(str(path))
    page = connection.execute(
        "SELECT max(pageno) FROM dbstat WHERE name = 'events' AND pagetype = 'leaf'"
    ).get
    connection.close()
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    with SqliteJournal(path) as journal:
        with pytest.raises(JournalDamaged):
            journal.acknowledge()
        with pytest.raises(JournalDamaged):
            # refused before it is looked at
            journal.bind(None, lambda records: None)  # type: ignore[arg-type]


def test_repair_keeps_runs_keys_and_places(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main() -> None:
        with SqliteJournal(path) as journal:
            bound(journal)
            for n in range(200):
                unique = f"key {n}" if n % 10 == 0 else None
                await journal.append(
                    RunId(f"run-{n % 7}"), [note("x" * (n * 97 % 9000))], unique=unique
                )

    asyncio.run(main())
    saved = repair(path, tmp_path / "saved.db", clock=SystemClock())
    assert saved == (200, ())
    with SqliteJournal(path) as old, SqliteJournal(tmp_path / "saved.db") as new:
        assert new.read() == old.read()
        for n in range(7):
            assert new.read(run=RunId(f"run-{n}")) == old.read(run=RunId(f"run-{n}"))
        assert new.verify().ok
    tables = {}
    for name in ("journal.db", "saved.db"):
        connection = apsw.Connection(str(tmp_path / name))
        for table in ("runs", "keys", "kinds", "spans"):
            tables[name, table] = connection.execute(
                f"SELECT * FROM {table} ORDER BY 1, 2"
            ).fetchall()
        connection.close()
    for table in ("runs", "keys", "kinds", "spans"):
        assert tables["journal.db", table] == tables["saved.db", table]


def test_repair_writes_over_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "there.db").write_bytes(b"x")
    with pytest.raises(Exception, match="there already"):
        repair(path, tmp_path / "there.db")
    with pytest.raises(Exception, match="cannot be read"):
        repair(tmp_path / "none.db", tmp_path / "new.db")
    assert not (tmp_path / "new.db").exists()


def test_stored_values_that_rows_point_to_are_checked_too(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    ids = []

    async def main() -> None:
        with SqliteJournal(path) as journal:
            bound(journal)
            for n in range(3):
                ids.append(journal.blobs.put(f"value {n}".encode()))
                await journal.append(RUN, [StepCompleted(key=StepKey(f"{n}"), blob=ids[n])])
            document = journal.blobs.put(b"a snapshot")
            ids.append(document)
            await journal.append(RUN, [RunCompleted(result={"claims": [{"document": document}]})])
            assert journal.verify().ok

    asyncio.run(main())
    places = [path.parent / "blobs" / blob[:2] / blob[2:] for blob in ids]
    places[1].write_bytes(b"forged")
    places[2].unlink()
    places[3].unlink()
    found = checked(path).damage
    assert [(damage.first, damage.what.split()[-1]) for damage in found] == [
        (2, "altered."),
        (3, "missing."),
        (4, "missing."),
    ]
    assert all(blob in damage.what for blob, damage in zip(ids[1:], found, strict=True))
    assert checked(path, full=False).ok
