"""What each source gave to a run, and why where it gave nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from sentient_kernel.describing import Described
from sentient_kernel.events import Record, SourceReported
from sentient_kernel.projections.base import when
from sentient_kernel.projections.drawing.table import Table

REFUSED = 50
"""So many refused documents are kept by name for each source, the newest; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SourceView(Described):
    """A source as a run has seen it.

    Args:
        asked: How often it reported.
        found: Passages found, over all reports.
        documents: How many documents it held when it last said.
        reason: Why nothing came, of its last report; empty when something came.
        refused: (uri, reason) of the newest documents that could not be used; ``refusals`` counts
            all.
    """

    NOUN: ClassVar[str] = "source"
    SHOW: ClassVar[tuple[str, ...]] = (
        "source",
        "asked",
        "found",
        "documents",
        "refusals",
        "reason",
    )

    source: str
    asked: int = 0
    found: int = 0
    documents: int = 0
    reason: str = ""
    query: str = ""
    refused: tuple[tuple[str, str], ...] = ()
    refusals: int = 0
    updated: datetime | None = None


class Sources:
    """Folds one run's records into its sources, in the order in which they first reported."""

    __slots__ = ("_views",)

    def __init__(self) -> None:
        self._views: dict[str, SourceView] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in."""
        if record.kind != SourceReported.KIND:
            return
        event: SourceReported = record.event
        seen = self._views.get(event.source) or SourceView(source=event.source)
        self._views[event.source] = replace(
            seen,
            asked=seen.asked + 1,
            found=seen.found + event.found,
            documents=event.documents or seen.documents,
            reason=event.reason,
            query=event.query,
            refused=(seen.refused + event.refused)[-REFUSED:],
            refusals=seen.refusals + len(event.refused),
            updated=when(record.at),
        )

    @property
    def table(self) -> Table[SourceView]:
        """All sources that reported."""
        return Table(self._views.values(), SourceView)
