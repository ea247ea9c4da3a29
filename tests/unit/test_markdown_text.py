"""Text from outside in Markdown: whatever it is, every reader draws just that text; and where it is
plain, it stands as it was.
"""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from test_report_drawing import HOSTILE

from sentient_kernel.report.escape import visible
from sentient_kernel.report.markdown import text

PLAIN = [
    "Reduce with axis=0, or axis=1.",
    "pandas==3.1.1 and numpy>=2.4",
    "test_distutils calls os.path.join_all and read_csv",
    "a < b, p<0.05, 3 > 2, x <- 5, 2 * 3 = 6",
    "~5 km, AT&T, R&D, 50% + 10%; $",
    "https: see 10:30; C# and F#; (a) {b} | c ^ d! Really?",
    "-5 degrees, +3 more, 1.5 km, 2019.5, 3)",
    r"C:\Bees\wing, \d+ and \w",
    "a @ b, x@y, @decorator, a//b, // comment",
]
READERS = {
    "commonmark": MarkdownIt("commonmark", {"html": True}),
    "gfm": MarkdownIt("gfm-like", {"html": True}),
}
READERS["gfm"].linkify.set({"fuzzy_link": False})  # GFM links no bare names such as README.md
PLACES = [
    "{}",
    "# {}",
    "**{}**",
    "- **{}**: all",
    "- {}: all",
    "> {}",
    "[{}](<https://example.org>)",
    "Then “{}”",
    "*(unsupported: {})*",
]
FRAGMENTS = [
    *"*_`~[]()<>#+-=|!&;:@/\\$ .1a\n\t{}^\u00a0\u2028é漢\u0301\u202e",
    "**",
    "__",
    "~~",
    "~~~",
    "```",
    "<b>",
    "</b>",
    "<!--",
    "-->",
    "&amp;",
    "&#60;",
    "](x)",
    "[^1]",
    "![",
    "http://a.bc",
    "www.a.bc",
    "ftp://x",
    "a@b.cd",
    "mailto:",
    "1. ",
    "- ",
    "---",
    "===",
    "| a |\n|---|\n",
    "\\(",
    "javascript:",
    "<a@b>",
    "//a.bc",
]
mixed = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)


class Words(HTMLParser):
    """Collects the text of a page, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")


@pytest.mark.parametrize("plain", PLAIN)
def test_what_would_be_read_as_no_markup_is_not_escaped(plain: str) -> None:
    assert text(plain).replace("\\$", "$") == plain


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("outside", [*HOSTILE, *PLAIN])
def test_text_is_drawn_as_itself_wherever_it_stands(outside: str, place: str, reader: str) -> None:
    drawn, model = (
        Words(READERS[reader].render(place.format(text(outside)))),
        Words(READERS[reader].render(place.format("x"))),
    )
    assert drawn.text.strip() == model.text.replace("x", visible(outside), 1).strip()
    assert drawn.tags == model.tags


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.text(max_size=40), mixed),
    st.sampled_from(PLACES),
    st.sampled_from(sorted(READERS)),
)
def test_any_text_is_drawn_as_itself_and_adds_no_markup(
    outside: str, place: str, reader: str
) -> None:
    if visible(outside):
        test_text_is_drawn_as_itself_wherever_it_stands(outside, place, reader)


def test_long_runs_of_marks_cost_no_more_than_their_length() -> None:
    for mark in ("*_", "<1", "&#", "a@", "www.", "[", "\\", "~ ", "//a", " #", "- "):
        assert len(text(mark * 50_000)) < 300_000
