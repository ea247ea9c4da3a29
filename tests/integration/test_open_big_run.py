"""Opening somebody's run costs its receiver nothing: no answer of theirs goes, memory and the
engine's loop stay as they are.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from test_export_run import written

import sentient_kernel as sk
from sentient_kernel.cache import Key
from sentient_kernel.documents import Document
from sentient_kernel.events import (
    ApprovalRequested,
    Fact,
    MessageReceived,
    MessageSent,
    ProgressUpdated,
    Record,
    RunCompleted,
    RunStarted,
    StepCompleted,
)
from sentient_kernel.ids import ApprovalId, BlobId, RunId, Seq, StepKey, new_run_id
from sentient_kernel.settings import Settings
from sentient_kernel.workbench import run_file

RUN = new_run_id(1_700_000_000_000)
AT = 1_700_000_000_000_000
STARTED = RunStarted(workflow="w", inputs={"args": [], "kwargs": {}})
DONE = RunCompleted(result=1)
MOST_MEMORY = 100_000_000
MOST_LAG = 0.05
noise = random.Random(7).randbytes
Made = Callable[[Callable[[Path], Path]], Path]


def forge(
    path: Path,
    facts: Sequence[Fact],
    blobs: Sequence[bytes] = (),
    entries: Sequence[tuple[str, bytes]] = (),
) -> Path:
    """Writes a sound file."""
    records = [
        Record(Seq(n), RUN, AT + n, fact.kind, fact.body()) for n, fact in enumerate(facts, 1)
    ]
    run_file.write(
        path,
        RUN,
        records,
        sorted((sha256(blob).hexdigest(), blob) for blob in blobs),
        sorted(entries),
        "0.1.0",
    )
    return path


def answers(count: int, size: int) -> tuple[list[Fact], list[tuple[str, bytes]]]:
    """Returns events that used answers, and the answers."""
    entries = []
    for n in range(count):
        data = noise(size)
        entries.append(
            (sha256(b"%d" % n).hexdigest(), b"sentient-cache 1 page 1 %d\n" % size + data)
        )
    used = [
        ProgressUpdated(data={"cache": [digest for digest, _ in entries[at : at + 100]]})
        for at in range(0, count, 100)
    ]
    return [STARTED, *used, DONE], entries


def value(blob: bytes, n: int = 0) -> StepCompleted:
    return StepCompleted(key=StepKey(f"{n:016x}"), blob=BlobId(sha256(blob).hexdigest()))


# -- the owner's answers ---------------------------------------------------------------------------


def served(wb: sk.Workbench, count: int = 200) -> int:
    """Returns how many of the owner's answers are served, each asked for where it is not."""

    async def main() -> int:
        kept = 0
        for n in range(count):

            async def ask(n: int = n) -> bytes:
                return b"%d " % n * 500

            kept += not (await wb.library.cache.call(Key("page", f"own {n}"), ask)).fresh
        return kept

    wb.library.cache._recent.clear()
    return asyncio.run(main())


def test_a_file_with_many_answers_makes_none_of_the_owners_go(
    tmp_path: Path, made: Made, caplog: pytest.LogCaptureFixture
) -> None:
    file = made(many_answers)
    assert file.stat().st_size > 29_000_000
    with sk.Workbench(tmp_path / "home", settings=Settings(cache_max_size=4_000_000)) as wb:
        served(wb)
        assert served(wb) == 200
        with caplog.at_level(logging.WARNING, "sentient_kernel"):
            assert wb.open_export(file).result() == 1
        assert served(wb) == 200
        stats = wb.library.cache.stats
        assert stats.evicted == 0
        assert stats.entries == 200
        assert 0 < stats.imported_bytes <= 1_000_000
        (said,) = [record.getMessage() for record in caplog.records]
        assert "1.0 MB in all" in said and "SENTIENT_CACHE_MAX_SIZE" in said
        served(wb, 1_500)  # and the owner's bound is the owner's alone
        assert wb.library.cache.stats.imported == stats.imported
    with sk.Workbench(
        tmp_path / "home", settings=Settings(cache_max_size=4_000_000, mode="replay")
    ) as wb:
        brought = [n for n in range(9_000) if wb.library.cache.dump(sha256(b"%d" % n).hexdigest())]
        assert len(brought) == stats.imported


# -- memory ----------------------------------------------------------------------------------------

CHILD = """
import json, sys
from pathlib import Path
import sentient_kernel as sk
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
small, big, home = map(Path, sys.argv[1:4])
with sk.Workbench(home) as wb:
    wb.open_export(small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = peak()
    try:
        said = wb.open_export(big).status
    except sk.SentientError as error:
        said = str(error)
    after = peak()
print(json.dumps([(after - before) * 1024, said]))
"""

ASTRAL = Document(title="T", uri="u", text="\U0001d518" * 5_000_000)
LISTS = "[" + "[]," * 300_000 + "[]]"


def nested(path: Path) -> Path:
    """Events of as many values as a megabyte of JSON may hold."""
    return forge(
        path, [STARTED, *(ProgressUpdated(data=json.loads(LISTS)) for _ in range(20)), DONE]
    )


def many_events(path: Path) -> Path:
    return forge(
        path, [STARTED, *(ProgressUpdated(message=noise(75).hex()) for _ in range(120_000)), DONE]
    )


def big_values(path: Path) -> Path:
    blobs = [noise(9_000_000), *(noise(700) * 40 * 6_000 for _ in range(1))]
    return forge(path, [STARTED, *(value(blob, n) for n, blob in enumerate(blobs)), DONE], blobs)


def big_document(path: Path) -> Path:
    snapshot = ASTRAL.snapshot()
    return forge(path, [STARTED, ProgressUpdated(data={"document": ASTRAL.id}), DONE], [snapshot])


def bomb_of_values(path: Path) -> Path:
    data = b'{"meta":{"x":' + LISTS.encode() * 6 + b'},"source":"","text":"","title":"","uri":""}'
    named = ProgressUpdated(data={"document": sha256(data).hexdigest()})
    return forge(path, [STARTED, named, DONE], [data + noise(1), data][1:])


def wide_text(path: Path) -> Path:
    data = Document(title="T", uri="u", text="x" * 24_000_000 + "\U0001d518").snapshot()
    return forge(
        path, [STARTED, ProgressUpdated(data={"document": sha256(data).hexdigest()}), DONE], [data]
    )


def big_report(path: Path) -> Path:
    blob = (
        json.dumps(
            {"question": "q", "answer": "a", "claims": [], "notes": json.loads(LISTS)}
        ).encode()
        * 3
    )
    started = RunStarted(workflow="sentient_kernel.research", inputs={"args": ["q"], "kwargs": {}})
    return forge(path, [started, RunCompleted(blob=BlobId(sha256(blob).hexdigest()))], [blob])


def many_messages(path: Path) -> Path:
    facts: list[Fact] = [STARTED]
    for n in range(60_000):
        facts += [
            MessageSent(to="w", message=n),
            MessageReceived(key=StepKey(f"{n:016x}"), message=Seq(len(facts) + 1)),
        ]
    return forge(path, [*facts, DONE])


def many_questions(path: Path) -> Path:
    asked = (
        ApprovalRequested(approval=ApprovalId(f"a{n}"), key=StepKey(f"{n:016x}"), question="?" * 40)
        for n in range(60_000)
    )
    return forge(path, [STARTED, *asked, DONE])


def many_answers(path: Path) -> Path:
    facts, entries = answers(9_000, 3_200)
    return forge(path, facts, entries=entries)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Callable[[Path], Path]], Path]:
    """Returns what makes a file, once for all tests."""
    folder = tmp_path_factory.mktemp("files")

    def make(how: Callable[[Path], Path]) -> Path:
        path = folder / f"{how.__name__}.run"
        return path if path.exists() else how(path)

    return make


OPENS: dict[str, Callable[[Path], Path]] = {
    f.__name__: f
    for f in (
        nested,
        many_events,
        big_values,
        big_document,
        many_messages,
        many_answers,
        many_questions,
    )
}
REFUSED = {f.__name__: f for f in (bomb_of_values, wide_text, big_report)}


@pytest.mark.skipif(
    not os.path.exists("/proc/self/clear_refs"),
    reason="this system does not tell the peak of a process",
)
@pytest.mark.parametrize("kind", [*OPENS, *REFUSED])
def test_memory_stays_within_a_hundred_megabytes_over_the_files_size(
    tmp_path: Path, made: Made, kind: str
) -> None:
    big = made((OPENS | REFUSED)[kind])
    small = tmp_path / "small.run"
    records = [
        Record(Seq(n), new_run_id(1), AT, fact.kind, fact.body())
        for n, fact in enumerate((STARTED, DONE), 1)
    ]
    records = [record._replace(run=records[0].run) for record in records]
    run_file.write(small, records[0].run, records, [], [], "0.1.0")
    command = [sys.executable, "-c", CHILD, str(small), str(big), str(tmp_path / "home")]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=110, env=os.environ
    )
    more, said = json.loads(done.stdout)
    print(f"{kind}: {big.stat().st_size / 1e6:.1f} MB, {more / 1e6:+.0f} MB, {said}")
    assert more < big.stat().st_size + MOST_MEMORY
    assert (said == "completed") == (kind in OPENS), said


# -- the loop --------------------------------------------------------------------------------------


def lags(wb: sk.Workbench, act: Callable[[], Any]) -> list[float]:
    """Returns how late the engine's loop was each time it was to wake while something was done,
    sorted.
    """
    found: list[float] = []
    over = threading.Event()

    async def tick() -> None:
        while not over.is_set():
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            found.append(time.perf_counter() - before - 0.005)

    ticking = wb.engine.start_soon(tick)
    try:
        act()
        time.sleep(0.2)  # what was taken in is handed over
    finally:
        over.set()
        ticking.result()
    return sorted(found)


@pytest.mark.parametrize("make", [many_events, many_answers, big_values])
def test_the_engines_loop_turns_while_a_big_file_is_opened(
    tmp_path: Path, made: Made, make: Callable[[Path], Path]
) -> None:
    file = made(make)
    best = []
    for n in range(3):  # others use this machine too
        with sk.Workbench(tmp_path / f"home {n}") as wb:
            found = lags(wb, lambda: wb.open_export(file))
            assert wb.verify().ok
        best.append(found[int(len(found) * 0.99)])
        print(
            f"{make.__name__}: p99 {best[-1] * 1e3:.1f} ms of {len(found):,}, at most"
            f" {found[-1] * 1e3:.0f} ms"
        )
        if best[-1] <= MOST_LAG:
            break
    assert min(best) <= MOST_LAG


def test_a_run_of_the_owner_goes_on_and_keeps_its_lease_while_a_file_is_opened(
    tmp_path: Path, made: Made
) -> None:
    file = made(many_events)
    stop = threading.Event()

    def work(n: int) -> int:
        time.sleep(0.002)
        return n

    @sk.workflow(name="test:steady")
    async def steady(ctx: sk.Context) -> int:
        n = 0
        while not stop.is_set():
            n = await ctx.step(work, n + 1)
        return n

    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.start(steady)
        opened = wb.open_export(file)
        stop.set()
        assert run.result(timeout=60) > 10
        assert opened.status == "completed"
        records = wb.journal.read()
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert wb.verify().ok


# -- all or nothing --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_out_of_bounds_leaves_the_home_as_it_was(
    tmp_path: Path, made: Made, kind: str
) -> None:
    big = made(REFUSED[kind])
    with sk.Workbench(tmp_path / "home") as wb:
        before, head = written(wb.home), wb.journal.head()
        with pytest.raises(sk.ParseError) as caught:
            wb.open_export(big)
        assert len(str(caught.value)) < 400
        assert written(wb.home) == before
        assert wb.journal.head() == head
        assert len(wb.runs) == 0


def test_a_file_that_holds_a_run_of_this_home_under_another_root_changes_nothing(
    tmp_path: Path,
) -> None:
    with sk.Workbench(tmp_path / "home") as wb:
        mine = wb.start(_nothing).id
        wb.run(mine).result()
        blob = b"a value"
        child = RunStarted(workflow="w", parent=RUN)
        records = [
            Record(Seq(1), RUN, AT, STARTED.kind, STARTED.body()),
            Record(Seq(2), RunId(mine), AT, child.kind, child.body()),
        ]
        records.append(Record(Seq(3), RUN, AT, "step_completed", value(blob).body()))
        run_file.write(
            tmp_path / "f.run", RUN, records, [(sha256(blob).hexdigest(), blob)], [], "0.1.0"
        )
        before = written(wb.home)
        with pytest.raises(sk.Refused, match="in this home already"):
            wb.open_export(tmp_path / "f.run")
        assert written(wb.home) == before


@sk.workflow(name="test:nothing")
async def _nothing(ctx: sk.Context) -> int:
    return 1
