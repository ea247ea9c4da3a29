"""Reads responses: whole, bounded, of the content type that was requested."""

from __future__ import annotations

import asyncio
import json as _json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from sentient_kernel.errors import ServerBusy, StatusError, TooBig, WrongKind
from sentient_kernel.transport.body_limit import BodyLimit
from sentient_kernel.transport.connections import Response
from sentient_kernel.transport.guard import Target
from sentient_kernel.transport.retry import PASSING

__all__ = ["Accept", "Fetched", "check_kind", "refused", "whole"]

Accept = Literal["page", "json", "xml", "any"]

ERROR_BODY = 64 * 1024
BIG = 1_000_000
"""Bytes of an answer from which on it needs room: few that are so big are read at the same time."""
_PAGES = frozenset({"", "application/pdf", "application/xhtml+xml", "application/xml"})
_XML = frozenset({"", "application/xml", "text/xml", "text/plain"})
_NO_PAGES = frozenset({"text/css", "text/javascript", "text/event-stream"})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server answered.

    Args:
        url: Where it was in the end.
        status: The HTTP status.
        headers: Names in lower case; cookies are left out.
        kind: The content type without parameters, in lower case; "" when the server names none.
        charset: As the server names it, or "".
        body: The bytes, decompressed.
        hops: The URLs that redirected here, in order.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    kind: str
    charset: str
    body: bytes = field(repr=False)
    hops: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The body as text, in the server's charset or UTF-8; what cannot be read becomes
        U+FFFD.
        """
        try:
            return self.body.decode(self.charset or "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Returns the body as JSON.

        Raises:
            WrongKind: It is none.
        """
        try:
            return _json.loads(self.body)
        except (ValueError, RecursionError):
            host = urlsplit(self.url).hostname or ""
            raise WrongKind(
                f"{host!r} sent an answer that is not JSON.", reason_code="not_json", host=host
            ) from None


async def whole(
    answer: Response,
    target: Target,
    accept: Accept,
    most_bytes: int,
    body_limit: BodyLimit,
    deadline: asyncio.Timeout,
) -> Fetched:
    """Reads an answer to its end.

    Args:
        answer: What a server sends.
        target: Who was asked.
        accept: What was asked for.
        most_bytes: How much of it is read at most.
        body_limit: A place in it is needed for what is big, so that many such answers fill neither
            memory nor the loop.
        deadline: Of the reading; it is put off by the wait for a place.

    Raises:
        FetchTimedOut: It is big and slow, and others wait.
        TooBig: It has more bytes than may be read.
        WrongKind: It cannot be decoded, or was to be JSON and is not.
    """
    # in one stretch, which the system takes back; many pieces leave holes that it does not
    read = bytearray()
    async with AsyncExitStack() as held:
        held.callback(read.clear)  # an error keeps what its traceback leads to
        async for piece in answer.pieces(most_bytes):
            if len(read) <= BIG < len(read) + len(piece):
                await held.enter_async_context(body_limit.place(read, deadline, target.host))
            read += piece
        body = bytes(read)
    kind, charset = _kind(answer)
    fetched = Fetched(target.url, answer.status, answer.headers, kind, charset, body)
    if accept == "json" and answer.status < 400:
        fetched.json()
    return fetched


async def refused(answer: Response, target: Target) -> Fetched:
    """Raises what a status of 400 and more means.

    Raises:
        StatusError: Always; a ServerBusy when it may be another one next time.
    """
    body = b""
    try:
        async for piece in answer.pieces(10 * ERROR_BODY):
            body = (body + piece)[:ERROR_BODY]
            if len(body) == ERROR_BODY:
                break
    except (TooBig, WrongKind):
        pass  # the status says enough
    passing = answer.status in PASSING or answer.status >= 500
    said = "too many requests" if answer.status == 429 else "not now" if passing else "no"
    cls = ServerBusy if passing else StatusError
    message = f"{target.host!r} says {said} (HTTP {answer.status})."
    raise cls(
        message,
        answered=answer.status,
        headers=answer.headers,
        body=body,
        reason_code="status",
        host=target.host,
    )


def _kind(answer: Response) -> tuple[str, str]:
    kind, *parameters = answer.headers.get("content-type", "").split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return kind.strip().lower(), value.strip().strip("\"'").lower()[:40]
    return kind.strip().lower(), ""


def check_kind(answer: Response, accept: Accept, host: str) -> None:
    """Refuses an answer by its content type, before its body is read.

    Raises:
        WrongKind: It is of another kind than was asked for.
    """
    kind, _ = _kind(answer)
    markup = kind.startswith("application/") and kind.endswith("+xml")
    if accept == "page":
        good = markup or kind in _PAGES or (kind.startswith("text/") and kind not in _NO_PAGES)
    elif accept == "xml":
        good = markup or kind in _XML
    else:  # whether it is JSON its body tells, better than servers do
        good = accept == "any" or not kind.startswith(("image/", "audio/", "video/", "font/"))
    if not good:
        raise WrongKind(
            f"{host!r} sends {kind[:60]!r}, which is not read here.", reason_code="kind", host=host
        )
