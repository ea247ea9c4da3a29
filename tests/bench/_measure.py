"""What every bench needs, with the standard library alone: it runs in the peers' environments too.

A bench is a function that returns figures by name. ``run(globals())`` at the end of a module makes
each of its functions a command
that prints those figures as one JSON line: ``python -m tests.bench.engine steps 400 0 NORMAL``.
"""

from __future__ import annotations

import functools
import importlib.metadata
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

Figures = dict[str, float]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-")  # it goes when this process ends


def folder() -> Path:
    """Returns the folder of this process for its files; it is removed in the end."""
    return Path(_folder().name)


class Taken:
    """Wall and CPU seconds (all threads of this process) of a block."""

    s = cpu = 0.0

    def __enter__(self) -> Taken:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.s, self.cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu


def p50_us(seconds: Sequence[float]) -> float:
    """Returns the median in microseconds."""
    return round(statistics.median(seconds) * 1e6, 2)


def share_ms(seconds: Sequence[float], percent: int) -> float:
    """Returns that percentile in milliseconds."""
    return round(statistics.quantiles(seconds, n=100)[percent - 1] * 1e3, 2)


def gaps(stamps: Sequence[float]) -> list[float]:
    """Returns the seconds between one moment and the next."""
    return [after - before for before, after in itertools.pairwise(stamps)]


def per_step(taken: Taken, n: int, between: Sequence[float], size: float) -> Figures:
    """Returns the figures of n steps that followed one another, and left so many bytes behind."""
    return {
        "steps_per_s": round(n / taken.s, 1),
        "cpu_us_per_step": round(taken.cpu / n * 1e6, 2),
        "p50_us": p50_us(between),
        "bytes_per_step": round(size / n, 1),
    }


def at_once(taken: Taken) -> Figures:
    """Returns what doing many things at once took."""
    return {"wall_ms": round(taken.s * 1e3, 2), "cpu_ms": round(taken.cpu * 1e3, 2)}


def rss_mb() -> float:
    """Returns the resident size of this process now."""
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def size_of(path: Path) -> int:
    """Returns the bytes of a database, with the files beside it."""
    return sum(file.stat().st_size for file in path.parent.glob(path.name + "*"))


def command(module: str, *words: Any) -> list[str]:
    """Returns the command that runs one function of a module of benches with this interpreter."""
    return [sys.executable, "-m", f"tests.bench.{module}", *map(str, words)]


def figures_of(module: str, *words: Any) -> Figures:
    """Returns what a bench gives in a process of its own."""
    done = subprocess.run(
        command(module, *words), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def killed_when_ready(module: str, *words: Any) -> None:
    """Runs a function until it says READY, and kills its process at once."""
    with subprocess.Popen(
        command(module, *words), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        if not any(line == "READY\n" for line in first.stdout):
            raise SystemExit(f"{module} {words} ended before it was ready")
        first.kill()


def lost_steps(module: str, words: Sequence[Any], tries: int, dies_at: int) -> Figures:
    """Counts the steps that had returned and ran again: a process that kills itself in a step, then
    one that goes on.

    Each step of ``module words... FILE`` writes its number into the file ``BENCH_LOG`` first, by
    :func:`last_words`.
    """
    lost = []
    for turn in range(tries):
        log, file = folder() / f"{turn}.log", folder() / f"{turn}.db"
        run = command(module, *words, file)
        environment = {**os.environ, "BENCH_LOG": str(log)}
        first = subprocess.run(
            run,
            cwd=ROOT,
            env={**environment, "BENCH_DIES_AT": str(dies_at)},
            check=False,
            capture_output=True,
        )
        before = log.read_text(encoding="ascii").split() if log.exists() else []
        if first.returncode != -signal.SIGKILL or before[-1:] != [str(dies_at)]:
            raise SystemExit(
                f"It was to die at step {dies_at}, and ended with {first.returncode} after"
                f" {before}: {first.stderr!r}"
            )
        subprocess.run(run, cwd=ROOT, env=environment, check=True, capture_output=True)
        again = log.read_text(encoding="ascii").split()[len(before) :]
        lost.append(sum(int(step) < dies_at for step in again))
    return {"tries": tries, "lost": sum(lost), "tries_with_loss": sum(map(bool, lost))}


def last_words(step: int) -> None:
    """Says that a step has begun, and dies there if that is to be."""
    with open(os.environ["BENCH_LOG"], "a", encoding="ascii") as log:
        log.write(f"{step}\n")
    if os.environ.get("BENCH_DIES_AT") == str(step):
        os.kill(os.getpid(), signal.SIGKILL)


def version(*distributions: str) -> str:
    """Returns the versions of what is measured."""
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in distributions)


def run(names: Mapping[str, Any], default: str = "") -> None:
    """Runs the function that the command line names, and prints its figures as one JSON line."""
    name, *words = sys.argv[1:] or [default]
    function = names.get(name)
    if not name or not callable(function):
        raise SystemExit(names["__doc__"])
    figures = function(*map(_value, words))
    if figures is not None:
        print(json.dumps(figures), flush=True)


def _value(word: str) -> Any:
    return int(word) if word.isascii() and word.isdigit() else word
