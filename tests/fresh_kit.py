"""An environment with exactly what the first command of README.md installs, and a kernel in it:
made once, kept in the user's cache.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from conftest import missing
from kernels_kit import _cache

ROOT = Path(__file__).parents[1]
KERNEL = "as-installed"
"""The name of the kernel spec."""
SECONDS = 420
"""How long making it may take."""


def requirement() -> str:
    """Returns what the first command of README.md has pip install, such as ``.[notebook]``."""
    found = re.search(
        r'^python3 -m venv \.venv && \.venv/bin/pip install -q -e "([^"]+)" && ',
        (ROOT / "README.md").read_text(),
        re.M,
    )
    assert found is not None, "README.md begins with another command"
    return found[1]


def environment() -> Path:
    """Returns the folder of the environment. Where it cannot be made the test is skipped; on CI it
    fails.
    """
    what = sha256(
        f"{ROOT} {requirement()} {sys.version} {(ROOT / 'pyproject.toml').read_text()}".encode()
    ).hexdigest()
    place = _cache() / f"as-installed-{sha256(str(ROOT).encode()).hexdigest()[:8]}"
    made = place / "made-of"
    if not made.is_file() or made.read_text() != what:
        shutil.rmtree(place, ignore_errors=True)
        _make(place)
        made.write_text(what)
    return place


def _make(place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    for words in (
        [sys.executable, "-m", "venv", str(place)],
        [str(place / "bin" / "pip"), "install", "-q", "-e", requirement()],
    ):
        try:
            done = subprocess.run(
                words, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            missing(f"an environment with {requirement()} within {SECONDS} s")
        if done.returncode:
            missing(f"an environment with {requirement()} ({done.stderr.strip()[-300:]})")


def add_kernel(data: Path) -> None:
    """Writes a kernel spec of that environment.

    Args:
        data: A folder that is, or will be, on ``JUPYTER_PATH``.
    """
    folder = data / "kernels" / KERNEL
    folder.mkdir(parents=True)
    python = environment() / "bin" / "python"
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": KERNEL,
        "language": "python",
        "env": {"PYTHONPATH": ""},  # whoever starts it may have one
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
