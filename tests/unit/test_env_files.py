"""A project's ``.env`` may narrow what is done; it redirects nothing before its user has said that
it is theirs.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sentient_kernel as sk
from sentient_kernel import env_files, settings
from sentient_kernel.installation import trust_file


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that the process stands in; nobody has been told of anything yet."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    settings._told.clear()
    yield tmp_path / "project"
    settings._told.clear()


def users(text: str) -> None:
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "sentient-kernel"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".env").write_text(text)


EVERY = {
    "home": "/elsewhere",
    "model": "openai:theirs",
    "model_rate": "9",
    "model_reasoning": "99000",
    "model_prices": "openai:x=1/1",
    "embedder": "openai:theirs",
    "approve": "auto",
    "mode": "record",
    "allow_hosts": "127.0.0.1:1",
    "allow_domains": "evil.example",
    "searxng_url": "https://evil.example",
    "tavily_api_key": "theirs",
    "tavily_url": "https://evil.example",
    "brave_api_key": "theirs",
    "brave_url": "https://evil.example",
    "arxiv_url": "https://evil.example",
    "openalex_url": "https://evil.example",
    "crossref_url": "https://evil.example",
    "wikipedia_url": "https://evil.example",
    "pubmed_url": "https://evil.example",
    "database_url": "sqlite:////tmp/x.db",
    "executor": "tcp://evil.example:1",
    "durability": "power",
}
HARMLESS = {
    "cache_ttl": "90000",
    "cache_max_size": "2000000000",
    "mode": "replay",
    "offline": "true",
    "page_timeout": "3",
    "model_timeout": "400",
    "deny_domains": "a.example,b.example",
    "log_level": "info",
}


def lines(values: dict[str, str]) -> str:
    return "".join(f"SENTIENT_{name.upper()}={value}\n" for name, value in values.items())


def test_every_setting_is_one_or_the_other() -> None:
    assert {*EVERY, *HARMLESS} == set(sk.Settings.model_fields)


def test_what_could_do_harm_is_ignored_and_named_once_without_its_value(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (project / ".env").write_text(lines(EVERY))
    defaults = sk.Settings(_env_file=None)  # type: ignore[call-arg]
    assert sk.Settings.load() == defaults == sk.Settings()
    sk.Settings.load()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(".env sets SENTIENT_HOME, SENTIENT_MODEL, ")
    assert said.endswith("`sentient-kernel trust .`): ignored.")
    assert "evil" not in said
    assert "theirs" not in said
    assert caplog.records[0].levelname == "WARNING"
    assert sk.Settings.load().remarks() == [said]


def test_settings_show_no_secret_of_an_address(project: Path) -> None:
    shown = sk.Settings(searxng_url="https://ada:hunter42x-9Kd@search.example", tavily_api_key="k")
    for text in (repr(shown), str(shown), f"{shown}", shown._repr_html_()):
        assert "search.example" in text
        assert "hunter42x" not in text


@pytest.mark.parametrize("name", EVERY)
def test_each_is_ignored_alone_and_in_any_spelling(project: Path, name: str) -> None:
    for spelt in (
        f"SENTIENT_{name.upper()}",
        f"sentient_{name}",
        f"export Sentient_{name.title()}",
    ):
        (project / ".env").write_text(f"{spelt} = '{EVERY[name]}'\n")
        assert getattr(sk.Settings.load(), name) == getattr(sk.Settings(_env_file=None), name)  # type: ignore[call-arg]
        assert f"SENTIENT_{name.upper()}" in settings.ignored()[0]


def test_what_narrows_counts(project: Path) -> None:
    (project / ".env").write_text(lines(HARMLESS))
    found = sk.Settings.load()
    assert (found.cache_ttl, found.cache_max_size, found.mode, found.offline) == (
        90_000,
        2_000_000_000,
        "replay",
        True,
    )
    assert (found.page_timeout, found.model_timeout) == (3, 400)
    assert (found.deny_domains, found.log_level) == (("a.example", "b.example"), "INFO")
    assert found.remarks() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cache_max_size", "2000"),
        ("cache_max_size", "1"),
        ("cache_ttl", "1e-9"),
        ("cache_ttl", "86399"),
        ("model_timeout", "0.01"),
    ],
)
def test_it_throws_away_nothing_that_was_paid_for(project: Path, name: str, value: str) -> None:
    (project / ".env").write_text(lines({name: value}))
    assert getattr(sk.Settings.load(), name) == sk.Settings.model_fields[name].default
    assert (
        f"SENTIENT_{name.upper()} (below its default), which counts only from"
        in settings.ignored()[0]
    )
    users(lines({name: value}))
    assert getattr(sk.Settings.load(), name) == float(value), "of one's own it counts"


def test_it_hides_no_warning(project: Path) -> None:
    (project / ".env").write_text(lines({"log_level": "Error"}))
    assert sk.Settings.load().log_level == "WARNING"
    assert "SENTIENT_LOG_LEVEL (above WARNING), which counts only from" in settings.ignored()[0]
    users(lines({"log_level": "Error"}))
    assert sk.Settings.load().log_level == "ERROR", "of one's own it counts"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """The package's logger, at a level that the program chose."""
    log = logging.getLogger("sentient_kernel")
    before = log.level
    log.setLevel(logging.DEBUG)
    yield log
    log.setLevel(before)


def test_log_level_is_that_of_the_packages_logger_where_it_is_set(
    log: logging.Logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sk.Workbench(tmp_path):
        assert log.level == logging.DEBUG, "as the program set it"
    monkeypatch.setenv("SENTIENT_LOG_LEVEL", "error")
    with sk.Workbench(tmp_path):
        assert log.level == logging.ERROR


def test_it_loosens_nothing_that_the_user_or_the_environment_says(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {
        "offline": "false",
        "page_timeout": "900",
        "model_timeout": "900",
        "deny_domains": "",
        "mode": "replay",
    }
    (project / ".env").write_text(lines(theirs))
    users(
        lines(
            {
                "offline": "true",
                "page_timeout": "2",
                "deny_domains": "bad.example",
                "model": "ollama:mine",
            }
        )
    )
    monkeypatch.setenv("SENTIENT_PAGE_TIMEOUT", "1")
    found = sk.Settings.load()
    assert (found.offline, found.page_timeout, found.deny_domains, found.model) == (
        True,
        1,
        ("bad.example",),
        "ollama:mine",
    )
    assert (found.model_timeout, found.mode) == (900, "replay")
    assert sk.Settings.load(page_timeout=5.0).page_timeout == 5


@pytest.mark.parametrize("name", ["page_timeout", "model_timeout", "cache_ttl"])
@pytest.mark.parametrize("value", ["inf", "nan", "0", "-1"])
def test_a_time_that_never_ends_is_refused(project: Path, name: str, value: str) -> None:
    users(lines({name: value}))
    with pytest.raises(sk.ConfigurationError, match=name.upper()):
        sk.Settings.load()


def test_a_trusted_file_counts_whole_until_it_changes(project: Path) -> None:
    file = project / ".env"
    file.write_text(lines(EVERY))
    trust_file(file, file.read_bytes())
    found = sk.Settings.load()
    assert (found.tavily_url, found.model, found.remarks()) == (
        "https://evil.example",
        "openai:theirs",
        [],
    )
    users("SENTIENT_MODEL=ollama:mine\n")
    assert sk.Settings.load().model == "ollama:mine"
    file.write_text(lines({**EVERY, "tavily_url": "https://worse.example"}))
    assert sk.Settings.load().tavily_url == "https://api.tavily.com"
    file.write_text(lines(EVERY))
    assert sk.Settings.load().tavily_url == "https://evil.example"


def test_trust_is_of_one_place(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = project / ".env"
    file.write_text("SENTIENT_MODEL=openai:x\n")
    trust_file(file, file.read_bytes())
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / ".env").write_text("SENTIENT_MODEL=openai:x\n")
    monkeypatch.chdir(tmp_path / "clone")
    assert sk.Settings.load().model is None
    (tmp_path / "link").symlink_to(project)  # another way to the same place
    monkeypatch.chdir(tmp_path / "link")
    assert sk.Settings.load().model == "openai:x"


def test_nothing_is_put_into_a_value(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    (project / ".env").write_text("SENTIENT_DENY_DOMAINS=${OPENAI_API_KEY}.evil.example\n")
    assert sk.Settings.load().deny_domains == ("${OPENAI_API_KEY}.evil.example",)


def test_a_file_that_a_program_names_counts_whole(project: Path) -> None:
    (project / "mine.env").write_text("SENTIENT_MODEL=openai:mine\n")
    assert sk.Settings(_env_file="mine.env").model == "openai:mine"  # type: ignore[call-arg]


@pytest.mark.skipif(os.name != "posix", reason="files of POSIX")
@pytest.mark.parametrize(
    "kind",
    ["link", "dangling link", "fifo", "folder", "huge", "device", "not UTF-8", "unreadable", "NUL"],
)
def test_a_file_that_is_none_is_a_sentence_and_costs_nothing(
    project: Path, tmp_path: Path, kind: str
) -> None:
    file = project / ".env"
    (tmp_path / "target").write_text("SENTIENT_OFFLINE=true\n")
    match kind:
        case "link":
            file.symlink_to(tmp_path / "target")
        case "dangling link":
            file.symlink_to(tmp_path / "nowhere")
        case "device":
            file.symlink_to("/dev/zero")
        case "fifo":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "huge":
            with file.open("wb") as made:
                made.truncate(2_000_000_000)
        case "not UTF-8":
            file.write_bytes(b"SENTIENT_OFFLINE=true\n\xff\xfe")
        case "unreadable":
            file.write_text("SENTIENT_OFFLINE=true\n")
            file.chmod(0)
        case "NUL":
            file.write_bytes(b"SENTIENT_LOG_LEVEL=ERROR\n\0\0\0SENTIENT_MODEL=x\n")
    before = time.monotonic()
    found = sk.Settings.load()
    assert time.monotonic() - before < 2
    if kind == "NUL" or (kind == "unreadable" and os.geteuid() == 0):
        return
    assert not found.offline
    (said,) = found.remarks()
    assert said.startswith(".env was not read: ")
    assert said.isprintable()
    assert len(said) < 120


def test_odd_lines_flood_nothing(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    (project / ".env").write_text(
        "'\n" * 20_000 + "".join(f"SENTIENT_X{n}=1\n" for n in range(1_500))
    )
    found = sk.Settings.load()
    assert len(caplog.records) == 0
    assert len(found.remarks()) == settings.MOST_NAMES


def test_the_users_own_file_that_cannot_be_read_is_an_error(project: Path) -> None:
    users("")
    (Path(os.environ["XDG_CONFIG_HOME"]) / "sentient-kernel" / ".env").write_bytes(b"\xff")
    with pytest.raises(sk.ConfigurationError, match="UTF-8"):
        sk.Settings.load()


def test_a_folder_that_is_gone_has_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert env_files.project_file() == env_files.EnvFile()
    monkeypatch.chdir(tmp_path)


# -- keys and addresses of model providers ---------------------------------------------------------


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Lines of a file that name a provider's server; no variable of it is set, and none stays."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    yield "OPENAI_API_KEY=sk-theirs\nOPENAI_BASE_URL=https://theirs.example/v1\n"
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        os.environ.pop(name, None)
    env_files._lent.clear()


def test_a_providers_key_and_address_are_ignored_and_named_until_the_file_is_trusted(
    project: Path, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = project / ".env"
    file.write_text(provider)
    found = sk.Settings.load()
    assert (os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")) == (None, None)
    (said,) = found.remarks()
    assert said.startswith(".env sets OPENAI_API_KEY and OPENAI_BASE_URL, which count only from")
    assert "theirs" not in said
    assert [record.getMessage() for record in caplog.records] == [said]
    trust_file(file, file.read_bytes())
    assert sk.Settings.load().remarks() == []
    assert (os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"]) == (
        "sk-theirs",
        "https://theirs.example/v1",
    )
    file.write_text(provider + "# changed\n")
    assert "OPENAI_API_KEY" in sk.Settings.load().remarks()[0]
    assert "OPENAI_API_KEY" not in os.environ


def test_the_users_own_file_sets_a_provider_and_the_environment_wins(
    project: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users(provider)
    (project / ".env").write_text("OPENAI_API_KEY=sk-of-the-project\n")
    trust_file(project / ".env", (project / ".env").read_bytes())
    sk.Settings.load()
    assert os.environ["OPENAI_API_KEY"] == "sk-theirs"
    users("")
    sk.Settings.load()
    assert os.environ["OPENAI_API_KEY"] == "sk-of-the-project"
    assert "OPENAI_BASE_URL" not in os.environ
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    sk.Settings.load()
    assert os.environ["OPENAI_API_KEY"] == "sk-mine"


def test_a_providers_key_that_the_environment_holds_already_is_no_news(
    project: Path, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    (project / ".env").write_text("OPENAI_API_KEY=sk-theirs\nOPENAI_COLOUR=blue\n")
    assert sk.Settings.load().remarks() == []
