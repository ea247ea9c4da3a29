"""The mailboxes of a tree of runs: what was sent is sent once, what was taken stays taken."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

from sentient_kernel.engine import codec
from sentient_kernel.engine.identity import mailbox_identity
from sentient_kernel.engine.live_run import LiveRun
from sentient_kernel.errors import StepTimedOut
from sentient_kernel.events import MessageReceived, MessageSent
from sentient_kernel.ids import Seq


async def send(live: LiveRun, to: str, message: Any) -> None:
    """Puts a value into a mailbox of the tree of runs; once, however often the run is resumed."""
    encoded = codec.encode(message, "the message")
    identity = b"\0".join((b"send", live.run.encode(), to.encode(), encoded.json))
    key = live.cursor.occurrence(identity)
    if key not in live.root.state.sent:
        sent = MessageSent(to=to, message=from_json(encoded.json), sender=live.run, key=key)
        await live.root.append(sent)


async def receive(live: LiveRun, names: frozenset[str], timeout: float | None) -> Any:
    """Takes the oldest message for one of these names. Raises StepTimedOut when none came in
    time.
    """
    state, clock = live.root.state, live.ports.clock
    key = live.cursor.occurrence(mailbox_identity(live.run))
    live.cursor.receive(key in state.received)
    deadline = None if timeout is None else clock.monotonic() + timeout
    while key not in state.received:
        taken = set(state.received.values())
        waiting = (seq for seq, m in state.messages.items() if seq not in taken and m.to in names)
        found = next(waiting, None)
        if found is None and deadline is None:
            await live.mailbox.join()
        elif found is None and deadline is not None and deadline > clock.monotonic():
            await live.ports.first(live.mailbox.join(), deadline - clock.monotonic())
        else:
            state.received[key] = found or Seq(0)
            await live.root.append(MessageReceived(key=key, message=found or Seq(0)))
    seq = state.received[key]
    if seq == 0:
        raise StepTimedOut(
            f"No message came within {timeout:g} s." if timeout is not None else "No message came."
        )
    return state.messages[seq].message
