"""Time as an argument: the wall clock for what people read, the monotonic clock for every
interval.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Final, Protocol


class Clock(Protocol):
    """Where time comes from. Tests hand in :class:`sentient_kernel.testing.FakeClock`."""

    def now_us(self) -> int:
        """Returns microseconds since 1970, UTC; for display and storage only, never for an
        interval.
        """

    def monotonic(self) -> float:
        """Returns seconds on a clock that never goes back."""

    async def sleep(self, seconds: float) -> None:
        """Waits that many seconds."""


class SystemClock:
    """The machine's clock."""

    def now_us(self) -> int:
        """Returns microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Returns seconds on the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits that many seconds."""
        await asyncio.sleep(seconds)


_END: Final = 253_402_300_799_000_000  # the last second of the year 9999


def as_datetime(us: int) -> datetime:
    """Turns microseconds since 1970 into an aware datetime in UTC. A time that no calendar has
    becomes the nearest one that it has.

    Example:
        >>> as_datetime(0).isoformat(), as_datetime(10**40).isoformat()
        ('1970-01-01T00:00:00+00:00', '9999-12-31T23:59:59+00:00')
    """
    return datetime.fromtimestamp(min(max(us, 0), _END) / 1e6, tz=UTC)
