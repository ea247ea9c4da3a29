"""The tables of the SQLite journal, how a connection to them is opened, and how older files are brought up to date.

A row of ``events`` is what a step costs, so it is small: its run and its kind are numbers (``runs`` and ``kinds`` say which), its time
counts from the birth of the journal. ``spans`` is a coarse index: it says in which blocks of 32 neighbouring rows a run (key > 0) or a
kind (key < 0) occurs at all. A run that writes alone costs one entry for 32 rows instead of 32, and one that writes among a thousand
others is found by reading 32 rows for each of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw

from sentient_kernel.errors import ConfigurationError, JournalTooNew
from sentient_kernel.events import TRANSIENT, classes

APPLICATION_ID: Final = 0x53454E54  # "SENT"
BLOCK: Final = 32
FLOOR: Final = 3_051_003
"""The first SQLite that cannot lose committed rows when two connections write and checkpoint at once (sqlite.org/wal.html)."""

CREATE: Final = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE kinds(code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE runs(
    no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, first INTEGER NOT NULL,
    workflow TEXT, name TEXT, parent TEXT, session TEXT, user TEXT);
CREATE INDEX runs_by_name ON runs(name) WHERE name IS NOT NULL;
CREATE INDEX runs_by_parent ON runs(parent) WHERE parent IS NOT NULL;
CREATE TABLE events(
    seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, kind INTEGER NOT NULL, at INTEGER NOT NULL,
    chain BLOB NOT NULL, body BLOB NOT NULL);
CREATE TABLE spans(key INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY(key, block)) WITHOUT ROWID;
CREATE TABLE keys(key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE leases(
    run TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, beat INTEGER NOT NULL, ttl INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE gaps(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL);
CREATE VIEW readable AS
    SELECT e.seq, r.id AS run, datetime((SELECT value FROM meta WHERE name = 'born') / 1000000.0 + e.at / 1000000.0, 'unixepoch', 'subsec') AS at,
           k.name AS kind, CAST(e.body AS TEXT) AS body
    FROM events e JOIN runs r ON r.no = e.run JOIN kinds k ON k.code = e.kind;
"""

MIGRATIONS: Final[tuple[Callable[[apsw.Connection], None], ...]] = ()
"""``MIGRATIONS[n]`` takes a file from version n + 1 to n + 2; each runs inside one transaction, after a copy of the file was made."""

VERSION: Final = len(MIGRATIONS) + 1


def check_library(number: int | None = None) -> None:
    """Raises ConfigurationError when the SQLite that apsw carries may lose committed rows.

    Args:
        number: The version to judge, as SQLite's C source writes it; default: the one that is loaded.
    """
    have = apsw.SQLITE_VERSION_NUMBER if number is None else number
    if have < FLOOR:
        raise ConfigurationError(
            f"SQLite {have // 1_000_000}.{have // 1000 % 1000}.{have % 1000} can lose committed rows; 3.51.3 or later is needed.",
            hint="pip install --upgrade apsw",
        )


def connect(path: Path, *, synchronous: str = "NORMAL", readonly: bool = False, busy_ms: int = 10_000, vfs: str | None = None) -> apsw.Connection:
    """Opens one connection; the path is taken as it is, whatever characters it holds, and never as a URI.

    Args:
        path: The file; made when it is not there, unless ``readonly``.
        synchronous: ``NORMAL`` (survives the process) or ``FULL`` (survives the power).
        readonly: Whether the connection refuses to write.
        busy_ms: How long a statement waits for another writer.
        vfs: The name of a registered SQLite VFS to go through; default: the system's.

    Raises:
        apsw.Error: whatever SQLite says; callers translate it.
    """
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
    connection.set_busy_timeout(busy_ms)
    connection.wal_autocheckpoint(0)
    for statement in ("PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON", "PRAGMA temp_store=MEMORY", f"PRAGMA synchronous={synchronous}"):
        connection.execute(statement)
    return connection


def prepare(connection: apsw.Connection, path: Path, born: int, journal_id: bytes) -> None:
    """Makes the tables of a new file, or brings an older file up to date; a file that is current is only looked at.

    Args:
        connection: A connection that may write.
        path: The file, of which a copy is made before a migration.
        born: The time that rows of a new file count from, in microseconds since 1970.
        journal_id: Eight bytes that a new file is known by.

    Raises:
        JournalTooNew: The file was written by a later version.
    """
    if (found := version_of(connection)) == VERSION:
        _add_kinds(connection)
        return
    if found > VERSION:
        raise too_new(path, found)
    if found:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with connect(path.with_name(f"{path.name}.v{found}")) as copy, copy.backup("main", connection, "main") as backup:
            backup.step()
    connection.execute("BEGIN IMMEDIATE")
    with connection:  # a savepoint: what another process did meanwhile is seen now
        found = version_of(connection)
        if not found:
            connection.execute(CREATE)
            connection.execute("INSERT INTO meta VALUES ('born', ?), ('id', ?)", (born, journal_id))
            connection.pragma("application_id", APPLICATION_ID)
        for migrate in MIGRATIONS[max(found - 1, 0) if found else len(MIGRATIONS) :]:
            migrate(connection)
        connection.pragma("user_version", VERSION)
    connection.execute("COMMIT")
    _add_kinds(connection)


def version_of(connection: apsw.Connection) -> int:
    """Returns the version of the tables, 0 for a file that has none yet."""
    return int(connection.pragma("user_version"))


def too_new(path: Path, found: int) -> JournalTooNew:
    """Returns the error that says so."""
    return JournalTooNew(
        f"{path} has version {found} of the journal's format; this program writes version {VERSION}.",
        hint="It can be read as it is; to go on with it, install the later sentient-kernel.",
    )


def _add_kinds(connection: apsw.Connection) -> None:
    """Adds the kinds that this version knows and the file does not; numbers in use never change."""
    have = {name for (name,) in connection.execute("SELECT name FROM kinds")}
    missing = [(name,) for name in classes() if name not in have and name not in TRANSIENT]
    if missing:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR IGNORE INTO kinds(name) VALUES (?)", missing)
        connection.execute("COMMIT")
