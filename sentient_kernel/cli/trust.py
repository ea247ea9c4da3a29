"""``sentient-kernel trust``: what somebody else wrote, shown, and then taken for one's own."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from pydantic import JsonValue
from pydantic_core import to_json

from sentient_kernel.cli.arguments import DONE, FAILED, one_line
from sentient_kernel.env_files import project_file
from sentient_kernel.errors import JournalDamaged, UsageError
from sentient_kernel.events import ApprovalDecided, ApprovalRequested, Record, RunStarted
from sentient_kernel.failures import exact
from sentient_kernel.ids import ApprovalId, BlobId, RunId, Seq
from sentient_kernel.installation import trust_file
from sentient_kernel.journal.sqlite.store import SqliteJournal
from sentient_kernel.journal.sqlite.trust import Seen
from sentient_kernel.projections.foreign import hosts_in, inputs_named, is_cut, said
from sentient_kernel.projections.runs import Runs, with_liveness
from sentient_kernel.research.workflow import RESEARCH, research_names
from sentient_kernel.settings import own_lines

MOST = 20
"""Lines that are shown of what nothing follows from; all else is shown whole, or not taken."""
LONGEST = 5_000
"""Characters of a line."""
_ANSWERED = "answered elsewhere, and counting from then on"
_POLICIES = "policies that answer by themselves from then on"
_MODELS = "models and embedders"
_NAMED = {
    "sources": "sources",
    "model": _MODELS,
    "embedder": _MODELS,
    "arguments": "arguments of other workflows",
}
_COUNTING = (_ANSWERED, _POLICIES, *dict.fromkeys(_NAMED.values()))


def trust(path: str, *, yes: bool) -> int:
    """Shows what a folder holds that was written elsewhere, asks, and takes it for one's own.

    Args:
        path: A home (a folder with ``journal.db``), or a folder with a ``.env``.
        yes: Whether the answer is known already.

    Returns:
        The exit code.

    Raises:
        UsageError: There is neither, or nobody can answer.
        JournalDamaged: The journal is not what was written.
    """
    folder = Path(path).expanduser().absolute()
    journal, env = folder / "journal.db", project_file(folder)
    if env.problem:
        raise UsageError(env.problem, hint="Only a plain file of text can be trusted.")
    if env.path is None and not journal.is_file():
        raise UsageError(
            f"{path!r} holds neither a journal (journal.db) nor a .env file.",
            hint="Name a home, or a project's folder.",
        )
    seen = _shown(journal) if journal.is_file() else None
    new = None if env.trusted else env.path
    if new is not None:
        _print(f"{new}: what it sets from now on", _whole(own_lines(env)))
    if seen is None and new is None:
        print("All of it is this installation's own already.")
        return DONE
    if not (yes or _said_yes()):
        print("sentient-kernel: Nothing was changed.", file=sys.stderr)
        return FAILED
    if seen is not None:
        with SqliteJournal(journal) as opened:
            print(f"{opened.trust(seen):,} rows count as written here from now on.")
    if new is not None:
        trust_file(new, env.data)
        print(f"{one_line(new)} counts from now on, as long as it stays as it is.")
    return DONE


def _said_yes() -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "Without a terminal, --yes is needed.", hint="Read what is shown, then give --yes."
        )
    print("Type yes to take all of this for your own: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def _shown(path: Path) -> Seen | None:
    """Prints what a journal holds that comes from elsewhere; returns how far it was looked at, None
    where there is nothing of that kind.
    """
    with SqliteJournal(path, blobs_dir=path.parent / "blobs", readonly=True) as journal:
        seen = journal.newest()
        verdict = journal.verify(full=True)
        if not verdict.ok:
            raise JournalDamaged(
                f"{path} is not what was written: {one_line(verdict.damage[0].what)}",
                hint="It cannot be trusted as it is; `sentient-kernel verify` tells more.",
            )
        if not verdict.foreign:
            return None
        found = _Contents(journal.blobs.get)
        while records := journal.read(after=found.seq, limit=10_000):
            for record in records:
                found.apply(record)
        alive = frozenset(run for run, lease in journal.leases().items() if lease.alive)
    counting, told = found.headings(alive)
    print(f"{one_line(path)}: {verdict.rows:,} rows, {verdict.foreign:,} of them from elsewhere")
    for heading, lines in counting.items():
        _print(heading, _whole(lines), "  ")
    for heading, lines in told.items():
        more = [f"… and {len(lines) - MOST:,} more"] if len(lines) > MOST else []
        _print(heading, lines[:MOST] + more, "  ")
    amounts = [f"{len(lines):,} {heading}" for heading, lines in counting.items() if lines]
    print(f"  What counts from then on, all of it shown above: {'; '.join(amounts) or 'nothing'}.")
    return seen


def _whole(lines: list[str]) -> list[str]:
    """Returns lines as they are; refuses what cannot be shown whole: nobody could have looked at
    it. Raises UsageError.
    """
    for line in lines:
        if len(line) > LONGEST or is_cut(line):
            raise UsageError(
                f"A line of it is longer than can be shown: {said(line, 200)}.",
                hint="It cannot be trusted as it is.",
            )
    return lines


def _print(heading: str, lines: Iterable[str], indent: str = "") -> None:
    if shown := [f"{indent}  {one_line(exact(line))}" for line in lines]:
        print("\n".join([f"{indent}{one_line(heading)}:", *shown]))


class _Contents:
    """What a journal holds, as far as a person has to know it before they answer for it."""

    def __init__(self, blob: Callable[[BlobId], bytes]) -> None:
        self.seq = Seq(0)
        self._blob = blob
        self._runs = Runs()
        self._users: Counter[str] = Counter()
        self._asked: dict[ApprovalId, tuple[str, JsonValue]] = {}
        self._found: dict[str, dict[tuple[RunId, str], None]] = {
            heading: {} for heading in _COUNTING
        }
        self._hosts: Counter[str] = Counter()

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        self.seq = record.seq
        self._runs.apply(record)
        if not record.origin:
            return
        if record.kind == RunStarted.KIND:
            self._begun(record.run, record.event)
        elif record.kind in (ApprovalRequested.KIND, ApprovalDecided.KIND):
            self._answered(record.run, record.event)
        self._hosts.update(hosts_in([record], self._blob))

    def _take(self, heading: str, run: RunId, *lines: str) -> None:
        self._found[heading].update({(run, line): None for line in lines})

    def _begun(self, run: RunId, event: RunStarted) -> None:
        self._users[event.user or "nobody"] += 1
        if acting := [
            f"{ask}: {how}" for ask, how in (event.approve or {}).items() if how != "ask"
        ]:
            self._take(_POLICIES, run, f"{run}: {', '.join(acting)}")
        names = research_names if event.workflow == RESEARCH else inputs_named
        for name, value in names(event.inputs).items():
            parts = value if isinstance(value, list) else [value]
            if name in _NAMED:  # str() would lose what says that a text was cut
                texts = [part if isinstance(part, str) else str(part) for part in parts]
                self._take(_NAMED[name], run, *texts)

    def _answered(self, run: RunId, event: ApprovalRequested | ApprovalDecided) -> None:
        if isinstance(event, ApprovalRequested):
            self._asked[event.approval] = event.question, event.payload
        else:
            question, asked = self._asked.get(
                event.approval, ("a question that is not there", None)
            )
            agreed = event.payload if event.edited else asked
            what = agreed if isinstance(agreed, str) else to_json(agreed).decode()
            self._take(
                _ANSWERED,
                run,
                f"{event.decision} by {event.by or 'somebody'}: {question}"
                f"{'' if agreed is None else f' {what}'}",
            )

    def headings(
        self, alive: frozenset[RunId]
    ) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Returns all that something follows from, and what else there is to read, under headings.

        A run that is completed goes on nowhere: nothing follows from what it named.

        Args:
            alive: The runs that some kernel executes.
        """
        views = [with_liveness(view, view.id in alive) for view in self._runs.table]
        done = {view.id for view in views if view.status == "completed"}
        counting = {
            heading: list(dict.fromkeys(line for run, line in found if run not in done))
            for heading, found in self._found.items()
        }
        counting["not finished"] = [
            f"{view.id} {view.status}: {said(view.title)}"
            for view in views
            if view.status not in ("completed", "failed", "cancelled")
        ]
        counts = Counter((view.workflow, view.status) for view in views)
        return counting, {
            "runs": [
                f"{n:,} {status}: {workflow}" for (workflow, status), n in sorted(counts.items())
            ],
            "begun by": [f"{user} ({n:,})" for user, n in self._users.most_common()],
            "answered in runs that are completed": [
                line for run, line in self._found[_ANSWERED] if run in done
            ],
            "hosts in what is recorded": [
                f"{said(host)} ({n:,} times)" for host, n in self._hosts.most_common()
            ],
        }
