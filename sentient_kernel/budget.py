"""What a run may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

from sentient_kernel.describing import Described
from sentient_kernel.errors import UsageError


@dataclass(frozen=True, slots=True, repr=False)
class Budget(Described):
    """Limits of a run; None leaves one open. Research without a model spends nothing of it but
    time.

    Args:
        usd: US dollars.
        tokens: Tokens of language models, both ways.
        calls: Calls of language models and paid services.
        seconds: Working time; when it is over, the run writes with what it has.

    Raises:
        UsageError: A limit is negative or not a number, or one of calls or tokens is not whole.

    Example:
        >>> Budget(seconds=60)
        Budget(seconds=60)
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for limit in fields(self):
            value: Any = getattr(self, limit.name)
            if value is None:
                continue
            number = isinstance(value, Real) and not isinstance(value, bool)
            if not number or not value >= 0:
                raise UsageError(
                    f"{limit.name} must be 0 or more, not {value!r}.",
                    hint="Leave it out for no limit.",
                )
            if limit.name in ("calls", "tokens") and value != math.inf and value != int(value):
                raise UsageError(
                    f"{limit.name} must be a whole number, not {value!r}.",
                    hint="Leave it out for no limit.",
                )
            if type(value) not in (int, float):  # a number of numpy
                object.__setattr__(
                    self, limit.name, int(value) if isinstance(value, Integral) else float(value)
                )
