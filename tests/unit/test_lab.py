"""`sentient-kernel lab`: where the tutorials come from, where they go, and the command that is
started.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

from sentient_kernel.cli import lab
from sentient_kernel.cli.main import main
from sentient_kernel.errors import ConfigurationError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collects the commands that would have been started."""
    commands: list[list[str]] = []

    async def served(words: list[str]) -> int:
        commands.append(words)
        return 7

    monkeypatch.setattr(lab, "_served", served)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return commands


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package, with tutorials in it and no clone around it."""
    package = tmp_path / "site-packages" / "sentient_kernel"
    for name in (
        "00_quickstart.ipynb",
        "data/bees/winter.md",
        ".sentient-quickstart/journal.db",
        ".ipynb_checkpoints/old.ipynb",
    ):
        file = package / "_tutorials" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    monkeypatch.setattr(lab, "PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    return package


def test_a_clone_opens_the_quickstart_among_its_own_notebooks(started: list[list[str]]) -> None:
    folder = lab.PACKAGE.parent / "notebooks"
    assert main(["lab"]) == 7
    place = [f"--ServerApp.root_dir={folder}", "--LabApp.default_url=/lab/tree/00_quickstart.ipynb"]
    assert started == [[sys.executable, "-m", "jupyterlab", *place]]
    assert (folder / lab.QUICKSTART).is_file()


def test_root_is_allowed_to_serve(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    main(["lab"])
    assert started[0][3] == "--allow-root"
    main(["lab", "--allow-root"])
    assert started[1].count("--allow-root") == 1


@pytest.mark.parametrize(
    ("words", "handed_on"),
    [
        (["--port", "8899", "--no-browser"], ["--port", "8899", "--no-browser"]),
        (["mine", "--ip=0.0.0.0"], ["--ip=0.0.0.0"]),
        (["--", "--ServerApp.token=a b", "x.ipynb"], ["--ServerApp.token=a b", "x.ipynb"]),
        (["mine", "--", "--help-all"], ["--help-all"]),
        (["--LabApp.default_url=/lab"], ["--LabApp.default_url=/lab"]),
        (["--notebook-dir", "elsewhere"], ["--notebook-dir", "elsewhere"]),
    ],
)
def test_options_go_to_jupyterlab_as_they_are(
    started: list[list[str]], packed: Path, words: list[str], handed_on: list[str]
) -> None:
    main(["lab", *words])
    assert started[0][-len(handed_on) :] == handed_on
    names = [word.partition("=")[0] for word in started[0]]
    assert len([name for name in names if name.endswith("default_url")]) == 1
    assert len([name for name in names if name in ("--ServerApp.root_dir", "--notebook-dir")]) == 1
    assert Path("mine").is_dir() == (words[0] == "mine")


def test_an_installed_package_puts_the_tutorials_beside_ones_work(
    started: list[list[str]], packed: Path, tmp_path: Path
) -> None:
    main(["lab"])
    target = tmp_path / "sentient-tutorials"
    assert started[0][-2:] == [
        f"--ServerApp.root_dir={target}",
        "--LabApp.default_url=/lab/tree/00_quickstart.ipynb",
    ]
    assert sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()) == [
        "00_quickstart.ipynb",
        "data/bees/winter.md",
    ]


def test_what_was_changed_is_left_as_it_is_and_what_is_missing_comes_back(
    packed: Path, tmp_path: Path
) -> None:
    target = lab.tutorials(str(tmp_path / "mine"))
    (target / "00_quickstart.ipynb").write_text("my own")
    (target / "data" / "bees" / "winter.md").unlink()
    assert lab.tutorials(str(target)) == target
    assert (target / "00_quickstart.ipynb").read_text() == "my own"
    assert (target / "data" / "bees" / "winter.md").read_text() == "data/bees/winter.md"


def test_without_jupyterlab_or_tutorials_it_says_what_is_missing(
    packed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["lab"]) == 1
    assert capsys.readouterr().err.startswith("sentient-kernel: JupyterLab is not installed here.")
    monkeypatch.setattr(lab, "PACKAGE", packed / "elsewhere")
    with pytest.raises(ConfigurationError, match="not part of this installation"):
        lab.tutorials(None)
