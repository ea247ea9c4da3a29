"""A run while this engine executes it: what the engine lends it, what is known of it, and what it
writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue, TypeAdapter
from pydantic_core import from_json

from sentient_kernel.clock import Clock
from sentient_kernel.commands import Command
from sentient_kernel.engine.state import CONTROL, ReplayCursor, RunState, apply
from sentient_kernel.engine.threads import Watchdog
from sentient_kernel.errors import LeaseLost
from sentient_kernel.events import (
    ANSWERS,
    CancelRequested,
    DirectionTaken,
    Record,
    Writable,
)
from sentient_kernel.ids import ApprovalId, RunId, Seq
from sentient_kernel.journal.base import Journal, Lease


def no_fault(point: str, name: str) -> None:
    """The fault hook of an engine that nobody tests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What a run uses of its engine: one value, so that a run need not know the engine.

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
    decide: Callable[[Command], Awaitable[None]]
    run_child: Callable[..., Awaitable[Any]]
    keep_error: Callable[[RunId, BaseException], None]

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Waits for an event, or so many seconds of the clock; None waits for the event alone."""
        if seconds is None:
            await event.wait()
            return
        timer = self.clock.sleep(seconds)
        both = [start_task(event.wait(), "news"), start_task(timer, "timer")]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()


def start_task(coroutine: Any, name: str) -> asyncio.Task[Any]:
    """Starts a task whose error somebody else reads."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    task.add_done_callback(lambda t: t.cancelled() or t.exception())
    return task


@dataclass(eq=False, repr=False, kw_only=True)
class LiveRun:
    """What is known of a run that is executed here. Lives on the engine's loop alone.

    Attributes:
        ports: What its engine lends it.
        state: What its events amount to.
        lease: That of the root of its tree of runs; without it nothing can be written.
        parent: The run that it is a child of.
        given: How questions of some kinds are answered, beside what its beginning says.
        cursor: Where it stands in its record.
        answers: Those who wait for the answer to a question.
        forms: What an edited payload must fit.
        opened: Which runs of its tree a person has let go on here, though they were written
            elsewhere.
        news: Set, and replaced, when something reaches its tree of runs from outside; the root's
            counts.
        timers: What will ask it to finish; cancelled with its end.
        proven: When this kernel last proved that it holds the lease.
        fenced: Another kernel has its lease; nothing more can be written.
        closing: The workbench is being closed.
        over: Its end is written.
    """

    ports: Ports
    state: RunState
    lease: Lease
    parent: LiveRun | None = None
    given: Mapping[str, str] = field(default_factory=dict)
    answers: dict[ApprovalId, asyncio.Event] = field(default_factory=dict)
    forms: dict[ApprovalId, TypeAdapter[Any]] = field(default_factory=dict)
    opened: frozenset[RunId] = frozenset()
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[Any] | None = None
    timers: list[asyncio.Task[Any]] = field(default_factory=list)
    proven: float = 0.0
    fenced: bool = False
    closing: bool = False
    over: bool = False

    def __post_init__(self) -> None:
        self.run: RunId = self.state.run
        self.root: LiveRun = self.parent.root if self.parent else self
        self.policy: Mapping[str, str] = {**self.state.policy, **self.given}
        self.cursor = ReplayCursor(self.state, self.root.state.received)

    @property
    def lineage(self) -> list[LiveRun]:
        """This run and those it is a child of."""
        return [self, *(self.parent.lineage if self.parent else ())]

    # -- what reaches the run from outside ---------------------------------------------------------

    def on_record(self, record: Record) -> None:
        """Takes in an event of this run that was committed by anybody."""
        if record.kind not in CONTROL:
            return
        apply(self.state, record)
        if record.kind in ANSWERS:
            approval = ApprovalId(from_json(record.body)["approval"])
            self.answers.pop(approval, asyncio.Event()).set()
        if record.kind == CancelRequested.KIND and self.task is not None:
            self.task.cancel()
        self.root.news.set()
        self.root.news = asyncio.Event()

    async def pass_gates(self) -> None:
        """Waits while this run, or one that it is a child of, is paused."""
        while any(one.state.paused for one in self.lineage):
            await self.root.news.wait()

    @property
    def lease_is_old(self) -> bool:
        """True when the lease was not proved for so long that another kernel may soon have it."""
        ports = self.ports
        return ports.loop.time() - self.root.proven > ports.lease_ttl / 2

    async def prove_lease(self) -> None:
        """Renews the lease until it is not old: this kernel may have stood still meanwhile.

        It never gives the loop a turn, so nothing comes between the proof and what follows it.

        Raises:
            LeaseLost: Another kernel has taken the run over.
        """
        while self.lease_is_old:
            self.root.proven = self.ports.loop.time()
            if self.ports.journal.renew([self.lease], ttl=self.ports.lease_ttl):
                raise LeaseLost(
                    f"Run {self.lease.run!r} was taken over by another kernel while this one stood"
                    " still."
                )

    # -- writing -----------------------------------------------------------------------------------

    def post(self, fact: Writable) -> None:
        """Writes with the next commit."""
        self.ports.journal.post(self.run, fact, lease=self.lease)

    def append(
        self, *facts: Writable, full: bool = False, unique: str | None = None
    ) -> asyncio.Future[Seq]:
        """Writes; the future is done when it is durable."""
        journal = self.ports.journal
        return journal.append(self.run, facts, lease=self.lease, full=full, unique=unique)

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Returns whether the run is to finish, and what people told it, as the workflow sees it
        now.
        """
        lineage = self.lineage
        steers = sorted(steer for one in lineage for steer in one.state.steers)
        finishing, seen, new = self.cursor.look(
            any(one.state.finishing for one in lineage), len(steers)
        )
        if new:
            self.post(DirectionTaken(look=new, finishing=finishing, steers=seen))
        return finishing, tuple(text for _, text in steers[:seen])
