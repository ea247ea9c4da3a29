"""What the command line cannot do it says in one sentence on stderr, with an exit code; outside
text is only text.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from cli_kit import Cli, as_somebody, inside, one_sentence
from workbench_kit import BEES, QUESTION

from sentient_kernel.cli.main import DONE, FAILED, NOTHING, USAGE


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return inside(tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["research", ""], USAGE, "question is empty"),
        (["research", " \n "], USAGE, "question is empty"),
        (["research", "a" * 5_000], USAGE, "5,000 characters"),
        (["research", QUESTION, "--source", "nowhere"], USAGE, "no source, file or folder"),
        (["research", QUESTION, "--source", ""], USAGE, "name of a source is empty"),
        (["research", QUESTION, "--source", "a\nb\x1b[31m"], USAGE, "no source, file or folder"),
        (
            ["research", QUESTION, "--source", "ftp://example.org/"],
            USAGE,
            "not the address of a page",
        ),
        (
            ["research", QUESTION, "--source", BEES, "--out", "no/such/r.md"],
            USAGE,
            "no folder 'no/such'",
        ),
        (
            ["research", QUESTION, "--source", BEES, "--out", "r.exe"],
            USAGE,
            "must end in one of .md",
        ),
        (
            ["research", QUESTION, "--source", BEES, "--depth", "0"],
            USAGE,
            "depth must be a whole number from 1 to 10, not 0",
        ),
        (["research", QUESTION, "--source", BEES, "--depth", "x"], USAGE, "invalid int value: 'x'"),
        (
            ["research", QUESTION, "--source", BEES, "--budget-usd", "-1"],
            USAGE,
            "usd must be 0 or more, not -1.0",
        ),
        (["research", QUESTION, "--source", BEES, "--approve", "perhaps"], USAGE, "perhaps"),
        (
            ["research", QUESTION, "--source", BEES, "--model", "gpt"],
            USAGE,
            "not the name of a model",
        ),
        (["research", QUESTION, "--source", BEES, "--depth", "99"], USAGE, "from 1 to 10, not 99"),
        (["research"], USAGE, "required: question"),
        (["rsearch", QUESTION], USAGE, "invalid choice: 'rsearch'"),
        ([], USAGE, "required: COMMAND"),
        (["search", ""], USAGE, "empty"),
        (["search", "bees", "--source", BEES, "-k", "0"], USAGE, "k must be at least 1, not 0"),
        (
            ["search", "quokka", "--source", BEES],
            NOTHING,
            "bees: Of its 6 documents no passage contains 'quokka'",
        ),
        (["show", "nope"], USAGE, "no run 'nope'"),
        (["show", ""], USAGE, "no run ''"),
        (["resume", "nope"], USAGE, "no run 'nope'"),
        (["approve", "nope"], USAGE, "no approval 'nope'"),
        (["reject", "nope", "--reason", "no"], USAGE, "no approval 'nope'"),
        (["reject", "nope"], USAGE, "required: --reason"),
        (["approve", "nope", "--payload", "nowhere.json"], USAGE, "No such file"),
        (["runs", "--home", "a-file"], FAILED, "a-file"),
        (["runs", "--home", "/proc/nope"], FAILED, "/proc/nope"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    cli: Cli, words: list[str | Path], code: int, says: str
) -> None:
    Path("a-file").write_text("x")
    done = cli(*words)
    assert (done.code, done.out) == (code, "")
    assert says in one_sentence(done.err)


def test_a_provider_that_does_not_exist_is_wrong_usage(cli: Cli) -> None:
    pytest.importorskip("pydantic_ai")
    done = cli("research", QUESTION, "--source", BEES, "--model", "nosuch:x")
    assert (done.code, done.out) == (USAGE, "")
    assert "There is no provider 'nosuch'" in one_sentence(done.err.splitlines()[-1])


def test_what_is_wrong_from_the_start_leaves_no_folder_behind(cli: Cli, tmp_path: Path) -> None:
    for words in (
        ["research", ""],
        ["search", ""],
        ["research", QUESTION, "--out", "r.exe"],
        ["nope"],
    ):
        assert cli(*words).code == USAGE
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("noise.txt", bytes(range(256)) * 8, "It is not text"),
        ("null.md", b"\0" * 100, "It is not text"),
        ("empty.md", b"", "It is empty"),
        ("broken.pdf", b"%PDF-1.7 broken", "broken.pdf"),
        ("bomb.docx", b"PK\x03\x04 no archive", "bomb.docx"),
        ("data.xyz", b"text", "kind that can be read (.xyz)"),
    ],
)
def test_a_folder_with_nothing_to_read_ends_with_3_and_says_why(
    cli: Cli, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / name).write_bytes(content)
    done = cli("research", QUESTION, "--source", "papers", "--format", "json")
    assert (done.code, done.json["abstained"]) == (NOTHING, True)
    assert says in one_sentence(done.err.splitlines()[-1])


def test_an_empty_folder_ends_with_3(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    done = cli("research", QUESTION, "--source", "papers")
    assert done.code == NOTHING
    assert "papers: It is empty." in one_sentence(done.err.splitlines()[-1])


def test_a_file_of_no_readable_kind_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "program.exe").write_bytes(b"MZ")
    done = cli("research", QUESTION, "--source", "program.exe")
    assert done.code == USAGE
    assert "of a kind that cannot be read" in one_sentence(done.err)


def test_a_circle_of_links_is_refused_as_a_source_and_passed_over_inside_one(
    cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be opened" in one_sentence(cli("research", QUESTION, "--source", "loop").err)
    papers = tmp_path / "papers"
    papers.mkdir()
    shutil.copy(BEES / "foraging.txt", papers)
    (papers / "again").symlink_to(papers)
    (papers / "loop").symlink_to("loop")
    done = cli("research", QUESTION, "--source", "papers", "--format", "json")
    assert (done.code, done.json["sources"][0]["documents"]) == (DONE, 1)
    assert done.json["sources"][0]["refused"] == [
        ["papers/loop", "It is a link that leads nowhere."]
    ]


@pytest.mark.usefixtures("cli")
def test_a_file_that_may_not_be_read_costs_only_itself(tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    shutil.copy(BEES / "foraging.txt", papers)
    (papers / "secret.md").write_text("Not for everybody.")
    (papers / "secret.md").chmod(0)
    done = as_somebody("research", QUESTION, "--source", "papers", "--format", "json")
    assert (done.code, done.json["sources"][0]["refused"]) == (
        DONE,
        [["papers/secret.md", "'secret.md' cannot be opened: permission denied."]],
    )
    done = as_somebody("research", QUESTION, "--source", "papers/secret.md")
    assert done.code == USAGE
    assert "may not be read by this user" in one_sentence(done.err)


HOSTILE = {
    "line\nbreak.md": "Honey bees of the line break fly five kilometres from the hive.",
    "colour\x1b[31m\x9b2J.md": "Honey bees of the colour fly six kilometres from the hive.",
    "<script>alert(1)<": "x",
    "turned\u202egnp.md": "Honey bees of the turned name fly seven kilometres from the hive.",
    "image ![x](http:..md": (
        "Honey bees <script>alert(2)</script> fly eight kilometres from the hive."
    ),
}


def test_hostile_names_and_texts_are_only_text(cli: Cli, tmp_path: Path) -> None:
    papers = tmp_path / "<img src=x onerror=alert(3)>\x1b[2J"
    papers.mkdir()
    for name, text in HOSTILE.items():
        (papers / name).write_text(text)
    outputs = [
        cli("research", QUESTION, "--source", papers, "--format", form)
        for form in ("md", "html", "json")
    ]
    outputs += [
        cli("search", "bees kilometres hive", "--source", papers),
        cli("runs"),
        cli("runs", "--json"),
    ]
    run = outputs[-1].json[0]["id"]
    outputs += [cli("show", run), cli("show", run, "--json")]
    assert [done.code for done in outputs] == [DONE] * len(outputs)
    html = outputs.pop(1).out
    assert not re.search(r"<script|<img|onerror=[^&]*>", html.replace("&lt;", ""))
    for done in outputs:
        as_json = done.out.startswith(("{", "["))
        for line in done.out.splitlines() + done.err.splitlines():
            assert not re.search(
                "[\x00-\x1f\x7f]" if as_json else "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]",
                line,
            ), repr(line)
    assert "alert(2)" in outputs[0].out
    assert not re.search(r"(?<!\\)<\w", outputs[0].out), "a tag that is not escaped"


def test_a_null_character_in_the_question_is_left_out(cli: Cli) -> None:
    assert (
        cli("research", "How far do\0honey bees fly?", "--source", BEES, "--format", "json").json[
            "question"
        ]
        == QUESTION
    )


def test_lone_surrogates_in_the_question_are_no_error(cli: Cli) -> None:
    assert cli("research", "How far do honey bees\udcff fly?", "--source", BEES).code == DONE
