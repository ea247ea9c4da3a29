"""What CONTRACT promises of the workbench itself: its home, its end, its doctor, searches and
documents.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workbench_kit import BEES, QUESTION, asking, awaited, calls, doubled, tell, waiting

import sentient_kernel as sk


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    calls.clear()
    with sk.Workbench(tmp_path / "home") as workbench:
        yield workbench


@pytest.fixture
def bees(wb: sk.Workbench) -> sk.Workbench:
    wb.add(BEES)
    return wb


def test_search_returns_the_passages_that_fit_best(bees: sk.Workbench) -> None:
    found = bees.search("waggle dance distance", k=3)
    assert 1 <= len(found) <= 3
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert found[0].title == "The waggle dance"
    for p in found:
        assert bees.document(p.document).text[p.start : p.end] == p.text
    assert {"document", "title", "uri", "start", "end", "text", "score"} <= set(found.columns)


@pytest.mark.parametrize(
    ("query", "k"),
    [("", 10), ("  \n", 10), ("bees " * 1000, 10), ("bees", 0), ("bees", -1), (7, 10)],
)
def test_search_refuses_what_cannot_be_searched_for(bees: sk.Workbench, query: Any, k: int) -> None:
    with pytest.raises(sk.UsageError):
        bees.search(query, k=k)


def test_search_in_a_running_loop_works(bees: sk.Workbench) -> None:
    async def cell() -> int:
        return len(bees.search("bees"))

    assert asyncio.run(cell()) > 0


def test_unknown_ids_are_not_found(wb: sk.Workbench) -> None:
    with pytest.raises(sk.NotFound):
        wb.document("0" * 64)
    for ask in (wb.run, wb.resume, lambda one: wb.decide(one, "approve")):
        with pytest.raises(sk.NotFound, match="'nope'"):
            ask("nope")
    for ask in (wb.run, wb.resume):
        with pytest.raises(sk.NotFound):
            ask("")


def test_a_stored_run_is_all_there_after_a_restart(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.start(asking, 1)
        with pytest.raises(sk.RunWaiting):
            run.result()
    with sk.Workbench(tmp_path / "home") as wb:
        again = wb.run(run.id)
        with pytest.raises(sk.RunWaiting, match="no kernel executes it"):
            again.result()
        assert (again.status, len(wb.approvals), wb.runs[0].title) == ("waiting", 1, "asking")
        resumed = wb.resume(run.id)
        wb.approvals[0].approve()
        assert resumed.result() == {"x": 1}


def test_two_workbenches_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    with (
        sk.Workbench(tmp_path / "one", sources=[BEES]) as one,
        sk.Workbench(tmp_path / "two") as two,
    ):
        runs = [one.research(QUESTION), two.start(doubled, 1)]
        results = [run.result() for run in runs]
        assert (len(one.runs), len(two.runs), results[1]) == (1, 1, 2)
        assert runs[0] != two.runs
        with pytest.raises(sk.NotFound):
            two.run(runs[0].id)


def test_two_workbenches_on_one_home_share_runs_and_answers(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home") as one, sk.Workbench(tmp_path / "home") as two:
        run = one.start(asking, 1, name="shared")
        with pytest.raises(sk.RunWaiting):
            run.result()
        assert two.start(asking, 1, name="shared").id == run.id
        two.approvals[0].approve({"x": 2})
        assert run.result() == {"x": 2}
        assert two.run(run.id).result() == {"x": 2}
        assert [r.status for r in two.runs] == ["completed"]


def test_a_run_of_one_kernel_is_waited_for_in_another(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home") as one, sk.Workbench(tmp_path / "home") as two:
        run = one.start(waiting)
        there = two.run(run.id)
        assert there.status in ("pending", "running")
        run.finish_now()
        tell(run, 1)
        assert there.result(timeout=30) == []


def test_close_is_safe_twice_and_leaves_runs_resumable(tmp_path: Path) -> None:
    wb = sk.Workbench(tmp_path / "home")
    run = wb.start(waiting)
    wb.close()
    wb.close()
    assert wb.closed
    with sk.Workbench(tmp_path / "home") as wb:
        again = wb.run(run.id)
        assert again.status == "paused"
        with pytest.raises(sk.RunWaiting, match="no kernel executes it"):
            again.result()
        again.resume()
        again.finish_now()
        tell(again, 1)
        assert again.result() == []


def test_a_workbench_that_nobody_closed_does_not_keep_a_script_from_ending(tmp_path: Path) -> None:
    code = (
        f"import sentient_kernel as sk; wb = sk.Workbench({str(tmp_path / 'home')!r});"
        f" wb.add({str(BEES)!r}); wb.research({QUESTION!r})"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    with sk.Workbench(tmp_path / "home") as wb:
        assert (
            wb.resume(wb.runs[0].id).result().citations
            if wb.runs[0].status != "completed"
            else True
        )


def test_closing_cuts_off_what_is_under_way_and_that_is_no_crash(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        go_on.wait(30)
        return 1

    @sk.workflow(name="tests:working")
    async def working(ctx: sk.Context) -> int:
        return int(await ctx.step(work))

    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.start(working)
        begun.wait(30)
    go_on.set()
    with sk.Workbench(tmp_path / "home") as wb:
        again = wb.run(run.id)
        assert (again.status, again.error, [step.status for step in again.steps]) == (
            "paused",
            None,
            ["interrupted"],
        )
        assert again.resume().result() == 1


USES = {
    "runs": lambda wb, run: wb.runs,
    "approvals": lambda wb, run: wb.approvals,
    "errors": lambda wb, run: wb.errors,
    "start": lambda wb, run: wb.start(doubled, 1),
    "research": lambda wb, run: wb.research(QUESTION),
    "search": lambda wb, run: wb.search("bees"),
    "add": lambda wb, run: wb.add(BEES),
    "run": lambda wb, run: wb.run(run.id),
    "resume": lambda wb, run: wb.resume(run.id),
    "decide": lambda wb, run: wb.decide("a1", "approve"),
    "doctor": lambda wb, run: wb.doctor(),
    "verify": lambda wb, run: wb.verify(),
    "result": lambda wb, run: run.result(),
    "status": lambda wb, run: run.status,
    "events": lambda wb, run: run.events,
    "cancel": lambda wb, run: run.cancel(),
    "await": lambda wb, run: asyncio.run(awaited(run)),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_workbench_says_that_it_is_closed(tmp_path: Path, use: str) -> None:
    with sk.Workbench(tmp_path / "home", sources=BEES) as wb:
        run = wb.start(doubled, 1)
        run.result()
    with pytest.raises(sk.JournalError, match="closed"):
        USES[use](wb, run)
    assert (repr(run), run._repr_html_()) == ("Run('doubled')", None)
    with pytest.raises(NotImplementedError):  # what IPython takes for: show the text
        run._ipython_display_()
    assert repr(sk.Run(wb.view_source, wb._output, run.id)) == f"Run({str(run.id)!r})"
    assert repr(wb) == "Workbench('home')"


def test_a_forked_child_is_told_to_open_its_own(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home", sources=BEES) as wb:
        run = wb.start(doubled, 1)
        run.result()
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            said = []
            for name, use in USES.items():
                try:
                    use(wb, run)
                    said.append(f"{name}: worked")
                except sk.JournalError as error:
                    said.append(
                        ""
                        if "parent" in str(error) and "Open" in str(error)
                        else f"{name}: {error}"
                    )
                except BaseException as error:  # noqa: BLE001 - told to the parent
                    said.append(f"{name}: {type(error).__name__}: {error}")
            wb.close()
            os.write(write, "\n".join(filter(None, said)).encode() or b"all refused")
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            assert pipe.read() == "all refused"
        os.waitpid(child, 0)
        assert wb.start(doubled, 2).result() == 4
        assert wb.verify().ok


def test_home_comes_from_argument_then_environment_then_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIENT_HOME", str(tmp_path / "set"))
    for given, home in ((tmp_path / "given", "given"), (None, "set")):
        with sk.Workbench(given) as wb:
            assert wb.home == tmp_path / home
    monkeypatch.delenv("SENTIENT_HOME")
    with sk.Workbench() as wb:
        assert wb.home == tmp_path / ".sentient"
    assert (tmp_path / ".sentient" / "journal.db").stat().st_mode & 0o077 == 0
    with sk.Workbench(settings=sk.Settings.load(home=tmp_path / "from settings")) as wb:
        assert wb.home == tmp_path / "from settings"


def test_a_setting_that_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTIENT_MODE", "sideways")
    with pytest.raises(sk.ConfigurationError, match="SENTIENT_MODE"):
        sk.Workbench(tmp_path)
    monkeypatch.delenv("SENTIENT_MODE")
    monkeypatch.setenv("SENTIENT_DATABASE_URL", "mysql://x")
    with pytest.raises(sk.ConfigurationError, match="SENTIENT_DATABASE_URL"):
        sk.Workbench(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEARXNG_URL", "foo"),
        ("SEARXNG_URL", "localhost:8080"),
        ("TAVILY_URL", "https://"),
        ("WIKIPEDIA_URL", "file:///etc"),
        ("ALLOW_HOSTS", "127.0.0.1:port"),
        ("ALLOW_HOSTS", "127.0.0.1:80,me:word@host:80"),
        ("ALLOW_HOSTS", "127.0.0.1:80 127.0.0.1:81"),
    ],
)
def test_a_place_that_is_none_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SENTIENT_{name}", value)
    with pytest.raises(sk.ConfigurationError, match=f"SENTIENT_{name}") as caught:
        sk.Settings.load()
    assert "word" not in str(caught.value)


def test_places_of_every_form_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SENTIENT_ALLOW_HOSTS",
        "127.0.0.1:8080, http://127.0.0.1:8080/search/,[::1]:80,searx.lan,[::1],127.1:1",
    )
    monkeypatch.setenv("SENTIENT_SEARXNG_URL", " HTTP://127.0.0.1:8080/searxng/ ")
    assert len(sk.Settings.load().allow_hosts) == 6


def test_doctor_tells_of_names_that_are_no_settings_and_of_hosts_without_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("SENTIENT_ALOW_HOSTS=127.0.0.1:80\nsentient_mode=live\nOTHER=1\n")
    monkeypatch.setenv("SENTIENT_XYZZY", "1")
    monkeypatch.setenv("SENTIENT_ALLOW_HOSTS", "127.0.0.1,searx.lan:80,http://a.lan")
    with sk.Workbench(tmp_path / "home") as wb:
        assert wb.doctor()["settings"] == [
            "There is no setting SENTIENT_ALOW_HOSTS. Did you mean SENTIENT_ALLOW_HOSTS?",
            "There is no setting SENTIENT_XYZZY.",
            (
                ".env sets SENTIENT_MODE (other than replay), which counts only from the"
                " environment, ~/.config/sentient-kernel/.env, or a file that you trust"
                " (`sentient-kernel trust .`): ignored."
            ),
            (
                "SENTIENT_ALLOW_HOSTS names '127.0.0.1' without a port: only ports 80 and 443 of it"
                " are allowed."
            ),
        ]


def test_a_database_url_says_where_the_journal_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTIENT_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere/log.db")
    with sk.Workbench(tmp_path / "home") as wb:
        assert wb.start(doubled, 1).result() == 2
    assert (tmp_path / "elsewhere" / "log.db").is_file()


def test_a_home_that_cannot_be_used_is_a_clear_no(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    threads = threading.active_count()
    for home in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nope")):
        with pytest.raises(sk.JournalError) as caught:
            sk.Workbench(home)
        assert str(home) in str(caught.value)
    assert threading.active_count() == threads


def test_doctor_tells_versions_health_and_which_keys_are_there_but_no_key(
    wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    found = wb.doctor()
    assert found["keys_present"] == ["OPENAI_API_KEY"]
    assert "canary" not in str(found)
    assert found["journal"]["ok"] and found["sqlite"]["ok"]
    assert found["versions"]["sentient-kernel"]
    assert (found["front_end"], found["network"]["model"], found["someone_can_answer"]) == (
        "none",
        None,
        False,
    )
    assert {"python", "platform", "home", "runs"} <= set(found)


def test_nested_loops_are_not_needed_inside_a_workflow(wb: sk.Workbench) -> None:
    """Whoever calls the workbench from inside an async step is told, instead of waiting for
    himself.
    """

    async def clumsy() -> int:
        return int(wb.start(doubled, 1).result())

    @sk.workflow(name="tests:clumsy")
    async def nested(ctx: sk.Context) -> int:
        return int(await clumsy())

    with pytest.raises(sk.RunFailed, match="inside a workflow"):
        wb.start(nested).result()
