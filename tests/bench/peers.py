"""Ours beside LangGraph, DBOS, Burr and bare SQLite: the same work, taken in turn, judged as ratios.

Usage::

    python tests/bench/peers.py run [--rounds 3] [--only WORD] [--out FILE] [--plan FILE]
    python tests/bench/peers.py report FILE

``run`` goes through the plan ROUNDS times, so that a busy moment falls on everybody, and appends one JSON line per command to FILE;
``report`` prints the medians and then every target with what was reached. README.md beside this file says how to make the peers'
environments. A figure that was not taken leaves its targets open; nothing is assumed.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
FAMILIES = ("langgraph", "dbos", "burr", "sqlite", "hub")
SECONDS = 300

Figures = dict[str, dict[str, list[float]]]


def place(variable: str) -> Path:
    """Returns the folder that a variable names; ends the script where it is not set."""
    named = os.environ.get(variable)
    if not named:
        sys.exit(f"{variable} must be a folder; README.md beside this script says which. It is not set.")
    return Path(named)


class Target(NamedTuple):
    """A figure of ours that must stay within a limit: a number, or so many times another row's figure."""

    id: str
    row: str
    key: str
    at_most: float | None = None
    at_least: float | None = None
    times: tuple[str, str] | None = None


TARGETS = (
    Target("A1", "steps NORMAL ours", "cpu_us_per_step", at_most=50),
    Target("A1", "steps NORMAL ours", "steps_per_s", at_least=15_000),
    Target("A1", "steps NORMAL ours", "cpu_us_per_step", at_most=1 / 15, times=("steps NORMAL langgraph graph", "cpu_us_per_step")),
    Target("A1", "steps NORMAL ours", "cpu_us_per_step", at_most=1 / 9, times=("steps NORMAL langgraph func", "cpu_us_per_step")),
    Target("A1", "steps NORMAL ours", "cpu_us_per_step", at_most=4, times=("steps NORMAL inline sqlite", "cpu_us_per_step")),
    Target("A2", "steps FULL ours", "cpu_us_per_step", at_most=350),
    Target("A2", "steps FULL ours", "p50_us", at_most=1.5, times=("steps FULL inline sqlite", "p50_us")),
    Target("A2", "steps FULL ours", "cpu_us_per_step", at_most=1 / 5, times=("steps FULL langgraph graph", "cpu_us_per_step")),
    Target("A2", "steps FULL ours", "steps_per_s", at_least=1.8, times=("steps FULL langgraph graph", "steps_per_s")),
    Target("A4", "steps NORMAL ours", "db_bytes_per_step", at_most=150),
    Target("B1", "fan ours", "cpu_ms", at_most=60),
    Target("B1", "fan ours", "commits", at_most=20),
    Target("B1", "fan ours", "wall_ms", at_most=2, times=("fan bare", "wall_ms")),
    Target("B1", "fan ours", "cpu_ms", at_most=1 / 12, times=("fan langgraph graph", "cpu_ms")),
    Target("B2", "flows ours", "cpu_s", at_most=0.1),
    Target("B2", "flows ours", "cpu_s", at_most=1 / 5, times=("flows burr", "cpu_s")),
    Target("B2", "flows ours", "cpu_s", at_most=1 / 25, times=("flows langgraph func", "cpu_s")),
    Target("C", "import ours", "import_cpu_s", at_most=0.25),
    Target("C", "import ours", "import_cpu_s", at_most=1 / 3, times=("import langgraph", "imp.cpu_s")),
    Target("C", "import ours", "import_cpu_s", at_most=1 / 2, times=("import dbos", "imp.cpu_s")),
    Target("C", "import ours", "first_run_cpu_s", at_most=1 / 2, times=("import langgraph", "first_workflow.cpu_s")),
    Target("D", "resume ours", "again_waiting_ms", at_most=20),
    Target("D", "resume ours", "step_bodies_rerun", at_most=0),
    Target("D", "resume ours", "again_waiting_cpu_ms", at_most=1 / 15, times=("resume langgraph func", "resume_cpu_ms")),
    Target("D", "resume ours", "again_waiting_ms", at_most=1000 / 100, times=("resume dbos", "again_waiting_s")),
    Target("E", "approve NORMAL ours", "p50_us", at_most=100),
    Target("E", "approve NORMAL ours", "p50_us", at_most=1 / 10, times=("approve langgraph graph", "p50_us")),
    Target("E", "approve FULL ours", "p50_us", at_most=1.5, times=("steps FULL inline sqlite", "p50_us")),
    Target("E", "approve FULL ours", "p50_us", at_most=1 / 3, times=("approve langgraph graph", "p50_us")),
    Target("F1", "hub batched ours", "cpu_us_per_delivery", at_most=0.25),
    Target("F1", "hub batched ours", "cpu_us_per_delivery", at_most=1 / 2.5, times=("hub batched queue", "cpu_us_per_delivery")),
    Target("F1", "hub each ours", "cpu_us_per_delivery", at_most=2.2),
    Target("F1", "hub each ours", "cpu_us_per_delivery", at_most=1 / 1.2, times=("hub each queue", "cpu_us_per_delivery")),
    Target("F2", "hub stuck ours", "rss_growth_mb", at_most=2),
    Target("F2", "hub stuck ours", "told_of_gap", at_least=1),
)


def plan(path: Path, only: str) -> list[tuple[str, str]]:
    """Returns (label, command) of the plan's lines whose label contains ``only``."""
    lines = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    pairs = [(label.strip(), command.strip()) for label, _, command in (line.partition("|") for line in lines)]
    return [(label, command) for label, command in pairs if only in label]


def arguments(command: str, tmp: str) -> list[str]:
    """Returns the command with its placeholders filled in."""
    words = shlex.split(command.replace("{tmp}", tmp))
    filled = []
    for word in words:
        if word == "{ours}":
            filled += [sys.executable, str(HERE / "ours_bench.py")]
        elif word.strip("{}") in FAMILIES and word.startswith("{"):
            filled.append(str(place("SENTIENT_PEER_VENVS") / f"v-{word[1:-1]}" / "bin" / "python"))
        else:
            filled.append(word)
    return filled


def take(label: str, command: str) -> dict[str, Any] | None:
    """Runs a command in a fresh folder and returns the last JSON line that it prints."""
    tmp = tempfile.mkdtemp()
    words = arguments(command, tmp)
    try:
        if not Path(words[0]).exists():
            print(f"skipped {label}: no {words[0]}", flush=True)
            return None
        environment = dict(os.environ, BENCH_DIR=tmp, TMPDIR=tmp)
        scripts = place("SENTIENT_PEERS")
        done = subprocess.run(words, cwd=scripts, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"given up {label}: more than {SECONDS} s", flush=True)
        return None
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        print(f"failed {label}: {done.stderr[-400:]}", flush=True)
        return None
    figures: dict[str, Any] = json.loads(lines[-1])
    return figures


def run(path: Path, rounds: int, only: str, out: Path) -> None:
    """Appends a line per command and round to ``out``."""
    for turn in range(rounds):
        for label, command in plan(path, only):
            figures = take(label, command)
            if figures is not None:
                with out.open("a") as file:
                    file.write(json.dumps({"label": label, "round": turn, **figures}) + "\n")
        print(f"round {turn + 1} of {rounds} done, load {os.getloadavg()[0]:.1f}", flush=True)


def flat(figures: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Returns the numbers of a line; those of an inner object under ``outer.inner``."""
    found: dict[str, float] = {}
    for key, value in figures.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, int | float):
            found[prefix + key] = float(value)
    return found


def load(out: Path) -> Figures:
    """Returns label -> key -> the figures of all rounds."""
    table: Figures = defaultdict(lambda: defaultdict(list))
    for line in out.read_text().splitlines():
        figures = json.loads(line)
        for key, value in flat(figures).items():
            table[figures["label"]][key].append(value)
    return table


def judge(target: Target, table: Figures) -> tuple[bool, str] | None:
    """Returns whether a target is reached and a sentence with the figures, or None when one of them was not taken."""
    ours = table.get(target.row, {}).get(target.key)
    if not ours:
        return None
    value, unit, basis = statistics.median(ours), 1.0, ""
    if target.times is not None:
        theirs = table.get(target.times[0], {}).get(target.times[1])
        if not theirs or not statistics.median(theirs):
            return None
        unit = statistics.median(theirs)
        basis = f" x {unit:g} ({target.times[0]})"
    bound = target.at_most if target.at_most is not None else target.at_least
    assert bound is not None
    ok = value <= bound * unit if target.at_most is not None else value >= bound * unit
    sign = "<=" if target.at_most is not None else ">="
    ratio = f", ratio {value / unit:.3g}" if basis else ""
    return ok, f"{target.key} {value:g} [{min(ours):g}-{max(ours):g}] {sign} {bound:.3g}{basis}{ratio}"


def report(out: Path) -> int:
    """Prints medians and targets; returns how many targets were missed."""
    table = load(out)
    for label, keys in table.items():
        shown = [f"{key} {statistics.median(v):g} [{min(v):g}-{max(v):g}]" for key, v in keys.items() if key not in {"round", "samples"}]
        print(f"{label}: " + "; ".join(shown))
    missed = 0
    for target in TARGETS:
        verdict = judge(target, table)
        if verdict is None:
            print(f"open   {target.id}  {target.row}: {target.key}")
            continue
        missed += not verdict[0]
        print(f"{'held  ' if verdict[0] else 'MISSED'} {target.id}  {target.row}: {verdict[1]}")
    return missed


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    taking = verbs.add_parser("run")
    taking.add_argument("--rounds", type=int, default=3)
    taking.add_argument("--only", default="", metavar="WORD")
    taking.add_argument("--plan", type=Path, default=HERE / "plan-engine")
    taking.add_argument("--out", type=Path, default=Path("peers.jsonl"))
    reporting = verbs.add_parser("report")
    reporting.add_argument("out", type=Path)
    given = parser.parse_args()
    if given.verb == "run":
        run(given.plan, given.rounds, given.only, given.out)
    sys.exit(1 if report(given.out) else 0)


if __name__ == "__main__":
    main()
