"""Appends events on the journal's loop: gathers, commits here or on a thread, tells in order."""

from __future__ import annotations

import asyncio
from asyncio import current_task
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import apsw

from sentient_kernel.errors import JournalError, JournalUnusable
from sentient_kernel.events import Record
from sentient_kernel.ids import Seq
from sentient_kernel.journal.sqlite.commit import Committed, Committer, Pending
from sentient_kernel.journal.sqlite.read import Reader
from sentient_kernel.journal.sqlite.writer import Adoption, Group, Writer

CHECKPOINT_PAGES = 1_000
"""Pages (4 KB each) that are written between two checkpoints."""

MOST_UNSAVED = 100_000
"""Posted events that are kept in memory while the disk is full."""

PORTION = 64
"""Records that others wrote and that are handed over in one turn of the loop."""

WINDOW = 0.002
"""Seconds between commits while many steps are under way."""

MANY = 16
"""Steps under way from which on a commit waits for company."""

LONGEST_STREAK = 32
"""Commits in a row (big ones count more) after which one who writes alone lets the loop turn, so
that others are not starved.
"""

OnCommit = Callable[[Sequence[Record]], None]


def runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    """Tells whether a loop is the one that runs on this thread."""
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class Grouping:
    """Keeps what the decision needs: who wrote last, how many steps are under way, when the last
    commit was.

    A commit costs about as much as the hop through the loop that waiting for company takes. So one
    who writes alone, and again and again, commits inside its own call; a thousand steps that end
    within 20 ms are written in a dozen commits.
    """

    def __init__(self) -> None:
        self.under_way = 0
        """Steps that have begun and not ended; whoever writes counts them."""
        self._last: object = None
        self._streak = 0
        self._committed = 0.0

    def alone(self, writer: object, weight: int = 1) -> bool:
        """Tells whether to commit at once what this writer (its task) brings, when nobody else
        waits.
        """
        if writer is not self._last or self._streak >= LONGEST_STREAK:
            self._last = writer
            return False
        self._streak += weight
        return True

    def turned(self) -> None:
        """The loop has turned."""
        self._streak = 0
        if self.under_way < 0:  # steps that began before this journal was opened have ended
            self.under_way = 0

    def hold_back(self, now: float) -> float:
        """Returns for how many seconds to wait for more."""
        return max(0.0, self._committed + WINDOW - now) if self.under_way >= MANY else 0.0

    def committed(self, now: float, *, waited_for_one: bool = False) -> None:
        """A commit was made.

        Args:
            now: When, in seconds on the loop's clock.
            waited_for_one: Whether it was held back and nobody came: then steps were counted that
                will never end.
        """
        self._committed = now
        if waited_for_one:
            self.under_way //= 2


class Appender:
    """Writes for one loop.

    What must not wait for the disk is committed here, on the loop; the rest, and what finds the
    file locked, by the writer's thread. While a group is away there, everything goes there, so that
    rows keep the order in which they came.

    While others wait, groups are away, or somebody is told, nothing is committed inside a call: it
    gathers, and goes with the next flush. A flush comes with the next turn of the loop, or later
    when it is kept back for company; turns pass over what is held.

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
        self._gathered: list[Pending] = []
        self._waiting = 0
        """How many of those that have gathered somebody waits for."""
        self._full = False
        """Whether the disk has to confirm one of them: then the thread commits them."""
        self._scheduled = self._held = False
        """Whether a flush comes with the next turn of the loop; when a timer ends."""
        self._away = 0
        """Groups that the thread has and that have not come back."""
        self._telling = self._behind = self._closed = False
        """Whether ``on_commit`` runs; what was written elsewhere is being handed over, a portion a
        turn; the journal is closed, and nothing is scheduled any more."""
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
        alone = not (self._waiting or self._away or self._telling) and (
            at_once or self.grouping.alone(current_task(self.loop), 1 + (size >> 12))
        )
        self._waiting += 1
        self._gather(pending, full)
        if alone:
            self._put()

    def post(self, pending: Pending, full: bool) -> None:
        """Takes what nobody waits for.

        Raises:
            JournalUnusable: Too much waits already: the disk has been full for long.
        """
        if len(self._gathered) >= MOST_UNSAVED:
            raise JournalUnusable(
                f"{MOST_UNSAVED:,} events wait to be written already.",
                hint="Free some space on the journal's disk.",
            )
        self._gather(pending, full)

    def _gather(self, pending: Pending, full: bool) -> None:
        """Keeps something for the next commit, at the latest with the next turn of the loop."""
        self._gathered.append(pending)
        self._full = self._full or full
        if not self._scheduled:
            self._scheduled = True
            self.loop.call_soon(self._flush)

    def adopt(self, make: Callable[[Seq], Iterable[Record]]) -> asyncio.Future[int]:
        """Has the thread write runs of another journal; they are handed over like what other
        processes wrote."""
        future: asyncio.Future[int] = self.loop.create_future()

        def done(outcome: int | Exception) -> None:
            with suppress(RuntimeError):  # the loop was closed before the journal
                self.loop.call_soon_threadsafe(self._adopted, future, outcome)

        self._writer.put(Adoption(make, done))
        return future

    def _adopted(self, future: asyncio.Future[int], outcome: int | Exception) -> None:
        if isinstance(outcome, int):
            self._catch_up()
        _settle(future, outcome)

    def poll(self) -> None:
        """Hands over what other processes wrote: a portion of it, and the rest in the next turns of
        the loop."""
        version = self._committer.execute("PRAGMA data_version").get
        if version != self._version:
            self._version = version
            self._catch_up()

    def _catch_up(self, *, next_portion: bool = False) -> None:
        """Hands over a portion of what was written elsewhere, and what waits for that; the rest
        with the next turns of the loop."""
        if self._behind and not next_portion:
            return
        self._behind = False
        while self._late or not self._closed:
            records = self._reader.read(after=Seq(self._told), limit=PORTION)
            if records:
                self._hand_on(records)
            while self._late and self._late[0][1].records[-1].seq <= self._told:
                self._resolve(*self._late.popleft())
            if not self._closed:
                if len(records) == PORTION or self._late:
                    self._behind = True
                    self.loop.call_soon(partial(self._catch_up, next_portion=True))
                return

    def close(self) -> None:
        """Writes what waits and ends the thread; tells what became of it, unless the loop runs on
        another thread."""
        if self._gathered:
            self._put(by_thread=True)
        self._closed = True
        self._writer.stop()
        if not self.loop.is_running() or runs_here(self.loop):
            self._complete()
            self._catch_up(next_portion=True)

    # -- committing --------------------------------------------------------------------------------

    def _flush(self, *, held: bool = False) -> None:
        """Commits what has gathered, or holds it back for company.

        Args:
            held: Whether it was held back; otherwise the loop has turned.
        """
        if held:
            self._held = False
        else:
            self._scheduled = False
            self.grouping.turned()
        if not self._gathered or self._held or self._closed:
            return
        now, full = self.loop.time(), self._full
        if not held and not full and (delay := self.grouping.hold_back(now)):
            self._held = True
            self.loop.call_later(delay, partial(self._flush, held=True))
        else:
            self.grouping.committed(now, waited_for_one=held and self._waiting <= 1)
            self._put()

    def _put(self, *, by_thread: bool = False) -> None:
        """Commits what has gathered: here, or on the thread, as when the file is locked."""
        group, full = self._gathered, self._full
        self._gathered, self._full, self._waiting = [], False, 0
        if full or by_thread or self._away or not self._commit(group):
            self._away += 1
            self._writer.put(Group(group, full))

    def _commit(self, group: list[Pending]) -> bool:
        """Commits on the loop; returns whether the file was free."""
        committer = self._committer
        try:
            outcome = committer.commit(group)
        except apsw.BusyError:
            return False
        except apsw.Error as error:
            self._fail(group, self._translate(error))
            return True
        if committer.pages > CHECKPOINT_PAGES:
            committer.pages = 0
            self._writer.put("checkpoint")
        self._succeed(group, outcome)
        return True

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
            self._away -= groups
            if isinstance(outcome, JournalError):
                self._fail(pendings, outcome)
            else:
                self._succeed(pendings, outcome)

    # -- telling -----------------------------------------------------------------------------------

    def _succeed(self, group: list[Pending], outcome: Committed) -> None:
        """Tells what was written, then whoever waits."""
        records = outcome.records
        if records and (self._late or records[0].seq != self._told + 1):
            # others wrote in between: each record comes once, in order
            self._late.append((group, outcome))
            self._catch_up()
            return
        if records:
            self._hand_on(records)
        self._resolve(group, outcome)

    def _resolve(self, group: list[Pending], outcome: Committed) -> None:
        """Tells whoever waits what became of a group."""
        if self.loop.is_closed():
            return
        for pending, result in zip(group, outcome.results, strict=True):
            if pending.future is not None:
                _settle(pending.future, result)

    def _fail(self, group: list[Pending], error: JournalError) -> None:
        """Fails those who wait; what was posted is kept for the next commit, unless the journal
        itself is the reason."""
        if isinstance(error, JournalUnusable) and not self._closed:
            self._gathered[:0] = [pending for pending in group if pending.future is None]
        if self.loop.is_closed():
            return
        for pending in group:
            if pending.future is not None:
                _settle(pending.future, again(error))

    def _hand_on(self, records: Sequence[Record]) -> None:
        self._told = records[-1].seq
        self._telling = True
        try:
            self._on_commit(records)
        except Exception as error:  # noqa: BLE001
            # the border of delivery: what is written is written, whoever cannot bear to hear it
            self.loop.call_exception_handler(
                {"message": "on_commit of a journal failed", "exception": error}
            )
        finally:
            self._telling = False


def _settle(future: asyncio.Future[Any], outcome: int | Exception) -> None:
    if not future.done():
        if isinstance(outcome, int):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)


def again(error: JournalError) -> JournalError:
    """Returns an error of the same kind and words, for each who is to get it."""
    copy = type(error)(error.message, hint=error.hint)
    copy.__cause__ = error.__cause__
    return copy
