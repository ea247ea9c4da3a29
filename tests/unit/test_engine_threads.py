"""Where a step's body runs is decided by what it is."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

from sentient_kernel.engine.threads import in_thread, is_async


def plain(i: int) -> int:
    return i


async def without_await(i: int) -> int:
    return i


async def with_await(i: int) -> int:
    await asyncio.sleep(0)
    return i


def decorated(fn: Any) -> Any:
    @functools.wraps(fn)
    async def wrapper(*args: Any) -> Any:
        return await fn(*args)

    return wrapper


class Tool:
    async def use(self) -> None:
        await asyncio.sleep(0)

    def __call__(self) -> None: ...


class AsyncTool:
    async def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "on_the_loop"),
    [
        (plain, False),
        (len, False),
        (str, False),
        (lambda: with_await(1), False),
        (functools.partial(plain, 1), False),
        (Tool(), False),
        (AsyncTool(), True),
        (with_await, True),
        (without_await, True),
        (Tool().use, True),
        (functools.partial(with_await, 1), True),
        (decorated(without_await), True),
        (functools.partial(decorated(without_await), 1), True),
    ],
    ids=lambda v: str(v) if isinstance(v, bool) else getattr(v, "__name__", type(v).__name__),
)
def test_async_functions_run_on_the_loop_and_sync_ones_in_threads(
    fn: Any, on_the_loop: bool
) -> None:
    assert is_async(fn) is on_the_loop


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        KeyboardInterrupt(),
        SystemExit(3),
        StopIteration(1),
        asyncio.CancelledError(),
    ],
)
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
        assert runner.run(waits()) == (
            "RuntimeError" if isinstance(error, StopIteration) else type(error).__name__
        )
