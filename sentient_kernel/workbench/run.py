"""A run as a person holds it: look at it, wait for it, steer it. Everything shown is read from the
journal.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from sentient_kernel.commands import (
    CancelRun,
    FinishRun,
    PauseRun,
    SteerRun,
)
from sentient_kernel.engine import answered_by
from sentient_kernel.errors import (
    Detached,
    JournalUnusable,
    ModelError,
    RunCancelled,
    RunError,
    RunFailed,
    RunTimedOut,
    RunWaiting,
    SentientError,
    UsageError,
)
from sentient_kernel.events import ErrorInfo, ErrorRecorded
from sentient_kernel.failures import plain
from sentient_kernel.ids import RunId
from sentient_kernel.journal.hub import HEARTBEAT, Following
from sentient_kernel.notebook import interaction
from sentient_kernel.notebook.cell_output import CellOutput
from sentient_kernel.projections.activity import EventView, history
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.runs import title_of
from sentient_kernel.report.report import Report
from sentient_kernel.workbench.view_source import WorkbenchViews

if TYPE_CHECKING:
    from sentient_kernel.projections.activity import SourceView, StepView, UsageView
    from sentient_kernel.projections.folds import RunLook
    from sentient_kernel.projections.runs import ProgressView, RunView

SHOWN = 400
"""Characters of what a run is about that stand for it in a line."""

AT_REST = ("completed", "failed", "cancelled", "crashed")
"""How a run is when nothing more comes of it by itself."""

TICK = 0.03
"""Seconds between looks for an interrupt and for clicks while a cell waits."""
LOOK = 0.25
"""Seconds between looks whether a run whose end is waited for needs an answer, or somebody to take
it up.
"""


class Run:
    """One execution of a workflow. It lives in the journal: closing the notebook, losing this
    object or the kernel does not end it.
    """

    def __init__(self, views: WorkbenchViews, output: CellOutput, run: RunId) -> None:
        self._views = views
        self._output = output
        self.id = run
        self._title = ""

    def __repr__(self) -> str:
        # once the workbench is closed, only what was read before is known
        with suppress(SentientError):
            started = None if self._title else self._views.started(self.id)
            self._title = self._title if started is None else title_of(started)
        title = self._title or str(self.id)
        return f"Run({title if len(title) <= SHOWN else title[: SHOWN - 1] + '…'!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (other.id, other._views) == (self.id, self._views)

    def __hash__(self) -> int:
        return hash(self.id)

    if not TYPE_CHECKING:  # a type checker says it by itself

        def __getattr__(self, name: str) -> Any:
            """Says what is missing where a run is taken for its report."""
            if not name.startswith("_") and hasattr(Report, name):
                raise AttributeError(
                    f"{self!r} is the run, not its report: write report = run.result(), or report ="
                    f" await run, and then report.{name}.",
                    name=name,
                    obj=self,
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
        return self._views.glance(self.id)

    @property
    def status(self) -> str:
        """pending, running, waiting, paused, completed, failed, cancelled or crashed."""
        return self.view.status

    @property
    def alive(self) -> bool:
        """True while some kernel executes it."""
        return self._views.engine.alive(self.id)

    @property
    def look(self) -> RunLook:
        """All that is known of it, its parts too, as of one moment."""
        return self._views.look(self.id)

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
        return self._views.error(self.id)

    @property
    def cause(self) -> BaseException | None:
        """The exception that stopped it in this process, with its traceback."""
        return self._views.engine.error(self.id)

    def shortfalls(self) -> list[str]:
        """Returns what it has done without: a model that did not help, a budget that was not
        raised.
        """
        records = self._views.read(run=self.id, kinds=[ErrorRecorded.KIND])
        said = [
            f"{error.message} {error.hint}"
            for error in (record.event.error for record in records)
            if error.code == ModelError.code
        ]
        said += [
            f"The budget was not raised, so the model got no more requests. {asked.question}"
            for asked in self.approvals
            if asked.ask == "spend" and asked.status == "rejected"
        ]
        return list(dict.fromkeys(said))

    @property
    def events(self) -> Table[EventView]:
        """Everything that happened, in order."""
        table = history(self._views.read(run=self.id))
        return table.with_renderer(partial(self._present, "events"))

    @property
    def steps(self) -> Table[StepView]:
        """Its steps, in the order they began."""
        return self.look.steps

    @property
    def sources(self) -> Table[SourceView]:
        """The sources it asked: what was found, what was refused, why nothing came."""
        return self.look.sources.with_renderer(partial(self._present, "sources"))

    @property
    def cost(self) -> Table[UsageView]:
        """What it spent on models and paid services; empty when it used none."""
        return self.look.costs

    @property
    def approvals(self) -> Table[ApprovalView]:
        """The questions it asked, answered ones too. Each can be answered:
        ``run.approvals[0].approve()``.
        """
        return self._views.approvals(self.id)

    def _present(self, view: str, shown: Table[Any] | Report) -> bool | tuple[str, str]:
        """Shows something of it live; False where only a picture of it will do."""
        return self._output.present(view, self.id, repr(shown), shown.to_html())

    # -- steering ----------------------------------------------------------------------------------

    def cancel(self, reason: str = "") -> None:
        """Ends it now; finished steps stay recorded.

        Args:
            reason: Why, in at most 2,000 characters.

        Raises:
            Refused: It has ended already.
            UsageError: The reason is too long.
        """
        self._views.command(CancelRun, self.id, reason=reason)

    def pause(self, reason: str = "") -> None:
        """Lets steps under way finish and begins no other until :meth:`resume`.

        Args:
            reason: Why, in at most 2,000 characters.

        Raises:
            Refused: It has ended already.
            UsageError: The reason is too long.
        """
        self._views.command(PauseRun, self.id, reason=reason)

    def resume(self) -> Run:
        """Goes on: after a pause, a crash, a failure or a cancellation. Finished steps are not run
        again.
        """
        self._views.resume(self.id)
        return self

    def finish_now(self) -> None:
        """Asks it to stop gathering and to write with what it has."""
        self._views.command(FinishRun, self.id)

    def steer(self, text: str) -> None:
        """Gives it a direction, which it reads at its next decision.

        Args:
            text: What to look at or to leave out, in at most 4,000 characters.

        Raises:
            Refused: It has ended, or the text is empty.
            UsageError: The text is too long.
        """
        self._views.command(SteerRun, self.id, text=text)

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
        with self._waiting() as here:
            with (
                self._output.awaited(self.id, self.__repr__),
                Following(self._views.hub, self.id, first=TICK, gather=LOOK) as news,
            ):
                end = self._wait_here(timeout, here, news)
            return self._outcome(end)

    @contextmanager
    def _waiting(self, *, mine: bool = True, awaiting: bool = False) -> Iterator[interaction.Wait]:
        """Lets an interrupt end the wait, and not the run. Raises Detached."""
        try:
            with interaction.Wait(mine=mine, awaiting=awaiting) as here:
                yield here
                if here.interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            if not mine:
                raise
            raise self.detached() from None

    def _wait_here(self, timeout: float | None, here: interaction.Wait, news: Following) -> str:
        until = None if timeout is None else time.monotonic() + timeout
        end = self._views.engine.watch(self.id)
        while True:
            left = TICK if until is None else max(0.0, min(TICK, until - time.monotonic()))
            if wait([end], left).done:
                return end.result()
            here.serve()
            if until is not None and time.monotonic() >= until:
                if (status := self.status) in AT_REST:  # the engine has not come to say so
                    return status
                raise RunTimedOut(
                    f"{self!r} is not done after {timeout:g} s; it goes on.",
                    hint="Call result() again to wait on.",
                )
            if not end.done() and news.due:
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
        with self._waiting() as here, Following(self._views.hub, self.id) as news:
            while not (news.due and self.status not in ("pending", "running")) and (
                until is None or time.monotonic() < until
            ):
                news.wait(TICK)
                here.serve()
        return self.status

    def changes(self) -> Iterator[RunView]:
        """Yields how it is: now, then whenever something of it changed and at least each second,
        until it has come to rest.

        Example:
            ``for view in run.changes(): print(view.message)``
        """
        with Following(self._views.hub, self.id) as news:
            while True:
                if news.due:
                    view = self.view
                    yield view
                    if view.status in (*AT_REST, "paused"):
                        return
                news.wait(HEARTBEAT)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        with (
            self._waiting(mine=interaction.in_cell(), awaiting=True) as here,
            self._output.awaited(self.id, self.__repr__),
            Following(self._views.hub, self.id, first=TICK, gather=LOOK) as news,
        ):
            future = asyncio.wrap_future(self._views.engine.watch(self.id))
            # A loop that only waits is not woken by an interrupt for seconds; the ticker is what
            # lets it through.
            while not future.done():
                await asyncio.wait({future}, timeout=TICK)
                here.serve()
                if not future.done() and news.due:
                    self._look(here, news)
        return self._outcome(future.result())

    def detached(self) -> Detached:
        """Returns what to raise where an interrupt ends a wait and the run goes on."""
        hint = "run.pause(), run.cancel(), or run.result() to wait again."
        return Detached(f"Detached. {self!r} goes on in the background: {hint}")

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
            if not here.may_ask:
                return
            if not here.asks(self._output.watched(self.id), self._output.heard):
                news.again_in(LOOK)
                return
            self._output.draw(self.id)
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
        policy = self._views.engine.policy(self.id)
        return [
            one
            for one in self.approvals
            if one.status == "open"
            and answered_by(policy, one.ask, by_default=one.ask != "effect") == "ask"
        ]

    def _ask(self, approval: ApprovalView, here: interaction.Wait) -> bool:
        return interaction.ask(
            approval,
            lambda prompt: here.read(prompt, over=lambda: approval.id not in self.view.approvals),
            tell=here.tells(approval.id),
        )

    def _outcome(self, end: str) -> Any:
        label = repr(self)
        if end == "completed":
            report = self._views.report(self.id)
            if report is None:
                return self._views.engine.result(self.id)
            return report.with_renderer(partial(self._present, "report"))
        if end == "cancelled":
            raise RunCancelled(
                f"{label} was cancelled.",
                hint=self.view.reason or "run.resume() takes it up again.",
            )
        cause, info = self.cause, self.error
        what = f"{info.type}: {info.message}" if info else str(cause or end)
        story = tuple({"seq": e.seq, "kind": e.kind, **e.data} for e in self.events[-20:])
        if end == "failed":
            raise RunFailed(
                f"{label} failed: {what}", hint=info.hint if info else "", story=story
            ) from cause
        raise RunError(
            f"{label} stopped before its end: {what}",
            hint="Take it up with run.resume(): finished steps are kept.",
            story=story,
        ) from cause

    # -- showing -----------------------------------------------------------------------------------

    def show(self) -> None:
        """Shows it in the cell; the view follows the run while the kernel lives."""
        self._output.show(self.id, repr(self))

    def _repr_html_(self) -> str | None:
        try:
            return self._views.html(self.id)
        except JournalUnusable:
            return None

    def _mime_(self) -> tuple[str, str]:
        """Returns what marimo shows."""
        drawn = self._repr_html_() or repr(self)
        shown = self._output.present("run", self.id, repr(self), drawn)
        return shown if isinstance(shown, tuple) else ("text/html", drawn)

    def _ipython_display_(self) -> None:
        try:
            self._views.engine.check_usable()
        except JournalUnusable:
            # IPython takes the text then: a cell that ends with a run must not fail
            raise NotImplementedError from None
        self.show()


# -- many at once ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What became of one item: the value its run returned, or why there is none."""

    NOUN: ClassVar[str] = "mapped run"
    SHOW: ClassVar[tuple[str, ...]] = ("item", "status", "value", "error")

    item: Any
    run: RunId
    status: str
    value: Any = None
    error: str = ""


def map_runs(begin: Callable[[Any], Run], items: Sequence[Any], concurrency: int) -> Table[Mapped]:
    """Begins at most ``concurrency`` runs at a time, waits for all, and returns one row each in
    order.
    """
    rows: dict[int, Mapped] = {}
    running: dict[int, Run] = {}
    todo = iter(enumerate(items))
    while True:
        for i, item in islice(todo, concurrency - len(running)):
            running[i] = begin(item)
        if not running:
            return Table((rows[i] for i in range(len(items))), Mapped)
        # The oldest is waited for; those that end meanwhile leave their place free at the next
        # turn.
        first = next(iter(running))
        for i, run in list(running.items()):
            if i == first or run.status in ("completed", "failed", "cancelled"):
                rows[i] = _row(items[i], running.pop(i))


def _row(item: Any, run: Run) -> Mapped:
    try:
        return Mapped(item=item, run=run.id, status="completed", value=run.result())
    except SentientError as error:
        return Mapped(item=item, run=run.id, status=run.status, error=str(error))
