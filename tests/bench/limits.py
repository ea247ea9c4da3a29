"""What the machine and the libraries below take at the least for the same work: what nobody can
save.

Usage:
    ``python -m tests.bench.limits steps N SYNC | gather N | flows RUNS N SYNC | read N | approve N SYNC | cache | queue N EVENTS EVERY``
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable

from tests.bench._measure import Figures, Taken, at_once, folder, p50_us, per_step, run, size_of

BODY = b"x" * 100
INSERT = "INSERT INTO event (run, kind, body) VALUES (1, 2, ?)"


def database(sync: str) -> sqlite3.Connection:
    """Returns an empty table of events, each statement a commit of its own."""
    db = sqlite3.connect(folder() / "limit.db", isolation_level=None)
    db.execute("PRAGMA journal_mode=wal")
    db.execute(f"PRAGMA synchronous={sync}")
    db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, run INTEGER, kind INTEGER, body BLOB)")
    return db


def steps(n: int, sync: str) -> Figures:
    """One row of 100 bytes after the other, each committed."""
    db, took = database(sync), []
    execute = db.cursor().execute
    with Taken() as taken:
        for _ in range(n):
            before = time.perf_counter()
            execute(INSERT, (BODY,))
            took.append(time.perf_counter() - before)
    db.execute("PRAGMA wal_checkpoint(truncate)")
    db.close()
    return per_step(taken, n, took, size_of(folder() / "limit.db"))


def gather(n: int) -> Figures:
    """n sleeps of 20 ms at once."""

    async def everything() -> None:
        await asyncio.gather(*(asyncio.sleep(0.02) for _ in range(n)))

    with Taken() as taken:
        asyncio.run(everything())
    return at_once(taken)


def flows(runs: int, n: int, sync: str) -> Figures:
    """That many tasks of n rows, one commit for all that wait in a turn of the loop."""
    db, waiting, commits = database(sync), list[asyncio.Future[None]](), 0

    def commit() -> None:
        nonlocal commits
        db.execute("BEGIN IMMEDIATE")
        db.executemany(INSERT, [(BODY,)] * len(waiting))
        db.execute("COMMIT")
        commits += 1
        for future in waiting:
            future.set_result(None)
        waiting.clear()

    async def work() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(n):
            if not waiting:
                loop.call_soon(commit)
            waiting.append(loop.create_future())
            await waiting[-1]

    async def everything() -> None:
        await asyncio.gather(*(work() for _ in range(runs)))

    with Taken() as taken:
        asyncio.run(everything())
    db.close()
    return at_once(taken) | {"commits": commits}


def read(n: int) -> Figures:
    """Two rows for each of n steps, read back in a connection of their own; the bodies of one of
    the two become values.
    """
    db = database("NORMAL")
    db.executemany(
        INSERT,
        [(json.dumps({"key": f"{i:016x}", "result": "x" * 70}).encode(),) for i in range(2 * n)],
    )
    db.close()
    with Taken() as taken:
        db = sqlite3.connect(folder() / "limit.db")
        rows = db.execute("SELECT seq, kind, body FROM event WHERE run = 1 ORDER BY seq").fetchall()
        values = [json.loads(body) for _, _, body in rows[::2]]
    assert len(values) == n
    db.close()
    return {f"again_waiting_{key}": value for key, value in at_once(taken).items()}


def approve(n: int, sync: str) -> Figures:
    """A row committed, then a task that waits is told."""
    db, took = database(sync), []

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(n):
            future: asyncio.Future[None] = loop.create_future()
            waiter = asyncio.ensure_future(wait(future))
            await asyncio.sleep(0)
            before = time.perf_counter()
            db.execute(INSERT, (BODY,))
            future.set_result(None)
            took.append(await waiter - before)

    async def wait(future: asyncio.Future[None]) -> float:
        await future
        return time.perf_counter()

    asyncio.run(ask())
    db.close()
    return {"p50_us": p50_us(took)}


def cache() -> Figures:
    """One lookup by a key, and one commit of one such row, through the library that the cache
    uses.
    """
    import apsw

    n, data = 2_000, b"A passage of a page, as long as a search result is. " * 20
    names = [i.to_bytes(32, "big") for i in range(n)]
    db = apsw.Connection(str(folder() / "limit.db"))
    for setting in ("journal_mode=wal", "synchronous=normal", "wal_autocheckpoint=0"):
        db.execute(f"PRAGMA {setting}")
    db.execute(
        "CREATE TABLE entry (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, data BLOB)"
    )

    def put(name: bytes) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO entry (digest, data) VALUES (?, ?)", (name, data))
        db.execute("COMMIT")

    def get(name: bytes) -> None:
        assert db.execute("SELECT data FROM entry WHERE digest = ?", (name,)).get

    def cost(work: Callable[[bytes], None]) -> float:
        with Taken() as taken:
            for name in names:
                work(name)
        return round(taken.cpu / n * 1e6, 2)

    figures = {"set_us": cost(put), "file_hit_us": cost(get)}
    db.close()
    return figures


def queue(subscribers: int, events: int, every: int) -> Figures:
    """One :class:`asyncio.Queue` a subscriber; the publisher makes each event and gives way every
    so many.
    """

    async def everything() -> Figures:
        queues: list[asyncio.Queue[bytes]] = [asyncio.Queue() for _ in range(subscribers)]

        async def take(one: asyncio.Queue[bytes]) -> None:
            for _ in range(events):
                await one.get()

        readers = [asyncio.create_task(take(one)) for one in queues]
        await asyncio.sleep(0.2)
        with Taken() as taken:
            for i in range(events):
                body = json.dumps({"seq": i, "type": "progress_update", "pad": "x" * 150}).encode()
                for one in queues:
                    one.put_nowait(body)
                if i % every == 0:
                    await asyncio.sleep(0)
            await asyncio.gather(*readers)
        return {"cpu_us_per_delivery": round(taken.cpu / subscribers / events * 1e6, 4)}

    return asyncio.run(everything())


if __name__ == "__main__":
    run(globals())
