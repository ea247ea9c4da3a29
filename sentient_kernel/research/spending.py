"""What a run may spend on its model: kept free before a call, booked after it, and asked for at the
limit.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, with_config

# pydantic, which brings it, reads no other before Python 3.12
from typing_extensions import TypedDict

from sentient_kernel.budget import Budget
from sentient_kernel.engine import Context
from sentient_kernel.errors import ApprovalRejected
from sentient_kernel.ledger import Ledger, Reservation, Short
from sentient_kernel.models.base import Model, Usage

__all__ = ["CallAllowance", "Spending"]

_SOMETHING = 1e-6
"""US dollars that a call costs at least, so that none is made on a budget that is used up to the
cent.
"""


@dataclass(frozen=True, slots=True)
class CallAllowance:
    """What one call may use.

    Args:
        requests: How many requests it may send; None for as many as help.
        tokens: How many tokens all of them may use, both ways; None for any number.
        narrow: Whether the budget leaves less room for reasoning than is set.
        least: Tokens and US dollars that it uses if it does not reason at all.
        reservation: What is set aside for it.
    """

    requests: int | None
    tokens: int | None
    narrow: bool
    least: tuple[int, float]
    reservation: Reservation | None


class Spending:
    """Keeps a run within its budget.

    A call is allowed when the budget pays for what it reads and for an answer of the length wanted,
    and for as much reasoning as the model was seen to need. What is left beyond that is its room
    for more: a model that does not think is not refused for room that it leaves unused, and one
    that does cannot go over the budget, as no more is sent than is left.

    Args:
        ctx: The run, which asks a person at the limit, once for each time it is reached.
        model: Who is asked.
        budget: What may be spent.
    """

    def __init__(self, ctx: Context, model: Model, budget: Budget | None) -> None:
        self._ctx = ctx
        self._model = model
        self._ledger = Ledger(budget)
        self.closed = ""
        """Why nothing may be spent any more; empty while something may."""
        self.notes: list[str] = []
        """What a reader of the report has to know."""
        self._known: float | None = None  # what the call that waits costs, where a price is known
        self._dearest = 0.0
        self._thought = 0  # tokens of reasoning that one call has used
        self._lacking = 0  # what the next one is to have, as the last had too little

    @property
    def thinks(self) -> bool:
        """Whether the model was seen to spend tokens on reasoning."""
        return self._thought > 0

    async def begin(self, read: int, visible: int) -> CallAllowance | None:
        """Sets aside what a call may use, asking a person at the limit; None when there is nothing
        left.

        Args:
            read: Tokens that it reads, about.
            visible: The longest answer wanted, in tokens, its reasoning aside.
        """
        expected, self._lacking = visible + max(self._thought, self._lacking), 0
        if self.closed or not await self._afford(
            read + expected, await self._price(read, expected)
        ):
            return None
        least = await self._price(read, visible)
        spare, most = await self._spare(read, visible, least), self._most_thought()
        room = most if spare is None else min(most, spare)
        usd = await self._price(read, visible + room)
        made = self._ledger.reserve(tokens=read + visible + room, usd=usd)
        return CallAllowance(
            requests=self._requests(),
            tokens=None if spare is None else read + visible + spare,
            narrow=room < most,
            least=(read + visible, least),
            reservation=None if isinstance(made, Short) else made,
        )

    def book(
        self, allowance: CallAllowance, usage: Mapping[str, Any], *, kept: bool = False
    ) -> int:
        """Counts what a call has used, or that its answer was kept from before; returns how many
        requests it sent.
        """
        calls = max(1, int(usage.get("requests", 1) or 1))
        used, usd = int(usage["prompt"] or 0) + int(usage["completion"] or 0), usage["usd"]
        if allowance.reservation is not None:
            spent = (0, 0, 0.0) if kept else (calls, used, usd or 0.0)
            self._ledger.settle(allowance.reservation, *spent)
        limit = self._ledger.budget.usd
        if usd is None and limit is not None:
            unknown = (
                f"No price of {self._model.name!r} is known, so the limit of ${limit:g} could not"
                " be watched."
            )
            if unknown not in self.notes:
                self.notes.append(unknown)
        self._dearest = max(self._dearest, usd or 0.0)
        self._thought = max(self._thought, int(usage.get("reasoning", 0) or 0) // calls)
        return calls

    def book_failed(
        self, allowance: CallAllowance, usage: Mapping[str, Any], *, short: bool
    ) -> None:
        """Counts what a call has used that failed.

        Args:
            allowance: What it might use.
            usage: What it used, as far as somebody said.
            short: Whether it failed as it had too little room for its reasoning.
        """
        if usage:
            self.book(allowance, usage)
        elif allowance.reservation is not None:
            self._ledger.settle(allowance.reservation, None, *allowance.least)
        if short:
            self._lacking = self._most_thought()

    async def _price(self, read: int, written: int) -> float:
        """Returns what a call costs at most, in US dollars, where somebody wants to know; without a
        price, what the dearest one did.
        """
        if self._ledger.budget.usd is None:
            return 0.0
        cost = getattr(self._model, "cost", None)
        usage = Usage(prompt=read, completion=written)
        known = self._known = (
            Usage(usd=await asyncio.to_thread(cost, usage) if callable(cost) else None).sound().usd
        )
        return max(self._dearest if known is None else known, _SOMETHING)

    async def _spare(self, read: int, visible: int, least: float) -> int | None:
        """Returns how many tokens the budget leaves beyond those of a call; None when it has no
        limit for them.
        """
        budget, spent, reserved = self._ledger.budget, self._ledger.spent, self._ledger.reserved
        left: list[float] = []
        if budget.tokens is not None:
            left.append(budget.tokens - spent.tokens - reserved.tokens - read - visible)
        if budget.usd is not None and self._known is not None:
            more = 1_000
            each = (await self._price(read, visible + more) - least) / more
            left += [(budget.usd - spent.usd - reserved.usd - least) / each] if each > 0 else []
        spare = min(left, default=math.inf)
        return None if spare == math.inf else max(0, int(spare))

    async def _afford(self, tokens: int, usd: float) -> bool:
        """Returns whether a call may be made; asks a person at the limit."""
        while isinstance(short := self._ledger.reserve(tokens=tokens, usd=usd), Short):
            budget, spent = self._ledger.budget, self._ledger.spent
            question = f"{short} Go on with a budget of this?"
            if short.what == "usd":
                known = (
                    "What the next call costs is not known."
                    if self._known is None
                    else "That is what the next call costs at most."
                )
                question = f"{short} {known} Go on with a budget of this?"
            try:
                answer = await self._ctx.approve(
                    question, _more(self._ledger, tokens, usd), schema=RaisedLimits, ask="spend"
                )
            except ApprovalRejected as error:
                why = f" ({error.reason})" if error.reason else ""
                self.closed = (
                    f"The budget was used up after {spent.calls}"
                    f" call{'' if spent.calls == 1 else 's'}{why}."
                )
                self.notes.append(f"{self.closed} What came after was done without the model.")
                return False
            self._ledger.raise_to(replace(budget, **answer))
            self.notes.append(
                f"The budget was raised when it was used up, after {spent.calls}"
                f" call{'' if spent.calls == 1 else 's'}."
            )
        self._ledger.release(short)
        return True

    def _most_thought(self) -> int:
        """Returns how many tokens of reasoning a call may use, as its model is set."""
        return max(0, int(getattr(self._model, "reasoning", 0)))

    def _requests(self) -> int | None:
        """Returns how many requests the call that was just reserved may send."""
        calls, reserved, spent = (
            self._ledger.budget.calls,
            self._ledger.reserved,
            self._ledger.spent,
        )
        return (
            None
            if calls is None or calls == math.inf
            else max(1, int(calls) - spent.calls - reserved.calls + 1)
        )


def _more(ledger: Ledger, tokens: int, usd: float) -> dict[str, float]:
    """Returns the limits that are proposed: those that were set, each twice, and at least with room
    for the call that waits.
    """
    budget, spent, reserved = ledger.budget, ledger.spent, ledger.reserved
    more: dict[str, float] = {}
    if budget.usd is not None:
        more["usd"] = max(
            2 * budget.usd, 0.01, math.ceil(round((spent.usd + reserved.usd + usd) * 1e6, 3)) / 1e6
        )
    if budget.tokens is not None:
        more["tokens"] = max(2 * budget.tokens, spent.tokens + reserved.tokens + tokens)
    if budget.calls is not None:
        more["calls"] = max(2 * budget.calls, spent.calls + reserved.calls + 1)
    return more


def _a_number(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError("it should be a number")
    return given


@with_config(ConfigDict(extra="forbid"))
class RaisedLimits(TypedDict, total=False):
    """What a person may answer at the limit of a budget: what is left out stays as it is."""

    usd: Annotated[float, BeforeValidator(_a_number), Field(ge=0, le=1e9, allow_inf_nan=False)]
    tokens: Annotated[int, BeforeValidator(_a_number), Field(ge=0, le=10**15)]
    calls: Annotated[int, BeforeValidator(_a_number), Field(ge=0, le=10**15)]
