"""What a language model is here: something that answers a conversation, and says what that used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation. Text that was fetched is never put into a ``system`` turn."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call used, in tokens."""

    prompt: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A finished answer: its text, its value when a schema was asked for, and what it used."""

    text: str
    value: Any = None
    usage: Usage = Usage()


class Model(Protocol):
    """A language model. Implementations are plain async code and know nothing of runs."""

    name: str

    async def complete(self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None) -> Reply:
        """Answers a conversation; with a JSON schema, ``value`` holds what fits it. Raises ModelError."""
