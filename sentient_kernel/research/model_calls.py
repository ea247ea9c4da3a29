"""A run's way to its model: within its budget, through the cache, each call a recorded step. What is asked is decided in ``prompts``."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

from sentient_kernel.budget import Budget
from sentient_kernel.cache import Cache, Hit, Key
from sentient_kernel.engine import Context, fixed_name
from sentient_kernel.errors import ModelError, NotRecorded, ReasoningTooLong, StepFailed
from sentient_kernel.events import ErrorInfo, ErrorRecorded, UsageRecorded
from sentient_kernel.models.base import MOST_REQUESTS, MOST_TOKENS, Message, Model, Usage
from sentient_kernel.report.report import Cost
from sentient_kernel.research.prompts import Schema, size
from sentient_kernel.research.spending import Allowance, Spending
from sentient_kernel.research.taint import Taint, joined

LIVES = 30 * 86_400.0
"""Seconds for which a model's answer to the very same conversation is served again."""

_FATAL = frozenset({"NotRecorded", "ConfigurationError", "NotFound"})
"""What a person has to put right: a report without the model is not what was asked for then, nor what was recorded."""

_ANYWHERE = "whoever answers"
BROUGHT = "Answers of a model were taken from a file that was opened here: nobody here has seen them given."
"""The identity under which the last answer is kept for a replay, which may not know where the model was asked."""
_BEGIN = re.compile(r'"text"\s*:\s*"')
_PART = re.compile(r'[^"\\]*(?:\\(?:[^u]|u[0-9a-fA-F]{4})[^"\\]*)*')
_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\Z")
_ESCAPE = 6
"""Characters of the longest escape, which may come in pieces."""
_PURPOSES = {
    "clarify": "look for what is unclear",
    "plan": "plan with the model",
    "gaps": "look for gaps",
    "write": "write with the model",
    "repair": "judge and mend what is not borne out",
}
_MARK = 40
"""Characters within which the beginning of a sentence stands: its name, a colon, white space."""
_TO = {"clarify": "see what is unclear", "gaps": "look for gaps", "repair": "mend sentences"}


class Asking:
    """Asks a model on behalf of one run.

    Args:
        ctx: The run.
        model: Who is asked.
        cache: Keeps the answers; None asks each time.
        budget: What may be spent. At its limit a person is asked, once for each time it is reached.
        taint: One's own sources whose text stands in what is asked from the beginning.
    """

    def __init__(self, ctx: Context, model: Model, cache: Cache | None, budget: Budget | None, taint: Taint = ()) -> None:
        self._ctx = ctx
        self._model = model
        self._cache = cache
        self.taint = taint
        """One's own sources whose text the model was shown so far."""
        self._spending = Spending(ctx, model, budget)
        self.notes = self._spending.notes
        """What a reader of the report has to know: where the model did not help, and why."""
        self.cost = Cost()
        """What the answers cost when they were made, kept ones included: the same however often the question is asked again."""

    @property
    def closed(self) -> str:
        """Why the model is asked no more; empty while it is."""
        return self._spending.closed

    async def ask(self, purpose: str, messages: Sequence[Message], schema: Schema, *, most_tokens: int) -> Any:
        """Returns the value that the model answers with, or None when there is none: the budget is used up, or the model failed.

        What failed is told as an event, and why nobody is asked any more stands in :attr:`closed`.

        Args:
            purpose: clarify, plan, gaps, write or repair.
            messages: The conversation.
            schema: What the answer has to fit.
            most_tokens: The longest answer wanted, its reasoning aside.
        """
        self.taint = joined(self.taint, (name for message in messages for name in message.own))
        read, turns = size(messages, schema), [[message.role, message.text] for message in messages]
        for attempt in (1, 2):
            allowed = await self._spending.begin(read, most_tokens)
            if allowed is None:
                return None
            call = self._call(purpose, allowed)
            try:
                done = await self._ctx.step(call, self._model.name, turns, schema, most_tokens, title=_PURPOSES.get(purpose, purpose))
            except StepFailed as error:
                short = error.cause_type == ReasoningTooLong.__name__ and allowed.narrow
                self._spending.book_failed(allowed, error.usage, short=short)
                if error.cause_type in _FATAL:
                    raise
                if not short or attempt == 2:  # else the budget left too little room: a person is asked for more
                    self._told(purpose, error)
                    return None
            else:
                return self._booked(allowed, done)

    def _booked(self, allowed: Allowance, done: dict[str, Any]) -> Any:
        """Counts what an answer has cost; returns its value."""
        if done.get("brought") and BROUGHT not in self.notes:
            self.notes.append(BROUGHT)
        usage = done["usage"]
        calls = self._spending.book(allowed, usage, kept=done["kept"])
        self.cost = Cost(
            usd=self.cost.usd + (usage["usd"] or 0.0),
            calls=self.cost.calls + calls,
            tokens=self.cost.tokens + usage["prompt"] + usage["completion"],
            reasoning=self.cost.reasoning + usage.get("reasoning", 0),
        )
        return done["value"]

    def _call(self, purpose: str, allowed: Allowance) -> Callable[..., Any]:
        ctx, model, cache = self._ctx, self._model, self._cache

        @fixed_name("research:ask_model")
        async def ask_model(name: str, turns: list[list[str]], schema: Schema, most_tokens: int) -> dict[str, Any]:
            messages = [Message(role=role, text=text) for role, text in turns]  # type: ignore[arg-type]  # they were taken from messages
            began, show, made, left = time.monotonic(), _Readable(lambda text: ctx.stream(text, by=purpose)), False, False

            def used(usage: Usage, by: str, **more: Any) -> UsageRecorded:
                return UsageRecorded(
                    purpose=purpose, model=by, calls=max(1, usage.requests), prompt=usage.prompt, completion=usage.completion,
                    reasoning=usage.reasoning, usd=usage.usd, seconds=round(time.monotonic() - began, 3), **more,
                )  # fmt: skip

            async def compute() -> bytes:
                nonlocal made
                made = True
                on_text = show.take if purpose == "write" else None
                requests, tokens = MOST_REQUESTS.set(allowed.requests), MOST_TOKENS.set(allowed.tokens)
                try:
                    reply = await model.complete(messages, schema=schema, most_tokens=most_tokens, on_text=on_text)
                except ModelError as error:
                    fact = used((error.usage or Usage()).sound(), name)  # it is paid for all the same
                    if left:
                        _unbooked[error] = fact
                    else:
                        ctx.note(fact)
                    raise
                finally:
                    MOST_REQUESTS.reset(requests)
                    MOST_TOKENS.reset(tokens)
                usage = reply.usage.sound()
                answer = {"value": reply.value, "usage": asdict(usage), "model": reply.model or name}
                if left:  # its run may have ended, and takes no note any more
                    answer["unbooked"] = uuid4().hex
                else:
                    ctx.note(used(usage, reply.model or name, cache=digests))
                return json.dumps(answer).encode()

            keys = _keys(model, {"model": name, "turns": turns, "schema": schema, "most_tokens": most_tokens})
            digests = tuple(key.digest for key in keys) if cache is not None else ()
            try:
                hit = Hit(await compute(), 0.0, True) if cache is None else await _kept(cache, keys, compute)
            except asyncio.CancelledError:
                left = True
                raise
            except ModelError as error:
                if (owed := _unbooked.pop(error, None)) is not None:
                    ctx.note(owed)
                raise
            answer = json.loads(hit.data)
            kept = not made and not (cache is not None and await _claimed(cache, answer))
            if not made:  # a run that waited for the same call of another has paid nothing for it
                ctx.note(used(Usage(**answer["usage"]), answer["model"], kept=kept, cache=digests))
            return {"value": answer["value"], "usage": answer["usage"], "kept": kept} | ({"brought": True} if hit.brought else {})

        return ask_model

    def _told(self, purpose: str, error: StepFailed) -> None:
        why = f"{error.cause or error.message} {error.hint}".strip()
        message = f"The model did not help to {_TO.get(purpose, purpose)}: {why}"
        self.notes.append(message)
        info = ErrorInfo(type=error.cause_type or "ModelError", message=message, code="model", hint=error.hint)
        self._ctx.tell(ErrorRecorded(error=info, origin=f"model {self._model.name}"))


_unbooked: WeakKeyDictionary[ModelError, UsageRecorded] = WeakKeyDictionary()
"""What calls used that failed after their run had left them: for whoever still waits."""


def _keys(model: Model, what: dict[str, Any]) -> tuple[Key, ...]:
    """Returns what an answer is kept by; where it has an identity, by what it is looked for in a replay too."""
    identity = str(getattr(model, "identity", "") or "")
    return (Key("model", what, identity), Key("model", what, _ANYWHERE)) if identity else (Key("model", what),)


async def _kept(cache: Cache, keys: tuple[Key, ...], compute: Callable[[], Awaitable[bytes]]) -> Hit:
    """Returns the answer to a call: kept, or made now. In a replay, whoever gave it: it may be on another machine.

    One that this home has seen made counts before all that opened files have brought, by whatever it is kept.
    """
    own = keys[0]
    if cache.mode == "replay":
        for brought in (False, True):
            for key in (own, Key("model", own.what), Key("model", own.what, _ANYWHERE)):
                with suppress(NotRecorded):
                    return await cache.call(key, compute, brought=brought)
        return await cache.call(own, compute)
    hit = await cache.call(own, compute, ttl=LIVES)

    async def same() -> bytes:
        return hit.data

    for key in keys[1:]:
        if (await cache.call(key, same, ttl=LIVES)).data != hit.data:
            await cache.call(key, same, ttl=0.0)  # the last one counts
    return hit


async def _claimed(cache: Cache, answer: dict[str, Any]) -> bool:
    """Returns whether a call is this run's to book: the run that began it had left it, and nobody else was served it before."""
    mine = False

    async def claim() -> bytes:
        nonlocal mine
        mine = True
        return b"booked"

    if "unbooked" in answer:
        with suppress(NotRecorded):
            await cache.call(Key("model", {"booked": answer["unbooked"]}), claim, ttl=LIVES)
    return mine


class _Readable:
    """Shows the sentences of a JSON answer while it is being written. A piece costs the same however long the answer has become."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = ""  # what was not shown yet, or may be the beginning of a sentence
        self._inside = False
        self._gap = ""
        self._any = False

    def take(self, piece: str) -> None:
        """Takes the next piece; an empty one means that the answer begins anew."""
        if not piece:
            self._rest, self._inside = "", False
            return
        rest, at = self._rest + piece, 0
        while True:
            if not self._inside:
                found = _BEGIN.search(rest, at)
                if found is None:
                    self._rest = rest[max(at, len(rest) - _MARK) :]
                    return
                at, self._inside, self._gap = found.end(), True, " " if self._any else ""
            at = self._tell(rest, at)
            if rest[at : at + 1] != '"':
                self._rest = rest[at:]
                return
            at, self._inside = at + 1, False

    def _tell(self, rest: str, at: int) -> int:
        """Shows a sentence from there on as far as it has come; returns where that is."""
        end = _end(rest, at)
        while rest[end : end + 1] == "\\" and len(rest) - end >= _ESCAPE:  # it is no escape, and never will be
            end = _end(rest, end + 1)
        if _HALF.search(rest, max(at, end - _ESCAPE), end) and len(rest) - end < _ESCAPE and rest[end : end + 1] in ("", "\\"):
            end -= _ESCAPE  # the other half of that character is still to come
        if text := _plain(rest[at:end]):
            self._show(self._gap + text)
            self._gap, self._any = "", True
        return end


def _end(text: str, at: int) -> int:
    found = _PART.match(text, at)
    return found.end() if found else at


def _plain(escaped: str) -> str:
    try:
        text = str(json.loads(f'"{escaped}"', strict=False))
    except ValueError:  # what is shown need not be right to the letter
        text = escaped
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
