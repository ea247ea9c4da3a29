"""Which runs belong together, and how what was written elsewhere is opened by a person, once,
before anything of it is executed here.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from sentient_kernel.engine import identity
from sentient_kernel.engine.live_run import LiveRun
from sentient_kernel.engine.questions import answer_to, put
from sentient_kernel.engine.state import ApprovalState, RunState, fold
from sentient_kernel.errors import ApprovalRejected
from sentient_kernel.ids import RunId, StepKey, line_of
from sentient_kernel.journal.base import Journal
from sentient_kernel.projections.foreign import ForeignView, Names, comes_from, foreign_view


def root_of(journal: Journal, run: RunId) -> RunId:
    """Returns the run that a run is part of, which is itself where it is part of none.

    In a home from elsewhere a run can be said to be its own grandparent; nobody walks in circles
    for that.
    """

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


class NotOpened(BaseException):
    """Somebody does not want a run from elsewhere to go on here; no exception of the workflow's, as
    nothing of it has run.
    """

    def __init__(self, rejected: ApprovalRejected, by: str) -> None:
        super().__init__(rejected.message)
        self.rejected = rejected
        self.by = by


def look(journal: Journal, root: RunId, names: Names) -> ForeignView | None:
    """Returns what a run and its children hold that comes from elsewhere, and whether somebody has
    opened it here; any thread.
    """
    tree = [journal.read(run=run) for run in tree_of(journal, root)]
    found = foreign_view(tree, names, journal.blobs.get)
    if found is None:
        return None
    for asked in _asked(fold(root, tree[0]), found.digest):
        if asked.answer is not None and asked.answer.decision == "approve":
            return replace(found, opened=True, by=asked.answer.by)
    return found


def _asked(state: RunState, digest: str) -> list[ApprovalState]:
    """Returns the questions that were asked about exactly these rows, oldest first."""
    found: list[ApprovalState] = []
    while one := state.approvals.get(identity.approval_id(state.run, _key(digest, len(found)))):
        found.append(one)
    return found


def _key(digest: str, n: int) -> StepKey:
    return identity.occurrence_key(b"open\0" + digest.encode(), n)


async def open_foreign(live: LiveRun) -> None:
    """Waits until a person has agreed to all that this run holds from elsewhere; what comes
    meanwhile is asked about too.

    Raises:
        NotOpened: They do not, or it names more than anybody can be shown.
    """
    journal, names = live.ports.journal, live.ports.names
    while (
        found := await asyncio.to_thread(look, journal, live.run, names)
    ) is not None and not found.opened:
        if found.cut:
            said = (
                f"{comes_from(found)}, and names more than can be shown ({', '.join(found.cut)}):"
                " nobody can agree to that."
            )
            hint = "Ask anew here for what you want of it."
            raise NotOpened(ApprovalRejected(said, reason=hint, hint=hint), "")
        asked = _asked(live.state, found.digest)
        waits = bool(asked) and asked[-1].open
        key = _key(found.digest, len(asked) - waits)
        question = f"{comes_from(found)}. May it go on here, with what it names?"
        approval = await put(live, key, question, found.names, "open")
        answer = await answer_to(live, approval)
        if answer is not None and answer.decision == "reject":
            said = (
                f"{comes_from(found)}, and {answer.by or 'somebody'} did not want it to go on here."
            )
            raise NotOpened(
                ApprovalRejected(said, reason=answer.reason, hint=answer.reason), answer.by
            )
    live.opened = found.runs if found is not None else frozenset()
