"""A run with all its evidence as one file: what belongs to it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sentient_kernel import __version__
from sentient_kernel.engine import root_of, tree_of
from sentient_kernel.errors import HoldsSecret, NotFound, UsageError
from sentient_kernel.ids import BlobId, RunId
from sentient_kernel.redaction import redactor
from sentient_kernel.workbench import run_file
from sentient_kernel.workbench.run_values import References, Reports, blob_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sentient_kernel.events import Record
    from sentient_kernel.journal.base import Journal
    from sentient_kernel.research.library import Library


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
    get = journal.blobs.get
    blobs = {blob: get(BlobId(blob)) for record in records if (blob := blob_of(record))}
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
            blobs[document] = get(BlobId(document))
    entries = [
        (digest, entry)
        for digest in sorted(named.entries)
        if (entry := library.cache.dump(digest)) is not None
    ]
    run_file.write(target, root, records, sorted(blobs.items()), entries, __version__)
    return target


def _refuse_secrets(records: Sequence[Record], results: Iterable[bytes]) -> None:
    """Refuses to hand on what was written before a secret in it was known. Raises HoldsSecret."""
    for what, data in [
        *((f"event {r.seq}", r.body) for r in records),
        *(("a result", data) for data in results),
    ]:
        if (found := redactor().held_in(data)) is not None:
            hint = "Run it again and export that: what is written now holds no secret."
            raise HoldsSecret(
                f"{what[:1].upper()}{what[1:]} of the run holds the secret {found[0]}, at"
                f" {found[1]}.",
                hint=hint,
            )
