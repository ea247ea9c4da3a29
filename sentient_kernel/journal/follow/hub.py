"""Live fan-out: what was just written goes to everyone who follows it.

There are two ways to follow. A subscriber (:meth:`Hub.subscribe`) gets every record once, in order,
from the seq that it names: for streams that somebody else reads. :meth:`Hub.on_news` only wakes:
for whoever then looks at a projection, as live views, a terminal or a call that waits do.

A subscriber is a place in one shared ring buffer of the newest records, so that a hundred of them
cost one copy, and one that is stuck costs nothing. Who falls out of the ring is told
(``subscriber_lagged``) and reads on from the journal: nothing is lost, nothing comes twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.events import Record, SubscriberConnected, Writable
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.base import Journal
from sentient_kernel.journal.follow.ring import Backlog, Cursor, Families, Ring, Topic
from sentient_kernel.journal.follow.subscriber import Subscriber, Waiters

__all__ = ["Following", "Hub", "Subscriber"]

GATHER = 0.05
"""Seconds between two looks at a run that tells much."""
HEARTBEAT = 1.0
"""Seconds between looks at a run that tells nothing: its kernel may have died without a word."""


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
        self._lock = threading.Lock()
        self._backlog = Backlog(
            Ring(capacity, max_bytes),
            journal,
            Families(journal),
            self._lock,
            clock or SystemClock(),
        )
        self._waiters = Waiters(self._lock)
        self._calls: dict[object, tuple[RunId | None, Callable[[], None]]] = {}

    # -- giving ------------------------------------------------------------------------------------

    def publish(self, records: Sequence[Record]) -> None:
        """Gives records to all who follow them; a journal's ``on_commit``. Any thread, one at a
        time.

        Args:
            records: What was written, in the order of seq.
        """
        ring = self._backlog.ring
        with self._lock:
            place = ring.end
            ring.put(records)
            waited_for = self._waiters.lines or self._waiters.apart
            woken = self._waiters.take(records, place) if waited_for else []
            calls = tuple(self._calls.values())
        for loop, waiters in woken:
            self._waiters.wake(loop, waiters)
        for run, call in calls:
            if run is None or any(record.run == run for record in records):
                call()

    def send(self, event: Writable, run: RunId = RunId("")) -> None:
        """Gives an event that is not stored, such as a piece of text, to all who follow the run
        now; any thread.
        """
        self.publish((self._backlog.transient(event, run),))

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
        cursor = Cursor(self._backlog, topic, after)
        first = (
            [self._backlog.transient(SubscriberConnected(after=Seq(cursor.seq)))] if greet else []
        )
        subscriber = Subscriber(self._backlog, self._waiters, cursor, first)
        self._waiters.subscribers.add(subscriber)
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
        key = object()

        def end() -> None:
            with self._lock:
                self._calls.pop(key, None)

        with self._lock:
            self._calls[key] = (run, call)
        return end

    def __len__(self) -> int:
        """How many follow."""
        return len(self._waiters.subscribers) + len(self._calls)

    def close(self) -> None:
        """Ends all subscribers, once they have what was published; any thread."""
        self._waiters.end()


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
