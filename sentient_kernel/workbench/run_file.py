"""The file that a run travels in: a zip with its events, its stored values, what its calls were
answered, and a manifest over all.

Here is what such a file is, what belongs into it, and how one is written; reading
(``run_reading``) trusts nothing in it.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr

from sentient_kernel.engine import root_of, tree_of
from sentient_kernel.errors import HoldsSecret, NotFound, UsageError
from sentient_kernel.events import Record
from sentient_kernel.ids import BlobId, RunId
from sentient_kernel.redaction import redactor
from sentient_kernel.version import __version__
from sentient_kernel.workbench.run_scan import References, Reports, blob_of

if TYPE_CHECKING:
    from sentient_kernel.journal.base import Journal
    from sentient_kernel.research.library import Library

VERSION = 1
MOST_BYTES = 2_000_000_000
"""Bytes of all members together, unpacked; the file itself may not be bigger either."""
MOST_EACH = 200_000_000
"""Bytes of one stored value."""
MOST_ANSWER = 16_000_000
"""Bytes of what one call was answered."""
MOST_LOG = 100_000_000
MOST_EVENT = 1_000_000
"""Bytes of one event: JSON may take twenty times as much memory as it has bytes."""
MOST_MANIFEST = 2_500_000
MOST_MEMBERS = 10_000
MOST_EVENTS = 500_000
MOST_RATIO = 100
"""How many times bigger than packed a member may be; what would be more is stored unpacked."""
SLACK = 4_096  # a member of so many bytes may be packed as well as it will

MANIFEST, EVENTS = "manifest.json", "events.jsonl"
NAME = re.compile(r"(?:blobs|cache)/[0-9a-f]{64}")
RUN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


Short = Annotated[StrictStr, Field(max_length=100)]
RunName = Annotated[StrictStr, Field(pattern=RUN)]


class Member(BaseModel):
    """One part of the file, as the manifest knows it."""

    model_config = ConfigDict(extra="forbid")
    size: StrictInt
    sha256: StrictStr


class ManifestHead(BaseModel):
    """What a manifest says of itself, in every version of the format."""

    format: Literal["sentient-kernel run"]
    version: Annotated[StrictInt, Field(ge=1)]


class Manifest(ManifestHead):
    """What the file holds.

    Args:
        package: The version of the package that wrote it.
        run: The run at the root.
        events: How many events there are.
        chain: The hash of the last event and all before it.
        members: All other parts.
    """

    package: Short
    run: RunName
    events: Annotated[StrictInt, Field(gt=0, le=MOST_EVENTS)]
    chain: Short
    members: dict[str, Member]


def most_of(name: str) -> int:
    """Returns how many bytes a part may have."""
    named = {MANIFEST: MOST_MANIFEST, EVENTS: MOST_LOG}
    return named.get(name, MOST_ANSWER if name.startswith("cache/") else MOST_EACH)


def link(before: str, line: bytes) -> str:
    """Returns the hash of an event's line and all before it."""
    return sha256(before.encode() + b" " + line).hexdigest()


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
            open(
                os.open(
                    part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600
                ),
                "wb",
            ) as file,
            zipfile.ZipFile(file, "w") as archive,
        ):
            log, events, chain = _log(records)
            members = {EVENTS: _add(archive, EVENTS, log)}
            for folder, parts in (("blobs", blobs), ("cache", entries)):
                for name, data in parts:
                    members[f"{folder}/{name}"] = _add(archive, f"{folder}/{name}", data)
            _check_bounds(members, events)
            manifest = Manifest.model_construct(  # what reads it checks it
                format="sentient-kernel run",
                version=VERSION,
                package=package,
                run=run,
                events=events,
                chain=chain,
                members=members,
            )
            _add(archive, MANIFEST, manifest.model_dump_json(indent=1).encode())
        part.replace(path)
    except OSError as error:
        raise UsageError(
            f"{str(path)!r} cannot be written: {error.strerror or error}.",
            hint="Give a file in a folder of your own.",
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _log(records: Iterable[Record]) -> tuple[bytes, int, str]:
    """Returns the events as lines, each with the hash of itself and all before it; how many; and
    the last hash.
    """
    chain, lines = "", list[bytes]()
    for record in records:
        head = json.dumps(
            {"seq": record.seq, "run": record.run, "at": record.at, "kind": record.kind}
        )
        line = head[:-1].encode() + b', "body": ' + record.body + b"}"
        if len(line) > MOST_EVENT:
            raise _too_big(len(line), MOST_EVENT, "bytes in one event")
        chain = link(chain, line)
        lines.append(chain.encode() + b" " + line + b"\n")
    return b"".join(lines), len(lines), chain


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> Member:
    bomb = len(data) > SLACK and len(zlib.compress(data)) * MOST_RATIO // 2 < len(data)
    info = zipfile.ZipInfo(name)  # of 1980: the same run makes the same file
    info.external_attr = 0o600 << 16
    archive.writestr(info, data, zipfile.ZIP_STORED if bomb else zipfile.ZIP_DEFLATED)
    return Member(size=len(data), sha256=sha256(data).hexdigest())


def _check_bounds(members: dict[str, Member], events: int) -> None:
    total = sum(member.size for member in members.values())
    for have, most, what in (
        (total, MOST_BYTES, "bytes"),
        (len(members) + 1, MOST_MEMBERS, "parts"),
        (events, MOST_EVENTS, "events"),
        *((member.size, most_of(name), f"bytes in {name}") for name, member in members.items()),
    ):
        if have > most:
            raise _too_big(have, most, what)


def _too_big(have: int, most: int, what: str) -> UsageError:
    return UsageError(
        f"The run is too big for one file: {have:,} {what}; at most {most:,} are allowed."
    )


def export_run(
    journal: Journal, library: Library, run: RunId, path: str | os.PathLike[str]
) -> Path:
    """Writes a run, with the runs it is part of and those that are part of it, as it stands now.

    Raises:
        NotFound: Something that it needs is not stored any more.
        HoldsSecret: It was written before a secret in it was known.
        UsageError: The file cannot be written there.
    """
    target = Path(path).expanduser()
    if target.is_dir():
        raise UsageError(f"{str(target)!r} is a folder.", hint="Give a file to write to.")
    head = journal.head()
    root = root_of(journal, run)
    family = tree_of(journal, root)
    records = sorted(
        (r for one in family for r in journal.read(run=one) if r.seq <= head), key=lambda r: r.seq
    )
    blobs = {
        blob: journal.blobs.get(BlobId(blob)) for record in records if (blob := blob_of(record))
    }
    _refuse_secrets(records, blobs.values())
    named = References(lambda document: True, lambda digest: True)
    for text in (*(record.body for record in records), *blobs.values()):
        named.take([text])
    reports = Reports(blobs.__getitem__)
    found = filter(None, map(reports.take, records))
    cited = {c.document for report in found for c in report.citations if c.verified}
    for cite in cited:
        blobs[cite] = library.document(cite).snapshot()
    for document in named.documents - cited:
        with suppress(NotFound):  # it is named in a text, and may be gone
            blobs[document] = journal.blobs.get(BlobId(document))
    entries = [
        (digest, entry)
        for digest in sorted(named.entries)
        if (entry := library.cache.dump(digest)) is not None
    ]
    write(target, root, records, sorted(blobs.items()), entries, __version__)
    return target


def _refuse_secrets(records: Sequence[Record], results: Iterable[bytes]) -> None:
    """Refuses to hand on what was written before a secret in it was known. Raises HoldsSecret."""
    for what, data in [
        *((f"event {r.seq}", r.body) for r in records),
        *(("a result", data) for data in results),
    ]:
        if (found := redactor().held_in(data)) is not None:
            raise HoldsSecret(
                f"{what[:1].upper()}{what[1:]} of the run holds the secret {found[0]}, at"
                f" {found[1]}.",
                hint="Run it again and export that: what is written now holds no secret.",
            )
