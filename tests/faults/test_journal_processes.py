"""Several processes on one journal (F15), and processes that were forked from one that has it open
(F33).
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

import sentient_kernel
from sentient_kernel.errors import JournalUnusable
from sentient_kernel.events import ProgressUpdated
from sentient_kernel.ids import RunId, Seq
from sentient_kernel.journal import SqliteJournal

CONTEXT = multiprocessing.get_context("fork")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(sentient_kernel.__file__).parents[1])}

WRITE = """
import asyncio, sys
from sentient_kernel.events import ProgressUpdated
from sentient_kernel.ids import RunId
from sentient_kernel.journal import SqliteJournal

async def main(path, name, count):
    with SqliteJournal(path) as journal:
        told = []
        journal.bind(asyncio.get_running_loop(), told.extend)
        print("ready", flush=True)
        sys.stdin.readline()
        for n in range(count):
            await journal.append(RunId(name), [ProgressUpdated(message=f"{n}")], full=n % 100 == 0)
            if n % 10 == 0:
                journal.poll()
        journal.poll()
        seqs = [record.seq for record in told]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "a record came twice, late or not at all"
        print(len([record for record in told if record.run == name]), flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@contextmanager
def child(code: str, *args: object) -> Iterator[subprocess.Popen[str]]:
    """Runs code in a process of its own that ends with the block."""
    command = [sys.executable, "-c", code, *map(str, args)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_four_processes_writing_at_once_meet_no_lock_and_lose_nothing(tmp_path: Path) -> None:
    path, count = tmp_path / "journal.db", 500
    with ExitStack() as running:
        writers = [running.enter_context(child(WRITE, path, f"run-{n}", count)) for n in range(4)]
        assert [says(writer) for writer in writers] == [
            "ready\n"
        ] * 4  # all of them made or opened the same new file
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert [says(writer) for writer in writers] == [f"{count}\n"] * 4
        assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    with SqliteJournal(path) as journal:
        assert journal.verify().ok
        assert journal.head() == 4 * count
        for n in range(4):
            assert [record.event.message for record in journal.read(run=RunId(f"run-{n}"))] == [
                f"{i}" for i in range(count)
            ]


def test_four_processes_opening_a_new_journal_at_once_make_one(tmp_path: Path) -> None:
    make = (
        "import sys; from sentient_kernel.journal import SqliteJournal as J; sys.stdin.readline();"
        " J(sys.argv[1]).close(); print('made')"
    )
    with ExitStack() as running:
        makers = [running.enter_context(child(make, tmp_path / "journal.db")) for _ in range(4)]
        for maker in makers:
            assert maker.stdin is not None
            maker.stdin.close()
        assert [says(maker) for maker in makers] == ["made\n"] * 4
    with SqliteJournal(tmp_path / "journal.db") as journal:
        assert journal.opened.ok


HOLD = """
import asyncio, sys
from sentient_kernel.ids import RunId
from sentient_kernel.journal import SqliteJournal

async def main():
    journal = SqliteJournal(sys.argv[1])
    journal.bind(asyncio.get_running_loop(), lambda records: None)
    print(journal.acquire(RunId("run"), ttl=3600).token, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


def test_lease_of_a_process_that_died_is_free_at_once_and_that_of_one_that_lives_is_not(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        with SqliteJournal(tmp_path / "journal.db") as journal:
            journal.bind(asyncio.get_running_loop(), lambda records: None)
            with child(HOLD, journal.path) as holder:
                assert says(holder) == "1\n"
                assert journal.acquire(RunId("run"), ttl=30) is None
                assert journal.leases()[RunId("run")].alive
                holder.kill()
                holder.wait()
            assert not journal.leases()[RunId("run")].alive
            lease = journal.acquire(RunId("run"), ttl=30)
            assert lease is not None
            assert lease.token == 2

    asyncio.run(main())


def uses(journal: SqliteJournal) -> list[str]:
    """Tries everything that a child could do with its parent's journal; returns what it was
    told.
    """
    said = []
    for call in (
        lambda: journal.read(),
        lambda: journal.head(),
        lambda: journal.runs(),
        lambda: journal.leases(),
        lambda: journal.verify(),
        lambda: journal.append(RunId("r"), [ProgressUpdated()]),
        lambda: journal.post(RunId("r"), ProgressUpdated()),
        lambda: journal.poll(),
        lambda: journal.acquire(RunId("r"), ttl=1),
        lambda: journal.acknowledge(),
    ):
        try:
            call()
            said.append("it worked")
        except JournalUnusable as error:
            said.append(str(error))
    journal.close()
    return said


open_journal: list[SqliteJournal] = []


def in_child(_: int = 0) -> list[str]:
    return uses(open_journal[0])


def send(pipe: Connection) -> None:
    pipe.send(in_child())


def in_pool() -> list[str]:
    with ProcessPoolExecutor(2, mp_context=CONTEXT) as pool:
        return [text for texts in pool.map(in_child, range(4)) for text in texts]


def in_process() -> list[str]:
    receiver, sender = CONTEXT.Pipe()
    process = CONTEXT.Process(target=send, args=(sender,))
    process.start()
    said: list[str] = receiver.recv()
    process.join()
    assert process.exitcode == 0
    return said


def in_fork() -> list[str]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with open(write, "w") as pipe:
            pipe.write("\n".join(in_child()))
        os._exit(0)
    os.close(write)
    with open(read) as pipe:
        said = pipe.read().split("\n")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return said


@pytest.mark.parametrize("children", [in_fork, in_process, in_pool])
def test_forked_child_is_told_and_does_its_parent_no_harm(
    tmp_path: Path, children: Callable[[], list[str]]
) -> None:
    async def main() -> None:
        with SqliteJournal(tmp_path / "journal.db") as journal:
            open_journal[:] = [journal]
            journal.bind(asyncio.get_running_loop(), lambda records: None)
            await journal.append(RunId("r"), [ProgressUpdated(message="before")], full=True)
            journal.acquire(RunId("held"), ttl=30)
            for _ in range(3):
                said = children()
                assert said
                assert all("forked" in text for text in said), said
                for n in range(100):
                    await journal.append(
                        RunId("r"), [ProgressUpdated(message=f"{n}")], full=n % 20 == 0
                    )
            assert journal.verify().ok
            assert len(journal.read(after=Seq(1))) == 300

    asyncio.run(main())
    open_journal.clear()
    with SqliteJournal(tmp_path / "journal.db") as journal:
        assert journal.opened.ok
        assert journal.head() == 301


SCRIPT = """
import asyncio, os, sys
from sentient_kernel.events import ProgressUpdated
from sentient_kernel.ids import RunId
from sentient_kernel.journal import SqliteJournal

async def main():
    journal = SqliteJournal(sys.argv[1])
    journal.bind(asyncio.get_running_loop(), lambda records: None)
    await journal.append(RunId("r"), [ProgressUpdated()], full=True)
    if os.fork() == 0:
        sys.exit(0)  # clears away everything, as the end of a script does
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    for n in range(200):
        await journal.append(RunId("r"), [ProgressUpdated()])
    assert journal.verify().ok
    journal.close()

asyncio.run(main())
"""


def test_forked_child_that_ends_orderly_takes_nothing_along(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "journal.db")]
    done = subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    with SqliteJournal(tmp_path / "journal.db") as journal:
        assert journal.opened.ok
        assert journal.head() == 201
