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
from typing import IO, Any

from sentient_kernel.errors import ParseError, SentientError, UsageError
from sentient_kernel.events import Record
from sentient_kernel.failures import plain
from sentient_kernel.files.regular import open_regular
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.workbench.run_file import (
    EVENTS,
    FORMAT,
    MANIFEST,
    MOST_BYTES,
    MOST_EVENT,
    MOST_EVENTS,
    MOST_MANIFEST,
    MOST_MEMBERS,
    MOST_RATIO,
    NAME,
    RUN,
    SLACK,
    VERSION,
    Member,
    link,
    most_of,
)

PIECE = 1 << 18
"""Bytes that are read at a time: other threads have their turn in between."""
_DIRECTORY = 2_000_000
_LAST_TIME = 253_402_300_799_000_000  # the end of the year 9999, in microseconds since 1970
_FIELDS = ["seq", "run", "at", "kind", "body"]
_END = struct.Struct("<4s4H2LH")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)
_CHAIN = 65  # characters of a line before its event


class RunFile:
    """An open file whose every part was found to be what its manifest says.

    Args:
        run: The run at the root.
        package: The version of the package that wrote it.
        events: How many events it holds.
        blobs: The ids of its stored values.
        entries: The digests of its cache entries.
    """

    def __init__(self, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
        self._archive = archive
        self._members = {name: Member(**member) for name, member in manifest["members"].items()}
        self._chain: str = manifest["chain"]
        self.run = RunId(manifest["run"])
        self.package: str = manifest["package"]
        self.events: int = manifest["events"]
        self.blobs = frozenset(name[6:] for name in self._members if name.startswith("blobs/"))
        self.entries = frozenset(name[6:] for name in self._members if name.startswith("cache/"))
        for name in self._members:
            for _ in self._pieces(name):
                pass

    def records(self) -> Iterator[Record]:
        """Yields the events, each checked against the chain and for its place; what they say is for
        others to judge.
        """
        last, seq, number = "", 0, 0
        for number, line in enumerate(self._lines(), 1):
            if number > self.events:
                raise bad("it holds more events than it says")
            said, _, text = line.partition(b" ")
            last = link(last, text)
            if said != last.encode():
                raise bad(f"event {number} is not what was written")
            record = _record(text, number, seq)
            seq = record.seq
            yield record
        if last != self._chain or number != self.events:
            raise bad("events are missing")

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
        if self._members[f"blobs/{blob}"].size > most:
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
        member, hashed, size = self._members[name], sha256(), 0
        try:
            with self._archive.open(name) as file:
                while size <= member.size and (piece := file.read(PIECE)):
                    hashed.update(piece)
                    size += len(piece)
                    yield piece
        except OSError as error:
            raise UsageError(
                f"The file cannot be read any more: {error.strerror or error}."
            ) from None
        except _DAMAGED as error:
            raise _damaged(error) from None
        if (size, hashed.hexdigest()) != member:
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
            raise bad("events are missing")


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
        try:
            file = stack.enter_context(open(open_regular(path.resolve(), os.O_RDONLY), "rb"))
            _check_end(file)
            archive = stack.enter_context(zipfile.ZipFile(file))
            found = RunFile(archive, _manifest(archive))
        except OSError as error:
            raise UsageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None
        except _DAMAGED as error:
            if isinstance(error, SentientError):
                raise
            raise _damaged(error) from None
        yield found


def _damaged(error: Exception) -> ParseError:
    return bad(f"the archive is damaged ({plain(' '.join(str(error).split()))[:120]})")


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
    if size < _END.size:
        raise bad("it is too short")
    if size > MOST_BYTES:
        raise bad("it is too big")
    file.seek(max(0, size - _END.size - 20))
    before, end = (tail := file.read())[: -_END.size], tail[-_END.size :]
    sign, disk, start, here, entries, directory, offset, comment = _END.unpack(end)
    if sign != b"PK\5\6" or comment:
        raise bad("it is not an archive, or was cut")
    if (
        before.startswith(b"PK\6\7")
        or disk
        or start
        or here != entries
        or entries > MOST_MEMBERS
        or directory > _DIRECTORY
    ):
        raise bad("it holds too many parts")
    if offset + directory + _END.size != size:
        raise bad("something stands before or behind the archive")


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Returns the manifest, once it and the list of parts are as they have to be."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise bad("two parts have one name")
    for info in infos:
        _check_info(info)
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise bad("unpacked, it is too big")
    if MANIFEST not in names:
        raise bad("it has no manifest")
    with archive.open(MANIFEST) as file:
        manifest = _json(file.read(MOST_MANIFEST + 1), "the manifest")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise bad("its manifest is not that of a run")
    version = manifest.get("version")
    if type(version) is not int or version < 1:
        raise bad("its manifest is not that of a run")
    if version > VERSION:
        raise ParseError(
            f"This file was written in version {version} of the format; this program reads version"
            f" {VERSION}.",
            hint="Install the later sentient-kernel.",
        )
    if not _fits(manifest):
        raise bad("its manifest is not that of a run")
    if {*manifest["members"], MANIFEST} != set(names):
        raise bad("its parts are not those of its manifest")
    if any(
        info.file_size != manifest["members"][info.filename]["size"]
        for info in infos
        if info.filename != MANIFEST
    ):
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


def _fits(manifest: dict[str, Any]) -> bool:
    members = manifest.get("members")
    return (
        isinstance(members, dict)
        and EVENTS in members
        and all(
            isinstance(member, dict)
            and member.keys() == {"size", "sha256"}
            and type(member["size"]) is int
            and type(member["sha256"]) is str
            for member in members.values()
        )
        and type(manifest.get("events")) is int
        and 0 < manifest["events"] <= MOST_EVENTS
        and all(
            isinstance(manifest.get(name), str) and len(manifest[name]) <= 100
            for name in ("package", "run", "chain")
        )
        and RUN.fullmatch(manifest["run"]) is not None
    )


def _record(text: bytes, number: int, after: int) -> Record:
    """Returns an event; ``after`` is the seq of the one before it."""
    fields = _json(text, f"event {number}")
    if (
        not isinstance(fields, dict)
        or list(fields) != _FIELDS
        or not isinstance(fields["body"], dict)
    ):
        raise bad(f"event {number} is not an event")
    if type(fields["seq"]) is not int or not after < fields["seq"] < 2**62:
        raise bad(f"event {number} is out of order")
    if type(fields["at"]) is not int or not 0 <= fields["at"] <= _LAST_TIME:
        raise bad(f"event {number} has no time")
    if (
        type(fields["run"]) is not str
        or not RUN.fullmatch(fields["run"])
        or type(fields["kind"]) is not str
    ):
        raise bad(f"event {number} belongs to no run")
    return Record(
        Seq(fields["seq"]),
        RunId(fields["run"]),
        fields["at"],
        fields["kind"],
        json.dumps(fields["body"]).encode(),
    )


def _json(data: bytes, what: str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(name)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name occurs twice")
        return found

    try:
        return json.loads(data, parse_constant=refuse, object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise bad(f"{what} cannot be read") from None
