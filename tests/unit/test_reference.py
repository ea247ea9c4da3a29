"""Every public name, setting, event, error, command and exit code is in the reference."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sentient_kernel as sk
from sentient_kernel import events, testing
from sentient_kernel.cli import arguments
from sentient_kernel.settings import PREFIX, Settings
from sentient_kernel.sources.opening import WORDS
from sentient_kernel.testing import FakeWeb

DOCS = Path(__file__).parents[2] / "docs"
DIRECTIVE = re.compile(r"^\.\. (auto\w+|currentmodule):: ([\w.]+)\n((?:   :.*\n)*)", re.MULTILINE)


def _generated() -> Any:
    spec = importlib.util.spec_from_file_location("generated", DOCS / "generated.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


made = _generated()
PAGES = {
    page.stem: made.take_in(page.read_text()) for page in sorted((DOCS / "reference").glob("*.md"))
}
TEXT = "\n".join(PAGES.values())


def documented() -> Iterator[tuple[str, str, str]]:
    """Yields what the pages take from docstrings: directive, full name, options."""
    for page in PAGES.values():
        module = ""
        for kind, name, options in DIRECTIVE.findall(page):
            if kind == "currentmodule":
                module = name
            else:
                yield (
                    kind,
                    name if name.startswith("sentient_kernel.") else f"{module}.{name}",
                    options,
                )


def found(full_name: str) -> Any:
    """Returns what a full name stands for."""
    module, _, name = full_name.rpartition(".")
    return getattr(importlib.import_module(module), name)


ENTRIES = list(documented())
VALUES = [found(name) for _, name, _ in ENTRIES]


@pytest.mark.parametrize("name", sk.__all__)
def test_every_public_name_has_its_place(name: str) -> None:
    assert any(value is getattr(sk, name) for value in VALUES)


def test_nothing_has_two_places() -> None:
    names = [name for _, name, _ in ENTRIES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(("kind", "name", "options"), ENTRIES, ids=[name for _, name, _ in ENTRIES])
def test_what_is_shown_of_a_class_says_what_it_is(kind: str, name: str, options: str) -> None:
    """A member without a docstring would be left out in silence."""
    value = found(name)
    if kind == "autodata":
        return
    assert inspect.getdoc(value)
    if ":members:\n" in options:
        for member, what in vars(value).items():
            if not member.startswith("_") and (
                callable(what) or isinstance(what, (property, classmethod, staticmethod))
            ):
                assert inspect.getdoc(getattr(value, member, what)), f"{name}.{member}"


@pytest.mark.parametrize(
    "name", ["Workbench", "Run", "Context", "Report", "Budget", "Retry", "Outcome"]
)
def test_all_that_these_can_do_is_shown(name: str) -> None:
    assert [
        ":members:\n" in options
        for _, full, options in ENTRIES
        if full == f"sentient_kernel.{name}"
    ] == [True]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_does(name: str) -> None:
    assert Settings.model_fields[name].description, f"{name} has no description"
    assert f"{{envvar}} {PREFIX}{name.upper()}\n" in PAGES["settings"]


@pytest.mark.parametrize("kind", events.classes())
def test_every_event_says_when_it_is_written(kind: str) -> None:
    cls = events.classes()[kind]
    entry = PAGES["events"].partition(f".. event:: {kind}\n")[2].partition(".. event::")[0]
    assert (inspect.getdoc(cls) or "-").splitlines()[0] in entry and f"``{cls.__name__}``" in entry
    assert all(f"``{field}``" in entry for field in cls.model_fields if field != "kind")


def test_every_error_has_its_place_with_what_programs_go_by() -> None:
    tree = made.error_tree()
    assert {cls.__name__ for cls in tree} >= {"SentientError", "Detached", "NotFound"}
    for cls in tree:
        assert f".. autoexception:: {cls.__module__}.{cls.__name__}\n" in PAGES["errors"]
        assert f"{cls.__name__} " in inspect.getdoc(
            importlib.import_module("sentient_kernel.errors")
        ), cls
    assert (
        made.error_facts(sk.NotFound)
        == "``sk.NotFound``. Code ``not_found``, HTTP status 404, not retryable."
    )


@pytest.mark.parametrize("name", made.subcommands())
def test_every_command_has_its_place(name: str) -> None:
    entry = PAGES["cli"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    for action in made.subcommands()[name]._actions:
        assert action.dest == "help" or all(option in entry for option in action.option_strings)


def test_every_exit_code_has_its_place() -> None:
    codes = {
        arguments.DONE,
        arguments.FAILED,
        arguments.USAGE,
        arguments.NOTHING,
        arguments.WAITING,
        130,
    }
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", PAGES["cli"], re.MULTILINE)} == codes


def test_every_magic_has_its_place() -> None:
    from sentient_kernel.magics.magics import SentientMagics

    for kind, sign in (("line", "%"), ("cell", "%%")):
        assert all(f"## {sign}{name}\n" in PAGES["magics"] for name in SentientMagics.magics[kind])


@pytest.mark.parametrize("word", WORDS)
def test_every_word_for_a_source_has_its_place(word: str) -> None:
    assert f"| `{word}` |" in PAGES["sources-and-models"]


def test_the_test_kit_is_shown_whole() -> None:
    assert {name for _, name, _ in ENTRIES} >= {
        f"sentient_kernel.testing.{name}" for name in testing.__all__
    }


def test_a_fake_web_stands_in_for_every_service_that_has_an_address() -> None:
    addresses = {name for name in Settings.model_fields if name.endswith("_url")} - {"database_url"}
    with FakeWeb() as web:
        assert addresses <= set(web.settings)


@pytest.mark.parametrize("place", ["docs/how-to/documents.md", "SKILL.md", "Workbench.add"])
def test_every_word_of_a_source_is_told_where_people_look(place: str) -> None:
    text = (
        sk.Workbench.add.__doc__
        if place == "Workbench.add"
        else (Path(__file__).parents[2] / place).read_text()
    )
    engines = {"searxng", "tavily", "brave"}  # those of "web"
    words = WORDS.keys() - (engines if place != "docs/how-to/documents.md" else set())
    assert sorted(word for word in words if word not in str(text).lower()) == []
