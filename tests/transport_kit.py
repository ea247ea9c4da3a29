"""What tests of the transport room share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import pytest

from sentient_kernel.clock import SystemClock
from sentient_kernel.settings import Settings
from sentient_kernel.transport import Fetcher
from tests.kits.services_web import ServicesWeb


@pytest.fixture
def web() -> Iterator[ServicesWeb]:
    """A web of its own for each test."""
    with ServicesWeb() as web:
        yield web


class Pauses(SystemClock):
    """A clock whose sleeps are over at once, and kept."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Keeps how long it was to be."""
        self.slept.append(seconds)
        await asyncio.sleep(0)


def fetcher(
    web: ServicesWeb | None = None,
    *,
    answers: Sequence[Sequence[str]] = (),
    clock: Any = None,
    tls: Any = None,
    **given: Any,
) -> Fetcher:
    """Returns a fetcher that may ask any port, trusts this web, and whose resolver gives these
    answers in turn, again and again.
    """
    turn = cycle(answers or [[]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(turn)

    named = {"allow_hosts": (web.host,)} if web is not None else {}
    settings = Settings(_env_file=None, **{**named, **given})
    return Fetcher(
        settings, resolve=resolve, ports=range(1, 65_536), clock=clock or Pauses(), tls=tls
    )
