"""Adapter from a workbench to its live views: what they look at, and what a click in them does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sentient_kernel.commands import CancelRun, DecideApproval, FinishRun, PauseRun, SteerRun
from sentient_kernel.errors import AnswerRefused, JournalError, SentientError, UsageError
from sentient_kernel.events import ErrorInfo, ErrorRecorded, Record
from sentient_kernel.failures import describe, plain
from sentient_kernel.ids import DocumentId, RunId, Seq
from sentient_kernel.journal.texts import TextSoFar
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.errors import ErrorStats, ErrorView, FailureView
from sentient_kernel.projections.folds import RunLook
from sentient_kernel.projections.runs import RunView
from sentient_kernel.workbench.run import resume

if TYPE_CHECKING:
    from sentient_kernel.documents import Document
    from sentient_kernel.engine import Engine
    from sentient_kernel.journal.hub import Hub
    from sentient_kernel.journal.texts import Texts
    from sentient_kernel.workbench.fold_cache import FoldCache

AROUND = 900
"""Characters on each side of a quote that are shown with it."""
MOST_QUOTED = 20_000
"""Characters of a quote."""
MOST_PAYLOAD = 1_000_000
"""Characters, as JSON, of what a page wants to go ahead with instead of what was shown."""

Row = dict[str, Any]


class WorkbenchViews:
    """What views show of runs, and what their pages request: a
    :class:`~sentient_kernel.feeds.feeds.ViewSource`.

    Args:
        engine: Takes commands.
        folds: What is known of runs.
        hub: Tells of news.
        texts: What is being written.
        document: Returns a stored document.
        user: Who acts in the pages.
    """

    def __init__(
        self,
        engine: Engine,
        folds: FoldCache,
        hub: Hub,
        texts: Texts,
        document: Callable[[DocumentId], Document],
        user: str,
    ) -> None:
        self._engine = engine
        self._journal = engine.journal
        self._folds = folds
        self._hub = hub
        self._texts = texts
        self._document = document
        self._user = user

    # -- looking -----------------------------------------------------------------------------------

    def on_news(self, call: Callable[[], None]) -> Callable[[], None]:
        """Calls a function, on any thread, whenever there may be news; returns what ends that."""
        return self._hub.on_news(call)

    def look(self, run: RunId) -> RunLook:
        """Returns all that is known of a run."""
        return self._folds.look(run)

    def glance(self, run: RunId) -> RunView:
        """Returns how a run is."""
        return self._folds.run(run)

    def alive(self, run: RunId) -> bool:
        """True while some kernel executes a run."""
        return self._engine.alive(run)

    def error(self, run: RunId) -> ErrorInfo | None:
        """Returns what a run failed with, or was at when its kernel died."""
        return self._folds.error(run)

    def report(self, run: RunId) -> Row | None:
        """Returns the report of a research that is completed."""
        from sentient_kernel.report.live import row

        report = self._folds.report(run)
        return None if report is None else row(report)

    def html(self, run: RunId, *, report: bool = True) -> str:
        """Returns the static view of a run, with its report when it has one and that is wanted."""
        return self._folds.html(run, report=report)

    def line_html(self, run: RunId) -> str:
        """Returns one line on a run that is the same each time when it has ended."""
        return self._folds.line_html(run)

    def texts(self, run: RunId) -> Mapping[str, TextSoFar]:
        """Returns what is being written in a run."""
        return self._texts.of(run)

    def asked(self) -> tuple[Table[ApprovalView], dict[RunId, RunView]]:
        """Returns all questions, and the runs that asked them."""
        return self._folds.asked()

    def errors(self) -> tuple[Table[ErrorView], ErrorStats, Table[FailureView]]:
        """Returns groups of failures, figures, and the newest failures."""
        return self._folds.errors()

    def read(self, run: RunId | None, after: Seq, limit: int) -> list[Record]:
        """Returns what is stored of a run, or of all."""
        return self._journal.read(run=run, after=after, limit=limit)

    def head(self) -> Seq:
        """Returns the newest seq."""
        return self._journal.head()

    # -- acting ------------------------------------------------------------------------------------

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
                self.complain(where[:1_000], said[:10_000], str(message.get("stack", ""))[:10_000])
                return {}
        raise UsageError(
            "This view and this kernel are of different versions.", hint="Run the cell again."
        )

    def _do(self, what: str, run: RunId, given: Row) -> Row:
        engine, by = self._engine, self._user
        match what:
            case "decide":
                engine.command(_decision(run, given, by))
            case "pause":
                engine.command(PauseRun(run=run, by=by))
            case "resume":
                resume(engine, self._folds, run, by)
            case "cancel":
                engine.command(CancelRun(run=run, by=by, reason=given.get("reason") or ""))
            case "finish":
                engine.command(FinishRun(run=run, by=by))
            case "steer":
                engine.command(SteerRun(run=run, text=given.get("text") or "", by=by))
            case _:
                raise UsageError(f"{what!r} is not a request that a run takes.")
        return {}

    def _event(self, seq: int) -> Row:
        found = self._journal.read(after=Seq(seq - 1), limit=1) if 0 < seq < 1 << 53 else []
        if not found or found[0].seq != seq:
            raise UsageError(f"There is no event {seq}.")
        from pydantic_core import from_json

        from sentient_kernel.projections.drawing.exact import marked

        data: Row = marked(from_json(found[0].to_json()))
        return data

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

    def complain(self, where: str, message: str, stack: str) -> None:
        """Notes that a view failed in a page."""
        lines = [plain(line.strip())[:200] for line in stack.splitlines()[:12] if line.strip()]
        error = ErrorInfo(
            type="ViewError",
            message=plain(message)[:2000],
            code="view_error",
            where=f"view {plain(where)[:80]}",
            hint="The run itself goes on. `Draw again` in the view, or run its cell again.",
            fingerprint=f"view:{plain(where)[:40]}:{plain(message)[:80]}",
            frames=tuple(("view", 0, line) for line in lines),
        )
        self._record(ErrorRecorded(error=error, origin=f"view {plain(where)[:80]}"))

    def _record(self, event: ErrorRecorded) -> None:
        """Writes it as the workbench's own: it says nothing of the run that was looked at."""
        with suppress(JournalError, SentientError):

            async def write() -> None:
                self._journal.post(RunId(""), event)

            self._engine.start_soon(write)


def _decision(run: RunId, given: Row, by: str) -> DecideApproval:
    """Returns the answer that a page gives. It counts for what the page showed, so it has to say
    what that was.

    Raises:
        AnswerRefused: It does not.
        UsageError: It is out of bounds.
    """
    if not given.get("digest"):
        raise AnswerRefused(
            "The answer does not say what was shown when it was given; it was not recorded.",
            hint="Load the page again, look at the question, and answer it there.",
        )
    from sentient_kernel.projections.drawing.exact import unmarked

    payload = unmarked(given.get("payload"))
    if (size := len(json.dumps(payload))) > MOST_PAYLOAD:
        raise UsageError(
            f"What is to be approved must have at most {MOST_PAYLOAD:,} characters as JSON, not"
            f" {size:,}."
        )
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
