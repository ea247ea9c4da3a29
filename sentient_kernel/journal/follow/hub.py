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

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.events import ErrorRecorded, Record, SubscriberConnected, Writable
from sentient_kernel.failures import describe
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.base import Journal
from sentient_kernel.journal.follow.ring import Cursor, Families, Ring, Shared, Topic
from sentient_kernel.journal.follow.subscriber import Line, Listener, Subscriber, Waiter, set_all

_log = logging.getLogger("sentient_kernel")

__all__ = ["Hub", "Listener", "Subscriber"]


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
        >>> from sentient_kernel.journal.sqlite.store import SqliteJournal
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
        set_all(waiters)

    def _line(self, loop: asyncio.AbstractEventLoop) -> Line:
        """Returns the line of those who wait on a loop."""
        with self._lock:
            return self._lines.setdefault(loop, Line(loop))

    def _wake(self, loop: asyncio.AbstractEventLoop, waiters: list[Waiter]) -> None:
        """Wakes those who wait on a loop, all at once."""
        if waiters:
            self._on(loop, set_all, waiters)

    def _on(self, loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: list[Waiter]) -> None:
        """Calls something on a loop, at once when this is it."""
        if loop is asyncio._get_running_loop():
            call(*args)
            return
        try:
            loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # a loop that was closed has nobody left who waits
            self._lines.pop(loop, None)
