"""Live views in a notebook: widgets, where the front end can show them, each with its static form
beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from sentient_kernel.ids import RunId
from sentient_kernel.notebook.interaction import kernel, someone_can_answer

if TYPE_CHECKING:
    from sentient_kernel.feeds.feeds import Feed, ViewSource
    from sentient_kernel.feeds.sender import Sender
    from sentient_kernel.widgets.store import Store


def in_marimo() -> Any:
    """Returns marimo where this is a notebook of it, which has no Jupyter kernel but shows widgets;
    else None.
    """
    marimo = sys.modules.get("marimo")
    return marimo if marimo is not None and marimo.running_in_notebook() else None


class WidgetRegistry:
    """The live views of one workbench: one for each thing that is shown, however often.

    Args:
        source: What they look at, and what does what pages ask for.
    """

    def __init__(self, source: ViewSource) -> None:
        self._source = source
        self._sender: Sender | None = None
        self._end: Callable[[], None] = lambda: None
        self._stores: dict[tuple[str, RunId | None], Store] = {}

    @property
    def usable(self) -> bool:
        """True when the cell that runs has a front end at its other end, and widgets are
        installed. voila runs cells without one, and shows their widgets afterwards.
        """
        answers = someone_can_answer() or "VOILA_BASE_URL" in os.environ
        shown = in_marimo() is not None or (kernel() is not None and answers)
        return shown and find_spec("anywidget") is not None

    def store(self, view: str, run: RunId | None, label: str) -> Store:
        """Returns the widget of a view, made when it is first asked for; only where :attr:`usable`.

        Args:
            view: run, events, inbox, errors, sources or report.
            run: The run it is about; None for all.
            label: What stands for it as text.
        """
        from sentient_kernel.feeds.sender import Sender
        from sentient_kernel.widgets.store import store_class

        if self._sender is None:
            self._sender = Sender(self._source.answer, self._source.failed)
            self._end = self._source.on_news(self._sender.news)
        found = self._stores.get((view, run))
        if found is None or found.comm is None:  # closed by somebody: ipywidgets' close_all
            found = self._stores[view, run] = store_class(view)(
                view, self._feed(view, run), self._sender.hear, label
            )
            self._sender.add(found.channel)
        return found

    def present(self, run: RunId) -> bool:
        """True when somebody has a run, or the inbox, in front of them and can click."""
        return self._sender is not None and self._sender.present(run)

    @property
    def heard(self) -> bool:
        """True when some page has ever said that it shows a live view."""
        return self._sender is not None and self._sender.heard

    def wake(self) -> None:
        """Lets what is new go out at once."""
        if self._sender is not None:
            self._sender.wake()

    def close(self) -> None:
        """Tells the views what there is to tell, and stops."""
        self._end()
        if self._sender is not None:
            self._sender.close()

    def _feed(self, view: str, run: RunId | None) -> Feed:
        from sentient_kernel.feeds import feeds

        if view == "inbox":
            return feeds.InboxFeed(self._source)
        if view == "errors":
            return feeds.ErrorsFeed(self._source)
        if view == "events" or run is None:
            return feeds.EventsFeed(self._source, run)
        return feeds.RunFeed(self._source, run)
