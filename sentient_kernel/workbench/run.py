"""A run as a person holds it: look at it, wait for it, steer it. Everything shown is read from the
journal.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from sentient_kernel.commands import (
    CancelRun,
    ContinueRun,
    DecideApproval,
    FinishRun,
    PauseRun,
    SteerRun,
)
from sentient_kernel.engine import Engine, answered_by, jsonable
from sentient_kernel.errors import (
    Detached,
    JournalUnusable,
    ModelError,
    NotFound,
    RunCancelled,
    RunError,
    RunFailed,
    RunTimedOut,
    RunWaiting,
    SentientError,
    UsageError,
)
from sentient_kernel.events import ErrorInfo
from sentient_kernel.failures import plain
from sentient_kernel.ids import ApprovalId, RunId
from sentient_kernel.journal.hub import HEARTBEAT, Following, Hub
from sentient_kernel.notebook import interaction
from sentient_kernel.notebook.cell_output import CellOutput
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.workbench.fold_cache import FoldCache

if TYPE_CHECKING:
    from pydantic import JsonValue

    from sentient_kernel.projections.cost import UsageView
    from sentient_kernel.projections.folds import RunLook
    from sentient_kernel.projections.history import EventView
    from sentient_kernel.projections.progress import ProgressView
    from sentient_kernel.projections.runs import RunView
    from sentient_kernel.projections.sources import SourceView
    from sentient_kernel.projections.steps import StepView
    from sentient_kernel.report.report import Report

SHOWN = 400
"""Characters of what a run is about that stand for it in a line."""

GRACE = 5.0
"""Seconds that the engine may take, beyond a timeout, to say whether a run has ended."""

TICK = 0.03
"""Seconds between looks for an interrupt and for clicks while a cell waits."""
LOOK = 0.25
"""Seconds between looks whether a run whose end is waited for needs an answer, or somebody to take
it up.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a workbench that its runs share.

    Args:
        engine: Executes runs and takes commands.
        folds: What is known of runs.
        hub: Wakes who waits for news.
        output: What a cell shows.
        user: Who acts.
    """

    engine: Engine
    folds: FoldCache
    hub: Hub
    output: CellOutput
    user: str

    def report(self, run: RunId) -> Report | None:
        """Returns the report of a completed research, which shows itself live; None for other
        runs.
        """
        report = self.folds.report(run)
        if report is None:
            return None
        return report.with_renderer(
            lambda shown: self.output.present("report", run, repr(shown), shown.to_html())
        )

    def approval(self, approval: str) -> ApprovalView:
        """Returns a question, answered or not. Raises NotFound."""
        for view in self.folds.all().approvals.table:
            if view.id == approval:
                return view.bind(self.decide)
        hint = "`wb.approvals` or `sentient-kernel approvals` lists them."
        raise NotFound(f"There is no approval {approval!r} here.", hint=hint)

    def answerable(self, table: Table[ApprovalView]) -> Table[ApprovalView]:
        """Returns the same questions, able to take an answer."""
        return Table((asked.bind(self.decide) for asked in table), ApprovalView)

    def decide(
        self,
        approval_id: ApprovalId | str,
        decision: str,
        *,
        payload: JsonValue = None,
        reason: str | None = None,
        digest: str = "",
    ) -> None:
        """Answers an approval; see :meth:`sentient_kernel.workbench.workbench.Workbench.decide`."""
        if decision not in ("approve", "reject"):
            raise UsageError(f"decision must be 'approve' or 'reject', not {decision!r}.")
        run = self.approval(str(approval_id)).run
        self.engine.command(
            DecideApproval(
                run=run,
                approval=ApprovalId(approval_id),
                decision=decision,
                payload=jsonable(payload, "the answer"),
                edited=payload is not None,
                reason=reason or "",
                by=self.user,
                digest=digest,
            )
        )


class Run:
    """One execution of a workflow. It lives in the journal: closing the notebook, losing this
    object or the kernel does not end it.
    """

    def __init__(self, parts: Parts, run: RunId) -> None:
        self._parts = parts
        self.id = run
        self._title = ""

    def __repr__(self) -> str:
        # once the workbench is closed, only what was read before is known
        with suppress(SentientError):
            self._title = self._title or self._parts.folds.title(self.id)
        title = self._title or str(self.id)
        return f"Run({title if len(title) <= SHOWN else title[: SHOWN - 1] + '…'!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (other.id, other._parts) == (self.id, self._parts)

    def __hash__(self) -> int:
        return hash(self.id)

    if not TYPE_CHECKING:  # a type checker says it by itself

        def __getattr__(self, name: str) -> Any:
            """Says what is missing where a run is taken for its report."""
            if not name.startswith("_"):
                from sentient_kernel.report.report import Report

                if hasattr(Report, name):
                    hint = (
                        "write report = run.result(), or report = await run, and then"
                        f" report.{name}"
                    )
                    raise AttributeError(
                        f"{self!r} is the run, not its report: {hint}.", name=name, obj=self
                    )
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )

        def __getitem__(self, index: Any) -> Any:
            """Says the same for results in which something is looked up, or which are gone
            through.
            """
            raise TypeError(
                f"{self!r} is the run, not its result: write run.result(), or await run."
            )

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, memo: object) -> Run:
        return self

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"{self!r} belongs to its workbench and cannot be pickled.",
            hint=(
                "Pass run.id and open the workbench there: sk.Workbench(home).run(id). Its report"
                " and its tables can be pickled."
            ),
        )

    # -- looking -----------------------------------------------------------------------------------

    @property
    def view(self) -> RunView:
        """All that its events say of it, as of now."""
        return self._parts.folds.run(self.id)

    @property
    def status(self) -> str:
        """pending, running, waiting, paused, completed, failed, cancelled or crashed."""
        return self.view.status

    @property
    def alive(self) -> bool:
        """True while some kernel executes it."""
        return self._parts.engine.alive(self.id)

    @property
    def look(self) -> RunLook:
        """All that is known of it, its parts too, as of one moment."""
        return self._parts.folds.look(self.id)

    @property
    def progress(self) -> ProgressView:
        """How far it is: a fraction where one is known, the last message, and the phases of a
        research.
        """
        return self.look.progress

    @property
    def error(self) -> ErrorInfo | None:
        """What it failed with; for a crashed run, the steps that were under way when its kernel
        died.
        """
        return self._parts.folds.error(self.id)

    @property
    def cause(self) -> BaseException | None:
        """The exception that stopped it in this process, with its traceback."""
        return self._parts.engine.error(self.id)

    def shortfalls(self) -> list[str]:
        """Returns what it has done without: a model that did not help, a budget that was not
        raised.
        """
        records = self._parts.engine.journal.read(run=self.id, kinds=["error_recorded"])
        errors = [record.event.error for record in records]
        said = [
            f"{error.message} {error.hint}" for error in errors if error.code == ModelError.code
        ]
        refused = [
            asked for asked in self.approvals if asked.ask == "spend" and asked.status == "rejected"
        ]
        said += [
            f"The budget was not raised, so the model got no more requests. {asked.question}"
            for asked in refused
        ]
        return list(dict.fromkeys(said))

    @property
    def events(self) -> Table[EventView]:
        """Everything that happened, in order."""
        from sentient_kernel.projections.history import history

        table = history(self._parts.engine.journal.read(run=self.id))
        return table.with_renderer(lambda shown: self._present("events", shown))

    @property
    def steps(self) -> Table[StepView]:
        """Its steps, in the order they began."""
        return self.look.steps

    @property
    def sources(self) -> Table[SourceView]:
        """The sources it asked: what was found, what was refused, why nothing came."""
        return self.look.sources.with_renderer(lambda shown: self._present("sources", shown))

    @property
    def cost(self) -> Table[UsageView]:
        """What it spent on models and paid services; empty when it used none."""
        return self.look.costs

    @property
    def approvals(self) -> Table[ApprovalView]:
        """The questions it asked, answered ones too. Each can be answered:
        ``run.approvals[0].approve()``.
        """
        return self._parts.answerable(self.look.approvals)

    def _present(self, view: str, table: Table[Any]) -> bool:
        """Shows one of its tables live; False where only a picture of it will do."""
        return self._parts.output.present(view, self.id, repr(table), table.to_html())

    # -- steering ----------------------------------------------------------------------------------

    def cancel(self, reason: str = "") -> None:
        """Ends it now; finished steps stay recorded.

        Args:
            reason: Why, in at most 2,000 characters.

        Raises:
            Refused: It has ended already.
            UsageError: The reason is too long.
        """
        self._parts.engine.command(CancelRun(run=self.id, by=self._parts.user, reason=reason))

    def pause(self, reason: str = "") -> None:
        """Lets steps under way finish and begins no other until :meth:`resume`.

        Args:
            reason: Why, in at most 2,000 characters.

        Raises:
            Refused: It has ended already.
            UsageError: The reason is too long.
        """
        self._parts.engine.command(PauseRun(run=self.id, by=self._parts.user, reason=reason))

    def resume(self) -> Run:
        """Goes on: after a pause, a crash, a failure or a cancellation. Finished steps are not run
        again.
        """
        resume(self._parts.engine, self._parts.folds, self.id, self._parts.user)
        return self

    def finish_now(self) -> None:
        """Asks it to stop gathering and to write with what it has."""
        self._parts.engine.command(FinishRun(run=self.id, by=self._parts.user))

    def steer(self, text: str) -> None:
        """Gives it a direction, which it reads at its next decision.

        Args:
            text: What to look at or to leave out, in at most 4,000 characters.

        Raises:
            Refused: It has ended, or the text is empty.
            UsageError: The text is too long.
        """
        self._parts.engine.command(SteerRun(run=self.id, text=text, by=self._parts.user))

    # -- waiting -----------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """Waits for the end and returns what the workflow returned; for a research, the report.

        Interrupting the cell gives the prompt back within a second; the run goes on.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            RunFailed: The workflow raised; the story and the cause are attached.
            RunCancelled: Somebody cancelled it.
            RunWaiting: It waits for an answer, nobody here can give one, and no timeout says to
                wait for one from elsewhere.
            RunTimedOut: It is not done yet; it goes on.
        """
        try:
            with interaction.Wait() as here:
                with (
                    self._parts.output.awaited(self.id, self.__repr__),
                    Following(self._parts.hub, self.id, first=TICK, gather=LOOK) as news,
                ):
                    end = self._wait_here(timeout, here, news)
                value = self._outcome(end)
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise self.detached() from None
        return value

    def _wait_here(self, timeout: float | None, here: interaction.Wait, news: Following) -> str:
        until = None if timeout is None else time.monotonic() + timeout
        watch = self._watch()
        while True:
            left = TICK if until is None else max(0.0, min(TICK, until - time.monotonic()))
            # to ask the engine takes a moment, also when no time is left
            ended = _within(watch, max(left, TICK))
            end: str | None = None if ended is None else _within(ended, left)
            if end is not None:
                return end
            here.serve()
            if (
                until is not None
                and time.monotonic() >= until
                and (ended is not None or time.monotonic() >= until + GRACE)
            ):
                raise RunTimedOut(
                    f"{self!r} is not done after {timeout:g} s; it goes on.",
                    hint="Call result() again to wait on.",
                )
            if not (ended is not None and ended.done()) and news.due:
                self._look(here, news, patient=until is not None)

    def wait(self, timeout: float | None = None) -> str:
        """Waits until it cannot go on by itself: it has ended, it is paused, or it asks something.
        Nobody is asked here.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Its status, also when the time is over.
        """
        until = None if timeout is None else time.monotonic() + timeout
        try:
            with interaction.Wait() as here, Following(self._parts.hub, self.id) as news:
                while not (news.due and self.status not in ("pending", "running")) and (
                    until is None or time.monotonic() < until
                ):
                    news.wait(TICK)
                    here.serve()
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise self.detached() from None
        return self.status

    def changes(self) -> Iterator[RunView]:
        """Yields how it is: now, then whenever something of it changed and at least each second,
        until it has come to rest.

        Example:
            ``for view in run.changes(): print(view.message)``
        """
        with Following(self._parts.hub, self.id) as news:
            while True:
                if news.due:
                    view = self.view
                    yield view
                    if view.status in ("completed", "failed", "cancelled", "crashed", "paused"):
                        return
                news.wait(HEARTBEAT)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        mine = interaction.in_cell()
        try:
            with (
                interaction.Wait(mine=mine, awaiting=True) as here,
                self._parts.output.awaited(self.id, self.__repr__),
                Following(self._parts.hub, self.id, first=TICK, gather=LOOK) as news,
            ):
                future = asyncio.wrap_future(await asyncio.wrap_future(self._watch()))
                # A loop that only waits is not woken by an interrupt for seconds; the ticker is
                # what lets it through.
                while not future.done():
                    await asyncio.wait({future}, timeout=TICK)
                    here.serve()
                    if not future.done() and news.due:
                        self._look(here, news)
                end = future.result()
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if not mine:
                raise
            raise self.detached() from None
        return self._outcome(end)

    def detached(self) -> Detached:
        """Returns what to raise where an interrupt ends a wait and the run goes on."""
        hint = "run.pause(), run.cancel(), or run.result() to wait again."
        return Detached(f"Detached. {self!r} goes on in the background: {hint}")

    def _watch(self) -> Future[Any]:
        """Returns, at once, what is soon the future of its end; the engine's loop may be busy."""
        return self._parts.engine.start_soon(partial(self._parts.engine.end_of, self.id))

    def _look(self, here: interaction.Wait, news: Following, *, patient: bool = False) -> None:
        """Sees to what a run that has not ended may need: an answer, or somebody to take it up.
        Raises when nobody here can give it.
        """
        view = self.view
        if view.status == "crashed":
            raise RunError(
                f"The kernel that executed {self!r} has died.",
                hint="Take it up with run.resume(): finished steps are kept.",
            )
        if view.status not in ("waiting", "paused"):
            return
        if not self.alive:
            if self.view.status != view.status:  # it has ended between the two looks
                return
            raise RunWaiting(
                f"{self!r} is {view.status}, and no kernel executes it.",
                hint=f"wb.resume({str(self.id)!r}) goes on with it, where it was.",
            )
        if view.status == "paused" or not self.unanswered():
            return
        if interaction.someone_can_answer():
            output = self._parts.output
            if not here.may_ask:
                return
            if not here.asks(output.watched(self.id), output.heard):
                news.again_in(LOOK)
                return
            output.draw(self.id)
            if all(
                self._ask(approval, here)
                for approval in self.approvals
                if approval.status == "open"
            ):
                return
        if patient:
            return
        first = plain(view.approvals[0])
        raise RunWaiting(
            f"{self!r} waits for an answer to approval {', '.join(map(plain, view.approvals))}.",
            hint=(
                f"Answer with wb.decide({first!r}, 'approve') or `sentient-kernel approve"
                f" {shlex.quote(first)}`; it is kept until then."
            ),
        )

    def unanswered(self) -> list[ApprovalView]:
        """Returns the open questions that wait for a person: its own policy will not answer them in
        the next moment.
        """
        policy = self._parts.engine.policy(self.id)
        asked = [one for one in self.approvals if one.status == "open"]
        return [
            one
            for one in asked
            if answered_by(policy, one.ask, by_default=one.ask != "effect") == "ask"
        ]

    def _ask(self, approval: ApprovalView, here: interaction.Wait) -> bool:
        def read(prompt: str) -> str:
            return here.read(prompt, over=lambda: approval.id not in self.view.approvals)

        return interaction.ask(approval, read, tell=here.tells(approval.id))

    def _outcome(self, end: str) -> Any:
        label = repr(self)
        if end == "completed":
            report = self._parts.report(self.id)
            return report if report is not None else self._parts.engine.result(self.id)
        cause, info = self.cause, self.error
        what = f"{info.type}: {info.message}" if info else str(cause or end)
        if end == "cancelled":
            raise RunCancelled(
                f"{label} was cancelled.",
                hint=self.view.reason or "run.resume() takes it up again.",
            )
        if end == "failed":
            raise RunFailed(
                f"{label} failed: {what}", hint=info.hint if info else "", story=self._story()
            ) from cause
        raise RunError(
            f"{label} stopped before its end: {what}",
            hint="Take it up with run.resume(): finished steps are kept.",
            story=self._story(),
        ) from cause

    def _story(self) -> tuple[dict[str, Any], ...]:
        return tuple({"seq": e.seq, "kind": e.kind, **e.data} for e in self.events[-20:])

    # -- showing -----------------------------------------------------------------------------------

    def show(self) -> None:
        """Shows it in the cell; the view follows the run while the kernel lives."""
        self._parts.output.show(self.id, repr(self))

    def _repr_html_(self) -> str | None:
        try:
            return self._parts.folds.html(self.id)
        except JournalUnusable:
            return None

    def _ipython_display_(self) -> None:
        try:
            self._parts.engine.check_usable()
        except JournalUnusable:
            # IPython takes the text then: a cell that ends with a run must not fail
            raise NotImplementedError from None
        self.show()


def resume(engine: Engine, folds: FoldCache, run: RunId, by: str) -> None:
    """Lets a run go on: one that is executed with a command, others from the journal."""
    if folds.run(run).status == "paused" and engine.alive(run):
        engine.command(ContinueRun(run=run, by=by))
    else:
        engine.resume(run)


def _within(future: Future[Any], seconds: float) -> Any:
    """Returns a future's result, or None when it has none within so many seconds."""
    try:
        return future.result(seconds)
    except FutureTimeout:
        if future.done():
            raise
        return None
