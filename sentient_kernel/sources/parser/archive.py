"""A zip of XML, read by name and under caps: no entry is unpacked to disk, no entity is ever
resolved.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any
from xml.parsers import expat

from .common import Unreadable

_MOST_ENTRIES = 10_000
_MOST_BYTES = 100 << 20
_HIGHEST_RATIO = 200
_DEEPEST = 500


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


Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


def walk(
    data: bytes,
    start: Start,
    end: End,
    text: Callable[[str], None] | None = None,
    *,
    doctype: bool = False,
) -> None:
    """Reads XML and calls back with local names, without namespaces. An entity is refused, and a
    document type unless it is usual.

    Raises:
        Unreadable: Not XML, nested beyond reason, or with a document type.
    """
    depth = 0
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def opened(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise Unreadable("is nested too deeply to be read")
        start(_local(name), {_local(key): value for key, value in attributes.items()})

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(_local(name))

    def refuse(*_: Any) -> None:
        raise Unreadable("holds a document type declaration, which such a file never needs")

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    if not doctype:
        parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    if text:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable(f"holds XML that cannot be read ({error})") from None


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
