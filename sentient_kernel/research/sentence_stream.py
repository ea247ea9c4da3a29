"""Shows the sentences of a JSON answer while it is being written: a streaming JSON reader for one
kind of member. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from sentient_kernel.models.fitting import whole_characters

__all__ = ["SentenceStream"]

_BEGIN = re.compile(r'"text"\s*:\s*"')
_PART = re.compile(r'[^"\\]*(?:\\(?:[^u]|u[0-9a-fA-F]{4})[^"\\]*)*')
_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_ESCAPE = 6
"""Characters of the longest escape, which may come in pieces."""
_MARK = 40
"""Characters within which the beginning of a sentence stands: its name, a colon, white space."""


class SentenceStream:
    """Shows every ``text`` of a JSON answer piece by piece. A piece costs the same however long the
    answer has become.

    Args:
        show: Is given what can be read so far, without escapes.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = ""  # what was not shown yet, or may be the beginning of a sentence
        self._inside = False
        self._gap = ""
        self._any = False

    def take(self, piece: str) -> None:
        """Takes the next piece; an empty one means that the answer begins anew."""
        if not piece:
            self._rest, self._inside = "", False
            return
        rest, at = self._rest + piece, 0
        while True:
            if not self._inside:
                found = _BEGIN.search(rest, at)
                if found is None:
                    self._rest = rest[max(at, len(rest) - _MARK) :]
                    return
                at, self._inside, self._gap = found.end(), True, " " if self._any else ""
            at = self._tell(rest, at)
            if rest[at : at + 1] != '"':
                self._rest = rest[at:]
                return
            at, self._inside = at + 1, False

    def _tell(self, rest: str, at: int) -> int:
        """Shows a sentence from there on as far as it has come; returns where that is."""
        end = _end(rest, at)
        # it is no escape, and never will be
        while rest[end : end + 1] == "\\" and len(rest) - end >= _ESCAPE:
            end = _end(rest, end + 1)
        if (
            _HALF.search(rest, max(at, end - _ESCAPE), end)
            and len(rest) - end < _ESCAPE
            and rest[end : end + 1] in ("", "\\")
        ):
            end -= _ESCAPE  # the other half of that character is still to come
        if text := _plain(rest[at:end]):
            self._show(self._gap + text)
            self._gap, self._any = "", True
        return end


def _end(text: str, at: int) -> int:
    found = _PART.match(text, at)
    return found.end() if found else at


def _plain(escaped: str) -> str:
    try:
        text = str(json.loads(f'"{escaped}"', strict=False))
    except ValueError:  # what is shown need not be right to the letter
        text = escaped
    return whole_characters(text)
