"""A run with all its evidence as one file: what belongs to it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sentient_kernel import __version__, _run_file
from sentient_kernel._run_values import Named, blob_of, reports
from sentient_kernel.engine import root_of, tree_of
from sentient_kernel.errors import NotFound, UsageError
from sentient_kernel.ids import BlobId, DocumentId, RunId

if TYPE_CHECKING:
    from sentient_kernel.workbench import Workbench


def export_run(wb: Workbench, run: RunId, path: str | os.PathLike[str]) -> Path:
    """Writes a run, with the runs it is part of and those that are part of it, as it stands now.

    Raises:
        NotFound: Something that it needs is not stored any more.
        UsageError: The file cannot be written there.
    """
    target = Path(path).expanduser()
    if target.is_dir():
        raise UsageError(f"{str(target)!r} is a folder.", hint="Give a file to write to.")
    journal, head = wb.journal, wb.journal.head()
    root = root_of(journal, run)
    family = tree_of(journal, root)
    records = sorted((r for one in family for r in journal.read(run=one) if r.seq <= head), key=lambda r: r.seq)
    get = journal.blobs.get
    blobs = {blob: get(BlobId(blob)) for record in records if (blob := blob_of(record))}
    named = Named(lambda document: True, lambda digest: True)
    for text in (*(record.body for record in records), *blobs.values()):
        named.take([text])
    cited = {c.document for report in reports(records, lambda blob: blobs[blob]) for c in report.citations if c.verified}
    for document in sorted(cited | named.documents):
        try:
            blobs[document] = wb.desk.document(DocumentId(document)).snapshot() if document in cited else get(BlobId(document))
        except NotFound:
            if document in cited:
                raise
    entries = [(digest, entry) for digest in sorted(named.entries) if (entry := wb.desk.cache.dump(digest)) is not None]
    _run_file.write(target, root, records, sorted(blobs.items()), entries, __version__)
    return target
