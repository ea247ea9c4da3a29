"""What a misspelt word probably meant. Pure."""

from __future__ import annotations

from collections.abc import Iterable

ALIKE = 0.7
"""How alike two words are at least, as difflib measures it, from 0 to 1."""
LONGEST = 60


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns the known word that is most like a given one; empty where none is alike. Capitals do
    not count.

    One with the same letters in another order goes first: two that were exchanged are the commonest
        slip.

    Example:
        >>> nearest("packges", ["packages", "web"]), nearest("MODLE", ["mode",
        ...     "model"]), nearest("papers", ["web"])
        ('packages', 'model', '')
    """
    from difflib import get_close_matches

    spelt = {one.lower(): one for one in sorted(known) if len(one) <= LONGEST}
    if len(word) > LONGEST:
        return ""
    given = word.lower()
    close = get_close_matches(given, spelt, 3, ALIKE)
    turned = [one for one in spelt if len(one) > 2 and sorted(one) == sorted(given)]
    return next((spelt[one] for one in (*turned, *close)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Returns the question that goes with a misspelt word; empty where no known one is like it.

    Example:
        >>> did_you_mean("wikipeda", ["web", "wikipedia"])
        "Did you mean 'wikipedia'?"
    """
    found = nearest(word, known)
    return f"Did you mean {found!r}?" if found else ""
