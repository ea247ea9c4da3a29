"""A run's way to its model: within its budget, through the cache, each call a recorded step. What is asked is decided in ``prompts``."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sentient_kernel.agents.prompts import Schema, size
from sentient_kernel.agents.report import Cost
from sentient_kernel.budget import Budget
from sentient_kernel.cache import Cache, Key
from sentient_kernel.engine import Context
from sentient_kernel.errors import ApprovalRejected, ModelError, StepFailed
from sentient_kernel.events import ErrorInfo, ErrorRecorded, UsageRecorded
from sentient_kernel.ledger import Ledger, Short
from sentient_kernel.models.base import Message, Model, Usage

LIVES = 30 * 86_400.0
"""Seconds for which a model's answer to the very same conversation is served again."""

_FATAL = frozenset({"NotRecorded", "ConfigurationError", "NotFound"})
"""What a person has to put right: a report without the model is not what was asked for then, nor what was recorded."""

_SOMETHING = 1e-6
"""US dollars that a call costs at least, so that none is made on a budget that is used up to the cent."""

_TEXTS = re.compile(r'"text"\s*:\s*"((?:[^"\\]|\\.)*)')
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
    """

    def __init__(self, ctx: Context, model: Model, cache: Cache | None, budget: Budget | None) -> None:
        self._ctx = ctx
        self._model = model
        self._cache = cache
        self._ledger = Ledger(budget)
        self.closed = ""
        """Why the model is asked no more; empty while it is."""
        self.notes: list[str] = []
        """What a reader of the report has to know: where the model did not help, and why."""
        self.cost = Cost()
        """What the answers cost when they were made, kept ones included: the same however often the question is asked again."""

    async def ask(self, purpose: str, messages: Sequence[Message], schema: Schema, *, most_tokens: int) -> Any:
        """Returns the value that the model answers with, or None when there is none: the budget is used up, or the model failed.

        What failed is told as an event, and why nobody is asked any more stands in :attr:`closed`.

        Args:
            purpose: clarify, plan, gaps, write or repair.
            messages: The conversation.
            schema: What the answer has to fit.
            most_tokens: The longest answer wanted.
        """
        tokens = size(messages, schema) + most_tokens
        if self.closed or not await self._afford(tokens):
            return None
        reservation = self._ledger.reserve(tokens=tokens)
        turns = [[message.role, message.text] for message in messages]
        call = self._call(purpose)
        try:
            done = await self._ctx.step(call, self._model.name, turns, schema, most_tokens, title=_PURPOSES.get(purpose, purpose))
        except StepFailed as error:
            if not isinstance(reservation, Short):
                self._ledger.settle(reservation)
            if error.cause_type in _FATAL:
                raise
            self._told(purpose, error)
            return None
        usage = done["usage"]
        if not isinstance(reservation, Short):
            kept = done["kept"]
            used = 0 if kept else usage["prompt"] + usage["completion"]
            self._ledger.settle(reservation, calls=0 if kept else 1, tokens=used, usd=0.0 if kept else usage["usd"] or 0.0)
        if usage["usd"] is None and self._ledger.budget.usd is not None:
            unknown = f"No price of {self._model.name!r} is known, so the limit of ${self._ledger.budget.usd:g} could not be watched."
            if unknown not in self.notes:
                self.notes.append(unknown)
        self.cost = Cost(
            usd=self.cost.usd + (usage["usd"] or 0.0), calls=self.cost.calls + 1,
            tokens=self.cost.tokens + usage["prompt"] + usage["completion"],
        )  # fmt: skip
        return done["value"]

    async def _afford(self, tokens: int) -> bool:
        """Returns whether a call may be made; asks a person at the limit."""
        usd = 0.0 if self._ledger.budget.usd is None else _SOMETHING
        while isinstance(short := self._ledger.reserve(tokens=tokens, usd=usd), Short):
            budget, spent = self._ledger.budget, self._ledger.spent
            more = _more(budget, tokens)
            limits = {
                name: value for name, value in (("usd", more.usd), ("tokens", more.tokens), ("calls", more.calls)) if value is not None
            }
            try:
                answer = await self._ctx.approve(f"{short} Go on with a budget of this?", limits, ask="spend")
            except ApprovalRejected as error:
                why = f" ({error.reason})" if error.reason else ""
                self.closed = f"The budget was used up after {spent.calls} call{'' if spent.calls == 1 else 's'}{why}."
                self.notes.append(f"{self.closed} What came after was done without the model.")
                return False
            self._ledger.raise_to(_allowed(answer, budget))
            self.notes.append(f"The budget was raised when it was used up, after {spent.calls} call{'' if spent.calls == 1 else 's'}.")
        self._ledger.release(short)
        return True

    def _call(self, purpose: str) -> Callable[..., Any]:
        ctx, model, cache = self._ctx, self._model, self._cache

        async def ask_model(name: str, turns: list[list[str]], schema: Schema, most_tokens: int) -> dict[str, Any]:
            messages = [Message(role=role, text=text) for role, text in turns]  # type: ignore[arg-type]  # they were taken from messages
            began, show, made = time.monotonic(), _Readable(lambda text: ctx.stream(text, by=purpose)), False

            def spent() -> float:
                return round(time.monotonic() - began, 3)

            async def compute() -> bytes:
                nonlocal made
                made = True
                on_text = show.take if purpose == "write" else None
                try:
                    reply = await model.complete(messages, schema=schema, most_tokens=most_tokens, on_text=on_text)
                except ModelError as error:
                    used = error.usage or Usage()  # it is paid for all the same
                    ctx.note(
                        UsageRecorded(
                            purpose=purpose, model=name, prompt=used.prompt, completion=used.completion, usd=used.usd, seconds=spent()
                        )
                    )
                    raise
                return json.dumps({"value": reply.value, "usage": asdict(reply.usage), "model": reply.model or name}).encode()

            digests = tuple[str, ...]()
            if cache is None:
                data = await compute()
            else:
                what = {"model": name, "turns": turns, "schema": schema, "most_tokens": most_tokens}
                key = Key("model", what)
                hit = await cache.call(key, compute, ttl=LIVES)
                data, digests = hit.data, (key.digest,)
            kept = not made  # a run that waited for the same call of another has paid nothing for it
            answer = json.loads(data)
            usage = answer["usage"]
            ctx.note(
                UsageRecorded(
                    purpose=purpose, model=answer["model"], prompt=usage["prompt"], completion=usage["completion"], usd=usage["usd"],
                    kept=kept, cache=digests, seconds=spent(),
                )
            )  # fmt: skip
            return {"value": answer["value"], "usage": usage, "kept": kept}

        return ask_model

    def _told(self, purpose: str, error: StepFailed) -> None:
        message = f"The model did not help to {_TO.get(purpose, purpose)}: {error.message}"
        self.notes.append(message)
        info = ErrorInfo(type=error.cause_type or "ModelError", message=message, code="model", hint=error.hint)
        self._ctx.tell(ErrorRecorded(error=info, origin=f"model {self._model.name}"))


class _Readable:
    """Shows the sentences of a JSON answer while it is being written. A piece costs the same however long the answer has become."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._rest = ""
        self._told = 0  # characters of the sentence at the beginning of the rest that were shown
        self._any = False

    def take(self, piece: str) -> None:
        """Takes the next piece; an empty one means that the answer begins anew."""
        if not piece:
            self._rest, self._told = "", 0
            return
        self._rest += piece
        while found := _TEXTS.search(self._rest):
            text, whole = _plain(found[1]), self._rest[found.end() : found.end() + 1] == '"'
            if len(text) > self._told:
                self._show((" " if self._any and not self._told else "") + text[self._told :])
                self._told, self._any = len(text), True
            if not whole:
                self._rest = self._rest[found.start() :]
                return
            self._rest, self._told = self._rest[found.end() + 1 :], 0
        self._rest = self._rest[-_MARK:]


def _plain(escaped: str) -> str:
    try:
        return str(json.loads(f'"{escaped}"'))
    except ValueError:  # cut within an escape
        return escaped.rpartition("\\")[0]


def _more(budget: Budget, tokens: int) -> Budget:
    """Returns the budget that is proposed at the limit: as much again, and at least room for the call that waits."""
    return Budget(
        usd=None if budget.usd is None else max(2 * budget.usd, 0.01),
        tokens=None if budget.tokens is None else 2 * budget.tokens + tokens,
        calls=None if budget.calls is None else 2 * budget.calls + 1,
    )


def _allowed(answer: Any, budget: Budget) -> Budget:
    """Returns the budget that a person allows; what does not fit leaves the limit open that was asked about."""
    given = answer if isinstance(answer, dict) else {}

    def number(name: str) -> float | None:
        value = given.get(name)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None

    tokens, calls = number("tokens"), number("calls")
    return Budget(
        usd=number("usd"),
        tokens=None if tokens is None else int(tokens),
        calls=None if calls is None else int(calls),
        seconds=budget.seconds,
    )
