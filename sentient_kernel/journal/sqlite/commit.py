"""Writes a group of appends in one transaction; leases and unique keys are checked inside.

A :class:`Committer` owns one connection and what it remembers of the file: the newest row, who
holds which lease, which numbers runs have. It believes its memory as long as SQLite says that no
other connection has written since.
"""

from __future__ import annotations

import json
from asyncio import Future
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from sentient_kernel.errors import DuplicateKey, LeaseLost
from sentient_kernel.events import ENDS, Record, RunStarted, record_of
from sentient_kernel.files.sqlite import transaction
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.base import Lease
from sentient_kernel.journal.sqlite.leases import give_back
from sentient_kernel.journal.sqlite.marks import FROM_FILE, Marker, content, kind_word
from sentient_kernel.journal.sqlite.schema import BLOCK

CHAIN = 8
"""Bytes of the chain hash that a row keeps."""

MOST_REMEMBERED = 10_000
"""Runs whose numbers are kept in memory."""

ADOPTED = 64
"""Rows of another journal that are made at a time: each may have a megabyte."""

_PAGE: Final = 4096
_SMALL: Final = 1024
_INSERT = "INSERT INTO events(seq, run, kind, at, chain, body, mark) VALUES (?, ?, ?, ?, ?, ?, ?)"


T = TypeVar("T")


class Pending(NamedTuple):
    """What one ``append`` or ``post`` waits with."""

    run: RunId
    rows: list[tuple[str, bytes]]
    at: int
    lease: Lease | None = None
    unique: str | None = None
    future: Future[Seq] | None = None
    grant: tuple[str, int] | None = (
        None  # the holder who gets the new run's lease, and for how many microseconds
    )


_NOTED: Final = frozenset({*ENDS, RunStarted.KIND})

Result = Seq | DuplicateKey | LeaseLost
_Row = tuple[int, int, int, int, bytes, bytes, bytes]


class Committed(NamedTuple):
    """What became of a group: the records written, and for each pending its last seq or the error
    that refuses it.
    """

    records: list[Record]
    results: list[Result]


def link(before: bytes, seq: int, at: int, code: int, run: bytes, body: bytes) -> bytes:
    """Returns the chain hash of a row: of everything in it and of the hash of the row before.

    Args:
        before: The chain hash of the row before; empty for the first.
        seq: The row's place.
        at: Microseconds since 1970.
        code: The number of its kind.
        run: The id of its run.
        body: Its JSON.
    """
    return blake2b(before + content(seq, at, code, run, body), digest_size=CHAIN).digest()


class Committer:
    """Writes groups through one connection.

    Args:
        connection: The connection; nobody else writes through it.
        wrote: Called after each commit with the seq and chain hash of the newest row.
        marker: Makes the marks of rows that are written here.
    """

    def __init__(
        self, connection: apsw.Connection, wrote: Callable[[int, bytes], None], marker: Marker
    ) -> None:
        self.connection = connection
        self.marker = marker
        self.execute = connection.cursor().execute
        # a query's rows are read to the end (``get``): one left open would keep a commit waiting
        self.pages = 0
        """About how many pages were written since this was last set to 0."""
        self._many = connection.cursor().executemany
        self._data_version = connection.data_version
        self._wrote = wrote
        self._seq = 0
        self._chain = b""
        self._version = -1
        self._tokens: dict[RunId, tuple[str, int]] = {}
        self._good_lease: Lease | None = None
        self._numbers: dict[RunId, tuple[int, bytes]] = {}
        self._marked: set[int] = set()  # the keys that are known to occur in the newest block
        self._next_block = 0
        kinds = self.execute("SELECT code, name FROM kinds")
        self._codes: dict[str, tuple[int, bytes]] = {
            str(name): (int(code), kind_word(name)) for code, name in kinds
        }
        self._born = int(self.execute("SELECT value FROM meta WHERE name = 'born'").get)

    def commit(self, group: Sequence[Pending]) -> Committed:
        """Writes a group in one transaction.

        Args:
            group: What waits, in order. What is refused by its lease or its unique key does not
                hinder the others.

        Returns:
            What became of it.

        Raises:
            apsw.Error: Nothing was written.
        """
        try:
            with transaction(self.connection):
                if self._data_version() != self._version:
                    self._refresh()
                rows, outcome = self._gather(group)
                if rows:
                    self._many(_INSERT, rows)
        except BaseException:
            self._forget()
            raise
        self._version = self._data_version()
        if rows:
            self._seq, self._chain = seq, chain = rows[-1][0], rows[-1][4]
            self._wrote(seq, chain)
        if len(self._numbers) > MOST_REMEMBERED:
            self._numbers.clear()
        return outcome

    def adopt(self, make: Callable[[Seq], Iterable[Record]]) -> int:
        """Writes runs of another journal in one transaction, a few rows at a time; returns how many
        rows.

        Raises:
            DuplicateKey: One of the runs is here already.
            apsw.Error: Nothing was written.
        """
        known: set[RunId] = set()
        written = 0
        try:
            with transaction(self.connection):
                self._refresh()
                records = iter(make(Seq(self._seq + 1)))
                while portion := list(islice(records, ADOPTED)):
                    for run in {record.run for record in portion} - known:
                        there = self.execute("SELECT first FROM runs WHERE id = ?", (run,)).get
                        if there is not None:
                            what = f"Run {run!r} is in this journal already."
                            raise DuplicateKey(what, seq=int(there))
                        known.add(run)
                    group = [Pending(r.run, [(r.kind, r.body)], r.at) for r in portion]
                    rows, _ = self._gather(group, from_file=True)
                    self._many(_INSERT, rows)
                    self._seq, self._chain = rows[-1][0], rows[-1][4]
                    written += len(rows)
        except BaseException:
            self._forget()
            raise
        self._version = self._data_version()
        if written:
            self._wrote(self._seq, self._chain)
        return written

    def _gather(
        self, group: Sequence[Pending], *, from_file: bool = False
    ) -> tuple[list[_Row], Committed]:
        """Makes the rows and records of a group; whatever else it changes, it changes in the open
        transaction.
        """
        seq, chain, codes, numbers, marked, born = (
            self._seq,
            self._chain,
            self._codes,
            self._numbers,
            self._marked,
            self._born,
        )
        begun, origin = self.marker.begun, "file" if from_file else ""
        rows: list[_Row] = []
        records: list[Record] = []
        results: list[Result] = []
        for pending in group:
            run, events, at, lease, unique, _, grant = pending
            checked = (
                (lease is None or lease is self._good_lease) and unique is None and grant is None
            )
            if not checked and (refusal := self._refusal(pending, seq)) is not None:
                results.append(refusal)
                continue
            number, name = numbers.get(run) or self._number(run, seq + 1)
            for kind, body in events:
                seq += 1
                code, word = codes[kind]
                covered = content(seq, at, code, name, body)
                chain = blake2b(chain + covered, digest_size=CHAIN).digest()
                marking = begun()
                marking.update(chain + word + covered)
                rows.append(
                    (
                        seq,
                        number,
                        code,
                        at - born,
                        chain,
                        body,
                        FROM_FILE if from_file else marking.digest(),
                    )
                )
                records.append(record_of((seq, run, at, kind, body, origin)))
                if seq >= self._next_block or number not in marked or -code not in marked:
                    self._mark(number, code, seq)
                if len(body) > _SMALL:
                    self.pages += len(body) // _PAGE
                if kind in _NOTED:
                    self._note(pending, number, kind, body)
            self.pages += 2
            results.append(seq)  # type: ignore[arg-type]  # Seq is an int; its call would cost
        return rows, Committed(records, results)

    def _note(self, pending: Pending, number: int, kind: str, body: bytes) -> None:
        """Keeps what a run's first and last events change besides their rows."""
        if kind == RunStarted.KIND:
            said = json.loads(body)
            self.execute(
                "UPDATE runs SET workflow = ?, name = ?, parent = ?, session = ?, user = ? WHERE"
                " no = ?",
                (
                    said.get("workflow", ""),
                    said.get("name"),
                    said.get("parent"),
                    said.get("session", ""),
                    said.get("user", ""),
                    number,
                ),
            )
            if pending.grant is not None:
                holder, ttl = pending.grant
                grant = (pending.run, holder, pending.at, ttl)
                self.execute(
                    "INSERT INTO leases(run, holder, token, beat, ttl) VALUES (?, ?, 1, ?, ?)",
                    grant,
                )
                self._tokens[pending.run] = (holder, 1)
        elif pending.lease is not None and pending.lease.run == pending.run:
            give_back(self.execute, pending.lease)
            self._tokens.pop(pending.run, None)
            self._good_lease = None

    def _refusal(self, pending: Pending, seq: int) -> DuplicateKey | LeaseLost | None:
        """Returns why a pending may not be written; otherwise claims its key."""
        lease = pending.lease
        if lease is not None:
            held = self._tokens.get(lease.run)
            if held is None:
                query = "SELECT holder, token FROM leases WHERE run = ?"
                held = self.execute(query, (lease.run,)).get or ("", 0)
                self._tokens[lease.run] = held
            if held != (lease.holder, lease.token):
                return LeaseLost(
                    f"Run {lease.run!r} was taken over by another kernel; what this one"
                    " wrote was refused."
                )
            self._good_lease = lease
        if (
            pending.grant is not None
            and self.execute("SELECT 1 FROM leases WHERE run = ?", (pending.run,)).get is not None
        ):
            return LeaseLost(f"Run {pending.run!r} has begun already.")
        if pending.unique is not None:
            found = self.execute("SELECT seq FROM keys WHERE key = ?", (pending.unique,)).get
            if found is not None:
                return DuplicateKey(
                    f"{pending.unique!r} was written before, at {found}.", seq=found
                )
            self.execute(
                "INSERT INTO keys(key, seq) VALUES (?, ?)",
                (pending.unique, seq + len(pending.rows)),
            )
        return None

    def transact(self, work: Callable[[Callable[..., Any]], T]) -> T:
        """Runs work in a write transaction; what it changes is seen by the next commit, as if
        another connection had written it.
        """
        try:
            with transaction(self.connection):
                result = work(self.execute)
        except BaseException:
            self._forget()
            raise
        return result

    def _refresh(self) -> None:
        """Looks at the newest row again and forgets who holds what: somebody else has written."""
        row = self.execute("SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1").get
        lost = self.execute("SELECT coalesce(max(last), 0) FROM gaps").get
        self._seq, self._chain = (max(row[0], lost), row[1]) if row else (lost, b"")
        self._tokens.clear()
        self._good_lease = None
        self._next_block = 0

    def _forget(self) -> None:
        """Forgets what was remembered of a transaction that was undone."""
        self._version = -1
        self._numbers.clear()
        self._next_block = 0

    def _number(self, run: RunId, first: int) -> tuple[int, bytes]:
        number = self.execute("SELECT no FROM runs WHERE id = ?", (run,)).get
        if number is None:
            number = self.execute(
                "INSERT INTO runs(id, first) VALUES (?, ?) RETURNING no", (run, first)
            ).get
        self._numbers[run] = found = (int(number), run.encode())
        return found

    def _mark(self, number: int, code: int, seq: int) -> None:
        """Notes that a run and a kind occur in the block of a row."""
        block = seq // BLOCK
        if seq >= self._next_block:
            self._marked.clear()
            self._next_block = (block + 1) * BLOCK
        self._many(
            "INSERT OR IGNORE INTO spans(key, block) VALUES (?, ?)",
            [(number, block), (-code, block)],
        )
        self._marked |= {number, -code}
