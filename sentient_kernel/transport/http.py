"""The HTTP fetcher: guarded, bounded in bytes and time, with retries and redirects."""

from __future__ import annotations

import asyncio
import json as _json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import (
    FetchFailed,
    Offline,
    ServerBusy,
    TooBig,
    UsageError,
)
from sentient_kernel.transport.body_limit import BodyLimit
from sentient_kernel.transport.connections import ConnectionPool, Resolve, failed
from sentient_kernel.transport.decoding import ENCODINGS
from sentient_kernel.transport.dns import Resolver
from sentient_kernel.transport.guard import PORTS, Rules, check_url
from sentient_kernel.transport.politeness import AGENT, MOST_ROBOTS, Robots, Turns, pace
from sentient_kernel.transport.reading import Accept, Fetched, check_kind, refused, whole
from sentient_kernel.transport.redirects import Hop
from sentient_kernel.transport.retry import ATTEMPTS, again, asked_to_wait
from sentient_kernel.version import __version__

if TYPE_CHECKING:
    import ssl

    import httpx2

    from sentient_kernel.settings import Settings

__all__ = ["Accept", "Fetched", "Fetcher"]

HOPS = 5
_ASKED = {
    "page": (
        "text/html, application/xhtml+xml, application/pdf, text/plain;q=0.9, text/*;q=0.8,"
        " application/xml;q=0.7"
    ),
    "json": "application/json",
    "xml": "application/xml, application/atom+xml, text/xml",
    "any": "*/*",
}


@dataclass(slots=True)
class _Call:
    """What one call of a caller wants, through all its attempts and redirects."""

    accept: Accept
    most_bytes: int
    expect: Collection[int]
    left: float
    """Seconds; waiting for one's turn, or for room, does not count."""
    robots: bool = False


class Fetcher:
    """Asks other machines, and never one that must not be asked. For one event loop; close it
    there.

    Args:
        settings: ``allow_hosts``, ``allow_domains``, ``deny_domains``, ``offline`` and ``mode``
            count.
        clock: For pauses and gaps. Deadlines are those of the event loop.
        resolve: Turns a name and a port into addresses; this machine's resolver when there is none.
        rng: Where the jitter of pauses comes from.
        ports: Those that may be asked of hosts that the user did not name.
        tls: The certificates to trust; certifi's, or those of ``SSL_CERT_FILE``, when there is
            none.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        resolve: Resolve | None = None,
        rng: Random | None = None,
        ports: Iterable[int] = (80, 443),
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._pool = partial(ConnectionPool, resolve or Resolver().resolve, tls=tls)
        self._ports = frozenset(ports)
        self._rng = rng or Random()  # noqa: S311 - jitter
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pools: dict[bool, ConnectionPool] = {}
        self._clients: list[httpx2.AsyncClient] = []

    async def get(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: Accept = "page",
        deadline: float = 30.0,
        most_bytes: int = 10_000_000,
        robots: bool = False,
        trusted: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        expect: Collection[int] = (),
    ) -> Fetched:
        """Fetches a URL.

        Args:
            url: As it came.
            params: Added to its query; lists repeat a name.
            headers: Sent along, but not to another origin than the URL's. Credentials belong here,
                never in the URL.
            accept: What the answer may be; ``json`` is parsed to be sure that it is.
            deadline: Seconds for all attempts and pauses together; waiting for one's turn at a busy
                host, or for room, does not count.
            most_bytes: Of the body, decompressed.
            robots: Ask the site's robots.txt first.
            trusted: Hosts that the user's settings named, as ``host:port`` or as a base URL: these
                may be private.
            attempts: How often it is asked at most.
            expect: Statuses of 400 and more that are returned, not raised.

        Returns:
            The answer, whole.

        Raises:
            FetchFailed: It could not be had; its subclass and ``reason_code`` say why.
        """
        if params:
            base, _, fragment = url.partition("#")
            url = (
                base
                + ("&" if "?" in base else "?")
                + urlencode(params, doseq=True)
                + ("#" + fragment if fragment else "")
            )
        call = _Call(accept, most_bytes, expect, deadline, robots)
        return await self._ask(url, call, "GET", headers or {}, trusted, attempts)

    async def post(
        self,
        url: str,
        *,
        json: Any,
        headers: Mapping[str, str] | None = None,
        accept: Accept = "json",
        deadline: float = 30.0,
        most_bytes: int = 10_000_000,
        trusted: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        expect: Collection[int] = (),
    ) -> Fetched:
        """Posts JSON, for questions that may be asked twice; ``attempts=1`` for what may not.
        Otherwise like :meth:`get`.
        """
        content = _json.dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
        call = _Call(accept, most_bytes, expect, deadline)
        sent = {**(headers or {}), "content-type": "application/json"}
        return await self._ask(url, call, "POST", sent, trusted, attempts, content)

    def client(self, base_url: str, *, most_bytes: int = 50_000_000) -> httpx2.AsyncClient:
        """Makes a client for the SDK of a model provider. No redirects, cookies, proxies or netrc.

        Args:
            base_url: The user's own: its host and port may be private. Every other is checked like
                any URL.
            most_bytes: Of one answer, decompressed.

        Returns:
            A client of httpx2, which comes with the SDKs. Whoever closes the fetcher closes it too.

        Raises:
            ConfigurationError: The base URL cannot be one.
            Blocked: It is denied by a setting.
        """
        from sentient_kernel.transport.client import make_client

        rules = self._rules((base_url,))
        check_url(base_url, rules)
        made = make_client(base_url, rules, self._pool, self._refuse_offline, most_bytes)
        self._clients = [*(client for client in self._clients if not client.is_closed), made]
        return made

    async def aclose(self) -> None:
        """Closes every connection."""
        pools, self._pools = self._pools, {}
        clients, self._clients = self._clients, []
        if self._loop in (None, asyncio.get_running_loop()):
            for pool in pools.values():
                await pool.aclose()
            for client in clients:
                await client.aclose()
        self._loop = None

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _rules(self, trusted: Iterable[str]) -> Rules:
        return replace(Rules.of(self._settings, trusted), ports=self._ports)

    def _refuse_offline(self, host: str) -> None:
        if self._settings.offline or self._settings.mode == "replay":
            setting = "SENTIENT_OFFLINE" if self._settings.offline else "SENTIENT_MODE=replay"
            raise Offline(
                f"Not fetching from {host!r}: {setting} switches the network off.",
                hint="Unset it to go on.",
                host=host,
            )

    def _enter(self) -> None:
        """Makes what belongs to one event loop, and makes sure that this is that loop."""
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None and not self._loop.is_closed():
            raise UsageError(
                "A Fetcher belongs to one event loop.", hint="Make one for each, or close it first."
            )
        self._loop = loop
        # Two sets of connections, so that a call never meets one that only another call may have.
        self._pools = {trusted: self._pool(checked=not trusted) for trusted in (True, False)}
        self._turns, self._robots = Turns(self._clock), Robots(self._read_robots, self._clock)
        self._body_limit = BodyLimit()

    async def _ask(
        self,
        url: str,
        call: _Call,
        method: str,
        headers: Mapping[str, str],
        trusted: Iterable[str],
        attempts: int,
        content: bytes | None = None,
    ) -> Fetched:
        """Asks until there is an answer, or asking again is not worth it."""
        rules = self._rules(trusted)
        target = check_url(url, rules)
        self._refuse_offline(target.host)
        self._enter()
        sent = {
            "accept": _ASKED[call.accept],
            "user-agent": f"{AGENT}/{__version__}",
            **{name.lower(): value for name, value in headers.items()},
            "accept-encoding": ENCODINGS,
        }
        first = Hop(target, rules, method, sent, content)
        attempt = 1
        while True:
            try:
                return await self._follow(first, call)
            except FetchFailed as error:
                if isinstance(error, ServerBusy):
                    self._turns.rest(error.host, asked_to_wait(error.headers) or 0.0)
                here = error.reason_code in ("robots", "rests")  # was not asked at all
                pause = None if here else again(error, attempt, rng=self._rng, attempts=attempts)
                if pause is None or pause >= call.left:
                    raise
            attempt += 1
            call.left -= pause
            if pause:
                await self._clock.sleep(pause)

    async def _follow(self, hop: Hop, call: _Call) -> Fetched:
        """Asks once, through every redirect; each is checked like a new URL."""
        passed: list[str] = []
        while True:
            target = hop.target
            delay = await self._robots.check(target) if call.robots else 0.0
            async with self._turns.turn(target.host, pace(target), delay, call.left) as rested:
                call.left -= rested
                answer = await self._timed(hop, call)
            if isinstance(answer, Fetched):
                return replace(answer, hops=tuple(passed)) if passed else answer
            passed.append(target.url)
            if len(passed) > HOPS:
                raise TooBig(
                    f"{target.host!r} redirects more than {HOPS} times.",
                    reason_code="redirects",
                    host=target.host,
                )
            hop = answer

    async def _timed(self, hop: Hop, call: _Call) -> Fetched | Hop:
        """Makes one exchange within the time that is left; errors come out named."""
        loop = asyncio.get_running_loop()
        deadline = asyncio.timeout_at(loop.time() + max(call.left, 0.001))
        try:
            async with deadline:
                return await self._exchange(hop, call, deadline)
        except Exception as error:
            named = failed(error, hop.target.host)
            if named is None:
                raise
            raise named from None
        finally:
            call.left = (deadline.when() or 0.0) - loop.time()

    async def _exchange(self, hop: Hop, call: _Call, deadline: asyncio.Timeout) -> Fetched | Hop:
        """Sends one request; returns the answer, or the request that it redirects to."""
        target = hop.target
        host = f"[{target.host}]" if ":" in target.host else target.host
        sent = {
            "host": host if target.port == PORTS[target.scheme] else f"{host}:{target.port}",
            **hop.headers,
        }
        if hop.content is not None:
            sent["content-length"] = str(len(hop.content))
        raw = [(name.encode("ascii"), value.encode("utf-8")) for name, value in sent.items()]
        answer = await self._pools[target.trusted].send(hop.method, target, raw, hop.content)
        try:
            location = answer.headers.get("location")
            if answer.status in (301, 302, 303, 307, 308) and location is not None:
                return hop.redirected(answer.status, location)
            if answer.status >= 400 and answer.status not in call.expect:
                return await refused(answer, target)
            check_kind(answer, call.accept, target.host)
            return await whole(
                answer, target, call.accept, call.most_bytes, self._body_limit, deadline
            )
        finally:
            await answer.aclose()

    async def _read_robots(self, url: str) -> bytes:
        call = _Call("any", MOST_ROBOTS, (), 10.0)
        return (await self._ask(url, call, "GET", {}, (), 1)).body
