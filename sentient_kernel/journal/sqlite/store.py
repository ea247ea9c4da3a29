"""The journal in one SQLite file: the default, for one person's workbench and any number of kernels
on one machine.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, ParamSpec, Self, TypeVar

import apsw

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import (
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalUnusable,
    UsageError,
)
from sentient_kernel.events import (
    TRANSIENT,
    ApprovalDecided,
    EffectIntended,
    Record,
    StepCompleted,
    StepEndedFailed,
    StepStarted,
    Writable,
    Written,
    classes,
    kinds_of,
)
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.installation import installation
from sentient_kernel.journal.base import Lease, LeaseInfo, RunRow, Verdict
from sentient_kernel.journal.blobs import BlobStore
from sentient_kernel.journal.sqlite import leases as _leases
from sentient_kernel.journal.sqlite.append import Appender, again, runs_here
from sentient_kernel.journal.sqlite.check import check, check_blobs
from sentient_kernel.journal.sqlite.commit import MOST_REMEMBERED, Committer, Pending
from sentient_kernel.journal.sqlite.location import filesystem_of, translate
from sentient_kernel.journal.sqlite.marks import Marker
from sentient_kernel.journal.sqlite.opening import damaged, open_journal
from sentient_kernel.journal.sqlite.read import Reader
from sentient_kernel.journal.sqlite.schema import connect, connect_to_read, let_go
from sentient_kernel.journal.sqlite.tables import RUN
from sentient_kernel.journal.sqlite.trust import NEWEST, Seen, trust
from sentient_kernel.journal.sqlite.watermark import Head, HeadFile, head_path, read_head
from sentient_kernel.journal.sqlite.writer import PATIENCE
from sentient_kernel.redaction.known import redactor

FULL_KINDS: frozenset[str] = kinds_of(ApprovalDecided | EffectIntended)
"""Kinds that the disk has confirmed before their append is done, whatever the caller says."""

P = ParamSpec("P")
T = TypeVar("T")
_STEPS = {StepStarted.KIND: 1, StepCompleted.KIND: -1, StepEndedFailed.KIND: -1}
_OPEN: weakref.WeakSet[SqliteJournal] = weakref.WeakSet()
_INHERITED: list[SqliteJournal] = []


def _forked() -> None:
    """In a forked child: what its parent opened is not used, and not even closed, so it is kept."""
    for journal in _OPEN:
        journal.inherit()
        _INHERITED.append(journal)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


class _Kinds(dict[str, tuple[bool, int]]):
    """Of each kind: whether the disk always confirms it, and how it changes the number of steps
    under way.
    """

    def __missing__(self, kind: str) -> tuple[bool, int]:
        raise UsageError(f"{kind!r} is not a kind of event that is stored.")


class SqliteJournal:
    """An append-only log in one SQLite file, shared by any number of journals, in this process or
    in others on this machine.

    Commits that need not be confirmed by the disk are made on the loop itself: that takes a third
    of the time of a hop to another thread. The others, and whatever finds the file locked, go to a
    thread of their own; order is kept.

    A journal whose newest rows were lost (a power failure, a log that was cut) opens, says so in
    ``opened``, and can be read. It refuses to be written until :meth:`acknowledge` was called, so
    that nobody goes on without knowing. Numbers that were lost are not given again.

    Args:
        path: The file; it and its folder are made, for the owner only, when they are not there.
            Beside it are ``journal.head`` and, once a run was executed, ``locks/``.
        blobs_dir: The folder for big values; default: ``blobs`` beside the file.
        clock: Where time comes from.
        durability: ``power`` lets the disk confirm every commit, ``process`` only those of
            ``full_kinds`` and those with ``full=True``.
        full_kinds: Kinds that the disk always confirms.
        readonly: Whether to read only; then no row changes, and beside the file there is at most
            SQLite's shared memory.
        filesystem: Tells the name of the file system that a path is on.
        vfs: The name of a registered SQLite VFS that every access goes through; tests inject faults
            there.
        key: What tells rows that count here from others; default: this installation's.

    Raises:
        JournalUnusable: It cannot live there; says why and what to do.
        JournalDamaged: SQLite cannot open the file at all; :func:`sentient_kernel.journal.repair`
            may save its rows.

    Example:
        >>> import asyncio, tempfile
        >>> from sentient_kernel.events import RunStarted
        >>> async def write(journal):
        ...     journal.bind(asyncio.get_running_loop(), lambda records: None)
        ...     return await journal.append("a-run", [RunStarted(workflow="compare")])
        >>> home = tempfile.TemporaryDirectory()
        >>> with home as folder, SqliteJournal(f"{folder}/journal.db") as journal:
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
        key: bytes | None = None,
    ) -> None:
        self.path = Path(os.path.abspath(os.fspath(path)))
        self._now = (clock or SystemClock()).now_us
        self._marker = Marker(installation().key if key is None else key)
        place = filesystem(self.path)
        opened = open_journal(
            self.path,
            filesystem=place,
            now=self._now,
            readonly=readonly,
            vfs=vfs,
            marker=self._marker,
        )
        self.opened: Verdict = opened.verdict
        """What was found when the journal was opened."""
        self.blobs = BlobStore(blobs_dir or self.path.parent / "blobs", sync=durability == "power")
        self._committer, self._head, self._refusal, self._had_wal = (
            opened.committer,
            opened.head,
            opened.refusal,
            opened.had_wal,
        )
        confirmed = classes().keys() if durability == "power" else full_kinds
        self._kinds = _Kinds(
            {
                kind: (kind in confirmed, _STEPS.get(kind, 0))
                for kind in classes().keys() - TRANSIENT
            }
        )
        self._open: Callable[[], apsw.Connection] = lambda: connect(self.path, vfs=vfs)
        self._reader = Reader(lambda: connect_to_read(self.path, vfs=vfs), self._marker)
        self._appender: Appender | None = None
        self._known: set[RunId] = set()
        self._holding = _leases.Holding(self.path.parent / "locks", self._transact, self._now)
        self._pid = os.getpid()
        self._closed = self._shut = False  # shut: closed, or another process's
        if self._committer is not None:
            self._committer.connection.set_busy_handler(_be_patient)
        _OPEN.add(self)

    def inherit(self) -> None:
        """Is told in a forked child that this journal is its parent's."""
        self._shut = True

    def bind(
        self, loop: asyncio.AbstractEventLoop, on_commit: Callable[[Sequence[Record]], None]
    ) -> None:
        """Ties appends to a loop; see :meth:`sentient_kernel.journal.base.Journal.bind`.

        Raises:
            JournalDamaged, JournalTooNew, JournalUnusable: The journal cannot be written; the
                message says why.
        """
        committer, head = self._writable()
        if self._appender is not None:
            self._appender.close()
        self._appender = Appender(
            loop,
            on_commit,
            committer,
            self._reader,
            self._open,
            head.write,
            head.sync,
            self._translate,
        )

    # -- writing -----------------------------------------------------------------------------------

    def begin(
        self, run: RunId, started: Writable, *, ttl: float, unique: str | None = None
    ) -> tuple[Lease, asyncio.Future[Seq]]:
        """Writes the first event of a new run and takes its lease; see
        :meth:`sentient_kernel.journal.base.Journal.begin`.

        Raises:
            UsageError, JournalDamaged, JournalTooNew, JournalUnusable: as :meth:`append`.
        """
        self._here()
        name = self._holding.name()
        future = self._write(run, (started,), None, unique, False, (name, int(ttl * 1e6)))
        return Lease(run, name, 1), future

    def append(
        self,
        run: RunId,
        events: Iterable[Writable],
        *,
        lease: Lease | None = None,
        unique: str | None = None,
        full: bool = False,
    ) -> asyncio.Future[Seq]:
        """Writes events, all or none; see :meth:`sentient_kernel.journal.base.Journal.append`.

        Raises:
            UsageError: It was not called on the loop that the journal is bound to, or an event's
                kind is not one that is stored.
            JournalDamaged, JournalTooNew, JournalUnusable: The journal cannot be written; the
                message says why.
        """
        return self._write(run, events, lease, unique, full, None)

    def _write(
        self,
        run: RunId,
        events: Iterable[Writable],
        lease: Lease | None,
        unique: str | None,
        full: bool,
        grant: tuple[str, int] | None,
    ) -> asyncio.Future[Seq]:
        appender, kinds = self._here(), self._kinds
        if run not in self._known:
            self._check_run(run)
        rows, steps, size = [], 0, 0
        for event in events:
            kind, body = event.kind, _clean(event)
            confirm, step = kinds[kind]
            full = full or confirm
            steps += step
            size += len(body)
            rows.append((kind, body))
        appender.grouping.under_way += steps
        future: asyncio.Future[Seq] = appender.loop.create_future()
        at_once = unique is not None and grant is None  # an answer: somebody has clicked
        appender.append(
            Pending(run, rows, self._now(), lease, unique, future, grant),
            full,
            size,
            at_once=at_once,
        )
        return future

    def post(self, run: RunId, event: Writable, *, lease: Lease | None = None) -> None:
        """Writes an event with the next commit; see
        :meth:`sentient_kernel.journal.base.Journal.post`.

        Raises:
            UsageError, JournalDamaged, JournalTooNew, JournalUnusable: as :meth:`append`.
        """
        appender, kind = self._here(), event.kind
        if run not in self._known:
            self._check_run(run)
        confirm, step = self._kinds[kind]
        appender.grouping.under_way += step
        appender.post(Pending(run, [(kind, _clean(event))], self._now(), lease), confirm)

    def _check_run(self, run: RunId) -> None:
        """Refuses an id that a journal would not be opened with again."""
        if not RUN.fullmatch(run):
            raise _no_id(run)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known.add(run)

    def adopt(self, make: Callable[[Seq], Iterable[Record]]) -> asyncio.Future[int]:
        """Writes runs that another journal holds; see
        :meth:`sentient_kernel.journal.base.Journal.adopt`.

        Raises:
            UsageError, JournalDamaged, JournalTooNew, JournalUnusable: as :meth:`append`.
        """
        appender = self._here()
        self._writable()

        def checked(first: Seq) -> Iterator[Record]:
            for record in make(first):
                if not RUN.fullmatch(record.run):
                    raise _no_id(record.run)
                self._kinds[record.kind]  # refuses what is not stored
                yield record

        return appender.adopt(checked)

    def poll(self) -> None:
        """Hands over what other processes wrote; a few microseconds when there is nothing. Loop
        thread.
        """
        appender = self._here()
        self._reading(appender.poll)

    def _here(self) -> Appender:
        """Returns what writes for this loop, or says why nothing can be written from here."""
        appender = self._appender
        if appender is None or self._shut or not runs_here(appender.loop):
            self._usable()
            self._writable()
            hint = "Call bind() first; from another thread, ask the loop."
            raise UsageError(
                "This call belongs to the loop that the journal is bound to.", hint=hint
            )
        return appender

    # -- reading -----------------------------------------------------------------------------------

    def read(
        self,
        *,
        run: RunId | None = None,
        after: Seq = Seq(0),
        kinds: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        """Returns records in the order of seq; any thread.

        Raises:
            JournalDamaged: Rows cannot be read; :meth:`verify` says which.
        """
        return self._reading(self._reader.read, run=run, after=after, kinds=kinds, limit=limit)

    def head(self) -> Seq:
        """Returns the seq of the newest record, 0 when there is none; any thread."""
        return self._reading(self._reader.head)

    def runs(
        self,
        *,
        run: RunId | None = None,
        name: str | None = None,
        session: str | None = None,
        user: str | None = None,
        parent: RunId | None = None,
    ) -> list[RunRow]:
        """Returns the runs that match all that is given, oldest first; any thread."""
        return self._reading(
            self._reader.runs, run=run, name=name, session=session, user=user, parent=parent
        )

    def _reading(self, what: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        if self._shut:
            self._usable()
        try:
            return what(*args, **named)
        except apsw.Error as error:
            raise translate(error, self.path, "read") from error

    # -- leases ------------------------------------------------------------------------------------

    def acquire(self, run: RunId, *, ttl: float, patience: float = PATIENCE) -> Lease | None:
        """Takes the lease of a run, or returns None when a holder that lives has it. Loop thread;
        raises JournalLocked.
        """
        self._here()
        return self._holding.acquire(run, ttl, patience)

    def renew(
        self, leases: Sequence[Lease], *, ttl: float, patience: float = PATIENCE
    ) -> list[Lease]:
        """Prolongs leases and returns those that were lost. Loop thread; raises JournalLocked."""
        self._here()
        return self._holding.renew(leases, ttl, patience)

    def release(self, lease: Lease, *, patience: float = PATIENCE) -> None:
        """Gives a lease back. Loop thread; raises JournalLocked."""
        self._here()
        self._holding.release(lease, patience)

    def leases(self, runs: Sequence[RunId] | None = None) -> dict[RunId, LeaseInfo]:
        """Returns who executes which run; any thread."""
        wanted = None if runs is None else set(runs)
        return self._holding.infos(
            [
                row
                for row in self._reading(self._reader.leases)
                if wanted is None or row[0] in wanted
            ]
        )

    def _transact(self, work: Callable[[_leases.Execute], T], patience: float = PATIENCE) -> T:
        """Runs work in a write transaction on the loop's connection; waits so many seconds for
        other writers, and the loop with it.
        """
        committer, _ = self._writable(even_damaged=True)
        deadline = time.monotonic() + patience
        while True:
            try:
                return committer.transact(work)
            except apsw.BusyError as error:
                if time.monotonic() > deadline:
                    ours = self._translate(error)
                    raise JournalLocked(ours.message, hint=ours.hint) from error
            except apsw.Error as error:
                raise self._translate(error) from error

    # -- care --------------------------------------------------------------------------------------

    def verify(self, *, full: bool = True) -> Verdict:
        """Checks that no row is missing or altered: all of them, or the last 1,000; any thread.
        What was acknowledged is left out.

        In full, the values and snapshots that rows point to are checked as well, and rows are
        counted by who wrote them.
        """
        record = read_head(head_path(self.path))
        verdict = self._reading(self._checked, record, full)
        if not full or not verdict.ok:
            return verdict
        return Verdict(
            verdict.rows,
            verdict.head,
            tuple(check_blobs(self.read, self.blobs)),
            self._foreign(verdict.head),
        )

    def _checked(self, record: Head | None, full: bool) -> Verdict:
        with self._reader.lend() as connection:
            return check(connection, self.path, record, full=full, had_wal=self._had_wal)

    def _foreign(self, until: Seq) -> int:
        """Returns how many rows come from elsewhere."""
        found, after = 0, Seq(0)
        while rows := self.read(after=after, limit=10_000):
            found += sum(1 for row in rows if row.origin and row.seq <= until)
            after = rows[-1].seq
        return found

    def acknowledge(self) -> Verdict:
        """Notes the damage that was found at opening, so that work can go on behind it; the numbers
        of lost rows stay unused.

        Returns:
            What a check of the last 1,000 rows says afterwards.

        Raises:
            JournalDamaged: What is wrong cannot be passed over: the file itself is damaged, not
                only the newest rows.
        """
        self._usable()
        if self._refusal is None:
            return self.opened
        committer, head = self._writable(even_damaged=True)
        damage, now = self.opened.damage, self._now()
        seq, chain = self._transact(
            lambda do: _leases.note(
                do, [(one.first, one.last, now, one.what) for one in damage if one.first]
            )
        )
        head.write(seq, chain)
        head.write(seq, chain)  # both places: the other one may hold what another journal left
        verdict = self.verify(full=False)
        self._refusal = damaged(self.path, verdict)
        if self._refusal is not None:
            raise again(self._refusal)
        committer.connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        return verdict

    def newest(self) -> Seen:
        """Returns how far the journal goes; any thread."""
        rows = self._reading(self._reader.query, NEWEST)
        return Seen(*rows[0]) if rows else Seen(Seq(0), b"")

    def trust(self, seen: Seen) -> int:
        """Marks all rows up to what a person has seen as this installation's own, and returns how
        many were not.

        Raises:
            JournalDamaged, Refused: A row is not what was written, or the journal is not the one
                that was seen. Nothing was marked.
        """
        self._writable()
        connection = self._open()
        try:
            return trust(connection, self._marker, seen)
        except apsw.Error as error:
            raise self._translate(error) from error
        finally:
            let_go(connection)

    def close(self) -> None:
        """Writes what waits, gives leases back and lets go of every file; on the loop, or when the
        loop has ended.
        """
        if self._closed or os.getpid() != self._pid:
            return
        if self._appender is not None:
            self._appender.close()
        self._holding.close()
        self._closed = self._shut = True
        self._reader.close()
        if self._committer is not None:
            let_go(self._committer.connection)
        if self._head is not None:
            self._head.close()
        _OPEN.discard(self)

    def _usable(self) -> None:
        """Says why the journal cannot be used from here, if it cannot."""
        if os.getpid() != self._pid:
            raise JournalUnusable(
                f"{self.path} was opened by the parent of this process and cannot be used in a"
                " forked one.",
                hint="Open it anew there, or start processes with the 'spawn' method.",
            )
        if self._closed:
            raise JournalUnusable(f"{self.path} was closed.")

    def _writable(self, *, even_damaged: bool = False) -> tuple[Committer, HeadFile]:
        """Returns what writes, or says why nothing can be written."""
        refusal = self._refusal
        if refusal is not None and not (even_damaged and isinstance(refusal, JournalDamaged)):
            raise again(refusal)
        if self._committer is None or self._head is None:
            raise JournalUnusable(f"{self.path} was opened for reading only.")
        return self._committer, self._head

    def _translate(self, error: Exception) -> JournalError:
        return translate(error, self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r})"


def _clean(event: Writable) -> bytes:
    """Returns the body of an event as a journal writes it: without known secrets.

    What was :class:`~sentient_kernel.events.Written` in advance is a result; those that hold a
    secret are refused where they are made.
    """
    return event.json if type(event) is Written else redactor().data(event.body())


def _no_id(run: str) -> UsageError:
    hint = "It has at most 100 letters, digits and characters of '_.:-'."
    return UsageError(f"{run[:100]!r} cannot be the id of a run.", hint=hint)


def _be_patient(tries: int) -> bool:
    """Waits a moment for another writer; longer is for the thread."""
    if tries < 4:
        time.sleep(0.000_2)
    return tries < 4
