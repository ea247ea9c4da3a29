"""Verifies the other tables against the events: runs, kinds, keys, index, losses, leases.

The chain covers the events alone. What stands beside them is made from them, so it can be checked
against them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import apsw
from pydantic import ValidationError

from sentient_kernel.events import ANSWERS, TRANSIENT, RunStarted, classes
from sentient_kernel.ids import RunId, Seq, answer_key
from sentient_kernel.journal.base import Damage
from sentient_kernel.journal.sqlite.holders import is_name
from sentient_kernel.journal.sqlite.leases import LONGEST_TTL
from sentient_kernel.journal.sqlite.schema import BLOCK
from sentient_kernel.journal.sqlite.tables import RUN

META: Final = frozenset({"born", "id", "checkpoints"})
_DESCRIBED: Final = ("workflow", "name", "parent", "session", "user")
_RUNS: Final = "SELECT no, id, first, workflow, name, parent, session, user FROM runs NOT INDEXED"
_SHOWN: Final = 80
_SURPLUS: Final = """
SELECT block FROM (SELECT key, block FROM spans
    EXCEPT SELECT run, seq / :size FROM events EXCEPT SELECT -kind, seq / :size FROM events)"""

Gap = tuple[int, int, str]
"""The first row that is known to be lost, the last one, and what was said of them."""


class _Seen(NamedTuple):
    """What one reading of the events remembers of them."""

    kinds: dict[int, str]
    runs: dict[int, RunId]
    first: dict[int, int]
    started: dict[int, dict[str, Any]]


def check_rows(
    connection: apsw.Connection, gaps: Sequence[Gap], damage: Sequence[Damage], went: int
) -> Iterator[Damage]:
    """Yields what contradicts the events.

    Args:
        connection: Inside a transaction, so that it sees one moment of the file.
        gaps: The rows that somebody has acknowledged as lost.
        damage: What was found along the chain; nothing is said of what follows from it.
        went: How far the journal went.
    """
    kinds: dict[int, str] = dict(connection.execute("SELECT code, name FROM kinds NOT INDEXED"))
    runs: dict[int, RunId] = dict(connection.execute("SELECT no, id FROM runs NOT INDEXED"))
    seen = _Seen(kinds, runs, {}, {})
    lost = Stretches(
        [
            *((first, last) for first, last, _ in gaps),
            *((one.first, one.last) for one in damage if one.first),
        ]
    )
    yield from _meta(connection)
    yield from _kinds(connection)
    yield from _events(connection, seen, lost)
    yield from _runs(connection, seen, lost)
    yield from _keys(connection, seen, lost)
    yield from _spans(connection, lost)
    yield from _leases(connection)
    for first, last, _ in gaps:
        if last > went:
            yield _wrong(
                f"Rows {first} to {last} are noted as lost, though the journal never went so far."
            )


def false_gaps(
    gaps: Iterable[Gap], damage: Iterable[Damage], newest: int, record: str
) -> Iterator[Damage]:
    """Yields the notes of loss for rows that are all there and as they were written.

    Args:
        gaps: As above.
        damage: As above.
        newest: The newest row that is there.
        record: The name of the head record: a row that it knows otherwise was acknowledged for that
            alone.
    """
    found = Stretches((one.first, one.last) for one in damage if one.first)
    for first, last, what in gaps:
        if (
            last <= newest
            and not found.touch(first, last)
            and not (first == last and what == unknown_row(first, record))
        ):
            yield Damage(
                Seq(first),
                Seq(last),
                f"Rows {first} to {last} are noted as lost or altered, and are neither.",
            )


class Stretches:
    """Stretches of rows, joined where they overlap.

    Args:
        pairs: The first and the last row of each.

    Example:
        >>> lost = Stretches([(1, 5), (4, 9), (20, 20)])
        >>> [lost.touch(9, 9), lost.touch(10, 19), lost.touch(2, 30)]
        [True, False, True]
    """

    def __init__(self, pairs: Iterable[tuple[int, int]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(pairs):
            if self._lasts and first <= self._lasts[-1]:
                self._lasts[-1] = max(last, self._lasts[-1])
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def touch(self, first: int, last: int) -> bool:
        """Tells whether any of the rows from one to another lies in a stretch."""
        at = bisect_right(self._firsts, last) - 1
        return at >= 0 and self._lasts[at] >= first


def unknown_row(seq: int, record: str) -> str:
    """Says that the head record knows another row."""
    return f"Row {seq} is not the one that {record} knows."


def _meta(connection: apsw.Connection) -> Iterator[Damage]:
    for name, value in connection.execute("SELECT name, value FROM meta"):
        if name not in META:
            yield _wrong(
                f"The journal says something of itself that no journal does: {_short(name)}."
            )
        elif name == "checkpoints" and not (type(value) is int and value >= 0):
            yield _wrong("The count of its checkpoints is not a number.")


def _kinds(connection: apsw.Connection) -> Iterator[Damage]:
    """The chain covers the number of a kind, and only this its name: numbers are given in the order
    of the vocabulary.
    """
    right = {
        name: code
        for code, name in enumerate((kind for kind in classes() if kind not in TRANSIENT), 1)
    }
    given: dict[str, int] = {}
    for code, name in connection.execute("SELECT code, name FROM kinds NOT INDEXED ORDER BY code"):
        if name in given:
            yield _wrong(f"The kind {_short(name)} has two numbers: {given[name]} and {code}.")
        elif right.get(name, code) != code:
            yield _wrong(
                f"The kind {_short(name)} has the number {code}, not {right[name]}: what its events"
                " say was exchanged."
            )
        given[name] = code


def _events(connection: apsw.Connection, seen: _Seen, lost: Stretches) -> Iterator[Damage]:
    """Reads each event once: whether it is one of its kind, and what is needed of it further on."""
    known = classes()
    for seq, run, kind, body in connection.execute(
        "SELECT seq, run, kind, body FROM events ORDER BY seq"
    ):
        seen.first.setdefault(run, seq)
        name = seen.kinds.get(kind)
        if lost.touch(seq, seq):
            continue
        if name is None or run not in seen.runs or seq < 1:
            yield Damage(
                Seq(seq),
                Seq(seq),
                f"Row {seq} belongs to a run, or is of a kind, that the journal does not know.",
            )
            continue
        cls = known.get(name)
        if cls is None:
            continue  # of a later version
        try:
            cls.model_validate_json(body)
        except (ValidationError, TypeError):
            yield Damage(Seq(seq), Seq(seq), f"Row {seq} does not hold a readable {name!r} event.")
            continue
        if name == RunStarted.KIND:
            if run in seen.started:
                yield Damage(Seq(seq), Seq(seq), f"Row {seq} begins a run that has begun before.")
            seen.started[run] = json.loads(body)


def _runs(connection: apsw.Connection, seen: _Seen, lost: Stretches) -> Iterator[Damage]:
    ids: set[RunId] = set()
    for number, run, first, *said in connection.execute(_RUNS):
        if run in ids:
            yield _wrong(f"Run {_short(run)} is there twice.")
        ids.add(run)
        if seen.first.get(number) != first and not _lost(lost, first):
            yield _wrong(
                f"Run {_short(run)} does not begin where the list of runs says, at row"
                f" {_short(first)}."
            )
        started = seen.started.get(number)
        if started is not None:
            defaults = ("", None, None, "", "")
            for name, value, fact in zip(
                _DESCRIBED, said, map(started.get, _DESCRIBED, defaults), strict=True
            ):
                if value != fact:
                    yield _wrong(
                        f"The list of runs gives run {_short(run)} another {name} than its first"
                        " event."
                    )
        elif any(part is not None for part in said) and not _lost(lost, first):
            yield _wrong(f"The list of runs describes run {_short(run)}, which never began.")


def _keys(connection: apsw.Connection, seen: _Seen, lost: Stretches) -> Iterator[Damage]:
    query = (
        "SELECT k.key, k.seq, e.run, e.kind, e.body FROM keys k LEFT JOIN events e ON e.seq = k.seq"
    )
    for key, seq, run, kind, body in connection.execute(query):
        name = seen.kinds.get(kind, "")
        if body is None:
            right = _lost(lost, seq)
        elif key.startswith("name:"):
            right = name == RunStarted.KIND and _key_of(body) == key
        elif key.startswith("answer:"):
            right = (
                name in ANSWERS
                and answer_key(seen.runs.get(run, RunId("")), json.loads(body).get("approval", ""))
                == key
            )
        else:
            right = True
        if not right:
            yield _wrong(
                f"The key {_short(key)} points to row {_short(seq)}, which was not written"
                " under it."
            )


def _key_of(body: bytes) -> str:
    try:
        return RunStarted.model_validate_json(body).key
    except ValidationError:
        return ""


def _spans(connection: apsw.Connection, lost: Stretches) -> Iterator[Damage]:
    surplus = sum(
        1
        for (block,) in connection.execute(_SURPLUS, {"size": BLOCK})
        if not _lost(lost, block, BLOCK)
    )
    if surplus:
        yield _wrong(
            f"The index of runs and kinds names {surplus} blocks in which they do not occur."
        )


def _leases(connection: apsw.Connection) -> Iterator[Damage]:
    for run, holder, token, beat, ttl in connection.execute(
        "SELECT run, holder, token, beat, ttl FROM leases"
    ):
        # one may be taken before anything is written of its run
        if not (isinstance(run, str) and RUN.fullmatch(run)):
            yield _wrong(f"There is a lease of a run whose id is not valid: {_short(run)}.")
        elif holder != "" and not is_name(holder):
            yield _wrong(
                f"The lease of run {_short(run)} has a holder whose name is not valid:"
                f" {_short(holder)}."
            )
        elif not (
            type(token) is int
            and 0 < token < 1 << 62
            and type(beat) is int
            and type(ttl) is int
            and 0 <= ttl <= LONGEST_TTL
        ):
            yield _wrong(
                f"The lease of run {_short(run)} has a number, a time or a length that no lease"
                " has."
            )


def _lost(lost: Stretches, place: object, size: int = 1) -> bool:
    """Tells whether a row, or any row of a block of so many, is known to be lost."""
    return type(place) is int and lost.touch(place * size, place * size + size - 1)


def _wrong(what: str) -> Damage:
    return Damage(Seq(0), Seq(0), what)


def _short(value: object) -> str:
    """Returns a value out of a database as it may stand in a sentence: on one line, in characters
    that are seen, and not for ever.
    """
    return ascii(value if not isinstance(value, str | bytes) else value[:_SHOWN])
