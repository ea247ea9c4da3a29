"""Other lines of ipykernel beside the installed one, as kernel specs: a notebook says ``python3``,
``ipykernel73`` or ``ipykernel631``.

Each is installed from PyPI once and kept in the user's cache folder. Everything else a kernel needs
is that of the interpreter which runs the tests, so that the line of ipykernel is the one thing that
differs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from conftest import missing

ROOT = Path(__file__).parents[1]
LINES = {"ipykernel73": "7.3.0", "ipykernel631": "6.31.0"}
"""The name of each kernel spec, and the version behind it."""
ONCE_NEEDED = ("nest-asyncio", "nest-asyncio2", "psutil")
"""What these lines ask for and the newest ipykernel does not."""


def line(name: str) -> Path:
    """Returns the folder that an ipykernel is imported from. Where it cannot be had the test is
    skipped; on CI it fails.

    Args:
        name: Of its kernel spec: one of ``LINES``.
    """
    version = LINES[name]
    place = _cache() / f"{name}-{version}-{sys.implementation.cache_tag}-{sys.platform}"
    if not (place / "ipykernel").is_dir():
        _install(f"ipykernel=={version}", place)
    return place


def _cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("sentient-kernel-tests")


def _install(requirement: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        fresh = Path(scratch) / "line"
        words = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--target",
            str(fresh),
            requirement,
            *ONCE_NEEDED,
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            missing(f"{requirement} from PyPI ({done.stderr.strip()[-200:]})")
        try:
            fresh.rename(place)  # in one go: another process may be at it too
        except OSError:
            if not (place / "ipykernel").is_dir():
                raise


def add_kernels(data: Path, names: Sequence[str]) -> None:
    """Writes kernel specs.

    Args:
        data: The folder that is, or will be, ``JUPYTER_DATA_DIR`` or on ``JUPYTER_PATH``.
        names: Which of ``LINES``.
    """
    for name in names:
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": f"Python 3 (ipykernel {LINES[name]})",
            "language": "python",
            "env": {"PYTHONPATH": os.pathsep.join([str(line(name)), str(ROOT)])},
            "metadata": {"debugger": False},
        }
        folder = data / "kernels" / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(json.dumps(spec))
