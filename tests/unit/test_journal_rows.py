"""A check covers every table: what stands beside the events says what they say, or is reported."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from journal_kit import bound, note, tamper

from sentient_kernel.events import ApprovalDecided, ApprovalRequested, RunCompleted, RunStarted
from sentient_kernel.ids import ApprovalId, RunId, StepKey, answer_key
from sentient_kernel.journal import SqliteJournal, repair
from sentient_kernel.journal.sqlite.check_rows import check_rows
from sentient_kernel.journal.sqlite.holders import machine
from sentient_kernel.journal.sqlite.leases import held
from sentient_kernel.journal.sqlite.schema import connect

A, B, CHILD = RunId("run-a"), RunId("run-b"), RunId("run-c")
ASKED = ApprovalId("a1")
NAMED = RunStarted(
    workflow="w", inputs={"args": [1], "kwargs": {}}, name="monday", session="s", user="u"
)
OTHER = RunStarted(
    workflow="w", inputs={"args": [2.5, "é"], "kwargs": {"x": [None]}}, name="monday"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    async def main() -> None:
        with SqliteJournal(tmp_path / "journal.db") as journal:
            bound(journal)
            lease, written = journal.begin(A, NAMED, ttl=30, unique=NAMED.key)
            await written
            await journal.append(A, [note(f"{n}") for n in range(150)], lease=lease)
            _, written = journal.begin(B, OTHER, ttl=30, unique=OTHER.key)
            await written
            await journal.append(CHILD, [RunStarted(workflow="child", parent=A)], lease=lease)
            await journal.append(
                A,
                [ApprovalRequested(approval=ASKED, key=StepKey("0" * 16), question="?")],
                lease=lease,
            )
            await journal.append(
                A,
                [ApprovalDecided(approval=ASKED, decision="approve")],
                unique=answer_key(A, ASKED),
            )
            await journal.append(A, [note("an opaque key")], unique="of somebody else")
            await journal.append(B, [RunCompleted(result=1)])
            assert journal.verify().ok, journal.verify()

    asyncio.run(main())
    return tmp_path / "journal.db"


def found(path: Path) -> list[str]:
    """Returns what a full check says, in an opened journal and in one that is only read; both say
    the same.
    """
    said = []
    for readonly in (False, True):
        with SqliteJournal(path, readonly=readonly) as journal:
            verdict = journal.verify()
            assert verdict.ok == (not verdict.damage)
            said.append([damage.what for damage in verdict.damage])
    assert said[0] == said[1]
    assert all(what.isprintable() and len(what) < 300 for what in said[0])
    return said[0]


def test_a_sound_journal_says_nothing(path: Path) -> None:
    assert found(path) == []


CONTRADICTIONS = {
    "a workflow": ("UPDATE runs SET workflow = 'other' WHERE id = 'run-a'", "another workflow"),
    "a name": ("UPDATE runs SET name = 'tuesday' WHERE id = 'run-a'", "another name"),
    "a name of two runs": ("UPDATE runs SET name = NULL WHERE id = 'run-b'", "another name"),
    "a parent": ("UPDATE runs SET parent = 'run-b' WHERE id = 'run-c'", "another parent"),
    "no parent": ("UPDATE runs SET parent = NULL WHERE id = 'run-c'", "another parent"),
    "a run as its own parent": ("UPDATE runs SET parent = id WHERE id = 'run-b'", "another parent"),
    "a session": (
        "UPDATE runs SET session = 'x' || char(27) WHERE id = 'run-a'",
        "another session",
    ),
    "a user": ("UPDATE runs SET user = 'another' WHERE id = 'run-a'", "another user"),
    "a beginning": ("UPDATE runs SET first = 7 WHERE id = 'run-b'", "does not begin"),
    "a run that never was": (
        "INSERT INTO runs(id, first, workflow) VALUES ('run-x', 3, 'w')",
        "run-x",
    ),
    "a run without an event": ("INSERT INTO runs(id, first) VALUES ('run-x', 3)", "does not begin"),
    "two kinds exchanged": (
        (
            "UPDATE kinds SET name = CASE name WHEN 'run_paused' THEN 'swap' ELSE name END;"
            "UPDATE kinds SET name = 'run_paused' WHERE name = 'run_continued';"
            "UPDATE kinds SET name = 'run_continued' WHERE name = 'swap'"
        ),
        "exchanged",
    ),
    "a kind called otherwise": (
        "UPDATE kinds SET name = 'run_sped_up' WHERE name = 'progress_updated'",
        "index|number",
    ),
    "a key that points elsewhere": (
        "UPDATE keys SET seq = 5 WHERE key LIKE 'name:monday%'",
        "not written under it",
    ),
    "two keys exchanged": (
        "UPDATE keys SET seq = 153 - seq WHERE key LIKE 'name:%'",
        "not written under it",
    ),
    "a key that points nowhere": (
        "UPDATE keys SET seq = 100000 WHERE key = 'of somebody else'",
        "not written under it",
    ),
    "a key of a text": (
        "UPDATE keys SET seq = 'x' WHERE key = 'of somebody else'",
        "not written under it",
    ),
    "an answer elsewhere": (
        "UPDATE keys SET seq = 2 WHERE key LIKE 'answer:%'",
        "not written under it",
    ),
    "an answer of another question": (
        "UPDATE keys SET key = 'answer:run-a:a2' WHERE key LIKE 'answer:%'",
        "not written under it",
    ),
    "a block too many": ("INSERT INTO spans VALUES (1, 4000)", "names 1 blocks"),
    "a block of a text": ("INSERT INTO spans VALUES ('x', 'y')", "names 1 blocks"),
    "a block too few": ("DELETE FROM spans WHERE block = 1 AND key > 0", "lacks"),
    "a loss that nobody had": ("INSERT INTO gaps VALUES (20, 30, 0, 'gone')", "are neither"),
    "a loss in the future": (
        "INSERT INTO gaps VALUES (100000, 200000, 0, 'gone')",
        "never went so far",
    ),
    "a holder that is a path": (
        "UPDATE leases SET holder = '../../thesis' WHERE run = 'run-a'",
        "whose name is not valid",
    ),
    "a holder of bytes": (
        "UPDATE leases SET holder = zeroblob(9) WHERE run = 'run-a'",
        "whose name is not valid",
    ),
    "a lease number": (
        "UPDATE leases SET token = 9223372036854775807 WHERE run = 'run-a'",
        "that no lease has",
    ),
    "a lease for ever": (
        "UPDATE leases SET ttl = 9223372036854775807 WHERE run = 'run-a'",
        "that no lease has",
    ),
    "a lease of a text": (
        "UPDATE leases SET beat = 'now' WHERE run = 'run-a'",
        "that no lease has",
    ),
    "a lease of a run that is a path": (
        "UPDATE leases SET run = '../x' WHERE run = 'run-a'",
        "whose id is not valid",
    ),
    "a word of itself": ("INSERT INTO meta VALUES ('trusted', 1)", "says something of itself"),
    "checkpoints": ("UPDATE meta SET value = 'many' WHERE name = 'checkpoints'", "checkpoints"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_contradicts_the_events_is_reported(path: Path, name: str) -> None:
    change, said = CONTRADICTIONS[name]
    tamper(path, change)
    told = found(path)
    assert any(part in what for what in told for part in said.split("|")), told


def test_a_kind_with_two_numbers_is_reported(path: Path) -> None:
    tamper(
        path,
        "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name ="
        " 'sqlite_autoindex_kinds_1'",
    )
    tamper(
        path,
        "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = replace(sql, ' UNIQUE', '')"
        " WHERE name = 'kinds'",
    )
    tamper(path, "INSERT INTO kinds VALUES (90, 'run_paused')")
    connection = connect(path)
    told = [damage.what for damage in check_rows(connection, [], [], 1_000)]
    connection.close()
    assert any("two numbers" in what for what in told)


def test_rows_with_a_chain_that_is_right_are_read_for_what_they_say(path: Path) -> None:
    with SqliteJournal(path) as journal:
        rows = journal.read()
    tamper(path, "UPDATE events SET body = CAST('{\"message\": 7}' AS BLOB) WHERE seq = 9")
    tamper(path, "UPDATE events SET kind = 999 WHERE seq = 11")
    connection = connect(path)
    told = {(damage.first, damage.what) for damage in check_rows(connection, [], [], len(rows))}
    connection.close()
    assert (9, "Row 9 does not hold a readable 'progress_updated' event.") in told
    assert any(seq == 11 for seq, _ in told)


def test_acknowledged_and_repaired_journals_say_nothing(path: Path, tmp_path: Path) -> None:
    tamper(path, "DELETE FROM events WHERE seq BETWEEN 40 AND 120 OR seq > 154")
    with SqliteJournal(path) as journal:
        assert not journal.verify().ok
        journal.acknowledge()
        assert journal.verify().ok, journal.verify()
    repair(path, tmp_path / "saved.db")
    with SqliteJournal(tmp_path / "saved.db") as journal:
        assert journal.verify().ok, journal.verify()


@pytest.mark.parametrize(
    "holder",
    [
        "",
        "x",
        "../x",
        "a.1.0123456789ab/../x",
        "a.1.0123456789AB",
        f"{'a' * 41}.1.0123456789ab",
        "a\0.1.0123456789ab",
        "a.1.0123456789ab\n",
        "é.1.0123456789ab",
        "*.1.0123456789ab",
        b"a.1.0123456789ab",
        None,
        7,
    ],
)
def test_a_holder_has_one_form(holder: object) -> None:
    assert held((holder, 1, 0, 1)).holder == ""
    assert held((f"{machine()}.1.0123456789ab", 1, 0, 1)).holder == f"{machine()}.1.0123456789ab"
