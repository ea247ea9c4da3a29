"""Live fan-out: what was just written goes to everyone who follows it.

There are two ways to follow. A subscriber (:meth:`Hub.subscribe`) gets every record once, in order,
from the seq that it names: for streams that somebody else reads. :meth:`Hub.on_news` only wakes:
for whoever then looks at a projection, as live views, a terminal or a call that waits do.

A subscriber is a place in one shared ring buffer of the newest records, so that a hundred of them
cost one copy, and one that is stuck costs nothing. Who falls out of the ring is told
(``subscriber_lagged``) and reads on from the journal: nothing is lost, nothing comes twice.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.events import Record, SubscriberConnected, SubscriberLagged, Writable
from sentient_kernel.ids import RunId, Seq, line_of
from sentient_kernel.journal.base import Journal, RunRow

__all__ = ["Following", "Hub", "Subscriber"]

Waiter = asyncio.Future[int]
"""Told the place from which on there is something for who waits; nothing before it was."""
Line = tuple[asyncio.AbstractEventLoop, RunId | None]
"""Where those stand who wait on a loop for the same run, or for whatever comes."""
PAGE: Final = 256
"""Records that are read from the journal at a time by who catches up."""
MOST_RUNS: Final = 10_000
"""Runs whose session, user and parent are kept in memory."""

GATHER = 0.05
"""Seconds between two looks at a run that tells much."""
HEARTBEAT = 1.0
"""Seconds between looks at a run that tells nothing: its kernel may have died without a word."""


class Ring:
    """The newest records, at most ``capacity`` of them and ``max_bytes`` of their bodies.

    A place is counted from the hub's beginning; records that are only sent have a place too.
    ``floor`` is the newest seq that is no longer here: whoever has seen it finds everything behind
    it in the ring. None until something was published.
    """

    def __init__(self, capacity: int, max_bytes: int) -> None:
        self.capacity, self.max_bytes = capacity, max_bytes
        self.slots: list[Any] = [None] * capacity
        self.start = self.end = self.bytes = self.last = 0
        self.floor: int | None = None
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
        self.bytes -= len(record[4])
        self.floor = record[0] or self.floor
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
    def by_family(self) -> bool:
        """True when a record alone does not tell whether it fits, only what its run belongs to."""
        return self.session is not None or self.user is not None or self.research is not None

    @property
    def everything(self) -> bool:
        """True when nothing is left out."""
        return self.run is None and self.kinds is None and not self.by_family


class Families:
    """What runs belong to: the session, user and parent that their first event named.

    Args:
        journal: Asked about each run once.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[RunId, RunRow] = {}

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
        fits = {run: self._fits(run, topic) for run in {record.run for record in chosen}}
        return [record for record in chosen if fits[record.run]]

    def _fits(self, run: RunId, topic: Topic) -> bool:
        row = self._of(run)
        if topic.session not in (None, row.session) or topic.user not in (None, row.user):
            return False
        return topic.research is None or topic.research in line_of(
            run, lambda of: self._of(of).parent
        )

    def _of(self, run: RunId) -> RunRow:
        if run not in self._known:
            if len(self._known) >= MOST_RUNS:
                self._known.clear()
            rows = self._journal.runs(run=run)
            if not rows:
                return RunRow(run, "", "", None, "", "", Seq(0), Seq(0))
            self._known[run] = rows[0]
        return self._known[run]


class Hub:
    """Hands records to whoever follows them.

    Args:
        journal: What late and slow subscribers read from.
        capacity: How many records are kept for those who read along.
        max_bytes: How many bytes the bodies of these may have in all.
        clock: Where time comes from.

    Example:
        >>> import asyncio, tempfile
        >>> from sentient_kernel.events import RunStarted
        >>> from sentient_kernel.journal.sqlite.store import SqliteJournal
        >>> async def follow(journal):
        ...     hub = Hub(journal)
        ...     journal.bind(asyncio.get_running_loop(), hub.publish)
        ...     async with hub.subscribe(run="a-run") as subscriber:
        ...         await journal.append("a-run", [RunStarted(workflow="compare")])
        ...         return [record.kind for record in await anext(subscriber)]
        >>> home = tempfile.TemporaryDirectory()
        >>> with home as folder, SqliteJournal(f"{folder}/journal.db") as journal:
        ...     asyncio.run(follow(journal))
        ['run_started']
    """

    def __init__(
        self,
        journal: Journal,
        *,
        capacity: int = 4096,
        max_bytes: int = 8 << 20,
        clock: Clock | None = None,
    ) -> None:
        self.journal = journal
        self.ring = Ring(capacity, max_bytes)
        self.families = Families(journal)
        self.lock = threading.Lock()
        self.closed = False
        self.lines: dict[Line, list[Waiter]] = {}
        """Who waits, on which loop, for news of all or of one run."""
        self._clock = clock or SystemClock()
        self._subscribers: weakref.WeakSet[Subscriber] = weakref.WeakSet()
        self._calls: tuple[tuple[RunId | None, Callable[[], None]], ...] = ()

    # -- giving ------------------------------------------------------------------------------------

    def publish(self, records: Sequence[Record]) -> None:
        """Gives records to all who follow them; a journal's ``on_commit``. Any thread, one at a
        time.

        Args:
            records: What was written, in the order of seq.
        """
        runs: set[RunId | None] = set()
        for record in records:
            runs.update((record.run, None))
        woken: list[tuple[asyncio.AbstractEventLoop, list[Waiter]]] = []
        with self.lock:
            place = self.ring.end
            self.ring.put(records)
            for line in tuple(self.lines):
                if line[1] in runs:
                    woken.append((line[0], self.lines.pop(line)))
        for loop, waiters in woken:
            _wake(loop, waiters, place)
        for run, call in self._calls:
            if run in runs:
                call()

    def send(self, event: Writable, run: RunId = RunId("")) -> None:
        """Gives an event that is not stored, such as a piece of text, to all who follow the run
        now; any thread.
        """
        self.publish((self.transient(event, run),))

    def transient(self, event: Writable, run: RunId = RunId("")) -> Record:
        """Returns a record of an event that is not stored."""
        return Record(Seq(0), run, self._clock.now_us(), event.kind, event.body())

    # -- following ---------------------------------------------------------------------------------

    def subscribe(
        self,
        *,
        run: RunId | None = None,
        session: str | None = None,
        user: str | None = None,
        research: RunId | None = None,
        after: Seq | None = None,
        kinds: Iterable[str] | None = None,
        greet: bool = False,
    ) -> Subscriber:
        """Returns a subscriber: an async iterator of lists of records, on any loop.

        Args:
            run: Only this run.
            session: Only runs of this session.
            user: Only runs of this user.
            research: Only this run and those that it, or they, began.
            after: First everything stored behind this seq; None: only what comes from now on.
            kinds: Only events of these kinds.
            greet: Whether it first gets a ``subscriber_connected``.

        Returns:
            The subscriber; ``async with`` or :meth:`Subscriber.close` ends it.
        """
        topic = Topic(run, session, user, research, None if kinds is None else frozenset(kinds))
        subscriber = Subscriber(self, topic, after)
        if greet:
            subscriber.tell(SubscriberConnected(after=Seq(subscriber.seq)))
        self._subscribers.add(subscriber)
        return subscriber

    def on_news(self, call: Callable[[], None], run: RunId | None = None) -> Callable[[], None]:
        """Calls a function whenever something was published; what that was, a projection shows.

        Args:
            call: Called on the thread that publishes, most often the engine's loop: it only wakes
                somebody, and never raises.
            run: Only for what belongs to this run.

        Returns:
            Ends it; any thread.
        """
        entry = (run, call)

        def end() -> None:
            with self.lock:
                self._calls = tuple(other for other in self._calls if other is not entry)

        with self.lock:
            self._calls = (*self._calls, entry)
        return end

    def __len__(self) -> int:
        """How many follow."""
        return len(self._subscribers) + len(self._calls)

    def close(self) -> None:
        """Ends all subscribers, once they have what was published; any thread."""
        with self.lock:
            self.closed, place = True, self.ring.end
            lines, self.lines = self.lines, {}
        for (loop, _), waiters in lines.items():
            _wake(loop, waiters, place)


class Subscriber:
    """Follows a topic: ``async for batch in subscriber``. It belongs to the task that iterates;
    made by :meth:`Hub.subscribe`.

    It stands at a place in the ring, or behind a seq in the journal (``place`` is None).

    Args:
        hub: What it reads from.
        topic: What it follows.
        after: The newest seq that it does not want to see; None for all that is there already.
    """

    def __init__(self, hub: Hub, topic: Topic, after: int | None) -> None:
        self._hub, self._ring, self._topic = hub, hub.ring, topic
        self._told: list[Record] = []
        self._line: Line | None = None
        self._waiter: Waiter | None = None
        self._closed = False
        head = hub.journal.head()
        self.seq = min(after, head) if after is not None else hub.ring.last or head
        self.place: int | None = None
        self._skip, self._plain = 0, False
        with hub.lock:
            if after is None or hub.ring.floor is not None:
                self._join()

    def tell(self, event: Writable) -> None:
        """Gives it an event of its own, before everything else."""
        self._told, self.place = [self._hub.transient(event)], None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Record]:
        """Waits for records and returns all that there are.

        Raises:
            StopAsyncIteration: The subscriber or the hub was closed.
        """
        ring = self._ring
        while not self._closed:
            # a hundred subscribers pass here with every event: few calls, no lock
            if (place := self.place) == ring.end:
                waiter = self._stand_in_line()
                if place == ring.end and not self._closed:
                    try:
                        self.place = await waiter
                    except BaseException:
                        self._leave()
                        raise
                    end, record = ring.newest
                    if self._plain and end - self.place == 1:
                        self.place = end
                        self.seq = record[0] or self.seq
                        return [record]
                # else it came in between: who publishes looks at the lines after the ring
            if self.place is not None:
                records = self._next(self.place)
            elif self._told:
                records, self._told = self._told, []
            else:
                records = await asyncio.to_thread(self._catch_up)
            if records:
                return records
        raise StopAsyncIteration

    def _stand_in_line(self) -> Waiter:
        """Returns what to wait for."""
        hub, line = self._hub, self._line
        if line is None:
            line = self._line = (asyncio.get_running_loop(), self._topic.run)
        self._waiter = waiter = line[0].create_future()
        waiters = hub.lines.get(line)
        if waiters is None:
            waiters = hub.lines.setdefault(line, [])
        waiters.append(waiter)
        self._closed = self._closed or hub.closed
        return waiter

    def _next(self, place: int) -> list[Record]:
        """Returns what came since the last time; nothing, when the journal has to be asked."""
        ring = self._ring
        with self._hub.lock:
            if place < ring.start:
                self.tell(SubscriberLagged(after=Seq(self.seq), head=Seq(ring.last)))
                return []
            records, self.place, last = ring.since(place), ring.end, ring.last
        if records:
            self.seq = records[-1][0] or max([self.seq, *(record[0] for record in records)])
        if self._plain:
            return records
        if self._skip:  # what was read from the journal before it was published
            records = [record for record in records if not 0 < record.seq <= self._skip]
            if last >= self._skip:
                self._skip, self._plain = 0, self._topic.everything
        return self._hub.families.pick(records, self._topic)

    def _catch_up(self) -> list[Record]:
        """Returns the next page from the journal, and takes a place in the ring when it has come
        that far. Reads; any thread.
        """
        topic, journal = self._topic, self._hub.journal
        head = journal.head()
        kinds = None if topic.kinds is None else sorted(topic.kinds)
        records = journal.read(run=topic.run, after=Seq(self.seq), kinds=kinds, limit=PAGE)
        come = [record.seq for record in records[-1:]]
        self.seq = max([self.seq, *come] if len(records) == PAGE else [self.seq, head, *come])
        with self._hub.lock:
            self._join()
        return self._hub.families.pick(records, topic)

    def _join(self) -> None:
        self.place = self._ring.behind(self.seq)
        self._skip = self.seq if self.seq > self._ring.last else 0
        self._plain = self._topic.everything and not self._skip

    def _leave(self) -> None:
        """Waits no longer."""
        if self._line is not None and self._waiter is not None:
            with self._hub.lock, suppress(KeyError, ValueError):  # it was woken
                self._hub.lines[self._line].remove(self._waiter)

    def close(self) -> None:
        """Ends it; whoever iterates gets no more. On the loop that iterates."""
        self._closed = True
        self._leave()
        if self._waiter is not None:
            _set_all([self._waiter], self._ring.end)

    async def aclose(self) -> None:
        """As :meth:`close`."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _wake(loop: asyncio.AbstractEventLoop, waiters: list[Waiter], place: int) -> None:
    """Wakes those who wait on a loop, all at once; at once when this is it."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:  # none runs on this thread
        here = None
    if loop is here:
        _set_all(waiters, place)
    else:
        with suppress(RuntimeError):  # a loop that was closed has nobody left who waits
            loop.call_soon_threadsafe(_set_all, waiters, place)


def _set_all(waiters: list[Waiter], place: int) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(place)


class Following:
    """When to look at a run again, for a thread that waits: woken by the hub. A context manager.

    Args:
        hub: Wakes it.
        run: The run.
        first: Seconds until the first look.
        gather: Seconds between two looks at a run that tells much.
    """

    def __init__(self, hub: Hub, run: RunId, *, first: float = 0.0, gather: float = GATHER) -> None:
        self._news = threading.Event()
        self._gather = gather
        self._earliest = self._latest = time.monotonic() + first
        self._end = hub.on_news(self._news.set, run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    @property
    def due(self) -> bool:
        """Whether to look now: there is news, or there was none for long. True once for each."""
        now = time.monotonic()
        if now < self._earliest or not (self._news.is_set() or now >= self._latest):
            return False
        self._news.clear()
        self._earliest, self._latest = now + self._gather, now + HEARTBEAT
        return True

    def again_in(self, seconds: float) -> None:
        """Looks again after so long, though nothing may have come."""
        self._latest = min(self._latest, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Waits so long at most, or until it is time to look."""
        left = self._earliest - time.monotonic()
        if left > 0:
            time.sleep(min(left, seconds))
        else:
            self._news.wait(min(seconds, max(0.0, self._latest - time.monotonic())))
