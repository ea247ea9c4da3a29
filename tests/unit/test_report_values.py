"""A report as a value: stored, read back, saved, shown in one line."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from sentient_kernel.errors import UsageError
from sentient_kernel.ids import DocumentId, RunId
from sentient_kernel.report.report import (
    Citation,
    Claim,
    Cost,
    Disagreement,
    Gap,
    Report,
    SourceNote,
)
from sentient_kernel.research.verify.claims import check_report

TEXT = "Biochar holds water. Sand does not."


def citation(
    start: int, end: int, document: str = "d1", uri: str = "https://example.org/a"
) -> Citation:
    return Citation(
        document=DocumentId(document),
        title="A {trial} & more",
        uri=uri,
        start=start,
        end=end,
        quote=TEXT[start:end],
    )


def report() -> Report:
    first, second = citation(0, 20), citation(21, 35, "d2", "papers/b.txt")
    claims = (
        Claim(text="Biochar holds water.", citations=(first,), lead=True),
        Claim(text="Sand does not.", citations=(second, first)),
        Claim(text="Clay burns well at night."),
    )
    return Report(
        question="Does biochar hold water?",
        answer="Biochar holds water.",
        claims=claims,
        sources=(
            SourceNote(
                source="papers/", documents=2, found=2, cited=2, refused=(("c.pdf", "broken"),)
            ),
        ),
        unanswered=(
            Gap(question="For how long?", reason="Nothing.", sources=(("papers/", "None."),)),
        ),
        disagreements=(
            Disagreement(kind="number", why="They differ.", sides=(claims[0], claims[1])),
        ),
        cost=Cost(seconds=1.5),
        run_id=RunId("r1"),
        parts=("Does biochar hold water?",),
    )


def test_report_comes_back_from_json_as_it_was() -> None:
    made = report()
    assert Report.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_report_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        report().answer = "No."  # type: ignore[misc]


def test_what_is_no_report_is_refused_with_the_place_of_the_fault() -> None:
    with pytest.raises(UsageError, match="claims"):
        Report.from_dict({"question": "Why?", "claims": 3})
    with pytest.raises(UsageError, match="not a report"):
        Report.from_dict([])  # type: ignore[arg-type]


def test_citations_are_numbered_once_each_in_the_order_of_the_text() -> None:
    assert [one.document for one in report().citations] == ["d1", "d2"]


def test_checking_marks_every_sentence_and_every_citation() -> None:
    checked = check_report(report(), lambda document: TEXT)
    assert [claim.verdict for claim in checked.claims] == ["supported", "supported", "unsupported"]
    assert all(one.verified for one in checked.claims[0].citations)
    assert [side.verdict for side in checked.disagreements[0].sides] == ["supported", "supported"]
    gone = check_report(report(), lambda document: None)
    assert [claim.verdict for claim in gone.claims] == ["misplaced", "misplaced", "unsupported"]
    assert not any(one.verified for one in gone.citations)


@pytest.mark.parametrize("name", ["r.md", "r.html", "r.json", "r.bib", "r.csl.json", "R.HTML"])
def test_report_is_saved_in_the_format_of_the_ending(tmp_path: Path, name: str) -> None:
    written = report().save(tmp_path / name).read_text("utf-8")
    begins = {
        "r.md": "# Does",
        "r.html": "<!doctype html>",
        "R.HTML": "<!doctype html>",
        "r.json": "{",
        "r.bib": "@misc{",
        "r.csl.json": "[",
    }
    assert written.startswith(begins[name])
    if name.endswith("json"):
        assert json.loads(written)


def test_saved_json_reads_back_as_the_report(tmp_path: Path) -> None:
    made = replace(report(), question="odd \ud800 text")
    assert Report.from_dict(json.loads(made.save(tmp_path / "r.json").read_text("utf-8"))) == made


def test_works_cited_are_listed_once_with_escaped_titles(tmp_path: Path) -> None:
    written = report().save(tmp_path / "r.bib").read_text("utf-8")
    assert written.count("@misc{") == 2 and r"A \{trial\} \& more" in written
    works = json.loads(report().save(tmp_path / "r.csl.json").read_text("utf-8"))
    assert [work.get("URL") for work in works] == ["https://example.org/a", None]
    assert len({work["id"] for work in works}) == 2


@pytest.mark.parametrize("name", ["r.exe", "r", "r.json.zip"])
def test_unknown_ending_is_refused_and_names_those_that_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"\.csl\.json.*\.html.*\.md"):
        report().save(tmp_path / name)


def test_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        report().save(tmp_path / "no" / "r.md")


def test_repr_is_one_stable_line() -> None:
    assert (
        repr(report()) == "Report('Does biochar hold water?', 3 claims, 2 citations, 0 unsupported)"
    )
    assert (
        "\n" not in repr(replace(report(), question="a\nb" * 100))
        and len(repr(replace(report(), question="a\nb" * 100))) < 140
    )
    assert repr(Report(question="Why?", abstained=True)) == "Report('Why?', nothing found)"


def test_notebook_shows_the_same_as_the_methods() -> None:
    made = report()
    assert made._repr_html_() == made.to_html() and made._repr_markdown_() == made.to_markdown()
