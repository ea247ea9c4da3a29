"""Formats that need no library: plain text, Markdown, reStructuredText, Python, tables, JSON and
notebooks.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

from .common import ParsedText, Unreadable, clean, decode, named_row, one_line

_LONGEST_OUTPUT = 4_000
_MARKDOWN_TITLE = re.compile(r"^#{1,2}[ \t]+([^\n]{1,300})$", re.MULTILINE)
_FIELD = re.compile(
    r"^(?:title[ \t]?|:title):[ \t]*(\S[^\n]{0,300})$", re.IGNORECASE | re.MULTILINE
)
_UNDERLINED = re.compile(r"^([^\s=~*#\-.:][^\n]{0,200})\n([=~*#\-])\2{2,300}[ \t]*$", re.MULTILINE)


def text(data: bytes) -> ParsedText:
    """Reads plain text; a ``Title:`` line among its first ones is its title."""
    content = clean(decode(data))
    return ParsedText(content, _field_title(content[:2_000]))


def markdown(data: bytes) -> ParsedText:
    """Reads Markdown as it is written; a front matter is taken off and asked for the title."""
    content = clean(decode(data)).lstrip("\n")
    title = ""
    if content.startswith("---\n") and (end := content.find("\n---", 4, 20_000)) > 0:
        title = _field_title(content[:end]).strip("'\"")
        content = content[end + 4 :].lstrip("-").lstrip("\n")
    heading = _MARKDOWN_TITLE.search(content, 0, 20_000) or _UNDERLINED.search(content, 0, 20_000)
    return ParsedText(content, title or (_plain(heading[1]) if heading else ""))


def rest(data: bytes) -> ParsedText:
    """Reads reStructuredText as it is written; the first underlined line is its title."""
    content = clean(decode(data))
    heading = _UNDERLINED.search(content, 0, 20_000)
    return ParsedText(
        content, _field_title(content[:2_000]) or (one_line(heading[1]) if heading else "")
    )


def python(data: bytes) -> ParsedText:
    """Reads the source of a Python module; nothing of it is run. The first line of its docstring is
    its title.
    """
    import ast
    import tokenize
    import warnings

    try:
        data = data.decode(tokenize.detect_encoding(BytesIO(data).readline)[0]).encode()
    except (SyntaxError, UnicodeDecodeError):
        pass  # a wrong cookie is a mistake of the module; its text may be readable all the same
    content = clean(decode(data))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            doc = ast.get_docstring(ast.parse(content)) or ""
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        doc = ""  # Python 2, a template: still a text that somebody may ask about
    return ParsedText(content, one_line(doc.split("\n", 1)[0], 120).rstrip("."))


def table(data: bytes, delimiter: str = "") -> ParsedText:
    """Reads comma- or tab-separated values; every row becomes a line that names its columns."""
    import csv

    content = clean(decode(data))
    if not delimiter:
        head = content[:20_000].split("\n", 1)[0]
        delimiter = max(",;\t|", key=head.count)
    csv.field_size_limit(1_000_000)
    try:
        rows = [
            line
            for line in csv.reader(content.splitlines(keepends=True), delimiter=delimiter)
            if any(cell.strip() for cell in line)
        ]
    except csv.Error as error:
        raise Unreadable(f"is not a readable table: {error}") from None
    return ParsedText(rows_as_text(rows), "", {"rows": max(0, len(rows) - 1)})


def rows_as_text(rows: list[list[str]]) -> str:
    """Returns rows as lines that name their columns, where the first row reads like a header; else
    as they are.
    """
    if not rows:
        return ""
    header = [cell.strip() for cell in rows[0]]
    if (
        len(rows) == 1
        or any(_is_number(cell) for cell in header)
        or sum(map(bool, header)) * 2 < max(map(len, rows))
    ):
        return "\n".join(line for cells in rows if (line := named_row([], cells)))
    return "\n".join(line for cells in rows[1:] if (line := named_row(header, cells)))


def tabbed(data: bytes) -> ParsedText:
    """Reads tab-separated values."""
    return table(data, "\t")


def json_text(data: bytes) -> ParsedText:
    """Reads JSON, or one JSON value a line; every leaf becomes a line that names its place."""
    content = decode(data)
    lines: list[str] = []
    try:
        _leaves(_json(content), "", lines, 0)
    except Unreadable:
        rows = [line for line in content.splitlines() if line.strip()]
        if len(rows) < 2:
            raise
        for number, line in enumerate(rows):
            _leaves(_json(line), f"[{number}]", lines, 0)
    return ParsedText(clean("\n".join(lines)))


def notebook(data: bytes) -> ParsedText:
    """Reads a Jupyter notebook: its Markdown, its code and what its code printed."""
    value = _json(decode(data))
    cells = value.get("cells") if isinstance(value, dict) else None
    if not isinstance(cells, list):
        raise Unreadable("is not a Jupyter notebook of version 4: it has no list of cells")
    parts: list[str] = []
    title = ""
    for cell in cells:
        if not isinstance(cell, dict):
            continue
        source = _source(cell.get("source"))
        if cell.get("cell_type") == "code":
            parts += [f"```\n{source.strip()}\n```"] if source.strip() else []
            parts += _outputs(cell.get("outputs"))
        elif source.strip():
            parts.append(source)
            heading = _MARKDOWN_TITLE.search(source, 0, 20_000)
            title = title or (_plain(heading[1]) if heading else "")
    return ParsedText(clean("\n\n".join(parts)), title, {"cells": len(cells)})


def _outputs(value: Any) -> list[str]:
    """Returns the texts among the outputs of a code cell; pictures, pages and colours are left
    out.
    """
    found: list[str] = []
    for output in value if isinstance(value, list) else []:
        match output:
            case {"text": [*_] | str() as said} | {"data": {"text/plain": said}}:
                printed = re.sub(r"\x1b\[[0-9;]{0,20}m", "", _source(said)[:_LONGEST_OUTPUT])
                found += [printed] if printed.strip() else []
    return found


def _source(value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    return "".join(part for part in parts if isinstance(part, str))


def _json(content: str) -> Any:
    import json

    try:
        return json.loads(content)
    except RecursionError:
        raise Unreadable("is nested too deeply to be read") from None
    except ValueError as error:
        raise Unreadable(f"is not valid JSON: {error}") from None


def _leaves(value: Any, place: str, lines: list[str], depth: int) -> None:
    """Appends a line for each leaf of a JSON value."""
    if depth > 100:
        raise Unreadable("is nested too deeply to be read")
    if isinstance(value, dict):
        for name, part in value.items():
            _leaves(part, f"{place}.{name}" if place else str(name), lines, depth + 1)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            _leaves(part, f"{place}[{number}]", lines, depth + 1)
    elif value is not None and value != "":
        lines.append(f"{place}: {value}" if place else str(value))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _field_title(head: str) -> str:
    match = _FIELD.search("\n".join(head.split("\n")[:20]))
    return one_line(match[1]) if match else ""


def _plain(heading: str) -> str:
    """Returns a heading without the marks of Markdown."""
    heading = re.sub(r"!?\[([^\]\n]{0,300})\]\([^)\n]{0,500}\)", r"\1", heading)
    return one_line(heading.strip().rstrip("#").replace("`", "").replace("**", ""))
