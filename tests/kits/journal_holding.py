"""The part of the conformance suite about refusals, leases, blobs and the end."""

from __future__ import annotations

import asyncio

from sentient_kernel.errors import DuplicateKey, LeaseLost, UsageError
from sentient_kernel.events import Heartbeat, RunCompleted, Written
from sentient_kernel.ids import Seq
from sentient_kernel.journal.base import Lease
from sentient_kernel.testing.clock import FakeClock
from sentient_kernel.testing.journal_conformance import (
    A,
    B,
    Open,
    bound,
    note,
    on_a_loop,
    refused,
    said,
    started,
)


class HoldingConformance:
    """What may happen once happens once, a run has one holder, and a refusal says so."""

    # -- keys --------------------------------------------------------------------------------------

    @on_a_loop
    async def test_of_all_who_write_with_a_key_at_once_one_wins(self, open_journal: Open) -> None:
        journals = [open_journal() for _ in range(3)]
        for journal in journals:
            bound(journal)
        for n in range(20):
            tries = [
                journal.append(A, [note(f"{n}")], unique=f"key {n}", full=n % 2 == 0)
                for journal in journals
                for _ in range(3)
            ]
            results = await asyncio.gather(*tries, return_exceptions=True)
            seqs = [result for result in results if isinstance(result, int)]
            assert len(seqs) == 1
            assert {error.seq for error in results if isinstance(error, DuplicateKey)} == set(seqs)
        assert said(journals[0].read()) == [f"{n}" for n in range(20)]

    @on_a_loop
    async def test_refused_write_does_not_hinder_those_beside_it(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        stale = Lease(B, "somebody", 7)
        results = await asyncio.gather(
            journal.append(A, [note("one")], unique="k"),
            journal.append(A, [note("two")], unique="k"),
            journal.append(B, [note("three")], lease=stale),
            journal.append(A, [note("four")]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [int, DuplicateKey, LeaseLost, int]
        assert said(journal.read()) == ["one", "four"]
        assert [record.seq for record in journal.read()] == [1, 2]

    # -- leases ------------------------------------------------------------------------------------

    @on_a_loop
    async def test_lease_that_is_prolonged_is_kept(self, open_journal: Open) -> None:
        clock = FakeClock()
        ours, theirs = open_journal(clock=clock), open_journal(clock=clock)
        bound(ours)
        bound(theirs)
        mine = ours.acquire(A, ttl=30)
        assert mine is not None
        for _ in range(5):
            clock.advance(20)
            assert ours.renew([mine], ttl=30) == []
            assert theirs.acquire(A, ttl=30) is None
        clock.advance(31)
        assert not theirs.leases()[A].alive

    @on_a_loop
    async def test_lease_of_a_kernel_that_was_closed_is_free(self, open_journal: Open) -> None:
        ours, theirs = open_journal(), open_journal()
        bound(ours)
        bound(theirs)
        assert ours.acquire(A, ttl=30) is not None
        ours.close()
        assert theirs.acquire(A, ttl=30) is not None

    @on_a_loop
    async def test_holder_may_take_its_own_lease_anew(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        first, second = journal.acquire(A, ttl=30), journal.acquire(A, ttl=30)
        assert first is not None
        assert second is not None
        await journal.append(A, [started()], lease=second)
        with refused(LeaseLost):
            await journal.append(A, [note("older")], lease=first)

    @on_a_loop
    async def test_new_run_begins_with_its_lease_and_gives_it_back_with_its_end(
        self, open_journal: Open
    ) -> None:
        ours, theirs = open_journal(), open_journal()
        bound(ours)
        bound(theirs)
        lease, first = ours.begin(A, started(), ttl=30, unique="name")
        assert await first == 1
        assert theirs.leases()[A][1:] == (lease.holder, lease.token, True)
        assert theirs.acquire(A, ttl=30) is None
        assert await ours.append(A, [note("working")], lease=lease) == 2
        await ours.append(A, [RunCompleted()], lease=lease)
        assert theirs.leases() == {}
        with refused(LeaseLost):
            await ours.append(A, [note("after the end")], lease=lease)
        again = theirs.acquire(A, ttl=30)
        assert again is not None
        assert again.token > lease.token

    @on_a_loop
    async def test_run_that_may_not_begin_leaves_no_lease(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        await journal.begin(A, started(), ttl=30, unique="name")[1]
        with refused(DuplicateKey):
            await journal.begin(B, started(), ttl=30, unique="name")[1]
        assert set(journal.leases()) == {A}
        results = await asyncio.gather(
            journal.begin(A, started(), ttl=30)[1],
            journal.append(B, [note("beside it")]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [LeaseLost, int]
        assert [row.run for row in journal.runs()] == [A]

    # -- refusals, blobs, the end ------------------------------------------------------------------

    @on_a_loop
    async def test_events_that_are_only_sent_and_kinds_that_are_unknown_are_refused(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        bound(journal)
        with refused(UsageError):
            await journal.append(A, [Heartbeat()])
        with refused(UsageError):
            journal.post(A, Written("no_such_thing", b"{}"))
        assert journal.head() == 0

    @on_a_loop
    async def test_writing_from_elsewhere_than_its_loop_is_refused(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        with refused(UsageError):
            journal.append(A, [note("before it was bound")])
        bound(journal)
        for call in (
            lambda: journal.append(A, [note("x")]),
            lambda: journal.post(A, note("x")),
            lambda: journal.acquire(A, ttl=30),
        ):
            with refused(UsageError):
                await asyncio.to_thread(call)
        assert journal.head() == 0

    @on_a_loop
    async def test_caller_that_stops_waiting_changes_nothing(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        waiting = [journal.append(A, [note(f"{n}")], full=True) for n in range(3)]
        waiting[1].cancel()
        assert await waiting[2] == 3
        assert said(journal.read()) == ["0", "1", "2"]

    def test_empty_journal_is_empty(self, open_journal: Open) -> None:
        journal = open_journal()
        assert journal.head() == 0
        assert (
            journal.read()
            == journal.read(run=A)
            == journal.read(kinds=["run_started"], after=Seq(5))
            == []
        )
        assert journal.runs() == []
        assert journal.leases() == {}
