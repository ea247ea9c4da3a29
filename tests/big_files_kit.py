"""Files that are hard on memory, and a process that reads them and says what it took: the parser
alone, or a folder of a workbench.

Run as a program, with files: prints one line of JSON for each.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

CLEAR = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
ASTRAL, WIDE = "\U0001d518", "\u4e2d"
CHANCE = random.Random(1)


def zipped(entries: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def hexes(size: int) -> str:
    return CHANCE.randbytes(size // 2).hex()


def docx(text: str, **more: str | bytes) -> bytes:
    return zipped(
        {
            "word/document.xml": f'<w:document xmlns:w="w"><w:body>{text}</w:body></w:document>',
            **more,
        }
    )


def paragraphs(one: Callable[[], str], n: int) -> str:
    return "".join(f"<w:p><w:r><w:t>{one()}</w:t></w:r></w:p>" for _ in range(n))


def epub(items: str, spine: str, pages: int) -> bytes:
    return zipped(
        {
            "META-INF/container.xml": '<c><rootfile full-path="o.opf"/></c>',
            "o.opf": (
                f"<package><metadata><title>T</title></metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
            ),
            **{f"c{n}.html": "<p>Bees fly far.</p>" for n in range(pages)},
        }
    )


def linked(main: str, part: str, name: str, target: str, content: str) -> bytes:
    """An office file of 300,000 parts that are all the same one."""
    ids = "".join(f'<{part} id="r{n}"/>' for n in range(300_000))
    links = "".join(f'<Relationship Id="r{n}" Target="{target}"/>' for n in range(300_000))
    folder, file = main.split("/")
    return zipped(
        {main: f"<p>{ids}</p>", f"{folder}/_rels/{file}.rels": f"<r>{links}</r>", name: content}
    )


FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "five million astral characters": (".txt", lambda: (ASTRAL * 5_000_000).encode()),
    "a book of 300,000 times one page": (
        ".epub",
        lambda: epub('<item id="c" href="c0.html"/>', '<itemref idref="c"/>' * 300_000, 1),
    ),
    "a docx of 90 MB": (
        ".docx",
        lambda: docx(
            paragraphs(lambda: "Bees fly far.", 1), **{"media/x.bin": CHANCE.randbytes(89_000_000)}
        ),
    ),
    "a docx of 80 MB of text": (".docx", lambda: docx(paragraphs(lambda: hexes(900), 90_000))),
    "a docx of astral characters": (
        ".docx",
        lambda: docx(paragraphs(lambda: ASTRAL * 220 + hexes(12), 95_000)),
    ),
    "a docx with a title of 20 MB": (
        ".docx",
        lambda: docx(
            paragraphs(lambda: "Bees fly far.", 1),
            **{"docProps/core.xml": f"<x><title>{hexes(20_000_000)}</title></x>"},
        ),
    ),
    "astral markdown": (".md", lambda: f"# {ASTRAL}\n{ASTRAL * 5_000_000}".encode()),
    "six million wide characters": (".txt", lambda: (WIDE * 6_000_000).encode()),
    "control characters": (".txt", lambda: b"a\x1bb" * 3_000_000),
    "a book of 300,000 pages": (
        ".epub",
        lambda: epub(
            "".join(f'<item id="c{n}" href="c{n}.html"/>' for n in range(300_000)),
            "".join(f'<itemref idref="c{n}"/>' for n in range(300_000)),
            9_000,
        ),
    ),
    "300,000 slides": (
        ".pptx",
        lambda: linked(
            "ppt/presentation.xml",
            "sldId",
            "ppt/slides/slide1.xml",
            "slides/slide1.xml",
            "<a><p><t>Bees</t></p></a>",
        ),
    ),
    "300,000 sheets": (
        ".xlsx",
        lambda: linked(
            "xl/workbook.xml",
            "sheet",
            "xl/worksheets/sheet1.xml",
            "worksheets/sheet1.xml",
            '<a><row><c r="A1"><v>Bees</v></c></row></a>',
        ),
    ),
    "a page with a title of 40 MB": (
        ".html",
        lambda: b"<title>" + b"t " * 20_000_000 + b"</title><p>Bees</p>",
    ),
    "a notebook of 400,000 cells": (
        ".ipynb",
        lambda: (
            b'{"cells":['
            + b",".join([b'{"cell_type":"markdown","source":"# x"}'] * 400_000)
            + b"]}"
        ),
    ),
    "a note with a title of 10 MB": (
        ".md",
        lambda: b"---\ntitle: " + b"t" * 10_000_000 + b"\n---\n# x\nBees",
    ),
}


def peak() -> int:
    return (
        next(
            int(line.split()[1])
            for line in STATUS.read_text().splitlines()
            if line.startswith("VmHWM")
        )
        << 10
    )


class Meter:
    """Says what the process takes at its most, over what it took when this was made."""

    def __init__(self) -> None:
        CLEAR.write_text("5")
        self._before = peak()

    def took(self, read: Callable[[], str]) -> tuple[int, str]:
        """Returns the bytes that something took, and what it returned."""
        CLEAR.write_text("5")
        said = read()
        return peak() - self._before, said


def parse(files: list[Path]) -> Iterator[tuple[int, str]]:
    """Reads files with the parser, one after the other."""
    from sentient_kernel.errors import SourceError
    from sentient_kernel.sources.local.parse import Parser, ParserLimits

    def pieces(file: Path) -> Iterator[bytes]:
        with file.open("rb") as opened:
            while piece := opened.read(1 << 18):
                yield piece

    with Parser(ParserLimits(wall=120.0)) as parser:
        parser.parse([b"It is warm."], suffix=".txt", name="first")
        meter = Meter()

        def read(file: Path) -> str:
            try:
                found = parser.parse(pieces(file), suffix=file.suffix, name="It")
            except SourceError as error:
                return str(error)
            return f"{len(found.text):,} characters, {len(found.title)} of title"

        for file in files:
            yield meter.took(lambda file=file: read(file))  # type: ignore[misc]


def refresh(files: list[Path]) -> Iterator[tuple[int, str]]:
    """Reads files as a folder of a workbench does, into its index."""
    import sentient_kernel as sk

    for file in files:
        folder = file.with_suffix("")
        folder.mkdir()
        (folder / "a.txt").write_text("Bees fly nine kilometres.")
        with sk.Workbench(file.with_suffix(".home")) as wb:
            source = wb.add(folder)
            asyncio.run(source.refresh())
            file.rename(folder / file.name)
            yield Meter().took(
                lambda source=source: f"{asyncio.run(source.refresh()).documents} documents"
            )  # type: ignore[misc]


if __name__ == "__main__":
    how = {"parse": parse, "refresh": refresh}[sys.argv[1]]
    for line in how([Path(file) for file in sys.argv[2:]]):
        print(json.dumps(line), flush=True)
