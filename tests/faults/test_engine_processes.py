"""P8: kernels that share a journal hear of each other within a second; a forked one is told that it
cannot (F33).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import kills
import lives
import pytest
from kills import Nursery, lines, record

from sentient_kernel.commands import DecideApproval, SendMessage
from sentient_kernel.engine import Engine
from sentient_kernel.errors import AnswerRefused, JournalUnusable
from sentient_kernel.journal.sqlite.store import SqliteJournal

warm, nursery = kills.warm, kills.nursery


@pytest.fixture
def heard() -> list[tuple[float, Any]]:
    """What this process's engine was told of, and when."""
    return []


@pytest.fixture
def engine(
    tmp_path: Path, heard: list[tuple[float, Any]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    # it may take over what a life began
    monkeypatch.setattr(lives, "FOLDER", tmp_path, raising=False)
    engine = Engine(
        SqliteJournal(tmp_path / "journal.db"),
        on_commit=lambda records: heard.extend((time.time(), r) for r in records),
    )
    yield engine
    engine.close()


def wait(heard: list[tuple[float, Any]], kind: str) -> tuple[float, Any]:
    """Waits until an event of that kind was heard of; returns when, and its record."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for at, row in heard:
            if row.kind == kind:
                return at, row
        time.sleep(0.002)
    raise TimeoutError(f"nothing was heard of {kind} in {[row.kind for _, row in heard]}")


def test_answer_and_message_of_one_process_reach_the_run_in_another_within_a_second(
    nursery: Nursery, tmp_path: Path, engine: Engine, heard: list[tuple[float, Any]]
) -> None:
    life = nursery.begin("executes", tmp_path)
    at, asked = wait(heard, "approval_requested")
    run, delays = asked.run, {"question here": at - asked.at / 1e6}
    watched = engine.watch(run)
    assert engine.alive(run)
    assert run not in engine.live
    assert engine.start(lives.talking, (), name="talking") == run
    before = time.time()
    engine.command(
        DecideApproval(run=run, approval=asked.event.approval, decision="approve", by="here")
    )
    engine.command(SendMessage(run=run, to="", message="hello", by="here"))
    assert watched.result(20) == "completed"
    assert life.wait() == 0
    for line in lines(tmp_path, "heard"):
        what, when = line.split()
        delays[f"{what} there"] = float(when) - before
    at, ended = wait(heard, "run_completed")
    delays["end here"] = at - ended.at / 1e6
    print(
        "\n" + ", ".join(f"{what} after {seconds * 1e3:.0f} ms" for what, seconds in delays.items())
    )
    assert max(delays.values()) < 1
    assert engine.result(run) == [{"a": 1}, "hello"]
    assert lines(tmp_path, "ends") == ['completed [{"a": 1}, "hello"]']
    assert [row.kind for _, row in heard] == [row.kind for row in engine.journal.read()], (
        "each event was heard of once, in order"
    )


def test_watcher_is_told_when_the_process_that_executed_a_run_dies(
    nursery: Nursery, tmp_path: Path, engine: Engine
) -> None:
    life = nursery.begin("fifty_steps", tmp_path)
    while not (rows := engine.journal.runs(name="fifty")):
        time.sleep(0.002)
    watched = engine.watch(rows[0].run)
    assert not watched.done()
    life.kill()
    assert watched.result(10) == "crashed"
    assert not engine.alive(rows[0].run)


def test_run_of_a_process_that_died_is_taken_over_at_once(
    nursery: Nursery, tmp_path: Path, engine: Engine
) -> None:
    """Its lease has not run out, but its lock is gone."""
    life = nursery.begin("fifty_steps", tmp_path, lease_ttl=600.0, pause=0.0)
    while not lines(tmp_path, "effects"):
        time.sleep(0.002)
    life.kill()
    before = time.monotonic()
    (row,) = engine.journal.runs(name="fifty")
    engine.resume(row.run, lives.fifty)
    assert row.run in engine.live
    print(f"\ntaken over after {(time.monotonic() - before) * 1e3:.0f} ms")


def test_two_answers_from_two_processes_count_once(
    nursery: Nursery, tmp_path: Path, engine: Engine
) -> None:
    life = nursery.begin("answer_and_die", tmp_path, name="a", after=30.0)
    while not (asked := engine.journal.read(kinds=["approval_requested"])):
        time.sleep(0.001)
    refused = 0
    try:
        engine.command(
            DecideApproval(
                run=asked[0].run, approval=asked[0].event.approval, decision="reject", by="here"
            )
        )
    except AnswerRefused as error:
        refused = 1
        assert "already approved by ada" in str(error)
    while len(lines(tmp_path, "recorded")) + (life.said.count("AnswerRefused") > 0) == 0:
        time.sleep(0.002)
    life.kill()
    decided = [row.event for row in record(tmp_path) if row.kind == "approval_decided"]
    assert len(decided) == 1
    assert (decided[0].by == "ada") == (refused == 1)


def test_f33_forked_process_is_told_and_the_parent_goes_on(
    nursery: Nursery, tmp_path: Path
) -> None:
    assert nursery.live("forks", tmp_path) == 0
    said = lines(tmp_path, "child")
    unusable = [line for line in said if "JournalUnusable" in line and "fork" in line]
    silent = [line for line in said if line == "close: nothing"]
    print(f"\nF33: {len(said)} calls in 4 children: {len(unusable)} told, {len(silent)} harmless")
    assert len(said) == 36
    assert len(unusable) + len(silent) == len(said), set(said) - set(unusable)
    assert len(silent) == 4
    assert lines(tmp_path, "ends") == ["completed 20"]
    assert lines(tmp_path, "verified") == ["True"]
    assert record(tmp_path)[-1].kind == "run_completed"


_shared: Engine | None = None


def _in_a_worker(number: int) -> str:
    assert _shared is not None
    try:
        _shared.start(lives.talking, ())
    except JournalUnusable as error:
        return f"{number}: {error}"
    return "no error"


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)
def test_f33_worker_of_a_forked_pool_is_told(engine: Engine) -> None:
    global _shared
    _shared = engine
    try:
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
            said = list(pool.map(_in_a_worker, range(4)))
    finally:
        _shared = None
    assert [line.partition(":")[0] for line in said] == ["0", "1", "2", "3"]
    assert all("forked" in line for line in said)
    assert os.getpid() == engine._pid
    assert engine.journal.verify().ok
