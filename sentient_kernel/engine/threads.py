"""Where code runs: the engine's event loop on a daemon thread, and sync steps in threads of their
own.

An async step runs on the loop; one that was seen to block it gets a loop of its own, in a thread,
from then on.

anyio's blocking portal would serve as the loop's thread too, but its thread is joined when the
interpreter ends, so that a script or kernel whose workbench nobody closed would never end.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from sentient_kernel.engine.identity import called
from sentient_kernel.errors import UsageError

T = TypeVar("T")


class LoopThread:
    """An event loop that turns on a thread of its own until it is stopped."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self._stopped = False
        self._thread = threading.Thread(target=self._turn, name=name, daemon=True)
        self._thread.start()

    def _turn(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            while not self._stopped:
                try:
                    self.loop.run_forever()
                except (SystemExit, KeyboardInterrupt):
                    # raised in a task that a workflow made itself; asyncio hands it on, but the
                    # loop has others to serve
                    continue
        finally:
            self.loop.close()

    @property
    def here(self) -> bool:
        """True on the loop's own thread."""
        return threading.current_thread() is self._thread

    def call(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Runs a coroutine on the loop and waits for its result.

        Raises:
            UsageError: Called on the loop itself, which would wait for itself for ever.
        """
        if self.here:
            coroutine.close()
            hint = "There, use the context: ctx.run, ctx.step, ctx.send."
            raise UsageError(
                "The workbench was called from inside a workflow or an async step.", hint=hint
            )
        return self.start(coroutine).result(timeout)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Starts a coroutine on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def stop(self) -> None:
        """Ends the loop and waits a moment for its thread."""
        self._stopped = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        if not self.here:
            self._thread.join(2)


def is_async(fn: Callable[..., Any]) -> bool:
    """True for async functions and methods, also inside partials, and for objects whose call is
    async.
    """
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

    Cancelling the waiting task abandons the thread; its result is dropped. ``begins`` is called
    when a thread was free.
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
        except BaseException as raised:  # noqa: BLE001
            # the border of step execution: whatever a body raises belongs to its step
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
