"""Group commit: decides whether to commit at once or to wait for more writers.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from typing import Final

WINDOW: Final = 0.002
"""Seconds between commits while many steps are under way."""

MANY: Final = 16
"""Steps under way from which on a commit waits for company."""

LONGEST_STREAK: Final = 32
"""Commits in a row (big ones count more) after which one who writes alone lets the loop turn, so
that others are not starved.
"""


class Grouping:
    """Keeps what the decision needs: who wrote last, how many steps are under way, when the last
    commit was.

    A commit costs about as much as the hop through the loop that waiting for company takes. So one
    who writes alone, and again and again, commits inside its own call; a thousand steps that end
    within 20 ms are written in a dozen commits.
    """

    def __init__(self) -> None:
        self.under_way = 0
        """Steps that have begun and not ended; whoever writes counts them."""
        self._last: object = None
        self._streak = 0
        self._committed = 0.0

    def alone(self, writer: object, weight: int = 1) -> bool:
        """Tells whether to commit at once what this writer (its task) brings, when nobody else
        waits.
        """
        if writer is not self._last or self._streak >= LONGEST_STREAK:
            self._last = writer
            return False
        self._streak += weight
        return True

    def turned(self) -> None:
        """The loop has turned."""
        self._streak = 0
        if self.under_way < 0:  # steps that began before this journal was opened have ended
            self.under_way = 0

    def hold_back(self, now: float) -> float:
        """Returns for how many seconds to wait for more."""
        return max(0.0, self._committed + WINDOW - now) if self.under_way >= MANY else 0.0

    def committed(self, now: float, *, waited_for_one: bool = False) -> None:
        """A commit was made.

        Args:
            now: When, in seconds on the loop's clock.
            waited_for_one: Whether it was held back and nobody came: then steps were counted that
                will never end.
        """
        self._committed = now
        if waited_for_one:
            self.under_way //= 2
