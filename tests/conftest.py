"""Rules of the house for every test: no setting leaks in, nothing leaks out, no packet leaves this
machine, no file stays behind.
"""

from __future__ import annotations

import atexit
import ipaddress
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
collect_ignore_glob = ["bench/peer_*.py"]  # they run in the environments of others
DATABASE_ENDINGS = (".db", ".db-wal", ".db-shm", ".db-journal")


def missing(what: str) -> NoReturn:
    """Skips the test because the machine lacks something; on CI, which promises to have it, fails
    instead.
    """
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI has to have it", pytrace=False)
    pytest.skip(f"{what} is missing")


def pytest_configure() -> None:
    """Refuses connections to other machines, also from fixtures and from the import of test
    modules; lends a user's folders.
    """
    _own_user_folders()
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not _is_here(address[0]):
            raise RuntimeError(
                f"a test tried to connect to {address[0]!r}; use a server of its own on 127.0.0.1"
            )
        connect(self, address)

    socket.socket.connect = guarded  # type: ignore[method-assign,assignment]


def _own_user_folders() -> None:
    """Gives the tests, and the processes that they start, a state folder and settings of their own:
    never the developer's.
    """
    folder = tempfile.mkdtemp(prefix="sentient-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XDG_STATE_HOME"] = os.path.join(folder, "state")
    os.environ["XDG_CONFIG_HOME"] = os.path.join(folder, "config")


CHECKOUT = pytest.StashKey[list[str] | None]()
"""What differed from the last commit when the tests began."""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Notes how the checkout is before the first test."""
    session.config.stash[CHECKOUT] = _differing(session.config.rootpath)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails a session whose tests left something in the checkout."""
    if _left(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says what the tests left behind."""
    if left := _left(config):
        terminalreporter.section("the checkout is not as it was before the tests", red=True)
        terminalreporter.line("\n".join(left))


def _left(config: pytest.Config) -> list[str]:
    before, now = config.stash.get(CHECKOUT, None), _differing(config.rootpath)
    return [] if before is None or now is None else [line for line in now if line not in before]


def _differing(root: Path) -> list[str] | None:
    """Returns the files of a checkout that differ from its commit, as git lists them; None where
    there is no git.
    """
    if not (root / ".git").exists() or not shutil.which("git"):
        return None
    words = ["git", "-C", str(root), "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the SENTIENT_ variables of whoever runs the tests out of the environment."""
    for name in [name for name in os.environ if name.startswith("SENTIENT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_server_remembered() -> Iterator[None]:
    """Forgets how servers take requests: the next test may have another one at the same port."""
    yield
    if (manner := sys.modules.get("sentient_kernel.models.server_manner")) is not None:
        manner.forget()


@pytest.fixture(autouse=True)
def nothing_leaks() -> Iterator[None]:
    """Fails a test that leaves a thread running or a database file open."""
    threads, files = set(threading.enumerate()), open_databases()
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in left:
        thread.join(timeout=5)  # one that was told to stop may need a moment
    left = [thread for thread in left if thread.is_alive()]
    assert not left, f"threads left running: {', '.join(thread.name for thread in left)}"
    opened = open_databases() - files
    assert not opened, f"databases left open: {', '.join(sorted(opened))}"


def open_databases() -> set[str]:
    """Returns the database files that this process holds open; empty where the system does not
    tell.
    """
    found = set()
    for link in Path("/proc/self/fd").glob("*"):
        try:
            target = str(link.readlink())
        except OSError:  # closed in the meantime
            continue
        if target.removesuffix(" (deleted)").endswith(DATABASE_ENDINGS):
            found.add(target)
    return found


@pytest.fixture(scope="session")
def needs_browser() -> Path:
    """Returns the path of Chromium or Chrome; without one the test is skipped, on CI it fails."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return Path(found)
    missing("a browser (Debian: apt-get install chromium)")


@pytest.fixture(scope="session")
def needs_postgres() -> Path:
    """Returns the folder of PostgreSQL's server programs; without it the test is skipped, on CI it
    fails.
    """
    if found := shutil.which("pg_ctl"):
        return Path(found).parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "pg_ctl").is_file():
            return folder
    missing("PostgreSQL (Debian: apt-get install postgresql)")
