"""The cache: CPU microseconds of a hit in memory, of a hit in the file, of keeping an answer, and of 8 callers who share one call.

Usage: ``python tests/bench/cache.py [ROUNDS]``. Prints one JSON line per figure: the median of ROUNDS (7), each over many operations.
``bare`` is what SQLite itself takes through apsw for one lookup by a key, and for one commit of one such row: what is not ours to save.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw

from sentient_kernel.cache import Cache, Key

N = 2_000
ANSWER = b"A passage of a page, as long as a search result is. " * 20
LIMITS = {"memory hit": 1.0, "persistent hit": 6.0, "set": 20.0}
KEYS = [Key("search", {"query": f"question {n}", "k": 10}) for n in range(N)]


def bare(home: Path) -> dict[str, float]:
    """Returns what a lookup and a commit cost at the least."""
    names = [bytes.fromhex(key.digest) for key in KEYS]
    db = apsw.Connection(str(home / "bare.db"))
    for setting in ("journal_mode=wal", "synchronous=normal", "wal_autocheckpoint=0"):
        db.execute(f"PRAGMA {setting}")
    db.execute("CREATE TABLE entry (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, data BLOB)")
    before = time.process_time()
    for name in names:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO entry (digest, data) VALUES (?, ?)", (name, ANSWER))
        db.execute("COMMIT")
    between = time.process_time()
    for name in names:
        assert db.execute("SELECT data FROM entry WHERE digest = ?", (name,)).get
    figures = {"bare set": (between - before) / N * 1e6, "bare get": (time.process_time() - between) / N * 1e6}
    db.close()
    return figures


async def compute() -> bytes:
    """The outside world, which answers at once."""
    return ANSWER


async def each(cache: Cache) -> None:
    """Asks every question once."""
    for key in KEYS:
        await cache.call(key, compute)


async def again(cache: Cache) -> None:
    """Asks one question over and over."""
    call, key = cache.call, KEYS[0]
    for _ in range(N):
        await call(key, compute)


async def shared(cache: Cache) -> None:
    """Asks every question for eight at once."""
    for key in KEYS[: N // 8]:
        await asyncio.gather(*(cache.call(key, compute) for _ in range(8)))


async def apart(cache: Cache) -> None:
    """Looks every answer up in the file."""
    for key in KEYS:
        cache._recent.drop(key.digest)
        await cache.call(key, compute)


async def dropping(cache: Cache) -> None:
    """What :func:`apart` does beside looking up."""
    for key in KEYS:
        cache._recent.drop(key.digest)


async def storing(cache: Cache) -> None:
    """Keeps every answer, without the call around it."""
    for key in KEYS:
        await cache._keep(key, ANSWER, 60.0)


def once(home: Path) -> dict[str, float]:
    """Returns CPU microseconds of each kind of call, all on a new file."""

    def timed(work: Callable[[Cache], Awaitable[None]], cache: Cache) -> float:
        async def run() -> float:
            before = time.process_time()
            await work(cache)
            return (time.process_time() - before) / N * 1e6

        return asyncio.run(run())

    figures = bare(home)
    with Cache(home / "a.db") as cache:
        figures["set"] = timed(storing, cache)
    with Cache(home / "a.db") as cache:
        asyncio.run(each(cache))
        figures["persistent hit"] = timed(apart, cache) - timed(dropping, cache)
        figures["memory hit"] = timed(again, cache)
    with Cache(home / "b.db") as cache:
        figures["miss"] = timed(each, cache)
    with Cache(home / "c.db") as cache:
        figures["one of eight"] = timed(shared, cache)
    return figures


def main(rounds: int) -> None:
    """Takes all figures in turn."""
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            for name, figure in once(Path(home)).items():
                taken.setdefault(name, []).append(figure)
    for name, figures in taken.items():
        line = {"what": "cache", "case": name, "us": round(statistics.median(figures), 2), "min_us": round(min(figures), 2)}
        if name in LIMITS:
            line |= {"limit_us": LIMITS[name], "ok": line["min_us"] <= LIMITS[name]}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
