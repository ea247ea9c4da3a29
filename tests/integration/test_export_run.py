"""A run travels as one file: whole, with its evidence; and a stranger's file takes no liberties."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pickle
import struct
import threading
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cli_kit import as_somebody, inside, one_sentence
from foreign_kit import open_question
from workbench_kit import BEES, QUESTION, asking, calls, doubled, tell, waiting

import sentient_kernel as sk
from sentient_kernel.cache import Cache, Key
from sentient_kernel.commands import DecideApproval
from sentient_kernel.documents import Document
from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalRequested,
    Fact,
    MessageReceived,
    ProgressUpdated,
    Record,
    RunCompleted,
    RunStarted,
    StepCompleted,
    StepStarted,
)
from sentient_kernel.ids import RunId, Seq, new_run_id
from sentient_kernel.research.workflow import RESEARCH
from sentient_kernel.workbench import run_file, run_reading
from sentient_kernel.workbench.run_file import EVENTS, MANIFEST

RUN = new_run_id(1_700_000_000_000)
AT = 1_700_000_000_000_000


@pytest.fixture
def here(tmp_path: Path) -> Iterator[sk.Workbench]:
    calls.clear()
    with sk.Workbench(tmp_path / "here") as wb:
        yield wb


@pytest.fixture
def there(tmp_path: Path) -> Iterator[sk.Workbench]:
    with sk.Workbench(tmp_path / "there") as wb:
        yield wb


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run.zip"


@sk.workflow
async def family(ctx: sk.Context, x: int) -> Any:
    """Two generations, and a result that is too big for its row."""
    one = await ctx.run(doubled, x)
    return {"one": one, "text": await ctx.step(long_text, x)}


def long_text(x: int) -> str:
    calls.append(x)
    return f"{x} " * 30_000


@sk.workflow
async def twice(ctx: sk.Context) -> list[Any]:
    """Asks two questions."""
    return [
        await ctx.approve("One?", {"usd": 1}),
        await ctx.approve("Two?", {"usd": 2}, ask="spend"),
    ]


def done(run: sk.Run, steps: int) -> None:
    """Waits until so many steps have come to their end."""
    until = time.monotonic() + 30
    while sum(step.status == "completed" for step in run.steps) < steps:
        assert time.monotonic() < until
        run.wait(0.05)


def kinds(run: sk.Run) -> list[str]:
    return [event.kind for event in run.events]


# -- there and back --------------------------------------------------------------------------------


def test_a_finished_research_gives_the_same_report_with_every_quote_at_its_place(
    here: sk.Workbench, there: sk.Workbench, file: Path
) -> None:
    run = here.research(QUESTION, sources=BEES)
    report = run.result()
    assert here.export(run.id, file) == file
    opened = there.open_export(file)
    assert (opened.id, opened.status, kinds(opened)) == (run.id, "completed", kinds(run))
    assert [event.at for event in opened.events] == [event.at for event in run.events]
    again = opened.result()
    assert again == report
    assert again.citations
    for c in again.citations:
        assert there.document(c.document).text[c.start : c.end] == c.quote
    assert there.verify().ok
    assert again.to_markdown() == report.to_markdown()


def test_children_and_big_results_come_along(
    here: sk.Workbench, there: sk.Workbench, file: Path
) -> None:
    run = here.start(family, 3)
    value = run.result()
    child = next(row for row in here.runs if row.id != run.id)
    here.export(child.id, file)
    opened = there.open_export(file)
    assert opened.id == run.id
    assert opened.result() == value
    assert there.run(child.id).result() == 6
    assert there.verify().ok


@pytest.mark.parametrize(
    "name", ["far and where", "Bienen: wie weit? \U0001f41d", "a" * 200, 'x"\n/../y']
)
def test_a_run_with_a_name_comes_with_it(
    here: sk.Workbench, there: sk.Workbench, file: Path, name: str
) -> None:
    run = here.start(family, 3, name=name)
    run.result(20)
    here.export(run.id, file)
    opened = there.open_export(file)
    row = next(row for row in there.runs if row.id == run.id)
    assert (row.name, opened.result(20)) == (name, run.result(20))


def test_the_same_run_makes_the_same_file(here: sk.Workbench, file: Path) -> None:
    run = here.start(doubled, 3)
    run.result()
    first = here.export(run.id, file).read_bytes()
    assert here.export(str(run.id)[:20], file).read_bytes() == first
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.glob("*.part")] == []


def test_opening_a_file_twice_or_where_it_comes_from_changes_nothing(
    here: sk.Workbench, there: sk.Workbench, file: Path
) -> None:
    run = here.start(twice, approve="auto")
    run.result()
    here.export(run.id, file)
    for wb in (here, there):
        wb.open_export(file)
        head = wb.journal.head()
        assert wb.open_export(file).id == run.id
        assert wb.journal.head() == head
    assert run.result() == [{"usd": 1}, {"usd": 2}]


def test_an_older_state_is_not_overwritten_and_a_newer_one_is_left_alone(
    here: sk.Workbench, there: sk.Workbench, tmp_path: Path
) -> None:
    run = here.start(waiting)
    tell(run, 1)
    done(run, 1)
    early = here.export(run.id, tmp_path / "early.zip")
    run.finish_now()
    tell(run, 2)
    run.result()
    late = here.export(run.id, tmp_path / "late.zip")
    there.open_export(early)
    with pytest.raises(sk.Refused, match="already"):
        there.open_export(late)
    assert here.open_export(early).status == "completed"


def test_a_run_that_waits_is_paused_and_goes_on_when_somebody_resumes_it(
    here: sk.Workbench, there: sk.Workbench, file: Path
) -> None:
    run = here.start(waiting)
    for value in (1, 2):
        tell(run, value)
    done(run, 2)
    here.export(run.id, file)
    there.start(
        doubled, 1
    ).result()  # other events come first: every event gets another number here
    calls.clear()
    opened = there.open_export(file)
    assert opened.status == "paused"
    assert not there.engine.alive(opened.id)
    opened.resume()
    open_question(opened).approve()
    tell(opened, 5)
    while 5 not in calls:
        opened.wait(0.05)
    opened.finish_now()
    tell(opened, 6)
    opened.result()
    assert calls == [5, 6]  # what was done there is not done again


def test_cache_entries_that_its_steps_used_come_along_for_a_replay(
    tmp_path: Path, file: Path
) -> None:
    async def answer() -> bytes:
        return b"an answer"

    keys = [Key("page", {"url": f"https://example.org/{n}"}) for n in range(3)]
    with sk.Workbench(tmp_path / "here") as wb:
        for key in keys:
            asyncio.run(wb.library.cache.call(key, answer))
        run = wb.start(notes, [key.digest for key in keys[:2]] + ["f" * 64])
        run.result()
        wb.export(run.id, file)
    assert [
        name[6:] for name in zipfile.ZipFile(file).namelist() if name.startswith("cache/")
    ] == sorted(k.digest for k in keys[:2])
    with sk.Workbench(tmp_path / "there") as wb:
        wb.open_export(file)
    with Cache(tmp_path / "there" / "cache.db", mode="replay") as cache:
        assert asyncio.run(cache.call(keys[0], answer)).data == b"an answer"
        with pytest.raises(sk.NotRecorded):
            asyncio.run(cache.call(keys[2], answer))
    with Cache(tmp_path / "there" / "cache.db") as cache:
        assert asyncio.run(cache.call(keys[0], answer)).fresh


@sk.workflow
async def notes(ctx: sk.Context, digests: list[str]) -> int:
    """Says which answers it used."""
    ctx.tell(ProgressUpdated(message="asked", data={"cache": digests}))
    return len(digests)


def test_a_document_that_is_no_longer_kept_is_taken_from_the_index_or_missed(
    here: sk.Workbench, file: Path
) -> None:
    here.add(BEES)
    run = here.research(QUESTION)
    citation = run.result().citations[0]
    blob = here.home / "blobs" / citation.document[:2] / citation.document[2:]
    blob.unlink()
    here.export(run.id, file)
    here.library.close()
    (here.home / "index.db").unlink()
    with sk.Workbench(here.home) as wb, pytest.raises(sk.NotFound):
        wb.export(run.id, file)


@pytest.mark.parametrize("where", ["", "no/such/folder/run.zip"])
def test_a_place_that_cannot_be_written_is_said_so(
    here: sk.Workbench, tmp_path: Path, where: str
) -> None:
    run = here.start(doubled, 3)
    run.result()
    with pytest.raises(sk.UsageError):
        here.export(run.id, tmp_path / where)
    with pytest.raises(sk.NotFound):
        here.export("nobody", tmp_path / "run.zip")


# -- answers from elsewhere ------------------------------------------------------------------------


def test_what_was_approved_elsewhere_has_to_be_approved_here(
    here: sk.Workbench, there: sk.Workbench, file: Path
) -> None:
    run = here.start(twice, approve={"default": "ask"})
    while not run.approvals:
        run.wait(0.05)
    here.decide(run.approvals[0].id, "approve")
    while len(run.approvals) < 2:
        run.wait(0.05)
    here.export(run.id, file)
    opened = there.open_export(file)
    assert [a.status for a in opened.approvals] == ["withdrawn", "withdrawn"]
    assert "where this run comes from" in opened.approvals[0].reason
    assert len(there.approvals) == 0
    with pytest.raises(sk.AnswerRefused):
        there.decide(opened.approvals[1].id, "approve")
    opened.resume()
    open_question(opened).approve()
    for number in (1, 2):
        while not there.approvals:
            opened.wait(0.05)
        (asked,) = there.approvals
        assert asked.payload == {"usd": number}
        asked.approve()
        while there.approvals and there.approvals[0].id == asked.id:
            opened.wait(0.05)
    assert opened.result(30) == [{"usd": 1}, {"usd": 2}]


def test_a_policy_from_elsewhere_answers_nothing_here(there: sk.Workbench, file: Path) -> None:
    started = RunStarted(
        workflow=asking.name,
        code=asking.code,
        inputs={"args": [1], "kwargs": {}},
        approve={"default": "auto", "plan": "auto"},
    )
    forge(file, [started])
    opened = there.open_export(file)
    opened.resume()
    open_question(opened).approve()
    asked = open_question(opened, "question")
    assert opened.status == "waiting"
    asked.reject("no")


def test_a_question_that_shows_something_else_than_it_approves_is_asked_anew(
    there: sk.Workbench, file: Path
) -> None:
    from sentient_kernel.engine import codec, identity

    shown = codec.encode({"x": 1}, "it").json
    key = identity.occurrence_key(b"\0".join((b"approve", b"", b"Go ahead?", shown)), 0)
    approval = identity.approval_id(RUN, key)
    started = RunStarted(workflow=asking.name, code=asking.code, inputs={"args": [1], "kwargs": {}})
    forged = ApprovalRequested(
        approval=approval, key=key, question="Go ahead?", payload={"x": "harmless"}, digest="0" * 16
    )
    forge(file, [started, forged])
    opened = there.open_export(file)
    opened.resume()
    open_question(opened).approve()
    asked = open_question(opened, "question")
    assert (asked.id != approval, asked.payload) == (True, {"x": 1})
    asked.reject("no")


# -- the command line ------------------------------------------------------------------------------


def test_the_command_writes_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli = inside(tmp_path, capsys, monkeypatch)
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.start(doubled, 3)
        run.result()
    done = cli("export", run.id, "run.zip")
    assert (done.code, done.out, done.err) == (0, "", "Written to run.zip.\n")
    with sk.Workbench(tmp_path / "other") as wb:
        assert wb.open_export("run.zip").result() == 6
    failed = cli("export", "nobody", "run.zip")
    assert failed.code == 2
    assert "nobody" in one_sentence(failed.err)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.start(doubled, 3)
        run.result()
    (tmp_path / "closed").mkdir(mode=0o500)
    failed = as_somebody(
        "export",
        str(run.id),
        str(tmp_path / "closed" / "run.zip"),
        "--home",
        str(tmp_path / "home"),
    )
    assert failed.code == 2
    assert "cannot be written" in one_sentence(failed.err)


# -- files of strangers ----------------------------------------------------------------------------


def forge(
    path: Path,
    facts: list[Fact | tuple[str, Fact]],
    blobs: dict[str, bytes] | None = None,
    entries: Any = (),
) -> Path:
    """Writes a file whose every hash is right: what is wrong with it is what it says."""
    pairs = [fact if isinstance(fact, tuple) else (RUN, fact) for fact in facts]
    records = [
        Record(Seq(n), RunId(run), AT + n, fact.kind, fact.body())
        for n, (run, fact) in enumerate(pairs, 1)
    ]
    run_file.write(path, RUN, records, sorted((blobs or {}).items()), entries, "0.1.0")
    return path


STARTED = RunStarted(
    workflow="sentient_kernel.research",
    inputs={"args": ["q"], "kwargs": {"sources": [], "depth": 1}},
)


def honest() -> bytes:
    """Returns a sound file."""
    return forge(
        Path("forged.zip"),
        [RunStarted(workflow="w", inputs={"args": [], "kwargs": {}}), RunCompleted(result=1)],
    ).read_bytes()


def packed(
    parts: list[tuple[str | zipfile.ZipInfo, bytes]], how: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    # of names that occur twice
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(out, "w") as archive,
    ):
        for name, data in parts:
            archive.writestr(name, data, how)
    return out.getvalue()


def parts_of(data: bytes) -> dict[str, bytes]:
    archive = zipfile.ZipFile(io.BytesIO(data))
    return {name: archive.read(name) for name in archive.namelist()}


def again(change: Callable[[dict[str, Any], dict[str, bytes]], None]) -> bytes:
    """Returns the sound file with changes to its manifest and its parts; the hashes of the parts
    are made right again.
    """
    parts = parts_of(honest())
    manifest = json.loads(parts.pop(MANIFEST))
    change(manifest, parts)
    if isinstance(manifest.get("members"), dict):
        for name, data in parts.items():
            manifest["members"][name] = {"size": len(data), "sha256": sha256(data).hexdigest()}
    return packed([*parts.items(), (MANIFEST, json.dumps(manifest).encode())])


def with_events(lines: list[dict[str, Any]]) -> bytes:
    """Returns the sound file with other events, chained as they have to be."""

    def change(manifest: dict[str, Any], parts: dict[str, bytes]) -> None:
        last, log = "", b""
        for line in lines:
            text = json.dumps(line).encode()
            last = sha256(last.encode() + b" " + text).hexdigest()
            log += last.encode() + b" " + text + b"\n"
        manifest |= {"chain": last, "events": len(lines)}
        parts[EVENTS] = log

    return again(change)


def event(seq: int = 1, kind: str = "run_started", body: Any = None, **more: Any) -> dict[str, Any]:
    body = {"workflow": "w", "inputs": {"args": [], "kwargs": {}}} if body is None else body
    return {"seq": seq, "run": RUN, "at": AT, "kind": kind, "body": body} | more


class Bomb:
    """What runs a command where somebody unpickles it."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def report(quote: str, document: str, **more: Any) -> RunCompleted:
    citation = {
        "document": document,
        "title": "T",
        "uri": "u",
        "start": 0,
        "end": len(quote),
        "quote": quote,
        "verified": True,
    } | more
    return RunCompleted(
        result={
            "question": "q",
            "answer": "a",
            "claims": [{"text": quote, "verdict": "supported", "citations": [citation]}],
        }
    )


def forged(*facts: Any, **more: Any) -> bytes:
    return forge(Path("forged.zip"), list(facts), **more).read_bytes()


def named(name: str, **attributes: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def member(name: str | zipfile.ZipInfo, data: bytes = b"x") -> bytes:
    """Returns the sound file with one more part, which its manifest knows."""
    parts = parts_of(honest())
    manifest = json.loads(parts.pop(MANIFEST))
    shown = name if isinstance(name, str) else name.filename
    manifest["members"][shown] = {"size": len(data), "sha256": sha256(data).hexdigest()}
    return packed([*parts.items(), (name, data), (MANIFEST, json.dumps(manifest).encode())])


def swapped(old: bytes, new: bytes) -> bytes:
    """Returns the sound file with bytes of its directory changed."""
    data = honest()
    assert old in data
    return data.replace(old, new)


def end_record(**changes: int) -> bytes:
    data = honest()
    fields = dict(
        zip(
            ["sign", "disk", "start", "here", "all", "size", "offset", "comment"],
            struct.unpack("<4s4H2LH", data[-22:]),
            strict=True,
        )
    )
    return data[:-22] + struct.pack("<4s4H2LH", *(fields | changes).values())


def set_manifest(**fields: Any) -> Callable[[dict[str, Any], dict[str, bytes]], None]:
    return lambda manifest, parts: manifest.update(fields)


DOCUMENT = Document(title="T", uri="u", text="Bees fly nine kilometres.")
PICKLE = pickle.dumps(Bomb())
SNAPSHOT = DOCUMENT.snapshot()
OTHER = new_run_id(1_700_000_000_001)

HOSTILE: dict[str, Callable[[], bytes]] = {
    # the archive
    "empty": lambda: b"",
    "no archive": lambda: b"#!/bin/sh\ntouch ran\n" * 50,
    "a pickle": lambda: PICKLE * 10,
    "cut": lambda: honest()[:-40],
    "cut in the middle": lambda: honest()[: len(honest()) // 2],
    "something before it": lambda: b"#!/bin/sh\n" + honest(),
    "something behind it": lambda: honest() + b"x" * 30,
    "a comment": lambda: honest()[:-2] + b"\5\0hello",
    "an archive without anything": lambda: packed([]),
    "a flipped bit": lambda: (lambda d: d[:60] + bytes([d[60] ^ 1]) + d[61:])(honest()),
    "65,535 parts": lambda: end_record(here=65_535, all=65_535),
    "a directory of 4 GB": lambda: end_record(size=2**32 - 1),
    "a directory elsewhere": lambda: end_record(offset=0),
    "too many parts": lambda: packed(
        [(f"blobs/{n:064x}", b"") for n in range(run_file.MOST_MEMBERS + 1)], zipfile.ZIP_STORED
    ),
    "a bomb": lambda: member(f"blobs/{sha256(bytes(50_000_000)).hexdigest()}", bytes(50_000_000)),
    "a bomb as the log": lambda: again(lambda m, p: p.update({EVENTS: b"\n" * 30_000_000})),
    "a bomb as the manifest": lambda: packed([(EVENTS, b""), (MANIFEST, b"[" * 7_000_000)]),
    "a size that is not so": lambda: swapped(
        struct.pack("<L", len(parts_of(honest())[EVENTS])), struct.pack("<L", 7)
    ),
    "LZMA": lambda: packed([*parts_of(honest()).items()], zipfile.ZIP_LZMA),
    "encrypted": lambda: (
        lambda d: d.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")
    )(honest()),
    # names
    "../": lambda: member("../victim.txt"),
    "an absolute name": lambda: member("/tmp/victim.txt"),
    "a name in blobs": lambda: member("blobs/../../victim.txt"),
    "a name of Windows": lambda: member("blobs\\..\\victim.txt"),
    "a name with a line break": lambda: member("blobs/" + "0" * 63 + "\n"),
    "a folder": lambda: member("blobs/"),
    "a symbolic link": lambda: member(
        named(f"blobs/{sha256(b'/etc/passwd').hexdigest()}", external_attr=0o120777 << 16),
        b"/etc/passwd",
    ),
    "one name twice": lambda: packed([*parts_of(honest()).items(), *parts_of(honest()).items()]),
    "a part that the manifest does not know": lambda: packed(
        [*parts_of(honest()).items(), ("blobs/" + "0" * 64, b"x")]
    ),
    "a part that is not there": lambda: again(
        lambda m, p: m["members"].update({"blobs/" + "0" * 64: {"size": 1, "sha256": "0" * 64}})
    ),
    "a value that is named otherwise": lambda: member("blobs/" + "0" * 64, b"x"),
    # the manifest
    "no manifest": lambda: packed([(EVENTS, b"")]),
    "a manifest that is no JSON": lambda: packed(
        [(EVENTS, b""), (MANIFEST, b"__import__('os').system('touch ran')")]
    ),
    "a manifest with no bottom": lambda: packed(
        [(EVENTS, b""), (MANIFEST, b"[" * 9_000 + os.urandom(3_000).hex().encode())]
    ),
    "a manifest that is a list": lambda: packed([(EVENTS, b""), (MANIFEST, b"[]")]),
    "a manifest of something else": lambda: again(set_manifest(format="notebook")),
    "a later version": lambda: again(set_manifest(version=2)),
    "a version that is none": lambda: again(set_manifest(version="1")),
    "a run that is a path": lambda: again(set_manifest(run="../../etc/cron.d/x")),
    "a run that is SQL": lambda: again(set_manifest(run="x'; DROP TABLE events; --")),
    "members that are none": lambda: again(set_manifest(members=[["events.jsonl", 1]])),
    "a number with too many digits": lambda: packed(
        [(EVENTS, b""), (MANIFEST, b'{"version": ' + b"9" * 9_000 + b"}")]
    ),
    # the log
    "another chain": lambda: again(set_manifest(chain="0" * 64)),
    "a missing event": lambda: again(
        lambda m, p: p.update({EVENTS: p[EVENTS].split(b"\n")[0] + b"\n"})
    ),
    "events in another order": lambda: again(
        lambda m, p: p.update({EVENTS: b"\n".join(p[EVENTS].split(b"\n")[1::-1]) + b"\n"})
    ),
    "a changed event": lambda: again(
        lambda m, p: p.update({EVENTS: p[EVENTS].replace(b'"w"', b'"v"')})
    ),
    "no events": lambda: with_events([]),
    "seqs that fall": lambda: with_events([event(2), event(1, "run_completed", {})]),
    "a kind that is not known": lambda: with_events(
        [event(), event(2, "shell_executed", {"command": "rm"})]
    ),
    "a kind that is only sent": lambda: with_events([event(), event(2, "heartbeat", {})]),
    "a kind in the body": lambda: with_events(
        [event(), event(2, "run_completed", {"kind": "approval_decided"})]
    ),
    "a time far away": lambda: with_events([event(at=10**18)]),
    "a time before all": lambda: with_events([event(at=-1)]),
    "a run inside JSON": lambda: with_events([event(run='","kind":"x')]),
    "a body that is no object": lambda: with_events([event(body=[1])]),
    "not a number": lambda: with_events(
        [event(), event(2, "run_completed", {"result": float("nan")})]
    ),
    "a body with no bottom": lambda: again(
        lambda m, p: p.update({EVENTS: b"0" * 64 + b' {"seq":1,"body":' + b"[" * 90_000 + b"\n"})
    ),
    "half a character": lambda: with_events(
        [event(), event(2, "run_completed", {"result": "\ud800"})]
    ),
    "an id that moves the cursor": lambda: forged(STARTED, StepStarted(key="\x1b[2J", name="x")),  # type: ignore[arg-type]
    "a pickle as a result": lambda: forged(
        STARTED,
        RunCompleted(blob=sha256(PICKLE).hexdigest(), type="pickle"),
        blobs={sha256(PICKLE).hexdigest(): PICKLE},
    ),
    # what it says
    "no beginning": lambda: forged(RunCompleted(result=1)),
    "two beginnings": lambda: forged(STARTED, STARTED),
    "a run of somebody else": lambda: forged(STARTED, (OTHER, STARTED)),
    "a parent that is elsewhere": lambda: forged(STARTED.model_copy(update={"parent": OTHER})),
    "a run that is its own parent": lambda: forged(
        STARTED, (OTHER, STARTED.model_copy(update={"parent": OTHER}))
    ),
    "a message that nobody sent": lambda: forged(
        STARTED, MessageReceived(key="0" * 16, message=Seq(1))
    ),  # type: ignore[arg-type]
    "a value that is not there": lambda: forged(
        STARTED, StepCompleted(key="0" * 16, blob="a" * 64)
    ),  # type: ignore[arg-type]
    "a value that is a path": lambda: forged(
        STARTED, StepCompleted(key="0" * 16, blob="../../victim.txt")
    ),  # type: ignore[arg-type]
    "a value that nothing points to": lambda: forged(
        STARTED, blobs={sha256(b"x").hexdigest(): b"x"}
    ),
    "an answer that nothing used": lambda: forged(
        STARTED, entries=[("0" * 64, b"sentient-cache 1 page 1 1\nx")]
    ),
    "an answer that is none": lambda: forged(
        STARTED, ProgressUpdated(data={"cache": ["0" * 64]}), entries=[("0" * 64, PICKLE)]
    ),
    "a report that is none": lambda: forged(
        STARTED, RunCompleted(result={"question": ["__class__"]})
    ),
    "a report that is a number": lambda: forged(STARTED, RunCompleted(result=7)),
    "a quote that stands nowhere": lambda: forged(
        STARTED, report("Bees fly ninety kilometres.", DOCUMENT.id), blobs={DOCUMENT.id: SNAPSHOT}
    ),
    "a quote from the end": lambda: forged(
        STARTED,
        report("kilometres.", DOCUMENT.id, start=-11, end=25),
        blobs={DOCUMENT.id: SNAPSHOT},
    ),
    "a document that is not there": lambda: forged(STARTED, report("Bees fly.", "a" * 64)),
    "a document that is none": lambda: forged(
        STARTED, report("x", sha256(PICKLE).hexdigest()), blobs={sha256(PICKLE).hexdigest(): PICKLE}
    ),
    "a document with more to it": lambda: (
        lambda data: forged(
            STARTED, report("x", sha256(data).hexdigest()), blobs={sha256(data).hexdigest(): data}
        )
    )(
        json.dumps(
            {
                "title": "",
                "uri": "",
                "source": "",
                "text": "x",
                "meta": {},
                "__class__": "os.system",
            }
        ).encode()
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_a_sentence_and_leaves_nothing(
    there: sk.Workbench, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    victim = tmp_path / "victim.txt"
    victim.write_text("precious")
    file = tmp_path / "hostile.zip"
    file.write_bytes(HOSTILE[name]())
    before, threads = written(there.home), threading.active_count()
    with pytest.raises(sk.ParseError) as caught:
        there.open_export(file)
    sentence = str(caught.value)
    assert sentence.isprintable()
    assert 30 < len(sentence) < 400
    assert len(there.runs) == 0
    assert written(there.home) == before
    assert victim.read_text() == "precious"
    assert not list(tmp_path.glob("*ran*"))
    assert threading.active_count() == threads


def written(home: Path) -> dict[str, int]:
    """Returns the files of a home and their sizes, but for the logs of databases."""
    return {
        str(path): path.stat().st_size
        for path in home.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_the_sound_file_that_others_are_made_of_opens(
    there: sk.Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "sound.zip"
    file.write_bytes(again(lambda manifest, parts: None))
    assert there.open_export(file).result() == 1
    good = forge(
        tmp_path / "report.zip", [STARTED, report("Bees fly", DOCUMENT.id)], {DOCUMENT.id: SNAPSHOT}
    )
    with sk.Workbench(tmp_path / "third") as wb:
        assert wb.open_export(good).result().citations[0].quote == "Bees fly"
        assert wb.document(DOCUMENT.id) == DOCUMENT


def test_a_run_that_is_here_is_never_overwritten(here: sk.Workbench, tmp_path: Path) -> None:
    run = here.start(doubled, 3)
    run.result()
    mine = here.export(run.id, tmp_path / "mine.zip")
    with run_reading.opened(mine) as sound:
        records = [
            r._replace(body=RunCompleted(result=666).body()) if r.kind == "run_completed" else r
            for r in sound.records()
        ]
    run_file.write(tmp_path / "other.zip", run.id, records, [], [], "0.1.0")
    with pytest.raises(sk.Refused, match="another one"):
        here.open_export(tmp_path / "other.zip")
    assert run.result() == 6
    child = [Record(Seq(1), RUN, AT, "run_started", STARTED.body())]
    child.append(
        Record(Seq(2), run.id, AT, "run_started", STARTED.model_copy(update={"parent": RUN}).body())
    )
    run_file.write(tmp_path / "child.zip", RUN, child, [], [], "0.1.0")
    with pytest.raises(sk.Refused, match="already"):
        here.open_export(tmp_path / "child.zip")
    assert here.run(run.id).view.workflow == run.view.workflow


def test_answers_of_a_forged_run_do_not_count(there: sk.Workbench, file: Path) -> None:
    decided = ApprovalDecided(approval="a1", decision="approve", by="the boss")  # type: ignore[arg-type]
    asked = ApprovalRequested(approval="a1", key="0" * 16, question="Spend?", payload={"usd": 1})  # type: ignore[arg-type]
    forge(file, [STARTED, asked, decided])
    opened = there.open_export(file)
    (shown,) = opened.approvals
    assert (shown.status, "the boss" in shown.reason) == ("withdrawn", True)
    with pytest.raises(sk.AnswerRefused):
        there.engine.command(DecideApproval(run=RUN, approval=decided.approval, decision="approve"))


def test_there_is_no_such_file(there: sk.Workbench, tmp_path: Path) -> None:
    for path in (tmp_path / "none.zip", tmp_path):
        with pytest.raises(sk.UsageError, match="no file"):
            there.open_export(path)


def test_the_kind_of_research_that_is_looked_into_is_the_one_there_is() -> None:
    assert STARTED.workflow == RESEARCH
