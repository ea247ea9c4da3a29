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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any, Literal

from sentient_kernel.engine.identity import called

Place = Literal["loop", "thread", "trial", "own_loop"]

QUICK = 0.005
"""Seconds within which the first call of an async function without await must return to be trusted on the loop."""

PATIENCE = 0.02
"""Seconds that a call waits for another call's trial before it gets a thread of its own."""

BLOCKING = frozenset({"requests", "urllib.request", "urllib3", "subprocess", "time.sleep"})
"""Modules, and functions of modules, that wait without letting others go on."""

_LOOP_BOUND = frozenset({"get_running_loop", "get_event_loop", "create_task", "ensure_future", "current_task", "TaskGroup"})
"""What a function without ``await`` can do only where a loop runs."""


class Placement:
    """Decides, per function, where its calls run; learns from what it is told."""

    def __init__(self) -> None:
        self._quick: set[CodeType] = set()
        self._blocks: set[CodeType] = set()
        self._trials: dict[CodeType, asyncio.Future[None]] = {}

    async def settle(self, fn: Callable[..., Any]) -> Place:
        """Returns the place for the next call of a function; while another call of it is on trial, after a moment's wait."""
        place = self.where(fn)
        trial = self._trials.get(called(fn).__code__) if place == "trial" else None
        if trial is None:
            return place
        await asyncio.wait([trial], timeout=PATIENCE)
        return self.where(fn)

    @contextmanager
    def trial(self, fn: Callable[..., Any]) -> Iterator[None]:
        """Notes that a call of a function is on trial."""
        code = called(fn).__code__
        future = self._trials[code] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            future.set_result(None)
            if self._trials.get(code) is future:
                del self._trials[code]

    def where(self, fn: Callable[..., Any]) -> Place:
        """Returns the place for the next call of a function."""
        if getattr(fn, "__code__", None) in self._quick:
            return "loop"
        inner = called(fn)
        code = getattr(inner, "__code__", None)
        if not inspect.iscoroutinefunction(inner):
            call = vars(type(inner)).get("__call__")
            return "loop" if code is None and inspect.iscoroutinefunction(call) else "thread"
        if code is None or code in self._quick:
            return "loop"
        if not _awaits(code) and not _LOOP_BOUND.intersection(code.co_names):
            return "trial"
        if code not in self._blocks and not calls_blocking(inner):
            self._quick.add(code)
            return "loop"
        self._blocks.add(code)
        return "own_loop"

    def returned(self, fn: Callable[..., Any], seconds: float) -> None:
        """Learns how long a trial took."""
        if seconds <= QUICK:
            self._quick.add(called(fn).__code__)

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


def calls_blocking(fn: Any, depth: int = 3) -> bool:
    """True when a function, or a sync function of its module that it calls, is seen to use something that blocks.

    Looks at names alone: what goes through an object or an argument is not seen, and left to the watchdog.
    """
    return any(_blocks(used, fn, depth) for used in _used(fn.__code__, fn.__globals__))


def _used(code: CodeType, space: dict[str, Any]) -> Iterator[Any]:
    """Yields the global things that code loads, ``a.b.c`` as c, and the names of modules that it imports."""
    thing: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith(("LOAD_ATTR", "LOAD_METHOD")) and isinstance(thing, (ModuleType, str)):
            name = instruction.argval
            thing = f"{thing}.{name}" if isinstance(thing, str) else getattr(thing, name, None)
            continue
        if thing is not None:
            yield thing
        thing = space.get(instruction.argval) if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") else None
        if instruction.opname == "IMPORT_NAME":
            thing = instruction.argval
        elif isinstance(instruction.argval, CodeType):
            yield from _used(instruction.argval, space)
    if thing is not None:
        yield thing


def _blocks(used: Any, fn: Any, depth: int) -> bool:
    if isinstance(used, (ModuleType, str)):
        return _is_blocking(used if isinstance(used, str) else used.__name__)
    if isinstance(used, FunctionType) and used.__module__ == fn.__module__:
        return depth > 0 and used is not fn and not inspect.iscoroutinefunction(used) and calls_blocking(used, depth - 1)
    if callable(used):
        return _is_blocking(f"{getattr(used, '__module__', '')}.{getattr(used, '__qualname__', '')}")
    return _is_blocking(type(used).__module__)  # a session, a pool


def _is_blocking(name: str) -> bool:
    return any(name == known or name.startswith(f"{known}.") for known in BLOCKING)
