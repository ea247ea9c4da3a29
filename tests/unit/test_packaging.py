"""Files that say what the package needs agree, and README's commands are those that CI runs."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import sentient_kernel

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
README = (ROOT / "README.md").read_text()
PROJECT_PAGES = ROOT / "docs" / "project"
CORE = {
    "anyio",
    "apsw",
    "httpx",
    "nest-asyncio",
    "pandas",
    "pydantic",
    "pydantic-settings",
    "pypdfium2",
    "rich",
    "selectolax",
}
ONLY_CONDA = {"python", "pip", "libsqlite"}


def floors(requirements: list[str]) -> dict[str, str]:
    """Returns name -> lowest version of requirement lines such as ``name[extra]>=1.2``."""
    found = {}
    for line in requirements:
        match = re.fullmatch(r"([a-z0-9-]+)(?:\[[a-z,]+\])?>=([0-9.]+)", line)
        assert match, f"{line!r} is not of the form name>=version"
        found[match[1]] = match[2]
    return found


def conda_requirements() -> list[str]:
    lines = [
        line.split("#")[0].strip() for line in (ROOT / "environment.yml").read_text().splitlines()
    ]
    return [line.removeprefix("- ") for line in lines if line.startswith("- ") and ">=" in line]


def test_core_needs_exactly_the_ten_distributions_that_were_agreed() -> None:
    assert set(floors(PROJECT["dependencies"])) == CORE


def test_every_requirement_has_a_floor_and_no_ceiling() -> None:
    for name, requirements in EXTRAS.items():
        if name != "all":
            assert floors(requirements)


def test_conda_and_pip_have_the_same_floors() -> None:
    pip = floors(PROJECT["dependencies"] + EXTRAS["notebook"] + EXTRAS["dev"])
    conda = floors(conda_requirements())
    assert {name: floor for name, floor in conda.items() if name not in ONLY_CONDA} == pip


def test_conda_and_pip_ask_for_the_same_python_and_sqlite() -> None:
    conda, pip = floors(conda_requirements()), floors(PROJECT["dependencies"])
    assert PROJECT["requires-python"] == f">={conda['python']}"
    assert pip["apsw"].startswith(conda["libsqlite"])


def test_all_means_every_extra_for_users() -> None:
    (whole,) = EXTRAS["all"]
    assert whole == f"sentient-kernel[{','.join(sorted(EXTRAS.keys() - {'all', 'dev', 'docs'}))}]"


def test_who_runs_the_tests_can_build_the_pages() -> None:
    assert set(EXTRAS["docs"]) <= set(EXTRAS["dev"])


def test_a_page_says_of_each_dependency_what_it_is_for() -> None:
    page = (PROJECT_PAGES / "dependencies.md").read_text()
    named = {
        name
        for row in re.findall(r"^\| (.+?) \|", page, re.M)
        for name in re.findall(r"`([a-z0-9-]+)`", row)
    }
    needed = {
        name
        for extra in EXTRAS.values()
        for line in extra
        for name in re.findall(r"^[a-z0-9-]+", line)
    } - {"sentient-kernel"}
    assert (CORE | needed) - named == set()


def commands() -> list[str]:
    """Returns README's commands for a fresh machine: the lines that make a virtual environment."""
    return [line for line in README.splitlines() if line.startswith("python3 -m venv")]


def test_readme_has_two_commands_for_a_fresh_machine() -> None:
    demo, tests = commands()
    assert demo.endswith("/sentient-kernel demo")
    assert tests.endswith("-m pytest")
    assert not {"make", "sudo", "conda"} & set(" ".join(commands()).split())


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    (extract,) = re.findall(r"^command=\$\((.+)\)$", script, re.M)
    printed = subprocess.run(
        ["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == commands()[1]


def test_every_promise_names_tests_that_exist() -> None:
    rows = [
        row
        for row in (PROJECT_PAGES / "promises.md").read_text().splitlines()
        if row.startswith("| ")
    ]
    tests = [re.findall(r"`(tests/[\w/.-]+?)(?:::(\w+))?`", row) for row in rows[1:]]
    assert len(tests) > 20 and all(tests), "a promise names no test that holds it"
    for path, test in (one for named in tests for one in named):
        assert (ROOT / path).exists(), path
        if test:
            assert re.search(
                rf"^\s*(async )?(def|class) {test}\b", (ROOT / path).read_text(), re.M
            ), f"{path}::{test}"


def test_readme_fits_on_two_screens_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 130
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SKILL.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (ROOT / link).exists(), f"{page.name} links to {link}"


def test_changelog_knows_this_version() -> None:
    assert re.search(
        rf"^## {re.escape(sentient_kernel.__version__)} \(",
        (ROOT / "CHANGELOG.md").read_text(),
        re.M,
    )


@pytest.mark.parametrize(
    "name", ["LICENSE", "CHANGELOG.md", "environment.yml", ".gitignore", "sentient_kernel/py.typed"]
)
def test_repository_has_what_tooling_looks_for(name: str) -> None:
    assert (ROOT / name).is_file()
