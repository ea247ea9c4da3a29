"""Politeness to servers: requests at once and their distance (rate limits), and robots.txt."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from sentient_kernel.clock import Clock
from sentient_kernel.errors import Blocked, FetchFailed, ServerBusy, TooBig
from sentient_kernel.transport.guard import Target
from sentient_kernel.transport.retry import PATIENCE
from sentient_kernel.transport.robots import EVERYTHING, RobotsRules, read_robots

__all__ = ["AGENT", "Pace", "Robots", "Turns", "pace"]

AGENT = "sentient-kernel"
"""Our name in robots.txt and, with a version, in ``User-Agent``."""
HOUR, MINUTE = 3_600.0, 60.0
_KEPT = 1_000
MOST_ROBOTS = 500 * 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a host is asked.

    Args:
        most: Requests at once; 0 for any number.
        gap: Seconds from the start of one to the start of the next.
    """

    most: int = 2
    gap: float = 0.1


PACES = {
    "export.arxiv.org": Pace(1, 3.0),
    "arxiv.org": Pace(1, 3.0),
    "eutils.ncbi.nlm.nih.gov": Pace(3, 0.34),
}
"""What these services ask for in their terms (info.arxiv.org/help/api/tou.html, NCBI
E-utilities).
"""
UNHURRIED = Pace(0, 0.0)


def pace(target: Target) -> Pace:
    """Returns the pace for a target: as its terms ask, any for what is the user's own, else two at
    once.
    """
    return PACES.get(target.host) or (UNHURRIED if target.trusted else Pace())


@dataclass(slots=True)
class _Host:
    places: asyncio.Semaphore
    free_at: float = 0.0
    rests_until: float = 0.0


class Turns:
    """Lets requests to one host through one after another. For one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    @asynccontextmanager
    async def turn(
        self, host: str, pace: Pace, delay: float = 0.0, patience: float = PATIENCE
    ) -> AsyncIterator[float]:
        """Waits until it is one's turn, and holds the place.

        Args:
            host: Whose turn.
            pace: How many at once, how far apart.
            delay: A longer gap, when robots.txt asks for one.
            patience: Seconds that may be spent on letting the host rest.

        Yields:
            How many of those seconds were spent.

        Raises:
            ServerBusy: The host asked for a longer rest.
        """
        if not pace.most:
            yield 0.0
            return
        here = self._host(host, pace)
        spent = 0.0
        while True:
            # outside of the places: all who wait do so at the same time
            spent += await self._rest(host, here, patience - spent)
            async with here.places:
                now = self._clock.monotonic()
                start = max(now, here.free_at)
                here.free_at = start + max(pace.gap, delay)
                if start > now:
                    await self._clock.sleep(start - now)
                # else somebody was told so meanwhile
                if here.rests_until <= self._clock.monotonic():
                    yield spent
                    return

    def _host(self, host: str, pace: Pace) -> _Host:
        """Returns what is known of a host; of a thousand others the one of longest ago is
        forgotten.
        """
        here = self._hosts.setdefault(host, _Host(asyncio.Semaphore(pace.most)))
        self._hosts.move_to_end(host)
        if len(self._hosts) > _KEPT:
            self._hosts.popitem(last=False)
        return here

    async def _rest(self, host: str, here: _Host, patience: float) -> float:
        pause = here.rests_until - self._clock.monotonic()
        if pause <= 0:
            return 0.0
        if pause >= patience:
            message = (
                f"Not fetching from {host!r} now: it asked for a pause of {math.ceil(pause)} s"
                " more."
            )
            raise ServerBusy(message, answered=429, reason_code="rests", host=host)
        await self._clock.sleep(pause)
        return pause

    def rest(self, host: str, seconds: float) -> None:
        """Lets nobody through to a host for a while, at most a minute; not for the user's own,
        which know no turns.
        """
        if here := self._hosts.get(host):
            here.rests_until = max(
                here.rests_until, self._clock.monotonic() + min(seconds, PATIENCE)
            )


Read = Callable[[str], Awaitable[bytes]]
"""Fetches a URL, guarded; raises FetchFailed."""


class Robots:
    """Asks sites whether they mind. For one event loop.

    A missing robots.txt (any 4xx) allows everything for an hour; one that cannot be had (5xx, no
    connection) allows nothing for now.

    Args:
        read: Fetches a URL.
        clock: For how long an answer holds.
    """

    def __init__(self, read: Read, clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, RobotsRules | FetchFailed]] = OrderedDict()
        self._asking = WeakValueDictionary[str, asyncio.Lock]()
        """A lock for each site that is asked now; one that nobody holds or waits for goes."""

    async def check(self, target: Target) -> float:
        """Says how far apart requests should be.

        Raises:
            Blocked: The site closes this path to us.
            ServerBusy: Its robots.txt cannot be had now.
        """
        *origin, path = target.url.split("/", 3)
        allowance = await self._allowance("/".join(origin))
        if isinstance(allowance, FetchFailed):
            raise ServerBusy(
                f"Not fetching from {target.host!r} now: its robots.txt cannot be read"
                f" ({allowance.reason_code}).",
                answered=503,
                reason_code="robots",
                host=target.host,
            )
        if not allowance.allows("/" + path):
            raise Blocked(
                f"{target.host!r} does not allow this page in its robots.txt.",
                reason_code="robots",
                host=target.host,
            )
        return allowance.delay

    async def _allowance(self, origin: str) -> RobotsRules | FetchFailed:
        lock = self._asking.setdefault(origin, asyncio.Lock())
        # who comes second finds the answer of the first, or asks when that one was cancelled
        async with lock:
            known = self._known.get(origin)
            if known is None or known[0] <= self._clock.monotonic():
                known = self._known[origin] = await self._ask(origin)
                self._known.move_to_end(origin)
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return known[1]

    async def _ask(self, origin: str) -> tuple[float, RobotsRules | FetchFailed]:
        found: RobotsRules | FetchFailed
        try:
            found = read_robots(
                (await self._read(origin + "/robots.txt")).decode("utf-8", "replace"), AGENT
            )
        except FetchFailed as error:
            found = error if error.retryable or isinstance(error, TooBig) else EVERYTHING
        return self._clock.monotonic() + (MINUTE if isinstance(found, FetchFailed) else HOUR), found
