"""What a search may carry to services outside: no code or number that only a person's own documents hold. Pure.

A model that has read them writes the next queries, and a page could have told it to put into them what it found there. Names and plain
words go out: whoever asks over a folder and the web together wants to find in one what the other speaks of.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from sentient_kernel.agents._words import WORD, content

_CODE = re.compile(r"(?=.*[^\W\d_])(?=.*\d)[\w.+/=-]{8,}|\d{6,}|\S{24,}")
"""What looks like a password, a key or the number of an account."""

__all__ = ["allowed", "is_outside", "is_own", "private"]


def is_own(ref: Sequence[str]) -> bool:
    """Tells whether a source holds a person's own documents: a folder, a file, or an object that they gave."""
    return os.path.isabs(ref[1]) or ref[1].startswith("source:")


def is_outside(ref: Sequence[str]) -> bool:
    """Tells whether what a source is asked leaves this machine: search engines and scholarly services."""
    return not (is_own(ref) or ref[1].partition(":")[0] == "packages" or "://" in ref[1])


def private(own: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    """Returns the codes and numbers that may not leave, as stems.

    Args:
        own: Texts of a person's own documents.
        known: What that person said, and what came from outside.

    Example:
        >>> sorted(private(["Ada's code of the vault is hunter42x."], ["Where is the vault?"]))
        ['hunter42x']
    """
    mine = frozenset(term for text in own for term in content(text) if _CODE.fullmatch(term))
    return mine - frozenset(term for text in known for term in content(text))


def allowed(query: str, kept: frozenset[str]) -> str:
    """Returns a query without what may not leave; empty when nothing is left that tells anything.

    Example:
        >>> allowed("vault hunter42x location", frozenset({"hunter42x"})), allowed("hunter42x", frozenset({"hunter42x"}))
        ('vault location', '')
    """
    if not kept or not kept & frozenset(content(query)):
        return query
    left = [match.group() for match in WORD.finditer(query) if not kept & frozenset(content(match.group()))]
    return " ".join(left) if content(" ".join(left)) else ""
