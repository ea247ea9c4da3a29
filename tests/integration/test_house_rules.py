"""The rules of tests/conftest.py catch what they are there to catch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
BREAKS_THEM_ALL = """
import os, socket, threading
import apsw, pytest

stop = threading.Event()

def test_leaves_a_thread(monkeypatch):
    monkeypatch.setattr(threading.Thread, "join", lambda self, timeout=None: None)
    threading.Thread(target=stop.wait, args=(30,), name="forgotten", daemon=True).start()

def test_leaves_a_database(tmp_path):
    global connection
    connection = apsw.Connection(str(tmp_path / "forgotten.db"))
    connection.execute("CREATE TABLE t(x)")

def test_calls_abroad():
    with socket.socket() as s:
        s.connect(("192.0.2.1", 80))

def test_calls_home():
    with socket.socket() as listener, socket.socket() as s:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        s.connect(listener.getsockname())

def test_sees_no_setting_from_outside():
    assert "SENTIENT_HOME" not in os.environ

def test_sees_no_state_of_whoever_runs_it():
    assert "/elsewhere" not in (os.environ["XDG_STATE_HOME"], os.environ["XDG_CONFIG_HOME"])

def test_wants_a_browser(needs_browser):
    pass
"""


def outcomes(folder: Path, **variables: str) -> dict[str, str]:
    """Runs the tests above under our conftest, on a machine without a browser; returns name ->
    outcome.
    """
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_all.py").write_text(BREAKS_THEM_ALL)
    environment = {
        "PATH": "",
        "SENTIENT_HOME": "/elsewhere",
        "XDG_STATE_HOME": "/elsewhere",
        "XDG_CONFIG_HOME": "/elsewhere",
        **variables,
    }
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "--tb=line",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    found = {
        name: outcome
        for outcome, name in re.findall(
            r"^(PASSED|FAILED|ERROR) test_all\.py::(\w+)", done.stdout, re.M
        )
    }
    if re.search(r"^SKIPPED .*a browser", done.stdout, re.M):
        found["test_wants_a_browser"] = "SKIPPED"
    return found


@pytest.fixture(scope="module")
def at_home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return outcomes(tmp_path_factory.mktemp("home"))


def test_a_thread_left_running_is_an_error(at_home: dict[str, str]) -> None:
    assert at_home["test_leaves_a_thread"] == "ERROR"


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="this system does not tell which files are open"
)
def test_a_database_left_open_is_an_error(at_home: dict[str, str]) -> None:
    assert at_home["test_leaves_a_database"] == "ERROR"


def test_only_this_machine_can_be_reached(at_home: dict[str, str]) -> None:
    assert at_home["test_calls_abroad"] == "FAILED"
    assert at_home["test_calls_home"] == "PASSED"


def test_settings_of_whoever_runs_the_tests_are_taken_away(at_home: dict[str, str]) -> None:
    assert at_home["test_sees_no_setting_from_outside"] == "PASSED"
    assert at_home["test_sees_no_state_of_whoever_runs_it"] == "PASSED"


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git here")
@pytest.mark.parametrize(
    ("writes", "code"),
    [("pass", 0), ("open('left', 'w').close()", 1), ("open('test_all.py', 'a').write('#')", 1)],
)
def test_what_a_test_leaves_in_the_checkout_fails_the_session(
    tmp_path: Path, writes: str, code: int
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_all.py").write_text(f"def test_writes():\n    {writes}\n")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "First"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    (tmp_path / "mine").write_text("was there before")
    words = [
        sys.executable,
        "-B",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stdout
    assert ("the checkout is not as it was" in done.stdout) == bool(code)
    assert "1 passed" in done.stdout and "mine" not in done.stdout


def test_a_missing_browser_skips_at_home_and_fails_on_ci(
    at_home: dict[str, str], tmp_path: Path
) -> None:
    assert at_home["test_wants_a_browser"] == "SKIPPED"
    assert outcomes(tmp_path, CI="true")["test_wants_a_browser"] == "ERROR"
