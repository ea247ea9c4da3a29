"""What live views are told: everything at first, then only what has changed, in step with a real
journal.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel.feeds.feeds import CHUNK, ErrorsFeed, EventsFeed, InboxFeed, RunFeed
from sentient_kernel.widgets.store import Store

Row = dict[str, Any]


@pytest.fixture
def wb(tmp_path: Path) -> Any:
    with sk.Workbench(tmp_path / "home") as workbench:
        yield workbench


def merged(state: Row, patch: Row | None) -> Row:
    """What a page makes of a patch."""
    patch = patch or {}
    for part, value in patch.get("set", {}).items():
        if part in ("steps", "approvals", "sources", "errors", "runs"):
            for key, row in value.items():
                state[part].pop(key, None) if row is None else state[part].__setitem__(key, row)
        else:
            state[part] = value
    for by, (at, more) in patch.get("text", {}).items():
        text = state["texts"].setdefault(by, {"by": by, "text": "", "at": at})
        assert text["at"] + len(text["text"]) == at
        text["text"] += more
    state.setdefault("events", []).extend(patch.get("events", []))
    return state


go = threading.Event()


def hold(x: int) -> int:
    go.wait(30)
    return x


async def quick(x: int) -> int:
    return x


async def wrong(x: int) -> int:
    raise ValueError("no such column")


@sk.workflow
async def work(ctx: sk.Context, n: int) -> list[int]:
    await ctx.emit("begun", progress=0.1)
    values = [await ctx.step(quick, i) for i in range(n)]
    ctx.stream("Three ", by="researcher")
    ctx.stream("trials", by="researcher")
    await ctx.approve("Go on?", {"values": values, "note": ""})
    values.append(await ctx.step(hold, 7))
    return values


@sk.workflow
async def asks(ctx: sk.Context, payload: Any) -> Any:
    return await ctx.approve("Go on?", payload)


@sk.workflow
async def fails(ctx: sk.Context) -> None:
    await ctx.step(wrong, 1)


def test_patches_on_a_snapshot_give_what_a_new_snapshot_gives(wb: sk.Workbench) -> None:
    go.clear()
    run = wb.start(work, 3)
    run.wait(10)
    feed = RunFeed(wb.view_source, run.id)
    state = feed.snapshot()
    assert state["run"]["status"] == "waiting"
    assert state["texts"]["researcher"]["text"] == "Three trials"
    (question,) = state["approvals"].values()
    assert (question["status"], question["payload"]) == ("open", {"values": [0, 1, 2], "note": ""})
    assert feed.patch() is None, "nothing has happened since"
    run.approvals[0].approve()
    wb.texts.add(run.id, "researcher", " report")
    while run.steps[-1].name != "hold":
        pass
    patch = feed.patch()
    assert patch is not None
    assert set(patch["set"]["steps"]) == {run.steps[-1].key}, (
        "steps that did not change are not told again"
    )
    merged(state, patch)
    go.set()
    assert run.result(10) == [0, 1, 2, 7]
    merged(state, feed.patch())
    fresh = RunFeed(wb.view_source, run.id).snapshot()
    assert {k: v for k, v in state.items() if k != "events"} == fresh
    assert state["run"]["status"] == "completed"
    json.dumps(state)


def test_a_run_of_ten_thousand_events_is_told_quickly_and_a_change_alone(wb: sk.Workbench) -> None:
    go.set()
    run = wb.start(work, 3_000)
    run.wait(60)
    feed = RunFeed(wb.view_source, run.id)
    assert len(feed.snapshot()["steps"]) == 3_000
    run.approvals[0].approve()
    run.result(10)
    patch = feed.patch()
    assert patch is not None
    assert len(patch["set"]["steps"]) == 1


def test_events_come_in_chunks_and_in_order(wb: sk.Workbench) -> None:
    go.set()
    run = wb.start(work, CHUNK // 2 + 10, approve="auto")
    run.result(60)
    feed = EventsFeed(wb.view_source, run.id)
    state = feed.snapshot()
    assert len(state["events"]) == CHUNK
    while patch := feed.patch():
        merged(state, patch)
    assert [row[0] for row in state["events"]] == [event.seq for event in run.events]
    assert {row[2] for row in state["events"]} >= {
        "run_started",
        "step_completed",
        "approval_decided",
        "run_completed",
    }
    assert next(row[4] for row in state["events"] if row[2] == "progress_updated") == "begun"


def test_events_of_a_step_say_which_one_it_is(wb: sk.Workbench) -> None:
    go.set()
    run = wb.start(work, 1)
    run.wait(10)
    rows = EventsFeed(wb.view_source, run.id).snapshot()["events"]
    assert [row[4] for row in rows if row[2] in ("step_started", "step_completed")] == [
        "quick",
        "quick · 0",
    ]
    failed = wb.start(fails)
    failed.wait(10)
    feed = EventsFeed(wb.view_source, failed.id)
    for rows in (feed.snapshot()["events"], feed.snapshot()["events"]):
        assert [row[4] for row in rows if row[2] == "step_failed"] == [
            "wrong · ValueError: no such column"
        ]


def test_a_number_beyond_what_javascript_holds_is_told_and_taken_digit_by_digit(
    wb: sk.Workbench,
) -> None:
    run = wb.start(asks, {"id": 2**63 + 1, "n": 1})
    run.wait(10)
    (row,) = RunFeed(wb.view_source, run.id).snapshot()["approvals"].values()
    assert row["payload"] == {"id": {"$int": str(2**63 + 1)}, "n": 1}
    decision = {
        "approval": row["id"],
        "decision": "approve",
        "edited": True,
        "payload": row["payload"] | {"n": 2},
        "digest": row["digest"],
    }
    wb.view_source.answer({"kind": "do", "what": "decide", "run": run.id, **decision})
    assert run.result(10) == {"id": 2**63 + 1, "n": 2}


@pytest.mark.parametrize(
    "digest",
    [{}, {"digest": ""}, {"digest": None}, {"digest": "0" * 16}, {"digest": "another"}],
    ids=str,
)
@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_an_answer_from_a_page_that_does_not_say_what_was_shown_is_not_recorded(
    wb: sk.Workbench, digest: Row, decision: str
) -> None:
    run = wb.start(asks, {"n": 1})
    run.wait(10)
    (row,) = RunFeed(wb.view_source, run.id).snapshot()["approvals"].values()
    said = {
        "kind": "do",
        "what": "decide",
        "run": run.id,
        "approval": row["id"],
        "decision": decision,
    }
    with pytest.raises(sk.AnswerRefused) as refused:
        wb.view_source.answer(said | digest)
    assert "shown" in str(refused.value) + refused.value.hint
    assert (run.status, run.approvals[0].status) == ("waiting", "open")
    assert "approval_decided" not in {event.kind for event in run.events}
    wb.view_source.answer(said | {"digest": row["digest"]})
    assert run.approvals[0].status != "open"


def test_python_answers_without_naming_what_it_was_shown(wb: sk.Workbench) -> None:
    first, second = wb.start(asks, 1), wb.start(asks, 2)
    first.wait(10), second.wait(10)
    wb.decide(first.approvals[0].id, "approve")
    second.approvals[0].approve()
    assert (first.result(10), second.result(10)) == (1, 2)


def test_a_run_that_ended_with_a_no_says_that_going_on_would_end_there_again(
    wb: sk.Workbench,
) -> None:
    run = wb.start(asks, 1)
    run.wait(10)
    run.approvals[0].reject("not today")
    run.wait(10)
    trouble = RunFeed(wb.view_source, run.id).snapshot()["run"]["trouble"]
    assert trouble["final"] and "resume" not in trouble["next"]


def test_the_inbox_lists_open_questions_and_then_those_answered_last(wb: sk.Workbench) -> None:
    go.set()
    first, second = wb.start(work, 1), wb.start(work, 2)
    first.wait(10), second.wait(10)
    feed = InboxFeed(wb.view_source)
    state = feed.snapshot()
    assert [row["status"] for row in state["approvals"].values()] == ["open", "open"]
    assert (
        {row["run"] for row in state["approvals"].values()}
        == set(state["runs"])
        == {first.id, second.id}
    )
    first.approvals[0].reject("too dear")
    merged(state, feed.patch())
    rows = sorted(state["approvals"].values(), key=lambda row: row["status"])
    assert [(row["status"], row["reason"]) for row in rows] == [
        ("open", ""),
        ("rejected", "too dear"),
    ]


def test_errors_are_told_by_group_with_figures(wb: sk.Workbench) -> None:
    feed = ErrorsFeed(wb.view_source)
    assert feed.snapshot()["errors"] == {}
    for _ in range(2):
        wb.start(fails).wait(10)
    state = merged({"errors": {}}, feed.patch())
    (row,) = state["errors"].values()
    assert (row["type"], row["count"], row["message"]) == ("ValueError", 2, "no such column")
    assert state["stats"]["total"] == 2
    assert [failure["type"] for failure in state["recent"]] == ["ValueError", "ValueError"]


def test_a_failed_run_tells_its_trouble_and_a_research_its_report(
    wb: sk.Workbench, tmp_path: Path
) -> None:
    run = wb.start(fails)
    run.wait(10)
    trouble = RunFeed(wb.view_source, run.id).snapshot()["run"]["trouble"]
    assert "no such column" in trouble["heading"]
    assert "wb.resume" in trouble["next"]
    (tmp_path / "bees.txt").write_text(
        "Honey bees forage up to five kilometres from their hive in summer.\n"
    )
    wb.add(tmp_path / "bees.txt")
    research = wb.research("How far do honey bees forage from their hive?")
    report = research.result(30)
    state = RunFeed(wb.view_source, research.id).snapshot()
    assert state["report"]["question"] == report.question
    assert [c["quote"] for c in state["report"]["citations"]] == [c.quote for c in report.citations]
    assert [phase["state"] for phase in state["phases"]] == ["done"] * 6
    cited = state["report"]["citations"][0]
    around = wb.view_source.answer(
        {"kind": "need", "what": "quote", **{k: cited[k] for k in ("document", "start", "end")}}
    )
    assert around["quote"] == cited["quote"]


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "do", "what": "explode", "run": "r"},
        {"kind": "do", "what": "decide", "run": "r", "approval": ["x"], "decision": "maybe"},
        {"kind": "do", "what": "pause", "run": "no such run"},
        {"kind": "need", "what": "event", "seq": 10**12},
        {"kind": "need", "what": "quote", "document": "../../etc/passwd", "start": 0, "end": 5},
        {"kind": "need", "what": "copy", "run": "r", "format": "exe"},
        {"kind": "need", "what": "event", "seq": 10**40},
        {"kind": "need", "what": "event", "seq": -1},
        {"kind": "need", "what": "x" * 100_000},
        {"kind": "do", "what": "x" * 100_000, "run": "y" * 100_000},
        {"kind": "do", "what": "steer", "run": "r", "text": "x" * 4_001},
        {"kind": "do", "what": "steer", "run": "r", "text": ["x"]},
        {"kind": "do", "what": "cancel", "run": "r", "reason": "x" * 2_001},
        {
            "kind": "do",
            "what": "decide",
            "run": "r",
            "approval": "a",
            "decision": "maybe",
            "digest": "d",
        },
        {
            "kind": "do",
            "what": "decide",
            "run": "r",
            "approval": "a",
            "decision": "approve",
            "digest": ["d"],
        },
        {
            "kind": "do",
            "what": "decide",
            "run": "r",
            "approval": "a",
            "decision": "reject",
            "digest": "d",
            "reason": "x" * 2_001,
        },
        {
            "kind": "do",
            "what": "decide",
            "run": "r",
            "approval": "a",
            "decision": "approve",
            "digest": "d",
            "payload": ["x" * 1_000_000],
        },
        {"kind": "need"},
        {},
    ],
    ids=lambda message: str(message)[:120],
)
def test_what_a_page_asks_wrongly_is_refused_in_a_sentence(wb: sk.Workbench, message: Row) -> None:
    with pytest.raises(sk.SentientError) as refused:
        wb.view_source.answer(message)
    assert str(refused.value).endswith((".", ")"))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 3_000


def test_what_a_page_complains_of_is_cut(wb: sk.Workbench) -> None:
    said = {
        "kind": "error",
        "where": "w" * 5_000_000,
        "message": "m " * 2_500_000,
        "stack": "at draw\n" * 500_000,
    }
    begun = time.process_time()
    wb.view_source.answer(said)
    assert time.process_time() - begun < 0.5
    while not len(wb.errors):
        pass
    assert sum(len(record.body) for record in wb.journal.read()) < 20_000


def test_a_page_does_not_say_what_a_view_is_of(wb: sk.Workbench) -> None:
    store = Store(
        "run", RunFeed(wb.view_source, wb.start(asks, 1).id), lambda store, message: None, ""
    )
    before = store.get_state()
    store.set_state({"view": "inbox" * 1_000_000, "run": "another", "_esm": "alert(1)"})
    assert store.get_state() == before


def test_what_fails_in_a_page_is_in_the_error_tracker(wb: sk.Workbench) -> None:
    for _ in range(2):
        wb.view_source.answer(
            {
                "kind": "error",
                "where": "events",
                "message": "cannot read <b>seq</b>",
                "stack": "at draw (x:1)",
            }
        )
    while not len(wb.errors) or wb.errors[0].count < 2:
        pass
    assert (wb.errors[0].type, wb.errors[0].where) == ("ViewError", "view events")
