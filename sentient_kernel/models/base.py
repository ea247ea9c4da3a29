"""What a language model is here: something that answers a conversation, and says what that used."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

__all__ = ["MOST_REQUESTS", "MOST_TOKENS", "Message", "Model", "Reply", "Usage", "tokens"]

MOST_REQUESTS: ContextVar[int | None] = ContextVar("sentient_kernel_most_requests", default=None)
"""How many requests the running task may send for one answer, repeated ones and those for another
form too; None for as many as help.
"""
MOST_TOKENS: ContextVar[int | None] = ContextVar("sentient_kernel_most_tokens", default=None)
"""How many tokens the running task may use for one answer, both ways and over all its requests;
None for as many as help.
"""
_MOST = 1_000_000_000
"""Tokens that no request has used."""


def tokens(said: Any) -> int | None:
    """Returns a number of tokens that somebody else gave, or None when it is none.

    Example:
        >>> [tokens(said) for said in (12, 12.0, "12a", -1, float("nan"), 10**40, True, None)]
        [12, 12, None, None, None, None, None, None]
    """
    number = isinstance(said, (int, float)) and not isinstance(said, bool) and 0 <= said <= _MOST
    return int(said) if number else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation. Text that was fetched is never put into a ``system`` turn.

    Attributes:
        role: Whose turn it is.
        text: What is said.
        own: A person's own sources that text in it comes from, by name.
    """

    role: Literal["system", "user", "assistant"]
    text: str
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a call used.

    Attributes:
        prompt: Tokens that were read, those that came from the provider's cache among them.
        completion: Tokens that were written, those of its reasoning among them.
        cached: How many of the tokens read came from the provider's cache.
        reasoning: How many of the tokens written were reasoning.
        usd: What it cost in US dollars; None when no price is known.
        requests: How many requests that took; 0 when it is not told.

    Example:
        >>> Usage(prompt=10, completion=2, usd=0.5) + Usage(prompt=5, completion=1)
        Usage(prompt=15, completion=3, cached=0, reasoning=0, usd=None, requests=0)
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0
    usd: float | None = None
    requests: int = 0

    def __add__(self, other: Usage) -> Usage:
        """Returns both together. A price that is unknown for one part is unknown for the whole,
        unless that part used nothing.
        """
        requests = self.requests + other.requests
        if not other.tokens:
            return replace(self, requests=requests)
        if not self.tokens:
            return replace(other, requests=requests)
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Usage(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
            reasoning=self.reasoning + other.reasoning,
            usd=usd,
            requests=requests,
        )

    def sound(self) -> Usage:
        """Returns it without what is no number: no tokens, and no known price."""
        usd = self.usd if isinstance(self.usd, (int, float)) and 0 <= self.usd < math.inf else None
        counts = {
            name: tokens(getattr(self, name)) or 0
            for name in ("prompt", "completion", "cached", "reasoning", "requests")
        }
        return Usage(**counts, usd=usd)

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A finished answer; one that was cut off never becomes a reply.

    Attributes:
        text: What was answered, without the reasoning.
        value: What the answer holds when a schema was asked for: JSON that fits it.
        usage: What all attempts used together, those that failed included.
        reasoning: What the model thought aloud before it answered.
        model: The model that answered, as its server calls it.
    """

    text: str
    value: Any = None
    usage: Usage = Usage()
    reasoning: str = ""
    model: str = ""


class Model(Protocol):
    """A language model. Implementations are plain async code and know nothing of runs.

    Three more things are made use of where a model has them. ``identity``, a string: answers are
    kept by name and identity, so models of one name that would not answer the same need one each.
    ``cost(usage)``: what that would cost in US dollars, or None; with it a budget is asked before a
    call that would go over it, not after. ``reasoning``, a number: the tokens of reasoning that a
    call may use beside ``most_tokens``; a budget keeps them free while the call runs.
    """

    name: str

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        most_tokens: int | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answers a conversation.

        Args:
            messages: The conversation so far, oldest turn first.
            schema: A JSON schema that the answer has to fit; ``value`` of the reply then holds it.
            most_tokens: The longest answer wanted, its reasoning aside. A longer one is cut off,
                and that is an error.
            on_text: Is given the answer's text piece by piece while it comes, and ``""`` when an
                attempt failed and the text starts again. Pieces are not yet an answer.

        Raises:
            ModelError: no answer, or one that was cut off or cannot be read. ``usage`` says what
                was used all the same.
        """
