"""What live views are made of: the same values as the static ones, as JSON rows with the words
already chosen.

A row changes only when what it shows has changed, so that a view can send and redraw just that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from sentient_kernel.events import STEPS, ErrorInfo, Record, StepCompleted, StepStarted, key_of
from sentient_kernel.projections.activity import SourceView, StepView
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing import words
from sentient_kernel.projections.drawing.exact import marked
from sentient_kernel.projections.drawing.style import line, plain
from sentient_kernel.projections.errors import ErrorStats, ErrorView, FailureView
from sentient_kernel.projections.foreign import ForeignView
from sentient_kernel.projections.runs import ProgressView, RunView

Row = dict[str, Any]
SAID = 160
"""Characters of what an event says in a list of events."""


def run_row(
    run: RunView,
    steps: Sequence[StepView],
    *,
    alive: bool,
    heeds: Iterable[str] = (),
    error: ErrorInfo | None = None,
    cost: str = "",
    foreign: ForeignView | None = None,
) -> Row:
    """Returns how a run is.

    Args:
        run: The run, its liveness applied.
        steps: Its steps, settled.
        alive: Whether some kernel executes it.
        heeds: Which requests its workflow listens to: steer, finish.
        error: What it failed with; of a crashed one, what it was at.
        cost: What it has spent, in a few words.
        foreign: What of it was written elsewhere.
    """
    sign, word, colour = words.state(run)
    cut = sum(s.status == "interrupted" for s in steps)
    return {
        "id": run.id,
        "status": run.status,
        "word": word,
        "sign": sign,
        "colour": colour,
        "title": plain(run.title),
        "name": plain(run.name or ""),
        "workflow": run.workflow,
        "started": ms(run.started),
        "updated": ms(run.updated),
        "ended": ms(run.ended),
        "seconds": run.seconds,
        "progress": run.progress,
        "message": "" if run.status == "completed" else line(run.message, 600),
        "done": run.done,
        "running": run.running,
        "failed": run.failed,
        "retried": run.retried,
        "recoveries": run.recoveries,
        "counts": words.step_counts(run, cut),
        "cancelling": run.cancelling,
        "finishing": run.finishing,
        "alive": alive,
        "heeds": sorted(heeds),
        "said": [plain(text) for text in run.said],
        "trouble": _trouble(replace(run, error=error) if error is not None else run, steps),
        "cost": cost,
        "foreign": _foreign(run, foreign) if foreign is not None else None,
    }


def _foreign(run: RunView, foreign: ForeignView) -> Row:
    heading, text = words.foreign_words(run, foreign)
    return {"heading": heading, "text": text, "names": marked(foreign.names)}


def _trouble(run: RunView, steps: Sequence[StepView]) -> Row | None:
    heading, text, where = words.trouble(run, steps)
    if not heading:
        return None
    return {
        "heading": heading,
        "text": plain(text),
        "where": where,
        "next": words.what_now(run),
        "soft": run.status in ("paused", "cancelled"),
        "final": words.was_refused(run),
    }


def phase_rows(progress: ProgressView) -> list[Row]:
    """Returns the phases of a research."""
    rows = []
    for phase in progress.phases:
        label, said = words.phase_words(phase)
        rows.append({"name": phase.name, "label": label, "state": phase.state, "said": said})
    return rows


def step_row(step: StepView, place: int) -> Row:
    """Returns a step; ``i`` is its place among its run's steps."""
    why, tries = words.step_note(step)
    return {
        "key": step.key,
        "i": place,
        "title": line(step.title, 300),
        "name": step.name,
        "status": step.status,
        "tries": tries,
        "attempts": step.attempts,
        "started": ms(step.started),
        "ended": ms(step.ended),
        "seconds": step.seconds,
        "why": why,
        "effect": step.effect,
    }


def approval_row(approval: ApprovalView, place: int, title: str) -> Row:
    """Returns a question; ``title`` is that of its run."""
    return {
        "id": approval.id,
        "i": place,
        "run": approval.run,
        "ask": approval.ask,
        "question": approval.question,
        "payload": marked(approval.payload),
        "digest": approval.digest,
        "form": marked(approval.form),
        "status": approval.status,
        "requested": ms(approval.requested),
        "expires": ms(approval.expires_at),
        "decided": ms(approval.decided),
        "by": approval.by,
        "reason": approval.reason,
        "answer": marked(approval.answer),
        "title": plain(title),
    }


def source_row(source: SourceView, place: int) -> Row:
    """Returns a source as a run has seen it."""
    holds, gave, why = words.source_words(source)
    return {
        "source": source.source,
        "i": place,
        "asked": source.asked,
        "found": source.found,
        "documents": source.documents,
        "refusals": source.refusals,
        "reason": source.reason,
        "query": source.query,
        "refused": [list(pair) for pair in source.refused],
        "holds": holds,
        "gave": gave,
        "why": why,
    }


def error_row(error: ErrorView, place: int) -> Row:
    """Returns a group of failures."""
    return {
        "fingerprint": error.fingerprint,
        "i": place,
        "type": error.type,
        "message": error.message,
        "hint": error.hint,
        "code": error.code,
        "where": error.where,
        "count": error.count,
        "first": ms(error.first_seen),
        "last": ms(error.last_seen),
        "runs": list(error.runs),
        "frames": list(error.frames),
    }


def stats_row(stats: ErrorStats) -> Row:
    """Returns the figures over all failures."""
    return {
        "total": stats.total,
        "unique": stats.unique,
        "evicted": stats.evicted_errors,
        "by_type": [list(pair) for pair in stats.by_type],
        "per_minute": [[ms(at), n] for at, n in stats.per_minute],
    }


def failure_row(failure: FailureView) -> Row:
    """Returns one failure."""
    return {
        "seq": failure.seq,
        "run": failure.run,
        "at": ms(failure.at),
        "type": failure.error.type,
        "message": line(failure.error.message, SAID),
    }


def event_row(record: Record, titles: dict[tuple[str, str], str]) -> list[Any]:
    """Returns an event as the five things that a list shows: seq, time, kind, step key, and what it
    says.

    Args:
        record: The event.
        titles: What the steps that have begun are called, by run and key; kept up by this function.
    """
    kind, says = record.kind, said(record.kind, record.body)
    if kind not in STEPS:
        return [record.seq, record.at // 1000, kind, "", says]
    key = key_of(record)
    if kind == StepStarted.KIND:
        titles[record.run, key] = says
    elif title := (
        titles.pop((record.run, key), "")
        if kind == StepCompleted.KIND
        else titles.get((record.run, key), "")
    ):
        says = line(f"{title} · {says}", SAID) if says else title
    return [record.seq, record.at // 1000, kind, key, says]


def said(kind: str, body: bytes) -> str:
    """Returns what an event says, on one line.

    Example:
        >>> said("progress_updated", b'{"message":"half way","progress":0.5}')
        'half way'
        >>> said("step_failed", b'{"key":"1","error":{"type":"ValueError","message":"no"}}')
        'ValueError: no'
    """
    if body == b"{}":
        return ""
    try:
        fields = from_json(body)
    except ValueError:
        return ""
    error = fields.get("error")
    if isinstance(error, dict):
        message = f": {error['message']}" if error.get("message") else ""
        return line(f"{error.get('type', '')}{message}", SAID)
    for name in (
        "title",
        "message",
        "question",
        "text",
        "reason",
        "name",
        "decision",
        "source",
        "step",
        "workflow",
    ):
        value = fields.get(name)
        if isinstance(value, str) and value:
            return line(value, SAID)
    if "result" in fields:
        return line(
            body[body.find(b'"result":') + 9 :][: SAID * 4]
            .decode("utf-8", "replace")
            .removesuffix("}"),
            SAID,
        )
    return line(f"blob {fields['blob'][:12]}", SAID) if isinstance(fields.get("blob"), str) else ""


def ms(at: datetime | None) -> int | None:
    """Returns a point in time as milliseconds since 1970; None for None."""
    return None if at is None else round(at.timestamp() * 1000)
