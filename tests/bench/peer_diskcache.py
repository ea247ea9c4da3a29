"""diskcache with its defaults, on what the cache does. Needs ``diskcache``.

Usage, with that environment's Python: ``python -m tests.bench.peer_diskcache costs``
"""

from __future__ import annotations

from collections.abc import Callable

import diskcache

from tests.bench._measure import Figures, Taken, folder, run, version

N = 2_000
ANSWER = b"A passage of a page, as long as a search result is. " * 20


def costs() -> Figures:
    """CPU microseconds of keeping an answer, and of a hit in the file."""

    def cost(work: Callable[[str], object]) -> float:
        with Taken() as taken:
            for n in range(N):
                work(f"question {n}")
        return round(taken.cpu / N * 1e6, 2)

    with diskcache.Cache(str(folder() / "cache")) as cache:
        return {
            "set_us": cost(lambda key: cache.set(key, ANSWER, expire=300)),
            "file_hit_us": cost(cache.get),
        }


def versions() -> str:
    """Returns what is measured."""
    return version("diskcache")


if __name__ == "__main__":
    run(globals())
