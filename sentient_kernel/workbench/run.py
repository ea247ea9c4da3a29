"""A run as a person holds it: look at it, wait for it, steer it. Everything shown is read from the journal."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from sentient_kernel.commands import CancelRun, ContinueRun, FinishRun, PauseRun, SteerRun
from sentient_kernel.engine import answered_by
from sentient_kernel.errors import Detached, RunCancelled, RunError, RunFailed, RunTimedOut, RunWaiting, SentientError, UsageError
from sentient_kernel.events import ErrorInfo
from sentient_kernel.failures import plain
from sentient_kernel.ids import RunId
from sentient_kernel.notebook import interaction

if TYPE_CHECKING:
    from sentient_kernel.projections.approvals import ApprovalView
    from sentient_kernel.projections.cost import UsageView
    from sentient_kernel.projections.drawing.table import Table
    from sentient_kernel.projections.history import EventView
    from sentient_kernel.projections.progress import ProgressView
    from sentient_kernel.projections.runs import RunView
    from sentient_kernel.projections.sources import SourceView
    from sentient_kernel.projections.steps import StepView
    from sentient_kernel.workbench.workbench import Workbench

SHOWN = 400
"""Characters of what a run is about that stand for it in a line."""

GRACE = 5.0
"""Seconds that the engine may take, beyond a timeout, to say whether a run has ended."""

TICK = 0.03
"""Seconds between looks for an interrupt and for clicks while a cell waits."""
LOOK = 0.25
"""Seconds between looks at the run while a cell waits for its end: whether it asks something, whether its kernel has died."""


class Run:
    """One execution of a workflow. It lives in the journal: closing the notebook, losing this object or the kernel does not end it."""

    def __init__(self, workbench: Workbench, run: RunId) -> None:
        self._wb = workbench
        self.id = run
        self._title = ""

    def __repr__(self) -> str:
        with suppress(SentientError):  # a closed workbench says what it was when it was last looked at
            self._title = self.view.title
        title = self._title or str(self.id)
        return f"Run({title if len(title) <= SHOWN else title[: SHOWN - 1] + '…'!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.id == self.id and other._wb is self._wb

    def __hash__(self) -> int:
        return hash(self.id)

    if not TYPE_CHECKING:  # a type checker says it by itself

        def __getattr__(self, name: str) -> Any:
            """Says what is missing where a run is taken for its report."""
            if not name.startswith("_"):
                from sentient_kernel.report.report import Report

                if hasattr(Report, name):
                    hint = f"write report = run.result(), or report = await run, and then report.{name}"
                    raise AttributeError(f"{self!r} is the run, not its report: {hint}.", name=name, obj=self)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

        def __getitem__(self, index: Any) -> Any:
            """Says the same for results in which something is looked up, or which are gone through."""
            raise TypeError(f"{self!r} is the run, not its result: write run.result(), or await run.")

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, memo: object) -> Run:
        return self

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            f"{self!r} belongs to its workbench and cannot be pickled.",
            hint="Pass run.id and open the workbench there: sk.Workbench(home).run(id). Its report and its tables can be pickled.",
        )

    # -- looking -----------------------------------------------------------------------------------------------------

    @property
    def view(self) -> RunView:
        """All that its events say of it, as of now."""
        return self._wb._views.run(self.id)

    @property
    def status(self) -> str:
        """pending, running, waiting, paused, completed, failed, cancelled or crashed."""
        return self.view.status

    @property
    def progress(self) -> ProgressView:
        """How far it is: a fraction where one is known, the last message, and the phases of a research."""
        return self._wb._views.look(self.id).progress

    @property
    def error(self) -> ErrorInfo | None:
        """What it failed with; for a crashed run, the steps that were under way when its kernel died."""
        return self._wb._views.error(self.id)

    @property
    def events(self) -> Table[EventView]:
        """Everything that happened, in order."""
        from sentient_kernel.projections.history import history

        table = history(self._wb.journal.read(run=self.id))
        return table.shown_by(lambda shown: self._present("events", shown))

    @property
    def steps(self) -> Table[StepView]:
        """Its steps, in the order they began."""
        return self._wb._views.look(self.id).steps

    @property
    def sources(self) -> Table[SourceView]:
        """The sources it asked: what was found, what was refused, why nothing came."""
        return self._wb._views.look(self.id).sources.shown_by(lambda shown: self._present("sources", shown))

    @property
    def cost(self) -> Table[UsageView]:
        """What it spent on models and paid services; empty when it used none."""
        return self._wb._views.cost(self.id)

    @property
    def approvals(self) -> Table[ApprovalView]:
        """The questions it asked, answered ones too. Each can be answered: ``run.approvals[0].approve()``."""
        return self._wb._with_doors(self._wb._views.look(self.id).approvals)

    def _present(self, view: str, table: Table[Any]) -> bool:
        """Shows one of its tables live; False where only a picture of it will do."""
        return self._wb._screen.present(view, self.id, repr(table), table._repr_html_())

    # -- steering ----------------------------------------------------------------------------------------------------

    def cancel(self, reason: str = "") -> None:
        """Ends it now; finished steps stay recorded.

        Args:
            reason: Why, in at most 2,000 characters.

        Raises:
            Refused: It has ended already.
            UsageError: The reason is too long.
        """
        self._wb.engine.command(CancelRun(run=self.id, by=self._wb.user, reason=reason))

    def pause(self, reason: str = "") -> None:
        """Lets steps under way finish and begins no other until :meth:`resume`.

        Args:
            reason: Why, in at most 2,000 characters.

        Raises:
            Refused: It has ended already.
            UsageError: The reason is too long.
        """
        self._wb.engine.command(PauseRun(run=self.id, by=self._wb.user, reason=reason))

    def resume(self) -> Run:
        """Goes on: after a pause, a crash, a failure or a cancellation. Finished steps are not run again."""
        if self.status == "paused" and self._wb.engine.alive(self.id):
            self._wb.engine.command(ContinueRun(run=self.id, by=self._wb.user))
        else:
            self._wb.engine.resume(self.id)
        return self

    def finish_now(self) -> None:
        """Asks it to stop gathering and to write with what it has."""
        self._wb.engine.command(FinishRun(run=self.id, by=self._wb.user))

    def steer(self, text: str) -> None:
        """Gives it a direction, which it reads at its next decision.

        Args:
            text: What to look at or to leave out, in at most 4,000 characters.

        Raises:
            Refused: It has ended, or the text is empty.
            UsageError: The text is too long.
        """
        self._wb.engine.command(SteerRun(run=self.id, text=text, by=self._wb.user))

    # -- waiting -----------------------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> Any:
        """Waits for the end and returns what the workflow returned; for a research, the report.

        Interrupting the cell gives the prompt back within a second; the run goes on.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            RunFailed: The workflow raised; the story and the cause are attached.
            RunCancelled: Somebody cancelled it.
            RunWaiting: It waits for an answer, nobody here can give one, and no timeout says to wait for one from elsewhere.
            RunTimedOut: It is not done yet; it goes on.
        """
        told = self._detached()
        try:
            with interaction.Wait() as here:
                with self._wb._screen.awaited(self):
                    end = self._wait_here(timeout, here)
                value = self._outcome(end)
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise Detached(told) from None
        return value

    def _wait_here(self, timeout: float | None, here: interaction.Wait) -> str:
        until = None if timeout is None else time.monotonic() + timeout
        look = time.monotonic() + TICK
        watch = self._wb.engine.start_soon(lambda: self._wb.engine._watch(self.id))
        while True:
            left = TICK if until is None else max(0.0, min(TICK, until - time.monotonic()))
            ended = _within(watch, max(left, TICK))  # to ask the engine takes a moment, also when no time is left
            end: str | None = None if ended is None else _within(ended, left)
            if end is not None:
                return end
            here.serve()
            if until is not None and time.monotonic() >= until and (ended is not None or time.monotonic() >= until + GRACE):
                raise RunTimedOut(f"{self!r} is not done after {timeout:g} s; it goes on.", hint="Call result() again to wait on.")
            if time.monotonic() >= look and not (ended is not None and ended.done()):
                self._look(here, patient=until is not None)
                look = time.monotonic() + LOOK

    def wait(self, timeout: float | None = None) -> str:
        """Waits until it cannot go on by itself: it has ended, it is paused, or it asks something. Nobody is asked here.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Its status, also when the time is over.
        """
        until = None if timeout is None else time.monotonic() + timeout
        told = self._detached()
        try:
            with interaction.Wait() as here:
                while self.status in ("pending", "running") and (until is None or time.monotonic() < until):
                    time.sleep(TICK)
                    here.serve()
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise Detached(told) from None
        return self.status

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        told = self._detached()
        mine = interaction.in_cell()
        try:
            with interaction.Wait(mine=mine, awaiting=True) as here, self._wb._screen.awaited(self):
                ended = await asyncio.wrap_future(self._wb.engine.start_soon(lambda: self._wb.engine._watch(self.id)))
                future = asyncio.wrap_future(ended)
                # A loop that only waits is not woken by an interrupt for seconds; the ticker is what lets it through.
                look = time.monotonic() + TICK
                while not future.done():
                    await asyncio.wait({future}, timeout=TICK)
                    here.serve()
                    if time.monotonic() >= look and not future.done():
                        self._look(here)
                        look = time.monotonic() + LOOK
                end = future.result()
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if not mine:
                raise
            raise Detached(told) from None
        return self._outcome(end)

    def _detached(self) -> str:
        return f"Detached. {self!r} goes on in the background: run.pause(), run.cancel(), or run.result() to wait again."

    def _look(self, here: interaction.Wait, *, patient: bool = False) -> None:
        """Sees to what a run that has not ended may need: an answer, or somebody to take it up. Raises when nobody here can give it."""
        view = self.view
        if view.status == "crashed":
            raise RunError(f"The kernel that executed {self!r} has died.", hint="Take it up with run.resume(): finished steps are kept.")
        if view.status not in ("waiting", "paused"):
            return
        if not self._wb.engine.alive(self.id):
            if self.view.status != view.status:  # it has ended between the two looks
                return
            raise RunWaiting(
                f"{self!r} is {view.status}, and no kernel executes it.", hint=f"wb.resume({str(self.id)!r}) goes on with it, where it was."
            )
        if view.status == "paused" or not self._for_people():
            return
        if interaction.someone_can_answer():
            if not here.may_ask or not here.asks(self._watched(), self._wb._screen.heard):
                return
            self._wb._screen.draw(self)
            if all(self._ask(approval, here) for approval in self.approvals if approval.status == "open"):
                return
        if patient:
            return
        first = plain(view.approvals[0])
        raise RunWaiting(
            f"{self!r} waits for an answer to approval {', '.join(map(plain, view.approvals))}.",
            hint=f"Answer with wb.decide({first!r}, 'approve') or `sentient-kernel approve {shlex.quote(first)}`; it is kept until then.",
        )

    def _for_people(self) -> list[ApprovalView]:
        """Returns the open questions that its own policy will not answer in the next moment."""
        policy = self._wb.engine.policy(self.id)
        asked = [one for one in self.approvals if one.status == "open"]
        return [one for one in asked if answered_by(policy, one.ask, by_default=one.ask != "effect") == "ask"]

    def _ask(self, approval: ApprovalView, here: interaction.Wait) -> bool:
        def read(prompt: str) -> str:
            return here.read(prompt, over=lambda: approval.id not in self.view.approvals)

        return interaction.ask(approval, read, tell=here.tells(approval.id))

    def _watched(self) -> bool:
        return self._wb._screen.watched(self.id)

    def _outcome(self, end: str) -> Any:
        if end == "completed":
            return self._wb._result(self.id)
        cause = self._wb.engine.error(self.id)
        info = self.error
        what = f"{info.type}: {info.message}" if info else str(cause or end)
        if end == "cancelled":
            raise RunCancelled(f"{self!r} was cancelled.", hint=self.view.reason or "run.resume() takes it up again.")
        if end == "failed":
            raise RunFailed(f"{self!r} failed: {what}", hint=info.hint if info else "", story=self._story()) from cause
        raise RunError(
            f"{self!r} stopped before its end: {what}", hint="Take it up with run.resume(): finished steps are kept.", story=self._story()
        ) from cause

    def _story(self) -> tuple[dict[str, Any], ...]:
        return tuple({"seq": e.seq, "kind": e.kind, **e.data} for e in self.events[-20:])

    # -- showing -----------------------------------------------------------------------------------------------------

    def show(self) -> None:
        """Shows it in the cell; the view follows the run while the kernel lives."""
        self._wb._screen.show(self)

    def _repr_html_(self) -> str | None:
        return None if self._wb.closed else self._wb._views.html(self.id)

    def _ipython_display_(self) -> None:
        if self._wb.closed:
            raise NotImplementedError  # IPython takes the text then: a cell that ends with a run must not fail
        self.show()


def _within(future: Future[Any], seconds: float) -> Any:
    """Returns a future's result, or None when it has none within so many seconds."""
    try:
        return future.result(seconds)
    except FutureTimeout:
        if future.done():
            raise
        return None
