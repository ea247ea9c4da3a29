"""Values that say what they are: as short text, and as HTML that needs no style sheet."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from enum import Enum
from html import escape
from numbers import Integral, Real
from typing import Any, Final

WORDS: Final = 60
"""Characters that a value may take inside another object."""
LINE: Final = 160
"""Characters that a value may take in text."""
TEXT: Final = 1_900
"""Characters that a whole object may take in text."""
BLOCK: Final = 1_200
"""Characters that a value may take in HTML."""
LEFT: Final = 'style="text-align:left;vertical-align:top"'


class Described:
    """Gives a class its text and its HTML: a name and a value a line, empty ones left out, long
    ones cut with their length. A dataclass must be declared with ``repr=False``.

    Example:
        >>> @dataclasses.dataclass(frozen=True, repr=False)
        ... class Point(Described):
        ...     x: int
        ...     note: str = ""
        >>> Point(1), Point(2, "no return " * 20)  # doctest: +ELLIPSIS
        (Point(x=1), Point(x=2, note='no return no return ... (200 characters)'))
    """

    __slots__ = ()

    def _about(self) -> Mapping[str, Any]:
        """Returns what it says of itself, the most important first."""
        names = getattr(type(self), "model_fields", None) or (
            field.name
            for field in dataclasses.fields(self)  # type: ignore[arg-type]
            if field.repr and not field.name.startswith("_")
        )
        first = getattr(type(self), "SHOW", ())
        return {name: getattr(self, name) for name in dict.fromkeys((*first, *names))}

    def _lines(self, limit: int) -> list[tuple[str, str]]:
        """Returns what there is to say, name and value, each value within a limit."""
        told = [(name, shown(value, limit, name)) for name, value in self._about().items()]
        return [(name.replace("_", " "), value) for name, value in told if value]

    def _heading(self) -> str:
        """Returns what people call it."""
        noun = str(getattr(type(self), "NOUN", "") or type(self).__name__)
        return noun[:1].upper() + noun[1:]

    def __repr__(self) -> str:
        return self._brief()

    def _brief(self) -> str:
        """Returns one line that tells it from its like."""
        said = ", ".join(
            f"{name}={told!r}" if isinstance(value, str) else f"{name}={told}"
            for name, value in self._about().items()
            if (told := shown(value, WORDS, name))
        )
        return f"{type(self).__name__}({cut(said, 300)})"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        if printer.indentation or cycle:
            return printer.text(repr(self))  # type: ignore[no-any-return]
        lines = [f"  {name}: {value}" for name, value in self._lines(LINE)]
        printer.text(cut("\n".join([self._heading(), *lines]), TEXT) if lines else repr(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" {LEFT}>{escape(name)}</th><td {LEFT}>{escape(value)}</td></tr>\n'
            for name, value in self._lines(BLOCK)
        )
        return f"<p><strong>{escape(self._heading())}</strong></p>\n<table>\n{rows}</table>"


def cut(text: str, limit: int) -> str:
    """Returns a text that is no longer than the limit; one that was cut says so."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: Any, limit: int, name: str = "") -> str:
    """Returns a value as one line; the empty string where there is nothing to say. Of a list that
    is too long only the number is said, with its name.

    Signs that cannot be seen are written as escapes: they could change how the rest reads.
    """
    if isinstance(value, Enum):
        value = value.value
    if value is None or (isinstance(value, str | Mapping | Sequence | Set) and not len(value)):
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, Real) and not isinstance(value, bool):
        return f"{value:,}" if isinstance(value, Integral) else f"{value:,.4g}"
    if isinstance(value, Mapping):
        value = json.dumps(value, ensure_ascii=False, default=lambda one: shown(one, limit))
    elif isinstance(value, Sequence | Set) and not isinstance(value, str):
        listed = [shown(one, limit) for one in list(value)[:100]]
        joined = ", ".join(listed)
        if len(value) > 1 and (len(joined) > limit or len(listed) < len(value)):
            return f"{len(value):,} {name.replace('_', ' ')}"
        return cut(joined, limit)
    text = " ".join(str(value)[: limit * 8].split())
    text = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )
    whole = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= limit else f"{text[: limit - 1]}… ({whole:,} characters)"
