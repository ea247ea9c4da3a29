"""What the tests of the conformance suite share: two runs, a few events, a bound journal, an expected refusal."""

# ruff: noqa: S101 - tests assert

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sentient_kernel.events import ProgressUpdated, Record, RunStarted
from sentient_kernel.ids import RunId
from sentient_kernel.journal.base import Journal

Open = Callable[..., Journal]

A, B = RunId("0190c0de-0000-7000-8000-00000000000a"), RunId("0190c0de-0000-7000-8000-00000000000b")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a test's coroutine on a loop of its own."""
    asyncio.run(main())


def bound(journal: Journal) -> list[Record]:
    """Binds a journal to the running loop and returns the list that its records come to."""
    told: list[Record] = []
    journal.bind(asyncio.get_running_loop(), told.extend)
    return told


def started(**fields: Any) -> RunStarted:
    """Returns an event that begins a run."""
    return RunStarted(**{"workflow": "compare", **fields})


def note(text: str) -> ProgressUpdated:
    """Returns an event that says something."""
    return ProgressUpdated(message=text)


def said(records: Sequence[Record]) -> list[str]:
    """Returns what the notes among records say."""
    return [record.event.message for record in records if record.kind == "progress_updated"]


@contextmanager
def refused(error: type[BaseException]) -> Iterator[list[Any]]:
    """Expects an error, and hands it out in a list."""
    caught: list[Any] = []
    try:
        yield caught
    except error as found:
        caught.append(found)
    assert caught, f"{error.__name__} was expected"
