"""HTML by selectolax: what a reader sees, block by block."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .common import ParsedText, Unreadable, clean, decode, one_line

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_DROPPED = (
    "script,style,noscript,template,nav,iframe,object,embed,svg,canvas,form,button,select,"
    "[hidden],[aria-hidden=true]"
)
_BLOCKS = frozenset(
    """address article aside blockquote body caption center dd details dialog div dl dt fieldset
        figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup html li main ol p pre section
        summary table tbody tfoot thead tr ul""".split()
)
_DEEPEST = 2_000
Place = tuple[tuple[int, str], int, int]
_CHARSET = re.compile(rb"charset[ \t]{0,5}=[ \t]{0,5}[\"']?([-\w]{1,40})", re.IGNORECASE)


def html(data: bytes) -> ParsedText:
    """Reads HTML or XHTML: headings, paragraphs, lists and rows of tables; no scripts, styles or
    navigation.
    """
    from selectolax.lexbor import LexborHTMLParser

    return shown(LexborHTMLParser(decoded(data)))


def shown(tree: LexborHTMLParser) -> ParsedText:
    """Reads a page that is parsed; what is not shown is taken out of it."""
    title = tree.css_first("title")
    name = one_line(title.text()) if title is not None else ""
    for node in tree.css(_DROPPED):
        node.decompose()
    if not name and (heading := tree.css_first("h1")) is not None:
        name = one_line(heading.text())
    body = tree.body
    return ParsedText(clean(_blocks(body)).strip() if body is not None else "", name)


def decoded(data: bytes, charset: str = "") -> str:
    """Decodes a page by its mark, by what its server says, by what it says itself, else as any
    text.
    """
    declared = _CHARSET.search(data, 0, 2_048)
    itself = declared[1].decode() if declared and b"\0" not in data else ""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        for named in filter(None, (charset, itself)):
            try:
                return data.decode(named)
            except (LookupError, UnicodeError):
                pass
    return decode(data)


def _blocks(body: Any) -> str:
    """Joins the texts under a node: what stands in one block is one line, cells of a row are
    divided by bars.
    """
    lines: list[str] = []
    held: list[str] = []
    here: tuple[int, str] = (0, "")
    cell = [0, 0]
    known: dict[int, Place] = {}
    for node in body.traverse(include_text=True):
        tag = node.tag
        if tag == "br":
            held.append("\n")
        if tag != "-text":
            continue
        content = node.text_content or ""
        around = node.parent.mem_id
        block, *inner = known.get(around) or known.setdefault(around, _places(node))
        if block[0] != here[0]:
            _close(lines, held, here[1])
            here, cell = block, inner
        elif inner != cell:
            held.append(" | " if inner[0] != cell[0] else " ")
            cell = inner
        held.append(content if here[1] == "pre" else re.sub(r"\s+", " ", content))
    _close(lines, held, here[1])
    return "\n".join(lines)


def _places(node: Any) -> Place:
    """Returns the block that a text stands in, as (identity, tag), the identity of its table cell,
    and that of its block in the cell (0 outside of tables).

    What stands in a cell belongs to its row, however many paragraphs the cell holds.
    """
    block: tuple[int, str] = (0, "")
    cell = 0
    parent = node
    for _ in range(_DEEPEST):
        parent = parent.parent
        if parent is None:
            return block, 0, 0
        tag = parent.tag
        if tag in ("td", "th") and not cell:
            cell = parent.mem_id
        elif tag == "tr" and cell:
            return (parent.mem_id, tag), cell, block[0]
        elif tag in _BLOCKS and not block[0]:
            block = (parent.mem_id, tag)
    raise Unreadable("is nested too deeply to be read")


def _close(lines: list[str], held: list[str], tag: str) -> None:
    """Ends a block: its text becomes a line, with an empty one before what starts something new."""
    content = "".join(held)
    held.clear()
    if tag != "pre":
        content = "\n".join(" ".join(line.split()) for line in content.split("\n"))
    if not content.strip():
        return
    if tag == "tr":
        lines.append(f"| {content.strip(' |')} |")
    elif tag in ("li", "dt"):
        lines.append(f"- {content.strip()}")
    else:
        lines += ["", content.strip("\n"), ""]
