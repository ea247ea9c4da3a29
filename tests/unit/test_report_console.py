"""What a report looks like in a terminal: drawn, wrapped, and the same words whether there are
colours or not.
"""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from test_report_drawing import HOSTILE, LINKS, report

from sentient_kernel.report.console import WIDEST, draw
from sentient_kernel.report.escape import visible
from sentient_kernel.report.report import Report

CODES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")


def drawn(made: Report, width: int = 80, *, colours: bool = False) -> str:
    out = io.StringIO()
    system = "truecolor" if colours else None
    console = Console(file=out, width=width, force_terminal=colours, color_system=system)  # type: ignore[arg-type]
    draw(made, console)
    return out.getvalue()


def words(text: str) -> str:
    return re.sub(r"\s+|[│]", "", text)


def test_headings_quotations_lists_and_marks_are_drawn_and_no_markdown_is_left() -> None:
    shown = drawn(report("Bees fly far."), 90)
    assert shown.startswith(
        "Bees fly far.\n\nBees fly far.[1][2]\n\n1 of 2 quotes stand at their place · 1 sentence"
        " unsupported\n"
    )
    assert "\n    │ “Bees fly far.”\n    https://example.org/a · characters 3 to 9\n" in shown
    assert (
        "[2] Bees fly far. · at its place" in shown
        and "[1] Bees fly far. · not at its place" in shown
    )
    assert (
        "\n  - Bees fly far.: 2 documents, 3 passages found, 2 cited, 1 not read. Bees fly far.\n"
        in shown
    )
    assert "(unsupported: Bees fly far.)" in shown
    assert not re.search(r"^#|\*\*|\[\^|\\|</?\w", shown, re.M)


@pytest.mark.parametrize("width", [20, 44, 80, 300])
def test_no_line_is_wider_than_the_terminal_or_than_is_read_with_ease(width: int) -> None:
    shown = drawn(report("Ein langer Satz über Bienen, 蜜蜂飞行距离很远。 " * 6 + "x" * 200), width)
    assert max(cell_len(line) for line in shown.splitlines()) <= min(width, WIDEST)


@pytest.mark.parametrize(
    "outside",
    [*HOSTILE, "[bold]x[/bold] [link=http://e.vil]y[/link] :smile:", "\x1b[2J\x1b]0;t\x07\r\b"],
)
def test_outside_text_is_shown_as_it_is_with_colours_or_without(outside: str) -> None:
    plain, coloured = drawn(report(outside), 300), drawn(report(outside), 300, colours=True)
    assert words(visible(outside)) in words(plain)
    assert CODES.sub("", coloured) == plain
    assert plain.isprintable() or set(filter(lambda c: not c.isprintable(), plain)) == {"\n"}


def test_plain_http_addresses_can_be_followed_and_no_others() -> None:
    assert "\x1b]8;" in drawn(report(uri="https://example.org/a;b?c=d"), colours=True)
    for uri in LINKS:
        assert "\x1b]8;" not in drawn(report(uri=uri), colours=True)


def test_a_terminal_that_knows_ascii_alone_gets_a_bar_it_can_show() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    draw(report("Bees."), Console(file=out, width=60))
    out.flush()
    assert b"    | \\u201cBees.\\u201d\n" in out.buffer.getvalue()  # type: ignore[attr-defined]
