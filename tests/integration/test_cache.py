"""The cache under load and under fire: loops, threads, processes, clocks, full disks, broken files,
kill -9.
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import pytest

from sentient_kernel.cache import Cache, CacheStats, Hit, Key
from sentient_kernel.cache import store as store_module
from sentient_kernel.errors import NotRecorded, ParseError, SourceError, UsageError
from sentient_kernel.files import rebuildable
from sentient_kernel.files.rebuildable import RebuildableFile
from sentient_kernel.files.sqlite import hint, why
from sentient_kernel.testing import FakeClock

HOUR, DAY = 3600.0, 86_400.0
KEY = Key("search", {"query": "How far do bees fly?"})
run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run


class World:
    """The outside world: counts how often it is asked, and answers when it is let."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = answers or (b"an answer",)
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self) -> bytes:
        self.asked += 1
        answer = self.answers[(self.asked - 1) % len(self.answers)]
        await self.open.wait()
        return answer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@pytest.fixture
def cache(path: Path) -> Iterator[Cache]:
    with Cache(path, clock=FakeClock()) as one:
        yield one


def clock_of(cache: Cache) -> FakeClock:
    """Returns the clock that the fixture gave."""
    clock = cache._clock
    assert isinstance(clock, FakeClock)
    return clock


def forget(cache: Cache) -> Cache:
    """Lets the memory of a cache go, so that it looks into its file."""
    cache._recent.clear()
    return cache


def checkpoint(path: Path) -> None:
    """Moves the log of a file into it."""
    db = apsw.Connection(str(path))
    db.pragma("user_version")  # it knows of the log once it has read
    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    db.close()


def value_of(n: int, size: int) -> bytes:
    """Returns an answer that says of itself whether it is whole."""
    body = random.Random(n).randbytes(size)
    return sha256(body).digest() + body


def whole(value: bytes) -> bool:
    return sha256(value[32:]).digest() == value[:32]


# -- what is served --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 31_999, 32_001, 300_000, 2_000_000])
def test_an_answer_is_served_as_it_was_given(path: Path, size: int) -> None:
    world = World(random.Random(size).randbytes(size))
    with Cache(path) as cache:
        first = run(cache.call(KEY, world))
        second = run(cache.call(KEY, world))
        third = run(forget(cache).call(KEY, world))
    with Cache(path) as again:
        fourth = run(again.call(KEY, world))
    assert first == Hit(world.answers[0], first.at, True)
    assert second == third == fourth == first._replace(fresh=False)
    assert world.asked == 1


def test_the_file_of_answers_is_nobody_elses_to_read(path: Path) -> None:
    with Cache(path) as cache:
        run(cache.call(KEY, World(b"x" * 40_000)))
        for one in (path, Path(f"{path}-wal")):
            assert one.stat().st_mode & 0o777 == 0o600


def test_eight_callers_share_one_call(cache: Cache) -> None:
    async def main() -> list[Hit]:
        world.open.clear()
        callers = [asyncio.create_task(cache.call(KEY, world)) for _ in range(8)]
        await asyncio.sleep(0)
        world.open.set()
        return await asyncio.gather(*callers)

    world = World()
    hits = run(main())
    assert world.asked == 1
    assert {hit.data for hit in hits} == {b"an answer"}
    stats = cache.stats
    assert (stats.misses, stats.joined, stats.hits, stats.stored, stats.entries) == (1, 7, 0, 1, 1)


def test_cancelling_those_who_wait_does_not_end_the_call(cache: Cache) -> None:
    async def main() -> None:
        world.open.clear()
        first, second = (asyncio.create_task(cache.call(KEY, world)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        third = asyncio.create_task(cache.call(KEY, world))
        await asyncio.sleep(0)
        world.open.set()
        assert (await second).data == (await third).data == b"an answer"

    world = World()
    run(main())
    assert world.asked == 1


def test_a_call_that_everybody_left_is_kept_all_the_same(cache: Cache) -> None:
    async def main() -> None:
        world.open.clear()
        only = asyncio.create_task(cache.call(KEY, world))
        await asyncio.sleep(0)
        only.cancel()
        world.open.set()
        while cache._flights:
            await asyncio.sleep(0)
        assert (await cache.call(KEY, world)).fresh is False

    world = World()
    run(main())
    assert world.asked == 1


def test_whoever_stops_a_loop_can_end_the_calls_that_everybody_left(cache: Cache) -> None:
    async def main() -> None:
        world.open.clear()
        only = asyncio.create_task(cache.call(KEY, world))
        await asyncio.sleep(0)
        only.cancel()
        cache.abandon()
        while cache._flights:
            await asyncio.sleep(0)
        world.open.set()
        assert (await cache.call(KEY, world)).fresh

    world = World()
    run(main())
    assert world.asked == 2


def test_a_failure_is_everybodys_and_nothing_is_kept(cache: Cache) -> None:
    asked = 0

    async def fails() -> bytes:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise SourceError("The engine is down.")

    async def main() -> list[Any]:
        return await asyncio.gather(
            *(cache.call(KEY, fails) for _ in range(8)), return_exceptions=True
        )

    errors = run(main())
    assert [str(error) for error in errors] == ["The engine is down."] * 8
    assert asked == 1
    assert cache.stats.entries == 0
    assert run(cache.call(KEY, World())).fresh


def test_a_failure_that_nobody_waited_for_is_not_complained_about(cache: Cache) -> None:
    complaints: list[Any] = []

    async def fails() -> bytes:
        await asyncio.sleep(0)
        raise SourceError("The engine is down.")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(context)
        )
        only = asyncio.create_task(cache.call(KEY, fails))
        await asyncio.sleep(0)
        only.cancel()
        while cache._flights:
            await asyncio.sleep(0)
        gc.collect()

    run(main())
    assert complaints == []


def test_a_call_that_cancels_itself_is_an_error_and_no_cancellation(cache: Cache) -> None:
    async def gives_up() -> bytes:
        raise asyncio.CancelledError

    with pytest.raises(SourceError, match="cancelled itself"):
        run(cache.call(KEY, gives_up))


def test_only_bytes_are_answers(cache: Cache) -> None:
    async def text() -> Any:
        return "text"

    with pytest.raises(UsageError, match="not str"):
        run(cache.call(KEY, text))
    assert cache.stats.entries == 0


def test_loops_of_several_threads_share_one_call(path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    asked: list[int] = []

    async def slow() -> bytes:
        asked.append(1)
        begun.set()
        await asyncio.to_thread(go.wait, 10)
        return b"an answer"

    with Cache(path) as cache:
        hits: list[Hit] = []
        threads = [
            threading.Thread(target=lambda: hits.append(run(cache.call(KEY, slow))))
            for _ in range(8)
        ]
        threads[0].start()
        assert begun.wait(10)
        for thread in threads[1:]:
            thread.start()
        while cache.stats.joined < 7:
            time.sleep(0.001)
        go.set()
        for thread in threads:
            thread.join()
    assert len(asked) == 1
    assert [hit.data for hit in hits] == [b"an answer"] * 8


def test_when_the_loop_of_a_call_ends_somebody_else_makes_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, joined = threading.Event(), threading.Event()

    async def never() -> bytes:
        begun.set()
        await asyncio.Event().wait()
        return b""

    async def leaves(cache: Cache) -> None:
        asyncio.create_task(cache.call(KEY, never))  # noqa: RUF006 - left behind on purpose
        await asyncio.to_thread(joined.wait, 10)

    with Cache(path) as cache:
        first = threading.Thread(target=lambda: run(leaves(cache)))
        first.start()
        assert begun.wait(10)
        world, hits = World(), list[Hit]()
        second = threading.Thread(target=lambda: hits.append(run(cache.call(KEY, world))))
        second.start()
        while not cache.stats.joined:
            time.sleep(0.001)
        joined.set()
        first.join()
        second.join()
    assert hits[0].data == b"an answer"


# -- how long --------------------------------------------------------------------------------------


def test_an_answer_is_served_for_its_time(cache: Cache) -> None:
    world = World(b"old", b"new")
    assert run(cache.call(KEY, world)).data == b"old"
    clock_of(cache).advance(DAY - 1)
    assert run(cache.call(KEY, world)).data == b"old"
    assert run(forget(cache).call(KEY, world)).data == b"old"
    clock_of(cache).advance(2)
    assert run(cache.call(KEY, world)).data == b"new"


def test_a_caller_may_want_it_newer(cache: Cache) -> None:
    world = World(b"old", b"new")
    run(cache.call(KEY, world))
    clock_of(cache).advance(HOUR)
    assert run(cache.call(KEY, world, ttl=2 * HOUR)).data == b"old"
    assert run(cache.call(KEY, world, ttl=HOUR / 2)).data == b"new"
    assert run(cache.call(KEY, world)).data == b"new"


@pytest.mark.parametrize("moved", [-HOUR, DAY, -365 * DAY, 365 * DAY])
def test_a_clock_that_is_set_does_not_matter_to_who_has_the_answer_in_memory(
    cache: Cache, moved: float
) -> None:
    world = World()
    run(cache.call(KEY, world))
    clock = clock_of(cache)
    clock.set_wall(clock.now_us() + int(moved * 1e6))
    assert not run(cache.call(KEY, world)).fresh
    clock.advance(DAY)
    assert run(cache.call(KEY, world)).fresh


def test_an_answer_from_the_future_is_as_old_as_it_is_far_away(path: Path) -> None:
    world, clock = World(), FakeClock()
    with Cache(path, clock=clock) as cache:
        run(cache.call(KEY, world))
    clock.set_wall(clock.now_us() - int(HOUR * 1e6))
    with Cache(path, clock=clock) as cache:
        assert not run(cache.call(KEY, world)).fresh
        assert run(forget(cache).call(KEY, world, ttl=HOUR / 2)).fresh
    clock.set_wall(clock.now_us() - int(365 * DAY * 1e6))
    with Cache(path, clock=clock) as cache:
        assert run(cache.call(KEY, world)).fresh
        clock.advance(DAY - 1)
        assert not run(forget(cache).call(KEY, world)).fresh
        clock.advance(2)
        assert run(forget(cache).call(KEY, world)).fresh


@pytest.mark.parametrize("memory", [True, False])
def test_an_answer_is_too_old_when_its_time_is_over_to_the_second(
    cache: Cache, memory: bool
) -> None:
    world = World(b"old", b"new")
    first = run(cache.call(KEY, world))
    assert first.at == clock_of(cache).now_us() / 1e6
    clock_of(cache).advance(DAY)
    assert run((cache if memory else forget(cache)).call(KEY, world)) == Hit(
        b"new", first.at + DAY, True
    )


def test_a_clock_that_is_a_little_behind_changes_no_time(path: Path) -> None:
    clock = FakeClock()
    with Cache(path, clock=clock) as cache:
        at = run(cache.call(KEY, World())).at
    clock.set_wall(clock.now_us() - 900_000)
    with Cache(path, clock=clock) as cache:
        assert run(cache.call(KEY, World())).at == at


# -- in memory -------------------------------------------------------------------------------------


class Looks:
    """Counts how often a cache looks into its file."""

    def __init__(self, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, get = 0, cache._file.get

        def looked(digest: bytes, **how: Any) -> Any:
            self.count += 1
            return get(digest, **how)

        monkeypatch.setattr(cache._file, "get", looked)

    def during(self, cache: Cache, *keys: Key) -> int:
        """Asks for what is kept; returns how often the file was looked into for it."""
        before = self.count
        for key in keys:
            assert not run(cache.call(key, World())).fresh
        return self.count - before


def test_what_was_served_lately_is_in_memory_up_to_16_mb(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [Key("page", n) for n in range(17)]
    with Cache(path) as cache:
        looks = Looks(cache, monkeypatch)
        for key in keys[:16]:
            run(cache.call(key, World(b"x" * 1_000_000)))
        assert looks.during(cache, *keys[:16]) == 0
        assert looks.during(cache, keys[0]) == 0  # used last: the next one to go is another
        run(cache.call(keys[16], World(b"x" * 1_000_000)))
        assert looks.during(cache, keys[0], keys[16]) == 0
        assert looks.during(cache, keys[1]) == 1


def test_an_answer_over_1_mb_is_read_from_its_file_each_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cache(path) as cache:
        looks = Looks(cache, monkeypatch)
        run(cache.call(KEY, World(b"x" * 1_000_001)))
        assert looks.during(cache, KEY, KEY) == 2
        assert cache.stats.hits == 2


def test_an_answer_that_is_asked_for_anew_takes_its_room_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Cache(path) as cache:
        looks = Looks(cache, monkeypatch)
        run(cache.call(KEY, World()))
        for n in range(20):
            again = run(cache.call(Key("page", "big"), World(bytes([n]) * 1_000_000), ttl=0.0))
            assert (again.data[0], again.fresh) == (n, True)
        assert looks.during(cache, KEY) == 0


def test_connections_are_lent_again_and_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    connect = RebuildableFile._connect

    def counted(self: Any) -> apsw.Connection:
        opened.append(path)
        return connect(self)

    monkeypatch.setattr(RebuildableFile, "_connect", counted)
    with Cache(path) as cache:
        for n in range(30):
            run(forget(cache).call(Key("page", n % 3), World()))
    assert len(opened) == 3, "one to make the file, one to read, one to write"


# -- live, record, replay --------------------------------------------------------------------------


def test_recording_asks_once_each_time_it_is_opened_and_keeps_the_newest(path: Path) -> None:
    world = World(b"one", b"two", b"three")
    for answer in (b"one", b"two"):
        with Cache(path, mode="record") as cache:
            assert [run(cache.call(KEY, world))[::2] for _ in range(3)] == [
                (answer, True),
                (answer, False),
                (answer, False),
            ]
            assert run(forget(cache).call(KEY, world)).data == answer
    with Cache(path, mode="replay") as cache:
        assert run(cache.call(KEY, world)) == Hit(
            b"two", pytest.approx(time.time(), abs=600), False
        )
    assert world.asked == 2


def test_what_was_recorded_is_asked_again_when_it_is_too_old_or_gone(path: Path) -> None:
    world, clock = World(b"one", b"two", b"three"), FakeClock()
    with Cache(path, mode="record", clock=clock) as cache:
        run(cache.call(KEY, world))
        clock.advance(HOUR)
        assert run(cache.call(KEY, world, ttl=2 * HOUR)).data == b"one"
        assert run(cache.call(KEY, world, ttl=HOUR / 2)).data == b"two"
        forget(cache)._file.drop(bytes.fromhex(KEY.digest))
        assert run(cache.call(KEY, world)).data == b"three"


def test_a_recording_that_many_ask_for_at_once_is_made_once(path: Path) -> None:
    world = World(b"one", b"two")

    async def main() -> None:
        assert [
            hit.data for hit in await asyncio.gather(*(cache.call(KEY, world) for _ in range(4)))
        ] == [b"one"] * 4
        assert (await cache.call(KEY, world)).data == b"one"

    with Cache(path, mode="record") as cache:
        run(main())
    assert world.asked == 1


def test_what_it_knows_to_have_recorded_is_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "RECORDED", 2)
    world, keys = World(), [Key("search", {"query": str(n)}) for n in range(3)]
    with Cache(path, mode="record") as cache:
        for key in keys:
            run(cache.call(key, world))
        assert [run(cache.call(key, world)).fresh for key in reversed(keys)] == [False, False, True]


@pytest.mark.parametrize(
    "how",
    [{"mode": "replay"}, {"mode": "live", "offline": True}, {"mode": "record", "offline": True}],
)
def test_a_replay_serves_what_is_kept_whatever_its_age_and_asks_nobody(
    path: Path, how: Any
) -> None:
    world, clock = World(), FakeClock()
    with Cache(path, clock=clock) as cache:
        run(cache.call(KEY, world))
    clock.advance(1000 * DAY)
    with Cache(path, clock=clock, **how) as cache:
        for _ in range(2):
            assert run(cache.call(KEY, world)).data == b"an answer"
        with pytest.raises(NotRecorded, match="search call 'tungsten'") as caught:
            run(cache.call(Key("search", {"query": "tungsten"}), world))
    assert world.asked == 1
    assert "record" in caught.value.hint


# -- many at once ----------------------------------------------------------------------------------


def test_with_eight_threads_writing_it_stays_within_its_bound(path: Path) -> None:
    most, size = 400_000, 20_000
    seen: list[int] = []
    errors: list[BaseException] = []

    def work(cache: Cache, start: int) -> None:
        async def ask(n: int) -> bytes:
            return value_of(n, size if n % 4 else 2 * size)

        async def main() -> None:
            for n in range(start, start + 60):
                hit = await cache.call(Key("page", n), lambda n=n: ask(n))  # type: ignore[misc]
                assert whole(hit.data)
                hot = await cache.call(Key("page", "hot"), lambda: ask(0))
                assert whole(hot.data)
                seen.append(cache.stats.bytes)

        try:
            run(main())
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    with Cache(path, most_bytes=most) as cache:
        threads = [threading.Thread(target=work, args=(cache, 1000 * i)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stats = cache.stats
    assert errors == []
    assert max(seen) <= most
    assert stats.evicted == stats.stored - stats.entries
    assert stats.misses == 8 * 60 + 1  # what is used all the time is never let go of
    assert sums(path) == (stats.entries, stats.bytes)


def sums(path: Path) -> tuple[int, int]:
    """Returns entries and bytes, counted."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found: tuple[int, int] = db.execute(
        "SELECT count(*), coalesce(sum(size + 200), 0) FROM entry WHERE imported = 0"
    ).get
    db.close()
    return found


def test_what_was_not_used_for_longest_makes_room(path: Path) -> None:
    with Cache(path, most_bytes=10 * 1_200) as cache:
        worlds = [World(b"%04d" % n * 250) for n in range(11)]
        for n in range(10):
            run(cache.call(Key("page", n), worlds[n]))
        run(forget(cache).call(Key("page", 0), worlds[0]))
        run(cache.call(Key("page", 10), worlds[10]))
        for n in (0, 2, 3, 9, 10):
            run(forget(cache).call(Key("page", n), worlds[n]))
        assert [world.asked for world in worlds] == [1] * 11
        assert cache.stats.evicted == 1
        run(forget(cache).call(Key("page", 1), worlds[1]))
        assert worlds[1].asked == 2
    assert sums(path)[0] == 10


def test_what_is_new_stays_in_a_full_cache_when_the_clock_was_set_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = [World(b"%04d" % n * 250) for n in range(14)]
    with Cache(path, most_bytes=10 * 1_200) as cache:
        for n in range(10):
            run(cache.call(Key("page", n), worlds[n]))
        back = time.time_ns() - 3_600 * 10**9
        monkeypatch.setattr(time, "time_ns", lambda: back)
        for n in range(10, 14):
            run(cache.call(Key("page", n), worlds[n]))
        run(forget(cache).call(Key("page", 4), worlds[4]))
        run(cache.call(Key("page", 0), worlds[0]))
        for n in (0, 4, *range(10, 14)):
            run(forget(cache).call(Key("page", n), worlds[n]))
    assert [world.asked for world in worlds] == [2] + [1] * 13


def test_an_answer_bigger_than_all_may_be_is_given_and_not_kept(path: Path) -> None:
    with Cache(path, most_bytes=1_000) as cache:
        run(cache.call(Key("page", "small"), World(b"x" * 100)))
        assert run(cache.call(KEY, World(b"x" * 5_000))).data == b"x" * 5_000
        assert cache.stats.entries == 1
        # beyond a quarter, with the 200 that each takes
        for size, told in ((51, (0, 1)), (50, (1, 0)), (50, (0, 0))):
            dumped = f"sentient-cache 1 page 1 {size}\n".encode() + b"x" * size
            assert cache.load_all([(KEY.digest, dumped)]) == told
        assert (
            cache.stats.entries,
            cache.stats.imported,
            cache.stats.imported_bytes,
            cache.stats.evicted,
        ) == (1, 1, 250, 0)


CHILD = """
import asyncio, random, sys
from hashlib import sha256
from sentient_kernel.cache import Cache, Key

def value_of(n, size):
    body = random.Random(n).randbytes(size)
    return sha256(body).digest() + body

async def main(cache, me, count):
    for n in range(count):
        async def ask():
            return value_of(n, 60_000 if n % 3 == 0 else 500) if sys.argv[4] == "same" else f"{me}:{n}".encode()
        hit = await cache.call(Key("page", n), ask)
        print(hit.data.decode() if sys.argv[4] != "same" else n, flush=True)

with Cache(sys.argv[1], most_bytes=int(sys.argv[5])) as cache:
    asyncio.run(main(cache, sys.argv[2], int(sys.argv[3])))
"""


def child(
    path: Path, me: str, count: int, what: str = "same", most: int = 10**9
) -> subprocess.Popen[str]:
    words = [sys.executable, "-W", "error", "-c", CHILD, str(path), me, str(count), what, str(most)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_two_processes_that_ask_the_same_the_first_answer_counts_for_both(path: Path) -> None:
    processes = [child(path, me, 300, "own") for me in "ab"]
    told = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in told] == ["", ""]
    said = [out.split() for out, _ in told]
    assert len(said[0]) == 300
    assert said[0] == said[1]


def test_the_first_stored_answer_counts_for_another_cache_that_asked_too(path: Path) -> None:
    async def main(one: Cache, other: Cache) -> tuple[Hit, Hit]:
        slow, quick = World(b"slow"), World(b"quick")
        slow.open.clear()
        late = asyncio.create_task(one.call(KEY, slow))
        await asyncio.sleep(0)
        first = await other.call(KEY, quick)
        slow.open.set()
        return first, await late

    with Cache(path) as one, Cache(path) as other:
        first, late = run(main(one, other))
        assert (first.data, first.fresh) == (b"quick", True)
        assert (late.data, late.fresh) == (b"quick", False)


def test_a_process_that_is_killed_while_it_writes_leaves_no_half_answer(path: Path) -> None:
    random.seed(7)
    for _ in range(6):
        process = child(path, "x", 100_000, most=3_000_000)
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        time.sleep(random.uniform(0.005, 0.12))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        with Cache(path, most_bytes=3_000_000, mode="replay") as cache:
            served = 0
            for n in range(2_000):
                try:
                    hit = run(cache.call(Key("page", n), World()))
                except NotRecorded:
                    continue
                assert hit.data == value_of(n, 60_000 if n % 3 == 0 else 500)
                served += 1
            assert served
            assert cache.stats.bytes <= 3_000_000
            assert sums(path) == (cache.stats.entries, cache.stats.bytes)


# -- who never pauses ------------------------------------------------------------------------------

BUSY = """
import asyncio, logging, sys
from sentient_kernel.cache import Cache, Key

logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="ALARM %(message)s")

async def main(cache, me, count, size):
    for n in range(count):
        async def ask():
            return f"{me} {n} ".encode() + b"x" * size
        await cache.call(Key("page", f"{me} {n}"), ask)

with Cache(sys.argv[1]) as cache:
    asyncio.run(main(cache, sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""
MANY = 4_000


@pytest.mark.parametrize(("size", "writers"), [(1_000, "a"), (31_000, "a"), (1_000, "ab")])
def test_who_keeps_many_answers_without_a_pause_is_not_told_that_they_are_lost(
    path: Path, size: int, writers: str
) -> None:
    begin = [sys.executable, "-W", "error", "-c", BUSY, str(path)]
    processes = [
        subprocess.Popen(
            [*begin, me, str(MANY), str(size)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for me in writers
    ]
    told = [process.communicate(timeout=120) for process in processes]
    print(
        f"\n{MANY:,} answers of {size:,} bytes by {len(writers)}:"
        f" {sum(out.count('ALARM') for out, _ in told)} alarms"
    )
    assert told == [("", "")] * len(writers)

    async def look(cache: Cache) -> int:
        world = World()
        return sum(
            [
                (await cache.call(Key("page", f"{me} {n}"), world)).data.startswith(
                    f"{me} {n} ".encode()
                )
                for me in writers
                for n in range(MANY)
            ]
        )

    with Cache(path, mode="replay") as cache:
        assert run(look(cache)) == MANY * len(writers)


def test_who_is_locked_out_is_told_to_wait_and_not_to_delete_anything(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rebuildable, "PATIENCE", 0.05)
    with Cache(path) as cache:
        run(cache.call(KEY, World()))
        other = apsw.Connection(str(path))
        other.execute("BEGIN IMMEDIATE")
        assert (
            run(cache.call(Key("page", 1), World(b"given all the same"))).data
            == b"given all the same"
        )
        other.execute("ROLLBACK")
        other.close()
        assert run(cache.call(Key("page", 1), World())).fresh
    (said,) = [record.getMessage() for record in caplog.records]
    assert "another process has kept it locked" in said
    assert "elete" not in said


@pytest.mark.parametrize(
    ("error", "says", "deletes"),
    [
        (apsw.BusyError("database is locked"), "locked", False),
        (apsw.LockedError("database table is locked"), "locked", False),
        (apsw.FullError("database or disk is full"), "full", False),
        (apsw.ReadOnlyError("attempt to write a readonly database"), "readonly", False),
        (apsw.CantOpenError("unable to open database file"), "unable", False),
        (apsw.IOError("disk I/O error"), "disk", False),
        (PermissionError(13, "Permission denied"), "Permission", False),
        (OSError(5, "Input/output error"), "output", False),
        (apsw.CorruptError("database disk image is malformed"), "malformed", True),
        (apsw.NotADBError("file is not a database"), "not a database", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_only_a_broken_file_is_to_be_deleted(error: Exception, says: str, deletes: bool) -> None:
    assert says in why(error)
    assert (hint(error, "Delete the file; it is made anew.").startswith("Delete")) == deletes


# -- what breaks -----------------------------------------------------------------------------------


def test_a_big_answer_that_was_cut_or_altered_is_asked_for_again(path: Path) -> None:
    world = World(b"x" * 300_000)
    with Cache(path) as cache:
        run(cache.call(KEY, world))
    for altered in ("x'00'", "zeroblob(300000)", "'text'"):
        db = apsw.Connection(str(path))
        db.execute(f"UPDATE entry SET data = {altered}")
        db.close()
        with Cache(path) as cache:
            assert run(cache.call(KEY, world)).fresh
            assert not run(forget(cache).call(KEY, world)).fresh
            assert cache.stats.entries == 1


def test_an_answer_with_a_flipped_bit_is_asked_for_again(path: Path) -> None:
    world = World(b"the answer as it was given" * 10)
    with Cache(path) as cache:
        run(cache.call(KEY, world))
    data = path.read_bytes()
    at = data.index(b"as it was given")
    path.write_bytes(data[:at] + b"b" + data[at + 1 :])
    with Cache(path) as cache:
        assert run(cache.call(KEY, world)) == Hit(
            world.answers[0], pytest.approx(time.time(), abs=600), True
        )


@pytest.mark.parametrize(
    "broken", [b"no database, this", b"SQLite format 3\0" + b"\xff" * 5_000, b"\0" * 10_000]
)
def test_a_broken_file_is_put_aside_and_made_anew(path: Path, broken: bytes) -> None:
    path.write_bytes(broken)
    with Cache(path) as cache:
        assert run(cache.call(KEY, World())).fresh
        assert not run(forget(cache).call(KEY, World())).fresh
    assert Path(f"{path}.broken").read_bytes() == broken
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_breaks_while_it_is_open_is_made_anew(path: Path) -> None:
    with Cache(path) as cache:
        for n in range(200):
            run(cache.call(Key("page", n), World(b"x" * 500)))
        checkpoint(path)
        with path.open("r+b") as file:
            for page in range(1, path.stat().st_size // 4096):
                file.seek(4096 * page)
                file.write(b"\xff" * 4096)
        Path(f"{path}-wal").write_bytes(b"")
        answers = [
            run(forget(cache).call(Key("page", n), World(b"x" * 500))).data for n in range(200)
        ]
        assert answers == [b"x" * 500] * 200
        assert run(forget(cache).call(Key("page", 199), World())).data == b"x" * 500


def test_the_file_of_somebody_else_is_put_aside_not_changed(path: Path) -> None:
    db = apsw.Connection(str(path))
    db.execute("CREATE TABLE entry (precious TEXT); INSERT INTO entry VALUES ('keep me')")
    db.close()
    with Cache(path) as cache:
        assert run(cache.call(KEY, World())).fresh
    db = apsw.Connection(f"{path}.broken", flags=apsw.SQLITE_OPEN_READONLY)
    assert db.execute("SELECT precious FROM entry").get == "keep me"
    db.close()


def test_a_disk_that_does_not_take_it_costs_the_copy_not_the_answer(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> Any:
        raise SourceError("The cache cannot be written: the disk is full.")

    for mode in ("live", "record"):
        with Cache(path, mode=mode) as cache:  # type: ignore[arg-type]
            monkeypatch.setattr(cache._file, "put", full)
            if mode == "live":
                assert run(cache.call(KEY, World())).data == b"an answer"
            else:
                # a recording that is not kept is none
                with pytest.raises(SourceError, match="full"):
                    run(cache.call(KEY, World()))


def test_where_nothing_can_be_kept_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="cannot be kept"):
        Cache(tmp_path / "file" / "cache.db")


def test_a_closed_cache_says_so_and_a_call_under_way_still_answers(path: Path) -> None:
    async def main() -> Hit:
        world = World()
        world.open.clear()
        task = asyncio.create_task(cache.call(KEY, world))
        await asyncio.sleep(0)
        cache.close()
        world.open.set()
        return await task

    cache = Cache(path)
    assert run(main()).data == b"an answer"
    with pytest.raises(UsageError, match="closed"):
        run(cache.call(KEY, World()))
    cache.close()


def test_a_closed_cache_serves_nothing_from_memory_either(path: Path) -> None:
    with Cache(path) as cache:
        run(cache.call(KEY, World()))
    with pytest.raises(UsageError, match="closed"):
        run(cache.call(KEY, World()))
    with Cache(path) as cache:
        assert cache.stats == CacheStats(
            hits=0, misses=0, joined=0, stored=0, evicted=0, entries=1, bytes=209
        )


def test_folders_on_the_way_to_the_file_are_made_for_nobody_else(tmp_path: Path) -> None:
    for _ in range(2):
        with Cache(tmp_path / "a" / "b" / "cache.db") as cache:
            run(cache.call(KEY, World()))
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_an_answer_that_is_dropped_gives_its_room_back(path: Path) -> None:
    with Cache(path, most_bytes=120_000) as cache:
        for n in range(2):
            run(cache.call(Key("page", n), World(b"x" * 50_000)))
        cache._file.drop(bytes.fromhex(Key("page", 0).digest))
        assert (cache.stats.entries, cache.stats.bytes) == (1, 50_200)
        run(cache.call(Key("page", 2), World(b"x" * 50_000)))
        assert (cache.stats.entries, cache.stats.evicted) == (2, 0)


def test_a_failure_reaches_those_on_other_loops(path: Path) -> None:
    begun, go = threading.Event(), threading.Event()

    async def fails() -> bytes:
        begun.set()
        await asyncio.to_thread(go.wait, 10)
        raise SourceError("The engine is down.")

    def ask(cache: Cache) -> None:
        with pytest.raises(SourceError) as caught:
            run(cache.call(KEY, fails))
        told.append(str(caught.value))

    told: list[str] = []
    with Cache(path) as cache:
        threads = [threading.Thread(target=ask, args=(cache,)) for _ in range(3)]
        threads[0].start()
        assert begun.wait(10)
        for thread in threads[1:]:
            thread.start()
        while cache.stats.joined < 2:
            time.sleep(0.001)
        go.set()
        for thread in threads:
            thread.join()
    assert told == ["The engine is down."] * 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_is_refused(cache: Cache) -> None:
    run(cache.call(KEY, World()))
    forget(cache)
    pid = os.fork()
    if not pid:
        try:
            cache._file.get(bytes(32))
        except UsageError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_the_log_of_the_file_does_not_grow_for_ever(path: Path) -> None:
    with Cache(path) as cache:
        for n in range(1_500):
            run(cache.call(Key("page", n), World(b"x" * 8_000)))
        assert Path(f"{path}-wal").stat().st_size < 20_000_000


HOLDS_THE_CHECKPOINT = """
import fcntl, sys
log = open(sys.argv[1] + "-shm", "r+b")
fcntl.lockf(log, fcntl.LOCK_EX, 1, 121)  # WAL_CKPT_LOCK: whoever moves the log into the file holds it
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("mode", ["live", "record"])
def test_answers_are_kept_while_somebody_else_moves_the_log_into_the_file(
    path: Path, mode: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sentient_kernel.files.rebuildable.PAGES", 10)
    with Cache(path, mode=mode) as cache:
        run(cache.call(KEY, World(b"x")))
        words = [sys.executable, "-c", HOLDS_THE_CHECKPOINT, str(path)]
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None and other.stdout.readline() == "held\n"
            for n in range(40):
                assert run(cache.call(Key("page", n), World(b"x" * 8_000))).fresh
            other.communicate()
        assert cache.stats.entries == 41
    assert not caplog.records


# -- to another home and back ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, 50_000])
def test_an_entry_of_another_home_is_served_in_a_replay_only(tmp_path: Path, size: int) -> None:
    answer = b"x" * size
    with Cache(tmp_path / "a.db") as a:
        run(a.call(KEY, World(answer)))
        dumped = a.dump(KEY.digest)
        assert a.dump("0" * 64) is None
    assert dumped is not None
    with Cache(tmp_path / "b.db") as b:
        assert b.load_all([(KEY.digest, dumped), (KEY.digest, dumped)]) == (1, 0)
        assert (b.stats.entries, b.stats.imported, b.stats.imported_bytes) == (0, 1, size + 200)
    with Cache(tmp_path / "b.db", mode="replay") as b:
        assert run(b.call(KEY, World())).data == answer
    with Cache(tmp_path / "b.db", offline=True) as b, pytest.raises(NotRecorded):
        run(b.call(KEY, World()))
    with Cache(tmp_path / "b.db") as b:
        assert run(b.call(KEY, World(b"seen here"))).data == b"seen here"
        assert b.load_all([(KEY.digest, dumped)]) == (0, 0)
    with Cache(tmp_path / "b.db", mode="replay") as b:
        assert run(b.call(KEY, World())).data == b"seen here"


@pytest.mark.parametrize(
    "dumped",
    [
        b"",
        b"x",
        b"sentient-cache 2 page 1 1\nx",
        b"sentient-cache 1 page 1 2\nx",
        b"sentient-cache 1 page 1 0\nx",
        b"sentient-cache 1 shell 1 1\nx",
        b"sentient-cache 1 page -1 1\nx",
        b"sentient-cache 1 page 99999999999999999999 1\nx",
        b"sentient-cache 1 page 1 1",
    ],
)
def test_what_is_no_dumped_entry_is_refused(cache: Cache, dumped: bytes) -> None:
    with pytest.raises(ParseError):
        cache.load_all([(KEY.digest, dumped)])
    with pytest.raises(UsageError):
        cache.load_all([("../../etc/passwd", b"sentient-cache 1 page 1 1\nx")])


def test_an_answer_that_is_damaged_is_not_given_to_another_home(cache: Cache, path: Path) -> None:
    run(cache.call(KEY, World(b"x" * 2 * store_module.BIG)))
    assert cache.dump(KEY.digest) is not None
    with apsw.Connection(str(path)) as db:
        db.execute("UPDATE entry SET data = substr(data, 2)")
    assert cache.dump(KEY.digest) is None


def test_reading_and_writing_what_is_big_does_not_hold_the_loop(cache: Cache) -> None:
    threads: set[str] = set()
    value, put = cache._file.value, cache._file.put

    def told(work: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            threads.add(threading.current_thread().name)
            return work(*args, **kwargs)

        return wrapped

    cache._file.value = told(value)  # type: ignore[method-assign]
    cache._file.put = told(put)  # type: ignore[method-assign]
    for _ in range(2):
        run(forget(cache).call(KEY, World(b"x" * store_module.BIG)))
    assert threads
    assert all(name.startswith("sentient-cache") for name in threads)
