"""What a report looks like to a browser and to a Markdown reader, also when everything in it is
hostile.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

from sentient_kernel.ids import DocumentId
from sentient_kernel.report.escape import link, visible
from sentient_kernel.report.report import Citation, Claim, Disagreement, Gap, Report, SourceNote

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</mark></details></section><iframe src=//evil.example>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus=alert(1) '",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "<https://evil.example>",
    "https://evil.example/beacon",
    "www.evil.example and me@evil.example",
    "`code` **bold** _it_ ~~gone~~ $math$ | a | b |",
    "# heading\n\n- list\n\n> quote\n\n```\nfence\n```",
    "1. item",
    "[^1]: note\n[x]: https://evil.example",
    "&lt;script&gt; &#60;img&#62;",
    "<!-- comment -->",
    "<a href=javascript:alert(1)>x</a>",
    "\\<b>\\",
]
LINKS = [
    "javascript:alert(1)",
    "data:text/html,<script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//evil.example",
    "https://a@evil.example/",
]


def report(outside: str = "Plain text.", uri: str = "https://example.org/a") -> Report:
    first = Citation(
        document=DocumentId("d1"),
        title=outside,
        uri=uri,
        start=3,
        end=9,
        quote=outside,
        before=outside,
        after=outside,
    )
    second = replace(first, document=DocumentId("d2"), start=5, placed=True, verified=True)
    claims = (
        Claim(text=outside, verdict="supported", citations=(first, second), lead=True),
        Claim(text=outside, verdict="unsupported", part=1, reason=outside),
        Claim(text="Third.", verdict="supported", citations=(second,), part=1),
    )
    return Report(
        question=outside,
        answer=outside,
        claims=claims,
        parts=(outside, outside),
        sources=(
            SourceNote(
                source=outside,
                documents=2,
                found=3,
                cited=1,
                refused=((outside, outside),),
                reason=outside,
            ),
        ),
        unanswered=(Gap(question=outside, reason=outside, sources=((outside, outside),)),),
        disagreements=(Disagreement(kind="number", why=outside, sides=(claims[0], claims[2])),),
    )


def tree(made: Report) -> LexborHTMLParser:
    return LexborHTMLParser(made.to_html())


@pytest.mark.parametrize("outside", HOSTILE)
def test_hostile_text_adds_no_element_and_no_attribute_to_the_html(outside: str) -> None:
    def shape(made: Report) -> list[tuple[str | None, tuple[str, ...]]]:
        return [(node.tag, tuple(sorted(node.attributes))) for node in tree(made).css("*")]

    assert shape(report(outside)) == shape(report("x" * 8))


@pytest.mark.parametrize("outside", HOSTILE)
def test_hostile_text_is_readable_as_text_in_the_html(outside: str) -> None:
    assert visible(outside) in tree(report(outside)).css_first(".q").text()


@pytest.mark.parametrize("uri", LINKS)
def test_only_plain_http_addresses_are_links(uri: str) -> None:
    links = [node.attributes["href"] or "" for node in tree(report(uri=uri)).css("a")]
    assert links and all(href.startswith("#sk-") for href in links)
    assert uri in tree(report(uri=uri)).css_first(".at").text()
    assert "](<" not in report(uri=uri).to_markdown()


@pytest.mark.parametrize("outside", HOSTILE)
def test_hostile_text_becomes_no_markup_in_markdown(outside: str) -> None:
    reader = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(
        ["table", "strikethrough"]
    )

    def shape(text: str) -> list[str]:
        kinds = []
        for token in reader.parse(report(text, uri="notes/a.txt").to_markdown()):
            kinds.append(token.type)
            kinds += [
                child.type
                for child in token.children or []
                if child.type not in ("text", "text_special")
            ]
        return kinds

    assert shape(outside) == shape("x" * 8)


@pytest.mark.parametrize(
    "outside", ["https://evil.example/beacon", "www.evil.example and me@evil.example"]
)
def test_bare_addresses_are_broken_up_for_readers_that_link_them(outside: str) -> None:
    assert not re.search(
        r"https://evil|www\.evil|\w@evil", report(outside, uri="a.txt").to_markdown()
    )


def test_characters_that_reorder_or_hide_text_are_spelled_out() -> None:
    made = report("safe\u202egpj.exe \u200bx\x00\u2066y\ud800")
    for drawn in (made.to_html(), made.to_markdown()):
        assert not set(drawn) & set("\u202e\u200b\x00\u2066\ud800")
    assert "<U+202E>" in tree(made).css_first(".q").text()


def test_joiners_stay_where_a_script_needs_them() -> None:
    assert visible("می\u200cخواهم") == "می\u200cخواهم"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_draws_and_adds_no_element(text: str) -> None:
    made = report(text)
    assert len(tree(made).css("*")) <= len(tree(report("x")).css("*"))
    assert isinstance(made.to_markdown(), str)


def test_every_citation_number_leads_to_its_quote() -> None:
    html = tree(report("Some text."))
    targets = {node.attributes["id"]: node.text() for node in html.css(".quote")}
    used = [(node.attributes["href"] or "")[1:] for node in html.css("a.cite")]
    assert used and set(used) <= set(targets)
    assert all("Some text." in text for text in targets.values())


def test_ids_of_two_reports_on_one_page_differ() -> None:
    def ids(made: Report) -> set[str | None]:
        return {node.attributes["id"] for node in tree(made).css("[id]")}

    assert not ids(report("One.")) & ids(report("Two."))


def test_html_is_the_same_each_time_and_loads_nothing() -> None:
    made = report()
    assert made.to_html() == Report.from_dict(made.to_dict()).to_html()
    assert not re.search(r"<script|<link|<img|\bsrc=|url\(|@import|\bon\w+=", made.to_html())


def test_unsupported_sentence_is_marked_and_counted() -> None:
    html = tree(report("Odd."))
    assert (
        html.css_first(".weak").text() == "Odd." and "unsupported" in html.css_first(".tag").text()
    )
    assert "1 sentence unsupported" in html.css_first(".bar").text()
    assert "*(unsupported" in report("Odd.").to_markdown()


def test_notes_on_disagreement_gaps_and_sources_are_there() -> None:
    shown = tree(report()).text()
    assert "Sources disagree." in shown and "Not found:" in shown and "Passages found" in shown


def test_report_that_abstains_says_so_first() -> None:
    made = Report(
        question="Why?",
        answer="Nothing in the sources answers this. The search found nothing.",
        abstained=True,
    )
    html = tree(made)
    assert html.css_first(".lead").text().startswith("Nothing in the sources answers this.")
    assert html.css_first(".state").text() == "Nothing found" and not html.css("aside")
    assert "**Nothing in the sources answers this." in made.to_markdown()


@pytest.mark.parametrize("uri", ["https://example.org/a?b=1&c=%20#d", "http://[::1]:8000/x"])
def test_plain_address_stays_a_link(uri: str) -> None:
    assert link(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        *LINKS,
        "https://",
        "https://exa mple.org",
        "http://[bad",
        "https://x.org:port/",
        "https://x.org/\nb",
        "HTTPS:/x",
    ],
)
def test_odd_address_is_no_link(uri: str) -> None:
    assert link(uri) == ""


def test_a_search_engine_is_not_said_to_hold_no_documents() -> None:
    found, none = (
        SourceNote(source="web", found=2, cited=1),
        SourceNote(source="papers", reason="It is empty."),
    )
    drawn = replace(report(), sources=(found, none)).to_markdown()
    assert "- **web**: 2 passages found, 0 cited." in drawn
    assert "- **papers**: 0 documents, 0 passages found, 0 cited. It is empty." in drawn


def test_citations_are_numbered_in_the_order_in_which_they_are_read_and_counted_alike() -> None:
    quotes = [
        Citation(document=DocumentId("d"), title="t", uri="a", start=n, end=n + 1, quote=f"q{n}")
        for n in range(4)
    ]
    last, first, second, third = (
        replace(one, source="b" if n else "a") for n, one in enumerate(quotes)
    )
    made = Report(
        question="?",
        claims=(
            Claim(text="Late.", part=1, citations=(last,)),
            Claim(text="Answer.", lead=True, citations=(first, second)),
            Claim(text="Early.", citations=(second, third)),
        ),
        parts=("?", "part"),
        sources=(SourceNote(source="a", found=1), SourceNote(source="b", found=1)),
    )
    for drawn in (tree(made).css_first(".rep>div").text(), made.to_markdown().partition("##")[0]):
        numbers = [int(n) for n in re.findall(r"\[\^?(\d)\]", drawn)]
        assert list(dict.fromkeys(numbers)) == sorted(set(numbers)), drawn
    counts = [int(row.css("td")[4].text()) for row in tree(made).css("table tr")[1:]]
    assert counts == [1, 3] and sum(counts) == len(made.citations) == 4
    assert "- **b**: 1 passage found, 3 cited." in made.to_markdown()
