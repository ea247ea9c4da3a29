"""A workbench as its live views see it: what they look at, and what a click in them does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sentient_kernel.commands import CancelRun, DecideApproval, FinishRun, PauseRun, SteerRun
from sentient_kernel.errors import AnswerRefused, JournalError, SentientError, UsageError
from sentient_kernel.events import ErrorInfo, ErrorRecorded, Record
from sentient_kernel.failures import describe, plain
from sentient_kernel.ids import DocumentId, RunId, Seq
from sentient_kernel.journal.texts import TextSoFar
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.exact import marked, unmarked
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.errors import ErrorStats, ErrorView, FailureView
from sentient_kernel.projections.folds import RunLook
from sentient_kernel.projections.runs import RunView

if TYPE_CHECKING:
    from sentient_kernel.workbench.workbench import Workbench

AROUND = 900
"""Characters on each side of a quote that are shown with it."""
MOST_QUOTED = 20_000
"""Characters of a quote."""
MOST_PAYLOAD = 1_000_000
"""Characters, as JSON, of what a page wants to go ahead with instead of what was shown."""

Row = dict[str, Any]


class WorkbenchViews:
    """What live views look at, and what they ask for: a :class:`~sentient_kernel.feeds.feeds.ViewSource`."""

    def __init__(self, workbench: Workbench) -> None:
        self._wb = workbench

    # -- looking -------------------------------------------------------------------------------------------------------

    def version(self) -> object:
        """Returns something that differs when there may be news."""
        return self._wb.journal.head(), self._wb.texts.version

    def look(self, run: RunId) -> RunLook:
        """Returns all that is known of a run."""
        return self._wb._views.look(run)

    def glance(self, run: RunId) -> RunView:
        """Returns how a run is."""
        return self._wb._views.run(run)

    def alive(self, run: RunId) -> bool:
        """True while some kernel executes a run."""
        return self._wb.engine.alive(run)

    def error(self, run: RunId) -> ErrorInfo | None:
        """Returns what a run failed with, or was at when its kernel died."""
        return self._wb._views.error(run)

    def report(self, run: RunId) -> Row | None:
        """Returns the report of a research that is completed."""
        from sentient_kernel.report.live import row

        report = self._wb._report(run)
        return None if report is None else row(report)

    def texts(self, run: RunId) -> Mapping[str, TextSoFar]:
        """Returns what is being written in a run."""
        return self._wb.texts.of(run)

    def asked(self) -> tuple[Table[ApprovalView], dict[RunId, RunView]]:
        """Returns all questions, and the runs that asked them."""
        return self._wb._views.asked()

    def gone_wrong(self) -> tuple[Table[ErrorView], ErrorStats, Table[FailureView]]:
        """Returns groups of failures, figures, and the newest failures."""
        return self._wb._views.gone_wrong()

    def read(self, run: RunId | None, after: Seq, limit: int) -> list[Record]:
        """Returns what is stored of a run, or of all."""
        return self._wb.journal.read(run=run, after=after, limit=limit)

    def head(self) -> Seq:
        """Returns the newest seq."""
        return self._wb.journal.head()

    # -- acting --------------------------------------------------------------------------------------------------------

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
            case {"kind": "need", "what": "quote", "document": str(document), "start": int(start), "end": int(end)}:
                return self._quote(DocumentId(document), start, end)
            case {"kind": "error", "where": str(where), "message": str(said)}:
                self.complain(where[:1_000], said[:10_000], str(message.get("stack", ""))[:10_000])
                return {}
        raise UsageError("This view and this kernel are of different versions.", hint="Run the cell again.")

    def _do(self, what: str, run: RunId, given: Row) -> Row:
        engine, by = self._wb.engine, self._wb.user
        match what:
            case "decide":
                engine.command(_decision(run, given, by))
            case "pause":
                engine.command(PauseRun(run=run, by=by))
            case "resume":
                self._wb.run(run).resume()
            case "cancel":
                engine.command(CancelRun(run=run, by=by, reason=given.get("reason") or ""))
            case "finish":
                engine.command(FinishRun(run=run, by=by))
            case "steer":
                engine.command(SteerRun(run=run, text=given.get("text") or "", by=by))
            case _:
                raise UsageError(f"{what!r} is nothing that a run can be asked for.")
        return {}

    def _event(self, seq: int) -> Row:
        found = self._wb.journal.read(after=Seq(seq - 1), limit=1) if 0 < seq < 1 << 53 else []
        if not found or found[0].seq != seq:
            raise UsageError(f"There is no event {seq}.")
        from pydantic_core import from_json

        data: Row = marked(from_json(found[0].to_json()))
        return data

    def _quote(self, document: DocumentId, start: int, end: int) -> Row:
        found = self._wb.document(document)
        start = max(0, start)
        end = max(start, min(end, start + MOST_QUOTED, len(found.text)))
        return {
            "before": found.text[max(0, start - AROUND) : start], "quote": found.text[start:end], "after": found.text[end : end + AROUND],
            "title": found.title, "uri": found.uri,
        }  # fmt: skip

    def failed(self, error: Exception, where: str) -> None:
        """Notes that something of a view failed here."""
        self._record(ErrorRecorded(error=describe(error), origin=where))

    def complain(self, where: str, message: str, stack: str) -> None:
        """Notes that a view failed in a page."""
        lines = [plain(line.strip())[:200] for line in stack.splitlines()[:12] if line.strip()]
        error = ErrorInfo(
            type="ViewError", message=plain(message)[:2000], code="view_error", where=f"view {plain(where)[:80]}",
            hint="The run itself goes on. `Draw again` in the view, or run its cell again.",
            fingerprint=f"view:{plain(where)[:40]}:{plain(message)[:80]}", frames=tuple(("view", 0, line) for line in lines),
        )  # fmt: skip
        self._record(ErrorRecorded(error=error, origin=f"view {plain(where)[:80]}"))

    def _record(self, event: ErrorRecorded) -> None:
        """Writes it as the workbench's own: it says nothing of the run that was looked at."""
        with suppress(JournalError, SentientError):

            async def write() -> None:
                self._wb.journal.post(RunId(""), event)

            self._wb.engine.start_soon(write)


def _decision(run: RunId, given: Row, by: str) -> DecideApproval:
    """Returns the answer that a page gives. It counts for what the page showed, so it has to say what that was.

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
        raise UsageError(f"What is to be approved must have at most {MOST_PAYLOAD:,} characters as JSON, not {size:,}.")
    return DecideApproval(
        run=run,
        approval=given.get("approval"),
        decision=given.get("decision"),
        payload=payload,
        edited=bool(given.get("edited")),
        reason=given.get("reason") or "",
        digest=given["digest"],
        by=by,
    )
