"""Values in and out of the journal: JSON through pydantic, tables of pandas in a blob, nothing else, never pickle.

A value that a step returns goes through here at once, not only when it is read again, so that the first run and every replay
see the same thing (a tuple without an annotation is a list both times).
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from sentient_kernel.errors import ValueNotStorable
from sentient_kernel.events import Written
from sentient_kernel.ids import BlobId, StepKey
from sentient_kernel.journal.base import Blobs

INLINE = 32_000
"""Bytes of JSON up to which a result stands in its row; bigger ones go to a blob."""

FRAME = "pandas.DataFrame"
_PLAIN = frozenset({type(None), bool, int, float, str})


class Encoded(NamedTuple):
    """A value as JSON bytes and, for models, dataclasses and tables, the name of its type."""

    json: bytes
    type: str = ""


def encode(value: Any, what: str) -> Encoded:
    """Turns a value into JSON.

    Args:
        value: JSON values, pydantic models, dataclasses, dates, sets of these, or one pandas DataFrame.
        what: What the value is, for the error: ``"the result of step 'read'"``.

    Raises:
        ValueNotStorable: It is none of these; the message names it.
    """
    if type(value) in _PLAIN:
        return Encoded(to_json(value, inf_nan_mode="strings"))
    if _is_frame(value):
        return Encoded(_frame_json(value), FRAME)
    try:
        data = to_json(_ordered(value), inf_nan_mode="strings", bytes_mode="base64")
    except (PydanticSerializationError, UnicodeDecodeError, ValueError) as error:
        raise ValueNotStorable(
            f"{what[:1].upper()}{what[1:]} cannot be kept as JSON: {_culprit(value)}.",
            hint="Use JSON values, pydantic models, dataclasses or one DataFrame, and open files and connections inside the step.",
        ) from error
    return Encoded(data, _tag(value))


def decode(data: bytes, tag: str = "", fn: Callable[..., Any] | None = None) -> Any:
    """Turns JSON back into a value.

    Args:
        data: What :func:`encode` made.
        tag: The name of the type it came from; looked up only among the names that the module of ``fn`` already knows.
        fn: The function that returned it; its return annotation wins over the tag.
    """
    if tag == FRAME:
        return _frame(data)
    adapter = _returns(fn) if fn is not None else None
    if adapter is None and tag and fn is not None:
        adapter = _known(fn, tag)
    if adapter is not None:
        try:
            return adapter.validate_json(data)
        except ValidationError:
            return from_json(data)  # the annotation promises something else than what was returned: plain values, both times
    return from_json(data)


def normalised(value: Any, encoded: Encoded, fn: Callable[..., Any] | None) -> Any:
    """Returns what a replay would return for a value that was just encoded."""
    if type(value) in _PLAIN and (fn is None or _returns(fn) is None) and value == value and value not in (float("inf"), float("-inf")):
        return value
    return decode(encoded.json, encoded.type, fn)


def result_fact(kind: str, key: StepKey | None, encoded: Encoded, blobs: Blobs, *, full: bool = False) -> Written:
    """Makes the event that holds a result: in the row when it is small, in a blob when it is big."""
    parts = [f'"key":"{key}"'.encode()] if key else []
    if len(encoded.json) > INLINE:
        parts.append(f'"blob":"{blobs.put(encoded.json)}"'.encode())
    elif encoded.json != b"null":
        parts.append(b'"result":' + encoded.json)
    if encoded.type:
        parts.append(b'"type":' + to_json(encoded.type))
    return Written(kind, b"{" + b",".join(parts) + b"}")


def stored_result(body: bytes, blobs: Blobs, fn: Callable[..., Any] | None) -> Any:
    """Returns the value that a step_completed or run_completed row holds."""
    fields = from_json(body)
    if fields.get("blob"):
        return decode(blobs.get(BlobId(fields["blob"])), fields.get("type", ""), fn)
    return decode(to_json(fields.get("result")), fields.get("type", ""), fn)


def inputs_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Returns the arguments of a run as the JSON value that is stored.

    Raises:
        ValueNotStorable: One of them is no JSON; the message names it.
    """
    positional = [from_json(_input(a, f"argument {i + 1} of the workflow")) for i, a in enumerate(args)]
    return {"args": positional, "kwargs": {k: from_json(_input(v, f"argument {k!r} of the workflow")) for k, v in kwargs.items()}}


def arguments(fn: Callable[..., Any], inputs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Turns stored inputs back into the arguments that the workflow's annotations ask for; ``fn`` takes the context first."""
    args, kwargs = list(inputs["args"]), dict(inputs["kwargs"])
    adapters = _takes(fn)
    names = list(adapters)
    for i, value in enumerate(args):
        if i < len(names):
            args[i] = _as(adapters[names[i]], value)
    return args, {k: _as(adapters.get(k), v) for k, v in kwargs.items()}


def _input(value: Any, what: str) -> bytes:
    encoded = encode(value, what)
    if encoded.type == FRAME:
        raise ValueNotStorable(f"{what[:1].upper()}{what[1:]} is a DataFrame.", hint="Load it in a step of the workflow, or pass where it is.")
    return encoded.json


def _as(adapter: TypeAdapter[Any] | None, value: Any) -> Any:
    if adapter is None:
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return value


@lru_cache(maxsize=512)
def _takes(fn: Callable[..., Any]) -> dict[str, TypeAdapter[Any] | None]:
    try:
        hints = get_type_hints(fn)
    except (NameError, TypeError, AttributeError):
        hints = {}
    names = list(inspect.signature(fn).parameters)[1:]
    return {name: _adapter(hints[name]) if name in hints else None for name in names}


def canonical(value: Any, what: str) -> bytes:
    """Returns JSON bytes that are the same for equal arguments, whatever the order of their keys or the process."""
    if type(value) in _PLAIN:
        return to_json(value, inf_nan_mode="strings")
    data = encode(value, what).json
    if b"{" in data:
        return json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return data


def _ordered(value: Any) -> Any:
    """Gives sets an order: their own changes from process to process."""
    if isinstance(value, (set, frozenset)):
        return sorted((_ordered(v) for v in value), key=repr)
    if isinstance(value, dict):
        return {k: _ordered(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [_ordered(v) for v in value]
    return value


def _tag(value: Any) -> str:
    if isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type)):
        return type(value).__name__
    if isinstance(value, list) and value and (isinstance(value[0], BaseModel) or dataclasses.is_dataclass(value[0])):
        return f"list:{type(value[0]).__name__}" if len({type(v) for v in value}) == 1 else ""
    return ""


@lru_cache(maxsize=1024)
def _returns(fn: Callable[..., Any]) -> TypeAdapter[Any] | None:
    try:
        hint = get_type_hints(fn).get("return")
    except (NameError, TypeError, AttributeError):
        return None
    return _adapter(hint)


def _adapter(hint: Any) -> TypeAdapter[Any] | None:
    if hint in (None, type(None), Any, dict, list, str, int, float, bool, object) or _is_frame_type(hint):
        return None
    try:
        return TypeAdapter(hint)
    except Exception:  # noqa: BLE001 - pydantic raises many kinds for types it has no schema for; then plain values serve
        return None


@lru_cache(maxsize=1024)
def _known(fn: Callable[..., Any], tag: str) -> TypeAdapter[Any] | None:
    name = tag.removeprefix("list:")
    cls = getattr(fn, "__globals__", {}).get(name)
    if not isinstance(cls, type) or not (issubclass(cls, BaseModel) or dataclasses.is_dataclass(cls)):
        return None
    return TypeAdapter(list[cls] if tag.startswith("list:") else cls)  # type: ignore[valid-type]


def _culprit(value: Any, path: str = "it") -> str:
    """Says which part of a value is in the way."""
    items: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        items = [(f"{path}[{k!r}]", v) for k, v in value.items()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        items = [(f"{path}[{i}]", v) for i, v in enumerate(value)]
    for where, item in items:
        try:
            to_json(item, inf_nan_mode="strings", bytes_mode="base64")
        except (PydanticSerializationError, UnicodeDecodeError, ValueError):
            return _culprit(item, where)
    return f"{path} is of type {type(value).__module__}.{type(value).__qualname__}"


def _is_frame(value: Any) -> bool:
    return "pandas" in sys.modules and _is_frame_type(type(value))


def _is_frame_type(cls: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(cls, type) and issubclass(cls, pandas.DataFrame)


def _frame_json(frame: Any) -> bytes:
    body = json.loads(frame.to_json(orient="split", date_format="iso", date_unit="ns", double_precision=15))
    body["dtypes"] = [str(t) for t in frame.dtypes]
    body["index_dtype"] = str(frame.index.dtype)
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _frame(data: bytes) -> Any:
    import pandas

    body = json.loads(data)
    index = pandas.Index(body["index"])
    if body["index_dtype"].startswith("datetime"):
        index = pandas.to_datetime(index).astype(body["index_dtype"])
    columns = [[row[i] for row in body["data"]] for i in range(len(body["columns"]))]
    series = [pandas.Series(c, index=index).astype(d) if not d.startswith("datetime") else pandas.to_datetime(pandas.Series(c, index=index)).astype(d)
              for c, d in zip(columns, body["dtypes"], strict=True)]
    frame = pandas.concat(series, axis=1) if series else pandas.DataFrame(index=index)
    frame.columns = pandas.Index(body["columns"])
    return frame
