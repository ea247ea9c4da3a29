"""Runs, approvals and errors as static HTML and as text: what GitHub, a terminal and a notebook
without a kernel show.

Pure strings of pure values: no script, no request, no clock. The same values always give the same
text. Lengths of time come from the events, so a view of a run that works is as old as its newest
event.
"""

from __future__ import annotations

from collections.abc import Sequence

from sentient_kernel.failures import exact
from sentient_kernel.projections.activity import SourceView, StepView
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing import parts, words
from sentient_kernel.projections.drawing.style import (
    STYLE,
    VERBATIM,
    apart,
    duration,
    escape,
    line,
    moment,
    plain,
    spaced,
)
from sentient_kernel.projections.drawing.table import Table, counted, table_html
from sentient_kernel.projections.errors import ErrorStats, ErrorView
from sentient_kernel.projections.foreign import ForeignView
from sentient_kernel.projections.runs import ProgressView, RunView

_HUES = {
    "ok": "--jp-success-color1,#1f8f58",
    "asks": "--jp-warn-color1,#b36b00",
    "bad": "--jp-error-color1,#cb261c",
}
STEP_ROWS = 12
TROUBLE = 2_000
"""Characters of what went wrong, as an error is kept; in a journal from elsewhere it may be
longer.
"""
ERROR_ROWS = 20


def run_html(
    run: RunView,
    steps: Sequence[StepView],
    progress: ProgressView,
    sources: Sequence[SourceView],
    approvals: Sequence[ApprovalView],
    *,
    report_html: str | None = None,
    foreign: ForeignView | None = None,
) -> str:
    """Returns the static view of a run.

    Args:
        run: The run; with :func:`~sentient_kernel.projections.runs.with_liveness` applied where one
            knows.
        steps: All its steps.
        progress: How far it is.
        sources: What each source gave.
        approvals: All its approvals in the order of ``run.approvals``, so that the index shown is
            the one to type.
        report_html: The report, already safe HTML; it comes first, and the run's own card shrinks
            below it.
        foreign: What of it was written elsewhere.

    Returns:
        A style sheet and a region ``Run`` with ``data-run`` and ``data-status``.
    """
    steps = words.settled(steps, run)
    asks = "".join(
        parts.ask_block(a, i, "run")
        for i, a in enumerate(approvals)
        if a.status == "open" and run.ended is None
    )
    inner = _head(run, report_html is not None) + _facts(run, approvals)
    if report_html is None:
        inner += parts.phases(progress, run)
    inner += parts.foreign_block(run, foreign, approvals) if foreign is not None else ""
    inner += parts.said_list(run) + asks + parts.trouble_block(run, steps)
    inner += _body(run, steps, progress, sources, folded=report_html is not None)
    named = f'role="region" aria-label="Run" data-run="{escape(run.id)}" data-status="{run.status}"'
    card = f'<section class="sk {VERBATIM}" {named}>{inner}</section>'
    return STYLE + (report_html or "") + spaced(card)


def run_line(run: RunView) -> str:
    """Returns how a run is and what it is about, on one line; no time and no id, so that kept
    outputs can be compared.

    It stays behind in every cell that waited for a run, so it comes without the style sheet.
    """
    sign, word, colour = words.state(run)
    hue = _HUES.get(colour, "--jp-ui-font-color2,currentColor")
    font = (
        "font:13px/1.5"
        " var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color2,inherit)"
    )
    return (
        f'<section class="{VERBATIM}" role="region" aria-label="Run" data-status="{run.status}"'
        f' style="{font};overflow-wrap:anywhere">'
        f'<span style="color:var({hue});font-weight:600"><span aria-hidden="true">{sign}</span>'
        f" {escape(word)}</span> · <bdi>{escape(plain(run.title))}</bdi></section>"
    )


def _head(run: RunView, below_report: bool) -> str:
    sign, word, colour = words.state(run)
    title, level = ("How this report was made", "h4") if below_report else (plain(run.title), "h3")
    return (
        f'<{level} class="sk-head">{parts.state(sign, word, colour)}{apart(" · ")}'
        f'<span class="sk-q"><bdi>{escape(title)}</bdi></span></{level}>'
    )


def _facts(run: RunView, approvals: Sequence[ApprovalView]) -> str:
    name = f"<bdi>{escape(line(run.name, 60))}</bdi>" if run.name and run.name != run.title else ""
    answered = sum(a.status in ("approved", "edited", "rejected") for a in approvals)
    return parts.bar(
        [
            f'<span class="sk-num">{duration(run.seconds)}</span>',
            (
                f'<span class="sk-num">{run.progress:.0%}</span>'
                if run.progress and run.ended is None
                else ""
            ),
            "" if run.ended or run.updated is None else f"as of {moment(run.updated)}",
            name,
            f"{counted(answered, 'question')} answered" if answered else "",
            f"taken up again {counted(run.recoveries, 'time')}" if run.recoveries else "",
            f'<span class="sk-code">{escape(run.id)}</span>',
        ]
    )


def _body(
    run: RunView,
    steps: Sequence[StepView],
    progress: ProgressView,
    sources: Sequence[SourceView],
    *,
    folded: bool,
) -> str:
    cut = sum(s.status == "interrupted" for s in steps)
    counts = escape(words.step_counts(run, cut))
    rows = parts.steps_table(steps, run, STEP_ROWS)
    heard = parts.sources_list(sources)
    message = "" if run.status == "completed" else progress.message
    if folded:
        inside = (
            f'<div class="sk-body{"" if heard else " sk-one"}">'
            f"<div>{rows}</div>{_column('', heard, '')}</div>"
        )
        return (
            '<details><summary class="sk-foot">Steps and sources <span class="sk-num">·'
            f" {counts}</span></summary>{inside}</details>"
        )
    if not rows and not heard and not message:
        return ""
    beside = _column(
        message, heard, "Now" if run.status in ("running", "waiting", "pending") else "Said last"
    )
    return (
        f'<div class="sk-body{"" if beside else " sk-one"}"><div>'
        f'<h4 class="sk-t">Steps{apart(":")} '
        f'<span class="sk-num">{counts}</span></h4>{rows}</div>{beside}</div>'
    )


def _column(message: str, heard: str, label: str) -> str:
    said = (
        f'<h4 class="sk-t">{label}</h4>'
        f'<p class="sk-say"><bdi>{escape(line(message, 600))}</bdi></p>'
        if message
        else ""
    )
    if heard:
        heard = f'<div class="sk-part"><h4 class="sk-t">Sources</h4>{heard}</div>'
    return f"<div>{said}{heard}</div>" if said or heard else ""


def run_text(
    run: RunView,
    steps: Sequence[StepView],
    progress: ProgressView,
    sources: Sequence[SourceView],
    approvals: Sequence[ApprovalView],
    *,
    times: bool = False,
    foreign: ForeignView | None = None,
) -> str:
    """Returns the view of a run as text, for terminals and for ``text/plain``.

    Args:
        run, steps, progress, sources, approvals: As for :func:`run_html`.
        times: Whether to say how long things took. Left out by default: output that is compared
            must not depend on it.
        foreign: What of it was written elsewhere.
    """
    steps = words.settled(steps, run)
    cut = sum(s.status == "interrupted" for s in steps)
    took = f" · {duration(run.seconds)}" if times else ""
    lines = [f"{words.state(run)[1]}{took}: {line(run.title, 200)}"]
    lines += _foreign_lines(run, foreign, approvals) if foreign is not None else []
    if progress.phases:
        marks = {"done": "✓ ", "now": "● ", "todo": ""}
        lines.append(
            "  " + " · ".join(marks[p.state] + words.phase_words(p)[0] for p in progress.phases)
        )
    elif progress.fraction is not None and run.ended is None:
        lines.append(f"  {progress.fraction:.0%} {line(progress.message, 160)}".rstrip())
    lines += [f"  you said: {line(text, 400)}" for text in run.said]
    lines.append(f"  steps: {words.step_counts(run, cut)}")
    lines += [_step_line(step, times) for step in words.chosen(steps, STEP_ROWS)]
    if len(steps) > STEP_ROWS:
        lines.append(f"    … and {len(steps) - STEP_ROWS:,} more in run.steps")
    for source in sources:
        holds, gave, why = words.source_words(source)
        lines.append(
            f"  source {line(source.source, 60)}: {gave}"
            + (f" ({holds})" if holds else "")
            + (f", {why}" if why else "")
        )
    lines += _trouble_lines(run, steps)
    for i, approval in enumerate(approvals):
        if approval.status == "open" and run.ended is None:
            lines += _ask_lines(approval, i)
    return "\n".join(lines)


def _step_line(step: StepView, times: bool) -> str:
    note = ", ".join(part for part in reversed(words.step_note(step)) if part)
    took = f" ({duration(step.seconds)})" if times and step.seconds is not None else ""
    return f"    {words.STEP_SIGNS[step.status][0]} {line(step.title, 80)}{took}" + (
        f" · {note}" if note else ""
    )


def _foreign_lines(
    run: RunView, foreign: ForeignView, approvals: Sequence[ApprovalView]
) -> list[str]:
    asked = any(one.ask == "open" and one.status == "open" for one in approvals)
    named = [] if asked else words.payload_lines(foreign.names, "run.approvals, once it is resumed")
    heading, text = words.foreign_words(run, foreign)
    return [f"  ◇ {heading}", f"      {text}", *(f"      {part}" for part in named)]


def _trouble_lines(run: RunView, steps: Sequence[StepView]) -> list[str]:
    heading, text, where = words.trouble(run, steps)
    return [
        f"  {part}"
        for part in (
            heading,
            plain(text[:TROUBLE]),
            f"at {line(where)}" if where else "",
            words.what_now(run),
        )
        if heading and part
    ]


def _ask_lines(approval: ApprovalView, index: int) -> list[str]:
    ways = words.ways_to_answer(approval, index, "run")
    return [
        f"  ◆ {exact(line(approval.question, 2_000))}",
        *(
            f"      {part}"
            for part in words.payload_lines(approval.payload, f"run.approvals[{index}].payload")
        ),
        *(f"      {verb}: {python}  or  {shell}" for verb, python, shell in ways),
    ]


def approvals_html(table: Table[ApprovalView]) -> str:
    """Returns the inbox: open questions first, each with how to answer it by its place in
    ``wb.approvals``, then the answered ones.
    """
    open_ones = [(i, a) for i, a in enumerate(table) if a.status == "open"]
    asks = "".join(parts.ask_block(a, i, "wb") for i, a in open_ones)
    state = (
        parts.state("◆", f"{counted(len(open_ones), 'question')} waiting", "asks")
        if asks
        else parts.state("✓", "Nothing waits for you", "ok")
    )
    answered: Table[ApprovalView] = Table(
        (a for a in reversed(table) if a.status != "open"), ApprovalView
    )
    card = (
        f'<section class="sk {VERBATIM}" role="region" aria-label="Inbox">'
        f'<h3 class="sk-head">{state}</h3>{asks}</section>'
    )
    return STYLE + spaced(card) + (table_html(answered, label="Answered") if answered else "")


def errors_html(table: Table[ErrorView], stats: ErrorStats | None = None) -> str:
    """Returns the error panel: how many failures of how many kinds, and the kinds seen last.

    Args:
        table: The groups, the one seen last first.
        stats: Figures over all failures, also of groups that are no longer kept.
    """
    total, kinds = (
        (stats.total, stats.unique) if stats else (sum(e.count for e in table), len(table))
    )
    if not total:
        head = parts.state("✓", "No errors", "ok")
        return (
            STYLE + f'<section class="sk {VERBATIM}" role="region" aria-label="Errors">'
            f'<h3 class="sk-head">{head}</h3></section>'
        )
    head = (
        parts.state("✕", counted(total, "error"), "bad")
        + f'{apart(",")} <span class="sk-soft">{counted(kinds, "kind")}</span>'
    )
    rows = "".join(_error_row(error) for error in table[:ERROR_ROWS])
    columns = ("Error", "Where", "Last seen", "Runs")
    names = (
        "".join(f'<th scope="col">{c}</th>' for c in columns)
        + '<th scope="col" class="sk-right">Count</th>'
    )
    hidden = kinds - min(len(table), ERROR_ROWS)
    foot = (
        f'<div class="sk-foot sk-num">{counted(hidden, "more kind")} not shown</div>'
        if hidden > 0
        else ""
    )
    return STYLE + spaced(
        f'<section class="sk {VERBATIM}" role="region" aria-label="Errors">'
        f'<h3 class="sk-head">{head}</h3>'
        '<div class="sk-scroll" tabindex="0">'
        f'<table class="sk-table"><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>'
        f"</div>{foot}</section>"
    )


def _error_row(error: ErrorView) -> str:
    kind = error.type.rpartition(".")[2]
    message = f": {parts.outside(error.message, 240)}" if error.message else ""
    hint = (
        f'<br><span class="sk-soft">{parts.outside(error.hint, 240)}</span>' if error.hint else ""
    )
    runs = f"{len(error.runs)}+" if len(error.runs) >= 8 else str(len(error.runs))
    return (
        f'<tr><td class="sk-wide"><b>{escape(kind)}</b>{message}{hint}</td>'
        f'<td class="sk-wide"><code>{parts.outside(error.where, 120)}</code></td>'
        f'<td class="sk-num sk-keep">{moment(error.last_seen)}</td><td class="sk-num">{runs}</td>'
        f'<td class="sk-right">{error.count:,}</td></tr>'
    )
