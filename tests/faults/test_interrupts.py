"""F24 in full: a hundred interrupts at random points of a wait, on this ipykernel and on its older
lines.

The older ones are installed into folders of their own, without what they need: that is here
already.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_kit import prepared

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]
TRACE = [
    "Detached. Run('held') goes on in the background: run.pause(), run.cancel(), or run.result() to"
    " wait again."
]


def line(version: str, folder: Path) -> list[Path]:
    """Returns where an ipykernel of that version is found; nothing for the one that is
    installed.
    """
    if version == "installed":
        return []
    words = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(folder),
        f"ipykernel=={version}",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.skip(f"ipykernel {version} cannot be had here: {done.stderr.strip()[-200:]}")
    return [folder]


OLDER = ["6.31.0", "7.0.1", "7.3.0"]


@pytest.mark.parametrize("version", ["installed", *OLDER])
def test_a_hundred_interrupts_cost_nothing_but_the_wait(tmp_path: Path, version: str) -> None:
    with prepared(tmp_path, before=line(version, tmp_path / "older")) as kernel:
        found = kernel.value("import ipykernel; ipykernel.__version__").strip("'")
        assert version in ("installed", found)
        kernel.value("r = wb.start(held, 7); begun.wait(30)")
        threads = kernel.value("at_work()")
        chance = random.Random(24)
        slowest = {"r.result()": 0.0, "await r": 0.0}
        for n in range(100):
            code = ("r.result()", "await r")[n % 2]
            cell = kernel.send(f"print('begun', flush=True)\n{code}", stdin=n % 3 == 0)
            kernel.pump(lambda cell=cell: "begun" in cell.text)
            with pytest.raises(TimeoutError):
                kernel.pump(lambda cell=cell: cell.done, chance.uniform(0, 0.3))
            at = kernel.interrupt(2 if n % 5 == 4 else 1)
            kernel.finish(cell)
            assert cell.error is not None and cell.error[2] == TRACE, (n, code, cell.error)
            slowest[code] = max(slowest[code], cell.at - at)
            assert kernel.value("r.status, 1 + 1") == "('running', 2)"
        print(f"ipykernel {found}: prompt back within {slowest} s")
        assert slowest["r.result()"] <= 1.0 and slowest["await r"] <= 1.5
        assert kernel.value("at_work()") == threads
        assert kernel.value("go.set(); r.result()") == "7"
        assert kernel.value("await r") == "7"


@pytest.mark.parametrize("version", OLDER)
def test_all_that_holds_of_waiting_holds_on_older_lines_too(tmp_path: Path, version: str) -> None:
    (folder,) = line(version, tmp_path / "older")
    tests = Path(__file__).parents[1] / "integration" / "test_run_waiting.py"
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    environment = os.environ | {"IPYKERNEL_FROM": str(folder)}
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=240, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout[-4000:]
