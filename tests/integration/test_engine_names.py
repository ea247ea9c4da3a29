"""Named runs attach: the same name and the same inputs are the same run, whatever has become of
it.
"""

from __future__ import annotations

from typing import Any

import engine_kit
import pytest
from engine_kit import Calls, Home, answer, ended, kinds, outcome, wait_for

from sentient_kernel.commands import CancelRun, DecideApproval
from sentient_kernel.engine import Context, Engine, workflow

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()


@pytest.fixture(autouse=True)
def fresh_counts() -> None:
    calls.counts.clear()


async def work(what: Any) -> Any:
    n = calls("work")
    if what == "fails once" and n == 1:
        raise ValueError
    if what == "dies once" and n == 1:
        raise SystemExit
    return what


@workflow
async def named(ctx: Context, what: Any = "well", *, ask: bool = False) -> Any:
    if ask:
        await ctx.approve("Go?")
    return await ctx.step(work, what)


@workflow
async def other(ctx: Context, what: Any = "well") -> Any:
    return await ctx.step(work, what)


def test_finished_run_is_returned_and_not_run_again(home: Home) -> None:
    first = home.engine()
    run = first.start(named, ("well",), name="daily")
    assert outcome(first, run) == "well"
    assert first.start(named, ("well",), name="daily") == run
    first.close()
    second = home.engine()
    assert second.start(named, ("well",), name="daily") == run
    assert outcome(second, run) == "well"
    assert calls["work"] == 1
    assert kinds(second, run).count("run_resumed") == 0


def test_running_run_is_joined(engine: Engine) -> None:
    run = engine.start(named, (), {"ask": True}, name="daily")
    assert engine.start(named, (), {"ask": True}, name="daily") == run
    answer(engine, run)
    assert outcome(engine, run) == "well"
    assert calls["work"] == 1


@pytest.mark.parametrize("what", ["fails once", "dies once"])
def test_failed_or_crashed_run_goes_on(engine: Engine, what: str) -> None:
    run = engine.start(named, (what,), name="daily")
    assert ended(engine, run) in ("failed", "crashed")
    assert engine.start(named, (what,), name="daily") == run
    assert outcome(engine, run) == what
    assert calls["work"] == 2


def test_failed_run_goes_on_at_once_although_its_failure_was_just_told(engine: Engine) -> None:
    for n in range(20):
        calls.counts.clear()
        run = engine.start(named, ("fails once",), name=f"daily {n}")
        assert ended(engine, run) == "failed"
        assert engine.start(named, ("fails once",), name=f"daily {n}") == run
        assert outcome(engine, run) == "fails once"


def test_cancelled_run_stays_cancelled_until_it_is_taken_up(engine: Engine) -> None:
    run = engine.start(named, (), {"ask": True}, name="daily")
    wait_for(engine, run, "approval_requested")
    engine.command(CancelRun(run=run))
    assert ended(engine, run) == "cancelled"
    assert engine.start(named, (), {"ask": True}, name="daily") == run
    assert ended(engine, run) == "cancelled"
    engine.resume(run)
    answer(engine, run, count=2)
    assert outcome(engine, run) == "well"


@pytest.mark.parametrize(
    ("flow", "args", "kwargs", "name"),
    [
        (named, ("other",), {}, "daily"),
        (named, ("well",), {}, "weekly"),
        (named, ("well",), {}, None),
        (other, ("well",), {}, "daily"),
    ],
    ids=["other inputs", "other name", "no name", "other workflow"],
)
def test_anything_else_is_another_run(
    engine: Engine, flow: Any, args: Any, kwargs: Any, name: str | None
) -> None:
    run = engine.start(named, ("well",), name="daily")
    another = engine.start(flow, args, kwargs, name=name)
    assert another != run
    assert outcome(engine, run) == "well"
    assert outcome(engine, another) == args[0]


def test_order_of_keys_does_not_make_other_inputs(engine: Engine) -> None:
    run = engine.start(named, ({"a": 1, "b": 2},), name="daily")
    assert engine.start(named, ({"b": 2, "a": 1},), name="daily") == run


def test_two_engines_that_start_one_name_at_once_start_one_run(home: Home) -> None:
    engines = [home.engine(), home.engine()]
    for n in range(10):
        with_both = [
            engine.start_soon(lambda e=engine, n=n: e.launch(named, ("well",), name=f"n{n}"))
            for engine in engines
        ]
        runs = {future.result(20) for future in with_both}
        assert len(runs) == 1
        assert [outcome(engine, *runs) for engine in engines] == ["well", "well"]
    assert calls["work"] == 10


def test_second_engine_watches_a_run_that_the_first_executes(home: Home) -> None:
    first, second = home.engine(), home.engine()
    run = first.start(named, (), {"ask": True}, name="daily")
    assert second.start(named, (), {"ask": True}, name="daily") == run
    assert run not in second.live
    assert second.alive(run)
    watched = second.watch(run)
    answer(second, run)
    assert watched.result(20) == "completed"
    assert second.result(run) == "well"
    assert "run_resumed" not in kinds(second, run)


def test_run_that_another_engine_completes_in_the_moment_it_is_taken_up_is_left_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = home.engine(), home.engine()
    run = first.start(named, (), {"ask": True}, name="daily")
    asked = wait_for(first, run, "approval_requested")
    acquire = second.journal.acquire

    def too_late(*args: Any, **settings: Any) -> Any:
        first.command(DecideApproval(run=run, approval=asked.approval, decision="approve"))
        assert ended(first, run) == "completed"
        while first.alive(run):
            pass
        return acquire(*args, **settings)

    monkeypatch.setattr(second.journal, "acquire", too_late)
    assert second.start(named, (), {"ask": True}, name="daily") == run
    assert not second.live
    assert not second.alive(run)
    assert outcome(second, run) == "well"
    assert "run_resumed" not in kinds(second, run)
