"""What a model wrote, read as the JSON that was asked for: found in prose, mended where that is
safe, never completed. Pure.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sentient_kernel.models.fitting import fit

__all__ = ["Read", "instruction", "loads", "read", "repair"]

MOST = 2_000_000
"""Characters of an answer that are looked at."""
_STARTS = 64  # opening brackets tried in one answer
_LITERAL = 100_000  # characters given to ast.literal_eval

_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.S)
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', re.S)
"""A string, or a comma outside of one before a closing bracket."""


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
    return best or Read(None, ("There is no JSON in the answer.",))


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


def loads(text: str) -> Any:
    """Reads JSON as models write it: commas too many, Python's words and quotes, line breaks in
    strings. Nothing is completed.

    Raises:
        ValueError: It is not JSON, nor close enough.

    Example:
        >>> loads("{'a': True, 'b': None,}")
        {'a': True, 'b': None}
    """
    for reading in (text, _COMMA.sub(lambda found: found[1] or "", text)):
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


def _candidates(text: str) -> tuple[list[Any], bool]:
    """Returns the JSON values in a text in their order, and whether one is cut off."""
    fenced = (block.strip() for block in _FENCE.findall(text))
    if found := _loaded([text]) or _loaded(fenced):
        return found, False
    spans = list(_spans(text))
    return _loaded(filter(None, spans)), None in spans


def _loaded(texts: Iterable[str]) -> list[Any]:
    """Returns the values of those texts that are JSON."""
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(loads(text))
    return found


def _spans(text: str) -> Iterator[str | None]:
    """Yields what stands between outermost brackets; None for one that is never closed, and nothing
    after it.
    """
    at = 0
    for _ in range(_STARTS):
        if (start := _OPENING.search(text, at)) is None:
            return
        at = _closing(text, start.start())
        if at < 0:
            yield None
            return
        yield text[start.start() : at]


_OPENING = re.compile(r"[\[{]")
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
