"""Style, types and the directions between the rooms hold for the whole tree, so that `pytest` alone
says whether a change is sound.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def check(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}", pytrace=False)


def test_style_holds() -> None:
    check("-m", "ruff", "check", "--quiet", "--output-format=concise", ".")


@pytest.mark.timeout(300)
def test_types_hold_strictly() -> None:
    check("-m", "mypy")


def test_rooms_import_only_what_lies_below_them() -> None:
    check("-c", "import sys; from importlinter import cli; sys.exit(cli.lint_imports())")
