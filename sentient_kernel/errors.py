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

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sentient_kernel.redaction.known import shown

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
    """For programs: the name of the class in snake case, without ``Error`` at its end."""
    status: ClassVar[int] = 500
    """As an answer over HTTP."""
    retryable: ClassVar[bool] = False
    """Whether the same call may go well next time."""

    def __init_subclass__(cls, status: int | None = None, retryable: bool | None = None) -> None:
        super().__init_subclass__()
        name = cls.__name__.removesuffix("Error")
        cls.code = cls.__dict__.get("code") or re.sub(r"\B(?=[A-Z])", "_", name).lower()
        if status is not None:
            cls.status = status
        if retryable is not None:
            cls.retryable = retryable

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


class UsageError(SentientError, ValueError, status=422):
    """The caller's mistake: an argument or a call that is not valid."""


class ValueNotStorable(UsageError):
    """An argument or a result cannot be kept as JSON; the message names it."""


class HoldsSecret(ValueNotStorable):
    """An argument, a result, a message or a payload holds the value of a known secret; the message
    names which, and where in it.
    """


class UnknownWorkflow(UsageError, status=409):
    """The workflow of a stored run is not defined in this process."""


class NotFound(UsageError, KeyError, status=404):
    """There is no run, approval, document or source of that id."""

    __str__ = Exception.__str__


class Refused(UsageError, status=409):
    """The state of the run does not allow the command."""


class AnswerRefused(Refused):
    """The approval was already answered, has expired, or has changed since it was shown."""


class ConfigurationError(SentientError):
    """A setting, an optional dependency or a version does not fit."""


class UnknownModel(ConfigurationError, status=422):
    """There is no language model of that name: it is not written as ``provider:model``, or the
    provider is unknown.
    """


class JournalError(SentientError, status=503):
    """The log of events could not be read or written."""


class JournalDamaged(JournalError, status=500):
    """Rows of the journal are missing or altered."""


class JournalTooNew(JournalError, status=500):
    """The journal was written by a later version of this package."""


class JournalUnusable(JournalError):
    """The journal cannot be used from here: a read-only folder, a forked process, a full disk."""


class JournalLocked(JournalUnusable, retryable=True):
    """Somebody else writes to the journal for long; nothing was written."""


class DuplicateKey(JournalError, status=409):
    """A write that may happen only once has happened already; ``seq`` is the winner's place."""

    def __init__(self, message: str, *, seq: int = 0) -> None:
        super().__init__(message)
        self.seq = seq


class LeaseLost(JournalError, status=409):
    """Another kernel has taken the run over; what this one wanted to write was refused."""


class RunError(SentientError):
    """A run did not end well; ``story`` holds its last events."""


class RunFailed(RunError):
    """The workflow raised an error that nothing caught."""


class RunCancelled(RunError, status=409):
    """Somebody cancelled the run."""


class RunWaiting(RunError, status=409):
    """The run waits for an answer that nobody can give here; it is kept and can be answered
    later.
    """


class RunTimedOut(RunError, TimeoutError, status=504):
    """The run did not end within the ``timeout`` of whoever waited; it goes on."""


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


class StepTimedOut(RunError, TimeoutError, status=504, retryable=True):
    """A step ran past its timeout."""


class NondeterminismError(RunError):
    """The workflow calls another step than the one its own record holds at that place."""


class ApprovalRejected(SentientError, status=409):
    """A person, or the policy that stands in for one, said no.

    Args:
        message: What was rejected.
        reason: The reason given.
    """

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


class SourceError(SentientError, status=502, retryable=True):
    """A source of evidence did not deliver."""


class ParseError(SourceError, status=422, retryable=False):
    """A file cannot be read as what it claims to be."""


class NothingFound(SourceError, status=404, retryable=False):
    """No source holds an answer; the message says why, source by source."""


class NotRecorded(SourceError, status=409, retryable=False):
    """A call to the outside world is to be replayed, and no answer to it was ever recorded; the
    message says which call.
    """


class FetchFailed(SourceError):
    """A page or an API answer could not be fetched; the message names the host and never a
    credential.

    Args:
        message: What went wrong and why.
        reason_code: One word for programs: ``private``, ``denied``, ``robots``, ``offline``,
            ``deadline``, ``reset``, ``status``, ...
        host: The host of the request.
    """

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


class Blocked(FetchFailed, status=403, retryable=False):
    """An address that must not be requested: private (SSRF guard), of another scheme or port,
    denied, or closed by robots.txt.
    """


class Offline(FetchFailed, status=503, retryable=False):
    """The network is switched off by a setting."""


class TooBig(FetchFailed, retryable=False):
    """The answer has more bytes, headers or redirects than may be read."""


class Unreachable(FetchFailed):
    """There is no such host, it takes no connection, or the connection broke."""


class FetchTimedOut(FetchFailed, TimeoutError, status=504):
    """The answer was not there, or not whole, within its deadline."""


class WrongKind(FetchFailed, retryable=False):
    """The answer is of another content type than was requested, or is broken."""


class StatusError(FetchFailed, retryable=False):
    """The server says no.

    Args:
        message: What it said.
        answered: Its HTTP status.
        headers: Its headers, names in lower case.
        body: The first 64 KB of what it sent along.
        reason_code: One word for programs.
        host: The host of the request.
    """

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


class ServerBusy(StatusError, retryable=True):
    """The server says not now: too many requests, or a fault of its own."""


class ModelError(SentientError, status=502, retryable=True):
    """A language model, or the server it runs on, did not deliver.

    Args:
        message: What went wrong and why.
        hint: What to do about it.
        usage: What the call used all the same: a :class:`sentient_kernel.models.base.Usage`.

    Attributes:
        booked: Whether somebody has counted that.
    """

    booked = True

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        usage: Any = None,
        story: Story | Callable[[], Story] = (),
    ) -> None:
        super().__init__(message, hint=hint, story=story)
        self.usage = usage


class ModelCut(ModelError):
    """The answer was cut off, or cannot be read as what was asked for; a half answer is never
    handed on.
    """


class ReasoningTooLong(ModelCut):
    """The model spent all the tokens that it was given on reasoning, and none were left for its
    answer.
    """


class ModelTimedOut(ModelError, TimeoutError, status=504):
    """No answer came within the deadline, whether or not the model's server was reached."""


class ModelRefused(ModelError, retryable=False):
    """The server refuses this request, or the model will not answer it; the same request will fail
    again.
    """


class Detached(KeyboardInterrupt):
    """The cell that waited was interrupted. The run goes on in the background.

    Derives from ``KeyboardInterrupt`` so that a user's ``except Exception`` does not swallow it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def _render_traceback_(self) -> list[str]:
        return [self.message]
