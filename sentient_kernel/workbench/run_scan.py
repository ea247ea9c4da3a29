"""What a run's events become in another home, one after the other: nothing of a file is held as a
whole.

They say what they said there, answers and policies too: their rows say for ever that they come from
    a file, so nothing in them counts here.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from struct import Struct
from types import TracebackType
from typing import IO, NamedTuple, Self

from pydantic import ValidationError

from sentient_kernel.errors import ParseError
from sentient_kernel.events import (
    ENDS,
    TRANSIENT,
    Fact,
    MessageReceived,
    MessageSent,
    Record,
    RunPaused,
    RunResumed,
    RunStarted,
    classes,
)
from sentient_kernel.ids import RunId, Seq

MOST_RUNS = 10_000
"""Runs that one file may hold."""
_ID = re.compile(r"[0-9A-Za-z_.:-]{1,100}")
_NAMED = ("key", "approval", "inside")
_HEAD = Struct(">IQHqI")


class Event(NamedTuple):
    """An event on its way: without a place yet. ``message`` is the place in the order of the
    message that it is about.
    """

    run: RunId
    at: int
    kind: str
    body: bytes
    message: int = -1


def known(record: Record) -> tuple[Fact, Record]:
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
        where = ".".join(
            str(part) for part in error.errors(include_url=False, include_input=False)[0]["loc"]
        )
        what = f"not a valid {record.kind}: {where[:80] or 'as a whole'!r} does not fit."
        raise ParseError(f"Event {record.seq} of the file is {what}") from None
    for (
        name
    ) in _NAMED:  # what the event says itself: the key of a named run is made here, from its name
        if (
            name in cls.model_fields
            and isinstance(value := getattr(event, name), str)
            and value
            and not _ID.fullmatch(value)
        ):
            raise ParseError(
                f"Event {record.seq} of the file has an id that is not valid: {value[:80]!r}."
            )
    return event, Record(
        record.seq, record.run, record.at, record.kind, event.body(), record.origin
    )


class Translation:
    """Turns records, in their order, into events as they may stand in another home."""

    def __init__(self) -> None:
        self._sent = array("Q")  # the seqs of messages, and their places in the order
        self._places = array("Q")
        self.count = 0

    def __call__(self, record: Record, fact: Fact) -> tuple[Event, Fact]:
        """Returns the event that a record becomes, and what it says. Raises ParseError."""
        message = -1
        if isinstance(fact, MessageReceived) and fact.message:
            message = self._place_of(fact.message, record.seq)
            fact = fact.model_copy(update={"message": Seq(0)})
        if record.kind == MessageSent.KIND:
            self._sent.append(record.seq)
            self._places.append(self.count)
        self.count += 1
        return Event(record.run, record.at, fact.kind, fact.body(), message), fact

    def _place_of(self, message: Seq, seq: Seq) -> int:
        at = bisect_left(self._sent, message)
        if at == len(self._sent) or self._sent[at] != message:
            raise ParseError(f"Event {seq} of the file takes a message that nobody sent.")
        return self._places[at]


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
        self._at = event.at
        if isinstance(fact, RunStarted):
            self._begin(event.run, fact.parent)
        if event.run not in self.begun:
            raise ParseError(f"The file holds events of a run that never began: {event.run!r}.")
        if event.run == self._root and event.kind in (*ENDS, RunResumed.KIND):
            self._ended = event.kind in ENDS

    def _begin(self, run: RunId, parent: RunId | None) -> None:
        orphan = parent not in self.begun if run != self._root else parent is not None
        if run in self.begun or orphan:
            raise ParseError(
                f"The file holds a run that does not belong to {self._root!r}: {run!r}."
            )
        self.begun.add(run)
        if len(self.begun) > MOST_RUNS:
            raise ParseError(f"The file holds more than {MOST_RUNS:,} runs.")

    def at_rest(self) -> Iterator[Event]:
        """Yields what closes a run that was brought in and has not ended: it is paused."""
        if self._root not in self.begun:
            raise ParseError("The file does not hold the run that it says it holds.")
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
        self._runs: list[RunId] = []
        self._numbers: dict[RunId, int] = {}
        self._kinds = list(classes())
        self._codes = {kind: code for code, kind in enumerate(self._kinds)}

    def put(self, event: Event) -> None:
        """Adds an event."""
        number = self._numbers.get(event.run)
        if number is None:
            number = self._numbers[event.run] = len(self._runs)
            self._runs.append(event.run)
        self._file.write(
            _HEAD.pack(number, event.at, self._codes[event.kind], event.message, len(event.body))
        )
        self._file.write(event.body)

    def events(self) -> Iterator[Event]:
        """Yields all events from the beginning."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            number, at, code, message, size = _HEAD.unpack(head)
            yield Event(self._runs[number], at, self._kinds[code], self._file.read(size), message)

    def records(self, first: Seq) -> Iterator[Record]:
        """Yields all events as records of a journal.

        Args:
            first: The seq that the first of them will have.
        """
        for event in self.events():
            body = event.body
            if event.message >= 0:
                taken = classes()[event.kind].model_validate_json(body)
                body = taken.model_copy(update={"message": Seq(first + event.message)}).body()
            yield Record(Seq(0), event.run, event.at, event.kind, body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
