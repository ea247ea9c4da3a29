"""What a tutorial says and what it shows are of one mind: the kept outputs, which nbval holds equal
to today's, bear its sentences out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
BEES = NOTEBOOKS / "data" / "bees"


class Page:
    """A notebook as somebody reads it."""

    def __init__(self, name: str) -> None:
        self.cells = nbformat.read(next(NOTEBOOKS.glob(f"{name}*.ipynb")), as_version=4).cells

    def below(self, sentence: str) -> str:
        """Returns what is shown, as text, below a sentence and above the next one; the sentence has
        to be there.
        """
        said = [
            i
            for i, cell in enumerate(self.cells)
            if cell.cell_type == "markdown" and sentence in cell.source
        ]
        assert len(said) == 1, (
            f"{sentence!r} is not said any more, or said twice: see what it was held against"
        )
        shown: list[str] = []
        for cell in self.cells[said[0] + 1 :]:
            if cell.cell_type == "markdown":
                break
            shown += texts(cell)
        return "\n".join(text.strip("\n") for text in shown)


def texts(cell: Any) -> list[str]:
    """Returns what a cell shows, as text."""
    return [
        output.get("text") or output.get("data", {}).get("text/plain", "")
        for output in cell.get("outputs", [])
    ]


def column(frame: str, name: str) -> list[str]:
    """Returns the last column of a table in text, which has to be called so."""
    head, *rows = frame.strip().splitlines()
    assert head.split()[-1] == name and rows
    return [row.split()[-1] for row in rows]


SENTENCES: list[tuple[str, str, Callable[[str], object]]] = [
    (
        "00",
        "Here are six short texts about bees, in four formats.",
        lambda shown: "FolderSource" in shown and formats() == (6, 4),
    ),
    ("00", "the quote stays where it is", lambda shown: shown.endswith("True")),
    (
        "00",
        "Where the sources hold no answer, the report says so",
        lambda shown: "nothing found" in shown,
    ),
    (
        "00",
        "each step was run once, over both versions together",
        lambda shown: set(column(shown, "attempts")) == {"1"},
    ),
    (
        "00",
        "The three steps that did not change are not run again.",
        lambda shown: "waggle_dance.md" in shown,
    ),
    ("00", "Nothing in it can change unseen", lambda shown: shown == "True"),
    (
        "01",
        "one gate was shut once",
        lambda shown: re.fullmatch(r"\[\('OSError', 'the gate is shut', 1\)\]", shown),
    ),
    (
        "01",
        "What no source supports is marked as such.",
        lambda shown: shown.count("('") == shown.count("('supported'"),
    ),
    (
        "02",
        "after the first search it named one thing more",
        lambda shown: f"\n{shown}".count("\n- ") == 6 and "Who deciphered" in shown,
    ),
    (
        "02",
        "the quote says nine, and so does the report",
        lambda shown: "more than nine " in shown and "nineteen" not in shown,
    ),
    (
        "02",
        "The other wrong sentence was not put right, and stays, marked.",
        lambda shown: shown.count("\nunsupported ") == 1,
    ),
    ("02", "the source's own words, letter for letter", lambda shown: shown == "True"),
    (
        "02",
        "comes to the same report, sentence for sentence",
        lambda shown: "True" in shown.splitlines(),
    ),
    (
        "02",
        "pays for no call",
        lambda shown: re.search(r"purpose +calls +kept\n(?:\d +\w+ +0 +1\n)+", shown),
    ),
    (
        "02",
        "So it can be told whether two reports are of one make.",
        lambda shown: shown.endswith("True)"),
    ),
]


def formats() -> tuple[int, int]:
    """Returns how many texts there are about bees, and in how many formats."""
    found = [path.suffix for path in BEES.iterdir()]
    return len(found), len(set(found))


@pytest.mark.parametrize(
    ("name", "sentence", "holds"),
    SENTENCES,
    ids=[f"{name}: {sentence}" for name, sentence, _ in SENTENCES],
)
def test_what_is_shown_bears_out_what_is_said(
    name: str, sentence: str, holds: Callable[[str], object]
) -> None:
    shown = Page(name).below(sentence)
    assert holds(shown), shown


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_no_comparison_of_a_tutorial_comes_out_false(path: Path) -> None:
    """What a tutorial compares it says to be so: whatever the sentence above, ``False`` contradicts
    it.
    """
    for cell in nbformat.read(path, as_version=4).cells:
        for shown in texts(cell):
            assert not re.search(r"\bFalse\b", shown), f"{cell.source}\n{shown}"
            assert "Traceback" not in shown and "Error:" not in shown, f"{cell.source}\n{shown}"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_tutorial_ends_with_views_that_still_work(path: Path) -> None:
    """``wb.close()`` at the end greys every view above it, for everyone who runs all cells."""
    code = "\n".join(
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    )
    assert not re.search(r"\.close\(\)|with sk\.Workbench", code)
