"""Reports as Word files and notebooks: they open, they hold every sentence and quote, and hostile
text stays text.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import docx
import nbformat
import pytest
from test_report_values import report

HOSTILE = '<script>alert(1)</script> \x00\x0b\u202e =HYPERLINK("http://x") {\\rtf} <w:p/>'


def words(path: Path) -> str:
    return "\n".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)


def test_a_word_file_holds_every_sentence_and_every_quote(tmp_path: Path) -> None:
    made = report()
    text = words(made.save(tmp_path / "r.docx"))
    assert made.question in text
    for claim in made.claims:
        assert claim.text in text
    for citation in made.citations:
        assert " ".join(citation.quote.split()) in text


def test_a_word_file_takes_hostile_text_as_text_and_holds_no_link(tmp_path: Path) -> None:
    made = report()
    claims = tuple(
        replace(
            claim,
            text=HOSTILE,
            citations=tuple(
                replace(c, title=HOSTILE, uri="javascript:alert(1)") for c in claim.citations
            ),
        )
        for claim in made.claims
    )
    path = replace(made, claims=claims, question=HOSTILE).save(tmp_path / "r.docx")
    assert "<script>alert(1)</script>" in words(path)
    with zipfile.ZipFile(path) as file:
        assert b"hyperlink" not in file.read("word/document.xml")
        assert b'TargetMode="External"' not in file.read("word/_rels/document.xml.rels")


def test_the_same_report_gives_a_notebook_that_is_valid_and_the_same(tmp_path: Path) -> None:
    made = replace(report(), run_id="0199-run")
    first, second = (
        made.save(tmp_path / "a.ipynb").read_text(),
        made.save(tmp_path / "b.ipynb").read_text(),
    )
    assert first == second
    notebook = nbformat.reads(first, as_version=4)
    nbformat.validate(notebook)
    assert made.claims[0].text.split()[0] in notebook.cells[0].source
    assert "wb.run('0199-run')" in notebook.cells[-1].source
    assert all(not cell.get("outputs") for cell in json.loads(first)["cells"])


@pytest.mark.parametrize("name", ["r.docx", "r.ipynb"])
def test_an_abstained_report_can_be_saved_too(tmp_path: Path, name: str) -> None:
    made = replace(
        report(), claims=(), abstained=True, answer="Nothing in the sources answers this."
    )
    assert made.save(tmp_path / name).stat().st_size > 100
