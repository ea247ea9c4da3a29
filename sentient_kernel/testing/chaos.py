"""Kills this process at a point of your choice, to test what survives a crash."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

Mode = Literal["kill9", "exit", "segfault", "terminate", "interrupt", "sys_exit"]

_ENDS: dict[Mode, Callable[[], object]] = {
    "kill9": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "segfault": lambda: ctypes.string_at(0),
    "terminate": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT),
    "sys_exit": lambda: sys.exit(3),
}


class ChaosMonkey:
    """Ends this process in a given way, after a time or at a named point of a step's life.

    Use it in a child process only.

    Args:
        mode: ``kill9`` (SIGKILL), ``exit`` (``os._exit``), ``segfault``, ``terminate`` (SIGTERM),
            ``interrupt`` (SIGINT), ``sys_exit``.
        point: A point that the engine names (before_step, intended, before_result, after_result,
            asked, answered); None strikes by time only.
        name: The step, or the start of the question, that is meant; None means any.
        visit: Strike at the n-th visit of that point, counted from 1.

    Example:
        >>> monkey = ChaosMonkey("kill9", point="before_result", name="pay", visit=2)
        >>> monkey("before_result", "read")      # another step: nothing happens
        >>> monkey.visits
        0
    """

    def __init__(
        self,
        mode: Mode = "kill9",
        *,
        point: str | None = None,
        name: str | None = None,
        visit: int = 1,
    ) -> None:
        self.mode = mode
        self.point = point
        self.name = name
        self.visit = visit
        self.visits = 0

    def __call__(self, point: str, name: str) -> None:
        """Is told of a point; strikes when it is the one."""
        if point != self.point or (self.name is not None and not name.startswith(self.name)):
            return
        self.visits += 1
        if self.visits == self.visit:
            self.strike()

    def after(self, seconds: float) -> ChaosMonkey:
        """Strikes after so many seconds, from a thread."""

        def wait() -> None:
            time.sleep(seconds)
            self.strike()

        threading.Thread(target=wait, name="chaos", daemon=True).start()
        return self

    def inside(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """Returns a step function that strikes instead of returning; it keeps the name of
        ``fn``.
        """

        def struck(*args: Any, **kwargs: Any) -> Any:
            self.strike()
            return fn(*args, **kwargs)

        struck.__name__ = struck.__qualname__ = getattr(fn, "__name__", "struck")
        return struck

    def strike(self) -> None:
        """Ends the process now."""
        _ENDS[self.mode]()
        if self.mode == "terminate":
            time.sleep(5)
