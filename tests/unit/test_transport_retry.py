"""Asking again: how often, how late, and never for what will not change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.errors import (
    Blocked,
    FetchTimedOut,
    Offline,
    ServerBusy,
    StatusError,
    TooBig,
    Unreachable,
    WrongKind,
)
from sentient_kernel.transport import again
from sentient_kernel.transport.retry import ATTEMPTS, MOST, PATIENCE, asked_to_wait

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "outcome",
    [
        429,
        500,
        502,
        503,
        504,
        529,
        408,
        ConnectionResetError(),
        TimeoutError(),
        EOFError(),
        OSError(),
    ],
)
def test_what_passes_is_asked_again_with_growing_pauses(outcome: int | BaseException) -> None:
    assert [again(outcome, attempt, attempts=8) for attempt in range(1, 9)] == [
        0.5,
        1,
        2,
        4,
        8,
        8,
        8,
        None,
    ]


@pytest.mark.parametrize(
    "outcome",
    [
        200,
        301,
        400,
        401,
        403,
        404,
        410,
        422,
        501,
        ValueError(),
        KeyError(),
        Blocked(""),
        Offline(""),
        TooBig(""),
    ],
)
def test_what_stays_is_not_asked_again(outcome: int | BaseException) -> None:
    assert again(outcome, 1) is None


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (Unreachable("", reason_code="reset"), [0.5, 1.0, None]),
        (FetchTimedOut(""), [0.5, 1.0, None]),
        (ServerBusy("", answered=503), [0.5, 1.0, None]),
        (StatusError("", answered=404), [None, None, None]),
        (WrongKind("", reason_code="not_json"), [0.0, None, None]),
        (WrongKind("", reason_code="cut"), [0.0, None, None]),
        (WrongKind("", reason_code="kind"), [None, None, None]),
    ],
)
def test_own_errors_say_themselves_whether_they_pass(
    error: Exception, pauses: list[float | None]
) -> None:
    assert [again(error, attempt) for attempt in (1, 2, 3)] == pauses


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after": "0"}, 0),
        ({"RETRY-AFTER": " 2.5 "}, 2.5),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"retry-after-ms": "soon", "Retry-After": "9"}, 9),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=30), usegmt=True)}, 30),
        ({"Retry-After": format_datetime(NOW - timedelta(seconds=30), usegmt=True)}, 0),
        ({"Retry-After": "Fri, 02 Jan 2026 03:04:15"}, 10),
    ],
)
def test_a_server_says_when_to_come_back(headers: Mapping[str, str], seconds: float) -> None:
    assert asked_to_wait(headers, now=NOW) == seconds
    assert (
        again(429, 1, headers, now=NOW)
        == again(ServerBusy("", answered=429, headers=dict(headers)), 1, now=NOW)
        == seconds
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "-1",
        "nan",
        "inf",
        "1e3",
        "٣",
        "1_0",
        "0x1",
        "1.",
        ".5",
        "9" * 13,
        "Fri, 99 Jan 2026 03:04:15 GMT",
    ],
)
def test_what_cannot_be_read_is_no_wish(text: str) -> None:
    assert (
        asked_to_wait({"retry-after": text}) is None
        and asked_to_wait({"retry-after-ms": text}) is None
    )
    assert again(429, 1, {"Retry-After": text}) == 0.5


def test_who_asks_for_too_much_patience_is_not_asked_again() -> None:
    assert again(429, 1, {"Retry-After": str(int(PATIENCE))}) == PATIENCE
    assert again(429, 1, {"Retry-After": str(int(PATIENCE) + 1)}) is None


@given(st.integers(0, 2**31), st.integers(1, 50))
def test_jitter_shortens_a_pause_by_half_at_most(seed: int, attempt: int) -> None:
    pause, longest = (
        again(503, attempt, rng=Random(seed), attempts=100),
        again(503, attempt, attempts=100),
    )
    assert pause is not None and longest is not None and longest / 2 <= pause <= longest <= MOST


@given(st.text(max_size=40))
def test_no_header_breaks_it(text: str) -> None:
    pause = again(429, 1, {"Retry-After": text, "retry-after-ms": text})
    assert pause is None or 0 <= pause <= PATIENCE


def test_three_attempts_are_made_unless_told_otherwise() -> None:
    assert ATTEMPTS == 3 and again(503, 1, attempts=1) is None
