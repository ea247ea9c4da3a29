"""What is kept: entries by digest, within a bound; files beside the tables for the big ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from sentient_kernel.cache._files import Files
from sentient_kernel.cache._shared import Shared
from sentient_kernel.errors import SourceError

INLINE = 32_000
"""Bytes of an answer that stand in the table; bigger ones are files, named by the hash of what is in them."""
OVERHEAD = 200
"""Bytes that an entry takes beside its answer, as they count for the bound."""
PAGES = 1_000
"""Pages of the log after which it is moved into the file."""
FOLD = 64
"""Entries behind those that are summed up."""

_COLUMNS = "size, kind, at, brought, mark, file, data"
_GET = f"SELECT {_COLUMNS} FROM entry WHERE digest = ?"  # noqa: S608 - our own names
_PUT = f"INSERT OR IGNORE INTO entry (digest, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
_USE = "UPDATE entry SET id = (SELECT max(id) + 1 FROM entry) WHERE digest = ?"
_TOTALS = f"""
SELECT total.entries + count(entry.id), total.bytes + coalesce(sum(entry.size + {OVERHEAD}), 0),
       total.upto, coalesce(max(entry.id), total.upto)
FROM total LEFT JOIN entry ON entry.id > total.upto"""  # noqa: S608 - our own number


class Row(NamedTuple):
    """An entry as it is stored; ``at`` in microseconds since 1970, ``brought`` is 1 when it came from another home."""

    size: int
    kind: str
    at: int
    brought: int
    mark: int
    file: str | None
    data: bytes | None


class Put(NamedTuple):
    """What became of an answer.

    Args:
        row: The entry that counts from now on; None when the answer is bigger than all may be.
        stored: Whether that is the one that was put.
        evicted: How many made room for it.
    """

    row: Row | None
    stored: bool = False
    evicted: int = 0


class Database(Shared):
    """The cache's file, and the folder of big answers beside it.

    Args:
        path: The file; made (0600), and made anew when it is broken. The folder has its name, ending in ``.values``.
        most_bytes: What all answers together may take; those that were not used for longest make room.

    Raises:
        SourceError: It cannot be kept there.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        super().__init__(path)
        self.most_bytes = most_bytes
        self._files = Files(self.path.with_suffix(".values"))
        self._known: tuple[int, int, int] | None = None  # as _sums returns them, as of ...
        self._version = -1  # ... this version of the data

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, digest: bytes) -> Row | None:
        """Returns an entry; any thread."""
        row = self._reading(_get, digest)
        return None if row is None else tuple.__new__(Row, row)  # half the time of Row(...)

    def totals(self) -> tuple[int, int]:
        """Returns how many entries there are, and what they take in bytes."""
        found = self._reading(_totals, b"")
        return (0, 0) if found is None else (found[0], found[1])

    def value(self, row: Row) -> bytes | None:
        """Returns an entry's answer, or None when it is not, or no longer, what was stored."""
        if row.file is not None:
            return self._files.read(row.file, row.size)
        data = row.data
        return data if isinstance(data, bytes) and len(data) == row.size and zlib.crc32(data) == row.mark else None

    # -- writing -----------------------------------------------------------------------------------------------------

    def put(
        self, digest: bytes, row: Row, *, used: Sequence[bytes] = (), unless: Callable[[Row], bool] | None = None, patient: bool = True
    ) -> Put | None:
        """Keeps an answer.

        Args:
            digest: Its key.
            row: The entry, its answer in ``data``.
            used: What was used since the last time, the newest last; what was used last is let go of last.
            unless: Told what is there already; when it says True and that is whole, that stays and counts.
            patient: Whether to wait for other writers.

        Returns:
            What became of it; None when there are other writers and it was not to wait for them.
        """
        if row.size + OVERHEAD > self.most_bytes:
            return Put(None)

        def work(db: apsw.Connection) -> Put:
            if used:
                self._note_used(db, used)
            small = row.size <= INLINE
            if small and (put := self._insert(db, digest, row)) is not None:
                return put
            held = db.execute(_GET, (digest,)).get
            if held is not None:
                there = Row._make(held)
                if unless is not None and unless(there) and self.value(there) is not None:
                    return Put(there)
                self._forget(db, digest)
            put = self._insert(db, digest, row if small else self._as_file(db, row))
            assert put is not None  # noqa: S101 - there is no other one, and nobody else writes meanwhile
            return put

        row = row._replace(mark=zlib.crc32(row.data or b""))
        return self._write(work, patient=patient)

    def drop(self, digest: bytes) -> None:
        """Forgets an entry that is not what was stored."""
        self._write(lambda db: self._forget(db, digest))

    def date(self, digest: bytes, at: int) -> None:
        """Gives an entry another time; ``at`` in microseconds since 1970."""
        self._write(lambda db: db.execute("UPDATE entry SET at = ? WHERE digest = ?", (at, digest)).fetchall())

    def checkpoint(self) -> None:
        """Moves the log into the file; off the loop, as the disk is waited for."""
        self.pages = 0
        with suppress(SourceError):  # somebody else is at it; nothing is lost: a later write asks again
            self._reading(lambda db, _: db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE), b"")

    def note(self, used: Sequence[bytes]) -> None:
        """Notes what was used last, the newest last."""
        self._write(lambda db: self._note_used(db, used))

    def _wrote(self, db: apsw.Connection | None) -> None:
        """Told after each commit; with None when what is remembered of the file no longer counts."""
        if db is None:
            self._known = None
        else:
            self._version = db.data_version()

    # -- inside a transaction ----------------------------------------------------------------------------------------

    def _note_used(self, db: apsw.Connection, used: Sequence[bytes]) -> None:
        """Puts what was used behind all others."""
        entries, size = self._fold(db)
        db.executemany(_USE, [(digest,) for digest in used])
        self._set_sums(db, entries, size)

    def _sums(self, db: apsw.Connection) -> tuple[int, int, int]:
        """Returns entries, bytes, and up to which id both are noted; remembered as long as nobody else writes."""
        if self._known is None or db.data_version() != self._version:
            entries, size, upto, _ = db.execute(_TOTALS).get
            self._known = entries, size, upto
        return self._known

    def _fold(self, db: apsw.Connection) -> tuple[int, int]:
        """Notes the sums of all entries, and returns them; who moves or removes any does so first."""
        entries, size, upto, newest = db.execute(_TOTALS).get
        if newest != upto:
            self._set_sums(db, entries, size)
        return entries, size

    def _set_sums(self, db: apsw.Connection, entries: int, size: int) -> None:
        upto = db.execute("SELECT coalesce(max(id), 0) FROM entry").get
        db.execute("UPDATE total SET entries = ?, bytes = ?, upto = ?", (entries, size, upto))
        self._known = entries, size, upto

    def _insert(self, db: apsw.Connection, digest: bytes, row: Row) -> Put | None:
        """Adds an entry and makes room for it; None when there is one of that key."""
        entries, size, upto = self._sums(db)
        db.execute(_PUT, (digest, *row))
        if not db.changes():
            return None
        newest = db.last_insert_rowid()
        self._known = entries + 1, size + row.size + OVERHEAD, upto
        if newest - upto > FOLD:
            self._fold(db)
        over = self._known[1] - self.most_bytes
        return Put(row, True, self._make_room(db, newest, over) if over > 0 else 0)

    def _as_file(self, db: apsw.Connection, row: Row) -> Row:
        """Returns a big entry as it goes into the table, its answer in a file."""
        self._files.sweep(lambda: {file for (file,) in db.execute("SELECT file FROM entry WHERE file IS NOT NULL")})
        return row._replace(mark=0, file=self._files.write(row.data or b""), data=None)

    def _make_room(self, db: apsw.Connection, newest: int, over: int) -> int:
        """Lets go of what was not used for longest until that many bytes are free; returns how many that were."""
        gone: list[Any] = []
        for row in db.execute("SELECT id, size, file FROM entry WHERE id < ? ORDER BY id", (newest,)):
            gone.append(row)
            over -= row[1] + OVERHEAD
            if over <= 0:
                break
        self._remove(db, gone)
        return len(gone)

    def _forget(self, db: apsw.Connection, digest: bytes) -> None:
        self._remove(db, db.execute("SELECT id, size, file FROM entry WHERE digest = ?", (digest,)).fetchall())

    def _remove(self, db: apsw.Connection, rows: Sequence[Any]) -> None:
        entries, total = self._fold(db)
        for key, size, file in rows:
            db.execute("DELETE FROM entry WHERE id = ?", (key,))
            total -= size + OVERHEAD
            if file is not None and db.execute("SELECT 1 FROM entry WHERE file = ?", (file,)).get is None:
                self._files.remove(file)
        self._set_sums(db, entries - len(rows), total)


def _get(db: apsw.Connection, digest: bytes) -> Any:
    return db.execute(_GET, (digest,)).get


def _totals(db: apsw.Connection, _: bytes) -> Any:
    return db.execute(_TOTALS).get
