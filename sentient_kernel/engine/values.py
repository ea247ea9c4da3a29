"""Values of numpy and pandas as Python's own, and what orders sets: JSON knows neither. Pure;
imports neither library.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from types import GeneratorType
from typing import Any

from pydantic import BaseModel

FRAME, SERIES = "pandas.DataFrame", "pandas.Series"
"""The names that a result's type is stored under when it is a table."""

_KEPT = frozenset({type(None), bool, int, float, str})


def is_table(value: Any) -> bool:
    """True for a DataFrame or a Series; asks nothing of pandas where nobody has imported it."""
    return "pandas" in sys.modules and is_table_type(type(value))


def is_table_type(cls: Any) -> bool:
    """True for the classes of DataFrames and Series and those derived from them."""
    pandas = sys.modules.get("pandas")
    kinds = (getattr(pandas, "DataFrame", ()), getattr(pandas, "Series", ()))
    return isinstance(cls, type) and any(issubclass(cls, kind) for kind in kinds)


def plain(value: Any) -> Any:
    """Returns a value with numbers, times and arrays of numpy and pandas as Python's, and sets in
    an order.

    A set's own order changes from process to process. An array becomes a list, ``NA`` and ``NaT``
    become None. Whatever is neither is returned as it is.

    Raises:
        ValueError: A part can be read only once, or Python has nothing that holds all of it.
    """
    kind = type(value)
    if kind in _KEPT:
        return value
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v) for v in value), key=repr)
    if isinstance(value, dict):
        return {_key(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, range)) and not hasattr(value, "_fields"):
        return [plain(v) for v in value]
    if isinstance(value, GeneratorType):
        raise ValueError("a generator")
    return _foreign(value)


def fallback(value: Any) -> Any:
    """Does the same for what pydantic meets inside models and dataclasses and has no JSON for."""
    found = plain(value)
    if found is value:
        raise ValueError(kind_of(value))
    return found


def parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yields the parts of a value that holds others, each with how it is reached."""
    if isinstance(value, dict):
        yield from ((f"{path}[{k!r}]", v) for k, v in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((f"{path}[{i}]", v) for i, v in enumerate(value))
    elif is_record(value):
        yield from ((f"{path}.{name}", v) for name, v in vars(value).items())


def is_record(value: Any) -> bool:
    """Tells whether a value is a pydantic model or a dataclass."""
    of_class = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return isinstance(value, BaseModel) or (of_class and hasattr(value, "__dict__"))


def kind_of(value: Any) -> str:
    """Returns the full name of a value's class."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _key(key: Any) -> Any:
    return key if type(key) in _KEPT else _foreign(key)


def _foreign(value: Any) -> Any:
    """Returns what a value of numpy or pandas says, in Python's terms; what is neither as it is."""
    if _is(value, "numpy", "ndarray"):
        return _array(value)
    if _is(value, "numpy", "generic"):
        return _scalar(value)
    pandas = sys.modules.get("pandas")
    if pandas is not None and (
        value is getattr(pandas, "NaT", 0) or value is getattr(pandas, "NA", 0)
    ):
        return None
    if _is(value, "pandas", "Timestamp"):
        return value.isoformat() if value.nanosecond else value.to_pydatetime()
    if _is(value, "pandas", "Timedelta"):
        return value.isoformat() if value.nanoseconds else value.to_pytimedelta()
    return value


def _is(value: Any, library: str, name: str) -> bool:
    """Tells whether a value is of a library's class. One that nobody has imported, or not wholly
    yet, has made no values.
    """
    return isinstance(value, getattr(sys.modules.get(library), name, ()))


def _array(array: Any) -> Any:
    """Returns an array as nested lists; one without dimensions as its value."""
    if array.dtype.kind in "biufU" and array.dtype.itemsize * (array.dtype.kind != "U") <= 8:
        return array.tolist()
    return [plain(part) for part in array] if array.ndim else plain(array[()])


def _scalar(value: Any) -> Any:
    """Returns a number, text, time or length of time of numpy. Raises ValueError where Python has
    nothing that says the same.
    """
    kind = value.dtype.kind
    if kind in "Mm":
        return _moment(value, kind)
    found = float(value) if kind == "f" else value.item()
    if kind == "V" or (found != value and value == value) or hasattr(found, "dtype"):
        raise ValueError(kind_of(value))
    return found


def _moment(value: Any, kind: str) -> Any:
    """Returns a time or a length of time; a time in nanoseconds as text."""
    if value != value:  # NaT
        return None
    found = value.item()
    # a length of time may be a number without a unit
    if not isinstance(found, int) or "[" not in str(value.dtype):
        return found
    micro = value.astype(f"{kind}8[us]")
    if micro == value and not isinstance(micro.item(), int):
        return micro.item()
    if kind == "M":
        return str(value)
    raise ValueError(kind_of(value))
