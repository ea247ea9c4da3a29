"""Leases of one journal: tokens that only grow, times that run out both ways, locks that leave
nothing behind.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from journal_kit import bound
from loop_kit import on_a_loop

from sentient_kernel.ids import RunId
from sentient_kernel.journal import SqliteJournal
from sentient_kernel.journal.sqlite.holders import Holder, is_alive, machine
from sentient_kernel.testing import FakeClock

A, B = RunId("a"), RunId("b")


def opened(path: Path, clock: FakeClock | None = None) -> SqliteJournal:
    """Opens a journal on the loop that runs."""
    journal = SqliteJournal(path, clock=clock) if clock else SqliteJournal(path)
    bound(journal)
    return journal


@contextmanager
def pair(
    path: Path, clock: FakeClock | None = None
) -> Iterator[tuple[SqliteJournal, SqliteJournal]]:
    """Opens two journals on one file."""
    with opened(path, clock) as ours, opened(path, clock) as theirs:
        yield ours, theirs


@on_a_loop
async def test_each_lease_of_a_run_has_the_next_token(tmp_path: Path) -> None:
    with pair(tmp_path / "journal.db") as (ours, theirs):
        tokens = []
        for journal in (ours, theirs, ours):
            lease = journal.acquire(A, ttl=30)
            assert lease is not None
            tokens.append(lease.token)
            journal.release(lease)
        other = theirs.acquire(B, ttl=30)
        assert other is not None
        assert (tokens, other.token) == ([1, 2, 3], 1)


@pytest.mark.parametrize(
    ("seconds", "alive"), [(29, True), (30, False), (-29, True), (-30, False), (-4_000, False)]
)
@on_a_loop
async def test_lease_runs_out_whichever_way_the_clock_goes(
    tmp_path: Path, seconds: int, alive: bool
) -> None:
    clock = FakeClock()
    with pair(tmp_path / "journal.db", clock) as (ours, theirs):
        ours.acquire(A, ttl=30)
        clock.set_wall(clock.now_us() + seconds * 1_000_000)
        assert theirs.leases()[A].alive is alive
        assert (theirs.acquire(A, ttl=30) is None) is alive


@on_a_loop
async def test_older_lease_of_the_same_holder_gives_nothing_back(tmp_path: Path) -> None:
    with pair(tmp_path / "journal.db") as (ours, theirs):
        first, second = ours.acquire(A, ttl=30), ours.acquire(A, ttl=30)
        assert first is not None and second is not None
        ours.release(first)
        assert theirs.acquire(A, ttl=30) is None
        assert ours.renew([first, second], ttl=30) == [first]
        ours.release(second)
        assert theirs.acquire(A, ttl=30) is not None


@on_a_loop
async def test_closing_gives_back_what_is_held_and_nothing_of_others(tmp_path: Path) -> None:
    with opened(tmp_path / "journal.db") as stays:
        with opened(tmp_path / "journal.db") as goes:
            goes.acquire(A, ttl=30)
            stays.acquire(B, ttl=30)
        assert set(stays.leases()) == {B}


def locks_open() -> list[str]:
    """Returns the locks that this process holds open."""
    return [
        target
        for fd in os.listdir("/proc/self/fd")
        if (target := _target(fd)).endswith((".lock", ".new"))
    ]


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)")
    except OSError:
        return ""


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="this system does not tell which files are open"
)
@on_a_loop
async def test_locks_are_for_their_user_alone_and_gone_when_the_journal_is_closed(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "home" / "journal.db") as journal:
        assert not (tmp_path / "home" / "locks").exists()
        journal.acquire(A, ttl=30)
        (lock,) = (tmp_path / "home" / "locks").iterdir()
        assert lock.suffix == ".lock"
        assert (lock.stat().st_mode & 0o777, lock.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert locks_open() == [str(lock)]
        for _ in range(3):
            journal.acquire(B, ttl=30)
            journal.leases()
        assert locks_open() == [str(lock)]
    assert list(lock.parent.iterdir()) == []
    assert locks_open() == []


@pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="this system does not tell which files are open"
)
def test_looking_at_locks_of_the_dead_leaves_none_open(tmp_path: Path) -> None:
    dead = f"{machine()}.1.{'0' * 12}"
    for _ in range(3):
        (tmp_path / f"{dead}.lock").write_bytes(b"\n")
        assert not is_alive(dead, tmp_path, fresh=True)
    assert locks_open() == []


@on_a_loop
async def test_first_lease_sweeps_up_the_locks_of_the_dead(tmp_path: Path) -> None:
    locks = tmp_path / "locks"
    locks.mkdir()
    for name in (f"{machine()}.1.{'0' * 12}.lock", f"elsewhere.1.{'0' * 12}.lock"):
        (locks / name).write_bytes(b"\n")
    with opened(tmp_path / "journal.db") as journal:
        journal.acquire(A, ttl=30)
        assert len(list(locks.iterdir())) == 2
    assert [path.name for path in locks.iterdir()] == [f"elsewhere.1.{'0' * 12}.lock"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_sees_when_its_parent_lets_go(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reading, 1)
        os._exit(1 if is_alive(holder.name, tmp_path, fresh=True) else 0)
    holder.close()
    os.write(writing, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    ("host", "name"),
    [("bee", "bee"), ("my_host.example.org", "my-host-example-org"), ("a" * 50, "a" * 40)],
)
def test_name_of_a_machine_is_one_word(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert machine() == name
