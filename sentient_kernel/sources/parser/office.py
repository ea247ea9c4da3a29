"""Word, PowerPoint, Excel and EPUB: what a reader sees of them, in its order."""

from __future__ import annotations

import posixpath
import re
from itertools import islice, takewhile
from string import ascii_uppercase
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from .archive import Archive, elements, whole_text
from .bounds import ITEMS as MOST_PARTS
from .common import ParsedText, Unreadable, clean, joined_pages, one_line, row
from .plain import rows_as_text

_SPACES = {"tab": "\t", "br": "\n", "cr": "\n"}
_HEADING = re.compile(r"(?:Title|Heading ?1|berschrift1|Titel|Titre)")


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
    title = ""

    def read(node: Element, tables: int) -> None:
        nonlocal title
        if node.tag == "t":
            held.append(node.text or "")
        elif node.tag in _SPACES:
            held.append(_SPACES[node.tag])
        elif node.tag == "tc" and tables == 1:
            cells.append("")
        for part in node:
            if part.tag != "Fallback":  # says once more what stands before it
                read(part, tables + (part.tag == "tbl"))
        if node.tag == "tr" and tables == 1:
            lines.append(row(cells))
            cells.clear()
        elif node.tag == "p":
            content = "".join(held).strip()
            held.clear()
            style = node.find("pPr/pStyle")
            if not title and style is not None and _HEADING.match(style.get("val", "")):
                title = one_line(content)
            if tables and cells:
                cells[-1] = f"{cells[-1]} {content}".strip()
            else:
                lines.append(content)

    for block in elements(data, "p", "tbl", "Fallback"):
        if block.tag != "Fallback":
            read(block, int(block.tag == "tbl"))
    return [line for line in lines if line], title


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
        for target in _relations(archive, name).values():
            if "/notesSlides/" in target and target in archive.names:
                notes = _drawn_lines(archive.read(target))
                lines += [line for line in notes if not line.isdigit()]
        slides.append("\n\n".join(lines))
    content, starts = joined_pages(slides)
    if not title or title == "PowerPoint Presentation":
        title = one_line(slides[0].split("\n", 1)[0])
    return ParsedText(content, title, {**meta, "pages": starts})


def _drawn_lines(data: bytes) -> list[str]:
    """Returns the paragraphs of a slide."""
    lines = (_written(paragraph, "t", "br").strip() for paragraph in elements(data, "p"))
    return [line for line in lines if line]


def _written(node: Element, *names: str) -> str:
    """Returns the text in the elements of some names below a node; a break is an end of line."""
    found = (part for part in node.iter() if part.tag in names)
    return "".join("\n" if part.tag == "br" else part.text or "" for part in found)


def xlsx(data: bytes) -> ParsedText:
    """Reads the sheets of a workbook; every row becomes a line that names its columns."""
    archive = Archive(data, "Excel")
    title, meta = _properties(archive)
    shared: list[str] = []
    if "xl/sharedStrings.xml" in archive.names:
        strings = elements(archive.read("xl/sharedStrings.xml"), "si")
        shared = [_written(string, "t") for string in strings]
    names = _in_order(archive, "xl/workbook.xml", "sheet", r"xl/worksheets/sheet(\d{1,6})\.xml")
    if not names:
        raise Unreadable("is not a readable Excel file: it has no sheets")
    content, starts = joined_pages(
        rows_as_text(_cells(archive.read(name), shared)) for name in names
    )
    return ParsedText(content, title, {**meta, "pages": starts})


def _cells(data: bytes, shared: list[str]) -> list[list[str]]:
    """Returns the rows of a sheet, empty cells included."""
    rows: list[list[str]] = []
    for each in elements(data, "row"):
        line: list[str] = []
        for cell in each.iter("c"):
            value = cell.findtext("v") or _written(cell, "t")
            if cell.get("t") == "s":
                value = shared[int(value)] if value.isdecimal() and int(value) < len(shared) else ""
            line += [""] * (min(_column(cell.get("r", "")), 1_024) - len(line) - 1)
            line.append(value)
        rows.append(line)
    return [line for line in rows if any(line)]


def _column(reference: str) -> int:
    """Returns the number of a column: 1 for "A7", 28 for "AB7", 0 when it is not said."""
    number = 0
    for char in takewhile(ascii_uppercase.__contains__, reference[:3]):
        number = number * 26 + ord(char) - 64
    return number


def epub(data: bytes) -> ParsedText:
    """Reads the chapters of a book in their order; ``meta["pages"]`` holds the offset at which each
    chapter starts.
    """
    from .html import html

    archive = Archive(data, "EPUB")
    container = elements(archive.read("META-INF/container.xml"), "rootfile")
    roots = [one.get("full-path", "") for one in container]
    if not roots:
        raise Unreadable("is not a readable EPUB file: it names no contents")
    (package,) = elements(archive.read(roots[0]))
    items = {
        one.get("id"): _inside(roots[0], one.get("href", ""))
        for one in islice(package.iter("item"), MOST_PARTS)
    }
    order = [items.get(one.get("idref")) for one in islice(package.iter("itemref"), MOST_PARTS)]
    chapters = dict.fromkeys(name for name in order if name in archive.names)
    content, starts = joined_pages(html(archive.read(name)).text for name in chapters)
    title, meta = _named(package)
    return ParsedText(content, title, {**meta, "pages": starts})


def _properties(archive: Archive) -> tuple[str, dict[str, Any]]:
    """Returns title and authors as a document states them."""
    if "docProps/core.xml" not in archive.names:
        return "", {}
    (properties,) = elements(archive.read("docProps/core.xml"))
    return _named(properties)


def _named(properties: Element) -> tuple[str, dict[str, Any]]:
    title, authors = (
        one_line(whole_text(properties, f".//{name}")) for name in ("title", "creator")
    )
    return title, {"authors": authors} if authors else {}


def _in_order(archive: Archive, index: str, element: str, pattern: str) -> list[str]:
    """Returns the parts of a document in the order of its index, or by their number where the index
    does not say.
    """
    wanted: list[str] = []
    if index in archive.names:
        listing = islice(elements(archive.read(index), element), MOST_PARTS)
        wanted = [one.get("id", "") for one in listing]
    related = _relations(archive, index)
    named = (related.get(key) for key in wanted)
    listed = list(dict.fromkeys(name for name in named if name in archive.names))
    numbered = sorted(
        (int(match[1]), name) for name in archive.names if (match := re.fullmatch(pattern, name))
    )
    return listed or [name for _, name in numbered]


def _relations(archive: Archive, part: str) -> dict[str, str]:
    """Returns what a part refers to inside the archive, by its ids."""
    folder, name = posixpath.split(part)
    listing = f"{folder}/_rels/{name}.rels"
    if listing not in archive.names:
        return {}
    return {
        one.get("Id", ""): _inside(part, one.get("Target", ""))
        for one in elements(archive.read(listing), "Relationship")
        if one.get("TargetMode") != "External"
    }


def _inside(part: str, target: str) -> str:
    """Returns the name of an entry that another one refers to."""
    target = unquote(target.split("#", 1)[0])
    return posixpath.normpath(
        target.lstrip("/")
        if target.startswith("/")
        else posixpath.join(posixpath.dirname(part), target)
    )
