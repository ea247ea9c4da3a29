"""The first notebook, and a run that shows itself, in a real JupyterLab in a real browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from lab_kit import Lab, browser, lab, opened

ROOT = Path(__file__).parents[2]
WORK = """
import threading
import sentient_kernel as sk

wb = sk.Workbench("home")
go = threading.Event()

def hold(x):
    go.wait(60)
    return x

@sk.workflow
async def held(ctx, x):
    await ctx.emit("half way", progress=0.5)
    return await ctx.step(hold, x)
"""

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


def write(server: Lab, name: str, cells: list[Any]) -> None:
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), server.folder / name)


def test_quickstart_runs_from_top_to_bottom_and_shows_a_cited_report(chrome: Any, server: Lab, tmp_path: Path) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / "00_quickstart.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    shows = next(i for i, cell in enumerate(notebook.cells) if cell.source.endswith("\nrun"))
    write(server, "quickstart.ipynb", notebook.cells)
    with opened(chrome, server, "quickstart.ipynb") as book:
        last = len(notebook.cells) - 1  # it closes the workbench: a page that is slower than that shows what is kept, and no live view
        book.run_above(last)
        book.wait_for_the_end(above=last)
        cell = book.cell(shows)
        # Beside the live view stands what is kept of it, which that one hides.
        live, kept = cell.locator("[data-sk-view]"), cell.locator("[data-kept]")
        report = live.get_by_role("region", name="Report")
        report.wait_for()
        assert "kilometre" in report.inner_text()
        assert live.locator('[data-run][data-status="completed"]').count() == 1
        assert kept.locator('[data-run][data-status="completed"]').count() == 1 and kept.is_hidden()
        mark = kept.locator("a.cite").first
        assert kept.locator(mark.get_attribute("href")).count() == 1, "a mark leads to its quote"
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            book.command("apputils:change-theme", theme=theme)
            assert report.bounding_box()["width"] > 500
            picture = book.page.screenshot()  # to look at: pytest keeps tmp_path
            assert (tmp_path / f"{theme}.png").write_bytes(picture) > 20_000
        book.run_cell(last)
        cell.get_by_text("Workbench closed: read only").wait_for()
        assert report.is_visible()
        assert "*" not in "".join(book.prompts())
        assert book.complaints == []


def test_a_run_is_redrawn_where_it_is_shown_also_after_its_cell_has_ended(chrome: Any, server: Lab) -> None:
    code = nbformat.v4.new_code_cell
    write(server, "live.ipynb", [code(WORK), code("run = wb.start(held, 7)\nrun"), code("run.result()"), code("'next'")])
    with opened(chrome, server, "live.ipynb") as book:
        for index in (0, 1, 2):
            book.run_cell(index)
        shown = book.cell(1).locator('[data-sk-view] [aria-label="Run"]')
        book.page.wait_for_function("() => document.querySelector('[data-run]')?.dataset.status === 'running'")
        assert "half way" in shown.inner_text()
        first = shown.locator(".sk-bar").first.inner_text()
        book.page.wait_for_function("(before) => document.querySelector('[data-run] .sk-bar').innerText !== before", arg=first)
        begun = time.monotonic()
        book.command("notebook:interrupt-kernel")
        waiting = book.cell(2)
        waiting.get_by_text("Detached. Run('held') goes on in the background").wait_for(timeout=5_000)
        assert time.monotonic() - begun < 3
        assert waiting.locator(".jp-RenderedText").last.inner_text().count("\n") == 0, "more than one line of traceback"
        assert book.cell(1).locator('[data-run][data-status="running"]').count() == 1
        book.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.requestExecute({code: 'go.set()'}).done"
        )
        book.page.wait_for_function("() => document.querySelector('[data-run]')?.dataset.status === 'completed'", timeout=10_000)
        book.run_cell(3)
        book.page.wait_for_function("() => document.body.innerText.includes(\"'next'\")")
        assert book.complaints == []
