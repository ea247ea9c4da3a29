"""What a document is called: the names that its title ends with. Pure."""

from __future__ import annotations

import re

from sentient_kernel.text.words import words

__all__ = ["family", "last"]

DEEPEST = 3
"""Parts of a title that a name may have: "DataFrame.groupby.agg"."""

_ENDING = re.compile(r"\.(?:txt|md|rst|html?|pdf|docx|ipynb)$|\(\d\w?\)$", re.I)
_SET_APART = re.compile(r"[./:]")


def family(title: str, name: str) -> tuple[str, ...] | None:
    """Returns what stands before a name that a title ends with; None when it does not end with it.

    Example:
        >>> family("pandas.DataFrame.merge (pandas 3.1)", "merge"), family("git-reset(1)", "git reset")
        (('pandas', 'DataFrame'), ())
        >>> family("pandas.Index.get_loc", "loc") is None
        True
    """
    path, wanted = _path(title), words(name)
    for count in range(1, min(DEEPEST, len(path)) + 1):
        if words(" ".join(path[-count:])) == wanted:
            return path[:-count]
    return None


def last(title: str) -> str:
    """Returns the last name of a title: ``merge`` of ``pandas.merge (pandas 3.1)``."""
    return _path(title)[-1]


def _path(title: str) -> tuple[str, ...]:
    return tuple(_SET_APART.split(_ENDING.sub("", title.partition(" (")[0])))
