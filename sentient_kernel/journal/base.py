"""What every journal store can do; SQLite and PostgreSQL are held to it by one conformance suite.

``append`` and the lease calls belong to the loop that the journal was bound to; reading may happen
on any thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from sentient_kernel.describing import Described
from sentient_kernel.events import Record, Writable
from sentient_kernel.ids import BlobId, RunId, Seq


class Lease(NamedTuple):
    """The right to execute one run. ``token`` grows with every new holder; writes with an older one
    are refused.
    """

    run: RunId
    holder: str
    token: int


class LeaseInfo(NamedTuple):
    """Who executes a run, and whether that holder still lives."""

    run: RunId
    holder: str
    token: int
    alive: bool


class RunRow(NamedTuple):
    """What the journal knows of a run without reading its events."""

    run: RunId
    name: str
    workflow: str
    parent: RunId | None
    session: str
    user: str
    first: Seq
    last: Seq


class Damage(NamedTuple):
    """One thing that is wrong with a journal: the rows concerned and a sentence."""

    first: Seq
    last: Seq
    what: str


@dataclass(frozen=True, slots=True, repr=False)
class Verdict(Described):
    """What a check of the journal found; ``ok`` when ``damage`` is empty.

    The chain of hashes shows rows that are missing or were altered. It is not secret, so it does
    not show who wrote them: a whole journal that somebody made up is ``ok`` too. ``foreign`` rows
    carry no mark of this installation; the others were written here.
    """

    rows: int
    head: Seq
    damage: tuple[Damage, ...]
    foreign: int = 0
    """Rows that come from elsewhere; counted in a full check that finds no damage."""

    @property
    def ok(self) -> bool:
        """True when nothing is missing or altered."""
        return not self.damage


class Blobs(Protocol):
    """Bytes that are too big for a row, kept under the hash of their content."""

    def put(self, data: bytes, *, sync: bool = False) -> BlobId:
        """Stores the bytes, once, and returns their id; with ``sync`` only when the disk has them,
        as for a row written with ``full``.
        """

    def get(self, blob: BlobId) -> bytes:
        """Returns the bytes. Raises NotFound when there are none, JournalDamaged when they do not
        match their id.
        """

    def take(self, blob: BlobId, pieces: Iterable[bytes]) -> None:
        """Stores what comes in pieces, never held as a whole. Raises JournalDamaged when it does
        not match its id; then nothing is kept.
        """


class Journal(Protocol):
    """The append-only log of events."""

    @property
    def blobs(self) -> Blobs:
        """Where values are that are too big for a row."""

    def bind(
        self, loop: asyncio.AbstractEventLoop, on_commit: Callable[[Sequence[Record]], None]
    ) -> None:
        """Ties appends to a loop; ``on_commit`` is called there with what was written, by this
        process or by another one.

        Each record comes once, in the order of seq, and before the future of its append is done:
        perhaps inside the very call of :meth:`append`, which commits at once for a task that writes
        alone. ``on_commit`` may post and append; it must not wait. An error that it raises goes to
        the loop's exception handler, and costs nobody a write.
        """

    def begin(
        self, run: RunId, started: Writable, *, ttl: float, unique: str | None = None
    ) -> tuple[Lease, asyncio.Future[Seq]]:
        """Writes the first event of a new run and takes its lease, in one commit.

        Args:
            run: A run of which nothing is written yet.
            started: Its run_started event.
            ttl: For how many seconds the lease holds without being renewed.
            unique: As in :meth:`append`; when it was used before, there is no lease either.

        Returns:
            The lease, and the future of the write: the lease holds once that is done.
        """

    def append(
        self,
        run: RunId,
        events: Iterable[Writable],
        *,
        lease: Lease | None = None,
        unique: str | None = None,
        full: bool = False,
    ) -> asyncio.Future[Seq]:
        """Writes events, all or none, in order.

        Args:
            run: The run they belong to.
            events: What happened.
            lease: Where given, the write is refused unless this is the newest lease of its run.
            unique: Where given, the write is refused when an earlier one carried the same key.
            full: Whether the disk must have it (True) or the operating system is enough (False)
                before the future is done.

        Returns:
            A future with the seq of the last event. Writing a run's end (completed, failed,
            cancelled) under its lease gives the lease back in the same commit. It fails with
            LeaseLost, with DuplicateKey (holds the winner's seq), or with JournalError; then
            nothing was written.
        """

    def post(self, run: RunId, event: Writable, *, lease: Lease | None = None) -> None:
        """Writes an event with the next commit, before everything appended later; nobody waits for
        it.

        The commit comes at the latest with the next turn of the loop, or two milliseconds later
        while many steps are under way. What a full disk refuses is kept and written with a later
        commit.
        """

    def adopt(self, make: Callable[[Seq], Iterable[Record]]) -> asyncio.Future[int]:
        """Writes runs that another journal holds, with the times that their events had there: all
        or nothing.

        Called on the loop; the work is done on another thread, and what was written is handed over
        a portion at a time, so that the loop has its turn in between.

        They come from a file, and their records say so for ever: nothing in them counts here by
            itself.

        Args:
            make: Told the seq of the first event here, yields the events in order; their own seqs
                do not count. Called on that thread, perhaps again.

        Returns:
            A future with how many events there are. It fails with DuplicateKey when one of these
            runs is here already, with JournalError when they cannot be written, and with what
            ``make`` raises; then nothing was written.
        """

    def read(
        self,
        *,
        run: RunId | None = None,
        after: Seq = Seq(0),
        kinds: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[Record]:
        """Returns records in the order of seq; any thread.

        Each says by its ``origin`` whether it counts here: whether it was written by who may write
        here. A store that others can write to on disk believes no name in a row; one with users of
        its own believes those it knows.
        """

    def head(self) -> Seq:
        """Returns the seq of the newest record, 0 when there is none; any thread."""

    def runs(
        self,
        *,
        run: RunId | None = None,
        name: str | None = None,
        session: str | None = None,
        user: str | None = None,
        parent: RunId | None = None,
    ) -> list[RunRow]:
        """Returns the runs that match all that is given, oldest first; any thread."""

    def acquire(self, run: RunId, *, ttl: float, patience: float = ...) -> Lease | None:
        """Takes the lease of a run, or returns None when a holder that lives has it. Loop thread.

        A holder that died on this machine is noticed at once; one elsewhere, or a frozen one, when
        its ttl (seconds) has passed. Raises JournalLocked when others write for more than
        ``patience`` seconds; so do :meth:`renew` and :meth:`release`.
        """

    def renew(self, leases: Sequence[Lease], *, ttl: float, patience: float = ...) -> list[Lease]:
        """Prolongs leases and returns those that were lost. Loop thread."""

    def release(self, lease: Lease, *, patience: float = ...) -> None:
        """Gives a lease back. Loop thread."""

    def leases(self, runs: Sequence[RunId] | None = None) -> dict[RunId, LeaseInfo]:
        """Returns who executes which run; any thread."""

    def poll(self) -> None:
        """Looks for what other processes wrote and hands it to ``on_commit``. Loop thread; cheap
        when there is nothing.
        """

    def verify(self, *, full: bool = True) -> Verdict:
        """Checks that no row is missing or altered: all of them, or the last 1,000; any thread.
        What was acknowledged is left out.
        """

    def close(self) -> None:
        """Writes what waits and lets go of every file."""
