"""Retries: whether to repeat a request, and after which backoff (exponential, with jitter).

Pure: the caller waits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random

from sentient_kernel.errors import FetchFailed, StatusError, WrongKind

__all__ = ["ATTEMPTS", "again", "asked_to_wait"]

ATTEMPTS = 3
FIRST, MOST = 0.5, 8.0
"""Seconds: the first pause at its longest, and any pause at its longest. Each pause is somewhere
between half of that and that.
"""
PATIENCE = 60.0
"""The longest that a server may make us wait, in seconds; who asks for more is not asked again."""
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
"""Statuses that may be another one next time."""


def again(
    outcome: int | BaseException,
    attempt: int,
    headers: Mapping[str, str] | None = None,
    rng: Random | None = None,
    *,
    attempts: int = ATTEMPTS,
    now: datetime | None = None,
) -> float | None:
    """Says after how many seconds a failed call is worth another try.

    Args:
        outcome: The HTTP status that came, or the error that was raised.
        attempt: Which attempt failed, counted from 1.
        headers: What the server sent along, names in any case; those of a :class:`StatusError` are
            known.
        rng: Where jitter comes from; without one there is none.
        attempts: How many attempts there may be in all.
        now: The time that a date in ``Retry-After`` is compared with.

    Returns:
        Seconds, 0 for at once; None when it is not worth another try.

    Example:
        >>> again(503, 1), again(503, 2), again(503, 3), again(404, 1)
        (0.5, 1.0, None, None)
        >>> again(429, 1, {"retry-after-ms": "1500"})
        1.5
    """
    if attempt >= attempts:
        return None
    if isinstance(outcome, StatusError):
        headers, outcome = headers or outcome.headers, outcome.answered
    if isinstance(outcome, WrongKind):
        return 0.0 if outcome.reason_code in ("not_json", "cut") and attempt == 1 else None
    if isinstance(outcome, FetchFailed):
        worth = outcome.retryable
    elif isinstance(outcome, BaseException):
        worth = isinstance(outcome, OSError | EOFError)  # among them: refused, reset, timed out
    else:
        worth = outcome in PASSING
    if not worth:
        return None
    asked = asked_to_wait(headers or {}, now=now)
    if asked is not None:
        return asked if asked <= PATIENCE else None
    pause: float = min(MOST, FIRST * 2 ** (attempt - 1))
    return pause if rng is None else pause * (0.5 + rng.random() / 2)


def asked_to_wait(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Reads how long a server asks to be left alone: ``retry-after-ms``, then ``Retry-After`` in
    seconds or as a date.

    Args:
        headers: What it sent, names in any case.
        now: The time that a date is compared with; today's when there is none.

    Returns:
        Seconds, never negative; None when it does not ask, or not in a way that can be read.

    Example:
        >>> asked_to_wait({"Retry-After": "7"}), asked_to_wait({"retry-after": "soon"})
        (7.0, None)
    """
    named = {
        name.lower(): value.strip()
        for name, value in headers.items()
        if name.lower() in ("retry-after-ms", "retry-after")
    }
    if (ms := _number(named.get("retry-after-ms", ""))) is not None:
        return ms / 1_000
    text = named.get("retry-after", "")
    if (seconds := _number(text)) is not None:
        return seconds
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())


def _number(text: str) -> float | None:
    """Reads a number of at most twelve digits with or without a fraction; nothing else that Python
    calls a float.
    """
    whole, _, fraction = text.partition(".")
    good = (
        text.isascii()
        and len(text) <= 12
        and whole.isdigit()
        and (fraction.isdigit() or "." not in text)
    )
    return float(text) if good else None
