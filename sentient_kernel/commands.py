"""Commands: the closed vocabulary of requests to a run. Pure code accepts one, as events, or
refuses it.

How long their texts may be is said here, once: a page, a program and a line of the terminal build
    the same objects.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from sentient_kernel.errors import UsageError
from sentient_kernel.ids import ApprovalId, RunId

LONGEST_DIRECTION = 4_000
"""Characters of a text that a run is steered by."""
LONGEST_REASON = 2_000
"""Characters of a reason."""
LONGEST_NAME = 200
"""Characters of the name of a run, of whoever asks, and of a mailbox."""

Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Reason = Annotated[str, Field(max_length=LONGEST_REASON)]


class BaseCommand(BaseModel):
    """The base of all commands to a run; ``by`` says who requests it.

    Raises:
        UsageError: A field is of the wrong type, or longer than it may be.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    run: RunId
    by: Name = ""

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise UsageError(_what_is_wrong(error)) from None


class CancelRun(BaseCommand):
    """End the run now."""

    reason: Reason = ""


class PauseRun(BaseCommand):
    """Begin no further step until told to go on."""

    reason: Reason = ""


class ContinueRun(BaseCommand):
    """Go on after a pause."""


class FinishRun(BaseCommand):
    """Stop gathering and write with what there is."""


class SteerRun(BaseCommand):
    """Take a direction into account from the next decision on."""

    text: Annotated[str, Field(max_length=LONGEST_DIRECTION)]


class SendMessage(BaseCommand):
    """Put a value into a mailbox of the run."""

    to: Name
    message: JsonValue = None


class DecideApproval(BaseCommand):
    """Answer an approval; ``digest``, where given, must be that of what was shown."""

    approval: ApprovalId
    decision: Literal["approve", "reject"]
    payload: JsonValue = None
    edited: bool = False
    reason: Reason = ""
    digest: str = ""


Command = CancelRun | PauseRun | ContinueRun | FinishRun | SteerRun | SendMessage | DecideApproval


def _what_is_wrong(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name, given = ".".join(map(str, first["loc"])) or "This", first["input"]
    if first["type"] == "string_too_long":
        most = first["ctx"]["max_length"]
        return f"{name!r} must have at most {most:,} characters, not {len(given):,}."
    if first["type"] == "string_type":
        return f"{name!r} must be text, not {type(given).__name__}."
    return f"{name!r} was not understood: {first['msg']}."
