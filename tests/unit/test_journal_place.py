"""Where a journal can live, and what is said where it cannot."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import apsw
import pytest

from sentient_kernel.errors import (
    ConfigurationError,
    JournalDamaged,
    JournalTooNew,
    JournalUnusable,
    SentientError,
    UsageError,
)
from sentient_kernel.journal import SqliteJournal
from sentient_kernel.journal.sqlite.location import NETWORK, filesystem_of, pick_mount, translate
from sentient_kernel.journal.sqlite.schema import check_library

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /home rw - nfs4 server:/export rw
31 30 0:41 / /srv/local\\040disk rw shared:1 - xfs /dev/sdb rw
32 22 0:42 / /mnt/b\\134s rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/var/x", "ext4"),
        ("/homely/x", "ext4"),
        ("/home/me/x", "nfs4"),
        ("/srv/local disk/x", "xfs"),
        ("/mnt/b\\s/x", "cifs"),
    ],
)
def test_file_system_is_that_of_the_longest_mount_above(path: str, kind: str) -> None:
    assert pick_mount(MOUNTS, Path(path)) == kind


def test_this_machine_tells_the_file_system_of_a_path(tmp_path: Path) -> None:
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("this system has no list of mounts")
    assert filesystem_of(tmp_path) not in NETWORK | {""}


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_network_file_system_is_refused_before_anything_is_written(
    tmp_path: Path, kind: str
) -> None:
    with pytest.raises(JournalUnusable, match=f"network file system \\({kind}\\).*SENTIENT_HOME"):
        SqliteJournal(tmp_path / "home" / "journal.db", filesystem=lambda path: kind)
    assert not (tmp_path / "home").exists()


NAMES = [
    "my home",
    "größe 🐉",
    "what?",
    "a#b",
    "100%",
    "%41",
    "file:x",
    ":memory:",
    "a'b\"c",
    "a;b",
    "-x",
    "new\nline",
]


@pytest.mark.parametrize("name", NAMES)
def test_path_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    for path in (tmp_path / name / "journal.db", tmp_path / "home" / name):
        with SqliteJournal(path) as journal:
            journal.runs()
        assert path.stat().st_size > 4096
        with SqliteJournal(path, readonly=True) as journal:
            assert journal.head() == 0


def test_relative_path_is_fixed_when_the_journal_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with SqliteJournal(":memory:") as journal:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert journal.head() == 0
    assert (tmp_path / ":memory:").stat().st_size > 0


def test_home_is_for_the_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with SqliteJournal(tmp_path / "home" / "journal.db") as journal:
            journal.blobs.put(b"x")
            modes = {
                path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")
            }
    finally:
        os.umask(before)
    assert {path.name for path in modes} >= {
        "journal.db",
        "journal.db-wal",
        "journal.db-shm",
        "journal.head",
        "blobs",
    }
    assert all(mode == (0o700 if path.is_dir() else 0o600) for path, mode in modes.items())
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


def test_place_that_is_no_place_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, error in [
        (tmp_path, JournalUnusable),
        (tmp_path / "file" / "journal.db", JournalUnusable),
        (tmp_path / "a\0b", UsageError),
        (tmp_path / ("x" * 300), JournalUnusable),
    ]:
        with pytest.raises(error):
            SqliteJournal(path)
    with pytest.raises(JournalUnusable, match="no journal at"):
        SqliteJournal(tmp_path / "none.db", readonly=True)
    assert not (tmp_path / "none.db").exists()


def test_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with apsw.Connection(str(path)) as other:
        other.execute("CREATE TABLE theirs(x); INSERT INTO theirs VALUES (1)")
    other.close()
    with pytest.raises(JournalUnusable, match="another program"):
        SqliteJournal(path)
    again = apsw.Connection(str(path))
    assert again.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]
    again.close()


@pytest.mark.parametrize(
    ("number", "fine"),
    [(3_040_001, False), (3_051_002, False), (3_051_003, True), (3_054_000, True)],
)
def test_sqlite_that_may_lose_rows_is_refused(number: int, fine: bool) -> None:
    if fine:
        check_library(number)
    else:
        with pytest.raises(
            ConfigurationError, match=f"3\\.{number // 1000 % 1000}\\.{number % 1000}.*pip install"
        ):
            check_library(number)


@pytest.mark.parametrize(
    ("error", "ours", "says"),
    [
        (apsw.FullError("full"), JournalUnusable, "disk is full"),
        (apsw.CorruptError("malformed"), JournalDamaged, "repair"),
        (apsw.NotADBError("not a database"), JournalDamaged, "repair"),
        (apsw.BusyError("busy"), JournalUnusable, "another process"),
        (apsw.ReadOnlyError("readonly"), JournalUnusable, "permissions"),
        (apsw.IOError("disk I/O error"), JournalUnusable, "disk I/O error"),
        (apsw.SQLError("no such table"), SentientError, "no such table"),
    ],
)
def test_errors_of_sqlite_become_sentences_of_ours(
    error: Exception, ours: type[SentientError], says: str
) -> None:
    found = translate(error, Path("/srv/journal.db"))
    assert type(found) is ours or ours is SentientError
    assert says in str(found)
    assert "/srv/journal.db" in str(found)
    assert found.__cause__ is error


def test_later_version_is_read_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    later = apsw.Connection(str(path))
    later.pragma("user_version", 99)
    later.close()
    before = path.read_bytes()
    with SqliteJournal(path) as journal:
        assert journal.head() == 0
        assert journal.read() == []
        with pytest.raises(JournalTooNew, match="version 99"):
            # refused before it is looked at
            journal.bind(None, lambda records: None)  # type: ignore[arg-type]
    assert path.read_bytes() == before
