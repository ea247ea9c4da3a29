"""Whether a value fits a JSON schema, and its nearest value that does: the part of JSON Schema that
models are asked with. Pure.
"""

from __future__ import annotations

import math
import re
from itertools import chain, repeat
from typing import Any

__all__ = ["bounded", "fit", "resolved"]

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
_RANGE = re.compile(r"(\d{1,9})(?:\s*[\u2013-]\s*(\d{1,9}))?")
_WIDEST = 10
"""Numbers that one range may stand for."""
_MARKED = re.compile(
    r"[\[(\u3010#^]?\s*(?:(?:quote|source|ref|citation)\s+)?#?(\d{1,9})\s*[\])\u3011]?", re.I
)
_TRUE, _FALSE = {"true", "yes"}, {"false", "no"}


def bounded(schema: dict[str, Any], *, text: int = 2_000, items: int = 32) -> dict[str, Any]:
    """Returns a schema in which every text and every list has an upper bound. A small model that is
    held to a schema fills what has none.

    Example:
        >>> bounded({"type": "array", "items": {"type": "string"}})
        {'type': 'array', 'items': {'type': 'string', 'maxLength': 2000}, 'maxItems': 32}
    """
    out = {name: _within(name, part, text, items) for name, part in schema.items()}
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "string" in kinds and not {"enum", "const", "format", "pattern"} & schema.keys():
        out.setdefault("maxLength", text)
    if "array" in kinds:
        out.setdefault("maxItems", items)
    return out


def _within(name: str, part: Any, text: int, items: int) -> Any:
    if name in ("properties", "$defs", "definitions", "patternProperties") and isinstance(
        part, dict
    ):
        return {
            key: bounded(inner, text=text, items=items) if isinstance(inner, dict) else inner
            for key, inner in part.items()
        }
    if name in ("items", "additionalProperties", "not") and isinstance(part, dict):
        return bounded(part, text=text, items=items)
    if name in ("anyOf", "oneOf", "allOf", "prefixItems") and isinstance(part, list):
        return [
            bounded(inner, text=text, items=items) if isinstance(inner, dict) else inner
            for inner in part
        ]
    return part


def resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """Returns a schema with its ``$ref`` followed; an unknown one allows everything."""
    seen = 0
    while isinstance(schema, dict) and isinstance(schema.get("$ref"), str) and seen < _DEPTH:
        target: Any = root
        for part in schema["$ref"].removeprefix("#").strip("/").split("/"):
            if part:
                target = (
                    target.get(part.replace("~1", "/").replace("~0", "~"))
                    if isinstance(target, dict)
                    else None
                )
        schema, seen = (
            (
                {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
                if isinstance(target, dict)
                else {}
            ),
            seen + 1,
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
        fewest: list[str] | None = None
        for mild in (False, True) if lenient else (False,):
            for part in several:
                trial = _Fitting(self._root)
                fitted = trial.fit(value, part, at, depth + 1, lenient=mild)
                if not trial.problems:
                    return fitted
                if fewest is None or len(trial.problems) < len(fewest):
                    fewest = trial.problems
        self.problems += fewest or []
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
        if lenient:
            for kind in kinds:
                meant = self._meant(value, kind, schema, at)
                if meant is not None:
                    return meant
        return self._wrong(
            value, f"{at} must be {' or '.join(map(str, kinds))}, not {_called(value)}"
        )

    def _meant(self, value: Any, kind: str, schema: dict[str, Any], at: str) -> Any:
        """Returns the value of that kind which is plainly meant; None when there is none."""
        held = kind == "object" and isinstance(value, list) and at == TOP
        return self._held(value, schema) if held else _meant(value, kind)

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
        for choice in choices:
            if type(choice) is type(value) and choice == value:
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
            if name in known:
                if (
                    part is None
                    and name not in required
                    and not _allows_null(known[name], self._root)
                ):
                    continue  # null for "not there"
                out[name] = self.fit(
                    part,
                    known[name],
                    f"{name!r}" if at == TOP else f"{name!r} in {at}",
                    depth + 1,
                    lenient=lenient,
                )
            elif more is False:
                if not lenient:
                    self._wrong(value, f"{name!r} must not be in {at}")
            else:
                out[name] = self.fit(
                    part,
                    more if isinstance(more, dict) else {},
                    f"{name!r} in {at}",
                    depth + 1,
                    lenient=lenient,
                )
        return out

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
            what = f"{at} must be a finite number"
            return self._wrong(value, what)  # type: ignore[no-any-return]
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
            try:
                return (
                    int(word)
                    if kind == "integer" or re.fullmatch(r"[+-]?\d{1,300}", word)
                    else float(word)
                )
            except ValueError:
                marked = _MARKED.fullmatch(word)
                return int(marked[1]) if marked and kind == "integer" else None
        if kind == "boolean":
            return (
                True if word.casefold() in _TRUE else False if word.casefold() in _FALSE else None
            )
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
    if not isinstance(item, str) or not _NUMBERS.fullmatch(item):
        return [item]
    found: list[Any] = []
    for first, last in _RANGE.findall(item):
        wide = last and 0 < int(last) - int(first) < _WIDEST
        found += (
            range(int(first), int(last) + 1) if wide else [int(one) for one in (first, last) if one]
        )
    return found


def _allows_null(schema: Any, root: dict[str, Any]) -> bool:
    schema = resolved(schema, root)
    kinds = schema.get("type")
    if (
        kinds == "null"
        or (isinstance(kinds, list) and "null" in kinds)
        or None in schema.get("enum", ())
    ):
        return True
    several = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return (
        any(_allows_null(part, root) for part in several)
        if several
        else kinds is None and "enum" not in schema and "$ref" not in schema
    )


def _called(value: Any) -> str:
    if value is None:
        return "null"
    return next(
        kind
        for kind in ("boolean", "integer", "number", "string", "array", "object")
        if _is(value, kind)
    )
