"""The widget behind a live view: a few small traits, and numbered messages that one sender gives
it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import anywidget
import traitlets

from sentient_kernel.feeds.channel import Channel, Row
from sentient_kernel.feeds.feeds import Feed
from sentient_kernel.widgets.bundle import bundle, style


class Store(anywidget.AnyWidget):
    """One live view of one thing, shown in any number of cells and pages.

    What it shows does not stand in its traits, which every page would be sent anew at each change,
    but goes in messages: a page that comes says hello and gets a snapshot.

    Args:
        feed: What it tells.
        hear: Called with its channel and each message of a page; on whatever thread the kernel
            reads messages on, so it must be quick.
        label: What stands for it as text.
    """

    view = traitlets.Unicode().tag(sync=True)
    run = traitlets.Unicode().tag(sync=True)

    def __init__(
        self, view: str, feed: Feed, hear: Callable[[Channel, Row], None], label: str
    ) -> None:
        super().__init__(view=view, run=feed.run or "")
        self.label = label
        self.channel = Channel(view, feed, self.send)
        self.on_msg(
            lambda _, content, buffers: (
                hear(self.channel, content) if isinstance(content, dict) else None
            )
        )

    def set_state(self, sync_data: Row) -> None:
        """Takes nothing from a page: what a view is of, the kernel alone says."""

    def __repr__(self) -> str:
        return self.label

    @property
    def bundle(self) -> Row:
        """What a front end that knows widgets shows it by."""
        return {
            "application/vnd.jupyter.widget-view+json": {
                "version_major": 2,
                "version_minor": 0,
                "model_id": self.model_id,
            }
        }


@cache
def store_class(view: str) -> type[Store]:
    """Returns the class of a view: its front end is put together when the first one is made.

    Args:
        view: run, events, inbox, errors, sources or report.
    """
    return type(
        f"{view.capitalize()}Store",
        (Store,),
        {"_esm": bundle(view), "_css": style(), "__doc__": f"The live view {view!r}."},
    )
