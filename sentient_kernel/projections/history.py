"""Events as rows: what the journal holds, readable and in a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic_core import from_json

from sentient_kernel.clock import as_datetime
from sentient_kernel.describing import Described
from sentient_kernel.events import Record
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.projections.drawing.table import Table


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EventView(Described):
    """One event of the journal; ``data`` holds its own fields."""

    NOUN: ClassVar[str] = "event"
    SHOW: ClassVar[tuple[str, ...]] = ("seq", "at", "kind", "data")

    seq: Seq
    run: RunId
    at: datetime
    kind: str
    data: dict[str, Any]


def history(records: Iterable[Record]) -> Table[EventView]:
    """Returns records as a table of events."""
    return Table(
        (
            EventView(
                seq=r.seq, run=r.run, at=as_datetime(r.at), kind=r.kind, data=from_json(r.body)
            )
            for r in records
        ),
        EventView,
    )
