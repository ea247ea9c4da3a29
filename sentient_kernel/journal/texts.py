"""Streamed texts: what has come so far of each, for subscribers that join late."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import NamedTuple

from sentient_kernel.ids import RunId
from sentient_kernel.redaction import StreamRedactor, redactor

TAIL = 20_000
"""Characters that are kept of each text."""
AUTHORS = 64
"""Authors that are kept of each run, those that wrote last."""
RUNS = 200


class TextSoFar(NamedTuple):
    """The end of a text, and where in the whole it begins."""

    at: int
    text: str


class _Growing:
    __slots__ = ("at", "parts", "size", "stream")

    def __init__(self) -> None:
        self.at = self.size = 0
        self.stream = StreamRedactor()
        self.parts: list[str] = []

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.size += len(text)
        if self.size > 2 * TAIL:
            self._cut()

    def _cut(self) -> None:
        whole = "".join(self.parts)
        kept = whole[-TAIL:]
        self.at += len(whole) - len(kept)
        self.parts, self.size = [kept], len(kept)

    def text(self) -> TextSoFar:
        if len(self.parts) != 1:
            self.parts = ["".join(self.parts)]
        return TextSoFar(self.at, self.parts[0])


class Texts:
    """Keeps what is written but not stored, by run and author, in a bounded amount of memory. Any
    thread.

    Example:
        >>> texts = Texts()
        >>> texts.add("r", "researcher", "Three "), texts.add("r", "researcher", "trials")
        (TextSoFar(at=0, text='Three '), TextSoFar(at=6, text='trials'))
        >>> texts.of("r")["researcher"].text
        'Three trials'
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: OrderedDict[RunId, OrderedDict[str, _Growing]] = OrderedDict()

    def add(self, run: RunId, by: str, text: str) -> TextSoFar:
        """Takes one more piece; returns what of it may be shown, known secrets replaced, and where
        in its text that begins.
        """
        with self._lock:
            authors = self._runs.setdefault(run, OrderedDict())
            growing = authors.get(by)
            if growing is None:
                growing = authors[by] = _Growing()
                while len(authors) > AUTHORS:
                    authors.popitem(last=False)
                self._runs.move_to_end(run)
                while len(self._runs) > RUNS:
                    self._runs.popitem(last=False)
            shown = TextSoFar(growing.at + growing.size, growing.stream.take(text, redactor()))
            growing.add(shown.text)
            return shown

    def of(self, run: RunId) -> dict[str, TextSoFar]:
        """Returns the texts of a run by their authors."""
        with self._lock:
            return {by: growing.text() for by, growing in self._runs.get(run, {}).items()}
