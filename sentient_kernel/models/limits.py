"""How many calls one provider gets at once and in a minute, and that it is left alone when it asks
for that.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sentient_kernel.clock import Clock

__all__ = ["Gate"]


MINUTE = 60.0


class Gate:
    """Lets so many in at once and in any minute, and nobody before the time that the provider
    named. For one event loop.

    Args:
        at_once: How many at the same time.
        clock: Where time comes from.
        per_minute: How many within any 60 seconds; None for any number.
    """

    def __init__(self, at_once: int, clock: Clock, per_minute: int | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._turn = asyncio.Semaphore(at_once)
        self._clock = clock
        self._until = 0.0
        self._begun = deque[float](maxlen=per_minute or 0)

    def rest(self, seconds: float) -> None:
        """Keeps everybody out for so long."""
        self._until = max(self._until, self._clock.monotonic() + seconds)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Waits for a turn, and holds it."""
        async with self._turn:
            while (left := self._opens() - self._clock.monotonic()) > 0:
                await self._clock.sleep(left)
            self._begun.append(self._clock.monotonic())
            yield

    def _opens(self) -> float:
        """Returns when the next one may go in."""
        full = self._begun and len(self._begun) == self._begun.maxlen
        return max(self._until, self._begun[0] + MINUTE) if full else self._until
