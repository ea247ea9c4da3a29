"""The file of a run, from anybody, into a home: all of it is checked before anything of it is
written.

What comes in executes nothing, overwrites nothing and does not go on by itself. Its rows say for
ever that they come from a file: no answer and no policy in them counts here. Its cache entries are
served in a replay only, and count
apart: they make no answer of this home go. Nothing of it is done on the engine's loop, and only a
    piece at a time is held in memory.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from heapq import merge
from pathlib import Path
from typing import TYPE_CHECKING

from sentient_kernel.cache.store import read_dump
from sentient_kernel.documents import Document
from sentient_kernel.engine import tree_of
from sentient_kernel.errors import DuplicateKey, ParseError, Refused
from sentient_kernel.ids import BlobId, RunId, Seq
from sentient_kernel.workbench.run_reading import PIECE, RunFile, opened
from sentient_kernel.workbench.run_scan import (
    Family,
    References,
    Reports,
    Spool,
    Translation,
    blob_of,
    known,
)

if TYPE_CHECKING:
    from sentient_kernel.cache.store import Cache
    from sentient_kernel.engine import Engine
    from sentient_kernel.events import Record
    from sentient_kernel.journal.base import Journal
    from sentient_kernel.report.report import Citation, Report
    from sentient_kernel.research.library import Library

MOST_REPORT = 3_000_000
"""Bytes of a report as JSON, which may take twenty times as much memory."""
MOST_DOCUMENT = 26_000_000
"""Bytes of the snapshot of a document."""
MOST_CHARACTERS = 6_000_000
"""Characters of one: each may take four bytes of memory."""
MOST_QUOTED = 10_000_000
"""Characters of all quotes of all reports."""
log = logging.getLogger("sentient_kernel.cache")

_TURN, _REST = 0.002, 0.000_1
"""Seconds of work on events, and then of rest: else the engine's loop waits five milliseconds for
its turn (sys.getswitchinterval).
"""
_PAGE = 200
_CONTINUED = bytes(range(0x80, 0xC0))  # bytes inside a character of UTF-8


def open_export(engine: Engine, library: Library, path: str | os.PathLike[str]) -> RunId:
    """Takes the run of a file into a home, under the id that it has.

    Returns:
        The run; one that is here already, as far as the file goes or further, is left as it is.

    Raises:
        UsageError: There is no such file.
        ParseError: It is no such file, was altered, or is out of bounds.
        Refused: Another run, or an older state of this one, has its id here.
    """
    with opened(Path(path).expanduser()) as file, tempfile.TemporaryFile() as events:
        spool = Spool(events)
        family = _read_events(file, spool)
        here = _is_here(engine.journal, file.run, spool, family)
        for blob in sorted(file.blobs):
            engine.journal.blobs.take(BlobId(blob), file.blob(blob))
        if file.entries:
            _take_answers(library.cache, file)
        if not here:
            _adopt(engine, spool, family)
    return file.run


def _take_answers(cache: Cache, file: RunFile) -> None:
    brought = cache.load_all((digest, file.entry(digest)) for digest in sorted(file.entries))
    if brought.left_out:
        log.warning(
            "Of %s answers in the file of run %s, %s are not kept: those of opened files may take"
            " %.1f MB in all, a quarter of SENTIENT_CACHE_MAX_SIZE. The run is whole; a replay of"
            " it lacks them.",
            f"{len(file.entries):,}",
            file.run,
            f"{brought.left_out:,}",
            cache.most_imported / 1e6,
        )


def _adopt(engine: Engine, spool: Spool, family: Family) -> None:
    for event in family.pause():
        spool.put(event)

    async def adopt() -> None:
        await engine.journal.adopt(spool.records)

    try:
        engine.start_soon(adopt).result()
    except DuplicateKey as error:
        raise _taken(error.message) from None


# -- what has to hold ------------------------------------------------------------------------------


def _read_events(file: RunFile, spool: Spool) -> Family:
    """Reads all events, and checks them and what they point to."""
    family, translate, quotes = Family(file.run), Translation(), _Quotes()
    named = References(file.blobs.__contains__, file.entries.__contains__)
    reports = Reports(lambda blob: file.whole_blob(blob, MOST_REPORT, "a report"))
    held: set[str] = set()
    turn = time.monotonic()
    for record in file.records():
        if time.monotonic() - turn > _TURN:
            time.sleep(_REST)
            turn = time.monotonic()
        event, fact = translate(record, known(record))
        family.take(event, fact)
        spool.put(event)
        named.take([event.body])
        if blob := blob_of(record):
            if blob not in file.blobs:
                raise ParseError(f"The file lacks a value that its events point to: {blob[:80]}.")
            held.add(blob)
        if report := reports.take(record):
            quotes.take(report)
        del fact, event, record, report  # before the next one is read: each may be big
    for blob in sorted(held):
        named.take(file.blob(blob))
    _check_values(file, held, named, quotes)
    return family


def _check_values(file: RunFile, held: set[str], named: References, quotes: _Quotes) -> None:
    """What is there is pointed to, and every quote of a report stands where it says."""
    if file.blobs - held - named.documents:
        raise ParseError("The file holds values that no event of it points to.")
    if file.entries - named.entries:
        raise ParseError("The file holds answers that no event of it used.")
    for digest in file.entries:
        read_dump(file.entry(digest))
    for name in sorted({*quotes.by_document, *named.documents}):
        text = _document(file, name) if name in file.blobs else ""
        for c in quotes.by_document.get(name, ()):
            if c.start < 0 or text[c.start : c.end] != c.quote:
                raise ParseError(
                    f"The file's report quotes {c.title[:80]!r} with words that do not stand there."
                )


class _Quotes:
    """The verified citations of reports, by document."""

    def __init__(self) -> None:
        self.by_document: defaultdict[str, list[Citation]] = defaultdict(list)
        self._characters = 0

    def take(self, report: Report) -> None:
        for citation in report.citations:
            if citation.verified:
                self._characters += len(citation.quote)
                self.by_document[citation.document].append(citation)
        if self._characters > MOST_QUOTED:
            raise ParseError(f"The reports of the file quote more than {MOST_QUOTED:,} characters.")


def _document(file: RunFile, name: str) -> str:
    """Returns the text of a document. Raises ParseError."""
    data = file.whole_blob(name, MOST_DOCUMENT, "a document")
    # a piece at a time: what begins no character is what UTF-8 has inside of one
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    if sum(len(piece.translate(None, _CONTINUED)) for piece in pieces) > MOST_CHARACTERS:
        raise ParseError(f"The file holds a document of more than {MOST_CHARACTERS:,} characters.")
    try:
        snapshot = str(data, "utf-8", "surrogatepass")
        del data
        return Document.from_snapshot(snapshot).text
    except (UnicodeDecodeError, ParseError):
        raise ParseError(
            "The file holds something in a document's place that is not a document."
        ) from None


def _is_here(journal: Journal, root: RunId, spool: Spool, family: Family) -> bool:
    """Tells whether the run is here already, and has gone at least as far on the same way. Raises
    Refused when another one is.
    """
    tree = tree_of(journal, root) if journal.read(run=root, limit=1) else []
    for run in family.begun - set(tree):
        if journal.read(run=run, limit=1):
            raise _taken(f"Run {run!r} is in this home already.")
    if not tree:
        return False
    translate = Translation()
    ours = merge(*(_pages(journal, run) for run in tree), key=lambda record: record.seq)
    for theirs in spool.events():
        if (mine := next(ours, None)) is None:
            raise _taken(f"Run {root!r} is in this home already, at an earlier state.")
        if translate(mine, mine.event)[0] != theirs:
            raise _taken(f"Run {root!r} is in this home already, and is another one.")
    return True


def _pages(journal: Journal, run: RunId) -> Iterator[Record]:
    after = Seq(0)
    while page := journal.read(run=run, after=after, limit=_PAGE):
        yield from page
        after = page[-1].seq


def _taken(what: str) -> Refused:
    return Refused(
        what,
        hint=(
            "Nothing was changed. Open the file in a home of its own:"
            " Workbench(home=...).open_export(...)."
        ),
    )
