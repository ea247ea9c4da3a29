"""A run while this engine executes it: what is known of it, what it writes, and who waits for news
of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import from_json

from sentient_kernel.engine.cursor import ReplayCursor
from sentient_kernel.engine.ports import Ports
from sentient_kernel.engine.state import CONTROL, RunState, apply
from sentient_kernel.events import (
    ApprovalRequested,
    CancelRequested,
    DirectionTaken,
    Fact,
    MessageSent,
    Record,
    Writable,
)
from sentient_kernel.ids import ApprovalId, RunId, Seq
from sentient_kernel.journal.base import Lease
from sentient_kernel.redaction.known import redactor


class EventWaiters:
    """Those who wait for something to happen, whatever it is: each looks again when it is woken."""

    def __init__(self) -> None:
        self._futures: list[asyncio.Future[None]] = []

    def __bool__(self) -> bool:
        return bool(self._futures)

    def join(self) -> asyncio.Future[None]:
        """Returns a future that is done with the next :meth:`wake`."""
        self._futures.append(future := asyncio.get_running_loop().create_future())
        return future

    def wake(self) -> None:
        """Lets everyone who waits look again."""
        futures, self._futures = self._futures, []
        for future in futures:
            if not future.done():
                future.set_result(None)


class LiveRun:
    """What is known of a run that is executed here. Lives on the engine's loop alone.

    Args:
        ports: What its engine lends it.
        state: What its events amount to.
        lease: That of the root of its tree of runs; without it nothing can be written.
        parent: The run that it is a child of.
        given: How questions of some kinds are answered, beside what its beginning says.

    Attributes:
        cursor: Where it stands in its record.
        mailbox: Those who wait for a message in its tree of runs.
        answers: Those who wait for the answer to a question.
        forms: What an edited payload must fit.
        opened: Which runs of its tree a person has let go on here, though they were written
            elsewhere.
        gate: Where its steps wait while it is paused; None while it is not.
        told_to_finish: Set once somebody asks it to finish.
        timers: What will ask it to finish; cancelled with its end.
        fenced: Another kernel has its lease; nothing more can be written.
        closing: The workbench is being closed.
        over: Its end is written.
    """

    def __init__(
        self,
        ports: Ports,
        state: RunState,
        lease: Lease,
        parent: LiveRun | None = None,
        given: Mapping[str, str] | None = None,
    ) -> None:
        self.ports = ports
        self.state = state
        self.run: RunId = state.run
        self.lease = lease
        self.parent = parent
        self.root: LiveRun = parent.root if parent else self
        self.policy: Mapping[str, str] = {**state.policy, **(given or {})}
        self.cursor = ReplayCursor(state, self.root.state.received)
        self.mailbox: EventWaiters = parent.mailbox if parent else EventWaiters()
        self.answers: dict[ApprovalId, EventWaiters] = {}
        self.forms: dict[ApprovalId, TypeAdapter[Any]] = {}
        self.opened: frozenset[RunId] = frozenset()
        self.task: asyncio.Task[Any] | None = None
        self.timers: list[asyncio.Task[Any]] = []
        self.fenced = False
        self.closing = False
        self.over = False
        self.gate: asyncio.Event | None = asyncio.Event() if state.paused else None
        self.told_to_finish = asyncio.Event()
        self._set_gate()

    # -- what reaches the run from outside ---------------------------------------------------------

    def on_record(self, record: Record) -> None:
        """Takes in an event of this run that was committed by anybody."""
        if record.kind not in CONTROL:
            return
        approval = ApprovalId(from_json(record.body).get("approval", ""))
        if record.kind == ApprovalRequested.KIND and approval in self.state.approvals:
            return
        apply(self.state, record)
        if approval:
            self.answers.pop(approval, EventWaiters()).wake()
        elif record.kind == MessageSent.KIND:
            self.mailbox.wake()
        elif record.kind == CancelRequested.KIND and self.task is not None:
            self.task.cancel()
        else:
            self._set_gate()

    def _set_gate(self) -> None:
        if self.state.finishing:
            self.told_to_finish.set()
        if self.state.paused and self.gate is None:
            self.gate = asyncio.Event()
        elif not self.state.paused and self.gate is not None:
            self.gate.set()
            self.gate = None

    async def pass_gates(self) -> None:
        """Waits while this run, or one that it is a child of, is paused."""
        while (gate := next((one.gate for one in self.lineage() if one.gate), None)) is not None:
            await gate.wait()

    def lineage(self) -> list[LiveRun]:
        """Returns this run and those it is a child of."""
        return [self, *(self.parent.lineage() if self.parent else ())]

    # -- writing -----------------------------------------------------------------------------------

    def post(self, fact: Writable) -> None:
        """Writes with the next commit."""
        self.ports.journal.post(self.run, fact, lease=self.lease)

    def post_soon(self, fact: Writable) -> None:
        """Writes with the next commit, from any thread; not at all when the engine was closed
        meanwhile.
        """
        try:
            here = asyncio.get_running_loop() is self.ports.loop
        except RuntimeError:  # a thread without a loop
            here = False
        if here:
            self.post(fact)
        else:
            with suppress(RuntimeError):
                self.ports.loop.call_soon_threadsafe(self.post, fact)

    def append(
        self, *facts: Writable, full: bool = False, unique: str | None = None
    ) -> asyncio.Future[Seq]:
        """Writes; the future is done when it is durable."""
        journal = self.ports.journal
        return journal.append(self.run, facts, lease=self.lease, full=full, unique=unique)

    def post_once(self, fact: Fact) -> None:
        """Writes with the next commit, unless a former execution of this run wrote it already."""
        if not self.cursor.emitted(redactor().data(fact.body())):  # as the journal has it
            self.post(fact)

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Returns whether the run is to finish, and what people told it, as the workflow sees it
        now.
        """
        lineage = self.lineage()
        steers = sorted(steer for one in lineage for steer in one.state.steers)
        finishing, seen, new = self.cursor.look(
            any(one.state.finishing for one in lineage), len(steers)
        )
        if new:
            self.post(DirectionTaken(look=new, finishing=finishing, steers=seen))
        return finishing, tuple(text for _, text in steers[:seen])
