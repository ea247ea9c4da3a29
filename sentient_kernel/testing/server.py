"""A small HTTP/1.1 server in a thread of its own, for test doubles that have to be real servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    import ssl

__all__ = ["HttpRequest", "Server", "head"]

_MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request as it came: method, decoded path, query (first values), headers (names in small
    letters) and body.
    """

    method: str
    path: str
    target: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    at: float = 0.0


class Server:
    """Serves on a free port of 127.0.0.1 from start to stop; many requests at once. Subclasses say
    what is answered.

    It is a context manager, in tests and in plain scripts; stopping closes every connection and
    leaves no thread.
    """

    name = "server"

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.tls = tls
        self.port = 0
        self.connections = 0
        """How many were opened so far."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._left = threading.Condition()

    @property
    def host(self) -> str:
        """Host and port, as ``SENTIENT_ALLOW_HOSTS`` takes them."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"{'https' if self.tls else 'http'}://{self.host}"

    def wait_until_left(self, timeout: float = 5.0) -> None:
        """Waits until nobody is connected any more. Raises TimeoutError."""
        with self._left:
            if not self._left.wait_for(lambda: not self._writers, timeout):
                raise TimeoutError(
                    f"{len(self._writers)} connections are still open after {timeout:g} s."
                )

    async def answer(
        self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answers one request; returns whether the connection can go on."""
        raise NotImplementedError

    def start(self) -> Self:
        """Opens the port."""
        ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, args=(ready,), name=self.name, daemon=True
        )
        self._thread.start()
        if not ready.wait(10):
            raise TimeoutError("The server did not start within 10 s.")
        return self

    def stop(self) -> None:
        """Closes the port and every connection."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _serve(self, ready: threading.Event) -> None:
        loop = self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(
            asyncio.start_server(
                self._connected, "127.0.0.1", 0, backlog=512, limit=1024 * 1024, ssl=self.tls
            )
        )
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        loop.run_forever()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while (request := await self._read(reader)) is not None:
                if not await self.answer(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the caller has gone, or does not speak HTTP
        except asyncio.CancelledError:
            pass  # by stop(); asyncio.streams of 3.11 complains about a handler that ends cancelled
        finally:
            with self._left:
                self._writers.discard(writer)
                self._left.notify_all()
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> HttpRequest | None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        except asyncio.IncompleteReadError:
            return None
        headers = {
            name.strip().lower(): value.strip()
            for name, colon, value in (line.partition(":") for line in lines)
            if colon
        }
        length = int(headers.get("content-length", "0"))
        body = await reader.readexactly(min(length, _MOST))
        method, target, *_ = [*first.split(" "), ""]
        parts = urlsplit(target)
        query = {
            name: values[0]
            for name, values in parse_qs(parts.query, keep_blank_values=True).items()
        }
        at = asyncio.get_running_loop().time()
        return HttpRequest(
            method=method,
            path=unquote(parts.path),
            target=target,
            query=query,
            headers=headers,
            body=body,
            at=at,
        )


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Returns the first lines of an answer."""
    return "".join(
        [
            f"HTTP/1.1 {status} -\r\n",
            *(f"{name}: {value}\r\n" for name, value in headers.items()),
            "\r\n",
        ]
    ).encode("utf-8")
