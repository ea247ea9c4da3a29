"""One request to a model's server: its deadlines, what is known of it while it runs, and why it failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from sentient_kernel.errors import FetchFailed
from sentient_kernel.models.base import Usage, tokens

__all__ = ["CALL", "Call", "Deadlines"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """How long a model may keep us waiting, in seconds.

    Attributes:
        first: Until its first token, connecting included.
        between: Between two tokens.
        whole: For a whole answer.
    """

    first: float = 60.0
    between: float = 30.0
    whole: float = 600.0


@dataclass(slots=True, kw_only=True)
class Call:
    """What is known of one request. The client fills it in; whoever sent the request reads it.

    Attributes:
        deadlines: For this request.
        on_text: Is given the text while it comes.
        url: Where it went.
        status: The HTTP status that came; 0 when none did.
        headers: The headers that came.
        usage: What the server said was used, as it says it.
        sent: Characters of the conversation.
        seen: Characters of the answer that came.
        outcome: What went wrong, as :func:`sentient_kernel.transport.again` wants it.
        error: What went wrong, as the caller is told.
    """

    deadlines: Deadlines
    on_text: Callable[[str], None] | None = None
    url: str = ""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    usage: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    seen: int = 0
    outcome: int | BaseException | None = None
    error: Exception | None = None

    @property
    def sent_on(self) -> bool:
        """Whether a server may have had it: it was not kept back because its address is blocked, or the network switched off."""
        return bool(self.url) and not isinstance(self.error, FetchFailed)

    def used(self) -> Usage:
        """Returns what the request used although it failed: what the server said, else a guess of four characters a token."""
        if self.status != 200:
            return Usage()
        said = self.usage
        prompt = tokens(said.get("prompt_tokens", said.get("input_tokens")))
        completion = tokens(said.get("completion_tokens"))
        if completion is None:
            completion = max(tokens(said.get("output_tokens")) or 0, -(-self.seen // 4))
        return Usage(prompt=-(-self.sent // 4) if prompt is None else prompt, completion=completion)


CALL: ContextVar[Call] = ContextVar("sentient_kernel_model_call")
"""The request that the running task makes: it goes through an SDK on its way to our client."""
