"""Other libraries may call asyncio.run in a cell once the user has asked for it; nothing changes
before.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from sentient_kernel import UsageError, allow_nested
from sentient_kernel.notebook.nested import _candidates

IN_A_CELL = """
import asyncio, sentient_kernel as sk
async def library(): return 42
async def cell():
    {before}
    return asyncio.run(library())
print(asyncio.run(cell()))
"""


def run_cell(before: str) -> subprocess.CompletedProcess[str]:
    code = IN_A_CELL.format(before=before)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_asyncio_run_works_in_a_running_loop_after_asking() -> None:
    assert run_cell("sk.allow_nested(); sk.allow_nested()").stdout == "42\n"


def test_nothing_is_patched_without_asking() -> None:
    assert "cannot be called from a running event loop" in run_cell("pass").stderr


def test_without_a_running_loop_it_says_that_nothing_is_needed() -> None:
    with pytest.raises(UsageError, match=r"asyncio\.run works as it is"):
        allow_nested()


@pytest.mark.parametrize(
    ("python", "loaded", "first"),
    [
        ((3, 11), (), "nest_asyncio"),
        ((3, 12), (), "nest_asyncio2"),
        ((3, 11), ("nest_asyncio2",), "nest_asyncio2"),
        ((3, 13), ("nest_asyncio",), "nest_asyncio"),
    ],
)
def test_the_library_that_works_on_this_python_goes_first(
    python: tuple[int, int], loaded: tuple[str, ...], first: str
) -> None:
    assert _candidates(python, loaded=loaded)[0] == first
