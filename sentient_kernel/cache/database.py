"""The cache's file: one table of entries, with their answers in the rows, or in files beside it
where they are big."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from hashlib import blake2b, sha256
from pathlib import Path
from struct import Struct
from typing import Any, Final, NamedTuple, TypeVar

import apsw

from sentient_kernel.cache.files import Files
from sentient_kernel.errors import SourceError, UsageError
from sentient_kernel.files.sqlite import (
    Foreign,
    Tables,
    check_places,
    harden,
    hint,
    inode_of,
    make_file,
    set_aside,
    tables_made_by,
    tables_of,
    why,
)

T = TypeVar("T")
VERSION: Final = 3
INLINE: Final = 32_000
"""Bytes of an answer that stand in the row; bigger ones are files, named by their hash."""
OVERHEAD: Final = 200
"""Bytes that an entry takes beside its answer, as they count for the bound."""
SHARE: Final = 4
"""Answers from opened files may take one part in so many of what those of this home may, beside
it."""
PAGES = 1_000
"""Pages of the write-ahead log after which a commit moves it into the file."""
PATIENCE = 30.0
"""Seconds that a write off the loop waits for other processes."""
KINDS: Final = frozenset({"model", "search", "page"})
OWN, IMPORTED = 0, 1
"""Whose an entry is: given here, or brought by an opened file."""
BROKEN: Final = (
    apsw.NotADBError,
    apsw.CorruptError,
    apsw.SQLError,
    apsw.SchemaChangeError,
    apsw.MismatchError,
    Foreign,
)
"""What says that the file is not what was written: damaged, or the tables of something else."""

_SCHEMA: Final = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, imported INTEGER NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
    kind TEXT NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL, sign BLOB NOT NULL, data BLOB,
    UNIQUE (digest, imported)
);
CREATE INDEX entry_use ON entry (imported, id, size);
CREATE INDEX entry_file ON entry (hash) WHERE data IS NULL;
"""
# The id says when an entry was used: who is used gets the next one.
_COLUMNS: Final = "size, kind, at, hash, sign, data"
# our own names
_GET: Final = f"SELECT {_COLUMNS} FROM entry WHERE digest = ? AND imported = ?"  # noqa: S608
_PLACES = ", ".join("?" * 8)
_PUT: Final = f"INSERT INTO entry (imported, digest, {_COLUMNS}) VALUES ({_PLACES})"  # noqa: S608
_USE: Final = (
    "UPDATE entry SET id = (SELECT max(id) + 1 FROM entry) WHERE digest = ? AND imported = 0"
)
_ONE: Final = "SELECT id, size, hash, data IS NULL FROM entry WHERE digest = ? AND imported = ?"
_OLDEST: Final = (
    "SELECT id, size, hash, data IS NULL FROM entry WHERE imported = 0 AND id < ? ORDER BY id"
)
_TAKEN: Final = (
    f"SELECT count(*), count(*) * {OVERHEAD} + "  # noqa: S608
    "coalesce(sum(CASE WHEN size BETWEEN 0 AND ? THEN size ELSE 0 END), 0)"
    " FROM entry WHERE imported = ?"
)
_ABOUT: Final = Struct(">QQ6s?").pack
_MOST: Final = 1 << 48

log = logging.getLogger("sentient_kernel.cache")


class CacheEntry(NamedTuple):
    """An entry as it is stored.

    Args:
        size: Bytes of the answer.
        kind: model, search or page.
        at: When it was given, in microseconds since 1970.
        hash: SHA-256 of the answer.
        sign: Made with this installation's key of all the rest.
        data: The answer; None where it is in a file.
        own: Whether it was given here, as far as its sign says; not stored.
    """

    size: int
    kind: str
    at: int
    hash: bytes
    sign: bytes = b""
    data: bytes | None = None
    own: bool = True

    @classmethod
    def of(cls, kind: str, at: int, data: bytes) -> CacheEntry:
        """Returns an entry for an answer."""
        return cls(len(data), kind, at, sha256(data).digest(), b"", data)


class Put(NamedTuple):
    """What became of an answer.

    Args:
        entry: The one that counts from now on; None when the answer is bigger than all may be.
        stored: Whether that is the one that was put.
        evicted: How many made room for it.
    """

    entry: CacheEntry | None
    stored: bool = False
    evicted: int = 0


class ImportCount(NamedTuple):
    """How many entries of another home were taken in, and for how many there was no room."""

    taken: int
    left_out: int


class CacheFile:
    """The file, and the folder of big answers beside it; used by many threads and processes at
    once.

    Each entry carries a sign made with a key that lies outside every home: a home may come from
    somebody else, who could write anything into it.

    Args:
        path: The file; made (0600), and made anew when it is broken. The folder has its name,
            ending in ``.values``.
        most_bytes: What all answers of this home may take; those not used for longest make room.
        key: What signs the answers that were given here, 16 to 64 bytes.

    Raises:
        SourceError: It cannot be kept there.
    """

    def __init__(self, path: Path, most_bytes: int, key: bytes) -> None:
        self.path = path.absolute()
        self.most_bytes = most_bytes
        self.most_imported = most_bytes // SHARE
        self._files = Files(self.path.with_suffix(".values"))
        self._signing = blake2b(key=key, digest_size=16, person=b"cache entry")
        self._pid = os.getpid()
        self._reading, self._writing = threading.Lock(), threading.Lock()
        self._reader: apsw.Connection | None = None
        self._writer: apsw.Connection | None = None
        self._closed = False
        self._taken: dict[int, Any] = {}
        """Bytes that the entries take, as of the version of the data that the writer saw last."""
        self._version = -1
        self._inode = _make(self.path)

    # -- reading -----------------------------------------------------------------------------------

    def get(self, digest: bytes, *, imported: bool = False) -> CacheEntry | None:
        """Returns an entry; any thread.

        Args:
            digest: Its key.
            imported: Whether one that an opened file brought will do, where there is no other.
        """

        def work(db: apsw.Connection) -> CacheEntry | None:
            entry = self._get(db, digest, OWN)
            return self._get(db, digest, IMPORTED) if entry is None and imported else entry

        return self._read(work)

    def totals(self) -> tuple[int, int, int, int]:
        """Returns entries of this home, the bytes that they take, and the same of those from opened
        files."""
        # one statement: one moment of the file
        one = f"SELECT * FROM ({_TAKEN}), ({_TAKEN})"  # noqa: S608
        return self._read(lambda db: db.execute(one, (_MOST, OWN, _MOST, IMPORTED)).get) or (
            0,
            0,
            0,
            0,
        )

    def value(self, entry: CacheEntry) -> bytes | None:
        """Returns an entry's answer, or None when it is not, or no longer, what was stored."""
        if entry.data is None:
            return self._files.read(entry.hash.hex(), entry.size)
        whole = len(entry.data) == entry.size and sha256(entry.data).digest() == entry.hash
        return entry.data if whole else None

    # -- writing -----------------------------------------------------------------------------------

    def put(
        self,
        digest: bytes,
        entry: CacheEntry,
        *,
        used: Sequence[bytes] = (),
        unless: Callable[[CacheEntry], bool] | None = None,
        patient: bool = True,
    ) -> Put | None:
        """Keeps an answer of this home.

        Args:
            digest: Its key.
            entry: The entry, its answer in ``data``.
            used: What was used since the last time, the newest last; what was used last goes last.
            unless: Told what is there already; when it says True and that is whole, that counts.
            patient: Whether to wait for other writers.

        Returns:
            What became of it; None when there are other writers and it was not to wait for them.
        """
        if entry.size + OVERHEAD > self.most_bytes:
            return Put(None)

        def work(db: apsw.Connection) -> Put:
            db.executemany(_USE, [(one,) for one in used])
            there = self._get(db, digest, OWN)
            if (
                there is not None
                and unless is not None
                and unless(there)
                and self.value(there) is not None
            ):
                return Put(there)
            self._remove(db, OWN, db.execute(_ONE, (digest, OWN)).fetchall())
            taken = self._insert(db, OWN, digest, entry)
            gone = []
            for row in (
                db.execute(_OLDEST, (db.last_insert_rowid(),)) if taken > self.most_bytes else ()
            ):
                gone.append(row)
                taken -= self._size(row[1])
                if taken <= self.most_bytes:
                    break
            self._remove(db, OWN, gone)
            return Put(entry, True, len(gone))

        return self._write(work, patient=patient)

    def bring(self, entries: Iterable[tuple[bytes, CacheEntry]]) -> ImportCount:
        """Takes in entries of another home, as far as there is room: beside those of this one, and
        none goes.

        What is here already stays as it is.
        """

        def work(db: apsw.Connection) -> ImportCount:
            taken = left = 0
            for digest, entry in entries:
                if (
                    self._get(db, digest, OWN) is not None
                    or self._get(db, digest, IMPORTED) is not None
                ):
                    continue
                self._remove(db, IMPORTED, db.execute(_ONE, (digest, IMPORTED)).fetchall())
                if self._bytes(db, IMPORTED) + entry.size + OVERHEAD > self.most_imported:
                    left += 1
                    continue
                self._insert(db, IMPORTED, digest, entry)
                taken += 1
            return ImportCount(taken, left)

        return self._write(work) or ImportCount(0, 0)

    def drop(self, digest: bytes) -> None:
        """Forgets an entry that is not what was stored."""

        def work(db: apsw.Connection) -> None:
            for whose in (OWN, IMPORTED):
                self._remove(db, whose, db.execute(_ONE, (digest, whose)).fetchall())

        self._write(work)

    def date(self, digest: bytes, at: int) -> None:
        """Gives an entry of this home another time; ``at`` in microseconds since 1970."""

        def work(db: apsw.Connection) -> None:
            entry = self._get(db, digest, OWN)
            if entry is not None and entry.own:
                sign = self._sign(
                    digest, entry.size, entry.kind, at, entry.hash, entry.data is None
                )
                db.execute(
                    "UPDATE entry SET at = ?, sign = ? WHERE digest = ? AND imported = 0",
                    (at, sign, digest),
                )

        self._write(work)

    def note(self, used: Sequence[bytes]) -> None:
        """Notes what was used last, the newest last."""
        self._write(lambda db: db.executemany(_USE, [(one,) for one in used]))

    def close(self) -> None:
        """Closes the connections."""
        if os.getpid() != self._pid:
            return
        with self._writing, self._reading:
            self._closed = True
            self._let_go()

    # -- entries -----------------------------------------------------------------------------------

    def _get(self, db: apsw.Connection, digest: bytes, whose: int) -> CacheEntry | None:
        """Returns an entry; None when there is none, or what stands there is not one."""
        found: Any = db.execute(_GET, (digest, whose)).get
        if found is None or not _fits(*found):
            return None
        size, kind, at, hashed, sign, data = found
        own = whose == OWN and sign == self._sign(digest, size, kind, at, hashed, data is None)
        return CacheEntry(size, kind, at, hashed, sign, data, own)

    def _insert(self, db: apsw.Connection, whose: int, digest: bytes, entry: CacheEntry) -> int:
        """Adds an entry; returns what all of its kind take then."""
        big = entry.size > INLINE
        if big:
            known = "SELECT hash FROM entry WHERE data IS NULL"
            self._files.sweep(
                lambda: {one.hex() for (one,) in db.execute(known) if isinstance(one, bytes)}
            )
            self._files.write(entry.hash.hex(), entry.data or b"")
        size, kind, at, hashed = entry[:4]
        sign = self._sign(digest, size, kind, at, hashed, big) if whose == OWN else b""
        taken = self._bytes(db, whose) + size + OVERHEAD
        db.execute(_PUT, (whose, digest, size, kind, at, hashed, sign, None if big else entry.data))
        self._taken[whose] = taken
        return taken

    def _remove(self, db: apsw.Connection, whose: int, rows: Sequence[Any]) -> None:
        for key, size, hashed, big in rows:
            self._taken[whose] = self._bytes(db, whose) - self._size(size)
            db.execute("DELETE FROM entry WHERE id = ?", (key,))
            if (
                big
                and db.execute("SELECT 1 FROM entry WHERE hash = ? AND data IS NULL", (hashed,)).get
                is None
            ):
                self._files.remove(hashed.hex() if isinstance(hashed, bytes) else "")

    def _bytes(self, db: apsw.Connection, whose: int) -> int:
        """Returns what all entries of a kind take; counted once, and again when another process
        wrote."""
        if whose not in self._taken:
            ((_, taken),) = db.execute(_TAKEN, (_MOST, whose))
            self._taken[whose] = taken
        return int(self._taken[whose])

    def _size(self, size: Any) -> int:
        return OVERHEAD + (size if type(size) is int and 0 <= size <= _MOST else 0)

    def _sign(
        self, digest: bytes, size: int, kind: str, at: int, hashed: bytes, big: bool
    ) -> bytes:
        signing = self._signing.copy()  # cheaper than taking in the key again
        signing.update(digest + _ABOUT(size, at, kind.encode(), big) + hashed)
        return signing.digest()

    # -- the file ----------------------------------------------------------------------------------

    def _read(self, work: Callable[[apsw.Connection], T]) -> T | None:
        """Returns what work reads; None from a file that turned out to be broken: there is a new
        one then."""
        file = self._inode
        try:
            with self._reading:
                self._check_open()
                if self._reader is None:
                    self._reader = connect(self.path)
                return work(self._reader)
        except BROKEN as error:
            with self._writing:
                if file == self._inode and not self._closed:
                    self._renew(error)
            return None
        except apsw.Error as error:
            raise self._failed("read", error) from error

    def _write(self, work: Callable[[apsw.Connection], T], *, patient: bool = True) -> T | None:
        """Runs work in a transaction. Returns None when it was not to wait and others write, or the
        file broke twice."""
        if not self._writing.acquire(blocking=patient):
            return None
        try:
            self._check_open()
            try:
                return self._transact(work, patient)
            except BROKEN as error:
                self._renew(error)
            try:
                return self._transact(work, patient)
            except BROKEN as error:
                self._renew(error)
                return None
        except (apsw.Error, OSError) as error:
            raise self._failed("written", error) from error
        finally:
            self._writing.release()

    def _transact(self, work: Callable[[apsw.Connection], T], patient: bool) -> T | None:
        if self._writer is None:
            self._writer, self._version = connect(self.path), -1
            self._writer.set_busy_timeout(5)
        db, give_up = self._writer, time.monotonic() + PATIENCE
        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
                break
            except apsw.BusyError:
                if not patient:
                    return None
                if time.monotonic() > give_up:
                    raise
        try:
            if (version := db.data_version()) != self._version:
                self._version, self._taken = version, {}
            result = work(db)
            db.execute("COMMIT")
            self._version = db.data_version()  # which our own commits change too
            return result
        except BaseException:
            self._taken = {}
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(f"The cache {str(self.path)!r} is closed.")
        if os.getpid() != self._pid:
            raise UsageError(
                "The cache was opened by the process that this one was forked from.",
                hint="Open it again in this process.",
            )

    def _renew(self, error: Exception) -> None:
        """Lets go of a broken file: moved away, unless another process has done so, and made
        anew."""
        with self._reading:
            self._let_go()
            _move_away(self.path, self._inode, error)
            self._inode = _make(self.path)

    def _let_go(self) -> None:
        for db in (self._reader, self._writer):
            if db is not None:
                with suppress(apsw.Error):  # of a broken file
                    db.close()
        self._reader = self._writer = None

    def _failed(self, doing: str, error: Exception) -> SourceError:
        return SourceError(
            f"The cache {str(self.path)!r} cannot be {doing}: {why(error)}.",
            hint=hint(error, "Delete the file; it is made anew."),
        )


@cache
def _tables() -> Tables:
    return tables_made_by(lambda db: db.execute(_SCHEMA).fetchall())


def connect(path: Path) -> apsw.Connection:
    """Opens a connection.

    Raises:
        Foreign: The file holds other tables than ours, or stands where no file of ours does.
        apsw.Error: It cannot be read.
    """
    check_places(path)
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        harden(db)
        db.set_busy_timeout(1_000)
        db.wal_autocheckpoint(PAGES)
        for setting in ("cell_size_check=ON", "synchronous=NORMAL", "journal_size_limit=16777216"):
            db.execute(f"PRAGMA {setting}")
        found = tables_of(db)
        if found and (found != _tables() or db.pragma("user_version") != VERSION):
            raise Foreign(
                "holds the tables of another version, of another program, or of somebody else"
            )
    except BaseException:
        db.close()
        raise
    return db


def _make(path: Path) -> int:
    """Makes the file and its tables unless they are there; moves away what is broken, or of another
    version.

    Returns:
        Which file it is (its inode).

    Raises:
        SourceError: It cannot be kept there.
    """
    give_up = time.monotonic() + PATIENCE
    moved, inode = False, 0
    while True:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_file(path)
            inode = inode_of(path)
            _make_tables(path)
            return inode
        except (
            apsw.BusyError
        ) as error:  # others are making it; SQLite does not wait for them in every place
            if time.monotonic() > give_up:
                raise _unusable(path, error) from error
            time.sleep(0.005)
        except BROKEN as error:
            if moved:
                raise _unusable(path, error) from error
            moved = True
            _move_away(path, inode, error)
        except (apsw.Error, OSError, ValueError) as error:
            raise _unusable(path, error) from error


def _make_tables(path: Path) -> None:
    db = connect(path)
    try:
        db.pragma("journal_mode", "wal")
        if db.pragma("user_version") == VERSION:
            return
        db.execute("BEGIN IMMEDIATE")
        if not tables_of(db):  # another process was not faster
            db.execute(_SCHEMA).fetchall()
            db.pragma("user_version", VERSION)
        db.execute("COMMIT")
    finally:
        db.close()


def _move_away(path: Path, inode: int, error: Exception) -> None:
    """Puts a broken file, or one of somebody else, aside, and says so. Raises SourceError when it
    cannot be moved."""
    try:
        said = set_aside(path, inode, error)
    except OSError as refused:
        raise _unusable(path, refused) from error
    if said:
        log.warning("%s", said)


def _unusable(path: Path, error: Exception) -> SourceError:
    return SourceError(
        f"The cache cannot be kept at {str(path)!r}: {why(error)}.",
        hint=hint(error, "Choose another home folder."),
    )


def _fits(size: Any, kind: Any, at: Any, hashed: Any, sign: Any, data: Any) -> bool:
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
