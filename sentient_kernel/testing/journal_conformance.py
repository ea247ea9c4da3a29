"""What every journal store promises, as tests that any store can be put through.

A store's own tests make a class of these and say how it is opened; pytest does the rest::

    class TestMyStore(JournalConformance):
        @pytest.fixture
        def open_journal(self, tmp_path):
            with ExitStack() as opened:
                yield lambda clock=None: opened.enter_context(closing(MyJournal(tmp_path / "store",
                    clock=clock)))

Each call of ``open_journal`` opens the *same* store once more, as another kernel would. A test for
each large promise; the tests of this package put its own stores through more (``tests/kits``).
"""

# ruff: noqa: S101, S311 - tests assert, and chance only mixes them

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from sentient_kernel.errors import DuplicateKey, JournalUnusable, LeaseLost, NotFound
from sentient_kernel.events import ProgressUpdated, Record, RunCompleted, RunStarted, Written
from sentient_kernel.ids import BlobId, RunId
from sentient_kernel.journal.base import Journal
from sentient_kernel.testing.clock import FakeClock

Open = Callable[..., Journal]

A, B = RunId("0190c0de-0000-7000-8000-00000000000a"), RunId("0190c0de-0000-7000-8000-00000000000b")


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Runs a test on an event loop of its own."""

    @wraps(test)
    def run(*args: Any, **given: Any) -> None:
        asyncio.run(test(*args, **given))

    return run


def bound(journal: Journal) -> list[Record]:
    """Binds a journal to the running loop and returns the list that its records come to."""
    told: list[Record] = []
    journal.bind(asyncio.get_running_loop(), told.extend)
    return told


def started(**fields: Any) -> RunStarted:
    """Returns an event that begins a run."""
    return RunStarted(**{"workflow": "compare", **fields})


def note(text: str) -> ProgressUpdated:
    """Returns an event that says something."""
    return ProgressUpdated(message=text)


def said(records: Sequence[Record]) -> list[str]:
    """Returns what the notes among records say."""
    return [record.event.message for record in records if record.kind == "progress_updated"]


@contextmanager
def refused(error: type[BaseException]) -> Iterator[list[Any]]:
    """Expects an error, and hands it out in a list."""
    caught: list[Any] = []
    try:
        yield caught
    except error as found:
        caught.append(found)
    assert caught, f"{error.__name__} was expected"


class JournalConformance:
    """The promises of :class:`sentient_kernel.journal.base.Journal`."""

    @on_a_loop
    async def test_appended_events_are_read_back_in_order_as_they_were(
        self, open_journal: Open
    ) -> None:
        journal = open_journal(clock=FakeClock(now_us=1_700_000_000_123_456))
        bound(journal)
        events = [
            started(inputs={"topic": "Fjord \u00e6\u00f8\u00e5 \U0001f409 \u0000 \u2028"}),
            note("one"),
            note("two"),
        ]
        assert await journal.append(A, events) == 3
        records = journal.read()
        assert [record.seq for record in records] == [1, 2, 3]
        assert [record.event for record in records] == events
        assert {(record.run, record.at) for record in records} == {(A, 1_700_000_000_123_456)}
        assert all(isinstance(record.body, bytes) for record in records)

    @on_a_loop
    async def test_journal_opened_again_holds_what_was_written(self, open_journal: Open) -> None:
        first = open_journal()
        bound(first)
        await first.append(A, [started(), Written("run_completed", RunCompleted(result=1).body())])
        first.close()
        again = open_journal()
        assert [record.kind for record in again.read()] == ["run_started", "run_completed"]
        assert again.head() == 2
        bound(again)
        assert await again.append(A, [note("more")]) == 3

    @on_a_loop
    async def test_on_commit_is_told_of_each_record_once_in_order_before_its_append_is_done(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        told = bound(journal)
        for n in range(50):
            journal.post(B, note(f"posted {n}"))
            seq = await journal.append(A, [note(f"{n}")], full=n % 10 == 0)
            assert told[-1].seq == seq
        assert told == journal.read()

    @on_a_loop
    async def test_writes_of_another_kernel_are_handed_over_once_in_order_with_our_own(
        self, open_journal: Open
    ) -> None:
        ours, theirs = open_journal(), open_journal()
        told, told_them = bound(ours), bound(theirs)
        chance = random.Random(3)
        for n in range(200):
            await chance.choice([ours, theirs]).append(
                chance.choice([A, B]), [note(f"{n}")], full=n % 40 == 0
            )
            if n % 3 == 0:
                ours.poll()
        for journal in (ours, theirs):
            journal.poll()
            journal.poll()
        assert [record.seq for record in told] == list(range(1, 201))
        assert told == told_them == ours.read()

    @on_a_loop
    async def test_second_write_with_a_key_is_refused_and_told_who_was_first(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        bound(journal)
        await journal.append(B, [note("before")])
        assert await journal.append(A, [note("first"), note("and more")], unique="answer") == 3
        with refused(DuplicateKey) as errors:
            await journal.append(A, [note("second")], unique="answer")
        assert errors[0].seq == 3
        assert said(journal.read()) == ["before", "first", "and more"]

    @on_a_loop
    async def test_run_is_held_by_one_until_it_is_given_back(self, open_journal: Open) -> None:
        ours, theirs = open_journal(), open_journal()
        bound(ours)
        bound(theirs)
        mine = ours.acquire(A, ttl=30)
        assert mine is not None
        assert theirs.acquire(A, ttl=30) is None
        assert theirs.acquire(B, ttl=30) is not None
        info = theirs.leases()[A]
        assert (info.run, info.holder, info.token, info.alive) == (
            A,
            mine.holder,
            mine.token,
            True,
        )
        assert set(ours.leases([B, RunId("other")])) == {B}
        ours.release(mine)
        assert A not in ours.leases()
        after = theirs.acquire(A, ttl=30)
        assert after is not None
        assert after.token > mine.token

    @on_a_loop
    async def test_write_with_an_older_lease_is_refused(self, open_journal: Open) -> None:
        clock = FakeClock()
        ours, theirs = open_journal(clock=clock), open_journal(clock=clock)
        bound(ours)
        bound(theirs)
        mine = ours.acquire(A, ttl=30)
        assert mine is not None
        await ours.append(A, [note("mine")], lease=mine)
        clock.advance(31)
        new = theirs.acquire(A, ttl=30)
        assert new is not None
        assert new.token > mine.token
        await theirs.append(A, [note("theirs")], lease=new)
        ours.post(A, note("posted too late"), lease=mine)
        with refused(LeaseLost):
            await ours.append(A, [note("too late")], lease=mine)
        with refused(LeaseLost):
            await ours.append(A, [note("too late")], lease=mine, full=True)
        await ours.append(B, [note("another run is not concerned")])
        assert said(ours.read()) == ["mine", "theirs", "another run is not concerned"]
        assert ours.renew([mine], ttl=30) == [mine]
        assert theirs.renew([new], ttl=30) == []

    @on_a_loop
    async def test_close_writes_what_waits_and_refuses_what_comes_later(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        bound(journal)
        first = journal.append(A, [note("one")], full=True)
        journal.post(A, note("two"))
        journal.close()
        journal.close()
        assert await first == 1
        for call in (
            lambda: journal.append(A, [note("x")]),
            journal.read,
            journal.head,
            journal.verify,
            journal.runs,
        ):
            with refused(JournalUnusable):
                call()
        assert said(open_journal().read()) == ["one", "two"]

    @on_a_loop
    async def test_sound_journal_passes_its_check(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        assert journal.verify().ok
        for n in range(40):
            journal.post(RunId(f"run-{n % 3}"), note(f"{n}"))
        await journal.append(A, [started()])
        for full in (True, False):
            verdict = journal.verify(full=full)
            assert verdict.ok
            assert verdict.head == 41
        assert journal.verify().rows == 41

    def test_blob_is_returned_as_it_was_put(self, open_journal: Open) -> None:
        journal = open_journal()
        data = os.urandom(100_000)
        blob = journal.blobs.put(data)
        assert journal.blobs.put(data) == blob
        assert journal.blobs.get(blob) == data
        assert open_journal().blobs.get(blob) == data
        assert journal.blobs.get(journal.blobs.put(b"")) == b""
        for unknown in (BlobId("0" * 64), BlobId("../../etc/passwd"), BlobId("")):
            with refused(NotFound):
                journal.blobs.get(unknown)
