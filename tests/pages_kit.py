"""Examples of Markdown pages: finds them and runs those of a page in order, as cells."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FENCE = re.compile(r"^```(i?python|text|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
    if re.search(r"^```i?python$", page.read_text(), re.MULTILINE)
)
CELLS = """
import json, re, sys
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
shell = InteractiveShell.instance(colors="nocolor", history_load_length=0)
shell.history_manager.enabled = False
shown = []
for cell in json.load(open("cells.json")):
    with capture_output(display=False) as captured:
        done = shell.run_cell(cell, store_history=True)
    done.raise_error()
    shown.append(re.sub(r"^Out\\[\\d+\\]: ?", "", captured.stdout, flags=re.M))
json.dump(shown, open("shown.json", "w"))
if "wb" in shell.user_ns:
    shell.user_ns["wb"].close()
"""


@dataclass(frozen=True, slots=True)
class Example:
    """A block of code, and what the page says that it prints; None where it says nothing."""

    language: str
    code: str
    prints: str | None = None


def examples(page: Path) -> list[Example]:
    """Returns the blocks of Python and of shell of a page, in order.

    A block of text that follows one of Python directly is what it prints.
    """
    text, found, end = page.read_text(), [], -1
    for fence in FENCE.finditer(text):
        language, code = fence.groups()
        if language != "text":
            found.append(Example(language.removeprefix("i"), code))
        elif found and found[-1].language == "python" and not text[end : fence.start()].strip():
            found[-1] = Example("python", found[-1].code, code)
        end = fence.end()
    return found


def run_cells(cells: list[str], folder: Path, **variables: str) -> list[str]:
    """Runs cells in an IPython of their own and returns what each prints.

    Args:
        cells: The code of each.
        folder: Where they run; it gets the texts about bees as ``papers``.
        variables: What else the environment holds.
    """
    papers(folder)
    (folder / "cells.json").write_text(json.dumps(cells))
    (folder / "cells.py").write_text(CELLS)
    environment = (
        os.environ | {"IPYTHONDIR": str(folder / "ipython"), "PYTHONPATH": str(ROOT)} | variables
    )
    words = [sys.executable, "cells.py"]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown: list[str] = json.loads((folder / "shown.json").read_text())
    return shown


def papers(folder: Path) -> None:
    """Puts the texts about bees where examples look for documents."""
    if not (folder / "papers").exists():
        shutil.copytree(ROOT / "notebooks" / "data" / "bees", folder / "papers")
