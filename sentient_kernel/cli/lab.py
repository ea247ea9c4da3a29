"""Opens JupyterLab on the tutorials, and ends it when it is told to stop."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
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
    return asyncio.run(_served(command(tutorials(folder), options)))


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


async def _served(words: list[str]) -> int:
    """Runs a server until it ends or this process is told to stop; then it is ended, with all that
    it has started. Only the first signal counts.
    """
    loop = asyncio.get_running_loop()
    received = asyncio.Queue[int]()

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(received.put_nowait, number)

    for number in STOPS:
        signal.signal(number, stop)
    # In a session of its own: the terminal's Ctrl-C would have it ask a question that nobody sees.
    process = await asyncio.create_subprocess_exec(
        *words, stdin=subprocess.DEVNULL, start_new_session=True
    )
    ended = asyncio.ensure_future(process.wait())
    stopped = asyncio.ensure_future(received.get())
    await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not stopped.done():
        return ended.result()
    with suppress(ProcessLookupError):
        process.terminate()  # it ends its kernels and terminals
        await asyncio.wait({ended}, timeout=GRACE)
        if not ended.done():
            kill = getattr(os, "killpg", os.kill)
            kill(process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    await ended
    return 128 + stopped.result()


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

    def copy_missing(source: str, copy: str) -> None:
        if not os.path.exists(copy):
            shutil.copy2(source, copy)

    # not what is hidden: workbenches, checkpoints
    hidden = shutil.ignore_patterns(".*")
    shutil.copytree(origin, target, ignore=hidden, copy_function=copy_missing, dirs_exist_ok=True)
    return target
