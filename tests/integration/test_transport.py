"""The fetcher against a real server: nothing private is connected to, nothing grows, hangs or leaks, and what passes is asked again."""

from __future__ import annotations

import asyncio
import gc
import ssl
import subprocess
import tracemalloc
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from address_forms import ADDRESSES, LOOPBACK, NORMAL, PRIVATE, PUBLIC
from conftest import missing
from loop_kit import on_a_loop, settle

from sentient_kernel.clock import SystemClock
from sentient_kernel.errors import (
    Blocked,
    FetchFailed,
    FetchTimedOut,
    Offline,
    ServerBusy,
    StatusError,
    TooBig,
    Unreachable,
    UsageError,
    WrongKind,
)
from sentient_kernel.settings import Settings
from sentient_kernel.testing import FakeClock, FakeWeb
from sentient_kernel.transport import Fetcher, Rules, check_url, verdict
from sentient_kernel.transport._wire import Dialer

MB = 1_000_000


@pytest.fixture
def web() -> Iterator[FakeWeb]:
    with FakeWeb() as web:
        yield web


class Pauses(SystemClock):
    """A clock whose sleeps are over at once, and kept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


def fetcher(
    web: FakeWeb | None = None, *, answers: Sequence[Sequence[str]] = (), clock: Any = None, tls: Any = None, **given: Any
) -> Fetcher:
    """Returns a fetcher that may ask any port, and whose resolver gives these answers in turn, again and again."""
    turn = cycle(answers or [[]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(turn)

    named = {"allow_hosts": (web.host,)} if web is not None else {}
    settings = Settings(_env_file=None, **{**named, **given})
    return Fetcher(settings, resolve=resolve, ports=range(1, 65_536), clock=clock or Pauses(), tls=tls)


def with_port(host: str, port: int) -> str:
    """Puts a port behind a host, before what only pretends to be one."""
    return f"http://{host}:{port}/secret"


# ---- which addresses are connected to ------------------------------------------------------------------------------------


@on_a_loop
async def test_the_listener_would_notice(web: FakeWeb) -> None:
    web.page("/secret", "found")
    async with fetcher(web) as fetch:
        assert (await fetch.get(f"{web.url}/secret")).text == "found"
    assert web.connections == 1


@on_a_loop
async def test_no_spelling_of_a_private_host_is_connected_to(web: FakeWeb) -> None:
    async with fetcher(answers=[["127.0.0.1"], ["::1"]]) as fetch:
        for host in (*LOOPBACK, *PRIVATE):
            for call in (fetch.get(with_port(host, web.port)), fetch.post(with_port(host, web.port), json={})):
                with pytest.raises(Blocked):
                    await call
    assert web.connections == 0


@on_a_loop
async def test_no_redirect_is_followed_to_a_private_host(web: FakeWeb) -> None:
    with FakeWeb() as public:  # named by the user, so that it can be asked at all; what it redirects to is not
        async with fetcher(public, answers=[["127.0.0.1"]]) as fetch:
            for number, host in enumerate([*LOOPBACK, *PRIVATE]):
                for status in (301, 302, 303, 307, 308):
                    public.redirect(f"/{number}/{status}", with_port(host, web.port), status=status)
                    with pytest.raises(Blocked):
                        await fetch.get(f"{public.url}/{number}/{status}")
        assert len(public.requests) == 5 * len([*LOOPBACK, *PRIVATE])
    assert web.connections == 0


@on_a_loop
async def test_no_name_is_connected_to_at_a_private_address(web: FakeWeb) -> None:
    for address in ADDRESSES:
        for answer in ([address], ["93.184.215.14", address], [address, "93.184.215.14"]):
            async with fetcher(answers=[answer]) as fetch:
                with pytest.raises(Blocked, match="'rebind.example' is not asked: it is"):
                    await fetch.get(f"http://rebind.example:{web.port}/secret")
    assert web.connections == 0


@on_a_loop
async def test_a_name_that_changes_its_address_gains_nothing(web: FakeWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []

    class Backend:
        """Stands for the network: connects nowhere, and tells where to."""

        async def connect_tcp(self, address: str, *rest: Any) -> Any:
            dialled.append(address)
            raise ConnectionRefusedError

    init = Dialer.__init__

    def nowhere(self: Dialer, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        self._backend = Backend()

    monkeypatch.setattr(Dialer, "__init__", nowhere)
    for answers in ([["93.184.215.14"], ["127.0.0.1"]], [["127.0.0.1"], ["93.184.215.14"]], [["93.184.215.14"], ["::1", "1.1.1.1"]]):
        async with fetcher(answers=answers) as fetch:
            for _ in range(20):
                with pytest.raises(FetchFailed):
                    await fetch.get(f"http://rebind.example:{web.port}/secret")
    assert set(dialled) == {"93.184.215.14"} and len(dialled) >= 30, "what was checked is what was connected to"
    assert web.connections == 0


@on_a_loop
async def test_normal_urls_are_asked_at_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    dialled: list[str] = []

    async def connect(self: Dialer, host: str, port: int, *rest: Any, **more: Any) -> Any:
        dialled.extend(await self._addresses(host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(Dialer, "connect_tcp", connect)
    async with fetcher(answers=[[address] for address in PUBLIC], tls=ssl.create_default_context()) as fetch:
        for url in NORMAL:
            with pytest.raises(Unreachable):
                await fetch.get(url, attempts=1)
    assert len(dialled) == len(NORMAL) >= 50 and not any(map(verdict, dialled))


@on_a_loop
async def test_a_page_elsewhere_does_not_lead_to_what_only_the_call_trusts(web: FakeWeb) -> None:
    web.page("/secret", "found")
    with FakeWeb() as other:
        url = other.redirect("/go", f"{web.url}/secret")
        async with fetcher() as fetch:
            for trusted in ((), (web.url,)):
                with pytest.raises(Blocked):
                    await fetch.get(url, trusted=trusted)
            with pytest.raises(Blocked):
                await fetch.get(url, trusted=(other.url,))
            assert (await fetch.get(url, trusted=(other.url, web.host))).text == "found"
            with pytest.raises(Blocked):  # and the connection that is open now is not for other calls
                await fetch.get(f"{web.url}/secret")
    assert web.connections == 1


@on_a_loop
async def test_names_that_settings_trust_may_be_private(web: FakeWeb) -> None:
    web.page("/", "mine")
    async with fetcher(answers=[["127.0.0.1"]], allow_hosts=(f"searx.lan:{web.port}",)) as fetch:
        got = await fetch.get(f"http://searx.lan:{web.port}/")
        assert got.text == "mine" and web.requests[0].headers["host"] == f"searx.lan:{web.port}"
        with pytest.raises(Blocked):
            await fetch.get(f"http://other.example:{web.port}/")


@pytest.mark.parametrize("given", [{"offline": True}, {"mode": "replay"}])
def test_offline_nothing_is_asked(web: FakeWeb, given: dict[str, Any]) -> None:
    @on_a_loop
    async def inside() -> None:
        async with fetcher(web, **given) as fetch:
            for call in (fetch.get(web.url), fetch.post(web.url, json={}), fetch.client(web.url).get("/")):
                with pytest.raises(Offline, match="switches the network off"):
                    await call

    inside()
    assert web.connections == 0


# ---- what comes back ----------------------------------------------------------------------------------------------------


@on_a_loop
async def test_an_answer_comes_whole_with_what_is_known_of_it(web: FakeWeb) -> None:
    web.page("/a", "café".encode("latin-1"), kind='Text/HTML; Charset="ISO-8859-1"', headers={"set-cookie": "id=1", "etag": "x"})
    web.redirect("/b", "/a?ü")
    async with fetcher(web) as fetch:
        got = await fetch.get(f"{web.url}/b#part", params={"q": "a b", "n": [1, 2]})
    assert (got.url, got.status, got.kind, got.charset, got.text) == (f"{web.url}/a?%C3%BC", 200, "text/html", "iso-8859-1", "café")
    assert got.hops == (f"{web.url}/b?q=a+b&n=1&n=2",) and got.headers["etag"] == "x" and "set-cookie" not in got.headers
    first = web.requests[0]
    assert first.headers["user-agent"].startswith("sentient-kernel/") and first.headers["accept-encoding"] == "gzip, deflate"
    assert "cookie" not in web.requests[1].headers and "café" not in repr(got)


@on_a_loop
async def test_bytes_that_are_no_utf8_are_the_callers_business(web: FakeWeb) -> None:
    web.page("/a", "x")
    web.fault("/a", "not_utf8")
    async with fetcher(web) as fetch:
        got = await fetch.get(f"{web.url}/a")
    assert b"\xff\xfe" in got.body and "\ufffd" in got.text


@on_a_loop
async def test_json_is_posted_and_read(web: FakeWeb) -> None:
    web.article("/tides", "Tides", "The moon pulls the sea.")
    async with fetcher(web) as fetch:
        got = await fetch.post(
            f"{web.url}/tavily/search", json={"query": "moon ü"}, headers={"Authorization": "Bearer key-of-the-fake-web"}
        )
    assert got.json()["results"][0]["url"] == f"{web.url}/tides" and web.requests[0].headers["content-type"] == "application/json"


@on_a_loop
async def test_credentials_do_not_go_to_another_origin(web: FakeWeb) -> None:
    web.page("/end", "x")
    secret = {"Authorization": "Bearer s", "X-Api-Key": "s", "Cookie": "s=1", "X-Any": "s", "Accept-Language": "en"}
    with FakeWeb() as other:
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
def test_only_the_kind_that_was_asked_for_is_read(web: FakeWeb, kind: str, accept: Any, good: bool) -> None:
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
def test_an_answer_without_end_costs_neither_memory_nor_time(web: FakeWeb, kind: Any, error: type[Exception], reason: str) -> None:
    web.page("/a", "x")
    web.fault("/a", kind)

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web) as fetch:
            with pytest.raises(error) as caught:  # the first time makes the bomb, which is not ours to count
                await fetch.get(f"{web.url}/a", deadline=0.3 if reason == "deadline" else 30.0)
            assert isinstance(caught.value, FetchFailed) and caught.value.reason_code == reason and "'127.0.0.1'" in str(caught.value)
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
async def test_eight_bombs_at_once_stay_within_sixty_megabytes(web: FakeWeb) -> None:
    web.page("/a", "x")
    web.fault("/a", "bomb")
    async with fetcher(web) as fetch:
        with pytest.raises(TooBig):
            await fetch.get(f"{web.url}/a")
        tracemalloc.start()
        try:
            outcomes = await asyncio.gather(*(fetch.get(f"{web.url}/a", most_bytes=5 * MB) for _ in range(8)), return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {TooBig} and tracemalloc.get_traced_memory()[1] < 60 * MB
        finally:
            tracemalloc.stop()


@on_a_loop
async def test_headers_that_end_are_bounded_too(web: FakeWeb) -> None:
    web.page("/fits", "x", headers={"x-long": "y" * 60_000})
    web.page("/long", "x", headers={f"x-{number}": "y" * 900 for number in range(75)})
    async with fetcher(web) as fetch:
        assert (await fetch.get(f"{web.url}/fits")).status == 200
        with pytest.raises(TooBig, match="65,536 bytes of headers"):
            await fetch.get(f"{web.url}/long")


@on_a_loop
async def test_a_body_may_be_just_as_long_as_it_may_be(web: FakeWeb) -> None:
    web.page("/a", "x" * 1_000)
    async with fetcher(web) as fetch:
        assert len((await fetch.get(f"{web.url}/a", most_bytes=1_000)).body) == 1_000
        with pytest.raises(TooBig, match="more than the 999 bytes"):
            await fetch.get(f"{web.url}/a", most_bytes=999)


@on_a_loop
async def test_five_redirects_are_followed_and_no_more(web: FakeWeb) -> None:
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
    [({"Retry-After": "7"}, [7.0]), ({"retry-after-ms": "1500", "Retry-After": "9"}, [1.5]), ({"Retry-After": "0"}, [])],
)
def test_a_busy_server_is_asked_again_when_it_says(web: FakeWeb, headers: dict[str, str], pauses: list[float]) -> None:
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
async def test_a_server_that_asks_for_more_time_than_there_is_is_not_waited_for(web: FakeWeb) -> None:
    web.fault("/a", "status", status=429, headers={"Retry-After": "50"})
    clock = Pauses()
    async with fetcher(web, clock=clock) as fetch:
        with pytest.raises(ServerBusy, match=r"too many requests \(HTTP 429\)") as caught:
            await fetch.get(f"{web.url}/a", deadline=30)
    assert clock.slept == [] and caught.value.answered == 429 and caught.value.headers["retry-after"] == "50"


@pytest.mark.parametrize("kind", ["reset", "cut", "status"])
def test_a_fault_that_passes_is_not_noticed(web: FakeWeb, kind: Any) -> None:
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
def test_a_fault_that_stays_is_named_and_never_taken_for_an_answer(web: FakeWeb, kind: Any, error: Any, reason: str, asked: int) -> None:
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
async def test_a_no_is_told_at_once_with_what_was_said(web: FakeWeb) -> None:
    web.page("/a", "gone", status=404)
    async with fetcher(web) as fetch:
        with pytest.raises(StatusError, match=r"'127\.0\.0\.1' says no \(HTTP 404\)") as caught:
            await fetch.get(f"{web.url}/a?key=secret")
        assert (caught.value.answered, caught.value.body, caught.value.retryable) == (404, b"gone", False)
        assert "secret" not in str(caught.value)
        assert (await fetch.get(f"{web.url}/a", expect=(404,))).text == "gone"
    assert web.counts["/a"] == 2


@on_a_loop
async def test_who_does_not_listen_or_does_not_exist_is_named() -> None:
    with FakeWeb() as gone:
        pass
    async with fetcher(gone, answers=[[]]) as fetch:
        with pytest.raises(Unreachable, match="takes no connection"):
            await fetch.get(gone.url)
        with pytest.raises(Unreachable, match=r"'no\.example' cannot be found"):
            await fetch.get("http://no.example/")


# ---- nothing is left ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["hang", "drip", "headers", "big"])
def test_a_caller_who_leaves_leaves_nothing_behind(web: FakeWeb, kind: Any) -> None:
    web.page("/a", "x")
    web.fault("/a", kind)
    web.page("/b", "fine")

    @on_a_loop
    async def inside() -> None:
        async with fetcher(web, clock=FakeClock()) as fetch:
            calls = [asyncio.create_task(fetch.get(f"{web.url}/a", most_bytes=10**12)) for _ in range(5)]
            while len(web.requests) < 5:
                await asyncio.sleep(0)
            for call in calls:
                call.cancel()
            assert {type(outcome) for outcome in await asyncio.gather(*calls, return_exceptions=True)} <= {asyncio.CancelledError, TooBig}
            await asyncio.to_thread(web.wait_until_left)
            await settle()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert (await fetch.get(f"{web.url}/b")).text == "fine", "the pool is not used up"
        await asyncio.to_thread(web.wait_until_left)

    inside()


@on_a_loop
async def test_two_hundred_cancelled_calls_use_nothing_up(web: FakeWeb) -> None:
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
async def test_connections_are_used_again_and_closed_at_the_end(web: FakeWeb) -> None:
    web.page("/a", "x")
    async with fetcher(web) as fetch:
        for _ in range(20):
            await fetch.get(f"{web.url}/a")
        assert web.connections == 1
        await asyncio.gather(*(fetch.get(f"{web.url}/a") for _ in range(40)))
    await asyncio.to_thread(web.wait_until_left)


def test_a_fetcher_belongs_to_one_loop_at_a_time(web: FakeWeb) -> None:
    web.page("/a", "x")
    fetch = fetcher(web)

    async def once() -> None:
        assert (await fetch.get(f"{web.url}/a")).text == "x"
        with pytest.raises(UsageError, match="one event loop"):
            await asyncio.to_thread(asyncio.run, fetch.get(f"{web.url}/a"))
        await fetch.aclose()

    asyncio.run(once())
    asyncio.run(once())


# ---- robots, manners, TLS, clients --------------------------------------------------------------------------------------


@on_a_loop
async def test_robots_are_asked_once_and_heeded_on_every_hop(web: FakeWeb) -> None:
    web.page("/robots.txt", "User-agent: *\nDisallow: /closed", kind="text/plain")
    for path in ("/open", "/closed"):
        web.page(path, "x")
    web.redirect("/sly", "/closed")
    async with fetcher(web) as fetch:
        assert (await fetch.get(f"{web.url}/open", robots=True)).status == 200
        for path in ("/closed", "/sly"):
            with pytest.raises(Blocked, match=r"robots\.txt closes this page") as caught:
                await fetch.get(web.url + path, robots=True)
            assert caught.value.reason_code == "robots"
        assert (await fetch.get(f"{web.url}/closed")).status == 200
    assert web.counts["/robots.txt"] == 1


@on_a_loop
async def test_robots_that_cannot_be_had_mean_not_now(web: FakeWeb) -> None:
    web.page("/open", "x")
    web.fault("/robots.txt", "status", status=503)
    async with fetcher(web) as fetch:
        with pytest.raises(ServerBusy, match=r"robots\.txt cannot be had"):
            await fetch.get(f"{web.url}/open", robots=True)
    assert web.counts["/open"] == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a key and a certificate for pages.example, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=pages.example -addext"
    words += " subjectAltName=DNS:pages.example -keyout key.pem -out cert.pem"
    try:
        subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        missing("openssl (Debian: apt-get install openssl)")
    (folder / "both.pem").write_text((folder / "key.pem").read_text() + (folder / "cert.pem").read_text())
    return folder / "both.pem"


@on_a_loop
async def test_the_name_stays_in_tls_and_host_while_the_connection_goes_to_the_address(certificate: Path) -> None:
    asked: list[str | None] = []
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    serving.sni_callback = lambda _, name, __: asked.append(name)
    mine = ssl.create_default_context(cafile=str(certificate))
    with FakeWeb(tls=serving) as web, FakeWeb() as plain:
        web.page("/a", "safe")
        web.redirect("/down", f"{plain.url}/a")
        named = (f"pages.example:{web.port}", f"wrong.example:{web.port}", plain.host)
        async with fetcher(answers=[["127.0.0.1"]], tls=mine, allow_hosts=named) as fetch:
            got = await fetch.get(f"https://pages.example:{web.port}/a")
            assert got.text == "safe" and asked == ["pages.example"] and web.requests[0].headers["host"] == f"pages.example:{web.port}"
            with pytest.raises(Unreachable, match="its certificate or its TLS does not fit"):
                await fetch.get(f"https://wrong.example:{web.port}/a", attempts=1)
            with pytest.raises(Blocked, match="without TLS"):
                await fetch.get(f"https://pages.example:{web.port}/down")
        async with fetcher(answers=[["127.0.0.1"]], allow_hosts=named) as fetch:
            with pytest.raises(Unreachable, match="its certificate or its TLS does not fit"):
                await fetch.get(f"https://pages.example:{web.port}/a", attempts=1)
        assert plain.connections == 0


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_a_client_for_sdks_is_guarded_and_bounded(web: FakeWeb, library: Any) -> None:
    package = pytest.importorskip(library)
    web.page("/v1/models", '{"data": []}', kind="application/json", headers={"set-cookie": "a=b"})
    web.redirect("/v1/moved", "/v1/models")
    for kind in ("reset", "hang", "bomb"):
        web.page(f"/v1/{kind}", "x")
        web.fault(f"/v1/{kind}", kind)
    with FakeWeb() as other:

        @on_a_loop
        async def inside() -> None:
            async with fetcher() as fetch:
                client = fetch.client(f"{web.url}/v1", library=library, most_bytes=5 * MB)
                assert isinstance(client, package.AsyncClient)
                assert (await client.get("/models")).json() == {"data": []}
                assert (await client.get("/moved")).status_code == 302 and "cookie" not in web.requests[-1].headers
                for url in (other.url, f"http://localhost:{other.port}/", "http://169.254.169.254/", "http://me:word@a.example/"):
                    with pytest.raises(Blocked):
                        await client.get(url)
                with pytest.raises(package.TransportError):
                    await client.get("/reset")
                with pytest.raises(package.ReadTimeout):
                    await client.get("/hang", timeout=0.1)
                with pytest.raises(TooBig):
                    await client.get("/bomb")
            assert client.is_closed
            await asyncio.to_thread(web.wait_until_left)

        inside()
        assert other.connections == 0


def test_a_base_url_that_is_none_is_refused() -> None:
    for url in ("file:///x", "http://me:word@host/", "host/v1"):
        with pytest.raises(FetchFailed):
            fetcher().client(url)
    assert check_url("http://127.0.0.1:1/", Rules(trusted=frozenset({("127.0.0.1", 1)}))).trusted
