"""What a live view is told: everything at first, and then only what has changed.

A feed looks at values that somebody else folds, and remembers what it has told. It decides;
``sender`` sends.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Protocol

from sentient_kernel.events import ErrorInfo, Record
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal.texts import TextSoFar
from sentient_kernel.projections.activity import spent
from sentient_kernel.projections.approvals import ApprovalView
from sentient_kernel.projections.drawing import rows, words
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.errors import ErrorStats, ErrorView, FailureView
from sentient_kernel.projections.folds import RunLook
from sentient_kernel.projections.runs import RunView
from sentient_kernel.report import live
from sentient_kernel.report.report import Report

ANSWERED = 50
"""Answered questions that the inbox lists, the newest."""
CHUNK = 2_000
"""Events that are sent at a time."""
MOST_EVENTS = 200_000
"""Events that a page holds."""

Row = dict[str, Any]


class ViewSource(Protocol):
    """What views of runs look at, live or drawn, and what does what their pages request."""

    def on_news(self, call: Callable[[], None]) -> Callable[[], None]:
        """Calls a function, on any thread, whenever there may be news; returns what ends that."""

    def answer(self, message: Row) -> Row:
        """Does what a page asks for; returns the fields of the reply. Raises SentientError: a
        refusal.
        """

    def failed(self, error: Exception, where: str) -> None:
        """Notes that something of a view failed here."""

    def look(self, run: RunId) -> RunLook:
        """Returns all that is known of a run."""

    def glance(self, run: RunId) -> RunView:
        """Returns how a run is, without its parts; cheap."""

    def alive(self, run: RunId) -> bool:
        """True while some kernel executes a run."""

    def heeds(self, workflow: str) -> frozenset[str]:
        """Returns which requests a workflow listens to: steer, finish."""

    def error(self, run: RunId) -> ErrorInfo | None:
        """Returns what a run failed with, or was at when its kernel died."""

    def report(self, run: RunId) -> Report | None:
        """Returns the report of a run that has one."""

    def html(self, run: RunId, *, report: bool = True) -> str:
        """Returns the static view of a run, with its report when it has one and that is wanted."""

    def line_html(self, run: RunId) -> str:
        """Returns one line on a run that is the same each time when it has ended."""

    def texts(self, run: RunId) -> Mapping[str, TextSoFar]:
        """Returns what is being written in a run."""

    def asked(self) -> tuple[Table[ApprovalView], dict[RunId, RunView]]:
        """Returns all questions, and the runs that asked them."""

    def errors(self) -> tuple[Table[ErrorView], ErrorStats, Table[FailureView]]:
        """Returns groups of failures, figures, and the newest failures."""

    def read(self, *, run: RunId | None, after: Seq, limit: int) -> list[Record]:
        """Returns what is stored of a run, or of all."""

    def head(self) -> Seq:
        """Returns the newest seq."""


class Feed(Protocol):
    """Tells one view what it shows."""

    run: RunId | None
    """The run that it is about; None for all."""

    def snapshot(self) -> Row:
        """Returns everything, and remembers that it was told."""

    def patch(self) -> Row | None:
        """Returns what has changed since: ``set``, ``text``, ``events``; None when nothing has."""


class Told:
    """Remembers what was told, by the values that it was made of."""

    def __init__(self) -> None:
        self._values: dict[str, dict[Hashable, Any]] = {}
        self._whole: dict[str, Any] = {}

    def changed(
        self, part: str, values: Iterable[tuple[Hashable, Any]], row: Callable[[Any, int], Row]
    ) -> Row:
        """Returns one part with the rows whose values are not those that were told, and None for
        those that are gone; nothing where all were told.
        """
        known, now, found = self._values.get(part, {}), {}, Row()
        for place, (key, value) in enumerate(values):
            now[key] = value
            before = known.get(key)
            if before is not value and before != value:
                found[str(key)] = row(value, place)
        found |= {str(key): None for key in known.keys() - now.keys()}
        self._values[part] = now
        return {part: found} if found else {}

    def whole(self, part: str, value: Any) -> Row:
        """Returns a part that is told whole; nothing where it was told."""
        if part in self._whole and self._whole[part] == value:
            return {}
        self._whole[part] = value
        return {part: value}


class RunFeed:
    """A run: how it is, its steps, questions, sources, texts, and its report."""

    def __init__(self, source: ViewSource, run: RunId) -> None:
        self.run: RunId | None = run
        self._run = run
        self._source = source
        self._told = Told()
        self._written: dict[str, int] = {}
        self._reported: tuple[str, int] = ("", 0)
        self._mark: tuple[Any, ...] = ()

    def snapshot(self) -> Row:
        """Returns the whole run."""
        self._told, self._written, self._reported, self._mark = Told(), {}, ("", 0), ()
        state: Row = {
            "phases": [],
            "steps": {},
            "approvals": {},
            "sources": {},
            "report": None,
            **self._news(),
        }
        state["texts"] = {
            by: {"by": by, "text": text.text, "at": text.at}
            for by, text in self._source.texts(self._run).items()
        }
        self._written = {by: row["at"] + len(row["text"]) for by, row in state["texts"].items()}
        return state

    def patch(self) -> Row | None:
        """Returns what has changed of it."""
        news, text = self._news(), self._more_text()
        found = {"set": news} if news else {}
        return {**found, **({"text": text} if text else {})} or None

    def _news(self) -> Row:
        view = self._source.glance(self._run)
        mark = (view.seq, view.status, view.ended is None and self._source.alive(self._run))
        if mark == self._mark:
            return {}
        self._mark = mark
        look, told = self._source.look(self._run), self._told
        run, steps = look.run, words.settled(look.steps, look.run)
        row = rows.run_row(
            run,
            steps,
            alive=mark[2],
            heeds=self._source.heeds(run.workflow),
            error=self._source.error(self._run) if run.status in ("failed", "crashed") else None,
            cost=spent(look.costs),
            foreign=look.foreign,
        )
        news = {
            **told.changed("steps", ((s.key, s) for s in steps), rows.step_row),
            **told.changed("sources", ((s.source, s) for s in look.sources), rows.source_row),
            **told.changed(
                "approvals",
                ((a.id, a) for a in look.approvals),
                lambda a, i: rows.approval_row(a, i, run.title),
            ),
            **told.whole("phases", rows.phase_rows(look.progress)),
            **told.whole("run", row),
        }
        if self._reported != (run.status, run.recoveries):
            self._reported = (run.status, run.recoveries)
            report = self._source.report(self._run) if run.status == "completed" else None
            news |= told.whole("report", None if report is None else live.row(report))
        return news

    def _more_text(self) -> Row:
        more: Row = {}
        for by, text in self._source.texts(self._run).items():
            told, end = self._written.get(by, 0), text.at + len(text.text)
            if end > told:
                start = max(told, text.at)
                more[by] = [start, text.text[start - text.at :]]
                self._written[by] = end
        return more


class EventsFeed:
    """The events of a run, or of all runs, told a chunk at a time straight from the journal."""

    def __init__(self, source: ViewSource, run: RunId | None) -> None:
        self.run = run
        self._source = source
        self._after = Seq(0)
        self._told = Told()
        self._titles: dict[tuple[str, str], str] = {}

    def snapshot(self) -> Row:
        """Returns the first chunk; the others follow as patches."""
        dropped = 0 if self.run is not None else max(0, self._source.head() - MOST_EVENTS)
        self._after, self._told, self._titles = Seq(dropped), Told(), {}
        first = self.patch() or {}
        events = first.get("events", [])
        return {"run": None, "dropped": dropped, "events": events, **first.get("set", {})}

    def patch(self) -> Row | None:
        """Returns the next chunk of events."""
        news: Row = {}
        records = self._source.read(run=self.run, after=self._after, limit=CHUNK)
        if records:
            self._after = records[-1].seq
            news["events"] = [rows.event_row(record, self._titles) for record in records]
        if self.run is not None:
            row = rows.run_row(self._source.look(self.run).run, (), alive=False)
            if changed := self._told.whole("run", row):
                news["set"] = changed
        return news or None


class _OfAllRuns:
    """A feed of rows from all runs: all of them at first, then those that changed."""

    run: RunId | None = None
    parts: tuple[str, ...]
    """What a snapshot has, even where there are no rows."""

    def __init__(self, source: ViewSource) -> None:
        self._source = source
        self._told = Told()

    def snapshot(self) -> Row:
        """Returns all of them."""
        self._told = Told()
        return {**{part: {} for part in self.parts}, **self._news()}

    def patch(self) -> Row | None:
        """Returns what has changed."""
        news = self._news()
        return {"set": news} if news else None

    def _news(self) -> Row:
        raise NotImplementedError


class InboxFeed(_OfAllRuns):
    """The questions of all runs: the open ones, and those that were answered lately."""

    parts = ("approvals", "runs")

    def _news(self) -> Row:
        table, runs = self._source.asked()
        answered = sorted(
            (a for a in table if a.decided is not None and a.status != "withdrawn"),
            key=lambda a: a.decided.timestamp() if a.decided else 0.0,
        )[-ANSWERED:]
        shown = [a for a in table if a.status == "open"] + answered[::-1]
        asking = {a.run for a in shown}
        title = {run: view.title for run, view in runs.items()}
        return {
            **self._told.changed(
                "approvals",
                ((a.id, a) for a in shown),
                lambda a, i: rows.approval_row(a, i, title.get(a.run, "")),
            ),
            **self._told.changed(
                "runs",
                ((run, (run, view.status)) for run, view in runs.items() if run in asking),
                lambda one, i: {"id": one[0], "title": title[one[0]], "status": one[1]},
            ),
        }


class ErrorsFeed(_OfAllRuns):
    """What went wrong, grouped, with figures and the newest failures."""

    parts = ("errors",)

    def _news(self) -> Row:
        table, stats, recent = self._source.errors()
        return {
            **self._told.changed(
                "errors",
                ((e.fingerprint, (i, e)) for i, e in enumerate(table)),
                lambda v, i: rows.error_row(v[1], i),
            ),
            **self._told.whole("stats", rows.stats_row(stats)),
            **self._told.whole("recent", [rows.failure_row(failure) for failure in recent]),
        }
