"""Names for the ids that travel through the package, so that one is never taken for another.

Run ids sort by the time they were made (UUID version 7, RFC 9562).
"""

from __future__ import annotations

import os
from typing import NewType

RunId = NewType("RunId", str)
StepKey = NewType("StepKey", str)
ApprovalId = NewType("ApprovalId", str)
DocumentId = NewType("DocumentId", str)
BlobId = NewType("BlobId", str)
Seq = NewType("Seq", int)


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
    value = (unix_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (rand >> 68 & 0xFFF) << 64 | 0b10 << 62 | rand & (1 << 62) - 1
    text = f"{value:032x}"
    return RunId(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")
