"""Reasoning that models write into their answer, parted from it while it comes. Pure."""

from __future__ import annotations

import re

__all__ = ["JSON", "Thoughts"]

PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
"""Between what families of models write their reasoning, where their server leaves it in the
text.
"""
_CLOSING = frozenset(close for _, close in PAIRS)
_MARK = re.compile("|".join(re.escape(mark) for pair in PAIRS for mark in pair))
_TAIL = max(map(len, _CLOSING))
_UNDECIDED = 1_000  # blanks at the beginning of an answer, behind which no mark is looked for
JSON = ("{", "[", "`")
"""What an answer in JSON begins with, a code fence among it."""


class Thoughts:
    """Parts what stands between marks of reasoning at the beginning of an answer from what follows.

    Some chat templates write the opening mark themselves, so that only the closing one comes. What
    was taken for the answer then turns out to be reasoning: :attr:`closed_by` says by which mark,
    and what stands after it is to be fed again.
    :attr:`begun` says whether what comes is the answer for certain.

    Example:
        >>> thoughts = Thoughts()
        >>> thoughts.feed("<thi"), thoughts.feed("nk>hm</think>"), thoughts.feed(" Yes.")
        (('', ''), ('', 'hm'), ('Yes.', ''))
    """

    def __init__(self) -> None:
        self.closed_by = ""
        self.begun = False
        self._held = ""
        self._close = ""  # the mark that ends the reasoning which has begun
        self._tail: str | None = None  # the end of the answer so far; None before it has begun
        self._marked = False

    def feed(self, piece: str) -> tuple[str, str]:
        """Returns what of a piece, and of what was held back, belongs to the answer, and what to
        its reasoning.
        """
        if self._tail is not None:
            self._watch(piece)
            return piece, ""
        self._held += piece
        thought = ""
        while True:
            if self._close:
                before, closed, after = self._held.partition(self._close)
                if not closed:
                    cut = len(self._held) - _overlap(self._held, self._close)
                    thought, self._held = thought + self._held[:cut], self._held[cut:]
                    return "", thought
                thought, self._held, self._close = thought + before, after, ""
            elif not self._opened():
                return "", thought
            elif not self._close:
                break
        shown, self._held = self._held, ""
        return shown, thought

    def _opened(self) -> bool:
        """Looks whether reasoning begins or the answer does; False while neither is sure."""
        start = self._held.lstrip()
        for begin, end in PAIRS:
            if start.startswith(begin):
                self._held, self._close, self._marked = start[len(begin) :], end, True
                return True
        if any(begin.startswith(start) for begin, _ in PAIRS) and len(self._held) < _UNDECIDED:
            return False
        if self._marked:
            self._held = start
        self._tail = ""
        self._marked = self._marked or start.startswith(JSON)
        self.begun = self._marked
        self._watch(self._held)
        return True

    def _watch(self, piece: str) -> None:
        """Notices a closing mark that no opening one came before."""
        if self._marked or self._tail is None:
            return
        window = self._tail + piece
        self._tail = window[-_TAIL:]
        if found := _MARK.search(window):
            self._marked = True
            quoted = window[: found.start()].endswith(("`", '"', "'"))
            if found.group() in _CLOSING and not quoted:
                self.closed_by, self._tail = found.group(), None

    def rest(self) -> tuple[str, str]:
        """Returns what is held back when nothing more comes."""
        held, self._held = self._held, ""
        return ("", held) if self._close else (held, "")


def _overlap(text: str, mark: str) -> int:
    """Returns how many characters at the end of a text may be the beginning of a mark."""
    return next((n for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), 0)
