"""Answers that a fake web gives when it means harm, or is badly broken."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import chain, repeat

from sentient_kernel.testing.server import head
from sentient_kernel.testing.web import Wrong
from sentient_kernel.testing.web_services import HttpReply

__all__ = ["WRONG"]

BIG = 50_000_000


@cache
def _bomb() -> bytes:
    """Returns 200 MB of zeros in 200 KB; made once."""
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(pack.compress(bytes(1_000_000)) for _ in range(200)) + pack.flush()


def _chunked(reply: HttpReply, piece: bytes, times: int | None = None) -> Iterator[bytes]:
    yield head(200, {"content-type": reply.kind, "transfer-encoding": "chunked"})
    yield from repeat(piece) if times is None else repeat(piece, times)
    yield b"0\r\n\r\n"


def _headers() -> Iterator[bytes]:
    line = b"x-more: " + b"y" * 1_000 + b"\r\n"
    return chain((b"HTTP/1.1 200 - and headers without end\r\n",), repeat(line))


def _gzip(body: bytes) -> HttpReply:
    return HttpReply(body, "text/html", headers={"content-encoding": "gzip"})


NOT_UTF8 = b"<p>caf\xe9 \xff\xfe \xed\xa0\x80 \xc0\xaf</p>"
WRONG: dict[str, Wrong] = {
    "drip": lambda reply, _: replace(reply, raw=_chunked(reply, b"1\r\n.\r\n")),
    "headers": lambda reply, _: replace(reply, raw=_headers()),
    "big": lambda reply, _: replace(
        reply, raw=_chunked(reply, b"c350\r\n" + b"big " * 12_500 + b"\r\n", BIG // 50_000)
    ),
    "bomb": lambda reply, _: replace(_gzip(_bomb()), kind=reply.kind),
    "not_utf8": lambda reply, _: HttpReply(NOT_UTF8 + reply.body, reply.kind),
    "cut_gzip": lambda reply, _: replace(_gzip(gzip.compress(reply.body)[:-12]), kind=reply.kind),
}
"""``drip`` (a byte at a time, without end), ``headers`` (without end), ``big`` (50 MB), ``bomb``
(gzip that becomes 200 MB), ``not_utf8``, ``cut_gzip``.
"""
