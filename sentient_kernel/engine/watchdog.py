"""Notices a step that blocks the engine's loop; says which step it is and where it stands."""

from __future__ import annotations

import asyncio
import logging
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, NamedTuple

from sentient_kernel.events import LoopBlocked
from sentient_kernel.ids import RunId, StepKey

BLOCKED_AFTER = 1.0
"""Seconds without a turn of the loop after which it counts as blocked."""

log = logging.getLogger("sentient_kernel.engine")


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
