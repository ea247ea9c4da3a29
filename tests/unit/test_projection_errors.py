"""The error tracker: what groups, what is counted, what is let go; and how an exception is kept."""

from __future__ import annotations

import linecache
import tracemalloc
from collections.abc import Callable

import pytest
from projection_log import BROKEN, START, Log, started

from sentient_kernel.errors import NothingFound
from sentient_kernel.events import (
    ErrorInfo,
    ErrorRecorded,
    Record,
    RunEndedFailed,
    StepEndedFailed,
    StepRetried,
)
from sentient_kernel.failures import describe
from sentient_kernel.ids import RunId, Seq, StepKey
from sentient_kernel.projections.base import fold
from sentient_kernel.projections.errors import GROUP_RUNS, MINUTES, OTHER, TYPES, Errors

K = StepKey("k")


def raised(
    source: str,
    name: str = "boom",
    file: str = "/home/me/site-packages/pkg/mod.py",
    module: str = "pkg.mod",
) -> Exception:
    """Returns what a function of that source raises, with its traceback."""
    space: dict[str, object] = {"__name__": module}
    exec(compile(source, file, "exec"), space)
    call = space[name]
    assert callable(call)
    try:
        call()
    except (ValueError, KeyError) as error:
        return error
    raise AssertionError("nothing was raised")


BOOM = "def boom():\n    raise ValueError('row 7')\n"


def test_failures_with_one_fingerprint_are_one_group_whatever_their_messages() -> None:
    log = started()
    for i in range(5):
        log(i, ErrorRecorded(error=BROKEN.model_copy(update={"message": f"no answer {i}"})))
    log(9, ErrorRecorded(error=BROKEN.model_copy(update={"fingerprint": "f2"})))
    errors = fold(Errors(), log.records)
    assert [(e.count, e.message) for e in errors.table] == [(1, "no answer"), (5, "no answer 4")]
    old = errors.table[1]
    assert (old.last_seen - old.first_seen).total_seconds() == 4
    assert (errors.stats.total, errors.stats.unique) == (6, 2)


def test_a_failure_that_is_passed_on_by_step_and_run_counts_once() -> None:
    passed_on = ErrorInfo(
        type="StepFailed", code="step_failed", message="Step 'read' failed", fingerprint="other"
    )
    log = started()(1, StepRetried(key=K, attempt=2, error=BROKEN))(
        2, StepEndedFailed(key=K, attempt=2, error=BROKEN)
    )
    log(3, RunEndedFailed(error=passed_on))(
        4, StepEndedFailed(key=StepKey("parent"), error=passed_on)
    )
    assert fold(Errors(), log.records).stats.total == 2
    assert fold(Errors(), log(5, RunEndedFailed(error=BROKEN)).records).stats.total == 3


def test_groups_beyond_the_limit_are_let_go_the_one_seen_longest_ago_first_and_counted() -> None:
    log = started()
    for mark in ("1", "1", "2", "1", "3"):
        log(1, ErrorRecorded(error=BROKEN.model_copy(update={"fingerprint": mark})))
    errors = fold(Errors(max_groups=2, max_recent=3), log.records)
    assert [e.fingerprint for e in errors.table] == ["3", "1"]
    stats = errors.stats
    assert (stats.total, stats.unique, stats.evicted_groups, stats.evicted_errors) == (5, 3, 1, 1)
    assert [f.error.fingerprint for f in errors.recent] == ["3", "1", "2"]


def test_rates_cover_the_last_hour_before_the_newest_failure() -> None:
    log = started()
    for minute in (0, 0, 30, 100, 100, 159):
        log(minute * 60, ErrorRecorded(error=BROKEN))
    rates = fold(Errors(), log.records).stats.per_minute
    assert [n for _, n in rates] == [2, 1]
    assert (rates[1][0] - rates[0][0]).total_seconds() == (159 - 100) * 60
    assert MINUTES == 60


def test_runs_and_types_concerned_are_bounded() -> None:
    log = Log()
    for i in range(TYPES + 50):
        log(i, ErrorRecorded(error=BROKEN.model_copy(update={"type": f"T{i}"})), RunId(f"r{i}"))
    errors = fold(Errors(), log.records)
    assert errors.table[0].runs == tuple(
        f"r{i}" for i in range(TYPES + 50 - GROUP_RUNS, TYPES + 50)
    )
    assert dict(errors.stats.by_type)[OTHER] == 50
    assert len(errors.stats.by_type) == TYPES + 1


@pytest.mark.parametrize(
    "mark", [lambda i: "same", lambda i: f"{i:x}"], ids=["one group", "a group each"]
)
def test_tracker_stays_under_five_megabytes(mark: Callable[[int], str]) -> None:
    def record(i: int) -> Record:
        frames = tuple((f"package/module_{n}/file_{i}.py", n, f"function_{n}") for n in range(30))
        info = ErrorInfo(
            type=f"E{i}",
            message=f"{i} " + "\U0001f600" * 1_900,
            hint="h" * 300,
            fingerprint=mark(i),
            where="a.py:1 f",
            frames=frames,
        )
        return Record(
            Seq(i + 1),
            RunId(f"run-{i:030d}"),
            START + i * 1_000_000,
            "error_recorded",
            ErrorRecorded(error=info).body(),
        )

    tracemalloc.start()
    try:
        errors = Errors()
        for i in range(1_100):
            errors.apply(record(i))
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 5_000_000
    assert errors.stats.total == 1_100


def test_fingerprint_survives_other_messages_and_shifted_lines() -> None:
    here = describe(raised(BOOM))
    shifted = describe(raised("\n\n\n" + BOOM.replace("row 7", "row 8")))
    assert here.fingerprint == shifted.fingerprint
    assert here.frames[-1][1] != shifted.frames[-1][1]


@pytest.mark.parametrize(
    "other",
    [
        BOOM.replace("ValueError", "KeyError"),
        "def inner():\n    raise ValueError('row 7')\ndef boom():\n    inner()\n",
    ],
    ids=["type", "place"],
)
def test_fingerprint_tells_another_type_or_place(other: str) -> None:
    assert describe(raised(BOOM)).fingerprint != describe(raised(other)).fingerprint


def test_fingerprint_does_not_depend_on_where_the_package_is_installed() -> None:
    there = describe(raised(BOOM, file="/opt/x/lib/python3.12/site-packages/pkg/mod.py"))
    assert there.fingerprint == describe(raised(BOOM)).fingerprint
    assert there.frames[-1][0] == "pkg/mod.py"


def test_a_recursion_is_one_failure_at_any_depth_and_keeps_a_bounded_number_of_frames() -> None:
    deep = "def boom(n={}):\n    if n == 0: raise ValueError\n    boom(n - 1)\n"
    one, two = describe(raised(deep.format(100))), describe(raised(deep.format(300)))
    assert one.fingerprint == two.fingerprint
    assert len(two.frames) == 50


def test_where_is_the_innermost_place_outside_libraries() -> None:
    library = raised(BOOM)
    try:
        raise library
    except ValueError as error:
        info = describe(error)
    assert "test_projection_errors.py" in info.where
    assert info.frames[-1][0] == "pkg/mod.py"
    cell = describe(raised(BOOM, file="/tmp/ipykernel_12/3.py", module="__main__"))
    assert cell.where == "Cell, line 2 in boom" and cell.frames[-1][0] == "<cell>"


def test_no_path_of_the_machine_and_no_local_variable_is_kept() -> None:
    info = describe(raised("def boom():\n    secret = 'hunter2'\n    raise ValueError('no')\n"))
    assert "hunter2" not in info.model_dump_json()
    assert "/home/me" not in info.model_dump_json()
    assert linecache.cache.get("/home/me/site-packages/pkg/mod.py") is None


def test_messages_are_cut_escaped_and_redacted_before_they_are_cut() -> None:
    info = describe(ValueError("key=sk-12345678 \x1b[31m\u202e" + "x" * 3_000))
    assert info.message.startswith("key=sk-… [U+001B][31m[U+202E]xxx")
    assert len(info.message) <= 2_000
    assert info.message.endswith("characters in all)")
    at_the_edge = describe(ValueError("x " * 970 + "sk-12345678" + "y" * 200))
    assert "sk-1" not in at_the_edge.message


def test_errors_of_ours_keep_code_and_hint_and_foreign_ones_their_module() -> None:
    info = describe(NothingFound("No source holds it.", hint="Add one."))
    assert (info.type, info.code, info.message, info.hint) == (
        "NothingFound",
        "nothing_found",
        "No source holds it.",
        "Add one.",
    )
    assert describe(linecacheless()).type == "test_projection_errors.Odd"


class Odd(Exception):
    """An error that cannot even be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def linecacheless() -> Odd:
    """Returns an error without a traceback."""
    return Odd()


def test_an_error_that_cannot_be_printed_is_recorded_all_the_same() -> None:
    info = describe(Odd())
    assert info.message == "(its message could not be read: RuntimeError)"
    assert (info.frames, info.where) == ((), "")
