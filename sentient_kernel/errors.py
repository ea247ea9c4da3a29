"""Everything that can go wrong, as one tree.

.. code-block:: text

    SentientError                      what went wrong, why, what to do
    ├── UsageError                     the caller's mistake (also a ValueError)
    │   ├── ValueNotStorable           an argument or result that cannot be kept as JSON
    │   ├── UnknownWorkflow            a run whose workflow is not defined in this process
    │   ├── NotFound                   no run, approval, document or source of that id
    │   └── Refused                    a command that the run's state does not allow
    │       └── AnswerRefused          a stale, second or mismatched answer to an approval
    ├── ConfigurationError             a setting, an extra or a version that does not fit
    ├── JournalError                   the log of events
    │   ├── JournalDamaged             rows are missing or altered
    │   ├── JournalTooNew              written by a later version
    │   ├── JournalUnusable            cannot be opened here (read-only, network disk, forked process)
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
    │   └── NothingFound               no source holds an answer; says why, per source
    └── ModelError                     a language model or its server

    BaseException
    └── Detached (KeyboardInterrupt)   the waiting cell was interrupted; the run goes on
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

Story = tuple[dict[str, Any], ...]


class SentientError(Exception):
    """The root of all errors that this package raises on purpose.

    Args:
        message: What went wrong and why, in one sentence a user understands.
        hint: What to do about it.
        story: Events of the run or step concerned, oldest first, as plain dicts; or what returns them, called when somebody looks.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "", story: Story | Callable[[], Story] = ()) -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint
        self._story = story

    @property
    def story(self) -> Story:
        """Events of the run or step concerned, oldest first."""
        if callable(self._story):
            self._story = self._story()
        return self._story

    def _render_traceback_(self) -> list[str]:
        """Shows one line in IPython where a user, not the code, caused the error."""
        return [f"{type(self).__name__}: {self}"]


class UsageError(SentientError, ValueError):
    """The caller asked for something that cannot be."""

    code = "usage"
    status = 422


class ValueNotStorable(UsageError):
    """An argument or a result cannot be kept as JSON; the message names it."""

    code = "value_not_storable"


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
    """The answer came second, came too late, or was meant for something else than what is asked now."""

    code = "answer_refused"


class ConfigurationError(SentientError):
    """A setting, an optional dependency or a version does not fit."""

    code = "configuration"


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
    """The run waits for an answer that nobody can give here; it is kept and can be answered later."""

    code = "run_waiting"
    status = 409


class RunTimedOut(RunError, TimeoutError):
    """The run is not done within the time that somebody was ready to wait; it goes on."""

    code = "run_timed_out"
    status = 504


class StepFailed(RunError):
    """A step failed after its last attempt; ``cause_type`` names the class of the error it raised."""

    code = "step_failed"

    def __init__(self, message: str, *, cause_type: str = "", hint: str = "", story: Story | Callable[[], Story] = ()) -> None:
        super().__init__(message, hint=hint, story=story)
        self.cause_type = cause_type


class StepTimedOut(RunError, TimeoutError):
    """A step ran past its timeout."""

    code = "step_timed_out"
    status = 504
    retryable = True


class NondeterminismError(RunError):
    """The workflow asks for another step than the one its own record holds at that place."""

    code = "nondeterminism"


class ApprovalRejected(SentientError):
    """A person, or the policy that stands in for one, said no.

    Args:
        message: What was rejected.
        reason: The reason given.
    """

    code = "approval_rejected"
    status = 409

    def __init__(self, message: str, *, reason: str = "", hint: str = "", story: Story | Callable[[], Story] = ()) -> None:
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


class ModelError(SentientError):
    """A language model, or the server it runs on, did not deliver."""

    code = "model"
    status = 502
    retryable = True


class Detached(KeyboardInterrupt):
    """The cell that waited was interrupted. The run goes on in the background.

    Derives from ``KeyboardInterrupt`` so that a user's ``except Exception`` does not swallow it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def _render_traceback_(self) -> list[str]:
        return [self.message]
