"""What every public object says of itself as the last line of a cell: as text, and as HTML without
any style.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

import sentient_kernel as sk
from sentient_kernel.projections.activity import UsageView
from sentient_kernel.projections.drawing.table import Table

BEES = Path(__file__).parents[2] / "notebooks" / "data" / "bees"
MOST = 2_000


@sk.workflow
async def asks(ctx: sk.Context) -> Any:
    await ctx.emit("on the way", progress=0.25)
    return await ctx.approve("Send it?", {"to": "somebody\u202emoc.elpmaxe"})


@sk.workflow
async def fails(ctx: sk.Context) -> None:
    raise ValueError("the scale is broken")


@pytest.fixture(scope="module")
def wb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sk.Workbench]:
    with sk.Workbench(tmp_path_factory.mktemp("objects") / "home") as opened:
        opened.add(str(BEES))
        opened.research("How far do honey bees fly?", name="how far").result(60)
        opened.start(fails, name="broken").wait(20)
        run = opened.start(asks, name="asking")
        while run.status != "waiting":
            pass
        yield opened


def forms(value: Any) -> tuple[str, str]:
    """Returns the text and the HTML that a front end is given."""
    found, _ = DisplayFormatter().format(value)
    return found.get("text/plain", ""), found.get("text/html", "")


def words(html: str) -> str:
    """Returns what is read where every tag and all style is stripped."""
    bare = re.sub(r"<style.*?</style>", " ", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def objects(wb: sk.Workbench) -> dict[str, Any]:
    report, run = wb.run(wb.runs["how far"].id).result(), wb.run(wb.runs["broken"].id)
    return {
        "workbench": wb,
        "source": wb.add(str(BEES)),
        "state": wb.sources["bees"],
        "row of runs": wb.runs["how far"],
        "report's claim": report.claims[0],
        "report's citation": report.citations[0],
        "report's source": report.sources[0],
        "report's cost": report.cost,
        "coverage": report.coverage,
        "document": wb.document(report.citations[0].document),
        "passage": wb.search("honey bees")[0],
        "approval": wb.approvals[0],
        "error": wb.errors[0],
        "run's error": run.error,
        "step": wb.run(wb.runs["how far"].id).steps[0],
        "event": run.events[0],
        "progress": wb.run(wb.runs["asking"].id).progress,
        "check of the journal": wb.verify(),
        "doctor": wb.doctor(),
        "settings": wb.settings,
        "budget": sk.Budget(usd=0.5),
        "usage": UsageView(purpose="write", model="m", calls=2),
        "outcome": sk.Outcome(value=7),
    }


TABLES = ("sources", "runs", "approvals", "errors")


def test_every_object_says_what_it_is_in_text_and_in_html(wb: sk.Workbench) -> None:
    for name, value in objects(wb).items():
        text, html = forms(value)
        assert 5 < len(text) < MOST, (name, len(text))
        assert isinstance(value, dict) or text.splitlines()[0] in words(html), (name, text)
        assert html.startswith("<p><strong>") and "<table>" in html, (name, html)
        assert "\u202e" not in text + html and "datetime.datetime(" not in text, name
        assert len(repr(value)) < MOST / 2, name


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_what_it_is(wb: sk.Workbench, name: str) -> None:
    text, html = forms(Table(getattr(wb, name)))
    assert len(text) < MOST and "<table" in html


def test_a_workbench_says_where_it_stands(wb: sk.Workbench) -> None:
    text, html = forms(wb)
    for said in (text, words(html)):
        assert "home" in said and "bees (6 documents)" in said
        assert "1 completed, 1 failed, 1 waiting" in said
        assert "1 question: wb.approvals" in said and "none: reports are made of" in said
    assert repr(wb) == "Workbench('home')"


def test_a_long_document_is_said_by_its_first_words_and_its_length() -> None:
    text, html = forms(sk.Document(title="t", uri="u", text="word " * 60_000))
    assert "(300,000 characters)" in text and len(text) < 500 and len(html) < MOST


def test_a_source_that_nobody_read_says_so(tmp_path: Path) -> None:
    with sk.Workbench(tmp_path / "home") as wb:
        source = wb.add(str(BEES))
        assert wb.sources["bees"].read is False and "read: not yet" in forms(source)[0]
        wb.search("bees")
        assert wb.sources["bees"].documents == 6 and wb.sources[0].kind == "folder"


def test_a_row_is_found_by_its_name_and_one_that_is_not_there_is_named(wb: sk.Workbench) -> None:
    assert wb.runs["asking"].status == "waiting"
    with pytest.raises(sk.NotFound, match="No run here is named 'askin'") as refused:
        wb.runs["askin"]
    assert "asking" in refused.value.hint


def test_costs_have_a_total() -> None:
    rows = [UsageView(purpose=p, model="m", calls=2, usd=0.25) for p in ("plan", "write")]
    text, html = str(Table(rows)), words(Table(rows).to_html())
    assert text.splitlines()[-1].split()[:2] == ["total", "4"] and "0.5" in text.splitlines()[-1]
    assert "total 4" in html
    assert "total" not in str(Table(rows[:1]))


def test_a_printed_report_is_its_text(wb: sk.Workbench) -> None:
    report = wb.run(wb.runs["how far"].id).result()
    assert str(report) == report.to_markdown() and str(report).startswith("# How far")


def test_what_is_listed_is_what_is_public(wb: sk.Workbench) -> None:
    public = [name for name in dir(sk) if not name.startswith("_")]
    assert sorted(public) == sorted(sk.__all__)
    listed = {name for name in dir(wb) if not name.startswith("_")}
    assert {"add", "research", "runs", "sources", "approvals"} <= listed
    assert not listed & {"engine", "hub", "journal", "library", "texts", "view_source"}
