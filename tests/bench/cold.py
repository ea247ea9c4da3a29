"""Cold start: CPU seconds, modules and memory of importing the package in a fresh process.

Usage: ``python tests/bench/cold.py [ROUNDS]``. Prints one JSON line per statement: the median of ROUNDS (5) processes after one
that warms the page cache; ``bare`` is what Python itself takes,
``all names`` what it costs once every public name has been used.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

STATEMENTS = {
    "bare": "pass",
    "pydantic": "import asyncio, pydantic, pydantic_settings",
    "import": "import sentient_kernel",
    "all names": "import sentient_kernel as sk; [getattr(sk, name) for name in sk.__all__]",
}
LIMIT_CPU_S = 0.25


def once(statement: str) -> tuple[float, float]:
    """Returns CPU seconds and the largest resident size in MB of a Python that runs the statement."""
    process = subprocess.Popen([sys.executable, "-c", statement])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{statement!r} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def modules(statement: str) -> int:
    """Returns how many modules the statement loads."""
    code = f"import sys; before = len(sys.modules)\n{statement}\nprint(len(sys.modules) - before)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def main(rounds: int) -> None:
    """Takes the statements in turn, so that a busy moment falls on all of them."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in STATEMENTS}
    for turn in range(rounds + 1):
        for name, statement in STATEMENTS.items():
            figures = once(statement)
            if turn:
                taken[name].append(figures)
    for name, statement in STATEMENTS.items():
        cpu = [figures[0] for figures in taken[name]]
        line = {"what": "cold", "case": name, "cpu_s": round(statistics.median(cpu), 3), "cpu_min_s": round(min(cpu), 3)}
        line |= {"max_rss_mb": round(max(figures[1] for figures in taken[name]), 1), "modules": modules(statement)}
        if name == "import":
            line |= {"limit_cpu_s": LIMIT_CPU_S, "ok": line["cpu_s"] <= LIMIT_CPU_S}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
