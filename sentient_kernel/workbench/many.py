"""Many runs at once, with partial failures as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sentient_kernel.errors import SentientError
from sentient_kernel.ids import RunId
from sentient_kernel.projections.drawing.table import Table

if TYPE_CHECKING:
    from sentient_kernel.workbench.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What became of one item: the value its run returned, or why there is none."""

    NOUN: ClassVar[str] = "mapped run"
    SHOW: ClassVar[tuple[str, ...]] = ("item", "status", "value", "error")

    item: Any
    run: RunId
    status: str
    value: Any = None
    error: str = ""


def map_runs(work: Sequence[tuple[Any, Callable[[], Run]]], concurrency: int) -> Table[Mapped]:
    """Starts at most ``concurrency`` runs at a time, waits for all, and returns one row each in
    order.
    """
    rows: dict[int, Mapped] = {}
    running: dict[int, Run] = {}
    todo = iter(enumerate(work))
    while True:
        for i, (_, start) in todo:
            running[i] = start()
            if len(running) >= concurrency:
                break
        if not running:
            return Table((rows[i] for i in range(len(work))), Mapped)
        # The oldest is waited for; those that end meanwhile leave their place free at the next
        # turn.
        first = next(iter(running))
        rows[first] = _row(work[first][0], running.pop(first))
        for i in [
            i for i, run in running.items() if run.status in ("completed", "failed", "cancelled")
        ]:
            rows[i] = _row(work[i][0], running.pop(i))


def _row(item: Any, run: Run) -> Mapped:
    try:
        return Mapped(item=item, run=run.id, status="completed", value=run.result())
    except SentientError as error:
        return Mapped(item=item, run=run.id, status=run.status, error=str(error))
