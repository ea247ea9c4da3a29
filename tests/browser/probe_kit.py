"""What tests want to know of live views in a real JupyterLab: what their stores hold, when they
drew, and what a kernel says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nbformat
from lab_kit import Lab, Notebook

# Cells far out of sight stay in the page, so that one look at it sees all of them.
WHOLE = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
PROBE = """
from sentient_kernel.widgets import store as _store

def _probed(view, plain=_store.bundle):
    text, anchor = plain(view), "const store = new Store();"
    assert text.count(anchor) == 1, "the front end makes its store elsewhere now"
    return text.replace(anchor, anchor + '''
      const probe = { store, begun: performance.now(), drawn: null, told: [] };
      ((globalThis.probes ??= {})[name] ??= []).push(probe);
      const takes = store.take.bind(store);
      store.take = (message) => {
        probe.told.push([message.kind, message.now ?? 0]);
        const taken = takes(message);
        if (store.state && probe.drawn === null)
          requestAnimationFrame(() => requestAnimationFrame(() => (probe.drawn ??= performance.now())));
        return taken;
      };''')

_store.bundle = _probed
"""
"""Run in a kernel before its first view: each view then stands in ``window.probes[name]`` with its
store and what it was told.
"""
SETUP = """
import asyncio, json, time
from pathlib import Path
import sentient_kernel as sk

wb = sk.Workbench("home-" + HOME)

def shown(view, run, drawn=""):
    wb._output.present(view, run and run.id, f"<{view}>", drawn)
"""
WATCH = """() => {
    window.gaps = [];
    window.long = [];
    let last = performance.now();
    const frame = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    window.tasks ??= new PerformanceObserver((list) => window.long.push(...list.getEntries().map((one) => one.duration)));
    window.tasks.observe({ type: 'longtask' });
}"""
"""Begins to note the gaps between frames, and long tasks, ms: ``window.gaps``, ``window.long``."""


def write(server: Lab, name: str, *cells: str) -> None:
    """Writes a notebook whose first cell makes ``wb``, a workbench in a home of its own, with
    probes in its views.
    """
    first = f"HOME = {name!r}\n" + SETUP + PROBE
    code = [nbformat.v4.new_code_cell(text.strip("\n")) for text in (first, *cells)]
    kernel = {
        "kernelspec": {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
        }
    }
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=kernel), server.folder / name)


def said(book: Notebook, server: Lab, expression: str) -> Any:
    """Returns what an expression gives in the kernel, as JSON."""
    place = server.folder / "said.json"
    place.unlink(missing_ok=True)
    book.python(f"open({str(place)!r}, 'w').write(__import__('json').dumps({expression}))")
    return json.loads(place.read_text())


def run_cells(book: Notebook, *indices: int, seconds: float = 60) -> None:
    """Runs cells one after the other and waits for each. Raises AssertionError with what a cell
    raised.
    """
    for index in indices:
        book.run_cell(index)
        raised = book.page.wait_for_function(
            """(i) => {
                const cell = window.jupyterapp.shell.currentWidget.content.widgets[i];
                if (!cell.model.executionCount || !/[0-9]/.test(cell.promptNode?.textContent)) return false;
                return JSON.stringify(cell.model.outputs.toJSON().filter((one) => one.output_type === 'error').map((one) => one.evalue));
            }""",
            arg=index,
            timeout=seconds * 1000,
        ).json_value()
        assert raised == "[]", f"cell {index}: {raised}"


def wait_for(book: Notebook, view: str, what: str, *, seconds: float = 60, which: int = 0) -> None:
    """Waits until a JavaScript expression on ``probe``, the probe of a view, holds."""
    script = (
        f"() => {{ const probe = window.probes?.['{view}']?.[{which}]; return Boolean(probe &&"
        f" ({what})); }}"
    )
    book.page.wait_for_function(script, timeout=seconds * 1000)


def probed(book: Notebook, view: str, what: str, *, which: int = 0) -> Any:
    """Returns a JavaScript expression on ``probe``."""
    return book.page.evaluate(
        f"() => {{ const probe = window.probes['{view}'][{which}]; return {what}; }}"
    )


def busiest_second(moments: list[float]) -> int:
    """Returns how many of these moments, in ms, lie within one second at most."""
    ordered = sorted(moments)
    first = most = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= 1_000:
            first += 1
        most = max(most, last - first + 1)
    return most


def share(values: list[float], part: float) -> float:
    """Returns the value that this part of the values does not exceed; 0 without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0


def heap(page: Any) -> float:
    """Returns what the page's objects take after a garbage collection, MB."""
    session = page.context.new_cdp_session(page)
    try:
        session.send("HeapProfiler.enable")
        session.send("HeapProfiler.collectGarbage")
        used: float = session.send("Runtime.getHeapUsage")["usedSize"]
    finally:
        session.detach()
    return used / 1e6


@contextmanager
def traced(chrome: Any, page: Any) -> Iterator[list[float]]:
    """Gives a list that is filled, at the end, with how much of the processor each task of the page
    took, ms.
    """
    times: list[float] = []
    chrome.start_tracing(
        page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"]
    )
    try:
        yield times
    finally:
        found = json.loads(chrome.stop_tracing())["traceEvents"]
    # Chromium has a process for each page; the page's own is the one that did most.
    mains = {
        (e["pid"], e["tid"])
        for e in found
        if e.get("name") == "thread_name" and e["args"]["name"] == "CrRendererMain"
    }
    tasks = [
        e
        for e in found
        if str(e.get("name", "")).endswith("RunTask") and (e["pid"], e["tid"]) in mains
    ]
    times += [e.get("tdur", 0) / 1_000 for e in tasks]
