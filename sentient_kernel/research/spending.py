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
from sentient_kernel.ledger import Ledger, Reservation, Short, Spent, amount_of
from sentient_kernel.models.base import Model, Usage
from sentient_kernel.report.report import Cost

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
    reservation: Reservation


class Spending:
    """Keeps a run, which makes one call after the other, within its budget.

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
        self.cost = Cost()
        """What the answers cost when they were made, cached ones included: the same however often
        the question is asked again.
        """
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
        if self.closed:
            return None
        reservation = await self._afford(read + expected, await self._price(read, expected))
        if reservation is None:
            return None
        least = await self._price(read, visible)
        spare, most = await self._spare(read, visible, least), self._most_thought()
        return CallAllowance(
            requests=self._requests(),
            tokens=None if spare is None else read + visible + spare,
            narrow=spare is not None and spare < most,
            least=(read + visible, least),
            reservation=reservation,
        )

    def book(self, allowance: CallAllowance, usage: Usage, *, kept: bool = False) -> None:
        """Counts what an answer has used, or that it was kept from before."""
        calls = self._count(allowance, usage, kept=kept)
        self.cost = Cost(
            usd=self.cost.usd + (usage.usd or 0.0),
            calls=self.cost.calls + calls,
            tokens=self.cost.tokens + usage.tokens,
            reasoning=self.cost.reasoning + usage.reasoning,
        )

    def _count(self, allowance: CallAllowance, usage: Usage, *, kept: bool) -> int:
        """Counts what a call has used; returns how many requests it sent."""
        calls, limit = max(1, usage.requests), self._ledger.budget.usd
        spent = (0, 0, 0.0) if kept else (calls, usage.tokens, usage.usd or 0.0)
        self._ledger.settle(allowance.reservation, *spent)
        unknown = (
            f"No price of {self._model.name!r} is known, so the limit of ${limit or 0:g} could not"
            " be watched."
        )
        if usage.usd is None and limit is not None and unknown not in self.notes:
            self.notes.append(unknown)
        self._dearest = max(self._dearest, usage.usd or 0.0)
        self._thought = max(self._thought, usage.reasoning // calls)
        return calls

    def book_failed(self, allowance: CallAllowance, usage: Usage | None, *, short: bool) -> None:
        """Counts what a call has used that failed.

        Args:
            allowance: What it might use.
            usage: What it used; None where nobody said.
            short: Whether it failed as it had too little room for its reasoning.
        """
        if usage is not None:
            self._count(allowance, usage, kept=False)
        else:
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
        budget, spent = self._ledger.budget, self._ledger.spent
        left: list[float] = []
        if budget.tokens is not None:
            left.append(budget.tokens - spent.tokens - read - visible)
        if budget.usd is not None and self._known is not None:
            more = 1_000
            each = (await self._price(read, visible + more) - least) / more
            left += [(budget.usd - spent.usd - least) / each] if each > 0 else []
        spare = min(left, default=math.inf)
        return None if spare == math.inf else max(0, int(spare))

    async def _afford(self, tokens: int, usd: float) -> Reservation | None:
        """Sets aside what a call needs, asking a person at the limit; None when nothing is left."""
        while isinstance(short := self._ledger.reserve(tokens=tokens, usd=usd), Short):
            budget, spent = self._ledger.budget, self._ledger.spent
            more = _more(budget, spent, tokens, usd)
            try:
                answer = await self._ctx.approve(
                    _raise_question(short, more, unknown=self._known is None),
                    more,
                    schema=RaisedLimits,
                    ask="spend",
                )
            except ApprovalRejected as error:
                why = f" ({error.reason})" if error.reason else ""
                self.closed = (
                    f"The budget was used up after {spent.calls}"
                    f" call{'' if spent.calls == 1 else 's'}{why}."
                )
                self.notes.append(f"{self.closed} What came after was done without the model.")
                return None
            self._ledger.raise_to(replace(budget, **answer))
            self.notes.append(
                f"The budget was raised when it was used up, after {spent.calls}"
                f" call{'' if spent.calls == 1 else 's'}."
            )
        return short

    def _most_thought(self) -> int:
        """Returns how many tokens of reasoning a call may use, as its model is set."""
        return max(0, int(getattr(self._model, "reasoning", 0)))

    def _requests(self) -> int | None:
        """Returns how many requests the next call may send."""
        calls = self._ledger.budget.calls
        if calls is None or calls == math.inf:
            return None
        return max(1, int(calls) - self._ledger.spent.calls)


def _raise_question(short: Short, more: Mapping[str, float], *, unknown: bool) -> str:
    """Returns in one sentence what was spent and what is needed, and asks for the new limit."""
    spent, limit = (amount_of(short.what, one) for one in (short.spent, short.limit))
    wanted = amount_of(short.what, short.wanted)
    needs = f"needs up to {wanted} more"
    if short.what == "usd" and unknown:
        needs = "has no known price"
        if short.wanted > _SOMETHING:
            needs += f" (the dearest one so far cost {wanted})"
    raised = amount_of(short.what, more[short.what])
    return (
        f"This research has spent {spent} of its {limit}, and its next call {needs}."
        f" Raise the limit to {raised}?"
    )


def _more(budget: Budget, spent: Spent, tokens: int, usd: float) -> dict[str, float]:
    """Returns the limits that are proposed: those that were set, each twice, and at least with room
    for the call that waits.
    """
    more: dict[str, float] = {}
    if budget.usd is not None:
        needed = math.ceil(round((spent.usd + usd) * 1e6, 3)) / 1e6
        more["usd"] = max(2 * budget.usd, 0.01, needed)
    if budget.tokens is not None:
        more["tokens"] = max(2 * budget.tokens, spent.tokens + tokens)
    if budget.calls is not None:
        more["calls"] = max(2 * budget.calls, spent.calls + 1)
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
