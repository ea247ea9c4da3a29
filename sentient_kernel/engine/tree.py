"""Which runs belong together. In a home from elsewhere a run can be said to be its own grandparent;
nobody walks in circles for that.
"""

from __future__ import annotations

from sentient_kernel.ids import RunId, line_of
from sentient_kernel.journal.base import Journal


def root_of(journal: Journal, run: RunId) -> RunId:
    """Returns the run that a run is part of, which is itself where it is part of none."""

    def parent(of: RunId) -> RunId | None:
        rows = journal.runs(run=of)
        above = rows[0].parent if rows else None
        return above if above is not None and journal.runs(run=above) else None

    return line_of(run, parent)[-1]


def tree_of(journal: Journal, root: RunId) -> list[RunId]:
    """Returns a run and all runs that are part of it."""
    found = {root: None}
    todo = [root]
    for one in todo:  # grows meanwhile
        fresh = [row.run for row in journal.runs(parent=one) if row.run not in found]
        found.update(dict.fromkeys(fresh))
        todo += fresh
    return list(found)
