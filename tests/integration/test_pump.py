"""Clicks reach Python while a cell waits, on each line of ipykernel; what else arrives is handled
afterwards, in order.

The older lines are tried with what must hold first; ``pytest -m faults`` tries them with all of it.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kernel_kit import Cell, Kernel, prepared
from kernels_kit import line

LINES = ["installed", "ipykernel73", "ipykernel631"]
LATER = [LINES[0], *(pytest.param(name, marks=pytest.mark.faults) for name in LINES[1:])]
first = pytest.mark.parametrize("one_kernel", LINES, indirect=True, scope="module")
later = pytest.mark.parametrize("one_kernel", LATER, indirect=True, scope="module")
ways = pytest.mark.parametrize("way", ["r.result()", "await r", "r.wait()"])
AT_ONCE = 0.2
"""Seconds from a click to its handler. On a busy machine a single one may take longer; what waits
for the cell takes for ever.
"""

PAGE = """
heard, order, marks = [], [], []

def page(comm, opened):
    heard.append(("opened", opened["content"]["data"].get("at", 0), time.monotonic(), "open"))
    def clicked(message):
        data = message["content"]["data"]
        heard.append((data["n"], data["at"], time.monotonic(), threading.current_thread().name))
        if "do" in data:
            exec(data["do"], globals())
    comm.on_msg(clicked)

get_ipython().kernel.comm_manager.register_target("page", page)

def times_ten(x):
    return x * 10

@sk.workflow
async def quick(ctx, x):
    return await ctx.step(times_ten, x)

import sentient_kernel.notebook.interaction as frontend, sentient_kernel.notebook.pump as pump
"""


@pytest.fixture(scope="module")
def one_kernel(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kernel]:
    before = [] if request.param == LINES[0] else [line(request.param)]
    with prepared(tmp_path_factory.mktemp("kernel"), before=before) as kernel:
        kernel.value(PAGE + "1")
        # the first view takes a moment to load
        kernel.run("threading.Timer(0.2, go.set).start(); wb.start(held, 0).result()", stdin=True)
        yield kernel


@pytest.fixture
def kernel(one_kernel: Kernel) -> Kernel:
    """The kernel with a page that is open, from which nothing was heard yet, and a run ``r`` that
    works until it is let go.
    """
    one_kernel.value(
        "go.set(); [wb.run(v.id).result() for v in wb.runs if v.status == 'running']; 1"
    )
    one_kernel.value(
        "wb._output.watched = lambda run: False; go.clear(); begun.clear(); r = wb.start(held, 7);"
        " begun.wait(30)"
    )
    one_kernel.open_comm("page", "page")
    one_kernel.value("frontend.UNHEARD = 0.5; heard.clear(); order.clear(); marks.clear(); 1")
    return one_kernel


def click(kernel: Kernel, n: Any, **data: Any) -> Cell:
    return kernel.click("page", n=n, **data)


def waiting(kernel: Kernel, code: str, *, stdin: bool = True) -> Cell:
    """Sends a cell, and returns it when it has begun to wait."""
    cell = kernel.send(f"print('begun', flush=True)\n{code}", stdin=stdin)
    kernel.pump(lambda: "begun" in cell.text or cell.done)
    rest(kernel, 0.1)
    assert not cell.done, (cell.error, cell.text)
    return cell


def rest(kernel: Kernel, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        kernel.pump(lambda: False, seconds)


def clicks(kernel: Kernel) -> list[tuple[Any, float]]:
    """What the page's handler was called with, and after how many seconds."""
    return [(n, now - at) for n, at, now, _ in value(kernel, "heard")]


def assert_at_once(found: list[tuple[Any, float]]) -> None:
    times = sorted(seconds for _, seconds in found)
    assert times[len(times) // 2] <= AT_ONCE and times[-1] <= 5 * AT_ONCE, times


def value(kernel: Kernel, code: str) -> Any:
    return ast.literal_eval(kernel.value(code))


# -- what must hold on every line ------------------------------------------------------------------


@first
@ways
def test_clicks_come_at_once_and_what_is_queued_behind_runs_in_order(
    kernel: Kernel, way: str
) -> None:
    cell = waiting(kernel, f"{way}; order.append('waited')")
    queued = [kernel.send(f"order.append({n})") for n in range(20)]
    for n in range(8):
        click(kernel, n)
        rest(kernel, 0.07)
    kernel.open_comm("page", "reloaded", {"at": time.monotonic()})
    kernel.click("reloaded", n="again")
    kernel.click("reloaded", n="bye", do="go.set()")
    later = [kernel.send(f"order.append({n})") for n in range(20, 24)]
    assert kernel.finish(cell).status == "ok", cell.error
    for each in (*queued, *later):
        assert kernel.finish(each).status == "ok"
    found = clicks(kernel)
    assert [n for n, _ in found] == [*range(8), "opened", "again", "bye"]
    assert_at_once(found)
    assert value(kernel, "order") == ["waited", *range(24)]
    print(f"{way}: {[round(seconds * 1000) for _, seconds in found]} ms")


@first
@ways
def test_requests_of_any_kind_are_kept_and_answered_in_order(kernel: Kernel, way: str) -> None:
    tasks = kernel.value("len(asyncio.all_tasks())")
    cell = waiting(kernel, f"{way}")
    sent = []
    for n in range(6):
        sent.append(kernel.send(f"order.append({n})"))
        sent.append(kernel.request("kernel_info_request"))
        click(kernel, n)
        sent.append(kernel.request("complete_request", {"code": "wb.r", "cursor_pos": 4}))
    rest(kernel, 0.2)
    assert not any(each.answered >= 0 for each in sent)
    click(kernel, "go", do="go.set()")
    for each in (cell, *sent):
        assert kernel.finish(each).status == "ok"
    assert sorted(sent, key=lambda each: each.answered) == sent
    assert [n for n, _ in clicks(kernel)] == [*range(6), "go"]
    assert value(kernel, "order") == list(range(6))
    assert kernel.value("len(asyncio.all_tasks())") == tasks


@first
@ways
def test_a_cell_that_raises_afterwards_aborts_what_is_queued(kernel: Kernel, way: str) -> None:
    cell = waiting(kernel, f"{way}; 1 / 0")
    queued = [kernel.send(f"order.append({n})") for n in range(3)]
    click(kernel, "go", do="go.set()")
    statuses = [kernel.finish(each).status for each in (cell, *queued)]
    assert statuses == ["error"] + ["aborted"] * 3
    assert kernel.value("order") == "[]"
    click(kernel, "idle")
    assert kernel.value("heard[-1][0]") == "'idle'"


@first
@ways
def test_an_interrupt_among_clicks_gives_the_prompt_back(kernel: Kernel, way: str) -> None:
    for _ in range(3):
        cell = waiting(kernel, way)
        queued = kernel.send("order.append(1)")
        for n in range(20):
            click(kernel, n)
        at = kernel.interrupt()
        kernel.finish(cell)
        assert cell.error is not None and cell.error[0] == "Detached"
        assert cell.at - at <= 1.0
        assert kernel.finish(queued).status == "aborted"
        click(kernel, "idle")
        assert kernel.value("heard[-1][0], r.status") == "('idle', 'running')"
    # Those that had not come by the interrupt are handled when the cell has ended.
    assert value(kernel, "[n for n, *_ in heard]") == [*range(20), "idle"] * 3


@first
def test_a_page_that_is_heard_from_is_asked_by_clicks_alone(kernel: Kernel) -> None:
    kernel.value("wb._output.watched = lambda run: marks.append(run) or True; 1")
    for way in ("q.result()", "await q"):
        cell = waiting(kernel, f"q = wb.start(asks, 1); {way}")
        with pytest.raises(TimeoutError):
            kernel.asked(timeout=1)
        click(kernel, "yes", do="q.approvals[0].approve({'x': 3})")
        assert kernel.finish(cell).text == "begun\n{'x': 3}"
        assert_at_once(clicks(kernel))
    assert kernel.value("set(marks) <= {v.id for v in wb.runs}") == "True"


@first
@pytest.mark.parametrize("way", ["q.result()", "await q"])
def test_where_no_page_is_heard_from_the_cell_asks_after_a_moment_and_a_click_still_counts(
    kernel: Kernel, way: str
) -> None:
    cell = kernel.send(f"q = wb.start(asks, 1); {way}", stdin=True)
    assert kernel.asked().startswith("[a]pprove")
    rest(kernel, 0.5)
    assert not cell.done
    click(kernel, "yes", do="q.approvals[0].approve({'x': 4})")
    kernel.finish(cell)
    assert cell.text.endswith("{'x': 4}")
    assert_at_once(clicks(kernel))


# -- what holds beside -----------------------------------------------------------------------------


@later
def test_a_question_stands_for_three_seconds_before_the_cell_asks(kernel: Kernel) -> None:
    kernel.value("frontend.UNHEARD = 3.0; q = wb.start(asks, 1); q.wait()")
    began = time.monotonic()
    cell = kernel.send("q.result()", stdin=True)
    kernel.answer("a")
    assert 2.9 <= time.monotonic() - began <= 4
    assert kernel.finish(cell).text.endswith("{'x': 1}")


@later
def test_a_handler_that_hangs_can_be_interrupted(kernel: Kernel) -> None:
    cell = waiting(kernel, "r.result()")
    click(kernel, "stuck", do="time.sleep(60)")
    rest(kernel, 0.3)
    at = kernel.interrupt()
    kernel.finish(cell)
    assert cell.error is not None and cell.error[0] == "Detached"
    assert cell.at - at <= 1.0
    again = waiting(kernel, "r.result()")
    click(kernel, "go", do="go.set()")
    assert kernel.finish(again).text == "begun\n7"


@later
@ways
def test_a_handler_that_raises_costs_nothing_but_itself(kernel: Kernel, way: str) -> None:
    cell = waiting(kernel, way)
    failed = [click(kernel, code, do=code) for code in ("1 / 0", "del heard[-1].nothing")]
    click(kernel, "go", do="go.set()")
    assert kernel.finish(cell).status == "ok", cell.error
    assert [n for n, _ in clicks(kernel)][-1] == "go"
    assert all(
        word in each.text
        for word, each in zip(["ZeroDivisionError", "AttributeError"], failed, strict=True)
    ), "told as ever"


@later
@pytest.mark.parametrize("way", ["r.result()", "await r"])
def test_a_handler_may_start_runs_and_wait_for_them(kernel: Kernel, way: str) -> None:
    cell = waiting(kernel, way)
    queued = [kernel.send(f"order.append({n})") for n in range(2)]
    click(kernel, "start", do="s = wb.start(quick, 5); marks.append(s.result())")
    click(kernel, "nest", do="marks.append('in'); wb.start(held, 8).result(); marks.append('out')")
    rest(kernel, 0.4)
    queued += [kernel.send(f"order.append({n})") for n in range(2, 4)]
    click(kernel, "within", do="marks.append('within'); go.set()")
    assert kernel.finish(cell).text == "begun\n7"
    for each in queued:
        assert kernel.finish(each).status == "ok"
    assert kernel.value("marks") == "[50, 'in', 'within', 'out']"
    assert kernel.value("order") == "[0, 1, 2, 3]"


@later
def test_one_interrupt_ends_waits_within_waits(kernel: Kernel) -> None:
    cell = waiting(kernel, "r.result()")
    click(kernel, "nest", do="r.result()")
    rest(kernel, 0.4)
    at = kernel.interrupt()
    kernel.finish(cell)
    assert cell.error is not None and cell.error[0] == "Detached"
    assert cell.at - at <= 1.0
    assert kernel.value("frontend.Interrupts._all, pump._Line.open") == "([], None)"


@later
def test_two_workbenches_wait_within_one_another(kernel: Kernel) -> None:
    kernel.value("other = sk.Workbench('other'); o = other.start(asks, 2); o.wait()")
    cell = waiting(kernel, "(r.result(), o.result())")
    click(kernel, "yes", do="other.approvals[0].approve()")
    click(kernel, "nest", do="marks.append(o.result()); go.set()")
    assert kernel.finish(cell).text == "begun\n(7, {'x': 2})"
    assert kernel.value("other.close(); marks") == "[{'x': 2}]"


@later
@ways
def test_a_click_is_answered_by_busy_and_idle_and_what_the_cell_prints_stays_its_own(
    kernel: Kernel, way: str
) -> None:
    kernel.value(
        "get_ipython().events.register('post_execute', mark := lambda: marks.append('cell')); 1"
    )
    cell = waiting(kernel, f"print('before', end='', flush=False); {way}; print(' after')")
    sent = [click(kernel, n, do="print('of the click')") for n in range(3)]
    kernel.pump(lambda: all(each.idle for each in sent), 2)
    assert not cell.done
    click(kernel, "go", do="marks.append('go'); go.set()")
    kernel.finish(cell)
    assert (
        cell.text.startswith("begun\nbefore") and " after" in cell.text and "click" not in cell.text
    )
    marks = value(kernel, "get_ipython().events.unregister('post_execute', mark); marks")
    assert marks[:3] == [
        "cell",
        "go",
        "cell",
    ], "what IPython does after a cell, it does not after a click while one runs"


@later
def test_what_queued_cells_set_in_their_context_stays(kernel: Kernel) -> None:
    kernel.value("import contextvars; var = contextvars.ContextVar('var', default=0); 1")
    cell = waiting(kernel, "r.result()")
    queued = [kernel.send("token = var.set(var.get() + 1)") for _ in range(3)]
    click(kernel, "go", do="go.set()")
    for each in (cell, *queued):
        kernel.finish(each)
    after = kernel.value("var.get()")
    plain = [kernel.run("token = var.set(10)"), kernel.run("var.get()")][1].text
    assert after == ("3" if plain == "10" else "0"), "as in cells that never waited behind one"


@later
def test_a_flood_keeps_no_wait_from_its_own_work(kernel: Kernel) -> None:
    cell = waiting(kernel, "r.result(timeout=0.8)")
    for n in range(200):
        click(kernel, n, do="time.sleep(0.004)")
    kernel.finish(cell)
    assert cell.error is not None and cell.error[0] == "RunTimedOut"
    kernel.value("1")
    assert [n for n, _ in clicks(kernel)] == list(range(200))


@later
@pytest.mark.parametrize("way", ["r.result()", "await r", "r.wait()"])
def test_messages_from_a_subshell_come_at_once_too(kernel: Kernel, way: str) -> None:
    """JupyterLab sends clicks to a subshell; ipykernel 7.4 brings those of a widget that was made
    in a cell back to the main shell.
    """
    if kernel.value("hasattr(get_ipython().kernel, 'shell_channel_thread')") == "False":
        pytest.skip("ipykernel 6 has no subshells")
    shell = kernel.subshell()
    kernel.value(
        f"import comm; made = comm.create_comm(target_name='here', comm_id='made {shell}');"
        " page(made, {'content': {'data': {}}})"
    )
    cell = waiting(kernel, way)
    for n in range(5):
        kernel.click(f"made {shell}", n=n, subshell=shell)
        rest(kernel, 0.07)
    kernel.click(f"made {shell}", n="go", do="go.set()", subshell=shell)
    assert kernel.finish(cell).status == "ok", cell.error
    found = [row for row in clicks(kernel) if row[0] != "opened"]
    assert [n for n, _ in found] == [*range(5), "go"]
    assert_at_once(found)


@later
@pytest.mark.parametrize("way", ["r.result()", "await r", "r.wait()"])
def test_where_the_names_are_missing_cells_wait_all_the_same(kernel: Kernel, way: str) -> None:
    kernel.value("names = pump.SIX, pump.SEVEN; pump.SIX = pump.SEVEN = ('no.such.name',); 1")
    try:
        cell = waiting(kernel, way)
        queued = kernel.send("order.append(1)")
        click(kernel, "late")
        kernel.interrupt()
        assert kernel.finish(cell).error is not None
        assert kernel.finish(queued).status == "aborted"
        cell = kernel.send(f"threading.Timer(0.3, go.set).start(); {way}", stdin=True)
        assert kernel.finish(cell).text in ("7", "'completed'")
        began = time.monotonic()
        cell = kernel.send("q = wb.start(asks, 1); q.result()", stdin=True)
        assert kernel.answer("a").startswith("[a]pprove")
        assert time.monotonic() - began <= 2, "no click would come"
        assert kernel.finish(cell).text.endswith("{'x': 1}")
    finally:
        kernel.value("pump.SIX, pump.SEVEN = names; 1")


@later
@pytest.mark.parametrize("way", ["r.result()", "await r", "r.wait()"])
def test_names_that_mean_something_else_are_left_alone_from_then_on(
    kernel: Kernel, way: str
) -> None:
    kernel.value("publish = get_ipython().kernel._publish_status; 1")
    try:
        cell = waiting(
            kernel,
            f"get_ipython().kernel._publish_status = lambda: None\ntry:\n    {way}\nfinally:\n   "
            " del get_ipython().kernel._publish_status",
        )
        queued = kernel.send("order.append(1)")
        click(kernel, "lost")
        rest(kernel, 0.3)
        assert not cell.done
        kernel.interrupt()
        assert kernel.finish(cell).error is not None
        assert kernel.finish(queued).status == "aborted"
        assert (
            kernel.value("pump._Line.broken, pump._Line.open, r.status")
            == "(True, None, 'running')"
        )
        assert kernel.value("go.set(); r.result()") == "7"
    finally:
        kernel.value("pump._Line.broken = False; 1")
