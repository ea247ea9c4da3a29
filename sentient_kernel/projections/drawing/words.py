"""What the views say about a run, in words; text and HTML say the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sentient_kernel.errors import ApprovalRejected
from sentient_kernel.events import ErrorInfo
from sentient_kernel.failures import exact
from sentient_kernel.projections.activity import SourceView, StepView
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing.style import line, plain
from sentient_kernel.projections.drawing.table import counted
from sentient_kernel.projections.foreign import ForeignView, comes_from
from sentient_kernel.projections.runs import PhaseView, RunView

STATES = {
    "pending": ("○", "Starting", "run"),
    "running": ("●", "Running", "run"),
    "waiting": ("◆", "Waiting", "asks"),
    "paused": ("◆", "Paused", "asks"),
    "completed": ("✓", "Done", "ok"),
    "failed": ("✕", "Failed", "bad"),
    "cancelled": ("–", "Cancelled", "soft"),
    "crashed": ("✕", "Crashed", "bad"),
}
"""For each status of a run: its sign, its word, its colour."""
OUTCOMES = {
    "some": ("◇", "Partly answered", "asks"),
    "near": ("◇", "Closest passages only", "asks"),
    "nothing": ("○", "Nothing found", "asks"),
}
"""The same for a research that is done and does not answer all that was asked."""
STEP_SIGNS = {
    "running": ("●", "run"),
    "retrying": ("↻", "asks"),
    "completed": ("✓", "ok"),
    "failed": ("✕", "bad"),
    "interrupted": ("–", "soft"),
}
_DOING = {
    "plan": "Planning",
    "search": "Searching",
    "read": "Reading",
    "evidence": "Weighing evidence",
    "write": "Writing",
    "verify": "Verifying",
}
_PHASE_STATES = {"done": "done", "now": "under way", "todo": "to come"}


def state(run: RunView) -> tuple[str, str, str]:
    """Returns sign, word and colour for how a run is.

    The word says what it does while it works, whom it waits for while it waits, and of a research
    that is done whether it answers what was asked.
    """
    sign, word, colour = STATES[run.status]
    if run.status == "completed":
        return OUTCOMES.get(run.coverage, (sign, word, colour))
    if run.status == "running":
        doing = "Finishing" if run.finishing else _DOING.get(run.phase, "Running")
        return sign, "Cancelling" if run.cancelling else doing, colour
    if run.status == "waiting" and run.approvals:
        return sign, "Waiting for you", colour
    return sign, word, colour


def phase_words(phase: PhaseView) -> tuple[str, str]:
    """Returns a phase's label with its counts, and its state as a word.

    Example:
        >>> phase_words(PhaseView(name="read", state="now", done=9, total=14))
        ('Read 9 of 14', 'under way')
    """
    label = phase.name.capitalize()
    if phase.total is not None:
        label += (
            f" {phase.done} of {phase.total}" if phase.done < phase.total else f" {phase.total}"
        )
    elif phase.done > 1:
        label += f" {phase.done}"
    return label, _PHASE_STATES[phase.state]


def step_counts(run: RunView, cut: int = 0) -> str:
    """Returns how many steps are done, under way, failed, tried again; what is zero is left out."""
    counts = [
        (run.done, "done"),
        (0 if cut else run.running, "running"),
        (cut, "cut off"),
        (run.failed, "failed"),
        (run.retried, "retried"),
    ]
    return " · ".join(f"{n:,} {word}" for n, word in counts if n) or "none yet"


def settled(steps: Sequence[StepView], run: RunView) -> list[StepView]:
    """Returns the steps as they are once the run's status is known: what a crash or an end cut off
    is not under way.
    """
    if run.status not in ("crashed", "failed", "cancelled", "completed"):
        return list(steps)
    return [
        (
            replace(s, status="interrupted", ended=run.updated)
            if s.status in ("running", "retrying")
            else s
        )
        for s in steps
    ]


def chosen(steps: Sequence[StepView], limit: int) -> list[StepView]:
    """Returns at most ``limit`` steps in their order: those that need a look first, then the
    newest.
    """
    if len(steps) <= limit:
        return list(steps)
    rank = {"failed": 0, "retrying": 0, "running": 1, "interrupted": 1, "completed": 2}
    best = sorted(range(len(steps)), key=lambda i: (rank[steps[i].status], -i))[:limit]
    return [steps[i] for i in sorted(best)]


def step_note(step: StepView) -> tuple[str, str]:
    """Returns what there is to say beside a step's title: why it failed, and which try it is; empty
    where nothing is.
    """
    why = (
        error_line(step.error, 240)
        if step.error is not None and step.status in ("failed", "retrying")
        else ""
    )
    return (
        why,
        (
            f"try {step.attempts}"
            if step.status == "retrying"
            else f"{step.attempts} tries"
            if step.attempts > 1
            else ""
        ),
    )


def error_line(error: ErrorInfo, limit: int = 160) -> str:
    """Returns an error on one line; the class, without its module, only where the message is not a
    sentence of ours.
    """
    kind = error.type.rpartition(".")[2]
    if error.message and error.code != "error":
        return line(error.message, limit)
    return line(f"{kind}: {error.message}" if error.message else kind, limit)


def source_words(source: SourceView) -> tuple[str, str, str]:
    """Returns what a source holds, what it gave, and why where it gave nothing."""
    holds = counted(source.documents, "document") if source.documents else ""
    if source.refusals:
        holds += (", " if holds else "") + f"{source.refusals:,} not usable"
    if source.found:
        return holds, counted(source.found, "passage"), ""
    return holds, "nothing", line(source.reason, 240)


def foreign_words(run: RunView, foreign: ForeignView) -> tuple[str, str]:
    """Returns what there is to know of a run that comes from elsewhere: where it comes from, and
    what follows from that.
    """
    if foreign.opened:
        text = (
            "That it goes on here, with what it names, was approved by"
            f" {line(foreign.by, 80) or 'somebody'}."
        )
    elif run.status == "completed":
        text = "It is shown as it was written there; what it names was used there."
    elif foreign.cut:
        text = (
            f"It names more than can be shown ({', '.join(foreign.cut)}), so it does not go on"
            " here. Ask anew for what you want of it."
        )
    else:
        text = (
            "Before anything of it is executed here, you are asked whether it may go on with what"
            " it names."
        )
    return comes_from(foreign), text


def ways_to_answer(approval: ApprovalView, index: int, holder: str) -> list[tuple[str, str, str]]:
    """Returns how to answer from here: the verb, the Python expression, the shell command."""
    ident = shlex.quote(plain(approval.id))
    raises = (approval.form or {}).get("title") == "RaisedLimits"
    ways = [
        (
            "Raise the limit" if raises else "Approve",
            f"{holder}.approvals[{index}].approve()",
            f"sentient-kernel approve {ident}",
        ),
        (
            "Edit",
            f"{holder}.approvals[{index}].approve(payload)",
            f"sentient-kernel approve {ident} --payload FILE",
        ),
        (
            "Stop and write with what is there" if raises else "Reject",
            f'{holder}.approvals[{index}].reject("reason")',
            f'sentient-kernel reject {ident} --reason "..."',
        ),
    ]
    return [way for way in ways if way[0] != "Edit" or editable(approval)]


def editable(approval: ApprovalView) -> bool:
    """Tells whether the payload of a question may be edited: what a run from elsewhere names stands
    as it is.
    """
    return approval.ask != "open"


def payload_lines(value: Any, where: str, limit: int = 2_000) -> list[str]:
    """Returns a payload as indented lines; beyond the limit it says where the whole one is."""
    if value is None:
        return []
    shown = exact(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    ).splitlines()
    return (
        shown
        if len(shown) <= limit
        else [*shown[:limit], f"… {len(shown) - limit:,} more lines in {where}"]
    )


def what_now(run: RunView) -> str:
    """Returns how to go on with a run that stands still; empty where there is nothing to do."""
    ident = plain(run.id)
    if run.status == "paused":
        return f"`run.resume()` goes on, and so does `sentient-kernel resume {shlex.quote(ident)}`."
    if was_refused(run):
        return (
            "The answer is kept, so going on would end here again. Started under another name it"
            " asks anew."
        )
    if run.status in ("failed", "crashed", "cancelled"):
        return (
            f"Finished steps are kept. `wb.resume({ident!r})` or `sentient-kernel resume"
            f" {shlex.quote(ident)}` goes on from there."
        )
    return ""


def was_refused(run: RunView) -> bool:
    """True for a run that ended because somebody said no: the record answers for them when it is
    taken up again.
    """
    return (
        run.status == "failed" and run.error is not None and run.error.code == ApprovalRejected.code
    )


def trouble(run: RunView, steps: Sequence[StepView]) -> tuple[str, str, str]:
    """Returns what went wrong with a run: a heading, an explanation, a place in the code; empty
    texts where nothing did.
    """
    if run.status == "failed" and run.error is not None:
        cause = next(
            (
                s.error
                for s in steps
                if s.status == "failed" and s.error and s.error.message in run.error.message
            ),
            run.error,
        )
        return error_line(run.error, 400), run.error.hint, cause.place
    if run.status == "crashed":
        cut = [line(s.title, 60) for s in steps if s.status == "interrupted"]
        known = (
            line(run.error.message, 300)
            if run.error is not None
            else f"Cut off: {_listed(cut)}."
            if cut
            else ""
        )
        return "Nobody executes this run any more", known, ""
    if run.status == "cancelled":
        return "Cancelled", line(run.reason, 300), ""
    if run.status == "paused":
        return (
            (
                "Answered, and not taken up yet"
                if run.answered and not run.foreign
                else "Paused: no further step begins"
            ),
            "",
            "",
        )
    return "", "", ""


def _listed(names: list[str], most: int = 3) -> str:
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
