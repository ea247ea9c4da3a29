"""The part of the conformance suite about writing, reading and telling."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence

from sentient_kernel.events import ApprovalDecided, Record, RunCompleted, StepCompleted, StepStarted
from sentient_kernel.ids import ApprovalId, RunId, Seq, StepKey
from sentient_kernel.redaction import hold
from sentient_kernel.testing.journal_conformance import (
    A,
    B,
    Open,
    bound,
    note,
    on_a_loop,
    said,
    started,
)


class WritingConformance:
    """What is written is read, and told, as it was written, whoever else writes."""

    # -- what counts here --------------------------------------------------------------------------

    @on_a_loop
    async def test_what_is_written_here_counts_wherever_it_is_read(
        self, open_journal: Open
    ) -> None:
        first, second = open_journal(), open_journal()
        told, heard = bound(first), bound(second)
        await first.append(A, [started(), note("one")])
        await second.append(
            A, [ApprovalDecided(approval=ApprovalId("a"), decision="approve")], full=True
        )
        first.poll()
        second.poll()
        assert {
            record.origin
            for record in (*told, *heard, *first.read(), *second.read(), *open_journal().read())
        } == {""}
        assert told == heard == first.read()
        assert first.verify().foreign == 0

    @on_a_loop
    async def test_what_was_adopted_comes_from_a_file_for_ever(self, open_journal: Open) -> None:
        journal, other = open_journal(), open_journal()
        told, heard = bound(journal), bound(other)
        decided = ApprovalDecided(approval=ApprovalId("a"), decision="approve", by="somebody")
        await journal.append(B, [started()])
        facts = (started(approve={"default": "auto"}), decided)
        await journal.adopt(
            lambda first: [Record(Seq(0), A, 7, fact.kind, fact.body()) for fact in facts]
        )
        await journal.append(A, [note("of here")])
        other.poll()
        origins = ["", "file", "file", ""]
        for records in (told, heard, journal.read(), open_journal().read()):
            assert [record.origin for record in records] == origins
        assert [record.origin for record in journal.read(run=A, kinds=["approval_decided"])] == [
            "file"
        ]
        assert (journal.verify().ok, journal.verify().foreign) == (True, 2)

    # -- what is written is read -------------------------------------------------------------------

    @on_a_loop
    async def test_known_secrets_are_neither_written_nor_told(self, open_journal: Open) -> None:
        hold("conformance-9fK2-secret", "A_KEY")
        journal = open_journal()
        told = bound(journal)
        journal.post(A, note("with conformance-9fK2-secret"))
        await journal.append(A, [note("and conformance-9fK2-secret")])
        assert said(journal.read()) == said(told) == ["with [hidden:A_KEY]", "and [hidden:A_KEY]"]

    @on_a_loop
    async def test_posted_event_is_written_before_what_is_appended_later(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        bound(journal)
        journal.post(A, note("first"))
        journal.post(B, note("second"))
        await journal.append(A, [note("third")])
        journal.post(A, note("fourth"))
        await journal.append(A, [note("fifth")], full=True)
        assert said(journal.read()) == ["first", "second", "third", "fourth", "fifth"]

    @on_a_loop
    async def test_posted_event_is_written_though_nothing_follows(self, open_journal: Open) -> None:
        journal = open_journal()
        told = bound(journal)
        journal.post(A, note("alone"))
        while not told:
            await asyncio.sleep(0)
        assert said(journal.read()) == ["alone"]

    @on_a_loop
    async def test_confirmed_and_unconfirmed_writes_keep_the_order_they_came_in(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        told = bound(journal)
        waiting = []
        for n in range(120):
            waiting.append(journal.append(A, [note(f"{n}")], full=n % 7 == 0))
            if n % 5 == 0:
                await asyncio.sleep(0)
        assert await asyncio.gather(*waiting) == list(range(1, 121))
        assert said(journal.read()) == said(told) == [f"{n}" for n in range(120)]

    @on_a_loop
    async def test_many_writers_at_once_are_all_written(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)

        async def write(n: int) -> None:
            key = StepKey(f"{n}")
            journal.post(A, StepStarted(key=key, name="work"))
            await asyncio.sleep(n % 5 / 1000)
            await journal.append(A, [StepCompleted(key=key, result=n)])

        await asyncio.gather(*(write(n) for n in range(300)))
        records = journal.read(run=A)
        assert len(records) == 600
        assert sorted(
            record.event.result for record in records if record.kind == "step_completed"
        ) == list(range(300))

    @on_a_loop
    async def test_big_event_is_read_back_whole(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        await journal.append(A, [note("x" * 3_000_000)])
        assert said(journal.read()) == ["x" * 3_000_000]

    @on_a_loop
    async def test_read_returns_what_matches_run_kinds_place_and_limit(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        bound(journal)
        chance = random.Random(7)
        runs = [RunId(f"run-{n}") for n in range(9)]
        for _ in range(700):
            event = chance.choice(
                [
                    note("n"),
                    StepStarted(key=StepKey("k"), name="s"),
                    StepCompleted(key=StepKey("k")),
                ]
            )
            journal.post(chance.choice(runs), event)
        await journal.append(runs[0], [RunCompleted()])
        everything = journal.read()
        assert len(everything) == 701
        for _ in range(200):
            of = chance.choice([None, *runs, RunId("nobody")])
            kinds = chance.choice(
                [None, ["step_started"], ["step_started", "run_completed"], ["run_failed"], []]
            )
            after, limit = (
                Seq(chance.choice([0, chance.randrange(720)])),
                chance.choice([None, 0, 1, 50]),
            )
            wanted = [
                r
                for r in everything
                if of in (None, r.run) and (kinds is None or r.kind in kinds) and r.seq > after
            ][:limit]
            assert journal.read(run=of, kinds=kinds, after=after, limit=limit) == wanted

    @on_a_loop
    async def test_reading_on_other_threads_goes_on_while_the_loop_writes(
        self, open_journal: Open
    ) -> None:
        journal = open_journal()
        bound(journal)
        stop = threading.Event()
        problems: list[list[Record]] = []

        def read() -> None:
            seen = 0
            while not stop.is_set():
                records = journal.read(after=Seq(seen), limit=50)
                if [record.seq for record in records] != list(
                    range(seen + 1, seen + 1 + len(records))
                ):
                    problems.append(records)
                seen += len(records)

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for n in range(80):
            await journal.append(A, [note(f"{n}")])
        stop.set()
        for thread in threads:
            thread.join()
        assert not problems

    @on_a_loop
    async def test_runs_are_listed_by_what_their_first_event_says(self, open_journal: Open) -> None:
        journal = open_journal()
        bound(journal)
        journal.post(RunId(""), note("the workbench itself"))
        await journal.append(A, [started(name="weekly", session="s1", user="ada")])
        await journal.append(
            B, [started(workflow="part", parent=A, session="s1", user="bob"), note("b")]
        )
        await journal.append(A, [note("a")])
        first, second = journal.runs()
        assert first[:6] == (A, "weekly", "compare", None, "s1", "ada")
        assert (first.first, first.last, second.first, second.last) == (2, 5, 3, 4)
        assert (second.run, second.name, second.parent) == (B, "", A)
        assert [row.run for row in journal.runs(name="weekly")] == [A]
        assert [row.run for row in journal.runs(parent=A)] == [B]
        assert [row.run for row in journal.runs(session="s1", user="bob")] == [B]
        assert [row.run for row in journal.runs(run=B)] == [B]
        assert journal.runs(name="other") == []

    # -- who is told -------------------------------------------------------------------------------

    @on_a_loop
    async def test_on_commit_that_raises_costs_nobody_a_write(self, open_journal: Open) -> None:
        journal = open_journal()
        complaints: list[Exception] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(context["exception"])
        )

        def fail(records: Sequence[Record]) -> None:
            raise ValueError("no")

        journal.bind(asyncio.get_running_loop(), fail)
        assert await journal.append(A, [note("one")]) == 1
        assert await journal.append(A, [note("two")]) == 2
        assert [str(complaint) for complaint in complaints] == ["no", "no"]

    @on_a_loop
    async def test_on_commit_may_write(self, open_journal: Open) -> None:
        journal = open_journal()
        told: list[Record] = []

        def answer(records: Sequence[Record]) -> None:
            told.extend(records)
            for record in records:
                if record.run == A:
                    journal.post(B, note(f"about {record.seq}"))

        journal.bind(asyncio.get_running_loop(), answer)
        for n in range(20):
            await journal.append(A, [note(f"{n}")])
        while len(told) < 40:
            await asyncio.sleep(0)
        assert [record.seq for record in told] == list(range(1, 41))
        assert told == journal.read()

    @on_a_loop
    async def test_two_kernels_writing_at_once_lose_nothing(self, open_journal: Open) -> None:
        ours, theirs = open_journal(), open_journal()
        bound(ours)
        bound(theirs)
        done = await asyncio.gather(
            *(
                j.append(A, [note(f"{n}")], full=n % 9 == 0)
                for n in range(150)
                for j in (ours, theirs)
            )
        )
        assert sorted(done) == list(range(1, 301))
        assert sorted(said(ours.read())) == sorted(f"{n}" for n in range(150) for _ in range(2))
        assert ours.verify().ok
