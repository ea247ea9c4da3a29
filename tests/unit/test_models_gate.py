"""How many calls a provider gets: at once, and in a minute."""

from __future__ import annotations

import asyncio

from sentient_kernel.models.limits import Gate
from sentient_kernel.testing import FakeClock


async def begun(gate: Gate, clock: FakeClock, many: int, *, seconds: float) -> list[float]:
    """Returns when each of many calls that take no time began, while so many seconds pass."""
    times: list[float] = []

    async def call() -> None:
        async with gate.turn():
            times.append(clock.monotonic())

    calls = [asyncio.create_task(call()) for _ in range(many)]
    for _ in range(int(seconds)):
        for _ in range(3 * many):
            await asyncio.sleep(0)
        clock.advance(1)
    for each in calls:
        each.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return times


def test_no_minute_holds_more_calls_than_were_allowed() -> None:
    async def body() -> None:
        clock = FakeClock()
        times = await begun(Gate(16, clock, per_minute=3), clock, 8, seconds=130)
        assert times == [0, 0, 0, 60, 60, 60, 120, 120]

    asyncio.run(body())


def test_without_a_rate_all_begin_and_a_rest_holds_for_everybody() -> None:
    async def body() -> None:
        clock = FakeClock()
        gate = Gate(16, clock)
        assert await begun(gate, clock, 8, seconds=1) == [0] * 8
        gate.rest(5)
        assert await begun(gate, clock, 2, seconds=10) == [6, 6]

    asyncio.run(body())
