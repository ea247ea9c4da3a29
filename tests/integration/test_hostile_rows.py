"""Rows that somebody made up, with the right chain: what they hold is shown as it is, or refused in
a sentence, and never a crash.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from workbench_kit import doubled

import sentient_kernel as sk
from sentient_kernel.events import Written
from sentient_kernel.feeds.feeds import EventsFeed, InboxFeed, RunFeed
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import SqliteJournal

BEGUN = (
    "run_started",
    json.dumps({"workflow": doubled.name, "inputs": {"args": [1], "kwargs": {}}}),
)
KEY = "0123456789abcdef"
ERROR = '{"type":"E","message":"m","code":"c"}'
BODIES = [
    ("progress_updated", '{"message":[1]}'),
    ("step_started", "{}"),
    ("step_started", '{"key":5}'),
    ("step_started", '{"key":"\\ud800","name":"n"}'),
    ("approval_requested", "[]"),
    ("approval_decided", '{"approval":"x"}'),
    ("approval_withdrawn", "7"),
    ("step_completed", "not json"),
    ("step_completed", f'{{"key":"{KEY}","blob":"/etc/passwd"}}'),
    ("step_retried", f'{{"key":"{KEY}","attempt":"3","error":{ERROR}}}'),
    ("step_failed", f'{{"key":"{KEY}","error":{ERROR},"attempt":"7"}}'),
    ("message_received", f'{{"key":"{KEY}","message":"5"}}'),
    ("message_sent", '{"to":7}'),
    ("run_steered", '{"text":5}'),
    ("cancel_requested", '{"reason":null}'),
    ("run_resumed", "[]"),
    ("run_failed", "{}"),
    ("run_completed", '{"blob":"../../etc/passwd"}'),
    ("direction_taken", '{"look":"x"}'),
    ("error_recorded", "{}"),
    ("research_updated", '{"phase":{}}'),
    ("source_reported", "{}"),
    ("usage_recorded", '{"prompt":"9"}'),
]
NUMBERS = ['"NaN"', '"-Infinity"', "1e308", "1e19", "-5", "123456789012345678901234567890"]


def numbers(number: str) -> list[tuple[str, str]]:
    """Rows with such a number wherever it fits."""
    whole = number if number.lstrip("-").isdigit() else "1"
    return [
        ("progress_updated", f'{{"message":"x","progress":{number}}}'),
        ("research_updated", f'{{"phase":"plan","progress":{number},"data":{{"n":{number}}}}}'),
        ("step_started", f'{{"key":"{KEY}","name":"n"}}'),
        ("step_retried", f'{{"key":"{KEY}","attempt":{whole},"delay":{number},"error":{ERROR}}}'),
        ("usage_recorded", f'{{"model":"m","usd":{number},"seconds":{number},"prompt":{whole}}}'),
        ("direction_taken", f'{{"look":{whole},"steers":{whole}}}'),
        (
            "approval_requested",
            f'{{"approval":"a1","key":"{KEY}","question":"q","payload":{{"n":{number}}},"expires_at":{whole}}}',
        ),
        ("loop_blocked", f'{{"seconds":{number}}}'),
    ]


CASES = {
    **{f"{kind} {body[:40]}": [BEGUN, (kind, body)] for kind, body in BODIES},
    **{f"numbers such as {number}": [BEGUN, *numbers(number)] for number in NUMBERS},
    "a workflow that is a number": [("run_started", '{"workflow":5}')],
    "inputs that are a number": [
        ("run_started", json.dumps({"workflow": doubled.name, "inputs": 5}))
    ],
    "inputs of the wrong types": [
        (
            "run_started",
            json.dumps({"workflow": doubled.name, "inputs": {"args": {}, "kwargs": []}}),
        )
    ],
    "no inputs": [("run_started", json.dumps({"workflow": doubled.name}))],
}


def written(path: Path, rows: list[tuple[str, str]]) -> Path:
    """Writes a home as another installation would."""

    async def main() -> None:
        with SqliteJournal(path / "journal.db", key=b"somebody else's") as journal:
            journal.bind(asyncio.get_running_loop(), lambda records: None)
            for kind, body in rows:
                await journal.append(RunId("r1"), [Written(kind, body.encode())])

    asyncio.run(main())
    return path


def looks(wb: sk.Workbench, home: Path) -> list[Callable[[], Any]]:
    run = wb.run("r1")
    source = wb.view_source
    return [
        lambda: (run.view, run.progress, run.error, repr(run), run._repr_html_()),
        *(
            lambda name=name: (lambda table: (repr(table), table._repr_html_(), table.to_frame()))(
                getattr(run, name)
            )  # type: ignore[misc]
            for name in ("events", "steps", "sources", "cost", "approvals")
        ),
        *(
            lambda name=name: (lambda table: (repr(table), table._repr_html_()))(getattr(wb, name))
            for name in ("runs", "approvals", "errors")
        ),  # type: ignore[misc]
        lambda: json.dumps(
            [
                RunFeed(source, run.id).snapshot(),
                EventsFeed(source, run.id).snapshot(),
                InboxFeed(source).snapshot(),
            ],
            allow_nan=False,
        ),
        *(
            lambda seq=seq: source.answer({"kind": "need", "what": "event", "seq": seq})
            for seq in (1, 2)
        ),  # type: ignore[misc]
        wb.verify,
        lambda: wb.export(run.id, home / "out.run"),
        lambda: run.steer("only bees"),
        run.resume,
        lambda: run.wait(0.3),
        lambda: [asked.approve() for asked in wb.approvals],
        lambda: run.result(timeout=1),
        lambda: (run.view, repr(run.steps)),
        run.cancel,
    ]


@pytest.mark.parametrize("case", CASES)
def test_a_row_that_somebody_made_up_is_shown_or_refused(tmp_path: Path, case: str) -> None:
    home = written(tmp_path, CASES[case])
    with sk.Workbench(home) as wb:
        for look in looks(wb, home):
            try:
                look()
            except (sk.SentientError, TimeoutError) as error:
                assert len(str(error)) < 4_100
        assert wb.start(doubled, 4).result() == 8


ROWS = {
    "a run that is not there": "UPDATE events SET run = 99 WHERE seq = 2",
    "a run that is text": "UPDATE events SET run = x'00' WHERE seq = 2",
    "a kind that is not there": "UPDATE events SET kind = 99 WHERE seq = 2",
    "a time that is text": "UPDATE events SET at = 'x' WHERE seq = 2",
    "a body that is a number": "UPDATE events SET body = 7 WHERE seq = 2",
    "a body that is text": "UPDATE events SET body = '{' WHERE seq = 2",
}
COLUMNS = [
    "first = 'x'",
    "parent = x'00'",
    "parent = 'a b'",
    "parent = '../x'",
    "workflow = x'00ff'",
    "name = x'00'",
    "session = x'00'",
    "user = x'ff'",
]


def altered(path: Path, change: str) -> Path:
    db = apsw.Connection(str(path / "journal.db"))
    db.execute(change)
    db.close()
    return path


@pytest.mark.parametrize("case", ROWS)
def test_a_row_of_no_run_or_kind_is_told_when_it_is_read(tmp_path: Path, case: str) -> None:
    home = altered(written(tmp_path, [BEGUN, ("progress_updated", '{"message":"a"}')]), ROWS[case])
    with pytest.raises(sk.JournalError):
        sk.Workbench(home)
    with SqliteJournal(home / "journal.db", readonly=True) as journal:
        assert journal.read(limit=1)[0].kind == "run_started"
        with pytest.raises(sk.JournalDamaged):
            for record in journal.read(after=Seq(0)):
                record.event  # noqa: B018 - it is parsed here
        assert not journal.verify().ok


@pytest.mark.parametrize("change", COLUMNS)
def test_a_list_of_runs_of_other_types_is_refused_before_it_is_read(
    tmp_path: Path, change: str
) -> None:
    home = altered(written(tmp_path, [BEGUN]), f"UPDATE runs SET {change}")
    for readonly in (False, True):
        with pytest.raises(sk.JournalDamaged, match="in a form that this program never writes"):
            SqliteJournal(home / "journal.db", readonly=readonly)


def test_rows_of_a_kind_that_a_later_version_knows_stay_as_they_are(tmp_path: Path) -> None:
    home = written(tmp_path, [BEGUN, ("progress_updated", '{"message":"a"}')])
    altered(
        home,
        "UPDATE kinds SET name = 'of_tomorrow' WHERE name = 'progress_updated'; PRAGMA user_version"
        " = 99",
    )
    with SqliteJournal(home / "journal.db", readonly=True) as journal:
        assert [(record.kind, record.body) for record in journal.read(after=Seq(1))] == [
            ("of_tomorrow", b'{"message":"a"}')
        ]
