"""The pieces that the static views are put together from. Each returns HTML in which every outside
text is escaped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sentient_kernel.failures import exact
from sentient_kernel.projections.activity import SourceView, StepView
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing import words
from sentient_kernel.projections.drawing.style import apart, duration, escape, line, moment
from sentient_kernel.projections.foreign import ForeignView
from sentient_kernel.projections.runs import ProgressView, RunView

PAYLOAD_ITEMS = 2_000
PAYLOAD_TEXT = 5_000
PAYLOAD_DEPTH = 4


def state(sign: str, word: str, colour: str) -> str:
    """Returns a state as sign and word in one colour; the word alone says it."""
    return (
        f'<span class="sk-state sk-{colour}"><i aria-hidden="true">{sign}</i> {escape(word)}</span>'
    )


def mark(sign: str, word: str, look: str = "") -> str:
    """Returns a sign that is read out as a word; the word itself stands nowhere in the text."""
    return f'<span role="img" aria-label="{escape(word)}"{look}>{sign}</span>'


def bar(facts: Sequence[str]) -> str:
    """Returns short facts in a row; they are HTML already."""
    told = apart(" · ").join(f"<span>{fact}</span>" for fact in facts if fact)
    return f'<div class="sk-bar">{told}</div>'


def outside(text: object, limit: int = 400) -> str:
    """Returns an outside text on one line, kept from changing the direction of what stands around
    it.
    """
    return f"<bdi>{escape(line(text, limit))}</bdi>"


def phases(progress: ProgressView, run: RunView) -> str:
    """Returns the phase bar of a research, or a meter where only a fraction is known."""
    if not progress.phases:
        if progress.fraction is None or run.status == "completed":
            return ""
        percent = round(progress.fraction * 100)
        return (
            '<div class="sk-meter" role="progressbar" aria-label="Progress" aria-valuemin="0"'
            f' aria-valuemax="100" aria-valuenow="{percent}"><b style="width:{percent}%"></b></div>'
        )
    now = {
        "waiting": "sk-w",
        "paused": "sk-w",
        "failed": "sk-x",
        "crashed": "sk-x",
        "cancelled": "sk-o",
    }.get(run.status, "sk-n")
    items = []
    for phase in progress.phases:
        label, said = words.phase_words(phase)
        look, sign = {"done": ("sk-d", "✓ "), "now": (now, "● "), "todo": ("", "○ ")}[phase.state]
        current = ' aria-current="step"' if phase.state == "now" else ""
        sign = mark(sign, said, ' class="sk-sr"')
        items.append(f'<li class="{look}"{current}>{sign}{escape(label)}</li>')
    return f'<ol class="sk-phases sk-num" aria-label="Phases">{"".join(items)}</ol>'


def steps_table(steps: Sequence[StepView], run: RunView, limit: int) -> str:
    """Returns the steps as rows with a lane each on the run's own time axis, bounded, and how many
    are not shown.
    """
    shown = words.chosen(steps, limit)
    rows = "".join(_step_row(step, run) for step in shown)
    hidden = len(steps) - len(shown)
    more = (
        f'<p class="sk-more sk-num">{hidden:,} more {"step" if hidden == 1 else "steps"} in'
        " run.steps</p>"
        if hidden
        else ""
    )
    return (
        f'<table class="sk-steps sk-num" aria-label="Steps"><tbody>{rows}</tbody></table>{more}'
        if rows
        else ""
    )


def _step_row(step: StepView, run: RunView) -> str:
    sign, colour = words.STEP_SIGNS[step.status]
    why, tries = words.step_note(step)
    aside = f' <span class="sk-soft">· {tries}</span>' if tries else ""
    seconds = (
        step.seconds
        if step.seconds is not None
        else _between(step.started, step.ended or run.updated)
    )
    row = (
        f'<tr><td class="sk-{colour}">{mark(sign, step.status)}</td>'
        f'<td title="{escape(line(step.title, 300))}">'
        f"<span>{outside(step.title, 120)}</span>{aside}</td>"
        f'<td><div class="sk-s sk-soft">{_lane(step, run)}<span>{duration(seconds)}</span></div>'
        "</td></tr>"
    )
    return row + (
        f'<tr><td></td><td class="sk-why" colspan="2"><span>{outside(why, 240)}</span></td></tr>'
        if why
        else ""
    )


def _lane(step: StepView, run: RunView) -> str:
    span = _between(run.started, run.ended or run.updated)
    if not span or step.started is None:
        return ""
    left = min(98.5, 100 * _between(run.started, step.started) / span)
    width = min(100.0 - left, 100 * _between(step.started, step.ended or run.updated) / span)
    look = {
        "running": "sk-l-run",
        "retrying": "sk-l-run",
        "failed": "sk-l-bad",
        "interrupted": "sk-l-cut",
        "completed": "",
    }[step.status]
    return (
        f'<span class="sk-lane" aria-hidden="true"><b class="{look}"'
        f' style="left:{left:.1f}%;width:{width:.1f}%"></b></span>'
    )


def _between(start: datetime | None, end: datetime | None) -> float:
    return max(0.0, (end - start).total_seconds()) if start and end else 0.0


def sources_list(sources: Sequence[SourceView], limit: int = 8) -> str:
    """Returns what each source gave, those that gave nothing with the reason."""
    rows = []
    for source in sources[:limit]:
        holds, gave, why = words.source_words(source)
        aside = f'{apart(",")} <span class="sk-soft">{escape(holds)}</span>' if holds else ""
        colour = ' class="sk-asks"' if why else ""
        reason = f'<dd class="sk-why sk-asks">{outside(why, 240)}</dd>' if why else ""
        rows.append(
            f"<dt>{outside(source.source, 80)}{aside}{apart(':')}</dt>"
            f"<dd{colour}>{gave}</dd>{reason}"
        )
    more = (
        f'<p class="sk-more">{len(sources) - limit:,} more in run.sources</p>'
        if len(sources) > limit
        else ""
    )
    return f'<dl class="sk-src sk-num">{"".join(rows)}</dl>{more}' if rows else ""


def said_list(run: RunView) -> str:
    """Returns what people told a run while it worked."""
    told = "".join(f"<li>“{outside(text)}”</li>" for text in run.said)
    return (
        f'<div class="sk-said"><h4 class="sk-t">You said</h4><ul>{told}</ul></div>' if told else ""
    )


def foreign_block(run: RunView, foreign: ForeignView, approvals: Sequence[ApprovalView]) -> str:
    """Returns where a run comes from and what it names; the list is left to the question about it
    while that is open.
    """
    heading, text = words.foreign_words(run, foreign)
    asked = any(one.ask == "open" and one.status == "open" for one in approvals)
    named = "" if asked else payload(foreign.names, 0, "run", "run.approvals, once it is resumed")
    return (
        '<div class="sk-ask" role="note" aria-label="From elsewhere">'
        f'<div class="sk-h"><strong>{escape(heading)}</strong></div>'
        f"<p><bdi>{escape(text)}</bdi></p>{named}</div>"
    )


def ask_block(approval: ApprovalView, index: int, holder: str) -> str:
    """Returns an open question: what is asked, exactly what would be done, and how to answer."""
    expires = f" · expires {moment(approval.expires_at)}" if approval.expires_at else ""
    digest = f" · {escape(approval.digest[:16])}" if approval.digest else ""
    ways = "".join(
        f"<dt>{verb}{apart(':')}</dt><dd><code>{escape(python)}</code> "
        f"<span class='sk-soft'>or</span> <code>{escape(shell)}</code></dd>"
        for verb, python, shell in words.ways_to_answer(approval, index, holder)
    )
    return (
        '<div class="sk-ask" role="region" aria-label="Approval"'
        f' data-approval="{escape(approval.id)}">'
        f'<h4 class="sk-h"><bdi>{escape(exact(approval.question))}</bdi></h4>'
        f'<div class="sk-soft sk-num">{escape(approval.ask)}{digest}{expires}</div>'
        f'{payload(approval.payload, index, holder)}<dl class="sk-how">{ways}</dl></div>'
    )


def payload(value: Any, index: int, holder: str, where: str = "") -> str:
    """Returns a payload as lists and texts, whole where it fits; what is left out is said, with
    where to see it.
    """
    if value is None:
        return ""
    left = [PAYLOAD_ITEMS]
    shown = _given(value, left, PAYLOAD_DEPTH)
    whole = where or f"{holder}.approvals[{index}].payload"
    more = f'<p class="sk-asks">Not all of it fits here: see <code>{escape(whole)}</code>.</p>'
    return shown + (more if left[0] < 0 else "")


def _given(value: Any, left: list[int], depth: int) -> str:
    left[0] -= 1
    if left[0] < 0:
        return ""
    if depth and isinstance(value, list) and value:
        return (
            "<ol>"
            + "".join(f"<li>{part}</li>" for v in value if (part := _given(v, left, depth - 1)))
            + "</ol>"
        )
    if depth and isinstance(value, dict) and value:
        parts = ((k, _given(v, left, depth - 1)) for k, v in value.items())
        rows = (
            f"<dt>{outside(k, 80)}{apart(':')}</dt><dd>{part}</dd>" for k, part in parts if part
        )
        return f'<dl class="sk-given">{"".join(rows)}</dl>'
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) > PAYLOAD_TEXT:
        left[0] = -1
        text = text[:PAYLOAD_TEXT] + "…"
    return (
        f'<bdi class="sk-exact">{escape(exact(text))}</bdi>'
        if text
        else '<span class="sk-soft">(empty)</span>'
    )


def trouble_block(run: RunView, steps: Sequence[StepView]) -> str:
    """Returns what went wrong and how to go on; empty where nothing did."""
    heading, text, where = words.trouble(run, steps)
    if not heading:
        return ""
    look, role = (
        ("sk-ask", "note") if run.status in ("paused", "cancelled") else ("sk-trouble", "alert")
    )
    place = f'<p class="sk-soft sk-code">{escape(where)}</p>' if where else ""
    said = f"<p><bdi>{escape(text)}</bdi></p>" if text else ""
    return (
        f'<div class="{look}" role="{role}">'
        f'<div class="sk-h"><strong><bdi>{escape(heading)}</bdi></strong></div>{said}{place}'
        f'<p class="sk-soft">{_with_code(words.what_now(run))}</p></div>'
    )


def _with_code(sentence: str) -> str:
    """Returns a sentence of ours with what stands between backticks set as code."""
    return "".join(
        f"<code>{escape(part)}</code>" if i % 2 else escape(part)
        for i, part in enumerate(sentence.split("`"))
    )
