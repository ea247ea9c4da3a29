"""Where a step's body runs is decided by what it is, and by what it was seen to do."""

from __future__ import annotations

import asyncio
import functools
import subprocess
import time
import urllib.request
from time import sleep as nap
from typing import Any

import pytest

from sentient_kernel.engine.placement import QUICK, Placement, drive, in_thread


def plain(i: int) -> int:
    return i


async def without_await(i: int) -> int:
    return i


async def with_await(i: int) -> int:
    await asyncio.sleep(0)
    return i


async def makes_a_task() -> Any:
    return asyncio.get_running_loop().create_task(with_await(1))


async def iterates(things: Any) -> None:
    async for _ in things:
        pass


async def enters(thing: Any) -> None:
    async with thing:
        pass


async def fetches_as_if_alone(url: str) -> bytes:
    await asyncio.sleep(0)
    body: bytes = urllib.request.urlopen(url).read()
    return body


async def sleeps_the_wrong_way() -> None:
    await asyncio.sleep(0)
    time.sleep(10)


async def naps() -> None:
    await asyncio.sleep(0)
    nap(10)


def helper() -> None:
    subprocess.run(["true"])


async def through_a_helper() -> None:
    await asyncio.sleep(0)
    helper()


async def inside_a_lambda() -> Any:
    await asyncio.sleep(0)
    return (lambda: time.sleep(1))()


async def imports_it() -> None:
    import requests

    await asyncio.sleep(0)
    requests.get("http://127.0.0.1")


async def sleeps_well() -> float:
    await asyncio.sleep(10)
    return time.monotonic()


def decorated(fn: Any) -> Any:
    @functools.wraps(fn)
    async def wrapper(*args: Any) -> Any:
        await asyncio.sleep(0)
        return await fn(*args)

    return wrapper


class Tool:
    async def use(self) -> None:
        await asyncio.sleep(0)

    def __call__(self) -> None: ...


class AsyncTool:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "place"),
    [
        (plain, "thread"),
        (len, "thread"),
        (lambda: with_await(1), "thread"),
        (functools.partial(plain, 1), "thread"),
        (Tool(), "thread"),
        (AsyncTool(), "loop"),
        (with_await, "loop"),
        (iterates, "loop"),
        (enters, "loop"),
        (Tool().use, "loop"),
        (functools.partial(with_await, 1), "loop"),
        (makes_a_task, "loop"),
        (sleeps_well, "loop"),
        (decorated(without_await), "loop"),
        (functools.partial(decorated(without_await), 1), "loop"),
        (without_await, "trial"),
        (functools.partial(without_await, 1), "trial"),
        (fetches_as_if_alone, "own_loop"),
        (sleeps_the_wrong_way, "own_loop"),
        (naps, "own_loop"),
        (through_a_helper, "own_loop"),
        (inside_a_lambda, "own_loop"),
        (imports_it, "own_loop"),
        (functools.partial(sleeps_the_wrong_way), "own_loop"),
    ],
    ids=lambda v: v if isinstance(v, str) else getattr(v, "__name__", type(v).__name__),
)
def test_place_follows_from_what_a_function_is(fn: Any, place: str) -> None:
    placement = Placement()
    assert placement.where(fn) == place
    assert placement.where(fn) == place  # asked again it says the same, as long as nothing was learnt


def test_function_without_await_that_was_quick_is_trusted_on_the_loop() -> None:
    placement = Placement()
    placement.returned(without_await, QUICK)
    assert placement.where(without_await) == placement.where(functools.partial(without_await, 1)) == "loop"
    assert placement.trusted(without_await.__code__)


def test_function_without_await_that_was_slow_stays_in_a_thread() -> None:
    placement = Placement()
    placement.returned(without_await, QUICK * 2)
    assert placement.where(without_await) == "trial"


@pytest.mark.parametrize(("fn", "then"), [(with_await, "own_loop"), (without_await, "trial")])
def test_function_that_blocked_the_loop_does_not_come_back_to_it(fn: Any, then: str) -> None:
    placement = Placement()
    placement.returned(fn, 0.0)
    assert placement.where(fn) == "loop"
    placement.blocked(fn.__code__)
    assert placement.where(fn) == then
    assert not placement.trusted(fn.__code__)


def test_driven_coroutine_returns_raises_or_is_found_to_wait() -> None:
    async def raises() -> None:
        raise KeyError("x")

    assert drive(without_await(3)) == 3
    with pytest.raises(KeyError):
        drive(raises())
    with pytest.raises(RuntimeError, match="has no await"):
        drive(with_await(1))


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3), StopIteration(1), asyncio.CancelledError()])
def test_whatever_a_thread_raises_reaches_who_waits(error: BaseException) -> None:
    def raises() -> None:
        raise error

    async def waits() -> str:
        try:
            await in_thread(raises, asyncio.Semaphore(1), "x")
        except BaseException as raised:  # noqa: BLE001 - that is the question
            return type(raised).__name__
        return "nothing"

    with asyncio.Runner() as runner:
        assert runner.run(waits()) == ("RuntimeError" if isinstance(error, StopIteration) else type(error).__name__)
