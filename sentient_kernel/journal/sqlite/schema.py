"""The tables of the SQLite journal, how a connection to them is opened, and how older files are
brought up to date.

A row of ``events`` is what a step costs, so it is small: its run and its kind are numbers (``runs``
and ``kinds`` say which), its time counts from the birth of the journal. ``spans`` is a coarse
index: it says in which blocks of 64 neighbouring rows a run (key > 0) or a kind (key < 0) occurs at
all. A run that writes alone costs one entry for 64 rows instead of 64, and one that writes among a
thousand others is found by reading 64 rows for each of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import apsw

from sentient_kernel.errors import ConfigurationError, JournalTooNew, JournalUnusable
from sentient_kernel.events import TRANSIENT, classes
from sentient_kernel.files.regular import open_regular
from sentient_kernel.files.sqlite import harden, transaction

APPLICATION_ID: Final = 0x53454E54  # "SENT"
BLOCK: Final = 64
FLOOR: Final = 3_051_003
"""The first SQLite that cannot lose committed rows when two connections write and checkpoint at
once (sqlite.org/wal.html).
"""

_PRAGMAS: Final = (
    "PRAGMA cell_size_check=ON",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA journal_size_limit=16777216",
)
_SYNCHRONOUS: Final = {"NORMAL": "PRAGMA synchronous=NORMAL", "FULL": "PRAGMA synchronous=FULL"}

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
    chain BLOB NOT NULL, body BLOB NOT NULL, mark BLOB);
CREATE TABLE spans(key INTEGER NOT NULL, block INTEGER NOT NULL, PRIMARY KEY(key, block)) WITHOUT \
ROWID;
CREATE TABLE keys(key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE leases(
    run TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL, beat INTEGER NOT NULL, ttl \
INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE gaps(first INTEGER PRIMARY KEY, last INTEGER NOT NULL, at INTEGER NOT NULL, what TEXT \
NOT NULL);
CREATE VIEW readable AS
    SELECT e.seq, r.id AS run, datetime((b.value + e.at) / 1000000.0, 'unixepoch', 'subsec') AS at,
           k.name AS kind, CAST(e.body AS TEXT) AS body
    FROM events e JOIN runs r ON r.no = e.run JOIN kinds k ON k.code = e.kind JOIN meta b ON \
b.name = 'born';
"""


def _add_marks(connection: apsw.Connection) -> None:
    """To version 2: rows carry a mark of who wrote them. Those that are there have none, and so
    come from elsewhere.
    """
    connection.execute("ALTER TABLE events ADD COLUMN mark BLOB")


MIGRATIONS: Final[tuple[Callable[[apsw.Connection], None], ...]] = (_add_marks,)
"""``MIGRATIONS[n]`` takes a file from version n + 1 to n + 2; each runs inside one transaction,
after a copy of the file was made.
"""

VERSION: Final = len(MIGRATIONS) + 1


def check_library(number: int | None = None) -> None:
    """Raises ConfigurationError when the SQLite that apsw carries may lose committed rows.

    Args:
        number: The version to judge, as SQLite's C source writes it; default: the one that is
            loaded.
    """
    have = apsw.SQLITE_VERSION_NUMBER if number is None else number
    if have < FLOOR:
        raise ConfigurationError(
            f"SQLite {have // 1_000_000}.{have // 1000 % 1000}.{have % 1000} can lose committed"
            " rows; 3.51.3 or later is needed.",
            hint="pip install --upgrade apsw",
        )


def connect(
    path: Path,
    *,
    synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
    readonly: bool = False,
    vfs: str | None = None,
) -> apsw.Connection:
    """Opens one connection; the path is taken as it is, whatever characters it holds.

    Args:
        path: The file.
        synchronous: ``NORMAL`` (survives the process) or ``FULL`` (survives the power).
        readonly: Whether the connection refuses to write. Where nobody can write, and no
            write-ahead log is there, the file is taken for one that does not change.
        vfs: The name of a registered SQLite VFS to go through; default: the system's.

    Raises:
        apsw.Error: whatever SQLite says; callers translate it.
    """
    connection = apsw.Connection(
        str(path),
        flags=apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE,
        vfs=vfs,
    )
    try:
        harden(connection)
        if readonly and not _opens(connection) and not path.with_name(f"{path.name}-wal").exists():
            connection.close()
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            connection = apsw.Connection(f"{path.as_uri()}?immutable=1", flags=flags, vfs=vfs)
            harden(connection)
        connection.set_busy_timeout(10_000)
        connection.wal_autocheckpoint(0)
        if readonly:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        for statement in (*_PRAGMAS, _SYNCHRONOUS[synchronous]):
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path, *, vfs: str | None = None) -> apsw.Connection:
    """Opens a connection that only reads; a file of version 1 that nobody has brought up to date
    reads as one of today.

    Args:
        path: The file.
        vfs: As for :func:`connect`.

    Raises:
        apsw.Error: whatever SQLite says; callers translate it.
    """
    connection = connect(path, readonly=True, vfs=vfs)
    try:
        if connection.pragma("user_version") == 1:
            connection.execute("CREATE TEMP VIEW events AS SELECT *, NULL AS mark FROM main.events")
    except BaseException:
        connection.close()
        raise
    return connection


def let_go(connection: apsw.Connection) -> None:
    """Closes a connection. The last one moves the log into the file; when the disk does not take
    it, the log stays and nothing is lost.
    """
    try:
        connection.close()
    except apsw.Error:
        return


def _opens(connection: apsw.Connection) -> bool:
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except (
        apsw.CantOpenError,
        apsw.ReadOnlyError,
    ):
        # the shared memory of the log cannot be made here
        return False
    return True


def prepare(
    connection: apsw.Connection, path: Path, born: int, made: Callable[[bytes], None]
) -> bool:
    """Makes the tables of a new file, or brings an older file up to date; a file that is current is
    only looked at.

    Args:
        connection: A connection that may write.
        path: The file, of which a copy is made before a migration.
        born: The time that rows of a new file count from, in microseconds since 1970.
        made: Told the eight bytes that a new journal is known by, before anybody else can see the
            tables.

    Returns:
        True when the tables are new.

    Raises:
        JournalTooNew: The file was written by a later version.
        JournalUnusable: It is a database of another program.
    """
    found = _version_of(connection, path)
    if found == VERSION:
        return False
    if found:
        _copy(connection, path.with_name(f"{path.name}.v{found}"))
    with transaction(connection):
        found = _version_of(connection, path)  # another process may have been first
        if not found:
            journal = os.urandom(8)
            connection.execute(CREATE)
            connection.execute(
                "INSERT INTO meta VALUES ('born', ?), ('id', ?), ('checkpoints', 0)",
                (born, journal),
            )
            connection.pragma("application_id", APPLICATION_ID)
            made(journal)
        else:
            for migrate in MIGRATIONS[found - 1 :]:
                migrate(connection)
        connection.pragma("user_version", VERSION)
    try:
        # the file itself says from now on what it is
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except apsw.BusyError:
        pass  # another process is at it
    return not found


def _version_of(connection: apsw.Connection, path: Path) -> int:
    """Returns the version of the tables, 0 for a file that has none yet."""
    found = int(connection.pragma("user_version"))
    if not found and not connection.execute("SELECT count(*) FROM sqlite_schema").get:
        return 0
    if connection.pragma("application_id") != APPLICATION_ID:
        raise JournalUnusable(
            f"{path} is a database of another program.", hint="Choose another path."
        )
    if found > VERSION:
        raise JournalTooNew(
            f"{path} has version {found} of the journal's format; this program writes version"
            f" {VERSION}.",
            hint="It can be read as it is; to go on with it, install the later sentient-kernel.",
        )
    return found


def _copy(connection: apsw.Connection, target: Path) -> None:
    """Copies a journal as it stands, through SQLite, so that what is in its write-ahead log comes
    along.

    It is written under a name that nobody knows before, and then put in its place: what stands
    there may be a link to a file elsewhere.
    """
    place = target.with_name(f"{target.name}.{os.urandom(8).hex()}")
    os.close(open_regular(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    try:
        copy = apsw.Connection(str(place))
        try:
            with copy.backup("main", connection, "main") as backup:
                backup.step()
        finally:
            copy.close()
        os.replace(place, target)
    except BaseException:
        place.unlink(missing_ok=True)
        raise


def add_kinds(connection: apsw.Connection) -> None:
    """Adds the kinds that this version knows and the file does not; numbers in use never change."""
    have = {name for (name,) in connection.execute("SELECT name FROM kinds")}
    missing = [(name,) for name in classes() if name not in have and name not in TRANSIENT]
    if missing:
        with transaction(connection):
            connection.executemany("INSERT OR IGNORE INTO kinds(name) VALUES (?)", missing)
