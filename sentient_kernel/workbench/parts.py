"""What a handle on a run works with: handed to it by the workbench, instead of the workbench."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine import Engine, jsonable
from sentient_kernel.errors import NotFound, UsageError
from sentient_kernel.ids import ApprovalId, RunId
from sentient_kernel.journal.follow.hub import Hub
from sentient_kernel.notebook.cell_output import CellOutput
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.workbench.fold_cache import FoldCache

if TYPE_CHECKING:
    from pydantic import JsonValue

    from sentient_kernel.report.report import Report


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
        """Returns the report of a completed research, which shows itself live; None for other runs."""
        report = self.folds.report(run)
        if report is None:
            return None
        return report.with_renderer(lambda shown: self.output.present("report", run, repr(shown), shown.to_html()))

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
