"""Memory of the process that reads files: little more than the text that is kept, whatever they
hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import big_files_kit
from tests.big_files_kit import CLEAR, FILES

MOST = 60_000_000
"""Bytes over what the process took before."""
WHOLE = [
    "five million astral characters",
    "a docx of astral characters",
    "six million wide characters",
    "a docx of 80 MB of text",
]
"""Those that are read into an index as well."""

pytestmark = pytest.mark.skipif(
    not CLEAR.exists(), reason="this system does not tell the peak of a process"
)
Figures = dict[str, tuple[int, str]]


def measured(how: str, folder: Path, names: list[str]) -> Figures:
    files = [folder / f"{number}{FILES[name][0]}" for number, name in enumerate(names)]
    for name, file in zip(names, files, strict=True):
        file.write_bytes(FILES[name][1]())
    command = [sys.executable, "-m", "tests.big_files_kit", how, *map(str, files)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=280,
        cwd=Path(big_files_kit.__file__).parents[1],
    )
    assert done.returncode == 0, done.stderr
    found = {
        name: tuple(json.loads(line))
        for name, line in zip(names, done.stdout.splitlines(), strict=True)
    }
    for name, (taken, said) in found.items():
        print(f"{how} {name}: +{taken / 1e6:.1f} MB, {said}")
    return found


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return measured("parse", tmp_path_factory.mktemp("parse"), list(FILES))


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    return {
        name: measured("refresh", tmp_path_factory.mktemp("refresh"), [name])[name]
        for name in WHOLE
    }


@pytest.mark.parametrize("name", FILES)
def test_a_file_takes_little_of_the_process_that_reads_it(parsed: Figures, name: str) -> None:
    taken, said = parsed[name]
    assert taken < MOST
    assert "characters" in said


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_takes_little_on_its_way_into_the_index(refreshed: Figures, name: str) -> None:
    taken, said = refreshed[name]
    assert taken < MOST
    assert said == "2 documents"
