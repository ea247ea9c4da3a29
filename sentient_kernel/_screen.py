"""How runs show themselves in a notebook's cells: drawn once, and redrawn in place by one thread for as long as they change."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from sentient_kernel._frontend import kernel, someone_can_answer
from sentient_kernel.errors import JournalError, NotFound

if TYPE_CHECKING:
    from sentient_kernel.run import Run

EVERY = 0.25
"""Seconds between looks at a run that is shown; what has changed is drawn."""
TICK = 1.0
"""Seconds between redraws of a run that works without telling anything, so that its time goes on."""
AT_REST = frozenset({"completed", "failed", "cancelled", "crashed"})


class View:
    """A run drawn in a cell, redrawn in place while it changes.

    Args:
        run: The run.
        awaited: Whether the cell waits for the run's result. Its view then makes room at the end: what the cell returns is what
            counts, and one line that is the same each time stays behind.
        live: Whether to draw before the end.
    """

    def __init__(self, run: Run, *, awaited: bool = False, live: bool = True) -> None:
        from IPython.display import DisplayHandle

        self.run = run
        self.cell = _cell()
        self._awaited = awaited
        self._context = copy_context()
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]
        self._drawing = threading.Lock()
        self._drawn = ""
        self._seen: tuple[str, int] = ("", 0)
        self._at = 0.0
        if live:
            self.draw()

    @property
    def begun(self) -> bool:
        """Whether anything was drawn yet."""
        return bool(self._drawn)

    def draw(self) -> bool:
        """Draws what changed. Returns whether there is more to come."""
        with self._drawing:
            view = self.run.view
            status, now = view.status, time.monotonic()
            if self._seen == (status, view.seq) and (status != "running" or now - self._at < TICK):
                return status not in AT_REST
            self._seen, self._at = (status, view.seq), now
            html = self._html(status)
            if html != self._drawn:
                bundle = {"text/html": html, "text/plain": repr(self.run)}
                draw = self._handle.update if self._drawn else self._handle.display
                try:
                    draw(bundle, raw=True)
                except LookupError:  # ipykernel 7.0: a thread has no cell of its own there, so the view's counts
                    self._context.run(draw, bundle, raw=True)
                self._drawn = html
            return status not in AT_REST

    def _html(self, status: str) -> str:
        views = self.run._wb._views
        if not self._awaited:
            return views.html(self.run.id)
        return views.line_html(self.run.id) if status == "completed" else views.html(self.run.id, report=False)


def _cell() -> str:
    """Returns the id of the cell that runs, where the front end tells."""
    try:
        return str(kernel().get_parent("shell").get("metadata", {}).get("cellId", ""))
    except (AttributeError, TypeError):
        return ""


class Screen:
    """The views of one workbench. One thread redraws them for as long as any of them changes, also when their cells have ended."""

    def __init__(self) -> None:
        self._views: list[View] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()

    def show(self, run: Run) -> None:
        """Shows a run in this cell; as text where there is no notebook."""
        if kernel() is None:
            print(run)
            return
        self._follow(View(run))

    @contextmanager
    def awaited(self, run: Run) -> Iterator[None]:
        """Shows a run in the cell that waits for it: while it works, unless another cell does so or nobody looks, and how it ended."""
        if kernel() is None:
            yield
            return
        view = View(run, awaited=True, live=someone_can_answer() and not self._shown_elsewhere(run))
        if view.begun:
            self._follow(view)
        try:
            yield
        finally:
            if run.status in AT_REST:
                _drawn(view)

    def draw(self, run: Run) -> None:
        """Draws what is shown of a run now."""
        with self._lock:
            views = [view for view in self._views if view.run.id == run.id]
        for view in views:
            _drawn(view)

    def close(self) -> None:
        """Draws a last time and stops. Safe to call twice, and from the thread itself."""
        self._closing.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(2)
        with self._lock:
            views, self._views = self._views, []
        for view in views:
            _drawn(view)

    def _shown_elsewhere(self, run: Run) -> bool:
        here = _cell()
        with self._lock:
            return any(view.run.id == run.id and bool(here) and view.cell != here for view in self._views)

    def _follow(self, view: View) -> None:
        with self._lock:
            # A cell that is run again has let go of what it showed before.
            self._views = [v for v in self._views if v.run.id != view.run.id or not view.cell or v.cell != view.cell]
            self._views.append(view)
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._redraw, name="sentient-screen", daemon=True)
                self._thread.start()

    def _redraw(self) -> None:
        while True:
            with self._lock:
                views = list(self._views)
            done = [view for view in views if not _drawn(view)]
            with self._lock:
                self._views = [view for view in self._views if view not in done]
                if not self._views or self._closing.is_set():
                    self._thread = None
                    return
            self._closing.wait(EVERY)


def _drawn(view: View) -> bool:
    """Draws a view; False when there is no more to come, also because the workbench was closed or the kernel is on its way out."""
    try:
        return view.draw()
    except (JournalError, NotFound, OSError):
        return False
