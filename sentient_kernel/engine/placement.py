"""Where the body of a step runs: a sync function in a thread, an async one on the engine's loop.

An async function that was seen to block the loop gets a loop of its own, in a thread, from then on.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable
from typing import Any

from sentient_kernel.engine.identity import called


def is_async(fn: Callable[..., Any]) -> bool:
    """True for async functions and methods, also inside partials, and for objects whose call is async."""
    inner = called(fn)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(type(inner), "__call__", None)  # noqa: B004 - not whether it can be called, but how
    )


async def in_thread(
    call: Callable[[], Any],
    slots: asyncio.Semaphore,
    name: str,
    begins: Callable[[], None] | None = None,
) -> Any:
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
