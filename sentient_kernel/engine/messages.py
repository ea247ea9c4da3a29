"""The mailboxes of a tree of runs: what was sent is sent once, what was taken stays taken."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from sentient_kernel.engine import codec
from sentient_kernel.errors import (
    StepTimedOut,
)
from sentient_kernel.events import (
    MessageReceived,
    MessageSent,
)
from sentient_kernel.ids import RunId, Seq

if TYPE_CHECKING:
    from sentient_kernel.engine.execution import Execution


@dataclass(slots=True)
class Mailbox:
    """The messages of a tree of runs; those that were taken are remembered in the root run's record."""

    waiters: list[asyncio.Future[None]] = field(default_factory=list)

    def wake(self) -> None:
        """Lets everyone who waits look again."""
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)


def receiving(run: RunId) -> bytes:
    """Returns the identity that the messages a run takes are counted by."""
    return b"receive\0" + run.encode()


async def send(execution: Execution, to: str, message: Any) -> None:
    """Puts a value into a mailbox of the tree of runs; once, however often the run is resumed."""
    encoded = codec.encode(message, "the message")
    key = execution.occurrence(b"\0".join((b"send", execution.run.encode(), to.encode(), encoded.json)))
    if key not in execution.root.state.sent:
        await execution.root.append(MessageSent(to=to, message=from_json(encoded.json), sender=execution.run, key=key))


async def receive(execution: Execution, names: frozenset[str], timeout: float | None) -> Any:
    """Takes the oldest message for one of these names. Raises StepTimedOut when none came in time."""
    state = execution.root.state
    key = execution.occurrence(receiving(execution.run))
    execution.ahead = max(execution.ahead - 1, 0) if key in state.received else 0
    deadline = None if timeout is None else execution.engine.clock.monotonic() + timeout
    while key not in state.received:
        taken = set(state.received.values())
        found = next((seq for seq, m in state.messages.items() if seq not in taken and m.to in names), None)
        if found is None and (deadline is None or deadline > execution.engine.clock.monotonic()):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            execution.mailbox.waiters.append(waiter)
            if deadline is None:
                await waiter
            else:
                await execution.engine.either(waiter, deadline - execution.engine.clock.monotonic())
            continue
        state.received[key] = found or Seq(0)
        await execution.root.append(MessageReceived(key=key, message=found or Seq(0)))
    seq = state.received[key]
    if seq == 0:
        raise StepTimedOut(f"No message came within {timeout:g} s." if timeout is not None else "No message came.")
    return state.messages[seq].message
