"""Word, PowerPoint, Excel and EPUB: what a reader sees of them, in its order."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from .archive import Archive, walk
from .bounds import ITEMS as MOST_PARTS
from .common import ParsedText, Unreadable, clean, joined_pages, one_line, row
from .plain import rows_as_text


def docx(data: bytes) -> ParsedText:
    """Reads a Word document: paragraphs, and tables row by row; footnotes at the end. What was
    deleted stays deleted.
    """
    archive = Archive(data, "Word")
    title, meta = _properties(archive)
    lines, heading = _word_lines(archive.read("word/document.xml"))
    for notes in ("word/footnotes.xml", "word/endnotes.xml"):
        if notes in archive.names:
            lines += _word_lines(archive.read(notes))[0]
    return ParsedText(clean("\n\n".join(lines)), title or heading, meta)


def _word_lines(data: bytes) -> tuple[list[str], str]:
    """Returns the paragraphs and rows of a part of a Word document, and its first heading."""
    lines: list[str] = []
    held: list[str] = []
    cells: list[str] = []
    state = {"text": 0, "table": 0, "skip": 0, "heading": 0}
    title: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Fallback":
            state["skip"] += 1
        elif name == "t":
            state["text"] += 1
        elif name == "tab":
            held.append("\t")
        elif name in ("br", "cr"):
            held.append("\n")
        elif name == "tbl":
            state["table"] += 1
        elif name == "tc" and state["table"] == 1:
            cells.append("")
        elif name == "pStyle" and re.match(
            r"(?:Title|Heading ?1|berschrift1|Titel|Titre)", attributes.get("val", "")
        ):
            state["heading"] = 1

    def end(name: str) -> None:
        if name == "Fallback":
            state["skip"] -= 1
        elif name == "t":
            state["text"] -= 1
        elif name == "p":
            content = "".join(held).strip()
            held.clear()
            if content and state["heading"] and not title:
                title.append(one_line(content))
            state["heading"] = 0
            if content and state["table"] and cells:
                cells[-1] = f"{cells[-1]} {content}".strip()
            elif content:
                lines.append(content)
        elif name == "tr" and state["table"] == 1:
            if line := row(cells):
                lines.append(line)
            cells.clear()
        elif name == "tbl":
            state["table"] -= 1

    def text(content: str) -> None:
        if state["text"] and not state["skip"]:
            held.append(content)

    walk(data, start, end, text)
    return lines, title[0] if title else ""


def pptx(data: bytes) -> ParsedText:
    """Reads slides in their order, each with its notes; ``meta["pages"]`` holds the offset at which
    each slide starts.
    """
    archive = Archive(data, "PowerPoint")
    title, meta = _properties(archive)
    names = _in_order(archive, "ppt/presentation.xml", "sldId", r"ppt/slides/slide(\d{1,6})\.xml")
    if not names:
        raise Unreadable("is not a readable PowerPoint file: it has no slides")
    slides: list[str] = []
    for name in names:
        lines = _drawn_lines(archive.read(name))
        notes = [
            target
            for target in _relations(archive, name).values()
            if "/notesSlides/" in target and target in archive.names
        ]
        lines += [
            line
            for note in notes
            for line in _drawn_lines(archive.read(note))
            if not line.isdigit()
        ]
        slides.append("\n\n".join(lines))
    content, starts = joined_pages(slides)
    first = slides[0].split("\n", 1)[0] if slides else ""
    return ParsedText(
        content,
        title if title and title != "PowerPoint Presentation" else one_line(first),
        {**meta, "pages": starts},
    )


def _drawn_lines(data: bytes) -> list[str]:
    """Returns the paragraphs of a slide."""
    lines: list[str] = []
    held: list[str] = []
    inside = [0]

    def start(name: str, _: dict[str, str]) -> None:
        if name == "t":
            inside[0] += 1
        elif name == "br":
            held.append("\n")

    def end(name: str) -> None:
        if name == "t":
            inside[0] -= 1
        elif name == "p":
            if content := "".join(held).strip():
                lines.append(content)
            held.clear()

    walk(data, start, end, lambda content: held.append(content) if inside[0] else None)
    return lines


def xlsx(data: bytes) -> ParsedText:
    """Reads the sheets of a workbook; every row becomes a line that names its columns."""
    archive = Archive(data, "Excel")
    title, meta = _properties(archive)
    shared = (
        _strings(archive.read("xl/sharedStrings.xml"))
        if "xl/sharedStrings.xml" in archive.names
        else []
    )
    names = _in_order(archive, "xl/workbook.xml", "sheet", r"xl/worksheets/sheet(\d{1,6})\.xml")
    if not names:
        raise Unreadable("is not a readable Excel file: it has no sheets")
    content, starts = joined_pages(
        rows_as_text(_cells(archive.read(name), shared)) for name in names
    )
    return ParsedText(content, title, {**meta, "pages": starts})


def _strings(data: bytes) -> list[str]:
    """Returns the strings that the cells of a workbook share."""
    found: list[str] = []
    inside = [0]

    def start(name: str, _: dict[str, str]) -> None:
        if name == "si":
            found.append("")
        inside[0] += name == "t"

    def end(name: str) -> None:
        inside[0] -= name == "t"

    def text(content: str) -> None:
        if inside[0] and found:
            found[-1] += content

    walk(data, start, end, text)
    return found


def _cells(data: bytes, shared: list[str]) -> list[list[str]]:
    """Returns the rows of a sheet, empty cells included."""
    rows: list[list[str]] = []
    state: dict[str, Any] = {"kind": "", "column": 0, "inside": False, "value": ""}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            rows.append([])
        elif name == "c":
            state.update(
                kind=attributes.get("t", ""), column=_column(attributes.get("r", "")), value=""
            )
        elif name in ("v", "t"):
            state["inside"] = True

    def end(name: str) -> None:
        if name in ("v", "t"):
            state["inside"] = False
        elif name == "c" and rows:
            value = state["value"]
            if state["kind"] == "s":
                value = shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
            line = rows[-1]
            line += [""] * (min(state["column"], 1_024) - len(line) - 1)
            line.append(value)

    def text(content: str) -> None:
        if state["inside"]:
            state["value"] += content

    walk(data, start, end, text)
    return [line for line in rows if any(line)]


def _column(reference: str) -> int:
    """Returns the number of a column: 1 for "A7", 28 for "AB7", 0 when it is not said."""
    number = 0
    for char in reference[:3]:
        if not "A" <= char <= "Z":
            break
        number = number * 26 + ord(char) - 64
    return number


def epub(data: bytes) -> ParsedText:
    """Reads the chapters of a book in their order; ``meta["pages"]`` holds the offset at which each
    chapter starts.
    """
    from .html import html

    archive = Archive(data, "EPUB")
    roots: list[str] = []
    walk(
        archive.read("META-INF/container.xml"),
        lambda n, a: roots.append(a.get("full-path", "")) if n == "rootfile" else None,
        lambda n: None,
    )
    if not roots:
        raise Unreadable("is not a readable EPUB file: it names no contents")
    items: dict[str, str] = {}
    order: list[str] = []
    known: dict[str, str] = {}
    here = [""]

    def start(name: str, attributes: dict[str, str]) -> None:
        here[0] = name
        if name == "item" and len(items) < MOST_PARTS:
            items[attributes.get("id", "")] = _inside(roots[0], attributes.get("href", ""))
        elif name == "itemref" and len(order) < MOST_PARTS:
            order.append(attributes.get("idref", ""))

    def text(content: str) -> None:
        if here[0] in ("title", "creator", "date") and content.strip():
            known.setdefault(here[0], one_line(content))

    walk(archive.read(roots[0]), start, lambda n: here.__setitem__(0, ""), text)
    chapters = dict.fromkeys(items[key] for key in order if items.get(key) in archive.names)
    content, starts = joined_pages(html(archive.read(name)).text for name in chapters)
    meta: dict[str, Any] = {"pages": starts}
    if "creator" in known:
        meta["authors"] = known["creator"]
    return ParsedText(content, known.get("title", ""), meta)


def _properties(archive: Archive) -> tuple[str, dict[str, Any]]:
    """Returns title and authors as a document states them."""
    known: dict[str, str] = {}
    here = [""]
    if "docProps/core.xml" in archive.names:
        walk(
            archive.read("docProps/core.xml"),
            lambda name, _: here.__setitem__(0, name),
            lambda _: here.__setitem__(0, ""),
            lambda content: (
                known.update({here[0]: known.get(here[0], "") + content}) if here[0] else None
            ),
        )
    meta = {"authors": one_line(known["creator"])} if known.get("creator", "").strip() else {}
    return one_line(known.get("title", "")), meta


def _in_order(archive: Archive, index: str, element: str, pattern: str) -> list[str]:
    """Returns the parts of a document in the order of its index, or by their number where the index
    does not say.
    """
    wanted: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == element and len(wanted) < MOST_PARTS:
            wanted.append(attributes.get("id", ""))

    if index in archive.names:
        walk(archive.read(index), start, lambda n: None)
    related = _relations(archive, index)
    listed = list(
        dict.fromkeys(related[key] for key in wanted if related.get(key) in archive.names)
    )
    numbered = sorted(
        (int(match[1]), name) for name in archive.names if (match := re.fullmatch(pattern, name))
    )
    return listed or [name for _, name in numbered]


def _relations(archive: Archive, part: str) -> dict[str, str]:
    """Returns what a part refers to inside the archive, by its ids."""
    folder, name = posixpath.split(part)
    listing = f"{folder}/_rels/{name}.rels"
    found: dict[str, str] = {}

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            found[attributes.get("Id", "")] = _inside(part, attributes.get("Target", ""))

    if listing in archive.names:
        walk(archive.read(listing), start, lambda n: None)
    return found


def _inside(part: str, target: str) -> str:
    """Returns the name of an entry that another one refers to."""
    from urllib.parse import unquote

    target = unquote(target.split("#", 1)[0])
    return posixpath.normpath(
        target.lstrip("/")
        if target.startswith("/")
        else posixpath.join(posixpath.dirname(part), target)
    )
