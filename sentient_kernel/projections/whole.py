"""All that is shown of one run, folded together."""

from __future__ import annotations

from sentient_kernel.events import Record
from sentient_kernel.ids import RunId
from sentient_kernel.projections.approvals import Approvals, ApprovalView
from sentient_kernel.projections.progress import ProgressView
from sentient_kernel.projections.runs import Run, RunView, with_liveness
from sentient_kernel.projections.sources import Sources, SourceView
from sentient_kernel.projections.steps import Steps, StepView
from sentient_kernel.projections.table import Table
from sentient_kernel.projections.views import run_html, run_text


class WholeRun:
    """Folds one run's records into its view, its steps, its progress, its sources and its approvals.

    Args:
        run: The run; records of other runs are passed over.
    """

    __slots__ = ("_approvals", "_run", "_sources", "_steps")

    def __init__(self, run: RunId) -> None:
        self._run, self._steps, self._sources, self._approvals = Run(run), Steps(), Sources(), Approvals()

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        if record.run == self._run.run:
            for part in (self._run, self._steps, self._sources, self._approvals):
                part.apply(record)

    def view(self, alive: bool | None = None) -> RunView:
        """Returns the run; ``alive`` says whether somebody executes it, None that nobody knows."""
        return self._run.view if alive is None else with_liveness(self._run.view, alive)

    @property
    def steps(self) -> Table[StepView]:
        """Its steps."""
        return self._steps.table

    @property
    def progress(self) -> ProgressView:
        """How far it is."""
        return self._run.progress.view

    @property
    def sources(self) -> Table[SourceView]:
        """What each source gave."""
        return self._sources.table

    @property
    def approvals(self) -> Table[ApprovalView]:
        """Its approvals."""
        return self._approvals.table

    def html(self, alive: bool | None = None, *, report_html: str | None = None) -> str:
        """Returns the static HTML view; see :func:`~sentient_kernel.projections.views.run_html`."""
        return run_html(self.view(alive), self.steps, self.progress, self.sources, self.approvals, report_html=report_html)

    def text(self, alive: bool | None = None, *, times: bool = False) -> str:
        """Returns the view as text; see :func:`~sentient_kernel.projections.views.run_text`."""
        return run_text(self.view(alive), self.steps, self.progress, self.sources, self.approvals, times=times)
