"""The questions that runs ask people, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal

from pydantic import JsonValue

from sentient_kernel.describing import Described
from sentient_kernel.errors import UsageError
from sentient_kernel.events import (
    ANSWERS,
    ENDS,
    ApprovalClosed,
    ApprovalDecided,
    ApprovalRequested,
    ApprovalWithdrawn,
    Ask,
    Record,
    RunResumed,
)
from sentient_kernel.ids import ApprovalId, RunId
from sentient_kernel.projections.base import LocalCall, when
from sentient_kernel.projections.drawing.table import Table

ApprovalStatus = Literal["open", "approved", "rejected", "edited", "expired", "withdrawn"]
RUN_ENDED = "The run has ended."
ASKED_ELSEWHERE = "It was asked where this run comes from; here it is asked again."
Decide = Callable[..., Any]
"""Takes an answer:
``door(approval_id, "approve" | "reject", payload=..., reason=..., digest=...)``.
"""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ApprovalView(Described):
    """A question to a person.

    Args:
        payload: What is to be approved, exactly as it was shown; ``digest`` binds an answer to it.
        form: The JSON schema that an edited payload must fit, where there is one.
        answer: The edited payload, when it was approved with edits.
        status: ``edited`` is approved with edits; ``withdrawn`` when its run ended or asks
            something else now.
    """

    NOUN: ClassVar[str] = "approval"
    SHOW: ClassVar[tuple[str, ...]] = (
        "id",
        "status",
        "ask",
        "question",
        "requested",
        "by",
        "reason",
    )

    id: ApprovalId
    run: RunId
    ask: Ask = "question"
    question: str = ""
    payload: JsonValue = None
    digest: str = ""
    form: dict[str, JsonValue] | None = None
    status: ApprovalStatus = "open"
    requested: datetime | None = None
    expires_at: datetime | None = None
    decided: datetime | None = None
    by: str = ""
    reason: str = ""
    answer: JsonValue = None
    _decide: LocalCall | None = field(default=None, repr=False, compare=False)

    def bind(self, decide: Decide) -> ApprovalView:
        """Returns the same approval, able to take an answer."""
        return replace(self, _decide=LocalCall(decide))

    def approve(self, payload: JsonValue = None, *, reason: str | None = None) -> Any:
        """Answers yes to exactly what this value shows.

        Args:
            payload: What to go ahead with instead; None approves it as it stands.
            reason: What to note beside the answer.

        Raises:
            AnswerRefused: Somebody was faster, it is too late, or the run asks something else by
                now.
            UsageError: This value was read without a workbench that could take an answer.
        """
        return self._answer("approve", payload, reason)

    def reject(self, reason: str | None = None) -> Any:
        """Answers no. Raises as :meth:`approve` does."""
        return self._answer("reject", None, reason)

    def _answer(self, decision: str, payload: JsonValue, reason: str | None) -> Any:
        if self._decide is None:
            raise UsageError(
                f"Approval {self.id!r} cannot be answered from here.",
                hint=f"Use wb.decide({self.id!r}, {decision!r}).",
            )
        return self._decide(self.id, decision, payload=payload, reason=reason, digest=self.digest)


class Approvals:
    """Folds the records of one run, or of a whole journal, into approvals, oldest first."""

    def __init__(self) -> None:
        self._views: dict[ApprovalId, ApprovalView] = {}
        self._asked: dict[RunId, dict[ApprovalId, None]] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        if record.kind == ApprovalRequested.KIND:
            self._request(record, record.event)
        elif record.kind in ANSWERS:
            self._answer(record, record.event)
        elif record.kind in ENDS:
            at = when(record.at)
            self._change(record.run, "open", "", status="withdrawn", decided=at, reason=RUN_ENDED)
        elif record.kind == RunResumed.KIND:
            held = ("withdrawn", RUN_ENDED)
            self._change(record.run, *held, status="open", decided=None, reason="")

    @property
    def table(self) -> Table[ApprovalView]:
        """All approvals, answered ones too."""
        return Table(self._views.values(), ApprovalView)

    @property
    def open(self) -> Table[ApprovalView]:
        """Those that wait for an answer."""
        waiting = [view for view in self._views.values() if view.status == "open"]
        return Table(
            sorted(waiting, key=lambda a: (a.requested is not None, a.requested, a.id)),
            ApprovalView,
        )

    def _change(self, run: RunId, now: str, why: str, **changes: Any) -> None:
        """Changes all questions of a run that have a status for a reason."""
        for approval in self._asked.get(run, ()):
            view = self._views[approval]
            if (view.status, view.reason) == (now, why):
                self._views[approval] = replace(view, **changes)

    def _request(self, record: Record, event: ApprovalRequested) -> None:
        if record.origin and event.approval in self._views:
            return
        self._asked.setdefault(record.run, {})[event.approval] = None
        self._views[event.approval] = ApprovalView(
            id=event.approval,
            run=record.run,
            ask=event.ask,
            question=event.question,
            payload=event.payload,
            digest=event.digest,
            form=event.form,
            status="withdrawn" if record.origin else "open",
            reason=ASKED_ELSEWHERE if record.origin else "",
            requested=when(record.at),
            expires_at=when(event.expires_at),
        )

    def _answer(self, record: Record, event: ApprovalClosed) -> None:
        view = self._views.get(event.approval)
        if view is None:
            return
        # one whose run has ended waits too: it opens again with it
        changes: dict[str, Any]
        waits = view.status == "open" or (view.status, view.reason) == ("withdrawn", RUN_ENDED)
        if record.origin:
            if not waits and view.reason != ASKED_ELSEWHERE:
                return  # it was answered here
            changes = {"status": "withdrawn", "reason": _said_elsewhere(event)}
        elif isinstance(event, ApprovalWithdrawn) and view.status != "expired":
            if not waits and view.status == "withdrawn":
                return
            changes = {"status": "withdrawn", "reason": event.reason, "answer": None}
        elif not waits:
            return  # the first answer stands; one that crossed with the end of the run is the first
        elif isinstance(event, ApprovalDecided):
            yes = "edited" if event.edited else "approved"
            changes = {
                "status": yes if event.decision == "approve" else "rejected",
                "by": event.by,
                "reason": event.reason,
                "answer": event.payload if event.edited else None,
            }
        else:
            changes = {"status": "expired", "reason": ""}
        self._views[view.id] = replace(view, decided=when(record.at), **changes)


def _said_elsewhere(event: ApprovalClosed) -> str:
    """Returns what was said where the run comes from; it does not count here."""
    if not isinstance(event, ApprovalDecided):
        return ASKED_ELSEWHERE
    how = {"approve": "Approved", "reject": "Rejected"}[event.decision]
    by = event.by or "somebody"
    return f"{how} by {by} where this run comes from; here it has to be asked again."
