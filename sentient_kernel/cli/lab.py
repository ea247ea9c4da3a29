"""Opens JupyterLab on the tutorials, and ends it when it is told to stop."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from sentient_kernel.errors import ConfigurationError

PACKAGE = Path(__file__).parents[1]
QUICKSTART = "00_quickstart.ipynb"
GRACE = 20.0
"""Seconds that JupyterLab has to end its kernels; then it is killed, and they end by themselves."""
STOPS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Ctrl-C, a polite kill, and a terminal that was closed."""


def open_lab(folder: str | None = None, options: Sequence[str] = ()) -> int:
    """Starts JupyterLab on the quickstart and waits for it.

    Args:
        folder: Where to put the tutorials; by default the clone's own notebooks, else
            ``./sentient-tutorials``.
        options: Handed on to JupyterLab as they are.

    Returns:
        JupyterLab's exit code; 128 and the signal's number when it was stopped by one.

    Raises:
        ConfigurationError: JupyterLab is not installed, or the tutorials are not there.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigurationError(
            "JupyterLab is not installed here.",
            hint='Install it with: pip install "sentient-kernel[notebook]"',
        )
    return _served(command(tutorials(folder), options))


def command(folder: Path, options: Sequence[str]) -> list[str]:
    """Returns the words that start JupyterLab on a folder's quickstart. Where an option says
    otherwise, that counts.
    """
    words = [sys.executable, "-m", "jupyterlab"]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and "--allow-root" not in options:
        words.append("--allow-root")  # Jupyter refuses to serve root otherwise
    for ours, theirs in (
        (
            f"--ServerApp.root_dir={folder.absolute()}",
            ("--ServerApp.root_dir", "--notebook-dir", "--ServerApp.notebook_dir"),
        ),
        (
            f"--LabApp.default_url=/lab/tree/{QUICKSTART}",
            ("--LabApp.default_url", "--ServerApp.default_url"),
        ),
    ):
        if not any(option.startswith(theirs) for option in options):  # it takes each of them once
            words.append(ours)
    return [*words, *options]


class _Stopped(BaseException):
    """A signal has come in."""

    def __init__(self, number: int) -> None:
        self.number = number


def _served(words: list[str]) -> int:
    """Runs a server until it ends or this process is told to stop; then it is ended, with all that
    it has started.
    """
    with _stopping() as received:
        # In a session of its own: the terminal's Ctrl-C would have it ask a question that nobody
        # sees.
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            received.raises = True
            if received.number:
                raise _Stopped(received.number)
            return process.wait()
        except _Stopped as stopped:
            _end(process)
            return 128 + stopped.number


class _Received:
    """Which signal has come, and whether to raise when one comes."""

    number = 0
    raises = False


@contextmanager
def _stopping() -> Iterator[_Received]:
    """Notes signals that end a process; the first raises as soon as there is something to end,
    later ones change nothing.
    """
    received = _Received()

    def note(number: int, frame: FrameType | None) -> None:
        first, received.number = not received.number, received.number or number
        if received.raises and first:
            raise _Stopped(number)

    before = {number: signal.signal(number, note) for number in STOPS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Lets a server end its kernels and terminals; kills its session when that takes too long."""
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def tutorials(folder: str | None) -> Path:
    """Returns the folder with the tutorials, copied there first where it has none. Files that are
    there are left as they are.
    """
    clone, packed = PACKAGE.parent / "notebooks", PACKAGE / "_tutorials"
    origin = clone if clone.is_dir() else packed
    if not origin.is_dir():
        raise ConfigurationError(
            "The tutorials are not part of this installation.",
            hint="They are in the repository's notebooks folder.",
        )
    if folder is None and origin is clone:
        return clone
    target = Path(folder or "sentient-tutorials")
    for path in sorted(origin.rglob("*")):
        copy = target / path.relative_to(origin)
        # workbenches, checkpoints
        hidden = any(part.startswith(".") for part in path.relative_to(origin).parts)
        if path.is_file() and not copy.exists() and not hidden:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    return target
