"""Research with models that think, over real HTTP, and with words that no page uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hops_kit import TWELVE, Hops, reader

import sentient_kernel as sk
from sentient_kernel.models.base import Message
from sentient_kernel.testing import FakeWeb, ScriptedModel
from tests.kits.model_server import Asked, ModelServer, Said

QUESTION = TWELVE[0].question


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path, TWELVE[0])


def written(at: Path, hops: Hops) -> Path:
    folder = at / "pages"
    folder.mkdir()
    for title, text in hops.pages:
        (folder / f"{title}.txt").write_text(f"# {title}\n\n{text}\n")
    return folder


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    servers: list[ModelServer] = []

    def start(hops: Hops, hidden: int = 0, **given: Any) -> ModelServer:
        say = reader(hops)

        def answer(asked: Asked) -> Said:
            return Said(text=json.dumps(say(asked.said)), hidden=hidden)

        server = ModelServer(answer, **given).__enter__()
        servers.append(server)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        return server

    yield start
    for server in servers:
        server.__exit__(None, None, None)


# -- models that think -----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["openai:gpt-5-mini", "openai:local", "ollama:qwen3"])
@pytest.mark.parametrize("hidden", [600, 1_200, 2_400])
def test_plan_gaps_and_report_are_the_models_however_long_it_thinks(
    hidden: int,
    model: str,
    serve: Any,
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = serve(TWELVE[0], hidden)
    monkeypatch.setenv("OLLAMA_BASE_URL", server.root)
    with sk.Workbench(tmp_path / "home", model=model) as wb:
        run = wb.research(QUESTION, sources=folder)
        report = run.result(60)
        costs = {line.purpose: line for line in run.cost}
    assert report.notes == () and report.answer and not report.unsupported
    assert server.calls == 3 and costs.keys() == {"plan", "gaps", "write"}
    assert all(line.calls == 1 and line.reasoning == hidden for line in costs.values())
    assert (
        report.cost.reasoning == 3 * hidden
        and f"{3 * hidden:,} of them reasoning" in report.to_html()
    )


def test_reasoning_that_leaves_nothing_for_the_answer_is_told_with_its_setting(
    serve: Any, tmp_path: Path, folder: Path
) -> None:
    server = serve(TWELVE[0], 10**6)
    settings = sk.Settings.load(model_reasoning=400)
    with sk.Workbench(tmp_path / "home", model="openai:local", settings=settings) as wb:
        run = wb.research(QUESTION, sources=folder)
        report = run.result(60)
        spent = sum(line.reasoning for line in run.cost)
    plan, gaps, write, *_ = report.notes
    for note in (plan, gaps, write):
        assert (
            "SENTIENT_MODEL_REASONING" in note
            and "400" in note
            and "Step" not in note
            and "ModelCut" not in note
        )
    assert server.calls == 6 and spent > 6 * 400, "each is asked twice, and all of it is counted"


def test_a_budget_pays_for_reasoning_and_is_asked_before_it_is_passed(
    serve: Any, tmp_path: Path, folder: Path
) -> None:
    serve(TWELVE[0], 1_200)
    with sk.Workbench(tmp_path / "home", model="openai:local") as wb:
        run = wb.research(
            QUESTION, sources=folder, budget=sk.Budget(tokens=1_000), approve={"spend": "ask"}
        )
        assert run.wait(30) == "waiting"
        assert 800 < sum(line.tokens_in + line.tokens_out for line in run.cost) <= 1_000, (
            "it was cut off within its reasoning"
        )
        (asked,) = run.approvals
        assert "1,000 tokens" in asked.question and isinstance(asked.payload, dict)
        assert isinstance(more := asked.payload["tokens"], int) and more > 15_000
        asked.approve()
        report = run.result(60)
        assert (
            report.answer
            and not report.unsupported
            and sum(line.reasoning for line in run.cost) >= 3 * 1_200
        )
        denied = wb.research(
            QUESTION,
            sources=folder,
            budget=sk.Budget(tokens=2_000),
            approve={"spend": "deny"},
            name="denied",
        )
        said = denied.result(60)
        assert sum(line.tokens_in + line.tokens_out for line in denied.cost) <= 2_000
        assert any("budget was used up" in note for note in said.notes)


@pytest.mark.parametrize("budget", [{"tokens": 6_000}, {"usd": 0.004}])
def test_a_plain_model_is_not_refused_for_room_that_it_leaves_unused(
    budget: dict[str, Any], serve: Any, tmp_path: Path, folder: Path
) -> None:
    server = serve(TWELVE[0])
    settings = sk.Settings.load(model_prices="openai:local=0.15/0.60")
    with sk.Workbench(tmp_path / "home", model="openai:local", settings=settings) as wb:
        run = wb.research(
            QUESTION, sources=folder, budget=sk.Budget(**budget), approve={"spend": "deny"}
        )
        assert run.result(60).notes == () and server.calls == 3
        assert all(asked.limit is not None and asked.limit < 16_000 for asked in server.requests), (
            "no more than the budget leaves"
        )


# -- words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["folder", "web"])
@pytest.mark.parametrize(
    "hops", TWELVE, ids=lambda hops: hops.question.split(" of ")[0].split()[-1]
)
def test_the_model_is_asked_and_both_facts_reach_it(
    hops: Hops, where: str, serve: Any, tmp_path: Path
) -> None:
    server = serve(hops)
    with FakeWeb() as web:
        for title, text in hops.pages:
            web.article(f"/{title.replace(' ', '-')}", title, text)
        web_settings = web.settings if where == "web" else {}
        with sk.Workbench(
            tmp_path / "home", model="openai:local", settings=sk.Settings.load(**web_settings)
        ) as wb:
            report = wb.research(
                hops.question, sources="searxng" if where == "web" else written(tmp_path, hops)
            ).result(60)
    prompts = {asked.said.split(" ", 2)[0]: asked.said for asked in server.requests}
    assert re.search(hops.first, prompts["Do"]), "it sees whom the question means"
    assert re.search(hops.first, prompts["Write"]) and hops.second in prompts["Write"]
    assert (
        server.calls == 3 and report.notes == () and not report.abstained and not report.unsupported
    )
    assert hops.second in " ".join(claim.text for claim in report.claims)
    assert not any("mentions" in gap.reason for gap in report.unanswered)


def scripted(name: str, **said: Any) -> ScriptedModel:
    kinds = {"Split": "plan", "Do these": "gaps", "Write": "write", "The words": "repair"}

    def answer(messages: Sequence[Message]) -> Any:
        kind = next(kind for mark, kind in kinds.items() if messages[-1].text.startswith(mark))
        return said.get(kind, {"questions": [], "enough": True, "claims": [], "missing": []})

    return ScriptedModel(answer, name=name)


def test_a_report_abstains_when_the_model_says_that_the_quotes_do_not_answer(
    tmp_path: Path, folder: Path
) -> None:
    model = scripted("honest", write={"claims": [], "missing": ["where the buyer was founded"]})
    with sk.Workbench(tmp_path / "home") as wb:
        report = wb.research(
            "How sharp are the corners of Lumen Optics?", sources=folder, model=model
        ).result(30)
    assert (
        report.abstained
        and not report.claims
        and report.answer == "Nothing in the sources answers this."
    )
    assert [gap.question for gap in report.unanswered] == ["where the buyer was founded"]
    assert report.notes == ("The model found nothing in the quotes that answers the question.",)
    (note,) = report.sources
    assert note.found and note.documents and "holds no documents" not in note.reason


def test_a_model_of_no_use_leaves_the_answer_to_the_rules(tmp_path: Path, folder: Path) -> None:
    with sk.Workbench(tmp_path / "home") as wb:
        mute = wb.research(
            "How much does a lens of Lumen Optics weigh?", sources=folder, model=scripted("mute")
        ).result(30)
        plain = wb.research(
            "How much does a lens of Lumen Optics weigh?", sources=folder, name="plain"
        ).result(30)
        lost = wb.research(
            "Who won the harbour race in Malta?", sources=folder, model=scripted("lost")
        ).result(30)
    assert (
        mute.claims
        and mute.answer == plain.answer
        and mute.notes[-1] == "The report is made of the sources' own sentences."
    )
    assert lost.abstained


def test_prompts_stay_within_their_bounds_however_much_is_found(tmp_path: Path, serve: Any) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(60):
        text = " ".join(
            f"Lumen Optics sold {n * 40 + k} lenses to the buyer number {k}, who was founded in"
            f" city {k}."
            for k in range(60)
        )
        (folder / f"sales {n}.txt").write_text(text)
    for title, text in TWELVE[0].pages:
        (folder / f"{title}.txt").write_text(text)
    server = serve(TWELVE[0])
    with sk.Workbench(tmp_path / "home", model="openai:local") as wb:
        wb.research(QUESTION, sources=folder).result(60)
    assert all(
        sum(len(text) for _, text in asked.messages) < 6_000 * 3.5 for asked in server.requests
    )
    assert max(sum(len(text) for _, text in asked.messages) for asked in server.requests) > 2_000
