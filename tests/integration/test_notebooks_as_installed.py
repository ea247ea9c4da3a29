"""The tutorials under exactly what the first command of README.md installs: no key, no model, no
extra; nbval compares every output.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from fresh_kit import KERNEL, SECONDS, add_kernel, environment

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
OF_EXTRAS = (
    "pydantic_ai",
    "genai_prices",
    "openai",
    "anthropic",
    "trafilatura",
    "docx",
    "fastapi",
    "psycopg",
    "distributed",
    "pytest",
)

pytestmark = pytest.mark.timeout(SECONDS + 180)


def as_installed(folder: Path) -> dict[str, str]:
    """Returns the environment for whoever starts the kernel: nothing of these tests, no key and no
    setting reaches it.
    """
    ours = ("PYTHONPATH", "SENTIENT_", "OPENAI_", "ANTHROPIC_", "OLLAMA_")
    own = {"JUPYTER_PATH": str(folder / "jupyter"), "IPYTHONDIR": str(folder / "ipython")}
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | own


def test_the_environment_holds_no_extra_but_the_notebook() -> None:
    code = (
        "import importlib.util as u, sentient_kernel as sk; print(sk.__file__, [n for n in"
        f" {OF_EXTRAS} if u.find_spec(n)])"
    )
    done = subprocess.run(
        [environment() / "bin" / "python", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{NOTEBOOKS.parent / 'sentient_kernel' / '__init__.py'} []\n"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_gives_its_outputs_as_it_was_installed(path: Path, tmp_path: Path) -> None:
    add_kernel(tmp_path / "jupyter")
    shutil.copytree(NOTEBOOKS / "data", tmp_path / "data")
    shutil.copy(path, tmp_path)
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
        f"--nbval-sanitize-with={NOTEBOOKS / 'nbval.cfg'}",
        "--nbval-cell-timeout=60",
        f"--nbval-kernel-name={KERNEL}",
    ]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env=as_installed(tmp_path),
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    cells = sum(cell.cell_type == "code" for cell in nbformat.read(path, as_version=4).cells)
    assert re.search(rf"^{cells} passed", done.stdout, re.M), done.stdout[-500:]
