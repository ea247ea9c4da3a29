"""DNS lookups with this machine's resolver, in threads of their own.

``loop.getaddrinfo`` uses the loop's own few threads: names that hang would hold up everything else
that runs in them, and the end of the process. A lookup cannot be stopped; here it is left behind,
and asked again it is not started twice.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

__all__ = ["Resolver"]

THREADS = 32
LOOKUP = 10.0
"""Seconds for one name, waiting for a thread included."""


class Resolver:
    """Turns names into addresses. Any loop.

    Example:
        >>> asyncio.run(Resolver().resolve("127.0.0.1", 80))
        ['127.0.0.1']
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads = 0
        self._queue: deque[tuple[str, int]] = deque()
        self._asked: dict[tuple[str, int], list[Future[list[str]]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Returns the addresses of a name.

        Raises:
            OSError: There is none, or none was found in time.
        """
        found: Future[list[str]] = Future()
        with self._lock:
            asking = self._asked.setdefault((host, port), [])
            asking.append(found)
            if len(asking) == 1:
                self._queue.append((host, port))
                if self._threads < THREADS:
                    self._threads += 1
                    threading.Thread(target=self._work, name="sentient-names", daemon=True).start()
        async with asyncio.timeout(LOOKUP):
            return await asyncio.wrap_future(found)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._threads -= 1
                    return
                name = self._queue.popleft()
                # nobody waits for it any more
                if all(found.cancelled() for found in self._asked[name]):
                    del self._asked[name]
                    continue
            addresses: list[str] = []
            try:
                addresses = [
                    str(address[0])
                    for *_, address in socket.getaddrinfo(*name, type=socket.SOCK_STREAM)
                ]
            except (OSError, ValueError):  # ValueError: it cannot be a name at all
                pass
            with self._lock:
                asking = self._asked.pop(name)
            for found in asking:
                if found.set_running_or_notify_cancel():
                    found.set_result(list(dict.fromkeys(addresses)))
