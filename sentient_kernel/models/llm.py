"""Language models of any provider, through pydantic-ai, which is loaded at the first call.

What a server sends is taken for an answer only when it is whole: it said that it has finished, it
is not empty, and it fits the schema that was asked for. Anything else is tried again where that may
help, and is a :class:`ModelError` in the end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import ModelCut, ModelError
from sentient_kernel.models import structured
from sentient_kernel.models.attempt import CompletionAttempt, ModelAnswer, ModelLimits, Terms
from sentient_kernel.models.base import Message, Model, Reply, Usage
from sentient_kernel.models.call import Deadlines
from sentient_kernel.models.check import PLUGINS, split
from sentient_kernel.models.limits import Gate
from sentient_kernel.models.pricing import Price, priced
from sentient_kernel.models.provider import LazyProvider, Provider, address
from sentient_kernel.plugins import plugin
from sentient_kernel.transport import Fetcher

if TYPE_CHECKING:
    from sentient_kernel.settings import Settings

__all__ = ["Deadlines", "LanguageModel", "ModelLimits", "open_model"]


def open_model(
    name: str,
    settings: Settings,
    fetcher: Fetcher,
    *,
    limits: ModelLimits | None = None,
    clock: Clock | None = None,
    rng: Random | None = None,
    prices: Mapping[str, Price] | None = None,
) -> Model:
    """Opens a model by its usual name; nothing is loaded and nothing is asked before its first
    call, so that a replay needs neither.

    Args:
        name: ``provider:model`` as pydantic-ai names them: ``openai:gpt-...``,
            ``anthropic:claude-...``, ``ollama:qwen...``. Keys and base URLs come from the
            provider's usual environment variables. ``openai`` speaks chat completions.
        settings: Handed on to models that other packages bring.
        fetcher: Makes the client that all requests go through.
        limits: Deadlines, concurrency, attempts.
        clock: For pauses. Deadlines are those of the event loop.
        rng: For the jitter of pauses.
        prices: Prices that go before those that are known, by name.

    Raises:
        UnknownModel: The name is not one.
    """
    provider, _ = split(name)
    if (brought := plugin(PLUGINS, provider)) is not None:
        opened: Model = brought.load()(name, settings, fetcher)
        return opened
    return LanguageModel(name, fetcher, limits=limits, clock=clock, rng=rng, prices=prices)


class LanguageModel:
    """A model behind a provider's API. For one event loop, as its fetcher; opened with
    :func:`open_model`.

    Structured output is asked for in the server's own way; from a server that does not know it, in
    the prompt. What comes is read leniently and checked; what does not fit is asked for once more.
    """

    def __init__(
        self,
        name: str,
        fetcher: Fetcher,
        *,
        limits: ModelLimits | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        prices: Mapping[str, Price] | None = None,
    ) -> None:
        self.name = name
        self._fetcher = fetcher
        self._terms = Terms(
            limits=limits or ModelLimits(),
            clock=clock or SystemClock(),
            rng=rng or Random(),  # noqa: S311 - jitter
            prices=dict(prices or {}),
        )
        self._provider = LazyProvider(name, fetcher)

    def __repr__(self) -> str:
        return f"<model {self.name}>"

    @property
    def reasoning(self) -> int:
        """Tokens of reasoning that a request may spend beside its answer."""
        return self._terms.limits.reasoning

    @property
    def identity(self) -> str:
        """Which server answers, and for which organisation, where that is not the provider's own
        and usual; nobody is asked for it.
        """
        own = os.environ.get("OPENAI_ORG_ID", "") if self.name.startswith("openai") else ""
        return f"{self._address} {own}".strip()

    def cost(self, usage: Usage) -> float | None:
        """Returns what that would cost in US dollars, or None when no price is known. The first
        time it reads a file: for a thread.
        """
        return priced(usage, self.name, url=self._address, prices=self._terms.prices).usd

    @cached_property
    def _address(self) -> str:
        return address(self.name)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        schema: dict[str, Any] | None = None,
        most_tokens: int | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answers a conversation; look at :class:`sentient_kernel.models.base.Model`.

        Raises:
            ModelError: No answer, or half of one.
            ConfigurationError: The provider is unknown, or its key or package is missing.
            FetchFailed: Nothing may be asked: the network is switched off, or the address is
                blocked.
        """
        provider = await self._provider.ready()
        gate = _gate(self._fetcher, provider, self._terms)
        asking = CompletionAttempt(
            self._terms, provider, gate, most_tokens, on_text, json=schema is not None
        )
        if schema is None:
            answer, value = await asking.ask(messages), None
        else:
            answer, value = await self._structured(asking, messages, schema)
        return Reply(
            text=answer.text,
            value=value,
            usage=asking.usage,
            reasoning=answer.reasoning,
            model=answer.model,
        )

    async def _structured(
        self, asking: CompletionAttempt, messages: Sequence[Message], schema: dict[str, Any]
    ) -> tuple[ModelAnswer, Any]:
        told = _with_instruction(messages, structured.instruction(schema))
        answer: ModelAnswer | None = None
        if asking.native and schema.get("type") == "object":  # servers take no other
            try:
                answer = await asking.ask(messages, schema=schema, cut=True)
            except ModelError:
                if not asking.schema_refused or not asking.may_ask:
                    raise
                asking.without_schema()
        if answer is None:
            answer = await asking.ask(told, cut=True)
        read = answer.read(schema)
        if not read.ok and asking.may_ask:
            asking.again()
            turns = [
                *told,
                Message(role="assistant", text=answer.text[:4_000]),
                Message(role="user", text=structured.repair(read.problems)),
            ]
            answer = await asking.ask(turns, cut=True)
            read = answer.read(schema)
        if not read.ok:
            raise ModelCut(
                f"{self.name!r} did not return JSON that matches the schema:"
                f" {' '.join(read.problems[:3])}",
                hint="Try again, or a larger model.",
                usage=asking.usage,
            )
        return answer, read.value


_gates: WeakKeyDictionary[Fetcher, dict[str, Gate]] = WeakKeyDictionary()
"""By fetcher and server: a fetcher is what the models of one workbench have in common."""


def _gate(fetcher: Fetcher, provider: Provider, terms: Terms) -> Gate:
    gates = _gates.setdefault(fetcher, {})
    gate = gates.get(provider.url)
    if gate is None or gate.loop is not provider.loop:
        gate = gates[provider.url] = Gate(
            terms.limits.at_once, terms.clock, terms.limits.per_minute
        )
    return gate


def _with_instruction(messages: Sequence[Message], instruction: str) -> list[Message]:
    """Adds to the system turn: some servers take only one."""
    if messages and messages[0].role == "system":
        return [Message(role="system", text=f"{messages[0].text}\n\n{instruction}"), *messages[1:]]
    return [Message(role="system", text=instruction), *messages]
