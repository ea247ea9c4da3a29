"""Live fan-out: what was just written goes to everyone who follows it.

A subscriber is a place in one shared ring of the newest records, so that a hundred of them cost one copy, and one that is stuck costs
nothing. Who falls out of the ring is told (``subscriber_lagged``) and reads on from the journal: nothing is lost, nothing comes twice.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.events import ErrorRecorded, Record, SubscriberConnected, SubscriberLagged, Writable
from sentient_kernel.failures import describe
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal._ring import Cursor, Families, Ring, Shared, Topic
from sentient_kernel.journal.base import Journal

PATIENCE = 3
"""Errors in a row after which a listener is let go."""

_log = logging.getLogger("sentient_kernel")

Waiter = asyncio.Future[None]


class Hub:
    """Hands records to whoever follows them.

    Args:
        journal: What late and slow subscribers read from.
        capacity: How many records are kept for those who read along.
        max_bytes: How many bytes the bodies of these may have in all.
        clock: Where time comes from.
        on_error: Told when a listener raised; where there is none, it is logged.

    Example:
        >>> import asyncio, tempfile
        >>> from sentient_kernel.events import RunStarted
        >>> from sentient_kernel.journal.sqlite import SqliteJournal
        >>> async def follow(journal):
        ...     hub = Hub(journal)
        ...     journal.bind(asyncio.get_running_loop(), hub.publish)
        ...     async with hub.subscribe(run="a-run") as subscriber:
        ...         await journal.append("a-run", [RunStarted(workflow="compare")])
        ...         return [record.kind for record in await anext(subscriber)]
        >>> with tempfile.TemporaryDirectory() as home, SqliteJournal(f"{home}/journal.db") as journal:
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
        on_error: Callable[[ErrorRecorded], None] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._shared = Shared(Ring(capacity, max_bytes), journal, Families(journal), self._lock)
        self._clock = clock or SystemClock()
        self._on_error = on_error
        self._lines: dict[asyncio.AbstractEventLoop, Line] = {}
        self._waiting_for: dict[RunId, dict[Subscriber, Waiter]] = {}
        self._listeners: tuple[Listener, ...] = ()
        self._subscribers: weakref.WeakSet[Subscriber] = weakref.WeakSet()
        self._closed = False

    # -- giving -------------------------------------------------------------------------------------------------------

    def publish(self, records: Sequence[Record]) -> None:
        """Gives records to all who follow them; a journal's ``on_commit``. Any thread, one at a time.

        Args:
            records: What was written, in the order of seq.
        """
        ring, some = self._shared.ring, []
        with self._lock:
            place = ring.end
            ring.put(records)
            if self._waiting_for:
                some = self._those_for({record.run for record in records}, place, records[0].seq - 1)
            listeners = [listener for listener in self._listeners if listener.wants(records, place)]
            everyone = [(line.loop, line.leave()) for line in self._lines.values()]
        for loop, waiters in everyone:
            self._wake(loop, waiters)
        for waiter in some:
            self._wake(waiter.get_loop(), [waiter])
        for listener in listeners:
            listener.pump()

    def send(self, event: Writable, run: RunId = RunId("")) -> None:
        """Gives an event that is not stored, such as a piece of text, to all who follow the run now; any thread."""
        self.publish((self._transient(event, run),))

    def _those_for(self, runs: Iterable[RunId], place: int, seq: int) -> list[Waiter]:
        """Returns those who wait for one of these runs, moved on to where something for them is. Under the lock."""
        found: list[Waiter] = []
        for run in runs:
            waiting = self._waiting_for.pop(run, {})
            for subscriber in waiting:
                subscriber.cursor.woken(place, seq)
            found += waiting.values()
        return found

    def _transient(self, event: Writable, run: RunId = RunId("")) -> Record:
        return Record(Seq(0), run, self._clock.now_us(), event.kind, event.body())

    # -- following ----------------------------------------------------------------------------------------------------

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
        cursor = Cursor(self._shared, topic, after)
        subscriber = Subscriber(self, cursor, [self._transient(SubscriberConnected(after=Seq(cursor.seq)))] if greet else [])
        self._subscribers.add(subscriber)
        return subscriber

    def listen(
        self,
        callback: Callable[[Sequence[Record]], None],
        *,
        run: RunId | None = None,
        session: str | None = None,
        user: str | None = None,
        research: RunId | None = None,
        after: Seq | None = None,
        kinds: Iterable[str] | None = None,
    ) -> Listener:
        """Calls a function with each batch of records; the arguments are those of :meth:`subscribe`.

        What is stored already is handed over before this returns, on the calling thread; what comes later on the thread that publishes
        it, which is the engine's loop: the function has to be quick, and leave real work to its own thread. It is never called twice at
        the same time. One that raises is let go after the third time in a row.

        Returns:
            The listener; its :meth:`Listener.close` ends it.
        """
        topic = Topic(run, session, user, research, None if kinds is None else frozenset(kinds))
        listener = Listener(self, Cursor(self._shared, topic, after), callback)
        with self._lock:
            self._listeners = (*self._listeners, listener)
        listener.pump()
        return listener

    def _report(self, error: Exception, callback: object) -> None:
        """Tells that a listener raised."""
        name = getattr(callback, "__qualname__", type(callback).__qualname__)
        if self._on_error is None:
            _log.error("listener %s failed", name, exc_info=error)
        else:
            self._on_error(ErrorRecorded(error=describe(error), origin=f"listener {name}"))

    def __len__(self) -> int:
        """How many subscribers and listeners are open."""
        return len(self._subscribers) + len(self._listeners)

    def close(self) -> None:
        """Ends all subscribers, once they have what was published, and all listeners; any thread."""
        with self._lock:
            self._closed = True
            self._listeners = ()
            some = [waiter for waiters in self._waiting_for.values() for waiter in waiters.values()]
            self._waiting_for.clear()
            for subscriber in self._subscribers:
                subscriber.end()
            lines = tuple(self._lines.values())
        for waiter in some:
            self._wake(waiter.get_loop(), [waiter])
        for line in lines:  # on its own loop, so that nobody steps into it in between
            self._on(line.loop, self._end, line.waiters)

    def _end(self, waiters: list[Waiter]) -> None:
        """Wakes all who stand in a line, for the last time."""
        with self._lock:
            waiters = waiters[:]
        _set_all(waiters)

    def _line(self, loop: asyncio.AbstractEventLoop) -> Line:
        """Returns the line of those who wait on a loop."""
        with self._lock:
            return self._lines.setdefault(loop, Line(loop))

    def _wake(self, loop: asyncio.AbstractEventLoop, waiters: list[Waiter]) -> None:
        """Wakes those who wait on a loop, all at once."""
        if waiters:
            self._on(loop, _set_all, waiters)

    def _on(self, loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: list[Waiter]) -> None:
        """Calls something on a loop, at once when this is it."""
        if loop is asyncio._get_running_loop():
            call(*args)
            return
        try:
            loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # a loop that was closed has nobody left who waits
            self._lines.pop(loop, None)


class Line:
    """Those who wait on one loop for whatever comes."""

    __slots__ = ("future", "join", "loop", "waiters")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.future = loop.create_future
        self.waiters: list[Waiter] = []
        self.join = self.waiters.append

    def leave(self) -> list[Waiter]:
        """Returns all who wait, and lets them go; under the hub's lock."""
        waiters = self.waiters[:]
        del self.waiters[: len(waiters)]  # who joins meanwhile, on another thread, stays
        return waiters


class Subscriber:
    """Follows a topic: ``async for batch in subscriber``. It belongs to the task that iterates; made by :meth:`Hub.subscribe`."""

    __slots__ = ("__weakref__", "_closed", "_first", "_hub", "_line", "_ring", "_waiter", "cursor")

    def __init__(self, hub: Hub, cursor: Cursor, first: list[Record]) -> None:
        self.cursor = cursor
        self._hub = hub
        self._ring = hub._shared.ring
        self._first = first
        self._waiter: Waiter | None = None
        self._line: Line | None = None
        self._closed = False
        if first:
            cursor.place = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Record]:
        """Waits for records and returns all that there are.

        Raises:
            StopAsyncIteration: The subscriber or the hub was closed.
        """
        cursor, ring = self.cursor, self._ring
        while not self._closed:
            if (place := cursor.place) == ring.end:  # a hundred subscribers pass here with every event: few calls, no lock
                if (line := self._line) is None:
                    waiter = self._stand_apart()
                else:
                    self._waiter = waiter = line.future()
                    line.join(waiter)
                if place == ring.end:  # otherwise it came in between; whoever gives puts it into the ring before looking at the line
                    try:
                        await waiter
                    except BaseException:
                        self._leave()
                        raise
                    end, record = ring.newest
                    if end - place == 1 and cursor.plain:
                        cursor.place = end
                        cursor.seq = record[0] or cursor.seq
                        return [record]
            records = cursor.next()
            if records is None:
                records = await self._otherwise()
            if records:
                return records
        raise StopAsyncIteration

    async def _otherwise(self) -> list[Record]:
        """Returns what does not come from the ring: a greeting, the news that it was too slow, a page of the journal."""
        first, self._first = self._first, []
        if first:
            return first
        cursor = self.cursor
        if cursor.lagged is None:
            return await asyncio.to_thread(cursor.catch_up)
        (after, head), cursor.lagged = cursor.lagged, None
        return [self._hub._transient(SubscriberLagged(after=Seq(after), head=Seq(head)))]

    def _stand_apart(self) -> Waiter:
        """Returns what to wait for, when no line is known yet or when others' runs are not worth a wake-up."""
        hub, run, loop = self._hub, self.cursor.topic.run, asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        if run is None:
            self._line = line = hub._line(loop)
            line.join(waiter)
        else:
            with hub._lock:
                hub._waiting_for.setdefault(run, {})[self] = waiter
        if hub._closed:
            self._closed = True
            waiter.set_result(None)
        return waiter

    def _leave(self) -> None:
        """Waits no longer."""
        hub, run = self._hub, self.cursor.topic.run
        with hub._lock:
            if run is not None:
                line = hub._waiting_for.get(run, {})
                line.pop(self, None)
                if not line:
                    hub._waiting_for.pop(run, None)
            elif self._line is not None and self._waiter in self._line.waiters:
                self._line.waiters.remove(self._waiter)

    def close(self) -> None:
        """Ends it; whoever iterates gets no more. On the loop that iterates."""
        self._closed = True
        self._leave()
        self._hub._subscribers.discard(self)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def end(self) -> None:
        """Lets it see, when it has everything, that there is no more: the hub was closed."""
        self._line = None

    async def aclose(self) -> None:
        """As :meth:`close`."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()


class Listener:
    """A function that is called with what a topic brings; made by :meth:`Hub.listen`."""

    def __init__(self, hub: Hub, cursor: Cursor, callback: Callable[[Sequence[Record]], None]) -> None:
        self._hub = hub
        self._cursor = cursor
        self._callback = callback
        self._guard = threading.Lock()
        self._busy = self._more = self._closed = False
        self._drained = False  # it has all there was, and nothing for it has come since; under the hub's lock
        self._errors = 0

    @property
    def topic(self) -> Topic:
        """What it follows."""
        return self._cursor.topic

    def pump(self) -> None:
        """Calls the function with what has come; a thread that comes while another one is at it leaves the work to that one."""
        with self._guard:
            self._more = True
            if self._busy:
                return
            self._busy = True
        while True:
            with self._guard:
                if not self._more or self._closed:
                    self._busy = False
                    return
                self._more = False
            while records := self._next():
                self._deliver(records)

    def wants(self, records: Sequence[Record], place: int) -> bool:
        """True when there may be something in records for it; an idle one then goes on at their place. Under the hub's lock."""
        run = self.topic.run
        if run is None:
            return True
        if all(record.run != run for record in records):
            return False
        if self._drained:
            self._drained = False
            self._cursor.woken(place, records[0].seq - 1)
        return True

    def _next(self) -> list[Record]:
        """Returns what has come; nothing only when there is nothing."""
        cursor = self._cursor
        while not self._closed:
            records = cursor.next()
            if records is None:
                if cursor.lagged is not None:
                    (after, head), cursor.lagged = cursor.lagged, None
                    return [self._hub._transient(SubscriberLagged(after=Seq(after), head=Seq(head)))]
                records = cursor.catch_up()
            if records:
                return records
            with self._hub._lock:
                if cursor.idle():
                    self._drained = True
                    break
        return []

    def _deliver(self, records: list[Record]) -> None:
        try:
            self._callback(records)
            self._errors = 0
        except Exception as error:  # noqa: BLE001 - the border of delivery: who raises must not stall the others
            self._errors += 1
            if self._errors >= PATIENCE:
                self.close()
            self._hub._report(error, self._callback)

    def close(self) -> None:
        """Ends it; a call under way finishes. Any thread."""
        self._closed = True
        with self._hub._lock:
            self._hub._listeners = tuple(listener for listener in self._hub._listeners if listener is not self)


def _set_all(waiters: list[Waiter]) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
