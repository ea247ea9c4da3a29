"""Decodes compressed bodies in small pieces, so that a decompression bomb is noticed early."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from sentient_kernel.errors import WrongKind

__all__ = ["ENCODINGS", "Decoder"]

ENCODINGS = "gzip"
"""What is asked for; what comes in another encoding is refused, not guessed at."""
_PIECE = 128 * 1024
_SLICE = 16 * 1024
"""Bytes that are given to zlib at once: at the end of a stream it copies what is left of them."""
_MOST_MEMBERS = 10_000
_GZIP = 31
"""What zlib calls the format."""


class Decoder:
    """Decodes one body.

    Args:
        encoding: The value of ``Content-Encoding``.
        host: For the sentence when it cannot be decoded.

    Raises:
        WrongKind: It is an encoding that was not asked for.

    Example:
        >>> import gzip
        >>> b"".join(Decoder("gzip").feed(gzip.compress(b"word " * 3)))
        b'word word word '
    """

    def __init__(self, encoding: str = "", host: str = "") -> None:
        self._host = host
        name = encoding.strip().lower().removeprefix("x-")
        if name not in ("", "identity", "gzip"):
            raise WrongKind(
                f"{host!r} sends an encoding that was not requested.",
                reason_code="encoding",
                host=host,
            )
        self._inflate = zlib.decompressobj(_GZIP) if name == "gzip" else None
        self._begun = False
        self._members = 1

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields what the next bytes stand for, in pieces of at most 128 KB.

        Raises:
            WrongKind: They are not what the encoding says.
        """
        if self._inflate is None:
            if data:
                yield data
            return
        for at in range(0, len(data), _SLICE):
            yield from self._inflated(data[at : at + _SLICE])

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        while data and self._inflate is not None:
            if self._inflate.eof:
                if not data.startswith(b"\x1f"):
                    return  # padding, which nobody reads; else the next of several members
                self._members += 1
                self._inflate = zlib.decompressobj(_GZIP)
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error:
                raise self._broken() from None
            if self._members > _MOST_MEMBERS:
                raise self._broken()
            self._begun = True
            if piece:
                yield piece
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def finish(self) -> None:
        """Is told that no more comes.

        Raises:
            WrongKind: The body ended in the middle.
        """
        if self._inflate is not None and self._begun and not self._inflate.eof:
            raise WrongKind(
                f"{self._host!r} sent a compressed answer that breaks off.",
                reason_code="cut",
                host=self._host,
            )

    def _broken(self) -> WrongKind:
        return WrongKind(
            f"{self._host!r} sent an answer that is not compressed as it says.",
            reason_code="encoding",
            host=self._host,
        )
