"""The file of the cache: its tables, how a connection to it is opened, and how it is made anew when it is broken."""

from __future__ import annotations

import logging
import time
from functools import cache
from pathlib import Path

import apsw

from sentient_kernel.errors import SourceError
from sentient_kernel.files.sqlite import (
    Foreign,
    Tables,
    check_places,
    harden,
    hint,
    inode_of,
    make_file,
    set_aside,
    tables_made_by,
    tables_of,
    why,
)

VERSION = 2
PATIENCE = 30.0
"""Seconds that a write off the loop waits for other processes."""

BROKEN = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, apsw.SchemaChangeError, Foreign)
"""What says that the file is not what was written: damaged, or the tables of something else."""

# What a write costs is the pages that it changes. So there is no index of when entries were used: an id says it, as who is used gets the
# next one. And the sums are of the entries up to an id only; the few behind it are added up by who asks.
_ENTRIES = """
CREATE TABLE {0} (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    mark INTEGER NOT NULL, sign BLOB NOT NULL, file TEXT, data BLOB
);
CREATE INDEX {0}_file ON {0} (file) WHERE file IS NOT NULL;
"""
_SCHEMA = (
    _ENTRIES.format("entry")
    + _ENTRIES.format("imported")
    + """
CREATE TABLE total (
    id INTEGER PRIMARY KEY CHECK (id IN (1, 2)), entries INTEGER NOT NULL, bytes INTEGER NOT NULL, upto INTEGER NOT NULL, sign BLOB NOT NULL
);
INSERT INTO total VALUES (1, 0, 0, 0, X''), (2, 0, 0, 0, X'');
"""
)

log = logging.getLogger("sentient_kernel.cache")


@cache
def _tables() -> Tables:
    return tables_made_by(lambda db: db.execute(_SCHEMA).fetchall())


def connect(path: Path) -> apsw.Connection:
    """Opens a connection; whoever writes through it looks after checkpoints.

    Raises:
        Foreign: The file holds other tables than ours, or stands where no file of ours does.
        apsw.Error: It cannot be read.
    """
    check_places(path)
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        harden(db)
        db.set_busy_timeout(1_000)
        db.wal_autocheckpoint(0)
        for setting in ("cell_size_check=ON", "synchronous=NORMAL", "journal_size_limit=16777216"):
            db.execute(f"PRAGMA {setting}")
        found = tables_of(db)
        if found and (found != _tables() or db.pragma("user_version") != VERSION):
            raise Foreign("holds the tables of another version, of another program, or of somebody else")
    except BaseException:
        db.close()
        raise
    return db


def make(path: Path) -> int:
    """Makes the file and its tables unless they are there; moves away what is broken, or of another version.

    Args:
        path: The file, absolute.

    Returns:
        Which file it is, for :func:`same`.

    Raises:
        SourceError: It cannot be kept there.
    """
    give_up = time.monotonic() + PATIENCE
    moved, inode = False, 0
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_file(path)
            inode = inode_of(path)
            _prepare(path)
            return inode
        except apsw.BusyError as error:  # others are making it; SQLite does not wait for them in every place
            if time.monotonic() > give_up:
                raise _unusable(path, error) from error
            time.sleep(0.005)
        except BROKEN as error:
            if moved:
                raise _unusable(path, error) from error
            moved = True
            move_away(path, inode, error)
        except (apsw.Error, OSError, ValueError) as error:
            raise _unusable(path, error) from error


def move_away(path: Path, inode: int, error: Exception) -> None:
    """Puts a broken file, or one of somebody else, aside, and says so. Raises SourceError when it cannot be moved."""
    try:
        said = set_aside(path, inode, error)
    except OSError as refused:
        raise _unusable(path, refused) from error
    if said:
        log.warning("%s", said)


def _prepare(path: Path) -> None:
    db = connect(path)
    try:
        db.pragma("journal_mode", "wal")
        if db.pragma("user_version") == VERSION:
            return
        db.execute("BEGIN IMMEDIATE")
        if not tables_of(db):  # another process was not faster
            db.execute(_SCHEMA).fetchall()
            db.pragma("user_version", VERSION)
        db.execute("COMMIT")
    finally:
        db.close()


def _unusable(path: Path, error: Exception) -> SourceError:
    return SourceError(f"The cache cannot be kept at {str(path)!r}: {why(error)}.", hint=hint(error, "Choose another home folder."))
