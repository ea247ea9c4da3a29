"""How well a report answers, as a value and in words; :mod:`sentient_kernel.research.coverage`
judges it. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sentient_kernel.describing import Described

__all__ = ["Coverage", "Level"]

Level = Literal["", "all", "some", "near", "nothing"]
"""``all`` parts are answered, ``some`` are, the ``near``est passages are shown, or ``nothing``.

Empty where nobody judged.
"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Coverage(Described):
    """How well a report answers what was asked.

    Args:
        level: In one word.
        asked: How many parts the question has.
        answered: How many of them are answered.

    Example:
        >>> str(Coverage(level="all", asked=2, answered=2)), str(Coverage(level="near"))
        ('answers both parts', 'closest passages only')
    """

    level: Level = ""
    asked: int = 1
    answered: int = 0

    def __str__(self) -> str:
        match self.level:
            case "all":
                parts = {1: "the question", 2: "both parts"}
                return f"answers {parts.get(self.asked, f'all {self.asked} parts')}"
            case "some":
                part = (
                    f"{self.answered} of {self.asked} parts"
                    if self.answered
                    else "part of the question"
                )
                return f"answers {part}"
            case "near":
                return "closest passages only"
            case "nothing":
                return "nothing found"
            case _:
                return ""
