"""The journal in one SQLite file: the default, for one person's workbench and any number of kernels on one machine."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import apsw

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import JournalError, JournalUnusable, UsageError
from sentient_kernel.events import TRANSIENT, Record, Writable, classes
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import _read
from sentient_kernel.journal._commit import Committer, Outcome, Pending
from sentient_kernel.journal._schema import check_library, connect, prepare
from sentient_kernel.journal._writer import Group, Writer
from sentient_kernel.journal.base import Lease, LeaseInfo, RunRow, Verdict

FULL_KINDS: frozenset[str] = frozenset({"approval_decided", "effect_intended"})
"""Kinds that the disk has confirmed before their append is done, whatever the caller says."""


class SqliteJournal:
    """An append-only log in one SQLite file."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        blobs_dir: str | os.PathLike[str] | None = None,
        clock: Clock | None = None,
        durability: Literal["process", "power"] = "process",
        full_kinds: frozenset[str] = FULL_KINDS,
    ) -> None:
        check_library()
        self.path = Path(path).absolute()
        self._clock = clock or SystemClock()
        self._always_full = durability == "power"
        self._full_kinds = full_kinds
        self._kinds = frozenset(classes()) - TRANSIENT
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = connect(self.path)
        connection.pragma("journal_mode", "wal")
        prepare(connection, self.path, self._clock.now_us(), os.urandom(8))
        connection.set_wal_hook(self._wal_grew)
        self._committer = Committer(connection, lambda seq, chain: None)
        self._reader = _read.Reader(lambda: connect(self.path))
        self._writer = Writer(lambda: Committer(connect(self.path), lambda seq, chain: None), self._translate, self._landed)
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(4).hex()}"
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_commit: Callable[[Sequence[Record]], None] = lambda records: None
        self._buffer: list[Pending] = []
        self._full = False
        self._scheduled = False
        self._away = 0
        self._told = 0
        self._closed = False
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def bind(self, loop: asyncio.AbstractEventLoop, on_commit: Callable[[Sequence[Record]], None]) -> None:
        self._loop = loop
        self._on_commit = on_commit
        self._told = self.head()

    # ---- writing

    def append(
        self, run: RunId, events: Iterable[Writable], *, lease: Lease | None = None, unique: str | None = None, full: bool = False
    ) -> asyncio.Future[Seq]:
        loop = self._here()
        rows = [(event.kind, event.body()) for event in events]
        future: asyncio.Future[Seq] = loop.create_future()
        self._add(Pending(run, rows, self._clock.now_us(), lease, unique, future), full)
        return future

    def post(self, run: RunId, event: Writable, *, lease: Lease | None = None) -> None:
        self._here()
        self._add(Pending(run, [(event.kind, event.body())], self._clock.now_us(), lease), False)

    def _here(self) -> asyncio.AbstractEventLoop:
        loop = asyncio._get_running_loop()
        if loop is None or loop is not self._loop:
            raise UsageError("append, post and leases belong to the loop that the journal was bound to.", hint="Call bind() first, and call from there.")
        if self._closed:
            raise JournalUnusable("The journal was closed.")
        return loop

    def _add(self, pending: Pending, full: bool) -> None:
        for kind, _ in pending.rows:
            if kind not in self._kinds:
                raise UsageError(f"{kind!r} is not a kind of event that is stored.")
            if kind in self._full_kinds:
                full = True
        self._buffer.append(pending)
        self._full = self._full or full or self._always_full
        if not self._scheduled:
            self._scheduled = True
            assert self._loop is not None
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._scheduled = False
        group, full = self._buffer, self._full
        if not group:
            return
        self._buffer, self._full = [], False
        if not full and not self._away:
            try:
                outcome: Outcome | JournalError = self._committer.commit(group)
            except apsw.BusyError:
                pass
            except apsw.Error as error:
                self._finish(group, self._translate(error))
                return
            else:
                self._finish(group, outcome)
                return
        self._away += 1
        self._writer.put(Group(group, full))

    def _landed(self, groups: int, pendings: list[Pending], outcome: Outcome | JournalError) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._land, groups, pendings, outcome)

    def _land(self, groups: int, pendings: list[Pending], outcome: Outcome | JournalError) -> None:
        self._away -= groups
        self._finish(pendings, outcome)

    def _finish(self, group: list[Pending], outcome: Outcome | JournalError) -> None:
        if isinstance(outcome, JournalError):
            for pending in group:
                if pending.future is not None and not pending.future.done():
                    pending.future.set_exception(outcome)
            return
        for pending, result in zip(group, outcome.results, strict=True):
            future = pending.future
            if future is not None and not future.done():
                if isinstance(result, JournalError):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        if outcome.records:
            self._tell(outcome.records)

    def _tell(self, records: list[Record]) -> None:
        if records[0].seq != self._told + 1:
            records = self._reader.read(after=Seq(self._told), until=records[-1].seq)
        if records:
            self._told = records[-1].seq
            self._on_commit(records)

    def _wal_grew(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages > 1000:
            self._writer.checkpoint()
        return apsw.SQLITE_OK

    def _translate(self, error: apsw.Error) -> JournalError:
        return JournalError(f"{self.path} could not be written: {error}.")

    # ---- reading

    def read(
        self, *, run: RunId | None = None, after: Seq = Seq(0), kinds: Sequence[str] | None = None, limit: int | None = None
    ) -> list[Record]:
        return self._reader.read(run=run, after=after, kinds=kinds, limit=limit)

    def head(self) -> Seq:
        return self._reader.head()

    def runs(
        self, *, run: RunId | None = None, name: str | None = None, session: str | None = None, user: str | None = None, parent: RunId | None = None
    ) -> list[RunRow]:
        return self._reader.runs(run=run, name=name, session=session, user=user, parent=parent)

    def poll(self) -> None:
        records = self._reader.read(after=Seq(self._told))
        if records:
            self._told = records[-1].seq
            self._on_commit(records)

    # ---- leases

    def acquire(self, run: RunId, *, ttl: float) -> Lease | None:
        self._here()
        now = self._clock.now_us()
        execute = self._committer.connection.execute
        execute("BEGIN IMMEDIATE")
        row = execute("SELECT holder, token, beat, ttl FROM leases WHERE run = ?", (run,)).fetchone()
        if row is not None and row[0] not in ("", self._holder) and abs(now - row[2]) < row[3]:
            execute("ROLLBACK")
            return None
        token = row[1] + 1 if row else 1
        execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)", (run, self._holder, token, now, int(ttl * 1e6)))
        execute("COMMIT")
        self._committer.forget(run)
        return Lease(run, self._holder, token)

    def renew(self, leases: Sequence[Lease], *, ttl: float) -> list[Lease]:
        self._here()
        lost = []
        connection = self._committer.connection
        connection.execute("BEGIN IMMEDIATE")
        for lease in leases:
            connection.execute(
                "UPDATE leases SET beat = ?, ttl = ? WHERE run = ? AND holder = ? AND token = ?",
                (self._clock.now_us(), int(ttl * 1e6), lease.run, lease.holder, lease.token),
            )
            if not connection.changes():
                lost.append(lease)
        connection.execute("COMMIT")
        return lost

    def release(self, lease: Lease) -> None:
        self._here()
        self._committer.connection.execute(
            "UPDATE leases SET holder = '' WHERE run = ? AND holder = ? AND token = ?", (lease.run, lease.holder, lease.token)
        )
        self._committer.forget(lease.run)

    def leases(self, runs: Sequence[RunId] | None = None) -> dict[RunId, LeaseInfo]:
        now = self._clock.now_us()
        return {
            run: LeaseInfo(run, holder, token, abs(now - beat) < ttl)
            for run, holder, token, beat, ttl in self._reader.leases()
            if runs is None or run in runs
        }

    # ---- care

    def verify(self, *, full: bool = True) -> Verdict:
        return Verdict(0, self.head(), ())

    def close(self) -> None:
        if self._closed:
            return
        self._flush()
        self._closed = True
        self._writer.stop()
        self._reader.close()
        self._committer.connection.close()

    def __enter__(self) -> SqliteJournal:
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()
