"""What sits at the other end: a notebook, a terminal, or nobody; how it interrupts, and how it is asked."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from sentient_kernel.errors import SentientError

if TYPE_CHECKING:
    from sentient_kernel.projections.approvals import ApprovalView


def kernel() -> Any:
    """Returns the Jupyter kernel that this process is, or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def someone_can_answer() -> bool:
    """True when the running cell, or the terminal, can ask a person: headless executors say that they cannot."""
    here = kernel()
    if here is not None:
        try:
            return bool(here.get_parent("shell").get("content", {}).get("allow_stdin", False))
        except (AttributeError, TypeError):
            return bool(getattr(here, "_allow_stdin", False))
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


# -- interrupts ------------------------------------------------------------------------------------------------------------


class Interrupts:
    """Notes an interrupt instead of letting it raise anywhere: who waits looks at ``seen`` and leaves at a place of its own choice.

    Only on the main thread, and only in place of handlers that are known: Python's own, and the one that a kernel sets for a cell
    that awaits.
    """

    def __init__(self) -> None:
        self.seen = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread() and _known(signal.getsignal(signal.SIGINT)):
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Lets interrupts raise for a while, for calls that would not come back otherwise."""
        noting = self._before is not None
        if noting:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            if noting:
                signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.seen = True


def _known(handler: Any) -> bool:
    return handler is signal.default_int_handler or getattr(handler, "__module__", "") == "ipykernel.ipkernel"


def in_cell() -> bool:
    """True for code that a cell awaits itself: there an interrupt is ours to take. A task that the cell made is cancelled as any other."""
    task = asyncio.current_task()
    coroutine: Any = task.get_coro() if task is not None else None
    return kernel() is not None and getattr(coroutine, "__name__", "") == "run_cell_async"


# -- questions -------------------------------------------------------------------------------------------------------------


def ask(approval: ApprovalView) -> bool:
    """Asks a person once, in the cell that waits or on the terminal; what was not understood or refused is still open afterwards.

    In a cell the question and its payload stand in the run's view already.

    Returns:
        False when nobody is there: the end of the input.
    """
    in_notebook = kernel() is not None
    if not in_notebook:
        _say(f"\n{approval.question}\n{json.dumps(approval.payload, indent=2, ensure_ascii=False)}")
    try:
        answer = _read("[a]pprove, [e]dit as JSON, [r]eject: ").strip().lower()[:1]
        if answer == "a":
            approval.approve()
        elif answer == "e":
            approval.approve(json.loads(_read("New payload, one line of JSON: ")))
        elif answer == "r":
            approval.reject(_read("Reason: ").strip())
    except EOFError:
        return False
    except (SentientError, ValueError) as error:
        print(f"Not recorded: {error}", file=sys.stdout if in_notebook else sys.stderr)
    return True


def _read(prompt: str) -> str:
    """Reads a line; on a terminal the prompt goes to stderr, since stdout is for results. Raises EOFError."""
    if kernel() is not None:
        return input(prompt)
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _say(text: str) -> None:
    from sentient_kernel.failures import plain

    print(plain(text), file=sys.stderr)
