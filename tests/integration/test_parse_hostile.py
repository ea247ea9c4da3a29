"""Files made to hurt: each ends in one typed sentence within its limits, and the parser goes on
with the next file.
"""

from __future__ import annotations

import io
import json
import os
import random
import resource
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sentient_kernel.errors import ParseError, SourceError
from sentient_kernel.sources.local.parse import Parser, ParserLimits

LIMITS = ParserLimits(wall=20.0, cpu=2, memory=1 << 29, file=50 << 20, characters=200_000)
WORD = '<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>'
ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)


def zipped(entries: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return file.getvalue()


def small_pdf(
    text: str = "They dance in the dark hive.",
    *,
    kids: str = "3 0 R",
    trailer: str = "",
    extra: str = "",
) -> bytes:
    stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
    return f"""%PDF-1.4
1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj
2 0 obj << /Type /Pages /Kids [{kids}] /Count 1 >> endobj
3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >> endobj
4 0 obj << /Length {len(stream)} >> stream
{stream}
endstream endobj
5 0 obj << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> endobj
{extra}
trailer << /Root 1 0 R {trailer} >>
%%EOF
""".encode()


def with_encrypted_flag(data: bytes) -> bytes:
    """Sets the bit that says "encrypted" in all headers of a zip."""
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data = data[: at + offset] + bytes([data[at + offset] | 1]) + data[at + offset + 1 :]
            at = data.find(mark, at + 4)
    return data


def endless_pages() -> bytes:
    """A page tree that is its own child, and says that it has a million pages."""
    return small_pdf(kids="2 0 R " * 50).replace(b"/Count 1", b"/Count 1000000")


ENCRYPT = (
    "6 0 obj << /Filter /Standard /V 1 /R 2 /O <"
    + "41" * 32
    + "> /U <"
    + "42" * 32
    + "> /P -44 >> endobj"
)
NOISE = random.Random(7).randbytes(100_000)

HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "zip bomb": (
        ".docx",
        zipped({"word/document.xml": WORD.format("0" * 120_000_000)}),
        "zip bomb",
    ),
    "bomb under the ratio": (
        ".docx",
        zipped({"word/document.xml": WORD.format(os.urandom(8).hex() * 700_000)}),
        "zip bomb",
    ),
    "many entries": (".docx", zipped({f"{number}": b"" for number in range(10_001)}), "entries"),
    "entity bomb": (
        ".docx",
        zipped({"word/document.xml": f"{ENTITIES}<x>&i;</x>"}),
        "document type",
    ),
    "external entity": (
        ".pptx",
        zipped(
            {
                "ppt/slides/slide1.xml": (
                    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
                )
            }
        ),
        "document type",
    ),
    "entity bomb in utf-16": (
        ".docx",
        zipped({"word/document.xml": f"{ENTITIES}<x>&i;</x>".encode("utf-16")}),
        "document type",
    ),
    "deep xml": (
        ".xlsx",
        zipped({"xl/worksheets/sheet1.xml": "<a>" * 100_000}),
        "nested too deeply",
    ),
    "names that climb": (
        ".docx",
        zipped({"../../etc/cron.d/x": "x", "word/document.xml": WORD.format("x")}),
        "lead out",
    ),
    "absolute names": (
        ".docx",
        zipped({"/etc/passwd": "x", "word/document.xml": WORD.format("x")}),
        "lead out",
    ),
    "locked zip": (
        ".docx",
        with_encrypted_flag(zipped({"word/document.xml": WORD.format("x")})),
        "password",
    ),
    "old or locked office file": (
        ".docx",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + NOISE[:4096],
        "password",
    ),
    "cut zip": (".docx", zipped({"word/document.xml": WORD.format("x" * 1000)})[:150], "damaged"),
    "not the xml it says": (".docx", zipped({"word/document.xml": NOISE}), "cannot be read"),
    "missing part": (".docx", zipped({"other.xml": "x"}), "it has no word/document.xml"),
    "a book without contents": (
        ".epub",
        zipped({"META-INF/container.xml": "<c/>"}),
        "names no contents",
    ),
    "noise as pdf": (".pdf", NOISE, "not a readable PDF"),
    "noise as docx": (".docx", NOISE, "not a readable Word"),
    "noise as html": (".html", NOISE, "not text"),
    "cut pdf": (".pdf", small_pdf()[:200], "not a readable PDF"),
    "locked pdf": (
        ".pdf",
        small_pdf(trailer="/Encrypt 6 0 R /ID [<41><41>]", extra=ENCRYPT),
        "password",
    ),
    "endless page tree": (".pdf", endless_pages(), "pages"),
    "pdf without text": (".pdf", small_pdf(text=""), "holds no text"),
    "deep html": (".html", b"<div>" * 300_000 + b"x", "nested too deeply|crashed|processor time"),
    "deep json": (".json", b"[" * 200_000 + b"]" * 200_000, "nested too deeply"),
    "broken json": (".json", b'{"a": ', "not valid JSON"),
    "notebook of wrong types": (".ipynb", b'{"cells": {"cell_type": 3}}', "no list of cells"),
    "notebook that is a list": (".ipynb", b"[1, 2]", "no list of cells"),
    "notebook without text": (
        ".ipynb",
        json.dumps({"cells": [None, 1, {"cell_type": [], "source": {}}]}).encode(),
        "holds no text",
    ),
    "table with nul": (".csv", b"a,b\n1,\0\n", "NUL"),
    "endless field": (".csv", b'a,b\n"' + b"x" * 3_000_000, "not a readable table"),
    "control characters": (".txt", bytes(range(1, 9)) * 500, "not text"),
    "white space": (".txt", b" \n" * 1000, "holds no text"),
    "crash": (".crash", b"x", "crashed its parser"),
    "exit": (".exit", b"x", "crashed its parser"),
    "memory": (".memory", b"x", "memory"),
    "raise": (".raise", b"x", "made its parser fail .KeyError"),
    "processor": (".spin", b"x", "processor time"),
    "too deep": (".recurse", b"x", "nested too deeply"),
    "lie about the length": (".lie", b"x", "crashed its parser|was ended"),
}

PARSERS = """
import ctypes, os, signal, time
def crash(data): ctypes.string_at(0)
def leave(data): os._exit(3)
def memory(data): return [bytearray(1 << 26) for _ in range(1000)]
def fail(data): raise KeyError("odd")
def spin(data):
    while True: pass
def recurse(data): return recurse(data)
def hang(data): time.sleep(600)
def lie(data):
    for number in range(3, 20):
        try: os.write(number, b"\\xff\\xff\\xff\\xff")
        except OSError: pass
    os._exit(0)
def chatter(data):
    from sentient_kernel.sources.parser.common import ParsedText
    print("between the frames", flush=True); os.system("echo more")
    return ParsedText("fine", "", {"keys": sorted(os.environ), "cwd": os.getcwd()})
"""
NAMES = {
    ".crash": "crash",
    ".exit": "leave",
    ".memory": "memory",
    ".raise": "fail",
    ".spin": "spin",
    ".recurse": "recurse",
    ".hang": "hang",
}
NAMES |= {".lie": "lie", ".chatter": "chatter"}


def own_parser(folder: Path, limits: ParserLimits) -> Parser:
    (folder / "hostile_parsers.py").write_text(PARSERS)
    return Parser(
        limits,
        formats={suffix: f"hostile_parsers:{name}" for suffix, name in NAMES.items()},
        paths=[str(folder)],
    )


@pytest.fixture(scope="module")
def parser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parser]:
    with own_parser(tmp_path_factory.mktemp("parsers"), LIMITS) as parser:
        yield parser


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_ends_in_one_sentence_and_the_next_is_read(
    parser: Parser, case: str
) -> None:
    suffix, data, why = HOSTILE[case]
    before = psutil.Process().memory_info().rss
    with pytest.raises(ParseError, match=why) as caught:
        parser.parse([data], suffix=suffix, name="bees.x")
    assert caught.value.message.startswith("bees.x ")
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400
    assert psutil.Process().memory_info().rss - before < 50 << 20
    assert parser.parse([b"still here"], suffix=".txt", name="next").text == "still here"


def test_a_parser_that_hangs_is_ended_at_its_deadline(tmp_path: Path) -> None:
    with own_parser(tmp_path, ParserLimits(wall=0.4)) as parser:
        with pytest.raises(ParseError, match=r"took longer than 0\.4 seconds"):
            parser.parse([b"x"], suffix=".hang", name="x")
        assert parser.parse([b"still here"], suffix=".txt", name="next").text == "still here"
        assert parser.starts == 2


def test_a_child_lives_over_many_files_and_leaves_nothing_behind() -> None:
    before = set(psutil.Process().children())
    with Parser(LIMITS) as parser:
        for number in range(50):
            assert (
                parser.parse([f"text {number}".encode()], suffix=".txt", name="x").text
                == f"text {number}"
            )
        assert parser.starts == 1
        (child,) = set(psutil.Process().children()) - before
    assert not child.is_running()


def test_what_a_parser_prints_is_lost_and_of_its_parents_environment_it_sees_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1")
    with own_parser(tmp_path, LIMITS) as parser:
        found = parser.parse([b"x"], suffix=".chatter", name="x")
    assert found.text == "fine"
    assert not [
        key
        for key in found.meta["keys"]
        if key not in ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH")
    ]


def test_a_huge_line_is_read_up_to_the_limit_and_marked(parser: Parser) -> None:
    before = psutil.Process().memory_info().rss
    found = parser.parse((b"word " * 50_000 for _ in range(80)), suffix=".txt", name="long.txt")
    assert len(found.text) == LIMITS.characters
    assert found.meta["truncated"] is True
    assert psutil.Process().memory_info().rss - before < 50 << 20


def test_a_small_pdf_is_read_with_its_pages(parser: Parser) -> None:
    found = parser.parse([small_pdf()], suffix=".PDF", name="bees.pdf")
    assert found.text == "They dance in the dark hive."
    assert found.meta["pages"] == [0]


def test_an_error_of_whoever_gives_the_bytes_passes_and_ends_the_child(parser: Parser) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ParseError("It has too many bytes.")

    with pytest.raises(ParseError, match="too many bytes"):
        parser.parse(broken(), suffix=".txt", name="x")
    assert parser.parse([b"still here"], suffix=".txt", name="next").text == "still here"


def test_a_child_that_is_ended_from_outside_is_not_the_fault_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "victims.py").write_text(
        "import os, signal\ndef victim(data): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with Parser(LIMITS, formats={".victim": "victims:victim"}, paths=[str(tmp_path)]) as parser:
        with pytest.raises(SourceError, match="ended from outside") as caught:
            parser.parse([b"x"], suffix=".victim", name="x")
        assert not isinstance(caught.value, ParseError)
        assert parser.parse([b"still here"], suffix=".txt", name="next").text == "still here"


def test_a_closed_parser_reads_nothing() -> None:
    parser = Parser()
    parser.close()
    with pytest.raises(ParseError, match="closed"):
        parser.parse([b"x"], suffix=".txt", name="x")
    assert parser.starts == 0


def test_an_unknown_kind_is_refused_without_a_child() -> None:
    parser = Parser()
    with pytest.raises(ParseError, match=r"of a kind that cannot be read \(\.xyz\)"):
        parser.parse([b"x"], suffix=".xyz", name="x")
    assert parser.starts == 0


def test_a_child_is_ready_within_a_tenth_of_a_second_of_processor_time_and_loads_nothing_heavy(
    tmp_path: Path,
) -> None:
    (tmp_path / "modules.py").write_text(
        "import sys\nfrom sentient_kernel.sources.parser.common import ParsedText\n"
        "def look(data): return ParsedText('x', '', {'modules': sorted(sys.modules)})\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Parser(LIMITS, formats={".look": "modules:look"}, paths=[str(tmp_path)]) as parser:
        parser.parse([b"plain"], suffix=".txt", name="x")
        loaded = parser.parse([b"x"], suffix=".look", name="x").meta["modules"]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.1
    heavy = {
        "pydantic",
        "anyio",
        "apsw",
        "httpx",
        "pandas",
        "numpy",
        "pypdfium2",
        "selectolax",
        "asyncio",
        "ast",
        "zipfile",
        "email",
    }
    assert not heavy & {name.partition(".")[0] for name in loaded}
    assert {name for name in loaded if name.startswith("sentient_kernel")} == {
        "sentient_kernel",
        "sentient_kernel.sources",
        "sentient_kernel.sources.parser",
        "sentient_kernel.sources.parser.bounds",
        "sentient_kernel.sources.parser.common",
        "sentient_kernel.sources.parser.main",
        "sentient_kernel.sources.parser.plain",
        "sentient_kernel.version",
    }
