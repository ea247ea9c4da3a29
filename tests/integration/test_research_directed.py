"""What becomes of a research that people direct while it works: told to finish, out of time, its
plan edited, steered.
"""

from __future__ import annotations

import asyncio
import platform
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from test_research_with_model import QUESTION, good_report, hops, plans, scripted

import sentient_kernel as sk
from sentient_kernel.models.base import Message, Reply
from sentient_kernel.testing import ScriptedModel


@pytest.fixture
def wb(tmp_path: Path) -> Any:
    from test_research_with_model import TEXTS

    texts = tmp_path / "texts"
    texts.mkdir()
    for name, text in TEXTS.items():
        (texts / name).write_text(text)
    with sk.Workbench(tmp_path / "home") as workbench:
        workbench.add(texts)
        yield workbench


class Slow(ScriptedModel):
    """Takes its time for one kind of question."""

    def __init__(self, slow: str, seconds: float = 30.0, **parts: Any) -> None:
        inner = scripted(**parts)
        super().__init__(inner._answer, name=inner.name)
        self._slow, self._seconds = slow, seconds
        self.reached = False

    async def complete(self, messages: Sequence[Message], **given: Any) -> Reply:
        if self._slow in messages[-1].text[:120]:
            self.reached = True
            await asyncio.sleep(self._seconds)
        return await super().complete(messages, **given)

    def wait(self) -> None:
        until = time.monotonic() + 20
        while not self.reached and time.monotonic() < until:
            time.sleep(0.01)


def cut(report: sk.Report) -> list[str]:
    return [note for note in report.notes if "Left out" in note]


@pytest.mark.parametrize(
    ("slow", "what"),
    [
        ("Split the question", "planning with the model"),
        ("Do these quotes", "looking for gaps"),
        ("not supported", "rewriting"),
    ],
)
def test_finish_now_waits_for_no_answer_that_it_can_do_without(
    wb: sk.Workbench, slow: str, what: str
) -> None:
    def doubtful(messages: Sequence[Message]) -> Any:
        report = good_report(messages)
        return {
            **report,
            "claims": [
                {**report["claims"][0], "text": "Johann Imker sold honey in Vienna."},
                *report["claims"][1:],
            ],
        }

    model = Slow(slow, plan=plans, gaps=hops, write=doubtful)
    run = wb.research(QUESTION, model=model)
    model.wait()
    began = time.monotonic()
    run.finish_now()
    report = run.result(30)
    assert time.monotonic() - began < 5
    assert report.claims
    (note,) = cut(report)
    assert note.startswith("It was asked to finish before all was done.") and what in note
    assert not wb.errors


def test_finish_now_gives_the_model_a_moment_to_write_in_and_no_more(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentient_kernel.research.model_calls.LAST_WORD", 0.3)
    model = Slow("Write a report", plan=plans, gaps=hops, write=good_report)
    run = wb.research(QUESTION, model=model)
    model.wait()
    run.finish_now()
    report = run.result(10)
    assert report.claims and "The report is made of the sources' own sentences." in report.notes
    assert "writing with the model" in cut(report)[0]


def test_what_was_not_waited_for_is_not_waited_for_in_a_replay(
    tmp_path: Path, wb: sk.Workbench
) -> None:
    model = Slow("Do these quotes", plan=plans, gaps=hops, write=good_report)
    run = wb.research(QUESTION, model=model, approve={"spend": "ask"}, budget=sk.Budget(calls=2))
    model.wait()
    run.finish_now()
    assert run.wait(20) == "waiting"
    asked = len(model.calls)
    wb.close()
    with sk.Workbench(tmp_path / "home", model=model) as again:
        again.approvals[0].approve({"calls": 9})
        report = again.resume(run.id).result(20)
    assert report.claims and "looking for gaps" in cut(report)[0]
    assert len(model.calls) == asked + 1


def test_a_run_whose_time_is_over_says_what_it_left_out(wb: sk.Workbench) -> None:
    model = Slow("Do these quotes", plan=plans, gaps=hops, write=good_report)
    report = wb.research(QUESTION, model=model, budget=sk.Budget(seconds=0.5)).result(30)
    (note,) = cut(report)
    assert (
        note.startswith("Its 0.5 s were over before all was done.") and "looking for gaps" in note
    )
    assert note in report.to_markdown()


def test_a_run_that_was_asked_to_finish_and_leaves_nothing_out_says_nothing(
    wb: sk.Workbench,
) -> None:
    run = wb.research("When was Johann Imker born?", approve={"plan": "ask"})
    run.wait(20)
    run.finish_now()
    run.approvals[0].approve()
    assert not cut(run.result(20))


def test_without_a_model_too_what_is_left_out_is_told(wb: sk.Workbench) -> None:
    run = wb.research("When was Johann Imker born?", approve={"plan": "ask"})
    run.wait(20)
    run.finish_now()
    run.approvals[0].approve(["When was Johann Imker born?", "Where was the waggle hive shown?"])
    assert "searching for “Where was the waggle hive shown?”" in cut(run.result(20))[0]


@pytest.mark.parametrize("plan", [[], ["", "  "]])
def test_an_empty_plan_is_refused_at_the_door(wb: sk.Workbench, plan: list[Any]) -> None:
    run = wb.research(QUESTION, approve={"plan": "ask"})
    run.wait(20)
    with pytest.raises(sk.AnswerRefused, match=r"The edited payload does not fit"):
        run.approvals[0].approve(plan)
    run.approvals[0].approve(["Where was Johann Imker born?", " "])
    assert run.result(20).parts == ("Where was Johann Imker born?",)


def test_without_a_model_what_people_say_is_searched_for_too(wb: sk.Workbench) -> None:
    run = wb.research("Where was Johann Imker born?", approve={"plan": "ask"})
    run.wait(20)
    run.steer("Which honey sets like jelly?")
    run.approvals[0].approve()
    report = run.result(20)
    assert report.parts == ("Where was Johann Imker born?", "Which honey sets like jelly?")
    assert any("jelly" in claim.text for claim in report.claims)


def test_a_report_says_which_versions_read_and_asked(wb: sk.Workbench) -> None:
    asked = (
        wb.research(QUESTION, model=scripted(plan=plans, gaps=hops, write=good_report))
        .result(20)
        .made_with
    )
    read = wb.research(QUESTION).result(20).made_with
    for name in ("python", "trafilatura", "pypdfium2"):
        version = platform.python_version() if name == "python" else metadata.version(name)
        assert (
            f"{name} {version}" in asked["sentient_kernel"]
            and f"{name} {version}" in read["sentient_kernel"]
        )
    assert f"pydantic-ai-slim {metadata.version('pydantic-ai-slim')}" in asked["sentient_kernel"]
    assert "pydantic" not in read["sentient_kernel"]
    assert read["sentient_kernel"].startswith(f"{sk.__version__} (")


def test_what_people_say_too_late_is_told_to_have_made_no_difference(wb: sk.Workbench) -> None:
    model = Slow("Write a report", seconds=1.0, plan=plans, gaps=hops, write=good_report)
    run = wb.research(QUESTION, model=model)
    model.wait()
    run.steer("Only sources from Graz.")
    assert (
        "This was told too late to make a difference: “Only sources from Graz.”"
        in run.result(20).notes
    )
