"""Big values: files that are named by the hash of their content."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path

from sentient_kernel.errors import (
    JournalDamaged,
    JournalError,
    JournalUnusable,
    NotFound,
    ValueNotStorable,
)
from sentient_kernel.files.regular import is_folder, make_folder, open_regular, read_regular
from sentient_kernel.ids import BlobId

_ID = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20
MOST = 2_000_000_000
"""Bytes that one value may have."""


class BlobStore:
    """A folder of files that never change; the name of each is the SHA-256 of what is in it.

    Args:
        folder: Where they are; made, for the owner only, when the first one comes.
        sync: Whether every :meth:`put` returns only when the disk has the bytes; otherwise they
            outlive the process but not the power.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = BlobStore(folder)
        ...     store.get(store.put(b"a long table"))
        b'a long table'
    """

    def __init__(self, folder: str | os.PathLike[str], *, sync: bool = False) -> None:
        self.folder = Path(folder).absolute()
        self.sync = sync

    def put(self, data: bytes, *, sync: bool = False) -> BlobId:
        """Stores bytes, once, and returns their id; any thread, any number of processes.

        Args:
            data: The bytes.
            sync: Whether to return only when the disk has them, as for a row that is appended with
                ``full=True``.

        Raises:
            ValueNotStorable: They are too many.
            JournalUnusable: The folder cannot be written, or the disk is full.
        """
        if len(data) > MOST:
            raise ValueNotStorable(
                f"A value has {len(data):,} bytes; at most {MOST:,} can be kept.",
                hint="Keep it in a file of its own.",
            )
        blob = BlobId(sha256(data).hexdigest())
        path = self._path(blob)
        sync = sync or self.sync
        try:
            if not self._has(path, len(data)):
                self._write(path, (data,), sync)
            elif sync:
                self._sync(path)
        except OSError as error:
            raise JournalUnusable(
                f"{path} could not be written: {error.strerror or error}."
            ) from error
        return blob

    def take(self, blob: BlobId, pieces: Iterable[bytes]) -> None:
        """Stores what comes in pieces, and is never held as a whole.

        Args:
            blob: The id that it is to have.
            pieces: The bytes; not looked at where they are stored already.

        Raises:
            JournalDamaged: They have another id. Nothing is kept then.
            JournalUnusable: The folder cannot be written, or the disk is full.
        """
        path, hashed = self._path(blob), sha256()

        def hashing() -> Iterator[bytes]:
            for piece in pieces:
                hashed.update(piece)
                yield piece
            if hashed.hexdigest() != blob:
                raise JournalDamaged(f"The bytes for {blob!r} do not match that id.")

        try:
            if self._has(path) and self._whole(blob):
                return
            self._write(path, hashing(), self.sync)
        except OSError as error:
            raise JournalUnusable(
                f"{path} could not be written: {error.strerror or error}."
            ) from error

    def get(self, blob: BlobId) -> bytes:
        """Returns the bytes of an id.

        Raises:
            NotFound: There are none, or that is no id.
            JournalDamaged: They are not the bytes that were stored.
        """
        path = self._path(blob)
        try:
            data = self._read(path)
        except FileNotFoundError:
            hint = "Copy the folder of blobs along with the journal."
            raise NotFound(
                f"The stored value {blob!r} is not in {self.folder}.", hint=hint
            ) from None
        except OSError as error:
            raise JournalError(f"{path} could not be read: {error.strerror or error}.") from error
        if sha256(data).hexdigest() != blob:
            raise JournalDamaged(
                f"The stored value {blob!r} is not what was written.",
                hint=f"Restore {path} from a copy.",
            )
        return data

    def altered(self) -> list[BlobId]:
        """Returns the stored values that are not what was written; reads them all."""
        return [blob for blob in self._stored() if not self._whole(blob)]

    def __contains__(self, blob: object) -> bool:
        """True when a value of that id is stored."""
        return (
            isinstance(blob, str)
            and bool(_ID.fullmatch(blob))
            and self._has(self._path(BlobId(blob)))
        )

    def _path(self, blob: BlobId) -> Path:
        """Returns where a value is kept. Raises NotFound for what is not the id of one."""
        if not _ID.fullmatch(blob):
            raise NotFound(f"{blob[:80]!r} is not the id of a stored value.")
        return self.folder / blob[:2] / blob[2:]

    def _has(self, path: Path, size: int | None = None) -> bool:
        """Tells whether a regular file is at a place, in folders that are no links to others; of a
        size, where one is given.
        """
        if not (is_folder(self.folder) and is_folder(path.parent)):
            return False
        try:
            found = os.lstat(path)
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and size in (None, found.st_size)

    def _read(self, path: Path) -> bytes:
        if not (is_folder(self.folder) and is_folder(path.parent)):
            raise FileNotFoundError(path)
        return read_regular(path, MOST)

    def _whole(self, blob: BlobId) -> bool:
        hashed = sha256()
        try:
            with open(open_regular(self._path(blob), os.O_RDONLY), "rb") as file:
                while piece := file.read(_PIECE):
                    hashed.update(piece)
        except OSError:
            return False
        return hashed.hexdigest() == blob

    def _stored(self) -> Iterator[BlobId]:
        """Returns the ids that are there, in order; what has no id's name is none."""
        for first in sorted(os.listdir(self.folder)) if is_folder(self.folder) else ():
            if len(first) == 2 and is_folder(self.folder / first):
                for rest in sorted(os.listdir(self.folder / first)):
                    if _ID.fullmatch(first + rest):
                        yield BlobId(first + rest)

    def _write(self, path: Path, pieces: Iterable[bytes], sync: bool) -> None:
        make_folder(self.folder, parents=True)
        make_folder(path.parent)
        part = path.with_name(f"{path.name}.{os.urandom(6).hex()}.part")
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with open(fd, "wb") as file:
                for piece in pieces:
                    file.write(piece)
                if sync:
                    file.flush()
                    os.fsync(fd)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        if sync:
            self._sync(path.parent)

    @staticmethod
    def _sync(path: Path) -> None:
        """Lets the disk confirm a file, or the names in a folder, where the system can."""
        if path.is_dir() and not hasattr(os, "O_DIRECTORY"):
            return
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
