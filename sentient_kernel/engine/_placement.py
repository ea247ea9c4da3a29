"""Where the body of a step runs, so that a body that blocks cannot stall the other runs.

Sync functions run in a thread. An async function without a single ``await`` is a sync function in disguise: its first call runs in a
thread, and only when that was quick do later calls run on the engine's loop, which saves two thread switches. An async function that
was seen to block the loop, or that calls a library known to block, gets a loop of its own in a thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import dis
import inspect
import threading
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, ModuleType
from typing import Any, Literal

from sentient_kernel.engine._identity import plain

Place = Literal["loop", "thread", "trial", "own_loop"]

QUICK = 0.005
"""Seconds within which the first call of an async function without await must return to be trusted on the loop."""

BLOCKING = frozenset({"requests", "urllib.request", "urllib3", "subprocess"})


class Placement:
    """Decides, per function, where its calls run; learns from what it is told."""

    def __init__(self) -> None:
        self._quick: set[CodeType] = set()
        self._blocks: set[CodeType] = set()

    def where(self, fn: Callable[..., Any]) -> Place:
        """Returns the place for the next call of a function."""
        if getattr(fn, "__code__", None) in self._quick:
            return "loop"
        inner = fn if type(fn).__name__ == "function" else plain(fn)
        code = getattr(inner, "__code__", None)
        if not inspect.iscoroutinefunction(inner):
            call = getattr(type(inner), "__call__", None)
            return "loop" if code is None and inspect.iscoroutinefunction(call) else "thread"
        if code is None or code in self._quick:
            return "loop"
        if not _awaits(code):
            return "trial"
        if code in self._blocks or _calls_blocking(inner, code):
            return "own_loop"
        self._quick.add(code)
        return "loop"

    def returned(self, fn: Callable[..., Any], seconds: float) -> None:
        """Learns how long a trial took."""
        if seconds <= QUICK:
            self._quick.add(plain(fn).__code__)

    def trusted(self, code: CodeType | None) -> bool:
        """True for a function whose calls run on the loop."""
        return code in self._quick

    def blocked(self, code: CodeType) -> None:
        """Learns that a function kept the loop from turning."""
        self._quick.discard(code)
        self._blocks.add(code)


async def in_thread(call: Callable[[], Any], slots: asyncio.Semaphore, name: str, begins: Callable[[], None] | None = None) -> Any:
    """Runs a call in a daemon thread: one that hangs must not keep the process from ending.

    Cancelling the waiting task abandons the thread; its result is dropped. ``begins`` is called when a thread was free.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(value: Any, error: BaseException | None) -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        elif isinstance(error, StopIteration):
            future.set_exception(RuntimeError("the step raised StopIteration"))
        else:
            future.set_exception(error)

    def body() -> None:
        value, error = None, None
        try:
            value = context.run(call)
        except BaseException as raised:  # noqa: BLE001 - the border of step execution: whatever a body raises belongs to its step
            error = raised
        try:
            loop.call_soon_threadsafe(settle, value, error)
        except RuntimeError:
            pass  # the engine was closed meanwhile; nobody waits

    async with slots:
        if begins is not None:
            begins()
        threading.Thread(target=body, name=f"sentient-step-{name}", daemon=True).start()
        return await future


def drive(coroutine: Any) -> Any:
    """Runs a coroutine that never waits to its end, without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("the function waits although it has no await of its own")


@lru_cache(maxsize=2048)
def _awaits(code: CodeType | None) -> bool:
    if code is None:
        return True
    return any(i.opname in ("GET_AWAITABLE", "GET_ANEXT", "BEFORE_ASYNC_WITH", "YIELD_FROM") for i in dis.get_instructions(code))


def _calls_blocking(fn: Any, code: CodeType) -> bool:
    for name in code.co_names:
        used = fn.__globals__.get(name)
        module = used.__name__ if isinstance(used, ModuleType) else getattr(used, "__module__", None) or ""
        if module in BLOCKING or module.partition(".")[0] == "requests" or (module == "time" and "sleep" in code.co_names and "asyncio" not in code.co_names):
            return True
    return False
