"""The thread that does what the loop must not wait for: commits that the disk has to confirm, contended commits, checkpoints."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import apsw

from sentient_kernel.errors import JournalError
from sentient_kernel.journal._commit import Committer, Outcome, Pending

PATIENCE = 60.0
"""Seconds that a write waits for other processes before it fails."""


class Group:
    """What the loop hands over in one turn; ``outcome`` is there when ``landed`` is called."""

    __slots__ = ("full", "pendings")

    def __init__(self, pendings: list[Pending], full: bool) -> None:
        self.pendings = pendings
        self.full = full


Landed = Callable[[int, list[Pending], Outcome | JournalError], None]


class Writer:
    """A thread with a connection of its own; started by the first thing it is given.

    Args:
        committer: Makes the committer, on the thread.
        translate: Turns an error of SQLite into one of ours.
        landed: Told, on the thread, how many groups a transaction held, what was in them, and what became of it.
    """

    def __init__(self, committer: Callable[[], Committer], translate: Callable[[apsw.Error], JournalError], landed: Landed) -> None:
        self._make = committer
        self._committer: Committer | None = None
        self._translate = translate
        self._landed = landed
        self._groups: deque[Group] = deque()
        self._checkpoint = False
        self._stop = False
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, group: Group) -> None:
        """Hands a group over; groups are written in the order they come, those that wait together in one transaction."""
        with self._wake:
            self._groups.append(group)
            self._start()

    def checkpoint(self) -> None:
        """Asks for a checkpoint as soon as nothing waits to be written."""
        with self._wake:
            self._checkpoint = True
            self._start()

    def stop(self) -> None:
        """Writes what waits, and ends the thread."""
        with self._wake:
            self._stop = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        if self._committer is not None:
            self._committer.connection.close()

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sentient-journal", daemon=True)
            self._thread.start()
        self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not (self._groups or self._checkpoint or self._stop):
                    self._wake.wait()
                groups = [self._groups.popleft() for _ in range(len(self._groups))]
                if not groups:
                    if not self._checkpoint:
                        return
                    self._checkpoint = False
            if groups:
                pendings = [pending for group in groups for pending in group.pendings]
                self._landed(len(groups), pendings, self._write(pendings, any(group.full for group in groups)))
            else:
                self._do_checkpoint()

    def _write(self, pendings: list[Pending], full: bool) -> Outcome | JournalError:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                committer = self._committer = self._committer or self._make()
                committer.connection.execute("PRAGMA synchronous=FULL" if full else "PRAGMA synchronous=NORMAL")
                return committer.commit(pendings)
            except apsw.BusyError as error:
                if time.monotonic() > deadline:
                    return self._translate(error)
            except apsw.Error as error:
                return self._translate(error)

    def _do_checkpoint(self) -> None:
        try:
            committer = self._committer = self._committer or self._make()
            committer.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.Error:
            return  # nothing is lost by it: the rows are in the WAL, and the next commit asks again
