"""What holds for every fold, whatever the journal says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from projection_log import RUN, START, Log, journals, started

from sentient_kernel.events import Heartbeat, Record, StepCompleted, StepStarted, key_of
from sentient_kernel.ids import RunId, Seq, StepKey
from sentient_kernel.projections.activity import Sources, Steps, history
from sentient_kernel.projections.approvals import Approvals
from sentient_kernel.projections.base import fold
from sentient_kernel.projections.errors import Errors
from sentient_kernel.projections.runs import Progress, RunFold, Runs

FOLDS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "run": (lambda: RunFold(RunId("r1")), lambda f: (f.view, f.progress.view)),
    "runs": (Runs, lambda f: f.table),
    "progress": (Progress, lambda f: (f.view,)),
    "steps": (Steps, lambda f: f.table),
    "approvals": (Approvals, lambda f: (f.table, f.open)),
    "sources": (Sources, lambda f: f.table),
    "errors": (lambda: Errors(max_groups=2, max_recent=3), lambda f: (f.table, f.recent, f.stats)),
}


@pytest.mark.parametrize("name", FOLDS)
@settings(max_examples=25, deadline=None)
@given(records=journals(), at=st.integers(0, 40))
def test_folding_in_two_halves_gives_what_folding_at_once_gives(
    name: str, records: list[Record], at: int
) -> None:
    make, look = FOLDS[name]
    halved = fold(make(), records[:at])
    seen = look(halved)
    kept = repr(seen) + repr(tuple(seen))
    fold(halved, records[at:])
    assert look(halved) == look(fold(make(), records))
    assert repr(seen) + repr(tuple(seen)) == kept, "a view that was handed out has changed"


@pytest.mark.parametrize("name", FOLDS)
def test_kinds_of_a_later_version_and_heartbeats_change_no_fold(name: str) -> None:
    make, look = FOLDS[name]
    log = Log(RunId("r1"))(0, StepStarted(key=StepKey("k"), name="f"))
    before = look(fold(make(), log.records))
    beat = Record(Seq(0), RunId("r1"), START + 9, "heartbeat", Heartbeat().body())
    moon = Record(Seq(1), RunId("r1"), START, "moon_risen", b'{"x":1}')
    assert look(fold(make(), [*log.records, beat, moon])) == before


@settings(max_examples=25, deadline=None)
@given(records=journals())
def test_counts_of_a_run_agree_with_its_steps(records: list[Record]) -> None:
    own = [r for r in records if r.run == "r1"]
    run, steps = fold(RunFold(RunId("r1")), own).view, fold(Steps(), own).table
    running = sum(s.status in ("running", "retrying") for s in steps)
    assert run.running == running
    assert run.failed == sum(s.status == "failed" for s in steps)


@settings(max_examples=25, deadline=None)
@given(records=journals())
def test_a_run_waits_exactly_when_a_question_is_open_and_nothing_is_under_way(
    records: list[Record],
) -> None:
    own = [r for r in records if r.run == "r1"]
    run, approvals = fold(RunFold(RunId("r1")), own).view, fold(Approvals(), own).open
    if run.ended is None:
        assert set(run.approvals) == {a.id for a in approvals}
    if run.status == "waiting":
        assert run.approvals
        assert not run.running
    elif run.status == "running":
        assert not run.approvals or run.running


def test_the_key_of_a_step_is_found_without_parsing_its_result() -> None:
    for key in ("0123456789abcdef", 'odd"key\\', "é"):
        record = Log()(0, StepCompleted(key=StepKey(key), result={"a": [1, '"key":"x"']})).records[
            0
        ]
        assert key_of(record) == key
    not_first = Record(Seq(1), RUN, START, "step_completed", b'{"result":1,"key":"k"}')
    assert key_of(not_first) == "k"


def test_history_shows_every_event_with_its_fields() -> None:
    rows = history(started("Why so?").records)
    assert [(r.seq, r.kind) for r in rows] == [(1, "run_started")]
    assert rows[0].data["inputs"]["args"] == ["Why so?"]


def test_showing_needs_no_pandas_and_no_widgets() -> None:
    code = (
        "import sys, sentient_kernel.projections.drawing.views,"
        " sentient_kernel.projections.drawing.frames;bad = {'pandas', 'ipywidgets', 'IPython',"
        " 'numpy', 'apsw'} & set(sys.modules); sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
