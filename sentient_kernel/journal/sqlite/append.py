"""Appends events on the journal's loop: gathers, commits here or on a thread, tells in order."""

from __future__ import annotations

import asyncio
from asyncio import current_task
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import apsw

from sentient_kernel.errors import JournalError, JournalUnusable
from sentient_kernel.events import Record
from sentient_kernel.ids import Seq
from sentient_kernel.journal.sqlite.commit import Committed, Committer, Pending
from sentient_kernel.journal.sqlite.group_commit import Grouping
from sentient_kernel.journal.sqlite.read import Reader
from sentient_kernel.journal.sqlite.writer import Adoption, Group, Writer

CHECKPOINT_PAGES = 1_000
"""Pages (4 KB each) that are written between two checkpoints."""

MOST_UNSAVED = 100_000
"""Posted events that are kept in memory while the disk is full."""

PORTION = 64
"""Records that others wrote and that are handed over in one turn of the loop."""

OnCommit = Callable[[Sequence[Record]], None]


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Tells whether a loop is the one that runs on this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


@dataclass(slots=True)
class AppendState:
    """Where an appender stands.

    While others wait, groups are away, or somebody is told, nothing is committed inside a call: it
    gathers, and goes with the next flush. A flush comes with the next turn of the loop
    (``scheduled``), or later when it is kept back for company (``held``); turns pass over what is
    held. While groups are ``away``, every flush goes to the thread too, so that rows keep their
    order.

    Attributes:
        gathered: What waits for the next commit.
        waiting: How many of these somebody waits for.
        full: Whether the disk has to confirm one of these: then the thread commits them.
        scheduled: Whether a flush comes with the next turn of the loop.
        held: Whether what gathered is kept back until a timer ends.
        away: Groups that the thread has and that have not come back.
        telling: Whether ``on_commit`` runs: what it appends gathers.
        behind: Whether what was written elsewhere is being handed over, a portion a turn.
        closed: Whether the journal is closed: nothing is scheduled any more.
    """

    gathered: list[Pending] = field(default_factory=list)
    waiting: int = 0
    full: bool = False
    scheduled: bool = False
    held: bool = False
    away: int = 0
    telling: bool = False
    behind: bool = False
    closed: bool = False

    def take(self) -> tuple[list[Pending], bool, int]:
        """Returns what has gathered, whether the disk has to confirm it, and how many wait; nothing
        is left."""
        taken = self.gathered, self.full, self.waiting
        self.gathered, self.full, self.waiting = [], False, 0
        return taken


class Appender:
    """Writes for one loop.

    What must not wait for the disk is committed here, on the loop; the rest, and what finds the
    file locked, by the writer's thread. While a group is away there, everything goes there, so that
    rows keep the order in which they came.

    Args:
        loop: The loop that all calls come from.
        on_commit: Told what was written, here and by other processes.
        committer: Commits on the loop.
        reader: Reads what other processes wrote in between.
        open_: Opens the thread's connection.
        wrote: What its committer calls after each commit.
        confirmed: Called when the disk has confirmed rows.
        translate: Turns an error of SQLite into one of ours.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_commit: OnCommit,
        committer: Committer,
        reader: Reader,
        open_: Callable[[], apsw.Connection],
        wrote: Callable[[int, bytes], None],
        confirmed: Callable[[], None],
        translate: Callable[[Exception], JournalError],
    ) -> None:
        self.loop = loop
        self._on_commit = on_commit
        self._committer = committer
        self._reader = reader
        self._translate = translate
        self._writer = Writer(open_, wrote, confirmed, translate, self._completed, committer.marker)
        self.grouping = Grouping()
        self._state = AppendState()
        self._arrived: deque[tuple[int, list[Pending], Committed | JournalError]] = deque()
        self._late: deque[tuple[list[Pending], Committed]] = deque()
        self._told = int(reader.head())
        self._version = -1

    def append(self, pending: Pending, full: bool, size: int, *, at_once: bool = False) -> None:
        """Takes what somebody waits for; commits at once for one who writes alone.

        Args:
            pending: What is to be written.
            full: Whether the disk has to confirm it.
            size: How many bytes it has in all.
            at_once: Whether not to look for company.
        """
        state = self._state
        busy = state.waiting or state.away or state.telling
        alone = not busy and (
            at_once or self.grouping.alone(current_task(self.loop), 1 + (size >> 12))
        )
        state.waiting += 1
        self._gather(pending, full)
        if alone:
            group, full, _ = state.take()
            if full:
                self._hand_over(group, True)
            else:
                self._commit(group)

    def post(self, pending: Pending, full: bool) -> None:
        """Takes what nobody waits for.

        Raises:
            JournalUnusable: Too much waits already: the disk has been full for long.
        """
        if len(self._state.gathered) >= MOST_UNSAVED:
            raise JournalUnusable(
                f"{MOST_UNSAVED:,} events wait to be written already.",
                hint="Free some space on the journal's disk.",
            )
        self._gather(pending, full)

    def _gather(self, pending: Pending, full: bool) -> None:
        """Keeps something for the next commit, at the latest with the next turn of the loop."""
        state = self._state
        state.gathered.append(pending)
        state.full = state.full or full
        if not state.scheduled:
            state.scheduled = True
            self.loop.call_soon(self._flush)

    def adopt(self, make: Callable[[Seq], Iterable[Record]]) -> asyncio.Future[int]:
        """Has the thread write runs of another journal; they are handed over like what other
        processes wrote."""
        future: asyncio.Future[int] = self.loop.create_future()

        def done(outcome: int | Exception) -> None:
            with suppress(RuntimeError):  # the loop was closed before the journal
                self.loop.call_soon_threadsafe(self._adopted, future, outcome)

        self._writer.adopt(Adoption(make, done))
        return future

    def _adopted(self, future: asyncio.Future[int], outcome: int | Exception) -> None:
        if isinstance(outcome, int):
            self._look()
        if not future.done():
            if isinstance(outcome, int):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)

    def poll(self) -> None:
        """Hands over what other processes wrote: a portion of it, and the rest in the next turns of
        the loop."""
        version = self._committer.execute("PRAGMA data_version").get
        if version != self._version:
            self._version = version
            self._look()

    def _look(self) -> None:
        if not self._state.behind:
            self._catch_up()

    def _catch_up(self) -> None:
        """Hands over the next portion of what was written elsewhere, then what waited for it to be
        handed over first."""
        self._state.behind = False
        if self._state.closed and not self._late:
            return
        records = self._reader.read(after=Seq(self._told), limit=PORTION)
        if records:
            self._hand_on(records)
        while self._late and self._late[0][1].records[-1].seq <= self._told:
            self._resolve(*self._late.popleft())
        if (len(records) == PORTION or self._late) and not self._state.closed:
            self._state.behind = True
            self.loop.call_soon(self._catch_up)

    def close(self) -> None:
        """Writes what waits and ends the thread; tells what became of it, unless the loop runs on
        another thread."""
        if self._state.gathered:
            group, full, _ = self._state.take()
            self._hand_over(group, full)
        self._state.closed = True
        self._writer.stop()
        if not self.loop.is_running() or runs_here(self.loop):
            self._complete()
            while self._late:
                self._catch_up()

    # -- committing --------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Once a turn of the loop: commits what has gathered, or holds it back for company."""
        state = self._state
        state.scheduled = False
        self.grouping.turned()
        if not state.gathered or state.held:
            return
        if not state.full and (delay := self.grouping.hold_back(self.loop.time())):
            state.held = True
            self.loop.call_later(delay, self._flush_held)
        else:
            self._flush_now()

    def _flush_held(self) -> None:
        self._state.held = False
        self._flush_now(held=True)

    def _flush_now(self, *, held: bool = False) -> None:
        if not self._state.gathered or self._state.closed:
            return
        group, full, waiting = self._state.take()
        self.grouping.committed(self.loop.time(), waited_for_one=held and waiting <= 1)
        if full or self._state.away:
            self._hand_over(group, full)
        else:
            self._commit(group)

    def _commit(self, group: list[Pending]) -> None:
        """Commits on the loop; when the file is locked, the thread does it."""
        committer = self._committer
        try:
            outcome = committer.commit(group)
        except apsw.BusyError:
            self._hand_over(group, False)
        except apsw.Error as error:
            self._fail(group, self._translate(error))
        else:
            if committer.pages > CHECKPOINT_PAGES:
                committer.pages = 0
                self._writer.checkpoint()
            self._succeed(group, outcome)

    def _hand_over(self, group: list[Pending], full: bool) -> None:
        self._state.away += 1
        self._writer.put(Group(group, full))

    def _completed(
        self, groups: int, pendings: list[Pending], outcome: Committed | JournalError
    ) -> None:
        """On the thread: sends home what became of groups."""
        self._arrived.append((groups, pendings, outcome))
        try:
            self.loop.call_soon_threadsafe(self._complete)
        except RuntimeError:
            return  # the loop was closed before the journal; close() looks here itself

    def _complete(self) -> None:
        while self._arrived:
            groups, pendings, outcome = self._arrived.popleft()
            self._state.away -= groups
            if isinstance(outcome, JournalError):
                self._fail(pendings, outcome)
            else:
                self._succeed(pendings, outcome)

    # -- telling -----------------------------------------------------------------------------------

    def _succeed(self, group: list[Pending], outcome: Committed) -> None:
        """Tells what was written, then whoever waits."""
        if outcome.records and (self._late or outcome.records[0].seq - self._told > PORTION):
            # much was written elsewhere in between: that comes first
            self._late.append((group, outcome))
            if not self._state.closed:
                self._look()
            return
        records: Sequence[Record] = outcome.records
        # others wrote in between: each record comes once, in order
        if records and records[0].seq != self._told + 1:
            others = (
                self._reader.read(after=Seq(self._told), until=records[0].seq - 1)
                if records[0].seq > self._told
                else []
            )
            records = [*others, *(record for record in records if record.seq > self._told)]
        if records:
            self._hand_on(records)
        self._resolve(group, outcome)

    def _resolve(self, group: list[Pending], outcome: Committed) -> None:
        """Tells whoever waits what became of a group."""
        if self.loop.is_closed():
            return
        for pending, result in zip(group, outcome.results, strict=True):
            future = pending.future
            if future is not None and not future.done():
                if isinstance(result, int):
                    future.set_result(result)
                else:
                    future.set_exception(result)

    def _fail(self, group: list[Pending], error: JournalError) -> None:
        """Fails those who wait; what was posted is kept for the next commit, unless the journal
        itself is the reason."""
        if isinstance(error, JournalUnusable) and not self._state.closed:
            self._state.gathered[:0] = [pending for pending in group if pending.future is None]
        if self.loop.is_closed():
            return
        for pending in group:
            if pending.future is not None and not pending.future.done():
                pending.future.set_exception(again(error))

    def _hand_on(self, records: Sequence[Record]) -> None:
        self._told = records[-1].seq
        self._state.telling = True
        try:
            self._on_commit(records)
        except Exception as error:  # noqa: BLE001
            # the border of delivery: what is written is written, whoever cannot bear to hear it
            self.loop.call_exception_handler(
                {"message": "on_commit of a journal failed", "exception": error}
            )
        finally:
            self._state.telling = False


def again(error: JournalError) -> JournalError:
    """Returns an error of the same kind and words, for each who is to get it."""
    copy = type(error)(error.message, hint=error.hint)
    copy.__cause__ = error.__cause__
    return copy
