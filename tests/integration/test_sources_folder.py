"""A folder as a source: everything readable in it is found, only what changed is read again, one
bad file costs nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio
import psutil
import pytest

from sentient_kernel.errors import SourceError, UsageError
from sentient_kernel.index.store import Index
from sentient_kernel.sources import Health, open_source
from sentient_kernel.sources.local.folder import FolderSource
from sentient_kernel.sources.local.parse import Parser, ParserLimits

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index.db")
    yield index
    index.close()


@pytest.fixture
def papers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ``papers`` in the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "papers"
    (folder / "sub").mkdir(parents=True)
    (folder / "bees.md").write_text("# Bees\n\nBees dance to tell others where flowers are.\n")
    (folder / "sub" / "ants.txt").write_text("Ants follow trails of scent.\n")
    (folder / "table.csv").write_text("animal,legs\nspider,8\n")
    return folder


def only_once(path: Path) -> None:
    """Gives a file a time of its own, since two writes may fall into one tick of the file system's
    clock.
    """
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


async def test_files_are_found_under_the_path_that_the_user_gave(
    papers: Path, index: Index
) -> None:
    source = FolderSource("papers/", index)
    health = await source.refresh()
    assert (source.name, health.documents, health.read, health.refused, health.reason) == (
        "papers",
        3,
        3,
        (),
        "",
    )
    assert health.passages >= 3
    best, *_ = await source.search("Where do bees say that flowers are?")
    assert (best.uri, best.title, best.source) == ("papers/bees.md", "Bees", "papers")
    document = source.document(best.document)
    assert document is not None
    assert document.text[best.start : best.end] == best.text
    assert document.meta["format"] == "md"


async def test_only_what_changed_is_read_again_and_what_is_gone_is_forgotten(
    papers: Path, index: Index
) -> None:
    assert (await FolderSource("papers", index).refresh()).read == 3
    assert (await FolderSource("papers", index).refresh()).read == 0
    (papers / "bees.md").write_text("# Bees\n\nBees hum in the key of quartz.\n")
    only_once(papers / "bees.md")
    (papers / "sub" / "ants.txt").unlink()
    source = FolderSource("papers", index)
    health = await source.refresh()
    assert (health.read, health.documents) == (1, 2)
    assert [one.uri for one in await source.search("quartz")] == ["papers/bees.md"]
    assert await source.search("ants scent") == []
    assert await source.search("flowers") == []


async def test_a_file_that_was_only_touched_is_not_read_again(papers: Path, index: Index) -> None:
    source = FolderSource("papers", index)
    await source.refresh()
    only_once(papers / "bees.md")
    assert (await source.refresh()).read == 0
    before = index.stamps("papers")
    assert (await source.refresh()).read == 0
    assert index.stamps("papers") == before


async def test_a_change_that_keeps_time_and_size_is_seen_by_the_file_itself(
    papers: Path, index: Index
) -> None:
    source = FolderSource("papers", index)
    await source.refresh()
    status = (papers / "sub" / "ants.txt").stat()
    other = papers / "other"
    other.write_text("Ants follow trails of dream.\n")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(papers / "sub" / "ants.txt")
    assert (await source.refresh()).read == 1
    assert len(await source.search("dream")) == 1


async def test_bad_files_are_named_with_a_reason_and_cost_nothing_else(
    papers: Path, index: Index
) -> None:
    (papers / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    (papers / "binary.txt").write_bytes(b"a\0b")
    (papers / "empty.md").write_bytes(b"")
    with (papers / "sparse.txt").open("wb") as file:
        file.truncate(100 << 20)
    os.mkfifo(papers / "pipe.txt")
    (papers / "out.txt").symlink_to("/etc/passwd")
    (papers / "picture.png").write_bytes(b"\x89PNG")
    expected = {
        "papers/broken.pdf": "It is not a readable PDF: it is damaged or cut short.",
        "papers/binary.txt": "It is not text: it holds NUL bytes.",
        "papers/empty.md": "It is empty.",
        "papers/sparse.txt": "It has 105 MB, more than the 52 MB that are read from one file.",
        "papers/pipe.txt": "It is not a file but a pipe, a socket or a device.",
        "papers/out.txt": "It is a link that leads out of the folder.",
    }
    for again in (False, True):
        health = await FolderSource("papers", index).refresh()
        assert dict(health.refused) == expected
        assert (health.documents, health.read) == (3, 0 if again else 3)


async def test_a_bad_file_is_not_tried_again_until_it_changes(papers: Path, index: Index) -> None:
    (papers / "broken.pdf").write_bytes(b"%PDF-1.4 and no more")
    parsers: list[Parser] = []

    def make() -> Parser:
        parsers.append(Parser())
        return parsers[-1]

    await FolderSource("papers", index, parser=make).refresh()
    assert sum(parser.starts for parser in parsers) == 1
    parsers.clear()
    assert len((await FolderSource("papers", index, parser=make).refresh()).refused) == 1
    assert sum(parser.starts for parser in parsers) == 0
    (papers / "broken.pdf").write_bytes(b"%PDF-1.4 and a little more")
    only_once(papers / "broken.pdf")
    assert len((await FolderSource("papers", index, parser=make).refresh()).refused) == 1
    assert sum(parser.starts for parser in parsers) == 1


async def test_a_file_that_could_not_be_opened_is_tried_again_although_it_did_not_change(
    papers: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(root: Path, relative: str) -> int:
        raise SourceError(f"{relative!r} cannot be opened: permission denied.")

    source = FolderSource("papers/bees.md", index)
    with monkeypatch.context() as patch:
        patch.setattr("sentient_kernel.sources.local.folder.open_inside", locked)
        health = await source.refresh()
    assert (health.documents, health.refused) == (
        0,
        (("papers/bees.md", "'bees.md' cannot be opened: permission denied."),),
    )
    assert (await source.refresh()).documents == 1


async def test_a_file_that_turned_bad_leaves_the_index(papers: Path, index: Index) -> None:
    source = FolderSource("papers", index)
    await source.refresh()
    (papers / "bees.md").write_bytes(b"\0")
    only_once(papers / "bees.md")
    health = await source.refresh()
    assert (health.documents, health.refused) == (
        2,
        (("papers/bees.md", "It is not text: it holds NUL bytes."),),
    )
    assert await source.search("flowers") == []


async def test_parsers_that_crash_and_hang_cost_their_own_files_only(
    papers: Path, index: Index, tmp_path: Path
) -> None:
    (tmp_path / "odd_parsers.py").write_text(
        "import ctypes, time\ndef crash(data): ctypes.string_at(0)\ndef hang(data):"
        " time.sleep(600)\ndef memory(data): return [bytearray(1 << 26) for _ in range(1000)]\n"
    )
    for number in range(20):
        (papers / f"good {number}.txt").write_text(f"Good text number {number}.")
        if number < 2:
            for kind in ("crash", "hang", "memory"):
                (papers / f"bad {number}.{kind}").write_text("x")
    formats = {f".{kind}": f"odd_parsers:{kind}" for kind in ("crash", "hang", "memory")}
    before = psutil.Process().memory_info().rss
    source = FolderSource(
        "papers",
        index,
        parser=lambda: Parser(
            ParserLimits(wall=1.5, memory=1 << 29), formats=formats, paths=[str(tmp_path)]
        ),
    )
    health = await source.refresh()
    assert (health.documents, health.read, len(health.refused)) == (23, 23, 6)
    assert dict(health.refused)["papers/bad 0.crash"] == "It crashed its parser (SIGSEGV)."
    assert dict(health.refused)["papers/bad 1.hang"] == "It took longer than 1.5 seconds to read."
    assert (
        dict(health.refused)["papers/bad 1.memory"]
        == "It needs more memory to be read than it may use."
    )
    assert psutil.Process().memory_info().rss - before < 50 << 20


@pytest.mark.parametrize(
    "name",
    [
        "with space.txt",
        "ünï 日本.txt",
        "a#b.txt",
        "100%41.txt",
        "what?.txt",
        "new\nline.txt",
        "-rf.txt",
    ],
)
async def test_odd_names_are_read_and_cited(papers: Path, index: Index, name: str) -> None:
    (papers / name).write_text("The quokka smiles.")
    source = FolderSource("papers", index)
    await source.refresh()
    (found,) = await source.search("quokka")
    assert found.uri == f"papers/{name}"
    assert "\n" not in found.title


async def test_a_name_that_is_no_text_is_refused_and_the_rest_is_read(
    papers: Path, index: Index
) -> None:
    try:
        (papers / os.fsdecode(b"bad\xff.txt")).write_text("x")
    except OSError:
        pytest.skip("this file system takes no such names")
    health = await FolderSource("papers", index).refresh()
    assert (health.documents, health.refused) == (
        3,
        (("papers/bad\\xff.txt", "It has a name that is not valid UTF-8; rename it."),),
    )


async def test_one_file_is_a_source_too(papers: Path, index: Index) -> None:
    source = open_source("papers/bees.md", index)
    assert (await source.refresh()).documents == 1
    (found,) = await source.search("bees")
    assert (source.name, found.uri) == ("papers/bees.md", "papers/bees.md")
    assert (await source.refresh()).read == 0


async def test_a_long_text_is_read_up_to_the_limit_and_says_so_each_time(
    papers: Path, index: Index
) -> None:
    (papers / "long.txt").write_text("Bees dance. " * 1000)
    source = FolderSource("papers", index, parser=lambda: Parser(ParserLimits(characters=5_000)))
    for read in (4, 0):
        health = await source.refresh()
        assert (health.documents, health.read) == (4, read)
        assert health.refused == (
            ("papers/long.txt", "Only its first 5,000 characters were read."),
        )


async def test_every_passage_stands_at_its_place(papers: Path, index: Index) -> None:
    (papers / "page.html").write_text(
        "<title>Wasps</title><p>Wasps make <i>paper</i> nests.<table><tr><td>nest<td>paper</table>"
    )
    source = FolderSource("papers", index)
    await source.refresh()
    found = await source.search("bees ants spider wasps nests paper flowers scent", k=20)
    assert len(found) >= 4
    for passage in found:
        document = source.document(passage.document)
        assert document is not None
        assert document.text[passage.start : passage.end] == passage.text


async def test_a_search_that_finds_nothing_says_what_was_searched(
    papers: Path, index: Index
) -> None:
    source = FolderSource("papers", index)
    await source.refresh()
    assert await source.search("quokka") == []
    assert source.health.reason == "Of its 3 documents no passage contains 'quokka'."


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "It is empty."),
        (
            {"a.xyz": "x", "b.xyz": "x", "c": "x"},
            "It holds 3 files, none of a kind that can be read (.xyz, no ending).",
        ),
        ({"a.xyz": "x"}, "It holds 1 file, which is not of a kind that can be read (.xyz)."),
        (
            {"a.txt": "\0"},
            (
                "It holds nothing that could be read: papers/a.txt: It is not text: it holds NUL"
                " bytes."
            ),
        ),
    ],
)
async def test_a_folder_with_nothing_to_read_says_why(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    index: Index,
    files: dict[str, str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "papers").mkdir()
    for name, text in files.items():
        (tmp_path / "papers" / name).write_text(text)
    source = FolderSource("papers", index)
    assert (await source.refresh()).reason == reason
    assert await source.search("anything") == []
    assert source.health.reason == reason


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere", "There is no file or folder 'nowhere'."),
        ("", "'' is not the name of a file or folder."),
        ("a\0b", "is not the name of a file or folder."),
        ("x" * 5000, "cannot be opened: File name too long."),
        ("/dev/null", "is neither a file nor a folder."),
        ("papers/bees.xyz", "is of a kind that cannot be read."),
        ("ftp://example.org/x", "is not the address of a page."),
        ("packages:", "names no package."),
    ],
)
async def test_what_is_no_source_is_refused_in_one_sentence(
    papers: Path, index: Index, spec: str, message: str
) -> None:
    (papers / "bees.xyz").write_text("x")
    with pytest.raises(UsageError, match=r"^[^\n]+$") as caught:
        open_source(spec, index)
    assert message in str(caught.value)


async def test_a_folder_that_went_away_keeps_what_was_read(papers: Path, index: Index) -> None:
    source = FolderSource("papers", index)
    await source.refresh()
    papers.rename(papers.parent / "moved")
    with pytest.raises(
        SourceError, match="is not there any more; what was read from it before is kept"
    ):
        await source.refresh()
    assert len(await source.search("bees")) == 1


async def test_reading_tells_how_far_it_is(papers: Path, index: Index) -> None:
    told: list[tuple[str, float | None]] = []
    await FolderSource("papers", index).refresh(lambda message, done: told.append((message, done)))
    assert told[0] == ("Looking through papers", None)
    assert told[-1][1] == 1.0


async def test_a_reading_that_is_cancelled_ends_its_children_and_the_next_goes_on(
    papers: Path, index: Index, tmp_path: Path
) -> None:
    (tmp_path / "hanging.py").write_text("import time\ndef hang(data): time.sleep(600)\n")
    (papers / "z.hang").write_text("x")
    before = set(psutil.Process().children())
    source = FolderSource(
        "papers",
        index,
        parser=lambda: Parser(formats={".hang": "hanging:hang"}, paths=[str(tmp_path)]),
    )
    with anyio.move_on_after(0.3) as scope:
        await source.refresh()
    assert scope.cancelled_caught
    (papers / "z.hang").unlink()
    health = await source.refresh()
    assert health.documents == 3
    assert set(psutil.Process().children()) == before


async def test_two_readings_at_once_do_the_work_once(papers: Path, index: Index) -> None:
    source = FolderSource("papers", index)
    found: list[Health] = []

    async def refresh() -> None:
        found.append(await source.refresh())

    async with anyio.create_task_group() as group:
        group.start_soon(refresh)
        group.start_soon(refresh)
    assert sorted(health.read for health in found) == [0, 3]
    assert [health.documents for health in found] == [3, 3]


def test_a_source_shows_itself_without_an_address(papers: Path, index: Index) -> None:
    assert repr(FolderSource("papers", index)) == "FolderSource('papers')"
