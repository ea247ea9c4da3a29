"""P1, P2, P3: whatever kills the kernel, finished steps stay finished, effects happen once, answers are kept. F01, F02, F03, F06, F07."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sentient_kernel.journal.sqlite import SqliteJournal
from sentient_kernel.workbench import Workbench

# The C tier runs on every submission; the N tier (-m faults) repeats it often enough for the figures of a release.
VICTIM = Path(__file__).with_name("engine_victim.py")


class Victim:
    """A process of ``engine_victim.py`` that is ready to work; leaving the context kills it."""

    def __init__(self, home: Path, name: str, **options: Any) -> None:
        command = [sys.executable, str(VICTIM), str(home), name, json.dumps(options)]
        with (home / "stderr").open("a") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.said = self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def rest(self, timeout: float = 60) -> list[str]:
        """Waits for the end and returns what else it said."""
        out, _ = self.process.communicate(timeout=timeout)
        return out.split("\n")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Victim:
        assert self.said == "READY"
        return self

    def __exit__(self, *exc: object) -> None:
        self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def log(home: Path) -> list[list[str]]:
    return [line.split() for line in (home / "log").read_text().splitlines()]


def lost_and_repeated(home: Path) -> tuple[int, int]:
    """Returns how many steps ran again after their workflow had their result, and how many effects happened twice."""
    acked: set[tuple[str, str]] = set()
    lost, bodies = 0, Counter[tuple[str, str]]()
    for name, what, i, *_ in log(home):
        if what == "ack":
            acked.add((name, i))
        else:
            bodies[name, i] += 1
            lost += (name, i) in acked
    return lost, sum(count - 1 for (_, i), count in bodies.items() if int(i) % 5 == 0)


def verdict(home: Path) -> bool:
    with SqliteJournal(home / "journal.db") as journal:
        return journal.verify().ok


@pytest.mark.parametrize("kills", [30, pytest.param(200, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
def test_kills_at_random_lose_no_step_and_repeat_no_effect(tmp_path: Path, kills: int) -> None:
    """F01: SIGKILL at random points of runs of 50 steps, taken up each time."""
    chance = random.Random(1)
    landed = finished = 0
    while landed < kills:
        with Victim(tmp_path, f"run-{finished}", oracle=True) as victim:
            time.sleep(chance.uniform(0.02, 0.2))  # the fault itself: how long the kernel lives
            done = victim.process.poll() is not None
            victim.kill()
        lines = log(tmp_path) if (tmp_path / "log").exists() else []
        acks = {i for name, what, i, *_ in lines if name == f"run-{finished}" and what == "ack"}
        landed += not done
        finished += done or len(acks) == 50
    with Victim(tmp_path, f"run-{finished}", oracle=True) as victim:
        assert "END completed" in victim.rest()
    lost, repeated = lost_and_repeated(tmp_path)
    print(f"\nF01: {landed} kills over {finished + 1} runs of 50 steps: {lost} steps lost, {repeated} effects repeated")
    assert (lost, repeated) == (0, 0)
    assert {i for name, what, i, *_ in log(tmp_path) if name == "run-0" and what == "ack"} == {str(i) for i in range(50)}
    assert verdict(tmp_path)


POINTS = [
    (point, effect)
    for point in ("before_step", "intended", "before_result", "after_result")
    for effect in ("pure", "idempotent", "once")
    if point != "intended" or effect == "once"
]


@pytest.mark.parametrize(("point", "effect"), POINTS)
def test_kill_at_a_named_point_ends_like_no_fault_or_asks(tmp_path: Path, point: str, effect: str) -> None:
    """F02: killed between intent and effect, between effect and result, and beside them."""
    visit = 1 if point == "intended" else 2  # the first step, "act" as well, is pure
    with Victim(tmp_path, "r", flow="one", effect=effect, monkey={"point": point, "name": "act", "visit": visit}) as victim:
        victim.rest()
        assert victim.process.returncode == -9, "the monkey did not strike"
    with Victim(tmp_path, "r", flow="one", effect=effect, patience=0.5) as victim:
        said = victim.rest()
    bodies = [line for line in log(tmp_path) if line[1:3] == ["body", "1"]]
    asks = effect == "once" and point in ("intended", "before_result")
    assert ("END open" in said) == asks
    if asks:
        assert len(bodies) == (1 if point == "before_result" else 0), "an effect that may happen once was repeated silently"
    else:
        assert "END completed" in said
        assert len(bodies) == (2 if point == "before_result" else 1)
        if effect == "idempotent":
            assert {line[3] for line in bodies} == {"r/key"}, "a repetition carries the same key"
    assert verdict(tmp_path)


@pytest.mark.parametrize("mode", ["exit", "segfault", "memory", "terminate", "sys_exit"])
def test_process_that_a_step_takes_down_leaves_a_crashed_run_that_goes_on(tmp_path: Path, mode: str) -> None:
    """F03: the run is ``crashed``, names the step, and can be resumed."""
    with Victim(tmp_path, mode, flow="ending", mode=mode, patience=5) as victim:
        victim.rest()
    with Workbench(tmp_path) as wb:
        (run,) = wb.runs
        assert run.status == "crashed"
        error = wb.run(run.id).error
        assert error is not None
        assert "dangerous" in error.message
    with Victim(tmp_path, mode, flow="ending", mode=mode) as victim:
        assert "END completed" in victim.rest()
    assert len([line for line in log(tmp_path) if line[1:3] == ["body", "0"]]) == 1
    assert verdict(tmp_path)


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
def test_open_question_survives_kills_word_for_word(tmp_path: Path, times: int) -> None:
    """F06: the same id, text and payload after each restart; then it is answered."""
    seen = set()
    for _ in range(times):
        with Victim(tmp_path, "q", flow="asking", answer=True) as victim:
            assert victim.line() == "ASKED"
            with SqliteJournal(tmp_path / "journal.db", readonly=True) as journal:
                rows = journal.read(kinds=["approval_requested"])
            seen |= {row.body for row in rows}
            assert len(rows) == 1
            victim.kill()
    assert len(seen) == 1
    with Victim(tmp_path, "q", flow="asking", answer=True) as victim:
        assert victim.line() == "ASKED"
        out, _ = victim.process.communicate("go\n", timeout=30)
        assert "RECORDED" in out
        assert "END completed" in out
    assert verdict(tmp_path)


@pytest.mark.parametrize("times", [15, pytest.param(100, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
def test_answer_that_was_recorded_is_kept_and_none_is_assumed(tmp_path: Path, times: int) -> None:
    """F07: killed within 20 ms of the answer, before or after it says that it is recorded."""
    chance = random.Random(7)
    recorded_count = 0
    for n in range(times):
        name = f"a{n}"
        with Victim(tmp_path, name, flow="asking", answer=True) as victim:
            assert victim.line() == "ASKED"
            assert victim.process.stdin is not None
            victim.process.stdin.write("go\n")
            victim.process.stdin.flush()
            time.sleep(chance.uniform(0, 0.02))  # the fault itself: how long the kernel lives
            victim.process.kill()
            recorded = "RECORDED" in victim.rest()
        recorded_count += recorded
        with SqliteJournal(tmp_path / "journal.db", readonly=True) as journal:
            (row,) = journal.runs(name=name)
            kept = len(journal.read(run=row.run, kinds=["approval_decided"]))
        assert kept or not recorded, "an answer was lost that had been shown as recorded"
        with Victim(tmp_path, name, flow="asking", patience=1 if kept else 0.3) as victim:
            said = victim.rest()
        assert ("END completed" in said) == bool(kept), "an answer was assumed, or lost"
        assert sum(line[0] == name and line[1] == "approved" for line in log(tmp_path)) <= 2
    print(f"\nF07: {times} kills, {recorded_count} answers shown as recorded, 0 lost, 0 assumed")
    assert verdict(tmp_path)


@pytest.mark.parametrize("times", [2, pytest.param(50, marks=[pytest.mark.faults, pytest.mark.timeout(1200)])])
def test_frozen_kernel_that_wakes_finds_its_writes_refused(tmp_path: Path, times: int) -> None:
    """F16: stopped (SIGSTOP) past its lease while another kernel takes the run over, then woken."""
    chance = random.Random(16)
    woken_late = locked = 0
    for n in range(times):
        name = f"f{n}"
        with Victim(tmp_path, name, oracle=True, lease_ttl=1.0) as first:
            time.sleep(chance.uniform(0.05, 0.2))  # the fault itself: where it freezes
            first.process.send_signal(signal.SIGSTOP)
            time.sleep(1.1)  # its lease runs out
            with Victim(tmp_path, name, oracle=True, lease_ttl=1.0) as second:
                try:
                    said = second.rest(10)
                except subprocess.TimeoutExpired:
                    # It froze in the middle of a commit and holds SQLite's lock; everybody else has to wait for it.
                    locked += 1
                    first.process.send_signal(signal.SIGCONT)
                    said = second.rest(30)
                assert "END completed" in said
            before = len(log(tmp_path))
            first.process.send_signal(signal.SIGCONT)
            assert "END completed" in first.rest(), "the first kernel watches the run to its end"
            woken_late += len(log(tmp_path)) - before
    bodies = Counter((name, i) for name, what, i, *_ in log(tmp_path) if what == "body" and int(i) % 5 == 0)
    doubled = sum(count - 1 for count in bodies.values())
    print(f"\nF16: {times} freezes, {doubled} effects doubled, {woken_late} bodies run by woken kernels, {locked} froze inside a commit")
    assert doubled == 0
    with SqliteJournal(tmp_path / "journal.db", readonly=True) as journal:
        for row in journal.runs():
            kinds = [record.kind for record in journal.read(run=row.run)]
            assert kinds.count("run_completed") == 1
            assert kinds[-1] == "run_completed", "nothing was written after the end"
    assert verdict(tmp_path)
