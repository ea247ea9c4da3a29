"""What models write that is right for the most part: nothing of it is thrown away with what is
wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel.models.base import Message
from sentient_kernel.testing import ScriptedModel

BEES = (
    "Honey bees fly up to three kilometres from their hive. They dance to tell others where the"
    " flowers are.\n"
)
CHINESE = "蜜蜂飞行三公里去采蜜。蜜蜂用舞蹈告诉同伴花在哪里。\n"


def writes(name: str, written: Callable[[str], Any]) -> ScriptedModel:
    """Returns a model that only writes: ``written`` is given the number of the quote about
    flying.
    """

    def answer(messages: Sequence[Message]) -> Any:
        text = messages[-1].text
        if not text.startswith("Write a report"):
            return {"questions": [], "enough": True, "claims": []}
        numbers = [
            int(line[1 : line.index("]")])
            for line in text.splitlines()
            if line.startswith("[") and ("fly" in line or "飞行" in line)
        ]
        return written(str(numbers[0]))

    return ScriptedModel(answer, name=name)


@pytest.fixture
def wb(tmp_path: Path) -> Any:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "bees.txt").write_text(BEES)
    (folder / "zh.txt").write_text(CHINESE)
    with sk.Workbench(tmp_path / "home") as opened:
        opened.add(folder)
        yield opened


def test_a_number_beyond_the_last_quote_costs_its_sentence_the_citation_and_nothing_else(
    wb: sk.Workbench,
) -> None:
    def written(n: str) -> Any:
        good = {"text": "Honey bees fly up to three kilometres from their hive.", "cites": [int(n)]}
        return {
            "claims": [good, {"text": "Nobody knows anything at all.", "cites": [99]}],
            "missing": [],
        }

    report = wb.research(
        "How far do honey bees fly from their hive?", model=writes("out of range", written)
    ).result(30)
    assert [claim.verdict for claim in report.claims] == ["supported", "unsupported"]
    assert not any("did not help to write" in note for note in report.notes)


def test_sentences_in_chinese_are_sentences(wb: sk.Workbench) -> None:
    def written(n: str) -> Any:
        return {
            "claims": [
                {"text": "蜜蜂飞行三公里去采蜜。", "cites": [int(n)]},
                {"text": "蜜蜂", "cites": [int(n)]},
            ],
            "missing": [],
        }

    report = wb.research("蜜蜂飞行几公里去采蜜？", model=writes("zh", written)).result(30)
    assert [(claim.text, claim.verdict) for claim in report.claims] == [
        ("蜜蜂飞行三公里去采蜜。", "supported")
    ]


def test_what_a_model_misses_is_told_though_it_wrote_nothing(wb: sk.Workbench) -> None:
    missing = "How fast honey bees fly is not said."
    model = writes("misses", lambda _: {"claims": [], "missing": [missing]})
    report = wb.research("How far do honey bees fly from their hive?", model=model).result(30)
    assert missing in [gap.question for gap in report.unanswered]


def test_a_quote_that_bears_out_one_sentence_is_verified_whatever_else_cites_it(
    wb: sk.Workbench,
) -> None:
    def written(n: str) -> Any:
        bad = {"text": "Wasps swim across every ocean.", "cites": [int(n)]}
        return {
            "claims": [
                bad,
                {
                    "text": "Honey bees fly up to three kilometres from their hive.",
                    "cites": [int(n)],
                },
            ],
            "missing": [],
        }

    report = wb.research(
        "How far do honey bees fly from their hive?", model=writes("both", written)
    ).result(30)
    assert [claim.verdict for claim in report.claims] == ["unsupported", "supported"]
    assert [citation.verified for citation in report.citations] == [True]
