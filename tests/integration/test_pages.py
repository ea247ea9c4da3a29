"""The examples of the pages run as they stand, without a key, and print what the pages say."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from make_recording import say
from pages_kit import PAGES, ROOT, examples, papers, run_cells

from sentient_kernel.cli.main import main
from tests.kits.model_server import ModelServer

WITH_WORDS = [
    page
    for page in (ROOT / "SKILL.md", ROOT / "docs/quickstart.md", ROOT / "docs/how-to/shell.md")
    if page.exists()
]
"""Pages whose commands for a shell run here, too."""


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_examples_of_a_page_run_and_print_what_it_says(page: Path, tmp_path: Path) -> None:
    blocks = [block for block in examples(page) if block.language == "python"]
    with ModelServer(say) as server:
        shown = run_cells(
            [block.code for block in blocks],
            tmp_path,
            OPENAI_BASE_URL=server.url,
            OPENAI_API_KEY="none",
        )
    for block, printed in zip(blocks, shown, strict=True):
        if block.prints is not None:
            assert printed == block.prints, block.code


@pytest.mark.parametrize("page", WITH_WORDS, ids=named)
def test_commands_of_a_page_work(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """``RUN`` and ``ID`` stand for the newest run and the first open question."""
    monkeypatch.chdir(tmp_path)
    papers(tmp_path)
    lines = [
        line
        for block in examples(page)
        if block.language == "sh"
        for line in block.code.splitlines()
    ]
    ours = [
        shlex.split(line, comments=True)[1:]
        for line in lines
        if line.startswith("sentient-kernel ")
    ]
    assert ours
    for words in ours:
        meant = [newest(capsys, word) if word in ("RUN", "ID") else word for word in words]
        assert main(meant) in (0, 4), f"{words}: {capsys.readouterr().err}"


def newest(capsys: Any, word: str) -> str:
    """Returns the id that a word in capitals stands for."""
    capsys.readouterr()
    assert main(["runs" if word == "RUN" else "approvals", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    return str(listed[-1]["id"])


def test_pages_speak_of_the_product_alone() -> None:
    for page in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"):
        assert not re.search(r"\b(issue|ticket) #?\d", page.read_text()), page
