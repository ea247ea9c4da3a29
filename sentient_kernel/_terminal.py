"""A run in a terminal: progress on stderr, questions asked on stdin, so that stdout holds the report alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sentient_kernel._frontend import someone_can_answer
from sentient_kernel.errors import SentientError

if TYPE_CHECKING:
    from sentient_kernel.projections.approvals import ApprovalView
    from sentient_kernel.run import Run

LOOK = 0.1


def follow(run: Run) -> str:
    """Shows a run's progress until it comes to rest, asks what it asks where a person can answer, and returns its status."""
    with _lines() as say:
        while True:
            view = run.view
            say(view.phase, view.message, run.progress.fraction)
            if view.status in ("completed", "failed", "cancelled", "crashed", "paused"):
                return view.status
            if view.status == "waiting" and view.approvals:
                if not someone_can_answer():
                    return "waiting"
                say.stop()
                for approval in run.approvals:
                    if approval.status == "open":
                        ask(approval)
            time.sleep(LOOK)


def ask(approval: ApprovalView) -> None:
    """Asks a person on the terminal."""
    print(f"\n{approval.question}", file=sys.stderr)
    print(json.dumps(approval.payload, indent=2, ensure_ascii=False), file=sys.stderr)
    while True:
        print("[a]pprove, [e]dit as JSON, [r]eject: ", end="", file=sys.stderr, flush=True)
        answer = (sys.stdin.readline() or "r").strip().lower()
        try:
            if answer.startswith("a"):
                approval.approve()
                return
            if answer.startswith("e"):
                print("New payload, one line of JSON: ", end="", file=sys.stderr, flush=True)
                approval.approve(json.loads(sys.stdin.readline()))
                return
            if answer.startswith("r"):
                print("Reason: ", end="", file=sys.stderr, flush=True)
                approval.reject(sys.stdin.readline().strip())
                return
        except (SentientError, ValueError) as error:
            print(f"Not recorded: {error}", file=sys.stderr)


class _Say:
    """Tells how far a run is: one moving line on a terminal, a line for each new phase elsewhere."""

    def __init__(self) -> None:
        self._status: Any = None
        self._said = ""
        if sys.stderr.isatty():
            from rich.console import Console

            self._status = Console(stderr=True).status("Starting")
            self._status.start()

    def __call__(self, phase: str, message: str, fraction: float | None) -> None:
        text = " · ".join(part for part in (phase.capitalize(), message) if part) or "Starting"
        if self._status is not None:
            share = f"  {fraction:.0%}" if fraction is not None else ""
            self._status.update(_plain(text + share))
        elif phase and text != self._said:
            print(text, file=sys.stderr, flush=True)
        self._said = text

    def stop(self) -> None:
        """Gives the terminal back."""
        if self._status is not None:
            self._status.stop()


@contextmanager
def _lines() -> Iterator[_Say]:
    say = _Say()
    try:
        yield say
    finally:
        say.stop()


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text)
