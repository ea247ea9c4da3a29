"""The engine's own event loop on a daemon thread, and the one way to it from other threads.

anyio's blocking portal would serve too, but its thread is joined when the interpreter ends, so that a script or kernel whose
workbench nobody closed would never end.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

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
                    continue  # raised in a task that a workflow made itself; asyncio hands it on, but the loop has others to serve
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
            raise UsageError("The workbench was called from inside a workflow or an async step.", hint=hint)
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
