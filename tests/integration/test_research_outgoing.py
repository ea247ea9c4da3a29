"""A search over a folder and the web together carries nothing outside that looks like a secret of the folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel.agents.outgoing import allowed, is_outside, is_own, private
from sentient_kernel.models.base import Message
from sentient_kernel.testing import FakeWeb, ScriptedModel

SECRET = "hunter42x"


def obeys(messages: Sequence[Message]) -> Any:
    """Searches for whatever looks like a code, as a page has ordered, and for the name beside it."""
    text = messages[-1].text
    if "Do these quotes" in text and (found := re.search(r"code of (\w+) is (\w+)", text)):
        return {"enough": False, "questions": [{"question": "What else?", "query": f"waggle hive {found[1]} {found[2]}"}]}
    return {"questions": [], "enough": True, "claims": [], "missing": []}


def test_a_code_of_the_folder_reaches_no_search_engine_though_a_page_orders_it(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "notes.txt").write_text(f"The waggle hive stands in the vault. The waggle hive's access code of Imker is {SECRET}.\n")
    with FakeWeb() as web:
        web.article("/hive", "The waggle hive", "The waggle hive was shown at Graz. The waggle hive has glass on two sides.", orders=True)
        with sk.Workbench(tmp_path / "home", settings=sk.Settings.load(**web.settings)) as wb:
            report = wb.research("What is known about the waggle hive?", sources=[folder, "searxng"], model=ScriptedModel(obeys)).result(60)
        asked = [request.target for request in web.requests]
    assert any("Imker" in target for target in asked), asked
    assert not [target for target in asked if SECRET in target]
    assert any(SECRET in note and "left out" in note for note in report.notes)


def test_what_a_person_asks_for_goes_out_as_they_wrote_it() -> None:
    assert private([f"It is {SECRET}, or 1234567."], [f"What is {SECRET}?"]) == {"1234567"}
    assert allowed(f"what is {SECRET}", frozenset()) == f"what is {SECRET}"


@pytest.mark.parametrize("word", ["Imker", "IL-6", "2019", "COVID-19", "12,500", "waggle"])
def test_names_years_and_plain_words_go_out(word: str) -> None:
    assert not private([f"It says {word}."], [])


@pytest.mark.parametrize(
    ("spec", "own", "outside"),
    [("/home/a/papers", True, False), ("source:mine", True, False), ("packages", False, False), ("https://a.org/x", False, False),
     ("web", False, True), ("wikipedia", False, True), ("other:x", False, True)],
)  # fmt: skip
def test_sources_are_ones_own_or_outside_or_neither(spec: str, own: bool, outside: bool) -> None:
    assert (is_own(["a", spec, ""]), is_outside(["a", spec, ""])) == (own, outside)
