"""Values in and out of the journal: JSON through pydantic, tables of pandas in a blob, nothing
else, never pickle.

A value that a step returns goes through here at once, not only when it is read again, so that the
first run and every replay see the same thing (a tuple without an annotation is a list both times).
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import sys
from collections.abc import Callable, Iterator
from functools import lru_cache
from types import GeneratorType
from typing import Any, NamedTuple, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic_core import from_json, to_json

from sentient_kernel.errors import HoldsSecret, ValueNotStorable
from sentient_kernel.events import Written, keyed
from sentient_kernel.ids import BlobId, StepKey
from sentient_kernel.journal.base import Blobs
from sentient_kernel.redaction.known import redactor

INLINE = 32_000
"""Bytes of JSON up to which a result stands in its row; bigger ones go to a blob."""

NONFINITE = "nonfinite"
"""Stands for the type of a plain value that holds NaN or infinities: JSON has only strings for
them.
"""

FRAME, SERIES = "pandas.DataFrame", "pandas.Series"
"""The names that a result's type is stored under when it is a table."""

_PLAIN = frozenset({type(None), bool, int, float, str})
_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BYTES = ConfigDict(val_json_bytes="base64")


class Encoded(NamedTuple):
    """A value as JSON bytes and, for models, dataclasses and tables, the name of its type."""

    json: bytes
    type: str = ""


def encode(value: Any, what: str) -> Encoded:
    """Turns a value into JSON that is kept.

    Args:
        value: JSON values, pydantic models, dataclasses, dates, sets of these, numbers and arrays
            of numpy (which become lists), or one pandas DataFrame or Series.
        what: What the value is, for the error: ``"the result of step 'read'"``.

    Raises:
        ValueNotStorable: It is none of these; the message names it.
        HoldsSecret: It holds the value of a known secret.
    """
    encoded = as_json(value, what)
    refuse_secrets(encoded.json, what)
    return encoded


def refuse_secrets(data: bytes, what: str) -> None:
    """Refuses JSON that holds the value of a known secret: altered, it would not be what the
    workflow goes on with.

    Raises:
        HoldsSecret: It does; the message says which, and where.
    """
    if (found := redactor().held_in(data)) is not None:
        name, where = found
        raise HoldsSecret(
            f"{what[:1].upper()}{what[1:]} holds the secret {name}, at {where}; secrets are not"
            " kept.",
            hint="Leave it out, and read it where it is used, from the environment or a setting.",
        )


def as_json(value: Any, what: str, *, records: bool = False) -> Encoded:
    """Turns a value into JSON as :func:`encode` does, secrets included: for what is not kept;
    ``records`` as in :func:`plain`. Raises ValueNotStorable.
    """
    try:
        if type(value) in _PLAIN:
            return Encoded(
                to_json(value, inf_nan_mode="strings"),
                NONFINITE if type(value) is float and not math.isfinite(value) else "",
            )
        if is_table(value):
            from sentient_kernel.engine.frames import table_json

            return Encoded(*table_json(value, what))
        if isinstance(value, Iterator):  # a file, a generator: reading it would use it up
            raise ValueError(type(value).__name__)
        made = plain(value, records=records)
        data = _json(made)
        if b"null" in data and _tag(made) and _holds_nonfinite(made):
            # A model's own JSON has null for NaN, which it cannot read again.
            data = _json(TypeAdapter(Any).dump_python(made))
    except ValueNotStorable:
        raise
    except (ValueError, RecursionError) as error:
        raise _not_storable(value, what) from error
    if (b'"NaN"' in data or b'Infinity"' in data) and _only_from_floats(made):
        return Encoded(data, NONFINITE)
    return Encoded(data, _tag(value))


def jsonable(value: Any, what: str) -> Any:
    """Returns a value as the JSON values that it is kept as. Raises ValueNotStorable."""
    return from_json(encode(value, what).json)


def _json(value: Any) -> bytes:
    return to_json(value, inf_nan_mode="strings", bytes_mode="base64", fallback=fallback)


def decode(data: bytes, tag: str = "", fn: Callable[..., Any] | None = None) -> Any:
    """Turns JSON back into a value.

    Args:
        data: What :func:`encode` made.
        tag: The name of the type it came from; looked up only among the names that the module of
            ``fn`` already knows.
        fn: The function that returned it; its return annotation wins over the tag.
    """
    if tag in (FRAME, SERIES):
        from sentient_kernel.engine.frames import read_table

        return read_table(data, tag)
    adapter = returns(fn)
    if adapter is None and tag and fn is not None:
        adapter = _known(fn, tag)
    if adapter is not None:
        try:
            return adapter.validate_json(data)
        except ValidationError:
            # the annotation promises something else than what was returned: plain values, both
            # times
            pass
    return _with_floats(from_json(data)) if tag == NONFINITE else from_json(data)


def normalised(value: Any, encoded: Encoded, fn: Callable[..., Any] | None) -> Any:
    """Returns what a replay would return for a value that was just encoded."""
    if type(value) in _PLAIN and returns(fn) is None:
        return value
    return decode(encoded.json, encoded.type, fn)


def result(
    kind: str,
    key: StepKey | None,
    value: Any,
    what: str,
    fn: Callable[..., Any] | None,
    blobs: Blobs,
    *,
    full: bool = False,
) -> tuple[Written, Any]:
    """Makes the event that holds a result, and what a replay would return for it.

    Args:
        kind: The event's.
        key: The step's; None for a run.
        value: What was returned: in the row when it is small, in a blob when it is big.
        what: What it is, for errors.
        fn: The function that returned it.
        blobs: Where big values go.
        full: Whether the disk must have a blob at once.

    Raises:
        ValueNotStorable: It cannot be kept.
    """
    encoded = encode(value, what)
    parts: list[bytes] = []
    if len(encoded.json) > INLINE:
        parts.append(f'"blob":"{blobs.put(encoded.json, sync=full)}"'.encode())
    elif encoded.json != b"null":
        parts.append(b'"result":' + encoded.json)
    if encoded.type:
        parts.append(b'"type":' + to_json(encoded.type))
    return Written(kind, keyed(key, parts)), normalised(value, encoded, fn)


def stored_result(body: bytes, blobs: Blobs, fn: Callable[..., Any] | None) -> Any:
    """Returns the value that a step_completed or run_completed row holds."""
    fields = from_json(body)
    value, tag, blob = fields.get("result"), fields.get("type", ""), fields.get("blob")
    if not blob and not tag and returns(fn) is None:
        return value
    return decode(blobs.get(BlobId(blob)) if blob else to_json(value), tag, fn)


def inputs_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Returns the arguments of a run as the JSON value that is stored.

    Raises:
        ValueNotStorable: One of them cannot be kept as JSON; the message names it.
    """
    positional = [_input(a, f"argument {i + 1} of the workflow") for i, a in enumerate(args)]
    return {
        "args": positional,
        "kwargs": {k: _input(v, f"argument {k!r} of the workflow") for k, v in kwargs.items()},
    }


def arguments(fn: Callable[..., Any], inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Turns stored inputs back into the arguments that the workflow's annotations ask for; ``fn``
    takes the context first.
    """
    signature, adapters = _takes(fn)
    bound = signature.bind(None, *inputs["args"], **inputs["kwargs"])
    for name, value in bound.arguments.items():
        adapter, kind = adapters[name], signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            bound.arguments[name] = tuple(_as(adapter, one) for one in value)
        elif kind is inspect.Parameter.VAR_KEYWORD:
            bound.arguments[name] = {key: _as(adapter, one) for key, one in value.items()}
        else:
            bound.arguments[name] = _as(adapter, value)
    return bound.args[1:], bound.kwargs


def _input(value: Any, what: str) -> Any:
    if is_table(value):
        hint = "Load it in a step of the workflow, or pass where it is."
        raise ValueNotStorable(
            f"{what[:1].upper()}{what[1:]} is a {type(value).__name__}.", hint=hint
        )
    return jsonable(value, what)


def _as(adapter: TypeAdapter[Any] | None, value: Any) -> Any:
    if adapter is None:
        return value
    try:
        return adapter.validate_json(to_json(value))
    except ValidationError:
        return value


_Adapter = TypeAdapter[Any] | None


@lru_cache(maxsize=512)
def _takes(fn: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, _Adapter]]:
    """Returns a function's signature, and adapters for what it takes by name; None where plain
    values will do.
    """
    signature, hints = inspect.signature(fn), _hints(fn)
    named = {name: hints.get(name) for name in signature.parameters}
    return signature, {
        name: TypeAdapter(float) if hint is float else _adapter(hint)
        for name, hint in named.items()
    }


def _hints(fn: Callable[..., Any]) -> dict[str, Any]:
    """Returns what a function is annotated with; nothing where that cannot be told."""
    try:
        return get_type_hints(fn)
    except (NameError, TypeError, AttributeError):
        return {}


def canonical(value: Any, what: str) -> bytes:
    """Returns JSON bytes that are the same for equal arguments, whatever the order of their keys or
    the process.
    """
    if type(value) in _PLAIN:
        return as_json(value, what).json
    data = as_json(value, what, records=True).json
    if b"{" in data:
        return json.dumps(
            json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode("utf-8", "surrogatepass")
    return data


def _may_hold_sets(value: Any) -> bool:
    return isinstance(value, (set, frozenset)) or is_record(value)


def _holds_nonfinite(value: Any) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(_holds_nonfinite, value.values()))
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(map(_holds_nonfinite, value))
    return is_record(value) and any(map(_holds_nonfinite, vars(value).values()))


def _only_from_floats(value: Any) -> bool:
    """True when plain values hold floats that JSON has no numbers for, and no string that reads
    like one.
    """
    if isinstance(value, dict):
        return all(type(k) is not str or k not in _FLOATS for k in value) and all(
            map(_only_from_floats, value.values())
        )
    if isinstance(value, (list, tuple)):
        return all(map(_only_from_floats, value))
    return type(value) in _PLAIN and not (type(value) is str and value in _FLOATS)


def _with_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _with_floats(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_floats(v) for v in value]
    return _FLOATS.get(value, value) if type(value) is str else value


def _tag(value: Any) -> str:
    """Returns the name of the class of a model, a dataclass, or a list of one kind of these."""
    if is_typed(value):
        return type(value).__name__
    if not isinstance(value, list) or len({type(one) for one in value}) != 1:
        return ""
    return f"list:{type(value[0]).__name__}" if is_typed(value[0]) else ""


def returns(fn: Callable[..., Any] | None) -> TypeAdapter[Any] | None:
    """Returns the adapter for what a function says it returns, or None where plain values will
    do.
    """
    try:
        return None if fn is None else _returns(fn)
    except TypeError:  # a callable without a hash
        return None


@lru_cache(maxsize=1024)
def _returns(fn: Callable[..., Any]) -> _Adapter:
    return _adapter(_hints(fn).get("return"))


def _adapter(hint: Any) -> _Adapter:
    """Returns the adapter for what a hint promises, None where plain values will do."""
    if hint in (None, type(None), Any, dict, list, str, int, float, bool, object) or is_table_type(
        hint
    ):
        return None
    try:
        hash(hint)
    except TypeError:  # what a hint is annotated with may be anything
        return _new_adapter(hint, "")
    return _shared_adapter(hint, repr(hint))  # "int | str" equals "str | int" and is read otherwise


def _new_adapter(hint: Any, _: str) -> _Adapter:
    """Makes an adapter that reads bytes the way they are written here."""
    try:
        try:
            return TypeAdapter(hint, config=_BYTES)
        except PydanticUserError:
            if isinstance(hint, type) and issubclass(hint, BaseModel):
                return TypeAdapter(hint)  # it writes and reads them as its own settings say
            # a dataclass takes the setting from what is around it
            return TypeAdapter(hint | None, config=_BYTES)
    except Exception:  # noqa: BLE001
        # pydantic raises many kinds for types it has no schema for; then plain values serve
        return None


# methods and local functions that return the same share one
_shared_adapter = lru_cache(maxsize=256)(_new_adapter)


@lru_cache(maxsize=1024)
def _known(fn: Callable[..., Any], tag: str) -> TypeAdapter[Any] | None:
    name = tag.removeprefix("list:")
    cls = getattr(fn, "__globals__", {}).get(name)
    if not isinstance(cls, type) or not (
        issubclass(cls, BaseModel) or dataclasses.is_dataclass(cls)
    ):
        return None
    many: Any = list[cls]  # type: ignore[valid-type]
    return _adapter(many if tag.startswith("list:") else cls)


def _not_storable(value: Any, what: str) -> ValueNotStorable:
    where, culprit = _culprit(value, "it")
    hint = (
        "Use JSON values, pydantic models, dataclasses or one DataFrame, and open files and"
        " connections inside the step."
    )
    if len(where) > 200:
        why = "it refers to itself, or is nested too deeply"
    elif isinstance(culprit, str):
        why = f"{where} holds half a surrogate pair, which is not valid text"
    else:
        why = f"{where} is of type {kind_of(culprit)}"
        if hasattr(culprit, "__await__"):
            hint = (
                "An `await` is missing before"
                f" {getattr(culprit, '__qualname__', type(culprit).__name__)}."
            )
        elif is_table(culprit):
            hint = "Return it from a step of its own, or make it JSON with .to_dict()."
        elif kind_of(culprit).startswith("pandas."):
            hint = "Make it text or JSON first: str(...), .tolist() or .to_dict()."
    return ValueNotStorable(
        f"{what[:1].upper()}{what[1:]} cannot be kept as JSON: {why}.", hint=hint
    )


def _culprit(value: Any, path: str) -> tuple[str, Any]:
    """Returns which part of a value is in the way, and how it is reached."""
    if len(path) > 200:
        return path, value
    for where, item in parts(value, path):
        try:
            _json(plain(item))
        except (ValueError, RecursionError):
            return _culprit(item, where)
    return path, value


# -- values of numpy and pandas as Python's own; imports neither library ---------------------------


def is_table(value: Any) -> bool:
    """True for a DataFrame or a Series; asks nothing of pandas where nobody has imported it."""
    return "pandas" in sys.modules and is_table_type(type(value))


def is_table_type(cls: Any) -> bool:
    """True for the classes of DataFrames and Series and those derived from them."""
    pandas = sys.modules.get("pandas")
    kinds = (getattr(pandas, "DataFrame", ()), getattr(pandas, "Series", ()))
    return isinstance(cls, type) and any(issubclass(cls, kind) for kind in kinds)


def plain(value: Any, *, records: bool = False) -> Any:
    """Returns a value with numbers, times and arrays of numpy and pandas as Python's, and sets in
    an order.

    A set's own order changes from process to process. An array becomes a list, ``NA`` and ``NaT``
    become None. Whatever is neither is returned as it is.

    Args:
        value: The value.
        records: Whether models and dataclasses that hold sets become dicts, in which sets are given
            an order too.

    Raises:
        ValueError: A part can be read only once, or Python has nothing that holds all of it.
    """
    if type(value) in _PLAIN:
        return value
    if records and is_record(value) and any(map(_may_hold_sets, vars(value).values())):
        value = vars(value)
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v, records=records) for v in value), key=repr)
    if isinstance(value, dict):
        return {_key(k): plain(v, records=records) for k, v in value.items()}
    if isinstance(value, (list, tuple, range)) and not hasattr(value, "_fields"):
        return [plain(v, records=records) for v in value]
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


def is_typed(value: Any) -> bool:
    """Tells whether a value is a pydantic model or a dataclass."""
    return isinstance(value, BaseModel) or (
        dataclasses.is_dataclass(value) and not isinstance(value, type)
    )


def is_record(value: Any) -> bool:
    """Tells whether a value is a model or a dataclass whose fields :func:`vars` returns."""
    return is_typed(value) and hasattr(value, "__dict__")


def kind_of(value: Any) -> str:
    """Returns the full name of a value's class."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _key(key: Any) -> Any:
    return key if type(key) in _PLAIN else _foreign(key)


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
