"""The cache: a hit in memory and in the file, keeping an answer, a miss, and eight callers who
share one call.

Usage: ``python -m tests.bench.cache costs | flight``
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from tests.bench._measure import Figures, Taken, folder, run
from tests.bench._package import Cache, Key

N = 2_000
ANSWER = b"A passage of a page, as long as a search result is. " * 20
KEYS = [Key("search", {"query": f"question {n}", "k": 10}) for n in range(N)]


async def answer() -> bytes:
    """The outside world, which answers at once."""
    return ANSWER


def cost(name: str, work: Callable[[Cache, Key], Awaitable[object]], keys: Iterable[Key]) -> float:
    """Returns CPU microseconds of a call, one after the other, by a cache on that file that has
    nothing in memory.
    """

    async def each(cache: Cache) -> float:
        with Taken() as taken:
            for key in keys:
                await work(cache, key)
        return round(taken.cpu / N * 1e6, 2)

    with Cache(folder() / name) as cache:
        return asyncio.run(each(cache))


def costs() -> Figures:
    """What each kind of call takes."""

    async def call(cache: Cache, key: Key) -> object:
        return await cache.call(key, answer)

    async def keep(cache: Cache, key: Key) -> object:
        return await cache._keep(key, ANSWER, 60.0)  # without the call around it

    return {
        "set_us": cost("set.db", keep, KEYS),
        "miss_us": cost("miss.db", call, KEYS),
        "file_hit_us": cost("miss.db", call, KEYS),
        "memory_hit_us": cost("miss.db", call, [KEYS[0]] * N),
    }


def flight() -> Figures:
    """Eight ask the same at once: how often it is computed, also when the first is cancelled or the
    call fails; what one costs.
    """
    made = 0

    async def slowly() -> bytes:
        nonlocal made
        made += 1
        await asyncio.sleep(0.05)
        return ANSWER

    async def fails() -> bytes:
        await slowly()
        raise ConnectionError

    async def eight(
        cache: Cache, key: Key, compute: Callable[[], Awaitable[bytes]], *, cancel: bool = False
    ) -> tuple[int, int]:
        """Returns how often it was computed, and how many of those who stayed have the answer."""
        nonlocal made
        made = 0
        callers = [asyncio.ensure_future(cache.call(key, compute)) for _ in range(8)]
        await asyncio.sleep(0.01)
        if cancel:
            callers.pop(0).cancel()
        said = await asyncio.gather(*callers, return_exceptions=True)
        return made, sum(not isinstance(one, BaseException) for one in said)

    async def all_ways(cache: Cache) -> Figures:
        (computed, _), (left, answered), (failed, _) = (
            await eight(cache, KEYS[0], slowly),
            await eight(cache, KEYS[1], slowly, cancel=True),
            await eight(cache, KEYS[2], fails),
        )
        with Taken() as taken:
            for key in KEYS[8 : 8 + N // 8]:
                await asyncio.gather(*(cache.call(key, answer) for _ in range(8)))
        return {
            "computed": computed,
            "computed_first_cancelled": left,
            "answered_first_cancelled": answered,
            "computed_failing": failed,
            "one_of_eight_us": round(taken.cpu / N * 1e6, 2),
        }

    with contextlib.closing(Cache(folder() / "flight.db")) as cache:
        return asyncio.run(all_ways(cache))


if __name__ == "__main__":
    run(globals())
