"""One run being executed: it performs steps, writes what happened, and brings the run to its
end.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import CodeType
from typing import Any

from pydantic_core import from_json, to_json

from sentient_kernel.engine import codec
from sentient_kernel.engine import identity as _identity
from sentient_kernel.engine.awaits import PendingCalls
from sentient_kernel.engine.live_run import LiveRun
from sentient_kernel.engine.opening import NotOpened, open_foreign
from sentient_kernel.engine.ports import LeaseProof, Ports
from sentient_kernel.engine.questions import ask_whether_it_happened, withdraw
from sentient_kernel.engine.state import RunState, StepState
from sentient_kernel.engine.threads import in_thread, is_async
from sentient_kernel.engine.watchdog import Body
from sentient_kernel.engine.workflow import EffectSpec, Retry, Workflow
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
from sentient_kernel.ids import RunId, StepKey
from sentient_kernel.journal.base import Journal, Lease

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


class Execution(LiveRun):
    """A run with its workflow. Lives on the engine's loop alone.

    Args:
        ports: What its engine lends it.
        flow: Its workflow.
        state: What its events amount to.
        lease: That of the root of its tree of runs.
        parent: The run that it is a child of.
        foreign: Whether it holds what was written elsewhere; a person is asked before anything of
            it is executed.
        given: How questions of some kinds are answered, beside what its beginning says.
        end: How it had ended before it was taken up, where it had.
    """

    def __init__(
        self,
        ports: Ports,
        flow: Workflow[..., Any],
        state: RunState,
        lease: Lease,
        parent: LiveRun | None = None,
        *,
        foreign: bool = False,
        given: Mapping[str, str] | None = None,
        end: Writable | None = None,
    ) -> None:
        super().__init__(ports, state, lease, parent, given)
        self.flow = flow
        self.calls = PendingCalls()
        self._foreign = foreign
        self._end = end
        self._plans: dict[tuple[Any, str | None], StepPlan] = {}

    # -- the whole run -----------------------------------------------------------------------------

    async def execute(self, context: Any) -> Any:
        """Runs the workflow to its end and writes how it ended; returns what a replay would return,
        or raises what it raised.

        Args:
            context: Its first argument.
        """
        bodies, started = self.ports.watchdog.bodies, self.state.started
        assert started is not None  # noqa: S101 - a run that is executed has begun
        try:
            if self._foreign:
                await open_foreign(self)
            # The workflow's own types make its arguments, so not before the run may go on.
            args, kwargs = codec.arguments(self.flow.fn, started.inputs)
            body = self.flow.fn(context, *args, **kwargs)
            bodies[id(self)] = Body(self.run, _identity.name_of(self.flow.fn), None, body)
            value = await body
            if (forgotten := self.calls.forgotten()) is not None:
                raise forgotten
            encoded = codec.encode(value, f"the result of workflow {self.flow.name!r}")
            await withdraw(self, "the run was completed")
            await self.append(
                codec.result_fact(RunCompleted.KIND, None, encoded, self.ports.journal.blobs)
            )
            return codec.normalised(value, encoded, self.flow.fn)
        except asyncio.CancelledError as error:
            if not _is_cancelled():
                await self._failed(error)
                raise RuntimeError(
                    "The workflow raised CancelledError although nobody cancelled it."
                ) from error
            cancelled = self.state if self.state.cancelling else self.root.state
            if cancelled.cancelling and not self.root.fenced and not self.root.closing:
                await withdraw(self, "the run was cancelled")
                await self.append(RunEndedCancelled(reason=cancelled.cancel_reason))
            raise
        except LeaseLost:
            self.root.fenced = True
            raise
        except JournalError:
            raise
        except (*FATAL, Crashed) as error:
            crash = (
                error
                if isinstance(error, Crashed)
                else Crashed(f"workflow {self.flow.name}", error)
            )
            await self._crashed(crash)
            if crash is error:
                raise
            raise crash from error
        except NotOpened as closed:
            reason = closed.rejected.message
            await self.append(self._end or RunPaused(by=closed.by, reason=reason, cut=True))
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

    async def _crashed(self, crash: Crashed) -> None:
        """Writes what the run died of, while it still has its lease."""
        fact, crash.fact = crash.fact, None
        if fact is not None:
            with suppress(JournalError):
                await self.append(fact)

    async def _failed(self, error: BaseException) -> None:
        # before the record: who waits for that asks for this
        self.ports.keep_error(self.run, error)
        await withdraw(self, "the run has failed")
        await self.append(RunEndedFailed(error=describe(error)))

    # -- steps -------------------------------------------------------------------------------------

    def plan(self, fn: Callable[..., Any], version: str | None) -> StepPlan:
        """Returns what is known of a step's function."""
        try:
            found = self._plans.get((fn, version))
        except TypeError:  # a callable without a hash
            return _made_plan(fn, version)
        if found is None:
            if len(self._plans) > MOST_PLANS:  # a lambda in a loop is a new function each time
                self._plans.clear()
            found = self._plans[fn, version] = _made_plan(fn, version)
        return found

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
            raise self._contradiction(call, verdict.key)
        if verdict.what == "recorded" and recorded is not None:
            if recorded.completed is not None:
                return codec.stored_result(
                    recorded.completed, self.ports.journal.blobs, call.returns or call.fn
                )
            raise self._failure(call, recorded.failed or b"")
        if self.gate is not None or self.parent is not None:
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
        proof: LeaseProof | None = None
        while True:
            if intents and once:
                answer = await ask_whether_it_happened(self, call.name, call.key, intents)
                if answer.happened:
                    return await self._completed(call, answer.result)
            fault("before_step", call.name)
            if once:
                before = self.ports.loop.time()
                await self.append(EffectIntended(key=call.key), full=True)
                intents += 1
                proof = LeaseProof(self.ports, self.lease, before)
                fault("intended", call.name)
            try:
                if call.timeout is None:
                    value = await self._body(call, proof)
                else:
                    value = await self._body_in_time(call, proof, call.timeout)
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
        encoded = codec.encode(value, f"the result of step {call.name!r}")
        once = call.effect.kind == "once"
        blobs = self.ports.journal.blobs
        fact = codec.result_fact(StepCompleted.KIND, call.key, encoded, blobs, full=once)
        await self.append(fact, full=once)
        call.plan.settled = True
        self.ports.fault_hook("after_result", call.name)
        return codec.normalised(value, encoded, call.returns or call.fn)

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

    async def _body_in_time(self, call: StepCall, proof: LeaseProof | None, seconds: float) -> Any:
        limit, loop = asyncio.timeout(None), self.ports.loop
        try:
            async with limit:  # what waits for a thread does not run yet
                return await self._body(
                    call, proof, lambda: limit.reschedule(loop.time() + seconds)
                )
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise StepTimedOut(
                f"Step {call.name!r} ran past its timeout of {seconds:g} s."
            ) from error

    async def _body(
        self, call: StepCall, proof: LeaseProof | None, begins: Callable[[], None] | None = None
    ) -> Any:
        """Runs a step's function where it belongs.

        Args:
            call: The call.
            proof: Renewed in the instant before an effect that must not happen twice.
            begins: Called when it begins.
        """
        watchdog, fn, plan, kwargs = self.ports.watchdog, call.fn, call.plan, call.kwargs
        if call.effect.key and "idempotency_key" in _parameters(fn):
            kwargs = {**kwargs, "idempotency_key": call.effect.key}
        if plan.is_async and plan.code not in watchdog.blockers:
            if begins is not None:
                begins()
            if proof is not None:
                proof.renew()
            body = fn(*call.args, **kwargs)
            watchdog.bodies[id(call)] = Body(self.run, call.name, call.key, body)
            try:
                return await body
            finally:
                del watchdog.bodies[id(call)]

        def act() -> Any:
            made = fn(*call.args, **kwargs)
            return asyncio.run(made) if plan.is_async else made

        first = act if proof is None else proof.before(act)
        value = await in_thread(first, self.ports.slots, call.name, begins)
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
        try:
            return story_of(self.ports.journal, self.run, key)
        except JournalError:
            return ()  # the journal was closed meanwhile

    def _contradiction(self, call: StepCall, key: StepKey) -> NondeterminismError:
        return NondeterminismError(
            f"Workflow {self.flow.name!r} calls step {call.name!r} with other arguments than its"
            " record holds, though its code is unchanged.",
            hint=(
                "Take chance, time and the outside world into steps of their own, so that a resumed"
                " run sees them as they were."
            ),
            story=story_of(self.ports.journal, self.run, key),
        )


def story_of(journal: Journal, run: RunId, key: StepKey) -> tuple[dict[str, Any], ...]:
    """Returns the events of one step, oldest first."""
    rows = journal.read(run=run, kinds=list(STEPS))
    return tuple(json.loads(row.to_json()) for row in rows if key_of(row) == key)


def _made_plan(fn: Callable[..., Any], version: str | None) -> StepPlan:
    name = _identity.name_of(fn)
    if isinstance(fn, Workflow):
        raise UsageError(
            f"{name!r} is a workflow, not a step.", hint="Run it as a child: ctx.run(...)."
        )
    if not callable(fn):
        if asyncio.iscoroutine(fn):
            fn.close()
        hint = "Give the function and its arguments: ctx.step(fn, *args)."
        raise UsageError(f"{name!r} was called already.", hint=hint)
    return StepPlan(
        name,
        _identity.step_prefix("", name, _identity.code_of(fn, version)),
        _identity.step_prefix("", name, _identity.place_of(fn)),
        b'"name":' + to_json(name),
        getattr(_identity.called(fn), "__code__", None),
        is_async(fn),
    )


def _is_cancelled() -> bool:
    """True when somebody cancels the task that runs here; False when a body raised CancelledError
    of its own.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _parameters(fn: Callable[..., Any]) -> frozenset[str]:
    code = getattr(_identity.plain(fn), "__code__", None)
    return (
        frozenset(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        if code
        else frozenset()
    )
