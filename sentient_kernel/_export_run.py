"""A run with all its evidence as one file, and back: what belongs to it, and what a stranger's run may bring into a home.

What comes in executes nothing, overwrites nothing and does not go on by itself. Its answers to questions do not count here: all of them
are asked again, as is what its policy would have answered. Its cache entries are served in a replay only.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from sentient_kernel import __version__, _run_file
from sentient_kernel.agents.report import Citation, Report
from sentient_kernel.agents.research import RESEARCH
from sentient_kernel.cache.store import read_dump
from sentient_kernel.documents import Document
from sentient_kernel.errors import DuplicateKey, NotFound, ParseError, Refused, UsageError
from sentient_kernel.events import (
    TRANSIENT,
    ApprovalDecided,
    ApprovalRequested,
    ApprovalWithdrawn,
    Fact,
    MessageReceived,
    Record,
    RunCompleted,
    RunPaused,
    RunStarted,
    classes,
)
from sentient_kernel.ids import ApprovalId, BlobId, DocumentId, RunId, Seq

if TYPE_CHECKING:
    from sentient_kernel._run_file import RunFile
    from sentient_kernel.workbench import Workbench

_DOCUMENT = re.compile(rb'"document":\s?"([0-9a-f]{64})"')
_CACHED = re.compile(rb'"cache":\s?\[((?:\s?"[0-9a-f]{64}",?)+)\]')
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_ID = re.compile(r"[0-9A-Za-z_.:-]{1,100}")
_ENDS = frozenset({"run_completed", "run_failed", "run_cancelled"})
_NAMED = ("key", "approval", "inside")


class Event(NamedTuple):
    """An event on its way: without a place yet. ``message`` is the place in the list of the message that it is about."""

    run: RunId
    at: int
    fact: Fact
    message: int = -1


# -- out -----------------------------------------------------------------------------------------------------------------


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
    root = wb.engine.root_of(run)
    records = sorted((r for one in _tree(wb, root) for r in journal.read(run=one) if r.seq <= head), key=lambda r: r.seq)
    get = journal.blobs.get
    blobs = {blob: get(BlobId(blob)) for blob in _held(records)}
    named, cached = _named(records, list(blobs.values()))
    cited = {c.document for report in _reports(records, lambda blob: blobs[blob]) for c in report.citations if c.verified}
    for document in sorted(cited | named):
        try:
            blobs[document] = wb.desk.document(DocumentId(document)).snapshot() if document in cited else get(BlobId(document))
        except NotFound:
            if document in cited:
                raise
    entries = [(digest, entry) for digest in sorted(cached) if (entry := wb.desk.cache.dump(digest)) is not None]
    _run_file.write(target, root, records, sorted(blobs.items()), entries, __version__)
    return target


def _tree(wb: Workbench, run: RunId) -> list[RunId]:
    found = {run: None}
    todo = [run]
    while todo:
        below = [row.run for row in wb.journal.runs(parent=todo.pop()) if row.run not in found]
        found.update(dict.fromkeys(below))
        todo += below
    return list(found)


def _held(records: Sequence[Record]) -> list[str]:
    """Returns the ids of results that are too big for their row."""
    bodies = (json.loads(record.body) for record in records if record.kind in ("step_completed", "run_completed"))
    return [body["blob"] for body in bodies if body.get("blob")]


def _named(records: Sequence[Record], values: Iterable[bytes]) -> tuple[set[str], set[str]]:
    """Returns the documents, and the cache entries, that events and stored results name; takes the values one by one."""
    documents, cached = set[str](), set[str]()
    for text in chain((record.body for record in records), values):
        documents.update(found.decode() for found in _DOCUMENT.findall(text))
        cached.update(digest.decode() for found in _CACHED.findall(text) for digest in _DIGEST.findall(found))
    return documents, cached


def _reports(records: Sequence[Record], blob: Callable[[str], bytes]) -> Iterator[Report]:
    """Yields the reports of the runs that are a finished research. Raises ParseError."""
    researches = {record.run for record in records if record.kind == "run_started" and record.event.workflow == RESEARCH}
    for record in records:
        if record.kind != "run_completed" or record.run not in researches:
            continue
        event: RunCompleted = record.event
        try:
            value: Any = json.loads(blob(event.blob)) if event.blob else event.result
            yield Report.from_dict(value)
        except (UsageError, ValueError, RecursionError) as error:
            why = error.message if isinstance(error, UsageError) else "it is no JSON."
            raise ParseError(f"The result of run {record.run!r} is not a report: {why}") from None


# -- in ------------------------------------------------------------------------------------------------------------------


def open_export(wb: Workbench, path: str | os.PathLike[str]) -> RunId:
    """Takes the run of a file into a home, under the id that it has.

    Returns:
        The run; one that is here already, as far as the file goes or further, is left as it is.

    Raises:
        UsageError: There is no such file.
        ParseError: It is no such file, was altered, or is out of bounds.
        Refused: Another run, or an older state of this one, has its id here.
    """
    with _run_file.opened(Path(path).expanduser()) as file:
        records = [_known(record) for record in file.records]
        events = _events(records)
        _check_tree(file.run, events)
        _check_values(file, records)
        here = [r for one in _tree(wb, file.run) for r in wb.journal.read(run=one)]
        if here:
            _check_same(events, sorted(here, key=lambda r: r.seq), file.run)
        for blob in file.blobs:
            wb.journal.blobs.put(file.blob(blob))
        for digest in file.entries:
            wb.desk.cache.load(digest, file.entry(digest))
    if not here:
        _adopt(wb, [*events, *_at_rest(events, file.run)])
    return file.run


def _adopt(wb: Workbench, events: list[Event]) -> None:
    ready = [Record(Seq(0), e.run, e.at, e.fact.kind, e.fact.body()) for e in events]  # here, not on the loop
    taking = [(place, event) for place, event in enumerate(events) if event.message >= 0]

    def make(first: Seq) -> list[Record]:
        for place, event in taking:
            placed = event.fact.model_copy(update={"message": Seq(first + event.message)})
            ready[place] = ready[place]._replace(body=placed.body())
        return ready

    async def adopt() -> None:
        wb.journal.adopt(make)

    try:
        wb.engine._thread.call(adopt())
    except DuplicateKey as error:
        raise _taken(error.message) from None


def _known(record: Record) -> Record:
    """Returns an event in this package's own words: what is not in its vocabulary is no part of it. Raises ParseError."""
    cls = classes().get(record.kind)
    if cls is None or record.kind in TRANSIENT:
        raise ParseError(f"Event {record.seq} of the file is of a kind that is not known here: {record.kind[:80]!r}.")
    try:
        event = cls.model_validate_json(record.body)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors(include_url=False, include_input=False)[0]["loc"])
        raise ParseError(f"Event {record.seq} of the file is no {record.kind}: {where[:80] or 'as a whole'!r} does not fit.") from None
    for name in _NAMED:
        if isinstance(value := getattr(event, name, None), str) and value and not _ID.fullmatch(value):
            raise ParseError(f"Event {record.seq} of the file has an id that is none: {value[:80]!r}.")
    return record._replace(body=event.body())


def _events(records: Sequence[Record]) -> list[Event]:
    """Returns events as they may stand in another home: no answer given elsewhere counts, and no policy from elsewhere answers."""
    places = {record.seq: place for place, record in enumerate(records)}
    found = []
    for record in records:
        fact, message = record.event, -1
        match fact:
            case RunStarted():
                fact = fact.model_copy(update={"approve": None})
            case ApprovalDecided():
                how = {"approve": "Approved", "reject": "Rejected"}[fact.decision]
                reason = f"{how} by {fact.by or 'somebody'} where this run comes from; here it has to be asked again."
                fact = ApprovalWithdrawn(approval=fact.approval, reason=reason)
            case MessageReceived() if fact.message:
                message = places.get(fact.message, -1)
                if message < 0 or records[message].kind != "message_sent":
                    raise ParseError(f"Event {record.seq} of the file takes a message that nobody sent.")
                fact = fact.model_copy(update={"message": Seq(0)})
        found.append(Event(record.run, record.at, fact, message))
    return found


def _at_rest(events: Sequence[Event], root: RunId) -> Iterator[Event]:
    """Yields what closes a run that was brought in: open questions are withdrawn, and one that has not ended is paused."""
    at = events[-1].at
    asked: dict[ApprovalId, RunId] = {}
    ended = False
    for event in events:
        match event.fact:
            case ApprovalRequested():
                asked[event.fact.approval] = event.run
            case ApprovalWithdrawn():
                asked.pop(event.fact.approval, None)
        if event.run == root and event.fact.kind in (*_ENDS, "run_resumed"):
            ended = event.fact.kind in _ENDS
    for approval, run in asked.items():
        yield Event(run, at, ApprovalWithdrawn(approval=approval, reason="It was open where this run comes from; here it is asked again."))
    if not ended:
        yield Event(root, at, RunPaused(by="import", reason="It was opened from a file; it goes on when somebody resumes it.", cut=True))


# -- what has to hold ------------------------------------------------------------------------------------------------------


def _check_tree(root: RunId, events: Sequence[Event]) -> None:
    """Each run begins with its beginning, once, and belongs to one that has begun before; only the root belongs to none."""
    begun: set[RunId] = set()
    for event in events:
        if isinstance(event.fact, RunStarted):
            orphan = event.fact.parent not in begun if event.run != root else event.fact.parent is not None
            if event.run in begun or orphan:
                raise ParseError(f"The file holds a run that does not belong to {root!r}: {event.run!r}.")
            begun.add(event.run)
        elif event.run not in begun:
            raise ParseError(f"The file holds events of a run that never began: {event.run!r}.")
    if root not in begun:
        raise ParseError("The file does not hold the run that it says it holds.")


def _check_values(file: RunFile, records: Sequence[Record]) -> None:
    """What events point to is there, what is there is pointed to, and every quote of a report stands where it says."""
    held, there = set(_held(records)), set(file.blobs)
    if missing := sorted(held - there):
        raise ParseError(f"The file lacks a value that its events point to: {missing[0]}.")
    documents, cached = _named(records, (file.blob(blob) for blob in sorted(held)))
    if there - held - documents:
        raise ParseError("The file holds values that no event of it points to.")
    if set(file.entries) - cached:
        raise ParseError("The file holds answers that no event of it used.")
    for digest in file.entries:
        read_dump(file.entry(digest))
    quotes: dict[str, list[Citation]] = {}
    for report in _reports(records, file.blob):
        for citation in report.citations:
            if citation.verified:
                quotes.setdefault(citation.document, []).append(citation)
    for name in sorted({*quotes, *documents & there}):
        text = _document(file.blob(name)).text if name in there else ""
        for c in quotes.get(name, ()):
            if c.start < 0 or text[c.start : c.end] != c.quote:
                raise ParseError(f"The file's report quotes {c.title[:80]!r} with words that do not stand there.")


def _document(data: bytes) -> Document:
    try:
        value = json.loads(data)
        texts = all(isinstance(value[name], str) for name in ("title", "uri", "source", "text"))
        if len(value) != 5 or not texts or not isinstance(value["meta"], dict):
            raise ValueError
        return Document(**value)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ParseError("The file holds something in a document's place that is none.") from None


def _check_same(theirs: Sequence[Event], here: Sequence[Record], run: RunId) -> None:
    """The run that is here already has gone at least as far, on the same way."""
    ours = _events(here)
    if list(theirs) == ours[: len(theirs)]:
        return
    behind = list(theirs[: len(ours)]) == ours
    raise _taken(f"Run {run!r} is in this home already, {'at an earlier state' if behind else 'and is another one'}.")


def _taken(what: str) -> Refused:
    return Refused(what, hint="Nothing was changed. Open the file in a home of its own: Workbench(home=...).open_export(...).")
