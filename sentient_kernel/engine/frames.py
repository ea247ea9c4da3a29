"""Tables of pandas as JSON and back: every number to its last bit, every label, name and column
type.
"""

from __future__ import annotations

import math
import re
from typing import Any

from pydantic_core import from_json, to_json

from sentient_kernel.engine.codec import FRAME, SERIES
from sentient_kernel.errors import ValueNotStorable

_PLAIN = frozenset({str, int, float, bool, type(None)})
_SIMPLE = re.compile(
    r"object|bool|boolean|str|string|u?int(8|16|32|64)|U?Int(8|16|32|64)|float(16|32|64)|Float(32"
    r"|64)"
)
_TIME = re.compile(r"(datetime64|timedelta64)\[(s|ms|us|ns)")


def table_json(table: Any, what: str) -> tuple[bytes, str]:
    """Returns a table as JSON, and the name of its type.

    Args:
        table: A DataFrame of numbers, booleans, texts, times, durations, categories, and JSON
            values in columns of objects; or a Series.
        what: What it is, for the error.

    Raises:
        ValueNotStorable: A column or a label is of another type; the message names it.
    """
    one = table.ndim == 1
    frame = table.to_frame(table.name) if one else table
    columns = [
        _column(frame.iloc[:, i], what if one else f"column {label!r} of {what}")
        for i, label in enumerate(frame.columns)
    ]
    data = to_json(
        {"columns": _axis(frame.columns, what), "index": _axis(frame.index, what), "data": columns}
    )
    return data, SERIES if one else FRAME


def read_table(data: bytes, kind: str) -> Any:
    """Turns the JSON of :func:`table_json` back into the table."""
    import pandas

    body = from_json(data)
    index = _read_axis(body["index"])
    frame = pandas.DataFrame(
        {i: _read_column(column).set_axis(index) for i, column in enumerate(body["data"])},
        index=index,
    )
    frame.columns = _read_axis(body["columns"])
    return frame.iloc[:, 0] if kind == SERIES else frame


def _axis(index: Any, what: str) -> dict[str, Any]:
    import pandas

    names = list(index.names)
    if not all(type(name) in _PLAIN for name in names):
        raise _unfit(f"a name among the labels of {what}", repr(names))
    if isinstance(index, pandas.RangeIndex):
        return {"names": names, "range": [index.start, index.stop, index.step]}
    several = isinstance(index, pandas.MultiIndex)
    levels = [index.get_level_values(i) for i in range(index.nlevels)]
    return {
        "names": names,
        "several": several,
        "levels": [_column(level, f"the labels of {what}") for level in levels],
    }


def _read_axis(axis: dict[str, Any]) -> Any:
    import pandas

    if "range" in axis:
        return pandas.RangeIndex(*axis["range"], name=axis["names"][0])
    levels = [_read_column(level) for level in axis["levels"]]
    if axis["several"]:
        return pandas.MultiIndex.from_arrays(levels, names=axis["names"])
    return pandas.Index(levels[0], name=axis["names"][0])


def _column(values: Any, where: str) -> dict[str, Any]:
    """Returns one column, or one level of labels, as JSON values with what is needed to read them
    again.
    """
    import pandas

    series = pandas.Series(values).reset_index(drop=True)
    dtype, name = series.dtype, str(series.dtype)
    if isinstance(dtype, pandas.CategoricalDtype):
        categories = _column(dtype.categories, where)
        return {
            "type": "category",
            "ordered": bool(dtype.ordered),
            "categories": categories,
            "cells": series.cat.codes.tolist(),
        }
    if not (_SIMPLE.fullmatch(name) or _TIME.match(name)) or not _says_all(name, dtype):
        raise _unfit(where, f"type {name}")
    if _TIME.match(name):
        if getattr(dtype, "tz", None) is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        # since 1970, in the unit of the type
        return {
            "type": name,
            "cells": series.to_numpy().astype("int64").tolist(),
        }
    cells, special = [], {}
    for i, value in enumerate(map(_cell, series.tolist())):
        if (
            type(value) is float
            and not math.isfinite(value)
            and not (name != "object" and math.isnan(value))
        ):
            special[str(i)], value = str(value), None
        elif value is pandas.NA or (type(value) is float and math.isnan(value)):
            value = None
        elif not _is_json(value):
            raise _unfit(
                where, f"a value of type {type(value).__module__}.{type(value).__qualname__}"
            )
        cells.append(value)
    return {"type": name, "cells": cells} | ({"special": special} if special else {})


def _read_column(column: dict[str, Any]) -> Any:
    import pandas

    name, cells = column["type"], column["cells"]
    if name == "category":
        of = pandas.Index(_read_column(column["categories"]))
        return pandas.Series(
            pandas.Categorical.from_codes(cells, categories=of, ordered=column["ordered"])
        )
    time = _TIME.match(name)
    if time:
        raw = pandas.Series(cells, dtype="int64").to_numpy().view(f"{time[1]}[{time[2]}]")
        series = pandas.Series(raw)
        return series.dt.tz_localize("UTC").astype(name) if "," in name else series
    for i, value in column.get("special", {}).items():
        cells[int(i)] = float(value)
    return pandas.Series(cells, dtype=name)


def _says_all(name: str, dtype: Any) -> bool:
    """True when a type can be made again from its name."""
    import pandas

    try:
        return bool(pandas.api.types.pandas_dtype(name) == dtype)
    except (TypeError, ValueError, KeyError):
        return False


def _cell(value: Any) -> Any:
    """Returns what a cell holds; a number of numpy as Python's."""
    return (
        value.item()
        if hasattr(value, "dtype") and value.dtype.kind in "biuf" and value.ndim == 0
        else value
    )


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, dict):
        return all(type(k) is str for k in value) and all(map(_is_json, value.values()))
    return type(value) in _PLAIN and (type(value) is not float or math.isfinite(value))


def _unfit(where: str, what: str) -> ValueNotStorable:
    hint = "Turn it into texts, numbers or times first, for example with .astype(str)."
    return ValueNotStorable(
        f"{where[:1].upper()}{where[1:]} cannot be kept: it holds {what}.", hint=hint
    )
