"""What a run's events amount to (``apply``), what a command becomes (``decide``), and where a
resumed run stands in its record (``ReplayCursor``). Pure: no loop, no clock, no chance, no I/O.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

from pydantic_core import from_json

from sentient_kernel.clock import as_datetime
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
from sentient_kernel.engine.identity import mailbox_identity, occurrence_key
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
    Written,
    key_of,
    kinds_of,
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
        last: How it ended, also while it goes on from there.
        policy: How its questions are answered; nothing where its beginning was written elsewhere.
        foreign: Whether some of its events come from elsewhere.
    """

    run: RunId
    started: RunStarted | None = None
    policy: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False
    code: str = ""
    ended: str = ""
    last: Written | None = None
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
                state.started, state.code = event, event.code
                state.policy = {} if record.origin else event.approve or {}
        case RunResumed():
            _apply_resumed(state, event)
        case RunCompleted() | RunEndedFailed() | RunEndedCancelled():
            state.ended, state.last = ENDS[record.kind], Written(record.kind, record.body)
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


def _apply_step(state: RunState, record: Record) -> None:
    """Takes in what happened to a step, without parsing its result."""
    key, body = key_of(record), record.body
    step = state.steps.get(key)
    if step is None:
        step = state.steps[key] = StepState(began=state.seq)
    match record.kind:
        case StepStarted.KIND:
            step.name = from_json(body)["name"]
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
    closed = FOREIGN if record.origin else ""
    state.approvals[event.approval] = ApprovalState(event, open=not closed, closed=closed)
    state.recoveries = 0


def _apply_answer(state: RunState, record: Record, event: ApprovalClosed) -> None:
    approval = state.approvals.get(event.approval)
    if approval is None or (record.origin and not approval.open):
        return
    approval.open = False
    approval.closed = FOREIGN if record.origin else record.kind
    state.recoveries = 0
    approval.answer, approval.answered_at = None, 0
    if isinstance(event, ApprovalDecided) and not record.origin:
        approval.answer, approval.answered_at = event, record.at


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
    else:
        state.last = None
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
    approval, name = state.approvals.get(command.approval), f"Approval {command.approval!r}"
    if approval is None:
        why = f"Run {state.run!r} has no approval {command.approval!r}."
        return Refusal(why, about_answer=True)
    if approval.answer is not None:
        who, at = approval.answer.by or "somebody", as_datetime(approval.answered_at)
        done = {"approve": "approved", "reject": "rejected"}[approval.answer.decision]
        when = at.isoformat(sep=" ", timespec="seconds")
        return Refusal(f"{name} was already {done} by {who} at {when}.", about_answer=True)
    if approval.closed == FOREIGN:
        why = f"{name} was asked, or answered, where this run comes from; that does not count here."
        return Refusal(why, "Resume the run: it is asked here again.", about_answer=True)
    if not approval.open:
        how = "has expired" if approval.closed == ApprovalExpired.KIND else "was withdrawn"
        return Refusal(f"{name} {how}; the answer was not recorded.", about_answer=True)
    if state.ended:
        why = f"Run {state.run!r} has ended ({state.ended}); the answer was not recorded."
        return Refusal(why, about_answer=True)
    if command.digest and command.digest != approval.request.digest:
        return Refusal(
            f"{name} asks something else now than what was answered.",
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


# -- replay --------------------------------------------------------------------------------------


class ReplayVerdict(NamedTuple):
    """What the record says of a call.

    Args:
        what: ``recorded`` has come to its end before, and is not done again. ``run`` is to be done;
            ``step`` is what is known of a former attempt. ``contradiction`` should have been the
            step ``key``. ``unclear`` may be one: ask again once all others had their turn.
        step: What is recorded of it.
        key: The recorded step that it contradicts.
    """

    what: Literal["recorded", "run", "contradiction", "unclear"]
    step: StepState | None = None
    key: StepKey = StepKey("")


RUN = ReplayVerdict("run")


class ReplayCursor:
    """Compares what a workflow asks for with what is recorded: events in; recorded, run it, or
    contradiction out.

    A new run has an empty record, so everything it asks for is to be run. A resumed one finds its
    former calls, in whatever order it asks for them. Only two things can contradict a record:

    - A workflow that has done one thing at a time asks for a step that is not recorded, while the
      record goes on, behind all that was replayed, with a step of the same name.
    - Where several things go on at once their order may differ. Only effects that must not happen
      twice are held against the record then, and only when nothing else is under way.

    Args:
        state: What the run's own events amount to.
        received: The messages that its tree of runs has taken.
    """

    def __init__(self, state: RunState, received: Mapping[StepKey, Seq]) -> None:
        self._state = state
        self._occurrences: Counter[bytes] = Counter()
        self._claimed: set[StepKey] = set()
        self._left = Counter(s.name for s in state.steps.values() if not s.loose)
        self._questions = {
            one for one, asked in state.approvals.items() if asked.request.ask != "open"
        }
        self._facts = state.emitted.copy()
        self._directions = list(state.directions)
        self._looks = 0
        self._seen = (False, 0)
        self._frontier = Seq(0)
        self._sequential = True
        self._ahead = self._left.total() + len(self._questions)
        if received:
            mailbox, before = mailbox_identity(state.run), self._ahead
            while occurrence_key(mailbox, self._ahead - before) in received:
                self._ahead += 1
        self.under_way = 0
        """Steps that run now; whoever runs one counts it."""

    @property
    def replaying(self) -> bool:
        """True while the record holds something that was not asked for yet, and nothing new was
        done.
        """
        return self._ahead > 0

    def occurrence(self, identity: bytes) -> StepKey:
        """Counts a call of one identity and returns its key."""
        n = self._occurrences[identity]
        self._occurrences[identity] = n + 1
        return occurrence_key(identity, n)

    def step(
        self, key: StepKey, name: str, *, once: bool = False, main: bool = True
    ) -> ReplayVerdict:
        """Says what becomes of a call of a step.

        Args:
            key: Its key.
            name: Its name.
            once: Whether its effect must not happen twice.
            main: Whether the workflow itself asks, and not something that it does beside other
                things.
        """
        recorded = self._state.steps.get(key)
        if recorded is not None:
            self._claim(key, recorded, main)
            if recorded.completed is not None or recorded.failed is not None:
                return ReplayVerdict("recorded", recorded)
            self._ahead = 0
            return ReplayVerdict("run", recorded)
        if self._left and self._left[name] > 0:
            if self._sequential and main:
                return self._compared(name)
            if once:
                return ReplayVerdict("unclear")
        self._ahead = 0  # from here on it does what it did not do before
        return RUN

    def step_again(self, name: str) -> ReplayVerdict:
        """Says what becomes of a call that was ``unclear``, now that all others had their turn."""
        if self.under_way:
            self._ahead = 0
            return RUN
        return self._compared(name)

    def _compared(self, name: str) -> ReplayVerdict:
        for key, step in self._state.steps.items():
            left = key not in self._claimed and not step.loose and step.began > self._frontier
            if left and step.name == name:
                return ReplayVerdict("contradiction", step, key)
        self._ahead = 0
        return RUN

    def _claim(self, key: StepKey, recorded: StepState, main: bool) -> None:
        if key in self._claimed:
            return
        self._claimed.add(key)
        if not recorded.loose:
            self._left[recorded.name] -= 1
            self._ahead -= self._ahead > 0
        self._frontier = max(self._frontier, recorded.done)
        if not recorded.done or not main:
            self._sequential = False

    def question(self, approval: ApprovalId, known: ApprovalState | None) -> None:
        """Takes note of a question that the workflow asks."""
        if approval in self._questions and known is not None and not known.open:
            self._questions.discard(approval)
            self._ahead -= self._ahead > 0
        else:
            self._ahead = 0

    def receive(self, taken: bool) -> None:
        """Takes note of a message that the workflow wants; ``taken`` where it took that one in a
        former execution.
        """
        self._ahead = max(self._ahead - 1, 0) if taken else 0

    def emitted(self, fact: bytes) -> bool:
        """True when a former execution wrote this event; each one that it wrote counts for one
        call.
        """
        if self._facts[fact] <= 0:
            return False
        self._facts[fact] -= 1
        return True

    def look(self, finishing: bool, steers: int) -> tuple[bool, int, int]:
        """Says what a workflow sees of finish requests and steers; a replay sees both change at the
        same look as the first run.

        Args:
            finishing: Whether the run is to finish, as of now.
            steers: How many directions people have given it, as of now.

        Returns:
            Whether it sees that it is to finish, how many directions it sees, and the number of
            this look where it is the first to see them; else 0.
        """
        self._looks += 1
        while self._directions and self._directions[0][0] <= self._looks:
            self._seen = self._directions.pop(0)[1:]
        new = False
        # what the first run did not see is not seen
        if not self._directions and not self.replaying:
            new = self._seen != (finishing, steers)
            self._seen = (finishing, steers)
        return *self._seen, self._looks if new else 0
