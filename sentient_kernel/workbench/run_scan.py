"""What a run's events become in another home, and what they point to, one after the other: nothing
of a file is held as a whole.

They say what they said there, answers and policies too: their rows say for ever that they come from
    a file, so nothing in them counts here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, NamedTuple

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from sentient_kernel.errors import ParseError
from sentient_kernel.events import (
    ENDS,
    TRANSIENT,
    Fact,
    MessageReceived,
    MessageSent,
    Record,
    RunCompleted,
    RunPaused,
    RunResumed,
    RunStarted,
    StepCompleted,
    classes,
)
from sentient_kernel.failures import plain
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.report.report import Report
from sentient_kernel.research.workflow import RESEARCH

MOST_RUNS = 10_000
"""Runs that one file may hold."""
_ID = re.compile(r"[0-9A-Za-z_.:-]{1,100}")
_NAMED = {"key", "approval", "inside"}
_DOCUMENT = re.compile(rb'"document":\s?"([0-9a-f]{64})"')
_DIGEST = re.compile(rb'"([0-9a-f]{64})"')
_OVERLAP = 100
"""Bytes of a piece that are looked at again with the next one: a name may lie across both."""


class Event(NamedTuple):
    """An event on its way: without a place yet. ``message`` is the place in the order of the
    message that it is about.
    """

    run: RunId
    at: int
    kind: str
    body: bytes
    message: int = -1


def known(record: Record) -> Fact:
    """Returns an event in this package's own words: what is not in its vocabulary is no part of it.
    Raises ParseError.
    """
    cls = classes().get(record.kind)
    if cls is None or record.kind in TRANSIENT:
        raise ParseError(
            f"Event {record.seq} of the file is of a kind that is not known here:"
            f" {record.kind[:80]!r}."
        )
    try:
        event = cls.model_validate_json(record.body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ParseError(
            f"Event {record.seq} of the file is not a valid {record.kind}:"
            f" {where[:80] or 'as a whole'!r} does not fit."
        ) from None
    # what the event says itself: the key of a named run is made here, from its name
    for name in cls.model_fields.keys() & _NAMED:
        value = getattr(event, name)
        if isinstance(value, str) and value and not _ID.fullmatch(value):
            raise ParseError(
                f"Event {record.seq} of the file has an id that is not valid: {value[:80]!r}."
            )
    return event


class Translation:
    """Turns records, in their order, into events as they may stand in another home."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}  # of messages in the order of events, by their seqs
        self._count = 0

    def __call__(self, record: Record, fact: Fact) -> tuple[Event, Fact]:
        """Returns the event that a record becomes, and what it says. Raises ParseError."""
        message = -1
        if isinstance(fact, MessageReceived) and fact.message:
            if (message := self._places.get(fact.message, -1)) < 0:
                raise ParseError(
                    f"Event {record.seq} of the file takes a message that nobody sent."
                )
            fact = fact.model_copy(update={"message": Seq(0)})
        if record.kind == MessageSent.KIND:
            self._places[record.seq] = self._count
        self._count += 1
        return Event(record.run, record.at, fact.kind, fact.body(), message), fact


class Family:
    """Each run begins with its beginning, once, and belongs to one that has begun before; only the
    root belongs to none.

    Args:
        root: The run at the root.
    """

    def __init__(self, root: RunId) -> None:
        self._root = root
        self.begun: set[RunId] = set()
        self._ended = False
        self._at = 0

    def take(self, event: Event, fact: Fact) -> None:
        """Takes one more event in. Raises ParseError."""
        run, self._at = event.run, event.at
        if isinstance(fact, RunStarted):
            orphan = fact.parent is not None if run == self._root else fact.parent not in self.begun
            if run in self.begun or orphan:
                raise ParseError(
                    f"The file holds a run that does not belong to {self._root!r}: {run!r}."
                )
            self.begun.add(run)
        if run not in self.begun:
            raise ParseError(f"The file holds events of a run that never began: {run!r}.")
        if len(self.begun) > MOST_RUNS:
            raise ParseError(f"The file holds more than {MOST_RUNS:,} runs.")
        if run == self._root and event.kind in (*ENDS, RunResumed.KIND):
            self._ended = event.kind in ENDS

    def pause(self) -> Iterator[Event]:
        """Yields what closes a run that was brought in and has not ended: it is paused."""
        if not self._ended:
            paused = RunPaused(
                by="import",
                reason="It was opened from a file; it goes on when somebody resumes it.",
                cut=True,
            )
            yield Event(self._root, self._at, paused.kind, paused.body())


class Spool:
    """Events on their way, in a temporary file.

    Args:
        file: The file; nobody else uses it.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def put(self, event: Event) -> None:
        """Adds an event."""
        head = to_json([event.run, event.at, event.kind, event.message])
        self._file.write(head + b"\n" + event.body + b"\n")

    def events(self) -> Iterator[Event]:
        """Yields all events from the beginning."""
        self._file.seek(0)
        for head in self._file:
            run, at, kind, message = from_json(head)
            yield Event(run, at, kind, next(self._file)[:-1], message)

    def records(self, first: Seq) -> Iterator[Record]:
        """Yields all events as records of a journal.

        Args:
            first: The seq that the first of them will have.
        """
        for event in self.events():
            body = event.body
            if event.message >= 0:
                taken = MessageReceived.model_validate_json(body)
                body = taken.model_copy(update={"message": Seq(first + event.message)}).body()
            yield Record(Seq(0), event.run, event.at, event.kind, body)


# -- what they point to ----------------------------------------------------------------------------


class References:
    """Takes in texts and remembers which documents and cache entries they refer to.

    Args:
        document: Tells of the id of a document whether it is wanted.
        entry: Tells of the digest of a cache entry whether it is wanted.
    """

    def __init__(self, document: Callable[[str], bool], entry: Callable[[str], bool]) -> None:
        self._is_document = document
        self._is_entry = entry
        self.documents: set[str] = set()
        self.entries: set[str] = set()

    def take(self, pieces: Iterable[bytes]) -> None:
        """Looks through one text."""
        rest = b""
        for piece in pieces:
            text = rest + piece
            for pattern, wanted, found in (
                (_DOCUMENT, self._is_document, self.documents),
                (_DIGEST, self._is_entry, self.entries),
            ):
                names = (match.decode() for match in pattern.findall(text))
                found.update(name for name in names if wanted(name))
            rest = text[-_OVERLAP:]


def blob_of(record: Record) -> str:
    """Returns the id of a result that is too big for its row; empty for other events."""
    if record.kind not in (StepCompleted.KIND, RunCompleted.KIND) or b'"blob"' not in record.body:
        return ""
    return str(from_json(record.body).get("blob") or "")


class Reports:
    """Finds the reports of the researches whose records it takes, in their order.

    Args:
        blob: Returns a stored value.
    """

    def __init__(self, blob: Callable[[str], bytes | bytearray]) -> None:
        self._blob = blob
        self._researches = set[RunId]()

    def take(self, record: Record) -> Report | None:
        """Returns the report that ends with a record, if one does. Raises ParseError."""
        if record.kind == RunStarted.KIND and record.event.workflow == RESEARCH:
            self._researches.add(record.run)
        if record.kind != RunCompleted.KIND or record.run not in self._researches:
            return None
        event = record.event
        try:
            value = from_json(self._blob(event.blob)) if event.blob else event.result
            return Report.from_dict(value)
        except (ValueError, RecursionError) as error:
            why = plain(getattr(error, "message", "it is not JSON."))[:200]
            raise ParseError(f"The result of run {record.run!r} is not a report: {why}") from None
