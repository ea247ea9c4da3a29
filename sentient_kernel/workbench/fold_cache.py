"""What is known of runs, folded from the journal when somebody looks: nothing is folded while
nobody does.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sentient_kernel.clock import as_datetime
from sentient_kernel.engine import root_of
from sentient_kernel.errors import NotFound
from sentient_kernel.events import ErrorInfo, ErrorRecorded, RunStarted
from sentient_kernel.ids import RunId, line_of
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.errors import ErrorStats, ErrorView, FailureView
from sentient_kernel.projections.folds import RunFolds, RunLook, WorkbenchFolds
from sentient_kernel.projections.foreign import ForeignView
from sentient_kernel.projections.runs import RunView, with_liveness
from sentient_kernel.research.workflow import RESEARCH

if TYPE_CHECKING:
    from sentient_kernel.engine import Engine
    from sentient_kernel.report.report import Report

PAGE = 1_000
"""Records that are read at a time."""
FIRST_PAGE = 4
"""Those of a run that are read first, then twice as many each time: a few may be big."""
KEPT = 128
"""Runs whose folds are kept between looks; the journal can make any of them again."""


class FoldCache:
    """Catches folds up with the journal and hands out what they show. Any thread.

    Args:
        engine: Says which runs are executed, and has the journal.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._journal = engine.journal
        self._lock = threading.RLock()
        self._runs: OrderedDict[RunId, RunFolds] = OrderedDict()
        self._all = WorkbenchFolds()
        self._foreign: WeakKeyDictionary[RunFolds, tuple[tuple[int, ...], ForeignView | None]] = (
            WeakKeyDictionary()
        )

    def of(self, run: RunId) -> RunFolds:
        """Returns the folds of one run as of now. Raises NotFound."""
        self._engine.check_usable()
        with self._lock:
            # Taken out while it is folded: an interrupt in between leaves no half-applied record
            # behind.
            folds = self._runs.pop(run, None) or RunFolds(run)
            limit = FIRST_PAGE
            while records := self._journal.read(run=run, after=folds.seq, limit=limit):
                limit = min(PAGE, 2 * limit)
                for record in records:
                    folds.apply(record)
            if not folds.seq:
                raise NotFound(
                    f"There is no run {run!r} here.", hint="`wb.runs` lists those of this home."
                )
            self._runs[run] = folds
            while len(self._runs) > KEPT:
                self._runs.popitem(last=False)
            return folds

    def all(self) -> WorkbenchFolds:
        """Returns the folds over all runs as of now."""
        self._engine.check_usable()
        with self._lock:
            folds, self._all = self._all, WorkbenchFolds()
            while records := self._journal.read(after=folds.seq, limit=PAGE):
                for record in records:
                    folds.apply(record)
            self._all = folds
            return folds

    def alive(self, run: RunId) -> bool:
        """True while some kernel executes a run."""
        return self._engine.alive(run)

    def glance(self, run: RunId) -> RunView:
        """Returns how a run is, crashed when its kernel is gone; cheap."""
        while True:
            view = self.of(run).run.view
            shown = with_liveness(view, self.alive(run))
            # One that ended between the two looks is not executed any more either; its record has
            # more to say then.
            if shown.status != "crashed" or self.of(run).run.view.seq == view.seq:
                return shown

    def started(self, run: RunId) -> RunStarted | None:
        """Returns how a run began, without folding it; None when there is no such run."""
        self._engine.check_usable()
        records = self._journal.read(run=run, kinds=[RunStarted.KIND], limit=1)
        return records[0].event if records else None

    def approvals(self, run: RunId) -> Table[ApprovalView]:
        """Returns the questions of one run, answered ones too."""
        with self._lock:
            return self.of(run).approvals.table

    def look(self, run: RunId) -> RunLook:
        """Returns all that is known of one run, as of one moment."""
        while True:
            with self._lock:
                look = self.of(run).look
            view = with_liveness(look.run, self.alive(run))
            if view.status != "crashed" or self.of(run).run.view.seq == view.seq:
                return RunLook(view, *look[1:6], self.foreign(run))

    def foreign(self, run: RunId) -> ForeignView | None:
        """Returns what a run, and those that it is part of, hold that was written elsewhere, and
        what that names.

        It is looked for when the run is first shown, and again when more of it has come or a
        question about it was answered.
        """
        folds = self.of(run)
        root = folds if folds.run.view.parent is None else self.of(root_of(self._journal, run))
        foreign = folds.foreign + root.foreign
        mark = (folds.foreign, root.foreign, root.answers if foreign else 0)
        with self._lock:
            known = self._foreign.get(folds)
        if known is None or known[0] != mark:
            alone = not foreign and not self._journal.runs(parent=root.run.run)
            known = (mark, None if alone else self._engine.foreign(run))
            with self._lock:
                self._foreign[folds] = known
        return known[1]

    def errors(self) -> tuple[Table[ErrorView], ErrorStats, Table[FailureView]]:
        """Returns the groups of failures, the figures over all, and the newest ones."""
        with self._lock:
            errors = self.all().errors
            return errors.table, errors.stats, errors.recent

    def asked(self) -> tuple[Table[ApprovalView], dict[RunId, RunView]]:
        """Returns all questions, and the runs that asked them."""
        with self._lock:
            folds = self.all()
            table = folds.approvals.table
            views = {run: folds.runs.get(run) for run in {asked.run for asked in table}}
        return table, {run: view for run, view in views.items() if view is not None}

    def runs(self) -> Table[RunView]:
        """Returns all runs."""
        views = {view.id: view for view in self.all().runs.table}
        living = {run for run, info in self._journal.leases().items() if info.alive} | set(
            self._engine.live
        )
        parents = {run: view.parent for run, view in views.items() if view.parent in views}
        shown = [
            with_liveness(view, not living.isdisjoint(line_of(view.id, parents.get)))
            for view in views.values()
        ]
        now = self.all().runs  # what moved between the two looks is looked at again
        seqs = {v.id: v.seq for v in now.table}
        return Table(
            (
                v if v.status != "crashed" or seqs.get(v.id) == v.seq else self.glance(v.id)
                for v in shown
            ),
            RunView,
        )

    def error(self, run: RunId) -> ErrorInfo | None:
        """Returns what a run failed with; of a crashed one, the steps that were under way."""
        view = self.glance(run)
        if view.error is not None or view.status != "crashed":
            return view.error
        under_way = [
            s.name
            for s in self.of(run).steps.table
            if s.status in ("running", "retrying", "interrupted")
        ]
        where = ", ".join(dict.fromkeys(under_way)) or "its own code"
        said = [r.event.error for r in self._journal.read(run=run, kinds=[ErrorRecorded.KIND])]
        note = f" ({said[-1].type}: {said[-1].message})" if said else ""
        return ErrorInfo(
            type="Crashed",
            code="crashed",
            message=f"The kernel stopped while the run was at: {where}{note}.",
            hint="Take it up with run.resume(): finished steps are kept.",
            where=where,
        )

    def report(self, run: RunId) -> Report | None:
        """Returns the report of a completed research; None for other runs. Raises Refused when
        there is none yet.
        """
        from sentient_kernel.report.report import Report

        started = self.started(run)
        ours = started is not None and started.workflow == RESEARCH
        return Report.from_dict(self._engine.result(run)) if ours else None

    def line_html(self, run: RunId) -> str:
        """Returns one line on a run, without times and ids: the same each time for a run that has
        ended.
        """
        from sentient_kernel.projections.drawing.views import run_line

        return run_line(self.glance(run))

    def html(self, run: RunId, *, report: bool = True) -> str:
        """Returns the static view of a run, with its report when it has one and that is wanted."""
        from sentient_kernel.projections.drawing.views import run_html

        folds, view = self.of(run), self.glance(run)
        error = self.error(run)
        if error is not None:
            view = replace(view, error=error)
        elif view.status == "running" and view.started is not None:
            # Its time goes on, though it tells nothing.
            now = max(view.updated or view.started, as_datetime(self._engine.clock.now_us()))
            view = replace(view, updated=now, seconds=(now - view.started).total_seconds())
        written = self.report(run) if report and view.status == "completed" else None
        return run_html(
            view,
            folds.steps.table,
            folds.progress.view,
            folds.sources.table,
            folds.approvals.table,
            report_html=written.to_html() if written is not None else None,
            foreign=self.foreign(run),
        )
