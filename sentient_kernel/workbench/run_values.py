"""What the events of a run point to: stored values, documents, and what its calls were answered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from sentient_kernel.errors import ParseError, UsageError
from sentient_kernel.events import Record, RunCompleted, RunStarted, StepCompleted
from sentient_kernel.failures import plain
from sentient_kernel.ids import RunId
from sentient_kernel.report.report import Report
from sentient_kernel.research.workflow import RESEARCH

_DOCUMENT = re.compile(rb'"document":\s?"([0-9a-f]{64})"')
_DIGEST = re.compile(rb'"([0-9a-f]{64})"')
_OVERLAP = 100
"""Bytes of a piece that are looked at again with the next one: a name may lie across both."""


class References:
    """Takes in texts and remembers which documents and cache entries they refer to.

    Args:
        document: Tells of the id of a document whether it is wanted.
        entry: Tells of the digest of a cache entry whether it is wanted.
    """

    def __init__(self, document: Callable[[str], bool], entry: Callable[[str], bool]) -> None:
        self._is_document = document
        self._is_entry = entry
        self.documents: set[str] = set()
        self.entries: set[str] = set()

    def take(self, pieces: Iterable[bytes]) -> None:
        """Looks through one text."""
        rest = b""
        for piece in pieces:
            text = rest + piece
            for pattern, wanted, found in (
                (_DOCUMENT, self._is_document, self.documents),
                (_DIGEST, self._is_entry, self.entries),
            ):
                names = (match.decode() for match in pattern.findall(text))
                found.update(name for name in names if wanted(name))
            rest = text[-_OVERLAP:]


def blob_of(record: Record) -> str:
    """Returns the id of a result that is too big for its row; empty for other events."""
    if record.kind not in (StepCompleted.KIND, RunCompleted.KIND) or b'"blob"' not in record.body:
        return ""
    return str(from_json(record.body).get("blob") or "")


class Reports:
    """Finds the reports of the researches whose records it takes, in their order.

    Args:
        blob: Returns a stored value.
    """

    def __init__(self, blob: Callable[[str], bytes | bytearray]) -> None:
        self._blob = blob
        self._researches = set[RunId]()

    def take(self, record: Record) -> Report | None:
        """Returns the report that ends with a record, if one does. Raises ParseError."""
        if record.kind == RunStarted.KIND and record.event.workflow == RESEARCH:
            self._researches.add(record.run)
        if record.kind != RunCompleted.KIND or record.run not in self._researches:
            return None
        event, why = record.event, "it is not JSON."
        with suppress(ValueError, RecursionError):
            value: Any = from_json(self._blob(event.blob)) if event.blob else event.result
            try:
                return Report.from_dict(value)
            except UsageError as error:
                why = error.message
        raise ParseError(f"The result of run {record.run!r} is not a report: {plain(why)[:200]}")
