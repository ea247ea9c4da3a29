"""The head record: how far a journal went, in a file that no torn write can spoil."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sentient_kernel.journal.sqlite.watermark import Head, HeadFile, head_path, read_head

ID = b"12345678"
CHAIN = b"abcdefgh"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.head"


def write(path: Path, *seqs: int, journal: bytes = ID) -> None:
    head = HeadFile(path, journal)
    for seq in seqs:
        head.write(seq, CHAIN)
    head.sync()
    head.close()


@pytest.mark.parametrize(
    ("journal", "head"),
    [
        ("journal.db", "journal.head"),
        ("a.b.sqlite", "a.b.head"),
        ("journal", "journal.head"),
        ("x.head", "x.head.head"),
        (".db", ".db.head"),
    ],
)
def test_head_record_lies_beside_its_journal(journal: str, head: str) -> None:
    assert head_path(Path("home") / journal) == Path("home") / head


def test_newest_write_is_read(path: Path) -> None:
    for count in range(1, 6):
        write(path, *range(1, count + 1))
        assert read_head(path) == Head(ID, count, CHAIN)


def test_record_goes_on_when_it_is_opened_again(path: Path) -> None:
    write(path, 5)
    write(path, 6)
    write(path, 7)
    assert read_head(path) == Head(ID, 7, CHAIN)


def test_torn_write_leaves_the_one_before(path: Path) -> None:
    write(path, 1, 2, 3)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        found = read_head(path)
        assert found is not None
        assert found.seq in (2, 3)
        assert found.chain == CHAIN


@pytest.mark.parametrize("data", [b"", b"x", bytes(64), bytes(1000), b"\xff" * 64])
def test_junk_is_no_record(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert read_head(path) is None


def test_missing_file_is_no_record(path: Path) -> None:
    assert read_head(path) is None


def test_record_is_for_the_owner_only(path: Path) -> None:
    write(path, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
