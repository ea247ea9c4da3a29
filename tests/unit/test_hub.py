"""Each subscriber gets each record once, in order, whatever the others do; who is late is told and
reads on from the journal.
"""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from journal_kit import RUN, note

from sentient_kernel.events import Record, RunStarted, SubscriberLagged, TextStreamed
from sentient_kernel.ids import RunId, Seq, StepKey
from sentient_kernel.journal import Hub, SqliteJournal, Subscriber

Main = Callable[[SqliteJournal, Hub], Coroutine[Any, Any, None]]


def with_hub(path: Path, main: Main, **options: Any) -> None:
    """Opens a journal with a hub and runs a coroutine with both; afterwards nobody may be left."""

    async def inside() -> None:
        with SqliteJournal(path / "journal.db") as journal:
            hub = Hub(journal, **options)
            journal.bind(asyncio.get_running_loop(), hub.publish)
            async with asyncio.timeout(30):
                await main(journal, hub)
            gc.collect()
            assert len(hub) == 0
            hub.close()

    asyncio.run(inside())


async def take(subscriber: Subscriber, count: int) -> list[Record]:
    """Takes so many stored records; leaves out what was only sent."""
    taken: list[Record] = []
    while len(taken) < count:
        taken += [record for record in await anext(subscriber) if record.seq]
    return taken


def seqs(records: Sequence[Record]) -> list[int]:
    return [record.seq for record in records]


def stored(records: Sequence[Record]) -> list[int]:
    return [record.seq for record in records if record.seq]


async def write(journal: SqliteJournal, count: int, run: RunId = RUN) -> None:
    for n in range(count):
        journal.post(run, note(f"{n}"))
        if n % 7 == 0:
            await asyncio.sleep(0)
    await journal.append(run, [note("last")])


def test_subscriber_gets_what_is_written_from_now_on(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        await write(journal, 3)
        async with hub.subscribe() as subscriber:
            waiting = asyncio.create_task(take(subscriber, 5))
            await asyncio.sleep(0)
            await write(journal, 4)
            assert seqs(await waiting) == [5, 6, 7, 8, 9]

    with_hub(tmp_path, main)


@pytest.mark.parametrize("after", [0, 1, 3, 600, 601])
def test_late_subscriber_gets_everything_behind_its_place_first(tmp_path: Path, after: int) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        await write(journal, 600)
        async with hub.subscribe(after=Seq(after)) as subscriber:
            await write(journal, 9)
            assert seqs(await take(subscriber, 611 - after)) == list(range(after + 1, 612))

    with_hub(tmp_path, main)


def test_late_subscriber_of_a_journal_that_was_opened_again_reads_the_journal(
    tmp_path: Path,
) -> None:
    with_hub(tmp_path, lambda journal, hub: write(journal, 700))

    async def main(journal: SqliteJournal, hub: Hub) -> None:
        async with (
            hub.subscribe(after=Seq(0)) as early,
            hub.subscribe(after=Seq(650)) as late,
            hub.subscribe() as now,
        ):
            await write(journal, 9)
            assert seqs(await take(early, 711)) == list(range(1, 712))
            assert seqs(await take(late, 61)) == list(range(651, 712))
            assert seqs(await take(now, 10)) == list(range(702, 712))

    with_hub(tmp_path, main)


def test_place_beyond_the_end_is_taken_for_the_end(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        await write(journal, 3)
        async with hub.subscribe(after=Seq(10_000)) as subscriber:
            await write(journal, 3)
            assert seqs(await take(subscriber, 4)) == [5, 6, 7, 8]

    with_hub(tmp_path, main)


def test_slow_subscriber_is_told_and_reads_on_from_the_journal(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        async with hub.subscribe() as slow, hub.subscribe() as quick:
            await write(journal, 5)
            assert seqs(await take(slow, 6)) == list(range(1, 7))
            following = asyncio.create_task(take(quick, 1_007))
            await write(journal, 1_000)
            (told,) = await anext(slow)
            assert told.event == SubscriberLagged(after=Seq(6), head=Seq(1_007))
            assert told.seq == 0
            assert seqs(await take(slow, 1_001)) == list(range(7, 1_008))
            assert seqs(await following) == list(range(1, 1_008))
            await write(journal, 2)
            assert seqs(await take(slow, 3)) == [1_008, 1_009, 1_010]

    with_hub(tmp_path, main, capacity=64)


def test_bytes_are_bounded_as_well_as_records(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        async with hub.subscribe() as stuck:
            for _ in range(40):
                await journal.append(RUN, [note("x" * 10_000)])
            assert hub.ring.bytes <= 100_000 + 11_000
            assert (await anext(stuck))[0].kind == "subscriber_lagged"
            assert seqs(await take(stuck, 40)) == list(range(1, 41))

    with_hub(tmp_path, main, max_bytes=100_000)


def test_subscriber_follows_its_run_and_its_kinds_only(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        other = RunId("other")
        starts_only = ["run_started"]
        of_run, starts, both = (
            hub.subscribe(run=RUN),
            hub.subscribe(kinds=starts_only),
            hub.subscribe(run=RUN, kinds=starts_only),
        )
        async with of_run, starts, both:
            for run in (other, RUN, other, RUN):
                await journal.append(run, [RunStarted(workflow="w"), note()])
            assert seqs(await take(of_run, 4)) == [3, 4, 7, 8]
            assert seqs(await take(starts, 4)) == [1, 3, 5, 7]
            assert seqs(await take(both, 2)) == [3, 7]

    with_hub(tmp_path, main)


def test_subscriber_of_a_quiet_run_is_not_taken_for_slow(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        async with hub.subscribe(run=RUN) as subscriber:
            waiting = asyncio.create_task(anext(subscriber))
            await asyncio.sleep(0)
            await write(journal, 500, RunId("loud"))
            await journal.append(RUN, [note("at last")])
            (record,) = await waiting
            assert record.event.message == "at last"

    with_hub(tmp_path, main, capacity=64)


def test_subscriber_follows_a_session_a_user_or_a_research_with_all_it_began(
    tmp_path: Path,
) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        root, child, grandchild, stranger = (
            RunId(name) for name in ("root", "child", "grandchild", "stranger")
        )
        await journal.append(root, [RunStarted(workflow="research", session="s1", user="ada")])
        topics = {"session": "s1", "user": "bob", "research": root}
        subscribers = {name: hub.subscribe(**{name: value}) for name, value in topics.items()}  # type: ignore[arg-type]
        await journal.append(
            child, [RunStarted(workflow="part", parent=root, session="s1", user="bob")]
        )
        await journal.append(stranger, [RunStarted(workflow="w", session="s2", user="bob")])
        await journal.append(
            grandchild, [RunStarted(workflow="part", parent=child, session="s3", user="eve")]
        )
        for run in (root, child, grandchild, stranger):
            await journal.append(run, [note(run)])
        expected = {
            "session": ["child", "root", "child"],
            "user": ["child", "stranger", "child", "stranger"],
            "research": ["child", "grandchild", "root", "child", "grandchild"],
        }
        for name, subscriber in subscribers.items():
            assert [
                record.run for record in await take(subscriber, len(expected[name]))
            ] == expected[name]
            subscriber.close()

    with_hub(tmp_path, main)


def test_events_that_are_only_sent_reach_those_who_follow_now(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        async with hub.subscribe(run=RUN) as subscriber, hub.subscribe() as all_:
            hub.send(TextStreamed(key=StepKey("k"), text="he"), RUN)
            hub.send(TextStreamed(key=StepKey("k"), text="llo", offset=2), RUN)
            await journal.append(RUN, [note("stored")])
            records = await anext(subscriber)
            assert [record.kind for record in records] == [
                "text_streamed",
                "text_streamed",
                "progress_updated",
            ]
            assert seqs(records) == [0, 0, 1]
            assert await anext(all_) == records
        async with hub.subscribe(run=RUN, after=Seq(0)) as late:
            assert seqs(await anext(late)) == [1]
        assert seqs(journal.read()) == [1]

    with_hub(tmp_path, main)


def test_greeting_comes_first(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        await write(journal, 4)
        async with hub.subscribe(greet=True, after=Seq(2)) as subscriber:
            (hello,) = await anext(subscriber)
            assert (hello.seq, hello.kind, hello.event.after) == (0, "subscriber_connected", 2)
            assert seqs(await take(subscriber, 3)) == [3, 4, 5]

    with_hub(tmp_path, main)


def test_waiting_that_is_given_up_loses_nothing_and_leaves_nobody_in_line(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        chance = random.Random(4)
        for run in (None, RUN):
            first = journal.head()
            async with hub.subscribe(run=run) as subscriber:
                taken: list[Record] = []
                writing = asyncio.create_task(write(journal, 300))
                while len(taken) < 301:
                    task = asyncio.create_task(anext(subscriber))
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    task.cancel()
                    try:
                        taken += await task
                    except asyncio.CancelledError:
                        pass
                    if writing.done():
                        taken += await take(subscriber, 301 - len(taken))
                await writing
                assert seqs(taken) == list(range(first + 1, first + 302))
            assert not any(hub.lines.values())

    with_hub(tmp_path, main)


def test_closing_ends_the_iteration(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        for run in (None, RUN):
            subscriber = hub.subscribe(run=run)
            waiting = asyncio.create_task(anext(subscriber, None))
            await asyncio.sleep(0)
            subscriber.close()
            assert await waiting is None
            assert [batch async for batch in subscriber] == []

    with_hub(tmp_path, main)


def test_hub_that_closes_hands_out_what_was_published_and_ends_all(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        subscribers = [hub.subscribe(), hub.subscribe(run=RUN), hub.subscribe(run=RunId("quiet"))]
        tasks = [asyncio.create_task(collect(subscriber)) for subscriber in subscribers]
        await asyncio.sleep(0)
        await write(journal, 3)
        hub.close()
        assert [seqs(await task) for task in tasks] == [[1, 2, 3, 4], [1, 2, 3, 4], []]

    async def collect(subscriber: Subscriber) -> list[Record]:
        async with subscriber:
            return [record async for batch in subscriber for record in batch]

    with_hub(tmp_path, main)


def test_subscribers_on_other_loops_get_the_same(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        results: dict[int, list[int]] = {}
        ready = threading.Barrier(4)

        def follow(n: int) -> None:
            async def inside() -> None:
                async with hub.subscribe(run=RUN if n == 1 else None) as subscriber:
                    ready.wait()
                    results[n] = seqs(await take(subscriber, 801))

            asyncio.run(inside())

        threads = [threading.Thread(target=follow, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(ready.wait)
        await write(journal, 800)
        for thread in threads:
            await asyncio.to_thread(thread.join)
        assert results == {n: list(range(1, 802)) for n in range(3)}

    with_hub(tmp_path, main, capacity=128)


# -- wake-ups --------------------------------------------------------------------------------------


def test_news_wakes_who_looks_at_all_and_who_looks_at_that_run(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        woken: list[str] = []
        ends = [
            hub.on_news(lambda: woken.append("all")),
            hub.on_news(lambda: woken.append("run"), RUN),
        ]
        await journal.append(RunId("other"), [note()])
        assert woken == ["all"]
        await journal.append(RUN, [note()])
        assert woken == ["all", "all", "run"]
        hub.send(TextStreamed(key=StepKey("k"), text="he"), RUN)
        assert woken == ["all", "all", "run", "all", "run"]
        assert len(hub) == 2
        for end in [*ends, *ends]:
            end()
        await journal.append(RUN, [note()])
        assert len(woken) == 5

    with_hub(tmp_path, main)


def test_news_can_be_read_as_soon_as_it_wakes(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        heads: list[int] = []
        end = hub.on_news(lambda: heads.append(journal.head()))
        for _ in range(3):
            await journal.append(RUN, [note()])
        assert heads == [1, 2, 3]
        end()

    with_hub(tmp_path, main)


def test_news_of_another_process_wakes_too(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        woken: list[int] = []
        end = hub.on_news(lambda: woken.append(journal.head()), RUN)

        async def elsewhere() -> None:
            with SqliteJournal(tmp_path / "journal.db") as other:
                other.bind(asyncio.get_running_loop(), lambda records: None)
                await other.append(RUN, [note()])

        await asyncio.to_thread(asyncio.run, elsewhere())
        assert woken == []
        journal.poll()
        assert woken == [1]
        end()

    with_hub(tmp_path, main)


def test_on_every_path_at_once_nothing_is_lost_doubled_or_out_of_order(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal, hub: Hub) -> None:
        runs = [RunId(f"run-{n}") for n in range(4)]
        done = asyncio.Event()

        async def follow(n: int) -> None:
            mine = random.Random(n)
            topic: dict[str, Any] = mine.choice(
                [{}, {"run": mine.choice(runs)}, {"kinds": ["progress_updated"]}, {"session": ""}]
            )
            async with hub.subscribe(after=Seq(0), **topic) as subscriber:
                got: list[Record] = []
                wanted = (
                    [r for r in everything if topic.get("run") in (None, r.run)]
                    if done.is_set()
                    else None
                )
                while wanted is None or len(got) < len(wanted):
                    for _ in range(mine.choice([0, 0, 1, 40])):
                        await asyncio.sleep(0)
                    got += [record for record in await anext(subscriber) if record.seq]
                    if wanted is None and done.is_set():
                        wanted = [r for r in everything if topic.get("run") in (None, r.run)]
                assert got == wanted

        everything: list[Record] = []
        chance = random.Random(9)
        tasks = [asyncio.create_task(follow(n)) for n in range(12)]
        for n in range(900):
            journal.post(chance.choice(runs), note(f"{n}"))
            if chance.random() < 0.2:
                await asyncio.sleep(0)
        for run in runs:
            await journal.append(run, [note("end")])
        everything += journal.read()
        done.set()
        for run in runs:  # wakes those who had everything before they knew that it was all
            hub.send(TextStreamed(key=StepKey("k")), run)
        await asyncio.gather(*tasks)

    with_hub(tmp_path, main, capacity=50)
