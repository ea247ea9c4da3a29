"""Notices a step that keeps the engine's loop, or a thread lent to an async function, from turning; says which step and where it stands."""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import TYPE_CHECKING, Any

from sentient_kernel.engine.placement import Placement
from sentient_kernel.events import LoopBlocked
from sentient_kernel.ids import RunId, StepKey

if TYPE_CHECKING:
    from sentient_kernel.engine.calls import Call

BLOCKED_AFTER = 1.0
"""Seconds without a turn of the loop after which it counts as blocked."""

log = logging.getLogger("sentient_kernel.engine")

Running = tuple[RunId, str, StepKey | None, Any]
"""A body on the loop: its run, the name and key of its step (no key for the workflow itself), and its coroutine."""


@dataclass(slots=True, eq=False)
class Entry:
    """A body that runs in a thread now."""

    run: RunId
    call: Call
    asynchronous: bool
    thread: int = 0
    began: float = 0.0
    seconds: float = 0.0
    reported: bool = False

    def timed(self, body: Callable[[], Any]) -> Callable[[], Any]:
        """Wraps a body so that its thread and duration are known."""

        def measured() -> Any:
            self.thread, self.began = threading.get_ident(), time.monotonic()
            try:
                return body()
            finally:
                self.seconds, self.thread = time.monotonic() - self.began, 0

        return measured


@dataclass(slots=True)
class Watchdog:
    """A thread beside the loop. ``report`` is called on that thread, or on the loop when the loop itself was blocked."""

    loop: asyncio.AbstractEventLoop
    placement: Placement
    report: Callable[[RunId, LoopBlocked], None]
    blocked: LoopBlocked | None = None
    _loop_thread: int = 0
    _ticked: float = 0.0
    _on_loop: dict[CodeType | None, dict[int, Running]] = field(default_factory=dict)
    _in_threads: set[Entry] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begins to watch; call on the loop."""
        self._loop_thread = threading.get_ident()
        self._ticked = time.monotonic()
        threading.Thread(target=self._watch, name="sentient-watchdog", daemon=True).start()

    def stop(self) -> None:
        """Ends the watch."""
        self._stop.set()

    def on_loop(self, code: CodeType | None) -> dict[int, Running]:
        """Returns the calls of that function that run on the loop; who runs one adds it, by an id of its own, and takes it out again."""
        calls = self._on_loop.get(code)
        if calls is None:
            calls = self._on_loop[code] = {}
        return calls

    @contextmanager
    def in_thread(self, run: RunId, call: Call, *, asynchronous: bool) -> Iterator[Entry]:
        """Notes that a body runs in a thread; only async ones are expected to be quick."""
        entry = Entry(run, call, asynchronous)
        self._in_threads.add(entry)
        try:
            yield entry
        finally:
            self._in_threads.discard(entry)

    def _watch(self) -> None:
        looked, used = time.monotonic(), time.process_time()
        while not self._stop.wait(BLOCKED_AFTER / 4):
            now = time.monotonic()
            if now - looked > BLOCKED_AFTER and time.process_time() - used < (now - looked) / 2:
                self._ticked = now  # the whole process stood still: it was stopped, or the machine slept
            looked, used = now, time.process_time()
            try:
                self.loop.call_soon_threadsafe(self._tick)
            except RuntimeError:
                return  # the loop was closed
            if now - self._ticked > BLOCKED_AFTER and self.blocked is None:
                self._loop_is_blocked(now - self._ticked)
            for entry in list(self._in_threads):
                if entry.asynchronous and entry.thread and not entry.reported and now - entry.began > BLOCKED_AFTER:
                    self._thread_is_blocked(entry, now - entry.began)

    def _tick(self) -> None:
        now = time.monotonic()
        if self.blocked is not None:
            event, run = self.blocked, self._blocked_run
            self.blocked = None
            self.report(run, event.model_copy(update={"seconds": round(now - self._ticked, 2)}))
        self._ticked = now

    _blocked_run: RunId = RunId("")

    def _loop_is_blocked(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None or (frame.f_code.co_name == "select" and frame.f_code.co_filename == selectors.__file__):
            return  # it waits for work; somebody else kept the interpreter
        stack = _stack(frame)
        self._blocked_run, event = RunId(""), LoopBlocked(seconds=round(seconds, 2), stack=stack)
        for inner, _ in traceback.walk_stack(frame):
            calls = list(self._on_loop.get(inner.f_code, {}).values())
            if calls:
                self.placement.blocked(inner.f_code)
                this = next((call for call in calls if getattr(call[3], "cr_frame", None) is inner), calls[0])
                self._blocked_run = this[0]
                event = event.model_copy(update={"step": this[1], "key": this[2]})
                break
        self.blocked = event
        what = f"{'Step' if event.key else 'Workflow'} {event.step!r}" if event.step else "Something"
        log.warning("%s blocks the engine's loop; it stands at %s", what, stack[-1] if stack else "?")

    def _thread_is_blocked(self, entry: Entry, seconds: float) -> None:
        frame = sys._current_frames().get(entry.thread)
        if frame is None:
            return
        entry.reported = True
        stack = _stack(frame)
        event = LoopBlocked(seconds=round(seconds, 2), step=entry.call.name, key=entry.call.key, stack=stack)
        log.warning("Async step %r does not await; it runs apart and stands at %s", entry.call.name, stack[-1] if stack else "?")
        self.loop.call_soon_threadsafe(self.report, entry.run, event)


def _stack(frame: Any) -> tuple[str, ...]:
    return tuple(f"{s.filename}:{s.lineno} {s.name}" for s in traceback.extract_stack(frame, limit=12))
