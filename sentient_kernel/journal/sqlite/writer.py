"""The writer thread: commits that the disk confirms, contended commits, checkpoints."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import Empty, SimpleQueue
from typing import Literal, NamedTuple, TypeVar

import apsw

from sentient_kernel.errors import JournalError
from sentient_kernel.events import Record
from sentient_kernel.ids import Seq
from sentient_kernel.journal.sqlite.commit import Committed, Committer, Pending
from sentient_kernel.journal.sqlite.marks import Marker
from sentient_kernel.journal.sqlite.schema import let_go

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a write waits for other processes before it fails."""

QUIET = 0.1
"""Seconds without work after which the disk is given what can wait."""


class Group(NamedTuple):
    """What the loop hands over in one turn, and whether the disk has to confirm it."""

    pendings: list[Pending]
    full: bool


class Adoption(NamedTuple):
    """Runs of another journal that are to be written; told how many rows that were, or why not."""

    make: Callable[[Seq], Iterable[Record]]
    done: Callable[[int | Exception], None]


Work = Group | Adoption | Literal["checkpoint", "stop"]

Completed = Callable[[int, list[Pending], Committed | JournalError], None]


class Writer:
    """A thread with a connection of its own; started by the first thing it is given.

    Args:
        open_: Opens the connection.
        wrote: What its committer calls after each commit.
        confirmed: Called when the disk has confirmed rows and nothing has come for a while.
        translate: Turns an error of SQLite into one of ours.
        completed: Told, on the thread, how many groups a transaction held, what was in them, and
            what became of it.
        marker: What its committer marks rows with.
    """

    def __init__(
        self,
        open_: Callable[[], apsw.Connection],
        wrote: Callable[[int, bytes], None],
        confirmed: Callable[[], None],
        translate: Callable[[Exception], JournalError],
        completed: Completed,
        marker: Marker,
    ) -> None:
        self._open = open_
        self._marker = marker
        self._wrote = wrote
        self._confirmed = confirmed
        self._translate = translate
        self._completed = completed
        self._committer: Committer | None = None
        self._queue: SimpleQueue[Work] = SimpleQueue()
        self._full: bool | None = None  # whether the connection lets the disk confirm
        self._unnoted = False
        self._thread: threading.Thread | None = None

    def put(self, work: Work) -> None:
        """Hands something over: groups, which are written in the order they come, those that wait
        together in one transaction; runs of another journal; or the wish for a checkpoint, as soon
        as nothing waits to be written.
        """
        self._queue.put(work)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sentient-journal", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Writes what waits, ends the thread and closes its connection."""
        self._queue.put("stop")
        if self._thread is not None:
            self._thread.join()
        if self._committer is not None:
            let_go(self._committer.connection)

    def _run(self) -> None:
        checkpoint = stop = False
        while not stop:
            groups: list[Group] = []
            adoptions: list[Adoption] = []
            for one in self._next():
                if isinstance(one, Group):
                    groups.append(one)
                elif isinstance(one, Adoption):
                    adoptions.append(one)
                checkpoint, stop = checkpoint or one == "checkpoint", stop or one == "stop"
            if groups:
                full = any(group.full for group in groups)
                pendings = [pending for group in groups for pending in group.pendings]
                outcome = self._patiently(full, partial(Committer.commit, group=pendings))
                self._completed(len(groups), pendings, outcome)
                self._unnoted = self._unnoted or full
            for adoption in adoptions:
                adoption.done(self._adopt(adoption.make))
                checkpoint = True
            if checkpoint and not stop and self._queue.empty():
                checkpoint = False
                self._do_checkpoint()
        self._note()

    def _next(self) -> Iterator[Work]:
        """Waits for what comes, and yields all that has come by then."""
        try:
            yield self._queue.get(timeout=QUIET if self._unnoted else None)
        except Empty:
            self._note()
            yield self._queue.get()
        while not self._queue.empty():
            yield self._queue.get()

    def _note(self) -> None:
        """Lets the disk have what is noted of confirmed rows, when there is nothing better to do:
        the rows themselves do not need it.
        """
        if self._unnoted:
            self._unnoted = False
            self._confirmed()

    def _adopt(self, make: Callable[[Seq], Iterable[Record]]) -> int | Exception:
        try:
            return self._patiently(False, lambda committer: committer.adopt(make))
        except Exception as error:  # noqa: BLE001
            # what makes the rows may fail in any way; told to whoever handed it over
            return error

    def _patiently(self, full: bool, act: Callable[[Committer], T]) -> T | JournalError:
        """Returns what an act on this thread's connection returns; waits for other writers."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                committer = self._connected()
                if full is not self._full:
                    committer.execute(
                        "PRAGMA synchronous=FULL" if full else "PRAGMA synchronous=NORMAL"
                    )
                    self._full = full
                return act(committer)
            except apsw.BusyError as error:
                if time.monotonic() > deadline:
                    return self._translate(error)
            except apsw.Error as error:
                return self._translate(error)

    def _do_checkpoint(self) -> None:
        """Moves the log into the file: most of it beside the loop's commits, the rest with them
        kept out; kept out, they come here.

        The commit at the end begins the log anew. The frames that were moved would still count
        otherwise, and if they were damaged later, older pages among them would hide newer ones in
        the file. The log keeps its length: writing over it is cheaper than growing.
        Readers are not waited for while others are kept out: when one is busy for long, the rest is
            left to a later checkpoint.
        """
        try:
            connection = self._connected().connection
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            connection.set_busy_timeout(20)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
            connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'checkpoints'")
        except apsw.Error:
            return  # nothing is lost by it: the rows are in the log, and a later commit asks again
        finally:
            if self._committer is not None:
                self._committer.connection.set_busy_timeout(10_000)

    def _connected(self) -> Committer:
        if self._committer is None:
            self._committer = Committer(self._open(), self._wrote, self._marker)
        return self._committer
