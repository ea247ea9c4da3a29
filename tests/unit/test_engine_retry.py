"""Retry says how often and how soon, in numbers that cannot run away."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentient_kernel.engine import Retry
from sentient_kernel.errors import ModelError, StepTimedOut, UsageError


def test_waits_grow_up_to_the_longest() -> None:
    retry = Retry(attempts=6, delay=1, factor=2, longest=5, jitter=0)
    assert [retry.wait(n, 0.5) for n in range(1, 6)] == [1, 2, 4, 5, 5]


def test_jitter_spreads_to_both_sides() -> None:
    retry = Retry(delay=10, jitter=0.5)
    assert [retry.wait(1, chance) for chance in (0.0, 0.5, 1.0)] == [5, 10, 15]


@given(
    delay=st.floats(0, 1e6),
    factor=st.floats(1, 1e6),
    longest=st.floats(0, 1e6),
    jitter=st.floats(0, 1),
    failed=st.integers(1, 10**6),
    chance=st.floats(0, 1),
)
@settings(max_examples=60)
def test_no_wait_is_negative_or_longer_than_the_longest(
    delay: float, factor: float, longest: float, jitter: float, failed: int, chance: float
) -> None:
    wait = Retry(attempts=1, delay=delay, factor=factor, longest=longest, jitter=jitter).wait(
        failed, chance
    )
    assert 0 <= wait <= longest


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 0},
        {"delay": -1},
        {"factor": 0.5},
        {"jitter": 1.1},
        {"jitter": -0.1},
        {"longest": -1},
        {"delay": math.nan},
    ],
    ids=str,
)
def test_numbers_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} must be at "):
        Retry(**wrong)


class Permanent(ValueError):
    retryable = False


@pytest.mark.parametrize(
    ("error", "failed", "again"),
    [
        (ValueError("x"), 1, True),
        (ValueError("x"), 2, True),
        (ValueError("x"), 3, False),
        (KeyError("x"), 1, False),
        (Permanent("x"), 1, False),
        (ModelError("x"), 1, True),
        (StepTimedOut("x"), 1, True),
        (UsageError("x"), 1, False),
    ],
    ids=repr,
)
def test_another_try_depends_on_the_error_and_the_count(
    error: Exception, failed: int, again: bool
) -> None:
    assert (
        Retry(attempts=3, on=(ValueError, ModelError, StepTimedOut)).again(error, failed) is again
    )
