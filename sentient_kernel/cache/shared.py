"""A SQLite file that many threads and processes use at once, and that is made anew when it turns out to be broken."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import apsw

from sentient_kernel.cache import tables
from sentient_kernel.errors import SourceError, UsageError
from sentient_kernel.files.sqlite import Foreign, hint, why

T = TypeVar("T")
_IDLE = 4  # connections that are kept open between two readings


class Shared:
    """Connections: readers that are lent out, and one writer at a time.

    Args:
        path: The file; made (0600), and made anew when it is broken.

    Raises:
        SourceError: It cannot be kept there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.pages = 0
        """Pages of the log, as of the last write."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._checkpointing = threading.Lock()
        self._idle: list[apsw.Connection] = []
        self._writer: apsw.Connection | None = None
        self._closed = False
        self._inode = tables.make(self.path)

    def close(self) -> None:
        """Closes all connections; one that is lent is closed when it comes back."""
        if os.getpid() != self._pid:
            return
        with self._writing, self._lock:
            self._closed = True
            self._let_go()

    def _begun(self, db: apsw.Connection) -> None:
        """Told at the beginning of each transaction that writes."""

    def _wrote(self, db: apsw.Connection | None) -> None:
        """Told after each commit, and with None when what is remembered of the file no longer counts."""

    def checkpoint(self) -> None:
        """Moves the log into the file; off the loop, as the disk is waited for. Who comes while another thread is at it waits for that.

        Nothing is lost when it cannot be done, as while another process does it: a later write asks again.
        """
        self._here()
        with self._checkpointing, suppress(apsw.Error, Foreign):
            self.pages = 0
            db = tables.connect(self.path)
            try:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            finally:
                db.close()

    def _reading(self, work: Callable[[apsw.Connection], T]) -> T | None:
        """Returns what work makes of a connection of its own; None from a file that turned out to be broken: there is a new one then."""
        self._here()
        file, db = self._inode, None
        try:
            try:
                db = self._idle.pop()  # a list does this whole, or not at all
            except IndexError:
                db = tables.connect(self.path)
            return work(db)
        except tables.BROKEN as error:
            with self._writing:
                if file == self._inode:
                    self._renew(error)
            return None
        except apsw.Error as error:
            raise self._failed("read", error) from error
        finally:
            if db is not None:
                self._give_back(db, file)

    def _give_back(self, db: apsw.Connection, file: int) -> None:
        with self._lock:  # whoever closes them holds it too
            if len(self._idle) < _IDLE and file == self._inode and not self._closed:
                self._idle.append(db)
                return
        db.close()

    def _write(self, work: Callable[[apsw.Connection], T], *, patient: bool = True) -> T | None:
        """Runs work in a transaction. Returns None when it was not to wait and others write, or the file was broken twice."""
        self._here()
        if not self._writing.acquire(blocking=patient):
            return None
        try:
            give_up = time.monotonic() + tables.PATIENCE
            for again in (True, False):
                try:
                    return self._transact(work, give_up, patient)
                except tables.BROKEN as error:
                    self._renew(error)
                    if not again:
                        return None
        except (apsw.Error, OSError) as error:
            raise self._failed("written", error) from error
        finally:
            self._writing.release()
        return None

    def _transact(self, work: Callable[[apsw.Connection], T], give_up: float, patient: bool) -> T | None:
        if self._writer is None:
            self._writer = tables.connect(self.path)
            self._writer.set_busy_timeout(5)
            self._writer.set_wal_hook(self._logged)
        db = self._writer
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
                break
            except apsw.BusyError:
                if not patient:
                    return None
                if time.monotonic() > give_up:
                    raise
        try:
            self._begun(db)
            result = work(db)
            db.execute("COMMIT")
            self._wrote(db)
            return result
        except BaseException:
            self._wrote(None)
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _logged(self, db: apsw.Connection, name: str, pages: int) -> int:
        self.pages = pages
        return apsw.SQLITE_OK

    def _here(self) -> None:
        if self._closed:
            raise UsageError(f"The cache {str(self.path)!r} is closed.")
        if os.getpid() != self._pid:
            raise UsageError("The cache was opened by the process that this one was forked from.", hint="Open it again in this process.")

    def _renew(self, why: Exception) -> None:
        """Lets go of a broken file: moved away, unless another process has done so, and made anew."""
        with self._lock:
            self._let_go()
            tables.move_away(self.path, self._inode, why)
            self._inode = tables.make(self.path)

    def _let_go(self) -> None:
        idle, self._idle = self._idle, []
        if self._writer is not None:
            idle.append(self._writer)
            self._writer = None
        while idle:
            with suppress(apsw.Error):  # of a broken file
                idle.pop().close()
        self._wrote(None)

    def _failed(self, doing: str, error: Exception) -> SourceError:
        return SourceError(
            f"The cache {str(self.path)!r} cannot be {doing}: {why(error)}.", hint=hint(error, "Delete the file; it is made anew.")
        )
