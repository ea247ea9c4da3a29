"""What happened: the closed vocabulary of facts that the journal holds.

Each event is frozen and its class says when it is written. ``kind`` is what is stored and what
streams carry as the event's name; ``KIND`` is the same of a class. Fields are only ever added, with
defaults, so that old journals stay readable. :data:`ALIASES` maps the names that other tools use
for the same facts to ours.

The row that is stored is the JSON that is sent: :class:`Record` holds it as bytes and parses it
    when asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import from_json

from sentient_kernel.clock import as_datetime
from sentient_kernel.describing import Described
from sentient_kernel.errors import JournalDamaged
from sentient_kernel.ids import ApprovalId, BlobId, RunId, Seq, StepKey

Ask = Literal["plan", "spend", "tool", "fetch", "effect", "question", "open"]
Origin = Literal["", "file", "elsewhere"]
"""Where a row comes from that does not count here by itself: out of a file that was opened, or
written elsewhere. Empty: it counts.
"""
Effect = Literal["pure", "idempotent", "once"]


class Fact(BaseModel):
    """The base of all events: frozen, and tolerant of fields that a later version added."""

    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_inf_nan="strings")
    kind: str = ""
    KIND: ClassVar[str] = ""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        cls.KIND = cls.model_fields["kind"].default

    def body(self) -> bytes:
        """Returns the event as JSON bytes, without its kind and without fields that hold their
        default.
        """
        return self.__pydantic_serializer__.to_json(self, exclude_defaults=True)


class Writable(Protocol):
    """What a journal can append: a kind and a body."""

    @property
    def kind(self) -> str:
        """The kind, one of :func:`classes`."""

    def body(self) -> bytes:
        """The fields as JSON bytes."""


class Written(NamedTuple):
    """An event whose JSON was made already, so that a big result is not converted twice."""

    kind: str
    json: bytes

    def body(self) -> bytes:
        """Returns the bytes as they are."""
        return self.json


class ErrorInfo(Described, Fact):
    """An error as it is kept: no local variables, no objects, and a fingerprint made of type and
    frames.

    ``where`` is the user's place that it comes from, ``line`` what stands there; ``usage`` says
    what a model's call used although it failed.
    """

    type: str
    message: str = ""
    code: str = "error"
    hint: str = ""
    fingerprint: str = ""
    where: str = ""
    line: str = ""
    frames: tuple[tuple[str, int, str], ...] = ()
    usage: dict[str, float | None] = {}

    SHOW: ClassVar[tuple[str, ...]] = ("where", "line", "type", "message", "hint")

    def __str__(self) -> str:
        said = f"{self.type}: {self.message}" if self.message else self.type
        return f"{self.place}\n{said}" if self.where else said

    @property
    def place(self) -> str:
        """Where it comes from and what stands there, in one line."""
        return f"{self.where}: {self.line}" if self.line else self.where


class RunStarted(Fact):
    """Written once, before the first line of a workflow runs."""

    kind: Literal["run_started"] = "run_started"
    workflow: str
    code: str = ""
    inputs: JsonValue = None
    name: str | None = None
    parent: RunId | None = None
    session: str = ""
    user: str = ""
    approve: dict[str, str] | None = None

    @property
    def key(self) -> str:
        """The key under which a named run is written, so that there is one of a name and inputs;
        empty for a run without a name.
        """
        if self.name is None:
            return ""
        dump = partial(json.dumps, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        what = b"\0".join(
            dump(part).encode("utf-8", "surrogatepass") for part in (self.workflow, self.inputs)
        )
        return f"name:{self.name}:{blake2b(what, digest_size=8).hexdigest()}"


class RunResumed(Fact):
    """Written each time a stored run is taken up again, with the code it goes on with."""

    kind: Literal["run_resumed"] = "run_resumed"
    code: str = ""
    by: str = ""
    retry_failed: bool = False


class RunPaused(Fact):
    """Written when somebody pauses a run; steps under way finish, none begins. With ``cut`` they
    end too: the workbench was closed.
    """

    kind: Literal["run_paused"] = "run_paused"
    by: str = ""
    reason: str = ""
    cut: bool = False


class RunContinued(Fact):
    """Written when a paused run may go on."""

    kind: Literal["run_continued"] = "run_continued"
    by: str = ""


class CancelRequested(Fact):
    """Written when somebody asks for a run to end now."""

    kind: Literal["cancel_requested"] = "cancel_requested"
    by: str = ""
    reason: str = ""


class FinishRequested(Fact):
    """Written when somebody asks a run to stop gathering and to write with what it has."""

    kind: Literal["finish_requested"] = "finish_requested"
    by: str = ""


class RunSteered(Fact):
    """Written when somebody gives a working run a direction; it is read at the next decision."""

    kind: Literal["run_steered"] = "run_steered"
    text: str
    by: str = ""


class RunCompleted(Fact):
    """Written when a workflow has returned; small results stand in the row, big ones in a blob."""

    kind: Literal["run_completed"] = "run_completed"
    result: JsonValue = None
    blob: BlobId | None = None
    type: str = ""


class RunEndedFailed(Fact):
    """Written when a workflow has raised."""

    kind: Literal["run_failed"] = "run_failed"
    error: ErrorInfo


class RunEndedCancelled(Fact):
    """Written when a cancelled run has come to rest."""

    kind: Literal["run_cancelled"] = "run_cancelled"
    reason: str = ""


class StepStarted(Fact):
    """Written when the first attempt of a step begins."""

    kind: Literal["step_started"] = "step_started"
    key: StepKey
    name: str
    effect: Effect = "pure"
    title: str = ""


class EffectIntended(Fact):
    """Written, and flushed to disk, before an effect that must happen at most once is tried."""

    kind: Literal["effect_intended"] = "effect_intended"
    key: StepKey


class StepRetried(Fact):
    """Written when an attempt has failed and another one will follow after ``delay`` seconds."""

    kind: Literal["step_retried"] = "step_retried"
    key: StepKey
    attempt: int
    delay: float = 0.0
    error: ErrorInfo


class StepCompleted(Fact):
    """Written before a step returns to its workflow; what it holds is never computed again."""

    kind: Literal["step_completed"] = "step_completed"
    key: StepKey
    result: JsonValue = None
    blob: BlobId | None = None
    type: str = ""


class StepEndedFailed(Fact):
    """Written when the last attempt of a step has failed."""

    kind: Literal["step_failed"] = "step_failed"
    key: StepKey
    attempt: int = 1
    error: ErrorInfo


class ProgressUpdated(Fact):
    """Written when a workflow tells how far it is; ``inside`` names the step that says so, where it
    is one.
    """

    kind: Literal["progress_updated"] = "progress_updated"
    message: str = ""
    progress: float | None = None
    data: JsonValue = None
    inside: StepKey | None = None


class MessageSent(Fact):
    """Written when one workflow, or a person, sends a value to the mailbox ``to`` of a run."""

    kind: Literal["message_sent"] = "message_sent"
    to: str
    message: JsonValue = None
    sender: str = ""
    key: StepKey | None = None


class MessageReceived(Fact):
    """Written when a workflow has taken the message with that seq (0: it stopped waiting) out of
    its mailbox.
    """

    kind: Literal["message_received"] = "message_received"
    key: StepKey
    message: Seq = Seq(0)


class ApprovalRequested(Fact):
    """Written when a run asks a person; ``digest`` binds an answer to exactly this payload."""

    kind: Literal["approval_requested"] = "approval_requested"
    approval: ApprovalId
    key: StepKey
    ask: Ask = "question"
    question: str
    payload: JsonValue = None
    digest: str = ""
    form: dict[str, JsonValue] | None = None
    expires_at: int | None = None


class ApprovalDecided(Fact):
    """Written, and flushed to disk, when an answer is accepted."""

    kind: Literal["approval_decided"] = "approval_decided"
    approval: ApprovalId
    decision: Literal["approve", "reject"]
    payload: JsonValue = None
    edited: bool = False
    reason: str = ""
    by: str = ""
    digest: str = ""


class ApprovalExpired(Fact):
    """Written when nobody answered in time."""

    kind: Literal["approval_expired"] = "approval_expired"
    approval: ApprovalId


class ApprovalWithdrawn(Fact):
    """Written when a question is no longer asked: its run ended, or asks something else now."""

    kind: Literal["approval_withdrawn"] = "approval_withdrawn"
    approval: ApprovalId
    reason: str = ""


class ResearchUpdated(Fact):
    """Written when a research run enters a phase or learns something worth showing; ``inside``
    names the step that says so.
    """

    kind: Literal["research_updated"] = "research_updated"
    phase: str
    message: str = ""
    progress: float | None = None
    data: JsonValue = None
    inside: StepKey | None = None


class ResearchDelegated(Fact):
    """Written when a research question is handed to a run of its own."""

    kind: Literal["research_delegated"] = "research_delegated"
    run: RunId
    question: str


class SourceReported(Fact):
    """Written when a source was searched: what was found, what was refused, and why nothing
    came.
    """

    kind: Literal["source_reported"] = "source_reported"
    source: str
    query: str = ""
    found: int = 0
    documents: int = 0
    reason: str = ""
    refused: tuple[tuple[str, str], ...] = ()


class ErrorRecorded(Fact):
    """Written when something failed that is not a step: a view, a subscriber, a source's file."""

    kind: Literal["error_recorded"] = "error_recorded"
    error: ErrorInfo
    origin: str = ""


class LoopBlocked(Fact):
    """Written when a step kept the engine's loop from turning; names the step and where it
    stood.
    """

    kind: Literal["loop_blocked"] = "loop_blocked"
    seconds: float
    step: str = ""
    key: StepKey | None = None
    stack: tuple[str, ...] = ()


class DirectionTaken(Fact):
    """Records at which check (``look``) a workflow first saw a steer or finish request; a replay
    sees it at the same check.
    """

    kind: Literal["direction_taken"] = "direction_taken"
    look: int
    finishing: bool = False
    steers: int = 0


class UsageRecorded(Fact):
    """Written for each request to a language model or a paid service: what it used, or that the
    cache had the answer.
    """

    kind: Literal["usage_recorded"] = "usage_recorded"
    purpose: str = ""
    model: str = ""
    calls: int = 1
    prompt: int = 0
    completion: int = 0
    reasoning: int = 0
    usd: float | None = None
    kept: bool = False
    seconds: float = 0.0
    cache: tuple[str, ...] = ()


class SubscriberConnected(Fact):
    """Sent, not stored, as the first thing a subscriber sees."""

    kind: Literal["subscriber_connected"] = "subscriber_connected"
    after: Seq = Seq(0)


class SubscriberLagged(Fact):
    """Sent, not stored, to a subscriber that was too slow: it goes on from the journal, nothing is
    lost.
    """

    kind: Literal["subscriber_lagged"] = "subscriber_lagged"
    after: Seq = Seq(0)
    head: Seq = Seq(0)


class Heartbeat(Fact):
    """Sent, not stored, so that both ends know that the connection holds."""

    kind: Literal["heartbeat"] = "heartbeat"


class TextStreamed(Fact):
    """Sent, not stored: a piece of text as a model writes it; the whole text is stored with its
    step.
    """

    kind: Literal["text_streamed"] = "text_streamed"
    key: StepKey = StepKey("")
    text: str = ""
    offset: int = 0
    by: str = ""


Event = Annotated[
    RunStarted
    | RunResumed
    | RunPaused
    | RunContinued
    | CancelRequested
    | FinishRequested
    | RunSteered
    | RunCompleted
    | RunEndedFailed
    | RunEndedCancelled
    | StepStarted
    | EffectIntended
    | StepRetried
    | StepCompleted
    | StepEndedFailed
    | ProgressUpdated
    | MessageSent
    | MessageReceived
    | ApprovalRequested
    | ApprovalDecided
    | ApprovalExpired
    | ApprovalWithdrawn
    | ResearchUpdated
    | ResearchDelegated
    | SourceReported
    | ErrorRecorded
    | LoopBlocked
    | SubscriberConnected
    | SubscriberLagged
    | Heartbeat
    | TextStreamed
    | DirectionTaken
    | UsageRecorded,
    Field(discriminator="kind"),
]

RunEnd = RunCompleted | RunEndedFailed | RunEndedCancelled
StepEvent = StepStarted | EffectIntended | StepRetried | StepCompleted | StepEndedFailed
ApprovalClosed = ApprovalDecided | ApprovalExpired | ApprovalWithdrawn
Transient = SubscriberConnected | SubscriberLagged | Heartbeat | TextStreamed


def kinds_of(union: Any) -> frozenset[str]:
    """Returns the kinds of a union of event classes.

    Example:
        >>> sorted(kinds_of(RunPaused | RunContinued))
        ['run_continued', 'run_paused']
    """
    return frozenset(cls.KIND for cls in get_args(union))


ENDS: Mapping[str, Literal["completed", "failed", "cancelled"]] = {
    RunCompleted.KIND: "completed",
    RunEndedFailed.KIND: "failed",
    RunEndedCancelled.KIND: "cancelled",
}
"""The kinds that end a run, and the status they leave it in."""

STEPS = kinds_of(StepEvent)
"""The kinds of a step's events: ``key`` is their first field."""

ANSWERS = kinds_of(ApprovalClosed)
"""The kinds that close a question."""

TRANSIENT = kinds_of(Transient)
"""Kinds that are sent to subscribers and never stored."""

ALIASES: dict[str, str] = {
    "workflow_created": "run_started",
    "step_started": "step_started",
    "approval_requested": "approval_requested",
    "workflow_completed": "run_completed",
    "workflow_error": "run_failed",
    "research_update": "research_updated",
    "progress_update": "progress_updated",
    "research_delegated": "research_delegated",
    "heartbeat": "heartbeat",
    "connection": "subscriber_connected",
}
"""Names that other tools give to the same facts, and our kind for each."""


@cache
def classes() -> dict[str, type[Fact]]:
    """Returns the class of every kind, in the order of the vocabulary (the order is stored: only
    append to it).
    """
    return {cls.model_fields["kind"].default: cls for cls in get_args(get_args(Event)[0])}


class Record(NamedTuple):
    """One row of the journal: an event with its place and time.

    Args:
        seq: Position in the journal; 0 for an event that is only sent.
        run: The run it belongs to; empty for the workbench itself.
        at: Microseconds since 1970, UTC.
        kind: The event's kind.
        body: The event's fields as JSON bytes, defaults left out.
        origin: Empty for what counts here; else where it comes from. The store tells it; it is
            neither stored in the row nor sent.
    """

    seq: Seq
    run: RunId
    at: int
    kind: str
    body: bytes
    origin: Origin = ""

    @property
    def event(self) -> Any:
        """The event itself, parsed. Raises JournalDamaged when the stored bytes do not fit its
        class.
        """
        try:
            return classes()[self.kind].model_validate_json(self.body)
        except (KeyError, ValidationError) as error:
            raise JournalDamaged(
                f"Row {self.seq} of the journal does not hold a readable {self.kind!r} event.",
                hint="Run `sentient-kernel verify` to see what else is damaged.",
            ) from error

    def in_own_words(self) -> Record:
        """Returns the record of what somebody else may have written, as this package would have
        written it.

        Who reads its bytes without parsing all of them then finds the types that they expect. A
        kind of a later version stays as it is.

        Raises:
            JournalDamaged: The stored bytes do not fit its class.
        """
        return self._replace(body=self.event.body()) if self.kind in classes() else self

    def to_json(self) -> bytes:
        """Returns the JSON that is sent: seq, run, at (ISO 8601), kind and the event's own
        fields.
        """
        at = as_datetime(self.at).isoformat()
        head = f'{{"seq":{self.seq},"run":"{self.run}","at":"{at}","kind":"{self.kind}"'
        return head.encode() + (b"}" if self.body == b"{}" else b"," + self.body[1:])


def key_of(record: Record) -> StepKey:
    """Returns the key of a step's event without parsing the result beside it, which may be long.

    Example:
        >>> key_of(Record(Seq(1), RunId("r"), 0, "step_started", b'{"key":"k1","name":"read"}'))
        'k1'
    """
    body = record.body
    if body.startswith(b'{"key":"'):  # the first field, as this package writes it
        key = body[8 : body.index(b'"', 8)]
        if b"\\" not in key:
            return StepKey(key.decode())
    return StepKey(from_json(body)["key"])


def keyed(key: StepKey | None, fields: list[bytes]) -> bytes:
    """Returns the body of an event whose fields are JSON already, its key first; None where it has
    none.
    """
    head = [b'"key":"' + key.encode() + b'"'] if key else []
    return b"{" + b",".join([*head, *fields]) + b"}"


record_of: Callable[[tuple[Any, ...]], Record] = partial(tuple.__new__, Record)
"""Makes a record of its six fields in half the time of ``Record(...)``."""
