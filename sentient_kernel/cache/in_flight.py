"""Single flight: one call under way for all who ask for the same at once, whichever loop they are
on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")
LOOK = 0.5
"""Seconds between looks at whether the loop of a call that others wait for still turns."""


class LoopGone(Exception):
    """The call went down with its loop; somebody else has to make it."""


class InFlight(Generic[T]):
    """A call that is made in a task of its own: whoever waits for it may leave, also the one who
    asked first.

    Args:
        work: What makes the call; started at once, on the loop that runs here.
    """

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.loop = asyncio.get_running_loop()
        self._completed: Future[T] = Future()
        self._task = self.loop.create_task(work)
        self._task.add_done_callback(self._complete)

    def _complete(self, task: asyncio.Task[T]) -> None:
        if task.cancelled():
            self._completed.set_exception(LoopGone())
        elif (error := task.exception()) is not None:
            self._completed.set_exception(error)
        else:
            self._completed.set_result(task.result())

    def cancel(self) -> None:
        """Ends the call; any thread."""
        with suppress(RuntimeError):  # its loop was closed
            self.loop.call_soon_threadsafe(self._task.cancel)

    async def join(self) -> T:
        """Waits for the answer; being cancelled meanwhile ends the waiting, not the call.

        Raises:
            LoopGone: It was made on another loop, and that one has ended.
        """
        if asyncio.get_running_loop() is self.loop:
            await asyncio.wait((self._task,))
            return self._task.result()
        completed = asyncio.wrap_future(self._completed)
        completed.add_done_callback(lambda done: done.cancelled() or done.exception())
        while not (await asyncio.wait((completed,), timeout=LOOK))[0]:
            if not self.loop.is_running():
                raise LoopGone
        return completed.result()
