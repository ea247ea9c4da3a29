"""Log records without secrets, whoever writes them and wherever they go.

Handlers belong to the user, and a filter on a logger does not see what its children log; so records
are cleaned where they are made.
"""

from __future__ import annotations

import logging
import traceback
from typing import Any

from sentient_kernel.redaction.known import redactor, shown

__all__ = ["guard_logs"]

OURS = frozenset(
    {
        "sentient_kernel",
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "openai",
        "anthropic",
        "pydantic_ai",
        "asyncio",
    }
)
"""Loggers of this package and of what it drives: what only looks like a secret is taken out of
theirs too.
"""


def guard_logs() -> None:
    """Lets every log record of this process be cleaned, from now on. Safe to call again."""
    before = logging.getLogRecordFactory()
    if getattr(before, "cleans", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = before(*args, **kwargs)
        _clean(record)
        return record

    make.cleans = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)


def _clean(record: logging.LogRecord) -> None:
    clean = shown if str(record.name).partition(".")[0] in OURS else redactor().text
    try:
        said = record.getMessage()
    except Exception:  # noqa: BLE001
        # somebody else's __str__, or arguments that do not fit: logging itself says so, at its
        # place
        return
    if (kept := clean(said)) != said:
        record.msg, record.args = kept, ()
    if record.exc_info and record.exc_info[1] is not None:
        told = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        if (kept := clean(told)) != told:
            # what a handler would make of the exception itself holds it again
            record.exc_text, record.exc_info = (
                kept,
                None,
            )
