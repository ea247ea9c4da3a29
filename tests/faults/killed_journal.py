"""Journals as killed processes leave them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import sentient_kernel

WRITER = Path(__file__).with_name("journal_writer.py")


class Killed(NamedTuple):
    """What a killed process left: the folder, the seqs that were acknowledged, and those of them
    that the disk had confirmed.
    """

    home: Path
    acknowledged: list[int]
    confirmed: list[int]

    def copy(self, to: Path) -> Path:
        """Copies what it left, without the shared memory that does not outlive a machine; returns
        the journal's path.
        """
        shutil.rmtree(to, ignore_errors=True)
        to.mkdir(parents=True)
        for name in ("journal.db", "journal.db-wal", "journal.head"):
            shutil.copy(self.home / name, to / name)
        return to / "journal.db"


def leave_behind(
    home: Path, rows: int, *, full_every: int = 0, size: int = 20, kill_after: int | None = None
) -> Killed:
    """Lets a process write rows, and kills it when it has acknowledged so many; default: all of
    them.
    """
    command = [
        sys.executable,
        str(WRITER),
        str(home / "journal.db"),
        str(rows),
        "--full-every",
        str(full_every),
        "--size",
        str(size),
    ]
    acknowledged, confirmed = [1], []
    environment = {**os.environ, "PYTHONPATH": str(Path(sentient_kernel.__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("done"):
                break
            if not line.endswith("\n"):
                continue
            seq, _, full = line.strip().partition(" ")
            acknowledged.append(int(seq))
            if full:
                confirmed.append(int(seq))
            if kill_after is not None and len(acknowledged) >= kill_after:
                process.kill()
        process.kill()
    return Killed(home, acknowledged, confirmed)
