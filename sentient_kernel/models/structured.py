"""What a model wrote, read as the JSON that was asked for: found in prose, mended where that is
safe, never completed. Pure.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sentient_kernel.models.fitting import fit, resolved

__all__ = ["Read", "instruction", "loads", "read", "repair", "wrapped"]

MOST = 2_000_000
"""Characters of an answer that are looked at."""
_STARTS = 64  # opening brackets tried in one answer
_LITERAL = 100_000  # characters given to ast.literal_eval

_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.S)
_COMMA = re.compile(r",(\s*[\]}])")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.S)
_BULLET = re.compile(r"^\s*(?:[-*•–]|\(?\d{1,3}[.):]|\(?[a-z][.)])\s+")
_LEAD = re.compile(r"^[^\n]{0,200}:\s*\n")
_QUOTES = "\"'“”‘’`*"


@dataclass(frozen=True, slots=True)
class Read:
    """What an answer holds: a value that fits the schema, or what is wrong with it, in sentences a
    model understands.
    """

    value: Any = None
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is a value."""
        return not self.problems


def read(text: str, schema: dict[str, Any]) -> Read:
    """Reads an answer as JSON that fits a schema.

    The whole text, what stands in a code fence, and what stands between brackets in prose are
    tried; what follows an opening bracket that is never closed is taken for cut off and never read.
    Where there is no JSON at all, a schema that holds one text, one choice or one list of texts is
    read from plain lines.

    Args:
        text: What the model wrote.
        schema: A JSON schema.

    Example:
        >>> read('Sure! {"n": "3",} Good luck.', {"type": "object",
        ...     "properties": {"n": {"type": "integer"}}, "required": ["n"]}).value
        {'n': 3}
        >>> read('{"n": 3', {"type": "object"}).problems
        ('The JSON is cut off.',)
    """
    text = text[:MOST].strip()
    found, cut = _candidates(text)
    best: Read | None = None
    for value in reversed(found):  # what a model says last is what it means
        fitted, problems = fit(value, schema)
        if not problems:
            return Read(fitted)
        best = best or Read(None, tuple(problems))
    if cut:
        return Read(None, ("The JSON is cut off.",))
    if best is not None:
        return best
    plain = _from_plain(text, schema)
    return plain if plain is not None else Read(None, ("There is no JSON in the answer.",))


def instruction(schema: dict[str, Any]) -> str:
    """Returns what a model without native structured output is told."""
    told = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
    return (
        "Answer with JSON only: no prose before or after it, no code fence. It must be valid"
        f" against this JSON schema:\n{told}"
    )


def repair(problems: tuple[str, ...]) -> str:
    """Returns what a model is told about an answer that does not fit."""
    wrong = "\n".join(f"- {problem}" for problem in problems)
    return (
        f"That answer cannot be used:\n{wrong}\nGive the whole answer again as JSON only. Keep it"
        " short enough to finish."
    )


def wrapped(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Returns a schema whose top is an object, as servers want it, and whether it had to be wrapped
    into ``{"value": ...}``.

    Example:
        >>> wrapped({"type": "array"})[1]
        True
    """
    if resolved(schema, schema).get("type") == "object" or "properties" in schema:
        return schema, False
    inner = {name: part for name, part in schema.items() if name not in ("$defs", "definitions")}
    outer: dict[str, Any] = {
        "type": "object",
        "properties": {"value": inner},
        "required": ["value"],
        "additionalProperties": False,
    }
    return outer | {name: schema[name] for name in ("$defs", "definitions") if name in schema}, True


def loads(text: str) -> Any:
    """Reads JSON as models write it: commas too many, Python's words and quotes, line breaks in
    strings. Nothing is completed.

    Raises:
        ValueError: It is not JSON, nor close enough.

    Example:
        >>> loads("{'a': True, 'b': None,}")
        {'a': True, 'b': None}
    """
    for reading in (text, _without_commas(text)):
        try:
            return json.loads(reading, strict=False, parse_constant=_refuse, parse_float=_finite)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        except ValueError:
            continue
    if len(text) <= _LITERAL and text[:1] in "{[":
        try:
            # Through JSON again: a set, a tuple or bytes are Python's alone.
            return json.loads(json.dumps(ast.literal_eval(text), allow_nan=False))
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            pass
    raise ValueError("not JSON")


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is out of range")
    return value


def _without_commas(text: str) -> str:
    """Drops commas before a closing bracket, outside strings."""
    out, at = [], 0
    for string in _STRING.finditer(text):
        out += [_COMMA.sub(r"\1", text[at : string.start()]), string.group()]
        at = string.end()
    return "".join([*out, _COMMA.sub(r"\1", text[at:])])


def _candidates(text: str) -> tuple[list[Any], bool]:
    """Returns the JSON values in a text in their order, and whether one is cut off."""
    try:
        return [loads(text)], False
    except ValueError:
        pass
    found: list[Any] = []
    for fenced in _FENCE.findall(text):
        try:
            found.append(loads(fenced.strip()))
        except ValueError:
            continue
    if found:
        return found, False
    for span in _spans(text):
        if span is None:
            return found, True
        try:
            found.append(loads(span))
        except ValueError:
            continue
    return found, False


def _spans(text: str) -> Iterator[str | None]:
    """Yields what stands between outermost brackets; None for one that is never closed, and nothing
    after it.
    """
    at = 0
    for _ in range(_STARTS):
        start = min(
            (place for place in (text.find("{", at), text.find("[", at)) if place >= 0), default=-1
        )
        if start < 0:
            return
        end = _closing(text, start)
        if end < 0:
            yield None
            return
        yield text[start:end]
        at = end


_MARK = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"|"', re.S)


def _closing(text: str, start: int) -> int:
    """Returns the place after the bracket that closes the one at ``start``; -1 when there is
    none.
    """
    depth = 0
    for mark in _MARK.finditer(text, start):
        sign = mark.group()
        if sign == '"':  # a string that is never closed
            return -1
        if sign in "{[":
            depth += 1
        elif sign in "}]":
            depth -= 1
            if depth == 0:
                return mark.end()
    return -1


def _from_plain(text: str, schema: dict[str, Any]) -> Read | None:
    """Reads plain text where the schema leaves no doubt what it stands for."""
    top = resolved(schema, schema)
    if top.get("type") == "object":
        names = top.get("required") or list(top.get("properties", {}))
        if len(names) != 1 or names[0] not in top.get("properties", {}):
            return None
        part = resolved(top["properties"][names[0]], schema)
    else:
        names, part = [], top
    value = _plain_value(text, part, schema)
    if value is None:
        return None
    fitted, problems = fit({names[0]: value} if names else value, schema)
    return None if problems else Read(fitted)


def _plain_value(text: str, part: dict[str, Any], root: dict[str, Any]) -> Any:
    kind = part.get("type")
    choices = part.get("enum") or ([True, False] if kind == "boolean" else None)
    if choices:
        words = (
            {True: "yes|true", False: "no|false"}
            if kind == "boolean"
            else {choice: re.escape(str(choice)) for choice in choices}
        )
        named = [
            choice
            for choice in choices
            if re.search(rf"(?<!\w)(?:{words[choice]})(?!\w)", text, re.I)
        ]
        return named[0] if len(named) == 1 else None
    if kind == "string":
        return text or None
    if kind == "array" and resolved(part.get("items", {}), root).get("type") == "string":
        lines = [line for line in _LEAD.sub("", text, count=1).splitlines() if line.strip()]
        listed = [line for line in lines if _BULLET.match(line)]
        said = [_BULLET.sub("", line).strip().strip(_QUOTES).strip() for line in listed or lines]
        return [line for line in said if line] or None
    return None
