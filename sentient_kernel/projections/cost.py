"""What a run used of models, line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sentient_kernel.projections.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageView:
    """The use that one step made of one model."""

    NOUN: ClassVar[str] = "usage line"

    step: str
    model: str
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float | None = None


NO_USAGE: Table[UsageView] = Table((), UsageView)
"""The cost of a run that asked no model: no line at all, rather than a line of zeros."""
