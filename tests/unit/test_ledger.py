"""A budget is kept: what is set aside and what is spent never go over it together."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.budget import Budget
from sentient_kernel.errors import UsageError
from sentient_kernel.ledger import Ledger, Reservation, Short, Spent


def reserved(ledger: Ledger, *amounts: Any) -> Reservation:
    """Sets aside what has to be there."""
    found = ledger.reserve(*amounts)
    assert isinstance(found, Reservation)
    return found


def test_without_a_budget_nothing_is_short_and_all_is_counted() -> None:
    ledger = Ledger()
    ledger.settle(reserved(ledger, 1, 10**9, 1e6), tokens=10**9, usd=1e6)
    assert ledger.spent == Spent(usd=1e6, tokens=10**9, calls=1)


@pytest.mark.parametrize(
    ("budget", "what"),
    [
        (Budget(calls=1), "calls"),
        (Budget(tokens=100), "tokens"),
        (Budget(usd=0.5), "usd"),
        (Budget(calls=0), "calls"),
    ],
)
def test_what_is_short_is_named(budget: Budget, what: str) -> None:
    ledger = Ledger(budget)
    if budget.calls != 0:
        reserved(ledger, 1, 100, 0.5)
    short = ledger.reserve(1, 1, 0.01)
    assert isinstance(short, Short)
    assert short.what == what


def test_what_is_short_says_so_in_a_sentence() -> None:
    ledger = Ledger(Budget(usd=0.5))
    ledger.settle(reserved(ledger, 1, 0, 0.3), usd=0.25)
    held = reserved(ledger, 1, 0, 0.2)
    short = ledger.reserve(usd=0.1)
    assert (
        str(short)
        == "The budget allows $0.50: $0.25 used, $0.20 set aside for calls under way, $0.10 more"
        " needed."
    )
    assert isinstance(short, Short)
    assert not short.final
    ledger.settle(held)
    short = ledger.reserve(usd=0.1)
    assert isinstance(short, Short)
    assert short.final


def test_what_a_call_did_not_use_comes_back() -> None:
    ledger = Ledger(Budget(tokens=100))
    ledger.settle(reserved(ledger, 1, 100), tokens=30)
    assert isinstance(ledger.reserve(1, 71), Short)
    assert isinstance(ledger.reserve(1, 70), Reservation)


def test_a_call_that_was_not_made_costs_nothing() -> None:
    ledger = Ledger(Budget(calls=1))
    ledger.release(reserved(ledger))
    assert ledger.spent == Spent()
    assert isinstance(ledger.reserve(), Reservation)


def test_what_nobody_knows_counts_as_it_was_reserved() -> None:
    ledger = Ledger()
    ledger.settle(reserved(ledger, 1, 50, 0.02), tokens=40, usd=None)
    assert ledger.spent == Spent(usd=0.02, tokens=40, calls=1)


def test_a_call_that_used_more_leaves_less_for_the_next() -> None:
    ledger = Ledger(Budget(tokens=100))
    ledger.settle(reserved(ledger, 1, 10), tokens=95)
    short = ledger.reserve(1, 10)
    assert isinstance(short, Short)
    assert (short.spent, short.limit) == (95, 100)


def test_ten_times_ten_cents_is_a_dollar() -> None:
    ledger = Ledger(Budget(usd=1.0))
    for _ in range(10):
        ledger.settle(reserved(ledger, 1, 0, 0.1))
    assert ledger.spent.usd == 1.0
    assert isinstance(ledger.reserve(usd=0.000_001), Short)


def test_a_reservation_is_settled_once_and_where_it_was_made() -> None:
    ledger, other = Ledger(), Ledger()
    one, twin = reserved(ledger), reserved(ledger)
    with pytest.raises(UsageError):
        other.settle(one)
    ledger.settle(one)
    with pytest.raises(UsageError):
        ledger.settle(one)
    ledger.settle(twin)
    assert ledger.spent.calls == 2


@pytest.mark.parametrize(
    "amounts", [(-1, 0, 0.0), (0, -1, 0.0), (0, 0, -0.1), (0, 0, math.nan), (0, 0, math.inf)]
)
def test_amounts_that_cannot_be_are_refused_and_nothing_is_counted(amounts: Any) -> None:
    ledger = Ledger(Budget(calls=2))
    with pytest.raises(UsageError):
        ledger.reserve(*amounts)
    held = reserved(ledger)
    with pytest.raises(UsageError):
        ledger.settle(held, *amounts)
    assert (ledger.spent.calls, ledger.reserved.calls) == (0, 1)


def test_more_may_be_allowed() -> None:
    ledger = Ledger(Budget(calls=1))
    ledger.settle(reserved(ledger))
    assert isinstance(ledger.reserve(), Short)
    ledger.raise_to(Budget(calls=2))
    assert isinstance(ledger.reserve(), Reservation)
    assert ledger.budget == Budget(calls=2)


def test_a_run_that_is_taken_up_again_begins_with_what_it_spent() -> None:
    ledger = Ledger(Budget(calls=3, usd=1.0), Spent(calls=2, usd=0.9))
    assert isinstance(ledger.reserve(2), Short)
    assert isinstance(ledger.reserve(1, 0, 0.2), Short)
    assert isinstance(ledger.reserve(1, 0, 0.1), Reservation)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9)), max_size=60), st.integers(0, 100))
def test_the_limit_holds_however_many_calls_are_under_way(
    calls: list[tuple[int, int]], limit: int
) -> None:
    ledger = Ledger(Budget(tokens=limit))
    high = 0

    async def one(tokens: int, turns: int) -> None:
        nonlocal high
        found = ledger.reserve(1, tokens)
        if isinstance(found, Short):
            return
        for _ in range(turns):
            high = max(high, ledger.spent.tokens + ledger.reserved.tokens)
            await asyncio.sleep(0)
        ledger.settle(found, tokens=tokens - min(tokens, turns))

    async def main() -> None:
        await asyncio.gather(*(one(*call) for call in calls))

    asyncio.run(main())
    assert high <= limit
    assert ledger.spent.tokens <= limit
    assert ledger.reserved == Spent()


@pytest.mark.parametrize("limit", ["usd", "tokens", "calls", "seconds"])
@pytest.mark.parametrize("value", [-1, math.nan, True, "5"])
def test_budget_that_cannot_be_is_refused(limit: str, value: Any) -> None:
    with pytest.raises(UsageError, match=f"{limit} must be "):
        Budget(**{limit: value})


@pytest.mark.parametrize("limit", ["tokens", "calls"])
def test_calls_and_tokens_are_whole(limit: str) -> None:
    with pytest.raises(UsageError, match=f"{limit} must be a whole number"):
        Budget(**{limit: 1.5})
    assert Budget(**{limit: 2.0}) == Budget(**{limit: 2})


def test_budget_may_leave_open_what_it_wants() -> None:
    assert Budget(usd=0.5, seconds=1.5, calls=0).tokens is None
    assert isinstance(Ledger(Budget(calls=math.inf)).reserve(10**19), Reservation)  # type: ignore[arg-type]


def test_waiting_helps_while_what_is_spent_leaves_room() -> None:
    assert not Short("calls", wanted=1, spent=2, reserved=1, limit=3).final
    assert Short("calls", wanted=2, spent=2, reserved=0, limit=3).final


@pytest.mark.parametrize(
    ("short", "said"),
    [
        (
            Short("usd", 0.00005, 0.5, 0, 0.5),
            "The budget allows $0.50: $0.50 used, $0.0001 more needed.",
        ),
        (Short("usd", 0.00004, 0.5, 0, 0.5), "The budget allows $0.50: $0.50 used."),
        (
            Short("usd", 0.00007, 0.5, 0, 0.5),
            "The budget allows $0.50: $0.50 used, $0.0001 more needed.",
        ),
        (
            Short("calls", 1, 0, 0, 0),
            "The budget allows 0 calls: 0 calls used, 1 call more needed.",
        ),
        (
            Short("tokens", 0.00001, 1, 0, 1),
            "The budget allows 1 token: 1 token used, 0 tokens more needed.",
        ),
        (
            Short("tokens", 12_000, 1, 2, 9_000),
            (
                "The budget allows 9,000 tokens: 1 token used, 2 tokens set aside for calls under"
                " way, 12,000 tokens more needed."
            ),
        ),
    ],
)
def test_amounts_are_shown_as_people_write_them(short: Short, said: str) -> None:
    assert str(short) == said


def test_what_is_wanted_is_one_call_unless_it_is_said() -> None:
    ledger = Ledger(Budget(calls=1))
    assert isinstance(ledger.reserve(2), Short)
    ledger.settle(reserved(ledger))
    assert ledger.spent == Spent(calls=1, tokens=0, usd=0.0)


def test_money_is_counted_in_billionths() -> None:
    ledger = Ledger(Budget(usd=1e-9))
    assert isinstance(ledger.reserve(usd=2e-9), Short)
    ledger.settle(reserved(ledger, 0, 0, 1e-9))
    assert ledger.spent == Spent(usd=1e-9)
