"""A home may come from somebody else: a database with anything in it that is not ours is refused,
or set aside, before it is read.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest
from cli_kit import inside
from crafted_kit import SHOWN, Craft, craft, crafted, sql
from workbench_kit import BEES, QUESTION, doubled

import sentient_kernel as sk
from sentient_kernel.cache import Cache, Key
from sentient_kernel.index.store import Index
from sentient_kernel.journal import SqliteJournal, repair
from sentient_kernel.journal.sqlite.schema import CREATE, MIGRATIONS, VERSION
from sentient_kernel.journal.sqlite.tables import known_tables

JOURNALS: dict[str, Craft] = {
    **crafted("events", "body", "seq"),
    "names that move the cursor": sql(
        f"UPDATE runs SET id = 'x' || char(27) || '[2J{SHOWN}' WHERE no = 1"
    ),
    "a name with a NUL": sql(f"UPDATE runs SET id = 'x' || char(0) || '{SHOWN}' WHERE no = 1"),
    "a name that breaks JSON": sql(f"""UPDATE runs SET id = 'x","kind":"{SHOWN}' WHERE no = 1"""),
    "a name that is a path": sql(f"UPDATE runs SET id = '../../{SHOWN}' WHERE no = 1"),
    "a name of a megabyte": sql(
        f"UPDATE runs SET id = '{SHOWN}' || hex(zeroblob(500000)) WHERE no = 1"
    ),
    "a name that is bytes": sql(f"UPDATE runs SET id = CAST('{SHOWN}' AS BLOB) WHERE no = 1"),
    "a kind that breaks JSON": sql(f"""INSERT INTO kinds(name) VALUES ('x","run":"{SHOWN}')"""),
    "a kind of a megabyte": sql(
        f"INSERT INTO kinds(name) VALUES ('{SHOWN.lower()}' || hex(zeroblob(500000)))"
    ),
    "a birth that is a text": sql(f"UPDATE meta SET value = '{SHOWN}' WHERE name = 'born'"),
    "an id that is a text": sql(f"UPDATE meta SET value = '{SHOWN}' WHERE name = 'id'"),
    "no birth": sql("DELETE FROM meta WHERE name = 'born'"),
    "a loss of all numbers": sql(f"INSERT INTO gaps VALUES (1, 9223372036854775807, 0, '{SHOWN}')"),
    "a loss that is a text": sql(f"INSERT INTO gaps VALUES (1, '{SHOWN}', 0, 'x')"),
    "a row at the end of all numbers": sql(
        "INSERT INTO events SELECT 9223372036854775807, run, kind, at, chain, body, mark FROM"
        " events LIMIT 1"
    ),
    "another program": sql("PRAGMA application_id=1"),
    "a later version with a trigger": sql(
        "PRAGMA user_version=999",
        f"CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT '{SHOWN}'; END",
    ),
    "a later version with a computed column": sql(
        "PRAGMA user_version=999", f"ALTER TABLE runs ADD COLUMN more AS ('{SHOWN}')"
    ),
    "a later version with a virtual table": sql(
        "PRAGMA user_version=999", "CREATE VIRTUAL TABLE f USING fts5 (x)"
    ),
    "a version below all": sql("PRAGMA user_version=-1"),
    "no version": sql("PRAGMA user_version=0"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a run, an index and a cache."""
    made = tmp_path_factory.mktemp("crafted") / "home"
    with sk.Workbench(made) as wb:
        wb.start(doubled, 3).result()
        wb.research(QUESTION, sources=BEES).result()
        asyncio.run(wb.library.cache.call(Key("page", "x"), answer))
    return made


async def answer() -> bytes:
    return b"the owner's"


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(home, tmp_path / "home"))


def refused(open_: Callable[[], Any]) -> str:
    """Returns the sentence that a journal is refused with."""
    with pytest.raises(sk.JournalError) as caught:
        open_()
    said = str(caught.value)
    assert SHOWN.lower() not in said.lower()
    assert said.isprintable()
    assert len(said) < 600
    return said


@pytest.mark.parametrize("name", JOURNALS)
def test_a_crafted_journal_is_refused_before_anything_of_it_is_shown(
    copy: Path, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, path = inside(copy.parent, capsys, monkeypatch), copy / "journal.db"
    craft(path, JOURNALS[name])
    before = path.read_bytes()
    refused(lambda: SqliteJournal(path))
    refused(lambda: SqliteJournal(path, readonly=True))
    refused(lambda: sk.Workbench(copy))
    for command in ("runs", "show 0", "verify", "doctor"):
        done = run(*command.split())
        assert done.code == 1
        assert SHOWN.lower() not in (done.out + done.err).lower()
        assert "Traceback" not in done.err
    assert path.read_bytes() == before


def test_events_of_a_crafted_journal_can_be_saved(copy: Path, tmp_path: Path) -> None:
    with sk.Workbench(copy) as wb:
        runs = [run.id for run in wb.runs]
    craft(copy / "journal.db", JOURNALS["a trigger on insert"])
    repair(copy / "journal.db", tmp_path / "saved" / "journal.db")
    shutil.copytree(copy / "blobs", tmp_path / "saved" / "blobs")
    with SqliteJournal(tmp_path / "saved" / "journal.db") as journal:
        assert [row.run for row in journal.runs()] == runs
        assert journal.verify().ok


def test_a_journal_is_known_by_the_schema_of_each_version_there_was(tmp_path: Path) -> None:
    for version in range(1, VERSION + 1):
        assert known_tables(version, CREATE, MIGRATIONS)
    with SqliteJournal(tmp_path / "journal.db") as journal:
        assert journal.verify().ok


CACHES = {**crafted("entry", "kind", "id"), "another version": sql("PRAGMA user_version=1")}
INDEXES = {
    **crafted("document", "title", "id"),
    "another version": sql("PRAGMA user_version=1"),
    "another ranking": sql("INSERT INTO words (words, rank) VALUES ('rank', 'bm25(10.0)')"),
    "settings of the full-text table": sql(
        "INSERT INTO words (words, rank) VALUES ('automerge', 2)"
    ),
}


@pytest.mark.parametrize("name", CACHES)
def test_a_crafted_cache_is_set_aside_with_a_sentence(
    copy: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy / "cache.db"
    craft(path, CACHES[name])
    crafted_bytes = path.read_bytes()
    with Cache(path) as cache:
        assert asyncio.run(cache.call(Key("page", "x"), answer)).fresh
        assert not asyncio.run(cache.call(Key("page", "x"), answer)).fresh
    set_aside(path, crafted_bytes, caplog)


@pytest.mark.parametrize("name", INDEXES)
def test_a_crafted_index_is_set_aside_with_a_sentence(
    copy: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy / "index.db"
    craft(path, INDEXES[name])
    crafted_bytes = path.read_bytes()
    with sk.Workbench(copy) as wb:
        assert wb.search(QUESTION, sources=BEES)[0].title
    set_aside(path, crafted_bytes, caplog)


def set_aside(path: Path, crafted_bytes: bytes, caplog: pytest.LogCaptureFixture) -> None:
    # nothing of theirs ran
    assert path.with_name(path.name + ".broken").read_bytes() == crafted_bytes
    said = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("sentient_kernel.")
    ]
    assert len(said) == 1
    assert "a new one was begun" in said[0]
    assert SHOWN.lower() not in said[0].lower()
    assert said[0].isprintable()


# -- what a home that somebody else filled makes us believe ----------------------------------------


def elsewhere(copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lets this be the installation of somebody else."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_answers_of_a_copied_home_are_served_in_a_replay_only_and_do_not_go(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(copy, monkeypatch, tmp_path)
    key = Key("page", "x")

    async def ours() -> bytes:
        return b"asked here"

    with Cache(copy / "cache.db", mode="replay") as cache:
        assert asyncio.run(cache.call(key, ours)).data == b"the owner's"
    with Cache(copy / "cache.db") as cache:
        assert asyncio.run(cache.call(key, ours)).data == b"asked here"
    with Cache(copy / "cache.db") as cache:
        assert not asyncio.run(cache.call(key, ours)).fresh


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entry SET data = CAST('forged here' AS BLOB), size = 11",
        "UPDATE entry SET at = at + 1000000",
        "UPDATE entry SET digest = randomblob(32)",
        "UPDATE entry SET kind = 'model'",
        "UPDATE entry SET sign = zeroblob(16)",
        "UPDATE entry SET size = 'many'",
        "UPDATE entry SET at = 'soon'",
        "UPDATE entry SET kind = 7",
        "UPDATE entry SET hash = 'x', sign = 'y'",
    ],
)
def test_an_answer_that_was_altered_is_asked_for_again(copy: Path, change: str) -> None:
    db = apsw.Connection(str(copy / "cache.db"))
    db.execute(change)
    db.close()
    with Cache(copy / "cache.db") as cache:
        assert asyncio.run(cache.call(Key("page", "x"), answer))[2]
        assert asyncio.run(cache.call(Key("page", "x"), answer)).data == b"the owner's"


@pytest.mark.parametrize("size", ["1000000000000000", "-1000000000000", "'many'", "x'00'", "1e300"])
def test_a_forged_size_makes_no_answer_go_and_lifts_no_bound(copy: Path, size: str) -> None:
    db = apsw.Connection(str(copy / "cache.db"))
    db.execute(f"UPDATE entry SET size = {size}")
    db.close()

    async def big() -> bytes:
        return b"x" * 20_000

    with Cache(copy / "cache.db", most_bytes=1_000_000) as cache:
        for n in range(40):
            asyncio.run(cache.call(Key("page", n), big))
        assert cache.stats.evicted == 0
        for n in range(40, 100):
            asyncio.run(cache.call(Key("page", n), big))
        assert cache.stats.bytes <= 1_000_000


def test_an_index_of_a_copied_home_is_not_believed(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = "Honey bees fly ninety kilometres, says the forger of this index."
    with Index(copy / "index.db") as index:
        uris = [row for row in index.stamps(str(BEES))]
    db = apsw.Connection(str(copy / "index.db"))
    db.execute("UPDATE passage SET text = CAST(? AS BLOB)", (forged,))
    db.close()
    assert uris
    elsewhere(copy, monkeypatch, tmp_path)
    with sk.Workbench(copy) as wb:
        assert "ninety" not in str([passage.text for passage in wb.search(QUESTION, sources=BEES)])
        assert "ninety" not in str(wb.research(QUESTION, sources=BEES).result().to_dict())


def test_a_document_of_the_index_is_the_one_that_its_id_says(copy: Path) -> None:
    with Index(copy / "index.db") as index:
        document = index.search(QUESTION)[0].document
        assert index.document(document) is not None
    db = apsw.Connection(str(copy / "index.db"))
    db.execute(
        "UPDATE body SET snapshot = (SELECT snapshot FROM body WHERE document = (SELECT"
        " max(document) FROM body))"
    )
    db.close()
    with Index(copy / "index.db") as index:
        found = index.document(document)
        assert found is None or found.id == document


# -- places ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe"])
@pytest.mark.parametrize(
    "name",
    [
        f"{base}{ending}"
        for base in ("journal.db", "index.db", "cache.db")
        for ending in ("", "-wal", "-shm", "-journal")
    ],
)
def test_what_stands_in_the_place_of_a_file_and_is_none_is_not_followed(
    copy: Path, tmp_path: Path, name: str, kind: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    place = copy / name
    place.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(victim if kind == "link" else tmp_path / "new")
    if name.startswith("journal.db"):
        said = refused(lambda: sk.Workbench(copy))
        assert "not a regular file" in said or (kind == "dangling" and "is missing" in said)
    else:
        with sk.Workbench(copy) as wb:
            assert wb.search(QUESTION, sources=BEES)
            assert (
                asyncio.run(wb.library.cache.call(Key("page", "y"), answer)).data == b"the owner's"
            )
    assert victim.read_text() == "precious"
    assert not (tmp_path / "new").exists()


NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")


@pytest.mark.parametrize("name", ["journal.db", "index.db", "cache.db"])
def test_a_rollback_journal_that_names_another_file_is_never_played_back(
    copy: Path, tmp_path: Path, name: str
) -> None:
    """SQLite would read that file, and remove it, as older versions do for any name."""
    victim = tmp_path / "thesis.txt"
    victim.write_text("precious")
    named = str(victim).encode()
    size = (copy / name).stat().st_size // 4096
    head = NAMES_ANOTHER + b"".join(n.to_bytes(4, "big") for n in (0, 0, size, 512, 4096))
    tail = (
        (0x40000000 // 4096 + 1).to_bytes(4, "big")
        + named
        + len(named).to_bytes(4, "big")
        + sum(named).to_bytes(4, "big")
    )
    (copy / f"{name}-journal").write_bytes(head.ljust(512, b"\0") + tail + NAMES_ANOTHER)
    if name == "journal.db":
        assert "names another file" in refused(lambda: sk.Workbench(copy))
    else:
        with sk.Workbench(copy) as wb:
            assert wb.search(QUESTION, sources=BEES)
            wb.library.cache.stats  # noqa: B018 - opens it
    assert victim.read_text() == "precious"
