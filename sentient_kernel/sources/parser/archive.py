"""A zip of XML, read by name and under caps: no entry is unpacked to disk, no entity is ever
resolved.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from .common import Unreadable

_MOST_ENTRIES = 10_000
_MOST_BYTES = 100 << 20
_HIGHEST_RATIO = 200
_DEEPEST = 500
_PIECE = 1 << 16


class Archive:
    """A zip that is read by name, under caps on entries, bytes and ratio, and that holds no name
    which leads elsewhere.
    """

    def __init__(self, data: bytes, what: str) -> None:
        if data.startswith(b"\xd0\xcf\x11\xe0"):
            raise Unreadable(f"is protected by a password, or is of an older format than {what}")
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
            raise Unreadable(f"is not a readable {what} file: it is damaged or cut short") from None
        infos = self._zip.infolist()
        if len(infos) > _MOST_ENTRIES:
            raise Unreadable(f"holds {len(infos):,} entries, which no {what} file needs")
        self.names = {info.filename for info in infos}
        for name in self.names:
            if name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name[:3]:
                raise Unreadable("holds entries with names that lead out of it")
        self._left = _MOST_BYTES
        self._what = what

    def read(self, name: str) -> bytes:
        """Returns the bytes of an entry. Raises Unreadable when it is missing, protected, damaged
        or a bomb.
        """
        if name not in self.names:
            raise Unreadable(f"is not a readable {self._what} file: it has no {name}")
        info = self._zip.getinfo(name)
        if info.flag_bits & 1:
            raise Unreadable("is protected by a password")
        if info.file_size > self._left or info.file_size > max(
            10 << 20, info.compress_size * _HIGHEST_RATIO
        ):
            raise Unreadable("would unpack to far more than its size (a zip bomb)")
        try:
            with self._zip.open(info) as entry:
                data = entry.read(self._left + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            OSError,
            ValueError,
            RuntimeError,
        ) as error:
            raise Unreadable(
                f"is not a readable {self._what} file: it is damaged ({type(error).__name__})"
            ) from None
        if len(data) > self._left:
            raise Unreadable("would unpack to far more than its size (a zip bomb)")
        self._left -= len(data)
        return data


def elements(data: bytes, *names: str, doctype: bool = False) -> Iterator[Element]:
    """Reads XML, whose names lose their namespaces, and yields its outermost elements of some
    names, one after the other; all of it as one element where no name is given.

    What was yielded is let go, so that a long document takes the memory of its longest part. An
    entity is refused, and so is a document type unless it is usual.

    Raises:
        Unreadable: Not XML, nested beyond reason, or with a document type.
    """
    builder = TreeBuilder()
    around: list[Element] = []
    found: list[Element] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def opened(name: str, attributes: dict[str, str]) -> None:
        if len(around) >= _DEEPEST:
            raise Unreadable("is nested too deeply to be read")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        around.append(builder.start(name.rpartition(" ")[2], plain))

    def closed(name: str) -> None:
        element = around.pop()
        builder.end(element.tag)
        if element.tag in names and not any(outer.tag in names for outer in around):
            found.append(element)
            if around:
                del around[-1][-1]

    def refuse(*_: Any) -> None:
        raise Unreadable("holds a document type declaration, which such a file never needs")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    if not doctype:
        parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.CharacterDataHandler = builder.data
    try:
        for start in range(0, len(data) + 1, _PIECE):
            parser.Parse(data[start : start + _PIECE], start + _PIECE > len(data))
            yield from found
            found.clear()
    except expat.ExpatError as error:
        raise Unreadable(f"holds XML that cannot be read ({error})") from None
    if not names:
        yield builder.close()


def whole_text(element: Element, path: str = ".") -> str:
    """Returns all text of the first element at a path; "" without one."""
    return next(("".join(found.itertext()).strip() for found in element.iterfind(path)), "")
