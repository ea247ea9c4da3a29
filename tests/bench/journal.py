"""The journal's and the hub's own figures, a line each: ``python -m tests.bench.journal [append|full|fan|big|read|open|hub|stuck]...``

CPU is that of the whole process, threads included; the median of several rounds. What the machine itself can do stands beside each figure,
taken in turn with it: a figure without its neighbour says little.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw

from sentient_kernel.events import Record, RunStarted, Written
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import Hub, SqliteJournal

RUN = RunId("0190c0de-0000-7000-8000-00000000000a")
STARTED = Written("step_started", b'{"key":"0123456789abcdef","name":"noop"}')
COMPLETED = Written("step_completed", b'{"key":"0123456789abcdef"}')
INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)"


def folder() -> Path:
    return Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_DIR")))


def median(values: list[float]) -> float:
    return round(statistics.median(values), 2)


def with_journal(main: Callable[[SqliteJournal], Coroutine[Any, Any, None]], path: Path | None = None, **options: Any) -> None:
    async def inside() -> None:
        with SqliteJournal(path or folder() / "journal.db", **options) as journal:
            journal.bind(asyncio.get_running_loop(), lambda records: None)
            await journal.append(RUN, [RunStarted(workflow="bench")])
            await main(journal)

    asyncio.run(inside())


class Bare:
    """SQLite alone: the same rows, no loop, no checks."""

    def __init__(self, synchronous: str) -> None:
        self.connection = apsw.Connection(str(folder() / "bare.db"))
        self.connection.pragma("journal_mode", "wal")
        self.connection.pragma("synchronous", synchronous)
        self.connection.execute(
            "CREATE TABLE events(seq INTEGER PRIMARY KEY, run INTEGER, kind INTEGER, at INTEGER, chain BLOB, body BLOB)"
        )
        self.execute, self.many, self.seq = self.connection.cursor().execute, self.connection.cursor().executemany, 0

    def pair(self, body: bytes = COMPLETED.json) -> None:
        self.seq += 2
        self.execute("BEGIN IMMEDIATE")
        self.many(INSERT, [(self.seq - 1, 1, 11, 1, b"12345678", STARTED.json), (self.seq, 1, 14, 1, b"12345678", body)])
        self.execute("COMMIT")


def append() -> None:
    """A1, A4: a posted and an appended event, one after the other."""
    ours: list[float] = []
    bare: list[float] = []
    path = folder() / "journal.db"
    SqliteJournal(path).close()
    empty, count, rounds = path.stat().st_size, 400, 15
    limit = Bare("NORMAL")

    async def main(journal: SqliteJournal) -> None:
        for _ in range(rounds):
            start = time.process_time()
            for _ in range(count):
                journal.post(RUN, STARTED)
                await journal.append(RUN, [COMPLETED])
            ours.append((time.process_time() - start) / count * 1e6)
            await asyncio.sleep(0)
            start = time.process_time()
            for _ in range(count):
                limit.pair()
            bare.append((time.process_time() - start) / count * 1e6)

    with_journal(main, path)
    print(f"append pair, CPU us: {median(ours)} (best {min(ours):.1f}); sqlite alone {median(bare)} (best {min(bare):.1f})")
    print(f"bytes per step of two rows: {(path.stat().st_size - empty) / (rounds * count):.1f}")


def full() -> None:
    """A2, E: a commit that the disk confirms."""
    ours: list[float] = []
    bare: list[float] = []
    limit = Bare("FULL")

    async def main(journal: SqliteJournal) -> None:
        for _ in range(300):
            start = time.perf_counter()
            await journal.append(RUN, [COMPLETED], full=True)
            ours.append((time.perf_counter() - start) * 1e6)
            start = time.perf_counter()
            limit.pair()
            bare.append((time.perf_counter() - start) * 1e6)

    with_journal(main)
    print(f"append confirmed by the disk, p50 us: {median(ours)}; sqlite alone {median(bare)}; ratio {median(ours) / median(bare):.2f}")


def fan() -> None:
    """B1: 1,000 steps of 20 ms at once."""
    for durability in ("process", "power"):
        commits = 0

        async def main(journal: SqliteJournal, durability: str = durability) -> None:
            nonlocal commits

            def count(records: object) -> None:
                nonlocal commits
                commits += 1

            journal.bind(asyncio.get_running_loop(), count)

            async def step() -> None:
                journal.post(RUN, STARTED)
                await asyncio.sleep(0.02)
                await journal.append(RUN, [COMPLETED])

            start, wall = time.process_time(), time.perf_counter()
            await asyncio.gather(*(step() for _ in range(1_000)))
            cpu = (time.process_time() - start) * 1e3
            print(f"1,000 x 20 ms, {durability}: {commits} commits, {cpu:.1f} ms CPU, {(time.perf_counter() - wall) * 1e3:.1f} ms wall")

        with_journal(main, durability=durability)


def big() -> None:
    """How long 50 KB results keep the loop from turning, with checkpoints going on."""
    body = Written("step_completed", b'{"key":"0123456789abcdef","result":"' + b"x" * 50_000 + b'"}')
    gaps: list[float] = []

    async def main(journal: SqliteJournal) -> None:
        done = False

        async def watch() -> None:
            last = time.perf_counter()
            while not done:
                await asyncio.sleep(0)
                now = time.perf_counter()
                gaps.append((now - last) * 1e3)
                last = now

        watching = asyncio.create_task(watch())
        for _ in range(3_000):
            journal.post(RUN, STARTED)
            await journal.append(RUN, [body])
        done = True
        await watching

    with_journal(main)
    gaps.sort()
    p50, p99 = gaps[len(gaps) // 2], gaps[len(gaps) * 99 // 100]
    print(f"50 KB results, turn of the loop ms: p50 {p50:.3f}, p99 {p99:.3f}, longest {gaps[-1]:.1f}")


def read() -> None:
    """D: the rows of a run of 1,000 steps, alone and among 100 others."""
    for runs in (1, 100):
        path = folder() / "journal.db"

        async def main(journal: SqliteJournal, runs: int = runs) -> None:
            for _ in range(1_000):
                for n in range(runs):
                    run = RunId(f"{n}")
                    journal.post(run, STARTED)
                    journal.post(run, COMPLETED)
                await asyncio.sleep(0)
            await journal.append(RUN, [COMPLETED])
            times = []
            for _ in range(9):
                start = time.process_time()
                assert len(journal.read(run=RunId("0"))) == 2_000
                times.append((time.process_time() - start) * 1e3)
            print(f"read 2,000 rows of one run among {runs}: {median(times)} ms CPU")

        with_journal(main, path)


def open_() -> None:
    """Opening a journal of 2,000 rows, with its check of the last 1,000."""
    path = folder() / "journal.db"

    async def main(journal: SqliteJournal) -> None:
        for _ in range(1_000):
            journal.post(RUN, STARTED)
            await journal.append(RUN, [COMPLETED])

    with_journal(main, path)
    times = []
    for _ in range(15):
        start = time.process_time()
        SqliteJournal(path).close()
        times.append((time.process_time() - start) * 1e3)
    print(f"open and close: {median(times)} ms CPU")


def record(seq: int) -> Record:
    body = json.dumps({"seq": seq, "type": "progress_update", "pad": "x" * 150}).encode()
    return Record(Seq(seq), RUN, 0, "progress_updated", body)


def hub() -> None:
    """F1: 100 subscribers, and 5,000 events that the publisher makes as it goes."""

    async def deliver(hub: Hub, every: int) -> float:
        got = 0

        async def follow() -> None:
            nonlocal got
            mine = 0
            async with hub.subscribe() as subscriber:
                async for batch in subscriber:
                    for _ in batch:
                        got += 1
                    mine += len(batch)
                    if mine >= 5_000:
                        return

        tasks = [asyncio.create_task(follow()) for _ in range(100)]
        await asyncio.sleep(0.05)
        start = time.process_time()
        for n in range(5_000):
            hub.publish((record(n + 2),))  # row 1 is the journal's own
            if n % every == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        return (time.process_time() - start) / got * 1e6

    async def main(journal: SqliteJournal) -> None:
        for every in (50, 1):
            figures = [await deliver(Hub(journal), every) for _ in range(5)]
            print(f"hub, 100 subscribers, loop turns every {every}: {median(figures)} us CPU a delivery (best {min(figures):.3f})")

    with_journal(main)


def stuck() -> None:
    """F2: one subscriber that never reads, 100,000 events."""

    async def main(journal: SqliteJournal) -> None:
        hub = Hub(journal)
        sleeper = hub.subscribe()
        gc.collect()
        before = resident()
        for n in range(100_000):
            hub.publish((record(n + 2),))
        gc.collect()
        print(f"one stuck subscriber, 100,000 events: {resident() - before:.2f} MB more; it is told: {(await anext(sleeper))[0].kind}")
        sleeper.close()

    with_journal(main)


def resident() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


ALL = {"append": append, "full": full, "fan": fan, "big": big, "read": read, "open": open_, "hub": hub, "stuck": stuck}

if __name__ == "__main__":
    for name in sys.argv[1:] or ALL:
        ALL[name]()
