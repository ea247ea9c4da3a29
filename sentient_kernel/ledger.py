"""What a run has spent of its budget, and what it has set aside for calls under way. Pure: no
clock, no file, no lock.

Money is counted in whole billionths of a dollar, so that ten times ten cents is a dollar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sentient_kernel.budget import Budget
from sentient_kernel.errors import UsageError

__all__ = ["Ledger", "Reservation", "Short", "Spent"]

Limit = Literal["calls", "tokens", "usd"]
_NANO = 1_000_000_000
_MOST = 10**18
_SHOWN = 0.00005
"""US dollars from which on an amount is not shown as nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was used up."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """What was set aside for a call; the same amounts set aside twice are two reservations."""

    calls: int
    tokens: int
    usd: float


@dataclass(frozen=True, slots=True)
class Short:
    """Why nothing was set aside.

    Args:
        what: Which limit is in the way.
        wanted: How much was asked for.
        spent: How much is used up.
        reserved: How much is set aside for calls under way; part of it may come back.
        limit: How much there may be.
    """

    what: Limit
    wanted: float
    spent: float
    reserved: float
    limit: float

    @property
    def final(self) -> bool:
        """True when waiting for the calls under way would not help."""
        return self.spent + self.wanted > self.limit

    def __str__(self) -> str:
        used = f"{amount_of(self.what, self.spent)} used"
        if self.reserved:
            used += f", {amount_of(self.what, self.reserved)} set aside for calls under way"
        wanted = (
            ""
            if self.what == "usd" and self.wanted < _SHOWN
            else f", {amount_of(self.what, self.wanted)} more needed"
        )
        return f"The budget allows {amount_of(self.what, self.limit)}: {used}{wanted}."


class Ledger:
    """Keeps what is spent and what is set aside within a budget.

    Reserve before a call, settle after it. As long as no call uses more than was reserved for it,
    the limits hold, however many are under way at once on one loop. A call that did use more is
    counted as it was; then there is less for the next one.

    Args:
        budget: The limits; its seconds are not counted here. None has none.
        spent: What was used up before: a run that is taken up again begins with that.

    Example:
        >>> ledger = Ledger(Budget(calls=2))
        >>> first, second = ledger.reserve(), ledger.reserve()
        >>> print(ledger.reserve())
        The budget allows 2 calls: 0 calls used, 2 calls set aside for calls under way, 1 call more
            needed.
        >>> ledger.settle(first, tokens=120)
        >>> ledger.spent
        Spent(usd=0.0, tokens=120, calls=1)
    """

    def __init__(self, budget: Budget | None = None, spent: Spent | None = None) -> None:
        before = spent or Spent()
        self._budget = budget or Budget()
        self._spent = _amounts(before.calls, before.tokens, before.usd)
        self._reserved = _amounts(0, 0, 0.0)
        self._open: dict[Reservation, dict[Limit, int]] = {}

    def reserve(self, calls: int = 1, tokens: int = 0, usd: float = 0.0) -> Reservation | Short:
        """Sets aside what a call may use.

        Args:
            calls: How many calls.
            tokens: Tokens both ways, at most.
            usd: US dollars, at most.

        Returns:
            The reservation, to be settled; or what is short, and then nothing was set aside.

        Raises:
            UsageError: An amount is negative or no number.
        """
        wanted = _amounts(calls, tokens, usd)
        for what, limit in self._limits():
            if self._spent[what] + self._reserved[what] + wanted[what] > limit:
                return Short(
                    what,
                    *(
                        _back(what, n)
                        for n in (wanted[what], self._spent[what], self._reserved[what], limit)
                    ),
                )
        reservation = Reservation(calls, tokens, usd)
        self._open[reservation] = wanted
        for what, amount in wanted.items():
            self._reserved[what] += amount
        return reservation

    def settle(
        self,
        reservation: Reservation,
        calls: int | None = None,
        tokens: int | None = None,
        usd: float | None = None,
    ) -> None:
        """Counts what a call has used and gives the rest of its reservation back.

        Args:
            reservation: What was set aside.
            calls: How many calls were made; 0 when it came to none. What is None was not told, and
                counts as it was reserved.
            tokens: Tokens used.
            usd: What it cost; None also where a model has no known price.

        Raises:
            UsageError: It was settled before, or an amount is negative or not a number; then
                nothing was counted.
        """
        if reservation not in self._open:
            raise UsageError("A reservation can be settled once, on the ledger that made it.")
        used = _amounts(
            reservation.calls if calls is None else calls,
            reservation.tokens if tokens is None else tokens,
            reservation.usd if usd is None else usd,
        )
        for what, amount in self._open.pop(reservation).items():
            self._reserved[what] -= amount
            self._spent[what] += used[what]

    def release(self, reservation: Reservation) -> None:
        """Gives a reservation back whose call was not made. Raises UsageError as :meth:`settle`."""
        self.settle(reservation, 0, 0, 0.0)

    def raise_to(self, budget: Budget) -> None:
        """Sets other limits, as a person allows them; what is spent and set aside stays."""
        self._budget = budget

    @property
    def budget(self) -> Budget:
        """The limits as they are now."""
        return self._budget

    @property
    def spent(self) -> Spent:
        """What is used up."""
        return _spent(self._spent)

    @property
    def reserved(self) -> Spent:
        """What is set aside for calls under way."""
        return _spent(self._reserved)

    def _limits(self) -> list[tuple[Limit, int]]:
        allowed: dict[Limit, float | None] = {
            "calls": self._budget.calls,
            "tokens": self._budget.tokens,
            "usd": self._budget.usd,
        }
        return [
            (what, _counted(what, limit))
            for what, limit in allowed.items()
            if limit is not None and limit < math.inf
        ]


def _amounts(calls: int, tokens: int, usd: float) -> dict[Limit, int]:
    for name, value in (("calls", calls), ("tokens", tokens), ("usd", usd)):
        if not 0 <= value < math.inf:
            raise UsageError(f"{name} must be 0 or more, not {value!r}.")
    return {
        "calls": _counted("calls", calls),
        "tokens": _counted("tokens", tokens),
        "usd": _counted("usd", usd),
    }


def _counted(what: Limit, amount: float) -> int:
    amount = min(amount, _MOST)
    return round(amount * _NANO) if what == "usd" else int(amount)


def _back(what: Limit, amount: int) -> float:
    return amount / _NANO if what == "usd" else amount


def _spent(amounts: dict[Limit, int]) -> Spent:
    return Spent(usd=_back("usd", amounts["usd"]), tokens=amounts["tokens"], calls=amounts["calls"])


def amount_of(what: Limit, amount: float) -> str:
    """Returns an amount as people say it.

    Example:
        >>> amount_of("usd", 0.002), amount_of("calls", 1), amount_of("tokens", 1200)
        ('$0.002', '1 call', '1,200 tokens')
    """
    if what == "usd":
        return f"${amount:.4f}".rstrip("0").ljust(len(f"${amount:.2f}"), "0")
    return f"{amount:,.0f} {what[:-1] if amount == 1 else what}"
