"""When to look at a run again: woken by the hub, at most every few hundredths of a second."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

from sentient_kernel.ids import RunId
from sentient_kernel.journal.follow.hub import Hub

TICK = 0.03
"""Seconds between looks for an interrupt and for clicks while a cell waits."""
GATHER = 0.05
"""Seconds between two looks at a run that tells much."""
HEARTBEAT = 1.0
"""Seconds between looks at a run that tells nothing: its kernel may have died without a word."""


class Following:
    """Follows one run for somebody who waits. A context manager.

    Args:
        hub: Wakes it.
        run: The run.
        first: Seconds until the first look.
        gather: Seconds between two looks at a run that tells much.
    """

    def __init__(self, hub: Hub, run: RunId, *, first: float = 0.0, gather: float = GATHER) -> None:
        self._news = threading.Event()
        self._gather = gather
        self._earliest = self._latest = time.monotonic() + first
        self._end = hub.on_news(self._news.set, run)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    @property
    def due(self) -> bool:
        """Whether to look now: there is news, or there was none for long. True once for each."""
        now = time.monotonic()
        if now < self._earliest or not (self._news.is_set() or now >= self._latest):
            return False
        self._news.clear()
        self._earliest, self._latest = now + self._gather, now + HEARTBEAT
        return True

    def again_in(self, seconds: float) -> None:
        """Looks again after so long, though nothing may have come."""
        self._latest = min(self._latest, time.monotonic() + seconds)

    def wait(self, seconds: float) -> None:
        """Waits so long at most, or until it is time to look."""
        left = self._earliest - time.monotonic()
        if left > 0:
            time.sleep(min(left, seconds))
        else:
            self._news.wait(min(seconds, max(0.0, self._latest - time.monotonic())))
