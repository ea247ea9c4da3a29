"""What a workflow holds: every durable thing it can do."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel, JsonValue, TypeAdapter
from pydantic_core import from_json, to_json

from sentient_kernel.commands import FinishRun
from sentient_kernel.engine import codec, identity, questions
from sentient_kernel.engine.execution import Crashed, Execution, StepCall, StepPlan
from sentient_kernel.engine.live_run import start_task
from sentient_kernel.engine.state import answered_by
from sentient_kernel.engine.workflow import PURE, EffectSpec, Outcome, Retry, Workflow
from sentient_kernel.errors import (
    JournalError,
    NondeterminismError,
    Refused,
    StepTimedOut,
    UsageError,
)
from sentient_kernel.events import (
    Ask,
    Fact,
    MessageReceived,
    MessageSent,
    ProgressUpdated,
    ResearchUpdated,
)
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.redaction.known import redactor

P = ParamSpec("P")
T = TypeVar("T")


Method = Callable[Concatenate["Context", P], Coroutine[Any, Any, T]]


def _awaited(method: Method[P, T]) -> Method[P, T]:
    """Lets the run know of each call of a method, so that one which nobody awaits is told."""
    name = f"ctx.{method.__name__}"

    @wraps(method)
    def call(self: Context, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
        return self.watch_call(method(self, *args, **kwargs), name, sys._getframe(1))

    return call


class Context:
    """The first argument of every workflow.

    What a workflow does through it is recorded; what was recorded is not done again when the run is
    resumed.

    What it writes, and when that is safe:

    ==========================  ======================  =============================
    Verb                        Durable                 A resumed run
    ==========================  ======================  =============================
    step, approve, run          before it returns       takes the result as recorded
    send, receive               before it returns       takes the result as recorded
    emit, tell                  with the next commit    does not write it again
    note (also inside a step)   with the next commit    writes it if the step reruns
    stream (also in a step)     never, it is only       shows it if the step reruns
                                shown
    ==========================  ======================  =============================
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self.watch_call = execution.calls.watch

    def __repr__(self) -> str:
        return f"<context of {self._execution.flow.name}>"

    @property
    def run_id(self) -> RunId:
        """The id of this run."""
        return self._execution.run

    @property
    def finishing(self) -> bool:
        """True once somebody asked to stop gathering and to write with what there is."""
        return self._execution.look()[0]

    @property
    def asked_to_finish(self) -> str:
        """Who has asked to finish, "budget" where its time was over; empty while nobody has.

        It tells at once, also inside a step, and is not part of the replay: a workflow decides by
        :attr:`finishing`.
        """
        asked = [one.state for one in self._execution.lineage if one.state.finishing]
        return (asked[0].finisher or "somebody") if asked else ""

    @_awaited
    async def until_asked_to_finish(self) -> None:
        """Returns when somebody asks this run to finish; for a step that waits for something else
        besides.
        """
        while not self.asked_to_finish:
            await self._execution.root.news.wait()

    @property
    def steers(self) -> tuple[str, ...]:
        """What people told this run while it works, oldest first."""
        return self._execution.look()[1]

    def step(
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,
        retry: Retry | None = None,
        timeout: float | None = None,
        effect: EffectSpec = PURE,
        version: str | None = None,
        title: str = "",
        **kwargs: Any,
    ) -> Awaitable[Any]:
        """Runs a function as a step, or returns its recorded result.

        Args:
            fn: Async functions run on the engine's loop, sync ones in a thread.
            args: Its arguments: JSON values, pydantic models, dataclasses, DataFrames. They are
                part of the step's identity.
            retry: How often to try again; by default not at all.
            timeout: Seconds that one attempt may take.
            effect: What it does to the world: ``pure()`` (default), ``idempotent(key)`` or
                ``once()``.
            version: Stands for the function's code in the step's identity; by default its source
                when a notebook defines it.
            title: What people see instead of the function's name.
            kwargs: Its keyword arguments.

        Returns:
            An awaitable of the result, the same on the first run and on every replay.

        Raises:
            StepFailed: The last attempt failed; ``cause_type`` says with what.
            ValueNotStorable: An argument or the result cannot be kept; at once for arguments.
            NondeterminismError: The record holds another step at this place.
        """
        execution = self._execution
        if type(effect) is not EffectSpec:
            hint = "Write sk.once(), sk.idempotent(key) or sk.pure()."
            raise UsageError(f"effect must be an effect, not {effect!r}.", hint=hint)
        plan = execution.plan(fn, version)
        # what happened once is not undone by an edit
        prefix = plan.prefix if effect.kind != "once" else plan.once
        key = execution.cursor.occurrence(identity.identity(prefix, plan.name, args, kwargs))
        call = StepCall(key, plan.name, plan, fn, args, kwargs, retry, timeout, effect, title)
        return self.watch_call(execution.step(call), "ctx.step", sys._getframe(1))

    @_awaited
    async def approve(
        self,
        question: str,
        payload: Any = None,
        *,
        schema: Any = None,
        ask: Ask = "question",
        expires: float | None = None,
    ) -> Any:
        """Asks a person, and waits without holding a thread.

        Args:
            question: What is asked.
            payload: Exactly what will be done; may be edited by who approves.
            schema: A type that an edited payload must fit; by default the payload's own, when it is
                a pydantic model.
            ask: The kind of question, for policies: plan, spend, tool, fetch, effect or question.
            expires: Seconds after which the question counts as rejected.

        Returns:
            The approved payload, perhaps edited.

        Raises:
            ApprovalRejected: The answer was no; ``reason`` says why.
        """
        if schema is None and isinstance(payload, BaseModel):
            schema = type(payload)
        if schema is not None and not isinstance(schema, TypeAdapter):
            schema = TypeAdapter(schema)
        return await questions.approve(self._execution, "", question, payload, schema, ask, expires)

    def policy(self, ask: Ask) -> str:
        """Returns how questions of a kind are answered in this run: ``"ask"`` (a person),
        ``"auto"`` or ``"deny"``.
        """
        return answered_by(self._execution.root.policy, ask)

    @_awaited
    async def gather(self, *awaitables: Awaitable[T], limit: int | None = None) -> list[Outcome[T]]:
        """Runs several calls at once; one that fails costs only itself.

        Args:
            awaitables: Steps, child runs, approvals.
            limit: How many at most run at the same time.

        Returns:
            One outcome each, in the order given.
        """
        if limit is not None and limit < 1:
            raise UsageError(
                f"limit must be at least 1, not {limit}.", hint="Leave it out for no limit."
            )
        outcomes: list[Outcome[T]] = [Outcome()] * len(awaitables)
        queue = iter(enumerate(awaitables))

        async def work() -> None:
            for i, awaitable in queue:
                outcomes[i] = await _outcome(awaitable)

        workers = [
            start_task(work(), f"gather {i}")
            for i in range(min(limit or len(awaitables), len(awaitables)))
        ]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.wait(workers)
            raise
        finally:
            for _, left in queue:
                close = getattr(left, "close", None)
                if close is not None:
                    close()
        return outcomes

    @_awaited
    async def emit(
        self, /, message: str = "", *, progress: float | None = None, **data: JsonValue
    ) -> None:
        """Tells whoever watches how far the run is.

        Args:
            message: A short sentence.
            progress: From 0 to 1.
            data: Further JSON values to keep with it.
        """
        if progress is not None and not 0 <= progress <= 1:
            raise UsageError(f"progress must be a number from 0 to 1, not {progress!r}.")
        kept = from_json(codec.as_json(data, "the data of this progress").json) if data else None
        self.tell(ProgressUpdated(message=message, progress=progress, data=kept))

    def tell(self, fact: Fact) -> None:
        """Writes an event of the vocabulary, once, however often the run is resumed."""
        execution = self._execution
        if not execution.cursor.emitted(redactor().data(fact.body())):  # as the journal has it
            execution.post(fact)

    def note(self, fact: Fact) -> None:
        """Writes an event from inside a step, on whatever thread it runs; again each time the step
        runs.
        """
        if isinstance(fact, ProgressUpdated | ResearchUpdated):
            fact = fact.model_copy(update={"inside": fact.inside or "step"})
        post, loop = self._execution.post, self._execution.ports.loop
        try:
            here = asyncio.get_running_loop() is loop
        except RuntimeError:  # a thread without a loop
            here = False
        if here:
            post(fact)
        else:
            with suppress(RuntimeError):  # the engine was closed meanwhile
                loop.call_soon_threadsafe(post, fact)

    def stream(self, text: str, *, by: str = "") -> None:
        """Shows a piece of text to whoever watches, as it is being written; from any thread, also
        inside a step.

        It is not stored and not part of a replay: what counts of it is the result of the step that
            writes it.

        Args:
            text: The next piece.
            by: Who writes; each author's text is shown by itself.
        """
        self._execution.ports.send_text(self._execution.run, by, text)

    def finish_after(self, seconds: float) -> None:
        """Asks this run to finish with what it has, once so many seconds are over."""
        execution = self._execution

        async def finish() -> None:
            await execution.ports.clock.sleep(seconds)
            with suppress(Refused):
                await execution.ports.decide(FinishRun(run=execution.root.run, by="budget"))

        execution.timers.append(start_task(finish(), "budget"))

    @_awaited
    async def send(self, to: str, message: Any) -> None:
        """Sends a value to every workflow of this tree of runs that goes by the name ``to``: its
        run's name or its function's.
        """
        execution, encoded = self._execution, codec.encode(message, "the message")
        call = b"\0".join((b"send", execution.run.encode(), to.encode(), encoded.json))
        key, root = execution.cursor.occurrence(call), execution.root
        if key not in root.state.sent:
            sent = from_json(encoded.json)
            await root.append(MessageSent(to=to, message=sent, sender=execution.run, key=key))

    @_awaited
    async def receive(self, *, timeout: float | None = None) -> Any:
        """Takes the oldest message that was sent to this workflow and not yet taken.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            StepTimedOut: None came in time.
        """
        execution = self._execution
        started = execution.state.started
        names = {execution.run, identity.name_of(execution.flow.fn), execution.flow.name}
        if started is not None and started.name:
            names.add(started.name)
        if execution.parent is None:
            names |= {"", "*"}
        root, ports = execution.root, execution.ports
        state, clock = root.state, ports.clock
        key = execution.cursor.occurrence(identity.mailbox_identity(execution.run))
        execution.cursor.receive(key in state.received)
        deadline = None if timeout is None else clock.monotonic() + timeout
        while key not in state.received:
            taken = set(state.received.values())
            waiting = (one for one, m in state.messages.items() if one not in taken)
            found = next((one for one in waiting if state.messages[one].to in names), None)
            left = None if deadline is None else deadline - clock.monotonic()
            if found is None and (left is None or left > 0):
                await ports.wait(root.news, left)
            else:
                state.received[key] = found or Seq(0)
                await root.append(MessageReceived(key=key, message=found or Seq(0)))
        if state.received[key] == 0:
            raise StepTimedOut(f"No message came within {timeout or 0:g} s.")
        return state.messages[state.received[key]].message

    @_awaited
    async def run(
        self, workflow: Workflow[..., T], /, *args: Any, title: str = "", **kwargs: Any
    ) -> T:
        """Runs another workflow as a child of this run and returns its result; resumed with it,
        cancelled with it.

        Raises:
            StepFailed: The child failed.
        """
        if not isinstance(workflow, Workflow):
            raise UsageError(
                f"{workflow!r} is not a workflow.",
                hint="Decorate it with @workflow, or call it with ctx.step.",
            )
        workflow.bind(args, kwargs)
        execution, name = self._execution, f"run {identity.name_of(workflow.fn)}"
        place, code = (
            identity.place_of(workflow.fn),
            identity.code_of(workflow.fn, workflow.version),
        )
        prefix = identity.step_prefix(name, place, code)
        key = execution.cursor.occurrence(identity.identity(prefix, name, args, kwargs))

        async def child(*args: Any, **kwargs: Any) -> Any:
            return await execution.ports.run_child(execution, key, workflow, args, kwargs)

        plan = StepPlan(name, prefix, b"", b'"name":' + to_json(name), None, is_async=True)
        call = StepCall(
            key, name, plan, child, args, kwargs, None, None, PURE, title, returns=workflow.fn
        )
        result: T = await execution.step(call)
        return result


async def _outcome(awaitable: Awaitable[T]) -> Outcome[T]:
    try:
        return Outcome(value=await awaitable)
    except (JournalError, NondeterminismError, MemoryError):
        raise  # says nothing about this call, and the run cannot go on
    except (SystemExit, KeyboardInterrupt) as error:
        raise Crashed(
            "a part of a gather", error
        ) from error  # asyncio would let it end the loop itself
    except Exception as error:  # noqa: BLE001
        # the border of step execution: a failure is a value here
        return Outcome(error=error)
