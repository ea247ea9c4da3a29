"""A research that is interrupted goes on in another process with all that it had found, and its
report is the same.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import command, environment

import sentient_kernel as sk
from sentient_kernel.testing import FakeWeb
from tests.kits.model_server import Asked, Fault, ModelServer

QUESTION = "In which town was the inventor of the waggle hive born?"
HIVE = (
    "The waggle hive was invented by Johann Imker. The waggle hive has glass on two sides. Its"
    " frames were made of lime wood."
)
BORN = (
    "Johann Imker, the inventor of the waggle hive, was born in the town of Dornbirn in 1844. He"
    " kept bees from the age of nine."
)
MODEL = "openai:scripted-1"
CHILD = """
import sys, sentient_kernel as sk
with sk.Workbench(sys.argv[1]) as wb:
    wb.research(sys.argv[2], sources=sys.argv[4:], model=sys.argv[3]).result()
"""


def kind(asked: Asked) -> str:
    """Returns what a model is asked for."""
    said = str(asked.body["messages"][-1]["content"])
    marks = {"Split the question": "plan", "Do these quotes": "gaps", "Write a report": "write"}
    return next((name for mark, name in marks.items() if mark in said), "repair")


def say(asked: Asked) -> Any:
    """Plans one search, finds nothing missing, and writes where he was born."""
    lines = str(asked.body["messages"][-1]["content"]).splitlines()
    cites = [
        int(line[1 : line.index("]")])
        for line in lines
        if line.startswith("[") and "Dornbirn" in line
    ][:1]
    return {
        "plan": {
            "questions": [
                {"question": "Where was Johann Imker born?", "query": "Johann Imker born"}
            ]
        },
        "gaps": {"enough": True, "questions": []},
        "write": {
            "claims": [{"text": "Johann Imker was born in Dornbirn in 1844.", "cites": cites}],
            "missing": [],
        },
    }.get(kind(asked), {"claims": []})


class Outside:
    """A web and a model on this machine; the model can be told to keep silent at a kind of
    question.
    """

    def __init__(self) -> None:
        self.silent = ""
        self.web = FakeWeb()
        self.model = ModelServer(
            say, faults=lambda asked: Fault(kind="hang") if kind(asked) == self.silent else None
        )

    @property
    def asked(self) -> list[str]:
        """What the model was asked, in order."""
        return [kind(one) for one in self.model.requests]

    @property
    def read(self) -> Counter[str]:
        """What the web was asked, how often each."""
        return Counter(one.target for one in self.web.requests)

    def wait(self, what: str) -> None:
        """Waits until the model is asked for something."""
        until = time.monotonic() + 20
        while what not in self.asked:
            assert time.monotonic() < until, self.asked
            time.sleep(0.01)
        time.sleep(0.1)


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Outside]:
    outside = Outside()
    with outside.web as web, outside.model as model:
        for place, title, text in (
            ("hive", "The waggle hive", HIVE),
            ("imker", "Johann Imker", BORN),
        ):
            web.article(f"/{place}", title, text)
            web.wiki(title, text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("OPENAI_BASE_URL", model.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        for name, value in web.settings.items():
            monkeypatch.setenv(
                f"SENTIENT_{name.upper()}", ",".join(value) if isinstance(value, tuple) else value
            )
        yield outside


def sources(outside: Outside, what: str) -> list[str]:
    return (
        [f"{outside.web.url}/hive", f"{outside.web.url}/imker"] if what == "addresses" else [what]
    )


def told(report: sk.Report) -> dict[str, Any]:
    """Returns a report as JSON, without what is another one for each run."""
    return {name: value for name, value in report.to_dict().items() if name != "run_id"}


def whole(outside: Outside, home: Path, **given: Any) -> dict[str, Any]:
    """Returns the report of a research that nothing interrupts."""
    with sk.Workbench(home) as wb:
        report = told(wb.research(QUESTION, model=MODEL, **given).result(30))
    assert [claim["verdict"] for claim in report["claims"]] == ["supported"], report
    outside.model.requests.clear()
    outside.web.requests.clear()
    return report


@pytest.mark.parametrize("what", ["web", "addresses", "wikipedia"])
@pytest.mark.parametrize("at", ["gaps", "write"])
def test_killed_between_search_and_report_it_goes_on_with_all_that_it_had_found(
    outside: Outside, tmp_path: Path, what: str, at: str
) -> None:
    given = sources(outside, what)
    expected = whole(outside, tmp_path / "whole", sources=given)
    outside.silent = at
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path / "home"), QUESTION, MODEL, *given],
        env=environment(),
    )
    outside.wait(at)
    child.send_signal(signal.SIGKILL)
    child.wait()
    outside.silent = ""
    with sk.Workbench(tmp_path / "home") as wb:
        (run,) = wb.runs
        assert run.status == "crashed"
        report = wb.resume(run.id).result(30)
    assert told(report) == expected
    assert Counter(outside.asked) == {"plan": 1, "gaps": 1, "write": 1, at: 2}
    assert set(outside.read.values()) == {1}, outside.read


def test_approved_by_one_command_and_gone_on_with_by_another(
    outside: Outside, tmp_path: Path
) -> None:
    words = [
        "research",
        QUESTION,
        "--source",
        "web",
        "--model",
        MODEL,
        "--budget-usd",
        "0.001",
        "--approve",
        "ask",
        "--format",
        "json",
    ]
    env = environment(SENTIENT_HOME=str(tmp_path / "home"), SENTIENT_MODEL_PRICES=f"{MODEL}=50/50")

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            env=env,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )

    done = call(*words)
    while done.returncode == 4:
        *_, approval = done.stdout.split()
        assert call("approve", approval).returncode == 0
        run = done.stderr.rpartition("sentient-kernel resume ")[2].split("`")[0]
        done = call("resume", run, "--format", "json")
    assert done.returncode == 0, done.stderr
    assert "was born in Dornbirn" in done.stdout
    assert Counter(outside.asked) == {"plan": 1, "gaps": 1, "write": 1}


def test_waiting_for_an_answer_when_the_workbench_is_closed(
    outside: Outside, tmp_path: Path
) -> None:
    expected = whole(outside, tmp_path / "whole", sources="web")
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.research(
            QUESTION,
            model=MODEL,
            sources="web",
            budget=sk.Budget(calls=1),
            approve={"spend": "ask"},
        )
        assert run.wait(20) == "waiting"
    with sk.Workbench(tmp_path / "home") as wb:
        assert wb.runs[0].status == "waiting"
        wb.approvals[0].approve({"calls": 20})
        report = wb.resume(run.id).result(30)
    assert [claim.text for claim in report.claims] == [
        claim["text"] for claim in expected["claims"]
    ]
    assert Counter(outside.asked) == {"plan": 1, "gaps": 1, "write": 1}


def test_what_is_gone_from_the_cache_is_read_again_and_where_it_cannot_be_the_report_says_so(
    outside: Outside, tmp_path: Path
) -> None:
    expected = whole(outside, tmp_path / "whole", sources="web")
    for there in (True, False):
        home = tmp_path / str(there)
        outside.silent = "gaps"
        with sk.Workbench(home) as wb:
            run = wb.research(QUESTION, model=MODEL, sources="web")
            outside.wait("gaps")
        for file in home.glob("cache*"):
            file.unlink() if file.is_file() else None
        outside.silent = ""
        outside.model.requests.clear()
        if not there:
            outside.web.fault("/", "status", status=503)
        with sk.Workbench(home) as wb:
            report = wb.resume(run.id).result(60)
        if there:
            assert told(report) == expected
        else:
            assert report.abstained
            assert any("not kept any more" in note for note in report.notes), report.notes
        outside.model.requests.clear()


@pytest.mark.parametrize("at", ["plan", "gaps", "write"])
def test_a_workbench_that_is_closed_while_a_model_is_asked_leaves_the_call_to_be_made_again(
    outside: Outside, tmp_path: Path, at: str
) -> None:
    expected = whole(outside, tmp_path / "whole", sources="web")
    outside.silent = at
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.research(QUESTION, model=MODEL, sources="web")
        outside.wait(at)
    outside.silent = ""
    with sk.Workbench(tmp_path / "home") as wb:
        assert wb.runs[0].status == "paused"
        report = wb.resume(run.id).result(30)
        assert not wb.errors
    assert told(report) == expected
    assert Counter(outside.asked) == {"plan": 1, "gaps": 1, "write": 1, at: 2}


def test_a_workbench_that_is_closed_while_a_page_is_read_does_not_blame_the_page(
    outside: Outside, tmp_path: Path
) -> None:
    expected = whole(outside, tmp_path / "whole", sources="web")
    outside.web.fault("/imker", "hang")
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.research(QUESTION, model=MODEL, sources="web")
        until = time.monotonic() + 20
        while not outside.web.counts["/imker"] and time.monotonic() < until:
            time.sleep(0.01)
    outside.web.heal()
    with sk.Workbench(tmp_path / "home") as wb:
        assert wb.runs[0].status == "paused"
        assert told(wb.resume(run.id).result(30)) == expected
