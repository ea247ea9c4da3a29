"""Homes that were written by earlier code: they open, show what they showed, and go on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import history_workflows
import pytest

import sentient_kernel as sk
from sentient_kernel.cli.trust import trust

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.zip"))


@pytest.fixture(params=NAMES)
def unpacked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A history's home and what it showed when it was recorded."""
    with ZipFile(HERE / f"{request.param}.zip") as packed:
        packed.extractall(tmp_path)
    history_workflows.executed.clear()
    return tmp_path


@pytest.fixture
def seen(unpacked: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((unpacked / "seen.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def wb(unpacked: Path) -> Iterator[sk.Workbench]:
    assert trust(str(unpacked / "home"), yes=True) == 0
    with sk.Workbench(unpacked / "home") as opened:
        yield opened


def named(wb: sk.Workbench, name: str) -> sk.Run:
    return wb.run(next(view.id for view in wb.runs if view.name == name))


def test_a_history_opens_whole_and_shows_what_it_showed(
    wb: sk.Workbench, seen: dict[str, Any]
) -> None:
    assert wb.verify().ok
    assert {view.name for view in wb.runs} == {*seen, "waiting", "killed", "killed research"}
    assert named(wb, "finished").result() == seen["finished"]
    assert named(wb, "broken").error.message == seen["broken"]
    assert history_workflows.said(named(wb, "research").result()) == seen["research"]
    assert history_workflows.executed == []


def test_what_was_killed_goes_on_and_repeats_nothing(wb: sk.Workbench) -> None:
    run = wb.resume(named(wb, "killed").id)
    assert run.result(30) == {"total": 145.0, "things": 2}
    assert history_workflows.executed == ["price"]


def test_what_waited_takes_its_answer_and_repeats_nothing(wb: sk.Workbench) -> None:
    run = wb.resume(named(wb, "waiting").id)
    wb.decide(run.approvals[0].id, "approve", payload={"per_gram": 1.0})
    assert run.result(30) == {"total": 290.0, "things": 2}
    assert history_workflows.executed == ["price"]


def test_a_finished_run_is_started_again_by_its_name_and_does_nothing(
    wb: sk.Workbench, seen: dict[str, Any]
) -> None:
    run = wb.start(history_workflows.offer, {"honey": 250, "wax": 40}, name="finished")
    assert run.result(30) == seen["finished"] and history_workflows.executed == []


def test_a_research_that_was_killed_while_it_wrote_ends_in_the_same_report(
    wb: sk.Workbench, seen: dict[str, Any]
) -> None:
    run = named(wb, "killed research")
    steps = {step.name for step in run.steps if step.status == "completed"}
    assert {"search", "pick_evidence"} <= steps and "write_report" not in steps
    # The folder that it read does not exist here: what it read is in the journal.
    assert history_workflows.said(wb.resume(run.id).result(30)) == seen["research"]
