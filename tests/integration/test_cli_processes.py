"""The command line as a process: pipes, terminals, interrupts and kills."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_kit import command, environment
from workbench_kit import BEES, QUESTION

import sentient_kernel as sk
from sentient_kernel.journal.sqlite.store import SqliteJournal

WORDS = (
    "foragers nectar pollen distance kilometres heather farmland waggle dance brood cluster varroa"
    " mites colony hive winter".split()
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that takes a moment to read."""
    return notes(tmp_path_factory.mktemp("library"), 1_500)


def notes(folder: Path, count: int) -> Path:
    for i in range(count):
        words = " ".join(WORDS[(i * 7 + j * 3) % len(WORDS)] for j in range(12))
        text = f"# Note {i}\n\nHoney bees fly {i} metres for {words}.\n"
        (folder / f"note{i:04}.md").write_text(text)
    return folder


def start(*words: str | Path, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*words),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=environment(),
        **more,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def rows(home: Path, kind: str) -> list[Any]:
    """Returns the events of one kind, as another process may read them at any time."""
    try:
        with SqliteJournal(home / "journal.db", readonly=True) as journal:
            return [record.event for record in journal.read(kinds=[kind])]
    except sk.JournalError:  # it is being made
        return []


def steps(home: Path, kind: str) -> Counter[str]:
    """Counts the rows of one kind by the key of their step."""
    return Counter(event.key for event in rows(home, kind))


def wait_for(process: subprocess.Popen[str], enough: Callable[[], bool]) -> None:
    """Waits until there is enough, while a process works towards it."""
    until = time.monotonic() + 30
    while not enough():
        assert process.poll() is None, f"it ended first: {process.communicate()}"
        assert time.monotonic() < until
        time.sleep(0.004)


def test_stdout_is_the_report_alone_and_can_be_piped_into_a_program(tmp_path: Path) -> None:
    code, out, err = finished(
        start("research", QUESTION, "--source", BEES, "--home", tmp_path, "--format", "json")
    )
    assert code == 0
    assert json.loads(out)["question"] == QUESTION
    assert len(err.splitlines()) <= 8
    assert "Traceback" not in err


def test_progress_is_a_few_lines_with_counts_where_a_source_takes_its_time(
    tmp_path: Path, library: Path
) -> None:
    begun = time.monotonic()
    code, _, err = finished(start("research", QUESTION, "--source", library, "--home", tmp_path))
    took = time.monotonic() - begun
    assert code == 0
    phases = [line.partition(" · ")[0] for line in err.splitlines()]
    assert len(phases) <= 6 + 2 + took / 2
    with SqliteJournal(tmp_path / "journal.db", readonly=True) as journal:
        told = [record.event.message for record in journal.read(kinds=["research_updated"])]
    assert any(
        re.fullmatch(r"Reading library0, \d[\d,]* of 1,500 files", message) for message in told
    )
    assert err.splitlines()[-1].startswith("Verify · ")


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    process = start("research", QUESTION, "--source", BEES, "--home", tmp_path, "--format", "html")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0, err
    assert "Traceback" not in err and "BrokenPipe" not in err and "Exception" not in err


def test_a_stdout_that_cannot_hold_a_character_shows_its_code(tmp_path: Path) -> None:
    done = subprocess.run(
        command("research", QUESTION, "--source", BEES, "--home", tmp_path),
        capture_output=True,
        timeout=60,
        check=False,
        env=environment(PYTHONIOENCODING="ascii"),
    )
    assert done.returncode == 0
    assert b"\\u201c" in done.stdout


def in_terminal(*words: str | Path, columns: int = 100) -> str:
    """Returns what a command shows in a terminal of so many columns."""
    main, other = pty.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        command(*words), stdin=other, stdout=other, stderr=other, env=environment(TERM="xterm")
    )
    os.close(other)
    seen = b""
    while select.select([main], [], [], 60)[0]:
        try:
            piece = os.read(main, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(main)
    assert process.wait(timeout=30) == 0
    return seen.decode()


def test_a_terminal_gets_one_moving_line_and_a_drawn_report(tmp_path: Path) -> None:
    seen = in_terminal("research", QUESTION, "--source", BEES, "--home", tmp_path, columns=60)
    assert "\x1b[2K" in seen, "the line does not move"
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen).rpartition(QUESTION)[2]
    assert (
        "kilometre" in drawn and "[1]" in drawn and "Evidence\r\n" in drawn and "    │ “" in drawn
    )
    assert not re.search(r"^#|\*\*|\[\^|^- ", drawn, re.M), "this is Markdown"
    assert max(map(len, drawn.split("\r\n"))) <= 60


def test_markdown_is_printed_as_it_is_where_a_format_or_a_pipe_wants_it(tmp_path: Path) -> None:
    asked = ("research", QUESTION, "--source", BEES, "--home", tmp_path, "--name", "once")
    shown = in_terminal(*asked, "--format", "md").replace("\r\n", "\n")
    code, out, _ = finished(start(*asked))
    assert code == 0 and out.startswith(f"# {QUESTION}\n\n")
    with sk.Workbench(tmp_path) as wb:
        assert out == wb.run(wb.runs[0].id).result().to_markdown() + "\n"
    assert out in shown


def test_a_person_at_the_terminal_is_asked_and_can_edit_the_plan(tmp_path: Path) -> None:
    main, other = pty.openpty()
    words = command(
        "research",
        QUESTION,
        "--source",
        BEES,
        "--home",
        tmp_path,
        "--approve",
        "ask",
        "--format",
        "json",
    )
    process = subprocess.Popen(
        words, stdin=other, stdout=subprocess.PIPE, stderr=other, env=environment(TERM="dumb")
    )
    os.close(other)
    said = b""
    for prompt, answer in (
        (b"[r]eject: ", b"e\n"),
        (b"line of JSON: ", b'["How does a colony keep warm in winter?"]\n'),
    ):
        until = time.monotonic() + 30
        while prompt not in said and time.monotonic() < until:
            if select.select([main], [], [], 1)[0]:
                said += os.read(main, 4096)
        assert prompt in said, said
        os.write(main, answer)
        said = b""
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    os.close(main)
    assert report["parts"] == ["How does a colony keep warm in winter?"]


def test_ctrl_c_says_how_to_go_on_and_resume_finishes(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = notes(tmp_path_factory.mktemp("notes"), 8_000)  # the signal comes before it is read
    process = start(
        "research", QUESTION, "--source", folder, "--home", tmp_path, start_new_session=True
    )
    wait_for(
        process,
        lambda: any(
            "of 8,000 files" in event.message for event in rows(tmp_path, "research_updated")
        ),
    )
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    code, out, err = finished(process)
    assert time.monotonic() - begun < 10
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    (run,) = re.findall(r"`sentient-kernel resume ([0-9a-f-]{36})`", err)
    with sk.Workbench(tmp_path) as wb:
        assert wb.run(run).status == "paused"
    code, out, err = finished(start("resume", run, "--home", tmp_path))
    assert code == 0, err
    assert out.startswith(f"# {QUESTION}")
    assert max(steps(tmp_path, "step_completed").values()) == 1


@pytest.mark.parametrize("finished_steps", [1, 2, 4])
def test_a_killed_research_goes_on_where_it_was(
    tmp_path: Path, library: Path, finished_steps: int
) -> None:
    process = start("research", QUESTION, "--source", library, "--home", tmp_path)
    wait_for(process, lambda: len(rows(tmp_path, "step_completed")) >= finished_steps)
    process.kill()
    process.communicate(timeout=30)
    done = set(steps(tmp_path, "step_completed"))
    begun = steps(tmp_path, "step_started")
    assert len(done) >= finished_steps
    with sk.Workbench(tmp_path) as wb:
        run = wb.runs[0]
        assert run.status in ("crashed", "completed")
    code, out, err = finished(start("resume", run.id, "--home", tmp_path, "--format", "json"))
    assert code == 0, err
    assert json.loads(out)["claims"]
    after = steps(tmp_path, "step_started")
    assert all(after[key] == begun[key] == 1 for key in done), "a finished step was begun again"
    assert set(steps(tmp_path, "step_completed").values()) == {1}
    assert finished(start("verify", "--home", tmp_path))[0] == 0


def test_two_at_once_on_one_home_get_in_nobodys_way(tmp_path: Path) -> None:
    questions = [
        QUESTION,
        "How does a colony keep warm in winter?",
        "How do bees tell the distance of food?",
    ]
    processes = [
        start("research", question, "--source", BEES, "--home", tmp_path) for question in questions
    ]
    for process, question in zip(processes, questions, strict=True):
        code, out, err = finished(process)
        assert (code, out.splitlines()[0]) == (0, f"# {question}"), err
        assert "locked" not in err


@pytest.mark.parametrize("closed", ["1", "2"])
def test_an_output_that_was_closed_before_the_start_costs_nothing_else(
    tmp_path: Path, closed: str
) -> None:
    words = command("research", QUESTION, "--source", BEES, "--home", tmp_path, "--format", "md")
    shell = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *words]
    code, out, err = finished(
        subprocess.Popen(
            shell,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment(),
        )
    )
    assert (code, "Traceback" in err) == (0, False)
    assert out.startswith("# ") is (closed == "2")
    assert "Search ·" not in out
