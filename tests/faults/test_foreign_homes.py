"""Homes that were copied: what one wrote oneself goes on unasked, whatever killed it; what others
wrote does nothing unasked.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import kills
from kills import Nursery, lines, record

warm, nursery = kills.warm, kills.nursery
HOMES, RUNS = 10, 20


def test_runs_of_ones_own_are_never_asked_about_though_killed_and_copied(
    nursery: Nursery, tmp_path: Path
) -> None:
    chance = random.Random(9)
    killed = copies = done = asked = foreign = 0
    for n in range(HOMES):
        folder = tmp_path / f"{n}"
        folder.mkdir()
        for life in range(3):
            # of the 200 steps: no life lasts to the end
            until = len(lines(folder, "effects")) + chance.randint(1, 50)
            lived = nursery.begin("walk", folder, runs=RUNS)
            while len(lines(folder, "effects")) < until:
                time.sleep(0.001)
            lived.kill()
            killed += lived.wait() == -signal.SIGKILL
            folder = Path(shutil.copytree(folder, tmp_path / f"{n} moved {life}"))
            copies += 1
        assert nursery.live("walk", folder, runs=RUNS) == 0
        rows = record(folder)
        done += sum(row.kind == "run_completed" for row in rows)
        asked += sum(row.kind == "approval_requested" for row in rows)
        foreign += sum(row.origin != "" for row in rows)
    print(
        f"\nown runs: {done}, kills: {killed}, copies: {copies}, asked: {asked}, rows taken for"
        f" foreign: {foreign}"
    )
    assert killed == copies
    assert (done, asked, foreign) == (HOMES * RUNS, 0, 0)


def test_an_approval_of_another_installation_sends_nothing_here(
    nursery: Nursery, tmp_path: Path
) -> None:
    mine, theirs = str(tmp_path / "mine"), str(tmp_path / "theirs")
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    assert nursery.live("approve_and_die", there, state=theirs) == -signal.SIGKILL
    assert lines(there, "effects") == []
    shutil.copytree(there, here)
    assert nursery.live("send_as", here, state=mine, answers=[]) == 0
    assert (lines(here, "waits for"), lines(here, "effects")) == (["open"], [])
    assert nursery.live("send_as", here, state=mine, answers=["open"]) == 0
    assert (lines(here, "waits for")[-1], lines(here, "effects")) == ("tool", [])
    assert nursery.live("send_as", here, state=mine, answers=["tool"]) == 0
    assert (lines(here, "waits for")[-1], lines(here, "effects")) == ("nothing", ["sent"])
    # where it was approved, it is not asked again
    assert nursery.live("send_as", there, state=theirs, answers=[]) == 0
    assert (lines(there, "waits for"), lines(there, "effects")) == (["nothing"], ["sent"])
