"""Reading the file of a run, as a stranger's: nothing in it is believed before its hash and its
bounds were checked.

Nothing of it is run, no name in it is ever a path, and none of its parts is ever held as a whole
unless somebody asks for one and says how big it may be: what a few bytes unpack to must not fill
the memory. Whether the file was made by who says so is another question, which it cannot answer.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr
from pydantic_core import from_json

from sentient_kernel.errors import ParseError, SentientError, UsageError
from sentient_kernel.events import Record
from sentient_kernel.failures import plain
from sentient_kernel.files.regular import open_regular
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.workbench.run_file import (
    EVENTS,
    MANIFEST,
    MOST_BYTES,
    MOST_EVENT,
    MOST_MANIFEST,
    MOST_MEMBERS,
    MOST_RATIO,
    NAME,
    SLACK,
    VERSION,
    Manifest,
    ManifestHead,
    RunName,
    link,
    most_of,
)

Shape = TypeVar("Shape", bound=BaseModel)
PIECE = 1 << 18
"""Bytes that are read at a time: other threads have their turn in between."""
_DIRECTORY = 2_000_000
_LAST_TIME = 253_402_300_799_000_000  # the end of the year 9999, in microseconds since 1970
_END = struct.Struct("<4s4H2LH")
_CHAIN = 65  # characters of a line before its event


class _LoggedEvent(BaseModel):
    """An event in the log."""

    model_config = ConfigDict(extra="forbid")
    seq: Annotated[StrictInt, Field(lt=2**62)]
    run: RunName
    at: Annotated[StrictInt, Field(ge=0, le=_LAST_TIME)]
    kind: StrictStr
    body: dict[str, Any]


class RunFile:
    """An open file whose every part was found to be what its manifest says.

    Args:
        archive: The file.
        manifest: What it says of itself.
    """

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self._manifest = manifest
        self.run = RunId(manifest.run)
        self.blobs = frozenset(n[6:] for n in manifest.members if n.startswith("blobs/"))
        self.entries = frozenset(n[6:] for n in manifest.members if n.startswith("cache/"))
        for name in manifest.members:
            for _ in self._pieces(name):
                pass

    def records(self) -> Iterator[Record]:
        """Yields the events, each checked against the chain and for its place; what they say is for
        others to judge.
        """
        last, seq, number = "", 0, 0
        for number, line in enumerate(self._lines(), 1):
            said, _, text = line.partition(b" ")
            last = link(last, text)
            if said != last.encode():
                raise bad(f"event {number} is not what was written")
            event = _parsed(_LoggedEvent, text, f"event {number}")
            if event.seq <= seq:
                raise bad(f"event {number} is out of order")
            seq = event.seq
            body = json.dumps(event.body).encode()
            yield Record(Seq(seq), RunId(event.run), event.at, event.kind, body)
        if last != self._manifest.chain or number != self._manifest.events:
            raise bad("its events are not those that it says it holds")

    def blob(self, blob: str) -> Iterator[bytes]:
        """Yields a stored value in pieces."""
        return self._pieces(f"blobs/{blob}")

    def whole_blob(self, blob: str, most: int, what: str) -> bytearray:
        """Returns a stored value.

        Args:
            blob: Which one.
            most: Bytes that it may have.
            what: What it is to be, for the error.
        """
        if self._manifest.members[f"blobs/{blob}"].size > most:
            raise ParseError(f"The file holds {what} of more than {most:,} bytes.")
        data = bytearray()
        for piece in self.blob(blob):
            data += piece
        return data

    def entry(self, digest: str) -> bytes:
        """Returns a cache entry, as the cache has dumped it."""
        return b"".join(self._pieces(f"cache/{digest}"))

    def _pieces(self, name: str) -> Iterator[bytes]:
        """Yields a part; when its last piece has come, it was what the manifest says."""
        member, hashed, size = self._manifest.members[name], sha256(), 0
        with _reading(), self._archive.open(name) as file:
            while size <= member.size and (piece := file.read(PIECE)):
                hashed.update(piece)
                size += len(piece)
                yield piece
        if (size, hashed.hexdigest()) != (member.size, member.sha256):
            raise bad(f"{name} is not what was written")
        if name.startswith("blobs/") and member.sha256 != name[6:]:
            raise bad(f"{name} is not named by its content")

    def _lines(self) -> Iterator[bytes]:
        """Yields the lines of the log."""
        rest = b""
        for piece in self._pieces(EVENTS):
            *lines, rest = (rest + piece).split(b"\n")
            for line in (*lines, rest):
                if len(line) > MOST_EVENT + _CHAIN:
                    raise bad(f"an event has more than {MOST_EVENT:,} bytes")
            yield from lines
        if rest:
            raise bad("its last event was cut")


@contextmanager
def opened(path: Path) -> Iterator[RunFile]:
    """Opens a file and checks all of its parts.

    Raises:
        UsageError: There is no such file, or it cannot be read.
        ParseError: It is not the file of a run, was cut or altered, or is out of bounds.
    """
    if not path.is_file():
        raise UsageError(
            f"There is no file {str(path)!r}.",
            hint="Give one that `wb.export` or `sentient-kernel export` wrote.",
        )
    with ExitStack() as stack:
        with _reading():
            file = stack.enter_context(open(open_regular(path.resolve(), os.O_RDONLY), "rb"))
            _check_end(file)
            archive = stack.enter_context(zipfile.ZipFile(file))
            found = RunFile(archive, _manifest(archive))
        yield found


@contextmanager
def _reading() -> Iterator[None]:
    """Says in a sentence why a file, or a part of it, cannot be read."""
    try:
        yield
    except SentientError:
        raise
    except OSError as error:
        raise UsageError(f"The file cannot be read: {error.strerror or error}.") from None
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        why = plain(" ".join(str(error).split()))[:120]
        raise bad(f"the archive is damaged ({why})") from None


def bad(why: str) -> ParseError:
    """Returns the error that says that a file is not what it should be."""
    return ParseError(
        f"This is not the file of a run as `wb.export` wrote it: {why}.",
        hint="Nothing was taken from it; ask for another copy.",
    )


def _check_end(file: IO[bytes]) -> None:
    """Looks at the end of the archive, which says how much a reader would take in: before one
    does.
    """
    size = file.seek(0, os.SEEK_END)
    if not _END.size <= size <= MOST_BYTES:
        raise bad("it is too short or too big")
    file.seek(max(0, size - _END.size - 20))
    before, end = (tail := file.read())[: -_END.size], tail[-_END.size :]
    sign, disk, start, here, entries, directory, offset, comment = _END.unpack(end)
    own = sign == b"PK\5\6" and not (disk or start or comment) and here == entries
    if not own or before.startswith(b"PK\6\7"):
        raise bad("it is not an archive as it was written, or was cut")
    if entries > MOST_MEMBERS or directory > _DIRECTORY:
        raise bad("it holds too many parts")
    if offset + directory + _END.size != size:
        raise bad("something stands before or behind the archive")


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    """Returns the manifest, once it and the list of parts are as they have to be."""
    infos = archive.infolist()
    for info in infos:
        _check_info(info)
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise bad("unpacked, it is too big")
    with archive.open(MANIFEST) as file:
        data = file.read(MOST_MANIFEST)
    version = _parsed(ManifestHead, data, "its manifest").version
    if version > VERSION:
        raise ParseError(
            f"This file was written in version {version} of the format; this program reads version"
            f" {VERSION}.",
            hint="Install the later sentient-kernel.",
        )
    manifest = _parsed(Manifest, data, "its manifest")
    parts = [(info.filename, info.file_size) for info in infos if info.filename != MANIFEST]
    said = [(name, member.size) for name, member in manifest.members.items()]
    if sorted(parts) != sorted(said) or EVENTS not in manifest.members:
        raise bad("its parts are not those of its manifest")
    return manifest


def _check_info(info: zipfile.ZipInfo) -> None:
    name, most = info.filename, most_of(info.filename)
    if name not in (MANIFEST, EVENTS) and not NAME.fullmatch(name):
        raise bad(f"a part is called {name[:80]!r}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 0x1:
        raise bad(f"{name} is packed in a way that is not read here")
    if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
        raise bad(f"{name} is not a plain file")
    if info.file_size > most or info.file_size > max(SLACK, info.compress_size) * MOST_RATIO:
        raise bad(f"{name} would be too big, unpacked")


def _parsed(shape: type[Shape], data: bytes, what: str) -> Shape:
    try:
        return shape.model_validate(from_json(data, allow_inf_nan=False))
    except ValueError:
        raise bad(f"{what} is not as it has to be") from None
