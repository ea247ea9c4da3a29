"""The engine: starts, resumes and stops runs, routes commands and events, keeps leases. One loop on
its own thread.
"""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from pydantic import JsonValue, ValidationError
from pydantic_core import to_json

from sentient_kernel import redaction
from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.commands import CancelRun, Command, DecideApproval, SendMessage
from sentient_kernel.engine import codec
from sentient_kernel.engine.context import Context
from sentient_kernel.engine.execution import Crashed, Execution
from sentient_kernel.engine.identity import child_id, unwrapped
from sentient_kernel.engine.live_run import LiveRun, Ports, no_fault, start_task
from sentient_kernel.engine.opening import NotOpened, look, root_of, tree_of
from sentient_kernel.engine.questions import misfit
from sentient_kernel.engine.state import CRASH_LOOP, Refusal, RunState, apply, decide, fold
from sentient_kernel.engine.threads import LoopThread, Watchdog
from sentient_kernel.engine.workflow import HEEDS, Workflow, find, heeded
from sentient_kernel.errors import (
    AnswerRefused,
    DuplicateKey,
    JournalDamaged,
    JournalError,
    JournalLocked,
    JournalUnusable,
    NotFound,
    Refused,
    RunCancelled,
    UnknownWorkflow,
    UsageError,
)
from sentient_kernel.events import (
    ENDS,
    ApprovalWithdrawn,
    ErrorInfo,
    LoopBlocked,
    Record,
    RunCompleted,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    RunResumed,
    RunStarted,
)
from sentient_kernel.failures import without_secrets
from sentient_kernel.ids import RunId, Seq, StepKey, answer_key, new_run_id
from sentient_kernel.journal.base import Journal, Lease
from sentient_kernel.projections.foreign import ForeignView, inputs_named

LEASE_TTL = 15.0
"""Seconds after which a kernel that gives no sign may lose its runs; one that died on this machine
loses them at once.
"""

log = logging.getLogger("sentient_kernel.engine")

POLL = 0.05
"""Seconds between looks at what other processes wrote."""

MOMENT = 0.02
"""Seconds for which the loop itself waits for who else writes to the journal; a usual commit takes
less than a thousandth.
"""

MOST_ENDS = 1_000
"""Runs whose end is kept at hand, so that who asks soon need not read; the newest."""

MOST_ERRORS = 100
"""Runs whose exception is kept with its traceback; the newest."""

SYNC_SLOTS = 32
"""How many sync steps run at once in threads."""


class Engine:
    """Executes runs durably.

    Args:
        journal: Where everything that happens is written. The engine binds it to its loop and
            closes it.
        clock: Where time comes from.
        on_commit: Called on the loop with all that was committed, by this process or another one.
        on_text: Called on any thread with a run, an author and a piece of text as it is being
            written.
        by: Who acts here, for the record.
        fault_hook: Called with a named point of a step's life (before_step, intended,
            before_result, after_result, asked, answered) and the step's name or the question; a
            seam for tests that kill the process there.
        lease_ttl: Seconds after which a kernel that gives no sign may lose its runs.

    What it keeps of a run, by its id:

    ==============  ================================================================================
    ``live``        it is executed here: from its start, or its resumption, to its end or crash
    ``_resuming``   it is being taken up: its lease is acquired, its record read
    ``_watched``    somebody waits for its end, wherever it is executed
    ``_ended``      how it ended, until it is resumed; the newest thousand
    ``_errors``     the exception that ended it here, until it is resumed; the newest hundred
    ==============  ================================================================================
    """

    def __init__(
        self,
        journal: Journal,
        *,
        clock: Clock | None = None,
        on_commit: Callable[[Sequence[Record]], None] | None = None,
        on_text: Callable[[RunId, str, str], None] | None = None,
        by: str = "",
        fault_hook: Callable[[str, str], None] | None = None,
        lease_ttl: float = LEASE_TTL,
    ) -> None:
        self.journal = journal
        self.clock: Clock = clock or SystemClock()
        self.live: dict[RunId, Execution] = {}
        self._on_commit = on_commit
        self._watched: dict[RunId, Future[str]] = {}
        self._ended: dict[RunId, str] = {}
        self._errors: dict[RunId, BaseException] = {}
        self._flows: dict[str, Workflow[..., Any]] = {}
        self._resuming: set[RunId] = set()
        self._thread = LoopThread("sentient-engine")
        self._pid = os.getpid()
        self._closed = False
        self.watchdog = Watchdog(self._thread.loop, self._blocked)
        self._ports = Ports(
            journal=journal,
            clock=self.clock,
            loop=self._thread.loop,
            watchdog=self.watchdog,
            slots=asyncio.Semaphore(SYNC_SLOTS),
            lease_ttl=lease_ttl,
            by=by,
            fault_hook=fault_hook or no_fault,
            send_text=on_text or (lambda run, by, text: None),
            names=self.names,
            decide=self.decide,
            run_child=self._run_child,
            keep_error=self._keep_error,
        )
        try:
            self._thread.call(self._open())
        except BaseException:
            self._thread.stop()  # nobody else could: there is no engine to close
            raise
        _close_at_exit(self)

    # -- from any thread ---------------------------------------------------------------------------

    def start(
        self,
        flow: Workflow[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        approve: dict[str, str] | None = None,
        session: str = "",
        user: str = "",
    ) -> RunId:
        """Starts a run, or attaches to the run of that name and those inputs.

        Returns:
            The run's id, as soon as the journal has it.

        Raises:
            UsageError: The arguments do not fit the workflow, or cannot be kept.
        """
        self.check_usable()
        return self._thread.call(
            self.launch(flow, args, kwargs, name=name, approve=approve, session=session, user=user)
        )

    def register(self, flow: Workflow[..., Any]) -> None:
        """Makes a workflow known to this engine alone, so that its stored runs find it."""
        self._flows[flow.name] = flow

    def resume(self, run: RunId, flow: Workflow[..., Any] | None = None) -> None:
        """Takes a stored run up again: replays what is recorded, goes on with the rest. A run that
        is executed anywhere is left alone.

        Raises:
            NotFound: There is no such run.
            UnknownWorkflow: Its workflow is not defined in this process.
            Refused: It is completed.
        """
        self.check_usable()
        self._thread.call(self._resume(run, flow))

    def command(self, command: Command) -> None:
        """Puts a command to a run. Raises Refused, or AnswerRefused for an answer, with the
        reason.
        """
        self.check_usable()
        self._thread.call(self.decide(command))

    def watch(self, run: RunId) -> Future[str]:
        """Returns a future that is done with the run's end: completed, failed, cancelled, or
        crashed when it stopped without one. The loop may be busy meanwhile.
        """
        self.check_usable()
        watched = self._watched.setdefault(run, Future())
        execution = self.live.get(run)
        if execution is not None and not execution.over:
            return watched
        if (end := self._ended.get(run)) is None:
            alive = self.alive(run)  # before the record is read: an end between the two is in it
            rows = self.journal.read(run=run, kinds=[RunStarted.KIND, RunResumed.KIND, *ENDS])
            if not rows:
                self._watched.pop(run, None)
                raise _not_found(run)
            end = ENDS.get(rows[-1].kind)
            if end is None and (alive or self._load(run).at_rest):
                return watched
        self._settle(run, end or "crashed")
        return watched

    def alive(self, run: RunId) -> bool:
        """True while some kernel executes the run."""
        if run in self.live:
            return True
        if run in self._ended:
            return False
        root = root_of(self.journal, run)  # a child is executed under its root's lease
        info = self.journal.leases([root]).get(root)
        return info is not None and info.alive

    def error(self, run: RunId) -> BaseException | None:
        """Returns the exception that ended a run in this process, with its traceback."""
        return self._errors.get(run)

    def heeds(self, workflow: str) -> frozenset[str]:
        """Returns which requests a workflow listens to: ``steer``, ``finish``; both where it is not
        defined here.
        """
        try:
            return heeded(unwrapped(find(workflow, self._flows).fn))
        except UnknownWorkflow:
            return frozenset(HEEDS.values())

    def names(self, workflow: str, inputs: Any) -> dict[str, JsonValue]:
        """Returns what the stored inputs of a workflow name: as the workflow says, where it is
        defined here.
        """
        try:
            return find(workflow, self._flows).names(inputs)
        except Exception:  # noqa: BLE001
            # a workflow that is not defined here, or says nothing of inputs that a stranger made up
            return inputs_named(inputs)

    def foreign(self, run: RunId) -> ForeignView | None:
        """Returns what a run, and the runs that it is part of or that are part of it, hold that was
        written elsewhere; any thread.
        """
        return look(self.journal, root_of(self.journal, run), self.names)

    def policy(self, run: RunId) -> Mapping[str, str]:
        """Returns how the questions of a run are answered; nothing for one that was begun
        elsewhere.
        """
        begun = self.journal.read(run=run, kinds=[RunStarted.KIND], limit=1)
        return (begun[0].event.approve or {}) if begun and not begun[0].origin else {}

    def result(self, run: RunId) -> Any:
        """Returns the stored result of a run, typed by its workflow where that is defined here.
        Raises Refused when there is none.
        """
        rows = self.journal.read(run=run, kinds=[RunStarted.KIND, RunCompleted.KIND])
        if len(rows) < 2:
            raise Refused(f"Run {run!r} has no result.", hint="It is not completed.")
        fn = None
        with suppress(UnknownWorkflow):
            fn = find(rows[0].event.workflow, self._flows).fn
        return codec.stored_result(rows[-1].body, self.journal.blobs, fn)

    def _keep_error(self, run: RunId, error: BaseException) -> None:
        """Keeps the exception that ends a run in this process, with its traceback."""
        self._errors[run] = without_secrets(error)
        if len(self._errors) > MOST_ERRORS:
            del self._errors[next(iter(self._errors))]

    def start_soon(self, call: Callable[[], Any]) -> Future[Any]:
        """Runs a coroutine function on the engine's loop."""
        self.check_usable()
        return asyncio.run_coroutine_threadsafe(call(), self._thread.loop)

    def close(self, on_close: Callable[[], Awaitable[None]] | None = None) -> None:
        """Leaves runs under way resumable, writes what waits, and stops the loop. Safe to call
        twice.

        Args:
            on_close: Closes what steps have open on the loop: called there when no run executes any
                more, so that none sees it closed.
        """
        if self._closed or os.getpid() != self._pid:
            return
        if self._thread.here:
            raise UsageError(
                "The workbench cannot be closed from inside a workflow or an async step."
            )
        self._closed = True
        try:
            self._thread.call(self._close(on_close), timeout=15)
        finally:
            self.watchdog.stop()
            self._thread.stop()

    # -- on the loop -------------------------------------------------------------------------------

    async def _open(self) -> None:
        self.journal.bind(asyncio.get_running_loop(), self._committed)
        self.watchdog.start()
        self._keeper = start_task(self._keep(), "keeper")

    async def _close(self, on_close: Callable[[], Awaitable[None]] | None) -> None:
        self._keeper.cancel()
        roots = [e for e in self.live.values() if e.parent is None]
        for execution in roots:
            execution.closing = True
            if not (execution.fenced or execution.state.open_approvals or execution.state.paused):
                why = "the workbench was closed"
                execution.post(RunPaused(by="workbench", reason=why, cut=True))
            if execution.task is not None:
                execution.task.cancel()
        if roots:
            await asyncio.wait([e.task for e in roots if e.task is not None], timeout=5)
        try:
            if on_close is not None:
                with suppress(TimeoutError):
                    await asyncio.wait_for(on_close(), 5)
        finally:
            self.journal.close()

    async def launch(
        self,
        flow: Workflow[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        *,
        name: str | None = None,
        approve: dict[str, str] | None = None,
        session: str = "",
        user: str = "",
    ) -> RunId:
        """Starts a run as :meth:`start` does, on the loop."""
        flow.bind(args, kwargs or {})
        redaction.redactor(thorough=True)
        codec.refuse_secrets(to_json(name), "the name of the run")
        started = RunStarted(
            workflow=flow.name,
            code=flow.code,
            inputs=codec.inputs_of(args, kwargs or {}),
            name=name,
            session=session,
            user=user or self._ports.by,
            approve=approve,
        )
        unique = started.key or None
        run = new_run_id(self.clock.now_us() // 1000)
        lease, written = self.journal.begin(run, started, ttl=self._ports.lease_ttl, unique=unique)
        try:
            await written
        except DuplicateKey as duplicate:
            known = self._named(duplicate.seq, started)
            await self._attach(known, flow, approve)
            return known
        state = RunState(run, started=started, policy=approve or {}, code=started.code)
        self._execute(Execution(ports=self._ports, flow=flow, state=state, lease=lease))
        return run

    def _named(self, seq: int, started: RunStarted) -> RunId:
        """Returns the run of a name, once it is what that name stands for: in a home from
        elsewhere, anything can.
        """
        found = self.journal.read(after=Seq(seq - 1), limit=1)
        if found and found[0].kind == RunStarted.KIND:
            known = found[0].event
            if known.key == started.key and known.inputs == started.inputs:
                return found[0].run
        raise JournalDamaged(
            f"The run named {started.name!r} holds other inputs than its name stands for.",
            hint="`sentient-kernel verify` tells more.",
        )

    async def _attach(
        self, run: RunId, flow: Workflow[..., Any], approve: Mapping[str, str] | None
    ) -> None:
        """Goes on with a named run where that makes sense: it crashed, failed, or its notebook code
        was edited.
        """
        if await self._executed_here(run):
            return
        state = self._load(run)
        edited = flow.notebook and state.code != flow.code
        if state.ended == "cancelled" or (state.ended == "completed" and not edited):
            return
        with suppress(Refused):  # completed by another kernel just now
            await self._resume(run, flow, approve)

    async def _executed_here(self, run: RunId) -> bool:
        """True while this engine executes the run; one whose end is written already is let go of
        first.
        """
        execution = self.live.get(run)
        if execution is None or not execution.over or execution.task is None:
            return execution is not None
        await asyncio.wait([execution.task])
        return run in self.live

    async def _resume(
        self, run: RunId, flow: Workflow[..., Any] | None, approve: Mapping[str, str] | None = None
    ) -> None:
        if await self._executed_here(run) or run in self._resuming:
            return
        self._resuming.add(run)
        try:
            await self._take_up(run, flow, approve)
        finally:
            self._resuming.discard(run)

    async def _take_up(
        self, run: RunId, flow: Workflow[..., Any] | None, approve: Mapping[str, str] | None
    ) -> None:
        if (root := root_of(self.journal, run)) != run:
            await self._resume(root, None, approve)
            return
        state = self._load(run)
        assert state.started is not None  # noqa: S101 - _load raises NotFound otherwise
        redaction.redactor(thorough=True)
        flow = flow or find(state.started.workflow, self._flows)
        if state.ended == "completed" and (not flow.notebook or flow.code == state.code):
            raise Refused(f"Run {run!r} is completed; there is nothing to resume.")
        lease = await self._acquire(run)
        if lease is None:
            return  # another kernel executes it; this one watches
        before = state.ended
        self._catch_up(state)
        if state.ended != before:  # another kernel has just brought it to its end
            self._release(lease)
            return
        if not state.ended and state.recoveries >= CRASH_LOOP:
            await self._declare_failed(state, lease)
            return
        await self.journal.append(run, [self._resumed(flow, state)], lease=lease)
        self._catch_up(state)
        self._errors.pop(run, None)
        foreign = state.foreign or any(
            record.origin
            for one in tree_of(self.journal, run)[1:]
            for record in self.journal.read(run=one)
        )
        given = {ask: how for ask, how in (approve or {}).items() if ask == "open"}
        self._execute(
            Execution(
                ports=self._ports,
                flow=flow,
                state=state,
                lease=lease,
                given=given,
                foreign=foreign,
            )
        )

    def _resumed(self, flow: Workflow[..., Any], state: RunState) -> RunResumed:
        return RunResumed(code=flow.code, by=self._ports.by, retry_failed=state.ended == "failed")

    async def _declare_failed(self, state: RunState, lease: Lease) -> None:
        names = ", ".join(sorted({step.name for step in state.under_way})) or "its first lines"
        error = ErrorInfo(
            type="CrashLoop",
            message=(
                f"The kernel died {state.recoveries} times in a row while the run was at: {names}."
            ),
            hint="Mend that step, then resume the run: finished steps are kept.",
            code="crash_loop",
        )
        await self.journal.append(state.run, [RunEndedFailed(error=error)], lease=lease)
        self._release(lease)

    def _catch_up(self, state: RunState) -> None:
        for record in self.journal.read(run=state.run, after=state.seq):
            apply(state, record)

    def _load(self, run: RunId) -> RunState:
        state = fold(run, self.journal.read(run=run))
        if state.started is None:
            raise _not_found(run)
        return state

    def _execute(self, execution: Execution) -> None:
        run = self.live[execution.run] = execution
        run.task = asyncio.create_task(self._to_the_end(run), name=f"run {run.run}")

    async def _to_the_end(self, execution: Execution) -> None:
        try:
            await execution.execute(Context(execution))
        except asyncio.CancelledError:
            pass
        except NotOpened as closed:
            self._keep_error(execution.run, closed.rejected)
        except (Exception, Crashed) as error:  # noqa: BLE001
            # the border of step execution; the journal has it, this keeps the traceback
            self._keep_error(execution.run, error)
        finally:
            self._let_go(execution)
            # the end of a run gives its lease back itself
            if not execution.fenced and not execution.over:
                self._release(execution.lease)

    def _let_go(self, execution: Execution) -> None:
        """Executes a run no more; who watches one without an end is told that it crashed."""
        self.live.pop(execution.run, None)
        if not execution.root.fenced:
            self._settle(execution.run, "crashed")

    async def _acquire(self, run: RunId) -> Lease | None:
        """Takes the lease of a run; while others write for long, the loop has others to serve."""
        while True:
            try:
                return self.journal.acquire(run, ttl=self._ports.lease_ttl, patience=MOMENT)
            except JournalLocked:
                await asyncio.sleep(POLL)

    def _release(self, lease: Lease) -> None:
        try:
            self.journal.release(lease, patience=MOMENT)
        except JournalLocked:
            self._ports.loop.call_later(POLL, self._release, lease)
        except JournalError:
            pass  # it runs out by itself

    async def _run_child(
        self,
        parent: LiveRun,
        key: StepKey,
        flow: Workflow[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Runs a child to its end under its parent's lease and returns its result."""
        run, lease = child_id(parent.run, key), parent.lease
        state = fold(run, self.journal.read(run=run))
        if state.foreign and run not in parent.root.opened:
            # Those that the journal's list of runs knows were asked about before their parent's
            # first line.
            what = (
                f"Child run {run!r} holds what was written elsewhere, and nobody was asked about it"
                " here."
            )
            raise JournalDamaged(
                what, hint="Resume the run; where this stays, the list of runs was altered."
            )
        if state.ended == "completed" and state.last is not None:
            return codec.stored_result(state.last.json, self.journal.blobs, flow.fn)
        if state.started is None:
            root = parent.root.state.started
            event: RunStarted | RunResumed = RunStarted(
                workflow=flow.name,
                code=flow.code,
                inputs=codec.inputs_of(args, kwargs),
                parent=parent.run,
                session=root.session if root else "",
                user=root.user if root else "",
            )
        else:
            event = self._resumed(flow, state)
        await self.journal.append(run, [event], lease=lease)
        self._catch_up(state)
        execution = Execution(ports=self._ports, flow=flow, state=state, lease=lease, parent=parent)
        self.live[run] = execution
        execution.task = start_task(execution.execute(Context(execution)), f"run {run}")
        try:
            return await execution.task
        except asyncio.CancelledError:
            if execution.state.cancelling and not parent.root.state.cancelling:
                raise RunCancelled(
                    f"Child run {run!r} was cancelled.", hint=execution.state.cancel_reason
                ) from None
            execution.task.cancel()
            await asyncio.wait([execution.task], timeout=5)
            raise
        finally:
            self._let_go(execution)

    def _settle(self, run: RunId, end: str) -> None:
        """Tells those who watch a run how it ended, unless they know already."""
        watched = self._watched.pop(run, None)
        if watched is not None and not watched.done():
            watched.set_result(end)

    async def decide(self, command: Command) -> None:
        """Puts a command to a run, on the loop."""
        if isinstance(command, SendMessage):
            codec.refuse_secrets(to_json(command.message), "the message")
            command = self._addressed(command)
        elif isinstance(command, DecideApproval) and command.edited:
            codec.refuse_secrets(to_json(command.payload), "the answer")
        execution = self.live.get(command.run)
        state = execution.state if execution else self._load(command.run)
        unique = None
        if isinstance(command, DecideApproval):
            unique = answer_key(command.run, command.approval)
            if execution is not None and command.edited and command.decision == "approve":
                self._check_form(execution, command)
        outcome = decide(state, command)
        if isinstance(outcome, Refusal):
            refused = AnswerRefused if outcome.about_answer else Refused
            raise refused(outcome.reason, hint=outcome.hint)
        if not outcome:
            return
        try:
            await self.journal.append(command.run, outcome, unique=unique)
        except DuplicateKey:
            late = decide(self._load(command.run), command)
            raise AnswerRefused(
                late.reason if isinstance(late, Refusal) else "Somebody else answered first."
            ) from None
        if isinstance(command, CancelRun) and command.run not in self.live:
            await self._cancel_at_rest(command.run)

    def _addressed(self, command: SendMessage) -> SendMessage:
        """Returns the message as one to the root of the tree of runs, where all mailboxes are."""
        self._load(command.run)
        root = root_of(self.journal, command.run)
        if root == command.run:
            return command
        return command.model_copy(update={"run": root, "to": command.to or command.run})

    async def _cancel_at_rest(self, run: RunId) -> None:
        """Ends a run that nobody executes; a kernel that does has heard of it by now."""
        lease = await self._acquire(run)
        if lease is None:
            return
        try:
            state = self._load(run)
            if state.ended:
                return
            for approval in state.open_approvals:
                asked, why = approval.request.approval, "the run was cancelled"
                withdrawn = ApprovalWithdrawn(approval=asked, reason=why)
                with suppress(DuplicateKey):
                    await self.journal.append(
                        run, [withdrawn], lease=lease, unique=answer_key(run, asked)
                    )
            end = RunEndedCancelled(reason=state.cancel_reason)
            await self.journal.append(run, [end], lease=lease)
        finally:
            self._release(lease)

    def _check_form(self, execution: Execution, command: DecideApproval) -> None:
        form = execution.forms.get(command.approval)
        try:
            if form is not None:
                form.validate_json(to_json(command.payload))
        except ValidationError as error:
            raise AnswerRefused(
                f"The edited payload does not fit: {misfit(error)}.",
                hint="Nothing was recorded; correct it and answer again.",
            ) from None

    # -- what the journal tells --------------------------------------------------------------------

    def _committed(self, records: Sequence[Record]) -> None:
        for record in records:
            execution = self.live.get(record.run)
            if execution is not None:
                execution.on_record(record)
            if record.kind in ENDS:
                if execution is not None:
                    execution.over = True
                self._ended[record.run] = ENDS[record.kind]
                if len(self._ended) > MOST_ENDS:
                    del self._ended[next(iter(self._ended))]
                self._settle(record.run, ENDS[record.kind])
            elif record.kind == RunResumed.KIND:
                self._ended.pop(record.run, None)
        if self._on_commit is not None:
            self._on_commit(records)

    def _notice_deaths(self) -> None:
        """Tells those who watch a run of another kernel that it has died."""
        for run in list(self._watched):
            with suppress(NotFound):  # whoever asked for it is just being told
                state = None if self.alive(run) else self._load(run)
                if state is not None and not state.ended and not state.at_rest:
                    self._settle(run, "crashed")

    async def _keep(self) -> None:
        """The heartbeat: reads what other processes wrote, renews leases, notices holders that
        died.
        """
        beat = looked = 0.0
        while True:
            await asyncio.sleep(POLL)
            try:
                self.journal.poll()
                now = asyncio.get_running_loop().time()
                if now - looked > 1 and self._watched:
                    looked = now
                    self._notice_deaths()
                if now - beat < self._ports.lease_ttl / 3 and beat:
                    continue
                leases = [e.lease for e in self.live.values() if e.parent is None]
                for lease in self.journal.renew(leases, ttl=self._ports.lease_ttl, patience=MOMENT):
                    self._fence(lease)
                beat = now
            except JournalLocked:
                # somebody writes for long, as who opens an exported run: tried again with the next
                # look
                continue
            except JournalError as error:
                # a full disk, a file that is locked for too long: looked at again in a moment
                log.warning("The journal could not be read: %s", error)

    def _fence(self, lease: Lease) -> None:
        execution = self.live.get(lease.run)
        if execution is not None and execution.lease == lease and execution.task is not None:
            execution.fenced = True
            execution.task.cancel()

    def _blocked(self, run: RunId, event: LoopBlocked) -> None:
        # without a lease: the run that was blocked may have ended before anybody could tell
        if not self._closed:
            self.journal.post(run, event)

    def check_usable(self) -> None:
        """Raises JournalUnusable in a forked process, and when the engine is closed; takes no
        lock.
        """
        if os.getpid() != self._pid:
            raise JournalUnusable(
                "This workbench was opened by the parent process and cannot be used in a forked"
                " one.",
                hint=(
                    "Open a Workbench of its own there, or start the process with the 'spawn'"
                    " method."
                ),
            )
        if self._closed:
            raise JournalUnusable(
                "This workbench is closed.", hint="Open a new one; stored runs are all there."
            )


def _not_found(run: RunId) -> NotFound:
    return NotFound(f"There is no run {run!r} here.", hint="`wb.runs` lists those of this home.")


def _close_at_exit(engine: Engine) -> None:
    reference = weakref.ref(engine)

    def close() -> None:
        alive = reference()
        if alive is not None:
            alive.close()

    atexit.register(close)
