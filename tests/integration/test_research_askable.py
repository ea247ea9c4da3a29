"""A model that cannot be asked is told before its run starts, in one sentence; a replay needs
neither key nor extra.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_kit import Cli, environment, inside, one_sentence
from workbench_kit import BEES, QUESTION

import sentient_kernel as sk
from sentient_kernel.testing import ScriptedModel
from tests.kits.model_server import ModelServer

NOTHING = {"questions": [], "enough": True, "claims": [], "missing": []}
RECORDING = Path(__file__).parents[2] / "notebooks" / "data" / "recordings" / "far_and_where.run"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "ANTHROPIC_API_KEY",
        "DEEPSEEK_API_KEY",
        "GROQ_API_KEY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return inside(tmp_path, capsys, monkeypatch)


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    with sk.Workbench(
        tmp_path / "home", settings=sk.Settings(_env_file=None), sources=BEES
    ) as workbench:  # type: ignore[call-arg]
        yield workbench


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (
            "openai:gpt-5-mini",
            r"'openai:gpt-5-mini' needs OPENAI_API_KEY to be set\. .*OPENAI_BASE_URL, needs no key",
        ),
        ("anthropic:claude", r"'anthropic:claude' needs ANTHROPIC_API_KEY to be set"),
        ("deepseek:chat", r"needs DEEPSEEK_API_KEY to be set"),
        ("groq:llama", r"needs the package 'groq'"),
        (
            "opneai:gpt-5-mini",
            r"There is no provider 'opneai'\. Did you mean 'openai'\? Known are anthropic,",
        ),
        ("gpt-5-mini", r"'gpt-5-mini' is not the name of a model\. Write provider:model"),
    ],
)
def test_a_model_that_cannot_be_asked_is_told_at_the_call(
    wb: sk.Workbench, model: str, says: str
) -> None:
    with pytest.raises(sk.ConfigurationError, match=says) as raised:
        wb.research(QUESTION, model=model)
    assert "\n" not in str(raised.value)
    assert len(wb.runs) == 0


def test_an_embedder_that_cannot_be_asked_is_told_at_the_call(tmp_path: Path) -> None:
    settings = sk.Settings(_env_file=None, embedder="opneai:small")  # type: ignore[call-arg]
    with sk.Workbench(
        tmp_path, settings=settings, sources=BEES, model=ScriptedModel({"": NOTHING})
    ) as wb:
        with pytest.raises(sk.ConfigurationError, match="Did you mean 'openai'"):
            wb.research(QUESTION)
        assert len(wb.runs) == 0


def test_a_server_of_ones_own_needs_no_key(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(NOTHING, model="local") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert wb.research(QUESTION, model="openai:local").result(60).claims
    assert server.calls


def test_looking_at_what_is_there_needs_no_key(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path, settings=sk.Settings(_env_file=None, model="openai:x")) as wb:  # type: ignore[call-arg]
        assert len(wb.runs) == 0
        wb.add(BEES)
        assert wb.search("bees")


def test_a_run_that_is_finished_is_attached_to_without_its_key(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer(NOTHING, model="local") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        first = wb.research(QUESTION, model="openai:local", name="once")
        first.result(60)
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert wb.research(QUESTION, model="openai:local", name="once") == first


def test_on_a_command_line_it_is_one_sentence_and_leaves_no_run(cli: Cli) -> None:
    asked = ("research", QUESTION, "--source", BEES, "--model")
    done = cli(*asked, "openai:gpt-5-mini")
    assert (done.code, done.out) == (1, "") and "needs OPENAI_API_KEY to be set" in one_sentence(
        done.err
    )
    done = cli(*asked, "opneai:gpt-5-mini")
    assert (done.code, done.out) == (2, "") and "Did you mean 'openai'?" in one_sentence(done.err)
    assert cli("runs", "--json").json == []


REPLAY = f"""
import sys
for name in ("pydantic_ai", "openai", "anthropic", "genai_prices", "httpx2", "trafilatura", "docx", "fastapi", "psycopg"):
    sys.modules[name] = None  # as if it was not installed
import sentient_kernel as sk
wb = sk.Workbench("home", settings=sk.Settings.load(mode="replay"), model="openai:written-by-hand")
wb.add({str(BEES)!r}, name="bees")
recorded = wb.open_export({str(RECORDING)!r})
report = wb.research(recorded.result().question, approve={{"plan": "auto"}}, budget=sk.Budget(calls=6, usd=1.0)).result(60)
print([claim.text for claim in report.claims] == [claim.text for claim in recorded.result().claims])
wb.close()
"""


def test_a_replay_needs_neither_key_nor_any_extra(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPLAY],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr
