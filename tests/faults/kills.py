"""The parent's side of the fault tests: lives that are begun, ended and waited for."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentient_kernel.events import Record
from sentient_kernel.journal.sqlite.store import SqliteJournal

HERE = Path(__file__).parent


class Life:
    """A child process."""

    def __init__(self, nursery: Nursery, pid: int, out: Path) -> None:
        self.pid = pid
        self._nursery = nursery
        self._out = out
        self._handle = os.pidfd_open(pid)
        self._status: int | None = None

    @property
    def said(self) -> str:
        """What it printed."""
        return self._out.read_text()

    def send(self, number: int) -> None:
        """Sends it a signal."""
        signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """Ends it, if it still lives, and waits."""
        if self._status is None:
            self.send(signal.SIGKILL)
            self.wait()

    def wait(self, seconds: float = 60) -> int:
        """Waits for its end and returns its exit status; negative for the signal that ended it."""
        if self._status is None:
            poll = select.poll()
            poll.register(self._handle, select.POLLIN)
            if not poll.poll(seconds * 1000):
                raise TimeoutError(f"the child lives after {seconds:g} s; it said {self.said!r}")
            os.close(self._handle)
            self._status = int(self._nursery.ask({"wait": self.pid}))
        return self._status


class Nursery:
    """One warm process that forks all children."""

    def __init__(self) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "template.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE.parent.parent,
            env={**environment, "PYTHONPATH": str(HERE.parent.parent)},
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self._lives: list[Life] = []

    def ask(self, request: dict[str, Any]) -> Any:
        """Sends a request to the warm process and returns its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def begin(self, do: str, folder: Path, **given: Any) -> Life:
        """Begins a life."""
        out = folder / "said.txt"
        pid = self.ask({"do": do, "with": {"folder": str(folder), **given}, "out": str(out)})
        life = Life(self, pid, out)
        self._lives.append(life)
        return life

    def live(self, do: str, folder: Path, **given: Any) -> int:
        """Lives a life to its end and returns its exit status."""
        return self.begin(do, folder, **given).wait()

    def end_all(self) -> None:
        """Ends the children that are left."""
        for life in self._lives:
            life.kill()
        self._lives.clear()

    def close(self) -> None:
        """Ends the warm process."""
        self.end_all()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="session")
def warm() -> Iterator[Nursery]:
    """The warm process."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture
def nursery(warm: Nursery) -> Iterator[Nursery]:
    """The warm process; the test's children do not outlive it."""
    yield warm
    warm.end_all()


def lines(folder: Path, file: str) -> list[str]:
    """Returns the lines that children wrote to a file."""
    path = folder / file
    return path.read_text().splitlines() if path.exists() else []


def record(folder: Path) -> list[Record]:
    """Returns the journal of a folder; its check must find nothing wrong."""
    with SqliteJournal(folder / "journal.db") as journal:
        verdict = journal.verify()
        assert verdict.ok, verdict
        return journal.read()
