"""What each format gives: its text as a reader sees it, its title, and where its pages start."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from sentient_kernel.sources.parser import html, office, pdf, plain
from sentient_kernel.sources.parser.common import Unreadable, clean, decode, joined_pages

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'


def zipped(**entries: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        (b"\xef\xbb\xbfbom", "bom"),
        ("süß".encode("utf-16"), "süß"),
        (b"\xfe\xff" + "süß".encode("utf-16-be"), "süß"),
        ("süß".encode("utf-32"), "süß"),
        ("Señor".encode("latin-1"), "Señor"),
        ("“quoted”".encode("cp1252"), "“quoted”"),
        (
            b"mostly \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 fine, one \xff broken",
            "mostly ééééé fine, one � broken",
        ),
    ],
)
def test_text_is_decoded_by_mark_then_utf8_then_western(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize("data", [b"a\0b", bytes(range(1, 32)) * 40])
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable, match="not text"):
        decode(data)


def test_cleaning_twice_changes_nothing_more() -> None:
    text = clean("a \r\n\r\n \t\n\n\nb\x07\ud800c\ffin\r")
    assert text == clean(text)
    assert text == "a\n\nb�c\nfin\n"


def test_cleaning_takes_time_in_proportion_to_long_white_space() -> None:
    assert clean(" " * 300_000 + "x" + "\t" * 300_000 + "\n").strip() == "x"


def test_pages_start_where_their_text_starts_also_after_empty_ones() -> None:
    text, starts = joined_pages(["  one\n\n\n", "", "three"])
    assert text == "one\n\nthree"
    assert [text[start : start + 5] for start in starts] == ["one\n\n", "three", "three"]


@pytest.mark.parametrize(
    ("read", "data", "title"),
    [
        (plain.markdown, "# A *fine* day #\n\ntext", "A *fine* day"),
        (plain.markdown, "---\ntitle: 'From the front'\n---\n# Heading\n", "From the front"),
        (plain.markdown, "Under\n=====\n\ntext", "Under"),
        (plain.markdown, "# [Link](https://x.example) and `code`\n", "Link and code"),
        (plain.rest, "PEP: 8\nTitle: Style Guide\n\nbody", "Style Guide"),
        (plain.rest, "=======\nOver\n=======\n\nbody", "Over"),
        (plain.text, "Title of nothing\n\nbody", ""),
        (plain.python, '"""Counts bees.\n\nMore."""\nx = 1\n', "Counts bees"),
        (plain.python, "print 'python 2'\n", ""),
    ],
)
def test_a_title_comes_from_what_the_file_says_of_itself(read, data: str, title: str) -> None:  # type: ignore[no-untyped-def]
    assert read(data.encode()).title == title


def test_front_matter_is_not_part_of_the_text() -> None:
    assert plain.markdown(b"---\ntitle: x\n---\nBody.").text == "Body."


def test_python_source_is_read_in_its_own_encoding_and_never_run() -> None:
    found = plain.python(
        "# -*- coding: latin-1 -*-\nname = 'Señor'\nraise SystemExit\n".encode("latin-1")
    )
    assert "Señor" in found.text


def test_rows_of_a_table_name_their_columns() -> None:
    assert (
        plain.table(b'name,born,note\nAda,1815,"first, of all"\nAlan,1912,\n').text
        == "| name: Ada | born: 1815 | note: first, of all |\n| name: Alan | born: 1912 |"
    )
    assert plain.table(b"a;b\n1;2\n").text == "| a: 1 | b: 2 |"
    assert plain.tabbed(b"a\tb\n1\t2\n").text == "| a: 1 | b: 2 |"
    assert plain.table(b"1,2\n3,4\n").text == "| 1 | 2 |\n| 3 | 4 |"


def test_leaves_of_json_name_their_place() -> None:
    assert plain.json_text(b'{"a": [{"b": "bee"}, 2], "n": null}').text == "a[0].b: bee\na[1]: 2"
    assert plain.json_text(b'{"a": 1}\n{"a": 2}\n').text == "[0].a: 1\n[1].a: 2"


def test_a_notebook_gives_markdown_code_and_printed_text_without_colours() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Bees\n", "They dance."]},
        {
            "cell_type": "code",
            "source": "1 + 1",
            "outputs": [
                {"data": {"text/plain": ["2"], "image/png": "xx"}},
                {"text": "\x1b[31mred\x1b[0m"},
            ],
        },
        {"cell_type": "code", "source": 7, "outputs": {"no": "list"}},
        "not a cell",
    ]
    found = plain.notebook(json.dumps({"cells": cells}).encode())
    assert found.title == "Bees"
    assert found.text == "# Bees\nThey dance.\n\n```\n1 + 1\n```\n\n2\n\nred"


def test_html_shows_what_a_reader_sees() -> None:
    page = b"""<html><head><title>T &amp; x</title><style>no</style></head><body><nav>menu</nav><h1>Head</h1><p>Hello <b>wor</b>ld<br>
    again here</p>    <ul><li>one<li>two</ul><table><tr><th>x<th>y
    <tr><td><p>1</p><p>a</p><td>2</table><script>no()</script><pre>a\n  b</pre><p hidden>no"""
    found = html.html(page)
    assert found.title == "T & x"
    assert (
        found.text
        == "Head\n\nHello world\nagain here\n\n- one\n- two\n| x | y |\n| 1 a | 2 |\n\na\n  b"
    )


def test_html_is_decoded_as_it_declares() -> None:
    assert html.html("<meta charset='iso-8859-2'><p>Łódź".encode("iso-8859-2")).text == "Łódź"


def test_word_gives_paragraphs_rows_and_notes_but_not_what_was_deleted() -> None:
    body = (
        f"<w:document {W}><w:body><w:p><w:pPr><w:pStyle"
        ' w:val="Heading1"/></w:pPr><w:r><w:t>Bees</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>They"
        " </w:t></w:r><w:del><w:r><w:delText>sing</w:delText></w:r></w:del><w:r><w:t>dance.</w:t></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        "</w:body></w:document>"
    )
    notes = (
        f"<w:footnotes {W}><w:footnote><w:p><w:r><w:t>A"
        " note.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    )
    core = '<c xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>Ada</dc:creator></c>'
    found = office.docx(
        zipped(
            **{"word/document.xml": body, "word/footnotes.xml": notes, "docProps/core.xml": core}
        )
    )
    assert (found.title, found.meta) == ("Bees", {"authors": "Ada"})
    assert found.text == "Bees\n\nThey dance.\n\n| a | b |\n\nA note."


def test_slides_come_in_the_order_of_the_presentation_with_their_offsets() -> None:
    def slide(text: str) -> str:
        return f"<p:sld xmlns:p='p' {A}><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>"

    relations = (
        "<R><Relationship Id='r1' Target='slides/slide1.xml'/><Relationship Id='r2'"
        " Target='slides/slide2.xml'/></R>"
    )
    found = office.pptx(
        zipped(
            **{
                "ppt/presentation.xml": (
                    "<p:p xmlns:p='p' xmlns:r='r'><p:sldId id='9' r:id='r2'/><p:sldId id='8'"
                    " r:id='r1'/></p:p>"
                ),
                "ppt/_rels/presentation.xml.rels": relations,
                "ppt/slides/slide1.xml": slide("Second said"),
                "ppt/slides/slide2.xml": slide("First said"),
            }
        )
    )
    assert found.text == "First said\n\nSecond said"
    assert [found.text[start:].split("\n")[0] for start in found.meta["pages"]] == [
        "First said",
        "Second said",
    ]


def test_sheets_keep_their_columns_apart_where_cells_are_empty() -> None:
    strings = "<sst><si><t>name</t></si><si><t>town</t></si><si><r><t>A</t></r><r><t>da</t></r></si></sst>"
    sheet = (
        "<worksheet><row><c r='A1' t='s'><v>0</v></c><c r='B1'><v>note</v></c><c r='C1'"
        " t='s'><v>1</v></c></row><row><c r='A2' t='s'><v>2</v></c><c r='C2'"
        " t='inlineStr'><is><t>London</t></is></c></row></worksheet>"
    )
    found = office.xlsx(
        zipped(**{"xl/sharedStrings.xml": strings, "xl/worksheets/sheet1.xml": sheet})
    )
    assert found.text == "| name: Ada | town: London |"


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    package = (
        "<package><metadata"
        " xmlns:dc='d'><dc:title>Hive</dc:title><dc:creator>Ada</dc:creator></metadata><manifest><item"
        " id='a' href='a.xhtml'/><item id='b' href='b%20c.xhtml'/><item id='x'"
        " href='../../etc/passwd'/></manifest><spine><itemref idref='b'/><itemref"
        " idref='x'/><itemref idref='a'/></spine></package>"
    )
    found = office.epub(
        zipped(
            **{
                "META-INF/container.xml": "<c><rootfile full-path='OPS/p.opf'/></c>",
                "OPS/p.opf": package,
                "OPS/a.xhtml": "<!DOCTYPE html><html><body><p>Last.</p></body></html>",
                "OPS/b c.xhtml": "<html><body><p>First.</p></body></html>",
            }
        )
    )
    assert (found.title, found.text, found.meta) == (
        "Hive",
        "First.\n\nLast.",
        {"pages": [0, 8], "authors": "Ada"},
    )


def test_lines_of_a_pdf_page_are_joined_to_paragraphs_and_divided_words_made_whole() -> None:
    page = (
        "A heading\r\nThe bees of the valley dance when they come home and tell the oth\ufffe\r\n"
        "ers where the flowers are, which way to fly and how far it is. They\r\nrest.\r\n"
        "1. The first item of a list that is as long as other lines are here\r\n2. Short."
    )
    assert pdf.paragraphs(page).split("\n\n") == [
        "A heading",
        (
            "The bees of the valley dance when they come home and tell the others where the flowers"
            " are, which way to fly and how far it is. They rest."
        ),
        "1. The first item of a list that is as long as other lines are here",
        "2. Short.",
    ]
