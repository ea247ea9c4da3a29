"""What the fetcher makes of answers: nothing grows, hangs or leaks, and what passes is asked
again.
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import transport_kit
from loop_kit import on_a_loop, settle
from transport_kit import Pauses, fetcher

from sentient_kernel.errors import (
    FetchFailed,
    FetchTimedOut,
    ServerBusy,
    StatusError,
    TooBig,
    Unreachable,
    UsageError,
    WrongKind,
)
from sentient_kernel.testing import FakeClock
from sentient_kernel.transport import Fetched, Rules, body_limit, check_url, http
from sentient_kernel.transport.body_limit import BodyLimit
from sentient_kernel.transport.politeness import Pace
from sentient_kernel.transport.reading import whole
from tests.kits.services_web import ServicesWeb

web = transport_kit.web
MB = 1_000_000


# ---- what comes back ----------------------------------------------------------------------------------------------------


@on_a_loop
async def test_an_answer_comes_whole_with_what_is_known_of_it(web: ServicesWeb) -> None:
    web.page(
        "/a",
        "café".encode("latin-1"),
        kind='Text/HTML; Charset="ISO-8859-1"',
        headers={"set-cookie": "id=1", "etag": "x"},
    )
    web.redirect("/b", "/a?ü")
    async with fetcher(web) as fetch:
        got = await fetch.get(f"{web.url}/b#part", params={"q": "a b", "n": [1, 2]})
    assert (got.url, got.status, got.kind, got.charset, got.text) == (
        f"{web.url}/a?%C3%BC",
        200,
        "text/html",
        "iso-8859-1",
        "café",
    )
    assert (
        got.hops == (f"{web.url}/b?q=a+b&n=1&n=2",)
        and got.headers["etag"] == "x"
        and "set-cookie" not in got.headers
    )
    first = web.requests[0]
    assert (
        first.headers["user-agent"].startswith("sentient-kernel/")
        and first.headers["accept-encoding"] == "gzip"
    )
    assert "cookie" not in web.requests[1].headers and "café" not in repr(got)


@on_a_loop
async def test_bytes_that_are_no_utf8_are_the_callers_business(web: ServicesWeb) -> None:
    web.page("/a", "x")
    web.fault("/a", "not_utf8")
    async with fetcher(web) as fetch:
        got = await fetch.get(f"{web.url}/a")
    assert b"\xff\xfe" in got.body and "\ufffd" in got.text


@on_a_loop
async def test_json_is_posted_and_read(web: ServicesWeb) -> None:
    web.article("/tides", "Tides", "The moon pulls the sea.")
    async with fetcher(web) as fetch:
        got = await fetch.post(
            f"{web.url}/tavily/search",
            json={"query": "moon ü"},
            headers={"Authorization": "Bearer key-of-the-fake-web"},
        )
    assert (
        got.json()["results"][0]["url"] == f"{web.url}/tides"
        and web.requests[0].headers["content-type"] == "application/json"
    )


@on_a_loop
async def test_credentials_do_not_go_to_another_origin(web: ServicesWeb) -> None:
    web.page("/end", "x")
    secret = {
        "Authorization": "Bearer s",
        "X-Api-Key": "s",
        "Cookie": "s=1",
        "X-Any": "s",
        "Accept-Language": "en",
    }
    with ServicesWeb() as other:
        other.redirect("/there", f"{web.url}/end")
        web.redirect("/here", "/end")
        async with fetcher(allow_hosts=(web.host, other.host)) as fetch:
            await fetch.get(f"{web.url}/here", headers=secret)
            await fetch.get(f"{other.url}/there", headers=secret)
    same, crossed = web.requests[1].headers, web.requests[2].headers
    assert {name.lower() for name in secret} <= set(same)
    assert set(crossed) == {"host", "accept", "accept-language", "accept-encoding", "user-agent"}


@pytest.mark.parametrize(
    ("kind", "accept", "good"),
    [
        ("text/html", "page", True),
        ("application/pdf", "page", True),
        ("text/plain", "page", True),
        ("image/png", "page", False),
        ("application/zip", "page", False),
        ("application/octet-stream", "page", False),
        ("video/mp4", "json", False),
        ("application/atom+xml", "xml", True),
        ("text/html", "xml", False),
        ("application/zip", "any", True),
    ],
)
def test_only_the_kind_that_was_asked_for_is_read(
    web: ServicesWeb, kind: str, accept: Any, good: bool
) -> None:
    @on_a_loop
    async def inside() -> None:
        web.page("/a", "[1]", kind=kind)
        async with fetcher(web) as fetch:
            if good:
                assert (await fetch.get(f"{web.url}/a", accept=accept)).body == b"[1]"
            else:
                with pytest.raises(WrongKind, match="which is not read here"):
                    await fetch.get(f"{web.url}/a", accept=accept)
                assert len(web.requests) == 1

    inside()


# ---- bounds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error", "reason"),
    [
        ("bomb", TooBig, "bytes"),
        ("big", TooBig, "bytes"),
        ("headers", TooBig, "headers"),
        ("drip", FetchTimedOut, "deadline"),
        ("hang", FetchTimedOut, "deadline"),
    ],
)
def test_an_answer_without_end_costs_neither_memory_nor_time(
    web: ServicesWeb, kind: Any, error: type[Exception], reason: str
) -> None:
    web.page("/a", "x")
    web.fault("/a", kind)

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web) as fetch:
            with pytest.raises(
                error
            ) as caught:  # the first time makes the bomb, which is not ours to count
                await fetch.get(f"{web.url}/a", deadline=0.3 if reason == "deadline" else 30.0)
            assert (
                isinstance(caught.value, FetchFailed)
                and caught.value.reason_code == reason
                and "'127.0.0.1'" in str(caught.value)
            )
            gc.collect()
            tracemalloc.start()
            try:
                with pytest.raises(error):
                    await fetch.get(f"{web.url}/a", deadline=0.3 if reason == "deadline" else 30.0)
                assert tracemalloc.get_traced_memory()[1] < 30 * MB
            finally:
                tracemalloc.stop()
        await asyncio.to_thread(web.wait_until_left)

    inside()


@on_a_loop
async def test_eight_bombs_at_once_stay_within_sixty_megabytes(web: ServicesWeb) -> None:
    web.page("/a", "x")
    web.fault("/a", "bomb")
    async with fetcher(web) as fetch:
        with pytest.raises(TooBig):
            await fetch.get(f"{web.url}/a")
        tracemalloc.start()
        try:
            outcomes = await asyncio.gather(
                *(fetch.get(f"{web.url}/a", most_bytes=5 * MB) for _ in range(8)),
                return_exceptions=True,
            )
            assert {type(outcome) for outcome in outcomes} == {
                TooBig
            } and tracemalloc.get_traced_memory()[1] < 60 * MB
        finally:
            tracemalloc.stop()


@on_a_loop
async def test_headers_that_end_are_bounded_too(web: ServicesWeb) -> None:
    web.page("/fits", "x", headers={"x-long": "y" * 60_000})
    web.page("/long", "x", headers={f"x-{number}": "y" * 900 for number in range(75)})
    async with fetcher(web) as fetch:
        assert (await fetch.get(f"{web.url}/fits")).status == 200
        with pytest.raises(TooBig, match="65,536 bytes of headers"):
            await fetch.get(f"{web.url}/long")


@on_a_loop
async def test_a_body_may_be_just_as_long_as_it_may_be(web: ServicesWeb) -> None:
    web.page("/a", "x" * 1_000)
    async with fetcher(web) as fetch:
        assert len((await fetch.get(f"{web.url}/a", most_bytes=1_000)).body) == 1_000
        with pytest.raises(TooBig, match="more than the 999 bytes"):
            await fetch.get(f"{web.url}/a", most_bytes=999)


@on_a_loop
async def test_five_redirects_are_followed_and_no_more(web: ServicesWeb) -> None:
    web.page("/0", "x")
    for number in range(1, 7):
        web.redirect(f"/{number}", f"/{number - 1}")
    web.redirect("/loop", "/loop")
    async with fetcher(web) as fetch:
        assert len((await fetch.get(f"{web.url}/5")).hops) == 5
        for path in ("/6", "/loop"):
            with pytest.raises(TooBig, match="redirects more than 5 times"):
                await fetch.get(web.url + path)


# ---- asking again -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "pauses"),
    [
        ({"Retry-After": "7"}, [7.0]),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, [1.5]),
        ({"Retry-After": "0"}, []),
    ],
)
def test_a_busy_server_is_asked_again_when_it_says(
    web: ServicesWeb, headers: dict[str, str], pauses: list[float]
) -> None:
    web.page("/a", "done")
    web.fault("/a", "status", times=1, status=429, headers=headers)
    clock = Pauses()

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web, clock=clock) as fetch:
            assert (await fetch.get(f"{web.url}/a")).text == "done"

    inside()
    assert clock.slept == pauses and web.counts["/a"] == 2


@on_a_loop
async def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(
    web: ServicesWeb,
) -> None:
    web.fault("/a", "status", status=429, headers={"Retry-After": "50"})
    clock = Pauses()
    async with fetcher(web, clock=clock) as fetch:
        with pytest.raises(ServerBusy, match=r"too many requests \(HTTP 429\)") as caught:
            await fetch.get(f"{web.url}/a", deadline=30)
    assert (
        clock.slept == []
        and caught.value.answered == 429
        and caught.value.headers["retry-after"] == "50"
    )


@on_a_loop
async def test_while_a_host_rests_nobody_asks_it(
    web: ServicesWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as for a host that is not the user's own
    monkeypatch.setattr(http, "pace", lambda target: Pace(2, 0.0))
    for number in range(6):
        web.page(f"/{number}", "done")
    web.fault("/0", "status", times=1, status=429, headers={"Retry-After": "20"})
    clock = FakeClock()
    async with fetcher(web, clock=clock) as fetch:
        first = asyncio.create_task(fetch.get(f"{web.url}/0"))
        await asyncio.to_thread(clock.wait_for_sleepers, 1)
        with pytest.raises(ServerBusy, match="asked for a pause of 20 s more"):
            await fetch.get(f"{web.url}/1", deadline=15)
        others = [asyncio.create_task(fetch.get(f"{web.url}/{number}")) for number in range(2, 6)]
        await settle()
        clock.advance(19)
        await settle()
        assert len(web.requests) == 1
        clock.advance(1)
        assert [got.text for got in await asyncio.gather(first, *others)] == ["done"] * 5


@pytest.mark.parametrize("kind", ["reset", "cut", "status"])
def test_a_fault_that_passes_is_not_noticed(web: ServicesWeb, kind: Any) -> None:
    web.page("/a", "done " * 1_000)
    web.fault("/a", kind, times=2)

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web) as fetch:
            assert (await fetch.get(f"{web.url}/a")).text == "done " * 1_000

    inside()
    assert web.counts["/a"] == 3


@pytest.mark.parametrize(
    ("kind", "error", "reason", "asked"),
    [
        ("reset", Unreachable, "reset", 3),
        ("cut", Unreachable, "cut", 3),
        ("status", ServerBusy, "status", 3),
        ("not_json", WrongKind, "not_json", 2),
        ("cut_json", WrongKind, "not_json", 2),
        ("cut_gzip", WrongKind, "cut", 2),
    ],
)
def test_a_fault_that_stays_is_named_and_never_taken_for_an_answer(
    web: ServicesWeb, kind: Any, error: Any, reason: str, asked: int
) -> None:
    web.page("/a", '{"results": [1, 2, 3]}', kind="application/json")
    web.fault("/a", kind)

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web) as fetch:
            with pytest.raises(error) as caught:
                await fetch.get(f"{web.url}/a", accept="json")
            assert (caught.value.reason_code, caught.value.host) == (reason, "127.0.0.1")

    inside()
    assert web.counts["/a"] == asked


@on_a_loop
async def test_a_no_is_told_at_once_with_what_was_said(web: ServicesWeb) -> None:
    web.page("/a", "gone", status=404)
    async with fetcher(web) as fetch:
        with pytest.raises(StatusError, match=r"'127\.0\.0\.1' says no \(HTTP 404\)") as caught:
            await fetch.get(f"{web.url}/a?key=secret")
        assert (caught.value.answered, caught.value.body, caught.value.retryable) == (
            404,
            b"gone",
            False,
        )
        assert "secret" not in str(caught.value)
        assert (await fetch.get(f"{web.url}/a", expect=(404,))).text == "gone"
    assert web.counts["/a"] == 2


@on_a_loop
async def test_who_does_not_listen_or_does_not_exist_is_named() -> None:
    with ServicesWeb() as gone:
        pass
    async with fetcher(gone, answers=[[]]) as fetch:
        with pytest.raises(Unreachable, match="refused the connection"):
            await fetch.get(gone.url)
        with pytest.raises(Unreachable, match=r"'no\.example' cannot be found"):
            await fetch.get("http://no.example/")


# ---- nothing is left ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hang", "drip", "headers", "big"])
def test_a_caller_who_leaves_leaves_nothing_behind(web: ServicesWeb, kind: Any) -> None:
    web.page("/a", "x")
    web.fault("/a", kind)
    web.page("/b", "fine")

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web, clock=FakeClock()) as fetch:
            calls = []
            for asked in range(1, 6):
                calls.append(asyncio.create_task(fetch.get(f"{web.url}/a", most_bytes=10**12)))
                while len(web.requests) < asked:
                    await asyncio.sleep(0)
                # a quick machine would have read it to its end before the last one has asked
                if kind == "big":
                    calls[-1].cancel()
            for call in calls:
                call.cancel()
            assert {
                type(outcome) for outcome in await asyncio.gather(*calls, return_exceptions=True)
            } <= {asyncio.CancelledError, TooBig}
            await asyncio.to_thread(web.wait_until_left)
            await settle()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert (await fetch.get(f"{web.url}/b")).text == "fine", "the pool is not used up"
        await asyncio.to_thread(web.wait_until_left)

    inside()


@on_a_loop
async def test_two_hundred_cancelled_calls_use_nothing_up(web: ServicesWeb) -> None:
    web.page("/a", "x")
    async with fetcher(web) as fetch:
        for number in range(200):
            call = asyncio.create_task(fetch.get(f"{web.url}/a"))
            for _ in range(number % 12):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
        assert (await fetch.get(f"{web.url}/a")).text == "x"
    await asyncio.to_thread(web.wait_until_left)


@on_a_loop
async def test_connections_are_used_again_and_closed_at_the_end(web: ServicesWeb) -> None:
    web.page("/a", "x")
    async with fetcher(web) as fetch:
        for _ in range(20):
            await fetch.get(f"{web.url}/a")
        assert web.connections == 1
        await asyncio.gather(*(fetch.get(f"{web.url}/a") for _ in range(40)))
    await asyncio.to_thread(web.wait_until_left)


def test_a_fetcher_belongs_to_one_loop_at_a_time(web: ServicesWeb) -> None:
    web.page("/a", "x")
    fetch = fetcher(web)

    async def once() -> None:
        assert (await fetch.get(f"{web.url}/a")).text == "x"
        with pytest.raises(UsageError, match="one event loop"):
            await asyncio.to_thread(asyncio.run, fetch.get(f"{web.url}/a"))
        await fetch.aclose()

    asyncio.run(once())
    asyncio.run(once())


@on_a_loop
async def test_of_many_big_answers_few_are_read_at_once() -> None:
    room, inside, most = BodyLimit(2), set[int](), 0

    class Big:
        status, headers, raw = 200, dict[str, str](), ()

        def __init__(self, number: int, pieces: int) -> None:
            self.number, self.count = number, pieces

        async def pieces(self, most_bytes: int) -> Any:
            nonlocal most
            for at in range(self.count):
                if at > 11:  # more than a megabyte was asked for
                    inside.add(self.number)
                    most = max(most, len(inside))
                yield bytes(100_000)
                await asyncio.sleep(0)
            inside.discard(self.number)

    target = check_url("https://example.org/", Rules())
    answers = [Big(n, 20) for n in range(6)] + [Big(n, 5) for n in range(6, 12)]

    async def read_one(answer: Any) -> Fetched:
        async with asyncio.timeout(60) as deadline:
            return await whole(answer, target, "any", 10 * MB, room, deadline)

    read = await asyncio.gather(*map(read_one, answers))
    assert [len(one.body) for one in read] == [20 * 100_000] * 6 + [5 * 100_000] * 6
    assert most == 2


@asynccontextmanager
async def sending(body: bytes, after: bytes, headers: bytes = b"") -> AsyncIterator[str]:
    """Serves a body, and behind it these bytes again and again; /good ends. Yields host and
    port.
    """
    answering = set[asyncio.Task[Any]]()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            asked = await reader.readuntil(b"\r\n\r\n")
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n"
                + headers
                + b"\r\n"
            )
            writer.write(b"%x\r\n%b\r\n" % (len(body), body))
            while b" /good" not in asked:
                await writer.drain()
                writer.write(b"%x\r\n%b\r\n" % (len(after), after))
                await asyncio.sleep(0.01 if len(after) == 1 else 0)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            await reader.read()
        except (OSError, asyncio.CancelledError):
            pass
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering)


@on_a_loop
async def test_big_pages_that_drip_keep_no_other_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "LOOK", 0.1)
    monkeypatch.setattr(body_limit, "LEAST", 5_000)
    async with sending(b"a" * 1_200_000, b"a") as host, fetcher(allow_hosts=(host,)) as fetch:
        drips = [
            asyncio.create_task(fetch.get(f"http://{host}/bad", deadline=50, attempts=1))
            for _ in range(2)
        ]
        await settle()
        while not fetch._body_limit._places.locked():
            await asyncio.sleep(0.01)
        pages = await asyncio.gather(
            *(fetch.get(f"http://{host}/good", deadline=15, attempts=1) for _ in range(3))
        )
        assert [len(page.body) for page in pages] == [1_200_000] * 3
        lost = [drip.exception() for drip in drips if drip.done()]
        assert lost and all(
            isinstance(error, FetchTimedOut) and error.reason_code == "slow" for error in lost
        )
        for drip in drips:
            drip.cancel()
        await asyncio.gather(*drips, return_exceptions=True)
        assert not fetch._body_limit._places.locked(), "and its place is free again"


@on_a_loop
async def test_a_big_page_that_drips_alone_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_limit, "LOOK", 0.001)
    room, read = BodyLimit(1), bytearray()
    async with asyncio.timeout(30) as deadline, room.place(read, deadline, "a.example"):
        await asyncio.sleep(0.05)


@on_a_loop
async def test_the_wait_for_room_counts_against_nobody() -> None:
    room, read = BodyLimit(1), bytearray()

    async def wait() -> None:
        async with room.place(read, mine, "b.example"):
            got.append(mine.when())

    got: list[float | None] = []
    async with asyncio.timeout(30) as deadline, asyncio.timeout(30) as mine:
        due = mine.when()
        async with room.place(read, deadline, "a.example"):
            waiting = asyncio.create_task(wait())
            await settle()
            assert mine.when() is None and not got
        await waiting
        assert due is not None and got[0] is not None and got[0] >= due and mine.when() == got[0]
        gone = asyncio.create_task(wait())
        async with room.place(read, deadline, "a.example"):
            await settle()
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        async with room.place(read, deadline, "a.example"):
            assert room._waiting == 0 and len(got) == 1, "who left in the queue holds nothing"


@on_a_loop
async def test_bytes_behind_a_compressed_body_are_bounded_too() -> None:
    body = gzip.compress(b"<p>hi</p>")
    padded = sending(body, bytes(65_536), b"content-encoding: gzip\r\n")
    async with padded as host, fetcher(allow_hosts=(host,)) as fetch:
        with pytest.raises(TooBig, match="more than the 1,000,000 bytes"):
            await fetch.get(f"http://{host}/bad", most_bytes=MB, deadline=20)
        assert (await fetch.get(f"http://{host}/good")).text == "<p>hi</p>"
