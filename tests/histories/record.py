"""Records a golden history: ``python tests/histories/record.py NAME`` writes ``NAME.zip`` here.

Once for each shape of the journal that users may have: what is recorded stays, also when it is no
longer what this code would write. The home holds a finished offer, one that was killed before its
last step, one that waits for its answer, a broken run, a keyless research, and one that was killed
while it wrote; beside it lies what each of them showed on the day.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from history_workflows import broken, offer, said

import sentient_kernel as sk

HERE = Path(__file__).parent
BEES = HERE.parents[1] / "notebooks" / "data" / "bees"
THINGS = {"honey": 250, "wax": 40}
QUESTION = "How far do honey bees fly?"


def ask(wb: sk.Workbench, name: str) -> sk.Run:
    """Starts an offer and waits for its question."""
    run = wb.start(offer, THINGS, name=name)
    while run.status != "waiting":
        time.sleep(0.01)
    return run


def live(folder: Path) -> None:
    """Makes the home and dies within its last run."""
    wb = sk.Workbench(folder / "home")
    wb.add(str(folder / "bees"))
    finished = ask(wb, "finished")
    wb.decide(finished.approvals[0].id, "approve", payload={"per_gram": 0.25})
    seen = {"finished": finished.result(60)}
    ask(wb, "waiting")
    failed = wb.start(broken, name="broken")
    failed.wait(60)
    seen["broken"] = failed.error.message
    seen["research"] = said(wb.research(QUESTION, name="research").result(60))
    (folder / "seen.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")
    os.environ["SENTIENT_TEST_KILL"] = "price"
    killed = ask(wb, "killed")
    wb.decide(killed.approvals[0].id, "approve")
    killed.wait(60)


def write(folder: Path) -> None:
    """Dies while a research writes; where it came too late, record once more."""
    wb = sk.Workbench(folder / "home")
    wb.add(str(folder / "bees"))
    run = wb.research(QUESTION, name="killed research")
    while not any(one.name == "keep" and one.status == "completed" for one in run.steps):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def record(name: str) -> None:
    """Makes a home in processes of its own, and packs what they left."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(BEES, folder / "bees")
        for part in LIVES:
            child = subprocess.run([sys.executable, __file__, part, str(folder)], check=False)
            assert child.returncode == -signal.SIGKILL, child.returncode
        with ZipFile(HERE / f"{name}.zip", "w", ZIP_DEFLATED) as packed:
            packed.write(folder / "seen.json", "seen.json")
            for path in sorted((folder / "home").rglob("*")):
                rebuilt = path.name.startswith("index.db") or path.suffix.endswith("-shm")
                if path.is_file() and not rebuilt and "locks" not in path.parts:
                    packed.write(path, str(path.relative_to(folder)))


LIVES = {"--live": live, "--write": write}

if __name__ == "__main__":
    if sys.argv[1] in LIVES:
        LIVES[sys.argv[1]](Path(sys.argv[2]))
    else:
        record(sys.argv[1])
