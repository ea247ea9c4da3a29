"""An answer that comes as a stream of server-sent events, gathered into the body that would have
come in one piece. Pure.

A stream that ends without having said so is not an answer: ``ended`` stays False.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from itertools import islice
from typing import Any

from sentient_kernel.models.base import tokens
from sentient_kernel.models.reasoning import Thoughts

__all__ = [
    "ChatGatherer",
    "Events",
    "Gatherer",
    "MessagesGatherer",
    "StreamBroken",
    "counted",
]

MOST = 4_000_000
"""Characters of one answer, and bytes of one event."""
LONGEST = 8
"""Bytes that a token may have on average: whoever writes more goes on without end."""
LONGEST_WORD = 200
"""Characters of a name that a server gives: of its model, of an answer, of what it counts."""
LONGEST_REFUSAL = 4_000
"""Characters of why a model does not answer."""
MOST_COUNTS, DEEPEST = 50, 3
"""Things that a server counts, and how deep they may lie in one another."""


class StreamBroken(ValueError):
    """The stream is not what it claims to be."""


class Events:
    """Takes bytes apart into the data of server-sent events.

    Example:
        >>> events = Events()
        >>> first = events.feed(b"data: on")
        >>> first, events.feed(b"e\\n\\n: comment\\n\\nevent: x\\ndata: two\\n\\n")
        ([], ['one', 'two'])
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[str]:
        """Returns the data of the events that are whole now. Raises StreamBroken."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        out = []
        for line in lines:
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
                self._size += len(line)
            elif not line and self._data:
                out.append(b"\n".join(self._data).decode("utf-8", "replace"))
                self._data, self._size = [], 0
        if len(self._rest) + self._size > MOST:
            raise StreamBroken("one event is too long")
        return out


_COUNTS = {"prompt_tokens", "completion_tokens"}


def counted(usage: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    """Returns what a server says was used: the numbers that may be counts. A count that is none is
    lost, not the answer.

    Args:
        usage: Names and numbers, some of them inside others.
        depth: How deep inside others these are.

    Example:
        >>> counted({"prompt_tokens": 3, "completion_tokens": "many",
        ...     "details": {"cached_tokens": -1}})
        {'prompt_tokens': 3, 'details': {}}
    """
    kept: dict[str, Any] = {}
    for name, value in islice(usage.items(), MOST_COUNTS):
        if isinstance(value, dict):
            if depth < DEEPEST:
                kept[name[:LONGEST_WORD]] = counted(value, depth + 1)
        elif tokens(value) is not None:
            kept[name[:LONGEST_WORD]] = value
    return kept


class Gatherer(ABC):
    """Gathers one answer.

    Attributes:
        ended: Whether the answer said that it is finished.
        usage: What the server says was used, as it says it; the last word counts.
        seen: Characters that came, reasoning among them.
        thought: How many of them are reasoning.
        void: Whether what was shown before the last piece was reasoning, and no part of the answer.
        failure: The error that came in place of an answer, as its server wrote it.
        cut_by: Why an answer ends that has reached its limit, as its servers say it.
    """

    cut_by: str

    def __init__(self) -> None:
        self.ended = False
        self._finish: str | None = None
        self.usage: dict[str, Any] = {}
        self.seen = 0
        self.thought = 0
        self.void = False
        self.failure: dict[str, Any] | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._size = 0  # bytes of the text
        self._model = ""
        self._split = Thoughts()

    @abstractmethod
    def feed(self, data: str) -> str | None:
        """Takes one event; returns the text to show (perhaps none yet), or None when it brought
        nothing new. Raises StreamBroken.
        """

    @abstractmethod
    def body(self) -> dict[str, Any]:
        """Returns the answer in one piece."""

    def stop(self) -> None:
        """Ends the answer at its limit, as if its server had."""
        self._finish, self.ended = self.cut_by, True

    def over(self, visible: int | None, room: int, prose: int) -> bool:
        """Returns whether the answer is longer than anything that was allowed.

        Args:
            visible: Tokens of the answer, its reasoning aside; None for any number.
            room: Tokens of its reasoning.
            prose: Tokens of its text that may be reasoning as long as the answer has not begun for
                certain.
        """
        if visible is None:
            return False
        most = visible if self._split.begun else visible + prose
        return self._size > LONGEST * most or self.thought > LONGEST * max(room, visible)

    def add(self, text: str, reasoning: str) -> str | None:
        """Adds a piece; returns the text to show, or None when it brought nothing. Raises
        StreamBroken.
        """
        self.void = False
        if not text and not reasoning:
            return None
        self.seen += len(text) + len(reasoning)
        if self.seen > MOST:
            raise StreamBroken(f"the answer is longer than {MOST:,} characters")
        shown, thought = self._split.feed(text) if text else ("", "")
        if self._split.closed_by:
            shown, thought = self._reread(shown)
        self._reasoning += filter(None, (reasoning, thought))
        self.thought += len(reasoning) + len(thought)
        if shown:
            self._text.append(shown)
            self._size += len(shown.encode("utf-8", "replace"))
        return shown

    def _reread(self, piece: str) -> tuple[str, str]:
        """Takes what came before a closing mark for reasoning; returns the answer so far and
        that.
        """
        before, _, after = "".join([*self._text, piece]).partition(self._split.closed_by)
        self.void, self._text, self._size, self._split.closed_by = True, [], 0, ""
        shown, thought = self._split.feed(after)
        return shown, before + thought

    def whole(self) -> tuple[str, str]:
        """Returns the text so far and its reasoning."""
        shown, thought = self._split.rest()
        return "".join([*self._text, shown]), "".join([*self._reasoning, thought])


class ChatGatherer(Gatherer):
    """Gathers the chunks of OpenAI's chat completions."""

    cut_by = "length"

    def __init__(self) -> None:
        super().__init__()
        self._refusal = ""
        self._id, self._created = "", 0

    def feed(self, data: str) -> str | None:
        """Takes one chunk; what comes after a finish reason can only be the usage."""
        if data.strip() == "[DONE]":
            self.ended = True
            return None
        chunk = _parsed(data)
        if chunk.get("error"):
            self.failure = chunk
            return None
        self._model = _word(chunk.get("model"))[:LONGEST_WORD] or self._model
        self._id = _word(chunk.get("id"))[:LONGEST_WORD] or self._id
        self._created = chunk["created"] if isinstance(chunk.get("created"), int) else self._created
        if isinstance(chunk.get("usage"), dict):
            self.usage = counted(chunk["usage"])
        choices = chunk.get("choices")
        choice = (
            choices[0]
            if isinstance(choices, list) and choices and isinstance(choices[0], dict)
            else {}
        )
        if choice.get("finish_reason"):
            self._finish, self.ended = _word(choice["finish_reason"])[:LONGEST_WORD], True
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return None
        self._refusal = (self._refusal + _word(delta.get("refusal")))[:LONGEST_REFUSAL]
        text, reasoning = _content(delta.get("content"))
        named = next(
            (value for name in _REASONING if isinstance(value := delta.get(name), str) and value),
            "",
        )
        return self.add(text, named or reasoning)

    def body(self) -> dict[str, Any]:
        """Returns a chat completion."""
        text, reasoning = self.whole()
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if reasoning:
            message["reasoning_content"] = reasoning
        if self._refusal:
            message["refusal"] = self._refusal
        body: dict[str, Any] = {
            "id": self._id or "none",
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [{"index": 0, "message": message, "finish_reason": self._finish or "stop"}],
        }
        return body | ({"usage": self.usage} if self.usage.keys() >= _COUNTS else {})


class MessagesGatherer(Gatherer):
    """Gathers the events of Anthropic's messages."""

    cut_by = "max_tokens"

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] = {}

    def feed(self, data: str) -> str | None:
        """Takes one event."""
        event = _parsed(data)
        kind = event.get("type")
        if kind == "error":
            self.failure = event
        elif kind == "message_start" and isinstance(event.get("message"), dict):
            told = event["message"]
            self._message = {name: _word(told.get(name))[:LONGEST_WORD] for name in ("id", "model")}
            self._use(told.get("usage"))
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            block = event["content_block"]
            return self.add(_word(block.get("text")), _word(block.get("thinking")))
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            delta = event["delta"]
            return self.add(_word(delta.get("text")), _word(delta.get("thinking")))
        elif kind == "message_delta":
            self._use(event.get("usage"))
            self._finish = (
                _word((event.get("delta") or {}).get("stop_reason"))[:LONGEST_WORD] or self._finish
            )
        elif kind == "message_stop":
            self.ended = self._finish is not None
        return None

    def _use(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self.usage = dict(islice({**self.usage, **counted(usage)}.items(), MOST_COUNTS))

    def body(self) -> dict[str, Any]:
        """Returns a message."""
        text, reasoning = self.whole()
        blocks: list[dict[str, Any]] = (
            [{"type": "thinking", "thinking": reasoning, "signature": ""}] if reasoning else []
        )
        blocks.append({"type": "text", "text": text})
        usage = {"input_tokens": 0, "output_tokens": 0, **self.usage}
        return {
            **self._message,
            "type": "message",
            "role": "assistant",
            "content": blocks,
            "stop_reason": self._finish,
            "usage": usage,
        }


def _parsed(data: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise StreamBroken("an event is not JSON") from None
    if not isinstance(value, dict):
        raise StreamBroken("an event is not an object")
    return value


_REASONING = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
"""What servers call the reasoning beside the text."""


def _content(value: Any) -> tuple[str, str]:
    """Returns text and reasoning; some servers send both in parts."""
    if not isinstance(value, list):
        return _word(value), ""
    parts = [part for part in value if isinstance(part, dict)]
    inner = (part.get("thinking") for part in parts)
    thought = [_content(one)[0] for one in inner if one]
    return "".join(_word(part.get("text")) for part in parts), "".join(thought)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
