"""The small marks of docstrings: roles, emphasis and links inside a line, and tables. Pure; time
grows linearly with the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile, zip_longest

from sentient_kernel.sources.parser.common import named_row

_LONGEST_TABLE = 400
_ROLE = re.compile(r":([a-zA-Z][\w+.-]{0,20})(?::([a-zA-Z][\w+.-]{0,20}))?:`([^`\n]{1,200})`")
_LINK = re.compile(r"(?<!`)`([^`<\n]{1,200}?)\s{0,3}<[^>`\n]{1,300}>`_{0,2}")
_NAMED = re.compile(r"(?<!`)`([^`\n]{1,200})`_{1,2}(?!\w)")
_LITERAL = re.compile(r"``([^`\n]{1,300})``")
_CROSS = re.compile(r"!?\[([^\[\]\n]{1,200})\](?:\([^()\s]{0,300}\)|\[[^\[\]\n]{0,200}\])")
_NOTE = re.compile(r"\s?\[(?:#?\w{0,30}|\*)\]_(?!\w)")
_SPAN = re.compile(r"(`[^`\n]{1,300}`)")
_STRONG = re.compile(r"(?<![\w*\\])\*\*(?=[^\s*])([^*\n]{1,200})(?<=[^\s*])\*\*(?![\w*])")
_EMPHASIS = re.compile(r"(?<![\w*\\/])\*(?=[^\s*])([^*\n]{1,120})(?<=[^\s*,(])\*(?![\w*])")
_BARS = re.compile(r"(?<![\w|])\|([a-zA-Z~@][\w.@~-]{0,80})\|(?![\w|])")
_ESCAPE = re.compile(r"\\([*_`|\\:<> ])")
_PLAIN_ROLES = frozenset(
    "ref doc term math abbr download guilabel menuselection sub sup strong emphasis dfn numref"
    " title-reference".split()
)
_SIMPLE = re.compile(r"={2,}(?: +={2,})+ *$")
_GRID = re.compile(r"\+(?:[-=]+\+)+ *$")


def inline(text: str) -> str:
    """Returns a stretch of prose without the marks of reStructuredText; code keeps one backtick on
    each side.

    Example:
        >>> text = "See :class:`~pandas.DataFrame` and the `guide <https://x.org>`_"
        >>> inline(text + ": *never* ``None`` [1]_.")
        'See `DataFrame` and the guide: never `None`.'
    """
    if "`" in text:
        text = _ROLE.sub(_role, text)
        text = _LITERAL.sub(r"`\1`", text)
        text = _LINK.sub(r"\1", text)
        text = _NAMED.sub(r"\1", text)
    if "]" in text:
        text = _CROSS.sub(r"\1", text)
        text = _NOTE.sub("", text)
    if "*" in text or "|" in text or "\\" in text:
        parts = _SPAN.split(text)
        parts[::2] = [_unmarked(part) for part in parts[::2]]
        text = "".join(parts)
    return text


def _role(match: re.Match[str]) -> str:
    """Returns what a role shows: its title, the last part of a name after ``~``, else all of it."""
    role, shown = (match[2] or match[1]).lower(), match[3]
    if shown.endswith(">") and " <" in shown:
        shown = shown[: shown.index(" <")].strip()
    elif shown.startswith("~"):
        shown = shown[1:].rpartition(".")[2]
    shown = shown.lstrip("!.")
    if role in ("pep", "rfc"):
        return f"{role.upper()} {shown}"
    return shown if role in _PLAIN_ROLES or not shown else f"`{shown}`"


def _unmarked(text: str) -> str:
    if "*" in text:
        text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\1", text))
    if "|" in text:
        text = _BARS.sub(lambda match: match[1].lstrip("~@"), text)
    return _ESCAPE.sub(lambda match: match[1].strip(), text) if "\\" in text else text


def table_end(lines: Sequence[str], start: int) -> int:
    """Returns where a table that begins at ``start`` ends; ``start`` when none does."""
    first = lines[start].strip()
    if _GRID.match(first):
        drawn = takewhile(lambda line: line.lstrip().startswith(("+", "|")), lines[start:])
        return start + len(list(drawn))
    last = start
    borders = 0
    for at in range(start, min(len(lines), start + _LONGEST_TABLE)):
        if _SIMPLE.match(lines[at].strip()):
            borders += 1
            last = at + 1 if borders > 1 else start
            closed = at + 1 == len(lines) or not lines[at + 1].strip()
            if borders == 3 or (borders == 2 and closed):
                break
        elif not borders:
            break
    return last


def table(lines: Sequence[str]) -> str:
    """Returns a table as lines that name their columns."""
    grid = lines[0].lstrip().startswith("+")
    header, rows = _grid(lines) if grid else _simple(lines)
    return "\n".join(
        line for cells in rows if (line := named_row(header, [inline(cell) for cell in cells]))
    )


def _simple(lines: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Reads a table whose columns are told by runs of ``=``."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    columns = [match.start() for match in re.finditer(r"=+", lines[0])]
    ends: list[int | None] = [*columns[1:], None]
    parts: list[list[list[str]]] = [[]]
    for line in lines[1:]:
        if _SIMPLE.match(line.strip()) or (
            not line.strip("- ") and line.strip() and len(parts) == 1
        ):
            parts.append([])
            continue
        if not line.strip("- "):
            continue
        cells = [line[start:end].strip() for start, end in zip(columns, ends, strict=True)]
        if parts[-1] and not line[indent : columns[1]].strip():  # a cell that goes on
            parts[-1][-1] = [
                f"{old} {new}".strip() for old, new in zip(parts[-1][-1], cells, strict=True)
            ]
        else:
            parts[-1].append(cells)
    filled = [part for part in parts if part]
    if len(filled) > 1:
        return [" ".join(column).strip() for column in zip(*filled[0], strict=True)], [
            row for part in filled[1:] for row in part
        ]
    return [], filled[0] if filled else []


def _grid(lines: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Reads a table drawn with ``+---+``."""
    header: list[str] = []
    rows: list[list[str]] = []
    held: list[list[str]] = []
    for text in map(str.strip, lines):
        if text.startswith("|"):
            held.append([cell.strip() for cell in text.strip("|").split("|")])
            continue
        row = [" ".join(filter(None, column)) for column in zip_longest(*held, fillvalue="")]
        if held and "=" in text and not rows:
            header = row
        elif held:
            rows.append(row)
        held = []
    return header, rows
