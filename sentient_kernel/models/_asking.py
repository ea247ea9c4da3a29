"""Asking for one answer, again where that may help, and counting what all of it used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from sentient_kernel.clock import Clock
from sentient_kernel.errors import ModelCut, ModelError, ModelRefused
from sentient_kernel.models import structured
from sentient_kernel.models._call import CALL, Call, Deadlines
from sentient_kernel.models._fitting import whole_characters
from sentient_kernel.models._gate import Gate
from sentient_kernel.models._gather import LONGEST_WORD
from sentient_kernel.models._provider import Provider
from sentient_kernel.models.base import MOST_REQUESTS, Message, Usage, tokens
from sentient_kernel.models.pricing import Price, priced
from sentient_kernel.transport import again

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["Answer", "Asking", "Limits", "Terms"]

_NOT_THE_SCHEMA = frozenset((401, 402, 403, 404, 408, 409, 413, 429))
"""Statuses that say nothing about whether the server knows ``response_format``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model may take.

    Attributes:
        deadlines: How long it may keep us waiting.
        at_once: Calls to one provider at the same time.
        per_minute: Requests to one provider within any minute, repeated ones too; None for any number.
        attempts: Requests for one answer, the first included. One that ran into a deadline is tried twice at most.
        most_tokens: The longest answer where the caller names none, for providers that want to be told.
    """

    deadlines: Deadlines = field(default_factory=Deadlines)
    at_once: int = 16
    per_minute: int | None = None
    attempts: int = 5
    most_tokens: int = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a model is asked: its limits, where time and chance come from, and prices that go before the known ones."""

    limits: Limits
    clock: Clock
    rng: Random
    prices: Mapping[str, Price]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said, whole; ``cut`` when it reached its limit of tokens and the caller wanted to know."""

    text: str
    reasoning: str
    model: str
    cut: bool = False

    def read(self, schema: dict[str, Any]) -> structured.Read:
        """Reads it as JSON that fits a schema."""
        if self.cut:
            return structured.Read(None, ("The answer is too long and was cut off.",))
        return structured.read(self.text, schema)


class Asking:
    """The requests for one answer: each tried as often as it is worth, and all counted.

    Args:
        terms: What the model may take.
        provider: Who is asked.
        gate: Lets so many ask at once.
        most_tokens: The longest answer wanted.
        on_text: Is given the text while it comes.

    Attributes:
        usage: What all requests used so far.
        schema_refused: Whether the last refusal may have been for the schema alone.
    """

    def __init__(
        self, terms: Terms, provider: Provider, gate: Gate, most_tokens: int | None, on_text: Callable[[str], None] | None
    ) -> None:
        self.usage = Usage(usd=0.0)
        self.schema_refused = False
        self._terms = terms
        self._provider = provider
        self._gate = gate
        self._most_tokens = most_tokens
        self._on_text = on_text
        self._shown = False
        self._most = MOST_REQUESTS.get()

    @property
    def may_ask(self) -> bool:
        """Whether one more request may be sent."""
        return self._most is None or self.usage.requests < self._most

    def again(self) -> None:
        """Tells the listener that what was shown is void."""
        if self._shown and self._on_text is not None:
            self._on_text("")
        self._shown = False

    async def ask(self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, cut: bool = False) -> Answer:
        """Asks until there is an answer, or asking again is not worth it. With ``cut``, an answer that is too long comes back marked."""
        limits, late = self._terms.limits, 0
        sent = sum(len(message.text) for message in messages)
        for attempt in range(1, limits.attempts + 1):
            call = Call(deadlines=limits.deadlines, on_text=self._show, sent=sent)
            async with self._gate:
                response = await self._send(messages, schema, call)
            self.usage += Usage(usd=0.0, requests=call.sent_on)
            error = call.error if response is None else None
            if error is None and response is not None:
                answer, error = self._answer(response, call, cut=cut)
                if answer is not None:
                    return answer
            else:
                self.usage += self._priced(call.used())
            late += isinstance(call.outcome, TimeoutError)
            pause = None
            if call.outcome is not None and late < 2 and self.may_ask:
                pause = again(call.outcome, attempt, dict(call.headers), self._terms.rng, attempts=limits.attempts)
            if pause is None:
                if isinstance(error, ModelError):
                    error.usage = self.usage
                if schema is not None and _about_schema(call, error):
                    self.schema_refused = True
                assert error is not None  # noqa: S101 - there is no answer
                raise error
            self.again()
            if call.status == 429:
                self._gate.rest(pause)
            await self._terms.clock.sleep(pause)
        raise AssertionError("the last attempt raises")

    async def _send(self, messages: Sequence[Message], schema: dict[str, Any] | None, call: Call) -> ModelResponse | None:
        """Sends one request; without a response, the call says why."""
        token = CALL.set(call)
        try:
            return await self._provider.send(messages, schema, self._most_tokens, self._terms.limits.most_tokens, call)
        finally:
            CALL.reset(token)

    def _show(self, text: str) -> None:
        if self._on_text is not None:
            self._shown = True
            self._on_text(text)

    def _answer(self, response: ModelResponse, call: Call, *, cut: bool) -> tuple[Answer | None, Exception | None]:
        """Takes a response for an answer, or says why it is none."""
        from pydantic_ai.messages import TextPart, ThinkingPart

        text = whole_characters("".join(part.content for part in response.parts if isinstance(part, TextPart)))
        reasoning = whole_characters("\n\n".join(part.content for part in response.parts if isinstance(part, ThinkingPart)))
        used = response.usage
        usage = Usage(
            prompt=tokens(used.input_tokens) or 0,
            completion=tokens(used.output_tokens) or 0,
            cached=tokens(used.cache_read_tokens) or 0,
            reasoning=tokens(used.details.get("reasoning_tokens")) or 0,
        )
        answered = (response.model_name or "")[:LONGEST_WORD]
        if not usage.tokens:  # it does not say
            usage = replace(call.used(), completion=-(-(len(text) + len(reasoning)) // 4))
        self.usage += self._priced(usage, answered)
        name = self._provider.name
        if response.finish_reason == "length" and not cut:
            limit = f" of {self._most_tokens:,} tokens" if self._most_tokens else ""
            return None, ModelCut(f"The answer of {name!r} was cut off at its limit{limit}.", hint="Allow more tokens, or ask for less.")
        if response.finish_reason == "content_filter":
            return None, ModelRefused(f"{name!r} will not answer this: its provider's filter stopped it.", hint="Ask in other words.")
        if response.finish_reason not in ("stop", "length"):
            return None, ModelCut(f"The answer of {name!r} ended without having finished ({response.finish_reason}).", hint="Try again.")
        if not text.strip() and response.finish_reason == "stop":
            call.outcome = ConnectionResetError()  # worth another try
            return None, ModelCut(f"{name!r} answered nothing{' but its reasoning' if reasoning else ''}.", hint="Try again.")
        if not call.seen:  # it came in one piece
            self._show(text)
        return Answer(text, reasoning, answered, response.finish_reason == "length"), None

    def _priced(self, usage: Usage, answered: str = "") -> Usage:
        if not usage.tokens:
            return replace(usage, usd=0.0)
        return priced(usage, self._provider.name, answered=answered, url=self._provider.url, prices=self._terms.prices)


def _about_schema(call: Call, error: Exception | None) -> bool:
    """Tells whether a server may have refused a request for its schema alone."""
    if 400 <= call.status < 500:
        return call.status not in _NOT_THE_SCHEMA
    said = str(error).lower()
    return call.status >= 500 and any(word in said for word in ("schema", "grammar", "response_format"))
