"""Many runs at once, with partial failures as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
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


def map_runs(begin: Callable[[Any], Run], items: Sequence[Any], concurrency: int) -> Table[Mapped]:
    """Begins at most ``concurrency`` runs at a time, waits for all, and returns one row each in
    order.
    """
    rows: dict[int, Mapped] = {}
    running: dict[int, Run] = {}
    todo = iter(enumerate(items))
    while True:
        for i, item in islice(todo, concurrency - len(running)):
            running[i] = begin(item)
        if not running:
            return Table((rows[i] for i in range(len(items))), Mapped)
        # The oldest is waited for; those that end meanwhile leave their place free at the next
        # turn.
        first = next(iter(running))
        for i, run in list(running.items()):
            if i == first or run.status in ("completed", "failed", "cancelled"):
                rows[i] = _row(items[i], running.pop(i))


def _row(item: Any, run: Run) -> Mapped:
    try:
        return Mapped(item=item, run=run.id, status="completed", value=run.result())
    except SentientError as error:
        return Mapped(item=item, run=run.id, status=run.status, error=str(error))
