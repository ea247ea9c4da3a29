"""A notebook that is left and looked at again in a real JupyterLab: reloaded, in two tabs,
restarted, reopened, exported; and floods.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import nbformat
import pytest
from asking_kit import approve, card, journal, picture, said, shown, wait_for_prompt, write
from lab_kit import IN_APP, KERNEL, Lab, browser, end_kernels, lab, opened

import sentient_kernel as sk

ROOT = Path(__file__).parents[2]
RESEARCH = "wb.add('data/bees')\nresearch = wb.research('How far do honey bees fly?')\nresearch"
GONE = "Kernel gone: read only"
CLOSED = "Workbench closed: read only"
LISTEN = """
const Plain = window.WebSocket;
const read = (data) => typeof data === "string" ? data : new TextDecoder().decode(data);
window.told = [];
window.hello = window.drawn = null;
window.WebSocket = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", (event) => {
      const said = read(event.data);
      if (/"method": ?"custom"/.test(said)) window.told.push([/"comm_id": ?"(\\w+)"/.exec(said)[1], performance.now()]);
    });
  }
  send(data) {
    if (/"kind": ?"hello"/.test(read(data))) window.hello ??= performance.now();
    super.send(data);
  }
};
new MutationObserver((_, observer) => {
  if (!document.querySelector("[data-sk-view] [data-run]")) return;
  observer.disconnect();
  requestAnimationFrame(() => setTimeout(() => (window.drawn = performance.now())));
}).observe(document, { childList: true, subtree: true });
"""
"""Notes in a page when each custom message of a widget comes, and when the first hello goes out and
its view is drawn and painted.
"""

FLOOD = """
@sk.workflow
async def many(ctx, n):
    await ctx.gather(*[ctx.step(one, i) for i in range(n)])

async def one(i):
    return i

@sk.workflow
async def storm(ctx, n):
    await ctx.approve("Go?")
    begun = time.monotonic()
    for i in range(n):
        await ctx.emit(f"event {i + 1}", progress=(i + 1) / n)
        if i % 100 == 0:
            await asyncio.sleep(max(0.0, begun + i / n - time.monotonic()))
    await ctx.step(hold, time.monotonic() - begun)
"""
"""Workflows of many events: many steps, and as many words within one second."""
PAGES = "print([len(store.channel.pages) for store in wb._output._widgets._stores.values()])"
"""Prints for each live view how many pages show it."""

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, needs_browser: Path) -> Iterator[Lab]:
    with lab(tmp_path_factory.mktemp("lab")) as running:
        shutil.copytree(ROOT / "notebooks" / "data", running.folder / "data")
        yield running


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


def test_a_reloaded_page_and_a_second_tab_show_what_is_and_their_clicks_arrive_once(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    cells = [
        "run = wb.start(asks, 'Back', 4)\nrun",
        "run.result()",
        "order.append('queued')",
        "print(order)",
    ]
    with opened(chrome, server, write(server, "reload", cells)) as book:
        for index in (0, 1, 2, 3):
            book.run_cell(index)
        card(book, "Back, question 0?")
        book.save()
        book.reload()
        approve(book, "Back, question 0?")
        card(book, "Back, question 1?")
        picture(book, tmp_path, "reloaded while the cell waits")
        second = book.another()
        approve(second, "Back, question 1?")
        for tab in (book, second):
            card(tab, "Back, question 1?").get_by_text("Approved").wait_for()
            card(tab, "Back, question 2?")
        picture(second, tmp_path, "second tab")
        approve(book, "Back, question 2?")
        for tab in (book, second):
            card(tab, "Back, question 2?").get_by_text("Approved").wait_for()
        assert card(book, "Back, question 2?").get_by_text("recorded").count() == 1
        approve(second, "Back, question 3?")
        for tab in (book, second):
            shown(tab, 1, "completed")
        assert second.complaints == []
        second.page.close()
        assert len(journal(server, "reload", "approval_decided")) == 4, "each click came once"
        book.run_cell(4)
        book.cell(4).get_by_text(
            "['queued']"
        ).wait_for()  # the queue ran, though the page that asked for it is gone
        book.save()
        book.reload()
        shown(book, 1, "completed")
        picture(book, tmp_path, "reloaded when idle")
        assert book.cell(1).locator("[data-kept]").is_hidden(), "one view at a time"
        assert book.complaints == []


def test_a_view_whose_kernel_has_died_is_read_only_and_its_run_is_shown_again_as_it_was(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    cells = [
        "go.set()\ndone = wb.start(held, 7)\ndone",
        "open = wb.start(asks, 'Lost')\nopen",
        "wb.run(wb.runs[0].id)",
        "wb.run(wb.runs[1].id)",
    ]
    with opened(chrome, server, write(server, "died", cells)) as book:
        for index in (0, 1, 2):
            book.run_cell(index)
        before = shown(book, 1, "completed").inner_text()
        click = card(book, "Lost, question 0?").first.get_by_role(
            "button", name="Approve", exact=True
        )
        book.page.evaluate(
            f"() => {{ {KERNEL}.requestExecute({{code: 'import os; os._exit(1)'}}); }}"
        )
        book.page.wait_for_function(
            f"() => {KERNEL}.status !== 'idle' && {KERNEL}.status !== 'busy'"
        )
        begun = time.monotonic()
        click.click(force=True)  # JupyterLab may have its own word on this in front
        book.cell(2).get_by_text(GONE).wait_for(timeout=20_000)
        clicked = time.monotonic() - begun
        book.cell(1).get_by_text(GONE).wait_for(timeout=20_000)
        print(
            f"read only {clicked:.1f} s after the click, {time.monotonic() - begun:.1f} s where"
            " nobody clicked"
        )
        picture(book, tmp_path, "died")
        assert click.is_disabled()
        buttons = book.page.locator("[data-sk-view] button[data-sk-do]")
        for i in range(buttons.count()):
            buttons.nth(i).dispatch_event("click")
        assert book.page.locator("[data-sk-view] button[data-sk-do]:enabled").count() == 0
        if (ok := book.page.locator(".jp-Dialog button.jp-mod-accept")).count():
            ok.click()
        book.wait_for_kernel()
        for index in (0, 3, 4):
            book.run_cell(index)
        assert shown(book, 3, "completed").inner_text() == before
        waits = shown(book, 4, "waiting")
        assert "No kernel executes this run" in waits.inner_text()
        picture(book, tmp_path, "shown again")
        assert journal(server, "died", "approval_decided") == []
        waits.get_by_role("button", name="Approve", exact=True).click()
        shown(book, 4, "paused").get_by_role(
            "button", name="Resume", exact=True
        ).click()  # answered, and nobody has taken it up
        shown(book, 4, "completed")
        picture(book, tmp_path, "taken up again")
        assert book.complaints == []


def test_closing_the_workbench_leaves_every_view_readable_also_one_that_nobody_had_seen_yet(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    far = "\n".join(f"# line {i}" for i in range(120))
    cells = [
        "run = wb.start(asks, 'Closing', 1)\nrun",
        far,
        RESEARCH,
        "research.result()",
        "research.events",
        "wb.close()",
    ]
    with opened(chrome, server, write(server, "closing", cells)) as book:
        for index in (0, 1):
            book.run_cell(index)
        card(book, "Closing, question 0?")
        for index in (2, 3, 4, 5, 6):
            book.run_cell(index)
        first = book.cell(1)
        first.get_by_text(CLOSED).wait_for(timeout=3_000)
        assert first.get_by_role("button", name="Approve").is_disabled()
        assert not first.get_by_text(GONE).count()
        book.save()
        book.reload()
        for index in (3, 5):
            cell = book.cell(index)
            cell.get_by_text(CLOSED).wait_for()
            kept = cell.locator("[data-kept]")
            kept.get_by_text("How far do honey bees fly?").first.wait_for()
            assert not cell.get_by_text("Connecting").count()
        picture(book, tmp_path, "closed and reloaded")
        assert book.complaints == []


def test_a_saved_notebook_shows_what_is_kept_with_a_new_kernel_and_as_a_file_that_asks_nobody(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    cells = [RESEARCH, "research.result().claims[0].verdict", "run = wb.start(asks, 'Kept')\nrun"]
    with opened(chrome, server, write(server, "kept", cells)) as book:
        book.run_all()
        shown(book, 1, "completed")
        card(book, "Kept, question 0?")
        run = shown(book, 3).get_attribute("data-run")
        book.save()
        book.close()
        end_kernels(server)
        book.open()
        kept = book.cell(1).locator(".sk-kept")
        kept.wait_for()
        assert (
            kept.get_by_role("region", name="Report").is_visible()
            and "kilomet" in kept.inner_text()
        )
        picture(book, tmp_path, "reopened, ended")
        kept = book.cell(3).locator(".sk-kept")
        assert f"wb.run('{run}')" in kept.inner_text() and "Waiting for you" in kept.inner_text()
        book.page.get_by_text("Error displaying widget").first.wait_for(state="attached")
        picture(book, tmp_path, "reopened, not ended")
        assert not book.page.get_by_text("Error displaying widget").first.is_visible()
        assert [said for said in book.complaints if "widget model not found" not in said] == [], (
            "what JupyterLab itself says of it"
        )
    page = sk.to_html(server.folder / "kept.ipynb", tmp_path / "kept.html")
    text = offline(chrome, page, tmp_path / "to_html.png")
    assert "kilomet" in text and f"wb.run('{run}')" in text and "'supported'" in text


def test_a_cell_is_saved_with_one_output_that_shows_something_and_mailed_it_reads_as_well(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    cells = [
        RESEARCH,
        "research.result()",
        "wb.research('Why do bees dance?').result()",
        "wb.errors",
    ]
    with opened(chrome, server, write(server, "one", cells)) as book:
        book.run_all()
        for index in (1, 2, 3):
            book.cell(index).get_by_role("region", name="Report").first.wait_for()
        book.page.wait_for_timeout(500)
        book.save()
    saved = nbformat.read(server.folder / "one.ipynb", as_version=4)
    for cell in saved.cells[1:]:
        data = [one.data for one in cell.outputs if one.data["text/html"] or one.data["text/plain"]]
        assert len(data) == 1 and not re.search("Searching|Writing|Planning", data[0]["text/html"])

    saved.cells.append(nbformat.v4.new_markdown_cell("Have a look."))
    nbformat.write(saved, server.folder / "mailed.ipynb")
    with opened(chrome, server, "mailed.ipynb") as book:
        trusted = f"() => {IN_APP}.shell.currentWidget.content.widgets[1].model.trusted"
        assert book.page.evaluate(trusted) is False
        first = book.cell(1).inner_text()
        assert re.search(r"^Done · How far do honey bees fly\?$", first, re.MULTILINE)
        assert first.count("Evidence: ") == 1 and "Error" not in first and "wb.run" not in first
        picture(book, tmp_path, "not trusted")
    for theme in ("light", "dark"):
        page = chrome.new_context(color_scheme=theme, viewport={"width": 900, "height": 1400})
        found = page.new_page()
        found.set_content(github(theme, saved))
        text = found.locator("body").inner_text()
        (tmp_path / f"github {theme}.png").write_bytes(found.screenshot())
        assert text.count("How far do honey bees fly?") == 2 + 1, "the code and two reports"
        page.close()


def github(theme: str, notebook: Any) -> str:
    """Returns a notebook as GitHub shows it: its HTML without styles and classes."""
    shown = []
    for cell in notebook.cells:
        shown.append(f"<pre>{escape(cell.source)}</pre>")
        for output in cell.get("outputs", []):
            html = re.sub(r"(?s)<style>.*?</style>", "", output.data["text/html"])
            shown.append(re.sub(r'\s(?:class|style)="[^"]*"', "", html))
    look = "td,th{border:1px solid gray;padding:4px 8px}pre{background:#8883;padding:8px}"
    return f"<style>:root{{color-scheme:{theme}}}{look}</style>{''.join(shown)}"


def test_a_notebook_that_nobody_watched_shows_its_runs_also_as_a_plain_page_of_nbconvert(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    path = server.folder / write(
        server, "unwatched", [RESEARCH, "research.result()", "go.set()\nwb.start(held, 7).result()"]
    )
    # by nbclient
    words = [
        sys.executable,
        "-m",
        "jupyter",
        "execute",
        "--inplace",
        "--timeout=60",
        str(path),
    ]
    subprocess.run(words, check=True, capture_output=True, cwd=server.folder, timeout=90)
    words = [
        sys.executable,
        "-m",
        "jupyter",
        "nbconvert",
        "--to",
        "html",
        "--output-dir",
        str(tmp_path),
        str(path),
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    text = offline(chrome, tmp_path / "unwatched.html", tmp_path / "nbconvert.png", asks=True)
    assert "kilomet" in text and "Loading" not in text and "Error" not in text
    assert "Searching" not in text and text.count("Done") >= 4, (
        "also where it was shown while it worked"
    )


def offline(chrome: Any, path: Path, shot: Path, *, asks: bool = False) -> str:
    """Opens a file in a page from which no request leaves, and returns what it says.

    Args:
        shot: Where its picture goes.
        asks: Whether it may try; nbconvert's own pages do.
    """
    context = chrome.new_context(viewport={"width": 1100, "height": 1000})
    try:
        wanted: list[str] = []
        page = context.new_page()

        def refuse(route: Any) -> None:
            if route.request.url == path.as_uri():
                route.continue_()
            else:
                wanted.append(route.request.url)
                route.abort()

        page.route("**/*", refuse)
        page.goto(path.as_uri(), wait_until="load")
        report = page.get_by_role("region", name="Report").first
        assert report.is_visible() and report.bounding_box()["width"] > 300
        report.scroll_into_view_if_needed()
        shot.write_bytes(page.screenshot())
        assert asks or [url for url in wanted if not url.startswith(("data:", "blob:"))] == []
        return str(page.locator("body").inner_text())
    finally:
        context.close()


def test_a_run_of_ten_thousand_events_is_back_within_a_second_and_a_storm_of_as_many_comes_in_few_messages(
    chrome: Any, server: Lab, tmp_path: Path
) -> None:
    run, flood = (
        "run = wb.start(many, 5_000, name='many')\nrun",
        "wild = wb.start(storm, 10_000)\nwild",
    )
    cells = [FLOOD, run, flood, PAGES, "print(len(run.events))"]
    with opened(chrome, server, write(server, "flood", cells)) as book:
        for index in (0, 1, 2):
            book.run_cell(index)
        shown(book, 2, "completed")
        for _ in range(3):  # cleared and run again: nothing of what was there listens any more
            book.page.evaluate(
                f"() => {{ {IN_APP}.shell.currentWidget.content.activeCellIndex = 2; }}"
            )
            book.command("notebook:clear-cell-output")
            book.run_cell(2)
            shown(book, 2, "completed")
        book.run_cell(4)
        wait_for_prompt(book, 4)
        assert said(book, 4) == "[1]\n"
        assert (
            book.page.evaluate("() => document.head.innerHTML.split('[data-kept=').length") == 2 + 1
        ), "one style, which names it twice"
        book.run_cell(5)
        wait_for_prompt(book, 5)
        book.save()
        assert int(said(book, 5)) >= 10_000
        book.close()
        book.page.add_init_script(LISTEN)
        book.open()
        book.page.wait_for_function("() => window.drawn")
        hello, drawn = book.page.evaluate("() => [window.hello, window.drawn]")
        print(f"10,000 events are drawn {drawn - hello:.0f} ms after hello")
        assert drawn - hello < 1000
        assert "5000 done" in shown(book, 2).inner_text().replace(",", "")
        picture(book, tmp_path, "ten thousand events")

        book.run_cell(3)
        approve(book, "Go?")
        shown(book, 3).get_by_text("event 10000", exact=True).wait_for()
        book.page.wait_for_timeout(1000)
        picture(book, tmp_path, "storm")
        wild = shown(book, 3).inner_text()
        assert "100%" in wild and "1 running" in wild, "the last state is exact"
        by_view: dict[str, list[float]] = {}
        for comm, at in book.page.evaluate("() => window.told"):
            by_view.setdefault(comm, []).append(at)
        most = max(
            sum(at <= other < at + 1000 for other in times)
            for times in by_view.values()
            for at in times
        )
        print(f"at most {most} messages to a view in a second")
        assert most <= 20
        assert book.complaints == []
