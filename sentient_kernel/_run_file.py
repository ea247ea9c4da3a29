"""The file that a run travels in: a zip with its events, its stored values, what its calls were answered, and a manifest over all.

It is read as a stranger's: nothing in it is believed before its hash and its bounds were checked, nothing of it is run, no name in it is
ever a path. Whether the file was made by who says so is another question, which it cannot answer.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, NamedTuple

from sentient_kernel.errors import ParseError, SentientError, UsageError
from sentient_kernel.events import Record
from sentient_kernel.failures import plain
from sentient_kernel.ids import RunId, Seq

FORMAT, VERSION = "sentient-kernel run", 1
MOST_BYTES = 2_000_000_000
"""Bytes of all members together, unpacked; the file itself may not be bigger either."""
MOST_EACH = 200_000_000
MOST_LOG = 100_000_000
MOST_MANIFEST = 8_000_000
MOST_MEMBERS = 20_000
MOST_EVENTS = 500_000
MOST_RATIO = 100
"""How many times bigger than packed a member may be; what would be more is stored unpacked."""
_SLACK = 4_096  # a member of so many bytes may be packed as well as it will
_DIRECTORY = 4_000_000
_CHUNK = 1 << 20

MANIFEST, EVENTS = "manifest.json", "events.jsonl"
_NAME = re.compile(r"(?:blobs|cache)/[0-9a-f]{64}")
_RUN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LAST_TIME = 253_402_300_799_000_000  # the end of the year 9999, in microseconds since 1970
_FIELDS = ["seq", "run", "at", "kind", "body"]
_END = struct.Struct("<4s4H2LH")


class Member(NamedTuple):
    """One part of the file, as the manifest knows it."""

    size: int
    sha256: str


# -- writing -------------------------------------------------------------------------------------------------------------


def write(
    path: Path,
    run: RunId,
    records: Iterable[Record],
    blobs: Iterable[tuple[str, bytes]],
    entries: Iterable[tuple[str, bytes]],
    package: str,
) -> None:
    """Writes the file, whole or not at all; readable for its owner alone.

    Args:
        path: Where to.
        run: The run at the root.
        records: Its events and those of its children, in order.
        blobs: Stored values by their ids.
        entries: Cache entries by their digests.
        package: The version of this package.

    Raises:
        UsageError: It cannot be written there, or is bigger than such a file may be.
    """
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with (
            open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb") as file,
            zipfile.ZipFile(file, "w") as archive,
        ):
            log, events, chain = _log(records)
            members = {EVENTS: _add(archive, EVENTS, log)}
            for folder, parts in (("blobs", blobs), ("cache", entries)):
                for name, data in parts:
                    members[f"{folder}/{name}"] = _add(archive, f"{folder}/{name}", data)
            manifest = {
                "format": FORMAT, "version": VERSION, "package": package, "run": run, "events": events, "chain": chain,
                "members": {name: member._asdict() for name, member in members.items()},
            }  # fmt: skip
            _within(members.values(), events)
            _add(archive, MANIFEST, json.dumps(manifest, indent=1).encode())
        part.replace(path)
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.", hint="Give a file in a folder of your own."
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _log(records: Iterable[Record]) -> tuple[bytes, int, str]:
    """Returns the events as lines, each with the hash of itself and all before it; how many; and the last hash."""
    chain, lines = "", list[bytes]()
    for record in records:
        head = json.dumps({"seq": record.seq, "run": record.run, "at": record.at, "kind": record.kind})
        line = head[:-1].encode() + b', "body": ' + record.body + b"}"
        chain = _link(chain, line)
        lines.append(chain.encode() + b" " + line + b"\n")
    return b"".join(lines), len(lines), chain


def _link(before: str, line: bytes) -> str:
    return sha256(before.encode() + b" " + line).hexdigest()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> Member:
    bomb = len(data) > _SLACK and len(zlib.compress(data)) * MOST_RATIO // 2 < len(data)
    info = zipfile.ZipInfo(name)  # of 1980: the same run makes the same file
    info.external_attr = 0o600 << 16
    archive.writestr(info, data, zipfile.ZIP_STORED if bomb else zipfile.ZIP_DEFLATED)
    return Member(len(data), sha256(data).hexdigest())


def _within(members: Iterable[Member], events: int) -> None:
    sizes = [member.size for member in members]
    for have, most, what in (
        (sum(sizes), MOST_BYTES, "bytes"), (max(sizes), MOST_EACH, "bytes in one part"), (sizes[0], MOST_LOG, "bytes of events"),
        (len(sizes) + 1, MOST_MEMBERS, "parts"), (events, MOST_EVENTS, "events"),
    ):  # fmt: skip
        if have > most:
            raise UsageError(f"The run is too big for one file: {have:,} {what}, of {most:,} that may be.")


# -- reading -------------------------------------------------------------------------------------------------------------


class RunFile:
    """An open file whose every part was found to be what its manifest says.

    Args:
        run: The run at the root.
        package: The version of the package that wrote it.
        records: All events, as they stand there.
        blobs: The ids of its stored values.
        entries: The digests of its cache entries.
    """

    def __init__(self, archive: zipfile.ZipFile, manifest: dict[str, Any]) -> None:
        self._archive = archive
        self._members = {name: Member(**member) for name, member in manifest["members"].items()}
        self.run = RunId(manifest["run"])
        self.package: str = manifest["package"]
        self.blobs = [name[6:] for name in self._members if name.startswith("blobs/")]
        self.entries = [name[6:] for name in self._members if name.startswith("cache/")]
        for name in self._members:
            self._verify(name)
        self.records = list(_records(self._read(EVENTS), manifest["events"], manifest["chain"]))

    def blob(self, blob: str) -> bytes:
        """Returns a stored value."""
        return self._read(f"blobs/{blob}")

    def entry(self, digest: str) -> bytes:
        """Returns a cache entry, as the cache has dumped it."""
        return self._read(f"cache/{digest}")

    def _read(self, name: str) -> bytes:
        with self._archive.open(name) as file:
            data = file.read(self._members[name].size + 1)
        if sha256(data).hexdigest() != self._members[name].sha256:
            raise _bad(f"{name} is not what was written")
        return data

    def _verify(self, name: str) -> None:
        member, hashed, size = self._members[name], sha256(), 0
        with self._archive.open(name) as file:
            while chunk := file.read(_CHUNK):
                hashed.update(chunk)
                size += len(chunk)
        if (size, hashed.hexdigest()) != member:
            raise _bad(f"{name} is not what was written")
        if name.startswith("blobs/") and member.sha256 != name[6:]:
            raise _bad(f"{name} is not named by its content")


@contextmanager
def opened(path: Path) -> Iterator[RunFile]:
    """Opens a file and checks all of it.

    Raises:
        UsageError: There is no such file, or it cannot be read.
        ParseError: It is not the file of a run, was cut or altered, or is out of bounds.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r}.", hint="Give one that `wb.export` or `sentient-kernel export` wrote.")
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            _check_end(file)
            archive = stack.enter_context(zipfile.ZipFile(file))
            found = RunFile(archive, _manifest(archive))
        except OSError as error:
            raise UsageError(f"{str(path)!r} cannot be read: {error.strerror or error}.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            if isinstance(error, SentientError):
                raise
            raise _bad(f"the archive is damaged ({plain(' '.join(str(error).split()))[:120]})") from None
        yield found


def _check_end(file: IO[bytes]) -> None:
    """Looks at the end of the archive, which says how much a reader would take in: before one does."""
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        raise _bad("it is too short")
    if size > MOST_BYTES:
        raise _bad("it is too big")
    file.seek(max(0, size - _END.size - 20))
    before, end = (tail := file.read())[: -_END.size], tail[-_END.size :]
    sign, disk, start, here, entries, directory, offset, comment = _END.unpack(end)
    if sign != b"PK\5\6" or comment:
        raise _bad("it is no archive, or was cut")
    if before.startswith(b"PK\6\7") or disk or start or here != entries or entries > MOST_MEMBERS or directory > _DIRECTORY:
        raise _bad("it holds too many parts")
    if offset + directory + _END.size != size:
        raise _bad("something stands before or behind the archive")


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Returns the manifest, once it and the list of parts are as they have to be."""
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if len(set(names)) != len(names):
        raise _bad("two parts have one name")
    for info in infos:
        _check_info(info)
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise _bad("unpacked, it is too big")
    if MANIFEST not in names:
        raise _bad("it has no manifest")
    with archive.open(MANIFEST) as file:
        manifest = _json(file.read(MOST_MANIFEST + 1), "the manifest")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise _bad("its manifest is not that of a run")
    version = manifest.get("version")
    if type(version) is not int or version < 1:
        raise _bad("its manifest is not that of a run")
    if version > VERSION:
        raise ParseError(
            f"This file was written in version {version} of the format; this program reads version {VERSION}.",
            hint="Install the later sentient-kernel.",
        )
    if not _fits(manifest):
        raise _bad("its manifest is not that of a run")
    if {*manifest["members"], MANIFEST} != set(names):
        raise _bad("its parts are not those of its manifest")
    if any(info.file_size != manifest["members"][info.filename]["size"] for info in infos if info.filename != MANIFEST):
        raise _bad("its parts are not those of its manifest")
    return manifest


def _check_info(info: zipfile.ZipInfo) -> None:
    name, most = info.filename, {MANIFEST: MOST_MANIFEST, EVENTS: MOST_LOG}.get(info.filename, MOST_EACH)
    if name not in (MANIFEST, EVENTS) and not _NAME.fullmatch(name):
        raise _bad(f"a part is called {name[:80]!r}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 0x1:
        raise _bad(f"{name} is packed in a way that is not read here")
    if (info.external_attr >> 16) & 0o170000 not in (0, 0o100000):
        raise _bad(f"{name} is no plain file")
    if info.file_size > most or info.file_size > max(_SLACK, info.compress_size) * MOST_RATIO:
        raise _bad(f"{name} would be too big, unpacked")


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
        and all(isinstance(manifest.get(name), str) and len(manifest[name]) <= 100 for name in ("package", "run", "chain"))
        and _RUN.fullmatch(manifest["run"]) is not None
    )


def _records(log: bytes, events: int, chain: str) -> Iterator[Record]:
    """Yields the events of a log, each checked against the chain and for its place; what they say is for others to judge."""
    lines = log.split(b"\n")
    if lines.pop() or len(lines) != events:
        raise _bad("events are missing")
    last, seq = "", 0
    for number, line in enumerate(lines, 1):
        said, _, text = line.partition(b" ")
        last = _link(last, text)
        if said != last.encode():
            raise _bad(f"event {number} is not what was written")
        fields = _json(text, f"event {number}")
        if not isinstance(fields, dict) or list(fields) != _FIELDS or not isinstance(fields["body"], dict):
            raise _bad(f"event {number} is none")
        if type(fields["seq"]) is not int or not seq < fields["seq"] < 2**62:
            raise _bad(f"event {number} is out of order")
        seq = fields["seq"]
        if type(fields["at"]) is not int or not 0 <= fields["at"] <= _LAST_TIME:
            raise _bad(f"event {number} has no time")
        if type(fields["run"]) is not str or not _RUN.fullmatch(fields["run"]) or type(fields["kind"]) is not str:
            raise _bad(f"event {number} belongs to no run")
        yield Record(Seq(seq), RunId(fields["run"]), fields["at"], fields["kind"], json.dumps(fields["body"]).encode())
    if last != chain:
        raise _bad("events are missing")


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
        raise _bad(f"{what} cannot be read") from None


def _bad(why: str) -> ParseError:
    return ParseError(
        f"This is not the file of a run as `wb.export` wrote it: {why}.", hint="Nothing was taken from it; ask for another copy."
    )
