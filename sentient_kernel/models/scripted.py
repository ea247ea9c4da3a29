"""A model that says what a script tells it, for tests and notebooks: no key, no network, the same answer each time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sentient_kernel.errors import ModelError
from sentient_kernel.models.base import Message, Reply, Usage

Line = str | dict[str, Any] | list[Any] | Exception


class ScriptedModel:
    """Answers from a script.

    Args:
        script: Lines in order (text, a JSON value, or an exception to raise); or a mapping from a piece of the last message to the
            line that answers it; or a function of the conversation.
        name: What it is called in records.

    Raises:
        ModelError: from ``complete``, when the script has no line left or none that fits.

    Example:
        >>> import asyncio
        >>> model = ScriptedModel({"capital of France": "Paris."})
        >>> asyncio.run(model.complete([Message(role="user", text="What is the capital of France?")])).text
        'Paris.'
        >>> len(model.calls)
        1
    """

    def __init__(
        self, script: Iterable[Line] | Mapping[str, Line] | Callable[[Sequence[Message]], Line], *, name: str = "scripted"
    ) -> None:
        self.name = name
        self.calls: list[tuple[Message, ...]] = []
        if callable(script):
            self._answer: Callable[[Sequence[Message]], Line] = script
        elif isinstance(script, Mapping):
            table = dict(script)
            self._answer = lambda messages: _lookup(table, messages)
        else:
            lines = iter(list(script))
            self._answer = lambda _: _next(lines)

    def __repr__(self) -> str:
        return f"<model {self.name}>"

    async def complete(self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None) -> Reply:
        """Returns the script's line for this conversation."""
        self.calls.append(tuple(messages))
        line = self._answer(messages)
        if isinstance(line, Exception):
            raise line
        text = line if isinstance(line, str) else json.dumps(line)
        value = line if not isinstance(line, str) else json.loads(line) if schema is not None else None
        return Reply(text=text, value=value, usage=Usage(prompt=sum(len(m.text.split()) for m in messages), completion=len(text.split())))


def _lookup(table: dict[str, Line], messages: Sequence[Message]) -> Line:
    said = messages[-1].text if messages else ""
    for piece, line in table.items():
        if piece in said:
            return line
    raise ModelError(f"The script has no line for {said[:80]!r}.", hint=f"It knows: {', '.join(map(repr, table))}.")


def _next(lines: Any) -> Line:
    try:
        line: Line = next(lines)
    except StopIteration:
        raise ModelError("The script has no line left.") from None
    return line
