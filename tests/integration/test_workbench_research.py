"""Where a workbench takes evidence from, and the reports that it makes of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from workbench_kit import BEES, QUESTION, UNANSWERABLE, calls

import sentient_kernel as sk
from sentient_kernel.documents import Document, Health, Passage
from sentient_kernel.ids import DocumentId


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    calls.clear()
    with sk.Workbench(tmp_path / "home") as workbench:
        yield workbench


@pytest.fixture
def bees(wb: sk.Workbench) -> sk.Workbench:
    wb.add(BEES)
    return wb


def test_add_returns_the_source_and_a_second_time_the_same_one(wb: sk.Workbench) -> None:
    source = wb.add(BEES)
    assert (source.name, source.health.source) == ("bees", "bees")
    assert wb.add(str(BEES)) is source
    assert wb.add(BEES, name="hive").name == "hive"


def test_folders_of_one_name_are_told_apart(wb: sk.Workbench, tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "notes").mkdir(parents=True)
        (tmp_path / parent / "notes" / "bees.md").write_text(
            f"Bees of {parent} fly far from the hive."
        )
    assert [wb.add(tmp_path / parent / "notes").name for parent in ("a", "b")] == [
        "notes",
        "notes-2",
    ]
    found = wb.search("Where do bees fly?")
    assert {(p.source, p.uri) for p in found} == {
        ("notes", f"{tmp_path}/a/notes/bees.md"),
        ("notes-2", f"{tmp_path}/b/notes/bees.md"),
    }
    report = wb.research("How far do bees fly from the hive?").result()
    assert [note.source for note in report.sources] == ["notes", "notes-2"]


def test_two_sources_cannot_take_one_name(wb: sk.Workbench, tmp_path: Path) -> None:
    wb.add(BEES)
    with pytest.raises(sk.UsageError, match="named 'bees' already"):
        wb.add(tmp_path, name="bees")


def test_paths_read_as_they_were_given(wb: sk.Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BEES.parent.parent)
    report = wb.research(QUESTION, sources="data/bees").result()
    assert {c.uri for c in report.citations} == {"data/bees/foraging.txt"}
    assert {c.source for c in report.citations} == {"bees"}
    monkeypatch.chdir("/")
    assert wb.search("foragers", sources=str(BEES))[0].uri == f"{BEES}/foraging.txt"


def test_no_source_is_dropped_for_another_of_its_name(wb: sk.Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "arxiv"
    folder.mkdir()
    (folder / "n.txt").write_text("The hive is of glass.")
    for given in ([folder, "arxiv"], ["arxiv", folder]):
        assert sorted(ref[0] for ref in wb.library.references(given)) == ["arxiv", "arxiv-2"]
    one, other = Archive(), Archive()
    assert len(wb.library.references([one, one])) == 1
    with pytest.raises(sk.UsageError, match="Two sources are named"):
        wb.library.references([one, other])


@pytest.mark.parametrize(
    "nothing",
    [
        "no/such/folder",
        "",
        "\0",
        "ftp://example.org/bees",
        "http://127.0.0.1:9/",
        7,
        None,
        object(),
    ],
)
def test_what_is_no_source_is_a_usage_error(wb: sk.Workbench, nothing: Any) -> None:
    with pytest.raises(sk.UsageError):
        wb.add(nothing)


def test_a_question_of_its_own_sources_leaves_those_of_others_alone(
    bees: sk.Workbench, tmp_path: Path
) -> None:
    other = tmp_path / "ants.md"
    other.write_text("Ants follow trails of scent to their nest.")
    assert [
        note.source
        for note in bees.research("What do ants follow?", sources=other).result().sources
    ] == ["ants.md"]
    assert [note.source for note in bees.research(QUESTION).result().sources] == ["bees"]
    assert [
        note.source for note in bees.research(QUESTION, sources=["bees", other]).result().sources
    ] == ["bees", "ants.md"]


def test_without_sources_the_installed_packages_are_meant(wb: sk.Workbench) -> None:
    assert [ref[0] for ref in wb.library.references([])] == ["packages"]
    wb.add(BEES)
    assert [ref[0] for ref in wb.library.references([])] == ["bees"]


class Archive:
    """A source of somebody's own, which neither fills in the source of its passages nor knows what
    it is called here.
    """

    name = "archive"
    text = "Leafcutter bees fly about three hundred metres from their nest."

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    @property
    def document_(self) -> Document:
        return Document(title="Leafcutters", uri="archive:1", text=self.text)

    async def refresh(self, progress: Any = None) -> Health:
        return self.health

    async def search(self, query: str, *, k: int = 10) -> list[Passage]:
        if self.error:
            raise self.error
        held = self.document_
        return [
            Passage(
                document=held.id,
                title=held.title,
                uri=held.uri,
                start=0,
                end=len(held.text),
                text=held.text,
                score=1.0,
            )
        ]

    def document(self, document: DocumentId) -> Document | None:
        return self.document_ if document == self.document_.id else None

    @property
    def health(self) -> Health:
        return Health(source="whatever", documents=1)


def test_a_source_of_ones_own_is_cited_under_the_name_it_goes_by(wb: sk.Workbench) -> None:
    archive = Archive()
    assert wb.add(archive, name="shelf") is archive
    report = wb.research("How far do leafcutter bees fly from their nest?").result()
    (citation,) = report.citations
    assert (citation.source, citation.quote, [note.source for note in report.sources]) == (
        "shelf",
        Archive.text,
        ["shelf"],
    )
    assert wb.document(citation.document).text == Archive.text


@pytest.mark.parametrize(
    "error",
    [sk.SourceError("The archive is closed today."), RuntimeError("The archive is closed today.")],
)
def test_a_source_that_fails_costs_itself_and_says_why(
    bees: sk.Workbench, error: Exception
) -> None:
    bees.add(Archive(error))
    report = bees.research(QUESTION).result()
    assert report.citations
    assert "closed today" in next(
        note.reason for note in report.sources if note.source == "archive"
    )


def test_a_run_finds_an_object_again_only_where_it_was_added(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home") as wb:
        run = wb.research(
            "How far do leafcutter bees fly?", sources=Archive(), approve="ask", name="leaf"
        )
        with pytest.raises(sk.RunWaiting):
            run.result()
    with sk.Workbench(tmp_path / "home") as wb:
        wb.approvals[0].approve()
        report = wb.resume(run.id).result()
        assert report.abstained
        assert "not added to this workbench" in report.sources[0].reason


def test_a_report_has_what_it_promises(bees: sk.Workbench) -> None:
    run = bees.research(QUESTION)
    report = run.result(timeout=60)
    assert isinstance(report, sk.Report)
    assert (report.question, report.run_id, report.abstained) == (QUESTION, run.id, False)
    assert "kilometre" in report.answer
    assert report.claims and all(
        claim.text and claim.verdict == "supported" and claim.citations for claim in report.claims
    )
    assert (report.sources[0].source, report.sources[0].documents, report.unanswered) == (
        "bees",
        6,
        (),
    )
    assert isinstance(report.disagreements, tuple)
    assert (report.cost.usd, report.cost.tokens, report.cost.calls) == (0.0, 0, 0)
    assert (
        report.to_dict()["claims"][0]["citations"][0]["quote"]
        == report.claims[0].citations[0].quote
    )
    assert QUESTION in report.to_markdown() and QUESTION in report.to_html()


@pytest.mark.parametrize(
    "question",
    [QUESTION, "How do bees tell others where food is?", "How does a colony keep warm in winter?"],
)
def test_every_quote_stands_at_its_place_in_the_stored_snapshot(
    bees: sk.Workbench, question: str
) -> None:
    report = bees.research(question).result()
    sentences = [*report.claims, *(side for one in report.disagreements for side in one.sides)]
    cited = [c for sentence in sentences for c in sentence.citations]
    assert cited
    for c in cited:
        assert bees.document(c.document).text[c.start : c.end] == c.quote
        assert c.title and c.uri


def test_citations_outlive_the_file_they_came_from(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "bees.md").write_text("Honey bees fly up to nine kilometres from their hive.")
    with sk.Workbench(tmp_path / "home") as wb:
        report = wb.research(QUESTION, sources=folder).result()
    (folder / "bees.md").unlink()
    (tmp_path / "home" / "index.db").unlink()  # it can be rebuilt; the snapshots are elsewhere
    with sk.Workbench(tmp_path / "home") as wb:
        for c in report.citations:
            assert wb.document(c.document).text[c.start : c.end] == c.quote
        assert wb.run(report.run_id).result() == report


def test_a_question_without_an_answer_says_why_source_by_source(bees: sk.Workbench) -> None:
    run = bees.research(UNANSWERABLE)
    report = run.result()
    assert (run.status, report.abstained, report.claims, report.citations) == (
        "completed",
        True,
        (),
        (),
    )
    (gap,) = report.unanswered
    assert gap.question == UNANSWERABLE and gap.reason
    assert [source for source, reason in gap.sources if reason] == ["bees"]


@pytest.mark.parametrize(
    "given",
    [
        {"question": ""},
        {"question": " \n "},
        {"question": "bees " * 1000},
        {"question": None},
        *({"question": QUESTION, "depth": depth} for depth in (0, -1, 99, 1.5, "x", True, None)),
        {"question": QUESTION, "clarify": "yes"},
        {"question": QUESTION, "approve": "maybe"},
        {"question": QUESTION, "approve": {"plan": "yes"}},
        {"question": QUESTION, "approve": {"lunch": "ask"}},
        {"question": QUESTION, "budget": 3},
        {"question": QUESTION, "sources": "no/such/folder"},
    ],
)
def test_research_refuses_what_cannot_be_researched(
    bees: sk.Workbench, given: dict[str, Any]
) -> None:
    with pytest.raises(sk.UsageError):
        bees.research(given.pop("question"), **given)
    assert len(bees.runs) == 0


@pytest.mark.parametrize(
    "limits",
    [{"usd": "much"}, {"calls": 1.5}, {"tokens": float("nan")}, {"seconds": True}, {"calls": [1]}],
)
def test_a_budget_of_what_is_no_number_cannot_be(limits: dict[str, Any]) -> None:
    with pytest.raises(sk.UsageError, match=r"must be (0 or more|a whole number)"):
        sk.Budget(**limits)


def test_what_is_no_model_and_no_executor_is_refused_at_once(
    bees: sk.Workbench, tmp_path: Path
) -> None:
    for model, refused in (
        ("gpt", sk.ConfigurationError),
        ("openai:", sk.ConfigurationError),
        (7, sk.UsageError),
        (object(), sk.UsageError),
    ):
        with pytest.raises(refused, match="model"):
            bees.research(QUESTION, model=model)
    with pytest.raises(sk.ConfigurationError):
        sk.Workbench(tmp_path / "other", model="gpt")
    with pytest.raises(sk.ConfigurationError):
        sk.Workbench(tmp_path / "other", executor="tcp://scheduler:8786")


def test_a_question_with_a_null_character_is_asked_without_it(bees: sk.Workbench) -> None:
    assert bees.research("How far do\0honey bees fly?").result().question == QUESTION


def test_a_budget_of_seconds_ends_the_gathering_not_the_report(bees: sk.Workbench) -> None:
    assert bees.research(QUESTION, budget=sk.Budget(seconds=60, usd=0.1)).result().citations
