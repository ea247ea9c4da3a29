"""Reads SQLite's file format (sqlite.org/fileformat2.html), to save rows of a broken file.

Every page is looked at for itself, in the file and in the write-ahead log, whether or not anything
points to it. What is found is only a
candidate: whether it is a row of the journal, the chain decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

PAGE: Final = 4096
"""The page size that journals are made with; taken where the file's own header is unreadable."""

_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX = 0x0D, 0x0A, 0x02
_WIDTHS: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 8: 0, 9: 0}

Value = None | int | str | bytes
Fetch = Callable[[int], Iterator[bytes]]
"""Returns the versions of a page, by its number, the likeliest first."""


class PageRecord(NamedTuple):
    """A record: its rowid (None in an index) and the values of its columns."""

    rowid: int | None
    values: tuple[Value, ...]


def page_size(header: bytes) -> int:
    """Returns the page size that a file's header names, or the usual one when it names none that
    can be.
    """
    size = int.from_bytes(header[16:18], "big")
    size = 65_536 if size == 1 else size
    return size if 512 <= size <= 65_536 and size & (size - 1) == 0 else PAGE


def file_pages(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Returns the pages of a database file with their numbers; the last one filled up when it was
    cut.
    """
    for number, start in enumerate(range(0, len(data), size), 1):
        yield number, data[start : start + size].ljust(size, b"\0")


def log_pages(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Returns the pages of a write-ahead log with their numbers, oldest first, whatever its
    checksums say.
    """
    for start in range(32, len(data), size + 24):
        number = int.from_bytes(data[start : start + 4], "big")
        page = data[start + 24 : start + 24 + size]
        if number and len(page) == size:
            yield number, page


def records(number: int, page: bytes, fetch: Fetch) -> Iterator[PageRecord]:
    """Returns the records that a page holds; what does not read as one is left out.

    Args:
        number: The page's number; the first one begins with the file's header.
        page: Its bytes.
        fetch: Gives the pages that long records go on in.
    """
    at = 100 if number == 1 else 0
    kind = page[at]
    if kind not in (_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX):
        return
    cells = int.from_bytes(page[at + 3 : at + 5], "big")
    pointers = at + (12 if kind == _INNER_INDEX else 8)
    for place in range(pointers, min(pointers + 2 * cells, len(page) - 1), 2):
        start = int.from_bytes(page[place : place + 2], "big")
        try:
            yield from _cell(
                page, start + (4 if kind == _INNER_INDEX else 0), kind == _LEAF_TABLE, fetch
            )
        except (IndexError, ValueError):
            continue


def _cell(page: bytes, at: int, table: bool, fetch: Fetch) -> Iterator[PageRecord]:
    length, at = varint(page, at)
    rowid: int | None = None
    if table:
        rowid, at = varint(page, at)
    usable = len(page)
    most = usable - 35 if table else (usable - 12) * 64 // 255 - 23
    if length <= most:
        yield PageRecord(rowid, values(page[at : at + length]))
        return
    least = (usable - 12) * 32 // 255 - 23
    here = least + (length - least) % (usable - 4)
    here = here if here <= most else least
    start = page[at : at + here]
    for rest in _overflow(
        int.from_bytes(page[at + here : at + here + 4], "big"), length - here, usable, fetch
    ):
        yield PageRecord(rowid, values(start + rest))


def _overflow(first: int, length: int, usable: int, fetch: Fetch) -> Iterator[bytes]:
    """Follows a chain of overflow pages; where pages have several versions, the chain is followed
    once in each.
    """
    for nth in range(sum(1 for _ in fetch(first))):
        parts, seen, at, left = [], set(), first, length
        while left > 0 and at not in seen and (pages := list(fetch(at))):
            seen.add(at)
            page = pages[min(nth, len(pages) - 1)]
            parts.append(page[4 : 4 + min(left, usable - 4)])
            left -= usable - 4
            at = int.from_bytes(page[:4], "big")
        if left <= 0:
            yield b"".join(parts)


def values(payload: bytes) -> tuple[Value, ...]:
    """Returns the values of a record.

    Raises:
        ValueError: These bytes are not one.

    Example:
        >>> values(bytes([4, 0, 1, 17, 7]) + b"ab")
        (None, 7, 'ab')
    """
    size, at = varint(payload, 0)
    if not 1 < size <= len(payload):
        raise ValueError("no header")
    kinds = []
    while at < size:
        kind, at = varint(payload, at)
        kinds.append(kind)
    found = []
    for kind in kinds:
        value, at = _value(payload, at, kind)
        found.append(value)
    if at != len(payload):
        raise ValueError("header and body do not agree")
    return tuple(found)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    width = (kind - 12) // 2 if kind >= 12 else _WIDTHS.get(kind, -1)
    data = payload[at : at + width]
    if width < 0 or len(data) != width:
        raise ValueError("not a value")
    if kind >= 12:
        return (data if kind % 2 == 0 else data.decode()), at + width
    if kind in (0, 8, 9):
        return (None if kind == 0 else kind - 8), at
    return int.from_bytes(data, "big", signed=True), at + width


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Returns a variable-length integer and the place behind it.

    Example:
        >>> varint(bytes([0x81, 0x00]), 0)
        (128, 2)
    """
    value = 0
    for n in range(9):
        byte = data[at + n]
        if n == 8:
            value = value << 8 | byte
            return (value - (1 << 64) if value >> 63 else value), at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + n + 1
    raise ValueError("unreachable")
