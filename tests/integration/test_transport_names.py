"""Names that hang: they hold up neither other names, nor other work in threads, nor the end of the
process.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from loop_kit import on_a_loop

from sentient_kernel.errors import Unreachable
from sentient_kernel.settings import Settings
from sentient_kernel.testing import FakeWeb
from sentient_kernel.transport import Fetcher, dns
from sentient_kernel.transport.dns import Resolver


class FakeResolver:
    """Stands for this machine's resolver: names that end in .hangs.example wait until they are let
    go.
    """

    def __init__(self) -> None:
        self.go = threading.Event()
        self.asked = Counter[str]()

    def getaddrinfo(self, host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        """Answers with loopback, or with nothing."""
        self.asked[host] += 1
        if host.endswith(".hangs.example"):
            assert self.go.wait(60)
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 2


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeResolver]:
    """A resolver in place of this machine's."""
    resolver = FakeResolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.go.set()
    for thread in threading.enumerate():
        if thread.name == "sentient-names":
            thread.join(60)


@on_a_loop
async def test_names_that_hang_hold_up_no_other_name_and_no_other_work(
    resolver: FakeResolver,
) -> None:
    many = (
        os.cpu_count() or 1
    ) + 5  # more than the threads of a loop, of which there are at most 32
    names = [f"{number}.hangs.example" for number in range(min(many, 30))]
    with FakeWeb() as web:
        web.page("/", "here")
        settings = Settings(_env_file=None, allow_hosts=(f"here.example:{web.port}",))
        async with Fetcher(settings, ports=range(1, 65_536)) as fetch:
            hanging = [
                asyncio.create_task(fetch.get(f"http://{name}/", attempts=1)) for name in names
            ]
            while len(resolver.asked) < len(names):
                await asyncio.sleep(0.01)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: "done"), 5) == "done"
            assert (await fetch.get(f"http://here.example:{web.port}/", deadline=5)).text == "here"
            resolver.go.set()
            outcomes = await asyncio.gather(*hanging, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}


@on_a_loop
async def test_a_name_that_hangs_is_given_up_and_not_asked_twice_at_the_same_time(
    resolver: FakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns, "LOOKUP", 0.05)
    async with Fetcher(Settings(_env_file=None)) as fetch:
        for _ in range(3):
            with pytest.raises(Unreachable, match=r"'a\.hangs\.example' cannot be found"):
                await fetch.get("http://a.hangs.example/", attempts=1)
    assert resolver.asked == {"a.hangs.example": 1}


@on_a_loop
async def test_threads_are_few_and_whom_nobody_waits_for_is_not_asked(
    resolver: FakeResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns, "THREADS", 2)
    names = Resolver()
    lookups = [
        asyncio.create_task(names.resolve(f"{number}.hangs.example", 80)) for number in range(4)
    ]
    last = asyncio.create_task(names.resolve("here.example", 80))
    while len(resolver.asked) < 2:
        await asyncio.sleep(0.01)
    for lookup in lookups:
        lookup.cancel()
    await asyncio.gather(*lookups, return_exceptions=True)
    assert len(resolver.asked) == 2
    resolver.go.set()
    assert await last == ["127.0.0.1"]
    assert set(resolver.asked) == {"0.hangs.example", "1.hangs.example", "here.example"}


@on_a_loop
async def test_what_can_be_no_name_is_not_found() -> None:
    names = Resolver()
    for host in ("a" * 70 + ".example", "a\0b"):
        assert await names.resolve(host, 80) == []


def test_a_name_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    script = """
import asyncio, socket, threading
from sentient_kernel.settings import Settings
from sentient_kernel.transport import Fetcher
asked = threading.Event()
def hang(*_, **__):
    asked.set()
    threading.Event().wait()
socket.getaddrinfo = hang
async def main():
    async with Fetcher(Settings(_env_file=None)) as fetch:
        task = asyncio.create_task(fetch.get("http://a.example/"))
        while not asked.is_set():
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
asyncio.run(main())
print("over")
"""
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "over\n", "")
