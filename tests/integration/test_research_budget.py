"""What a research with a model may spend, what it is said to have spent, and that what was paid for
is served to whom it belongs.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from test_research_with_model import QUESTION, TEXTS, good_report, hops, plans, scripted

import sentient_kernel as sk
from sentient_kernel.models.base import Message, Reply, Usage
from sentient_kernel.projections.drawing.views import run_text
from sentient_kernel.research.model_calls import SentenceStream
from sentient_kernel.testing import ScriptedModel
from tests.kits.model_server import Asked, Fault, ModelServer


@pytest.fixture
def wb(tmp_path: Path) -> Any:
    texts = tmp_path / "texts"
    texts.mkdir()
    for name, text in TEXTS.items():
        (texts / name).write_text(text)
    with sk.Workbench(tmp_path / "home") as workbench:
        workbench.add(texts)
        yield workbench


class Priced(ScriptedModel):
    """Takes so many dollars for each call, and so long; tells its price before where it knows
    it.
    """

    def __init__(
        self, usd: float | None, *, seconds: float = 0.0, told: float | None = None, **usage: Any
    ) -> None:
        inner = scripted(plan=plans, gaps=hops, write=good_report)
        super().__init__(inner._answer, name=inner.name)
        self.usage = Usage(**{"prompt": 1_000, "completion": 100, "usd": usd, **usage})
        self.asked, self._seconds = 0, seconds
        if told is not None:
            self.cost = lambda usage: told

    async def complete(self, messages: Sequence[Message], **given: Any) -> Reply:
        self.asked += 1
        await asyncio.sleep(self._seconds)
        reply = await super().complete(messages, **given)
        return Reply(text=reply.text, value=reply.value, usage=self.usage, model=self.name)


def waiting(run: sk.Run) -> Any:
    assert run.wait(20) == "waiting"
    return run.approvals[-1]


def paid(*runs: sk.Run) -> tuple[int, float]:
    """Returns calls and dollars as runs have booked them."""
    lines = [line for run in runs for line in run.cost]
    return sum(line.calls for line in lines), sum(line.usd or 0.0 for line in lines)


# -- at the limit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {"usd": -1},
        {"usd": None},
        {"usd": math.inf},
        {"usd": "much"},
        {"usd": True},
        {"dollars": 3},
        ["x"],
        7,
    ],
)
def test_an_answer_that_does_not_fit_is_refused_and_lifts_no_limit(
    wb: sk.Workbench, answer: Any
) -> None:
    model = Priced(3.0)
    question = waiting(run := wb.research(QUESTION, model=model, budget=sk.Budget(usd=0.01)))
    with pytest.raises(sk.UsageError):
        question.approve(answer)
    assert run.wait(0.1) == "waiting" and model.asked == 1
    question.reject()
    assert run.result(20).claims


def test_a_limit_that_an_answer_leaves_out_stays_and_a_number_in_words_of_digits_counts(
    wb: sk.Workbench,
) -> None:
    model = Priced(3.0)
    run = wb.research(QUESTION, model=model, budget=sk.Budget(usd=0.01, calls=2))
    waiting(run).approve({"usd": "50"})
    assert "2 calls" in waiting(run).question and model.asked == 2
    waiting(run).reject()
    assert run.result(20).claims


def test_a_call_whose_price_is_known_is_asked_about_before_it_is_made(wb: sk.Workbench) -> None:
    model = Priced(3.0, told=4.0)
    question = waiting(run := wb.research(QUESTION, model=model, budget=sk.Budget(usd=0.01)))
    assert model.asked == 0
    assert question.question == (
        "This research has spent $0.00 of its $0.01, and its next call needs up to $4.00 more."
        " Raise the limit to $4.00?"
    )
    assert question.payload == {"usd": 4.0}
    question.reject()
    assert run.result(20).claims and model.asked == 0
    enough = Priced(3.0, told=4.0)
    report = wb.research(
        QUESTION, model=enough, budget=sk.Budget(usd=10.0), approve={"spend": "deny"}, name="enough"
    ).result(20)
    assert enough.asked == 3 and report.notes == ()


def test_a_small_budget_asks_once_in_plain_words_and_the_report_says_what_it_lacks(
    wb: sk.Workbench,
) -> None:
    model = Priced(0.003, told=0.003)
    run = wb.research(QUESTION, model=model, budget=sk.Budget(usd=0.002))
    asked = waiting(run)
    assert asked.question == (
        "This research has spent $0.00 of its $0.002, and its next call needs up to $0.003 more."
        " Raise the limit to $0.01?"
    )
    ways = run_text(run.view, run.steps, run.progress, run.sources, run.approvals)
    assert "Raise the limit" in ways and "Stop and write with what is there" in ways
    asked.reject()
    report = run.result(20)
    assert len(run.approvals) == 1 and model.asked == 0 and report.claims
    assert "The budget was used up after 0 calls." in report.notes[0]


def test_a_server_s_price_is_reserved_too(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer("{}") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        run = wb.research(QUESTION, model="openai:gpt-4o", budget=sk.Budget(usd=0.0001))
        assert "needs up to $" in waiting(run).question and server.calls == 0
        run.cancel()


def test_what_is_proposed_is_enough_to_go_on(wb: sk.Workbench) -> None:
    model = Priced(3.0)
    run = wb.research(QUESTION, model=model, budget=sk.Budget(usd=0.01, tokens=1_200))
    asked = []
    while run.wait(20) == "waiting":
        asked.append(run.approvals[-1])
        asked[-1].approve()
    assert model.asked == 3 and len(asked) <= 3, [one.question for one in asked]
    unknown = wb.research(QUESTION, model=Priced(3.0), budget=sk.Budget(usd=0.01), name="unknown")
    said = (
        "This research has spent $3.00 of its $0.01, and its next call has no known price (the"
        " dearest one so far cost $3.00). Raise the limit to $6.00?"
    )
    question = waiting(unknown)
    assert question.question == said and question.payload == {"usd": 6.0}
    unknown.cancel()


def test_yes_to_everything_goes_over_a_budget_once(wb: sk.Workbench) -> None:
    model = Priced(1.0, told=1.0)
    run = wb.research(QUESTION, model=model, budget=sk.Budget(usd=1.0), approve="auto")
    report = run.result(20)
    assert model.asked == 2 and paid(run) == (2, 2.0)
    assert any("spend" in note and "once" in note for note in report.notes), report.notes
    assert [one.status for one in run.approvals if one.ask == "spend"] == ["approved", "rejected"]
    named = Priced(1.0, told=1.0)
    wb.research(
        QUESTION,
        model=named,
        budget=sk.Budget(usd=0.1),
        approve={"spend": "auto", "default": "auto"},
        name="named",
    ).result(20)
    assert named.asked == 3


# -- what is booked --------------------------------------------------------------------------------


def test_a_call_whose_run_was_cancelled_is_booked_by_who_is_served_it_next_and_once(
    wb: sk.Workbench,
) -> None:
    model = Priced(1.0, seconds=0.5)
    first = wb.research(QUESTION, model=model)
    while not model.asked:
        time.sleep(0.01)
    first.cancel()
    time.sleep(0.8)
    second = wb.research(QUESTION, model=model)
    second.result(20)
    third = wb.research(QUESTION, model=model, name="again")
    third.result(20)
    assert paid(first, second, third) == (model.asked, 3.0) == (3, 3.0)
    assert paid(third) == (0, 0.0)


def test_a_call_whose_run_was_cancelled_while_others_waited_for_it_is_booked_once(
    wb: sk.Workbench,
) -> None:
    model = Priced(1.0, seconds=0.5)
    first = wb.research(QUESTION, model=model)
    while not model.asked:
        time.sleep(0.01)
    others = [wb.research(QUESTION, model=model, name=name) for name in ("b", "c")]
    time.sleep(0.2)
    first.cancel()
    for run in others:
        run.result(20)
    assert paid(first, *others) == (model.asked, 3.0) == (3, 3.0)


def test_a_call_that_failed_after_its_run_was_cancelled_is_booked_by_who_waited(
    wb: sk.Workbench,
) -> None:
    class Failing(Priced):
        async def complete(self, messages: Sequence[Message], **given: Any) -> Reply:
            await super().complete(messages, **given)
            raise sk.ModelError("No.", usage=self.usage)

    model = Failing(1.0, seconds=0.5)
    first = wb.research(QUESTION, model=model)
    while not model.asked:
        time.sleep(0.01)
    second = wb.research(QUESTION, model=model, name="second")
    time.sleep(0.2)
    first.cancel()
    second.result(20)
    assert paid(first, second) == (model.asked, float(model.asked))


def test_every_request_counts_and_none_goes_over_the_calls_that_are_left(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with ModelServer("no JSON") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        run = wb.research(
            QUESTION, model="openai:bad", budget=sk.Budget(calls=1), approve={"spend": "deny"}
        )
        run.result(20)
        assert server.calls == 1 == paid(run)[0]
    with ModelServer(
        lambda asked: json.dumps({"questions": []}), faults=[Fault(kind="status", status=500)]
    ) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        run = wb.research(
            QUESTION,
            model="openai:late",
            budget=sk.Budget(calls=2),
            approve={"spend": "deny"},
            name="late",
        )
        run.result(20)
        assert server.calls == 2 == paid(run)[0]


@pytest.mark.parametrize(
    "usage",
    [{"prompt": -5}, {"prompt": "12a"}, {"completion": math.nan}, {"usd": -3.0}, {"usd": math.nan}],
)
def test_a_model_that_says_nonsense_of_what_it_used_is_served_all_the_same(
    wb: sk.Workbench, usage: dict[str, Any]
) -> None:
    model = Priced(**{"usd": None, **usage})
    run = wb.research(QUESTION, model=model, budget=sk.Budget(usd=1.0, tokens=10**6))
    assert [claim.verdict for claim in run.result(20).claims] == ["supported", "supported"]
    assert all(
        line.tokens_in >= 0 and line.tokens_out >= 0 and (line.usd or 0.0) >= 0 for line in run.cost
    )


# -- whose answer it is ----------------------------------------------------------------------------


def city(town: str) -> Any:
    def say(asked: Asked) -> Any:
        lines = [line for line in asked.said.splitlines() if line.startswith("[") and town in line]
        texts = {
            "Dornbirn": "Johann Imker was born in Dornbirn in 1844.",
            "Graz": "He first showed the waggle hive at Graz in 1871.",
        }
        claims = [
            {"text": texts[town], "cites": [int(line[1 : line.index("]")]) for line in lines[:1]]}
        ]
        return {
            "questions": [],
            "enough": True,
            "claims": claims if asked.said.startswith("Write a report") else [],
            "missing": [],
        }

    return say


def test_another_server_of_the_same_model_is_asked_itself(
    tmp_path: Path, wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, files = {}, {}
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    wb.close()
    with ModelServer(city("Dornbirn")) as a, ModelServer(city("Graz")) as b:
        for server, town in ((a, "Dornbirn"), (b, "Graz"), (a, "Dornbirn")):
            monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/")
            before = server.calls
            with sk.Workbench(tmp_path / "home") as here:
                run = here.research(QUESTION, sources=tmp_path / "texts", model="openai:x")
                answers[town] = run.result(20).to_markdown()
                assert town in answers[town] and (server.calls == before) == (before > 0)
                files[town] = here.export(run.id, tmp_path / f"{town}.run")
    monkeypatch.delenv("OPENAI_BASE_URL")
    monkeypatch.delenv("OPENAI_API_KEY")
    for town, file in files.items():  # on another machine, where nobody knows of either server
        with sk.Workbench(
            tmp_path / f"there {town}", settings=sk.Settings.load(mode="replay")
        ) as there:
            there.open_export(file)
            report = there.research(QUESTION, sources=tmp_path / "texts", model="openai:x").result(
                20
            )
            note = next(note for note in report.notes if "a file that was opened here" in note)
            assert report.to_markdown().replace(f"**Note:** {note}\n\n", "") == answers[town]


def test_two_scripts_of_one_name_are_asked_each(wb: sk.Workbench) -> None:
    scripts = [
        {"Write a report": {"claims": [], "missing": [what]}, "": {"questions": [], "enough": True}}
        for what in ("this", "that")
    ]
    for n, script in enumerate(scripts):
        model = ScriptedModel(script)
        wb.research(QUESTION, model=model, name=f"run {n}").result(20)
        assert model.calls
        again = ScriptedModel(script)
        wb.research(QUESTION, model=again, name=f"again {n}").result(20)
        assert not again.calls


# -- what is shown while it is written -------------------------------------------------------------


def shown(text: str, size: int) -> str:
    told: list[str] = []
    readable = SentenceStream(told.append)
    for at in range(0, len(text), size):
        readable.take(text[at : at + size])
    return "".join(told)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1_000])
def test_sentences_are_shown_whole_in_whatever_pieces_they_come(size: int) -> None:
    texts = ['Say "bees" \\ twice.', "", "Ünïcode 🐝 and\nlines.", "\\", "End"]
    written = json.dumps({"claims": [{"text": text, "cites": [1]} for text in texts]})
    assert shown(written, size) == 'Say "bees" \\ twice. Ünïcode 🐝 and\nlines. \\ End'
    assert shown(f"Sure!\n```json\n{written}", size).endswith(" \\ End")
    broken = '{"claims": [{"text": "a \\uZZZZ b"}]}'
    assert shown(broken, size) in ("", "a", "a ")


def test_an_answer_without_end_is_shown_in_bounded_time() -> None:
    def seconds(length: int) -> float:
        began = time.perf_counter()
        assert len(shown('{"claims":[{"text":"' + "abcd" * length, 4)) >= 19_900
        return time.perf_counter() - began

    assert seconds(50_000) < 2.0
