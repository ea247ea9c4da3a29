"""The front end at the other end (a notebook, a terminal, or nobody): its interrupts, its clicks,
its input line.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

from sentient_kernel.errors import SentientError
from sentient_kernel.notebook.pump import Pump
from sentient_kernel.projections.drawing.words import editable

if TYPE_CHECKING:
    from sentient_kernel.projections.approvals import ApprovalView

UNHEARD = 3.0
"""Seconds that a question stands before it is asked in the cell that waits, when no page is heard
from that could show it.
"""

SLOW = 15.0
"""The same where pages were heard from before: one that shows widgets is only slow."""

LINGER = 0.1
"""Seconds that pass after an interrupt before the cell ends. A second one right behind the first is
the same wish; left to come later, it may hit the kernel between the cell's end and its reply, and
ipykernel 7.0 then never replies (seen in 1 of 2,000).
"""


def kernel() -> Any:
    """Returns the Jupyter kernel that this process is, or None."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def someone_can_answer() -> bool:
    """True when the running cell, or the terminal, can ask a person: headless executors say that
    they cannot.
    """
    here = kernel()
    if here is not None:
        try:
            return bool(here.get_parent("shell").get("content", {}).get("allow_stdin", False))
        except (AttributeError, TypeError):
            return bool(getattr(here, "_allow_stdin", False))
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


# -- interrupts ------------------------------------------------------------------------------------


@dataclass(eq=False)
class Interrupts:
    """Notes an interrupt instead of letting it raise anywhere: who waits looks at ``seen`` and
    leaves at a place of its own choice.

    Only on the main thread, and only in place of handlers that are known: Python's own, the one
    that a kernel sets for a cell that awaits, and this one. An interrupt is for all that wait
    within one another.
    """

    _all: ClassVar[list[Interrupts]] = []

    seen: bool = False
    _before: Any = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread() and _known(
            signal.getsignal(signal.SIGINT)
        ):
            self._all.append(self)
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
            self._all.remove(self)

    @property
    def noting(self) -> bool:
        """Whether an interrupt is noted and raises nowhere."""
        return self._before is not None

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Lets interrupts raise for a while, for calls that would not come back otherwise."""
        noting = self.noting
        if noting:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            if noting:
                signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        for interrupts in self._all:
            interrupts.seen = True


def _known(handler: Any) -> bool:
    ours = isinstance(getattr(handler, "__self__", None), Interrupts)
    return (
        ours
        or handler is signal.default_int_handler
        or getattr(handler, "__module__", "") == "ipykernel.ipkernel"
    )


def in_cell() -> bool:
    """True for code that a cell awaits itself: there an interrupt is ours to take. A task that the
    cell made is cancelled as any other.
    """
    task = asyncio.current_task()
    coroutine: Any = task.get_coro() if task is not None else None
    return kernel() is not None and getattr(coroutine, "__name__", "") == "run_cell_async"


class Wait:
    """What goes on while a cell or a script waits for a run: interrupts are noted, clicks are
    served. A context manager.

    Args:
        mine: Whether the wait may take interrupts and clicks; a task that a cell made may not.
        awaiting: Whether a loop runs meanwhile.
    """

    def __init__(self, *, mine: bool = True, awaiting: bool = False) -> None:
        self.interrupts = Interrupts()
        self.may_ask = mine
        here = kernel() if mine else None
        self._pump = None if here is None else Pump(here, self.interrupts, awaiting=awaiting)
        self._asked_at: float | None = None
        self._told: set[str] = set()

    def __enter__(self) -> Wait:
        if self.may_ask:
            self.interrupts.__enter__()
        if self._pump is not None:
            self._pump.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if self._pump is not None:
                self._pump.__exit__()
        finally:
            self.interrupts.__exit__()

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt was noted."""
        return self.interrupts.seen

    def serve(self) -> None:
        """Serves the clicks that have arrived. Raises KeyboardInterrupt when an interrupt was
        noted.
        """
        if self._pump is not None:
            self._pump.step()
        if self.interrupted:
            time.sleep(LINGER)
            raise KeyboardInterrupt

    def asks(self, heard: bool, widgets: bool = False) -> bool:
        """Returns whether a question has to be asked right here.

        Args:
            heard: Whether a page that shows the question was heard from lately: then a person can
                click.
            widgets: Whether any page was ever heard from, so that the front end is known to show
                live views.
        """
        if self._pump is None or self._pump.late:
            return True
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        return not heard and now - self._asked_at >= (SLOW if widgets else UNHEARD)

    def tells(self, approval: str) -> bool:
        """Returns whether a question was not told here yet, and notes that it is."""
        new = approval not in self._told
        self._told.add(approval)
        return new

    def read(self, prompt: str, over: Callable[[], bool]) -> str:
        """Reads a line in the cell or on the terminal; in a cell clicks are served meanwhile.

        Raises:
            EOFError: Nobody is there.
            Answered: The question is over: it was answered by a click, or from elsewhere.
            KeyboardInterrupt: The cell was interrupted.
        """
        if self._pump is None or not self._pump.asks:
            with self.interrupts.raising():
                return _read(prompt)
        line = self._pump.ask(prompt, over)
        if line is None:
            self.serve()
            raise Answered
        return line


class Answered(Exception):
    """What is asked here was answered from elsewhere."""


# -- questions -------------------------------------------------------------------------------------


def ask(
    approval: ApprovalView, read: Callable[[str], str] | None = None, *, tell: bool = True
) -> bool:
    """Asks a person once, in the cell that waits or on the terminal; what was not understood or
    refused is still open afterwards.

    Args:
        approval: The question.
        read: Reads a line; by default from standard input.
        tell: Whether to say what is asked: a front end that shows no live view may show it nowhere
            else.

    Returns:
        False when nobody is there: the end of the input.
    """
    read = read or _read
    in_notebook = kernel() is not None
    if tell:
        _say(f"\n{approval.question}\n{json.dumps(approval.payload, indent=2, ensure_ascii=False)}")
    try:
        edit = "[e]dit as JSON, " if editable(approval) else ""
        answer = read(f"[a]pprove, {edit}[r]eject: ").strip().lower()[:1]
        if answer == "a":
            approval.approve()
        elif answer == "e" and edit:
            approval.approve(json.loads(read("New payload, one line of JSON: ")))
        elif answer == "r":
            approval.reject(read("Reason: ").strip())
    except EOFError:
        return False
    except Answered:
        pass
    except (SentientError, ValueError) as error:
        print(f"Not recorded: {error}", file=sys.stdout if in_notebook else sys.stderr)
    return True


def _read(prompt: str) -> str:
    """Reads a line; on a terminal the prompt goes to stderr, since stdout is for results. Raises
    EOFError.
    """
    if kernel() is not None:
        return input(prompt)
    print(prompt, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _say(text: str) -> None:
    from sentient_kernel.failures import plain

    print(plain(text), file=sys.stderr if kernel() is None else sys.stdout)
