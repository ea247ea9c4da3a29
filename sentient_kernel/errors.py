"""Everything that can go wrong, as one tree.

.. code-block:: text

    SentientError                      what went wrong, why, what to do
    ├── UsageError                     the caller's mistake (also a ValueError)
    │   ├── ValueNotStorable           an argument or result that cannot be kept as JSON
    │   │   └── HoldsSecret            one that holds the value of a known secret
    │   ├── UnknownWorkflow            a run whose workflow is not defined in this process
    │   ├── NotFound                   no run, approval, document or source of that id
    │   └── Refused                    a command that the run's state does not allow
    │       └── AnswerRefused          a stale, second or mismatched answer to an approval
    ├── ConfigurationError             a setting, an extra or a version that does not fit
    │   └── UnknownModel               no language model of that name
    ├── JournalError                   the log of events
    │   ├── JournalDamaged             rows are missing or altered
    │   ├── JournalTooNew              written by a later version
    │   ├── JournalUnusable            cannot be opened here: read-only, network disk, forked
    │   │   └── JournalLocked          somebody else writes to it for long
    │   ├── DuplicateKey               somebody else was first with a write that may happen once
    │   └── LeaseLost                  another kernel has taken the run over
    ├── RunError                       a run that did not end well; carries its story
    │   ├── RunFailed                  the workflow raised
    │   ├── RunCancelled               somebody cancelled it
    │   ├── RunWaiting                 it waits for an answer that nobody here can give
    │   ├── RunTimedOut                it is not done within the time that somebody waited
    │   ├── StepFailed                 a step failed after its last attempt
    │   ├── StepTimedOut               a step ran past its timeout
    │   └── NondeterminismError        the code contradicts the record
    ├── ApprovalRejected               a person said no
    ├── SourceError                    a place that evidence comes from
    │   ├── ParseError                 a file that cannot be read as what it claims to be
    │   ├── NothingFound               no source holds an answer; says why, per source
    │   ├── NotRecorded                a call that is to be replayed and was never recorded
    │   └── FetchFailed                a page or an API answer that did not come
    │       ├── Blocked                an address that must not be requested (SSRF, robots.txt)
    │       ├── Offline                the network is switched off by a setting
    │       ├── TooBig                 more bytes, headers or redirects than may be read
    │       ├── Unreachable            no such host, no connection, or it broke
    │       ├── FetchTimedOut          not done within its deadline
    │       ├── WrongKind              another content type than was requested, or broken
    │       └── StatusError            the server says no (HTTP 4xx)
    │           └── ServerBusy         the server says not now (HTTP 429, 5xx)
    └── ModelError                     a language model or its server
        ├── ModelCut                   the answer was cut off, or cannot be read
        │   └── ReasoningTooLong       nothing was left for the answer
        ├── ModelTimedOut              nothing came within the deadline
        └── ModelRefused               the server or the model will not answer this

    BaseException
    └── Detached (KeyboardInterrupt)   the waiting cell was interrupted; the run goes on
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from sentient_kernel.redaction.known import shown

if TYPE_CHECKING:
    from sentient_kernel.models.base import Usage

Story = tuple[dict[str, Any], ...]


LONGEST = 2_000
"""Characters of a message, and of a hint: names in them may come from anybody, and be endless."""
_END = 300
"""Those of them that are its end, which mostly says what is wrong with the name."""
_LOOKED = 20
"""Times as many are looked through for secrets, so that none of what is kept was cut in two
before.
"""


class SentientError(Exception):
    """The root of all errors that this package raises on purpose. Secrets in its texts are replaced
    when it is made.

    Args:
        message: What went wrong and why, in one sentence a user understands.
        hint: What to do about it.
        story: Events of the run or step concerned, oldest first, as plain dicts; or what returns
            them, called when somebody looks.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self, message: str, *, hint: str = "", story: Story | Callable[[], Story] = ()
    ) -> None:
        self.message = message = _cut(shown(_cut(message, _LOOKED)))
        self.hint = hint = _cut(shown(_cut(hint, _LOOKED)))
        stop = "." if hint and message[-1:].isalnum() else ""  # what others raise ends without one
        super().__init__(f"{message}{stop} {hint}".strip())
        self._story = story

    @property
    def story(self) -> Story:
        """Events of the run or step concerned, oldest first."""
        if callable(self._story):
            self._story = self._story()
        return self._story

    def __reduce__(self) -> str | tuple[Any, ...]:
        self._story = self.story  # what makes it belongs to this process
        return super().__reduce__()

    def _render_traceback_(self) -> list[str]:
        """Shows one line in IPython where a user, not the code, caused the error."""
        return [f"{type(self).__name__}: {self}"]


def _cut(text: str, times: int = 1) -> str:
    longest, end = LONGEST * times, _END * times
    return text if len(text) <= longest else f"{text[: longest - end]} … {text[3 - end :]}"


class UsageError(SentientError, ValueError):
    """The caller's mistake: an argument or a call that is not valid."""

    code = "usage"
    status = 422


class ValueNotStorable(UsageError):
    """An argument or a result cannot be kept as JSON; the message names it."""

    code = "value_not_storable"


class HoldsSecret(ValueNotStorable):
    """An argument, a result, a message or a payload holds the value of a known secret; the message
    names which, and where in it.
    """

    code = "holds_secret"


class UnknownWorkflow(UsageError):
    """The workflow of a stored run is not defined in this process."""

    code = "unknown_workflow"
    status = 409


class NotFound(UsageError, KeyError):
    """There is no run, approval, document or source of that id."""

    code = "not_found"
    status = 404
    __str__ = Exception.__str__


class Refused(UsageError):
    """The state of the run does not allow the command."""

    code = "refused"
    status = 409


class AnswerRefused(Refused):
    """The approval was already answered, has expired, or has changed since it was shown."""

    code = "answer_refused"


class ConfigurationError(SentientError):
    """A setting, an optional dependency or a version does not fit."""

    code = "configuration"


class UnknownModel(ConfigurationError):
    """There is no language model of that name: it is not written as ``provider:model``, or the
    provider is unknown.
    """

    code = "unknown_model"
    status = 422


class JournalError(SentientError):
    """The log of events could not be read or written."""

    code = "journal"
    status = 503


class JournalDamaged(JournalError):
    """Rows of the journal are missing or altered."""

    code = "journal_damaged"
    status = 500


class JournalTooNew(JournalError):
    """The journal was written by a later version of this package."""

    code = "journal_too_new"
    status = 500


class JournalUnusable(JournalError):
    """The journal cannot be used from here: a read-only folder, a forked process, a full disk."""

    code = "journal_unusable"


class JournalLocked(JournalUnusable):
    """Somebody else writes to the journal for long; nothing was written."""

    code = "journal_locked"
    retryable = True


class DuplicateKey(JournalError):
    """A write that may happen only once has happened already; ``seq`` is the winner's place."""

    code = "duplicate_key"
    status = 409

    def __init__(self, message: str, *, seq: int = 0) -> None:
        super().__init__(message)
        self.seq = seq


class LeaseLost(JournalError):
    """Another kernel has taken the run over; what this one wanted to write was refused."""

    code = "lease_lost"
    status = 409


class RunError(SentientError):
    """A run did not end well; ``story`` holds its last events."""

    code = "run"


class RunFailed(RunError):
    """The workflow raised an error that nothing caught."""

    code = "run_failed"


class RunCancelled(RunError):
    """Somebody cancelled the run."""

    code = "run_cancelled"
    status = 409


class RunWaiting(RunError):
    """The run waits for an answer that nobody can give here; it is kept and can be answered
    later.
    """

    code = "run_waiting"
    status = 409


class RunTimedOut(RunError, TimeoutError):
    """The run did not end within the ``timeout`` of whoever waited; it goes on."""

    code = "run_timed_out"
    status = 504


class StepFailed(RunError):
    """A step failed after its last attempt.

    Args:
        message: What went wrong.
        cause: What the error said that it raised.
        cause_type: The class of that error.
        usage: What a model's call used all the same; empty where nobody said.
        hint: What to do about it.
        story: Look at :class:`SentientError`.
    """

    code = "step_failed"

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        cause_type: str = "",
        usage: Mapping[str, float | None] | None = None,
        hint: str = "",
        story: Story | Callable[[], Story] = (),
    ) -> None:
        super().__init__(message, hint=hint, story=story)
        self.cause = cause
        self.cause_type = cause_type
        self.usage = dict(usage or {})


class StepTimedOut(RunError, TimeoutError):
    """A step ran past its timeout."""

    code = "step_timed_out"
    status = 504
    retryable = True


class NondeterminismError(RunError):
    """The workflow calls another step than the one its own record holds at that place."""

    code = "nondeterminism"


class ApprovalRejected(SentientError):
    """A person, or the policy that stands in for one, said no.

    Args:
        message: What was rejected.
        reason: The reason given.
    """

    code = "approval_rejected"
    status = 409

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        hint: str = "",
        story: Story | Callable[[], Story] = (),
    ) -> None:
        super().__init__(message, hint=hint, story=story)
        self.reason = reason


class SourceError(SentientError):
    """A source of evidence did not deliver."""

    code = "source"
    status = 502
    retryable = True


class ParseError(SourceError):
    """A file cannot be read as what it claims to be."""

    code = "parse"
    status = 422
    retryable = False


class NothingFound(SourceError):
    """No source holds an answer; the message says why, source by source."""

    code = "nothing_found"
    status = 404
    retryable = False


class NotRecorded(SourceError):
    """A call to the outside world is to be replayed, and no answer to it was ever recorded; the
    message says which call.
    """

    code = "not_recorded"
    status = 409
    retryable = False


class FetchFailed(SourceError):
    """A page or an API answer could not be fetched; the message names the host and never a
    credential.

    Args:
        message: What went wrong and why.
        reason_code: One word for programs: ``private``, ``denied``, ``robots``, ``offline``,
            ``deadline``, ``reset``, ``status``, ...
        host: The host of the request.
    """

    code = "fetch_failed"

    def __init__(
        self,
        message: str,
        *,
        reason_code: str = "",
        host: str = "",
        hint: str = "",
        story: Story | Callable[[], Story] = (),
    ) -> None:
        super().__init__(message, hint=hint, story=story)
        self.reason_code = reason_code or self.code
        self.host = host


class Blocked(FetchFailed):
    """An address that must not be requested: private (SSRF guard), of another scheme or port,
    denied, or closed by robots.txt.
    """

    code = "blocked"
    status = 403
    retryable = False


class Offline(FetchFailed):
    """The network is switched off by a setting."""

    code = "offline"
    status = 503
    retryable = False


class TooBig(FetchFailed):
    """The answer has more bytes, headers or redirects than may be read."""

    code = "too_big"
    retryable = False


class Unreachable(FetchFailed):
    """There is no such host, it takes no connection, or the connection broke."""

    code = "unreachable"


class FetchTimedOut(FetchFailed, TimeoutError):
    """The answer was not there, or not whole, within its deadline."""

    code = "fetch_timed_out"
    status = 504


class WrongKind(FetchFailed):
    """The answer is of another content type than was requested, or is broken."""

    code = "wrong_kind"
    retryable = False


class StatusError(FetchFailed):
    """The server says no.

    Args:
        message: What it said.
        answered: Its HTTP status.
        headers: Its headers, names in lower case.
        body: The first 64 KB of what it sent along.
        reason_code: One word for programs.
        host: The host of the request.
    """

    code = "status"
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        answered: int = 0,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        reason_code: str = "",
        host: str = "",
        hint: str = "",
        story: Story | Callable[[], Story] = (),
    ) -> None:
        super().__init__(message, reason_code=reason_code, host=host, hint=hint, story=story)
        self.answered = answered
        self.headers = dict(headers or {})
        self.body = body


class ServerBusy(StatusError):
    """The server says not now: too many requests, or a fault of its own."""

    code = "server_busy"
    retryable = True


class ModelError(SentientError):
    """A language model, or the server it runs on, did not deliver.

    Args:
        message: What went wrong and why.
        hint: What to do about it.
        usage: What the call used all the same.

    Attributes:
        booked: Whether somebody has counted that.
    """

    code = "model"
    status = 502
    retryable = True
    booked = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        usage: Usage | None = None,
        story: Story | Callable[[], Story] = (),
    ) -> None:
        super().__init__(message, hint=hint, story=story)
        self.usage = usage


class ModelCut(ModelError):
    """The answer was cut off, or cannot be read as what was asked for; a half answer is never
    handed on.
    """

    code = "model_cut"


class ReasoningTooLong(ModelCut):
    """The model spent all the tokens that it was given on reasoning, and none were left for its
    answer.
    """

    code = "reasoning_too_long"


class ModelTimedOut(ModelError, TimeoutError):
    """No answer came within the deadline, whether or not the model's server was reached."""

    code = "model_timed_out"
    status = 504


class ModelRefused(ModelError):
    """The server refuses this request, or the model will not answer it; the same request will fail
    again.
    """

    code = "model_refused"
    retryable = False


class Detached(KeyboardInterrupt):
    """The cell that waited was interrupted. The run goes on in the background.

    Derives from ``KeyboardInterrupt`` so that a user's ``except Exception`` does not swallow it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def _render_traceback_(self) -> list[str]:
        return [self.message]
