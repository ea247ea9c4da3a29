"""The head record: a small file beside the journal that says how far the journal went.

SQLite opens a write-ahead log that was cut, or in which a bit fell over, without a word: the rows
behind the spot are gone, and every check it has says that all is well. So each commit also notes
the newest seq and its chain hash here. The note is made in memory that the operating system keeps
for the file (SQLite does the same with ``-shm``), so it costs no call; it outlives the process, and
after a power failure it may be ahead of the rows: then it says how many were lost.

The file has two places that are written in turn, each with a checksum, so that a torn write leaves
the other one. Two processes that commit within the same microseconds may write theirs in the wrong
order; the next commit puts that right.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from sentient_kernel.files.regular import open_regular

_PLACE = Struct(">8sQ8sI4x")
_WHAT = Struct(">8sQ8s").pack
_CHECK = Struct(">I").pack
_SIZE = 28
"""Bytes of a place that are used."""


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
    return (
        path.with_suffix(".head")
        if path.suffix not in ("", ".head")
        else path.with_name(path.name + ".head")
    )


def read_head(path: Path) -> Head | None:
    """Returns the newest readable place of a head record, None when there is none.

    Args:
        path: The head record's own path.
    """
    try:
        with open(open_regular(path, os.O_RDONLY), "rb") as file:
            data = file.read(2 * _PLACE.size)
    except (OSError, ValueError):  # not there, a link, or a name that no file can have
        return None
    places = [unpack(data[start : start + _PLACE.size]) for start in (0, _PLACE.size)]
    return max(
        (place for place in places if place is not None), key=lambda place: place.seq, default=None
    )


def unpack(data: bytes) -> Head | None:
    """Returns what a place says, None when its checksum is wrong."""
    if len(data) < _PLACE.size:
        return None
    journal, seq, chain, check = _PLACE.unpack(data)
    return Head(journal, seq, chain) if crc32(data[: _SIZE - 4]) == check and check else None


class HeadFile:
    """Writes the head record.

    Args:
        path: Where it is; made, readable by the owner only, when it is not there.
        journal: The id of the journal.

    Raises:
        OSError: It cannot be kept there.
    """

    def __init__(self, path: Path, journal: bytes) -> None:
        self.path = path
        self._journal = journal
        self._turn = 0
        size = 2 * _PLACE.size
        fd = open_regular(path, os.O_RDWR | os.O_CREAT)
        try:
            if (have := os.fstat(fd).st_size) < size:
                os.lseek(fd, have, os.SEEK_SET)
                os.write(fd, bytes(size - have))
            self._memory = mmap.mmap(fd, size)
        finally:
            os.close(fd)

    def write(self, seq: int, chain: bytes) -> None:
        """Notes the newest row."""
        self._turn = turn = _PLACE.size - self._turn
        what = _WHAT(self._journal, seq, chain)
        self._memory[turn : turn + _SIZE] = what + _CHECK(crc32(what))

    def sync(self) -> None:
        """Lets the disk confirm the record."""
        self._memory.flush()

    def close(self) -> None:
        """Lets go of the file."""
        self._memory.close()
