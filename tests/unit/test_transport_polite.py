"""Manners: turns at a host, and what a robots.txt allows."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from typing import Any

import pytest
from loop_kit import on_a_loop, settle

from sentient_kernel.errors import (
    Blocked,
    FetchFailed,
    ServerBusy,
    StatusError,
    TooBig,
    Unreachable,
    WrongKind,
)
from sentient_kernel.testing import FakeClock
from sentient_kernel.transport import Rules, check_url
from sentient_kernel.transport import robots as _robots
from sentient_kernel.transport.decoding import Decoder
from sentient_kernel.transport.politeness import Pace, Robots, Turns, pace
from sentient_kernel.transport.robots import read_robots

TARGET = check_url("https://a.example/private/x", Rules())


@on_a_loop
async def test_as_many_at_once_as_a_pace_says_and_as_far_apart() -> None:
    clock, started, inside, most = FakeClock(), [], 0, 0

    async def visit() -> None:
        nonlocal inside, most
        async with turns.turn("a.example", Pace(2, 1.0)):
            started.append(clock.monotonic())
            inside += 1
            most = max(most, inside)
            await clock.sleep(5)
            inside -= 1

    turns = Turns(clock)
    visits = [asyncio.create_task(visit()) for _ in range(5)]
    for _ in range(40):
        await settle()
        clock.advance(0.5)
    await asyncio.gather(*visits)
    assert most == 2 and started == [0.0, 1.0, 5.0, 6.0, 10.0]


@on_a_loop
async def test_who_is_cancelled_in_the_queue_holds_nobody_up() -> None:
    clock, turns, got = FakeClock(), Turns(FakeClock()), []

    async def visit(name: str) -> None:
        async with turns.turn("a.example", Pace(1, 0.0)):
            got.append(name)
            await clock.sleep(1)

    tasks = [asyncio.create_task(visit(name)) for name in "abc"]
    await settle()
    tasks[1].cancel()
    tasks[0].cancel()
    await settle()
    assert got == ["a", "c"]
    clock.advance(1)
    await asyncio.gather(*tasks, return_exceptions=True)


@on_a_loop
async def test_a_host_that_asks_for_a_rest_gets_it_from_all_at_once() -> None:
    clock, started = FakeClock(), list[tuple[str, float, float]]()

    async def visit(name: str, patience: float) -> None:
        async with turns.turn("a.example", Pace(1, 3.0), patience=patience) as spent:
            started.append((name, clock.monotonic(), spent))
            if name == "first":
                turns.rest("a.example", 20)

    turns = Turns(clock)
    visits = [asyncio.create_task(visit("first", 30))]
    await settle()
    visits += [
        asyncio.create_task(visit(name, patience))
        for name, patience in (("a", 30), ("hasty", 20), ("b", 30))
    ]
    for _ in range(30):
        await settle()
        clock.advance(1)
    _, _, hasty, _ = await asyncio.gather(*visits, return_exceptions=True)
    assert isinstance(hasty, ServerBusy) and (hasty.reason_code, hasty.answered) == ("rests", 429)
    assert started == [("first", 0.0, 0.0), ("a", 20.0, 20.0), ("b", 23.0, 20.0)]


@on_a_loop
async def test_who_had_a_place_when_a_rest_was_asked_for_rests_too_and_nobody_longer_than_a_minute() -> (
    None
):
    clock, started = FakeClock(), list[float]()

    async def visit() -> None:
        async with turns.turn("a.example", Pace(2, 3.0)):
            started.append(clock.monotonic())

    turns = Turns(clock)
    visits = [asyncio.create_task(visit()) for _ in range(2)]
    await settle()  # the second has a place, and waits for the gap
    turns.rest("a.example", 86_400)
    turns.rest("never.asked", 5)
    with pytest.raises(ServerBusy, match="of 60 s more"):
        async with turns.turn("a.example", Pace(2, 3.0)):
            pass
    clock.advance(3)
    await settle()
    assert started == [0.0]
    clock.advance(57)
    await asyncio.gather(*visits)
    assert started == [0.0, 60.0]


@on_a_loop
async def test_other_hosts_do_not_wait() -> None:
    turns = Turns(FakeClock())
    async with (
        turns.turn("a.example", Pace(1, 9.0)),
        turns.turn("b.example", Pace(1, 9.0)),
        turns.turn("a.example", Pace(0, 0.0)),
    ):
        pass


@on_a_loop
async def test_hosts_of_long_ago_are_forgotten() -> None:
    turns = Turns(FakeClock())
    for number in range(1_500):
        async with turns.turn(f"h{number}.example", Pace(2, 0.0)):
            pass
    assert len(turns._hosts) <= 1_000


def test_services_with_terms_are_asked_as_those_say_and_the_users_own_at_any_pace() -> None:
    assert pace(check_url("https://export.arxiv.org/api/query", Rules())) == Pace(1, 3.0)
    assert pace(TARGET) == Pace(2, 0.1)
    assert (
        pace(check_url("http://127.0.0.1:1/", Rules(trusted=frozenset({("127.0.0.1", 1)})))).most
        == 0
    )


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/x", True),
        ("User-agent: *\nDisallow: /", "/x", False),
        ("User-agent: *\nDisallow:", "/x", True),
        ("User-agent: *\nDisallow: /private", "/private/x", False),
        ("User-agent: *\nDisallow: /private", "/x", True),
        ("user-AGENT : * # all\n disallow :/private # hidden", "/private", False),
        ("User-agent: *\nAllow: /\nDisallow: /private", "/private", False),
        ("User-agent: *\nDisallow: /\nAllow: /open", "/open/x", True),
        ("User-agent: *\nDisallow: /x\nAllow: /x", "/x", True),
        ("User-agent: *\nDisallow: /*.pdf$", "/a/b.pdf", False),
        ("User-agent: *\nDisallow: /*.pdf$", "/a/b.pdf?x", True),
        ("User-agent: *\nDisallow: /a*/c", "/abb/c", False),
        ("User-agent: *\nDisallow: /*?", "/a?b", False),
        ("User-agent: *\nDisallow: /caf%C3%A9", "/caf%c3%a9", False),
        ("User-agent: *\nDisallow: /x$", "/xy", True),
        ("User-agent: *\nDisallow: /x$", "/x", False),
        ("User-agent: *\nDisallow: /a*", "/a", False),
        ("User-agent: *\nDisallow: /*a*a", "/xa", True),
        ("User-agent: *\nDisallow: /*a*a", "/xaa", False),
        ("User-agent: *\nDisallow: /*ab*ab*b", "/abab", True),
        ("User-agent: *\nDisallow: /*ab*ab*b", "/ababb", False),
        ("User-agent: *\nDisallow: /ab*b$", "/ab", True),
        ("User-agent: *\nDisallow: /ab*b$", "/abb", False),
        ("User-agent: *\nDisallow: /a*b*$", "/acb", False),
        ("User-agent: *\nDisallow: /a*b*$", "/acd", True),
        ("User-agent: *\nDisallow: /a*c*c$", "/ac", True),
        ("User-agent: *\nDisallow: /a*cb*c$", "/acbc", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: other\nAllow: /", "/x", False),
        ("User-agent: *\nUser-agent: other\nDisallow: /", "/x", False),
        ("User-agent: *\nCrawl-delay: 1\nUser-agent: other\nDisallow: /", "/x", True),
        ("User-agent: *\nDisallow: /x\nno field\nDisallow: /y", "/y", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: sentient-kernel\nDisallow: /own", "/x", True),
        ("User-agent: a\nUser-agent: Sentient-Kernel\nDisallow: /own", "/own", False),
        ("User-agent: other\nDisallow: /", "/x", True),
        ("Disallow: /", "/x", True),
        ("\ufeffUser-agent: *\r\nDisallow: /\r\n", "/x", False),
        ("<html>not found</html>", "/x", True),
    ],
)
def test_a_robots_txt_says_what_is_allowed(text: str, path: str, allowed: bool) -> None:
    assert read_robots(text, "sentient-kernel").allows(path) is allowed


def test_a_hostile_robots_txt_takes_no_time() -> None:
    rules = read_robots(
        "User-agent: *\n" + "Disallow: /" + "*a" * 5_000 + "$\n" + "Disallow: /*x\n" * 50_000, "us"
    )
    assert len(rules.rules) == 2_000 and rules.allows("/" + "a" * 4_000 + "b")


def test_groups_of_others_cost_nothing_however_many_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spelled = list[str]()
    monkeypatch.setattr(_robots, "_spelled", lambda path: spelled.append(path) or path)
    others = (
        "".join(f"User-agent: a{number}\n" for number in range(2_000)) + "Disallow: /x\n" * 2_000
    )
    assert read_robots(others, "us").rules == () and not spelled
    many = "User-agent: *\nUser-agent: us\n" * 1_000 + "Disallow: /x\n" * 2_000
    assert len(read_robots(many, "US").rules) == 2_000 and len(spelled) == 4_000, (
        "once for each of the two groups"
    )


def test_a_delay_is_kept_up_to_ten_seconds() -> None:
    assert read_robots("User-agent: *\nCrawl-delay: 2.5", "us").delay == 2.5
    assert read_robots("User-agent: *\nCrawl-delay: 86400", "us").delay == 10.0
    assert read_robots("User-agent: *\nCrawl-delay: nan", "us").delay == 0.0
    assert read_robots("User-agent: *\nCrawl-delay: 1.2.3", "us").delay == 0.0
    assert read_robots("User-agent: *\nDisallow: /x", "us").delay == 0.0


@pytest.mark.parametrize(
    "missing",
    [StatusError("", answered=404), StatusError("", answered=403), WrongKind(""), Blocked("")],
)
@on_a_loop
async def test_without_a_robots_txt_everything_is_allowed(missing: FetchFailed) -> None:
    async def read(url: str) -> bytes:
        raise missing

    assert await Robots(read, FakeClock()).check(TARGET) == 0.0


@pytest.mark.parametrize("failing", [ServerBusy("", answered=500), Unreachable(""), TooBig("")])
@on_a_loop
async def test_a_robots_txt_that_cannot_be_had_means_not_now(failing: FetchFailed) -> None:
    asked, clock = [], FakeClock()

    async def read(url: str) -> bytes:
        asked.append(url)
        raise failing

    robots = Robots(read, clock)
    for _ in range(3):
        with pytest.raises(ServerBusy, match=r"robots\.txt cannot be read"):
            await robots.check(TARGET)
    assert asked == ["https://a.example/robots.txt"], "for a minute nobody asks again"
    clock.advance(61)
    with pytest.raises(ServerBusy):
        await robots.check(TARGET)
    assert len(asked) == 2


@on_a_loop
async def test_a_robots_txt_is_read_once_an_hour_by_many() -> None:
    asked, clock = [], FakeClock()

    async def read(url: str) -> bytes:
        asked.append(url)
        await clock.sleep(1)
        return b"User-agent: *\nDisallow: /private\nCrawl-delay: 1"

    robots = Robots(read, clock)
    checks = [asyncio.create_task(robots.check(TARGET)) for _ in range(5)]
    await settle()
    checks[0].cancel()  # the next one asks in its place
    await settle()
    clock.advance(1)
    outcomes = await asyncio.gather(*checks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError, *[Blocked] * 4]
    assert (
        len(asked) == 2 and await robots.check(check_url("https://a.example/open", Rules())) == 1.0
    )
    clock.advance(3_601)
    again = asyncio.create_task(robots.check(check_url("https://a.example/open", Rules())))
    await settle()
    clock.advance(1)
    await again
    assert len(asked) == 3


BODY = b"The moon pulls the sea. " * 9_000


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", BODY),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        ("X-GZIP", gzip.compress(BODY[:100]) + gzip.compress(BODY[100:])),
        ("gzip", gzip.compress(BODY) + b"\0" * 50),
    ],
)
@pytest.mark.parametrize("step", [7, 1_000, 10_000_000])
def test_bodies_are_decoded_in_pieces_of_any_size(encoding: str, data: bytes, step: int) -> None:
    decoder = Decoder(encoding)
    pieces = [
        piece for at in range(0, len(data), step) for piece in decoder.feed(data[at : at + step])
    ]
    decoder.finish()
    assert b"".join(pieces) == BODY
    assert "gzip" not in encoding.lower() or max(map(len, pieces)) <= 128 * 1024


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "deflate", "compress", "gzip, gzip", "nonsense"]
)
def test_encodings_that_were_not_asked_for_are_refused(encoding: str) -> None:
    with pytest.raises(WrongKind, match="not requested"):
        Decoder(encoding, "a.example")


def test_broken_and_cut_bodies_are_told_apart() -> None:
    with pytest.raises(WrongKind) as broken:
        list(Decoder("gzip", "a.example").feed(b"<html>not compressed"))
    cut = Decoder("gzip", "a.example")
    list(cut.feed(gzip.compress(BODY)[:-20]))
    with pytest.raises(WrongKind) as ended:
        cut.finish()
    assert (broken.value.reason_code, ended.value.reason_code) == ("encoding", "cut")


def test_a_bomb_goes_off_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    pieces = Decoder("gzip").feed(bomb)
    assert max(len(next(pieces)) for _ in range(100)) <= 128 * 1024


def test_what_follows_a_body_is_not_kept() -> None:
    decoder = Decoder("gzip")
    assert b"".join(decoder.feed(gzip.compress(BODY))) == BODY
    tracemalloc.start()
    try:
        for _ in range(100):
            assert not list(decoder.feed(bytes(65_536)))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    decoder.finish()


def test_many_members_are_read_and_millions_are_not() -> None:
    decoder = Decoder("gzip", "a.example")
    assert (
        b"".join(decoder.feed(gzip.compress(b"") * 4_000 + gzip.compress(b"word ") * 4_000))
        == b"word " * 4_000
    )
    decoder.finish()
    for content in (b"", b"x"):
        with pytest.raises(WrongKind, match="not compressed as it says"):
            for piece in Decoder("gzip", "a.example").feed(gzip.compress(content) * 12_000):
                assert len(piece) == 1


def test_members_are_not_copied_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given = list[int]()

    class Counting:
        """Notes how much zlib is given."""

        def __init__(self, bits: int) -> None:
            self._inflate = inflate(bits)

        def decompress(self, data: bytes, most: int) -> bytes:
            given.append(len(data))
            return self._inflate.decompress(data, most)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inflate, name)

    inflate = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    data = gzip.compress(b"") * 5_000
    assert not list(Decoder("gzip").feed(data))
    assert len(given) >= 5_000 and sum(given) < len(given) * 16_384
