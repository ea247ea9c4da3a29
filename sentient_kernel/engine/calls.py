"""What one call of a step is made of: its identity, what is known of its function, how it begins, and whether the run is still ours."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from sentient_kernel.engine.workflow import EffectSpec, Retry
from sentient_kernel.events import (
    ErrorRecorded,
    StepStarted,
    Writable,
    Written,
)
from sentient_kernel.failures import describe
from sentient_kernel.ids import StepKey
from sentient_kernel.journal.base import Lease

if TYPE_CHECKING:
    from sentient_kernel.engine.engine import Engine


@dataclass(slots=True)
class Call:
    """One call of a step, with its identity."""

    key: StepKey
    fn: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    retry: Retry | None
    timeout: float | None
    effect: EffectSpec
    title: str = ""
    returns: Callable[..., Any] | None = None
    scope: str = ""
    plan: Plan | None = None

    @property
    def typed_by(self) -> Callable[..., Any]:
        """The function whose annotations say what the result is."""
        return self.returns or self.fn


class Plan(NamedTuple):
    """What a run knows of a step's function, worked out at its first call: later calls are looked up."""

    name: str
    prefix: bytes
    once: bytes
    started: bytes
    code: CodeType | None


class Crashed(BaseException):
    """A step ended the way a dying process does; the run stops without an end of its own, and ``fact`` is the last that it writes."""

    def __init__(self, where: str, error: BaseException) -> None:
        said = f"{type(error).__name__}({error})" if str(error) else type(error).__name__
        super().__init__(f"{where[:1].upper()}{where[1:]} ended the process: {said}.")
        self.fact: ErrorRecorded | None = ErrorRecorded(error=describe(error), origin=where)


@dataclass(slots=True)
class Hold:
    """That a run is still this kernel's, as far as was known at a time: a kernel that stood still meanwhile has to look again."""

    engine: Engine
    lease: Lease
    at: float

    def make_sure(self) -> None:
        """Looks again until it is certain; on the loop.

        Raises:
            LeaseLost: Another kernel has taken the run over.
        """
        while self._stale():
            self.at = self.engine.loop.time()
            self.engine.check_lease(self.lease)

    def before(self, act: Callable[[], Any]) -> Callable[[], Any]:
        """Returns an act for another thread that makes sure first: between a look and the act there is then no turn of anything."""

        def first() -> Any:
            while self._stale():
                self.engine.on_loop(self.make_sure)
            return act()

        return first

    def _stale(self) -> bool:
        return self.engine.loop.time() - self.at > self.engine.lease_ttl / 2


def start_task(coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Starts a task whose error somebody else reads."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    task.add_done_callback(lambda t: t.cancelled() or t.exception())
    return task


def started(call: Call) -> Writable:
    """Returns the event of a step's beginning; its usual form is put together from bytes, as it is written for every step."""
    if call.effect.kind == "pure" and not call.title and not call.scope and call.plan is not None:
        return Written("step_started", b'{"key":"' + call.key.encode() + call.plan.started + b"}")
    return StepStarted(key=call.key, name=call.name, scope=call.scope, effect=call.effect.kind, title=call.title)


@types.coroutine
def go_on(body: Any, first: Any) -> Generator[Any, Any, Any]:
    """Awaits a coroutine that was begun by hand and has yielded ``first``."""
    try:
        yield first
    except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the body
        try:
            again = body.throw(error)
        except StopIteration as stop:
            return stop.value
        return (yield from go_on(body, again))
    return (yield from body)


async def as_coroutine(awaitable: Awaitable[Any]) -> Any:
    """Awaits something that is no coroutine."""
    return await awaitable
