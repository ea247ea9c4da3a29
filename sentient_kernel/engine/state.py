"""What a run's events amount to (``apply``) and what may be asked of it (``decide``). Pure: no
clock, no chance, no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import assert_never

from pydantic_core import from_json

from sentient_kernel.commands import (
    CancelRun,
    Command,
    ContinueRun,
    DecideApproval,
    FinishRun,
    PauseRun,
    SendMessage,
    SteerRun,
)
from sentient_kernel.events import (
    ENDS,
    STEPS,
    ApprovalClosed,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ApprovalWithdrawn,
    CancelRequested,
    DirectionTaken,
    EffectIntended,
    ErrorRecorded,
    Fact,
    FinishRequested,
    MessageReceived,
    MessageSent,
    ProgressUpdated,
    Record,
    ResearchDelegated,
    ResearchUpdated,
    RunCompleted,
    RunContinued,
    RunEnd,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    RunResumed,
    RunStarted,
    RunSteered,
    SourceReported,
    StepCompleted,
    StepEndedFailed,
    StepEvent,
    StepRetried,
    StepStarted,
    key_of,
    kinds_of,
    without_key,
)
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey

CRASH_LOOP = 8
"""So many deaths in a row without any progress, and the run is declared failed instead of killing
the kernel again.
"""

Control = (
    RunPaused
    | RunContinued
    | CancelRequested
    | FinishRequested
    | RunSteered
    | MessageSent
    | MessageReceived
    | ApprovalRequested
    | ApprovalClosed
)
Emitted = ProgressUpdated | ResearchUpdated | SourceReported | ResearchDelegated | ErrorRecorded
Taken = RunStarted | RunResumed | RunEnd | StepEvent | Control | Emitted | DirectionTaken

CONTROL = kinds_of(Control)
"""Kinds that a live run must know of as soon as they are written, whoever wrote them."""

TAKEN = kinds_of(Taken)
"""Kinds that the state of a run is made of; all others change nothing."""


@dataclass(slots=True)
class StepState:
    """What is recorded of one step.

    Args:
        began: Where it was first tried.
        done: Where it came to its end, 0 when it did not.
        intents: How often an effect that must happen once was about to be tried.
        loose: True when other code, or a former life of the run, asked for it: the workflow need
            not ask again.
    """

    name: str = ""
    scope: str = ""
    effect: str = "pure"
    attempt: int = 0
    began: Seq = Seq(0)
    done: Seq = Seq(0)
    intents: int = 0
    loose: bool = False
    completed: bytes | None = None
    failed: bytes | None = None


FOREIGN = "foreign"
"""How a question is closed that was asked or answered elsewhere: it counts for nothing here, and is
asked anew.
"""


@dataclass(slots=True)
class ApprovalState:
    """A question and what became of it."""

    request: ApprovalRequested
    open: bool = True
    answer: ApprovalDecided | None = None
    answered_at: int = 0
    closed: str = ""


@dataclass(slots=True)
class RunState:
    """All that a run's own events say, as the engine needs it.

    Args:
        policy: How its questions are answered; nothing where its beginning was written elsewhere.
        foreign: Whether some of its events come from elsewhere.
    """

    run: RunId
    started: RunStarted | None = None
    policy: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False
    started_at: int = 0
    code: str = ""
    ended: str = ""
    last: bytes = b"{}"
    seq: Seq = Seq(0)
    paused: bool = False
    cancelling: bool = False
    cancel_reason: str = ""
    finishing: bool = False
    finisher: str = ""
    steers: list[tuple[Seq, str]] = field(default_factory=list)
    directions: list[tuple[int, bool, int]] = field(default_factory=list)
    emitted: Counter[bytes] = field(default_factory=Counter)
    recoveries: int = 0
    steps: dict[StepKey, StepState] = field(default_factory=dict)
    approvals: dict[ApprovalId, ApprovalState] = field(default_factory=dict)
    messages: dict[Seq, MessageSent] = field(default_factory=dict)
    received: dict[StepKey, Seq] = field(default_factory=dict)
    sent: set[StepKey] = field(default_factory=set)

    @property
    def open_approvals(self) -> list[ApprovalState]:
        """The questions that still wait."""
        return [a for a in self.approvals.values() if a.open]

    @property
    def at_rest(self) -> bool:
        """True when nothing is to be done before somebody says so: it is paused, or waits for
        answers alone.
        """
        waiting = self.open_approvals
        return (
            self.paused
            or (bool(waiting) and not self.under_way)
            or any(a.request.ask == "open" for a in waiting)
        )

    @property
    def under_way(self) -> list[StepState]:
        """The steps that began and did not come to an end."""
        return [s for s in self.steps.values() if not s.done]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command's typed no."""

    reason: str
    hint: str = ""
    about_answer: bool = False


def fold(run: RunId, records: list[Record]) -> RunState:
    """Returns the state that the events of one run amount to."""
    state = RunState(run)
    for record in records:
        apply(state, record)
    return state


def apply(state: RunState, record: Record) -> None:
    """Takes one more event into the state."""
    state.seq = record.seq
    state.foreign = state.foreign or record.origin != ""
    if record.kind in STEPS:
        _apply_step(state, record)
    elif record.kind in TAKEN:
        _apply(state, record, record.event)


def _apply(state: RunState, record: Record, event: Taken) -> None:
    match event:
        case RunStarted():
            # a run begins once; another beginning behind it changes nothing
            if state.started is None:
                state.started, state.started_at = event, record.at
                state.code = event.code
                state.policy = {} if record.origin else event.approve or {}
        case RunResumed():
            _apply_resumed(state, event)
        case RunCompleted() | RunEndedFailed() | RunEndedCancelled():
            state.ended, state.last = ENDS[record.kind], record.body
        case RunPaused() | RunContinued():
            state.paused = isinstance(event, RunPaused)
        case CancelRequested():
            state.cancelling, state.cancel_reason = True, event.reason
        case FinishRequested():
            state.finishing, state.finisher = True, event.by
        case RunSteered():
            state.steers.append((record.seq, event.text))
        case DirectionTaken():
            state.directions.append((event.look, event.finishing, event.steers))
        case (
            ProgressUpdated()
            | ResearchUpdated()
            | SourceReported()
            | ResearchDelegated()
            | ErrorRecorded()
        ):
            state.emitted[record.body] += 1
        case MessageSent():
            state.messages[record.seq] = event
            if event.key:
                state.sent.add(event.key)
        case MessageReceived():
            state.received[event.key] = event.message
            state.recoveries = 0
        case ApprovalRequested():
            _apply_question(state, record, event)
        case ApprovalDecided() | ApprovalExpired() | ApprovalWithdrawn():
            _apply_answer(state, record, event)
        case StepStarted() | EffectIntended() | StepRetried() | StepCompleted() | StepEndedFailed():
            _apply_step(state, record)
        case _:
            assert_never(event)


@lru_cache(maxsize=1024)
def _what_began(fields: bytes) -> tuple[str, str, str]:
    """Returns name, scope and effect of a step from its first event; without the key they are the
    same for many calls.
    """
    began = from_json(fields)
    return began["name"], began.get("scope", ""), began.get("effect", "pure")


def _apply_step(state: RunState, record: Record) -> None:
    """Takes in what happened to a step, without parsing its result."""
    key, body = key_of(record), record.body
    step = state.steps.get(key)
    if step is None:
        step = state.steps[key] = StepState(began=state.seq)
    match record.kind:
        case StepStarted.KIND:
            step.name, step.scope, step.effect = _what_began(without_key(body))
        case StepCompleted.KIND:
            step.completed, step.failed, step.done = body, None, state.seq
            state.recoveries = 0
        case StepRetried.KIND:
            step.attempt = from_json(body)["attempt"] - 1
        case EffectIntended.KIND:
            step.intents += 1
        case StepEndedFailed.KIND:
            step.failed, step.done = body, state.seq


def _apply_question(state: RunState, record: Record, event: ApprovalRequested) -> None:
    if record.origin and event.approval in state.approvals:
        return
    known = (
        ApprovalState(event, open=False, closed=FOREIGN) if record.origin else ApprovalState(event)
    )
    state.approvals[event.approval] = known
    state.recoveries = 0


def _apply_answer(state: RunState, record: Record, event: ApprovalClosed) -> None:
    approval = state.approvals.get(event.approval)
    if approval is None or (record.origin and not approval.open):
        return
    approval.open = False
    approval.closed = FOREIGN if record.origin else record.kind
    state.recoveries = 0
    if isinstance(event, ApprovalDecided) and not record.origin:
        approval.answer, approval.answered_at = event, record.at
    else:
        approval.answer, approval.answered_at = None, 0


def _apply_resumed(state: RunState, event: RunResumed) -> None:
    # a kernel that is restarted while a person thinks has not died of the run
    state.recoveries += not state.at_rest
    state.cancelling = state.paused = False
    if state.ended or event.code != state.code:
        for step in state.steps.values():
            step.loose = True
    state.code = event.code
    if state.ended:
        state.ended, state.recoveries, state.finishing = "", 0, False
    if event.retry_failed:
        _forget_failures(state)


def _forget_failures(state: RunState) -> None:
    """Lets failed steps run again and asks again what expired; what may have happened once stays on
    the record.
    """
    for key in [k for k, s in state.steps.items() if s.failed is not None]:
        step = state.steps[key]
        if step.intents:
            step.failed, step.done, step.attempt = None, Seq(0), 0
        else:
            del state.steps[key]
    for approval in state.approvals.values():
        if approval.closed == ApprovalExpired.KIND:
            approval.closed = ApprovalWithdrawn.KIND


def decide(state: RunState, command: Command) -> tuple[Fact, ...] | Refusal:
    """Says what a command does to a run in this state: the events it becomes, or why not.

    Nothing (an empty tuple) means that it is so already.
    """
    if state.started is None:
        return Refusal(f"There is no run {state.run!r}.")
    if state.ended and not isinstance(command, DecideApproval):
        return Refusal(
            f"Run {state.run!r} has ended ({state.ended}).",
            "A failed or cancelled run can be taken up again with resume().",
        )
    match command:
        case CancelRun():
            return (
                () if state.cancelling else (CancelRequested(by=command.by, reason=command.reason),)
            )
        case PauseRun():
            return () if state.paused else (RunPaused(by=command.by, reason=command.reason),)
        case ContinueRun():
            return (RunContinued(by=command.by),) if state.paused else ()
        case FinishRun():
            return () if state.finishing else (FinishRequested(by=command.by),)
        case SteerRun():
            return (
                (RunSteered(text=command.text, by=command.by),)
                if command.text.strip()
                else Refusal("text must not be empty.")
            )
        case SendMessage():
            return (MessageSent(to=command.to, message=command.message, sender=command.by),)
        case DecideApproval():
            return _decide_approval(state, command)
        case _:
            assert_never(command)


def _decide_approval(state: RunState, command: DecideApproval) -> tuple[Fact, ...] | Refusal:
    approval = state.approvals.get(command.approval)
    if approval is None:
        return Refusal(
            f"Run {state.run!r} has no approval {command.approval!r}.", about_answer=True
        )
    if approval.answer is not None:
        who = approval.answer.by or "somebody"
        done = {"approve": "approved", "reject": "rejected"}[approval.answer.decision]
        return Refusal(
            f"Approval {command.approval!r} was already {done} by"
            f" {who}{_when(approval.answered_at)}.",
            about_answer=True,
        )
    if approval.closed == FOREIGN:
        why = (
            f"Approval {command.approval!r} was asked, or answered, where this run comes from; that"
            " does not count here."
        )
        return Refusal(why, "Resume the run: it is asked here again.", about_answer=True)
    if not approval.open:
        how = "has expired" if approval.closed == ApprovalExpired.KIND else "was withdrawn"
        return Refusal(
            f"Approval {command.approval!r} {how}; the answer was not recorded.", about_answer=True
        )
    if state.ended:
        return Refusal(
            f"Run {state.run!r} has ended ({state.ended}); the answer was not recorded.",
            about_answer=True,
        )
    if command.digest and command.digest != approval.request.digest:
        return Refusal(
            f"Approval {command.approval!r} asks something else now than what was answered.",
            "Look at it again: the answer is bound to exactly what was shown.",
            about_answer=True,
        )
    edited = command.edited and command.payload != approval.request.payload
    if edited and approval.request.ask == "open":
        why = (
            "What a run from elsewhere names cannot be edited; it can be approved or rejected as it"
            " stands."
        )
        return Refusal(why, about_answer=True)
    return (
        ApprovalDecided(
            approval=command.approval,
            decision=command.decision,
            payload=command.payload if edited else None,
            edited=edited,
            reason=command.reason,
            by=command.by,
            digest=approval.request.digest,
        ),
    )


def answered_by(policy: Mapping[str, str], ask: str, *, by_default: bool = True) -> str:
    """Returns how a policy answers a kind of question: ask, auto or deny.

    Args:
        policy: By kind; ``default`` for those that are not named.
        ask: The kind.
        by_default: Whether yes to everything is meant for this question too; that an effect may
            happen twice is approved by nobody who did not say so.

    Example:
        >>> [answered_by({"default": "auto", "spend": "deny"}, ask) for ask in ("plan", "spend",
        ...     "open")]
        ['auto', 'deny', 'ask']
    """
    # only a person opens what comes from elsewhere; a policy may refuse it, by name
    if ask == "open":
        return "deny" if policy.get(ask) == "deny" else "ask"
    default = policy.get("default", "ask")
    return policy.get(ask, default if by_default or default != "auto" else "ask")


def _when(us: int) -> str:
    from sentient_kernel.clock import as_datetime

    return f" at {as_datetime(us).isoformat(sep=' ', timespec='seconds')}" if us else ""
