"""Runs as a person holds them: looked at, waited for, steered, answered."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from workbench_kit import (
    BEES,
    QUESTION,
    UNANSWERABLE,
    asking,
    awaited,
    calls,
    double,
    doubled,
    picky,
    tell,
    waiting,
)

import sentient_kernel as sk
from sentient_kernel.feeds.feeds import RunFeed
from sentient_kernel.workbench.view_source import WorkbenchViews


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    calls.clear()
    with sk.Workbench(tmp_path / "home") as workbench:
        yield workbench


@pytest.fixture
def bees(wb: sk.Workbench) -> sk.Workbench:
    wb.add(BEES)
    return wb


def test_a_run_returns_at_once_and_tells_all_about_itself(wb: sk.Workbench) -> None:
    run = wb.start(doubled, 3, times=2)
    assert run.result() == 12
    assert (run.status, run.error, run.progress.fraction) == ("completed", None, 1.0)
    assert [step.name for step in run.steps] == ["double", "double"]
    assert [event.kind for event in run.events] == [
        "run_started",
        *["step_started", "step_completed"] * 2,
        "run_completed",
    ]
    assert [len(table) for table in (run.sources, run.cost, run.approvals)] == [0, 0, 0]
    assert repr(run) == "Run('doubled')"
    assert run == wb.run(run.id) == wb.run(run.id[:20])
    assert hash(run) == hash(wb.run(run.id))


def test_tables_are_sequences_with_frames_and_views(bees: sk.Workbench) -> None:
    run = bees.research(QUESTION)
    run.result()
    with pytest.raises(sk.RunFailed):
        bees.start(picky, 1).result()
    tables = [
        run.events,
        run.steps,
        run.sources,
        run.cost,
        run.approvals,
        bees.runs,
        bees.approvals,
        bees.errors,
        bees.search("bees"),
    ]
    for table in tables:
        frame = table.to_frame()
        assert (len(frame), list(frame.columns)) == (len(table), list(table.columns))
        assert list(table) == [table[i] for i in range(len(table))]
        assert table._repr_html_().startswith("<style>")
        assert "0x" not in repr(table)
    assert [len(table) > 0 for table in tables] == [
        True,
        True,
        True,
        False,
        False,
        True,
        False,
        True,
        True,
    ]
    with pytest.raises(AttributeError):
        run.steps[0].name = "other"  # type: ignore[misc]


def test_a_failed_run_says_why_and_can_be_taken_up_again(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = wb.start(picky, 1)
    with pytest.raises(sk.RunFailed, match="no 1") as caught:
        run.result()
    assert isinstance(caught.value.__cause__, sk.StepFailed)
    assert caught.value.story[-1]["kind"] == "run_failed"
    assert (run.status, run.error and run.error.message) == (
        "failed",
        "Step 'fail' failed: ValueError: no 1",
    )
    (error,) = wb.errors
    assert (error.count, "ValueError" in error.type or "no 1" in error.message) == (1, True)
    with pytest.raises(sk.RunFailed):
        wb.resume(run.id).result()
    assert calls == [1, 1]


def test_a_named_run_is_attached_to_by_the_same_inputs_only(wb: sk.Workbench) -> None:
    first = wb.start(doubled, 3, name="mine")
    assert first.result() == 6
    assert wb.start(doubled, 3, name="mine") == first
    assert wb.start(doubled, 4, name="mine") != first
    assert wb.start(doubled, 3, name="yours") != first
    unnamed = [wb.start(doubled, 3), wb.start(doubled, 3)]
    assert unnamed[0] != unnamed[1]
    assert [run.result() for run in (*unnamed, wb.start(doubled, 3, name="yours"))] == [6, 6, 6]
    assert calls.count(3) == 4


def test_a_named_run_attaches_while_it_runs_and_after_it_failed(wb: sk.Workbench) -> None:
    run = wb.start(asking, 1, name="ask")
    assert wb.start(asking, 1, name="ask") == run
    failed = wb.start(picky, 1, name="pick")
    for _ in range(2):
        with pytest.raises(sk.RunFailed):
            wb.start(picky, 1, name="pick").result()
    assert wb.start(picky, 1, name="pick") == failed
    assert len(wb.runs) == 2


def test_a_named_research_attaches_in_the_next_process_too(tmp_path: Path) -> None:
    reports = []
    for _ in range(2):
        with sk.Workbench(tmp_path / "home", sources=BEES) as wb:
            reports.append(wb.research(QUESTION, name="far").result())
            assert len(wb.runs) == 1
            assert len(wb.runs[0:1][0].id) == 36
    assert reports[0] == reports[1]


def test_waiting_for_a_run_has_an_end(wb: sk.Workbench) -> None:
    run = wb.start(waiting)
    with pytest.raises(sk.RunTimedOut):
        run.result(timeout=0.05)
    with pytest.raises(TimeoutError):
        run.result(timeout=0)
    run.finish_now()
    tell(run, 1)
    assert run.result(timeout=30) == []
    assert run.result(timeout=0) == []


def test_who_waits_looks_only_when_something_came(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    of = WorkbenchViews.of
    monkeypatch.setattr(
        WorkbenchViews, "of", lambda folds, run: looks.append(run) or of(folds, run)
    )
    run = wb.start(waiting)
    begun = time.monotonic()
    run.wait(timeout=1.5)
    with pytest.raises(sk.RunTimedOut):
        run.result(timeout=1.5)
    assert len(looks) <= 10 * (time.monotonic() - begun), "a heartbeat, not a poll"
    changes = run.changes()
    assert next(changes).status in ("pending", "running")
    run.finish_now()
    tell(run, 1)
    *_, last = changes
    assert last.status == "completed"


def test_texts_that_a_run_is_told_have_an_end(wb: sk.Workbench) -> None:
    run = wb.start(waiting)
    asked = wb.start(asking, 1)
    asked.wait(10)
    (question,) = asked.approvals
    for most, told in (
        (4_000, run.steer),
        (2_000, run.pause),
        (2_000, run.cancel),
        (2_000, question.reject),
        (2_000, lambda why: question.approve(reason=why)),
        (2_000, lambda why: wb.decide(question.id, "approve", reason=why)),
        (200, lambda name: wb.start(doubled, 1, name=name)),
        (200, lambda name: wb.research(QUESTION, name=name)),
    ):
        before = (len(run.events), len(asked.events), len(wb.runs))
        with pytest.raises(sk.UsageError, match=f"at most {most:,} characters, not {most + 1:,}"):
            told("x" * (most + 1))
        with pytest.raises(sk.UsageError):
            told(7)  # type: ignore[arg-type]
        assert (len(run.events), len(asked.events), len(wb.runs)) == before
    run.steer("x" * 4_000)
    assert [
        len(record.event.text) for record in wb.journal.read(run=run.id, kinds=["run_steered"])
    ] == [4_000]
    wb.start(doubled, 1, name="n" * 200).result()
    question.reject("x" * 2_000)
    run.cancel("x" * 2_000)


def test_steering_pausing_and_finishing(wb: sk.Workbench) -> None:
    run = wb.start(waiting)
    run.steer("only leafcutters")
    run.pause()
    assert run.status == "paused"
    tell(run, 1)
    with pytest.raises(sk.RunTimedOut):
        run.result(timeout=0.3)
    assert calls == []
    run.finish_now()
    assert run.resume() is run
    assert run.result() == ["only leafcutters"]
    assert calls == [1]
    for late in (run.pause, run.cancel, run.finish_now, lambda: run.steer("late"), run.resume):
        with pytest.raises(sk.Refused):
            late()


async def listens(ctx: Any) -> Any:
    return ctx.steers


@sk.workflow
async def hears_by_another(ctx: Any) -> Any:
    async def inner() -> Any:
        return await listens(ctx)

    return await inner()


@sk.workflow
async def passes_on(ctx: Any) -> Any:
    return await hears_by_another(ctx), await waiting(ctx)


def test_a_view_knows_what_a_workflow_listens_to(wb: sk.Workbench) -> None:
    runs = [wb.start(doubled, 1), wb.start(hears_by_another), wb.research("Why?")]
    passes = wb.start(passes_on)
    passes.steer("only <b>leafcutters</b>")
    rows = [RunFeed(wb.view_source, run.id).snapshot()["run"] for run in (*runs, passes)]
    both = ["finish", "steer"]
    assert [row["heeds"] for row in rows] == [[], ["steer"], both, both]
    assert rows[-1]["said"] == ["only <b>leafcutters</b>"]
    assert "only &lt;b&gt;leafcutters&lt;/b&gt;" in str(passes._repr_html_())
    assert wb.view_source.heeds("gone:workflow") == {"finish", "steer"}, (
        "not defined here: not known"
    )
    passes.cancel()


def test_marimo_is_given_live_views_and_pictures_where_it_shows_no_widgets(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = wb.start(doubled, 1)
    assert run.result(20) == 2

    class Shown(NamedTuple):
        store: Any

        def _mime_(self) -> tuple[str, str]:
            return "text/html", f"<widget {self.store.view} {self.store.run}>"

    marimo = SimpleNamespace(running_in_notebook=lambda: True, ui=SimpleNamespace(anywidget=Shown))
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    assert [one._mime_()[1] for one in (run, run.events, wb.approvals, wb.errors)] == [
        f"<widget run {run.id}>",
        f"<widget events {run.id}>",
        "<widget inbox >",
        "<widget errors >",
    ]
    assert "doubled" in wb.runs._mime_()[1]
    monkeypatch.setattr("sentient_kernel.notebook.widget_registry.find_spec", lambda name: None)
    assert "doubled" in run._mime_()[1] and "No approvals" in wb.approvals._mime_()[1]


def test_a_cancelled_run_says_so_and_keeps_its_steps(wb: sk.Workbench) -> None:
    run = wb.start(waiting)
    tell(run, 5)
    run.cancel("enough")
    with pytest.raises(sk.RunCancelled, match="enough"):
        run.result()
    assert run.status == "cancelled"
    run.resume()
    assert run.status in ("running", "pending")
    run.cancel()
    with pytest.raises(sk.RunCancelled):
        run.result()


def test_await_works_in_any_loop(wb: sk.Workbench) -> None:
    async def cell() -> int:
        return int(await wb.start(doubled, 4))

    assert asyncio.run(cell()) == 8

    async def failing() -> None:
        await wb.start(picky, 1)

    with pytest.raises(sk.RunFailed):
        asyncio.run(failing())


def test_many_await_at_once_and_a_cancelled_wait_is_only_a_wait(wb: sk.Workbench) -> None:
    async def cell() -> list[Any]:
        run = wb.start(waiting)
        waiter = asyncio.ensure_future(awaited(run))
        await asyncio.sleep(0)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        assert run.status != "cancelled"
        run.cancel()
        return list(await asyncio.gather(*(awaited(wb.start(doubled, i)) for i in range(5))))

    assert asyncio.run(cell()) == [0, 2, 4, 6, 8]


def test_map_gives_one_row_each_and_a_failure_costs_one(wb: sk.Workbench) -> None:
    table = wb.map(picky, range(5), concurrency=2)
    assert [(row.item, row.status, row.value) for row in table] == [
        (0, "completed", 0),
        (1, "failed", None),
        (2, "completed", 4),
        (3, "failed", None),
        (4, "completed", 8),
    ]
    assert "no 3" in table[3].error
    assert list(table.to_frame()["status"]) == [row.status for row in table]
    assert len(wb.map(doubled, [])) == 0


def test_map_over_questions_gives_reports(bees: sk.Workbench) -> None:
    table = bees.map([QUESTION, UNANSWERABLE])
    assert [row.value.abstained for row in table] == [False, True]
    with pytest.raises(sk.UsageError):
        bees.map([QUESTION], concurrency=0)
    with pytest.raises(sk.UsageError, match="items are for a workflow"):
        bees.map([QUESTION], ["a"])


def test_map_begins_no_question_when_one_of_them_cannot_be_asked(bees: sk.Workbench) -> None:
    before = len(bees.runs)
    with pytest.raises(sk.UsageError, match="question is empty"):
        bees.map([QUESTION, " "])
    assert len(bees.runs) == before


@pytest.mark.parametrize("name", ["", " ", 5])
def test_a_name_is_a_few_words(wb: sk.Workbench, name: Any) -> None:
    for begin in (
        lambda: wb.research(QUESTION, name=name),
        lambda: wb.start(doubled, 1, name=name),
    ):
        with pytest.raises(sk.UsageError, match="name must be a few words"):
            begin()
    assert len(wb.runs) == 0


def test_start_refuses_what_is_no_workflow_or_does_not_fit(wb: sk.Workbench) -> None:
    with pytest.raises(sk.UsageError, match="not a workflow"):
        wb.start(double, 3)  # type: ignore[arg-type]
    with pytest.raises(sk.UsageError):
        wb.start(doubled)
    with pytest.raises(sk.ValueNotStorable, match="Argument 1"):
        wb.start(doubled, threading.Lock())


def test_a_question_waits_and_is_answered_by_either_door(wb: sk.Workbench) -> None:
    for answer in (
        lambda a: a.approve({"x": 7}),
        lambda a: wb.decide(a.id, "approve", payload={"x": 7}),
    ):
        run = wb.start(asking, 1)
        with pytest.raises(sk.RunWaiting):
            run.result()
        assert (run.status, run.progress.message) == ("waiting", "half way")
        (approval,) = wb.approvals
        assert (approval.question, approval.payload, approval.run) == (
            "Go ahead?",
            {"x": 1},
            run.id,
        )
        answer(approval)
        assert run.result() == {"x": 7}
        assert (run.approvals[0].status, len(wb.approvals)) == ("edited", 0)


def test_a_timeout_waits_for_an_answer_from_elsewhere(wb: sk.Workbench) -> None:
    run = wb.start(asking, 1)
    assert run.wait() == "waiting"
    with pytest.raises(sk.RunTimedOut):
        run.result(timeout=0.4)
    answer = threading.Timer(0.4, lambda: wb.approvals[0].approve())
    answer.start()
    assert run.result(timeout=30) == {"x": 1}
    answer.join()
    assert run.wait() == "completed"


def test_show_prints_a_line_where_there_is_no_notebook(
    wb: sk.Workbench, capsys: pytest.CaptureFixture[str]
) -> None:
    run = wb.start(doubled, 1)
    run.result()
    run.show()
    assert capsys.readouterr().out == "Run('doubled')\n"
    assert 'data-status="completed"' in run._repr_html_()


def test_a_no_reaches_the_workflow_with_its_reason(wb: sk.Workbench) -> None:
    for answer in (
        lambda a: a.reject("too dear"),
        lambda a: wb.decide(a.id, "reject", reason="too dear"),
    ):
        run = wb.start(asking, 1)
        with pytest.raises(sk.RunWaiting):
            run.result()
        answer(wb.approvals[0])
        with pytest.raises(sk.RunFailed) as caught:
            run.result()
        assert isinstance(caught.value.__cause__, sk.ApprovalRejected)
        assert caught.value.__cause__.reason == "too dear"


def test_who_answers_many_questions_reads_each_once(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [wb.start(asking, n) for n in range(6)]
    for run in runs:
        assert run.wait(20) == "waiting"
    asked, read = [], wb.view_source.read

    def reading(**how: Any) -> Any:
        rows = read(**how)
        asked.extend(row for row in rows if how.get("kinds") == ["approval_requested"])
        return rows

    monkeypatch.setattr(wb.view_source, "read", reading)
    for approval in list(wb.approvals):
        approval.approve()
    assert len(asked) == 6
    late = wb.start(asking, 7)
    assert late.wait(20) == "waiting"
    late.approvals[0].reject("no")
    assert len(asked) == 7
    with pytest.raises(sk.NotFound, match="There is no approval 'none' here"):
        wb.decide("none", "approve")


def test_a_second_and_a_stale_answer_are_refused(wb: sk.Workbench) -> None:
    run = wb.start(asking, 1)
    with pytest.raises(sk.RunWaiting):
        run.result()
    (approval,) = wb.approvals
    with pytest.raises(sk.AnswerRefused):
        wb.decide(approval.id, "approve", digest="something else")
    with pytest.raises(sk.UsageError):
        wb.decide(approval.id, "maybe")
    approval.approve()
    with pytest.raises(sk.AnswerRefused, match="already approved"):
        approval.reject()
    assert run.result() == {"x": 1}


@pytest.mark.parametrize(
    ("approve", "ends"),
    [
        ("auto", "completed"),
        ("deny", "failed"),
        ("ask", "waiting"),
        (None, "waiting"),
        ({"question": "auto"}, "completed"),
        ({"question": "deny", "default": "auto"}, "failed"),
        ({"plan": "auto"}, "waiting"),
        ({"default": "auto"}, "completed"),
    ],
)
def test_policies_answer_as_they_say_and_nobody_hangs(
    wb: sk.Workbench, approve: Any, ends: str
) -> None:
    run = wb.start(asking, 1, approve=approve)
    if ends == "completed":
        assert run.result() == {"x": 1}
    else:
        with pytest.raises(sk.RunWaiting if ends == "waiting" else sk.RunFailed):
            run.result()
    assert run.status == ends


@pytest.mark.parametrize(
    ("setting", "ends"), [("auto", "completed"), ("deny", "failed"), ("ask", "waiting")]
)
def test_the_setting_answers_where_nobody_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, ends: str
) -> None:
    monkeypatch.setenv("SENTIENT_APPROVE", setting)
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.start(asking, 1)
        if ends == "completed":
            run.result()
        else:
            with pytest.raises(sk.RunError):
                run.result()
        assert run.status == ends
        explicit = wb.start(asking, 1, approve="auto")
        assert explicit.result() == {"x": 1}


def test_a_plan_is_shown_before_it_is_followed_and_may_be_edited(bees: sk.Workbench) -> None:
    run = bees.research(QUESTION, approve="ask")
    with pytest.raises(sk.RunWaiting):
        run.result()
    (approval,) = run.approvals
    assert (approval.ask, approval.payload) == ("plan", [QUESTION])
    with pytest.raises(sk.AnswerRefused):
        approval.approve({"not": "a list of questions"})
    approval.approve(["How long is a waggle run?"])
    assert any(c.title == "The waggle dance" for c in run.result().citations)
    assert bees.research(QUESTION, approve={"plan": "auto"}).result().citations
