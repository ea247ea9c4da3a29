"""The folds that are looked at together: of one run, and of all runs."""

from __future__ import annotations

from typing import NamedTuple

from sentient_kernel.events import ANSWERS, Record
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.projections.activity import (
    Costs,
    Sources,
    SourceView,
    Steps,
    StepView,
    UsageView,
)
from sentient_kernel.projections.approvals import Approvals, ApprovalView
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.errors import Errors
from sentient_kernel.projections.foreign import ForeignView
from sentient_kernel.projections.runs import Progress, ProgressView, RunFold, Runs, RunView


class RunLook(NamedTuple):
    """All that is known of a run, as of one record. Frozen values: any thread may keep them."""

    run: RunView
    steps: Table[StepView]
    progress: ProgressView
    sources: Table[SourceView]
    approvals: Table[ApprovalView]
    costs: Table[UsageView]
    foreign: ForeignView | None = None


class RunFolds:
    """The folds of one run, each as of the same record.

    ``foreign`` counts the records that come from elsewhere, ``answers`` those in which a question
    was closed here.
    """

    def __init__(self, run: RunId) -> None:
        self.seq = Seq(0)
        self.foreign = self.answers = 0
        self.run = RunFold(run)
        self.steps = Steps()
        self.approvals = Approvals()
        self.sources = Sources()
        self.costs = Costs()

    @property
    def progress(self) -> Progress:
        """How far the run is."""
        return self.run.progress

    @property
    def look(self) -> RunLook:
        """What is known now."""
        run = self.run.view
        return RunLook(
            run,
            self.steps.table,
            self.run.progress.view,
            self.sources.table,
            self.approvals.table,
            self.costs.table,
        )

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        self.seq = record.seq
        if record.origin:
            self.foreign += 1
        elif record.kind in ANSWERS:
            self.answers += 1
        for fold in (self.run, self.steps, self.approvals, self.sources, self.costs):
            fold.apply(record)


class WorkbenchFolds:
    """The folds over all runs."""

    def __init__(self) -> None:
        self.seq = Seq(0)
        self.runs = Runs()
        self.approvals = Approvals()
        self.errors = Errors()

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        self.seq = record.seq
        for fold in (self.runs, self.approvals, self.errors):
            fold.apply(record)
