"""The questions that runs ask people, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar, Literal, assert_never

from pydantic import JsonValue

from sentient_kernel.describing import Described
from sentient_kernel.errors import UsageError
from sentient_kernel.events import (
    ANSWERS,
    ENDS,
    ApprovalClosed,
    ApprovalDecided,
    ApprovalExpired,
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

    __slots__ = ("_held", "_open", "_views")

    def __init__(self) -> None:
        self._views: dict[ApprovalId, ApprovalView] = {}
        self._open: dict[RunId, dict[ApprovalId, None]] = {}
        self._held: dict[
            RunId, dict[ApprovalId, None]
        ] = {}  # closed because their run ended; they open again with it

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        if record.kind == ApprovalRequested.KIND:
            self._request(record, record.event)
        elif record.kind in ANSWERS:
            self._answer(record, record.event)
        elif record.kind in ENDS:
            left = self._open.pop(record.run, None)
            if left:
                self._held.setdefault(record.run, {}).update(left)
                for approval in left:
                    self._set(
                        approval,
                        status="withdrawn",
                        decided=when(record.at),
                        reason="The run has ended.",
                    )
        elif record.kind == RunResumed.KIND:
            again = self._held.pop(record.run, None)
            if again:
                self._open.setdefault(record.run, {}).update(again)
                for approval in again:
                    self._set(approval, status="open", decided=None, reason="")

    @property
    def table(self) -> Table[ApprovalView]:
        """All approvals, answered ones too."""
        return Table(self._views.values(), ApprovalView)

    @property
    def open(self) -> Table[ApprovalView]:
        """Those that wait for an answer."""
        waiting = (self._views[approval] for run in self._open.values() for approval in run)
        return Table(
            sorted(waiting, key=lambda a: (a.requested is not None, a.requested, a.id)),
            ApprovalView,
        )

    def _request(self, record: Record, event: ApprovalRequested) -> None:
        if record.origin and event.approval in self._views:
            return
        if not record.origin:
            self._open.setdefault(record.run, {})[event.approval] = None
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
        if view is not None and record.origin:
            self._answer_from_elsewhere(view, event, record.at)
            return
        if (
            view is not None
            and isinstance(event, ApprovalWithdrawn)
            and view.status in ("approved", "edited", "rejected")
        ):
            self._set(
                view.id,
                status="withdrawn",
                decided=when(record.at),
                reason=event.reason,
                answer=None,
            )
            return
        held = self._held.get(view.run, {}) if view else {}
        if view is None or (view.status != "open" and view.id not in held):
            return  # the first answer stands; one that crossed with the end of the run is the first
        self._open.get(view.run, {}).pop(view.id, None)
        held.pop(view.id, None)
        match event:
            case ApprovalExpired():
                self._set(view.id, status="expired", decided=when(record.at))
            case ApprovalWithdrawn():
                self._set(view.id, status="withdrawn", decided=when(record.at), reason=event.reason)
            case ApprovalDecided():
                yes: ApprovalStatus = "edited" if event.edited else "approved"
                status = yes if event.decision == "approve" else "rejected"
                answer = event.payload if event.edited else None
                self._set(
                    view.id,
                    status=status,
                    decided=when(record.at),
                    by=event.by,
                    reason=event.reason,
                    answer=answer,
                )
            case _:
                assert_never(event)

    def _answer_from_elsewhere(self, view: ApprovalView, event: ApprovalClosed, at: int) -> None:
        """Notes what was said where the run comes from; here it is no answer."""
        waits = view.id in self._open.get(view.run, {}) or view.id in self._held.get(view.run, {})
        if not waits and view.reason != ASKED_ELSEWHERE:
            return  # it was answered here
        self._open.get(view.run, {}).pop(view.id, None)
        self._held.get(view.run, {}).pop(view.id, None)
        reason = ASKED_ELSEWHERE
        if isinstance(event, ApprovalDecided):
            how = {"approve": "Approved", "reject": "Rejected"}[event.decision]
            reason = (
                f"{how} by {event.by or 'somebody'} where this run comes from; here it has to be"
                " asked again."
            )
        self._set(view.id, status="withdrawn", decided=when(at), reason=reason)

    def _set(self, approval: ApprovalId, **changes: Any) -> None:
        self._views[approval] = replace(self._views[approval], **changes)
