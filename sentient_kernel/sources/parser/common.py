"""What all formats share: the value that they return, the refusal, and clean text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

PAGE_BREAK = "\n\n"
_GAPS = re.compile(r"\n{3,}")
# str.translate takes three times as long
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufeff]+")
_CONTROLS_BYTES = bytes(
    code for code in [*range(0x00, 0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)]
)


class Unreadable(Exception):
    """A file cannot be read as what it claims to be; the message completes "NAME ..."."""


class ParsedText(NamedTuple):
    """The text of a file, with the title that it gives itself ("" where it gives none) and what
    else is known of it.
    """

    text: str
    title: str = ""
    meta: Mapping[str, Any] = MappingProxyType({})


def decode(data: bytes) -> str:
    """Returns bytes as text: by their mark, else as UTF-8, else as the Western code page that all
    bytes fit.

    Raises:
        Unreadable: The bytes are not text.
    """
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8"),
        (b"\xff\xfe\x00\x00", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff")
    if b"\0" in data:
        raise Unreadable("is not text: it holds NUL bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = _decode_damaged(data)
    sample = data[:65_536]
    if len(sample) - len(sample.translate(None, _CONTROLS_BYTES)) > max(2, len(sample) // 100):
        raise Unreadable("is not text: it is full of control characters")
    return text


def _decode_damaged(data: bytes) -> str:
    """Tells UTF-8 with a few broken bytes from text in an older encoding."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - broken
    if whole > 4 * broken:
        return text
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def clean(text: str) -> str:
    """Returns text with one kind of line end and without what cannot be shown or stored: controls,
    lone surrogates, long gaps.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    text = _CONTROLS.sub("", text)
    if not text.isascii():
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if " \n" in text or "\t\n" in text:
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return _GAPS.sub("\n\n", text)


def one_line(text: str, longest: int = 200) -> str:
    """Returns text on one line, cut at a word when it is too long."""
    text = " ".join(text[: longest * 8].split())
    if len(text) <= longest:
        return text
    return text[:longest].rsplit(" ", 1)[0] + " …"


def row(cells: Iterable[str]) -> str:
    """Returns a row of a table as a line of its own, or "" when all its cells are empty."""
    filled = [" ".join(cell.split()) for cell in cells]
    return "| " + " | ".join(filled) + " |" if any(filled) else ""


def named_row(header: list[str], cells: list[str]) -> str:
    """Returns a row with the name of its column before each cell; empty cells are left out."""
    names = header + [""] * (len(cells) - len(header))
    return row(
        f"{name}: {cell}" if name else cell
        for name, cell in zip(names, cells, strict=False)
        if cell.strip()
    )


def joined_pages(pages: Iterable[str]) -> tuple[str, list[int]]:
    """Joins pages to one text and returns it with the offset at which each page starts."""
    starts: list[int] = []
    kept: list[str] = []
    at = 0
    for page in pages:
        starts.append(at)
        if page := clean(page).strip():
            kept.append(page)
            at += len(page) + len(PAGE_BREAK)
    return PAGE_BREAK.join(kept), starts
