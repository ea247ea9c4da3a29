"""Values that a workbench hands out are values: they can be copied, pickled, and read anywhere."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_kit import command, environment
from workbench_kit import BEES, QUESTION

import sentient_kernel as sk

COPIES: dict[str, Callable[[Any], Any]] = {
    "pickled": lambda value: pickle.loads(pickle.dumps(value)),
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
}
A_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?! ?UTC|Z|[+-]\d\d:?\d\d)(?![\d:.])"
)


@sk.workflow
async def asks(ctx: Any) -> Any:
    return await ctx.approve("Go on?", {"hives": np.int64(3)}, expires=3600)


@sk.workflow
async def fails(ctx: Any) -> None:
    await ctx.step(int, "three")


@sk.workflow
async def counts(ctx: Any, given: Any) -> Any:
    await ctx.emit("counting", progress=np.float32(0.5), seen=np.array([1, 2]))
    return {
        "given": given,
        "sum": await ctx.step(np.sum, np.arange(4)),
        "mean": await ctx.step(np.mean, [1, 2]),
    }


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    home = tmp_path / "home"
    with sk.Workbench(home, settings=sk.Settings(_env_file=None)) as workbench:  # type: ignore[call-arg]
        workbench.add(BEES)
        workbench.research(QUESTION, name="report").result(60)
        workbench.start(asks, name="asks").wait(20)
        with pytest.raises(sk.RunFailed):
            workbench.start(fails, name="fails").result(20)
        yield workbench


def named(wb: sk.Workbench, name: str) -> Any:
    return next(wb.run(run.id) for run in wb.runs if run.name == name)


def values(wb: sk.Workbench) -> dict[str, Any]:
    run = named(wb, "report")
    report = run.result()
    with pytest.raises(sk.RunFailed) as failed:
        named(wb, "fails").result()
    tables = {
        name: getattr(run, name) for name in ("steps", "events", "sources", "cost", "approvals")
    }
    return tables | {
        "report": report,
        "claim": report.claims[0],
        "citation": report.citations[0],
        "document": wb.document(report.citations[0].document),
        "view": run.view,
        "progress": run.progress,
        "runs": wb.runs,
        "inbox": wb.approvals,
        "approval": wb.approvals[0],
        "errors": wb.errors,
        "error": failed.value,
        "cause": failed.value.__cause__,
        "mapped": wb.map([QUESTION]),
        "passages": wb.search("bees"),
    }


@pytest.mark.parametrize("way", COPIES)
def test_value_can_be_pickled_and_copied(wb: sk.Workbench, way: str) -> None:
    for name, value in values(wb).items():
        again = COPIES[way](value)
        assert type(again) is type(value) and repr(again) == repr(value), name
        assert str(again) == str(value), name
        if not isinstance(value, Exception):
            assert again == value, name
            assert getattr(again, "_repr_html_", str)() == getattr(value, "_repr_html_", str)(), (
                name
            )


def test_pickled_report_is_read_in_another_process(wb: sk.Workbench, tmp_path: Path) -> None:
    report = named(wb, "report").result()
    (tmp_path / "report.pickle").write_bytes(pickle.dumps(report))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).to_markdown(), end='')"
    words = [sys.executable, "-c", code, str(tmp_path / "report.pickle")]
    done = subprocess.run(
        words, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == report.to_markdown(), done.stderr


def test_copied_approval_can_be_answered_and_a_pickled_one_says_how(wb: sk.Workbench) -> None:
    approval = wb.approvals[0]
    with pytest.raises(sk.UsageError, match=r"cannot be answered from here\. Use wb\.decide"):
        COPIES["pickled"](approval).approve()
    COPIES["copied deeply"](approval).approve({"hives": np.int64(2)}, reason="two are enough")
    assert named(wb, "asks").result(20) == {"hives": 2}


@pytest.mark.parametrize("what", ["run", "workbench"])
def test_what_belongs_to_this_process_says_so_when_it_is_pickled(
    wb: sk.Workbench, what: str
) -> None:
    value = named(wb, "report") if what == "run" else wb
    with pytest.raises(sk.UsageError, match=r"sk\.Workbench\(home\)"):
        pickle.dumps(value)
    if what == "run":
        assert copy.deepcopy([value]) == [value]


def test_numbers_of_numpy_are_taken_wherever_a_number_is(wb: sk.Workbench) -> None:
    kept = wb.start(counts, np.array([1, 2]), name="counts").result(20)
    assert kept == {"given": [1, 2], "sum": 6, "mean": 1.5}
    budget = sk.Budget(calls=np.int64(3), seconds=np.float32(2.5))
    assert repr(budget) == "Budget(calls=3, seconds=2.5)"
    report = wb.research(QUESTION, depth=np.int64(2), budget=budget).result(60)
    assert report.claims and len(wb.search("bees", k=np.int64(2))) == 2
    mapped = wb.map(counts, np.array([1, 2]), concurrency=np.int64(2))
    assert [row.value["given"] for row in mapped] == [1, 2] and str(mapped)
    with pytest.raises(
        sk.ValueNotStorable,
        match=r"The answer cannot be kept as JSON: it\['x'\] is of type builtins\.object",
    ):
        wb.decide(named(wb, "asks").approvals[0].id, "approve", payload={"x": object()})


def test_every_time_that_is_shown_says_its_zone(wb: sk.Workbench) -> None:
    shown = {
        name: f"{value} {value!r} {getattr(value, '_repr_html_', str)()}"
        for name, value in values(wb).items()
    }
    shown |= {name: named(wb, name)._repr_html_() for name in ("report", "asks", "fails")}
    for words in (
        ["runs"],
        ["approvals"],
        ["show", named(wb, "asks").id],
        ["runs", "--json"],
        ["show", named(wb, "fails").id, "--json"],
    ):
        done = subprocess.run(
            command(*words, "--home", wb.home),
            env=environment(TZ="Asia/Kathmandu"),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        shown[" ".join(words)] = done.stdout
    for name, text in shown.items():
        assert not A_TIME.search(text), f"{name}: {A_TIME.search(text)}"
    assert re.search(r"\d\d:\d\d:\d\d UTC", shown["runs"]) and re.search(
        r"\d\d:\d\d:\d\d UTC", shown["inbox"]
    )
