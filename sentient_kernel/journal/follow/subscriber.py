"""Who reads from the hub: an async iterator over what a topic brings, and where those stand that
wait for more.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from sentient_kernel.events import Record, SubscriberLagged
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.follow.ring import Backlog, Cursor

Waiter = asyncio.Future[None]


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


class Waiters:
    """Those who wait for records: in one line per loop for whatever comes, or apart for one run.

    Args:
        lock: The hub's.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.closed = False
        self.subscribers: weakref.WeakSet[Subscriber] = weakref.WeakSet()
        self.lines: dict[asyncio.AbstractEventLoop, Line] = {}
        self.apart: dict[RunId, dict[Cursor, Waiter]] = {}
        self._lock = lock

    def line(self, loop: asyncio.AbstractEventLoop) -> Line:
        """Returns the line of those who wait on a loop."""
        with self._lock:
            return self.lines.setdefault(loop, Line(loop))

    def stand_apart(self, run: RunId, cursor: Cursor, waiter: Waiter) -> None:
        """Lets one wait for a run alone: others' runs are not worth a wake-up."""
        with self._lock:
            self.apart.setdefault(run, {})[cursor] = waiter

    def leave_apart(self, run: RunId, cursor: Cursor) -> None:
        """Lets one wait for its run no longer."""
        with self._lock:
            waiting = self.apart.get(run, {})
            waiting.pop(cursor, None)
            if not waiting:
                self.apart.pop(run, None)

    def leave_line(self, line: Line, waiter: Waiter) -> None:
        """Lets one wait in its line no longer."""
        with self._lock:
            if waiter in line.waiters:
                line.waiters.remove(waiter)

    def take(
        self, records: Sequence[Record], place: int
    ) -> list[tuple[asyncio.AbstractEventLoop, list[Waiter]]]:
        """Returns those whom records wake, by loop; who waits for one run moves on to their place.
        Under the lock.
        """
        found = [(line.loop, line.leave()) for line in self.lines.values()]
        if self.apart:
            for run in {record.run for record in records}:
                for cursor, waiter in self.apart.pop(run, {}).items():
                    cursor.woken(place, records[0].seq - 1)
                    found.append((waiter.get_loop(), [waiter]))
        return found

    def wake(self, loop: asyncio.AbstractEventLoop, waiters: list[Waiter]) -> None:
        """Wakes those who wait on a loop, all at once."""
        if waiters:
            self._on(loop, set_all, waiters)

    def end(self) -> None:
        """Lets all see, when they have everything, that there is no more; any thread."""
        with self._lock:
            self.closed = True
            apart = [waiter for waiting in self.apart.values() for waiter in waiting.values()]
            self.apart.clear()
            for subscriber in self.subscribers:
                subscriber.end()
            lines = tuple(self.lines.values())
        for waiter in apart:
            self.wake(waiter.get_loop(), [waiter])
        for line in lines:  # on its own loop, so that nobody steps into it in between
            self._on(line.loop, self._end, line.waiters)

    def _end(self, waiters: list[Waiter]) -> None:
        """Wakes all who stand in a line, for the last time."""
        with self._lock:
            waiters = waiters[:]
        set_all(waiters)

    def _on(
        self, loop: asyncio.AbstractEventLoop, call: Callable[..., None], *args: list[Waiter]
    ) -> None:
        """Calls something on a loop, at once when this is it."""
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:  # none runs on this thread
            here = None
        if loop is here:
            call(*args)
            return
        try:
            loop.call_soon_threadsafe(call, *args)
        except RuntimeError:  # a loop that was closed has nobody left who waits
            self.lines.pop(loop, None)


class Subscriber:
    """Follows a topic: ``async for batch in subscriber``. It belongs to the task that iterates;
    made by :meth:`Hub.subscribe`.
    """

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_closed",
        "_first",
        "_line",
        "_ring",
        "_waiter",
        "_waiters",
        "cursor",
    )

    def __init__(
        self, backlog: Backlog, waiters: Waiters, cursor: Cursor, first: list[Record]
    ) -> None:
        self.cursor = cursor
        self._backlog = backlog
        self._ring = backlog.ring
        self._waiters = waiters
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
            if (
                place := cursor.place
            ) == ring.end:  # a hundred subscribers pass here with every event: few calls, no lock
                if (line := self._line) is None:
                    waiter = self._stand_apart()
                else:
                    self._waiter = waiter = line.future()
                    line.join(waiter)
                if (
                    place == ring.end
                    # else it came in between: whoever gives puts it into the ring before looking
                    # at the line
                ):
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
        """Returns what does not come from the ring: a greeting, the news that it was too slow, a
        page of the journal.
        """
        first, self._first = self._first, []
        if first:
            return first
        cursor = self.cursor
        if cursor.lagged is None:
            return await asyncio.to_thread(cursor.catch_up)
        (after, head), cursor.lagged = cursor.lagged, None
        return [self._backlog.transient(SubscriberLagged(after=Seq(after), head=Seq(head)))]

    def _stand_apart(self) -> Waiter:
        """Returns what to wait for, when no line is known yet or when only one run is followed."""
        waiters, run, loop = self._waiters, self.cursor.topic.run, asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        if run is None:
            self._line = line = waiters.line(loop)
            line.join(waiter)
        else:
            waiters.stand_apart(run, self.cursor, waiter)
        if waiters.closed:
            self._closed = True
            waiter.set_result(None)
        return waiter

    def _leave(self) -> None:
        """Waits no longer."""
        run = self.cursor.topic.run
        if run is not None:
            self._waiters.leave_apart(run, self.cursor)
        elif self._line is not None and self._waiter is not None:
            self._waiters.leave_line(self._line, self._waiter)

    def close(self) -> None:
        """Ends it; whoever iterates gets no more. On the loop that iterates."""
        self._closed = True
        self._leave()
        self._waiters.subscribers.discard(self)
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

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def set_all(waiters: list[Waiter]) -> None:
    """Wakes all who still wait; on their loop."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
