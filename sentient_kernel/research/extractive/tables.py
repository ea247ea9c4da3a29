"""Rows of tables as lines of text: which names stand over the columns of a row. Pure.

Parsers write a row as ``| North slope | 41.0% |``; Markdown has a line of dashes under the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Row", "read_row"]

FARTHEST = 2_000
"""Characters between the names and a row that is read with them."""
_RULE = re.compile(r"\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?\s*)?$")
_FIGURE = re.compile(r"\d[\d.,]*")


class Row(NamedTuple):
    """A row of a table that says something.

    Args:
        text: The row as it is read: "Site: North slope; Cover: 41.0%".
        start: Where what it is read from begins: its names, or the row itself.
    """

    text: str
    start: int


def read_row(text: str, start: int, end: int, *, whole: bool = True) -> Row | None:
    """Returns the row of a table at a place, with the names of its columns.

    None where it is the names themselves, a rule, or a row whose names are not known.

    Args:
        text: The text around it.
        start: Where the row begins.
        end: Where it ends.
        whole: Whether the text begins where its document does, and is not cut out of it.

    Example:
        >>> table = "| Site | Cover | Depth |\\n|---|---|---|\\n| North | 41% | 8 m |"
        >>> read_row(table, 41, len(table)).text
        'Site: North; Cover: 41%; Depth: 8 m'
    """
    quote = text[start:end]
    cells = _cells(quote)
    if _RULE.fullmatch(quote.strip()) or not any(cells):
        return None
    if sum(": " in cell for cell in cells) * 2 > len(cells):  # its cells have their names in them
        return Row("; ".join(cell for cell in cells if cell), start)
    top = _top(text, start)
    block = [
        line
        for line in text[top:].split("\n\n", 1)[0].splitlines()
        if line.lstrip().startswith("|")
    ]
    ruled = len(block) > 1 and bool(_RULE.fullmatch(block[1].strip()))
    rows = [_cells(line) for line in block if not _RULE.fullmatch(line.strip())]
    known = ruled or ((whole or top > 0) and _names(rows))
    if known and start - top > 0 and start - top <= FARTHEST and len(rows[0]) >= len(cells):
        named = (
            f"{name}: {cell}" if name else cell
            for name, cell in zip(rows[0], cells, strict=False)
            if cell
        )
        return Row("; ".join(named), top)
    if not known and len(cells) == 2 and all(cells):  # a name and what it has: "Height", "214 m"
        return Row(": ".join(cells), start)
    return None


def _cells(line: str) -> list[str]:
    return [" ".join(cell.split()) for cell in line.strip().strip("|").split("|")]


def _top(text: str, start: int) -> int:
    """Returns where the first of the lines of a table begins."""
    top = start
    while top > 0 and start - top <= FARTHEST:
        line = text.rfind("\n", 0, top - 1) + 1
        if not text[line:top].lstrip().startswith("|"):
            break
        top = line
    return top


def _names(rows: Sequence[Sequence[str]]) -> bool:
    """Tells whether the first row has the names of the columns: below it stand things of one
    kind.
    """
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not rest or not all(_FIGURE.sub("", cell).strip() for cell in first[1:]):
        return False
    for at in range(1, len(first)):
        kinds = {_FIGURE.sub("0", row[at]) for row in rest}
        if (
            len(kinds) == 1
            and "0" in next(iter(kinds))
            and _FIGURE.sub("0", first[at]) not in kinds
        ):
            return len(rest) > 1 or len(first) > 2
    return len(first) > 2 and not any(_FIGURE.search(cell) for cell in first)
