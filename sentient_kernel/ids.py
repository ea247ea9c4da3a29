"""Names for the ids that travel through the package, so that one is never taken for another.

Run ids sort by the time they were made (UUID version 7, RFC 9562).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NewType

RunId = NewType("RunId", str)
StepKey = NewType("StepKey", str)
ApprovalId = NewType("ApprovalId", str)
DocumentId = NewType("DocumentId", str)
BlobId = NewType("BlobId", str)
Seq = NewType("Seq", int)

DEEPEST: Final = 200
"""Runs inside runs that are followed upwards."""


def new_run_id(unix_ms: int) -> RunId:
    """Makes a run id that sorts after all ids made in earlier milliseconds.

    Args:
        unix_ms: Milliseconds since 1970, UTC.

    Returns:
        A UUIDv7 in its usual form of 36 characters.

    Example:
        >>> new_run_id(1)[:15]
        '00000000-0001-7'
    """
    rand = int.from_bytes(os.urandom(10), "big")
    value = (
        (unix_ms & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (rand >> 68 & 0xFFF) << 64
        | 0b10 << 62
        | rand & (1 << 62) - 1
    )
    text = f"{value:032x}"
    return RunId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def line_of(run: RunId, parent_of: Callable[[RunId], RunId | None]) -> list[RunId]:
    """Returns a run, the run that it is part of, and so on up to the root.

    A journal may come from somebody else, and say that a run is part of itself: the line ends where
    a run would come twice, or is too long.

    Args:
        run: Where to begin.
        parent_of: Returns what a run is part of; None for a root.

    Example:
        >>> line_of(RunId("a"), {"a": RunId("b"), "b": RunId("a")}.get)
        ['a', 'b']
    """
    line = [run]
    while (
        len(line) < DEEPEST and (parent := parent_of(line[-1])) is not None and parent not in line
    ):
        line.append(parent)
    return line


def answer_key(run: RunId, approval: ApprovalId) -> str:
    """Returns the key under which the end of a question is written, so that there is one: an
    answer, its expiry, or its withdrawal.
    """
    return f"answer:{run}:{approval}"
