"""Server-sent events, taken out of the bytes that carry them. Pure."""

from __future__ import annotations

__all__ = ["MOST", "Events", "StreamBroken"]

MOST = 4_000_000
"""Characters of one answer, and bytes of one event."""


class StreamBroken(ValueError):
    """The stream is not what it claims to be."""


class Events:
    """Takes bytes apart into the data of server-sent events.

    Example:
        >>> events = Events()
        >>> first = events.feed(b"data: on")
        >>> first, events.feed(b"e\\n\\n: comment\\n\\nevent: x\\ndata: two\\n\\n")
        ([], ['one', 'two'])
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Returns the data of the events that are whole now. Raises StreamBroken."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        out = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif not line and self._data:
                out.append(b"\n".join(self._data).decode("utf-8", "replace"))
                self._data, self._size = [], 0
        if len(self._rest) + self._size > MOST:
            raise StreamBroken("one event is too long")
        return out
