"""A concurrency limit for big bodies: few are read at once, and slow ones are dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sentient_kernel.errors import FetchTimedOut

__all__ = ["BodyLimit"]

LOOK = 1.0
"""Seconds between two looks at what came to a place."""
LEAST = 50_000
"""Bytes between two looks. Less than that twice in a row, while others wait, is too slow; a whole
megabyte at that pace takes 20 s.
"""


class BodyLimit:
    """Places for answers of more than a megabyte, so that many of them fill neither memory nor the
    loop. For one event loop.

    Args:
        places: How many are read at the same time.
    """

    def __init__(self, places: int = 2) -> None:
        self._places = asyncio.Semaphore(places)
        self._waiting = 0

    @asynccontextmanager
    async def place(
        self, read: bytearray, deadline: asyncio.Timeout, host: str
    ) -> AsyncIterator[None]:
        """Waits for a place, and holds it.

        Args:
            read: What was read so far; it is looked at while it grows.
            deadline: Of the reading. The wait for a place does not count.
            host: For the sentence when it loses its place.

        Raises:
            FetchTimedOut: Hardly anything came while others waited.
        """
        await self._wait(deadline)
        patience = asyncio.timeout(None)
        try:
            async with patience:
                watch = asyncio.create_task(self._watch(read, patience))
                try:
                    yield
                finally:
                    watch.cancel()
        except TimeoutError:
            if not patience.expired():
                raise
            raise FetchTimedOut(
                f"{host!r} sends too slowly while others wait.", reason_code="slow", host=host
            ) from None
        finally:
            self._places.release()

    async def _wait(self, deadline: asyncio.Timeout) -> None:
        loop = asyncio.get_running_loop()
        began, due = loop.time(), deadline.when()
        deadline.reschedule(None)
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
            deadline.reschedule(None if due is None else due + loop.time() - began)

    async def _watch(self, read: bytearray, patience: asyncio.Timeout) -> None:
        slow = 0
        while slow < 2:  # once may be the fault of a loop that was busy
            before = len(read)
            await asyncio.sleep(LOOK)
            slow = slow + 1 if self._waiting and len(read) - before < LEAST else 0
        patience.reschedule(asyncio.get_running_loop().time())
