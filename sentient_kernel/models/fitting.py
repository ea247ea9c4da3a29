"""Whether a value fits a JSON schema, and its nearest value that does: the part of JSON Schema that
models are asked with. Pure.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from itertools import chain, repeat
from typing import Any

__all__ = ["bounded", "fit", "listed", "whole_characters"]

TEXT, ITEMS = 20_000, 1_000
"""What a text and a list may hold where the schema does not say."""
_PROBLEMS = 8
_DEPTH = 64
_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
TOP = "the answer"
_NUMBERS = re.compile(
    r"[\[\]()\s]*\d{1,9}(?:[\[\]()\s]*(?:[,;&\[\u2013-]|and\b)[\[\]()\s]*\d{1,9})*[\[\]()\s]*"
)
_RANGE = re.compile(r"(\d{1,9})(?:\s*(?:[\u2013\u2014-]|\bto\b)\s*(\d{1,9}))?")
_WIDEST = 10
"""Numbers that one range may stand for."""
_MARKED = re.compile(
    r"[\[(\u3010#^]?\s*(?:(?:quote|source|ref|citation)\s+)?#?(\d{1,9})\s*[\])\u3011]?", re.I
)
_WHOLE = re.compile(r"[+-]?\d{1,300}")
_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_VALUES = frozenset(("const", "default", "enum", "examples"))
"""Members of a schema that hold values, not schemas."""


def bounded(schema: Any, *, text: int = 2_000, items: int = 32) -> Any:
    """Returns a schema in which every text and every list has an upper bound. A small model that is
    held to a schema fills what has none.

    Example:
        >>> bounded({"type": "array", "items": {"type": "string"}})
        {'type': 'array', 'items': {'type': 'string', 'maxLength': 2000}, 'maxItems': 32}
    """
    if isinstance(schema, list):
        return [bounded(part, text=text, items=items) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out = {
        name: part if name in _VALUES else bounded(part, text=text, items=items)
        for name, part in schema.items()
    }
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds and not {"enum", "const", "format", "pattern"} & schema.keys():
        out.setdefault("maxLength", text)
    if "array" in kinds:
        out.setdefault("maxItems", items)
    return out


def resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema with its ``$ref`` followed; an unknown one allows everything."""
    for _ in range(_DEPTH):
        if not isinstance(schema, dict) or not isinstance(schema.get("$ref"), str):
            break
        target: Any = root
        for part in filter(None, schema["$ref"].removeprefix("#").split("/")):
            name = part.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        schema = (
            {**target, **schema, "$ref": target.get("$ref")} if isinstance(target, dict) else {}
        )
    return schema if isinstance(schema, dict) else {}


def fit(value: Any, schema: dict[str, Any]) -> tuple[Any, list[str]]:
    """Fits a value to a schema.

    What is plainly meant is put right: ``"3"`` or ``{"n": 3}`` for a number, ``"1, 3"`` for a list
    of them, one text for a list of texts, another case in a choice, members that the schema does
    not allow, a list that was left out as it is empty, a list of objects for the object that holds
    it. Nothing is cut short and nothing else that is required is made up.

    Args:
        value: JSON.
        schema: A JSON schema.

    Returns:
        The value, and what is wrong with it (nothing: it fits).

    Example:
        >>> fit({"tags": "bees"}, {"type": "object", "properties": {"tags": {"type": "array",
        ...     "items": {"type": "string"}}}})
        ({'tags': ['bees']}, [])
    """
    fitting = _Fitting(schema)
    fitted = fitting.fit(value, schema, TOP, 0, lenient=True)
    return fitted, fitting.problems[:_PROBLEMS]


class _Fitting:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self.problems: list[str] = []

    def fit(self, value: Any, schema: Any, at: str, depth: int, *, lenient: bool) -> Any:
        if schema is False:
            return self._wrong(value, f"{at} must not be there")
        schema = resolved(schema, self._root)
        if depth > _DEPTH:
            return self._wrong(value, f"{at} is nested too deeply")
        for part in schema.get("allOf", ()):
            value = self.fit(value, part, at, depth + 1, lenient=lenient)
        for several in (schema.get("anyOf"), schema.get("oneOf")):
            if several:
                value = self._any(value, several, at, depth, lenient=lenient)
        value = self._kind(value, schema, at, lenient=lenient)
        if "const" in schema or "enum" in schema:
            value = self._choice(
                value,
                schema["enum"] if "enum" in schema else [schema["const"]],
                at,
                lenient=lenient,
            )
        if isinstance(value, dict):
            return self._object(value, schema, at, depth, lenient=lenient)
        if isinstance(value, list):
            return self._array(value, schema, at, depth, lenient=lenient)
        if isinstance(value, str):
            return self._text(value, schema, at)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._number(value, schema, at)
        return value

    def _wrong(self, value: Any, problem: str) -> Any:
        self.problems.append(f"{problem[:1].upper()}{problem[1:]}.")
        return value

    def _any(self, value: Any, several: list[Any], at: str, depth: int, *, lenient: bool) -> Any:
        tried: list[list[str]] = []
        for mild in (False, True) if lenient else (False,):
            for part in several:
                trial = _Fitting(self._root)
                fitted = trial.fit(value, part, at, depth + 1, lenient=mild)
                if not trial.problems:
                    return fitted
                tried.append(trial.problems)
        tried.sort(key=len)
        self.problems += tried[0]
        return value

    def _kind(self, value: Any, schema: dict[str, Any], at: str, *, lenient: bool) -> Any:
        kinds = schema.get("type")
        if kinds is None:
            return value
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if any(_is(value, kind) for kind in kinds):
            return value
        if isinstance(value, float) and value.is_integer() and "integer" in kinds:
            return int(value)  # JSON has one kind of number
        for kind in kinds if lenient else ():
            held = kind == "object" and isinstance(value, list) and at == TOP
            meant = self._held(value, schema) if held else _meant(value, kind)
            if meant is not None:
                return meant
        return self._wrong(
            value, f"{at} must be {' or '.join(map(str, kinds))}, not {_called(value)}"
        )

    def _held(self, value: list[Any], schema: dict[str, Any]) -> Any:
        """Returns the object that a list at the top stands for: its only item, or what it is the
        list of.
        """
        known = schema.get("properties", {})
        if len(value) == 1 and isinstance(value[0], dict) and known.keys() & value[0].keys():
            return value[0]
        lists = [name for name in known if resolved(known[name], self._root).get("type") == "array"]
        items = (
            resolved(resolved(known[lists[0]], self._root).get("items", {}), self._root)
            if lists
            else {}
        )
        objects = (
            items.get("type") == "object" and value and all(isinstance(one, dict) for one in value)
        )
        return {lists[0]: value} if objects else None

    def _choice(self, value: Any, choices: list[Any], at: str, *, lenient: bool) -> Any:
        if any(type(choice) is type(value) and choice == value for choice in choices):
            return value
        if lenient and isinstance(value, str):
            same = [
                choice for choice in choices if str(choice).casefold() == value.strip().casefold()
            ]
            if len(same) == 1:
                return same[0]
        return self._wrong(value, f"{at} must be one of {', '.join(map(repr, choices[:12]))}")

    def _object(
        self, value: dict[str, Any], schema: dict[str, Any], at: str, depth: int, *, lenient: bool
    ) -> dict[str, Any]:
        known = schema.get("properties", {})
        required = schema.get("required", ())
        for name in required:
            part = resolved(known.get(name, {}), self._root)
            may_be_empty = lenient and part.get("type") == "array" and not part.get("minItems")
            if value.get(name) is None and may_be_empty and known.keys() & value.keys():
                value = {**value, name: []}
            elif name not in value:
                self._wrong(value, f"{name!r} is missing in {at}")
        more = schema.get("additionalProperties", True)
        out: dict[str, Any] = {}
        for name, part in value.items():
            where = f"{name!r}" if at == TOP else f"{name!r} in {at}"
            if name not in known and more is False:
                if not lenient:
                    self._wrong(value, f"{name!r} must not be in {at}")
                continue
            inner = known.get(name, more)
            optional = name in known and name not in required
            if part is None and optional and not self._allows_null(inner):
                continue  # null for "not there"
            out[name] = self.fit(part, inner, where, depth + 1, lenient=lenient)
        return out

    def _allows_null(self, schema: Any) -> bool:
        trial = _Fitting(self._root)
        trial.fit(None, schema, TOP, 0, lenient=False)
        return not trial.problems

    def _array(
        self, value: list[Any], schema: dict[str, Any], at: str, depth: int, *, lenient: bool
    ) -> list[Any]:
        if lenient and resolved(schema.get("items", {}), self._root).get("type") == "integer":
            value = [number for item in value for number in _several(item)]
        least, most = schema.get("minItems", 0), schema.get("maxItems", ITEMS)
        if not least <= len(value) <= most:
            self._wrong(value, f"{at} must have {least} to {most} items, not {len(value)}")
        parts = chain(schema.get("prefixItems", ()), repeat(schema.get("items", {})))
        return [
            self.fit(item, part, f"item {place} of {at}", depth + 1, lenient=lenient)
            for place, (item, part) in enumerate(zip(value[: most + 1], parts, strict=False), 1)
        ]

    def _text(self, value: str, schema: dict[str, Any], at: str) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength", TEXT)
        if not least <= len(value) <= most:
            self._wrong(value, f"{at} must have {least} to {most} characters, not {len(value)}")
        elif "pattern" in schema and not re.search(schema["pattern"], value):
            self._wrong(value, f"{at} must match {schema['pattern']!r}")
        return value if value.isascii() else whole_characters(value)

    def _number(self, value: int | float, schema: dict[str, Any], at: str) -> int | float:
        if not math.isfinite(value):
            self._wrong(value, f"{at} must be a finite number")
            return value
        low, high = schema.get("minimum", -math.inf), schema.get("maximum", math.inf)
        above, below = (
            schema.get("exclusiveMinimum", -math.inf),
            schema.get("exclusiveMaximum", math.inf),
        )
        if not (
            low <= value <= high
            and (above < value or above == -math.inf)
            and (value < below or below == math.inf)
        ):
            self._wrong(
                value,
                f"{at} must lie between {max(low, above)} and {min(high, below)}, not at {value}",
            )
        return value


def whole_characters(text: str) -> str:
    """Joins surrogate pairs and replaces halves of one: text that can be written as UTF-8."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES.get(kind, object))


def _meant(value: Any, kind: str) -> Any:
    """Returns the value of that kind which is plainly meant; None when there is none."""
    if isinstance(value, str):
        word = value.strip()
        if kind in ("integer", "number"):
            with suppress(ValueError):
                return float(word) if kind == "number" and not _WHOLE.fullmatch(word) else int(word)
            marked = _MARKED.fullmatch(word)
            return int(marked[1]) if marked and kind == "integer" else None
        if kind == "boolean":
            return _WORDS.get(word.casefold())
    if kind == "integer" and isinstance(value, dict):
        numbers = [
            one
            for one in value.values()
            if _is(one, "integer") or (isinstance(one, str) and one.strip().isdecimal())
        ]
        return int(numbers[0]) if len(numbers) == 1 else None
    if kind == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if (
        kind == "array"
        and isinstance(value, (str, int, float, dict))
        and not isinstance(value, bool)
        and value != ""
    ):
        return [value]
    return None


def _several(item: Any) -> list[Any]:
    """Returns the whole numbers that a text such as ``"1, 3"`` or ``"2-4"`` lists; anything else as
    it is.
    """
    return listed(item) if isinstance(item, str) and _NUMBERS.fullmatch(item) else [item]


def listed(text: str) -> list[int]:
    """Returns the numbers that a text names, those within its ranges among them.

    Example:
        >>> listed("1, 3 and 5-7")
        [1, 3, 5, 6, 7]
    """
    found: list[int] = []
    for first, last in _RANGE.findall(text):
        wide = last and 0 <= int(last) - int(first) < _WIDEST
        found += range(int(first), int(last) + 1) if wide else map(int, filter(None, (first, last)))
    return found


def _called(value: Any) -> str:
    if value is None:
        return "null"
    return next(
        kind
        for kind in ("boolean", "integer", "number", "string", "array", "object")
        if _is(value, kind)
    )
