"""Tables as DataFrames. The one module that knows pandas, and it is loaded when somebody asks for a
frame.
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from sentient_kernel.events import ErrorInfo
from sentient_kernel.projections.drawing.table import as_json, fields_of

if TYPE_CHECKING:
    import pandas as pd

_DTYPES = {int: "int64", float: "float64", bool: "bool"}


def frame(rows: Sequence[Any], columns: Sequence[str], of: type | None) -> pd.DataFrame:
    """Returns rows as a DataFrame.

    Args:
        rows: Values of one class.
        columns: The fields to take, in order.
        of: The class; its annotations give the types of columns, so that an empty frame has the
            same as a full one.

    Returns:
        One row for each value. Times are ``datetime64[us, UTC]``, missing numbers NaN, texts
        objects.
    """
    import pandas as pd

    hints = get_type_hints(of) if of is not None else {}
    made = {
        name: _column([getattr(row, name) for row in rows], hints.get(name)) for name in columns
    }
    return pd.DataFrame(made, columns=list(columns))


def _column(values: list[Any], hint: Any) -> pd.Series[Any]:
    import pandas as pd

    kind, optional = _kind(hint)
    if kind is datetime:
        return pd.Series(pd.to_datetime(values, utc=True)).astype("datetime64[us, UTC]")
    if optional and kind in (int, float):
        return pd.Series([float("nan") if v is None else v for v in values], dtype="float64")
    if (
        kind in _DTYPES
        and not optional
        and not (kind is int and any(abs(v) >= 1 << 63 for v in values))
    ):
        return pd.Series(values, dtype=_DTYPES[kind])
    return pd.Series([_value(v) for v in values], dtype="object")


def _kind(hint: Any) -> tuple[Any, bool]:
    """Returns the class behind an annotation, and whether it may be None."""
    hint = getattr(hint, "__supertype__", hint)
    if get_origin(hint) in (Union, types.UnionType):
        inner = [a for a in get_args(hint) if a is not type(None)]
        return (_kind(inner[0])[0] if len(inner) == 1 else None), len(inner) < len(get_args(hint))
    return hint, False


def _value(value: Any) -> Any:
    if isinstance(value, ErrorInfo):
        return f"{value.type}: {value.message}"
    nested = isinstance(value, BaseModel | dict | list | tuple | set | frozenset) or (
        value is not None and fields_of(type(value))
    )
    return as_json(value) if nested else value
