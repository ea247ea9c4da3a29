"""The way to the pages that show one live view, whatever carries it: a widget's comm, or a
socket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sentient_kernel.feeds.feeds import Feed

Row = dict[str, Any]
PRESENT = 20.0
"""Seconds for which a page counts as present after it was heard."""


class Channel:
    """One live view of one thing, shown on any number of pages: who is there, and numbered messages
    to them.

    Args:
        view: run, events, inbox, errors, sources or report.
        feed: What it tells.
        send: Sends a message to all pages.
    """

    def __init__(self, view: str, feed: Feed, send: Callable[[Row], None]) -> None:
        self.view = view
        self.feed = feed
        self._send = send
        self.pages: dict[str, float] = {}
        """The pages that show it, and when each was heard."""
        self.asked = False
        """Whether a page waits for a snapshot."""
        self.sent = 0.0
        self.behind = False
        """Whether there may be more to tell than was told."""
        self.rests_until = 0.0
        """When to try again after something failed."""
        self._n = 0

    @property
    def present(self) -> bool:
        """True when a page that shows it was heard lately."""
        return bool(self.pages) and time.monotonic() - max(self.pages.values()) < PRESENT

    def give(self, message: Row) -> None:
        """Sends a message to all pages. Only the sender calls this: pages know by the numbers that
        they have missed nothing.
        """
        self._n += 1
        self.sent = time.monotonic()
        self._send({**message, "n": self._n})
