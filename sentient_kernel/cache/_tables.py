"""The file of the cache: its tables, how a connection to it is opened, and how it is made anew when it is broken."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import apsw

from sentient_kernel.errors import SourceError

VERSION = 1
PATIENCE = 30.0
"""Seconds that a write off the loop waits for other processes."""
ASIDE = ".broken"
"""What a file that was broken is called from then on; the last one is kept."""

BROKEN = (apsw.NotADBError, apsw.CorruptError, apsw.SQLError, apsw.SchemaChangeError)
"""What says that the file is not what was written: damaged, or the tables of something else."""

# What a write costs is the pages that it changes. So there is no index of when entries were used: an id says it, as who is used gets the
# next one. And the sums are of the entries up to an id only; the few behind it are added up by who asks.
_SCHEMA = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
    brought INTEGER NOT NULL, mark INTEGER NOT NULL, file TEXT, data BLOB
);
CREATE INDEX entry_file ON entry (file) WHERE file IS NOT NULL;
CREATE TABLE total (id INTEGER PRIMARY KEY CHECK (id = 1), entries INTEGER NOT NULL, bytes INTEGER NOT NULL, upto INTEGER NOT NULL);
INSERT INTO total VALUES (1, 0, 0, 0);
"""


def connect(path: Path) -> apsw.Connection:
    """Opens a connection; whoever writes through it looks after checkpoints. Raises apsw.Error."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(1_000)
        db.wal_autocheckpoint(0)
        for setting in ("trusted_schema=OFF", "cell_size_check=ON", "synchronous=NORMAL", "journal_size_limit=16777216"):
            db.execute(f"PRAGMA {setting}")
        if db.pragma("user_version") == VERSION:
            db.execute("SELECT entries, bytes, upto FROM total").fetchall()
    except apsw.Error:
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
    moved = False
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
            _prepare(path)
            return os.stat(path).st_ino
        except apsw.BusyError as error:  # others are making it; SQLite does not wait for them in every place
            if time.monotonic() > give_up:
                raise _unusable(path, error) from error
            time.sleep(0.005)
        except BROKEN as error:
            if moved:
                raise _unusable(path, error) from error
            move_away(path)
            moved = True
        except (apsw.Error, OSError, ValueError) as error:
            raise _unusable(path, error) from error


def move_away(path: Path) -> None:
    """Puts a broken file aside, where somebody may look at it; a new one is made in its place."""
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    try:
        os.replace(path, f"{path}{ASIDE}")
    except FileNotFoundError:
        pass  # another process was faster


def same(path: Path, inode: int) -> bool:
    """Tells whether a path still names the file that was opened."""
    try:
        return os.stat(path).st_ino == inode
    except OSError:
        return False


def _prepare(path: Path) -> None:
    db = connect(path)
    try:
        db.pragma("journal_mode", "wal")
        if db.pragma("user_version") == VERSION:
            return
        db.execute("BEGIN IMMEDIATE")
        found = db.pragma("user_version")  # another process may have been faster
        if found != VERSION:
            if found or db.execute("SELECT count(*) FROM sqlite_schema").get:
                raise apsw.NotADBError("it holds the tables of another version, or of another program")
            db.execute(_SCHEMA)
            db.pragma("user_version", VERSION)
        db.execute("COMMIT")
    finally:
        db.close()


def _unusable(path: Path, error: Any) -> SourceError:
    return SourceError(f"The cache cannot be kept at {str(path)!r}: {error}.", hint="Choose another home folder, or free some space.")
