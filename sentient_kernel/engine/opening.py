"""What was written elsewhere is opened by a person, once, before anything of it is executed
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from sentient_kernel.engine import identity
from sentient_kernel.engine.live_run import LiveRun
from sentient_kernel.engine.questions import answer_to, put
from sentient_kernel.engine.state import RunState, fold
from sentient_kernel.engine.tree import tree_of
from sentient_kernel.errors import ApprovalRejected
from sentient_kernel.events import Record
from sentient_kernel.ids import RunId
from sentient_kernel.journal.base import Journal
from sentient_kernel.projections.foreign import ForeignView, comes_from, foreign_view

Names = Callable[[str, Any], dict[str, JsonValue]]


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
    tree: list[list[Record]] = [journal.read(run=run) for run in tree_of(journal, root)]
    found = foreign_view(tree, names, journal.blobs.get)
    if found is None:
        return None
    said = [state.answer for state in _asked(fold(root, tree[0]), found.digest)]
    yes = next(
        (answer for answer in said if answer is not None and answer.decision == "approve"), None
    )
    return found if yes is None else replace(found, opened=True, by=yes.by)


def _asked(state: RunState, digest: str) -> list[Any]:
    """Returns the questions that were asked about exactly these rows, oldest first."""
    found, n = [], 0
    while (
        approval := state.approvals.get(identity.approval_id(state.run, _key(digest, n)))
    ) is not None:
        found.append(approval)
        n += 1
    return found


def _key(digest: str, n: int) -> Any:
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
