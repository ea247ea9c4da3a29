"""The rows that say who executes which run, and which rows are known to be lost. Each function runs in a transaction of its caller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sentient_kernel.ids import RunId
from sentient_kernel.journal.base import Lease

Execute = Callable[..., Any]


def fresh(beat: int, ttl: int, now: int) -> bool:
    """Tells whether a lease was prolonged within its time to live; a clock that was set back counts like one that went on.

    Args:
        beat: When it was prolonged last, in microseconds since 1970.
        ttl: For how many microseconds that holds.
        now: Microseconds since 1970.
    """
    return abs(now - beat) < ttl


def take(execute: Execute, run: RunId, holder: str, now: int, ttl: int, lives: Callable[[str, bool], bool]) -> Lease | None:
    """Takes a lease with a token higher than all before, unless a holder other than this one lives.

    Args:
        execute: Runs SQL.
        run: The run.
        holder: Who wants it.
        now: Microseconds since 1970.
        ttl: Microseconds that it holds without being prolonged.
        lives: Told a holder's name and whether its lease is fresh; says whether it can still be at work.
    """
    row = execute("SELECT holder, token, beat, ttl FROM leases WHERE run = ?", (run,)).fetchone()
    if row is not None and row[0] not in ("", holder) and lives(row[0], fresh(row[2], row[3], now)):
        return None
    token = int(row[1]) + 1 if row is not None else 1
    execute("INSERT OR REPLACE INTO leases(run, holder, token, beat, ttl) VALUES (?, ?, ?, ?, ?)", (run, holder, token, now, ttl))
    return Lease(run, holder, token)


def prolong(execute: Execute, leases: Sequence[Lease], now: int, ttl: int) -> list[Lease]:
    """Prolongs leases; returns those that somebody else has taken."""
    lost = []
    for lease in leases:
        sql = "UPDATE leases SET beat = ?, ttl = ? WHERE run = ? AND holder = ? AND token = ? RETURNING 1"
        if execute(sql, (now, ttl, lease.run, lease.holder, lease.token)).fetchone() is None:
            lost.append(lease)
    return lost


def give_back(execute: Execute, lease: Lease) -> None:
    """Gives a lease back; its token stays, so that the next one is higher."""
    execute("UPDATE leases SET holder = '' WHERE run = ? AND holder = ? AND token = ?", (lease.run, lease.holder, lease.token))


def give_all_back(execute: Execute, holder: str) -> None:
    """Gives back whatever a holder has."""
    execute("UPDATE leases SET holder = '' WHERE holder = ?", (holder,))


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
    row = execute("SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1").fetchone() or (0, b"")
    return max(row[0], execute("SELECT coalesce(max(last), 0) FROM gaps").get), row[1]
