"""How things show themselves in a notebook's cells: live where a front end can, else drawn.

A drawing is made anew when the run's status changes. Beside a live view stands what is kept of it
when the notebook is opened again without its kernel; while the live view is there, its front end
hides that.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Literal

from sentient_kernel.errors import JournalError, NotFound
from sentient_kernel.ids import RunId
from sentient_kernel.notebook.interaction import kernel, someone_can_answer
from sentient_kernel.notebook.widget_registry import WidgetRegistry, in_marimo

if TYPE_CHECKING:
    from sentient_kernel.feeds.feeds import ViewSource

HEARTBEAT = 1.0
"""Seconds between looks at runs that are shown and tell nothing: the kernel that executes one may
have died without a word.
"""
GATHER = 0.1
"""Seconds for which news gathers before what it changed is drawn."""
AT_REST = frozenset({"completed", "failed", "cancelled", "crashed"})

EMPTY = {"text/html": "", "text/plain": ""}
"""What stands beside a live view as its static form, where another output is that."""

Role = Literal["static", "awaited", "kept"]


class View:
    """A run drawn in a cell; drawn again in place when its status changes.

    Args:
        source: What is shown of runs.
        run: The run.
        label: What stands for it as text.
        role: ``static`` is the run itself. ``awaited`` stands in a cell that waits for the run's
            result: it makes room at the end, when what the cell returns is what counts, and leaves
            one line that is the same each time. ``kept`` stands beside a live view.
        first: What is shown until the run's end instead of a drawing: a live view.
        live: Whether to draw before the end.
    """

    def __init__(
        self,
        source: ViewSource,
        run: RunId,
        label: str,
        role: Role = "static",
        *,
        first: dict[str, Any] | None = None,
        live: bool = True,
    ) -> None:
        from IPython.display import DisplayHandle

        self.run = run
        self.cell = _cell()
        self._source = source
        self._label = label
        self._role = role
        self._waits = first is not None
        self._context = copy_context()
        self._handle: Any = DisplayHandle()  # type: ignore[no-untyped-call]
        self._drawing = threading.Lock()
        self._drawn = self._status = ""
        if first is not None:
            self._put(first)
            self._drawn = first["text/html"]
        elif live:
            self.draw()

    @property
    def begun(self) -> bool:
        """Whether anything was drawn yet."""
        return bool(self._drawn)

    def give_way(self) -> None:
        """Leaves nothing of itself: what the cell shows next says it all."""
        with self._drawing:
            if self._drawn:
                self._put(EMPTY)

    def draw(self) -> bool:
        """Draws a status that is new. Returns whether there is more to come."""
        with self._drawing:
            status = self._source.glance(self.run).status
            if status != self._status:
                self._status = status
                if status in AT_REST or not self._waits:
                    drawn = self._html(status)
                    if drawn != self._drawn:
                        self._put({"text/html": drawn, "text/plain": self._label})
                        self._drawn = drawn
            return status not in AT_REST

    def _put(self, bundle: dict[str, Any]) -> None:
        draw = self._handle.update if self._drawn else self._handle.display
        try:
            draw(bundle, raw=True)
        except LookupError:
            # ipykernel 7.0: a thread has no cell of its own there, so the view's counts
            self._context.run(draw, bundle, raw=True)

    def _html(self, status: str) -> str:
        source, run = self._source, self.run
        if self._role == "awaited":
            return (
                source.line_html(run) if status == "completed" else source.html(run, report=False)
            )
        if self._role == "kept":
            return kept(run, source.html(run) + ("" if status in AT_REST else _how_to_see(run)))
        return source.html(run)


_LOADING = (
    ".jp-OutputArea-child:has(+.jp-OutputArea-child .sk-kept)"
    ">.lm-Panel.jp-OutputArea-output:not(.jupyter-widgets,:has(*))"
)
ALONE = (
    "<style>.jp-OutputArea-child:has(+.jp-OutputArea-child"
    " .sk-kept)>.jupyter-widgets:not(:has(*)){display:none}"
    f"{_LOADING}{{font-size:0}}"
    f'{_LOADING}::after{{content:"Connecting to the run…";font-size:13px}}'
    ".jp-RenderedHTMLCommon:has(>.sk-kept){padding-right:0}</style>"
)
"""Hides what JupyterLab says where a widget's model is gone, a bare line of text, when what is kept
of it follows, and says what it waits for while it loads the widget. Faults with more to say stay:
those of a front end that cannot draw the widget. And what is kept is as wide as the live view whose
place it takes.
"""


def kept(key: str, drawn: str) -> str:
    """Returns a static view that makes room for a live one."""
    return f'<div class="sk-kept" data-kept="{html.escape(key)}">{ALONE}{drawn}</div>'


def _how_to_see(run: RunId) -> str:
    return f"<p><small><code>wb.run({str(run)!r})</code> shows how it is now.</small></p>"


def _cell() -> str:
    """Returns the id of the cell that runs, where the front end tells."""
    try:
        return str(kernel().get_parent("shell").get("metadata", {}).get("cellId", ""))
    except (AttributeError, TypeError):
        return ""


def _request() -> str:
    """Returns the id of the request that is executed now: a cell each time that it runs."""
    return str(kernel().get_parent("shell").get("header", {}).get("msg_id", ""))


class CellOutput:
    """What one workbench shows. One thread draws what comes to an end, also when its cells have
    ended.

    Args:
        source: What is shown, and what does what pages request.
    """

    def __init__(self, source: ViewSource) -> None:
        self._source = source
        self._widgets = WidgetRegistry(source)
        self._views: list[View] = []
        self._line: tuple[View | None, str] = (None, "")
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._news = threading.Event()

    def show(self, run: RunId, label: str) -> None:
        """Shows a run in this cell; as text where there is no notebook.

        Args:
            run: The run.
            label: What stands for it as text.
        """
        if kernel() is None:
            print(label)
        elif self._widgets.usable:
            self._put("run", run, label)
            self._follow(View(self._source, run, label, "kept"))
        else:
            self._follow(View(self._source, run, label))

    def present(
        self, view: str, run: RunId | None, label: str, drawn: str
    ) -> bool | tuple[str, str]:
        """Shows something live in this cell; returns False where only a picture of it will do, and
        in marimo, which shows what it is given, that.

        Args:
            view: run, events, inbox, errors, sources or report.
            run: The run it is about; None for all.
            label: What stands for it as text.
            drawn: Its static form.
        """
        line, cell = self._line
        if view == "report" and line is not None and (line.run, cell) == (run, _request()):
            line.give_way()
        if not self._widgets.usable:
            return False
        if (marimo := in_marimo()) is not None:
            shown: tuple[str, str] = marimo.ui.anywidget(
                self._widgets.store(view, run, label)
            )._mime_()
            return shown
        from IPython.display import display

        self._put(view, run, label)
        data = {"text/html": kept(run or view, drawn), "text/plain": label}
        display(data, raw=True)  # type: ignore[no-untyped-call]
        return True

    @property
    def heard(self) -> bool:
        """True when some page has ever said that it shows a live view of this workbench."""
        return self._widgets.heard

    def watched(self, run: RunId) -> bool:
        """True when somebody has a run's live view, or the inbox, in front of them: questions are
        answered there.
        """
        return self._widgets.present(run)

    @contextmanager
    def awaited(self, run: RunId, named: Callable[[], str]) -> Iterator[None]:
        """Shows a run in the cell that waits for it: while it works, unless another cell does so or
        nobody looks, and how it ended.

        Args:
            run: The run.
            named: Returns what stands for it as text.
        """
        if kernel() is None:
            yield
            return
        label = named()
        shown = self._at_rest(run) or self._shown_elsewhere(run)
        first = None
        if not shown and self._widgets.usable:
            drawn = {"text/html": self._source.html(run, report=False), "text/plain": label}
            first = {**self._widgets.store("run", run, label).bundle, **drawn}
        live = someone_can_answer() and not shown
        view = View(self._source, run, label, "awaited", first=first, live=live)
        if view.begun:
            self._follow(view)
        try:
            yield
        finally:
            self._widgets.wake()
            if self._at_rest(run):
                self.draw(
                    run
                    # also in other cells: who executes a notebook without looking takes in no more
                    # after its last cell
                )
                # nobody has seen it work, and a report says all that its line would
                if view.begun or not self._source.glance(run).coverage:
                    _drawn(view)
                self._line = (view, _request())

    def draw(self, run: RunId) -> None:
        """Draws what is shown of a run now."""
        self._widgets.wake()
        with self._lock:
            views = [view for view in self._views if view.run == run]
        for view in views:
            _drawn(view)

    def close(self) -> None:
        """Draws a last time and stops. Safe to call twice, and from the thread itself."""
        self._closing.set()
        self._news.set()
        self._widgets.close()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(2)
        with self._lock:
            views, self._views = self._views, []
        for view in views:
            _drawn(view)

    def _at_rest(self, run: RunId) -> bool:
        return self._source.glance(run).status in AT_REST

    def _put(self, view: str, run: RunId | None, label: str) -> None:
        from IPython.display import display

        live = self._widgets.store(view, run, label).bundle
        display({**live, **EMPTY}, raw=True)  # type: ignore[no-untyped-call]

    def _shown_elsewhere(self, run: RunId) -> bool:
        here = _cell()
        with self._lock:
            return any(view.run == run and bool(here) and view.cell != here for view in self._views)

    def _follow(self, view: View) -> None:
        with self._lock:
            # A cell that is run again has let go of what it showed before.
            self._views = [
                v for v in self._views if v.run != view.run or not view.cell or v.cell != view.cell
            ]
            self._views.append(view)
            self._news.set()
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._redraw, name="sentient-screen", daemon=True
                )
                self._thread.start()

    def _redraw(self) -> None:
        end = self._source.on_news(self._news.set)
        try:
            while self._redrawn():
                self._news.wait(HEARTBEAT)
                self._closing.wait(GATHER)
                self._news.clear()
        finally:
            end()

    def _redrawn(self) -> bool:
        """Draws every view that is new; False when there is no more to come, and the thread
        ends.
        """
        with self._lock:
            views = list(self._views)
        done = [view for view in views if not _drawn(view)]
        with self._lock:
            self._views = [view for view in self._views if view not in done]
            if not self._views or self._closing.is_set():
                self._thread = None
                return False
        return True


def _drawn(view: View) -> bool:
    """Draws a view; False when there is no more to come, also because the workbench was closed or
    the kernel is on its way out.
    """
    try:
        return view.draw()
    except (JournalError, NotFound, OSError):
        return False
