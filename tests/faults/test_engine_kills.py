"""Kernels that die: at any moment (F01), at each named point of a step (F02), in five ways (F03)."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from pathlib import Path

import kills
import pytest
from kills import Nursery, lines, record

warm, nursery = kills.warm, kills.nursery


def killed_at_random(nursery: Nursery, tmp_path: Path, deaths: int) -> dict[str, int]:
    """Kills runs of fifty steps at random moments until that many deaths were died, and counts what went wrong."""
    chance = random.Random(7)
    found: Counter[str] = Counter(kills=0, runs=0, lost=0, repeated_once=0, missing=0, cpu_ms=0)
    before = time.process_time()
    while found["kills"] < deaths:
        folder = tmp_path / f"run {found['runs']}"
        folder.mkdir()
        while not any(line.startswith("completed 50") for line in lines(folder, "ends")):
            life = nursery.begin("fifty_steps", folder)
            time.sleep(chance.uniform(0.02, 0.2))
            life.kill()
            found["kills"] += life.wait() == -9
        done: Counter[str] = Counter()
        acknowledged: set[str] = set()
        for line in lines(folder, "effects"):
            what, _, number = line.rpartition(" ")
            found["lost"] += what != "acknowledged" and number in acknowledged
            acknowledged |= {number} if what == "acknowledged" else set()
            done[line] += 1
        found["repeated_once"] += sum(n - 1 for line, n in done.items() if line.startswith("did once"))
        found["repeated_pure"] += sum(n - 1 for line, n in done.items() if line.startswith("did pure"))
        found["missing"] += sum(not done[f"did {'once' if i % 5 == 4 else 'pure'} {i}"] for i in range(50))
        rows = record(folder)
        steps = [row.event.key for row in rows if row.kind == "step_completed"]
        assert len(steps) == len(set(steps)) == 50
        found["questions"] += sum(row.kind == "approval_requested" for row in rows)
        found["runs"] += 1
    found["cpu_ms"] = round((time.process_time() - before) * 1000)
    return dict(found)


def test_f01_no_acknowledged_step_is_lost_and_no_effect_repeated_by_thirty_kills(nursery: Nursery, tmp_path: Path) -> None:
    found = killed_at_random(nursery, tmp_path, 30)
    print(f"\nF01 {found}")
    assert (found["lost"], found["repeated_once"], found["missing"]) == (0, 0, 0)


@pytest.mark.faults
@pytest.mark.timeout(600)
def test_f01_no_acknowledged_step_is_lost_and_no_effect_repeated_by_two_hundred_kills(nursery: Nursery, tmp_path: Path) -> None:
    found = killed_at_random(nursery, tmp_path, 200)
    print(f"\nF01 {found}")
    assert (found["lost"], found["repeated_once"], found["missing"]) == (0, 0, 0)


POINTS = [
    *((effect, point) for effect in ("pure", "idempotent", "once") for point in ("before_step", "before_result", "after_result")),
    ("once", "intended"),
    ("asked", "asked"),
    ("asked", "answered"),
]
HAPPENED = {"before_result", "after_result"}


@pytest.mark.parametrize(("effect", "point"), POINTS)
def test_f02_killed_at_a_named_point_a_run_ends_as_if_nothing_had_been(nursery: Nursery, tmp_path: Path, effect: str, point: str) -> None:
    assert nursery.live("act_and_die", tmp_path, effect=effect, point=point) == -9
    assert lines(tmp_path, "ends") == []
    before = lines(tmp_path, "effects")
    assert len(before) == (point in HAPPENED)
    assert nursery.live("act_and_die", tmp_path, effect=effect) == 0
    said = {"effect": "asked"} if effect == "asked" else None
    unclear = effect == "once" and point in ("intended", "before_result")
    result = "seen" if unclear and point in HAPPENED else "result"

    assert lines(tmp_path, "ends") == [f"completed {json.dumps([said, result])}"]
    did = lines(tmp_path, "effects")
    assert lines(tmp_path, "asked") == ["1" if unclear else "0"]
    repeats = len(did) - 1
    assert repeats == (point == "before_result" and effect in ("pure", "idempotent"))
    assert effect != "idempotent" or set(did) == {"did act key-1"}
    record(tmp_path)
    print(f"\nF02 {effect} at {point}: asked {lines(tmp_path, 'asked')[0]}, repeated {repeats}")


@pytest.mark.parametrize(
    ("mode", "status"), [("exit", 3), ("segfault", -11), ("oom", 0), ("terminate", -15), ("sys_exit", 0), ("kill9", -9)]
)
def test_f03_whatever_ends_the_process_the_run_is_crashed_names_its_step_and_goes_on(
    nursery: Nursery, tmp_path: Path, mode: str, status: int
) -> None:
    assert nursery.live("die_in_a_step", tmp_path, mode=mode) == status
    rows = record(tmp_path)
    ends = [row.kind for row in rows if row.kind in ("run_completed", "run_failed", "run_cancelled")]
    under_way = [row.event.name for row in rows if row.kind == "step_started"]
    for row in rows:
        if row.kind == "step_completed":
            under_way.pop(0)
    assert (ends, under_way) == ([], ["dies"])
    assert nursery.live("die_in_a_step", tmp_path, mode=mode) == 0
    assert lines(tmp_path, "ends")[-1] == 'completed ["lived", "done"]'
    assert lines(tmp_path, "effects") == ["did pure 1"]
    print(f"\nF03 {mode}: exit status {status}, crashed at {under_way[0]!r}, resumed")
