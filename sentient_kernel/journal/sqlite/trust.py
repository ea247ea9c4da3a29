"""Marks all rows of a journal as this installation's own, after a person has looked at them."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import apsw

from sentient_kernel.errors import JournalDamaged, Refused
from sentient_kernel.files.sqlite import transaction
from sentient_kernel.ids import Seq
from sentient_kernel.journal.sqlite.check import sound
from sentient_kernel.journal.sqlite.marks import Marker, content, kind_word

_ROWS: Final = (
    "SELECT seq, run, kind, at, chain, body, mark FROM events WHERE seq > ? AND seq <= ? ORDER BY"
    " seq LIMIT 10000"
)


NEWEST: Final = "SELECT seq, chain FROM events ORDER BY seq DESC LIMIT 1"


class Seen(NamedTuple):
    """How far a journal went when a person looked at it: the newest row and its chain hash, which
    covers all rows before it.
    """

    seq: Seq
    chain: bytes


def trust(connection: apsw.Connection, marker: Marker, seen: Seen) -> int:
    """Marks every row up to what was seen as written here: all of them or, where anything is wrong,
    none.

    Args:
        connection: A connection that may write, and that nobody else uses meanwhile.
        marker: Makes the marks of this installation.
        seen: What the person has looked at.

    Returns:
        How many rows carry a mark now that did not before.

    Raises:
        JournalDamaged: A row is not what was written.
        Refused: The journal is not the one that was seen.
    """
    with transaction(connection):
        marked = _mark_all(connection, marker, seen)
    return marked


def _mark_all(connection: apsw.Connection, marker: Marker, seen: Seen) -> int:
    runs = {
        number: str(name).encode() for number, name in connection.execute("SELECT no, id FROM runs")
    }
    kinds = {
        code: kind_word(str(name))
        for code, name in connection.execute("SELECT code, name FROM kinds")
    }
    born = int(connection.execute("SELECT value FROM meta WHERE name = 'born'").get)
    last, before, marked = 0, b"", 0
    while rows := connection.execute(_ROWS, (last, seen.seq)).fetchall():
        changed = list[tuple[Any, ...]]()
        row: tuple[Any, ...]
        for row in rows:
            seq, run, kind, at, chain, body, beside = row
            # Behind a gap that somebody has acknowledged there is nothing to compare with; the next
            # row tells.
            if kind not in kinds or (seq == last + 1 and not sound(row[:6], before, runs, born)):
                raise JournalDamaged(
                    f"Row {seq} is not what was written.",
                    hint="`sentient-kernel verify` tells more.",
                )
            marking = marker.begun()
            marking.update(chain + kinds[kind] + content(seq, at + born, kind, runs[run], body))
            if marking.digest() != beside:
                changed.append((marking.digest(), seq))
            last, before = seq, chain
        connection.executemany("UPDATE events SET mark = ? WHERE seq = ?", changed)
        marked += len(changed)
    if (last, before) != seen:
        raise Refused(
            "The journal has changed since it was shown.",
            hint="Nothing was marked; look at it again.",
        )
    return marked
