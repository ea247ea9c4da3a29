"""A run in a terminal: progress on stderr, questions on stdin, so that stdout holds the report
alone: drawn for people, else Markdown.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from sentient_kernel.failures import plain
from sentient_kernel.notebook.interaction import ask, someone_can_answer

if TYPE_CHECKING:
    from sentient_kernel.report.report import Report
    from sentient_kernel.workbench.run import Run

LONGEST = 400
"""Characters of a line of progress."""
BETWEEN = 2.0
"""Seconds between two lines of progress within one phase, where lines are not overwritten."""


def follow(run: Run) -> str:
    """Shows a run's progress until it comes to rest, asks what it asks where a person can answer,
    and returns its status.
    """
    lines = Moving() if sys.stderr.isatty() else Lines(partial(print, file=sys.stderr, flush=True))
    with closing(lines) as tell:
        for view in run.changes():
            tell(view.phase, view.message, view.progress)
            if view.status == "waiting" and (asked := run.unanswered()):
                tell.pause()
                if not someone_can_answer() or not all(map(ask, asked)):
                    break
    return view.status


def print_report(report: Report) -> None:
    """Prints a report on stdout: drawn where that is a terminal, as Markdown where it is a file or
    a pipe.
    """
    if not sys.stdout.isatty():
        print(report.to_markdown())
        return
    from rich.console import Console

    from sentient_kernel.report.console import draw

    draw(report, Console(file=sys.stdout))


class Lines:
    """Progress as lines: one for each new phase, and within a phase one every few seconds. What was
    told last is never lost.

    Args:
        write: Takes a line.
        now: Where time comes from, seconds.

    Example:
        >>> time = iter([0.0, 0.5, 2.5, 2.6])
        >>> lines = Lines(print, lambda: next(time))
        >>> lines("search", "Reading bees, 1 of 90 files", None)
        Search · Reading bees, 1 of 90 files
        >>> lines("search", "Reading bees, 20 of 90 files", None)
        >>> lines("search", "Reading bees, 88 of 90 files", None)
        Search · Reading bees, 88 of 90 files
        >>> lines("search", "10 passages", None)
        >>> lines.close()
        Search · 10 passages
    """

    def __init__(
        self, write: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._now = now
        self._phase: str | None = None
        self._said = self._last = ""
        self._at = 0.0

    def __call__(self, phase: str, message: str, fraction: float | None) -> None:
        """Tells where the run is."""
        self._last = _line(phase, message)
        now = self._now()
        if self._last and (phase != self._phase or now - self._at >= BETWEEN):
            self._phase, self._at = phase, now
            self.pause()

    def pause(self) -> None:
        """Tells what was held back."""
        if self._last != self._said:
            self._said = self._last
            self._write(self._last)

    close = pause


class Moving:
    """Progress on a terminal: one line that moves, and is gone at the end."""

    def __init__(self) -> None:
        from rich.console import Console

        self._status: Any = Console(stderr=True).status("Starting")

    def __call__(self, phase: str, message: str, fraction: float | None) -> None:
        """Tells where the run is."""
        from rich.text import Text

        share = f"  {fraction:.0%}" if fraction is not None else ""
        self._status.update(
            Text((_line(phase, message) or "Starting") + share, overflow="ellipsis", no_wrap=True)
        )
        self._status.start()

    def pause(self) -> None:
        """Gives the terminal back."""
        self._status.stop()

    close = pause


def _line(phase: str, message: str) -> str:
    return " ".join(
        plain(" · ".join(part for part in (phase.capitalize(), message) if part)[:LONGEST]).split()
    )
