"""What is misspelt is asked about: sources, files, settings, commands, options and magics;
providers of models are in test_models.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import sentient_kernel as sk
from sentient_kernel import settings
from sentient_kernel.cli.main import main
from sentient_kernel.spelling import nearest


@pytest.fixture
def wb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sk.Workbench:
    monkeypatch.chdir(tmp_path)
    Path("papers/2024").mkdir(parents=True)
    Path("papers/2024/bees.txt").write_text("Bees fly.")
    return sk.Workbench(tmp_path / "home", settings=sk.Settings(_env_file=None))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("packges", "packages"),
        ("wikipeda", "wikipedia"),
        ("Arxvi", "arxiv"),
        ("pubmde", "pubmed"),
        ("paper", "papers"),
        ("papers/2042", "papers/2024"),
        ("papers/2024/bee.txt", "papers/2024/bees.txt"),
        ("heahtland", "heathland"),
    ],
)
def test_a_misspelt_source_is_asked_about_and_nothing_begins(
    wb: sk.Workbench, given: str, meant: str
) -> None:
    with wb:
        wb.add("papers", name="heathland")
        said = rf"There is no source, file or folder '{given}'\. Did you mean '{meant}'\?"
        with pytest.raises(sk.UsageError, match=said):
            wb.research("How far do bees fly?", sources=[given])
        with pytest.raises(sk.UsageError, match=said):
            wb.search("bees", sources=given)
        assert len(wb.runs) == 0


def test_a_source_that_is_like_none_is_told_what_there_could_be(wb: sk.Workbench) -> None:
    with (
        wb,
        pytest.raises(
            sk.UsageError, match=r"'quux'\. Give a folder, a file, an address, 'packages', 'web'"
        ),
    ):
        wb.add("quux")


def test_a_misspelt_setting_is_told_once_and_in_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIENT_MODLE", "openai:x")
    monkeypatch.setenv("SENTIENT_QUUX", "of another program")
    said = "There is no setting SENTIENT_MODLE. Did you mean SENTIENT_MODEL?"
    settings._told.clear()
    for _ in range(2):
        sk.Workbench(tmp_path / "home").close()
    assert [(one.name, one.levelname, one.message) for one in caplog.records] == [
        ("sentient_kernel", "WARNING", said)
    ]
    settings._told.clear()
    assert main(["runs"]) == 0
    assert capsys.readouterr().err == f"sentient-kernel: {said}\n"
    with pytest.raises(
        sk.ConfigurationError, match=r"There is no setting 'modle'\. Did you mean 'model'\?"
    ):
        sk.Settings.load(modle="openai:x")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["reserch", "Why?"], "'research'"),
        (["runs", "--jsn"], "'--json'"),
        (["research", "Why?", "--modle", "x"], "'--model'"),
        (["research", "Why?", "--suorce=papers"], "'--source'"),
        (["research", "Why?", "--format", "htm"], "'html'"),
        (["research", "Why?", "--approve", "aks"], "'ask'"),
    ],
)
def test_a_misspelt_command_or_option_is_asked_about(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    err = capsys.readouterr().err
    assert ended.value.code == 2 and err.count("\n") == 1
    assert f" Did you mean {meant}? See `sentient-kernel " in err


def test_words_of_any_length_are_compared_in_no_time() -> None:
    assert nearest("x" * 1_000_000, ["y" * 1_000_000, "x"]) == ""
