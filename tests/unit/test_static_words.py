"""What is left of a static view where styles, classes and colours are taken away: the same words,
apart from each other, in their order.

So read it an untrusted notebook, GitHub, mail, and whoever copies the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from selectolax.lexbor import LexborHTMLParser
from test_report_drawing import report

import sentient_kernel as sk
from sentient_kernel.projections.drawing.table import Table
from sentient_kernel.projections.drawing.views import approvals_html, errors_html, run_html
from sentient_kernel.projections.drawing.words import STEP_SIGNS
from sentient_kernel.projections.errors import ErrorView
from sentient_kernel.projections.runs import PhaseView, ProgressView, Status
from sentient_kernel.report.html import page

BEES = Path(__file__).parents[2] / "notebooks" / "data" / "bees"


@sk.workflow
async def asks(ctx: Any) -> Any:
    await ctx.emit("half way", progress=0.5)
    await ctx.step(int, "1")
    return await ctx.approve(
        "Open these?", {"hives": ["oak", "heath"], "at": {"noon": True}}, expires=60
    )


@sk.workflow
async def fails(ctx: Any) -> None:
    await ctx.step(int, "three", retry=sk.Retry(attempts=2, delay=0))


@pytest.fixture
def wb(tmp_path: Path) -> Iterator[sk.Workbench]:
    with sk.Workbench(tmp_path, settings=sk.Settings(_env_file=None)) as workbench:  # type: ignore[call-arg]
        workbench.add(BEES)
        yield workbench


def bare(drawn: str) -> str:
    """Returns a view as it arrives on GitHub: no styles, no classes, and of the elements only those
    that it knows.
    """
    left = re.sub(r"(?s)<style>.*?</style>", "", drawn)
    left = re.sub(r"</?(?:section|aside|header|bdi)\b[^>]*>", "", left)
    return re.sub(r'\s(?:class|style|role|tabindex|(?:aria|data)-[\w-]+)="[^"]*"', "", left)


def styled(drawn: str) -> list[str]:
    """Returns the words that are seen where the style sheet is in force."""
    page = LexborHTMLParser(drawn)
    for hidden in page.css("style,.sk-sep,.sk-sr"):
        hidden.decompose()
    return re.findall(r"\w+", page.body.text(separator=" "))  # type: ignore[union-attr]


def read(drawn: str) -> str:
    """Returns the text of a view, with all of its elements taken out and nothing put in their
    place.
    """
    return re.sub(r"\s+", " ", LexborHTMLParser(bare(drawn)).body.text()).strip()  # type: ignore[union-attr]


def apart(drawn: str) -> list[str]:
    """Returns the words of a view when each of its pieces of text stands for itself."""
    return re.findall(r"\w+", LexborHTMLParser(bare(drawn)).body.text(separator=" "))  # type: ignore[union-attr]


def test_without_styles_every_view_says_the_same_words_apart_from_each_other(
    wb: sk.Workbench,
) -> None:
    research = wb.research("How far do honey bees fly, and what is tungsten?")
    found = research.result(60)
    asking, failing = wb.start(asks), wb.start(fails)
    plan = wb.research("Why?", approve={"plan": "ask"})
    asking.wait(20), plan.wait(20)
    with pytest.raises(sk.RunFailed):
        failing.result(20)
    views = {
        "report": found.to_html(),
        "page": page(found),
        "all kinds of notes": report("Some text.").to_html(),
        "nothing found": wb.research("Which tungsten alloy melts last?").result(60).to_html(),
        "run with its report": research._repr_html_(),
        "run without it": wb.view_source.html(research.id, report=False),
        "line": wb.view_source.line_html(research.id),
        "run that asks": asking._repr_html_(),
        "run that failed": failing._repr_html_(),
        "inbox": approvals_html(wb.approvals),
        "errors": errors_html(*wb.view_source.errors()[:2]),
        "no errors": errors_html(Table((), ErrorView)),
        "passages": wb.search("bees", k=3)._repr_html_(),
        "plan": plan._repr_html_(),
    }
    for status in get_args(Status):
        run = replace(asking.view, status=status, ended=None)
        steps = [replace(failing.steps[0], status=one) for one in STEP_SIGNS]
        progress = ProgressView(phases=(PhaseView(name="read", state="now", done=3, total=9),))
        views[status] = run_html(run, steps, progress, research.sources, asking.approvals)
    views |= {
        name: table._repr_html_()
        for name, table in (
            ("runs", wb.runs),
            ("steps", failing.steps),
            ("sources", research.sources),
            ("events", failing.events),
            ("approvals", wb.approvals),
            ("error groups", wb.errors),
            ("costs", research.cost),
        )
    }
    for name, drawn in views.items():
        assert drawn and re.findall(r"\w+", read(drawn)) == apart(drawn) == styled(drawn), name
    assert "Partly answered · How far do honey bees fly, and what is tungsten? " in read(
        views["report"]
    )
    assert re.search(
        r"answers 1 of 2 parts · \d of \d quotes stand at their place · 1 source asked",
        read(views["report"]),
    )
    assert re.search(r"\w\. \[1\] \w", read(views["report"]))
    assert "Evidence: 2 [1] Some text., not at its place" in read(views["all kinds of notes"])
    assert "Some text. (unsupported) " in read(views["all kinds of notes"])
    assert "Partly answered · How far do honey bees fly" in read(views["line"])
    assert "Waiting for you · asks" in read(views["run that asks"]) and " · 50% · " in read(
        views["run that asks"]
    )
    assert "Steps: 1 failed · 1 retried" in read(views["run that failed"])
    asking.cancel()
    plan.cancel()


def test_what_parts_a_view_is_seen_without_styles_too(wb: sk.Workbench) -> None:
    research = wb.research("How far do honey bees fly?")
    drawn = LexborHTMLParser(bare(research.result(60).to_html()))
    heading = drawn.css_first("h3").text()
    assert re.fullmatch(r"\w+ · How far do honey bees fly\?", heading)
    assert drawn.css_first("h4").text().startswith("Evidence: ")
    assert drawn.css_first("p sup a").text() == "[1]" and drawn.css_first("blockquote mark").text()
    run = LexborHTMLParser(bare(wb.view_source.html(research.id, report=False)))
    assert [h.text().partition(":")[0] for h in run.css("h4")] == ["Steps", "Sources"]
    assert run.css_first("li").text() == "✓ Plan"
    assert run.css_first("tr").text(separator=" ").split()[:2] == ["✓", "plan"]
    cells = [cell.text() for cell in run.css("td")]
    assert all(cells), "no column is empty"


def test_what_holds_parts_apart_is_hidden_where_there_are_styles() -> None:
    drawn = report("Some text.").to_html()
    assert 'class="sk-sep"' in drawn and ".sk-r .sk-sep{display:none}" in drawn
