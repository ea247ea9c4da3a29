"""Marks of rows: a keyed hash (MAC) beside each row that this installation has written.

The chain of hashes (``commit``) shows that a row is missing or altered; whoever makes up a whole
journal can make its chain too, as nothing in it is secret. The mark is made with a key that lies
outside every home (``sentient_kernel.installation``). It covers all that a record says and the
row's chain hash, so a row that was altered, or moved to another place, has no mark that fits.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from struct import Struct
from struct import error as StructError
from typing import Any, Final

from sentient_kernel.events import Origin

MARK: Final = 8
"""Bytes of a mark."""

FROM_FILE: Final = b""
"""What stands in the place of a mark for a row that came out of an opened file. It only says so;
nothing relies on it.
"""

_ABOUT = Struct(">QqHH").pack


def content(seq: int, at: int, code: int, run: bytes, body: bytes) -> bytes:
    """Returns what chain and mark cover of a row.

    Args:
        seq: The row's place.
        at: Microseconds since 1970.
        code: The number of its kind.
        run: The id of its run.
        body: Its JSON.
    """
    return _ABOUT(seq, at, code, len(run)) + run + body


def kind_word(kind: str) -> bytes:
    """Returns a kind as a mark covers it: by its name, since in a made-up journal any number can
    stand for it.
    """
    name = kind.encode()
    return bytes([min(len(name), 255)]) + name


class Marker:
    """Makes the marks of one installation.

    Args:
        key: Its key, 16 to 64 bytes.
    """

    __slots__ = ("begun",)

    def __init__(self, key: bytes) -> None:
        self.begun: Callable[[], Any] = blake2b(
            key=key, digest_size=MARK, person=b"journal row"
        ).copy
        """Returns a hash that has taken in the key; cheaper than to take it in again."""

    def origin(
        self,
        found: Any,
        chain: bytes,
        word: bytes,
        seq: int,
        at: int,
        code: int,
        run: bytes,
        body: bytes,
    ) -> Origin:
        """Returns where a row comes from, beside which ``found`` stands."""
        if found == FROM_FILE:
            return "file"
        marking = self.begun()
        try:
            marking.update(chain + word + content(seq, at, code, run, body))
        except (TypeError, StructError):  # what is stored is not of the types that were written
            return "elsewhere"
        return "" if found == marking.digest() else "elsewhere"
