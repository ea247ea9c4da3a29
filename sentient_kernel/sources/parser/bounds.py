"""What crosses the pipe between the child and its parent: frames, and bounds of titles, addresses
and other fields from outside, cut where they arrive.

Whoever makes a page, a file or an answer chooses how long its title is. Everything behind this
border compares, ranks and shows titles, and takes it for granted that they are titles.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, BinaryIO

from .common import one_line

TITLE = 500
"""Characters of a title."""
ADDRESS = 2_000
"""Characters of an address; one that is longer is none."""
FIELD = 1_000
"""Characters of any other field: an author, a journal, a licence, a reason."""
NAME = 100
"""Characters of the name of a field."""
FIELDS = 60
"""Fields of one thing."""
ITEMS = 10_000
"""Items of a list: pages of a file, works of an answer."""
VALUES = 100_000
"""Values of one answer, all in all."""
DEEPEST = 8
"""Lists and fields inside one another."""


def bounded(value: Any, text: int) -> Any:
    """Returns a JSON value with everything in it as long as it may be.

    Args:
        value: What came.
        text: Characters that a field called ``text`` may have.

    Example:
        >>> found = bounded({"title": "a " * 100_000, "url": "https://example.org/" + "a" * 9_000,
        ...     "pages": [0, 7]}, 10)
        >>> len(found["title"]) <= TITLE + 2, found["url"], found["pages"]
        (True, '', [0, 7])
    """
    left = VALUES

    def cut(value: Any, name: str, depth: int) -> Any:
        """Returns a value of a field, so deep in others, cut."""
        nonlocal left
        left -= 1
        if isinstance(value, str):
            if name == "text":
                return value[:text]
            if name in ("url", "uri"):
                return value if len(value) <= ADDRESS else ""
            limit = TITLE if name == "title" else FIELD
            return value if len(value) <= limit else one_line(value, limit)
        if isinstance(value, bool | int | float):
            return value
        if depth >= DEEPEST or left <= 0:
            return None
        if isinstance(value, dict):
            names = islice((key for key in value if isinstance(key, str)), FIELDS)
            return {key[:NAME]: cut(value[key], key, depth + 1) for key in names if left > 0}
        if isinstance(value, list | tuple):
            inside = name if name != "text" else ""
            return [cut(part, inside, depth + 1) for part in islice(value, ITEMS) if left > 0]
        return None

    return cut(value, "", 0)


def read_frame(source: BinaryIO, most: int = 1 << 32) -> bytes | None:
    """Returns the next frame; None when there is none, or it is longer than it may be."""
    head = source.read(4)
    size = int.from_bytes(head, "big")
    if len(head) < 4 or size > most:
        return None
    body = source.read(size)
    return body if len(body) == size else None


def send_frame(target: BinaryIO, body: bytes) -> None:
    """Writes a frame."""
    target.write(len(body).to_bytes(4, "big"))
    target.write(body)
