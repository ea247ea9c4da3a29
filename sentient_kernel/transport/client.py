"""A client for the SDKs of model providers, over our connections.

The SDKs want the client of their own library, httpx2, which is loaded with this module. What is
raised is that library's too, as the SDKs sort errors by it;
:func:`sentient_kernel.transport.failed` gives it our names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx2

from sentient_kernel.transport.connections import ConnectionPool, Response
from sentient_kernel.transport.decoding import ENCODINGS
from sentient_kernel.transport.guard import Rules, check_url

__all__ = ["make_client"]

_LEFT_OUT = frozenset({b"content-encoding", b"content-length", b"set-cookie", b"set-cookie2"})


def make_client(
    base_url: str,
    rules: Rules,
    pool: Callable[..., ConnectionPool],
    refuse_offline: Callable[[str], None],
    most_bytes: int,
) -> httpx2.AsyncClient:
    """Makes a client whose requests go to checked places only.

    Args:
        base_url: Of the provider.
        rules: What may be asked; the base URL's host and port are trusted in it.
        pool: Makes the connections, given ``checked`` and ``core``.
        refuse_offline: Raises Offline when the network is switched off.
        most_bytes: Of one answer, decompressed.
    """
    return httpx2.AsyncClient(
        base_url=base_url,
        transport=_Transport(rules, pool, refuse_offline, most_bytes),
        trust_env=False,
        follow_redirects=False,
        timeout=httpx2.Timeout(60.0, connect=10.0),
        headers={"accept-encoding": ENCODINGS},
    )


@contextmanager
def _theirs(request: httpx2.Request) -> Iterator[None]:
    """Raises what httpcore2 raises as httpx2's error of the same name."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("httpcore2"):
            raise
        cls = getattr(httpx2, type(error).__name__, httpx2.TransportError)
        raise cls(str(error), request=request) from error


class _DecodedStream(httpx2.AsyncByteStream):
    """A body, decoded and bounded."""

    def __init__(self, answer: Response, most: int, request: httpx2.Request) -> None:
        self._answer, self._most, self._request = answer, most, request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _theirs(self._request):
            async for piece in self._answer.pieces(self._most):
                yield piece

    async def aclose(self) -> None:
        await self._answer.aclose()


class _Transport(httpx2.AsyncBaseTransport):
    """Sends requests to checked places only."""

    def __init__(
        self,
        rules: Rules,
        pool: Callable[..., ConnectionPool],
        refuse_offline: Callable[[str], None],
        most: int,
    ) -> None:
        self._rules, self._refuse_offline, self._most = rules, refuse_offline, most
        self._pools = {
            trusted: pool(checked=not trusted, core="httpcore2") for trusted in (True, False)
        }

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        target = check_url(str(request.url), self._rules)
        self._refuse_offline(target.host)
        timeouts = request.extensions.get("timeout")
        with _theirs(request):
            answer = await self._pools[target.trusted].send(
                request.method, target, request.headers.raw, request.stream, timeouts
            )
        headers = [(name, value) for name, value in answer.raw if name.lower() not in _LEFT_OUT]
        stream = _DecodedStream(answer, self._most, request)
        return httpx2.Response(answer.status, headers=headers, stream=stream)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()
