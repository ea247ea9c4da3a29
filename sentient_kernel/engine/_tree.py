"""Which runs belong together. In a home from elsewhere a run can be said to be its own grandparent; nobody walks in circles for that."""

from __future__ import annotations

from sentient_kernel.ids import RunId
from sentient_kernel.journal.base import Journal


def root_of(journal: Journal, run: RunId) -> RunId:
    """Returns the run that a run is part of, which is itself where it is part of none."""
    seen = {run}
    while (rows := journal.runs(run=run)) and (parent := rows[0].parent) and parent not in seen and journal.runs(run=parent):
        run = parent
        seen.add(run)
    return run


def tree_of(journal: Journal, root: RunId) -> list[RunId]:
    """Returns a run and all runs that are part of it."""
    found = {root: None}
    todo = [root]
    for one in todo:  # grows meanwhile
        fresh = [row.run for row in journal.runs(parent=one) if row.run not in found]
        found.update(dict.fromkeys(fresh))
        todo += fresh
    return list(found)
