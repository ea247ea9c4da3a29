"""A run's way to its model: within its budget, through the cache, each call a recorded step.
``prompts`` decides what is asked.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from pydantic_core import from_json

from sentient_kernel.budget import Budget
from sentient_kernel.cache import Cache, Hit, Key
from sentient_kernel.engine import Context, fixed_name
from sentient_kernel.errors import ModelError, NotRecorded, ReasoningTooLong, StepFailed
from sentient_kernel.events import ErrorInfo, ErrorRecorded, UsageRecorded
from sentient_kernel.models.base import MOST_REQUESTS, MOST_TOKENS, Message, Model, Usage
from sentient_kernel.research.prompts import Schema, items, size
from sentient_kernel.research.spending import CallAllowance, Spending
from sentient_kernel.research.taint import Taint, joined

ANSWER_TTL = 30 * 86_400.0
"""Seconds for which a model's answer to the very same conversation is served again."""
LONGEST = 20_000
"""Characters of an answer that are shown while it comes."""
LAST_WORD, LAST_THOUGHT = 20.0, 60.0
"""Seconds that a model has to write the report once its run is to finish; the latter where it
reasons before it writes.
"""

_FATAL = frozenset({"NotRecorded", "ConfigurationError", "NotFound"})
"""What a person has to put right: a report without the model is not what was asked for then, nor
what was recorded.
"""
_ANYWHERE = "whoever answers"
"""The identity under which the last answer is kept for a replay, which may not know where the model
was asked.
"""
BROUGHT = "Answers of the model come from a file that was opened here, not from calls made here."
_TITLES = {
    "clarify": "look for what is unclear",
    "plan": "plan with the model",
    "gaps": "look for gaps",
    "write": "write with the model",
    "repair": "judge and rewrite unsupported sentences",
}
_TO = {"clarify": "see what is unclear", "gaps": "look for gaps", "repair": "rewrite sentences"}


class ModelClient:
    """Asks a model on behalf of one run.

    Args:
        ctx: The run.
        model: Who is asked.
        cache: Keeps the answers.
        budget: What may be spent. At its limit a person is asked, once for each time it is reached.
        taint: One's own sources whose text stands in what is asked from the beginning.

    Attributes:
        taint: One's own sources whose text the model was shown so far.
        spending: What the run has spent, and what a reader of the report has to know: where the
            model did not help, and why.
    """

    def __init__(
        self,
        ctx: Context,
        model: Model,
        cache: Cache,
        budget: Budget | None,
        taint: Taint = (),
    ) -> None:
        self._ctx = ctx
        self._model = model
        self._cache = cache
        self.spending = Spending(ctx, model, budget)
        self.taint = taint

    async def ask(
        self, purpose: str, messages: Sequence[Message], schema: Schema, *, most_tokens: int
    ) -> Any:
        """Returns the value that the model answers with, or None when there is none: the budget is
        used up, or the model failed.

        What failed is told as an event, and why nobody is asked any more stands in ``spending``.

        Args:
            purpose: clarify, plan, gaps, write or repair.
            messages: The conversation.
            schema: What the answer has to fit.
            most_tokens: The longest answer wanted, its reasoning aside.
        """
        self.taint = joined(self.taint, (name for message in messages for name in message.own))
        read, turns = size(messages, schema), [[message.role, message.text] for message in messages]
        patience = (
            0.0 if purpose != "write" else LAST_THOUGHT if self.spending.thinks else LAST_WORD
        )
        for attempt in (1, 2):
            allowed = await self.spending.begin(read, most_tokens)
            if allowed is None:
                return None
            call = ModelCall(self._ctx, self._model, self._cache, purpose, allowed, patience)
            try:
                done = await self._ctx.step(
                    call.ask_model,
                    self._model.name,
                    turns,
                    schema,
                    most_tokens,
                    title=_TITLES[purpose],
                )
            except StepFailed as error:
                short = error.cause_type == ReasoningTooLong.__name__ and allowed.narrow
                used = Usage(**error.usage) if error.usage else None  # type: ignore[arg-type]
                self.spending.book_failed(allowed, used, short=short)
                if error.cause_type in _FATAL:
                    raise
                # else the budget left too little room: a person is asked for more
                if not short or attempt == 2:
                    self._tell(purpose, error)
                    return None
            else:
                if done.get("brought") and BROUGHT not in self.spending.notes:
                    self.spending.notes.append(BROUGHT)
                self.spending.book(allowed, Usage(**done["usage"]), kept=done["kept"])
                return done["value"]

    def _tell(self, purpose: str, error: StepFailed) -> None:
        why = f"{error.cause or error.message} {error.hint}".strip()
        message = f"The model did not help to {_TO.get(purpose, purpose)}: {why}"
        self.spending.notes.append(message)
        info = ErrorInfo(
            type=error.cause_type or "ModelError", message=message, code="model", hint=error.hint
        )
        self._ctx.tell(ErrorRecorded(error=info, origin=f"model {self._model.name}"))


@dataclass(slots=True, eq=False)
class ModelCall:
    """One call of a model, made inside a step: computed or served from the cache, and booked once
    by one of the runs that wait for it.

    A call is single flight: several runs may wait for the same one, and it goes on when the run
        that began it leaves.

    Args:
        ctx: The run that asks.
        model: Who is asked.
        cache: Keeps the answer.
        purpose: What it is for.
        allowed: What it may use.
        patience: Seconds that it has left once the run is to finish.
    """

    ctx: Context
    model: Model
    cache: Cache
    purpose: str
    allowed: CallAllowance
    patience: float
    _made: bool = field(default=False, init=False)  # this run's own request gave the answer
    # nobody of this run waits any more: it may have ended, and takes no note
    _left: bool = field(default=False, init=False)
    _began: float = field(default=0.0, init=False)
    _keys: tuple[Key, ...] = field(default=(), init=False)

    @fixed_name("research:ask_model")
    async def ask_model(
        self, name: str, turns: list[list[str]], schema: Schema, most_tokens: int
    ) -> dict[str, Any]:
        """Returns the answer, what it used, and whether somebody else has paid for it.

        Once the run is to finish, no answer is waited for that it can do without. That is decided
        inside the step, so that it is recorded with its result. The call itself goes on: its answer
        is kept for who asks next.
        """
        self._began = time.monotonic()
        what = {"model": name, "turns": turns, "schema": schema, "most_tokens": most_tokens}
        answer = asyncio.ensure_future(self._answer(what))
        finish = asyncio.ensure_future(self.ctx.until_asked_to_finish())
        try:
            await asyncio.wait({answer, finish}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await asyncio.wait({answer}, timeout=self.patience)
            if answer.done():
                return answer.result()
            # what it costs is not known yet
            self.ctx.note(UsageRecorded(purpose=self.purpose, model=name, calls=0))
            return {"value": None, "usage": asdict(Usage(usd=0.0)), "kept": False}
        finally:
            answer.cancel()
            finish.cancel()

    async def _answer(self, what: dict[str, Any]) -> dict[str, Any]:
        async def compute() -> bytes:
            return await self._compute(what)

        try:
            hit = await self._cached(what, compute)
        except asyncio.CancelledError:
            self._left = True
            raise
        except ModelError as error:
            if not error.booked:
                self._book_failed(error, what["model"])
            raise
        answer = json.loads(hit.data)
        kept = not self._made and not await self._claimed(answer)
        if not self._made:  # a run that waited for the same call of another has paid nothing for it
            self._book(Usage(**answer["usage"]), answer["model"], kept=kept)
        given = {"value": answer["value"], "usage": answer["usage"], "kept": kept}
        return given | {"brought": True} if hit.brought else given

    async def _compute(self, what: dict[str, Any]) -> bytes:
        """Asks the model."""
        self._made = True
        messages = [Message(role=role, text=text) for role, text in what["turns"]]
        show = (
            SentenceStream(lambda text: self.ctx.stream(text, by=self.purpose)).take
            if self.purpose == "write"
            else None
        )
        requests, tokens = (
            MOST_REQUESTS.set(self.allowed.requests),
            MOST_TOKENS.set(self.allowed.tokens),
        )
        try:
            reply = await self.model.complete(
                messages, schema=what["schema"], most_tokens=what["most_tokens"], on_text=show
            )
        except ModelError as error:
            error.booked = False
            if not self._left:
                self._book_failed(error, what["model"])
            raise
        finally:
            MOST_REQUESTS.reset(requests)
            MOST_TOKENS.reset(tokens)
        usage, by = reply.usage.sound(), reply.model or what["model"]
        answer = {"value": reply.value, "usage": asdict(usage), "model": by}
        if self._left:
            answer["unbooked"] = uuid4().hex
        else:
            self._book(usage, by)
        return json.dumps(answer).encode()

    def _book(self, usage: Usage, by: str, *, kept: bool = False, cached: bool = True) -> None:
        """Writes what a call used."""
        self.ctx.note(
            UsageRecorded(
                purpose=self.purpose,
                model=by,
                calls=max(1, usage.requests),
                prompt=usage.prompt,
                completion=usage.completion,
                reasoning=usage.reasoning,
                usd=usage.usd,
                seconds=round(time.monotonic() - self._began, 3),
                kept=kept,
                cache=tuple(key.digest for key in self._keys) if cached else (),
            )
        )

    def _book_failed(self, error: ModelError, by: str) -> None:
        """Writes what a call used that failed: it is paid for all the same."""
        error.booked = True
        self._book((error.usage or Usage()).sound(), by, cached=False)

    async def _cached(self, what: dict[str, Any], compute: Callable[[], Awaitable[bytes]]) -> Hit:
        """Returns the answer: kept, or made now. In a replay, whoever gave it: it may have been on
        another machine.

        One that this home has seen made counts before all that opened files have brought, by
        whatever it is kept.
        """
        identity = str(getattr(self.model, "identity", "") or "")
        own, anywhere = Key("model", what, identity), Key("model", what, _ANYWHERE)
        self._keys = (own, anywhere) if identity else (own,)
        if self.cache.mode == "replay":
            for brought in (False, True):
                for key in (own, Key("model", what), anywhere):
                    with suppress(NotRecorded):
                        return await self.cache.call(key, compute, brought=brought)
        hit = await self.cache.call(own, compute, ttl=ANSWER_TTL)

        async def same() -> bytes:
            return hit.data

        if identity and (await self.cache.call(anywhere, same, ttl=ANSWER_TTL)).data != hit.data:
            await self.cache.call(anywhere, same, ttl=0.0)  # the last one counts
        return hit

    async def _claimed(self, answer: dict[str, Any]) -> bool:
        """Returns whether the call is this run's to book: the run that began it had left it, and
        nobody else was served it before.
        """
        mine = False

        async def claim() -> bytes:
            nonlocal mine
            mine = True
            return b"booked"

        if "unbooked" in answer:
            with suppress(NotRecorded):
                await self.cache.call(
                    Key("model", {"booked": answer["unbooked"]}), claim, ttl=ANSWER_TTL
                )
        return mine


class SentenceStream:
    """Shows the sentences of an answer piece by piece. An answer that is not JSON from its first
    bracket on is not shown before it is whole.

    Args:
        show: Is given what can be read so far, without escapes.
    """

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._answer = ""
        self._shown = ""

    def take(self, piece: str) -> None:
        """Takes the next piece; an empty one means that the answer begins anew."""
        if not piece:
            self._answer, self._shown = "", ""
        if len(self._answer) > LONGEST:
            return
        self._answer += piece
        # half a character has its other half in the next piece, or is none
        halves = self._answer[self._answer.find("{") :].encode("utf-16-le", "surrogatepass")
        try:
            value = from_json(
                halves.decode("utf-16-le", "ignore"), allow_partial="trailing-strings"
            )
        except ValueError:  # nothing yet, or nothing that can be shown
            return
        told = (one.get("text") for one in items(value, "claims"))
        text = " ".join(one for one in told if one and isinstance(one, str))
        if more := text[len(self._shown) :]:
            self._show(more)
            self._shown = text
