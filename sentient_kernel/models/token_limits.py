"""How many tokens a model may spend on one answer beside what is seen of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sentient_kernel.models.server_manner import ROOMS, Manner

__all__ = ["ReasoningRoom"]


@dataclass(slots=True)
class ReasoningRoom:
    """The room for reasoning: as much as is set, twice that after an answer that was cut off within
    it.

    Caps of a few hundred tokens bound what is seen of an answer. Reasoning counts as output too and
    is often hidden, so the limit that is sent has room for it. A model that does not think leaves
    it unused.

    Args:
        most: Tokens of reasoning that are set, for one request.
        thinks: Whether the model thinks; None where nobody knows.
        allowed: Tokens that all requests for this answer may use together, both ways; None for any
            number.

    Example:
        >>> room = ReasoningRoom(most=16_000, thinks=None)
        >>> room.tokens(Manner(), spent=0, visible=500), room.widen(), room.tokens(Manner(),
        ...     spent=0, visible=500)
        (16000, True, 32000)
    """

    most: int
    thinks: bool | None
    allowed: int | None = None
    tries: int = 0

    def tokens(self, manner: Manner, *, spent: int, visible: int) -> int:
        """Returns the room of the next request.

        Args:
            manner: How the server takes requests, and whether the model was seen to think.
            spent: Tokens that were used so far, and those that the request will read.
            visible: The longest answer wanted, in tokens.
        """
        first = 0 if self.thinks is False and not manner.thinks else 1
        room = int((first + self.tries) * self.most * ROOMS[manner.room])
        return room if self.allowed is None else max(0, min(room, self.allowed - spent - visible))

    def widen(self) -> bool:
        """Gives more room to the next request; False when it was given before."""
        self.tries += 1
        return self.tries == 1

    def affords(self, spent: int, visible: int) -> bool:
        """Returns whether a request may be sent whose answer is as long as wanted, without
        reasoning.
        """
        return self.allowed is None or spent + visible <= self.allowed
