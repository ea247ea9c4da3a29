"""Who wrote a row: a keyed hash beside each that this installation has written.

The chain of hashes (``_commit``) shows that a row is missing or altered; whoever makes up a whole journal can make its chain too, as
nothing in it is secret. The mark is made with a key that lies outside every home (``sentient_kernel.installation``). It covers all that a
record says and the row's chain hash, so a row that was altered, or moved to another place, has no mark that fits.
"""

from __future__ import annotations

from _blake2 import blake2b  # what hashlib.blake2b is; the detour costs as much as the hash
from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from typing import Any, Final

from sentient_kernel.events import Origin

MARK: Final = 8
"""Bytes of a mark."""

FROM_FILE: Final = b""
"""What stands in the place of a mark for a row that came out of an opened file. It only says so; nothing relies on it."""

_ABOUT = Struct(">QqHH").pack

Mark = Callable[[bytes, int, int, bytes, bytes, bytes], bytes]
"""Returns the mark of a row: of its chain hash, seq, time in microseconds since 1970, kind, run and body."""


def marker(key: bytes) -> Mark:
    """Returns what makes the marks of one installation.

    Args:
        key: Its key, 16 to 64 bytes.
    """
    begun = blake2b(key=key, digest_size=MARK, person=b"journal row").copy  # a copy is cheaper than taking in the key again

    def mark(chain: bytes, seq: int, at: int, kind: bytes, run: bytes, body: bytes) -> bytes:
        hashed = begun()
        hashed.update(b"".join((chain, _ABOUT(seq, at, len(kind), len(run)), kind, run, body)))
        return hashed.digest()

    return mark


def origin(mark: Mark, found: Any, *row: Any) -> Origin:
    """Returns where a row comes from.

    Args:
        mark: Makes the marks of this installation.
        found: What stands beside the row.
        row: The row, as ``mark`` takes it.
    """
    if found == FROM_FILE:
        return "file"
    try:
        return "" if found == mark(*row) else "elsewhere"
    except (TypeError, StructError):  # what is stored is not of the types that were written
        return "elsewhere"
