"""How many calls one provider gets at once, and that it is left alone when it asks for that."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from sentient_kernel.clock import Clock

__all__ = ["Gate"]


class Gate:
    """Lets so many in at once, and nobody before the time that the provider named. For one event loop.

    Args:
        at_once: How many.
        clock: Where time comes from.
    """

    def __init__(self, at_once: int, clock: Clock) -> None:
        self.loop = asyncio.get_running_loop()
        self._turn = asyncio.Semaphore(at_once)
        self._clock = clock
        self._until = 0.0

    def rest(self, seconds: float) -> None:
        """Keeps everybody out for so long."""
        self._until = max(self._until, self._clock.monotonic() + seconds)

    async def __aenter__(self) -> Self:
        await self._turn.acquire()
        try:
            while (left := self._until - self._clock.monotonic()) > 0:
                await self._clock.sleep(left)
        except BaseException:
            self._turn.release()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._turn.release()
