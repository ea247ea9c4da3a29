"""Notebooks in which runs ask: their cells, the page's clicks, and what the journal says of
them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from lab_kit import IN_APP, Lab, Notebook

from sentient_kernel.events import ApprovalDecided, Record
from sentient_kernel.settings import Settings
from sentient_kernel.workbench.workbench import open_journal

SETUP = """
import asyncio, json, threading, time
import sentient_kernel as sk

wb = sk.Workbench("home-of-{name}")
order = []
go = threading.Event()

def hold(x):
    go.wait(60)
    return x

@sk.workflow
async def asks(ctx, what, times=1):
    return [await ctx.approve(f"{{what}}, question {{i}}?", {{"what": what, "i": i}}) for i in range(times)]

@sk.workflow
async def plans(ctx, plan):
    return await ctx.approve("Go ahead with this plan?", plan, schema=list[str], ask="plan")

@sk.workflow
async def held(ctx, x):
    await ctx.emit("half way", progress=0.5)
    return await ctx.step(hold, x)
"""
"""The first cell: a workbench in a folder of its own, and workflows that ask or are held until
``go`` is set.
"""
NOTE_CLICKS = """() => {
    window.clicked = [];
    document.addEventListener("click", (event) => {
        const card = event.target.closest("[data-approval]");
        if (card && event.target.closest("button")) window.clicked.push([card.dataset.approval, Date.now()]);
    }, true);
}"""
AT_ONCE = 200
"""Milliseconds from a click until its answer is in the journal."""


def write(server: Lab, name: str, cells: Sequence[str]) -> str:
    """Writes a notebook whose first cell is :data:`SETUP` and returns its file's name."""
    code = [nbformat.v4.new_code_cell(cell) for cell in (SETUP.format(name=name), *cells)]
    book = nbformat.v4.new_notebook(
        cells=code,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        },
    )
    nbformat.write(book, server.folder / f"{name}.ipynb")
    return f"{name}.ipynb"


def user_sets(server: Lab, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes what the user has set, for pages that are opened from now on; the settings that are
    not given are the defaults.
    """
    folder = server.folder.parent / "settings"
    for plugin in ("@jupyterlab/apputils-extension:kernels-settings",):
        package, _, name = plugin.partition(":")
        place = folder / package / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(settings.get(plugin, {})))


def card(book: Notebook, question: str) -> Any:
    """Returns the live card of a question, once it is in the page. Cards stand in live views
    only.
    """
    found = book.page.locator("[data-sk-view] [data-approval]").filter(
        has=book.page.get_by_text(question, exact=True)
    )
    return there(book, found.first) and found


def shown(book: Notebook, index: int, status: str = "") -> Any:
    """Returns the live view of a run in a cell, once it has a status."""
    wanted = f"[data-status={status}]" if status else ""
    return there(book, book.cell(index).locator(f'[data-sk-view="run"] [data-run]{wanted}'))


def there(book: Notebook, found: Any) -> Any:
    """Returns something once it is in sight. Raises AssertionError with what the notebook says when
    it does not come.
    """
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    try:
        found.wait_for(timeout=30_000)
    except PlaywrightTimeout as error:
        cells = [
            f"{prompt} {said(book, index)[-300:]}" for index, prompt in enumerate(book.prompts())
        ]
        raise AssertionError(
            "\n".join([str(error), *cells, *outputs(book), *book.complaints])
        ) from None
    return found


def outputs(book: Notebook) -> list[str]:
    """Returns for each output that stands in the page its cell, what kind of thing it is, and what
    can be read in it.
    """
    found: list[str] = book.page.locator(".jp-OutputArea-output").evaluate_all(
        """(all) => all.map((el) => `output of ${el.closest(".jp-Cell")?.dataset.windowedListIndex}: ${el.className} `
            + `${el.querySelector("[data-sk-view]")?.outerHTML.slice(0, 200) ?? "no view"} | ${el.innerText.slice(0, 200)}`)"""
    )
    return found


def approve(book: Notebook, question: str) -> None:
    """Clicks on Approve as soon as a question stands there."""
    card(book, question).first.get_by_role("button", name="Approve", exact=True).click()


def note_clicks(book: Notebook) -> None:
    """Has the page note when which card was clicked at."""
    book.page.evaluate(NOTE_CLICKS)


def journal(server: Lab, name: str, *kinds: str) -> list[Record]:
    """Returns what the journal of a notebook's workbench holds, read beside the kernel.

    Args:
        name: Of the notebook, without its ending.
        kinds: Which kinds of events; all without any.
    """
    stored = open_journal(server.folder / f"home-of-{name}", Settings(), readonly=True)
    try:
        return stored.read(kinds=kinds or None)
    finally:
        stored.close()


def took(book: Notebook, decided: Sequence[Record]) -> list[float]:
    """Returns the milliseconds between each click and its answer in the journal, by the one clock
    of this machine.
    """
    at = {
        record.event.approval: record.at / 1000
        for record in decided
        if isinstance(record.event, ApprovalDecided)
    }
    return [at[approval] - when for approval, when in book.page.evaluate("() => window.clicked")]


def said(book: Notebook, index: int) -> str:
    """Returns what a code cell has printed, and the text of its result and its error, from the
    notebook itself.
    """
    outputs: list[dict[str, Any]] = book.page.evaluate(
        f"(i) => {IN_APP}.shell.currentWidget.content.widgets.filter(cell => cell.model.type ==="
        " 'code')[i].model.outputs.toJSON()",
        index,
    )
    texts: list[str] = []
    for output in outputs:
        match output["output_type"]:
            case "stream":
                texts.append("".join(output["text"]))
            case "execute_result":
                texts.append("".join(output["data"].get("text/plain", "")))
            case "error":
                texts.append("\n".join(output["traceback"]))
    return "".join(texts)


def wait_for_prompt(book: Notebook, index: int, seconds: float = 30) -> None:
    """Waits until a code cell has run."""
    book.page.wait_for_function(
        f"""(i) => /[0-9]/.test({IN_APP}.shell.currentWidget.content.widgets
            .filter(cell => cell.model.type === 'code')[i].promptNode?.textContent)""",
        arg=index,
        timeout=seconds * 1000,
    )


def picture(book: Notebook, folder: Path, name: str) -> None:
    """Takes a screenshot, to look at; pytest keeps the folder of each test for a while."""
    # given a path, it would leave a thread behind
    (folder / f"{name}.png").write_bytes(book.page.screenshot())
