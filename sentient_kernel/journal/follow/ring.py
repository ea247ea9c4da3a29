"""The shared memory of the hub: a ring buffer of the newest records, and where each subscriber
stands in it. Locked by the hub.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sentient_kernel.clock import Clock
from sentient_kernel.events import Record, Writable
from sentient_kernel.ids import RunId, Seq, line_of
from sentient_kernel.journal.base import Journal

PAGE: Final = 256
"""Records that are read from the journal at a time by who catches up."""

MOST_RUNS: Final = 10_000
"""Runs whose session, user and parent are kept in memory."""


class Ring:
    """The newest records, at most ``capacity`` of them and ``max_bytes`` of their bodies.

    A place is counted from the hub's beginning; records that are only sent have a place too.
    ``floor`` is the newest seq that is no
    longer here: whoever has seen it finds everything behind it in the ring. None until something
        was published.
    """

    __slots__ = (
        "bytes",
        "capacity",
        "end",
        "floor",
        "last",
        "max_bytes",
        "newest",
        "slots",
        "start",
    )

    def __init__(self, capacity: int, max_bytes: int) -> None:
        self.capacity, self.max_bytes = capacity, max_bytes
        self.slots: list[Any] = [None] * capacity
        self.start = self.end = self.bytes = 0
        self.floor: int | None = None
        self.last = 0
        self.newest: tuple[int, Any] = (0, None)
        """The end behind the newest record, and that record: together, so that another thread never
        sees one without the other.
        """

    def put(self, records: Sequence[Record]) -> None:
        """Adds records, and lets go of the oldest."""
        slots, capacity, end = self.slots, self.capacity, self.end
        for record in records:
            if end - self.start == capacity:
                self._drop()
            slots[end % capacity] = record
            end += 1
            self.bytes += len(record[4])
            if record[0]:
                if self.floor is None:
                    self.floor = record[0] - 1
                self.last = record[0]
            self.end = end
            self.newest = (end, record)
            while self.bytes > self.max_bytes and end - self.start > 1:
                self._drop()

    def _drop(self) -> None:
        place = self.start % self.capacity
        record = self.slots[place]
        if record is not None:
            self.bytes -= len(record[4])
            if record[0]:
                self.floor = record[0]
        self.slots[place] = None
        self.start += 1

    def since(self, place: int) -> list[Record]:
        """Returns what is at that place and behind it."""
        a, b = place % self.capacity, self.end % self.capacity
        if place == self.end:
            return []
        return self.slots[a:b] if a < b else self.slots[a:] + self.slots[:b]

    def behind(self, seq: int) -> int | None:
        """Returns the place from which on everything behind a seq is here, None when some of it is
        not.
        """
        if self.floor is None or seq >= self.last:
            return self.end
        if seq < self.floor:
            return None
        return next(
            self.start + i for i, record in enumerate(self.since(self.start)) if record.seq > seq
        )


@dataclass(frozen=True, slots=True)
class Topic:
    """What a subscriber follows: all that is given has to fit."""

    run: RunId | None = None
    session: str | None = None
    user: str | None = None
    research: RunId | None = None
    kinds: frozenset[str] | None = None

    @property
    def everything(self) -> bool:
        """True when nothing is left out."""
        return self.run is None and self.kinds is None and not self.by_family

    @property
    def by_family(self) -> bool:
        """True when a record alone does not tell whether it fits, only what its run belongs to."""
        return self.session is not None or self.user is not None or self.research is not None


class Families:
    """What runs belong to: the session, user and parent that their first event named.

    Args:
        journal: Asked about runs that began earlier.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[RunId, tuple[str, str, RunId | None]] = {}

    def pick(self, records: Sequence[Record], topic: Topic) -> list[Record]:
        """Returns the records that fit a topic."""
        run, kinds = topic.run, topic.kinds
        chosen = [
            r
            for r in records
            if (run is None or r.run == run) and (kinds is None or r.kind in kinds)
        ]
        if not topic.by_family:
            return chosen
        for record in records:
            if record.kind == "run_started":
                self._remember(record)
        fits = {run: self._fits(run, topic) for run in {record.run for record in chosen}}
        return [record for record in chosen if fits[record.run]]

    def _fits(self, run: RunId, topic: Topic) -> bool:
        session, user, _ = self._of(run)
        if topic.session not in (None, session) or topic.user not in (None, user):
            return False
        return topic.research is None or topic.research in self._line(run)

    def _line(self, run: RunId) -> Collection[RunId]:
        return line_of(run, lambda of: self._of(of)[2])

    def _of(self, run: RunId) -> tuple[str, str, RunId | None]:
        found = self._known.get(run)
        if found is None:
            rows = self._journal.runs(run=run) if run else []
            if not rows:
                return ("", "", None)
            found = self._keep(run, rows[0].session, rows[0].user, rows[0].parent)
        return found

    def _remember(self, record: Record) -> None:
        body = json.loads(record.body)
        self._keep(record.run, body.get("session", ""), body.get("user", ""), body.get("parent"))

    def _keep(
        self, run: RunId, session: str, user: str, parent: RunId | None
    ) -> tuple[str, str, RunId | None]:
        if len(self._known) >= MOST_RUNS:
            self._known.clear()
        self._known[run] = found = (session, user, parent)
        return found


@dataclass(frozen=True, slots=True)
class Backlog:
    """What all subscribers of a hub read from."""

    ring: Ring
    journal: Journal
    families: Families
    lock: threading.Lock
    clock: Clock

    def transient(self, event: Writable, run: RunId = RunId("")) -> Record:
        """Returns a record of an event that is not stored."""
        return Record(Seq(0), run, self.clock.now_us(), event.kind, event.body())


class Cursor:
    """Where a subscriber stands: at a place in the ring, or behind a seq in the journal (``place``
    is None).

    Args:
        backlog: What it reads from.
        topic: What it follows.
        after: The newest seq that it does not want to see; None for all that is there already.
    """

    __slots__ = ("_backlog", "_ring", "_skip", "lagged", "place", "plain", "seq", "topic")

    def __init__(self, backlog: Backlog, topic: Topic, after: int | None) -> None:
        self._backlog, self._ring, self.topic = backlog, backlog.ring, topic
        head = backlog.journal.head()
        self.lagged: tuple[int, int] | None = None
        self.place: int | None = None
        self._skip = 0
        with backlog.lock:
            if after is None:
                self.seq = backlog.ring.last or head
                self._join()
            else:
                self.seq = min(after, head)
                if backlog.ring.floor is not None:
                    self._join()

    def next(self) -> list[Record] | None:
        """Returns what came since the last time, None when the journal has to be asked.

        Takes no lock: the ring lets go of a record before it gives its slot to another one, so a
        look at ``start`` behind the reading tells whether what was read is whole.
        """
        ring, place = self._ring, self.place
        if place is None:
            return None
        end, capacity = ring.end, ring.capacity
        a = place % capacity
        if end - place == 1:
            records = [ring.slots[a]]
        elif a + end - place <= capacity:
            records = ring.slots[a : a + end - place]
        else:
            records = ring.slots[a:] + ring.slots[: end % capacity]
        if place < ring.start:
            self.lagged, self.place = (self.seq, ring.last), None
            return None
        self.place = end
        if records:
            self.seq = records[-1][0] or max([self.seq, *(record[0] for record in records)])
        if self.plain:
            return records
        if self._skip:
            records = self._leave_out(records)
        return self._backlog.families.pick(records, self.topic)

    def _leave_out(self, records: list[Record]) -> list[Record]:
        """Leaves out what was read from the journal before it was published."""
        records = [record for record in records if not 0 < record.seq <= self._skip]
        if self._ring.last >= self._skip:
            self._skip, self.plain = 0, self.topic.everything
        return records

    def catch_up(self) -> list[Record]:
        """Returns the next page from the journal, and takes a place in the ring when it has come
        that far. Reads; any thread.
        """
        topic, journal = self.topic, self._backlog.journal
        head = journal.head()
        kinds = None if topic.kinds is None else sorted(topic.kinds)
        records = journal.read(run=topic.run, after=Seq(self.seq), kinds=kinds, limit=PAGE)
        self.seq = (
            records[-1].seq
            if len(records) == PAGE
            else max([self.seq, head, *(record.seq for record in records[-1:])])
        )
        with self._backlog.lock:
            self._join()
        return self._backlog.families.pick(records, topic)

    def idle(self) -> bool:
        """True when nothing has come since the last time."""
        return self.place == self._ring.end

    def woken(self, place: int, seq: int) -> None:
        """Moves on to where something came that it waited for; nothing before was for it. Under the
        hub's lock.
        """
        self.place = place
        self.seq = max(self.seq, seq)

    def _join(self) -> None:
        self.place = self._ring.behind(self.seq)
        self._skip = self.seq if self.seq > self._ring.last else 0
        self.plain = self.topic.everything and not self._skip
