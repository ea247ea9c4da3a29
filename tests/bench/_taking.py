"""Takes figures: each case in a process and a folder of its own, in turn with the others, round
after round.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping

from tests.bench import _data, browser
from tests.bench._environments import PEERS
from tests.bench._measure import ROOT, Figures
from tests.bench._plan import Case, cases_of


class Failed(Exception):
    """A case did not come to its end."""


def why_not(case: Case, pythons: Mapping[str, str]) -> str:
    """Returns why a case cannot be taken here, or nothing."""
    if case.needs in PEERS and case.needs not in pythons:
        return f"no environment of {case.needs}"
    if case.needs == "data" and not _data.available():
        return "SENTIENT_BENCH_DATA does not name the folder of the measuring sets"
    return "no chromium" if case.needs == "browser" and not browser.chromium() else ""


def take(case: Case, python: str) -> Figures:
    """Takes one case once. Raises Failed when it gives no figures; what it started and wrote is
    gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        settings = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SENTIENT_") or name == "SENTIENT_BENCH_DATA"
        }
        words = [python, "-m", f"tests.bench.{case.module}", *case.words]
        process = subprocess.Popen(
            words,
            cwd=ROOT,
            env=settings | {"TMPDIR": folder},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            said, complained = process.communicate(timeout=case.seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"It took more than {case.seconds} s.") from None
        finally:
            _end(process)
    lines = [line for line in said.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        raise Failed((complained.strip() or f"It ended with {process.returncode}.")[-2_000:])
    figures: Figures = json.loads(lines[-1])
    return figures


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)  # whatever it has left running
    except ProcessLookupError:
        pass
    process.communicate()


def rounds(
    names: list[str], count: int, pythons: Mapping[str, str]
) -> tuple[dict[str, dict[str, list[float]]], dict[str, str]]:
    """Takes all cases, every second round from behind, and returns the figures and what failed.
    Says how it goes on stderr.
    """
    taken: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    failed: dict[str, str] = {}
    chosen = []
    for case in cases_of(names):
        if reason := why_not(case, pythons):
            print(f"skipped: {case.key} ({reason})", file=sys.stderr, flush=True)
        else:
            chosen.append(case)
    for turn in range(count):
        for case in chosen if turn % 2 == 0 else reversed(chosen):
            if (case.once and turn) or case.key in failed:
                continue
            began = time.monotonic()
            try:
                figures = take(case, pythons.get(case.needs, sys.executable))
            except Failed as error:
                failed[case.key] = str(error)
                print(f"failed: {case.key}: {error}", file=sys.stderr, flush=True)
                continue
            for key, value in figures.items():
                taken[case.key][key].append(float(value))
            spent = f"{time.monotonic() - began:.1f} s, load {os.getloadavg()[0]:.1f}"
            print(f"round {turn + 1}: {case.key} ({spent})", file=sys.stderr, flush=True)
    return taken, failed
