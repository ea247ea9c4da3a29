"""Big values: named by their content, whole or not there."""

from __future__ import annotations

import hashlib
import stat
import threading
from pathlib import Path

import pytest

from sentient_kernel.errors import JournalDamaged, JournalUnusable, NotFound
from sentient_kernel.ids import BlobId
from sentient_kernel.journal import BlobStore


def files(store: BlobStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("sync", [False, True])
def test_value_is_named_by_the_hash_of_its_content(tmp_path: Path, sync: bool) -> None:
    store = BlobStore(tmp_path / "blobs", sync=sync)
    blob = store.put(b"a table")
    assert blob == hashlib.sha256(b"a table").hexdigest()
    assert store.get(blob) == b"a table"
    assert blob in store
    assert BlobId("0" * 64) not in store


def test_same_value_is_stored_once(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    assert store.put(b"x" * 100) == store.put(b"x" * 100)
    assert len(files(store)) == 1


def test_value_that_is_there_already_can_be_asked_to_survive_the_power(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    assert store.put(b"x") == store.put(b"x", sync=True) == store.put(b"x", sync=True)
    assert store.get(store.put(b"y", sync=True)) == b"y"


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "home" / "blobs")
    store.put(b"x")
    (file,) = files(store)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_altered_value_is_not_handed_out(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    blob = store.put(b"what was found")
    (file,) = files(store)
    file.write_bytes(b"what was faked")
    with pytest.raises(JournalDamaged, match=blob):
        store.get(blob)


def test_value_cut_short_by_another_program_is_written_anew(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    blob = store.put(b"what was found")
    (file,) = files(store)
    file.write_bytes(b"what")
    assert store.get(store.put(b"what was found")) == b"what was found"
    assert blob in store


def test_name_that_is_no_hash_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    store = BlobStore(tmp_path / "blobs")
    for name in ("../secret", "/etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "/../x", "0" * 64):
        with pytest.raises(NotFound):
            store.get(BlobId(name))


def test_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the folder should be")
    with pytest.raises(JournalUnusable, match="blobs"):
        BlobStore(tmp_path / "blobs").put(b"x")


def test_many_threads_putting_the_same_values_leave_each_once_and_whole(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    values = [bytes([n]) * 50_000 for n in range(8)]
    threads = [
        threading.Thread(target=lambda: [store.put(value) for value in values]) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(file.parent.name + file.name for file in files(store)) == sorted(
        hashlib.sha256(value).hexdigest() for value in values
    )
    assert all(store.get(BlobId(hashlib.sha256(value).hexdigest())) == value for value in values)
