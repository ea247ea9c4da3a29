"""Reads records and runs, through connections that never write."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import apsw

from sentient_kernel.errors import JournalDamaged
from sentient_kernel.events import Record, record_of
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.base import RunRow
from sentient_kernel.journal.sqlite.marks import Marker, kind_word
from sentient_kernel.journal.sqlite.schema import BLOCK
from sentient_kernel.journal.sqlite.tables import RUN

MOST_REMEMBERED: Final = 10_000
"""Runs whose ids are kept in memory."""

ALL: Final = (
    "SELECT seq, run, at, kind, body, chain, mark FROM events WHERE seq > :after AND seq <= :until"
    " ORDER BY seq LIMIT :limit"
)

BY_RUN: Final = """
SELECT e.seq, e.run, e.at, e.kind, e.body, e.chain, e.mark
FROM spans w CROSS JOIN events e ON e.seq >= w.block * :size AND e.seq < (w.block + 1) * :size
    AND e.seq > :after AND e.seq <= :until
WHERE w.key = :run AND w.block >= :after / :size AND e.run = :run
ORDER BY w.block, e.seq LIMIT :limit"""

BY_KINDS: Final = """
WITH wanted AS (
    SELECT DISTINCT block FROM spans
    WHERE key IN (SELECT -value FROM json_each(:kinds)) AND block >= :after / :size ORDER BY block)
SELECT e.seq, e.run, e.at, e.kind, e.body, e.chain, e.mark
FROM wanted w CROSS JOIN events e ON e.seq >= w.block * :size AND e.seq < (w.block + 1) * :size
    AND e.seq > :after AND e.seq <= :until
WHERE e.kind IN (SELECT value FROM json_each(:kinds))
ORDER BY w.block, e.seq LIMIT :limit"""

BY_BOTH: Final = """
WITH wanted AS (
    SELECT block FROM spans WHERE key = :run AND block >= :after / :size
    INTERSECT SELECT block FROM spans WHERE key IN (SELECT -value FROM json_each(:kinds))
    AND block >= :after / :size)
SELECT e.seq, e.run, e.at, e.kind, e.body, e.chain, e.mark
FROM wanted w CROSS JOIN events e ON e.seq >= w.block * :size AND e.seq < (w.block + 1) * :size
    AND e.seq > :after AND e.seq <= :until
WHERE e.run = :run AND e.kind IN (SELECT value FROM json_each(:kinds))
ORDER BY w.block, e.seq LIMIT :limit"""

RUNS: Final = """
SELECT id, coalesce(name, ''), workflow, parent, session, user, first,
       (SELECT max(e.seq) FROM events e
        WHERE e.run = r.no AND e.seq >= (SELECT max(block) FROM spans WHERE key = r.no) * :size)
FROM runs r
WHERE workflow IS NOT NULL AND (:run IS NULL OR id = :run) AND (:name IS NULL OR name = :name)
  AND (:session IS NULL OR session = :session) AND (:user IS NULL OR user = :user)
  AND (:parent IS NULL OR parent = :parent)
ORDER BY first"""


class Reader:
    """A few connections that are lent out, one to a thread at a time.

    Args:
        open_: Opens a connection.
        marker: Makes the marks of this installation: records say whether they carry theirs.
    """

    def __init__(self, open_: Callable[[], apsw.Connection], marker: Marker) -> None:
        self._open = open_
        self._marker = marker
        self._idle: list[apsw.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._runs: dict[int, tuple[RunId, bytes]] = {}
        self._kinds: dict[int, tuple[str, bytes]] = {}
        self._born = 0

    def query(self, sql: str, values: Any = ()) -> list[Any]:
        """Returns all rows of a query; any thread."""
        with self.lend() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def lend(self) -> Iterator[apsw.Connection]:
        """Lends a connection that nobody else uses meanwhile; any thread."""
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        connection = connection or self._open()
        try:
            yield connection
        finally:
            with self._lock:
                kept = not self._closed and len(self._idle) < 4
                if kept:
                    self._idle.append(connection)
            if not kept:
                connection.close()

    def read(
        self,
        *,
        run: RunId | None = None,
        after: Seq = Seq(0),
        until: int = sys.maxsize,
        kinds: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        """Returns the records that match, in the order of seq."""
        if run is not None and not RUN.fullmatch(run):
            return []
        values: dict[str, Any] = {
            "after": after,
            "until": until,
            "limit": -1 if limit is None else limit,
            "size": BLOCK,
        }
        if run is not None:
            numbers = self.query("SELECT no FROM runs WHERE id = ?", (run,))
            if not numbers:
                return []
            values["run"] = numbers[0][0]
        if kinds is not None:
            values["kinds"] = json.dumps(
                [code for code, (name, _) in self._learn_kinds().items() if name in kinds]
            )
        if run is None:
            return self._records(self.query(ALL if kinds is None else BY_KINDS, values))
        return self._records(self.query(BY_RUN if kinds is None else BY_BOTH, values))

    def _records(self, rows: list[Any]) -> list[Record]:
        """Returns rows as records; what run and kind their numbers stand for is remembered."""
        origin, kinds, runs = self._marker.origin, self._kinds, self._runs
        seq = 0
        try:
            for n, (seq, number, at, code, body, chain, mark) in enumerate(rows):
                if code not in kinds:
                    kinds = self._learn_kinds(anew=True)
                if number not in runs:
                    runs = self._learn_runs(rows)
                (kind, word), (run, name) = kinds[code], runs[number]
                at += self._born
                where = origin(mark, chain, word, seq, at, code, name, body)
                record = record_of((seq, run, at, kind, body, where))
                # In its place, so that no event is held twice.
                rows[n] = record.in_own_words() if where else record
        except (KeyError, TypeError) as error:
            what = (
                f"Row {seq} of the journal is of a run or a kind that is not there, or not of the"
                " form that rows have."
            )
            raise JournalDamaged(what, hint="`sentient-kernel verify` tells more.") from error
        return rows

    def _learn_kinds(self, *, anew: bool = False) -> dict[int, tuple[str, bytes]]:
        """Returns the kinds by their numbers, each with the word that marks cover."""
        if anew or not self._kinds:
            self._born = int(self.query("SELECT value FROM meta WHERE name = 'born'")[0][0])
            self._kinds = {
                code: (name, kind_word(name))
                for code, name in self.query("SELECT code, name FROM kinds")
            }
        return self._kinds

    def _learn_runs(self, rows: list[Any]) -> dict[int, tuple[RunId, bytes]]:
        """Returns the ids of all runs that rows are of, and of others that were read lately."""
        wanted = json.dumps(list({row[1]: None for row in rows if type(row[1]) is int}))
        runs = self._runs if len(self._runs) < MOST_REMEMBERED else {}
        for number, name in self.query(
            "SELECT no, id FROM runs WHERE no IN (SELECT value FROM json_each(?))", (wanted,)
        ):
            runs[number] = name, name.encode()
        self._runs = runs
        return runs

    def head(self) -> Seq:
        """Returns the newest seq, 0 when there is none."""
        return Seq(self.query("SELECT coalesce(max(seq), 0) FROM events")[0][0])

    def runs(self, **wanted: str | None) -> list[RunRow]:
        """Returns the runs whose columns equal all that is given and not None."""
        if not all(
            RUN.fullmatch(id_)
            for name in ("run", "parent")
            if (id_ := wanted.get(name)) is not None
        ):
            return []
        return [RunRow(*row) for row in self.query(RUNS, {**wanted, "size": BLOCK})]

    def leases(self) -> list[Any]:
        """Returns all leases that somebody has."""
        return self.query("SELECT run, holder, token, beat, ttl FROM leases WHERE holder != ''")

    def close(self) -> None:
        """Closes every connection that is not lent out; those are closed when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
