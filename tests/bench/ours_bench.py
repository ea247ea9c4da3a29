"""The engine's own figures, one JSON line a command, with the keys that the peers' benchmarks use.

Usage::

    ours_bench.py steps N SIZE SYNC | fan N SYNC | flows W S SYNC | approve N SYNC | prep DB N | resume DB | kill TRIES | cold
    ours_bench.py resumed N (prep, SIGKILL, resume in a fresh process) | gather N (bare asyncio, the limit of ``fan``)
    ours_bench.py hub N EVENTS YIELD_EVERY | hub stuck EVENTS

SYNC is NORMAL (survives kill -9) or FULL (survives power loss). Files go to $BENCH_DIR. Process CPU counts all threads.
"""

from __future__ import annotations

import time

T0 = time.process_time()
import sentient_kernel.engine  # noqa: E402, F401 - its cost is one of the figures

T_IMPORT = time.process_time() - T0

import asyncio  # noqa: E402
import gc  # noqa: E402
import itertools  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import queue  # noqa: E402
import signal  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from sentient_kernel.commands import DecideApproval  # noqa: E402
from sentient_kernel.engine import Context, Engine, workflow  # noqa: E402
from sentient_kernel.events import Record  # noqa: E402
from sentient_kernel.ids import RunId, Seq  # noqa: E402
from sentient_kernel.journal.hub import Hub, Subscriber  # noqa: E402
from sentient_kernel.journal.sqlite import FULL_KINDS, SqliteJournal  # noqa: E402

FOLDER = Path(os.environ.get("BENCH_DIR") or tempfile.mkdtemp())
K = 7
"""The step at whose first line the kill test dies."""

stamps: list[float] = []


class Seen:
    """What the engine's listener saw: how many commits, and which approvals were asked for."""

    def __init__(self) -> None:
        self.commits = 0
        self.asked: queue.SimpleQueue[Record] = queue.SimpleQueue()

    def __call__(self, records: Sequence[Record]) -> None:
        self.commits += 1
        for record in records:
            if record.kind == "approval_requested":
                self.asked.put(record)


class Taken:
    """Wall and CPU seconds (all threads) of a block."""

    def __enter__(self) -> Taken:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *exc: object) -> None:
        self.s, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu


def emit(what: str, **figures: Any) -> None:
    """Prints a line of figures."""
    print(json.dumps({"peer": "ours", "what": what, **figures, "load1": round(os.getloadavg()[0], 2)}), flush=True)


def latencies(seconds: list[float]) -> dict[str, float]:
    """Returns p50 and p99 in microseconds."""
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return {"p50_us": round(statistics.median(ordered) * 1e6, 1), "p99_us": round(p99 * 1e6, 1), "samples": len(ordered)}


def rss_mb() -> float:
    """Returns the resident size now."""
    with open("/proc/self/statm") as file:
        return round(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def opened(sync: str, path: Path | None = None, *, answers_full: bool = True) -> tuple[Engine, Seen]:
    """Returns an engine on a journal of that durability, and what listens to it."""
    seen = Seen()
    journal = SqliteJournal(
        path or FOLDER / "journal.db",
        durability="power" if sync == "FULL" else "process",
        full_kinds=FULL_KINDS if answers_full else frozenset(),
    )
    return Engine(journal, on_commit=seen), seen


def size(path: Path) -> int:
    """Returns the bytes of a closed journal."""
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


async def noop(i: int, size: int) -> str | None:
    stamps.append(time.perf_counter())
    return "x" * size or None


async def sleepy(i: int) -> int:
    await asyncio.sleep(0.02)
    return i


async def last_wish(i: int) -> int:
    with open(os.environ["KT_LOG"], "a") as log:
        log.write(f"{i}\n")
    if i == K and os.environ.get("KT_KILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    return i


@workflow
async def sequence(ctx: Context, n: int, size: int) -> int:
    for i in range(n):
        await ctx.step(noop, i, size)
    return n


@workflow
async def fan_out(ctx: Context, n: int) -> int:
    return sum(outcome.ok for outcome in await ctx.gather(*(ctx.step(sleepy, i) for i in range(n))))


@workflow
async def asking(ctx: Context, n: int) -> bool:
    for i in range(n):
        await ctx.step(noop, i, 100)
    await ctx.approve("Go on?", {"n": n})
    stamps.append(time.perf_counter())
    return True


@workflow
async def dying(ctx: Context) -> None:
    for i in range(10):
        await ctx.step(last_wish, i)


def finish(engine: Engine, run: RunId) -> None:
    """Waits for the end of a run, which must be a good one."""
    ended = engine.watch(run).result()
    if ended != "completed":
        raise SystemExit(f"run {run} ended {ended}: {engine.error(run)!r}")


def steps(n: int, length: int, sync: str) -> None:
    """One run of n steps, one after the other, each with a result of that many bytes."""
    empty, _ = opened(sync, FOLDER / "empty.db")
    empty.close()
    engine, seen = opened(sync)
    with Taken() as taken:
        finish(engine, engine.start(sequence, (n, length)))
    gaps = [b - a for a, b in itertools.pairwise(stamps)]
    rss = rss_mb()
    engine.close()
    total, nothing = size(FOLDER / "journal.db"), size(FOLDER / "empty.db")
    emit(
        "steps", n=n, size=length, synchronous=sync, steps_per_s=round(n / taken.s, 1), cpu_us_per_step=round(taken.cpu / n * 1e6, 1),
        db_bytes_per_step=round((total - nothing) / n), db_bytes_empty=nothing, commits=seen.commits,
        first100_us=round(sum(gaps[:100]) / len(gaps[:100]) * 1e6), last100_us=round(sum(gaps[-100:]) / len(gaps[-100:]) * 1e6),
        rss_mb=rss, **latencies(gaps),
    )  # fmt: skip


def fan(n: int, sync: str) -> None:
    """n steps of 20 ms at once."""
    engine, seen = opened(sync)
    with Taken() as taken:
        finish(engine, engine.start(fan_out, (n,)))
    emit("fan", n=n, synchronous=sync, wall_ms=round(taken.s * 1e3, 1), cpu_ms=round(taken.cpu * 1e3, 1), commits=seen.commits)
    engine.close()


def flows(runs: int, n: int, sync: str) -> None:
    """That many runs of n steps at once."""
    engine, seen = opened(sync)

    async def start_all() -> list[RunId]:
        return await asyncio.gather(*(engine.launch(sequence, (n, 0)) for _ in range(runs)))

    with Taken() as taken:
        for run in engine.start_soon(start_all).result():
            finish(engine, run)
    figures = {"wall_s": round(taken.s, 3), "cpu_s": round(taken.cpu, 3), "steps_per_s": round(runs * n / taken.s, 1)}
    emit("flows", flows=runs, steps=n, synchronous=sync, commits=seen.commits, **figures)
    engine.close()


def approve(n: int, sync: str) -> None:
    """From the call that approves to the workflow's next line, on one loop as with the peers. NORMAL lifts the rule of FULL answers."""
    engine, seen = opened(sync, answers_full=sync == "FULL")
    took = []
    for _ in range(n):
        run = engine.start(asking, (1,))
        question: Any = seen.asked.get(timeout=10).event
        command = DecideApproval(run=run, approval=question.approval, decision="approve")

        async def answer(command: DecideApproval = command) -> float:
            before = time.perf_counter()
            await engine.decide(command)
            return before

        before = engine.start_soon(answer).result()
        finish(engine, run)
        took.append(stamps[-1] - before)
    emit("approve", synchronous=sync, **latencies(took))
    engine.close()


def prep(path: Path, n: int) -> None:
    """n finished steps and an open question; says READY and waits to be killed."""
    engine, seen = opened("NORMAL", path)
    engine.start(asking, (n,))
    seen.asked.get(timeout=60)
    print("READY", flush=True)
    signal.pause()


def resume(path: Path) -> None:
    """Takes up what prep left: from opening the journal until it waits again, and from the answer to the next line."""
    before = time.perf_counter()
    with Taken() as taken:
        engine, _ = opened("NORMAL", path)
        open_ms = round((time.perf_counter() - before) * 1e3, 2)
        (row,) = engine.journal.runs()
        engine.resume(row.run)
        while not (waiting := engine.live[row.run].answers):
            time.sleep(0.0001)
    rerun = len(stamps)
    (approval,) = waiting
    before = time.perf_counter()
    engine.command(DecideApproval(run=row.run, approval=approval, decision="approve"))
    finish(engine, row.run)
    emit(
        "resume", import_cpu_s=round(T_IMPORT, 3), open_ms=open_ms, again_waiting_ms=round(taken.s * 1e3, 2),
        again_waiting_cpu_ms=round(taken.cpu * 1e3, 2), step_bodies_rerun=rerun,
        approve_to_next_ms=round((stamps[-1] - before) * 1e3, 2), rss_mb=rss_mb(),
    )  # fmt: skip
    engine.close()


def resumed(n: int) -> None:
    """prep and resume in processes of their own, with a kill -9 between."""
    path = FOLDER / "resume.db"
    with subprocess.Popen([sys.executable, __file__, "prep", str(path), str(n)], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        if first.stdout.readline() != "READY\n":
            raise SystemExit("prep died")
        first.kill()
    subprocess.run([sys.executable, __file__, "resume", str(path)], check=True)


def die(path: Path, sync: str) -> None:
    """The child of the kill test: runs, or takes up, the run that dies at its step K."""
    engine, _ = opened(sync, path)
    rows = engine.journal.runs()
    if rows:
        engine.resume(rows[0].run)
    finish(engine, rows[0].run if rows else engine.start(dying))
    engine.close()


def kill(tries: int) -> None:
    """SIGKILL on the first line of step K, then again in a fresh process: how many steps that had returned ran again?"""
    for sync in ("NORMAL", "FULL"):
        lost = []
        for turn in range(tries):
            log, path = FOLDER / f"{sync}{turn}.log", FOLDER / f"{sync}{turn}.db"
            words = [sys.executable, __file__, "die", str(path), sync]
            first = subprocess.run(words, env={**os.environ, "KT_LOG": str(log), "KT_KILL": "1"}, check=False)
            before = log.read_text().split()
            subprocess.run(words, env={**os.environ, "KT_LOG": str(log)}, check=True)
            if first.returncode != -signal.SIGKILL or before[-1] != str(K):
                raise SystemExit(f"the child was to die at step {K}, and ended with {first.returncode} after {before}")
            lost.append(sum(int(i) < K for i in log.read_text().split()[len(before) :]))
        emit("kill_test", synchronous=sync, tries=tries, steps_returned_before_kill=K, lost=sum(lost), tries_with_loss=sum(map(bool, lost)))


def gather(n: int) -> None:
    """What asyncio alone takes for n sleeps of 20 ms at once."""

    async def everything() -> None:
        await asyncio.gather(*(sleepy(i) for i in range(n)))

    with Taken() as taken:
        asyncio.run(everything())
    emit("gather", n=n, wall_ms=round(taken.s * 1e3, 1), cpu_ms=round(taken.cpu * 1e3, 1))


async def hub(subscribers: int, events: int, every: int, *, stuck: bool = False) -> None:
    """One publisher that gives way every so many events, and subscribers that read along; a stuck one never reads until the end."""
    journal = SqliteJournal(FOLDER / "hub.db")
    hub, delivered = Hub(journal, capacity=4096), 0

    async def read(subscriber: Subscriber) -> None:
        nonlocal delivered
        seen = 0
        while seen < events:
            seen += len(batch := await anext(subscriber))
            delivered += len(batch)

    readers = [asyncio.create_task(read(hub.subscribe())) for _ in range(subscribers)]
    behind = hub.subscribe() if stuck else None
    await asyncio.sleep(0.2)
    gc.collect()
    before = rss_mb()
    with Taken() as taken:
        for i in range(events):
            body = json.dumps({"seq": i, "type": "progress_update", "pad": "x" * 150}).encode()
            hub.publish((Record(Seq(i + 1), RunId("r"), 0, "progress_updated", body),))
            if i % every == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*readers)
    grown = round(rss_mb() - before, 1)
    told = behind is not None and (await anext(behind))[0].kind == "subscriber_lagged"
    emit(
        "hub", subs=subscribers, events=events, yield_every=every, stuck=stuck, delivered=delivered, rss_growth_mb=grown,
        told_of_gap=int(told), cpu_us_per_delivery=round(taken.cpu / delivered * 1e6, 3), deliveries_per_s=round(delivered / taken.s),
    )  # fmt: skip
    hub.close()
    journal.close()


def cold() -> None:
    """CPU seconds of a fresh process: importing the package, using every name of it, running a first workflow."""
    every = "import sentient_kernel as sk; [getattr(sk, name) for name in sk.__all__]"
    codes = {"import_cpu_s": ["-c", "import sentient_kernel"], "all_names_cpu_s": ["-c", every]}
    codes["first_run_cpu_s"] = [__file__, "steps", "2", "0", "NORMAL"]
    figures = {}
    for key, words in codes.items():
        process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{words} ended with {process.returncode}")
        figures[key] = round(usage.ru_utime + usage.ru_stime, 3)
    emit("cold", **figures)


def main(what: str, *words: str) -> None:
    """Runs one command."""
    match what, words:
        case "steps", (n, length, sync):
            steps(int(n), int(length), sync)
        case "fan", (n, sync):
            fan(int(n), sync)
        case "flows", (runs, n, sync):
            flows(int(runs), int(n), sync)
        case "approve", (n, sync):
            approve(int(n), sync)
        case "prep", (path, n):
            prep(Path(path), int(n))
        case "resume", (path,):
            resume(Path(path))
        case "resumed", (n,):
            resumed(int(n))
        case "die", (path, sync):
            die(Path(path), sync)
        case "kill", (tries,):
            kill(int(tries))
        case "gather", (n,):
            gather(int(n))
        case "hub", ("stuck", events):
            asyncio.run(hub(1, int(events), 50, stuck=True))
        case "hub", (subscribers, events, every):
            asyncio.run(hub(int(subscribers), int(events), int(every)))
        case "cold", ():
            cold()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
