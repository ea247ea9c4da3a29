"""A workflow edited in a cell and run again: what is unchanged is reused, what changed runs;
counted.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import engine_kit
import nbformat
import pytest
from engine_kit import Calls, Cells, Home, ended, finish, kinds, outcome
from nbclient import NotebookClient

import sentient_kernel.engine as sk
from sentient_kernel.engine import Engine
from sentient_kernel.engine.workflow import _defined

home, engine = engine_kit.home, engine_kit.engine
calls = Calls()

CELL = """
UNIT = "m"

def scale(i):
    return i * 10

def fetch(i):
    calls(("fetch", i))
    return i

async def digest(i):
    calls(("digest", i))
    return scale(i)

@sk.workflow
async def study(ctx, n):
    pages = [await ctx.step(fetch, i) for i in range(n)]
    notes = [o.value for o in await ctx.gather(*(ctx.step(digest, p) for p in pages))]
    return sum(notes)
"""


@pytest.fixture(autouse=True)
def fresh() -> Any:
    calls.counts.clear()
    yield
    for name in [name for name in _defined if name.startswith("__main__:")]:
        del _defined[name]


@pytest.fixture
def cells() -> Cells:
    return Cells(sk=sk, calls=calls, asyncio=asyncio)


def counted(what: str) -> int:
    return sum(n for (name, _), n in calls.counts.items() if name == what)


def test_cell_run_again_unchanged_returns_the_finished_run(engine: Engine, cells: Cells) -> None:
    run = engine.start(cells.run(CELL)["study"], (3,), name="s")
    assert outcome(engine, run) == 30
    assert engine.start(cells.run(CELL)["study"], (3,), name="s") == run
    assert outcome(engine, run) == 30
    assert "run_resumed" not in kinds(engine, run)
    assert (counted("fetch"), counted("digest")) == (3, 3)


@pytest.mark.parametrize(
    ("edit", "result", "fetched", "digested"),
    [
        (lambda s: s.replace("return sum(notes)", "return max(notes)"), 20, 3, 3),
        (lambda s: s.replace("    pages =", "    # says why\n    pages ="), 30, 3, 3),
        (lambda s: s.replace("i * 10", "i * 100"), 300, 3, 6),
        (lambda s: s.replace("return scale(i)", "return scale(i) + 1"), 33, 3, 6),
        (
            lambda s: s.replace(
                '    calls(("fetch", i))\n    return i', '    calls(("fetch", i))\n    return i + 1'
            ),
            60,
            6,
            4,
        ),
        (lambda s: s.replace("range(n)]", "range(n + 1)]"), 60, 4, 4),
        (lambda s: s.replace("range(n)]", "reversed(range(n))]"), 30, 3, 3),
        (
            lambda s: s.replace("    notes = [", "    await ctx.step(fetch, 99)\n    notes = ["),
            30,
            4,
            3,
        ),
        (
            lambda s: s.replace("[await ctx.step(fetch, i) for i in range(n)]", "list(range(n))"),
            30,
            3,
            3,
        ),
    ],
    ids=[
        "the end",
        "a comment",
        "a helper",
        "a step",
        "an early step",
        "one step more",
        "the order",
        "a step between",
        "a step less",
    ],
)
def test_edited_cell_runs_what_changed_and_nothing_else(
    engine: Engine, cells: Cells, edit: Any, result: int, fetched: int, digested: int
) -> None:
    run = engine.start(cells.run(CELL)["study"], (3,), name="s")
    assert outcome(engine, run) == 30
    assert engine.start(cells.run(edit(CELL))["study"], (3,), name="s") == run
    assert outcome(engine, run) == result
    assert (counted("fetch"), counted("digest")) == (fetched, digested)
    assert kinds(engine, run).count("run_resumed") == (
        0 if result == 30 and edit(CELL).count("#") else 1
    )


def test_cell_edited_to_mend_a_failure_goes_on_behind_what_was_done(
    engine: Engine, cells: Cells
) -> None:
    broken = CELL.replace("return scale(i)", "return scale(i) / (i - 1)")
    run = engine.start(cells.run(broken)["study"], (3,), name="s")
    assert ended(engine, run) == "failed"
    assert engine.start(cells.run(CELL)["study"], (3,), name="s") == run
    assert outcome(engine, run) == 30
    assert counted("fetch") == 3


def test_effect_that_happened_is_not_repeated_by_an_edit_of_its_function(
    engine: Engine, cells: Cells
) -> None:
    source = """
async def send(to):
    calls(("send", to))
    return "sent"

@sk.workflow
async def mails(ctx):
    return await ctx.step(send, "ada", effect=sk.once())
"""
    run = engine.start(cells.run(source)["mails"], name="m")
    assert outcome(engine, run) == "sent"
    edited = source.replace('return "sent"', 'return "sent again"').replace(
        "async def mails(ctx):\n", "async def mails(ctx):\n    await ctx.emit('x')\n"
    )
    assert engine.start(cells.run(edited)["mails"], name="m") == run
    assert outcome(engine, run) == "sent"
    assert counted("send") == 1


def test_edits_back_and_forth_never_run_the_same_twice(engine: Engine, cells: Cells) -> None:
    other = CELL.replace("i * 10", "i * 100")
    for source, result in ((CELL, 30), (other, 300), (CELL, 30), (other, 300)):
        run = engine.start(cells.run(source)["study"], (3,), name="s")
        assert outcome(engine, run) == result
    assert (counted("fetch"), counted("digest")) == (3, 6)


def test_crash_after_an_edit_is_no_contradiction(engine: Engine, cells: Cells) -> None:
    deadly = CELL + "\ndef die():\n    if calls(('die', 0)) == 1:\n        raise SystemExit\n"
    first = deadly.replace("return sum(notes)", "await ctx.step(die)\n    return sum(notes)")
    second = first.replace("ctx.step(fetch, i)", "ctx.step(fetch, i + 7)")
    run = engine.start(cells.run(first)["study"], (3,), name="s")
    assert ended(engine, run) == "crashed"
    calls.counts["die", 0] = 0
    engine.start(cells.run(second)["study"], (3,), name="s")
    assert ended(engine, run) == "crashed"
    engine.start(cells.run(second)["study"], (3,), name="s")
    assert outcome(engine, run) == 240
    assert counted("fetch") == 6


def test_stored_run_finds_the_newest_definition_of_its_workflow(home: Home, cells: Cells) -> None:
    first = home.engine()
    run = first.start(
        cells.run(CELL.replace("return sum(notes)", "raise ValueError"))["study"], (3,)
    )
    assert ended(first, run) == "failed"
    first.close()
    cells.run(CELL)
    second = home.engine()
    second.resume(run)
    assert outcome(second, run) == 30
    assert counted("fetch") == 3


def test_functions_without_source_work_too(engine: Engine) -> None:
    space: dict[str, Any] = {"__name__": "__main__", "sk": sk, "calls": calls}
    exec(CELL, space)
    assert finish(engine, space["study"], 3) == 30
    run = engine.start(space["study"], (3,), name="s")
    assert outcome(engine, run) == 30
    exec(CELL.replace("i * 10", "i * 100"), space)
    engine.start(space["study"], (3,), name="s")
    assert outcome(engine, run) == 300


def test_in_a_real_kernel_an_edited_cell_and_a_restart_run_only_what_changed(
    tmp_path: Path,
) -> None:
    log = tmp_path / "calls.txt"
    opening = f"""
import sys
sys.path.insert(0, {str(Path.cwd())!r})
import sentient_kernel.engine as sk
from sentient_kernel.journal.sqlite.store import SqliteJournal
engine = sk.Engine(SqliteJournal({str(tmp_path / "journal.db")!r}))
def calls(what):
    with open({str(log)!r}, "a") as file:
        file.write(what[0] + "\\n")
"""
    begin = (
        "run = engine.start(study, (3,), name='s'); print(engine.watch(run).result(30),"
        " engine.result(run))"
    )
    edited = CELL.replace("i * 10", "i * 100")
    shut = "engine.close()"
    first = printed(tmp_path, opening, CELL, begin, CELL, begin, edited, begin, shut)
    assert first == ["completed 30", "completed 30", "completed 300"]
    assert log.read_text().split() == ["fetch"] * 3 + ["digest"] * 6
    again = printed(tmp_path, opening, edited, begin, CELL, begin, shut)
    assert again == ["completed 300", "completed 30"]
    assert log.read_text().split() == ["fetch"] * 3 + ["digest"] * 6


def printed(folder: Path, *sources: str) -> list[str]:
    """Runs cells in a fresh kernel and returns the lines they print."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources]
    )
    NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    assert all(output.output_type == "stream" for output in outputs), outputs
    return [line for output in outputs for line in output.text.splitlines()]
