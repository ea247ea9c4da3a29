"""Shows the sentences of a JSON answer while it is being written: what there is of it is read as
partial JSON. Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic_core import from_json

from sentient_kernel.research.prompts import items

__all__ = ["SentenceStream"]

LONGEST = 20_000
"""Characters of an answer that are shown while it comes."""


class SentenceStream:
    """Shows the sentences of an answer piece by piece. An answer that is not JSON from its first
    bracket on is not shown before it is whole.

    Args:
        show: Is given what can be read so far, without escapes.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._answer = ""
        self._shown = ""

    def take(self, piece: str) -> None:
        """Takes the next piece; an empty one means that the answer begins anew."""
        if not piece:
            self._answer, self._shown = "", ""
        if len(self._answer) > LONGEST:
            return
        self._answer += piece
        try:
            value = from_json(
                self._answer[self._answer.find("{") :], allow_partial="trailing-strings"
            )
        except ValueError:  # nothing yet, or nothing that can be shown
            return
        told = (one.get("text") for one in items(value, "claims"))
        text = " ".join(one for one in told if one and isinstance(one, str))
        if more := text[len(self._shown) :]:
            self._show(more)
            self._shown = text
