"""A client for the SDKs of model providers, over our connections.

The SDKs want the client of their own library, so the two classes here are made when they are asked
for. What they raise is their library's too, as the SDKs sort errors by it;
:func:`sentient_kernel.transport.failed` gives it our names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from sentient_kernel.errors import FetchFailed
from sentient_kernel.transport.connections import ConnectionPool, Response
from sentient_kernel.transport.decoding import ENCODINGS
from sentient_kernel.transport.guard import Rules, check_url

__all__ = ["make_client"]

_LEFT_OUT = frozenset({b"content-encoding", b"content-length", b"set-cookie", b"set-cookie2"})


def make_client(
    library: str,
    base_url: str,
    rules: Rules,
    pool: Callable[..., ConnectionPool],
    refuse_offline: Callable[[str], None],
    most_bytes: int,
) -> Any:
    """Makes an ``AsyncClient`` of a library whose requests go through a guarded transport.

    Args:
        library: ``httpx`` or ``httpx2``.
        base_url: Of the provider.
        rules: What may be asked; the base URL's host and port are trusted in it.
        pool: Makes the connections, given ``checked``.
        refuse_offline: Raises Offline when the network is switched off.
        most_bytes: Of one answer, decompressed.
    """
    package = import_module(library)
    transport = _transport(library)(rules, pool, refuse_offline, most_bytes)
    timeout = package.Timeout(60.0, connect=10.0)
    return package.AsyncClient(
        base_url=base_url,
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=timeout,
        headers={"accept-encoding": ENCODINGS},
    )


@lru_cache(maxsize=2)
def _transport(library: str) -> Any:
    package = import_module(library)

    class DecodedStream(package.AsyncByteStream):  # type: ignore[misc,name-defined]
        """A body, decoded and bounded."""

        def __init__(
            self, answer: Response, most: int, named: Callable[[Exception], Exception]
        ) -> None:
            self._answer, self._most, self._named = answer, most, named

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for piece in self._answer.pieces(self._most):
                    yield piece
            except FetchFailed:
                raise
            except Exception as error:
                raise self._named(error) from error

        async def aclose(self) -> None:
            await self._answer.aclose()

    class Transport(package.AsyncBaseTransport):  # type: ignore[misc,name-defined]
        """Sends requests to checked places only."""

        def __init__(
            self,
            rules: Rules,
            pool: Callable[..., ConnectionPool],
            refuse_offline: Callable[[str], None],
            most: int,
        ) -> None:
            self._rules, self._refuse_offline, self._most = rules, refuse_offline, most
            self._pools = {trusted: pool(checked=not trusted) for trusted in (True, False)}

        async def handle_async_request(self, request: Any) -> Any:
            target = check_url(str(request.url), self._rules)
            self._refuse_offline(target.host)
            pool = self._pools[target.trusted]

            def named(error: Exception) -> Exception:
                """Returns a core's error as the library's of the same name; any other as it is."""
                if not type(error).__module__.startswith(pool.core.__name__):
                    return error
                cls = getattr(package, type(error).__name__, package.TransportError)
                return cls(str(error), request=request)  # type: ignore[no-any-return]

            try:
                answer = await pool.send(
                    request.method,
                    target,
                    request.headers.raw,
                    request.stream,
                    request.extensions.get("timeout"),
                )
            except FetchFailed:
                raise
            except Exception as error:
                raise named(error) from error
            headers = [(name, value) for name, value in answer.raw if name.lower() not in _LEFT_OUT]
            return package.Response(
                answer.status, headers=headers, stream=DecodedStream(answer, self._most, named)
            )

        async def aclose(self) -> None:
            for pool in self._pools.values():
                await pool.aclose()

    return Transport
