"""What is particular to the SQLite journal: when it commits, what it costs, how it opens, who may
use it.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import apsw
import pytest
from journal_kit import RUN, bound, fill, note, tamper, with_journal

from sentient_kernel.errors import DuplicateKey, JournalUnusable
from sentient_kernel.events import (
    ApprovalDecided,
    EffectIntended,
    RunStarted,
    StepCompleted,
    StepStarted,
    Written,
)
from sentient_kernel.ids import ApprovalId, RunId, StepKey
from sentient_kernel.journal import SqliteJournal
from sentient_kernel.journal.sqlite import schema
from sentient_kernel.testing import FakeClock


class Commits:
    """A VFS that counts commits: each one writes one header-sized piece to the log, and is
    confirmed by a sync or not.
    """

    def __init__(self, name: str) -> None:
        counts = self

        class File(apsw.VFSFile):
            def __init__(self, name: str | apsw.URIFilename, flags: list[int]) -> None:
                self.is_log = str(
                    name.filename() if isinstance(name, apsw.URIFilename) else name
                ).endswith("-wal")
                super().__init__("", name, flags)

            def xWrite(self, data: bytes, offset: int) -> None:
                # the last frame of a transaction holds the file's size
                if self.is_log and len(data) == 24 and data[4:8] != bytes(4):
                    counts.threads.append(threading.current_thread().name)
                super().xWrite(data, offset)

            def xSync(self, flags: int) -> None:
                counts.syncs += self.is_log
                super().xSync(flags)

        class Vfs(apsw.VFS):
            def __init__(self) -> None:
                super().__init__(name, "")

            def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
                assert name is not None
                return File(name, flags)

        self.name = name
        self.threads: list[str] = []
        self.syncs = 0
        self._vfs = Vfs()

    def clear(self) -> None:
        self.threads.clear()
        self.syncs = 0

    def close(self) -> None:
        self._vfs.unregister()


@pytest.fixture
def commits(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    counts = Commits(f"counting-{request.node.name}")
    yield counts
    counts.close()


def test_thousand_steps_that_end_within_20_ms_take_few_commits(
    tmp_path: Path, commits: Commits
) -> None:
    async def main(journal: SqliteJournal) -> None:
        async def step(n: int) -> None:
            key = StepKey(f"{n}")
            journal.post(RUN, StepStarted(key=key, name="work"))
            await asyncio.sleep(0.02)
            await journal.append(RUN, [StepCompleted(key=key)])

        commits.clear()
        await asyncio.gather(*(step(n) for n in range(1_000)))
        assert len(journal.read()) == 2_000
        # 15 on a quiet machine; the loop's timers spread when it is busy
        assert len(commits.threads) <= 40

    with_journal(tmp_path / "journal.db", main, vfs=commits.name)


def test_one_who_writes_alone_is_never_made_to_wait_for_company(
    tmp_path: Path, commits: Commits
) -> None:
    async def main(journal: SqliteJournal) -> None:
        later: list[float] = []
        loop = asyncio.get_running_loop()
        call_later = loop.call_later
        loop.call_later = lambda delay, *args, **kwargs: (
            later.append(delay),
            call_later(delay, *args, **kwargs),
        )[1]  # type: ignore[method-assign,assignment]
        commits.clear()
        for n in range(100):
            journal.post(RUN, StepStarted(key=StepKey(f"{n}"), name="work"))
            await journal.append(RUN, [StepCompleted(key=StepKey(f"{n}"))])
        assert not later
        assert 100 <= len(commits.threads) <= 110

    with_journal(tmp_path / "journal.db", main, vfs=commits.name)


def test_one_who_writes_alone_lets_others_have_their_turn(tmp_path: Path) -> None:
    async def main(journal: SqliteJournal) -> None:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        for _ in range(400):
            await journal.append(RUN, [note()])
        task.cancel()
        assert turns >= 10

    with_journal(tmp_path / "journal.db", main)


def test_what_gathers_in_a_turn_of_the_loop_is_one_commit(tmp_path: Path, commits: Commits) -> None:
    async def main(journal: SqliteJournal) -> None:
        commits.clear()
        await asyncio.gather(*(journal.append(RunId(f"{n}"), [note(), note()]) for n in range(50)))
        assert len(commits.threads) == 1

    with_journal(tmp_path / "journal.db", main, vfs=commits.name)


@pytest.mark.parametrize(
    ("event", "full"),
    [
        (ApprovalDecided(approval=ApprovalId("a"), decision="approve"), False),
        (EffectIntended(key=StepKey("k")), False),
        (note(), True),
    ],
)
def test_what_must_survive_the_power_is_confirmed_by_the_disk_on_another_thread(
    tmp_path: Path, commits: Commits, event: Written, full: bool
) -> None:
    async def main(journal: SqliteJournal) -> None:
        await journal.append(RUN, [note()])
        commits.clear()
        journal.post(RUN, note("before"))
        await journal.append(RUN, [event], full=full)
        assert commits.threads == ["sentient-journal"]
        assert commits.syncs == 1

    with_journal(tmp_path / "journal.db", main, vfs=commits.name)


def test_what_must_survive_the_process_only_is_not_confirmed_by_the_disk(
    tmp_path: Path, commits: Commits
) -> None:
    async def main(journal: SqliteJournal) -> None:
        commits.clear()
        for _ in range(50):
            await journal.append(RUN, [note()])
        assert commits.syncs == 0
        assert "sentient-journal" not in commits.threads

    with_journal(tmp_path / "journal.db", main, vfs=commits.name)


def test_power_durability_confirms_every_commit(tmp_path: Path, commits: Commits) -> None:
    async def main(journal: SqliteJournal) -> None:
        commits.clear()
        for _ in range(5):
            await journal.append(RUN, [note()])
        assert commits.syncs == len(commits.threads) == 5

    with_journal(tmp_path / "journal.db", main, vfs=commits.name, durability="power")


def test_log_is_moved_into_the_file_while_the_journal_is_open(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    async def main(journal: SqliteJournal) -> None:
        for _ in range(60):
            await journal.append(RUN, [note("x" * 200_000)])
            await asyncio.sleep(0)
        async with asyncio.timeout(30):
            while path.stat().st_size < 4_000_000:  # the thread is at it
                await asyncio.sleep(0.01)
        assert journal.verify().ok

    with_journal(path, main)


def test_step_that_does_nothing_takes_at_most_150_bytes(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    SqliteJournal(path).close()
    empty = path.stat().st_size

    async def main(journal: SqliteJournal) -> None:
        await journal.append(RUN, [RunStarted(workflow="bench")])
        for n in range(2_000):
            key = f"{n:016x}"
            journal.post(RUN, Written("step_started", f'{{"key":"{key}","name":"noop"}}'.encode()))
            await journal.append(RUN, [Written("step_completed", f'{{"key":"{key}"}}'.encode())])

    with_journal(path, main)
    assert (path.stat().st_size - empty) / 2_000 <= 150


def test_order_and_places_do_not_depend_on_the_wall_clock(tmp_path: Path) -> None:
    clock = FakeClock(now_us=1_700_000_000_000_000)

    async def main(journal: SqliteJournal) -> None:
        for change in (0, -3_600, 86_400, -1_700_000_000, 3_000_000_000):
            clock.set_wall(1_700_000_000_000_000 + change * 1_000_000)
            await journal.append(RUN, [note()])
        assert [record.seq for record in journal.read()] == [1, 2, 3, 4, 5]
        assert [record.at for record in journal.read()][3] == 0
        assert journal.verify().ok

    with_journal(tmp_path / "journal.db", main, clock=clock)


def test_journal_can_be_bound_to_another_loop_when_the_first_has_ended(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "journal.db") as journal:

        async def main(first: int) -> None:
            told = bound(journal)
            assert await journal.append(RUN, [note()], full=True) == first
            assert await journal.append(RUN, [note()]) == first + 1
            assert [record.seq for record in told] == [first, first + 1]

        asyncio.run(main(1))
        asyncio.run(main(3))


def test_what_waits_when_the_loop_has_ended_is_written_at_the_close(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)

    async def main() -> None:
        bound(journal)
        await journal.append(RUN, [note("one")])
        journal.post(RUN, note("two"))

    asyncio.run(main())
    journal.close()
    with SqliteJournal(path) as again:
        assert [record.event.message for record in again.read()] == ["one", "two"]


def test_failed_write_leaves_no_trace_in_what_is_remembered(tmp_path: Path) -> None:
    """A run, a key and a block that were new in a transaction that failed are written again by the
    next one.
    """
    path = tmp_path / "journal.db"

    async def main(journal: SqliteJournal) -> None:
        tamper(path, "ALTER TABLE events RENAME COLUMN body TO gone")
        with pytest.raises(Exception, match="body"):
            await journal.append(RUN, [note("lost")], unique="k")
        tamper(path, "ALTER TABLE events RENAME COLUMN gone TO body")
        assert await journal.append(RUN, [note("kept")], unique="k") == 1
        with pytest.raises(DuplicateKey):
            await journal.append(RUN, [note("again")], unique="k")
        assert [
            record.event.message for record in journal.read(run=RUN, kinds=["progress_updated"])
        ] == ["kept"]
        assert journal.verify().ok

    with_journal(path, main)


def test_reading_only_changes_no_row(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 20)
    before = {name: (tmp_path / name).read_bytes() for name in ("journal.db", "journal.head")}
    with SqliteJournal(path, readonly=True) as journal:
        assert len(journal.read()) == 20
        assert journal.verify().ok
        with pytest.raises(JournalUnusable, match="reading only"):
            # refused before it is looked at
            journal.bind(None, lambda records: None)  # type: ignore[arg-type]
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    wal = tmp_path / "journal.db-wal"
    assert not wal.exists() or not wal.stat().st_size


def test_older_journal_is_brought_up_to_date_after_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    fill(path, 50)

    def add_column(connection: apsw.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN colour TEXT")

    def fail(connection: apsw.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN shape TEXT")
        raise RuntimeError("power cut")

    known = schema.MIGRATIONS
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 2)
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, add_column, fail))
    with pytest.raises(RuntimeError):
        SqliteJournal(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*known, add_column, lambda connection: None))
    fill(path, 1, first=51)
    with SqliteJournal(path) as journal:
        assert journal.verify().ok
        assert journal.head() == 51
    copy = apsw.Connection(str(tmp_path / "journal.db.v2"))
    assert copy.execute("SELECT count(*) FROM events").get == 50
    assert copy.pragma("user_version") == 2
    copy.close()
    now = apsw.Connection(str(path))
    assert now.pragma("user_version") == 4
    assert [row[1] for row in now.execute("PRAGMA table_info(runs)")][-1] == "colour"
    now.close()


def test_kinds_that_a_later_program_added_are_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 3)
    later = apsw.Connection(str(path))
    later.execute("INSERT INTO kinds(name) VALUES ('run_forked')")
    later.close()
    with SqliteJournal(path) as journal:
        assert len(journal.read()) == 3
        assert journal.read(kinds=["run_forked"]) == []


def test_file_explains_itself(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    fill(path, 2)
    connection = apsw.Connection(str(path))
    row = connection.execute("SELECT seq, run, kind, body FROM readable WHERE seq = 2").fetchone()
    connection.close()
    assert row == (2, RUN, "progress_updated", '{"message":"2"}')


def test_repr_is_stable(tmp_path: Path) -> None:
    with SqliteJournal(tmp_path / "journal.db") as journal:
        assert repr(journal) == f"SqliteJournal({str(tmp_path / 'journal.db')!r})"
