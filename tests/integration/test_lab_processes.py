"""`sentient-kernel lab` as a process: it serves the quickstart with the options given, and ends all
that it started when it is stopped.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_kit import command, environment

pytestmark = [
    pytest.mark.skipif(
        not os.path.isdir("/proc/self"), reason="this system does not list processes"
    ),
    pytest.mark.timeout(150),
]
TOKEN = "only-for-this-test"
STOPS: dict[str, Callable[[Lab], None]] = {
    "Ctrl-C": lambda lab: os.killpg(lab.pid, signal.SIGINT),
    "SIGTERM": lambda lab: os.kill(lab.pid, signal.SIGTERM),
    "a terminal that was closed": lambda lab: os.close(lab.terminal),
}


class Lab:
    """The command in a terminal of its own, from which it can be stopped as a person would."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        words = command(
            "lab",
            folder,
            "--no-browser",
            "--port",
            str(port),
            "--ip",
            "127.0.0.1",
            f"--IdentityProvider.token={TOKEN}",
        )
        names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "HOME")
        own = {name: str(folder.parent / name.lower()) for name in names}
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(words[0], words, environment(**own))

    def ask(self, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if body else None
        headers = {"Authorization": f"token {TOKEN}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers), timeout=10
        ) as answer:
            return json.loads(answer.read())

    def wait(self, seconds: float = 60) -> None:
        """Waits until it serves, and takes in what it says."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                self.ask("/api/status")
                return
            except OSError:
                time.sleep(0.2)
        raise TimeoutError(self.said())

    def said(self) -> str:
        """Returns what stands in the terminal."""
        os.set_blocking(self.terminal, False)
        text = b""
        try:
            while piece := os.read(self.terminal, 65_536):
                text += piece
        except OSError:
            pass
        return text.decode(errors="replace")


def below(pid: int) -> dict[int, str]:
    """Returns the living processes that a process has started, and those that these have, with
    their command lines.
    """
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {
        child: Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        for child in found - {pid}
    }


def alive(pid: int, words: str) -> bool:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() == words != ""
        )
    except OSError:
        return False


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Lab(tmp_path / "tutorials", port)
    started: dict[int, str] = {}
    try:
        made.wait()
        started = below(made.pid)
        yield made
    finally:
        for pid in (made.pid, *(pid for pid, words in started.items() if alive(pid, words))):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.mark.parametrize("way", STOPS)
def test_everything_that_it_started_ends_when_it_is_stopped(lab: Lab, way: str) -> None:
    assert lab.ask("/api/contents/00_quickstart.ipynb?content=0")["type"] == "notebook"
    assert f"127.0.0.1:{lab.port}/lab/tree/00_quickstart.ipynb?token=" in lab.said()
    lab.ask("/api/kernels", name="python3")
    until = time.monotonic() + 30
    while not any("ipykernel" in words for words in below(lab.pid).values()):
        assert time.monotonic() < until
        time.sleep(0.1)
    started = below(lab.pid)
    assert any("jupyterlab" in words for words in started.values())
    STOPS[way](lab)
    until = time.monotonic() + 40
    while time.monotonic() < until and os.waitpid(lab.pid, os.WNOHANG)[0] == 0:
        time.sleep(0.1)
    left = [words for pid, words in started.items() if alive(pid, words)]
    assert not left
    assert time.monotonic() < until, "it did not end itself"


def test_it_ends_as_jupyterlab_does_when_that_cannot_start(tmp_path: Path) -> None:
    words = command(
        "lab", tmp_path / "tutorials", "--no-browser", "--ServerApp.root_dir=/nowhere/at/all"
    )
    done = subprocess.run(
        words,
        env=environment(HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr.splitlines()[-1]
