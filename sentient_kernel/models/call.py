"""One request to a model's server: its limits, what is known of it while it runs, and why it
failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sentient_kernel.errors import FetchFailed
from sentient_kernel.models.base import Usage, tokens
from sentient_kernel.models.server_manner import Manner

__all__ = ["CALL", "PER_TOKEN", "Deadlines", "ServerCall"]

PER_TOKEN = 4
"""Bytes that a token is taken for where nobody counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a model may keep us waiting, in seconds.

    Attributes:
        first: Without a sign of life before its first token, be it of the answer or of its
            reasoning.
        between: Without a sign of life after that.
        whole: For a whole answer.
    """

    first: float = 300.0
    between: float = 30.0
    whole: float = 1_800.0


@dataclass(slots=True, kw_only=True)
class ServerCall:
    """What is known of one request. The client fills it in; whoever sent the request reads it.

    Attributes:
        deadlines: For this request.
        on_text: Is given the text while it comes.
        manner: How its server takes requests, as far as that is known.
        own: Whether the server is the provider's own.
        visible: The longest answer wanted, in tokens, reasoning aside; None for any.
        room: Tokens that it may spend on reasoning besides.
        prose: Tokens of prose before the answer that are taken for reasoning nobody marked.
        lesson: How to ask after this refusal, where its words say so.
        final: Whether its words say that no other form of the request helps.
        url: Where it went.
        status: The HTTP status that came; 0 when none did.
        headers: The headers that came.
        usage: What the server said was used, as it says it.
        sent: Characters of the conversation.
        seen: Characters of the answer that came, its reasoning among them.
        thought: How many of them are reasoning.
        outcome: What went wrong, as :func:`sentient_kernel.transport.again` wants it.
        error: What went wrong, as the caller is told.
    """

    deadlines: Deadlines
    on_text: Callable[[str], None] | None = None
    manner: Manner = field(default_factory=Manner)
    own: bool = False
    visible: int | None = None
    room: int = 0
    prose: int = 0
    lesson: Manner | None = None
    final: bool = False
    url: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    seen: int = 0
    thought: int = 0
    outcome: int | BaseException | None = None
    error: Exception | None = None

    @property
    def sent_on(self) -> bool:
        """Whether a server may have had it: it was not kept back because its address is blocked, or
        the network switched off.
        """
        return bool(self.url) and not isinstance(self.error, FetchFailed)

    def fail(self, error: Exception, outcome: int | BaseException | None = None) -> Exception:
        """Keeps what went wrong first; returns it."""
        if self.error is None:
            self.error, self.outcome = error, outcome
        return self.error

    def used(self) -> Usage:
        """Returns what the request used although it failed: what the server said, else a guess by
        the length of texts.
        """
        if self.status != 200:
            return Usage()
        said = self.usage
        prompt = tokens(said.get("prompt_tokens", said.get("input_tokens")))
        completion = tokens(said.get("completion_tokens"))
        if completion is None:
            completion = max(tokens(said.get("output_tokens")) or 0, -(-self.seen // PER_TOKEN))
        details = said.get("completion_tokens_details")
        reasoning = tokens(details.get("reasoning_tokens")) if isinstance(details, dict) else None
        return Usage(
            prompt=-(-self.sent // PER_TOKEN) if prompt is None else prompt,
            completion=completion,
            reasoning=min(completion, reasoning or -(-self.thought // PER_TOKEN)),
        )


CALL: ContextVar[ServerCall] = ContextVar("sentient_kernel_model_call")
"""The request that the running task makes: it goes through an SDK on its way to our client."""
