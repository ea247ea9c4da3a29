"""The cache's file: one table of entries, each with its answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from struct import Struct
from typing import Any, Final, Literal, NamedTuple, TypeVar

import apsw

from sentient_kernel.files.rebuildable import RebuildableFile, Renewed

T = TypeVar("T")

BIG: Final = 256_000
"""Bytes from which an answer is read and written on a thread: the loop has others to serve."""
OVERHEAD: Final = 200
"""Bytes that an entry takes beside its answer, as they count for the bound."""
SHARE: Final = 4
"""Answers from opened files may take one part in so many of what those of this home may, beside
it."""
KINDS: Final = frozenset({"model", "search", "page"})
OWN, IMPORTED = 0, 1
"""Whose an entry is: given here, or brought by an opened file."""

_MOST: Final = 1 << 48
_SIZED: Final = f"{OVERHEAD} + CASE WHEN size BETWEEN 0 AND {_MOST} THEN size ELSE 0 END"
"""What an entry takes; its size may have been forged."""
_GET: Final = (
    "SELECT id, size, kind, at, hash, sign,"  # noqa: S608
    f" CASE WHEN length(data) < {BIG} THEN data END FROM entry WHERE digest = ? AND imported = ?"
)
_PUT: Final = (
    "INSERT INTO entry (imported, digest, used, size, kind, at, hash, sign, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_USE: Final = "UPDATE entry SET used = ? WHERE digest = ? AND imported = 0"
_DROP: Final = (
    "DELETE FROM entry WHERE digest = ? AND imported = ?"  # noqa: S608
    f" RETURNING {_SIZED}"
)
_DROP_OLDEST: Final = (
    "DELETE FROM entry WHERE id ="  # noqa: S608
    f" (SELECT id FROM entry WHERE imported = 0 ORDER BY used LIMIT 1) RETURNING {_SIZED}"
)
_NEWEST: Final = "SELECT max(used) FROM entry WHERE imported = 0 AND used < 1 << 62"
"""When the entry that was used last was; what lies beyond that was forged."""
_TAKEN: Final = (
    f"SELECT count(*), coalesce(sum({_SIZED}), 0)"  # noqa: S608
    " FROM entry WHERE imported = ?"
)
_ABOUT: Final = Struct(">QQ6s").pack


class CacheEntry(NamedTuple):
    """An entry as it is stored.

    Args:
        kind: model, search or page.
        at: When it was given, in microseconds since 1970.
        size: Bytes of the answer.
        hash: SHA-256 of the answer.
        data: The answer; None where it is big, and not read yet.
        id: Its row.
        own: Whether it was given here, as far as its sign says; not stored.
    """

    kind: str
    at: int
    size: int
    hash: bytes
    data: bytes | None
    id: int = 0
    own: bool = True

    @classmethod
    def of(cls, kind: str, at: int, data: bytes) -> CacheEntry:
        """Returns an entry for an answer."""
        return cls(kind, at, len(data), sha256(data).digest(), data)


class CacheFile(RebuildableFile[apsw.Connection]):
    """The file of the cache.

    Each entry carries a sign made with a key that lies outside every home: a home may come from
    somebody else, who could write anything into it.

    Args:
        path: The file.
        most_bytes: What all answers of this home may take; those not used for longest make room.
        key: What signs the answers that were given here, 16 to 64 bytes.

    Raises:
        SourceError: It cannot be kept there.
    """

    name = "cache"
    version = 4
    schema = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, imported INTEGER NOT NULL, digest BLOB NOT NULL, used INTEGER NOT NULL,
    size INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL,
    sign BLOB NOT NULL, data BLOB NOT NULL, UNIQUE (digest, imported)
);
CREATE INDEX entry_use ON entry (imported, used, size);
"""

    def __init__(self, path: Path, most_bytes: int, key: bytes) -> None:
        self.most_bytes = most_bytes
        self.most_imported = most_bytes // SHARE
        self.stored = self.evicted = 0
        self._signing = blake2b(key=key, digest_size=16, person=b"cache entry")
        self._room: dict[int, int] = {}
        """Bytes that are free, until another process writes."""
        super().__init__(path, apsw.Connection)

    # -- reading -----------------------------------------------------------------------------------

    def get(self, digest: bytes, *, imported: bool = False) -> CacheEntry | None:
        """Returns an entry; any thread.

        Args:
            digest: Its key.
            imported: Whether one that an opened file brought will do, where there is no other.
        """

        def work(db: apsw.Connection) -> CacheEntry | None:
            entry = self._entry(db, digest, OWN)
            return self._entry(db, digest, IMPORTED) if entry is None and imported else entry

        try:
            return self.read(work)
        except Renewed:
            return None

    def value(self, entry: CacheEntry) -> bytes | None:
        """Returns an entry's answer, or None when it is not, or no longer, what was stored."""
        if entry.data is not None:
            return _whole(entry)
        try:
            return self.read(lambda db: _value(db, entry))
        except Renewed:
            return None

    def totals(self) -> tuple[int, int, int, int]:
        """Returns entries of this home, the bytes that they take, and the same of those from opened
        files."""
        # one statement: one moment of the file
        one = f"SELECT * FROM ({_TAKEN}), ({_TAKEN})"  # noqa: S608
        found: tuple[int, int, int, int]
        try:
            found = self.read(lambda db: db.execute(one, (OWN, IMPORTED)).get)
        except Renewed:
            found = 0, 0, 0, 0
        return found

    # -- writing -----------------------------------------------------------------------------------

    def put(
        self,
        digest: bytes,
        entry: CacheEntry,
        *,
        used: Sequence[bytes] = (),
        unless: Callable[[CacheEntry], bool] | None = None,
        patient: bool = True,
    ) -> CacheEntry:
        """Keeps an answer of this home.

        Args:
            digest: Its key.
            entry: The entry, its answer in ``data``; with that, no bigger than all may be.
            used: What was used since the last time, the newest last; what was used last goes last.
            unless: Told what is there already; when it says True and that is whole, that counts.
            patient: Whether to wait for other writers.

        Returns:
            The entry that counts from now on: this one, or the one that was there.

        Raises:
            BusyError: There are other writers, and it was not to wait for them.
        """

        def work(db: apsw.Connection) -> CacheEntry:
            _note(db, used)
            there = self._entry(db, digest, OWN)
            if there is not None and unless is not None and unless(there):
                first = _value(db, there)
                if first is not None:
                    return there._replace(data=first)
            room = self._insert(db, OWN, digest, entry)
            while room < 0 and (gone := db.execute(_DROP_OLDEST).get) is not None:
                room += int(gone)
                self.evicted += 1
            self._room[OWN] = room
            self.stored += 1
            return entry

        return self._write(work, patient=patient)

    def bring(self, digest: bytes, entry: CacheEntry) -> Literal["taken", "there", "no room"]:
        """Takes in an entry of another home, if there is room: beside those of this one, and none
        goes. What is here already stays as it is.
        """

        def work(db: apsw.Connection) -> Literal["taken", "there", "no room"]:
            if self._entry(db, digest, OWN) or self._entry(db, digest, IMPORTED):
                return "there"
            if entry.size + OVERHEAD > self._free(db, IMPORTED):
                return "no room"
            self._room[IMPORTED] = self._insert(db, IMPORTED, digest, entry)
            return "taken"

        return self._write(work)

    def drop(self, digest: bytes) -> None:
        """Forgets an entry that is not what was stored."""

        def work(db: apsw.Connection) -> None:
            db.executemany(_DROP, [(digest, OWN), (digest, IMPORTED)])
            self._room.clear()

        self._write(work)

    def note(self, used: Sequence[bytes]) -> None:
        """Notes what was used last, the newest last."""
        self._write(lambda db: _note(db, used))

    def _write(self, work: Callable[[apsw.Connection], T], *, patient: bool = True) -> T:
        """Runs work in a transaction; once more in the new file, where the old one was broken."""
        try:
            try:
                return self.write(work, patient=patient)
            except Renewed:
                self._room.clear()
                return self.write(work)
        except BaseException:
            self._room.clear()
            raise

    # -- entries -----------------------------------------------------------------------------------

    def _entry(self, db: apsw.Connection, digest: bytes, whose: int) -> CacheEntry | None:
        """Returns an entry; None when there is none, or what stands there is not one."""
        found: Any = db.execute(_GET, (digest, whose)).get
        if found is None or not _fits(*found):
            return None
        row, size, kind, at, hashed, sign, data = found
        own = whose == OWN and sign == self._sign(digest, size, kind, at, hashed)
        return CacheEntry(kind, at, size, hashed, data, row, own)

    def _insert(self, db: apsw.Connection, whose: int, digest: bytes, entry: CacheEntry) -> int:
        """Puts an entry in the place of what has its key; returns how many bytes are free then."""
        room = self._free(db, whose)
        kind, at, size, hashed, data = entry[:5]
        gone: Any = db.execute(_DROP, (digest, whose)).get
        sign = self._sign(digest, size, kind, at, hashed) if whose == OWN else b""
        db.execute(_PUT, (whose, digest, _now(db), size, kind, at, hashed, sign, data))
        return room - size - OVERHEAD + int(gone or 0)

    def _free(self, db: apsw.Connection, whose: int) -> int:
        """Returns how many bytes are free; counted once, and again when another process wrote."""
        if self.changed:
            self.changed = False
            self._room.clear()
        room = self._room.get(whose)  # who was not to wait may clear them meanwhile
        if room is None:
            ((_, taken),) = db.execute(_TAKEN, (whose,))
            room = self._room[whose] = (self.most_imported if whose else self.most_bytes) - taken
        return room

    def _sign(self, digest: bytes, size: int, kind: str, at: int, hashed: bytes) -> bytes:
        signing = self._signing.copy()  # cheaper than taking in the key again
        signing.update(digest + _ABOUT(size, at, kind.encode()) + hashed)
        return signing.digest()


def _note(db: apsw.Connection, used: Sequence[bytes]) -> None:
    now = _now(db)
    db.executemany(_USE, [(now + n, digest) for n, digest in enumerate(used)])


def _now(db: apsw.Connection) -> int:
    """Returns a time behind every use so far, also where the clock was set back: what is new must
    not be the first to make room.
    """
    return max(time.time_ns(), int(db.execute(_NEWEST).get or 0) + 1)


def _value(db: apsw.Connection, entry: CacheEntry) -> bytes | None:
    """Returns an entry's answer, read where that was not done yet."""
    data: Any = entry.data
    if data is None:
        data = db.execute("SELECT data FROM entry WHERE id = ?", (entry.id,)).get
    return _whole(entry._replace(data=data))


def _whole(entry: CacheEntry) -> bytes | None:
    """Returns the answer of an entry that was read; None when it is not what was stored."""
    data = entry.data
    return data if type(data) is bytes and sha256(data).digest() == entry.hash else None


def _fits(row: int, size: Any, kind: Any, at: Any, hashed: Any, sign: Any, data: Any) -> bool:
    """Tells whether columns are of the types that were written: the file may come from somebody
    else."""
    return (
        type(size) is int
        and 0 <= size < _MOST
        and kind in KINDS
        and type(at) is int
        and at >= 0
        and type(hashed) is bytes
        and type(sign) is bytes
        and (data is None or type(data) is bytes)
    )
