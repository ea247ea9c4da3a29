"""What a run asks people: each question once, however often the run is resumed; the first answer
counts.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine import codec
from sentient_kernel.engine import identity as _identity
from sentient_kernel.engine.live_run import LiveRun
from sentient_kernel.engine.state import FOREIGN, ApprovalState, answered_by
from sentient_kernel.errors import (
    AnswerRefused,
    ApprovalRejected,
    DuplicateKey,
    UsageError,
)
from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ApprovalWithdrawn,
    Ask,
)
from sentient_kernel.ids import StepKey, answer_key
from sentient_kernel.redaction.known import redactor


class Happened(BaseModel):
    """What a person says of an effect whose outcome nobody recorded."""

    model_config = ConfigDict(defer_build=True)
    happened: bool = False
    result: Any = None


HAPPENED = TypeAdapter(Happened)


async def ask_whether_it_happened(live: LiveRun, step: str, key: StepKey, intents: int) -> Happened:
    """Asks what became of an effect whose outcome nobody recorded.

    Args:
        live: The run.
        step: The name of the step.
        key: Its key.
        intents: How often it was about to act.

    Raises:
        ApprovalRejected: It is not to be tried again.
    """
    question = (
        f"Step {step!r} was cut off, or failed, while it acted on the outside world; it may or may"
        " not have happened. Approve to do it again; approve with the payload {'happened': true,"
        " 'result': ...} if it did happen; reject to stop."
    )
    scope = f"effect:{key}:{intents}"
    answer: Happened = await approve(
        live, scope, question, Happened().model_dump(), HAPPENED, "effect", None
    )
    return answer


async def approve(
    live: LiveRun,
    scope: str,
    question: str,
    payload: Any,
    schema: TypeAdapter[Any] | None,
    ask: Ask,
    expires: float | None,
) -> Any:
    """Asks, waits for the answer, and returns the payload that was approved.

    Raises:
        ApprovalRejected: The answer was no, or nobody answered in time.
    """
    encoded = codec.encode(payload, "the payload of the approval")
    question = redactor().text(question)
    shown = from_json(encoded.json)
    if schema is not None:
        try:
            schema.validate_json(encoded.json)
        except ValidationError as error:
            raise UsageError(
                f"The payload of {question!r} does not fit its own schema: {misfit(error)}."
            ) from None
    identity = b"\0".join((b"approve", scope.encode(), question.encode(), encoded.json))
    note = ""
    while True:
        key = live.cursor.occurrence(identity)
        known = _identity.approval_id(live.run, key)
        live.cursor.question(known, live.state.approvals.get(known))
        approval = await put(
            live,
            key,
            question + note,
            shown,
            ask,
            schema=schema,
            expires=expires,
            by_default=not scope,
        )
        answer = await answer_to(live, approval)
        if answer is None:
            # It was withdrawn when the run ended, or does not count here; taken up again, the run
            # asks anew. What was asked elsewhere is withdrawn, so that it stays so should somebody
            # trust its home later.
            if approval.closed == FOREIGN:
                why = (
                    "It was asked, or answered, where this run comes from; here it is asked again."
                )
                await live.append(
                    ApprovalWithdrawn(approval=approval.request.approval, reason=why), full=True
                )
            continue
        if answer.decision == "reject":
            raise ApprovalRejected(
                f"{question!r} was rejected by {answer.by or 'somebody'}.",
                reason=answer.reason,
                hint=answer.reason,
            )
        if schema is None:
            return answer.payload if answer.edited else codec.normalised(payload, encoded, None)
        try:
            return schema.validate_json(to_json(answer.payload) if answer.edited else encoded.json)
        except ValidationError as error:
            note = f" (The last answer did not fit: {misfit(error)}.)"


async def put(
    live: LiveRun,
    key: StepKey,
    question: str,
    shown: Any,
    ask: Ask,
    *,
    schema: TypeAdapter[Any] | None = None,
    expires: float | None = None,
    by_default: bool = True,
) -> ApprovalState:
    """Writes a question down, unless it is known, and lets the run's policy answer it where it is
    to; returns what is known of it.
    """
    approval = _identity.approval_id(live.run, key)
    if schema is not None:
        live.forms[approval] = schema
    if approval not in live.state.approvals:
        form = (
            from_json(redactor().data(to_json(schema.json_schema())))
            if schema is not None
            else None
        )
        event = ApprovalRequested(
            approval=approval,
            key=key,
            ask=ask,
            question=question,
            payload=shown,
            form=form,
            digest=_identity.digest(question, shown, form),
            expires_at=None if expires is None else live.ports.clock.now_us() + int(expires * 1e6),
        )
        await live.append(event)
        live.ports.fault_hook("asked", question)
    state = live.state.approvals[approval]
    policy = answered_by(live.root.policy, ask, by_default=by_default)
    if state.open and policy != "ask":
        await _answer_by(policy, live, state)
    return state


async def _answer_by(policy: str, live: LiveRun, state: ApprovalState) -> None:
    reason = "" if policy == "auto" else "the policy for this run is to deny"
    if policy == "auto" and state.request.ask == "spend" and _agreed_to_spend(live):
        policy = "deny"
        reason = (
            "approve='auto' raises a budget once per run; use approve={'spend': 'auto'} to always"
            " allow it"
        )
    with suppress(AnswerRefused):  # a person was faster
        await live.ports.decide(
            DecideApproval(
                run=live.run,
                approval=state.request.approval,
                decision="approve" if policy == "auto" else "reject",
                reason=reason,
                by=f"policy {policy}",
            )
        )


def _agreed_to_spend(live: LiveRun) -> bool:
    """True when approve='auto' has raised this run's budget before; one that names spending raises
    it each time.
    """
    answers = [one.answer for one in live.state.approvals.values() if one.request.ask == "spend"]
    return "spend" not in live.root.policy and any(
        one is not None and (one.decision, one.by) == ("approve", "policy auto") for one in answers
    )


async def answer_to(live: LiveRun, approval: ApprovalState) -> ApprovalDecided | None:
    """Waits for the answer; None when the question was withdrawn."""
    request, clock = approval.request, live.ports.clock
    until = (
        None
        if request.expires_at is None
        else clock.monotonic() + (request.expires_at - clock.now_us()) / 1e6
    )
    while approval.open:
        left = None if until is None else until - clock.monotonic()
        if left is None or left > 0:
            answered = live.answers.setdefault(request.approval, asyncio.Event())
            await live.ports.wait(answered, left)
        else:
            await end_question(live, ApprovalExpired(approval=request.approval))
    live.ports.fault_hook("answered", request.question)
    if approval.answer is None and approval.closed == ApprovalExpired.KIND:
        how = "nobody answered in time"
        raise ApprovalRejected(f"{request.question!r} was not approved: {how}.", reason=how)
    return approval.answer


async def end_question(live: LiveRun, fact: ApprovalWithdrawn | ApprovalExpired) -> None:
    """Ends a question without an answer, unless an answer was first."""
    unique = answer_key(live.run, fact.approval)
    try:
        await live.append(fact, unique=unique, full=True)
    except DuplicateKey:
        live.ports.journal.poll()  # the answer was written by another process; now it is known here
        await asyncio.sleep(0.05)  # if it is not, others must have their turn


def misfit(error: ValidationError) -> str:
    """Returns the first thing that is wrong with a payload: where, and what."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the payload"
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
