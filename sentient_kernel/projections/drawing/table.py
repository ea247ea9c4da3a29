"""A sequence of frozen values that shows itself: as text, as HTML, as a DataFrame."""

from __future__ import annotations

import dataclasses
import json
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pydantic import BaseModel

from sentient_kernel.errors import NotFound
from sentient_kernel.events import ErrorInfo
from sentient_kernel.projections.base import LocalCall
from sentient_kernel.projections.drawing.style import STYLE, VERBATIM, escape, line, moment, spaced
from sentient_kernel.spelling import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")
TEXT_ROWS = 20
HTML_ROWS = 50
CELL = 48
"""Characters that a cell may take in text; HTML cells wrap and may take five times that."""


class Table(Sequence[T], Generic[T]):
    """An immutable sequence of values of one class: dataclasses, named tuples or pydantic models.

    A class may say which of its fields a narrow view shows (``SHOW``) and what one of it is called
    (``NOUN``).

    Args:
        rows: The values.
        of: Their class; needed where there are no rows, so that an empty table still knows its
            columns.
        show: Shows the table live; see :meth:`with_renderer`.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Point:
        ...     x: int
        ...     y: int
        >>> points = Table([Point(1, 2), Point(3, 4)])
        >>> points, points[1].y, points[:1]
        (Table of 2 points, 4, Table of 1 point)
        >>> print(points)
        x  y
        1  2
        3  4

    Rows with a ``name`` are found by it too: ``wb.runs["how far"]``. A class may name fields whose
    sum text and HTML show below (``TOTAL``).
    """

    __slots__ = ("_of", "_rows", "_show")

    def __init__(
        self, rows: Iterable[T] = (), of: type[T] | None = None, *, show: LocalCall | None = None
    ) -> None:
        self._rows: tuple[T, ...] = tuple(rows)
        self._of: type[T] | None = of or (type(self._rows[0]) if self._rows else None)
        self._show = show

    def with_renderer(self, show: Callable[[Table[T]], Any]) -> Table[T]:
        """Returns the same table with a way to show itself live.

        Args:
            show: Shows a table in the cell that runs; returns False where only a picture of it will
                do.
        """
        return Table(self._rows, self._of, show=LocalCall(show))

    @overload
    def __getitem__(self, index: int | str) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Table[T]: ...
    def __getitem__(self, index: int | str | slice) -> T | Table[T]:
        if isinstance(index, str):
            named = {getattr(row, "name", None): row for row in self._rows}
            if index not in named:
                known = [str(name) for name in named if name is not None]
                raise NotFound(
                    f"No {self.noun} here is named {index!r}.", hint=did_you_mean(index, known)
                )
            return named[index]
        return Table(self._rows[index], self._of) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return self._rows == tuple(other) if isinstance(other, Table) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return f"Table of {counted(len(self), self.noun)}"

    def __str__(self) -> str:
        return _as_text(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if printer.indentation else str(self))

    def to_html(self) -> str:
        """Returns the table as HTML that stands alone."""
        return STYLE + table_html(self)

    def _repr_html_(self) -> str:
        return self.to_html()

    def _mime_(self) -> tuple[str, str]:
        """Returns what marimo shows."""
        return (self._show and self._show(self)) or ("text/html", self.to_html())

    def _ipython_display_(self) -> None:
        if self._show is None or not self._show(self):
            raise NotImplementedError  # IPython then takes the other forms

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all fields, in their order."""
        return fields_of(self._of)

    @property
    def shown(self) -> tuple[str, ...]:
        """The names of the fields that text and HTML show."""
        return tuple(getattr(self._of, "SHOW", ())) or self.columns

    @property
    def noun(self) -> str:
        """What one row is called."""
        return str(
            getattr(self._of, "NOUN", "")
            or (self._of.__name__.removesuffix("View").lower() if self._of else "row")
        )

    @property
    def totals(self) -> dict[str, str]:
        """The sums of the columns that have one, as text, under the columns' names; nothing where
        one row says it all.
        """
        summed = getattr(self._of, "TOTAL", ()) if len(self) > 1 else ()
        known = {n: [v for row in self if (v := getattr(row, n)) is not None] for n in summed}
        sums = {name: cell(sum(values)) for name, values in known.items()}
        return {self.shown[0]: "total", **sums} if sums else {}

    def to_frame(self) -> pd.DataFrame:
        """Returns the table as a DataFrame with a column for each field, also when it is empty;
        imports pandas then.

        Times are aware, in UTC; a nested value becomes a dict or a list, an error its one-line
        text.
        """
        from sentient_kernel.projections.drawing.frames import frame

        return frame(self._rows, self.columns, self._of)


def fields_of(cls: Any) -> tuple[str, ...]:
    """Returns the names of a row class's public fields."""
    if cls is None:
        return ()
    if dataclasses.is_dataclass(cls):
        return tuple(f.name for f in dataclasses.fields(cls) if not f.name.startswith("_"))
    if issubclass(cls, BaseModel):
        return tuple(cls.model_fields)
    return tuple(getattr(cls, "_fields", ()))


def counted(n: int, noun: str) -> str:
    """Returns a number with its noun.

    Example:
        >>> counted(1, "run"), counted(2_000, "reply")
        ('1 run', '2,000 replies')
    """
    if n == 1:
        return f"1 {noun}"
    ends_in_y = noun.endswith("y") and noun[-2:-1] not in tuple("aeiou")
    plural = (
        noun[:-1] + "ies"
        if ends_in_y
        else noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
    )
    return f"{n:,} {plural}"


def cell(value: Any, limit: int = CELL) -> str:
    """Returns a value as one short line that is the same each time: no address, no local time, no
    line break.
    """
    if value is None or (isinstance(value, tuple) and not value):
        return ""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, str | Integral):
        return line(value, limit)
    if isinstance(value, Real):  # those of numpy too
        return f"{value:.3g}" if abs(float(value)) < 1 else f"{value:,.1f}"
    if isinstance(value, ErrorInfo):
        return line(f"{value.type}: {value.message}", limit)
    return line(json.dumps(as_json(value), ensure_ascii=False, default=_type_name), limit)


def as_json(value: Any) -> Any:
    """Returns a nested value as dicts and lists."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: as_json(getattr(value, name)) for name in fields_of(type(value))}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: as_json(getattr(value, name)) for name in fields_of(type(value))}
    if isinstance(value, dict):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset | Table):
        return [as_json(v) for v in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def table_html(table: Table[Any], *, label: str = "", limit: int = HTML_ROWS) -> str:
    """Returns a table as HTML without the style sheet; every value is escaped, rows beyond the
    limit are counted.
    """
    names, rows = table.shown, table[:limit]
    texts = {name: [cell(getattr(row, name), CELL * 5) for row in rows] for name in names}
    columns = [(name, f' class="{_look(texts[name], _all_numbers(rows, name))}"') for name in names]
    head = "".join(
        f'<th scope="col"{mark}>{escape(name.replace("_", " "))}</th>' for name, mark in columns
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{mark}>{escape(texts[name][i])}</td>" for name, mark in columns)
        + "</tr>"
        for i in range(len(rows))
    )
    if total := table.totals:
        body += (
            "<tr>"
            + "".join(f"<td{mark}>{escape(total.get(name, ''))}</td>" for name, mark in columns)
            + "</tr>"
        )
    more = f", the first {len(rows)} shown" if len(rows) < len(table) else ""
    foot = counted(len(table), table.noun) + more if rows else f"No {counted(0, table.noun)[2:]}."
    grid = (
        f'<table class="sk-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
        if rows
        else ""
    )
    return spaced(
        f'<section class="sk {VERBATIM}" role="region"'
        f' aria-label="{escape(label or counted(0, table.noun)[2:].capitalize())}">'
        f'<div class="sk-scroll" tabindex="0">{grid}</div><div class="sk-foot'
        f' sk-num">{escape(foot)}</div></section>'
    )


def _as_text(table: Table[Any]) -> str:
    names, rows = table.shown, table[:TEXT_ROWS]
    if not rows:
        return f"No {counted(0, table.noun)[2:]}."
    cells = [[name.replace("_", " ") for name in names]] + [
        [cell(getattr(row, name)) for name in names] for row in rows
    ]
    if total := table.totals:
        cells.append([total.get(name, "") for name in names])
    widths = [max(_width(line[i]) for line in cells) for i in range(len(names))]
    right = [_all_numbers(rows, name) for name in names]
    lines = [
        "  ".join(_pad(text, w, r) for text, w, r in zip(row, widths, right, strict=True)).rstrip()
        for row in cells
    ]
    if len(rows) < len(table):
        lines.append(f"… and {len(table) - len(rows):,} more")
    return "\n".join(lines)


def _all_numbers(rows: Iterable[Any], name: str) -> bool:
    values = [v for row in rows if (v := getattr(row, name)) is not None]
    return bool(values) and all(isinstance(v, Real) and not isinstance(v, bool) for v in values)


def _look(texts: list[str], numbers: bool) -> str:
    """Returns the class of a column: numbers stand right, short texts (ids, times, states) stay on
    one line, long ones get room.
    """
    return (
        "sk-right" if numbers else "sk-keep" if max(map(len, texts), default=0) <= 36 else "sk-wide"
    )


def _width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _pad(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _type_name(value: object) -> str:
    return type(value).__name__
