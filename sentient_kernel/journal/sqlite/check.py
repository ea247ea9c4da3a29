"""Verifies the journal: hash chain and head record tell if rows are missing or altered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from struct import error as StructError
from typing import Any, Final

import apsw

from sentient_kernel.events import Record, RunCompleted, StepCompleted
from sentient_kernel.ids import Seq
from sentient_kernel.journal.base import Damage, Verdict
from sentient_kernel.journal.blobs import BlobStore
from sentient_kernel.journal.sqlite.check_rows import Gap, check_rows, false_gaps, unknown_row
from sentient_kernel.journal.sqlite.commit import link
from sentient_kernel.journal.sqlite.schema import BLOCK
from sentient_kernel.journal.sqlite.watermark import Head, head_path

RECENT: Final = 1_000
"""Rows that are looked at when a journal is opened."""

_HOLDS: Final = re.compile(rb'^\{(?:"key":"[^"]*",)?"blob":"([0-9a-f]{64})"')
_POINTS: Final = re.compile(rb'(?:^\{"blob"|"document"):"([0-9a-f]{64})"')
_COLUMNS: Final = "SELECT seq, run, kind, at, chain, body FROM events"
_UNINDEXED: Final = """
SELECT count(*) FROM (
    SELECT * FROM (SELECT DISTINCT run, seq / :size FROM events EXCEPT SELECT key, block FROM spans)
    UNION ALL SELECT * FROM (SELECT DISTINCT -kind, seq / :size FROM events
                             EXCEPT SELECT key, block FROM spans))"""


def check(
    connection: apsw.Connection, path: Path, head: Head | None, *, full: bool, had_wal: bool = True
) -> Verdict:
    """Checks a journal.

    Args:
        connection: A connection that nobody else uses meanwhile; it reads one moment of the file.
        path: The journal, for the messages.
        head: The head record, read *before* this call: a journal that is being written is then
            ahead of it, never behind.
        full: Whether to look at every row and at SQLite's own structures, or at the last 1,000
            rows.
        had_wal: Whether the write-ahead log was there before the journal was opened.

    Returns:
        How many rows are there, how far the journal went, and what is wrong with it that nobody has
        acknowledged.
    """
    damage: list[Damage] = []
    false: list[Damage] = []
    rows = newest = 0
    gaps: list[Gap] = []
    try:
        connection.execute("BEGIN")
        gaps += connection.execute("SELECT first, last, what FROM gaps")
        newest = int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").get)
        damage += _against_head(
            connection, path, head, max([newest, *(last for _, last, _ in gaps)]), had_wal
        )
        damage += _along_chain(connection, 0 if full else max(0, newest - RECENT))
        if full:
            false = list(false_gaps(gaps, damage, newest, head_path(path).name))
            damage += check_rows(
                connection, gaps, tuple(damage), max(newest, head.seq if head else 0)
            )
            damage += _structure(connection)
        rows = int(connection.execute("SELECT count(*) FROM events").get) if full else newest
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.TooBigError) as error:
        damage.append(
            Damage(
                Seq(0),
                Seq(0),
                f"{path.name} is damaged so that SQLite cannot read all of it: {error}.",
            )
        )
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return Verdict(rows, Seq(max(newest, head.seq if head else 0)), (*_open(damage, gaps), *false))


def _open(damage: Iterable[Damage], gaps: list[Gap]) -> Iterator[Damage]:
    """Leaves out what somebody has acknowledged."""
    for one in damage:
        if not one.first or not any(
            first <= one.first and one.last <= last for first, last, _ in gaps
        ):
            yield one


def _against_head(
    connection: apsw.Connection, path: Path, head: Head | None, newest: int, had_wal: bool
) -> Iterator[Damage]:
    """Compares with the head record: does the journal go as far as it went?"""
    record, wal = head_path(path).name, f"{path.name}-wal"
    if head is None:
        what = (
            f"{record} is missing or unreadable: {path.name} was copied without it, and perhaps"
            f" without {wal};"
        )
        yield Damage(Seq(0), Seq(0), f"{what} rows behind {newest} may be lost.")
        return
    if head.journal != connection.execute("SELECT value FROM meta WHERE name = 'id'").get:
        yield Damage(
            Seq(0),
            Seq(0),
            f"{record} belongs to another journal than {path.name}; rows behind {newest} may be"
            " lost.",
        )
    elif head.seq > newest:
        why = (
            "was cut or altered, or the power failed"
            if had_wal
            else f"is missing: it was deleted, or {path.name} was copied without it"
        )
        lost = (
            f"Row {head.seq} is lost"
            if head.seq == newest + 1
            else f"Rows {newest + 1} to {head.seq} are lost"
        )
        yield Damage(Seq(newest + 1), Seq(head.seq), f"{lost}: {wal} {why}.")
    elif head.seq:
        found = connection.execute("SELECT chain FROM events WHERE seq = ?", (head.seq,)).fetchone()
        if found is not None and found[0] != head.chain:
            yield Damage(Seq(head.seq), Seq(head.seq), unknown_row(head.seq, record))


def _along_chain(connection: apsw.Connection, after: int) -> Iterator[Damage]:
    """Follows the chain; goes on behind rows that cannot be read."""
    names = {
        number: name.encode() for number, name in connection.execute("SELECT no, id FROM runs")
    }
    born = connection.execute("SELECT value FROM meta WHERE name = 'born'").get
    start = connection.execute(
        "SELECT seq, chain FROM events WHERE seq <= ? ORDER BY seq DESC LIMIT 1", (after,)
    ).fetchone()
    seq, chain = start or (0, b"")
    resumed = False
    while True:
        try:
            for row in connection.execute(f"{_COLUMNS} WHERE seq > ? ORDER BY seq", (seq,)):
                if row[0] > seq + 1:
                    yield Damage(
                        Seq(seq + 1),
                        Seq(row[0] - 1),
                        f"Rows {seq + 1} to {row[0] - 1} are missing.",
                    )
                elif not sound(row, chain, names, born):
                    yield Damage(Seq(row[0]), Seq(row[0]), f"Row {row[0]} is not what was written.")
                seq, chain = row[0], row[4]
            return
        except apsw.CorruptError:
            behind = _readable_from(connection, seq)
            upto = f", up to {behind - 1}" if behind else ""
            yield Damage(
                Seq(seq + 1),
                Seq(max(behind - 1, seq + 1)),
                f"Rows from {seq + 1} cannot be read{upto}.",
            )
            if resumed or not behind:
                return
            resumed, seq, chain = True, behind - 2, b""


def sound(row: tuple[Any, ...], before: bytes, names: dict[int, bytes], born: int) -> bool:
    """Tells whether a row is what was written, given the chain hash of the row before.

    Args:
        row: seq, run, kind, at, chain, body as they are stored.
        before: The chain hash of the row before.
        names: The ids of runs by their numbers.
        born: The time that ``at`` counts from.
    """
    seq, run, kind, at, chain, body = row
    try:
        return bool(link(before, seq, at + born, kind, names[run], body) == chain)
    except (
        KeyError,
        TypeError,
        OverflowError,
        StructError,
    ):
        # what is stored is not of the types that were written
        return False


def _readable_from(connection: apsw.Connection, after: int) -> int:
    """Returns the first seq behind a damaged place, coming from the end; 0 when there is none."""
    lowest = 0
    try:
        for (seq,) in connection.execute(
            "SELECT seq FROM events WHERE seq > ? ORDER BY seq DESC", (after,)
        ):
            lowest = seq
    except apsw.CorruptError:
        pass
    return lowest


def _structure(connection: apsw.Connection) -> Iterator[Damage]:
    """Asks SQLite about its pages, and whether the index of runs and kinds knows every row."""
    for (line,) in connection.execute("PRAGMA integrity_check(5)"):
        if line != "ok":
            yield Damage(Seq(0), Seq(0), f"SQLite finds: {line}.")
    if missing := connection.execute(_UNINDEXED, {"size": BLOCK}).get:
        yield Damage(
            Seq(0),
            Seq(0),
            f"The index of runs and kinds lacks {missing} entries, so that reading one run may"
            " leave rows out.",
        )


def check_blobs(read: Callable[..., list[Record]], blobs: BlobStore) -> Iterator[Damage]:
    """Checks the values and snapshots that results and citations point to.

    Args:
        read: Reads the journal; asked for a thousand rows at a time.
        blobs: Where they are kept; all of them are read.
    """
    altered = set(blobs.altered())
    after = Seq(0)
    while rows := read(kinds=[StepCompleted.KIND, RunCompleted.KIND], after=after, limit=RECENT):
        for row in rows:
            pattern = _POINTS if row.kind == RunCompleted.KIND else _HOLDS
            for blob in dict.fromkeys(found.decode() for found in pattern.findall(row.body)):
                if blob in altered:
                    yield Damage(
                        row.seq,
                        row.seq,
                        f"The stored value {blob} that row {row.seq} points to was altered.",
                    )
                elif blob not in blobs:
                    yield Damage(
                        row.seq,
                        row.seq,
                        f"The stored value {blob} that row {row.seq} points to is missing.",
                    )
        after = rows[-1].seq
