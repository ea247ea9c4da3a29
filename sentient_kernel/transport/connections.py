"""Connections to checked addresses only, so that DNS rebinding leads nowhere.

httpcore is told to connect by our :class:`Dialer` and knows nothing else of the network: the name
in the URL stays what ``Host`` and TLS say, while the connection goes to an address that was
checked. httpx2 and its httpcore2, which SDKs of model providers use, are the same code under other
names; the functions here take either.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sentient_kernel.errors import Blocked, FetchFailed, FetchTimedOut, TooBig, Unreachable
from sentient_kernel.transport.decoding import Decoder
from sentient_kernel.transport.guard import Target, verdict

if TYPE_CHECKING:
    import ssl

__all__ = ["ConnectionPool", "Dialer", "Resolve", "Response", "failed"]

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Turns a name and a port into addresses, as text."""

CONNECT = 5.0
"""Seconds for a connection to one address."""
HEADERS = 64 * 1024
_LIBRARIES = frozenset({"httpcore", "httpcore2", "httpx", "httpx2"})
_TOO_LONG = f"sends more than the {HEADERS:,} bytes of headers that are read"
_TLS = "cannot be reached safely: its TLS or its certificate is not valid"
_CUT = "broke off in the middle of its answer"
_FAILURES: tuple[tuple[str, str, type[FetchFailed], str, str], ...] = (
    ("TimeoutException", "", FetchTimedOut, "deadline", "did not answer in time"),
    ("TimeoutError", "", FetchTimedOut, "deadline", "did not answer in time"),
    ("ProtocolError", "too long", TooBig, "headers", _TOO_LONG),
    ("", "certificate", Unreachable, "tls", _TLS),
    ("", "ssl", Unreachable, "tls", _TLS),
    ("ConnectError", "", Unreachable, "refused", "refused the connection"),
    ("ProtocolError", "incomplete", Unreachable, "cut", _CUT),
    ("ProtocolError", "complete message", Unreachable, "cut", _CUT),
    ("ProtocolError", "disconnected", Unreachable, "reset", "broke the connection"),
    ("ProtocolError", "", Unreachable, "protocol", "sent an answer that is not HTTP"),
    ("", "", Unreachable, "reset", "broke the connection"),
)
"""The name of one of an error's classes, and what its text holds (nothing: anything); then what we
call it: the class, the reason for programs, the sentence. The first that fits counts.
"""


class Dialer:
    """Opens connections for httpcore (its network backend): resolves once, checks every address,
    connects to a checked one.

    Args:
        core: httpcore, or a package like it.
        resolve: Turns names into addresses.
        checked: False where the user's settings name the place, so that it may be private.
    """

    def __init__(self, core: Any, resolve: Resolve, *, checked: bool) -> None:
        self._backend = core.AnyIOBackend()
        self._failures = (core.ConnectError, core.ConnectTimeout)
        self._resolve = resolve
        self._checked = checked

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> Any:
        """Connects to the first address that takes the connection."""
        addresses = await self._addresses(host, port)
        timeout = CONNECT if timeout is None else min(timeout, CONNECT)
        for address in addresses[:-1]:
            try:
                return await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except self._failures:
                continue
        return await self._backend.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def _addresses(self, host: str, port: int) -> list[str]:
        if ":" in host or host.replace(".", "").isdigit():
            addresses = [host]
        else:
            try:
                addresses = list(await self._resolve(host, port))
            except OSError:
                addresses = []
        if not addresses:
            raise Unreachable(f"{host!r} cannot be found.", reason_code="dns", host=host)
        if self._checked:
            for address in addresses:
                if why := verdict(address):
                    raise Blocked(
                        f"Not fetching from {host!r}: {why}.", reason_code="private", host=host
                    )
        return addresses


class Response:
    """A server's answer whose body is still to be read; to be closed.

    Args:
        response: httpcore's.
        host: For the sentence when it breaks.
    """

    def __init__(self, response: Any, host: str) -> None:
        self.status: int = response.status
        self.raw: list[tuple[bytes, bytes]] = response.headers
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in response.headers
            if name.lower() not in (b"set-cookie", b"set-cookie2")
        }
        """Names in lower case; cookies are left out."""
        self._response = response
        self._host = host

    async def pieces(self, most: int) -> AsyncIterator[bytes]:
        """Yields the body, decoded.

        Raises:
            TooBig: It has more bytes than ``most``, or more came that stand for fewer; they are not
                kept.
            WrongKind: It cannot be decoded.
        """
        decoder = Decoder(self.headers.get("content-encoding", ""), self._host)
        length = self.headers.get("content-length", "")
        if length.isdigit() and len(length) < 20 and int(length) > most:
            raise self._too_big(most)
        count = came = 0
        async for data in self._response.stream:
            came += len(data)
            if came > most:
                raise self._too_big(most)
            for number, piece in enumerate(decoder.feed(data), 1):
                count += len(piece)
                if count > most:
                    raise self._too_big(most)
                yield piece
                if number % 2 == 0:  # much out of one read: others are to have their turn as well
                    await asyncio.sleep(0)
        decoder.finish()

    def _too_big(self, most: int) -> TooBig:
        return TooBig(
            f"{self._host!r} sends more than the {most:,} bytes that are read.",
            reason_code="bytes",
            host=self._host,
        )

    async def aclose(self) -> None:
        """Gives the connection back, or closes it when the body was not read to its end."""
        await self._response.aclose()


class ConnectionPool:
    """A pool of connections, to checked places or to those that the user named.

    Args:
        resolve: Turns names into addresses.
        checked: False for the places that the user named.
        tls: The certificates to trust; certifi's, or those of ``SSL_CERT_FILE``, when there is
            none.
        core: ``httpcore``, or a package like it.
    """

    def __init__(
        self,
        resolve: Resolve,
        *,
        checked: bool,
        tls: ssl.SSLContext | None = None,
        core: str = "httpcore",
    ) -> None:
        self._core: Any = import_module(core)
        self._dialer = Dialer(self._core, resolve, checked=checked)
        self._tls = tls
        self._pools: dict[str, Any] = {}

    async def send(
        self, method: str, target: Target, headers: Any, content: Any = None, timeouts: Any = None
    ) -> Response:
        """Sends a request and reads the answer's headers.

        Raises:
            Blocked: The name leads to an address that must not be asked.
            TooBig: The headers are too long.
        """
        pool = self._pools.get(target.scheme) or await self._pool(target.scheme)
        path = target.url.split("/", 3)[3]
        url = self._core.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=b"/" + path.encode("ascii", "replace"),
        )
        request = self._core.Request(
            method, url, headers=headers, content=content, extensions={"timeout": timeouts or {}}
        )
        response = await pool.handle_async_request(request)
        if sum(len(name) + len(value) + 4 for name, value in response.headers) > HEADERS:
            await response.aclose()
            raise TooBig(f"{target.host!r} {_TOO_LONG}.", reason_code="headers", host=target.host)
        return Response(response, target.host)

    async def _pool(self, scheme: str) -> Any:
        context = self._tls
        if scheme == "https" and context is None:
            context = await asyncio.to_thread(_certificates)  # reading them takes 20 ms and more
        if scheme not in self._pools:
            self._pools[scheme] = self._core.AsyncConnectionPool(
                ssl_context=context,
                max_connections=64,
                max_keepalive_connections=16,
                keepalive_expiry=15.0,
                network_backend=self._dialer,
            )
        return self._pools[scheme]

    async def aclose(self) -> None:
        """Closes every connection."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()


@cache
def _certificates() -> ssl.SSLContext:
    """Returns the certificates that are trusted: certifi's, or those of ``SSL_CERT_FILE``; read
    once.
    """
    import httpx

    return httpx.create_ssl_context()


def failed(error: BaseException, host: str) -> FetchFailed | None:
    """Names what httpcore, httpx or the system raised; None for what is none of theirs.

    Args:
        error: What was raised.
        host: The host that was asked.
    """
    if isinstance(error, FetchFailed):
        return error
    classes = type(error).__mro__
    theirs = any(cls.__module__.partition(".")[0] in _LIBRARIES for cls in classes)
    if theirs or isinstance(error, OSError | EOFError):
        names, text = {"", *(cls.__name__ for cls in classes)}, str(error).lower()
        for name, said, cls, reason_code, sentence in _FAILURES:
            if name in names and said in text:
                return cls(f"{host!r} {sentence}.", reason_code=reason_code, host=host)
    return None
