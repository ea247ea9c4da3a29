"""Leases of runs, with fencing tokens, and notes of lost rows.

Each function runs in a transaction of its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sentient_kernel.errors import JournalError, JournalUnusable
from sentient_kernel.files.regular import make_folder
from sentient_kernel.ids import RunId
from sentient_kernel.journal.base import Lease, LeaseInfo
from sentient_kernel.journal.sqlite.holders import Holder, is_alive, is_name, sweep

T = TypeVar("T")
Execute = Callable[..., Any]
Work = Callable[[Execute], T]

LONGEST_TTL = 3_600_000_000
"""Microseconds that a lease holds at most without being prolonged: one that says more was written
by nobody here.
"""
CLOSING = 5.0
"""Seconds that closing waits for other writers."""
_MOST = 1 << 62


class Held(NamedTuple):
    """A row of ``leases`` as it may be believed: no holder where none of that name can be."""

    holder: str
    token: int
    beat: int
    ttl: int


def held(row: Sequence[Any]) -> Held:
    """Reads a row; what a column cannot hold counts as nothing.

    Args:
        row: holder, token, beat and ttl, as they are stored.

    Example:
        >>> held(("../../thesis", 7, 0, 15_000_000)), held(("here.42.0123456789ab", 2, "x", 1))
        (Held(holder='', token=7, beat=0, ttl=15000000), Held(holder='here.42.0123456789ab',
        token=2, beat=0, ttl=0))
    """
    holder, token, beat, ttl = row
    return Held(
        holder if is_name(holder) else "",
        token if type(token) is int and 0 <= token < _MOST else 0,
        beat if type(beat) is int else 0,
        ttl if type(beat) is int and type(ttl) is int and 0 <= ttl <= LONGEST_TTL else 0,
    )


class Holding:
    """The leases of one open journal.

    Args:
        folder: Where the locks of the home are; made with the first lease.
        transact: Runs work in a write transaction; waits so many seconds for other writers.
        now: Returns microseconds since 1970.
    """

    def __init__(
        self, folder: Path, transact: Callable[[Work[Any], float], Any], now: Callable[[], int]
    ) -> None:
        self._folder = folder
        self._transact = transact
        self._now = now
        self._holder: Holder | None = None

    def name(self) -> str:
        """Returns the name that leases are held under, and lets it be seen from now on that it
        lives.
        """
        if self._holder is None:
            try:
                make_folder(self._folder)
                sweep(self._folder)
                self._holder = Holder(self._folder)
            except OSError as error:
                why = error.strerror or error
                raise JournalUnusable(
                    f"No lock can be kept in {self._folder}: {why}.",
                    hint="Choose another home folder.",
                ) from error
        return self._holder.name

    def acquire(self, run: RunId, ttl: float, patience: float) -> Lease | None:
        """Takes a run's lease with a token higher than all before, unless a holder other than this
        one lives; ``ttl`` in seconds.
        """
        name, now = self.name(), self._now()

        def take(execute: Execute) -> Lease | None:
            row = execute("SELECT holder, token, beat, ttl FROM leases WHERE run = ?", (run,)).get
            there = held(row) if row is not None else Held("", 0, 0, 0)
            if there.holder not in ("", name) and self._is_alive(there, now):
                return None
            lease = Lease(run, name, there.token + 1)
            execute(
                "INSERT OR REPLACE INTO leases(run, holder, token, beat, ttl)"
                " VALUES (?, ?, ?, ?, ?)",
                (*lease, now, int(ttl * 1e6)),
            )
            return lease

        lease: Lease | None = self._transact(take, patience)
        return lease

    def renew(self, leases: Sequence[Lease], ttl: float, patience: float) -> list[Lease]:
        """Prolongs leases; returns those that somebody else has taken."""
        if not leases:
            return []
        beat = (self._now(), int(ttl * 1e6))
        sql = (
            "UPDATE leases SET beat = ?, ttl = ? WHERE run = ? AND holder = ? AND token = ?"
            " RETURNING 1"
        )
        lost: list[Lease] = self._transact(
            lambda do: [lease for lease in leases if do(sql, (*beat, *lease)).get is None], patience
        )
        return lost

    def release(self, lease: Lease, patience: float) -> None:
        """Gives a lease back."""
        self._transact(lambda do: give_back(do, lease), patience)

    def infos(self, rows: Sequence[Any]) -> dict[RunId, LeaseInfo]:
        """Returns what rows of leases say, and whether their holders live."""
        now = self._now()
        found = {RunId(run): held(rest) for run, *rest in rows if isinstance(run, str)}
        return {
            run: LeaseInfo(run, one.holder, one.token, self._is_alive(one, now))
            for run, one in found.items()
            if one.holder
        }

    def close(self) -> None:
        """Gives all leases back."""
        if self._holder is not None:
            mine = (self._holder.name,)
            sql = "UPDATE leases SET holder = '' WHERE holder = ?"
            try:
                self._transact(lambda do: do(sql, mine), CLOSING)
            except JournalError:
                pass  # the lock is gone in a moment, and the leases with it
            self._holder.close()

    def _is_alive(self, one: Held, now: int) -> bool:
        return is_alive(one.holder, self._folder, fresh=fresh(one.beat, one.ttl, now))


def fresh(beat: int, ttl: int, now: int) -> bool:
    """Tells whether a lease was prolonged within its time to live; a clock that was set back counts
    like one that went on.

    Args:
        beat: When it was prolonged last, in microseconds since 1970.
        ttl: For how many microseconds that holds.
        now: Microseconds since 1970.
    """
    return abs(now - beat) < ttl


def give_back(execute: Execute, lease: Lease) -> None:
    """Gives a lease back; its token stays, so that the next one is higher."""
    execute(
        "UPDATE leases SET holder = '' WHERE run = ? AND holder = ? AND token = ?",
        (lease.run, lease.holder, lease.token),
    )


def note(execute: Execute, gaps: Sequence[tuple[int, int, int, str]]) -> tuple[int, bytes]:
    """Writes down which rows are known to be lost or altered.

    Args:
        execute: Runs SQL.
        gaps: The first and the last row, the time in microseconds since 1970, and what is wrong.

    Returns:
        How far the journal goes with them, and the chain hash of its newest row.
    """
    for gap in gaps:
        execute("INSERT OR REPLACE INTO gaps(first, last, at, what) VALUES (?, ?, ?, ?)", gap)
    row = execute("SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1").get or (0, b"")
    return max(row[0], execute("SELECT coalesce(max(last), 0) FROM gaps").get), row[1]
