"""One transaction: from what waits to rows, with the checks that have to be made inside it.

A :class:`Committer` owns one connection and what it remembers of the file: the newest row, who holds which lease, which numbers runs
have. What it remembers is thrown away when SQLite says that another connection has written since.
"""

from __future__ import annotations

import json
from _blake2 import blake2b  # what hashlib.blake2b is; the detour costs as much as the hash
from asyncio import Future
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, NamedTuple

import apsw

from sentient_kernel.errors import DuplicateKey, LeaseLost
from sentient_kernel.events import Record
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal._schema import BLOCK
from sentient_kernel.journal.base import Lease

CHAIN = 8
"""Bytes of the chain hash that a row keeps."""

_LINK = Struct(">QqHH").pack


class Pending(NamedTuple):
    """What one ``append`` or ``post`` waits with."""

    run: RunId
    rows: list[tuple[str, bytes]]
    at: int
    lease: Lease | None = None
    unique: str | None = None
    future: Future[Seq] | None = None


class Outcome(NamedTuple):
    """What became of a group: the records written, and for each pending its last seq or the error that refuses it."""

    records: list[Record]
    results: list[Seq | DuplicateKey | LeaseLost]


def link(before: bytes, seq: int, at: int, code: int, run: str, body: bytes) -> bytes:
    """Returns the chain hash of a row: of everything in it and of the hash of the row before.

    Args:
        before: The chain hash of the row before; empty for the first.
        seq: The row's place.
        at: Microseconds since 1970.
        code: The number of its kind.
        run: The id of its run.
        body: Its JSON.
    """
    name = run.encode()
    return blake2b(b"".join((before, _LINK(seq, at, code, len(name)), name, body)), digest_size=CHAIN).digest()


class Committer:
    """Writes groups through one connection.

    Args:
        connection: The connection; nobody else writes through it.
        wrote: Called after each commit with the seq and chain hash of the newest row.
    """

    def __init__(self, connection: apsw.Connection, wrote: Callable[[int, bytes], None]) -> None:
        self.connection = connection
        self.seq = 0
        self.chain = b""
        self._wrote = wrote
        cursor = connection.cursor()
        self._execute = cursor.execute
        self._many = connection.cursor().executemany
        self._version = -1
        self._tokens: dict[RunId, tuple[str, int]] = {}
        self._numbers: dict[RunId, int] = {}
        self._blocks: dict[int, int] = {}
        self._codes: dict[str, int] = {str(name): int(code) for code, name in connection.execute("SELECT code, name FROM kinds")}
        self._born = int(connection.execute("SELECT value FROM meta WHERE name = 'born'").get)

    def commit(self, group: Sequence[Pending]) -> Outcome:
        """Writes a group in one transaction.

        Args:
            group: What waits, in order. What is refused by its lease or its unique key does not hinder the others.

        Returns:
            What became of it.

        Raises:
            apsw.Error: Nothing was written.
        """
        connection, execute = self.connection, self._execute
        execute("BEGIN IMMEDIATE")
        try:
            if connection.data_version() != self._version:
                self.refresh()
            batch = _Batch(self, group)
            if batch.rows:
                self._many("INSERT INTO events(seq, run, kind, at, chain, body) VALUES (?, ?, ?, ?, ?, ?)", batch.rows)
            if batch.spans:
                self._many("INSERT OR IGNORE INTO spans(key, block) VALUES (?, ?)", batch.spans)
            execute("COMMIT")
        except BaseException:
            self._version = -1
            if connection.in_transaction:
                execute("ROLLBACK")
            raise
        self._version = connection.data_version()
        if batch.rows:
            self.seq, self.chain = batch.seq, batch.chain
            self._numbers.update(batch.numbers)
            self._blocks.update(batch.blocks)
            self._wrote(batch.seq, batch.chain)
        return Outcome(batch.records, batch.results)

    def refresh(self) -> None:
        """Looks again at the newest row and forgets who holds what; called inside a transaction."""
        row = self._execute("SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        gap = self._execute("SELECT max(last) FROM gaps").get or 0
        self.seq, self.chain = (max(int(row[0]), gap), bytes(row[1])) if row else (gap, b"")
        self._tokens.clear()

    def holds(self, lease: Lease) -> bool:
        """True when the lease is the newest of its run; called inside a transaction."""
        held = self._tokens.get(lease.run)
        if held is None:
            row = self._execute("SELECT holder, token FROM leases WHERE run = ?", (lease.run,)).fetchone()
            held = self._tokens[lease.run] = (str(row[0]), int(row[1])) if row else ("", 0)
        return held == (lease.holder, lease.token)

    def forget(self, run: RunId) -> None:
        """Looks at the run's lease again before the next write."""
        self._tokens.pop(run, None)

    def winner(self, key: str) -> int | None:
        """Returns the seq of the write that carried the key; called inside a transaction."""
        row = self._execute("SELECT seq FROM keys WHERE key = ?", (key,)).fetchone()
        return int(row[0]) if row else None


class _Batch:
    """The rows of one transaction, as they are made."""

    def __init__(self, committer: Committer, group: Sequence[Pending]) -> None:
        self.seq, self.chain = committer.seq, committer.chain
        self.rows: list[tuple[int, int, int, int, bytes, bytes]] = []
        self.records: list[Record] = []
        self.results: list[Seq | DuplicateKey | LeaseLost] = []
        self.spans: list[tuple[int, int]] = []
        self.blocks: dict[int, int] = {}
        self.numbers: dict[RunId, int] = {}
        self._of = committer
        for pending in group:
            self.results.append(self._refusal(pending) or self._add(pending))

    def _refusal(self, pending: Pending) -> DuplicateKey | LeaseLost | None:
        if pending.lease is not None and not self._of.holds(pending.lease):
            return LeaseLost(f"Run {pending.lease.run!r} was taken over by another kernel; what this one wrote was refused.")
        if pending.unique is not None:
            if (seq := self._of.winner(pending.unique)) is not None:
                return DuplicateKey(f"{pending.unique!r} was written before, at {seq}.", seq=seq)
            self._of._execute("INSERT INTO keys(key, seq) VALUES (?, ?)", (pending.unique, self.seq + len(pending.rows)))
        return None

    def _add(self, pending: Pending) -> Seq:
        of, run, at = self._of, pending.run, pending.at
        number = of._numbers.get(run) or self.numbers.get(run) or self._number(run)
        seq, chain, codes = self.seq, self.chain, of._codes
        for kind, body in pending.rows:
            seq += 1
            code = codes[kind]
            chain = link(chain, seq, at, code, run, body)
            self.rows.append((seq, number, code, at - of._born, chain, body))
            self.records.append(Record(Seq(seq), run, at, kind, body))
            self._mark(number, seq // BLOCK)
            self._mark(-code, seq // BLOCK)
            if kind == "run_started":
                self._describe(number, json.loads(body))
        self.seq, self.chain = seq, chain
        return Seq(seq)

    def _mark(self, key: int, block: int) -> None:
        """Notes that the key occurs in the block, unless that is known."""
        if self.blocks.get(key, self._of._blocks.get(key)) != block:
            self.blocks[key] = block
            self.spans.append((key, block))

    def _number(self, run: RunId) -> int:
        execute = self._of._execute
        row = execute("SELECT no FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None:
            row = execute("INSERT INTO runs(id, first) VALUES (?, ?) RETURNING no", (run, self.seq + 1)).fetchone()
        self.numbers[run] = number = int(row[0])
        return number

    def _describe(self, number: int, body: dict[str, Any]) -> None:
        """Keeps in ``runs`` what lists of runs ask for."""
        self._of._execute(
            "UPDATE runs SET workflow = ?, name = ?, parent = ?, session = ?, user = ? WHERE no = ?",
            (body.get("workflow", ""), body.get("name"), body.get("parent"), body.get("session", ""), body.get("user", ""), number),
        )
