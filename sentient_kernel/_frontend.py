"""What sits at the other end: a notebook, a terminal, or nobody; and how a run shows itself there."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentient_kernel.run import Run

EVERY = 0.25
"""Seconds between redraws of a static view."""


def kernel() -> Any:
    """Returns the Jupyter kernel that this process is, or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def someone_can_answer() -> bool:
    """True when the running cell, or the terminal, can ask a person: headless executors say that they cannot."""
    here = kernel()
    if here is not None:
        try:
            return bool(here.get_parent("shell").get("content", {}).get("allow_stdin", False))
        except (AttributeError, TypeError):
            return bool(getattr(here, "_allow_stdin", False))
    return sys.stdin is not None and sys.stdin.isatty()


class View:
    """A run drawn in a cell, redrawn in place while it changes."""

    def __init__(self, run: Run) -> None:
        from IPython.display import DisplayHandle

        self.run = run
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]
        self._drawn = run._repr_html_()
        self._at = time.monotonic()
        self._handle.display(self._bundle(), raw=True)

    def _bundle(self) -> dict[str, str]:
        return {"text/html": self._drawn, "text/plain": repr(self.run)}

    def refresh(self, *, now: bool = False) -> None:
        """Draws what changed; at most a few times a second."""
        if not now and time.monotonic() - self._at < EVERY:
            return
        self._at = time.monotonic()
        html = self.run._repr_html_()
        if html != self._drawn:
            self._drawn = html
            self._handle.update(self._bundle(), raw=True)


class Nowhere:
    """Where there is no notebook, nothing is drawn."""

    def refresh(self, *, now: bool = False) -> None:
        """Does nothing."""


@contextmanager
def shown(run: Run) -> Iterator[View | Nowhere]:
    """Shows a run in the cell that waits for it, and leaves its last state there."""
    if kernel() is None or run.id in _followed:
        yield Nowhere()
        return
    view = View(run)
    try:
        yield view
    finally:
        view.refresh(now=True)


_followed: set[str] = set()  # runs that some cell shows and a thread redraws; waiting for them draws no second view


def show(run: Run) -> None:
    """Shows a run in this cell; a thread follows it until it ends."""
    if kernel() is None:
        print(run)
        return
    view = View(run)
    if run.status in ("completed", "failed", "cancelled", "crashed") or run.id in _followed:
        return
    _followed.add(run.id)
    threading.Thread(target=_follow, args=(view,), name="sentient-view", daemon=True).start()


def _follow(view: View) -> None:
    run = view.run
    try:
        while not run._wb.closed and run.status not in ("completed", "failed", "cancelled", "crashed"):
            time.sleep(EVERY)
            view.refresh()
        if not run._wb.closed:
            view.refresh(now=True)
    finally:
        _followed.discard(run.id)
