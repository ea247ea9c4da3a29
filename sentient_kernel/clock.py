"""Time as an argument: the wall clock for what people read, the monotonic clock for every interval."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where time comes from. Tests hand in :class:`sentient_kernel.testing.FakeClock`."""

    def now_us(self) -> int:
        """Returns microseconds since 1970, UTC; for display and storage only, never for an interval."""

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


def as_datetime(us: int) -> datetime:
    """Turns microseconds since 1970 into an aware datetime in UTC.

    Example:
        >>> as_datetime(0).isoformat()
        '1970-01-01T00:00:00+00:00'
    """
    return datetime.fromtimestamp(us / 1e6, tz=UTC)
