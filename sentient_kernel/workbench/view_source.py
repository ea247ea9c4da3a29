"""What is known of runs, folded from the journal when somebody looks, and what is done to them from
a cell or a page. Nothing is folded while nobody looks.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pydantic_core import from_json

from sentient_kernel.clock import as_datetime
from sentient_kernel.commands import (
    CancelRun,
    Command,
    ContinueRun,
    DecideApproval,
    FinishRun,
    PauseRun,
    SteerRun,
)
from sentient_kernel.engine import jsonable, root_of
from sentient_kernel.errors import AnswerRefused, JournalError, NotFound, SentientError, UsageError
from sentient_kernel.events import ApprovalRequested, ErrorInfo, ErrorRecorded, RunStarted
from sentient_kernel.failures import describe, plain
from sentient_kernel.ids import ApprovalId, DocumentId, RunId, Seq, line_of
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.exact import marked, unmarked
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.drawing.views import run_html, run_line
from sentient_kernel.projections.errors import ErrorStats, ErrorView, FailureView
from sentient_kernel.projections.folds import RunFolds, RunLook, WorkbenchFolds
from sentient_kernel.projections.foreign import ForeignView
from sentient_kernel.projections.runs import RunView, with_liveness
from sentient_kernel.report.report import Report
from sentient_kernel.research.workflow import RESEARCH

if TYPE_CHECKING:
    from pydantic import JsonValue

    from sentient_kernel.documents import Document
    from sentient_kernel.engine import Engine
    from sentient_kernel.journal.hub import Hub
    from sentient_kernel.journal.texts import Texts

PAGE = 1_000
"""Records that are read at a time."""
FIRST_PAGE = 4
"""Those of a run that are read first, then twice as many each time: a few may be big."""
KEPT = 128
"""Runs whose folds are kept between looks; the journal can make any of them again."""
AROUND = 900
"""Characters on each side of a quote that are shown with it."""
MOST_QUOTED = 20_000
"""Characters of a quote."""
MOST_PAYLOAD = 1_000_000
"""Characters, as JSON, of what a page wants to go ahead with instead of what was shown."""

Row = dict[str, Any]


class WorkbenchViews:
    """What is known of the runs of a workbench, and what is done to them: a
    :class:`~sentient_kernel.feeds.feeds.ViewSource`. Any thread.

    Args:
        engine: Says which runs are executed, takes commands, and has the journal.
        hub: Tells of news.
        texts: What is being written.
        document: Returns a stored document.
        user: Who acts.
    """

    def __init__(
        self,
        engine: Engine,
        hub: Hub,
        texts: Texts,
        document: Callable[[DocumentId], Document],
        user: str,
    ) -> None:
        self.engine = engine
        self.hub = hub
        self.alive = engine.alive
        self.on_news = hub.on_news
        self.texts = texts.of
        self.head = engine.journal.head
        self.read = engine.journal.read
        self._user = user
        self._document = document
        self._journal = engine.journal
        self._lock = threading.RLock()
        self._runs: OrderedDict[RunId, RunFolds] = OrderedDict()
        self._all = WorkbenchFolds()
        self._asked: dict[str, list[tuple[str, RunId]]] = {}
        self._asked_until = Seq(0)
        self._foreign: WeakKeyDictionary[RunFolds, tuple[tuple[int, ...], ForeignView | None]] = (
            WeakKeyDictionary()
        )

    # -- looking -----------------------------------------------------------------------------------

    def of(self, run: RunId) -> RunFolds:
        """Returns the folds of one run as of now. Raises NotFound."""
        self.engine.check_usable()
        with self._lock:
            # Taken out while it is folded: an interrupt in between leaves no half-applied record
            # behind.
            folds = self._runs.pop(run, None) or RunFolds(run)
            limit = FIRST_PAGE
            while records := self.read(run=run, after=folds.seq, limit=limit):
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
        self.engine.check_usable()
        with self._lock:
            folds, self._all = self._all, WorkbenchFolds()
            while records := self.read(after=folds.seq, limit=PAGE):
                for record in records:
                    folds.apply(record)
            self._all = folds
            return folds

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
        self.engine.check_usable()
        records = self.read(run=run, kinds=[RunStarted.KIND], limit=1)
        return records[0].event if records else None

    def approvals(self, run: RunId) -> Table[ApprovalView]:
        """Returns the questions of one run, answered ones too, able to take an answer."""
        with self._lock:
            return self.answerable(self.of(run).approvals.table)

    def heeds(self, workflow: str) -> frozenset[str]:
        """Returns which requests a workflow listens to: steer, finish."""
        return self.engine.heeds(workflow)

    def answerable(self, table: Table[ApprovalView]) -> Table[ApprovalView]:
        """Returns the same questions, able to take an answer."""
        return Table((asked.bind(self.decide) for asked in table), ApprovalView)

    def approval(self, approval: str) -> ApprovalView:
        """Returns a question, answered or not, able to take an answer. Raises NotFound."""
        self.engine.check_usable()
        with self._lock:
            # what was asked since the last time, as there may be tens of thousands
            for row in self.read(after=self._asked_until, kinds=[ApprovalRequested.KIND]):
                self._asked.setdefault(row.event.approval, []).append((row.origin, row.run))
                self._asked_until = row.seq
            asked = sorted(self._asked.get(approval, ()))
        # one that was asked elsewhere may bear the id of another's: its origin is not empty
        for _, run in asked:
            for view in self.approvals(run):
                if view.id == approval:
                    return view
        raise NotFound(
            f"There is no approval {approval!r} here.",
            hint="`wb.approvals` or `sentient-kernel approvals` lists them.",
        )

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
        known = self._foreign.get(folds)
        if known is None or known[0] != mark:
            alone = not foreign and not self._journal.runs(parent=root.run.run)
            known = self._foreign[folds] = mark, None if alone else self.engine.foreign(run)
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
            self.engine.live
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
        said = [r.event.error for r in self.read(run=run, kinds=[ErrorRecorded.KIND])]
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
        started = self.started(run)
        ours = started is not None and started.workflow == RESEARCH
        return Report.from_dict(self.engine.result(run)) if ours else None

    def line_html(self, run: RunId) -> str:
        """Returns one line on a run, without times and ids: the same each time for a run that has
        ended.
        """
        return run_line(self.glance(run))

    def html(self, run: RunId, *, report: bool = True) -> str:
        """Returns the static view of a run, with its report when it has one and that is wanted."""
        folds, view = self.of(run), self.glance(run)
        error = self.error(run)
        if error is not None:
            view = replace(view, error=error)
        elif view.status == "running" and view.started is not None:
            # Its time goes on, though it tells nothing.
            now = max(view.updated or view.started, as_datetime(self.engine.clock.now_us()))
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

    # -- acting ------------------------------------------------------------------------------------

    def command(self, command: type[Command], run: RunId, **fields: Any) -> None:
        """Puts a command to a run, in the name of the user. Raises Refused or UsageError."""
        self.engine.command(command(run=run, by=self._user, **fields))

    def resume(self, run: RunId) -> None:
        """Lets a run go on: one that is executed with a command, others from the journal."""
        if self.glance(run).status == "paused" and self.alive(run):
            self.command(ContinueRun, run)
        else:
            self.engine.resume(run)

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
        self.command(
            DecideApproval,
            self.approval(str(approval_id)).run,
            approval=approval_id,
            decision=decision,
            payload=jsonable(payload, "the answer"),
            edited=payload is not None,
            reason=reason or "",
            digest=digest,
        )

    def answer(self, message: Row) -> Row:
        """Does what a page asks for.

        Args:
            message: What the page sent; nothing in it is taken for granted.

        Returns:
            The fields of the reply.

        Raises:
            SentientError: It cannot be done; says why and what to do.
        """
        match message:
            case {"kind": "do", "what": str(what), "run": str(run), **given}:
                return self._do(what, RunId(run), given)
            case {"kind": "need", "what": "event", "seq": int(seq)}:
                return {"data": self._event(seq)}
            case {
                "kind": "need",
                "what": "quote",
                "document": str(document),
                "start": int(start),
                "end": int(end),
            }:
                return self._quote(DocumentId(document), start, end)
            case {"kind": "error", "where": str(where), "message": str(said)}:
                self._complain(where, said, str(message.get("stack", "")))
                return {}
        raise UsageError(
            "This view and this kernel are of different versions.", hint="Run the cell again."
        )

    def _do(self, what: str, run: RunId, given: Row) -> Row:
        match what:
            case "decide":
                self.command(DecideApproval, run, **_decision(given))
            case "pause":
                self.command(PauseRun, run)
            case "resume":
                self.resume(run)
            case "cancel":
                self.command(CancelRun, run, reason=given.get("reason") or "")
            case "finish":
                self.command(FinishRun, run)
            case "steer":
                self.command(SteerRun, run, text=given.get("text") or "")
            case _:
                raise UsageError(f"{what!r} is not a request that a run takes.")
        return {}

    def _event(self, seq: int) -> Row:
        found = self.read(after=Seq(seq - 1), limit=1) if 0 < seq < 1 << 53 else []
        if not found or found[0].seq != seq:
            raise UsageError(f"There is no event {seq}.")
        return dict(marked(from_json(found[0].to_json())))

    def _quote(self, document: DocumentId, start: int, end: int) -> Row:
        found = self._document(document)
        start = max(0, start)
        end = max(start, min(end, start + MOST_QUOTED, len(found.text)))
        return {
            "before": found.text[max(0, start - AROUND) : start],
            "quote": found.text[start:end],
            "after": found.text[end : end + AROUND],
            "title": found.title,
            "uri": found.uri,
        }

    def failed(self, error: Exception, where: str) -> None:
        """Notes that something of a view failed here."""
        self._record(ErrorRecorded(error=describe(error), origin=where))

    def _complain(self, where: str, message: str, stack: str) -> None:
        """Notes that a view failed in a page."""
        where, message = plain(where)[:80], plain(message)[:2000]
        lines = [plain(line.strip())[:200] for line in stack[:10_000].splitlines() if line.strip()]
        error = ErrorInfo(
            type="ViewError",
            message=message,
            code="view_error",
            where=f"view {where}",
            hint="The run itself goes on. `Draw again` in the view, or run its cell again.",
            fingerprint=f"view:{where[:40]}:{message[:80]}",
            frames=tuple(("view", 0, line) for line in lines[:12]),
        )
        self._record(ErrorRecorded(error=error, origin=f"view {where}"))

    def _record(self, event: ErrorRecorded) -> None:
        """Writes it as the workbench's own: it says nothing of the run that was looked at."""
        with suppress(JournalError, SentientError):

            async def write() -> None:
                self._journal.post(RunId(""), event)

            self.engine.start_soon(write)


def _decision(given: Row) -> Row:
    """Returns the fields of an answer that a page gives. It counts for what the page showed, so it
    has to say what that was.

    Raises:
        AnswerRefused: It does not.
        UsageError: It is out of bounds.
    """
    if not given.get("digest"):
        raise AnswerRefused(
            "The answer does not say what was shown when it was given; it was not recorded.",
            hint="Load the page again, look at the question, and answer it there.",
        )
    payload = unmarked(given.get("payload"))
    if (size := len(json.dumps(payload))) > MOST_PAYLOAD:
        raise UsageError(
            f"What is to be approved must have at most {MOST_PAYLOAD:,} characters as JSON, not"
            f" {size:,}."
        )
    return {
        "approval": given.get("approval"),
        "decision": given.get("decision"),
        "payload": payload,
        "edited": bool(given.get("edited")),
        "reason": given.get("reason") or "",
        "digest": given["digest"],
    }
