"""A SQLite file that can be made anew: the cache and the index are one each."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import ClassVar, Final, Generic, TypeVar

import apsw

from sentient_kernel.errors import SourceError, UsageError
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
    transaction,
    why,
)

T = TypeVar("T")
C = TypeVar("C", bound=apsw.Connection)

PAGES = 1_000
"""Pages of the write-ahead log after which a commit moves it into the file."""
PATIENCE = 30.0
"""Seconds that a write, and the making of a file, wait for other processes."""
BROKEN: Final = (
    apsw.NotADBError,
    apsw.CorruptError,
    apsw.SQLError,
    apsw.SchemaChangeError,
    apsw.MismatchError,
    Foreign,
)
"""What says that the file is not what was written: damaged, or the tables of something else."""
_IDLE: Final = 4
"""Connections that are kept open between two reads."""
_SETTINGS: Final = ("cell_size_check=ON", "synchronous=NORMAL", "journal_size_limit=16777216")

log = logging.getLogger("sentient_kernel.files")


class Renewed(SourceError):
    """The file was found broken: it was set aside, and an empty one is in its place."""


class RebuildableFile(Generic[C]):
    """A file of tables that are ours; used by many threads and processes at once.

    Each reader has a connection of its own; writers of one process queue at a lock, those of
    several at SQLite's. A file that is damaged, of another version, or of somebody else is set
    aside, and an empty one begun.

    Args:
        path: The file; made (0600) where there is none.
        connection: The class of its connections.

    Raises:
        SourceError: It cannot be kept there.
    """

    name: ClassVar[str]
    """What it is called in messages."""
    schema: ClassVar[str]
    version: ClassVar[int]

    def __init__(self, path: str | os.PathLike[str], connection: type[C]) -> None:
        self.path = Path(path).absolute()
        self._connection = connection
        self._pid = os.getpid()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._idle: list[C] = []
        self._writer: C | None = None
        self._version = 0
        self.changed = True
        """Whether somebody else has written since this was last set to False; for writers."""
        self._closed = False
        self._inode = self._make()

    # -- what a subclass may add -------------------------------------------------------------------

    def check(self, db: C) -> None:
        """Looks at the tables of a connection before it is used.

        Raises:
            Foreign: They are not ours.
        """
        found = tables_of(db)
        if found and (
            found != tables_of_schema(self.schema) or db.pragma("user_version") != self.version
        ):
            raise Foreign(
                "holds the tables of another version, of another program, or of somebody else"
            )

    def fill(self, db: C) -> None:
        """Writes what a new file begins with."""

    def recognize(self, db: C) -> None:
        """Raises Foreign when a file that is to be opened was made elsewhere."""

    # -- reading and writing -----------------------------------------------------------------------

    def read(self, work: Callable[[C], T]) -> T:
        """Returns what work reads through a connection that nobody else uses meanwhile; any thread.

        Raises:
            Renewed: The file was broken.
            SourceError: It cannot be read this moment.
        """
        self._check_open()
        inode, db = self._inode, None
        with self._lock:
            idle = self._idle
            if idle:
                db = idle.pop()
        try:
            if db is None:
                db = self._connect()
            return work(db)
        except BROKEN as error:
            with self._writing:
                raise self._renew(inode, error) from error
        except apsw.Error as error:
            raise self._unusable("used", error) from error
        finally:
            with self._lock:
                # another list: closed, or renewed, meanwhile
                if db is not None and idle is self._idle and len(idle) < _IDLE:
                    idle.append(db)
                    db = None
            _close(db)

    def write(self, work: Callable[[C], T], *, patient: bool = True) -> T:
        """Returns what work returns, which is run in a transaction; any thread.

        Args:
            work: What reads and writes.
            patient: Whether to wait for other writers.

        Raises:
            BusyError: Others write, and it was not to wait for them.
            Renewed: The file was broken.
            SourceError: It cannot be written this moment.
        """
        if not self._writing.acquire(blocking=patient):
            raise apsw.BusyError("another thread writes")
        try:
            self._check_open()
            return self._transact(work, patient)
        except BROKEN as error:
            raise self._renew(self._inode, error) from error
        except (apsw.Error, OSError) as error:
            if not patient and isinstance(error, apsw.BusyError):
                raise
            raise self._unusable("used", error) from error
        finally:
            self._writing.release()

    def _transact(self, work: Callable[[C], T], patient: bool) -> T:
        if self._writer is None:
            self._writer = self._connect()
            self._writer.set_busy_timeout(5)
            self.changed = True
        db, give_up = self._writer, time.monotonic() + PATIENCE
        while True:
            try:
                with transaction(db):
                    self.changed = self.changed or db.data_version() != self._version
                    result = work(db)
                self._version = db.data_version()  # which our own commits change too
                return result
            except apsw.BusyError:
                if not patient or time.monotonic() > give_up:
                    raise

    def close(self) -> None:
        """Closes the connections; one that is lent is closed when it comes back."""
        if os.getpid() == self._pid:
            with self._writing:
                self._closed = True
                self._let_go()

    # -- the file ----------------------------------------------------------------------------------

    def _connect(self) -> C:
        """Opens a connection.

        Raises:
            Foreign: The file holds other tables, or stands where no file of ours does.
            apsw.Error: It cannot be read.
        """
        check_places(self.path)
        db = self._connection(str(self.path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            harden(db)
            db.set_busy_timeout(1_000)
            db.wal_autocheckpoint(PAGES)
            for setting in _SETTINGS:
                db.execute(f"PRAGMA {setting}")
            self.check(db)
        except BaseException:
            db.close()
            raise
        return db

    def _make(self) -> int:
        """Makes the file and its tables unless they are there; returns its inode."""
        give_up, moved = time.monotonic() + PATIENCE, False
        while True:
            inode = 0
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                make_file(self.path)
                inode = inode_of(self.path)
                self._make_tables()
                return inode
            except apsw.BusyError as error:
                # others are making it; SQLite does not wait for them in every place
                if time.monotonic() > give_up:
                    raise self._unusable("kept", error) from error
                time.sleep(0.005)
            except BROKEN as error:
                if moved:
                    raise self._unusable("kept", error) from error
                moved = True
                self._move_away(inode, error)
            except (apsw.Error, OSError, ValueError) as error:
                raise self._unusable("kept", error) from error

    def _make_tables(self) -> None:
        db = self._connect()
        try:
            db.pragma("journal_mode", "wal")
            if db.pragma("user_version") != self.version:
                with transaction(db):
                    if not tables_of(db):  # another process was not faster
                        db.execute(self.schema).fetchall()
                        self.fill(db)
                        db.pragma("user_version", self.version)
            self.recognize(db)
        finally:
            db.close()

    def _renew(self, inode: int, error: Exception) -> Renewed:
        """Sets a broken file aside, unless somebody has done so, and makes it anew; by who holds
        the lock of writers.
        """
        if inode == self._inode and not self._closed:
            self._let_go()
            self._move_away(inode, error)
            self._inode = self._make()
        what = f"The {self.name} {str(self.path)!r} was broken ({why(error)}); it was made anew."
        return Renewed(what, hint="Try again.")

    def _let_go(self) -> None:
        with self._lock:
            gone, self._idle = [*self._idle, self._writer], []
        self._writer = None
        for db in gone:
            _close(db)

    def _move_away(self, inode: int, error: Exception) -> None:
        try:
            said = set_aside(self.path, inode, error)
        except OSError as refused:
            raise self._unusable("kept", refused) from error
        if said:
            log.warning("%s", said)

    def _check_open(self) -> None:
        if os.getpid() != self._pid:
            raise UsageError(
                f"The {self.name} was opened by the process that this one was forked from.",
                hint="Open it again in this process.",
            )
        if self._closed:
            raise UsageError(f"The {self.name} {str(self.path)!r} is closed.")

    def _unusable(self, doing: str, error: Exception) -> SourceError:
        otherwise = "Choose another home folder, or delete the file; it is made anew."
        return SourceError(
            f"The {self.name} cannot be {doing} at {str(self.path)!r}: {why(error)}.",
            hint=hint(error, otherwise),
        )


@cache
def tables_of_schema(schema: str) -> Tables:
    """Returns the tables that a schema makes."""
    return tables_made_by(lambda db: db.execute(schema).fetchall())


def _close(db: apsw.Connection | None) -> None:
    if db is not None:
        with suppress(apsw.Error):  # of a broken file
            db.close()
