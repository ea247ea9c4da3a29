"""What is kept: entries by digest, those of this home and those from opened files; files beside the tables for the big ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import apsw

from sentient_kernel.cache.entries import OVERHEAD, Entries, Put, Row, Sums, files_of, signer
from sentient_kernel.cache.files import Files
from sentient_kernel.cache.shared import Shared

INLINE = 32_000
"""Bytes of an answer that stand in the table; bigger ones are files, named by the hash of what is in them."""
PAGES = 1_000
"""Pages of the log after which it is moved into the file."""
SHARE = 4
"""What answers from opened files may take in all: one part in so many of what those of this home may, beside it."""


class Brought(NamedTuple):
    """How many entries of another home were taken in, and for how many there was no room."""

    taken: int
    left_out: int


class Database(Shared):
    """The cache's file, and the folder of big answers beside it.

    Args:
        path: The file; made (0600), and made anew when it is broken. The folder has its name, ending in ``.values``.
        most_bytes: What all answers of this home together may take; those that were not used for longest make room.
        key: What tells answers that were given here from others.

    Raises:
        SourceError: It cannot be kept there.
    """

    def __init__(self, path: Path, most_bytes: int, key: bytes) -> None:
        super().__init__(path)
        self._files = Files(self.path.with_suffix(".values"))
        sign = signer(key)
        self.own = Entries("entry", most_bytes, sign, self._files)
        self.imported = Entries("imported", most_bytes // SHARE, sign, self._files)
        self._version = -1  # of the data that is remembered

    # -- reading -----------------------------------------------------------------------------------------------------

    def get(self, digest: bytes, *, imported: bool = False) -> Row | None:
        """Returns an entry; any thread.

        Args:
            digest: Its key.
            imported: Whether one that an opened file brought will do, where there is no other.
        """

        def work(db: apsw.Connection) -> Row | None:
            row = self.own.get(db, digest)
            if row is not None or not imported:
                return row
            brought = self.imported.get(db, digest)
            return None if brought is None else brought._replace(brought=True)

        return self._reading(work)

    def totals(self) -> tuple[Sums, Sums]:
        """Returns how many entries of this home there are and what they take in bytes, and the same of those from opened files."""

        def work(db: apsw.Connection) -> tuple[Sums, Sums]:
            db.execute("BEGIN")  # one moment of the file
            try:
                return self.own.added_up(db), self.imported.added_up(db)
            finally:
                db.execute("ROLLBACK")

        return self._reading(work) or (Sums(0, 0, 0), Sums(0, 0, 0))

    def value(self, row: Row) -> bytes | None:
        """Returns an entry's answer, or None when it is not, or no longer, what was stored."""
        return self.own.value(row)

    # -- writing -----------------------------------------------------------------------------------------------------

    def put(
        self, digest: bytes, row: Row, *, used: Sequence[bytes] = (), unless: Callable[[Row], bool] | None = None, patient: bool = True
    ) -> Put | None:
        """Keeps an answer of this home.

        Args:
            digest: Its key.
            row: The entry, its answer in ``data``.
            used: What was used since the last time, the newest last; what was used last is let go of last.
            unless: Told what is there already; when it says True and that is whole, that stays and counts.
            patient: Whether to wait for other writers.

        Returns:
            What became of it; None when there are other writers and it was not to wait for them.
        """
        if row.size + OVERHEAD > self.own.most_bytes:
            return Put(None)

        def work(db: apsw.Connection) -> Put:
            if used:
                self.own.note_used(db, used)
            small = row.size <= INLINE
            if small and (put := self.own.insert(db, digest, row)) is not None:
                return put
            there = self.own.get(db, digest)
            if there is not None and unless is not None and unless(there) and self.value(there) is not None:
                return Put(there)
            self.own.forget(db, digest)
            put = self.own.insert(db, digest, row if small else self._as_file(db, row))
            assert put is not None  # noqa: S101 - there is no other one, and nobody else writes meanwhile
            return put

        return self._write(work, patient=patient)

    def bring(self, entries: Iterable[tuple[bytes, Row]]) -> Brought:
        """Takes in entries that another home gave, as far as there is room for them: beside those of this one, and none has to go.

        What is here already stays as it is.
        """

        def work(db: apsw.Connection) -> Brought:
            taken = left = 0
            for digest, row in entries:
                if self.own.get(db, digest) is not None or self.imported.get(db, digest) is not None:
                    continue
                self.imported.forget(db, digest)
                if not self.imported.has_room(db, row.size):
                    left += 1
                    continue
                self.imported.insert(db, digest, row if row.size <= INLINE else self._as_file(db, row))
                taken += 1
            return Brought(taken, left)

        return self._write(work) or Brought(0, 0)

    def drop(self, digest: bytes) -> None:
        """Forgets an entry that is not what was stored."""
        self._write(partial(_both, self.own.forget, self.imported.forget, digest))

    def date(self, digest: bytes, at: int) -> None:
        """Gives an entry another time; ``at`` in microseconds since 1970."""
        self._write(lambda db: self.own.date(db, digest, at))

    def note(self, used: Sequence[bytes]) -> None:
        """Notes what was used last, the newest last."""
        self._write(lambda db: self.own.note_used(db, used))

    def _begun(self, db: apsw.Connection) -> None:
        if db.data_version() != self._version:
            self._forget_sums()

    def _wrote(self, db: apsw.Connection | None) -> None:
        """Told after each commit; with None when what is remembered of the file no longer counts."""
        if db is None:
            self._forget_sums()
        else:
            self._version = db.data_version()

    def _forget_sums(self) -> None:
        self.own.forget_sums()
        self.imported.forget_sums()

    def _as_file(self, db: apsw.Connection, row: Row) -> Row:
        """Returns a big entry as it goes into the table, its answer in a file."""
        self._files.sweep(lambda: files_of(db))
        return row._replace(file=self._files.write(row.data or b""), data=None)


def _both(first: Callable[..., None], second: Callable[..., None], digest: bytes, db: apsw.Connection) -> None:
    first(db, digest)
    second(db, digest)
