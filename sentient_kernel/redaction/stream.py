"""Redacts a text that comes in pieces, also where a secret is split over two. Pure."""

from __future__ import annotations

from sentient_kernel.redaction.forms import HELD
from sentient_kernel.redaction.known import Redactor

__all__ = ["StreamRedactor"]


class StreamRedactor:
    """Takes known values out of a text that comes in pieces, also those that are split over
    several.

    What may be the beginning of one is held back until it is known whether it is.

    Example:
        >>> stream = StreamRedactor()
        >>> redactor = Redactor({"hunter42x-9Kd": "VAULT_TOKEN"})
        >>> [stream.take(piece, redactor) for piece in ("it is hunt", "er42x-", "9Kd.")]
        ['it is ', '', '[hidden:VAULT_TOKEN].']
    """

    __slots__ = ("_before", "_held")

    def __init__(self) -> None:
        self._before = self._held = ""

    def take(self, piece: str, redactor: Redactor) -> str:
        """Returns what may be shown now."""
        if not redactor.longest:
            return piece
        text = self._before + self._held + piece
        shown = len(self._before)
        end = max(shown, len(text) - redactor.held(text))
        pieces = list[str]()
        for start, stop, name, whole in redactor.found(text):
            # One that is whole is shown as such, though its end looks like the beginning of one.
            if whole and start < end < stop:
                end = stop
            if shown < stop <= end:
                pieces += [text[shown:start] if start > shown else "", f"[hidden:{name}]"]
                shown = stop
        pieces.append(text[shown:end])
        self._before, self._held = text[max(0, end - HELD + 1) : end], text[end:]
        return "".join(pieces)
