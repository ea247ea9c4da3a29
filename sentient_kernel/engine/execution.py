"""One run being executed: the shell around the pure state. It performs steps, writes what happened, and waits for answers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from sentient_kernel.engine import codec
from sentient_kernel.engine import identity as _identity
from sentient_kernel.engine.awaits import Calls
from sentient_kernel.engine.calls import Call, Crashed, Hold, Plan, as_coroutine, go_on, started
from sentient_kernel.engine.messages import Mailbox, receiving
from sentient_kernel.engine.opening import NotOpened, open_foreign
from sentient_kernel.engine.placement import drive, in_thread
from sentient_kernel.engine.questions import ask_whether_it_happened, withdraw
from sentient_kernel.engine.state import CONTROL, RunState, StepState, apply
from sentient_kernel.engine.workflow import Workflow
from sentient_kernel.errors import (
    JournalError,
    LeaseLost,
    NondeterminismError,
    StepFailed,
    StepTimedOut,
    UsageError,
)
from sentient_kernel.events import (
    DirectionTaken,
    EffectIntended,
    Fact,
    Record,
    RunCancelled,
    RunFailed,
    RunPaused,
    StepRetried,
    Writable,
)
from sentient_kernel.events import StepFailed as StepFailedEvent
from sentient_kernel.failures import describe
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey
from sentient_kernel.journal.base import Lease
from sentient_kernel.redaction.known import redactor

if TYPE_CHECKING:
    from sentient_kernel.engine.engine import Engine

FATAL = (SystemExit, KeyboardInterrupt, MemoryError)
"""What a step may raise that says nothing about the workflow: the run is left as if its kernel had died, and can be resumed."""


MOST_PLANS = 1_000
"""Step functions that a run knows at once."""


class Execution:
    """A run while this engine executes it. Lives on the engine's loop alone."""

    def __init__(
        self,
        engine: Engine,
        flow: Workflow[..., Any],
        state: RunState,
        lease: Lease,
        parent: Execution | None = None,
        *,
        foreign: bool = False,
        given: Mapping[str, str] | None = None,
        end: Writable | None = None,
    ) -> None:
        self.foreign = foreign  # it holds what was written elsewhere, and is opened before anything of it is executed
        self.end = end  # how it had ended before it was taken up, where it had
        self.opened: frozenset[RunId] = frozenset()
        self.policy: Mapping[str, str] = {**state.policy, **(given or {})}
        self.engine = engine
        self.journal = engine.journal
        self.flow = flow
        self.state = state
        self.run: RunId = state.run
        self.lease = lease
        self.parent = parent
        self.root: Execution = parent.root if parent else self
        self.mailbox: Mailbox = parent.mailbox if parent else Mailbox()
        self.task: asyncio.Task[Any] | None = None
        self.fenced = False
        self.closing = False
        self.over = False
        self.timers: list[asyncio.Task[Any]] = []
        self.occurrences: Counter[bytes] = Counter()
        self.emitted = state.emitted.copy()
        self.looks = 0
        self.heeded = (False, 0)
        self.inflight = 0
        self.alone = True
        self.frontier = Seq(0)
        self.unclaimed: Counter[tuple[str, str]] = Counter((s.scope, s.name) for s in state.steps.values() if not s.loose)
        self.unasked: set[ApprovalId] = {one for one, asked in state.approvals.items() if asked.request.ask != "open"}
        self.ahead = self.unclaimed.total() + len(self.unasked) + self._recorded_receives()
        self.answers: dict[ApprovalId, list[asyncio.Future[None]]] = {}
        self.forms: dict[ApprovalId, TypeAdapter[Any]] = {}
        self.gate: asyncio.Event | None = None
        self.told_to_finish = asyncio.Event()
        self.calls = Calls()
        self._plans: dict[tuple[Any, str | None], Plan] = {}
        self._set_gate()

    # -- what reaches the run from outside ------------------------------------------------------------------------

    def on_record(self, record: Record) -> None:
        """Takes in an event of this run that was committed by anybody."""
        if record.kind not in CONTROL:
            return
        approval = ApprovalId(from_json(record.body)["approval"]) if record.kind.startswith("approval_") else None
        if record.kind == "approval_requested" and approval in self.state.approvals:
            return
        apply(self.state, record)
        if approval is not None:
            for waiter in self.answers.pop(approval, ()):
                if not waiter.done():
                    waiter.set_result(None)
        elif record.kind == "message_sent":
            self.mailbox.wake()
        elif record.kind == "cancel_requested" and self.task is not None:
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

    # -- writing --------------------------------------------------------------------------------------------------

    def post(self, fact: Writable) -> None:
        """Writes with the next commit."""
        self.journal.post(self.run, fact, lease=self.root.lease)

    def post_soon(self, fact: Writable) -> None:
        """Writes with the next commit, from any thread; not at all when the engine was closed meanwhile."""
        if asyncio._get_running_loop() is self.engine.loop:
            self.post(fact)
        else:
            with suppress(RuntimeError):
                self.engine.loop.call_soon_threadsafe(self.post, fact)

    async def append(self, *facts: Writable, full: bool = False) -> Seq:
        """Writes, and returns when it is durable."""
        return await self.journal.append(self.run, facts, lease=self.root.lease, full=full)

    def tell(self, fact: Fact) -> None:
        """Writes an event that a workflow emits, unless a former execution wrote it already."""
        body = redactor().data(fact.body())  # as the journal has it
        if self.emitted[body] > 0:
            self.emitted[body] -= 1
        else:
            self.post(fact)

    def look(self) -> tuple[bool, tuple[str, ...]]:
        """Returns whether the run is to finish, and what people told it; a replay sees both change at the same look as the first run."""
        self.looks += 1
        directions = self.state.directions
        while directions and directions[0][0] <= self.looks:
            self.heeded = directions.pop(0)[1:]
        lineage = self.lineage()
        steers = sorted(steer for one in lineage for steer in one.state.steers)
        if not directions and not self.ahead:  # while it replays, what the first run did not see is not seen
            now = (any(one.state.finishing for one in lineage), len(steers))
            if now != self.heeded:
                self.heeded = now
                self.post(DirectionTaken(look=self.looks, finishing=now[0], steers=now[1]))
        return self.heeded[0], tuple(text for _, text in steers[: self.heeded[1]])

    def _recorded_receives(self) -> int:
        """Returns how many messages this run has taken, or stopped to wait for, in former lives."""
        n = 0
        while _identity.occurrence_key(receiving(self.run), n) in self.root.state.received:
            n += 1
        return n

    def lineage(self) -> list[Execution]:
        """Returns this execution and those it is a child of."""
        return [self, *(self.parent.lineage() if self.parent else ())]

    # -- the whole run --------------------------------------------------------------------------------------------

    async def execute(self, context: Any, arguments: Callable[[], tuple[list[Any], dict[str, Any]]]) -> Any:
        """Runs the workflow to its end and writes how it ended; returns what a replay would return, or raises what it raised.

        Args:
            context: Its first argument.
            arguments: Makes the others of what is stored: the workflow's own types do that, so it is called when the run may go on.
        """
        running = self.engine.watchdog.on_loop(getattr(self.flow.fn, "__code__", None))
        try:
            if self.foreign:
                await open_foreign(self, self.engine.names)
            args, kwargs = arguments()
            body = self.flow.fn(context, *args, **kwargs)
            running[id(self)] = (self.run, _identity.name_of(self.flow.fn), None, body)
            value = await body
            if (forgotten := self.calls.forgotten()) is not None:
                raise forgotten
            encoded = codec.encode(value, f"the result of workflow {self.flow.name!r}")
            await withdraw(self, "the run was completed")
            await self.append(codec.result_fact("run_completed", None, encoded, self.journal.blobs))
            return codec.normalised(value, encoded, self.flow.fn)
        except asyncio.CancelledError as error:
            if not _is_cancelled():
                await self._failed(error)
                raise RuntimeError("The workflow raised CancelledError although nobody cancelled it.") from error
            cancelled = self.state if self.state.cancelling else self.root.state
            if cancelled.cancelling and not self.root.fenced and not self.root.closing:
                await withdraw(self, "the run was cancelled")
                await self.append(RunCancelled(reason=cancelled.cancel_reason))
            raise
        except LeaseLost:
            self.root.fenced = True
            raise
        except (JournalError, *FATAL) as error:
            if isinstance(error, JournalError):
                raise
            await self._crashed(crash := Crashed(f"workflow {self.flow.name}", error))
            raise crash from error
        except Crashed as crash:
            await self._crashed(crash)
            raise
        except NotOpened as closed:
            await self.append(self.end or RunPaused(by=closed.by, reason=closed.rejected.message, cut=True))
            raise
        except Exception as error:
            forgotten = self.calls.behind(error)
            await self._failed(forgotten or error)
            if forgotten is not None:
                raise forgotten from error
            raise
        finally:
            running.pop(id(self), None)
            for timer in self.timers:
                timer.cancel()

    async def _crashed(self, crash: Crashed) -> None:
        """Writes what the run died of, while it still has its lease."""
        fact, crash.fact = crash.fact, None
        if fact is not None:
            with suppress(JournalError):
                await self.append(fact)

    async def _failed(self, error: BaseException) -> None:
        self.engine.ended_by(self.run, error)  # before the record: who waits for that asks for this
        await withdraw(self, "the run has failed")
        await self.append(RunFailed(error=describe(error)))

    # -- steps ----------------------------------------------------------------------------------------------------

    def occurrence(self, identity: bytes) -> StepKey:
        """Counts a call of one identity and returns its key."""
        n = self.occurrences[identity]
        self.occurrences[identity] = n + 1
        return _identity.occurrence_key(identity, n)

    def plan(self, fn: Callable[..., Any], version: str | None) -> Plan:
        """Returns what is known of a step's function."""
        try:
            found = self._plans.get((fn, version))
        except TypeError:  # a callable without a hash
            return self._make_plan(fn, version)
        if found is None:
            if len(self._plans) > MOST_PLANS:  # a lambda in a loop is a new function each time
                self._plans.clear()
            found = self._plans[fn, version] = self._make_plan(fn, version)
        return found

    def _make_plan(self, fn: Callable[..., Any], version: str | None) -> Plan:
        name = _identity.name_of(fn)
        _check_callable(fn, name)
        prefix = _identity.step_prefix("", name, _identity.code_of(fn, version))
        once = _identity.step_prefix("", name, _identity.place_of(fn))
        return Plan(name, prefix, once, b'","name":' + to_json(name), getattr(_identity.called(fn), "__code__", None))

    async def step(self, call: Call) -> Any:
        """Returns the recorded result of a step, or runs it and records the result."""
        recorded = self.state.steps.get(call.key)
        if recorded is not None:
            self._claim(recorded)
            if recorded.completed is not None:
                return codec.stored_result(recorded.completed, self.journal.blobs, call.typed_by)
            if recorded.failed is not None:
                raise self._failure(call, recorded.failed)
        elif self.unclaimed and self.unclaimed[call.scope, call.name] > 0:
            await self._check(call)
        self.ahead = 0  # from here on it does what it did not do before
        while (self.gate is not None or self.parent is not None) and (gate := self._closed_gate()) is not None:
            await gate.wait()
        self.inflight += 1
        try:
            if recorded is None and _settled(call, self.engine) and self.engine.probe is None and _is_plain(call):
                return await self._quick(call)
            return await self._perform(call, recorded)
        finally:
            self.inflight -= 1

    async def _quick(self, call: Call) -> Any:
        """Runs a plain step on the loop, of a function that did well there before.

        What returns without waiting is written together with its beginning: one transaction, and no turn of the loop for one who
        writes alone.
        """
        began = started(call)
        running = self.engine.watchdog.on_loop(call.plan.code if call.plan else None)
        waited = False
        try:
            body = call.fn(*call.args, **call.kwargs)
            if not asyncio.iscoroutine(body):
                body = as_coroutine(body)
            running[id(call)] = (self.run, call.name, call.key, body)
            try:
                first = body.send(None)
            except StopIteration as stop:
                value = stop.value
            else:
                waited = True
                self.post(began)
                value = await go_on(body, first)
            encoded = codec.encode(value, f"the result of step {call.name!r}")
        except FATAL as error:
            raise Crashed(f"step {call.name}", error) from error
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, JournalError) or (isinstance(error, asyncio.CancelledError) and _is_cancelled()):
                raise
            if not waited:
                self.post(began)
            await self._after_failure(call, 1, error)
            raise
        finally:
            running.pop(id(call), None)
        done = codec.result_fact("step_completed", call.key, encoded, self.journal.blobs)
        facts = (done,) if waited else (began, done)
        await self.append(*facts)
        return codec.normalised(value, encoded, call.typed_by)

    def _closed_gate(self) -> asyncio.Event | None:
        """Returns what to wait at while this run, or one it is a child of, is paused."""
        one: Execution | None = self
        while one is not None:
            if one.gate is not None:
                return one.gate
            one = one.parent
        return None

    def _claim(self, recorded: StepState) -> None:
        if recorded.claimed:
            return
        recorded.claimed = True
        if not recorded.loose:
            self.unclaimed[recorded.scope, recorded.name] -= 1
            self.ahead -= self.ahead > 0
        self.frontier = max(self.frontier, recorded.done)
        if not recorded.done or asyncio.current_task() is not self.task:
            self.alone = False

    async def _check(self, call: Call) -> None:
        """Raises NondeterminismError when the record shows that this step should have been another one of the same name.

        That is so when the workflow has done one thing at a time, and the record goes on, behind all that was replayed, with a step that
        it does not ask for. Where several things go on at once their order may differ; only effects that must not happen twice are then
        held against the record, after everybody had a turn to ask for theirs.
        """
        if not self.alone or asyncio.current_task() is not self.task:
            if call.effect.kind != "once":
                return
            for _ in range(10):
                await asyncio.sleep(0)
            if self.inflight:
                return
        if any(self._ahead(step, call) for step in self.state.steps.values()):
            raise self._contradiction(call)

    def _ahead(self, step: StepState, call: Call) -> bool:
        return not step.claimed and not step.loose and step.began > self.frontier and (step.scope, step.name) == (call.scope, call.name)

    async def _perform(self, call: Call, recorded: StepState | None) -> Any:
        effect, attempt = call.effect.kind, recorded.attempt if recorded else 0
        intents = recorded.intents if recorded else 0
        if recorded is None:
            # On disk before the body runs: should it take the process down, the record names it.
            await self.append(started(call))
        probe = self.engine.probe
        hold: Hold | None = None
        while True:
            if intents and effect == "once" and (happened := await ask_whether_it_happened(self, call, intents)).happened:
                return await self._completed(call, happened.result)
            if probe:
                probe("before_step", call.name)
            if effect == "once":
                before = self.engine.loop.time()
                await self.append(EffectIntended(key=call.key), full=True)
                intents += 1
                hold = Hold(self.engine, self.root.lease, before)
                if probe:
                    probe("intended", call.name)
            try:
                if call.timeout is None and not call.effect.key:
                    value = await self._body(call, call.kwargs, hold=hold)
                else:
                    value = await self._invoke(call, hold)
                if probe:
                    probe("before_result", call.name)
                return await self._completed(call, value)
            except (JournalError, MemoryError):
                raise
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                    raise
                attempt += 1
                await self._after_failure(call, attempt, error)

    async def _completed(self, call: Call, value: Any) -> Any:
        encoded = codec.encode(value, f"the result of step {call.name!r}")
        once = call.effect.kind == "once"
        await self.append(codec.result_fact("step_completed", call.key, encoded, self.journal.blobs, full=once), full=once)
        if self.engine.probe:
            self.engine.probe("after_result", call.name)
        return codec.normalised(value, encoded, call.typed_by)

    async def _after_failure(self, call: Call, attempt: int, error: BaseException) -> None:
        """Waits for the next attempt, or records that there is none and raises."""
        info = describe(error)
        if call.retry is not None and isinstance(error, Exception) and call.retry.again(error, attempt):
            delay = round(call.retry.wait(attempt, random.random()), 3)  # noqa: S311 - spreads retries, guards nothing
            asked = getattr(error, "retry_after", None)
            delay = max(delay, float(asked)) if isinstance(asked, (int, float)) else delay
            self.post(StepRetried(key=call.key, attempt=attempt + 1, delay=delay, error=info))
            await self.engine.clock.sleep(delay)
            return
        event = StepFailedEvent(key=call.key, attempt=attempt, error=info)
        await self.append(event)
        raise self._failure(call, event.body()) from error

    async def _invoke(self, call: Call, hold: Hold | None) -> Any:
        kwargs = call.kwargs
        if call.effect.key and "idempotency_key" in _parameters(call.fn):
            kwargs = {**kwargs, "idempotency_key": call.effect.key}
        if call.timeout is None:
            return await self._body(call, kwargs, hold=hold)
        limit, seconds, loop = asyncio.timeout(None), call.timeout, asyncio.get_running_loop()
        try:
            async with limit:
                return await self._body(call, kwargs, lambda: limit.reschedule(loop.time() + seconds), hold=hold)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StepTimedOut(f"Step {call.name!r} ran past its timeout of {call.timeout:g} s.") from error

    async def _body(
        self,
        call: Call,
        kwargs: dict[str, Any],
        begins: Callable[[], None] | None = None,
        *,
        hold: Hold | None = None,
    ) -> Any:
        """Runs a step's function where it belongs.

        Args:
            call: The call.
            kwargs: Its keyword arguments.
            begins: Called when it begins.
            hold: Looked at in the instant before an effect that must not happen twice.
        """
        engine, fn = self.engine, call.fn
        place = engine.placement.where(fn)
        if place == "trial":
            place = await engine.placement.settle(fn)
        try:
            if place == "loop":
                if begins is not None:
                    begins()
                running = engine.watchdog.on_loop(call.plan.code if call.plan else None)
                if hold is not None:
                    hold.make_sure()
                body = fn(*call.args, **kwargs)
                running[id(call)] = (self.run, call.name, call.key, body)
                try:
                    value = await body
                    if call.plan is not None:
                        engine.settled.add(call.plan.code)
                    return value
                finally:
                    del running[id(call)]
            with engine.watchdog.in_thread(self.run, call, asynchronous=place != "thread") as entry:
                bodies: dict[str, Callable[[], Any]] = {
                    "thread": lambda: fn(*call.args, **kwargs),
                    "trial": lambda: drive(fn(*call.args, **kwargs)),
                    "own_loop": lambda: asyncio.run(as_coroutine(fn(*call.args, **kwargs))),
                }
                act = bodies[place] if hold is None else hold.before(bodies[place])
                with engine.placement.trial(fn) if place == "trial" else nullcontext():
                    value = await in_thread(entry.timed(act), engine.slots, call.name, begins)
                    if place == "trial":
                        engine.placement.returned(fn, entry.seconds)
            return await value if asyncio.iscoroutine(value) else value
        except FATAL as error:
            raise Crashed(f"step {call.name}", error) from error

    # -- the story when something is wrong -------------------------------------------------------------------------

    def _failure(self, call: Call, body: bytes) -> StepFailed:
        fields = from_json(body)
        error, tries = fields["error"], fields.get("attempt", 1)
        after = f" after {tries} attempts" if tries > 1 else ""
        return StepFailed(
            f"Step {call.name!r} failed{after}: {error['type']}: {error.get('message', '')}".rstrip(": "),
            cause=error.get("message", ""),
            cause_type=error["type"],
            usage=error.get("usage"),
            hint=error.get("hint", ""),
            story=lambda: self._story(call.key),  # read when somebody looks: a thousand failures must not read the journal a thousand times
        )

    def _story(self, key: StepKey) -> tuple[dict[str, Any], ...]:
        try:
            return self.engine.story(self.run, key)
        except JournalError:
            return ()  # the journal was closed meanwhile

    def _contradiction(self, call: Call) -> NondeterminismError:
        key = next(k for k, s in self.state.steps.items() if self._ahead(s, call))
        return NondeterminismError(
            f"Workflow {self.flow.name!r} asks for step {call.name!r} with other arguments than its record holds, "
            "though its code is unchanged.",
            hint="Take chance, time and the outside world into steps of their own, so that a resumed run sees them as they were.",
            story=self.engine.story(self.run, key),
        )

    # -- questions -------------------------------------------------------------------------------------------------

    # -- messages ----------------------------------------------------------------------------------------------------

    async def child(self, flow: Workflow[..., Any], key: StepKey, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Runs another workflow as part of this run."""
        run = _identity.child_id(self.run, key)
        return await self.engine.execute_child(self, run, flow, args, kwargs)


def _settled(call: Call, engine: Engine) -> bool:
    return call.plan is not None and call.plan.code in engine.settled and engine.placement.trusted(call.plan.code)


def _check_callable(fn: Any, name: str) -> None:
    if isinstance(fn, Workflow):
        raise UsageError(f"{name!r} is a workflow, not a step.", hint="Run it as a child: ctx.run(...).")
    if not callable(fn):
        if asyncio.iscoroutine(fn):
            fn.close()
        raise UsageError(f"{name!r} was called already.", hint="Give the function and its arguments: ctx.step(fn, *args).")


def _is_cancelled() -> bool:
    """True when somebody cancels the task that runs here; False when a body raised CancelledError of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _is_plain(call: Call) -> bool:
    return call.retry is None and call.timeout is None and call.effect.kind == "pure"


def _parameters(fn: Callable[..., Any]) -> frozenset[str]:
    code = getattr(_identity.plain(fn), "__code__", None)
    return frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]) if code else frozenset()
