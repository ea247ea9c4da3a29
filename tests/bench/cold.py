"""What a fresh process costs: importing, and doing something for the first time. By any
interpreter, so for the peers too.

Usage: ``python -m tests.bench.cold fresh WORDS...`` (what to hand to Python) ``| names``
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from tests.bench._measure import ROOT, Figures, run

TIMES = 3


def _once(words: tuple[str, ...]) -> tuple[float, float]:
    process = subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def fresh(*words: object) -> Figures:
    """CPU seconds and the largest resident size of a Python that does this; the median of a few,
    after one that warms the disk's cache.
    """
    said = tuple(map(str, words))
    taken = [_once(said) for _ in range(TIMES + 1)][1:]
    return {
        "cpu_s": round(statistics.median(cpu for cpu, _ in taken), 3),
        "max_rss_mb": round(max(rss for _, rss in taken), 1),
    }


def names() -> Figures:
    """How many modules all public names load over those of pydantic."""
    before = "import asyncio, pydantic, pydantic_settings"
    every = "import sentient_kernel as sk; [getattr(sk, name) for name in sk.__all__]"
    code = f"import sys; {before}; had = len(sys.modules); {every}; print(len(sys.modules) - had)"
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return {"modules": int(said)}


if __name__ == "__main__":
    run(globals())
