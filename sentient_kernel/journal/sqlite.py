"""The journal in one SQLite file: the default, for one person's workbench and any number of kernels on one machine."""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeVar

import apsw

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import JournalDamaged, JournalError, JournalUnusable, UsageError
from sentient_kernel.events import TRANSIENT, Record, Writable, classes
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import _leases
from sentient_kernel.journal._check import check
from sentient_kernel.journal._commit import Committer, Outcome, Pending
from sentient_kernel.journal._grouping import Grouping
from sentient_kernel.journal._head import head_path, read_head
from sentient_kernel.journal._holders import Holder, lives, sweep
from sentient_kernel.journal._opening import damaged, open_journal
from sentient_kernel.journal._place import filesystem_of, translate
from sentient_kernel.journal._read import Reader
from sentient_kernel.journal._schema import connect
from sentient_kernel.journal._writer import PATIENCE, Group, Writer
from sentient_kernel.journal.base import Lease, LeaseInfo, RunRow, Verdict
from sentient_kernel.journal.blobs import BlobStore

FULL_KINDS: frozenset[str] = frozenset({"approval_decided", "effect_intended"})
"""Kinds that the disk has confirmed before their append is done, whatever the caller says."""

CHECKPOINT_PAGES = 1_000
"""Pages (4 KB each) that this process writes between two checkpoints."""

MOST_UNSAVED = 100_000
"""Posted events that are kept in memory while the disk is full."""

T = TypeVar("T")
_STORED = frozenset(classes()) - TRANSIENT
_OPEN: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()
_INHERITED: list[SqliteJournal] = []

if hasattr(os, "register_at_fork"):  # a child must not even close what its parent opened, so it keeps it
    os.register_at_fork(after_in_child=lambda: _INHERITED.extend(_OPEN))


class SqliteJournal:
    """An append-only log in one SQLite file, shared by any number of journals, in this process or in others on this machine.

    Commits that need not be confirmed by the disk are made on the loop itself: that takes a third of the time of a hop to another thread.
    The others, and whatever finds the file locked, go to a thread of their own; order is kept.

    A journal whose newest rows were lost (a power failure, a log that was cut) opens, says so in ``opened``, and can be read. It refuses
    to be written until :meth:`acknowledge` was called, so that nobody goes on without knowing. Numbers that were lost are not given again.

    Args:
        path: The file; it and its folder are made, for the owner only, when they are not there. ``journal.head`` and ``locks/`` are beside it.
        blobs_dir: The folder for big values; default: ``blobs`` beside the file.
        clock: Where time comes from.
        durability: ``power`` lets the disk confirm every commit, ``process`` only those of ``full_kinds`` and those with ``full=True``.
        full_kinds: Kinds that the disk always confirms.
        readonly: Whether to read only; then nothing at all is written, not even beside the file.
        filesystem: Tells the name of the file system that a path is on.
        vfs: The name of a registered SQLite VFS that every access goes through; tests inject faults there.

    Raises:
        JournalUnusable: It cannot live there; says why and what to do.
        JournalDamaged: SQLite cannot open the file at all; :func:`sentient_kernel.journal.repair` may save its rows.

    Example:
        >>> import asyncio, tempfile
        >>> from sentient_kernel.events import RunStarted
        >>> async def write(journal):
        ...     journal.bind(asyncio.get_running_loop(), lambda records: None)
        ...     return await journal.append("a-run", [RunStarted(workflow="compare")])
        >>> with tempfile.TemporaryDirectory() as home, SqliteJournal(f"{home}/journal.db") as journal:
        ...     asyncio.run(write(journal))
        1
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        blobs_dir: str | os.PathLike[str] | None = None,
        clock: Clock | None = None,
        durability: Literal["process", "power"] = "process",
        full_kinds: frozenset[str] = FULL_KINDS,
        readonly: bool = False,
        filesystem: Callable[[Path], str] = filesystem_of,
        vfs: str | None = None,
    ) -> None:
        self.path = Path(os.path.abspath(os.fspath(path)))
        self._clock = clock or SystemClock()
        self._opened = open_journal(
            self.path, filesystem=filesystem(self.path), now=self._clock.now_us, readonly=readonly, vfs=vfs
        )
        self.opened: Verdict = self._opened.verdict
        """What was found when the journal was opened."""
        self.blobs = BlobStore(blobs_dir or self.path.parent / "blobs", sync=durability == "power")
        self._refusal = self._opened.refusal
        self._always_full = durability == "power"
        self._full_kinds = full_kinds
        self._locks = self.path.parent / "locks"
        self._holder: Holder | None = None
        self._pid = os.getpid()
        self._vfs = vfs
        self._reader = Reader(lambda: connect(self.path, readonly=True, vfs=vfs))
        self._writer = Writer(lambda: connect(self.path, vfs=vfs), self._wrote, self._confirmed, self._translate, self._landed)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_commit: Callable[[Sequence[Record]], None] = _nobody
        self._grouping = Grouping()
        self._buffer: list[Pending] = []
        self._waiting = 0
        self._full = False
        self._scheduled = self._held = self._telling = False
        self._away = 0
        self._arrived: deque[tuple[int, list[Pending], Outcome | JournalError]] = deque()
        self._told = 0
        self._seen = -1
        self._closed = False
        if self._opened.committer is not None:
            self._opened.committer.connection.set_busy_handler(_be_patient)
        _OPEN.add(self)

    def bind(self, loop: asyncio.AbstractEventLoop, on_commit: Callable[[Sequence[Record]], None]) -> None:
        """Ties appends to a loop; see :meth:`sentient_kernel.journal.base.Journal.bind`."""
        self._loop = loop
        self._on_commit = on_commit
        self._told = self.head()

    # -- writing ------------------------------------------------------------------------------------------------------

    def append(
        self, run: RunId, events: Iterable[Writable], *, lease: Lease | None = None, unique: str | None = None, full: bool = False
    ) -> asyncio.Future[Seq]:
        """Writes events, all or none; see :meth:`sentient_kernel.journal.base.Journal.append`.

        Raises:
            UsageError: It was not called on the loop that the journal is bound to, or an event's kind is not one that is stored.
            JournalDamaged, JournalTooNew, JournalUnusable: The journal cannot be written as it is; the message says why.
        """
        loop = self._here()
        future: asyncio.Future[Seq] = loop.create_future()
        pending = Pending(run, [(event.kind, event.body()) for event in events], self._clock.now_us(), lease, unique, future)
        full = self._take(pending) or full
        if full or self._full or self._waiting or self._away or self._telling or not self._grouping.alone(asyncio.current_task(loop)):
            self._full = self._full or full
            self._buffer.append(pending)
            self._waiting += 1
        else:
            group, self._buffer = self._buffer, []
            group.append(pending)
            self._commit(group)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)
        return future

    def post(self, run: RunId, event: Writable, *, lease: Lease | None = None) -> None:
        """Writes an event with the next commit; see :meth:`sentient_kernel.journal.base.Journal.post`.

        Raises:
            UsageError, JournalDamaged, JournalTooNew, JournalUnusable: as :meth:`append`.
        """
        loop = self._here()
        if len(self._buffer) >= MOST_UNSAVED:
            raise JournalUnusable(f"{MOST_UNSAVED} events wait to be written to {self.path}.", hint="Free some space on its disk.")
        pending = Pending(run, [(event.kind, event.body())], self._clock.now_us(), lease)
        self._full = self._take(pending) or self._full
        self._buffer.append(pending)
        if not self._scheduled:
            self._scheduled = True
            loop.call_soon(self._flush)

    def _here(self) -> asyncio.AbstractEventLoop:
        """Returns the loop, or says why nothing can be written from here."""
        loop = self._loop
        if loop is None or asyncio._get_running_loop() is not loop or self._refusal is not None:
            self._usable()
            if self._refusal is not None:
                raise again(self._refusal)
            raise UsageError(
                "Appends and leases belong to the loop that the journal is bound to.", hint="Call bind() first; from another thread, ask the loop."
            )
        if self._closed or os.getpid() != self._pid:
            self._usable()
        return loop

    def _take(self, pending: Pending) -> bool:
        """Checks the kinds, counts the steps; returns whether the disk has to confirm it."""
        full = self._always_full
        for kind, _ in pending.rows:
            if kind not in _STORED:
                raise UsageError(f"{kind!r} is not a kind of event that is stored.")
            full = full or kind in self._full_kinds
        self._grouping.saw(pending)
        return full

    def _flush(self) -> None:
        """Once a turn of the loop: commits what has gathered, or holds it back for company."""
        self._scheduled = False
        self._grouping.turned()
        if not self._buffer or self._held:
            return
        assert self._loop is not None
        if not self._full and (delay := self._grouping.hold_back(self._loop.time())):
            self._held = True
            self._loop.call_later(delay, self._flush_held)
        else:
            self._flush_now()

    def _flush_held(self) -> None:
        self._held = False
        self._flush_now(held=True)

    def _flush_now(self, *, held: bool = False) -> None:
        group, full, waiting = self._buffer, self._full, self._waiting
        if not group or self._closed:
            return
        assert self._loop is not None
        self._buffer, self._full, self._waiting = [], False, 0
        self._grouping.committed(self._loop.time(), waited_for_one=held and waiting <= 1)
        if full or self._away:
            self._hand_over(group, full)
        else:
            self._commit(group)

    def _commit(self, group: list[Pending]) -> None:
        """Commits on the loop; when the file is locked, the thread does it."""
        committer = self._opened.committer
        assert committer is not None
        try:
            outcome = committer.commit(group)
        except apsw.BusyError:
            self._hand_over(group, False)
        except apsw.Error as error:
            self._finish(group, self._translate(error))
        else:
            if committer.pages > CHECKPOINT_PAGES:
                committer.pages = 0
                self._writer.checkpoint()
            self._finish(group, outcome)

    def _hand_over(self, group: list[Pending], full: bool) -> None:
        self._away += 1
        self._writer.put(Group(group, full))

    def _landed(self, groups: int, pendings: list[Pending], outcome: Outcome | JournalError) -> None:
        """On the thread: sends home what became of groups."""
        self._arrived.append((groups, pendings, outcome))
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._land)
        except RuntimeError:
            return  # the loop was closed before the journal; close() looks here itself

    def _land(self) -> None:
        while self._arrived:
            groups, pendings, outcome = self._arrived.popleft()
            self._away -= groups
            self._finish(pendings, outcome)

    def _finish(self, group: list[Pending], outcome: Outcome | JournalError) -> None:
        """Tells what was written, then whoever waits."""
        if isinstance(outcome, JournalError):
            self._fail(group, outcome)
            return
        if outcome.records:
            self._tell(outcome.records)
        for pending, result in zip(group, outcome.results, strict=True):
            future = pending.future
            if future is None or future.done():
                continue
            if isinstance(result, JournalError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _fail(self, group: list[Pending], error: JournalError) -> None:
        """Fails those who wait; what was posted is kept for the next commit."""
        kept = [pending for pending in group if pending.future is None]
        if isinstance(error, JournalUnusable):
            self._buffer[:0] = kept
        for pending in group:
            if pending.future is not None and not pending.future.done():
                pending.future.set_exception(again(error))

    def _tell(self, records: Sequence[Record]) -> None:
        """Hands records to ``on_commit``, each once, in order, with those of other processes in between."""
        if records[0].seq != self._told + 1:
            others = self._reader.read(after=Seq(self._told), until=records[0].seq - 1) if records[0].seq > self._told else []
            records = [*others, *(record for record in records if record.seq > self._told)]
        if not records:
            return
        self._told = records[-1].seq
        self._telling = True
        try:
            self._on_commit(records)
        except Exception as error:  # noqa: BLE001 - the border of delivery: what is written is written, whoever cannot bear to hear it
            assert self._loop is not None
            self._loop.call_exception_handler({"message": "on_commit of a journal failed", "exception": error})
        finally:
            self._telling = False

    def _wrote(self, seq: int, chain: bytes) -> None:
        if self._opened.head is not None:
            self._opened.head.write(seq, chain)

    def _confirmed(self) -> None:
        if self._opened.head is not None:
            self._opened.head.sync()

    def _translate(self, error: Exception) -> JournalError:
        return translate(error, self.path)

    # -- reading ------------------------------------------------------------------------------------------------------

    def read(
        self, *, run: RunId | None = None, after: Seq = Seq(0), kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> list[Record]:
        """Returns records in the order of seq; any thread.

        Raises:
            JournalDamaged: Rows cannot be read; :meth:`verify` says which.
        """
        self._usable()
        return self._reading(lambda: self._reader.read(run=run, after=after, kinds=kinds, limit=limit))

    def head(self) -> Seq:
        """Returns the seq of the newest record, 0 when there is none; any thread."""
        self._usable()
        return self._reading(self._reader.head)

    def runs(
        self, *, run: RunId | None = None, name: str | None = None, session: str | None = None, user: str | None = None, parent: RunId | None = None
    ) -> list[RunRow]:
        """Returns the runs that match all that is given, oldest first; any thread."""
        self._usable()
        return self._reading(lambda: self._reader.runs(run=run, name=name, session=session, user=user, parent=parent))

    def poll(self) -> None:
        """Hands over what other processes wrote; a few microseconds when there is nothing. Loop thread."""
        self._here()
        assert self._opened.committer is not None
        version = self._opened.committer.execute("PRAGMA data_version").get
        if version != self._seen:
            self._seen = version
            if records := self.read(after=Seq(self._told)):
                self._tell(records)

    def _reading(self, what: Callable[[], T]) -> T:
        try:
            return what()
        except apsw.Error as error:
            raise translate(error, self.path, "read") from error

    # -- leases -------------------------------------------------------------------------------------------------------

    def acquire(self, run: RunId, *, ttl: float) -> Lease | None:
        """Takes the lease of a run, or returns None when a holder that lives has it. Loop thread."""
        self._here()
        if self._holder is None:
            self._locks.mkdir(mode=0o700, exist_ok=True)
            sweep(self._locks)
            self._holder = Holder(self._locks)
        name, now = self._holder.name, self._clock.now_us()
        return self._transact(lambda do: _leases.take(do, run, name, now, int(ttl * 1e6), self._lives))

    def renew(self, leases: Sequence[Lease], *, ttl: float) -> list[Lease]:
        """Prolongs leases and returns those that were lost. Loop thread."""
        self._here()
        now = self._clock.now_us()
        return self._transact(lambda do: _leases.prolong(do, leases, now, int(ttl * 1e6))) if leases else []

    def release(self, lease: Lease) -> None:
        """Gives a lease back. Loop thread."""
        self._here()
        self._transact(lambda do: _leases.give_back(do, lease))

    def leases(self, runs: Sequence[RunId] | None = None) -> dict[RunId, LeaseInfo]:
        """Returns who executes which run; any thread."""
        self._usable()
        now, wanted = self._clock.now_us(), None if runs is None else set(runs)
        return {
            run: LeaseInfo(run, holder, token, self._lives(holder, _leases.fresh(beat, ttl, now)))
            for run, holder, token, beat, ttl in self._reading(self._reader.leases)
            if wanted is None or run in wanted
        }

    def _lives(self, holder: str, fresh: bool) -> bool:
        return lives(holder, self._locks, fresh=fresh)

    def _transact(self, work: Callable[[_leases.Execute], T]) -> T:
        """Runs work in a write transaction on the loop's connection; waits for other writers."""
        committer = self._opened.committer
        assert committer is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return committer.transact(work)
            except apsw.BusyError as error:
                if time.monotonic() > deadline:
                    raise self._translate(error) from error
            except apsw.Error as error:
                raise self._translate(error) from error

    # -- care ---------------------------------------------------------------------------------------------------------

    def verify(self, *, full: bool = True) -> Verdict:
        """Checks that no row is missing or altered: all of them, or the last 1,000; any thread. What was acknowledged is left out."""
        self._usable()
        record = read_head(head_path(self.path))
        return self._reading(lambda: self._reader.lend(lambda c: check(c, self.path, record, full=full, had_wal=self._opened.had_wal)))

    def acknowledge(self) -> Verdict:
        """Notes the damage that was found at opening, so that work can go on behind it; the numbers of lost rows stay unused.

        Returns:
            What a check of the last 1,000 rows says afterwards.

        Raises:
            JournalDamaged: What is wrong cannot be passed over: the file itself is damaged, not only the newest rows.
        """
        self._usable()
        committer, head = self._opened.committer, self._opened.head
        if committer is None or head is None or not isinstance(self._refusal, JournalDamaged):
            return self.opened
        damage, now = self.opened.damage, self._clock.now_us()
        seq, chain = self._transact(lambda do: _note(do, [(one.first, one.last, now, one.what) for one in damage if one.first]))
        head.write(seq, chain)
        head.write(seq, chain)  # both places: the other one may hold what another journal left
        verdict = self.verify(full=False)
        self._refusal = damaged(self.path, verdict)
        if self._refusal is not None:
            raise again(self._refusal)
        committer.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        return verdict

    def close(self) -> None:
        """Writes what waits, gives leases back and lets go of every file; any thread, best the loop's or after the loop has ended."""
        if self._closed or os.getpid() != self._pid:
            return
        if self._buffer:
            group, full, self._buffer = self._buffer, self._full, []
            self._hand_over(group, full)
        self._closed = True
        self._writer.stop()
        if self._loop is None or not self._loop.is_running() or asyncio._get_running_loop() is self._loop:
            self._land()
        self._reader.close()
        opened = self._opened
        if self._holder is not None and opened.committer is not None:
            name = self._holder.name
            try:
                self._transact(lambda do: _leases.give_all_back(do, name))
            except JournalError:
                pass  # the lock is gone in a moment, and with it the leases
            self._holder.close()
        if opened.committer is not None:
            opened.committer.connection.close()
        if opened.head is not None:
            opened.head.close()
        _OPEN.discard(self)

    def _usable(self) -> None:
        """Says why the journal cannot be used from here, if it cannot."""
        if os.getpid() != self._pid:
            raise JournalUnusable(
                f"{self.path} was opened by the parent of this process and cannot be used in a forked one.",
                hint="Open it anew there, or start processes with the 'spawn' method.",
            )
        if self._closed:
            raise JournalUnusable(f"{self.path} was closed.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r})"


def again(error: JournalError) -> JournalError:
    """Returns an error of the same kind and words, for each who is to get it."""
    copy = type(error)(error.message, hint=error.hint)
    copy.__cause__ = error.__cause__
    return copy


def _be_patient(tries: int) -> bool:
    """Waits a moment for another writer; longer is for the thread."""
    if tries < 4:
        time.sleep(0.000_2)
    return tries < 4


def _nobody(records: Sequence[Record]) -> None:
    """What is told before anybody is bound."""


def _note(execute: _leases.Execute, gaps: list[tuple[Seq, Seq, int, str]]) -> tuple[int, bytes]:
    """Writes down what is acknowledged; returns how far the journal then goes."""
    for gap in gaps:
        execute("INSERT OR REPLACE INTO gaps(first, last, at, what) VALUES (?, ?, ?, ?)", gap)
    row = execute("SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1").fetchone() or (0, b"")
    return max(row[0], execute("SELECT coalesce(max(last), 0) FROM gaps").get), row[1]
