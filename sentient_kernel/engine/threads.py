"""Where code runs: the engine's event loop on a daemon thread, sync steps in threads of their own,
and a watchdog that names the step that blocks the loop.

An async step runs on the loop; one that was seen to block it gets a loop of its own, in a thread,
from then on.

anyio's blocking portal would serve as the loop's thread too, but its thread is joined when the
interpreter ends, so that a script or kernel whose workbench nobody closed would never end.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple, TypeVar

from sentient_kernel.engine.identity import unwrapped
from sentient_kernel.errors import UsageError
from sentient_kernel.events import LoopBlocked
from sentient_kernel.ids import RunId, StepKey

T = TypeVar("T")

BLOCKED_AFTER = 1.0
"""Seconds without a turn of the loop after which it counts as blocked."""

log = logging.getLogger("sentient_kernel.engine")


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
            raise UsageError(
                "The workbench was called from inside a workflow or an async step.",
                hint="There, use the context: ctx.run, ctx.step, ctx.send.",
            )
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

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
    inner = unwrapped(fn, decorators=False)
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
    done: Future[tuple[Any, BaseException | None]] = Future()
    done.set_running_or_notify_cancel()  # it cannot be called off any more
    context = contextvars.copy_context()

    def body() -> None:
        try:
            done.set_result((context.run(call), None))
        except BaseException as error:  # noqa: BLE001
            # the border of step execution: whatever a body raises belongs to its step
            done.set_result((None, error))

    async with slots:
        if begins is not None:
            begins()
        threading.Thread(target=body, name=f"sentient-step-{name}", daemon=True).start()
        value, error = await asyncio.wrap_future(done)
    if error is not None:
        raise error
    return value


class Body(NamedTuple):
    """A coroutine that runs on the loop: of which run and step; a workflow itself has no key."""

    run: RunId
    name: str
    key: StepKey | None
    coroutine: Any


@dataclass(slots=True)
class Watchdog:
    """A thread beside the loop.

    Args:
        loop: The loop.
        report: Called on the loop, when it turns again, with what blocked it and for how long.
        bodies: What runs on the loop now, by an id of whoever runs it.
        blocked: What blocks the loop at this moment.
        blockers: Functions that were seen to block; they no longer run on the loop.
    """

    loop: asyncio.AbstractEventLoop
    report: Callable[[RunId, LoopBlocked], None]
    bodies: dict[int, Body] = field(default_factory=dict)
    blocked: LoopBlocked | None = None
    blockers: set[CodeType] = field(default_factory=set)
    _run: RunId = RunId("")
    _thread: int = 0
    _ticked: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begins to watch; call on the loop."""
        self._thread = threading.get_ident()
        self._ticked = time.monotonic()
        threading.Thread(target=self._watch, name="sentient-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Ends the watch."""
        self._stop.set()

    def _watch(self) -> None:
        looked, used = time.monotonic(), time.process_time()
        while not self._stop.wait(BLOCKED_AFTER / 4):
            now = time.monotonic()
            if now - looked > BLOCKED_AFTER and time.process_time() - used < (now - looked) / 2:
                self._ticked = (
                    now  # the whole process stood still: it was stopped, or the machine slept
                )
            looked, used = now, time.process_time()
            try:
                self.loop.call_soon_threadsafe(self._tick)
            except RuntimeError:
                return  # the loop was closed
            if now - self._ticked > BLOCKED_AFTER and self.blocked is None:
                self._name_the_blocker(now - self._ticked)

    def _tick(self) -> None:
        now = time.monotonic()
        if self.blocked is not None:
            event, self.blocked = self.blocked, None
            self.report(
                self._run, event.model_copy(update={"seconds": round(now - self._ticked, 2)})
            )
        self._ticked = now

    def _name_the_blocker(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._thread)
        if frame is None or (
            frame.f_code.co_name == "select" and frame.f_code.co_filename == selectors.__file__
        ):
            return  # it waits for work; somebody else kept the interpreter
        stack = tuple(
            f"{s.filename}:{s.lineno} {s.name}" for s in traceback.extract_stack(frame, limit=12)
        )
        body, name, key = self._body_at(frame), "", None
        if body is not None:
            self.blockers.add(body.coroutine.cr_code)
            name, key = body.name, body.key
        self._run = RunId("") if body is None else body.run
        self.blocked = LoopBlocked(seconds=round(seconds, 2), step=name, key=key, stack=stack)
        what = f"{'Step' if key else 'Workflow'} {name!r}" if name else "Something"
        where = stack[-1] if stack else "?"
        log.warning("%s blocks the engine's loop; it stands at %s", what, where)

    def _body_at(self, frame: FrameType) -> Body | None:
        """Returns the body that the loop is in: the innermost one whose frame is on the stack."""
        frames = {
            id(body.coroutine.cr_frame): body
            for body in list(self.bodies.values())
            if hasattr(body.coroutine, "cr_frame")
        }
        found = (frames.get(id(inner)) for inner, _ in traceback.walk_stack(frame))
        return next((body for body in found if body is not None), None)
