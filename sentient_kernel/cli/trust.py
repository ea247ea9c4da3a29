"""``sentient-kernel trust``: what somebody else wrote, shown, and then taken for one's own."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from sentient_kernel.cli.arguments import DONE, FAILED, one_line
from sentient_kernel.env_files import EnvFile, project_file
from sentient_kernel.errors import JournalDamaged, UsageError
from sentient_kernel.events import ApprovalDecided, ApprovalRequested, Record, RunStarted
from sentient_kernel.ids import ApprovalId, BlobId, RunId, Seq
from sentient_kernel.installation import trust_file
from sentient_kernel.journal.sqlite.store import SqliteJournal
from sentient_kernel.journal.sqlite.trust import Seen
from sentient_kernel.projections.foreign import hosts_in, inputs_named, said
from sentient_kernel.projections.runs import Runs, with_liveness
from sentient_kernel.research.names import research_names
from sentient_kernel.research.workflow import RESEARCH
from sentient_kernel.settings import own_lines

MOST = 20
"""Lines of each kind that are shown."""
_NAMED = ("sources", "model", "embedder", "arguments")


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
        raise UsageError(f"{path!r} holds neither a journal (journal.db) nor a .env file.", hint="Name a home, or a project's folder.")
    seen = _shown(journal) if journal.is_file() else None
    new = env.path is not None and not env.trusted
    if new:
        _print(f"{env.path}: what it sets from now on", own_lines(env))
    if seen is None and not new:
        print("All of it is this installation's own already.")
        return DONE
    if not (yes or _said_yes()):
        print("sentient-kernel: Nothing was changed.", file=sys.stderr)
        return FAILED
    if seen is not None:
        with SqliteJournal(journal) as opened:
            print(f"{opened.trust(seen):,} rows count as written here from now on.")
    if new:
        _remember(env)
    return DONE


def _said_yes() -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("Without a terminal nobody can say yes.", hint="Read what is shown, then give --yes.")
    print("Type yes to take all of this for your own: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def _remember(env: EnvFile) -> None:
    assert env.path is not None  # noqa: S101 - asked before
    trust_file(env.path, env.data)
    print(f"{one_line(env.path)} counts from now on, as long as it stays as it is.")


def _shown(path: Path) -> Seen | None:
    """Prints what a journal holds that comes from elsewhere; returns how far it was looked at, None where there is nothing of that kind."""
    with SqliteJournal(path, blobs_dir=path.parent / "blobs", readonly=True) as journal:
        seen = journal.newest()
        verdict = journal.verify(full=True)
        if not verdict.ok:
            what = f"{path} is not what was written: {one_line(verdict.damage[0].what)}"
            raise JournalDamaged(what, hint="It cannot be trusted as it is; `sentient-kernel verify` tells more.")
        if not verdict.foreign:
            return None
        found = _Contents(journal.blobs.get)
        after = Seq(0)
        while records := journal.read(after=after, limit=10_000):
            for record in records:
                found.apply(record)
            after = records[-1].seq
        alive = frozenset(run for run, lease in journal.leases().items() if lease.alive)
    print(f"{one_line(path)}: {verdict.rows:,} rows, {verdict.foreign:,} of them from elsewhere")
    for heading, lines in found.told(alive):
        _print(heading, lines, "  ")
    return seen


def _print(heading: str, lines: Iterable[str], indent: str = "") -> None:
    shown = [one_line(line) for line in lines]
    if len(shown) > MOST:
        shown[MOST:] = [f"… and {len(shown) - MOST:,} more"]
    if shown:
        print("\n".join([f"{indent}{one_line(heading)}:", *(f"{indent}  {line}" for line in shown)]))


class _Contents:
    """What a journal holds, as far as a person has to know it before they answer for it."""

    def __init__(self, blob: Callable[[BlobId], bytes]) -> None:
        self._blob = blob
        self._runs = Runs()
        self._users: Counter[str] = Counter()
        self._policies: list[str] = []
        self._asked: dict[ApprovalId, str] = {}
        self._answers: list[str] = []
        self._named: dict[str, dict[str, None]] = {name: {} for name in _NAMED}
        self._hosts: Counter[str] = Counter()

    def apply(self, record: Record) -> None:
        """Takes one more record in."""
        self._runs.apply(record)
        if not record.origin:
            return
        if record.kind == RunStarted.KIND:
            self._begun(record.run, record.event)
        elif record.kind in (ApprovalRequested.KIND, ApprovalDecided.KIND):
            self._answered(record.event)
        self._hosts.update(hosts_in([record], self._blob))

    def _begun(self, run: str, event: RunStarted) -> None:
        self._users[event.user or "nobody"] += 1
        if acting := [f"{ask}: {how}" for ask, how in (event.approve or {}).items() if how != "ask"]:
            self._policies.append(f"{run}: {', '.join(acting)}")
        names = research_names if event.workflow == RESEARCH else inputs_named
        for name, value in names(event.inputs).items():
            if name in self._named:
                self._named[name].update(dict.fromkeys(_texts(value)))

    def _answered(self, event: ApprovalRequested | ApprovalDecided) -> None:
        if isinstance(event, ApprovalRequested):
            self._asked[event.approval] = said(event.question)
        else:
            question = self._asked.get(event.approval, "a question that is not there")
            self._answers.append(f"{event.decision} by {event.by or 'somebody'}: {question}")

    def told(self, alive: frozenset[RunId]) -> Iterator[tuple[str, list[str]]]:
        """Yields what there is to read, under headings; ``alive`` are the runs that some kernel executes."""
        views = [with_liveness(view, view.id in alive) for view in self._runs.table]
        counts = Counter((view.workflow, view.status) for view in views)
        yield "runs", [f"{n:,} {status}: {workflow}" for (workflow, status), n in sorted(counts.items())]
        yield "begun by", [f"{user} ({n:,})" for user, n in self._users.most_common()]
        over = ("completed", "failed", "cancelled")
        yield "not finished", [f"{view.id} {view.status}: {said(view.title)}" for view in views if view.status not in over]
        yield "answered elsewhere, and counting from then on", self._answers
        yield "policies that answer by themselves from then on", self._policies
        yield "sources", list(self._named["sources"])
        yield "models and embedders", [*self._named["model"], *self._named["embedder"]]
        yield "arguments of other workflows", list(self._named["arguments"])
        yield "hosts in what is recorded", [f"{said(host)} ({n:,} times)" for host, n in self._hosts.most_common()]


def _texts(value: JsonValue | Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]
