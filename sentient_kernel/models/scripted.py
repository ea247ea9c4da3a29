"""A model that says what a script tells it, for tests and notebooks: no key, no network, the same
answer each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sentient_kernel.errors import ModelError
from sentient_kernel.models.base import Message, Reply, Usage

_PIECE = re.compile(r"\s*\S+\s*\Z|\s*\S+|\s+")

Line = str | dict[str, Any] | list[Any] | Exception


class ScriptedModel:
    """Answers from a script.

    Args:
        script: Lines in order (text, a JSON value, or an exception to raise); or a mapping from a
            piece of the last message to the line that answers it; or a function of the
            conversation.
        name: What it is called in records.

    Attributes:
        calls: The conversations that it was asked to answer.
        identity: Tells scripts apart that are lines or a mapping: what one has said is not served
            for another. A function has none.

    Raises:
        ModelError: from ``complete``, when the script has no line left or none that fits.

    Example:
        >>> import asyncio
        >>> model = ScriptedModel({"capital of France": "Paris."})
        >>> asyncio.run(model.complete([Message(role="user",
        ...     text="What is the capital of France?")])).text
        'Paris.'
        >>> len(model.calls)
        1
    """

    def __init__(
        self,
        script: Iterable[Line] | Mapping[str, Line] | Callable[[Sequence[Message]], Line],
        *,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.calls: list[tuple[Message, ...]] = []
        self.identity = ""
        if callable(script):
            self._answer: Callable[[Sequence[Message]], Line] = script
        elif isinstance(script, Mapping):
            table = dict(script)
            self.identity = _digest(table)
            self._answer = lambda messages: _lookup(table, messages)
        else:
            said = list(script)
            lines = iter(said)
            self.identity = _digest(said)
            self._answer = lambda _: _next(lines)

    def __repr__(self) -> str:
        return f"<model {self.name}>"

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        most_tokens: int | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Returns the script's line for this conversation, word by word to ``on_text``. What a line
        says is never cut.
        """
        self.calls.append(tuple(messages))
        line = self._answer(messages)
        if isinstance(line, Exception):
            raise line
        text = line if isinstance(line, str) else json.dumps(line)
        if on_text is not None:
            for piece in _PIECE.findall(text):
                on_text(piece)
        value = (
            line if not isinstance(line, str) else json.loads(line) if schema is not None else None
        )
        usage = Usage(
            prompt=sum(len(m.text.split()) for m in messages), completion=len(text.split())
        )
        return Reply(text=text, value=value, usage=usage, model=self.name)


def _digest(script: Any) -> str:
    return sha256(json.dumps(script, default=repr).encode("utf-8", "surrogatepass")).hexdigest()[
        :16
    ]


def _lookup(table: dict[str, Line], messages: Sequence[Message]) -> Line:
    said = messages[-1].text if messages else ""
    for piece, line in table.items():
        if piece in said:
            return line
    raise ModelError(
        f"ScriptedModel has no reply for {said[:80]!r}.",
        hint=f"It has replies for: {', '.join(map(repr, table))}.",
    )


def _next(lines: Iterator[Line]) -> Line:
    for line in lines:
        return line
    raise ModelError("ScriptedModel has no reply left.")
