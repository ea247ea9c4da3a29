"""The entries of one table, within a bound of their own: those of this home, or those that opened files brought along.

Each entry carries a sign that is made with a key that lies outside every home: a home may come from somebody else, who could write
anything into it. The sums carry one too. Everything here happens inside a transaction of its caller.
"""

from __future__ import annotations

import zlib
from _blake2 import blake2b  # what hashlib.blake2b is; the detour costs as much as the hash
from collections.abc import Callable, Sequence
from struct import Struct
from struct import error as StructError
from typing import Any, Final, Literal, NamedTuple

import apsw

from sentient_kernel.cache.files import Files

OVERHEAD: Final = 200
"""Bytes that an entry takes beside its answer, as they count for the bound."""
FOLD: Final = 64
"""Entries behind those that are summed up."""
KINDS: Final = frozenset({"model", "search", "page"})
_ABOUT: Final = Struct(">QQ6s").pack
_SUMS: Final = Struct(">BQQQ").pack
_MOST: Final = 1 << 48

Table = Literal["entry", "imported"]
Sign = Callable[..., bytes]
"""Returns the sign of some bytes."""


class Row(NamedTuple):
    """An entry as it is stored.

    Args:
        size: Bytes of the answer.
        kind: model, search or page.
        at: When it was given, in microseconds since 1970.
        mark: A checksum of the answer, where it stands in the table.
        sign: Made with this installation's key of all the rest.
        file: The file that the answer is in, where it is big.
        data: The answer, where it is not.
        brought: Whether it was given elsewhere, as far as is known here; not stored.
    """

    size: int
    kind: str
    at: int
    mark: int = 0
    sign: bytes = b""
    file: str | None = None
    data: bytes | None = None
    brought: bool = False


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


class Sums(NamedTuple):
    """How many entries there are, what they take in bytes, and up to which id both are noted."""

    entries: int
    bytes: int
    upto: int


def signer(key: bytes) -> Sign:
    """Returns what makes the signs of one installation.

    Args:
        key: Its key, 16 to 64 bytes.
    """
    begun = blake2b(key=key, digest_size=16, person=b"cache entry").copy  # a copy is cheaper than taking in the key again

    def sign(*parts: bytes) -> bytes:
        hashed = begun()
        hashed.update(b"".join(parts))
        return hashed.digest()

    return sign


class Entries:
    """One table.

    Args:
        table: Which one.
        most_bytes: What all its answers together may take; those that were not used for longest make room.
        sign: Makes the signs of this installation.
        files: Where big answers are.
    """

    def __init__(self, table: Table, most_bytes: int, sign: Sign, files: Files) -> None:
        self.most_bytes = most_bytes
        self._number = 1 if table == "entry" else 2
        self._sign = sign
        self._files = files
        self._known: Sums | None = None
        columns = "size, kind, at, mark, sign, file, data"
        self._get = f"SELECT {columns} FROM {table} WHERE digest = ?"  # noqa: S608 - our own names, here and below
        self._put = f"INSERT OR IGNORE INTO {table} (digest, {columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self._use = f"UPDATE {table} SET id = (SELECT max(id) + 1 FROM {table}) WHERE digest = ?"  # noqa: S608
        self._date = f"UPDATE {table} SET at = ?, sign = ? WHERE digest = ?"  # noqa: S608
        self._drop = f"DELETE FROM {table} WHERE id = ?"  # noqa: S608
        self._oldest = f"SELECT id, size, file FROM {table} WHERE id < ? ORDER BY id"  # noqa: S608
        self._one = f"SELECT id, size, file FROM {table} WHERE digest = ?"  # noqa: S608
        self._newest = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608
        self._noted = "SELECT entries, bytes, upto, sign FROM total WHERE id = ?"
        size = "CASE WHEN typeof(size) = 'integer' AND size BETWEEN 0 AND 1 << 40 THEN size END"
        added = f"count(*), coalesce(sum({size}), 0) + count(*) * {OVERHEAD}, coalesce(max(id), 0)"
        self._behind = f"SELECT {added} FROM {table} WHERE id > ?"  # noqa: S608

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, db: apsw.Connection, digest: bytes) -> Row | None:
        """Returns an entry; None when there is none, or what stands there is no entry."""
        found: Any = db.execute(self._get, (digest,)).get
        if found is None or not _fits(*found):
            return None
        row: Row = tuple.__new__(Row, (*found, False))  # half the time of Row(...)
        return row if row.sign == self._sign_of(digest, row) else row._replace(brought=True)

    def value(self, row: Row) -> bytes | None:
        """Returns an entry's answer, or None when it is not, or no longer, what was stored."""
        if row.file is not None:
            return self._files.read(row.file, row.size)
        data = row.data
        return data if data is not None and len(data) == row.size and zlib.crc32(data) == row.mark else None

    def added_up(self, db: apsw.Connection) -> Sums:
        """Returns how many entries there are, what they take, and up to which of them both are noted."""
        noted = self._sums_noted(db)
        entries, size, _ = self._added(db, noted.upto)
        return Sums(noted.entries + entries, noted.bytes + size, noted.upto)

    def forget_sums(self) -> None:
        """Forgets the sums: somebody else may have written."""
        self._known = None

    # -- writing -----------------------------------------------------------------------------------------------------

    def has_room(self, db: apsw.Connection, size: int) -> bool:
        """Tells whether one more answer of a size fits without another having to go."""
        self._known = known = self._known or self.added_up(db)
        return known.bytes + size + OVERHEAD <= self.most_bytes

    def insert(self, db: apsw.Connection, digest: bytes, row: Row) -> Put | None:
        """Adds an entry and makes room for it; None when there is one of that key."""
        before = self._known or self.added_up(db)
        row = row._replace(mark=zlib.crc32(row.data or b""), brought=False)
        row = row._replace(sign=self._sign_of(digest, row))
        db.execute(self._put, (digest, *row[:7]))
        if not db.changes():
            return None
        newest = db.last_insert_rowid()
        self._known = known = Sums(before.entries + 1, before.bytes + row.size + OVERHEAD, before.upto)
        if newest - known.upto > FOLD:
            self._fold(db)
        over = known.bytes - self.most_bytes
        return Put(row, True, self._make_room(db, newest, over) if over > 0 else 0)

    def note_used(self, db: apsw.Connection, used: Sequence[bytes]) -> None:
        """Puts what was used behind all others."""
        sums = self._fold(db)
        db.executemany(self._use, [(digest,) for digest in used])
        self._set_sums(db, sums.entries, sums.bytes)

    def date(self, db: apsw.Connection, digest: bytes, at: int) -> None:
        """Gives an entry of this home another time."""
        row = self.get(db, digest)
        if row is not None and not row.brought:
            db.execute(self._date, (at, self._sign_of(digest, row._replace(at=at)), digest))

    def forget(self, db: apsw.Connection, digest: bytes) -> None:
        """Removes an entry."""
        self._remove(db, db.execute(self._one, (digest,)).fetchall())

    # -- the sums ----------------------------------------------------------------------------------------------------

    def _sums_noted(self, db: apsw.Connection) -> Sums:
        """Returns the sums that are noted; none of them where they were not noted here, so that all are added up."""
        row: Any = db.execute(self._noted, (self._number,)).get or (0, 0, 0, b"")
        entries, size, upto, sign = row
        try:
            return Sums(entries, size, upto) if sign == self._sign(_SUMS(self._number, entries, size, upto)) else Sums(0, 0, 0)
        except StructError:
            return Sums(0, 0, 0)

    def _added(self, db: apsw.Connection, upto: int) -> tuple[int, int, int]:
        entries, size, newest = db.execute(self._behind, (upto,)).get
        return int(entries), int(size), int(newest)

    def _fold(self, db: apsw.Connection) -> Sums:
        """Notes the sums of all entries, and returns them; who moves or removes any does so first."""
        sums = self.added_up(db)
        self._set_sums(db, sums.entries, sums.bytes)
        return sums

    def _set_sums(self, db: apsw.Connection, entries: int, size: int) -> None:
        upto = int(db.execute(self._newest).get)
        sign = self._sign(_SUMS(self._number, entries, size, upto))
        db.execute("UPDATE total SET entries = ?, bytes = ?, upto = ?, sign = ? WHERE id = ?", (entries, size, upto, sign, self._number))
        self._known = Sums(entries, size, upto)

    # -- room --------------------------------------------------------------------------------------------------------

    def _make_room(self, db: apsw.Connection, newest: int, over: int) -> int:
        """Lets go of what was not used for longest until that many bytes are free; returns how many that were."""
        gone: list[Any] = []
        for row in db.execute(self._oldest, (newest,)):
            gone.append(row)
            over -= _size(row[1]) + OVERHEAD
            if over <= 0:
                break
        self._remove(db, gone)
        return len(gone)

    def _remove(self, db: apsw.Connection, rows: Sequence[Any]) -> None:
        sums = self._fold(db)
        total = sums.bytes
        for key, size, file in rows:
            db.execute(self._drop, (key,))
            total -= _size(size) + OVERHEAD
            if isinstance(file, str) and not _is_used(db, file):
                self._files.remove(file)
        self._set_sums(db, max(0, sums.entries - len(rows)), max(0, total))

    def _sign_of(self, digest: bytes, row: Row) -> bytes:
        what = row.data if row.file is None else row.file.encode()
        return self._sign(digest, _ABOUT(row.size, row.at, row.kind.encode()), b"f" if row.file else b"d", what or b"")


def files_of(db: apsw.Connection) -> set[str]:
    """Returns the files that entries of either table are in."""
    return {file for table in ("entry", "imported") for (file,) in db.execute(f"SELECT file FROM {table} WHERE file IS NOT NULL")}  # noqa: S608


def _is_used(db: apsw.Connection, file: str) -> bool:
    return db.execute("SELECT 1 FROM entry WHERE file = ? UNION ALL SELECT 1 FROM imported WHERE file = ?", (file, file)).get is not None


def _fits(size: Any, kind: Any, at: Any, mark: Any, sign: Any, file: Any, data: Any) -> bool:
    """Tells whether columns are of the types that were written: the file may come from somebody else."""
    return (
        type(size) is int
        and 0 <= size < _MOST
        and kind in KINDS
        and type(at) is int
        and at >= 0
        and type(mark) is int
        and type(sign) is bytes
        and (file is None or type(file) is str)
        and (data is None or type(data) is bytes)
    )


def _size(size: Any) -> int:
    return size if type(size) is int and 0 <= size <= 1 << 40 else 0
