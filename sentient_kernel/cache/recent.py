"""The memory in front of the cache's file: answers served lately, by a monotonic clock."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

MOST_BYTES = 16_000_000
MOST_EACH = 1_000_000
"""Bytes of one answer; bigger ones are read from their file each time."""


class Hit(NamedTuple):
    """An answer.

    Args:
        data: The bytes that the call returned.
        at: When it returned them: seconds since 1970.
        fresh: Whether the call was made just now, rather than once before.
        brought: Whether a file that was opened here brought it: nobody here has seen the call made.
    """

    data: bytes
    at: float
    fresh: bool
    brought: bool = False


class Recent:
    """Answers by digest, those served last; any thread.

    Each is held with the time at which it was born on the monotonic clock, so that a wall clock
    that is set back or forth does not matter.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[Hit, float]] = OrderedDict()
        self._used: dict[str, None] = {}
        self._bytes = 0
        self.hits = 0

    def get(self, digest: str, born_after: float) -> Hit | None:
        """Returns an answer that was born later than that, and notes that it was used."""
        with self._lock:
            held = self._held.get(digest)
            if held is None or held[1] <= born_after:
                return None
            self._held.move_to_end(digest)
            self._used[digest] = None
            self.hits += 1
            return held[0]

    def put(self, digest: str, hit: Hit, born: float, *, used: bool = False) -> None:
        """Holds an answer; lets go of those that were not used for longest. ``used`` when somebody
        is served it."""
        size = len(hit.data)
        with self._lock:
            if used:
                self._used[digest] = None
                self.hits += 1
            if digest in self._held:
                self._drop(digest)
            if size > MOST_EACH:
                return
            self._held[digest] = (hit if not hit.fresh else Hit(hit.data, hit.at, False), born)
            self._bytes += size
            while self._bytes > MOST_BYTES:
                self._drop(next(iter(self._held)))

    def drop(self, digest: str) -> None:
        """Lets go of an answer."""
        with self._lock:
            self._drop(digest)

    def born(self, digest: str, at: float) -> float | None:
        """Returns when the answer of that time was born, if it is held."""
        held = self._held.get(digest)
        return held[1] if held is not None and held[0].at == at else None

    def take_used(self, most: int) -> list[str]:
        """Returns what was used since the last time, the newest last, and forgets that."""
        with self._lock:
            used, self._used = list(self._used)[-most:], {}
            return used

    def clear(self) -> None:
        """Lets go of all."""
        with self._lock:
            self._held.clear()
            self._used.clear()
            self._bytes = 0

    def _drop(self, digest: str) -> None:
        held = self._held.pop(digest, None)
        if held is not None:
            self._bytes -= len(held[0].data)
