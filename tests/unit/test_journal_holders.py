"""Who is alive: by a lock that the system drops when a process ends, and by a time to live for
those whose locks do not tell.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sentient_kernel
from sentient_kernel.journal.sqlite import leases
from sentient_kernel.journal.sqlite.holders import Holder, is_alive, machine, sweep

HOLD = """
import sys
from pathlib import Path
from sentient_kernel.journal.sqlite.holders import Holder
print(Holder(Path(sys.argv[1])).name, flush=True)
sys.stdin.read()
"""

LOOK = """
import sys
from pathlib import Path
from sentient_kernel.journal.sqlite.holders import is_alive
print(is_alive(sys.argv[1], Path(sys.argv[2]), fresh=True))
"""


@pytest.fixture
def elsewhere(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Another process that holds a lock: the process and its holder's name."""
    environment = {**os.environ, "PYTHONPATH": str(Path(sentient_kernel.__file__).parents[1])}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_own_holder_lives_and_looking_at_it_does_not_drop_its_lock(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    for _ in range(3):
        assert is_alive(holder.name, tmp_path, fresh=True)
        sweep(tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(Path(sentient_kernel.__file__).parents[1])}
    command = [sys.executable, "-c", LOOK, holder.name, str(tmp_path)]
    seen = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=True
    ).stdout
    assert seen == "True\n"
    holder.close()
    assert not is_alive(holder.name, tmp_path, fresh=True)
    assert list(tmp_path.iterdir()) == []


def test_holder_lives_as_long_as_its_process(
    elsewhere: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, name = elsewhere
    assert is_alive(name, tmp_path, fresh=True)
    sweep(tmp_path)
    assert is_alive(name, tmp_path, fresh=True)
    process.kill()
    process.wait()
    assert not is_alive(name, tmp_path, fresh=True)
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.lock"]  # to look removes nothing
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_frozen_holder_is_given_up_when_its_lease_has_run_out(
    elsewhere: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    assert not is_alive(elsewhere[1], tmp_path, fresh=False)


def test_holder_on_another_machine_is_known_by_its_lease_alone(tmp_path: Path) -> None:
    assert is_alive("another-machine.1.0123456789ab", tmp_path, fresh=True)
    assert not is_alive("another-machine.1.0123456789ab", tmp_path, fresh=False)
    assert not is_alive(f"{machine()}.1.0123456789ab", tmp_path, fresh=True)


def test_forked_child_neither_holds_nor_drops_what_its_parent_holds(tmp_path: Path) -> None:
    holder = Holder(tmp_path)
    child = os.fork()
    if child == 0:
        os._exit(0 if is_alive(holder.name, tmp_path, fresh=True) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    child = os.fork()
    if child == 0:
        sweep(tmp_path)
        os._exit(0 if (tmp_path / f"{holder.name}.lock").exists() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    holder.close()


def test_sweep_removes_what_crashed_processes_left(
    elsewhere: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, _ = elsewhere
    (tmp_path / "another-machine.1.0123456789ab.lock").write_bytes(b"")
    process.kill()
    process.wait()
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["another-machine.1.0123456789ab.lock"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [(100, True), (129, True), (130, False), (71, True), (70, False), (-10_000, False)],
)
def test_lease_is_fresh_within_its_time_to_live_whichever_way_the_clock_went(
    now: int, expected: bool
) -> None:
    assert leases.fresh(100, 30, now) is expected
