"""The fetcher against a real server: no private address is connected to, and others are asked
politely, safely and by SDKs.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import transport_kit
from address_forms import ADDRESSES, LOOPBACK, NORMAL, PRIVATE, PUBLIC
from conftest import missing
from loop_kit import on_a_loop
from transport_kit import fetcher

from sentient_kernel.errors import (
    Blocked,
    ConfigurationError,
    FetchFailed,
    Offline,
    ServerBusy,
    TooBig,
    Unreachable,
)
from sentient_kernel.transport import verdict
from sentient_kernel.transport.connections import Dialer
from tests.kits.services_web import ServicesWeb

web = transport_kit.web
MB = 1_000_000


def with_port(host: str, port: int) -> str:
    """Puts a port behind a host, before what only pretends to be one."""
    return f"http://{host}:{port}/secret"


# ---- which addresses are connected to ------------------------------------------------------------------------------------


@on_a_loop
async def test_the_listener_would_notice(web: ServicesWeb) -> None:
    web.page("/secret", "found")
    async with fetcher(web) as fetch:
        assert (await fetch.get(f"{web.url}/secret")).text == "found"
    assert web.connections == 1


@on_a_loop
async def test_no_spelling_of_a_private_host_is_connected_to(web: ServicesWeb) -> None:
    async with fetcher(answers=[["127.0.0.1"], ["::1"]]) as fetch:
        for host in (*LOOPBACK, *PRIVATE):
            for call in (
                fetch.get(with_port(host, web.port)),
                fetch.post(with_port(host, web.port), json={}),
            ):
                with pytest.raises(Blocked):
                    await call
    assert web.connections == 0


@on_a_loop
async def test_no_redirect_is_followed_to_a_private_host(web: ServicesWeb) -> None:
    # named by the user, so that it can be asked at all; what it redirects to is not
    with ServicesWeb() as public:
        async with fetcher(public, answers=[["127.0.0.1"]]) as fetch:
            for number, host in enumerate([*LOOPBACK, *PRIVATE]):
                for status in (301, 302, 303, 307, 308):
                    public.redirect(f"/{number}/{status}", with_port(host, web.port), status=status)
                    with pytest.raises(Blocked):
                        await fetch.get(f"{public.url}/{number}/{status}")
        assert len(public.requests) == 5 * len([*LOOPBACK, *PRIVATE])
    assert web.connections == 0


@on_a_loop
async def test_no_name_is_connected_to_at_a_private_address(web: ServicesWeb) -> None:
    for address in ADDRESSES:
        for answer in ([address], ["93.184.215.14", address], [address, "93.184.215.14"]):
            async with fetcher(answers=[answer]) as fetch:
                with pytest.raises(Blocked, match=r"Not fetching from 'rebind\.example': it is"):
                    await fetch.get(f"http://rebind.example:{web.port}/secret")
    assert web.connections == 0


@on_a_loop
async def test_a_name_that_changes_its_address_gains_nothing(
    web: ServicesWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    for answers in (
        [["93.184.215.14"], ["127.0.0.1"]],
        [["127.0.0.1"], ["93.184.215.14"]],
        [["93.184.215.14"], ["::1", "1.1.1.1"]],
    ):
        async with fetcher(answers=answers) as fetch:
            for _ in range(20):
                with pytest.raises(FetchFailed):
                    await fetch.get(f"http://rebind.example:{web.port}/secret")
    assert set(dialled) == {"93.184.215.14"} and len(dialled) >= 30, (
        "what was checked is what was connected to"
    )
    assert web.connections == 0


@on_a_loop
async def test_normal_urls_are_asked_at_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dialled: list[str] = []

    async def connect(self: Dialer, host: str, port: int, *rest: Any, **more: Any) -> Any:
        dialled.extend(await self._addresses(host, port))
        raise ConnectionRefusedError

    monkeypatch.setattr(Dialer, "connect_tcp", connect)
    async with fetcher(
        answers=[[address] for address in PUBLIC], tls=ssl.create_default_context()
    ) as fetch:
        for url in NORMAL:
            with pytest.raises(Unreachable):
                await fetch.get(url, attempts=1)
    assert len(dialled) == len(NORMAL) >= 50 and not any(map(verdict, dialled))


@on_a_loop
async def test_a_page_elsewhere_does_not_lead_to_what_only_the_call_trusts(
    web: ServicesWeb,
) -> None:
    web.page("/secret", "found")
    with ServicesWeb() as other:
        url = other.redirect("/go", f"{web.url}/secret")
        async with fetcher() as fetch:
            for trusted in ((), (web.url,)):
                with pytest.raises(Blocked):
                    await fetch.get(url, trusted=trusted)
            with pytest.raises(Blocked):
                await fetch.get(url, trusted=(other.url,))
            assert (await fetch.get(url, trusted=(other.url, web.host))).text == "found"
            # and the connection that is open now is not for other calls
            with pytest.raises(Blocked):
                await fetch.get(f"{web.url}/secret")
    assert web.connections == 1


@on_a_loop
async def test_names_that_settings_trust_may_be_private(web: ServicesWeb) -> None:
    web.page("/", "mine")
    async with fetcher(answers=[["127.0.0.1"]], allow_hosts=(f"searx.lan:{web.port}",)) as fetch:
        got = await fetch.get(f"http://searx.lan:{web.port}/")
        assert got.text == "mine" and web.requests[0].headers["host"] == f"searx.lan:{web.port}"
        with pytest.raises(Blocked):
            await fetch.get(f"http://other.example:{web.port}/")


@pytest.mark.parametrize("given", [{"offline": True}, {"mode": "replay"}])
def test_offline_nothing_is_asked(web: ServicesWeb, given: dict[str, Any]) -> None:
    @on_a_loop
    async def inside() -> None:
        async with fetcher(web, **given) as fetch:
            for call in (
                fetch.get(web.url),
                fetch.post(web.url, json={}),
                fetch.client(web.url).get("/"),
            ):
                with pytest.raises(Offline, match="switches the network off"):
                    await call

    inside()
    assert web.connections == 0


# ---- robots, manners, TLS, clients --------------------------------------------------------------------------------------


@on_a_loop
async def test_robots_are_asked_once_and_heeded_on_every_hop(web: ServicesWeb) -> None:
    web.page("/robots.txt", "User-agent: *\nDisallow: /closed", kind="text/plain")
    for path in ("/open", "/closed"):
        web.page(path, "x")
    web.redirect("/sly", "/closed")
    async with fetcher(web) as fetch:
        assert (await fetch.get(f"{web.url}/open", robots=True)).status == 200
        for path in ("/closed", "/sly"):
            with pytest.raises(Blocked, match=r"does not allow this page") as caught:
                await fetch.get(web.url + path, robots=True)
            assert caught.value.reason_code == "robots"
        assert (await fetch.get(f"{web.url}/closed")).status == 200
    assert web.counts["/robots.txt"] == 1


@on_a_loop
async def test_robots_that_cannot_be_had_mean_not_now(web: ServicesWeb) -> None:
    web.page("/open", "x")
    web.fault("/robots.txt", "status", status=503)
    async with fetcher(web) as fetch:
        with pytest.raises(ServerBusy, match=r"robots\.txt cannot be read"):
            await fetch.get(f"{web.url}/open", robots=True)
    assert web.counts["/open"] == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a key and a certificate for pages.example, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj"
        " /CN=pages.example -addext"
    )
    words += " subjectAltName=DNS:pages.example -keyout key.pem -out cert.pem"
    try:
        subprocess.run(
            ["openssl", *words.split()], cwd=folder, check=True, capture_output=True, timeout=60
        )
    except FileNotFoundError:
        missing("openssl (Debian: apt-get install openssl)")
    (folder / "both.pem").write_text(
        (folder / "key.pem").read_text() + (folder / "cert.pem").read_text()
    )
    return folder / "both.pem"


@on_a_loop
async def test_the_name_stays_in_tls_and_host_while_the_connection_goes_to_the_address(
    certificate: Path,
) -> None:
    asked: list[str | None] = []
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    serving.sni_callback = lambda _, name, __: asked.append(name)
    mine = ssl.create_default_context(cafile=str(certificate))
    with ServicesWeb(tls=serving) as web, ServicesWeb() as plain:
        web.page("/a", "safe")
        web.redirect("/down", f"{plain.url}/a")
        named = (f"pages.example:{web.port}", f"wrong.example:{web.port}", plain.host)
        async with fetcher(answers=[["127.0.0.1"]], tls=mine, allow_hosts=named) as fetch:
            got = await fetch.get(f"https://pages.example:{web.port}/a")
            assert (
                got.text == "safe"
                and asked == ["pages.example"]
                and web.requests[0].headers["host"] == f"pages.example:{web.port}"
            )
            with pytest.raises(Unreachable, match="its TLS or its certificate is not valid"):
                await fetch.get(f"https://wrong.example:{web.port}/a", attempts=1)
            with pytest.raises(Blocked, match="without TLS"):
                await fetch.get(f"https://pages.example:{web.port}/down")
        async with fetcher(answers=[["127.0.0.1"]], allow_hosts=named) as fetch:
            with pytest.raises(Unreachable, match="its TLS or its certificate is not valid"):
                await fetch.get(f"https://pages.example:{web.port}/a", attempts=1)
        assert plain.connections == 0


def test_a_client_for_sdks_is_guarded_and_bounded(web: ServicesWeb) -> None:
    package = pytest.importorskip("httpx2")
    web.page(
        "/v1/models",
        '{"data": []}',
        kind="application/json",
        headers={"set-cookie": "a=b", "Set-Cookie2": "c=d"},
    )
    web.redirect("/v1/moved", "/v1/models")
    for kind in ("reset", "hang", "bomb"):
        web.page(f"/v1/{kind}", "x")
        web.fault(f"/v1/{kind}", kind)
    with ServicesWeb() as other:

        @on_a_loop
        async def inside() -> None:
            async with fetcher() as fetch:
                client = fetch.client(f"{web.url}/v1", most_bytes=5 * MB)
                assert isinstance(client, package.AsyncClient)
                listed = await client.get("/models")
                assert listed.json() == {"data": []} and not {"set-cookie", "set-cookie2"} & {
                    name.lower() for name in listed.headers
                }
                assert (
                    await client.get("/moved")
                ).status_code == 302 and "cookie" not in web.requests[-1].headers
                for url in (
                    other.url,
                    f"http://localhost:{other.port}/",
                    "http://169.254.169.254/",
                    "http://me:word@a.example/",
                ):
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
        with pytest.raises(ConfigurationError) as caught:
            fetcher().client(url)
        assert "word" not in str(caught.value)
    with pytest.raises(Blocked, match="SENTIENT_DENY_DOMAINS"):
        fetcher(deny_domains=("a.example",)).client("https://a.example/v1")
