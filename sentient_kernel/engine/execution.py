"""One run being executed: it performs steps, writes what happened, and brings the run to its
end.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import CodeType
from typing import Any

from pydantic_core import from_json, to_json

from sentient_kernel.engine import codec, identity
from sentient_kernel.engine.live_run import LiveRun
from sentient_kernel.engine.opening import NotOpened, open_foreign
from sentient_kernel.engine.questions import ask_whether_it_happened, end_question
from sentient_kernel.engine.state import StepState
from sentient_kernel.engine.threads import Body, in_thread, is_async
from sentient_kernel.engine.workflow import EffectSpec, PendingCalls, Retry, Workflow
from sentient_kernel.errors import (
    JournalError,
    LeaseLost,
    NondeterminismError,
    StepFailed,
    StepTimedOut,
    UsageError,
)
from sentient_kernel.events import (
    STEPS,
    ApprovalWithdrawn,
    EffectIntended,
    ErrorRecorded,
    RunCompleted,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    StepCompleted,
    StepEndedFailed,
    StepRetried,
    StepStarted,
    Writable,
    Written,
    key_of,
    keyed,
)
from sentient_kernel.failures import describe
from sentient_kernel.ids import StepKey

FATAL = (SystemExit, KeyboardInterrupt, MemoryError)
"""What a step may raise that says nothing about the workflow: the run is left as if its kernel had
died, and can be resumed.
"""

MOST_PLANS = 1_000
"""Step functions that a run knows at once."""

TURNS = 10
"""Turns of the loop in which everybody asks for their next step."""


@dataclass(slots=True)
class StepPlan:
    """What a run knows of a step's function, worked out at its first call.

    Args:
        name: What it goes by.
        prefix: The part of its calls' identity that is the same for all of them.
        once: The same without its code, for effects that must not happen twice: an edit does not
            undo them.
        code: Its code.
        began: The fields of its usual first event, as JSON.
        is_async: Whether it runs on the loop.
        settled: Whether a call of it has come to its end in this run: those after it are written
            with their results, not before.
    """

    name: str
    prefix: bytes
    once: bytes
    began: bytes
    code: CodeType | None
    is_async: bool
    settled: bool = False


def plan_of(fn: Callable[..., Any], version: str | None) -> StepPlan:
    """Works out what there is to know of a step's function. Raises UsageError for what is none."""
    name = identity.name_of(fn)
    if isinstance(fn, Workflow):
        raise UsageError(
            f"{name!r} is a workflow, not a step.", hint="Run it as a child: ctx.run(...)."
        )
    if not callable(fn):
        if asyncio.iscoroutine(fn):
            fn.close()
        hint = "Give the function and its arguments: ctx.step(fn, *args)."
        raise UsageError(f"{name!r} was called already.", hint=hint)
    place = identity.place_of(fn)
    return StepPlan(
        name,
        identity.step_prefix(name, place, identity.code_of(fn, version)),
        identity.step_prefix(name, place),
        b'"name":' + to_json(name),
        getattr(identity.unwrapped(fn, decorators=False), "__code__", None),
        is_async(fn),
    )


@dataclass(slots=True)
class StepCall:
    """One call of a step, with its identity.

    Args:
        plan: What is known of its function.
        returns: The function whose annotations say what the result is; by default the step's own.
    """

    key: StepKey
    name: str
    plan: StepPlan
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    retry: Retry | None
    timeout: float | None
    effect: EffectSpec
    title: str = ""
    returns: Callable[..., Any] | None = None


class Crashed(BaseException):
    """A step ended the way a dying process does; the run stops without an end of its own, and
    ``fact`` is the last that it writes.
    """

    def __init__(self, where: str, error: BaseException) -> None:
        said = f"{type(error).__name__}({error})" if str(error) else type(error).__name__
        super().__init__(f"{where[:1].upper()}{where[1:]} ended the process: {said}.")
        self.fact: ErrorRecorded | None = ErrorRecorded(error=describe(error), origin=where)


@dataclass(eq=False, repr=False, kw_only=True)
class Execution(LiveRun):
    """A run with its workflow. Lives on the engine's loop alone.

    Attributes:
        flow: Its workflow.
        foreign: Whether it holds what was written elsewhere; a person is asked before anything of
            it is executed.
        calls: Its calls that have to be awaited.
        plans: Returns what is known of a step's function, the same for as long as the run lasts.
    """

    flow: Workflow[..., Any]
    foreign: bool = False
    calls: PendingCalls = field(default_factory=PendingCalls)
    plans: Callable[..., StepPlan] = field(
        default_factory=partial(lru_cache(maxsize=MOST_PLANS), plan_of)
    )

    # -- the whole run -----------------------------------------------------------------------------

    async def execute(self, context: Any) -> Any:
        """Runs the workflow to its end and writes how it ended; returns what a replay would return,
        or raises what it raised.

        Args:
            context: Its first argument.
        """
        fn, bodies, started = self.flow.fn, self.ports.watchdog.bodies, self.state.started
        assert started is not None  # noqa: S101 - a run that is executed has begun
        try:
            if self.foreign:
                await open_foreign(self)
            # The workflow's own types make its arguments, so not before the run may go on.
            args, kwargs = codec.arguments(fn, started.inputs)
            body = fn(context, *args, **kwargs)
            bodies[id(self)] = Body(self.run, identity.name_of(fn), None, body)
            value = await body
            if (forgotten := self.calls.forgotten()) is not None:
                raise forgotten
            what = f"the result of workflow {self.flow.name!r}"
            fact, result = codec.result(
                RunCompleted.KIND, None, value, what, fn, self.ports.journal.blobs
            )
            await self._end(fact, "the run was completed")
            return result
        except asyncio.CancelledError as error:
            if not _is_cancelled():
                await self._failed(error)
                raise RuntimeError(
                    "The workflow raised CancelledError although nobody cancelled it."
                ) from error
            cancelled = self.state if self.state.cancelling else self.root.state
            if cancelled.cancelling and not self.root.fenced and not self.root.closing:
                end = RunEndedCancelled(reason=cancelled.cancel_reason)
                await self._end(end, "the run was cancelled")
            raise
        except JournalError as error:
            self.root.fenced = self.root.fenced or isinstance(error, LeaseLost)
            raise
        except FATAL as error:
            crash = Crashed(f"workflow {self.flow.name}", error)
            await self._crashed(crash)
            raise crash from error
        except Crashed as crash:
            await self._crashed(crash)
            raise
        except NotOpened as closed:
            reason = closed.rejected.message
            await self.append(self.state.last or RunPaused(by=closed.by, reason=reason, cut=True))
            raise
        except Exception as error:
            forgotten = self.calls.behind(error)
            await self._failed(forgotten or error)
            if forgotten is not None:
                raise forgotten from error
            raise
        finally:
            bodies.pop(id(self), None)
            for timer in self.timers:
                timer.cancel()

    async def _end(self, fact: Writable, why: str) -> None:
        """Writes its end; its questions end with it."""
        for approval in list(self.state.approvals.values()):
            if approval.open:
                asked = approval.request.approval
                await end_question(self, ApprovalWithdrawn(approval=asked, reason=why))
        await self.append(fact)

    async def _crashed(self, crash: Crashed) -> None:
        """Writes what the run died of, once, while it still has its lease."""
        fact, crash.fact = crash.fact, None
        if fact is not None:
            with suppress(JournalError):
                await self.append(fact)

    async def _failed(self, error: BaseException) -> None:
        # before the record: who waits for that asks for this
        self.ports.keep_error(self.run, error)
        await self._end(RunEndedFailed(error=describe(error)), "the run has failed")

    # -- steps -------------------------------------------------------------------------------------

    def plan(self, fn: Callable[..., Any], version: str | None) -> StepPlan:
        """Returns what is known of a step's function."""
        try:
            return self.plans(fn, version)
        except TypeError:  # a callable without a hash
            return plan_of(fn, version)

    async def step(self, call: StepCall) -> Any:
        """Returns the recorded result of a step, or runs it and records the result."""
        # Who asks counts only where something is recorded.
        main = not self.state.steps or asyncio.current_task() is self.task
        once = call.effect.kind == "once"
        verdict = self.cursor.step(call.key, call.name, once=once, main=main)
        if verdict.what == "unclear":
            for _ in range(TURNS):
                await asyncio.sleep(0)
            verdict = self.cursor.step_again(call.name)
        recorded = verdict.step
        if verdict.what == "contradiction":
            raise NondeterminismError(
                f"Workflow {self.flow.name!r} calls step {call.name!r} with other arguments than"
                " its record holds, though its code is unchanged.",
                hint=(
                    "Take chance, time and the outside world into steps of their own, so that a"
                    " resumed run sees them as they were."
                ),
                story=self._story(verdict.key),
            )
        if verdict.what == "recorded" and recorded is not None:
            if recorded.completed is not None:
                return codec.stored_result(
                    recorded.completed, self.ports.journal.blobs, call.returns or call.fn
                )
            raise self._failure(call, recorded.failed or b"")
        if self.state.paused or self.parent is not None:
            await self.pass_gates()
        self.cursor.under_way += 1
        try:
            return await self._perform(call, recorded)
        finally:
            self.cursor.under_way -= 1

    async def _perform(self, call: StepCall, recorded: StepState | None) -> Any:
        once = call.effect.kind == "once"
        attempt, intents = (recorded.attempt, recorded.intents) if recorded else (0, 0)
        if recorded is None:
            began: Writable = Written(StepStarted.KIND, keyed(call.key, [call.plan.began]))
            if call.title or call.effect.kind != "pure":
                began = StepStarted(
                    key=call.key, name=call.name, effect=call.effect.kind, title=call.title
                )
            if call.plan.settled:
                self.post(began)
            else:
                # On disk before the body runs: if that takes the process down, the record names it.
                await self.append(began)
        fault = self.ports.fault_hook
        while True:
            if intents and once:
                answer = await ask_whether_it_happened(self, call.name, call.key, intents)
                if answer.happened:
                    return await self._completed(call, answer.result)
            fault("before_step", call.name)
            if once:
                before = self.ports.loop.time()
                await self.append(EffectIntended(key=call.key), full=True)
                self.root.proven = max(self.root.proven, before)
                intents += 1
                fault("intended", call.name)
            try:
                if call.timeout is None:
                    value = await self._body(call)
                else:
                    value = await self._body_in_time(call, call.timeout)
                fault("before_result", call.name)
                return await self._completed(call, value)
            except JournalError:
                raise
            except FATAL as error:
                raise Crashed(f"step {call.name}", error) from error
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                    raise
                attempt += 1
                await self._after_failure(call, attempt, error)

    async def _completed(self, call: StepCall, value: Any) -> Any:
        what, returned_by = f"the result of step {call.name!r}", call.returns or call.fn
        full = call.effect.kind == "once"
        fact, result = codec.result(
            StepCompleted.KIND,
            call.key,
            value,
            what,
            returned_by,
            self.ports.journal.blobs,
            full=full,
        )
        await self.append(fact, full=full)
        call.plan.settled = True
        self.ports.fault_hook("after_result", call.name)
        return result

    async def _after_failure(self, call: StepCall, attempt: int, error: BaseException) -> None:
        """Waits for the next attempt (exponential backoff with jitter), or records that there is
        none and raises.
        """
        info = describe(error)
        if (
            call.retry is not None
            and isinstance(error, Exception)
            and call.retry.again(error, attempt)
        ):
            # spreads retries, guards nothing
            delay = round(call.retry.wait(attempt, random.random()), 3)  # noqa: S311
            asked = getattr(error, "retry_after", None)
            delay = max(delay, float(asked)) if isinstance(asked, (int, float)) else delay
            self.post(StepRetried(key=call.key, attempt=attempt + 1, delay=delay, error=info))
            await self.ports.clock.sleep(delay)
            return
        event = StepEndedFailed(key=call.key, attempt=attempt, error=info)
        await self.append(event)
        raise self._failure(call, event.body()) from error

    async def _body_in_time(self, call: StepCall, seconds: float) -> Any:
        limit, loop = asyncio.timeout(None), self.ports.loop
        try:
            async with limit:  # what waits for a thread does not run yet
                return await self._body(call, lambda: limit.reschedule(loop.time() + seconds))
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StepTimedOut(
                f"Step {call.name!r} ran past its timeout of {seconds:g} s."
            ) from error

    async def _body(self, call: StepCall, begins: Callable[[], None] | None = None) -> Any:
        """Runs a step's function where it belongs.

        The lease is proved in the instant before an effect that must not happen twice.

        Args:
            call: The call.
            begins: Called when it begins.
        """
        ports, fn, plan, kwargs = self.ports, call.fn, call.plan, call.kwargs
        once = call.effect.kind == "once"
        if call.effect.key and "idempotency_key" in _parameters(fn):
            kwargs = {**kwargs, "idempotency_key": call.effect.key}
        if plan.is_async and plan.code not in ports.watchdog.blockers:
            if begins is not None:
                begins()
            if once:
                await self.prove_lease()
            body = fn(*call.args, **kwargs)
            ports.watchdog.bodies[id(call)] = Body(self.run, call.name, call.key, body)
            try:
                return await body
            finally:
                del ports.watchdog.bodies[id(call)]

        def act() -> Any:
            while once and self.lease_is_old:
                asyncio.run_coroutine_threadsafe(self.prove_lease(), ports.loop).result()
            made = fn(*call.args, **kwargs)
            return asyncio.run(made) if plan.is_async else made

        value = await in_thread(act, ports.slots, call.name, begins)
        return await value if asyncio.iscoroutine(value) else value

    # -- the story when something is wrong ---------------------------------------------------------

    def _failure(self, call: StepCall, body: bytes) -> StepFailed:
        fields = from_json(body)
        error, tries = fields["error"], fields.get("attempt", 1)
        after = f" after {tries} attempts" if tries > 1 else ""
        message = f"Step {call.name!r} failed{after}: {error['type']}: {error.get('message', '')}"
        return StepFailed(
            message.rstrip(": "),
            cause=error.get("message", ""),
            cause_type=error["type"],
            usage=error.get("usage"),
            hint=error.get("hint", ""),
            # Read when somebody looks: a thousand failures must not read the journal a thousand
            # times.
            story=lambda: self._story(call.key),
        )

    def _story(self, key: StepKey) -> tuple[dict[str, Any], ...]:
        """Returns the events of one step, oldest first; none when the journal was closed."""
        with suppress(JournalError):
            rows = self.ports.journal.read(run=self.run, kinds=list(STEPS))
            return tuple(json.loads(row.to_json()) for row in rows if key_of(row) == key)
        return ()


def _is_cancelled() -> bool:
    """True when somebody cancels the task that runs here; False when a body raised CancelledError
    of its own.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _parameters(fn: Callable[..., Any]) -> tuple[str, ...]:
    code = getattr(identity.unwrapped(fn), "__code__", None)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code else ()
