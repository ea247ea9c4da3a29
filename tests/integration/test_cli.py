"""Every command of the command line: results on stdout, progress on stderr, exit codes that say how
it ended.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_kit import Cli, inside, one_sentence
from workbench_kit import BEES, QUESTION, UNANSWERABLE

import sentient_kernel as sk
from sentient_kernel.cli import terminal
from sentient_kernel.cli.main import DONE, FAILED, NOTHING, USAGE, WAITING
from sentient_kernel.engine.engine import Engine
from tests.kits.model_server import ModelServer


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return inside(tmp_path, capsys, monkeypatch)


def test_a_report_goes_to_stdout_and_progress_to_stderr(cli: Cli) -> None:
    done = cli("research", QUESTION, "--source", BEES)
    assert done.code == DONE
    assert done.out.startswith(f"# {QUESTION}\n")
    assert re.search(
        r"Verify · answers the question · \d+ of \d+ quotes stand at their place", done.err
    )
    assert str(BEES) not in done.err


def test_a_report_as_json_is_all_that_stdout_holds_and_every_quote_stands_in_its_snapshot(
    cli: Cli, tmp_path: Path
) -> None:
    report = cli("research", QUESTION, "--source", BEES, "--format", "json").json
    assert (report["question"], report["abstained"], report["sources"][0]["source"]) == (
        QUESTION,
        False,
        "bees",
    )
    cited = [c for claim in report["claims"] for c in claim["citations"]]
    assert cited
    with sk.Workbench(tmp_path / "home") as wb:
        for c in cited:
            assert wb.document(c["document"]).text[c["start"] : c["end"]] == c["quote"]


def test_a_report_as_html_is_one_element(cli: Cli) -> None:
    done = cli("research", QUESTION, "--source", BEES, "--format", "html")
    assert done.out.startswith("<section ") and done.out.rstrip().endswith("</section>")


WRITTEN = [
    ("r.md", "# How"),
    ("r.html", "<!doctype"),
    ("r.json", "{"),
    ("r.docx", "PK"),
    ("r.ipynb", "{"),
    ("r.bib", "@"),
    ("r.csl.json", "["),
]


@pytest.mark.parametrize(("name", "begins"), WRITTEN)
def test_a_report_is_written_as_its_ending_says(cli: Cli, name: str, begins: str) -> None:
    done = cli("research", QUESTION, "--source", BEES, "--out", name)
    assert (done.code, done.out) == (DONE, "")
    assert Path(name).read_bytes().startswith(begins.encode())
    assert f"Written to {name}." in done.err


@pytest.mark.parametrize(
    ("form", "begins"), [("md", "# How"), ("html", "<!doctype"), ("json", "{")]
)
def test_a_format_that_is_named_counts_more_than_an_ending(
    cli: Cli, form: str, begins: str
) -> None:
    done = cli("research", QUESTION, "--source", BEES, "--format", form, "--out", "report.txt")
    assert (done.code, done.out) == (DONE, "")
    assert Path("report.txt").read_text().startswith(begins)


def test_an_unanswerable_question_ends_with_3_and_the_reason_of_each_source(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "ants.md").write_text("Ants follow trails of scent.")
    done = cli(
        "research", UNANSWERABLE, "--source", BEES, "--source", "ants.md", "--format", "json"
    )
    assert (done.code, done.json["abstained"], done.json["claims"]) == (NOTHING, True, [])
    last = done.err.splitlines()[-1]
    assert "bees: " in last and "ants.md: " in last
    assert {source for gap in done.json["unanswered"] for source, _ in gap["sources"]} == {
        "bees",
        "ants.md",
    }


def test_demo_asks_the_installed_packages(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentient_kernel.sources.local import packages

    monkeypatch.setattr(
        packages,
        "installed",
        lambda paths: [one for one in INSTALLED(paths) if one.name == "pluggy"],
    )
    monkeypatch.setattr(
        packages,
        "standard_library",
        lambda: next(one for one in INSTALLED(SYS_PATH) if one.name == "iniconfig"),
    )
    done = cli("demo", "What does a plugin manager register?")
    assert done.code == DONE
    assert "no key needed" in done.err and "pluggy" in done.out


def _installed() -> tuple[Any, list[str]]:
    import sys

    from sentient_kernel.sources.local.installed import installed

    return installed, list(sys.path)


INSTALLED, SYS_PATH = _installed()


def test_search_prints_passages_and_json(cli: Cli) -> None:
    done = cli("search", "waggle dance", "--source", BEES, "-k", "2")
    assert done.code == DONE
    assert "The waggle dance" in done.out
    rows = cli("search", "waggle dance", "--source", BEES, "-k", "2", "--json").json
    assert 1 <= len(rows) <= 2
    assert {"document", "title", "uri", "start", "end", "text", "score"} <= rows[0].keys()
    done = cli("search", "quokka", "--source", BEES, "--json")
    assert (done.code, done.json) == (NOTHING, [])


def test_runs_and_show_tell_what_happened(cli: Cli) -> None:
    assert (cli("runs").out.strip(), cli("runs", "--json").json) == ("No runs.", [])
    cli("research", QUESTION, "--source", BEES)
    assert QUESTION in cli("runs").out
    (row,) = cli("runs", "--json").json
    assert (row["status"], row["title"]) == ("completed", QUESTION)
    shown = cli("show", row["id"][:20])
    assert shown.code == DONE
    assert "✓ plan" in shown.out and f"# {QUESTION}" in shown.out
    as_json = cli("show", row["id"], "--json").json
    assert (as_json["status"], {step["status"] for step in as_json["steps"]}) == (
        "completed",
        {"completed"},
    )
    report = cli("resume", row["id"], "--format", "json").json
    assert report["run_id"] == row["id"]
    assert len(cli("runs", "--json").json) == 1


def test_a_named_question_is_not_researched_twice(cli: Cli) -> None:
    first, second = (
        cli("research", QUESTION, "--source", BEES, "--name", "far", "--format", "json")
        for _ in range(2)
    )
    assert first.json == second.json
    (row,) = cli("runs", "--json").json
    assert row["recoveries"] == 0


def asked(cli: Cli, *more: str) -> tuple[str, str]:
    """Asks for a plan; returns the ids of approval and run."""
    done = cli("research", QUESTION, "--source", BEES, "--approve", "ask", *more)
    assert done.code == WAITING
    approval = done.out.strip()
    (run,) = re.findall(r"sentient-kernel resume ([0-9a-f-]{36})", done.err)
    assert f"sentient-kernel approve {approval}" in done.err
    return approval, run


def test_a_question_nobody_can_answer_here_ends_with_4_and_waits(cli: Cli) -> None:
    approval, run = asked(cli)
    (row,) = cli("approvals", "--json").json
    assert (row["id"], row["run"], row["status"], row["payload"]) == (
        approval,
        run,
        "open",
        [QUESTION],
    )
    assert approval in cli("approvals").out
    assert cli("resume", run).code == WAITING
    done = cli("approve", approval)
    assert (done.code, done.out) == (DONE, "")
    assert f"sentient-kernel resume {run}" in done.err
    again = cli("approve", approval)
    assert again.code == USAGE
    assert "already approved" in one_sentence(again.err)
    done = cli("resume", run)
    assert done.code == DONE
    assert done.out.startswith(f"# {QUESTION}")
    assert cli("approvals", "--json").json == []


def test_an_edited_plan_is_what_is_followed(cli: Cli) -> None:
    approval, run = asked(cli)
    Path("bad.json").write_text("{not json")
    Path("unfit.json").write_text('{"a": 1}')
    Path("plan.json").write_text(json.dumps(["How does a colony keep warm in winter?"]))
    assert "cannot be read" in one_sentence(cli("approve", approval, "--payload", "bad.json").err)
    cli("approve", approval, "--payload", "plan.json")
    report = cli("resume", run, "--format", "json").json
    assert report["parts"] == ["How does a colony keep warm in winter?"]


def test_a_no_ends_the_run_with_1_and_its_reason(cli: Cli) -> None:
    approval, run = asked(cli)
    assert "at most 2,000 characters" in one_sentence(
        cli("reject", approval, "--reason", "no" * 1_001).err
    )
    assert cli("reject", approval, "--reason", "not today").code == DONE
    done = cli("resume", run)
    assert (done.code, done.out) == (FAILED, "")
    assert "not today" in done.err.splitlines()[-1]
    shown = cli("show", run)
    assert shown.code == DONE
    assert "not today" in shown.out


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModelServer], None]:
    """Returns what makes a server the one that OpenAI's models are asked at, with a key that is
    wrong.
    """

    def to(server: ModelServer) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "a wrong one")

    return to


def test_a_model_that_did_not_help_is_told_beside_the_report(
    cli: Cli, point: Callable[[ModelServer], None]
) -> None:
    with ModelServer(api_key="the right one") as server:
        point(server)
        done = cli("research", QUESTION, "--source", BEES, "--model", "openai:gpt-5-mini")
    assert done.code == DONE
    assert done.out.startswith(f"# {QUESTION}\n")
    told = [line for line in done.err.splitlines() if line.startswith("sentient-kernel: ")]
    assert len(told) == len(set(told)) and any(
        "did not help to write" in line and "refuses the key" in line for line in told
    )
    assert "a wrong one" not in done.err


def test_a_budget_that_was_not_raised_is_told_beside_the_report(
    cli: Cli, point: Callable[[ModelServer], None]
) -> None:
    with ModelServer('{"questions": [], "enough": true, "claims": [], "missing": []}') as server:
        point(server)
        done = cli(
            "research",
            QUESTION,
            "--source",
            BEES,
            "--model",
            "openai:gpt-5-mini",
            "--approve",
            "deny",
            "--budget-usd",
            "0",
        )
    assert (done.code, done.out.splitlines()[0]) == (DONE, f"# {QUESTION}")
    assert (
        "sentient-kernel: The budget was not raised, so the model got no more requests." in done.err
    )


@pytest.mark.parametrize("approve", ["auto", "deny"])
def test_a_question_that_the_policy_answers_is_nobody_else_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, approve: str
) -> None:
    decide, unanswered, looked = Engine.decide, sk.Run.unanswered, threading.Event()
    seen: list[str] = []

    async def late(engine: Engine, command: Any) -> None:
        while not looked.is_set():
            await asyncio.sleep(0.001)
        await decide(engine, command)

    def look(run: sk.Run) -> Any:
        found = unanswered(run)  # while it waits for its own policy
        seen.append(run.status)
        looked.set()
        return found

    monkeypatch.setattr(Engine, "decide", late)
    monkeypatch.setattr(sk.Run, "unanswered", look)
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.research(QUESTION, sources=BEES, approve={"plan": approve})
        assert terminal.follow(run) == ("completed" if approve == "auto" else "failed")
    assert "waiting" in seen


def test_a_run_that_stopped_says_what_stopped_it(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    full = sk.JournalError(
        "journal.db could not be written: the disk is full.", hint="Free some space."
    )
    monkeypatch.setattr("sentient_kernel.cli.terminal.follow", lambda run: "crashed")
    monkeypatch.setattr("sentient_kernel.engine.engine.Engine.error", lambda engine, run: full)
    done = cli("research", QUESTION, "--source", BEES)
    assert (done.code, done.out) == (FAILED, "")
    assert (
        "is crashed: journal.db could not be written: the disk is full. Free some space."
        " `sentient-kernel resume" in done.err
    )


def test_approve_auto_and_deny_answer_by_themselves(cli: Cli) -> None:
    assert cli("research", QUESTION, "--source", BEES, "--approve", "auto").code == DONE
    # nothing is asked unless one wants it
    assert cli("research", QUESTION, "--source", BEES, "--approve", "deny").code == DONE


def test_doctor_and_verify(cli: Cli) -> None:
    cli("research", QUESTION, "--source", BEES)
    done = cli("doctor")
    assert done.code == DONE
    assert "python" in done.out
    found = cli("doctor", "--json").json
    assert (found["journal"]["ok"], found["runs"], found["front_end"]) == (True, 1, "none")
    verdict = cli("verify", "--json").json
    assert verdict["ok"] and verdict["rows"] > 10 and verdict["damage"] == []
    said = cli("verify").out
    assert (
        "The journal is whole" in said
        and "an older copy that was put in its place is whole too" in said
    )


def test_verify_ends_with_1_where_the_journal_was_altered(cli: Cli, tmp_path: Path) -> None:
    import apsw

    cli("research", QUESTION, "--source", BEES)
    connection = apsw.Connection(str(tmp_path / "home" / "journal.db"))
    (table,) = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'event%'"
        )
    ]
    connection.execute(f"UPDATE {table} SET body = replace(body, 'Planning', 'Plotting')")
    connection.close()
    done = cli("verify", "--json")
    assert (done.code, done.json["ok"]) == (FAILED, False)
    assert "rows" in cli("verify").out


def test_version_and_help_say_enough(cli: Cli) -> None:
    assert cli("--version").out.strip() == sk.__version__
    shown = cli("--help").out
    for command in (
        "research",
        "search",
        "runs",
        "show",
        "resume",
        "approvals",
        "approve",
        "reject",
        "lab",
        "demo",
        "doctor",
        "verify",
    ):
        assert command in shown
        assert cli(command, "--help").code == DONE
    assert "4 waiting" in shown
