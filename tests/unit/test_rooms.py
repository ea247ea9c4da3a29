"""The tables in the docstrings of rooms are true: they name each module, and none that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sentient_kernel

PACKAGE = Path(sentient_kernel.__file__).parent
TESTS = Path(__file__).parents[1]
LISTED = 4
"""A room of fewer modules needs no table."""
ROOMS = sorted(
    path.parent
    for path in PACKAGE.rglob("__init__.py")
    if path.parent != PACKAGE and len(list(path.parent.glob("[a-z]*.py"))) >= LISTED
)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.relative_to(PACKAGE).as_posix())
def test_a_room_names_its_modules_and_no_others(room: Path) -> None:
    text = ast.get_docstring(ast.parse((room / "__init__.py").read_text())) or ""
    words = set(re.findall(r"\w+", text))
    assert [path.stem for path in room.glob("[a-z]*.py") if path.stem not in words] == []
    named = re.findall(r"\b(\w+\.py)\b", text)
    assert [name for name in named if not list(room.rglob(name))] == []


def test_what_the_mutation_check_draws_from_and_runs_is_there() -> None:
    listed = (TESTS / "mutation" / "test_mutation.py").read_text(encoding="utf-8")
    rooms = listed[listed.index("ROOMS = {") : listed.index("\nEQUIVALENT")]
    paths = re.findall(r"[\w/]+\.py", rooms)
    assert len(paths) > 30
    assert [one for one in paths if not any((at / one).is_file() for at in (PACKAGE, TESTS))] == []
