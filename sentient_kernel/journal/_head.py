"""The head record: a small file beside the journal that says how far the journal went.

SQLite opens a write-ahead log that was cut, or in which a bit fell over, without a word: the rows behind the spot are gone, and every
check it has says that all is well. So each commit also notes the newest seq and its chain hash here. The note goes to the operating system
only (a microsecond); it outlives the process, and after a power failure it may be ahead of the rows: then it says how many were lost.

The file has two places that are written in turn, each with a checksum, so that a torn write leaves the other one. Two processes that
commit within the same microseconds may write theirs in the wrong order; the next commit puts that right.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

_PLACE = Struct(">8sQ8sI4x")
_WHAT = Struct(">8sQ8s")


class Head(NamedTuple):
    """How far a journal went: its id, its newest seq and that row's chain hash."""

    journal: bytes
    seq: int
    chain: bytes


def head_path(path: Path) -> Path:
    """Returns where the head record of a journal is: ``journal.head`` beside ``journal.db``.

    Example:
        >>> head_path(Path("home/journal.db")).name
        'journal.head'
    """
    return path.with_suffix(".head") if path.suffix not in ("", ".head") else path.with_name(path.name + ".head")


def read_head(path: Path) -> Head | None:
    """Returns the newest readable place of a head record, None when there is none.

    Args:
        path: The head record's own path.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    places = [unpack(data[start : start + _PLACE.size]) for start in (0, _PLACE.size)]
    return max((place for place in places if place is not None), key=lambda place: place.seq, default=None)


def pack(head: Head) -> bytes:
    """Returns a place of the record as bytes, with its checksum."""
    what = _WHAT.pack(*head)
    return what + crc32(what).to_bytes(4, "big") + bytes(4)


def unpack(data: bytes) -> Head | None:
    """Returns what a place says, None when its checksum is wrong."""
    if len(data) < _PLACE.size:
        return None
    journal, seq, chain, check = _PLACE.unpack(data)
    return Head(journal, seq, chain) if crc32(data[: _WHAT.size]) == check and check else None


class HeadFile:
    """Writes the head record.

    Args:
        path: Where it is; made, readable by the owner only, when it is not there.
        journal: The id of the journal.
    """

    def __init__(self, path: Path, journal: bytes) -> None:
        self.path = path
        self._journal = journal
        self._turn = 0
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)

    def write(self, seq: int, chain: bytes) -> None:
        """Notes the newest row; a failure is not the commit's failure, and shows as a head that stays behind."""
        self._turn ^= 1
        try:
            _write_at(self._fd, pack(Head(self._journal, seq, chain)), self._turn * _PLACE.size)
        except OSError:
            return  # the disk is full or gone; the next commit says so

    def sync(self) -> None:
        """Lets the disk confirm the record."""
        try:
            os.fsync(self._fd)
        except OSError:
            return

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self._fd)


if hasattr(os, "pwrite"):
    _write_at = os.pwrite
else:  # Windows

    def _write_at(fd: int, data: bytes, offset: int, /) -> int:
        os.lseek(fd, offset, os.SEEK_SET)
        return os.write(fd, data)
