"""P1, P2, P3, P8: whatever kills or freezes the kernel, finished steps stay finished, effects
happen once, answers are kept.

F01, F02, F03, F06, F07, F16. The C tier runs on every submission; the N tier (``-m faults``)
repeats it often enough for the figures of a release.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import kills
import pytest
from kills import Life, Nursery, lines, record

from sentient_kernel.workbench.workbench import Workbench

warm, nursery = kills.warm, kills.nursery


def night(times: int) -> Any:
    """A number of repetitions for the N tier."""
    return pytest.param(times, marks=[pytest.mark.faults, pytest.mark.timeout(1200)])


def tally(folder: Path, found: Counter[str]) -> None:
    """Adds what went wrong in a finished run of fifty steps: what ran again after its workflow had
    the result, what happened twice.
    """
    done: Counter[str] = Counter()
    acknowledged: set[str] = set()
    for line in lines(folder, "effects"):
        what, _, number = line.rpartition(" ")
        found["lost"] += what != "acknowledged" and number in acknowledged
        acknowledged |= {number} if what == "acknowledged" else set()
        done[line] += 1
    found["effects repeated"] += sum(
        n - 1 for line, n in done.items() if line.startswith("did once")
    )
    found["pure repeated"] += sum(n - 1 for line, n in done.items() if line.startswith("did pure"))
    found["missing"] += sum(
        not done[f"did {'once' if i % 5 == 4 else 'pure'} {i}"] for i in range(50)
    )
    rows = record(folder)
    completed = [row.event.key for row in rows if row.kind == "step_completed"]
    assert len(completed) == len(set(completed)) == 50
    assert [row.kind for row in rows].count("run_completed") == 1
    found["asked"] += sum(row.kind == "approval_requested" for row in rows)
    found["runs"] += 1


@pytest.mark.parametrize("deaths", [30, night(200)])
def test_kills_at_random_lose_no_step_and_repeat_no_effect(
    nursery: Nursery, tmp_path: Path, deaths: int
) -> None:
    """F01: SIGKILL at random moments, 20 to 200 ms into each life of runs of fifty steps."""
    chance = random.Random(7)
    found: Counter[str] = Counter({"kills": 0, "lost": 0, "effects repeated": 0, "missing": 0})
    while found["kills"] < deaths:
        folder = tmp_path / str(found["runs"])
        folder.mkdir()
        while lines(folder, "ends") == []:
            life = nursery.begin("fifty_steps", folder)
            time.sleep(chance.uniform(0.02, 0.2))  # the fault itself: how long the kernel lives
            life.kill()
            found["kills"] += life.wait() == -signal.SIGKILL
        assert set(lines(folder, "ends")) == {"completed 50"}
        tally(folder, found)
    print(f"\nF01: {dict(found)}")
    assert (found["lost"], found["effects repeated"], found["missing"]) == (0, 0, 0)


POINTS = [
    *(
        (effect, point)
        for effect in ("pure", "idempotent", "once")
        for point in ("before_step", "before_result", "after_result")
    ),
    ("once", "intended"),
    ("asked", "asked"),
    ("asked", "answered"),
]


@pytest.mark.parametrize(("effect", "point"), POINTS)
def test_kill_at_a_named_point_ends_like_no_fault_or_asks(
    nursery: Nursery, tmp_path: Path, effect: str, point: str
) -> None:
    """F02: killed between intent and effect, between effect and result, beside them, and on both
    sides of an answer.
    """
    happened = point in ("before_result", "after_result")
    assert nursery.live("act_and_die", tmp_path, effect=effect, point=point) == -signal.SIGKILL, (
        "the monkey did not strike"
    )
    assert len(lines(tmp_path, "effects")) == happened
    assert nursery.live("act_and_die", tmp_path, effect=effect) == 0
    unclear = effect == "once" and point in ("intended", "before_result")
    result = "seen" if unclear and happened else "result"
    assert lines(tmp_path, "ends") == [
        "completed " + json.dumps([{"effect": "asked"} if effect == "asked" else None, result])
    ]
    asked = [row.event.ask for row in record(tmp_path) if row.kind == "approval_requested"]
    assert asked == ["effect"] * unclear + ["question"] * (effect == "asked")
    did = lines(tmp_path, "effects")
    assert len(did) == 1 + (point == "before_result" and effect in ("pure", "idempotent"))
    assert effect != "idempotent" or set(did) == {"did act key-1"}, (
        "a repetition carries the same key"
    )


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        ("exit", 3),
        ("segfault", -11),
        ("memory", 0),
        ("terminate", -15),
        ("sys_exit", 0),
        ("kill9", -9),
    ],
)
def test_process_that_a_step_takes_down_leaves_a_crashed_run_that_goes_on(
    nursery: Nursery, tmp_path: Path, mode: str, status: int
) -> None:
    """F03: the run is ``crashed``, names the step, and can be resumed."""
    assert nursery.live("die_in_a_step", tmp_path, mode=mode) == status
    with Workbench(tmp_path) as wb:
        (view,) = wb.runs
        error = wb.run(view.id).error
    assert view.status == "crashed"
    assert error is not None
    assert "dies" in error.message
    assert nursery.live("die_in_a_step", tmp_path, mode=mode) == 0
    assert lines(tmp_path, "ends")[-1] == 'completed ["lived", "done"]'
    assert lines(tmp_path, "effects") == ["did pure 1"]
    record(tmp_path)


@pytest.mark.parametrize("times", [10, night(100)])
def test_open_question_survives_kills_word_for_word(
    nursery: Nursery, tmp_path: Path, times: int
) -> None:
    """F06: the same id, text, payload and digest after each restart; then it is answered."""
    for n in range(1, times + 1):
        life = nursery.begin("open_question", tmp_path)
        while len(lines(tmp_path, "shown")) < n:
            time.sleep(0.001)
        life.kill()
    shown = lines(tmp_path, "shown")
    print(f"\nF06: {times} kills, {len(set(shown))} question shown")
    assert len(set(shown)) == 1
    assert json.loads(shown[0])["payload"] == {"amount": 1, "items": ["a", "é"]}
    life = nursery.begin("answer_and_die", tmp_path, name="question", after=30.0)
    while not (lines(tmp_path, "recorded") and lines(tmp_path, "effects")):
        time.sleep(0.001)
    life.kill()
    assert lines(tmp_path, "effects") == ['spent {"amount": 7, "answer": "question"}']
    assert [row.kind for row in record(tmp_path)].count("approval_requested") == 1


@pytest.mark.parametrize("times", [15, night(100)])
def test_answer_that_was_recorded_is_kept_and_none_is_assumed(
    nursery: Nursery, tmp_path: Path, times: int
) -> None:
    """F07: killed within 20 ms of the answer, before or after it says that it is recorded."""
    chance = random.Random(7)
    found: Counter[str] = Counter(
        {"kills": 0, "shown as recorded": 0, "kept": 0, "lost": 0, "assumed": 0}
    )
    for n in range(times):
        folder = tmp_path / str(n)
        folder.mkdir()
        found["kills"] += (
            nursery.live("answer_and_die", folder, name="a", after=chance.uniform(0, 0.02))
            == -signal.SIGKILL
        )
        answers = [row.event for row in record(folder) if row.kind == "approval_decided"]
        assert all(answer.payload == {"amount": 7, "answer": "a"} for answer in answers)
        found["shown as recorded"] += len(lines(folder, "recorded"))
        found["kept"] += len(answers)
        found["lost"] += len(lines(folder, "recorded")) > len(answers)
        assert nursery.live("go_on", folder, name="a") == 0
        assert lines(folder, "went on") == ["a completed" if answers else "a open"]
        found["assumed"] += len(set(lines(folder, "effects"))) > len(answers)
    print(f"\nF07: {dict(found)}")
    assert (found["kills"], found["lost"], found["assumed"]) == (times, 0, 0)


@pytest.mark.parametrize("times", [3, night(50)])
def test_frozen_kernel_that_wakes_finds_its_writes_refused(
    nursery: Nursery, tmp_path: Path, times: int
) -> None:
    """F16: stopped (SIGSTOP) past its lease while another kernel takes the run over, then woken.

    Effects follow their intents at once here: what a kernel that freezes exactly in between does
        when it wakes, nobody can prevent.
    """
    chance = random.Random(16)
    found: Counter[str] = Counter({"freezes": 0, "effects repeated": 0, "froze inside a commit": 0})
    for n in range(times):
        folder = tmp_path / str(n)
        folder.mkdir()
        first = nursery.begin("fifty_steps", folder, lease_ttl=0.6, pause=0.0)
        time.sleep(chance.uniform(0.03, 0.1))  # the fault itself: where it freezes
        first.send(signal.SIGSTOP)
        time.sleep(0.7)  # its lease runs out
        second = nursery.begin("fifty_steps", folder, lease_ttl=0.6, pause=0.0)
        if taken_over(second):
            before = len(lines(folder, "effects"))
            first.send(signal.SIGCONT)
            first.wait()
            found["bodies run on waking"] += len(
                [line for line in lines(folder, "effects")[before:] if line.startswith("did")]
            )
        else:
            found["froze inside a commit"] += 1
            first.send(signal.SIGCONT)
        assert (first.wait(), second.wait()) == (0, 0), (first.said, second.said)
        assert lines(folder, "ends") == [
            "completed 50",
            "completed 50",
        ], "the first kernel watches the run to its end"
        found["freezes"] += 1
        tally(folder, found)
        kinds = [row.kind for row in record(folder)]
        assert kinds[-1] == "run_completed", "nothing was written after the end"
    print(f"\nF16: {dict(found)}")
    assert (found["effects repeated"], found["missing"]) == (0, 0)


def taken_over(second: Life) -> bool:
    """Waits for the second kernel; False when the first holds SQLite's lock, frozen inside a
    commit: all others wait until it wakes.
    """
    try:
        second.wait(3)
    except TimeoutError:
        return False
    return True
