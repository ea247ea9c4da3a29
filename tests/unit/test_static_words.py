"""What is left of a static view where styles, classes and colours are taken away: the same words,
apart from each other, in their order.

So read it an untrusted notebook, GitHub, mail, and whoever copies the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser
from test_report_drawing import report

import sentient_kernel as sk
from sentient_kernel.projections.drawing.views import approvals_html, errors_html
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
    """Returns a view as it arrives where nothing but elements survives."""
    return re.sub(r'\s(?:class|style)="[^"]*"', "", re.sub(r"(?s)<style>.*?</style>", "", drawn))


def read(drawn: str) -> str:
    """Returns the text of a view, with all of its elements taken out and nothing put in their
    place.
    """
    return re.sub(r"\s+", " ", LexborHTMLParser(bare(drawn)).body.text()).strip()  # type: ignore[union-attr]


def apart(drawn: str) -> list[str]:
    """Returns the words of a view when each of its pieces of text stands for itself."""
    return re.findall(r"\w+", LexborHTMLParser(bare(drawn)).body.text(separator=" "))  # type: ignore[union-attr]


def test_no_two_words_run_into_one_without_styles(wb: sk.Workbench) -> None:
    research = wb.research("How far do honey bees fly, and what is tungsten?")
    found = research.result(60)
    asking, failing = wb.start(asks), wb.start(fails)
    asking.wait(20)
    with pytest.raises(sk.RunFailed):
        failing.result(20)
    views = {
        "report": found.to_html(),
        "page": page(found),
        "all kinds of notes": report("Some text.").to_html(),
        "nothing found": wb.research("Which tungsten alloy melts last?").result(60).to_html(),
        "run with its report": research._repr_html_(),
        "line": wb.view_source.line_html(research.id),
        "run that asks": asking._repr_html_(),
        "run that failed": failing._repr_html_(),
        "inbox": approvals_html(wb.approvals),
        "errors": errors_html(*wb.view_source.errors()[:2]),
    }
    views |= {
        name: table._repr_html_()
        for name, table in (
            ("runs", wb.runs),
            ("steps", failing.steps),
            ("sources", research.sources),
        )
    }
    for name, drawn in views.items():
        assert drawn and re.findall(r"\w+", read(drawn)) == apart(drawn), name
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


def test_what_holds_parts_apart_is_hidden_where_there_are_styles() -> None:
    drawn = report("Some text.").to_html()
    assert 'class="sk-sep"' in drawn and ".sk-r .sk-sep{display:none}" in drawn
