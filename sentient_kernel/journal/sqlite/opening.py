"""Opens a journal: checks its place, tables, head record and newest rows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import apsw

from sentient_kernel.errors import JournalDamaged, JournalError, JournalTooNew, JournalUnusable
from sentient_kernel.ids import Seq
from sentient_kernel.journal.base import Verdict
from sentient_kernel.journal.sqlite.check import check
from sentient_kernel.journal.sqlite.commit import Committer
from sentient_kernel.journal.sqlite.location import make_room, translate
from sentient_kernel.journal.sqlite.marks import Marker
from sentient_kernel.journal.sqlite.schema import add_kinds, check_library, connect, prepare
from sentient_kernel.journal.sqlite.tables import check_ours
from sentient_kernel.journal.sqlite.watermark import HeadFile, head_path, read_head

PATIENCE = 10.0
"""Seconds that opening waits for other processes."""


@dataclass(slots=True)
class Opened:
    """An open journal: how to write to it, unless ``refusal`` says why not, and what was found."""

    committer: Committer | None
    head: HeadFile | None
    verdict: Verdict
    refusal: JournalError | None
    had_wal: bool


def open_journal(
    path: Path,
    *,
    filesystem: str,
    now: Callable[[], int],
    readonly: bool,
    vfs: str | None,
    marker: Marker,
) -> Opened:
    """Opens a journal, made if there is none, and looks at its last 1,000 rows.

    Args:
        path: The file, absolute.
        filesystem: The name of the file system that it is on.
        now: Returns microseconds since 1970, for the birth of a new one.
        readonly: Whether nothing at all may be written.
        vfs: The SQLite VFS to go through.
        marker: Makes the marks of rows that are written here.

    Returns:
        What was opened; a damaged journal, and one of a later version, can be read and not written.

    Raises:
        JournalUnusable: It cannot live there.
        JournalDamaged: SQLite cannot open it at all.
    """
    check_library()
    record = None if os.path.exists(path) else read_head(head_path(path))
    if record is not None and record.seq:
        raise JournalDamaged(
            f"{path} is missing; the head record beside it says that it held {record.seq} rows.",
            hint=f"Put it back from a copy, or delete {head_path(path).name} to begin anew.",
        )
    make_room(path, filesystem, readonly=readonly)
    had_wal = path.with_name(f"{path.name}-wal").exists()
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _open(path, now, readonly, vfs, had_wal, marker)
        except (
            apsw.BusyError
        ) as error:  # others are making or closing it; SQLite does not wait for them in every place
            if time.monotonic() > deadline:
                raise translate(error, path, "opened") from error
            time.sleep(0.005)
        except apsw.Error as error:
            raise translate(error, path, "opened") from error


def _open(
    path: Path,
    now: Callable[[], int],
    readonly: bool,
    vfs: str | None,
    had_wal: bool,
    marker: Marker,
) -> Opened:
    connection = connect(path, readonly=readonly, vfs=vfs)
    head: HeadFile | None = None
    try:
        check_ours(connection, path)
        if readonly:
            verdict = check(
                connection, path, read_head(head_path(path)), full=False, had_wal=had_wal
            )
            connection.close()
            return Opened(
                None,
                None,
                verdict,
                JournalUnusable(f"{path} was opened for reading only."),
                had_wal,
            )

        def made(journal: bytes) -> None:
            first = HeadFile(head_path(path), journal)
            first.write(0, b"")
            first.close()

        _use_wal(connection, path)
        new = prepare(connection, path, now(), made)
        record = read_head(head_path(path))
        verdict = (
            Verdict(0, Seq(0), ())
            if new
            else check(connection, path, record, full=False, had_wal=had_wal)
        )
        refusal = damaged(path, verdict)
        if refusal is not None:  # what is left of the log may still be saved from it
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        else:
            add_kinds(connection)
        head = HeadFile(
            head_path(path), connection.execute("SELECT value FROM meta WHERE name = 'id'").get
        )
        return Opened(Committer(connection, head.write, marker), head, verdict, refusal, had_wal)
    except JournalTooNew as error:
        connection.close()
        return Opened(None, None, Verdict(0, Seq(0), ()), error, had_wal)
    except OSError as error:
        connection.close()
        place = head_path(path)
        raise JournalUnusable(
            f"{place} cannot be used: {error.strerror or error}.",
            hint=f"Look where {place.name} comes from.",
        ) from error
    except BaseException:
        connection.close()
        if head is not None:
            head.close()
        raise


def _use_wal(connection: apsw.Connection, path: Path) -> None:
    """Sets the journal mode."""
    if connection.pragma("journal_mode", "wal") != "wal":
        raise JournalUnusable(
            f"SQLite cannot keep a write-ahead log for {path}.",
            hint="Put the workbench's home on a local disk.",
        )


def damaged(path: Path, verdict: Verdict) -> JournalDamaged | None:
    """Returns the error that writing to a damaged journal meets, None when it is sound."""
    if verdict.ok:
        return None
    told, more = verdict.damage[:3], len(verdict.damage) - 3
    also = f" And {more:,} more: `sentient-kernel verify` tells all." if more > 0 else ""
    return JournalDamaged(
        f"{path} is damaged: {' '.join(damage.what for damage in told)}{also}",
        hint=(
            "It can be read. repair(path, into) saves what can be saved into a new file;"
            " acknowledge() notes the damage and goes on."
        ),
    )
