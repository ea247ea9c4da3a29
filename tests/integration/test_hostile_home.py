"""A home that somebody made to hurt: names in it that are paths, patterns, escapes or endless reach
nothing outside of it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest
from cli_kit import inside
from workbench_kit import BEES, QUESTION, asking, doubled

import sentient_kernel as sk
from sentient_kernel.errors import JournalUnusable
from sentient_kernel.events import (
    ApprovalRequested,
    ErrorInfo,
    ErrorRecorded,
    MessageSent,
    ProgressUpdated,
    ResearchUpdated,
    RunCompleted,
    RunEndedFailed,
    RunStarted,
    SourceReported,
    StepCompleted,
    StepStarted,
    Writable,
)
from sentient_kernel.ids import ApprovalId, BlobId, RunId, StepKey
from sentient_kernel.journal import SqliteJournal
from sentient_kernel.journal.sqlite.holders import machine

SECONDS = 60.0
"""In which each thing that is done with such a home is done, on a machine that others use too."""
TOUCHES = frozenset(
    "open os.remove os.rename os.mkdir os.rmdir os.listdir os.scandir os.link os.symlink"
    " os.truncate os.chmod os.utime glob.glob shutil.rmtree shutil.move shutil.copyfile"
    " pathlib.Path.glob pathlib.Path.rglob sqlite3.connect subprocess.Popen os.system".split()
)

_watched: list[tuple[Path, list[str]]] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    """Notes what is done with a path below a folder that is watched. It cannot be taken off again,
    so there is one.
    """
    if _watched and event in TOUCHES:
        folder, touched = _watched[-1]
        for arg in args[:2]:
            if isinstance(arg, (str, bytes, os.PathLike)):
                path = os.path.abspath(os.fsdecode(arg).replace("\0", ""))
                if path.startswith(f"{folder}{os.sep}") or path == str(folder):
                    touched.append(f"{event} {path}")


sys.addaudithook(_hook)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A folder that hostile names lead to, and what is done in it."""
    folder = tmp_path / "outside"
    for name in (
        "thesis.txt",
        "thesis.lock",
        "journal.db",
        "ab/cdef",
        "x.lock",
        f"{machine()}.1.0123456789ab.lock",
        "thesis",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")
    touched: list[str] = []
    before = state(folder)
    _watched.append((folder, touched))
    yield folder, touched
    _watched.pop()
    assert touched == []
    assert state(folder) == before


def state(folder: Path) -> dict[str, Any]:
    """Returns what is in a folder, and when it was changed."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


def names(outside: Path) -> dict[str, str]:
    """Returns hostile names."""
    climbing = os.path.relpath(outside, outside.parent / "home" / "locks")
    return {
        "climbing": f"{climbing}/thesis",
        "climbing with a machine before it": f"{machine()}.1./../{climbing}/x",
        "climbing behind a form": f"{machine()}.1.0123456789ab/../{climbing}/thesis",
        "absolute": str(outside / "thesis"),
        "absolute with a machine before it": f"{machine()}.{outside}/x",
        "a pattern": f"{machine()}.*",
        "patterns that climb": f"{climbing}/*[a-z]?/**",
        "NUL": f"{machine()}.1.\0{outside}/x",
        "escapes": "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\n%s%n{0}{self.__class__}",
        "markup": '"><img src=x onerror=alert(1)><script>alert(1)</script>',
        "SQL": "'; DROP TABLE events; --",
        "JSON": '","kind":"run_completed","result":"',
        "a format": "%s %(name)s {} {0.__init__.__globals__} ${HOME} $(touch x) `touch x`",
        "long": f"{machine()}." + "x" * 1_000_000,
        "a long path": f"{climbing}/" * 5_000,
        "a URL": f"file://{outside}/thesis",
        "Windows": f"..\\..\\outside\\thesis C:{outside} \\\\?\\{outside}",
        "halves of characters": "\ud800\udfff thesis",
    }


def events(name: str) -> list[Writable]:
    """Returns events that say a name wherever they can."""
    error = ErrorInfo(
        type=name,
        message=name,
        code=name,
        hint=name,
        fingerprint=name,
        where=name,
        frames=((name, 1, name),),
    )
    citation = {
        "document": name,
        "title": name,
        "uri": name,
        "start": 0,
        "end": 4,
        "quote": name,
        "verified": True,
    }
    report = {
        "question": name,
        "answer": name,
        "claims": [{"text": name, "verdict": "supported", "citations": [citation]}],
    }
    key = StepKey("0" * 16)
    return [
        RunStarted(
            workflow=name,
            code=name,
            name=name,
            session=name,
            user=name,
            parent=RunId(name),
            inputs={"args": [name], "kwargs": {}},
        ),
        StepStarted(key=key, name=name, title=name),
        ProgressUpdated(message=name, data={"document": name, name: name}, inside=StepKey(name)),
        SourceReported(source=name, query=name, reason=name, refused=((name, name),)),
        ResearchUpdated(phase=name, message=name, data=name),
        ApprovalRequested(
            approval=ApprovalId(name),
            key=key,
            question=name,
            payload={name: name},
            digest=name,
            form={"title": name},
        ),
        MessageSent(to=name, message=name, sender=name),
        ErrorRecorded(error=error, origin=name),
        StepCompleted(key=key, blob=BlobId(name), type=name),
        RunEndedFailed(error=error) if len(name) % 2 else RunCompleted(result=report, type=name),
    ]


def hostile(home: Path, name: str) -> list[RunId]:
    """Makes a home that says a name wherever it can; returns its runs."""
    text = name.encode("utf-8", "replace").decode()
    runs = [RunId(f"0190c0de-0000-7000-8000-{n:012x}") for n in range(3)]

    async def main() -> None:
        with SqliteJournal(home / "journal.db") as journal:
            journal.bind(asyncio.get_running_loop(), lambda records: None)
            for run in runs:
                await journal.append(run, events(text), unique=f"{text}{run}")
            blob = journal.blobs.put(b"a value")
            await journal.append(runs[0], [StepCompleted(key=StepKey("1" * 16), blob=blob)])

    asyncio.run(main())
    db = apsw.Connection(str(home / "journal.db"))
    for n, run in enumerate(runs):
        now = time.time_ns() // 1000
        db.execute(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?)",
            (run, text, n + 1, now, 3_000_000_000),
        )
        db.execute(
            "UPDATE runs SET parent = ?, name = ?, session = ? WHERE id = ?",
            (runs[(n + 1) % 3], text, text, run),
        )
    db.execute("INSERT INTO gaps VALUES (900, 901, 0, ?)", (text,))
    db.close()
    return runs


@pytest.mark.parametrize("which", list(names(Path("/x"))))
def test_names_in_a_home_reach_nothing_outside_of_it(
    tmp_path: Path,
    outside: tuple[Path, list[str]],
    which: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = names(outside[0])[which]
    runs = hostile(tmp_path / "home", name)
    cli = inside(tmp_path, capsys, monkeypatch)
    begun = time.monotonic()
    with sk.Workbench(tmp_path / "home") as wb:
        for look in (
            lambda: repr(wb.runs) + wb.runs._repr_html_(),
            lambda: repr(wb.approvals) + wb.approvals._repr_html_(),
            lambda: repr(wb.errors) + wb.errors._repr_html_(),
            wb.verify,
            lambda: wb.document(name),
            lambda: wb.run(name),
            lambda: wb.journal.blobs.get(BlobId(name)),
            lambda: wb.decide(name, "approve"),
            lambda: wb.search(QUESTION, sources=BEES),
            lambda: wb.journal.leases(),
        ):
            told(look)
        for run in map(wb.run, runs):
            for look in (
                lambda run=run: [
                    run.status,
                    run.progress,
                    run.error,
                    repr(run),
                    run.view,
                    run._repr_html_(),
                ],
                lambda run=run: [
                    repr(run.events),
                    repr(run.steps),
                    repr(run.sources),
                    repr(run.approvals),
                    repr(run.cost),
                ],
                run.resume,
                lambda run=run: run.result(timeout=0.2),
                run.cancel,
                lambda run=run: wb.export(run.id, tmp_path / "home" / "out.run"),
                lambda: wb.view_source.answer(
                    {"kind": "do", "what": "decide", "run": name, "approval": name}
                ),
            ):
                told(look)
        mine = wb.start(doubled, 2)
        assert mine.result() == 4
    for words in (
        ["runs"],
        ["runs", "--json"],
        ["show", runs[0]],
        ["resume", runs[1]],
        ["verify"],
        ["approvals"],
        ["export", runs[2], "o.run"],
        ["doctor"],
    ):
        done = cli(*words)
        shown = done.out + done.err
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\0", "\r"} & set(shown)
        assert "Traceback" not in shown
        assert len(shown) < 200_000
    assert time.monotonic() - begun < SECONDS


def told(look: Any) -> None:
    """Looks; what cannot be done is told in a sentence that is not endless."""
    try:
        look()
    except sk.SentientError as error:
        assert len(str(error)) < 4_100
    except TimeoutError:
        pass


# -- links out of a home ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with something in each of its folders."""
    home = tmp_path_factory.mktemp("full") / "home"
    with sk.Workbench(home) as wb:
        wb.start(doubled, 3).result()
        waits = wb.start(asking, 1)
        waits.wait(10)
        wb.journal.blobs.put(b"a value")

        async def big() -> bytes:
            return b"x" * 50_000

        from sentient_kernel.cache import Key

        asyncio.run(wb.library.cache.call(Key("page", "big"), big))
        wb.research(QUESTION, sources=BEES).result()
    return home


@pytest.mark.parametrize(
    "name",
    [
        "locks",
        "blobs",
        "blobs/*",
        "blobs/*/*",
        "journal.head",
    ],
)
def test_links_in_a_home_lead_nowhere(
    tmp_path: Path, full: Path, outside: tuple[Path, list[str]], name: str
) -> None:
    home = Path(shutil.copytree(full, tmp_path / "home"))
    for place in sorted(home.glob(name)) if "*" in name else [home / name]:
        is_file = name == "journal.head" or name.count("/") == 2
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        place.symlink_to(outside[0] / "thesis.txt" if is_file else outside[0])
    outside[1].clear()
    if name == "journal.head":
        with pytest.raises(JournalUnusable, match="not a regular file"):
            sk.Workbench(home)
        return
    with sk.Workbench(home) as wb:
        for look in (
            lambda: wb.runs,
            wb.verify,
            lambda: wb.start(doubled, 4).result(timeout=10),
            lambda: [wb.resume(run.id) for run in wb.runs],
            lambda: wb.journal.blobs.put(b"another value"),
            lambda: wb.journal.blobs.put(b"a value"),
            lambda: [
                wb.document(citation.document)
                for citation in wb.research(QUESTION, sources=BEES).result(timeout=30).citations
            ],
            lambda: asyncio.run(fill(wb)),
        ):
            told(look)


async def fill(wb: sk.Workbench) -> None:
    """Keeps answers, big ones too."""
    from sentient_kernel.cache import Key

    for n in range(5):

        async def answer(n: int = n) -> bytes:
            return b"%d" % n * 40_000

        await wb.library.cache.call(Key("page", n), answer)


@pytest.mark.parametrize("what", ["link", "dangling link", "pipe", "folder", "file"])
def test_what_stands_where_an_older_journal_is_copied_to_is_not_followed(
    tmp_path: Path, full: Path, outside: tuple[Path, list[str]], what: str
) -> None:
    home = Path(shutil.copytree(full, tmp_path / "home"))
    db = apsw.Connection(str(home / "journal.db"))
    db.execute("ALTER TABLE events DROP COLUMN mark; PRAGMA user_version = 1")
    db.close()
    for place in (
        home / "journal.db.v1",
        home / "journal.db.v1-wal",
        home / "journal.db.v1-journal",
    ):
        match what:
            case "link":
                place.symlink_to(outside[0] / "thesis.txt")
            case "dangling link":
                place.symlink_to(outside[0] / "new.txt")
            case "pipe":
                os.mkfifo(place)
            case "folder":
                place.mkdir()
            case _:
                place.write_bytes(b"not a database")
    outside[1].clear()
    if what == "folder":
        with pytest.raises(JournalUnusable):
            sk.Workbench(home)
    else:
        with sk.Workbench(home) as wb:
            assert len(wb.runs) == 3
        db = apsw.Connection(
            f"file:{home / 'journal.db.v1'}?immutable=1",
            flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI,
        )
        assert db.execute("SELECT count(*) FROM runs").get == 3
        db.close()


def test_a_home_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    with sk.Workbench(tmp_path / "home") as wb:
        assert wb.start(doubled, 3).result() == 6
    assert (tmp_path / "disk" / "journal.db").exists()


NAMES = [
    f"{file}.db{end}"
    for file in ("journal", "index", "cache")
    for end in ("", "-wal", "-shm", "-journal")
]


@pytest.mark.parametrize("name", [*NAMES, "journal.head"])
def test_a_file_that_has_another_name_elsewhere_is_not_written(
    tmp_path: Path, full: Path, name: str
) -> None:
    """A hard link: an archive, or another program of the same user, makes one, and no path
    tells.
    """
    home, elsewhere = tmp_path / "copy", tmp_path / "elsewhere"
    shutil.copytree(full, home)
    elsewhere.write_bytes(b"precious" * 300)
    (home / name).unlink(missing_ok=True)
    os.link(elsewhere, home / name)
    with suppress(sk.SentientError), sk.Workbench(home) as wb:
        wb.start(doubled, 4, name="another").result(20)
        wb.research(QUESTION, sources=BEES).result(60)
    assert elsewhere.read_bytes() == b"precious" * 300
