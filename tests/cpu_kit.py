"""How long a call computes, told apart from what else the process and the machine do."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable


def cpu_seconds(call: Callable[[str], object], text: str) -> float:
    """Returns the least CPU time, in seconds, that this thread took for a text, of three tries.

    Other threads of the process (a journal's writer, a worker of a test before) do not count, nor
    does a collection of the garbage that earlier tests left. Each try has another end, so that a
    cache answers none of them.
    """
    least = float("inf")
    gc.disable()
    try:
        for end in ("", " 1", " 2"):
            given = text + end
            began = time.thread_time()
            call(given)
            least = min(least, time.thread_time() - began)
    finally:
        gc.enable()
    return least
