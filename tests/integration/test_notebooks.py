"""Every notebook that is shipped: it runs headless, keeps what is checked, and a second Run All
repeats no step and shows the same.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from kernels_kit import add_kernels
from nbclient import NotebookClient

import sentient_kernel as sk
from sentient_kernel.journal.sqlite.store import SqliteJournal

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOVING = re.compile(r'aria-label="Run" data-run=')
OF_THIS_MACHINE = {
    "an id of a run": r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-",
    "a time": r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d",
    "an address": r"\b0x[0-9a-f]{6,}",
    "a path": r"(?<![\w.<])/(?:home|root|tmp|work|usr|Users|private)/",
}

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell: Any) -> list[tuple[str, str]]:
    """Returns what a cell shows, by MIME type; of a view that moves while its run works, only that
    there is one.
    """
    found = []
    for output in cell.outputs:
        texts = output.get("data", {}) or {"stream": output.get("text", "")}
        if any(MOVING.search(text) for text in texts.values()):
            texts = {"text/html": "a view that moves", "text/plain": texts["text/plain"]}
        found += sorted(texts.items())
    return found


def test_notebook_keeps_outputs_that_are_checked(path: Path) -> None:
    cells = code_cells(nbformat.read(path, as_version=4))
    checked = [
        cell
        for cell in cells
        if shown(cell)
        and not re.search(r"NBVAL_(IGNORE_OUTPUT|SKIP|RAISES_EXCEPTION)", cell.source)
    ]
    assert len(checked) >= len(cells) / 2, "nbval compares nothing where no output is kept"
    assert all(cell.execution_count for cell in cells), (
        "nbval compares nothing in a cell that was never run"
    )
    moving = [cell for cell in cells if ("text/html", "a view that moves") in shown(cell)]
    assert len(moving) <= 1


def test_notebook_keeps_nothing_of_the_machine_it_was_made_on(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in code_cells(notebook):
        assert "execution" not in cell.metadata
        for kind, text in shown(cell):
            for what, pattern in OF_THIS_MACHINE.items():
                assert not re.search(pattern, text), f"{what} in {kind} of {cell.source!r}"


def run_all(path: Path, folder: Path) -> tuple[Any, int]:
    """Runs a notebook from top to bottom, where nobody can answer; returns it, and how many steps
    have begun in all its homes so far.
    """
    notebook = nbformat.read(path, as_version=4)
    os.environ["PYTHONPATH"] = str(ROOT)
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    begun = 0
    for home in folder.glob(".sentient*/journal.db"):
        with SqliteJournal(home, readonly=True) as journal:
            begun += len(journal.read(kinds=["step_started"]))
            assert journal.verify(full=True).ok
    return notebook, begun


@pytest.mark.timeout(150)
def test_second_run_all_repeats_no_step_and_shows_the_same(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F25 and F26."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    shutil.copytree(path.parent / "data", tmp_path / "data")
    shutil.copy(path, tmp_path)
    first, begun = run_all(tmp_path / path.name, tmp_path)
    second, begun_again = run_all(tmp_path / path.name, tmp_path)
    assert begun > 0
    assert begun_again == begun, "a step was run again"
    kept = nbformat.read(path, as_version=4)
    for a, b, c in zip(code_cells(kept), code_cells(first), code_cells(second), strict=True):
        assert shown(a) == shown(b) == shown(c), a.source
    with sk.Workbench(next(tmp_path.glob(".sentient*"))) as wb:
        assert {run.status for run in wb.runs} == {"completed"}


@pytest.mark.timeout(150)
def test_notebook_gives_its_outputs_on_an_older_ipykernel_too(path: Path, tmp_path: Path) -> None:
    """The newest line is that of ``test_notebooks_as_installed.py``."""
    shutil.copytree(path.parent / "data", tmp_path / "data")
    shutil.copy(path, tmp_path)
    add_kernels(tmp_path / "jupyter", ["ipykernel631"])
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "-c",
        os.devnull,
        path.name,
        "--nbval",
        f"--nbval-sanitize-with={path.parent / 'nbval.cfg'}",
        "--nbval-cell-timeout=60",
        "--nbval-kernel-name=ipykernel631",
    ]
    environment = os.environ | {"JUPYTER_PATH": str(tmp_path / "jupyter")}
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    cells = len(code_cells(nbformat.read(path, as_version=4)))
    assert re.search(rf"^{cells} passed", done.stdout, re.M), done.stdout[-500:]
