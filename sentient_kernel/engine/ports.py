"""What the engine lends to the runs that it executes: one value, so that a run need not know the
engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from sentient_kernel.clock import Clock
from sentient_kernel.commands import Command
from sentient_kernel.engine.watchdog import Watchdog
from sentient_kernel.errors import LeaseLost
from sentient_kernel.ids import RunId
from sentient_kernel.journal.base import Journal, Lease


def no_fault(point: str, name: str) -> None:
    """The fault hook of an engine that nobody tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run uses of its engine.

    Args:
        journal: Where everything that happens is written.
        clock: Where time comes from.
        loop: The engine's loop.
        watchdog: Knows which bodies run on the loop.
        slots: How many sync steps run at once in threads.
        lease_ttl: Seconds after which a kernel that gives no sign may lose its runs.
        by: Who acts here, for the record.
        fault_hook: Called with a named point of a step's life and the step's name or the question.
        send_text: Shows a piece of text as it is being written: run, author, text.
        names: What the stored inputs of a workflow name, by the workflow's name.
        call_on_loop: Calls something on the loop, from another thread, and waits for it.
        decide: Puts a command to a run.
        run_child: Runs a workflow as a child: parent, key, workflow, arguments, keyword arguments.
        keep_error: Keeps the exception that ends a run, with its traceback.
    """

    journal: Journal
    clock: Clock
    loop: asyncio.AbstractEventLoop
    watchdog: Watchdog
    slots: asyncio.Semaphore
    lease_ttl: float
    by: str
    fault_hook: Callable[[str, str], None]
    send_text: Callable[[RunId, str, str], None]
    names: Callable[[str, Any], dict[str, JsonValue]]
    call_on_loop: Callable[[Callable[[], None]], None]
    decide: Callable[[Command], Awaitable[None]]
    run_child: Callable[..., Awaitable[Any]]
    keep_error: Callable[[RunId, BaseException], None]

    async def first(self, future: asyncio.Future[Any], seconds: float) -> bool:
        """Waits for a future or for the clock; True when the future was first."""
        timer = start_task(self.clock.sleep(seconds), "timer")
        try:
            await asyncio.wait([future, timer], return_when=asyncio.FIRST_COMPLETED)
            return future.done()
        finally:
            timer.cancel()


def start_task(coroutine: Any, name: str) -> asyncio.Task[Any]:
    """Starts a task whose error somebody else reads."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    task.add_done_callback(lambda t: t.cancelled() or t.exception())
    return task


@dataclass(slots=True)
class LeaseProof:
    """Proof that this kernel held a run's lease at a time; renewed before an effect when it is old.

    A kernel that stood still meanwhile may have lost the run to another one.
    """

    ports: Ports
    lease: Lease
    at: float

    def renew(self) -> None:
        """Looks again until the proof is fresh; on the loop.

        Raises:
            LeaseLost: Another kernel has taken the run over.
        """
        while self._old():
            self.at = self.ports.loop.time()
            if self.ports.journal.renew([self.lease], ttl=self.ports.lease_ttl):
                raise LeaseLost(
                    f"Run {self.lease.run!r} was taken over by another kernel while this one stood"
                    " still."
                )

    def before(self, act: Callable[[], Any]) -> Callable[[], Any]:
        """Returns an act for another thread that renews first: nothing comes between the look and
        the act.
        """

        def first() -> Any:
            while self._old():
                self.ports.call_on_loop(self.renew)
            return act()

        return first

    def _old(self) -> bool:
        return self.ports.loop.time() - self.at > self.ports.lease_ttl / 2
