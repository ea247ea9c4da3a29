"""PDF by pypdfium2: the text of each page with its lines joined to paragraphs, and where each page
starts.
"""

from __future__ import annotations

import re
from typing import Any

from .common import ParsedText, Unreadable, joined_pages, one_line

_MOST_PAGES = 5_000
_HYPHEN = re.compile("[\ufffe\x02]\r?\n?")
_STARTS_NEW = re.compile(
    r"[ \t]*(?:[-*\u2022\u2013\u25aa\u25cf][ \t]|\(?\d{1,3}[.)][ \t]|\d{1,2}(?:\.\d{1,2}){0,3}["
    r" \t]+[A-Z])"
)
_WORTHLESS = re.compile(
    r"^(?:untitled|document\d*|microsoft (?:word|powerpoint)|powerpoint"
    r" presentation|\(anonymous\)|title)\b"
    r"|\.(?:docx?|tex|dvi|indd|pptx?|rtf|p65|qxd)$",
    re.IGNORECASE,
)


def pdf(data: bytes) -> ParsedText:
    """Reads a PDF; ``meta["pages"]`` holds the offset at which each page's text starts."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        secret = "password" in str(error).lower() or "security" in str(error).lower()
        raise Unreadable(
            "is protected by a password"
            if secret
            else "is not a readable PDF: it is damaged or cut short"
        ) from None
    count = len(document)
    if count > _MOST_PAGES:
        raise Unreadable(
            f"has {count:,} pages, more than the {_MOST_PAGES:,} that are read from one file"
        )
    broken: list[int] = []
    content, starts = joined_pages(_page(document, number, broken) for number in range(count))
    if len(broken) == count:
        raise Unreadable("is not a readable PDF: none of its pages can be opened")
    if not content.strip():
        raise Unreadable(
            "holds no text, only pictures of pages; run text recognition (OCR) on it first"
        )
    known = document.get_metadata_dict(skip_empty=True)
    meta: dict[str, Any] = {"pages": starts}
    if known.get("Author"):
        meta["authors"] = one_line(known["Author"])
    if re.match(r"D:\d{4}", known.get("CreationDate", "")):
        meta["year"] = int(known["CreationDate"][2:6])
    if broken:
        meta["unreadable_pages"] = broken
    title = one_line(known.get("Title", ""))
    if len(title) < 4 or _WORTHLESS.search(title):
        title = _largest(document)
    return ParsedText(content, title, meta)


def _page(document: Any, number: int, broken: list[int]) -> str:
    """Returns the text of one page; a page that cannot be opened is noted and empty."""
    import pypdfium2

    try:
        page = document[number]
        textpage = page.get_textpage()
        content = str(textpage.get_text_range())
        textpage.close()
        page.close()
    except pypdfium2.PdfiumError:
        broken.append(number + 1)
        return ""
    return paragraphs(content)


def paragraphs(content: str) -> str:
    """Joins the lines of a page to paragraphs.

    A line that is nearly as long as most goes on in the next one, unless that one starts an item;
    words that were divided at a line's end are made whole.
    """
    lines = [line.strip() for line in _HYPHEN.sub("", content).replace("\r", "").split("\n")]
    lengths = sorted(len(line) for line in lines if line)
    if not lengths:
        return ""
    full = lengths[len(lengths) * 8 // 10] * 0.72
    out: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and line and not line.isdigit() and not _STARTS_NEW.match(line):
            out[-1] += " " + line
        elif line:
            out.append(line)
        goes_on = len(line) >= full
    return "\n\n".join(out)


def _largest(document: Any) -> str:
    """Returns the text in the largest letters of the first page, which mostly is the title; "" when
    nothing stands out.
    """
    import pypdfium2
    import pypdfium2.raw as raw

    try:
        textpage = document[0].get_textpage()
    except pypdfium2.PdfiumError:
        return ""
    runs: list[tuple[float, str]] = []
    for at in range(min(textpage.count_chars(), 2_000)):
        char = chr(raw.FPDFText_GetUnicode(textpage, at))
        size = round(raw.FPDFText_GetFontSize(textpage, at), 1)
        if runs and (char.isspace() or abs(runs[-1][0] - size) < 0.2):
            runs[-1] = (runs[-1][0], runs[-1][1] + char)
        else:
            runs.append((size, char))
    sizes = sorted({size for size, _ in runs}, reverse=True)
    for size in sizes[:3] if len(sizes) > 1 else []:
        found = " ".join(
            "".join(char for char in run if char.isprintable() or char.isspace())
            for s, run in runs
            if s == size
        ).strip()
        if 8 <= len(found) <= 250 and (len(found.split()) > 1 or size == sizes[0]):
            return one_line(found)
    return ""
