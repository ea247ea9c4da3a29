"""Asking for one answer, again where that may help, and counting what all of it used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

from sentient_kernel.clock import Clock
from sentient_kernel.errors import ModelCut, ModelError, ModelRefused, ReasoningTooLong, WrongKind
from sentient_kernel.models import structured
from sentient_kernel.models.base import MOST_REQUESTS, MOST_TOKENS, Message, Usage, tokens
from sentient_kernel.models.call import PER_TOKEN, Deadlines, ServerCall
from sentient_kernel.models.fitting import whole_characters
from sentient_kernel.models.limits import Gate
from sentient_kernel.models.pricing import Price, priced
from sentient_kernel.models.provider import Provider
from sentient_kernel.models.reasoning import JSON
from sentient_kernel.models.server_manner import ROOMS, Manner, remember, remembered
from sentient_kernel.models.stream import LONGEST_WORD
from sentient_kernel.transport import again

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse

__all__ = ["CompletionAttempt", "ModelAnswer", "ModelLimits", "Terms"]

_NOT_THE_SCHEMA = frozenset((401, 402, 403, 404, 408, 409, 413, 429))
"""Statuses that say nothing about whether the server knows ``response_format``."""
_LONG = 60.0
"""Seconds of silence after which nobody asks the same again."""
_PROSE = 2_000
"""Tokens of prose before JSON that another try may have: models that think write it, others go on
without end.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """What a model may take.

    Attributes:
        deadlines: How long it may keep us waiting.
        at_once: Calls to one provider at the same time.
        per_minute: Requests to one provider within any minute, repeated ones too; None for any
            number.
        attempts: Requests for one answer, the first included. One that ran into a deadline is tried
            twice at most.
        most_tokens: The longest answer where the caller names none, for providers that want to be
            told.
        reasoning: Tokens that one request may spend on reasoning besides; after an answer that was
            cut off within it, twice that.
    """

    deadlines: Deadlines = field(default_factory=Deadlines)
    at_once: int = 16
    per_minute: int | None = None
    attempts: int = 5
    most_tokens: int = 8_192
    reasoning: int = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On what terms a model is asked: its limits, where time and chance come from, and prices that
    go before the known ones.
    """

    limits: ModelLimits
    clock: Clock
    rng: Random
    prices: Mapping[str, Price]


@dataclass(slots=True)
class ReasoningRoom:
    """The room for reasoning: as much as is set, twice that after an answer that was cut off within
    it.

    Caps of a few hundred tokens bound what is seen of an answer. Reasoning counts as output too and
    is often hidden, so the limit that is sent has room for it. A model that does not think leaves
    it unused.

    Args:
        most: Tokens of reasoning that are set, for one request.
        thinks: Whether the model thinks; None where nobody knows.
        allowed: Tokens that all requests for this answer may use together, both ways; None for any
            number.

    Example:
        >>> room = ReasoningRoom(most=16_000, thinks=None)
        >>> room.tokens(Manner(), spent=0, visible=500), room.widen(), room.tokens(Manner(),
        ...     spent=0, visible=500)
        (16000, True, 32000)
    """

    most: int
    thinks: bool | None
    allowed: int | None = None
    tries: int = 0

    def tokens(self, manner: Manner, *, spent: int, visible: int) -> int:
        """Returns the room of the next request.

        Args:
            manner: How the server takes requests, and whether the model was seen to think.
            spent: Tokens that were used so far, and those that the request will read.
            visible: The longest answer wanted, in tokens.
        """
        first = 0 if self.thinks is False and not manner.thinks else 1
        room = int((first + self.tries) * self.most * ROOMS[manner.room])
        return room if self.allowed is None else max(0, min(room, self.allowed - spent - visible))

    def widen(self) -> bool:
        """Gives more room to the next request; False when it was given before."""
        self.tries += 1
        return self.tries == 1

    def affords(self, spent: int, visible: int) -> bool:
        """Returns whether a request may be sent whose answer is as long as wanted, without
        reasoning.
        """
        return self.allowed is None or spent + visible <= self.allowed


class CompletionAttempt:
    """The requests for one answer: each tried as often as it is worth, and all counted.

    Args:
        terms: What the model may take.
        provider: Who is asked.
        gate: Lets so many ask at once.
        most_tokens: The longest answer wanted.
        on_text: Is given the text while it comes.
        json: Whether JSON is wanted, in whatever way it is asked for.

    Attributes:
        usage: What all requests used so far.
        schema_refused: Whether the last refusal may have been for the schema alone.
    """

    def __init__(
        self,
        terms: Terms,
        provider: Provider,
        gate: Gate,
        most_tokens: int | None,
        on_text: Callable[[str], None] | None,
        *,
        json: bool,
    ) -> None:
        self.usage = Usage(usd=0.0)
        self.schema_refused = False
        self._terms = terms
        self._provider = provider
        self._gate = gate
        self._most_tokens = most_tokens
        self._on_text = on_text
        self._json = json
        self._shown = False
        self._most = MOST_REQUESTS.get()
        self._manner = remembered(provider.url, provider.name)
        self._room = ReasoningRoom(terms.limits.reasoning, provider.thinks, MOST_TOKENS.get())
        self._read = 0  # tokens that the last request read

    @property
    def may_ask(self) -> bool:
        """Whether one more request may be sent."""
        enough = self._room.affords(self.usage.tokens + self._read, self._most_tokens or 0)
        return enough and (self._most is None or self.usage.requests < self._most)

    @property
    def native(self) -> bool:
        """Whether the server may take a schema beside the request."""
        return self._provider.native_schema and self._manner.forms

    def again(self) -> None:
        """Tells the listener that what was shown is void."""
        if self._shown and self._on_text is not None:
            self._on_text("")
        self._shown = False

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        cut: bool = False,
    ) -> ModelAnswer:
        """Asks until there is an answer, or asking again is not worth it. With ``cut``, an answer
        that is too long comes back marked.
        """
        limits, late = self._terms.limits, 0
        for attempt in range(1, limits.attempts + 1):
            call = self._call(messages)
            async with self._gate.turn():
                came = await self._provider.send(messages, schema, call)
            self.usage += Usage(usd=0.0, requests=call.sent_on)
            if isinstance(came, Exception):
                self.usage += self._priced(call.used())
                error = came
            else:
                answer = self._answer(came, call, cut=cut)
                if isinstance(answer, ModelAnswer):
                    remember(self._provider.url, self._provider.name, self._manner)
                    return answer
                error = answer
            # whoever was silent for long is not asked a third time
            silent = not call.seen and limits.deadlines.first > _LONG
            late += (1 + silent) * isinstance(call.outcome, TimeoutError)
            self._manner = call.lesson or self._manner
            pause = self._pause(call, error, attempt, schema is not None) if late < 2 else None
            if pause is None:
                if isinstance(error, ModelError):
                    error.usage = self.usage
                self.schema_refused = schema is not None and _about_schema(call, error)
                raise error
            self.again()
            if call.status == 429:
                self._gate.rest(pause)
            await self._terms.clock.sleep(pause)
        raise AssertionError("the last attempt raises")

    def _call(self, messages: Sequence[Message]) -> ServerCall:
        """Returns the next request, with what it may take."""
        limits, sent = self._terms.limits, sum(len(message.text) for message in messages)
        visible = self._most_tokens or (
            limits.most_tokens if self._provider.speaks == "messages" else None
        )
        self._read = int(sent / 3.5)
        room = self._room_now(visible)
        return ServerCall(
            deadlines=limits.deadlines,
            on_text=self._show,
            sent=sent,
            manner=self._manner,
            own=self._provider.own,
            visible=visible,
            room=room,
            prose=(
                0 if not self._json else room if self._manner.thinks else _PROSE * self._room.tries
            ),
        )

    def _room_now(self, visible: int | None) -> int:
        return self._room.tokens(
            self._manner, spent=self.usage.tokens + self._read, visible=visible or 0
        )

    def _pause(
        self, call: ServerCall, error: Exception, attempt: int, schema: bool
    ) -> float | None:
        """Returns after how many seconds it is worth asking again, in another form or with more
        room where that helps; else None.
        """
        attempts = self._terms.limits.attempts
        if not self.may_ask or attempt >= attempts:
            return None
        if call.lesson is not None:
            # without a schema, the prompt has to tell
            return None if schema and not call.lesson.forms else 0.0
        if isinstance(error, ReasoningTooLong):
            return 0.0 if self._room.widen() and self._room_now(call.visible) > call.room else None
        if call.outcome is None:
            return None
        return again(call.outcome, attempt, dict(call.headers), self._terms.rng, attempts=attempts)

    def without_schema(self) -> None:
        """Asks for no schema beside the request any more; that is remembered once it is
        answered.
        """
        self._manner = replace(self._manner, refused=self._manner.refused | {"response_format"})

    def _show(self, text: str) -> None:
        if self._on_text is not None:
            self._shown = True
            self._on_text(text)

    def _answer(
        self, response: ModelResponse, call: ServerCall, *, cut: bool
    ) -> ModelAnswer | ModelError:
        """Takes a response for an answer, or says why it is none."""
        text, reasoning = said(response)
        answered, name = (response.model_name or "")[:LONGEST_WORD], self._provider.name
        usage = used(response, call, text, reasoning)
        self.usage += self._priced(usage, answered)
        if usage.reasoning:
            self._manner = replace(self._manner, thinks=True)
        reason = response.finish_reason
        too_long = reason == "length"
        if too_long and (error := self._short(call, usage, text)) is not None:
            return error
        if too_long and not cut:
            limit = f" of {self._most_tokens:,} tokens" if self._most_tokens else ""
            return ModelCut(
                f"The answer of {name!r} was cut off at its limit{limit}.",
                hint="Allow more tokens, or ask for less.",
            )
        if reason == "content_filter":
            return ModelRefused(
                f"{name!r} will not answer this: its provider's filter stopped it.",
                hint="Ask in other words.",
            )
        if reason not in ("stop", "length"):
            return ModelCut(
                f"The answer of {name!r} ended without having finished ({reason}).",
                hint="Try again.",
            )
        if not text.strip() and not too_long:
            # worth another try
            call.outcome = (
                WrongKind("", reason_code="not_json") if reasoning else ConnectionResetError()
            )
            return ModelCut(
                f"{name!r} answered nothing{' but its reasoning' if reasoning else ''}.",
                hint="Try again.",
            )
        if not call.seen:  # it came in one piece
            self._show(text)
        return ModelAnswer(text, reasoning, answered, too_long)

    def _short(self, call: ServerCall, usage: Usage, text: str) -> ReasoningTooLong | None:
        """Says what an answer that reached its limit has spent, where that was not itself."""
        limits, some = self._terms.limits, bool(text.strip())
        visible = (
            usage.completion - usage.reasoning
            if usage.reasoning
            else -(-len(text.encode("utf-8", "replace")) // PER_TOKEN)
        )
        reasoning = max(usage.reasoning, usage.completion - visible)
        short = not some or visible < (call.visible or 0) // 2
        if not short or (some and reasoning <= visible):
            # on what, nobody says: the next request gets more room, in case
            if short or (self._json and not text.lstrip().startswith(JSON)):
                self._room.widen()
            return None
        count = f"{reasoning:,} tokens" if reasoning else "all its tokens"
        hint = f"Allow more with SENTIENT_MODEL_REASONING ({limits.reasoning:,} tokens a call now)."
        if self._room.allowed is not None and call.room < limits.reasoning:
            hint = "The budget leaves no more."
        return ReasoningTooLong(
            f"{self._provider.name!r} spent {count} on reasoning, and none were left for its"
            " answer.",
            hint=hint,
        )

    def _priced(self, usage: Usage, answered: str = "") -> Usage:
        if not usage.tokens:
            return replace(usage, usd=0.0)
        return priced(
            usage,
            self._provider.name,
            answered=answered,
            url=self._provider.url,
            prices=self._terms.prices,
        )


def _about_schema(call: ServerCall, error: Exception) -> bool:
    """Tells whether a server may have refused a request for its schema alone."""
    if call.lesson is not None or call.final:
        return call.lesson is not None and not call.lesson.forms
    if 400 <= call.status < 500:
        return call.status not in _NOT_THE_SCHEMA
    words = str(error).lower()
    return call.status >= 500 and any(
        word in words for word in ("schema", "grammar", "response_format")
    )


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model said, whole; ``cut`` when it reached its limit of tokens and the caller wanted
    to know.
    """

    text: str
    reasoning: str
    model: str
    cut: bool = False

    def read(self, schema: dict[str, Any]) -> structured.Read:
        """Reads it as JSON that fits a schema."""
        if self.cut:
            return structured.Read(None, ("The answer is too long and was cut off.",))
        return structured.read(self.text, schema)


def said(response: ModelResponse) -> tuple[str, str]:
    """Returns the text of a response and its reasoning."""
    from pydantic_ai.messages import TextPart, ThinkingPart

    text = "".join(part.content for part in response.parts if isinstance(part, TextPart))
    reasoning = "\n\n".join(
        part.content for part in response.parts if isinstance(part, ThinkingPart)
    )
    return whole_characters(text), whole_characters(reasoning)


def used(response: ModelResponse, call: ServerCall, text: str, reasoning: str) -> Usage:
    """Returns what a request used, as its server says; guessed where it does not."""
    told, letters = response.usage, len(text) + len(reasoning)
    usage = Usage(
        prompt=tokens(told.input_tokens) or 0,
        completion=tokens(told.output_tokens) or 0,
        cached=tokens(told.cache_read_tokens) or 0,
        reasoning=tokens(told.details.get("reasoning_tokens")) or 0,
    )
    if not usage.tokens:
        seen = -(-letters // PER_TOKEN)
        usage = replace(call.used(), completion=seen)
        # what is not seen was spent all the same
        if response.finish_reason == "length" and call.visible and seen < call.visible:
            usage = replace(
                usage,
                completion=call.visible + call.room,
                reasoning=call.visible + call.room - seen,
            )
    share = round(usage.completion * len(reasoning) / letters) if letters else 0
    return replace(usage, reasoning=min(usage.completion, usage.reasoning or share))
