"""Hardens SQLite files of strangers: no code in them runs, and their schema must be ours.

SQLite parses whatever schema it finds in a file (sqlite.org/security.html): triggers and views that
run when a table is touched, virtual tables, generated columns and indexes on expressions that call
functions. So a connection is hardened before its first statement, and the schema is compared, text
by text, with the one that this package makes, before any table is read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import apsw

from sentient_kernel.files.regular import is_absent_or_regular, open_regular

ENDINGS: Final = ("", "-wal", "-shm", "-journal")
ASIDE: Final = ".broken"
"""What a file that was set aside is called from then on; the last one is kept."""
_LIMITS: Final = (
    (apsw.SQLITE_LIMIT_LENGTH, 256 << 20),
    (apsw.SQLITE_LIMIT_SQL_LENGTH, 100_000),
    (apsw.SQLITE_LIMIT_COLUMN, 100),
    (apsw.SQLITE_LIMIT_EXPR_DEPTH, 100),
    (apsw.SQLITE_LIMIT_COMPOUND_SELECT, 20),
    (apsw.SQLITE_LIMIT_FUNCTION_ARG, 20),
    (apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
    (apsw.SQLITE_LIMIT_ATTACHED, 0),
    (apsw.SQLITE_LIMIT_TRIGGER_DEPTH, 1),
)
_SWITCHES: Final = (
    (apsw.SQLITE_DBCONFIG_DEFENSIVE, 1),
    (apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0),
    (apsw.SQLITE_DBCONFIG_ENABLE_VIEW, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DDL, 0),
    (apsw.SQLITE_DBCONFIG_DQS_DML, 0),
)
_NAMES_ANOTHER: Final = bytes.fromhex("d9d505f920a163d7")
"""How a rollback journal ends that names a super-journal: SQLite would read, and remove, the file
of that name (pager_delsuper).
"""
_MOST_ENTRIES: Final = 200


class Foreign(Exception):
    """A file is not one that this package made; the message says what is wrong, completing "PATH
    ...", in words of ours.
    """


class SchemaEntry(NamedTuple):
    """A line of SQLite's schema table."""

    type: str
    name: str
    table: str
    sql: str | None


Tables = frozenset[SchemaEntry]


def check_places(path: Path) -> None:
    """Looks at the places of a database, its logs and its shared memory before SQLite opens them.

    Args:
        path: The database.

    Raises:
        Foreign: At one of them is a link, a pipe or a device, or a log that names another file.
    """
    for ending in ENDINGS:
        place = path.with_name(path.name + ending)
        if not is_absent_or_regular(place) and not (ending == "" and os.path.isdir(place)):
            raise Foreign(
                f"cannot be opened: {place.name} is not a regular file, but a link or a device, or"
                " has another name elsewhere"
            )
    if _end_of(path.with_name(f"{path.name}-journal")) == _NAMES_ANOTHER:
        raise Foreign(
            f"cannot be opened: {path.name}-journal names another file, which this program never"
            " writes"
        )


def make_file(path: Path) -> None:
    """Makes an empty file (0600) for a database unless there is one.

    One that is there is not opened: POSIX drops the locks that this process's other connections
    hold on it when *any* handle on it is closed (sqlite.org/howtocorrupt.html, 2.2).

    Raises:
        OSError: It cannot be made.
    """
    if not os.path.lexists(path):
        with suppress(FileExistsError):
            os.close(open_regular(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))


def _end_of(path: Path) -> bytes:
    try:
        file = open_regular(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        os.lseek(file, max(0, os.fstat(file).st_size - len(_NAMES_ANOTHER)), os.SEEK_SET)
        return os.read(file, len(_NAMES_ANOTHER))
    finally:
        os.close(file)


def harden(connection: apsw.Connection) -> None:
    """Sets limits, and switches off what our own files never use; before the first statement, which
    reads the schema.
    """
    for switch, value in _SWITCHES:
        connection.config(switch, value)
    for limit, most in _LIMITS:
        connection.limit(limit, most)


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """Writes: all that is done meanwhile, or nothing where an exception leaves the block.

    What was read in it still holds when it writes: it has the lock of writers from its beginning,
    which ``with connection`` takes at the first statement that writes. (With ``transaction_mode``
    that does it too; it was suspected, not proved, to wait for other writers with Python's lock
    held.)
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def tables_of(connection: apsw.Connection) -> Tables:
    """Returns the schema of a file.

    Raises:
        Foreign: It holds more, or other things, than any file of ours.
        apsw.Error: It cannot be read.
    """
    if connection.execute("PRAGMA encoding").get != "UTF-8":
        raise Foreign("is in an encoding that this program never writes")
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema LIMIT ?", (_MOST_ENTRIES + 1,)
    ).fetchall()
    if len(rows) > _MOST_ENTRIES or not all(
        isinstance(part, str | None) for row in rows for part in row
    ):
        raise Foreign("holds tables that are not ours")
    # texts, as was just seen
    entries = frozenset(SchemaEntry(*row) for row in rows)  # type: ignore[arg-type]
    if len(entries) != len(rows):
        raise Foreign("holds tables that are not ours")
    return entries


def tables_made_by(make: Callable[[apsw.Connection], object]) -> Tables:
    """Returns the schema that something makes of an empty database."""
    connection = apsw.Connection(":memory:")
    try:
        make(connection)
        return tables_of(connection)
    finally:
        connection.close()


def inode_of(path: Path) -> int:
    """Returns which file is at a place; 0 when none is."""
    try:
        return os.lstat(path).st_ino
    except (OSError, ValueError):
        return 0


def set_aside(path: Path, inode: int, error: Exception) -> str:
    """Moves a file that can be made anew out of the way, where somebody may look at it.

    Args:
        path: The database. Where a link stands in its place, the link is moved, and what it leads
            to is not touched.
        inode: Which file was found wanting: when another process was faster, the new one in its
            place stays.
        error: What was found.

    Returns:
        A sentence that says so; empty when another process was faster.

    Raises:
        OSError: It cannot be moved.
    """
    if inode_of(path) != inode:
        return ""
    for ending in ENDINGS[1:]:
        path.with_name(path.name + ending).unlink(missing_ok=True)
    try:
        os.replace(path, path.with_name(path.name + ASIDE))
    except FileNotFoundError:
        return ""
    # what SQLite says may hold names out of the file
    what = str(error) if isinstance(error, Foreign) else "is damaged"
    return f"{path} {what}. It is called {path.name}{ASIDE} from now on, and a new one was begun."


def why(error: Exception) -> str:
    """Says in words what is wrong with a file that cannot be used this moment."""
    match error:
        case apsw.FullError():
            return "the disk is full"
        case apsw.BusyError() | apsw.LockedError():
            return "another process has kept it locked"
        case OSError():
            return str(error.strerror or error)
        case _:
            return str(error)


def hint(error: Exception, otherwise: str) -> str:
    """Says what to do: a file that cannot be written this moment is not to be deleted.

    Args:
        error: What SQLite, or the system, said.
        otherwise: What to do about a file that is broken.
    """
    match error:
        case apsw.FullError():
            return "Free some space, then try again; nothing that was confirmed is lost."
        case apsw.BusyError() | apsw.LockedError():
            return "Try again, or end that process."
        case (
            apsw.ReadOnlyError()
            | apsw.PermissionsError()
            | apsw.CantOpenError()
            | apsw.AuthError()
            | PermissionError()
        ):
            return "Check the permissions of the file and its folder."
        case apsw.IOError() | OSError():
            return "Check the disk; then try again."
        case _:
            return otherwise
