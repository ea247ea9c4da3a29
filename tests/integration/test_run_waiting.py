"""Waiting for a run in a real kernel: it shows itself, interrupts give the prompt back, questions
are asked where somebody can answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_kit import Cell, Kernel, prepared

BEES = Path(__file__).parents[2] / "notebooks" / "data" / "bees"
DETACHED = (
    "Detached. Run('held') goes on in the background: run.pause(), run.cancel(), or run.result() to"
    " wait again."
)


@pytest.fixture(scope="module")
def one_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with prepared(tmp_path_factory.mktemp("kernel")) as kernel:
        kernel.value(
            "import sentient_kernel.notebook.interaction;"
            " sentient_kernel.notebook.interaction.UNHEARD = 0.2; 1"
        )
        yield kernel


@pytest.fixture
def kernel(one_kernel: Kernel) -> Kernel:
    """The kernel of this module, with a run ``r`` that works until it is let go."""
    one_kernel.value(
        "go.set(); [run.result() for run in map(lambda view: wb.run(view.id), wb.runs) if"
        " run.status == 'running']; 1"
    )
    one_kernel.value("go.clear(); begun.clear(); r = wb.start(held, 7); begun.wait(30)")
    return one_kernel


def interrupted(
    kernel: Kernel, code: str, after: float, *, times: int = 1, stdin: bool = False
) -> tuple[Cell, float]:
    """Runs a cell that waits, interrupts it some time after it has begun, and returns it with the
    seconds until the prompt was back.
    """
    cell = kernel.send(f"print('begun', flush=True)\n{code}", stdin=stdin)
    kernel.pump(lambda: "begun" in cell.text)
    if after:
        with pytest.raises(TimeoutError):
            kernel.pump(lambda: cell.done, after)
    at = kernel.interrupt(times)
    kernel.finish(cell)
    return cell, cell.at - at


def assert_detached(cell: Cell, seconds: float, limit: float) -> None:
    assert cell.error is not None
    name, message, trace = cell.error
    assert (name, message, trace) == ("Detached", DETACHED, [DETACHED])
    assert seconds <= limit


@pytest.mark.parametrize(
    ("code", "limit"), [("r.result()", 1.0), ("await r", 1.5), ("r.wait()", 1.0)]
)
def test_an_interrupt_gives_the_prompt_back_and_the_run_goes_on(
    kernel: Kernel, code: str, limit: float
) -> None:
    """F24, thirty points, every third with a second interrupt right behind the first."""
    chance = random.Random(code)
    threads = set()
    for n in range(10):
        cell, seconds = interrupted(
            kernel, code, chance.uniform(0, 0.4), times=2 if n % 3 == 2 else 1, stdin=n % 2 == 1
        )
        assert_detached(cell, seconds, limit)
        assert kernel.value("r.status, 1 + 1") == "('running', 2)"
        threads.add(kernel.value("at_work()"))
    assert len(threads) == 1
    assert kernel.value("len([t for t in asyncio.all_tasks() if 'sentient' in repr(t)])") == "0"
    assert kernel.value("go.set(); r.result()") == "7"
    assert kernel.value("await r") == "7"


@pytest.mark.parametrize("code", ["r.result()", "await r", "r.wait()"])
def test_cells_that_were_queued_behind_are_left_out_and_later_ones_run(
    kernel: Kernel, code: str
) -> None:
    waiting = kernel.send(f"print('begun', flush=True)\n{code}")
    queued = [kernel.send(f"print({n})") for n in range(3)]
    kernel.pump(lambda: "begun" in waiting.text)
    kernel.interrupt()
    for cell in (waiting, *queued):
        kernel.finish(cell)
    assert [cell.status for cell in (waiting, *queued)] == ["error"] + ["aborted"] * 3
    assert kernel.value("r.pause(); r.status") == "'paused'"
    assert kernel.value("r.resume(); go.set(); r.result()") == "7"


def test_an_interrupt_in_what_follows_the_wait_is_the_cells_own(kernel: Kernel) -> None:
    cell, _ = interrupted(kernel, "go.set(); r.result()\ntime.sleep(30)", 0.3)
    assert cell.error is not None and cell.error[0] == "KeyboardInterrupt"
    assert (
        kernel.value("import signal; signal.getsignal(signal.SIGINT) is signal.default_int_handler")
        == "True"
    )


def test_a_timeout_a_failure_and_a_refusal_are_one_line_each(kernel: Kernel) -> None:
    cell = kernel.run("r.result(timeout=0.1)")
    assert cell.error is not None
    assert cell.error[2] == [
        "RunTimedOut: Run('held') is not done after 0.1 s; it goes on. Call result() again to"
        " wait on."
    ]
    cell = kernel.run("wb.run('nope')")
    assert cell.error is not None and len(cell.error[2]) == 1


# -- what a cell shows -----------------------------------------------------------------------------


def status(html: str) -> str:
    (found,) = re.findall(r'aria-label="Run"[^>]* data-status="(\w+)"', html)
    return str(found)


def test_a_run_shows_itself_and_is_redrawn_after_its_cell_has_ended(kernel: Kernel) -> None:
    cell = kernel.run("r", stdin=True, cell_id="a")
    assert {status(html) for html in cell.html} == {"running"}
    assert "at work" in cell.html[0]
    shown = cell.outputs[-1].content["transient"]["display_id"]  # what is kept of it
    after = kernel.send("go.set(); time.sleep(1)")
    kernel.finish(after)
    drawn = kernel.drawn(shown)
    assert [drawn[0].kind, drawn[-1].kind] == ["display_data", "update_display_data"]
    assert status(drawn[-1].data["text/html"]) == "completed"
    assert {o.data["text/plain"] for o in drawn} == {"Run('held')"}
    assert kernel.value("threads().count('sentient-screen')") == "0"


def test_waiting_shows_the_run_until_it_is_done_and_leaves_one_line(kernel: Kernel) -> None:
    cell = kernel.send("threading.Timer(0.6, go.set).start(); r.result()", stdin=True, cell_id="b")
    kernel.finish(cell)
    states = [status(html) for html in cell.html]
    assert (states[0], states[-1], cell.text) == ("running", "completed", "7")
    assert [o.kind for o in cell.outputs].count("display_data") == 1
    last = cell.html[-1]
    assert (
        len(last) < 1_000
        and "held" in last
        and not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|\d s", last)
    )


def saved(kernel: Kernel, cell: Cell) -> list[dict[str, str]]:
    """Returns what a cell's outputs are in the file that is saved now, those that show nothing left
    out.
    """
    shown = []
    for output in cell.outputs:
        if output.kind == "update_display_data":
            continue
        display = output.content.get("transient", {}).get("display_id")
        data = kernel.drawn(display)[-1].data if display else output.data
        if data.get("text/html") or data.get("text/plain"):
            shown.append(data)
    return shown


@pytest.mark.parametrize("stdin", [True, False], ids=["in a browser", "by nbconvert"])
def test_a_cell_that_showed_a_run_while_it_worked_is_saved_with_one_output(
    kernel: Kernel, stdin: bool
) -> None:
    kernel.value(f"wb.add({str(BEES)!r}); 1")
    cells = [
        kernel.run(code, stdin=stdin, cell_id=f"one {n}")
        for n, code in enumerate(
            (
                "q = wb.research('How far do honey bees fly?'); q",
                "q.result()",
                "wb.research('How far do honey bees fly?', name='again').result()",
                "wb.approvals",
            )
        )
    ]
    kernel.run("time.sleep(1)")
    for cell in cells:
        (left,) = saved(kernel, cell)
        assert not re.search("Searching|Writing|Planning", left["text/html"]), "nothing stale"
    assert all("kilomet" in saved(kernel, cell)[0]["text/html"] for cell in cells[:3])
    line = kernel.run("answer = q.result()", stdin=stdin)
    assert saved(kernel, line) == [], "nobody saw it work, and the report says it all"


def test_voila_shows_live_views_though_its_cells_run_without_a_front_end(kernel: Kernel) -> None:
    kernel.value("import os; os.environ['VOILA_BASE_URL'] = '/'; 1")
    live, kept = (o for o in kernel.run("r").outputs if o.kind == "display_data")
    kernel.value("del os.environ['VOILA_BASE_URL']; go.set(); time.sleep(1); 1")  # drawn to its end
    assert "application/vnd.jupyter.widget-view+json" in live.data and not live.data["text/html"]
    assert "as of 20" in kept.data["text/html"], "where it is not live, it says of when it is"


def test_where_nobody_looks_only_that_line_is_drawn(kernel: Kernel) -> None:
    for code in ("threading.Timer(0.3, go.set).start(); r.result()", "await r"):
        cell = kernel.run(code)
        (drawn,) = [o for o in cell.outputs if o.kind != "execute_result"]
        assert (drawn.kind, status(drawn.data["text/html"])) == ("display_data", "completed")


def test_a_run_that_another_cell_shows_is_not_shown_twice(kernel: Kernel) -> None:
    kernel.run("r", stdin=True, cell_id="a")
    waiting = kernel.send("r.result()", stdin=True, cell_id="b")
    kernel.send("1", stdin=True)
    with pytest.raises(TimeoutError):
        kernel.pump(lambda: waiting.done, 0.6)
    assert [o.kind for o in waiting.outputs if o.kind == "display_data"] == []
    kernel.interrupt()
    kernel.finish(waiting)
    again = kernel.send("threading.Timer(0.5, go.set).start(); r.result()", stdin=True, cell_id="a")
    kernel.finish(again)
    assert status(again.html[0]) == "running", "the cell that showed it has let go of that view"


def test_an_interrupted_cell_goes_on_showing_the_run(kernel: Kernel) -> None:
    cell, _ = interrupted(kernel, "r.result()", 0.2, stdin=True)
    shown = next(o for o in cell.outputs if o.kind == "display_data").content["transient"][
        "display_id"
    ]
    kernel.run("go.set(); time.sleep(1)")
    assert status(kernel.drawn(shown)[-1].data["text/html"]) == "completed"


# -- questions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["q.result()", "await q"])
def test_where_nobody_can_answer_the_run_is_left_waiting(kernel: Kernel, code: str) -> None:
    cell = kernel.run(f"q = wb.start(asks, 1); {code}", timeout=10)
    assert cell.error is not None
    assert cell.error[0] == "RunWaiting" and "sentient-kernel approve" in cell.error[1]
    assert kernel.value("q.status, len(q.approvals)") == "('waiting', 1)"
    assert kernel.value("q.approvals[0].approve({'x': 2}); q.result()") == "{'x': 2}"


@pytest.mark.parametrize("code", ["q.result()", "await q"])
def test_a_person_in_front_of_the_cell_is_asked_in_it(kernel: Kernel, code: str) -> None:
    cell = kernel.send(f"q = wb.start(asks, 1); {code}", stdin=True)
    assert kernel.answer("what?") == "[a]pprove, [e]dit as JSON, [r]eject: "
    assert kernel.answer("e").startswith("[a]pprove")
    kernel.answer("{not json")
    kernel.answer("e")
    assert kernel.answer('{"x": 5}').startswith("New payload")
    kernel.finish(cell)
    assert "Not recorded" in cell.text
    assert cell.text.endswith("{'x': 5}")
    assert cell.text.count('Go ahead?\n{\n  "x": 1\n}\n') == 1, "also where no view shows it"


def test_no_is_an_answer_with_a_reason(kernel: Kernel) -> None:
    cell = kernel.send("q = wb.start(asks, 1); q.result()", stdin=True)
    kernel.answer("r")
    kernel.answer("too dear")
    kernel.finish(cell)
    assert cell.error is not None
    assert cell.error[0] == "RunFailed" and "too dear" in cell.error[1]


@pytest.mark.parametrize("code", ["q.result()", "await q"])
def test_a_question_in_a_cell_can_be_interrupted(kernel: Kernel, code: str) -> None:
    cell = kernel.send(f"q = wb.start(asks, 1); {code}", stdin=True)
    with pytest.raises(TimeoutError):
        kernel.pump(lambda: cell.done, 0.6)
    at = kernel.interrupt()
    kernel.finish(cell)
    assert cell.error is not None and cell.error[0] == "Detached"
    assert cell.at - at <= 1.5
    assert kernel.value("q.status") == "'waiting'"
    assert kernel.value("q.approvals[0].approve(); q.result()") == "{'x': 1}"


def test_a_task_of_the_cell_is_cancelled_as_any_other(kernel: Kernel) -> None:
    code = """
async def wait():
    return await r
task = asyncio.ensure_future(wait())
await asyncio.sleep(0.2)
task.cancel()
try:
    await task
except asyncio.CancelledError:
    print("cancelled", r.status)
"""
    assert kernel.run(code).text.strip() == "cancelled running"
