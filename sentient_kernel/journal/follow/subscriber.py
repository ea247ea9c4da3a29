"""Those who follow: a line of those who wait, a subscriber that is iterated over, a listener that is called."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from sentient_kernel.events import Record, SubscriberLagged
from sentient_kernel.ids import Seq
from sentient_kernel.journal.follow.ring import Cursor, Topic

if TYPE_CHECKING:
    from sentient_kernel.journal.follow.hub import Hub

PATIENCE: Final = 3
"""Errors in a row after which a listener is let go."""

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


def set_all(waiters: list[Waiter]) -> None:
    """Wakes all who still wait; on their loop."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(None)
