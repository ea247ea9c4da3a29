"""Repairs a damaged journal: copies every row that its hash chain confirms into a new one."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import JournalDamaged, JournalUnusable
from sentient_kernel.events import Origin
from sentient_kernel.files.sqlite import transaction
from sentient_kernel.ids import Seq
from sentient_kernel.installation import installation
from sentient_kernel.journal.base import Damage
from sentient_kernel.journal.sqlite import pages as _pages
from sentient_kernel.journal.sqlite.check import sound
from sentient_kernel.journal.sqlite.check_rows import META
from sentient_kernel.journal.sqlite.marks import Marker, kind_word
from sentient_kernel.journal.sqlite.schema import (
    APPLICATION_ID,
    BLOCK,
    CREATE,
    VERSION,
    add_kinds,
    connect,
)
from sentient_kernel.journal.sqlite.tables import KIND, RUN
from sentient_kernel.journal.sqlite.watermark import HeadFile, head_path, read_head

Row = tuple[int, int, int, int, bytes, bytes, bytes | None]
"""seq, run, kind, at, chain, body, mark"""


class Repaired(NamedTuple):
    """What a repair saved: how many rows, and which are lost."""

    rows: int
    lost: tuple[Damage, ...]


class _Candidates:
    """Whatever looks like a row of the journal's tables."""

    def __init__(self) -> None:
        self.events: dict[int, set[Row]] = defaultdict(set)
        self.runs: dict[int, tuple[Any, ...]] = {}
        self.names: dict[int, set[str]] = defaultdict(set)
        self.kinds: dict[int, str] = {}
        self.pairs: dict[bytes, set[tuple[str, Any]]] = defaultdict(set)
        self.gaps: dict[int, tuple[Any, ...]] = {}

    def take(self, found: _pages.PageRecord, page: bytes) -> None:
        """Sorts a record by its shape; what comes from an index is kept page by page."""
        match found.rowid, found.values:
            case int(seq), (
                None,
                int(run),
                int(kind),
                int(at),
                bytes(chain),
                bytes(body),
                (bytes() | None) as mark,
            ):
                self.events[seq].add((seq, run, kind, at, chain, body, mark))
            case int(seq), (
                None,
                int(run),
                int(kind),
                int(at),
                bytes(chain),
                bytes(body),
            ):
                # of a file of version 1
                self.events[seq].add((seq, run, kind, at, chain, body, None))
            case int(no), (None, str(name), int(first), *rest) if len(rest) == 5 and RUN.fullmatch(
                name
            ):
                self.runs[no] = (name, first, *rest)
                self.names[no].add(name)
            case int(code), (None, str(name)) if KIND.fullmatch(name):
                self.kinds[code] = name
            case int(first), (None, int(last), int(at), str(what)):
                self.gaps[first] = (first, last, at, what)
            case None, (str(name), value):
                self.pairs[page].add((name, value))
                # the index of run ids has this shape too
                if isinstance(value, int) and RUN.fullmatch(name):
                    self.names[value].add(name)

    def meta(self, name: str) -> list[Any]:
        """Returns the values that a line of ``meta`` may have."""
        return [value for pairs in self.pairs.values() for key, value in pairs if key == name]

    def keys(self) -> set[tuple[str, int]]:
        """Returns the unique keys and their seqs: the pairs of pages that are neither ``meta`` nor
        an index of runs or kinds.
        """
        return {
            (key, value)
            for pairs in self.pairs.values()
            if not all(self._indexed(*pair) for pair in pairs)
            for key, value in pairs
            if key not in META and isinstance(value, int)
        }

    def _indexed(self, key: str, value: Any) -> bool:
        return self.kinds.get(value) == key or (
            value in self.runs and key in (self.runs[value][i] for i in (0, 3, 4))
        )


def repair(
    path: str | os.PathLike[str], into: str | os.PathLike[str], *, clock: Clock | None = None
) -> Repaired:
    """Saves every row that can be read, and is what was written, into a new journal; the old one is
    not touched.

    It looks at every page of the file and of the write-ahead log beside it, also at those that
    SQLite no longer reaches, and keeps the rows that the chain of hashes confirms. Rows keep their
    seq and their marks; what is lost is noted in the new journal as acknowledged.

    Args:
        path: The damaged journal; nobody should be writing to it.
        into: The new file; it must not be there yet.
        clock: Where the time of the repair comes from.

    Returns:
        What was saved and what was not.

    Raises:
        JournalUnusable: There is no file at ``path``, or one at ``into``.
        JournalDamaged: Nothing of a journal was found.
    """
    source, target = Path(os.path.abspath(path)), Path(os.path.abspath(into))
    if target.exists():
        raise JournalUnusable(f"{target} is there already.", hint="Name a new file.")
    try:
        found = _gather(source)
    except OSError as error:
        raise JournalUnusable(f"{source} cannot be read: {error.strerror or error}.") from error
    born = next((value for value in found.meta("born") if isinstance(value, int)), None)
    if born is None or not found.events:
        raise JournalDamaged(f"{source} holds no row of a journal that can be read.")
    rows, unsound = _confirmed(found, born, Marker(installation().key))
    record = read_head(head_path(source))
    went = record.seq if record is not None and record.journal in found.meta("id") else 0
    known = {(first, last): what for first, last, _, what in found.gaps.values()}
    lost = tuple(_lost([row[0] for row in rows], max(went, *found.events), unsound))
    now = (clock or SystemClock()).now_us()
    _write(
        target,
        found,
        born,
        rows,
        [(d.first, d.last, now, known.get((d.first, d.last), d.what)) for d in lost],
    )
    return Repaired(
        len(rows), tuple(damage for damage in lost if (damage.first, damage.last) not in known)
    )


def _gather(path: Path) -> _Candidates:
    data, log = path.read_bytes(), path.with_name(f"{path.name}-wal")
    size = _pages.page_size(data)
    versions: dict[int, list[bytes]] = defaultdict(list)
    for number, page in _pages.file_pages(data, size):
        versions[number].append(page)
    if log.exists():
        for number, page in _pages.log_pages(log.read_bytes(), size):
            versions[number].append(page)

    def fetch(number: int) -> Iterator[bytes]:
        return reversed(versions.get(number, []))

    found = _Candidates()
    for number, pages in versions.items():
        for page in dict.fromkeys(pages):
            for one in _pages.records(number, page, fetch):
                found.take(one, page)
    return found


def _confirmed(found: _Candidates, born: int, marker: Marker) -> tuple[list[Row], set[int]]:
    """Returns the rows that are what was written, and the places where there are only others.

    A row behind a lost one cannot be checked against it. It is kept when the row behind it
    continues from it, or when it is the last. Of several that differ in their mark alone, the one
    that carries this installation's is kept.
    """
    rows: list[Row] = []
    unsound: set[int] = set()
    for seq in sorted(found.events):
        before, gap = (rows[-1][4], rows[-1][0] != seq - 1) if rows else (b"", seq != 1)
        candidates = [
            row
            for row in found.events[seq]
            if row[1] in found.names and row[2] in found.kinds and _is_json(row[5])
        ]
        good = [row for row in candidates if _fits(found, row, before, born)]
        if not good and gap:
            good = [row for row in candidates if _is_continued(found, row, born)]
        if good:
            rows.append(min(good, key=lambda row: _origin(found, row, marker, born) != ""))
        else:
            unsound.add(seq)
    return rows, unsound


def _fits(found: _Candidates, row: Row, before: bytes, born: int) -> bool:
    """Checks the chain; of several names that a run's number could have, the one that fits is the
    run's.
    """
    for name in found.names[row[1]]:
        if sound(row[:6], before, {row[1]: name.encode()}, born):
            found.names[row[1]] = {name}
            return True
    return False


def _origin(found: _Candidates, row: Row, marker: Marker, born: int) -> Origin:
    seq, run, kind, at, chain, body, mark = row
    name = next(iter(found.names[run])).encode()
    return marker.origin(
        mark, chain, kind_word(found.kinds[kind]), seq, born + at, kind, name, body
    )


def _is_continued(found: _Candidates, row: Row, born: int) -> bool:
    behind = found.events.get(row[0] + 1)
    return not behind or any(
        _fits(found, next_, row[4], born) for next_ in behind if next_[1] in found.names
    )


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _lost(have: list[int], last: int, unsound: set[int]) -> Iterator[Damage]:
    """Returns the stretches of rows that are not among those we have, up to the last one there
    was.
    """
    before = 0
    for seq in [*have, last + 1]:
        if seq > before + 1:
            what = "altered" if any(one in unsound for one in range(before + 1, seq)) else "lost"
            yield Damage(
                Seq(before + 1),
                Seq(seq - 1),
                f"Rows {before + 1} to {seq - 1} were {what} before a repair.",
            )
        before = seq


def _write(
    target: Path,
    found: _Candidates,
    born: int,
    rows: list[Row],
    gaps: list[tuple[int, int, int, str]],
) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = connect(target, synchronous="FULL")
    try:
        connection.pragma("journal_mode", "wal")
        do, many = connection.execute, connection.executemany
        with transaction(connection):
            do(CREATE)
            journal = os.urandom(8)
            do(
                "INSERT INTO meta VALUES ('born', ?), ('id', ?), ('checkpoints', 0)",
                (born, journal),
            )
            many("INSERT INTO kinds(code, name) VALUES (?, ?)", found.kinds.items())
            many(
                "INSERT INTO events(seq, run, kind, at, chain, body, mark) VALUES (?, ?, ?, ?, ?,"
                " ?, ?)",
                rows,
            )
            _write_runs(connection, found)
            do("INSERT INTO spans SELECT DISTINCT run, seq / ? FROM events", (BLOCK,))
            do("INSERT INTO spans SELECT DISTINCT -kind, seq / ? FROM events", (BLOCK,))
            many("INSERT OR IGNORE INTO keys(key, seq) VALUES (?, ?)", found.keys())
            many("INSERT INTO gaps(first, last, at, what) VALUES (?, ?, ?, ?)", gaps)
            connection.pragma("application_id", APPLICATION_ID)
            connection.pragma("user_version", VERSION)
        add_kinds(connection)
        head = HeadFile(head_path(target), journal)
        head.write(max([rows[-1][0], *(gap[1] for gap in gaps)]), rows[-1][4])
        head.sync()
        head.close()
    finally:
        connection.close()


def _write_runs(connection: apsw.Connection, found: _Candidates) -> None:
    """Writes the runs that rows belong to; what a lost line said of one is read from its first
    event again.
    """
    firsts: list[Any] = connection.execute(
        "SELECT run, min(seq) FROM events GROUP BY run"
    ).fetchall()
    for number, first in firsts:
        name = next(iter(found.names[number]))
        kept = found.runs.get(number)
        if kept is None or kept[0] != name:
            started = (
                "SELECT body FROM events WHERE run = ? AND kind = (SELECT code FROM kinds WHERE"
                " name = 'run_started')"
            )
            body = connection.execute(started, (number,)).get
            said = json.loads(body) if body else {}
            kept = (
                name,
                first,
                said.get("workflow"),
                said.get("name"),
                said.get("parent"),
                said.get("session", ""),
                said.get("user", ""),
            )
        sql = (
            "INSERT INTO runs(no, id, first, workflow, name, parent, session, user) VALUES (?, ?,"
            " ?, ?, ?, ?, ?, ?)"
        )
        connection.execute(sql, (number, *kept))
