"""What is kept in the repository belongs to nobody's machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ANYBODY = "me|you|user|ada|alice|bob|victim"
"""Whose homes stand in examples: nobody's."""
OF_A_MACHINE = re.compile(
    r"(?<![\w.~}\]])(?:"
    rf"/root\b|/work\b|/Users/\w|/home/(?!(?:{ANYBODY})\b)\w|/mnt/(?!b\b)\w|/var/folders/|/tmp/(?:w|pytest-of)\b"
    r"|/(?:scratch|workspaces?|builds|github)/\w"
    r"|[A-Za-z]:\\+Users\\)"
)
"""A home, or a place that only some machines have."""


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("this is no checkout")
    return [
        path
        for name in done.stdout.decode().split("\0")
        if name and (path := ROOT / name).is_file()
    ]


def contents(path: Path) -> list[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return [packed.read(name).decode("utf-8", "replace") for name in packed.namelist()]
    return [path.read_bytes().decode("utf-8", "replace")]


@pytest.mark.skipif(not shutil.which("git"), reason="there is no git here")
def test_no_file_names_a_path_of_anybodys_machine() -> None:
    homes = [re.escape(home) for home in {str(Path.home()), str(ROOT)} if len(home) > 4]
    own = re.compile("|".join(rf"(?<![\w.]){home}\b" for home in homes) or r"(?!)")
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:120]}"
        for path in tracked()
        if path != Path(__file__)
        for text in contents(path)
        for line in text.splitlines()
        if OF_A_MACHINE.search(line) or own.search(line)
    ]
    assert not found, "\n".join(found)
