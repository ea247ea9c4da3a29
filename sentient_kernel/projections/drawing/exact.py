"""Whole numbers that a page would round: JavaScript's numbers hold them exactly up to 2^53, the
journal's to any length.

Between kernel and page such a number goes as ``{"$int": "9007199254740993"}``. Only values that
somebody approves or looks through whole are written so; all else that is sent is smaller.
"""

from __future__ import annotations

import re
from typing import Any

MOST = 2**53 - 1
MARK = "$int"

_DIGITS = re.compile(r"-?[0-9]{1,4000}")


def marked(value: Any) -> Any:
    """Returns a JSON value with every whole number that a page would round written out.

    Example:
        >>> marked({"id": 9007199254740993, "n": 3})
        {'id': {'$int': '9007199254740993'}, 'n': 3}
    """
    if isinstance(value, int):
        return value if -MOST <= value <= MOST else {MARK: str(value)}
    if isinstance(value, list | tuple):
        return [marked(part) for part in value]
    if isinstance(value, dict):
        found = {name: marked(part) for name, part in value.items()}
        # one that looks like a mark is wrapped in one
        return {MARK: found} if set(found) == {MARK} else found
    return value


def unmarked(value: Any) -> Any:
    """Returns what :func:`marked` was given; takes anything that a page may send.

    Example:
        >>> unmarked({"id": {"$int": "9007199254740993"}})
        {'id': 9007199254740993}
    """
    if isinstance(value, list):
        return [unmarked(part) for part in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {MARK}:
        inner = value[MARK]
        if isinstance(inner, str) and _DIGITS.fullmatch(inner):
            return int(inner)
        if isinstance(inner, dict):
            value = inner
    return {name: unmarked(part) for name, part in value.items()}
