"""Live views in a real JupyterLab for everybody: no barriers, no mouse, no key that does harm, and
a fault that stays where it is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_kit import Lab, Notebook, barriers, browser, lab, opened
from probe_kit import WHOLE, run_cells, said, wait_for, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
DATA = Path(__file__).parents[2] / "notebooks" / "data"
LETTERS = ("a", "b", "d", "d", "r", "m", "y", "x", "1")
"""What inserts, deletes, cuts and turns cells in the notebook's command mode."""
FLOWS = """
def look(i):
    if i % 9 == 8:
        raise ValueError(f"page {i} is not valid HTML")
    return i

async def once(ctx, i):
    try:
        await ctx.step(look, i, title=f"read page {i}", retry=sk.Retry(attempts=2, delay=0.01))
    except sk.StepFailed:
        pass

@sk.workflow
async def reading(ctx, pages):
    await ctx.gather(*(once(ctx, i) for i in range(pages)))
    while not Path("enough").exists() and "enough" not in ctx.steers:
        await ctx.step(asyncio.sleep, 0.2, title="wait")
        ctx.stream("Plots that were treated once still differed. ", by="researcher")
        await ctx.emit("comparing trials", progress=0.4)

@sk.workflow
async def asking(ctx, n):
    given = {"questions": ["How much?", "How long?"], "pages": 40, "web": True}
    return await ctx.approve(f"Go ahead with plan {n}?", given, ask="plan", expires=3600)

@sk.workflow
async def failing(ctx):
    await ctx.step(look, 8, title="read page 8")

wb.add("data/bees")
working, failed = wb.start(reading, 30, name="Read thirty pages"), wb.start(failing, name="Read one page")
asked = [wb.start(asking, n, name=f"Plan {n}") for n in range(3)]
done = wb.research("How do bees tell each other where to find food?")
done.result(60)
while not all(run.view.approvals for run in asked) or failed.status != "failed":
    time.sleep(0.05)
"""
SHOWS = {
    "working": "working",
    "waiting": "asked[0]",
    "editing": "asked[1]",
    "done": "done",
    "failed": "failed",
    "inbox": "wb.approvals",
    "events": "shown('events', working)",
    "errors": "wb.errors",
    "sources": "shown('sources', done)",
    "report": "shown('report', done, done.result().to_html())",
}
STATIC = """
from IPython.display import HTML, display
from sentient_kernel.projections.drawing.views import approvals_html, errors_html

table, stats, _ = wb.view_source.errors()
forms = [working._repr_html_(), asked[0]._repr_html_(), done._repr_html_(), failed._repr_html_(), approvals_html(asked[1].approvals),
         errors_html(table, stats), working.steps._repr_html_(), done.sources._repr_html_(), wb.runs._repr_html_(), done.result().to_html()]
for form in forms:
    display(HTML(f'<div class="still">{form}</div>'))
"""
PLACES = {name: place for place, name in enumerate(SHOWS, 2)}
LAST = len(SHOWS) + 2
CELLS = (
    "window.jupyterapp.shell.currentWidget.content.widgets.map((cell) => [cell.model.type,"
    " cell.model.sharedModel.getSource()])"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, needs_browser: Path) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab"), settings=WHOLE) as running:
        shutil.copytree(DATA, running.folder / "data")
        yield running


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


@pytest.fixture(scope="module")
def book(chrome: Any, server: Lab) -> Iterator[Notebook]:
    """The notebook with every view in it, in every state."""
    write(server, "access.ipynb", FLOWS, *SHOWS.values(), STATIC)
    with opened(chrome, server, "access.ipynb", height=1000) as found:
        run_cells(found, *range(LAST + 1))
        for view in ("run", "inbox", "events", "errors", "sources", "report"):
            wait_for(found, view, "probe.drawn")
        yield found


def view(book: Notebook, name: str) -> Any:
    """Returns a live view."""
    return book.cell(PLACES[name]).locator(".sk-root")


def here(book: Notebook) -> str:
    """Returns what has the focus, by its accessible name, else its text."""
    name: str = book.page.evaluate(
        """() => { const one = document.activeElement;
            return (one.getAttribute('aria-label') ?? one.closest('label')?.innerText ?? one.innerText ?? '').trim(); }"""
    )
    return name


def enter(book: Notebook, name: str) -> None:
    """Puts the focus on the first thing in a view that takes it, as somebody who tabs through the
    notebook does.
    """
    view(book, name).evaluate(
        """(root) => [...root.querySelectorAll('button, input, textarea, summary, [tabindex="0"]')]
            .find((one) => !one.disabled && one.checkVisibility()).focus()"""
    )


def tab_to(book: Notebook, name: str, *, most: int = 60) -> None:
    """Presses Tab until something of this name has the focus."""
    met = [here(book)]
    while met[-1] != name and len(met) < most:
        book.page.keyboard.press("Tab")
        met.append(here(book))
    assert met[-1] == name, f"Tab never came to {name!r}: {met}"


def press(book: Notebook, *keys: str) -> None:
    for key in keys:
        book.page.keyboard.press(key)


# ---- what everybody can read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_no_view_shuts_anybody_out(book: Notebook, theme: str, tmp_path: Path) -> None:
    book.show_in(theme)
    book.page.wait_for_function(
        "(light) => document.body.dataset.jpThemeLight === light", arg=str("Light" in theme).lower()
    )
    edit = view(book, "editing").get_by_role("button", name="Edit", exact=True)
    if edit.count():
        edit.click()
    for name in SHOWS:
        view(book, name).evaluate("(root) => root.scrollIntoView()")
        # to look at: pytest keeps tmp_path
        (tmp_path / f"{name}.png").write_bytes(view(book, name).screenshot())
    (tmp_path / "still.png").write_bytes(book.cell(LAST).screenshot())
    for part in (".sk-root", ".still"):
        # That two runs in one notebook are both called so is no barrier.
        found = [one for one in barriers(book.page, part) if not one.startswith("landmark-unique")]
        assert not found, "\n".join(found)


# ---- what can be done without a mouse ------------------------------------------------------------------------------------


def test_a_question_is_edited_and_approved_without_a_mouse(book: Notebook, server: Lab) -> None:
    enter(book, "waiting")
    tab_to(book, "Approve")
    press(book, "Tab")
    assert here(book) == "Edit"
    press(book, "Enter")
    assert here(book) == "Item", "the first field"
    press(book, "End")
    book.page.keyboard.type(" In sand?")
    press(book, "Tab")
    tab_to(book, "pages")
    press(book, "Enter", "NumpadEnter")
    book.page.wait_for_timeout(300)
    assert said(book, server, "asked[0].approvals[0].status") == "open", (
        "Enter in a field approves nothing"
    )
    tab_to(book, "Approve with 1 edit")
    press(book, "Enter")
    view(book, "waiting").get_by_text("recorded").wait_for()
    assert said(book, server, "asked[0].approvals[0].answer")["questions"] == [
        "How much? In sand?",
        "How long?",
    ]


def test_a_question_is_rejected_with_a_reason_without_a_mouse(book: Notebook, server: Lab) -> None:
    enter(book, "inbox")
    card = view(book, "inbox").locator('[role="group"]', has_text="Plan 2").last
    tab_to(book, "Approve")
    while not card.evaluate("(one) => one.contains(document.activeElement)"):
        press(book, "Tab")
        tab_to(book, "Approve")
    tab_to(book, "Reject")
    press(book, "Enter")
    assert here(book) == "Reason"
    book.page.keyboard.type("too many pages")
    press(book, "Enter")
    book.page.wait_for_timeout(300)
    assert said(book, server, "asked[2].approvals[0].status") == "open", (
        "Enter in a field answers nothing"
    )
    press(book, "Tab")
    assert here(book) == "Reject"
    press(book, "Space")
    card.get_by_text("recorded").wait_for()
    assert said(book, server, "[asked[2].approvals[0].status, asked[2].approvals[0].reason]") == [
        "rejected",
        "too many pages",
    ]


def test_lists_are_walked_and_an_event_is_opened_without_a_mouse(book: Notebook) -> None:
    enter(book, "events")
    tab_to(book, "Events")
    press(book, "Home", "ArrowDown", "ArrowDown", "PageDown", "ArrowUp", "Enter")
    side = view(book, "events").locator(".sk-events-side")
    side.get_by_text('"seq"').wait_for()
    press(book, "Escape")
    assert (
        not side.is_visible()
        and view(book, "events").locator(".sk-events-list :focus").count() == 1
    )
    enter(book, "working")
    tab_to(book, "Steps")
    steps = view(book, "working").locator(".sk-steplist.sk-virtual")
    press(book, "Home")
    assert steps.evaluate("(list) => list.scrollTop") == 0
    press(book, "End")
    assert steps.evaluate("(list) => list.scrollTop") > 100


def test_a_citation_is_opened_and_turned_without_a_mouse(book: Notebook) -> None:
    enter(book, "report")
    shown = view(book, "report")
    title = shown.locator("[aria-label='Citation 1']").count()
    assert title == 0
    press(book, *["Tab"] * 2)
    while not here(book).startswith("Citation 1"):
        press(book, "Tab")
    press(book, "Enter")
    evidence = shown.get_by_role("complementary", name="Evidence")
    assert "1 of " in evidence.inner_text()
    press(book, "ArrowRight")
    assert here(book).startswith("Citation 2") and "2 of " in evidence.inner_text()
    tab_to(book, "Open in context", most=40)
    before = len(evidence.inner_text())
    press(book, "Enter")
    evidence.get_by_role("button", name="Less context").wait_for()
    assert len(evidence.inner_text()) > before


def test_letters_on_a_focused_control_never_reach_the_notebook(book: Notebook) -> None:
    before = book.page.evaluate(f"() => {CELLS}")
    for name in SHOWS:
        book.page.evaluate(
            "(i) => { const lab = window.jupyterapp.shell.currentWidget.content;"
            " lab.activeCellIndex = i; lab.mode = 'command'; }",
            PLACES[name],
        )
        held = view(book, name).locator("button, summary, [tabindex='0'], input, textarea, select")
        seen = 0
        for place in range(held.count()):
            one = held.nth(place)
            if not one.is_visible() or not one.is_enabled() or seen == 12:
                continue
            seen += 1
            one.evaluate("(el) => el.focus()")
            if not one.evaluate("(el) => el === document.activeElement"):
                continue
            press(book, *LETTERS)
            if one.evaluate(
                "(el) => el.matches('input:not([type=checkbox]), textarea') && !el.readOnly"
            ):
                press(book, *["Backspace"] * len(LETTERS))
    assert book.page.evaluate(f"() => {CELLS}") == before


def test_focus_and_what_is_written_stay_while_the_run_goes_on(book: Notebook) -> None:
    shown = view(book, "working")
    told = (
        "window.probes.run.find(({ store }) => store.state.run.name === 'Read thirty"
        " pages').told.length"
    )
    for name in ("Steer the run", "Pause"):
        enter(book, "working")
        tab_to(book, name)
        if name == "Steer the run":
            book.page.keyboard.type("only field trials")
        before = book.page.evaluate(f"() => {told}")
        book.page.wait_for_function(f"(n) => {told} > n + 6", arg=before, timeout=20_000)
        assert here(book) == name
    assert shown.get_by_role("textbox", name="Steer the run").input_value() == "only field trials"


def test_a_run_is_paused_resumed_and_cancelled_without_a_mouse(book: Notebook, server: Lab) -> None:
    shown = view(book, "working")
    enter(book, "working")
    tab_to(book, "Pause")
    press(book, "Enter")
    shown.get_by_role("button", name="Resume").wait_for()
    assert said(book, server, "working.status") == "paused"
    enter(book, "working")
    tab_to(book, "Resume")
    press(book, "Space")
    shown.get_by_role("button", name="Pause").wait_for()
    enter(book, "working")
    tab_to(book, "Cancel")
    press(book, "Enter")
    assert here(book) == "Cancel the run" and said(book, server, "working.status") == "running"
    press(book, "Escape")
    assert here(book) == "Cancel"
    press(book, "Enter", "Enter")
    shown.locator("[data-status=cancelled]").wait_for()
    assert said(book, server, "working.status") == "cancelled"


# ---- a fault -------------------------------------------------------------------------------------------------------------


def test_a_view_that_throws_says_so_and_can_be_drawn_again_while_the_others_go_on(
    book: Notebook, server: Lab, tmp_path: Path
) -> None:
    stores = "wb._output._widgets._stores"
    give = (
        f"[s for (v, r), s in {stores}.items() if v == 'errors'][0].channel.give({{'kind': 'patch', 'set':"
        " {'errors': ENTRY}})"
    )
    book.python(
        give.replace("ENTRY", "{'poison': {'fingerprint': 'poison', 'frames': 7, 'runs': None}}")
    )
    shown = view(book, "errors")
    card = shown.get_by_role("alert")
    card.wait_for()
    assert "This view stopped" in card.inner_text()
    (tmp_path / "stopped.png").write_bytes(book.page.screenshot())
    assert (
        "Nothing waits" in view(book, "inbox").inner_text()
        or "waiting" in view(book, "inbox").inner_text()
    )
    assert view(book, "report").get_by_role("complementary", name="Evidence").count() == 1
    book.page.wait_for_timeout(500)
    found = said(book, server, "[[e.type, e.where] for e in wb.errors if e.code == 'view_error']")
    assert found == [["ViewError", "view errors"]]
    book.python(give.replace("ENTRY", "{'poison': None}"))
    card.get_by_role("button", name="Draw again").focus()
    press(book, "Enter")
    shown.get_by_role("table", name="Kinds of errors").wait_for()
    assert shown.get_by_role("alert").count() == 0 and "ViewError" in shown.inner_text()
