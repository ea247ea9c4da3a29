"""In a replay one's own answers count before all that opened files have brought; where a brought
one was served, the report says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from foreign_kit import another_installation

import sentient_kernel as sk
from sentient_kernel.models.base import Message
from sentient_kernel.testing import FakeWeb, ScriptedModel

QUESTION = "Where was the waggle hive shown?"
TRUE, FALSE = "The waggle hive was shown at Graz.", "The waggle hive was never shown at Wien."
IDENTITIES = ("https://api.example", "https://elsewhere.example", "")


class Writing(ScriptedModel):
    """Writes one sentence, whatever it reads."""

    def __init__(self, sentence: str, identity: str) -> None:
        super().__init__(self._say, name="writing")
        self.identity = identity
        self._sentence = sentence

    def _say(self, messages: Sequence[Message]) -> Any:
        if "Write a report" in messages[-1].text:
            return {"claims": [{"text": self._sentence, "cites": [1]}], "missing": []}
        return {"enough": True, "claims": [], "missing": [], "questions": []}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "n.txt").write_text(f"{TRUE} {FALSE}")
    return folder


def theirs(tmp_path: Path, sources: Any, identity: str, **settings: Any) -> Path:
    """Returns an exported run of another installation, whose model says what is false."""
    with (
        another_installation(tmp_path / "state"),
        sk.Workbench(tmp_path / "theirs", settings=sk.Settings.load(**settings)) as wb,
    ):
        run = wb.research(QUESTION, sources=sources, model=Writing(FALSE, identity))
        run.result(60)
        return wb.export(run.id, tmp_path / "theirs.run")


@pytest.mark.parametrize("other", IDENTITIES)
@pytest.mark.parametrize("own", IDENTITIES)
def test_own_answers_count_first_under_whatever_name_they_were_given(
    tmp_path: Path, notes: Path, own: str, other: str
) -> None:
    file = theirs(tmp_path, [notes], other)
    home = tmp_path / "home"
    with sk.Workbench(home) as wb:
        wb.research(QUESTION, sources=[notes], model=Writing(TRUE, own)).result(60)
        wb.open_export(file)
    for asked in IDENTITIES:
        with sk.Workbench(home, settings=sk.Settings.load(mode="replay")) as wb:
            model = Writing("not asked", asked)
            report = wb.research(QUESTION, sources=[notes], model=model).result(60)
            assert [claim.text for claim in report.claims] == [TRUE], (own, other, asked)
            assert model.calls == [] and not [
                note for note in report.notes if "opened here" in note
            ]


def test_a_report_tells_which_of_its_answers_came_with_an_opened_file(tmp_path: Path) -> None:
    with FakeWeb() as web:
        web.article("/hive", "The waggle hive", f"{TRUE} {FALSE}")
        file = theirs(tmp_path, ["searxng"], "", **web.settings)
        with sk.Workbench(
            tmp_path / "home", settings=sk.Settings.load(**web.settings, mode="replay")
        ) as wb:
            wb.open_export(file)
            before = len(web.requests)
            report = wb.research(
                QUESTION, sources=["searxng"], model=Writing("not asked", "")
            ).result(60)
            assert FALSE in [claim.text for claim in report.claims]
            said = [note for note in report.notes if "a file that was opened here" in note]
            assert len(said) == 2 and "Answers of the model" in said[0] and "searxng" in said[1], (
                report.notes
            )
        assert len(web.requests) == before
