"""One line that says what a call is doing that a cell waits for; it is gone when that has ended."""

from __future__ import annotations

import sys
import threading
import time
from contextvars import copy_context
from typing import Any

from sentient_kernel.notebook.interaction import kernel
from sentient_kernel.projections.drawing.style import escape, line

PATIENCE = 0.3
"""Seconds for which nothing is said: most calls have ended by then."""
WIDTH = 100


class ProgressLine:
    """Says what is being done, in the cell of a notebook or on stderr of a terminal, as long as its
    ``with`` lasts; may be called from any thread.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._context = copy_context()
        self._lock = threading.Lock()
        self._handle: Any = None
        self._said = ""
        self._ended = False

    def __call__(self, message: str, done: float | None = None) -> None:
        """Takes in what is being done and how far it is, from 0 to 1 or None."""
        share = "" if done is None else f" ({done:.0%})"
        said = line(message, WIDTH) + share
        with self._lock:
            if time.monotonic() - self._began >= PATIENCE and not self._ended:
                self._show(said)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *error: object) -> None:
        with self._lock:
            if self._said:
                self._show("")
            self._ended = True

    def _show(self, said: str) -> None:
        if kernel() is not None:
            self._context.run(self._display, said)
        elif sys.stderr is not None and sys.stderr.isatty():
            print(f"\r{said:<{len(self._said)}}\r{said}", end="", file=sys.stderr, flush=True)
        self._said = said

    def _display(self, said: str) -> None:
        from IPython.display import DisplayHandle

        html = f"<p><em>{escape(said)}</em></p>" if said else ""
        bundle = {"text/plain": said, "text/html": html}
        if self._handle is None:
            self._handle = DisplayHandle()  # type: ignore[no-untyped-call]
            self._handle.display(bundle, raw=True)
        else:
            self._handle.update(bundle, raw=True)
