"""What was asked: the closed vocabulary of requests to a run. Pure code accepts one, as events, or refuses it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sentient_kernel.ids import ApprovalId, RunId


class Request(BaseModel):
    """The base of all commands; ``by`` says who asks."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    by: str = ""


class CancelRun(Request):
    """End the run now."""

    kind: Literal["cancel_run"] = "cancel_run"
    run: RunId
    reason: str = ""


class PauseRun(Request):
    """Begin no further step until told to go on."""

    kind: Literal["pause_run"] = "pause_run"
    run: RunId
    reason: str = ""


class ContinueRun(Request):
    """Go on after a pause."""

    kind: Literal["continue_run"] = "continue_run"
    run: RunId


class FinishRun(Request):
    """Stop gathering and write with what there is."""

    kind: Literal["finish_run"] = "finish_run"
    run: RunId


class SteerRun(Request):
    """Take a direction into account from the next decision on."""

    kind: Literal["steer_run"] = "steer_run"
    run: RunId
    text: str


class SendMessage(Request):
    """Put a value into a mailbox of the run."""

    kind: Literal["send_message"] = "send_message"
    run: RunId
    to: str
    message: JsonValue = None


class DecideApproval(Request):
    """Answer an approval; ``digest``, where given, must be that of what was shown."""

    kind: Literal["decide_approval"] = "decide_approval"
    run: RunId
    approval: ApprovalId
    decision: Literal["approve", "reject"]
    payload: JsonValue = None
    edited: bool = False
    reason: str = ""
    digest: str = ""


Command = Annotated[CancelRun | PauseRun | ContinueRun | FinishRun | SteerRun | SendMessage | DecideApproval, Field(discriminator="kind")]
