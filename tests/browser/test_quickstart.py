"""The tutorials as they are installed, and a run that shows itself, in a real JupyterLab in a real
browser.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from fresh_kit import KERNEL, SECONDS, add_kernel
from lab_kit import IN_APP, Lab, Notebook, browser, lab, opened
from lab_kit import KERNEL as JUPYTER_KERNEL

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
    folder = tmp_path_factory.mktemp("lab")
    add_kernel(folder / "data")
    with lab(folder) as running:
        shutil.copytree(ROOT / "notebooks" / "data", running.folder / "data")
        yield running


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


def write(server: Lab, name: str, cells: list[Any]) -> None:
    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), server.folder / name)


def errors(book: Notebook) -> int:
    """Returns how many outputs of the notebook are errors."""
    cells = (
        f"{IN_APP}.shell.currentWidget.content.model.sharedModel.cells.filter(cell =>"
        " cell.cell_type === 'code')"
    )
    found: int = book.page.evaluate(
        f"() => {cells}.flatMap(cell => cell.outputs).filter(o => o.output_type === 'error').length"
    )
    return found


def copied(book: Notebook, view: Any, name: str) -> str:
    """Presses one of a report's buttons and returns what it puts into the clipboard."""
    takes = "{configurable: true, value: {writeText: async text => { window.copied = text }}}"
    book.page.evaluate(f"() => Object.defineProperty(navigator, 'clipboard', {takes})")
    view.get_by_role("button", name=name).click()
    view.get_by_text(" copied").wait_for()
    found: str = book.page.evaluate("() => window.copied")
    return found


@pytest.mark.timeout(SECONDS + 180)
@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
def test_tutorial_runs_as_installed_and_its_views_work_on_also_without_their_kernel(
    chrome: Any, server: Lab, tmp_path: Path, name: str
) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    shows = next(
        i
        for i, cell in enumerate(notebook.cells)
        if re.search(r"^report$|^%%research|wb\.research(?s:.*)\nrun$", cell.source)
    )
    write(server, f"{name}.ipynb", notebook.cells)
    with opened(chrome, server, f"{name}.ipynb", kernel=KERNEL) as book:
        book.run_all()
        if any("Approve while it works" in cell.source for cell in notebook.cells):
            book.page.get_by_role("button", name="Approve", exact=True).first.click(timeout=60_000)
        book.wait_for_the_end(90)
        assert errors(book) == 0 and "*" not in "".join(book.prompts())
        # Beside the live view stands what is kept of it, which that one hides.
        live, kept = (
            book.cell(shows).locator("[data-sk-view]"),
            book.cell(shows).locator("[data-kept]"),
        )
        report = live.get_by_role("region", name="Report").first
        report.wait_for()
        assert kept.last.is_hidden() and not book.page.get_by_text("read only").count()
        mark = kept.last.locator("a.cite").first
        assert kept.last.locator(mark.get_attribute("href")).count() == 1, (
            "a mark leads to its quote"
        )
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            book.show_in(theme)
            assert report.bounding_box()["width"] > 500
            picture = book.page.screenshot()  # to look at: pytest keeps tmp_path
            assert (tmp_path / f"{theme}.png").write_bytes(picture) > 20_000
        markdown = copied(book, live, "Copy (Markdown)")
        book.page.evaluate(f"() => {JUPYTER_KERNEL}.shutdown()")
        book.cell(shows).get_by_text("Kernel gone: read only").first.wait_for(timeout=30_000)
        assert copied(book, live, "Copy (Markdown)") == markdown and markdown.startswith("# How ")
        assert copied(book, live, "BibTeX").startswith("@misc{")
        (tmp_path / "gone.png").write_bytes(book.page.screenshot())
        assert book.complaints == []


def test_a_run_is_redrawn_where_it_is_shown_also_after_its_cell_has_ended(
    chrome: Any, server: Lab
) -> None:
    code = nbformat.v4.new_code_cell
    write(
        server,
        "live.ipynb",
        [code(WORK), code("run = wb.start(held, 7)\nrun"), code("run.result()"), code("'next'")],
    )
    with opened(chrome, server, "live.ipynb") as book:
        for index in (0, 1, 2):
            book.run_cell(index)
        shown = book.cell(1).locator('[data-sk-view] [aria-label="Run"]')
        book.page.wait_for_function(
            "() => document.querySelector('[data-run]')?.dataset.status === 'running'"
        )
        assert "half way" in shown.inner_text()
        first = shown.locator(".sk-bar").first.inner_text()
        book.page.wait_for_function(
            "(before) => document.querySelector('[data-run] .sk-bar').innerText !== before",
            arg=first,
        )
        begun = time.monotonic()
        book.command("notebook:interrupt-kernel")
        waiting = book.cell(2)
        waiting.get_by_text("Detached. Run('held') goes on in the background").wait_for(
            timeout=5_000
        )
        assert time.monotonic() - begun < 3
        assert waiting.locator(".jp-RenderedText").last.inner_text().count("\n") == 0, (
            "more than one line of traceback"
        )
        running = book.cell(1).locator('[data-sk-view] [data-run][data-status="running"]')
        assert running.count() == 1
        book.page.evaluate(
            "() =>"
            " window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.requestExecute({code:"
            " 'go.set()'}).done"
        )
        book.page.wait_for_function(
            "() => document.querySelector('[data-run]')?.dataset.status === 'completed'",
            timeout=10_000,
        )
        book.run_cell(3)
        book.page.wait_for_function("() => document.body.innerText.includes(\"'next'\")")
        assert book.complaints == []
