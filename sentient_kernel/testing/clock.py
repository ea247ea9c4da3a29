"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import threading


class FakeClock:
    """Time that a test moves by hand; sleepers wake in the order of their times, on whatever loop
    they sleep.

    Args:
        now_us: Microseconds since 1970 that it shows first.

    Example:
        >>> clock = FakeClock(now_us=1_000_000)
        >>> clock.advance(1.5)
        >>> clock.now_us(), clock.monotonic()
        (2500000, 1.5)
    """

    def __init__(self, now_us: int = 1_700_000_000_000_000) -> None:
        self._now_us = now_us
        self._monotonic = 0.0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._arrived = threading.Condition(self._lock)

    def now_us(self) -> int:
        """Returns microseconds since 1970, UTC."""
        return self._now_us

    def monotonic(self) -> float:
        """Returns the seconds that were advanced so far."""
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        """Waits until the clock was moved that far."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._sleepers.append((self._monotonic + seconds, loop, future))
            self._arrived.notify_all()
        await future

    def advance(self, seconds: float) -> None:
        """Moves the clock, and wakes who slept until then. Any thread."""
        with self._lock:
            self._monotonic += seconds
            self._now_us += int(seconds * 1e6)
            due = sorted((s for s in self._sleepers if s[0] <= self._monotonic), key=lambda s: s[0])
            self._sleepers = [s for s in self._sleepers if s[0] > self._monotonic]
        for _, loop, future in due:
            if not future.done():  # cancelled: its loop may be closed by now
                loop.call_soon_threadsafe(_wake, future)

    def set_wall(self, now_us: int) -> None:
        """Sets the wall clock alone, as a correction or a daylight-saving change does; intervals do
        not notice.
        """
        self._now_us = now_us

    def wait_for_sleepers(self, count: int = 1, timeout: float = 5.0) -> None:
        """Waits, in real time, until that many sleepers are there. Raises TimeoutError."""
        with self._arrived:
            if not self._arrived.wait_for(
                lambda: len([s for s in self._sleepers if not s[2].done()]) >= count, timeout
            ):
                raise TimeoutError(
                    f"{count} sleepers did not come within {timeout:g} s; there are"
                    f" {len(self._sleepers)}."
                )


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
