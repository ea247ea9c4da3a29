"""Runs the notebooks from an empty home and keeps their outputs, which are what nbval compares with
from then on.

For after a change to what they show; look at the difference before it is committed:
``python tests/keep_outputs.py [NOTEBOOK ...]``.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def keep(path: Path) -> None:
    """Executes a notebook in its folder, as a browser would, and writes it back without anything of
    this machine.
    """
    import nbformat
    from nbclient import NotebookClient

    for home in path.parent.glob(".sentient*"):
        shutil.rmtree(home)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=60,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    notebook.metadata = {
        "kernelspec": notebook.metadata.kernelspec,
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(NOTEBOOKS.parent)
    for name in sys.argv[1:] or sorted(map(str, NOTEBOOKS.glob("*.ipynb"))):
        keep(Path(name).resolve())
