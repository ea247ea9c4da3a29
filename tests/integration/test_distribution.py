"""What is published: it is built, checked, installed into an empty environment, and works there."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import IN_CI, missing

import sentient_kernel

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.dist, pytest.mark.timeout(900)]


def run(
    *words: str | Path, cwd: Path = ROOT, seconds: int = 420
) -> subprocess.CompletedProcess[str]:
    """Runs a program; what it says is kept."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(scope="module")
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of the distribution, built as for a release: in an own environment."""
    if not IN_CI and "dist" not in str(request.config.getoption("markexpr")).replace(
        "not dist", ""
    ):
        pytest.skip("needs the package index; run with -m dist")
    for name in ("build", "twine"):
        if importlib.util.find_spec(name) is None:
            missing(name)
    folder = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def test_the_distribution_is_fit_to_be_published(built: Path) -> None:
    files = sorted(built.iterdir())
    assert [path.name for path in files] == [
        f"sentient_kernel-{sentient_kernel.__version__}-py3-none-any.whl",
        f"sentient_kernel-{sentient_kernel.__version__}.tar.gz",
    ]
    done = run(sys.executable, "-m", "twine", "check", "--strict", *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_the_package_and_the_tutorials_and_nothing_else(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"sentient_kernel"}
    assert {"sentient_kernel/py.typed", "sentient_kernel/_tutorials/00_quickstart.ipynb"} <= set(
        names
    )
    assert not [
        name
        for name in names
        if "__pycache__" in name or ".sentient" in name or name.endswith((".db", "nbval.cfg"))
    ]


def test_the_source_distribution_holds_what_builds_the_pages_and_runs_the_tests(
    built: Path,
) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "SKILL.md",
        "docs/conf.py",
        "docs/index.md",
        "tests/conftest.py",
        "LICENSE",
    } <= names


def test_the_wheel_works_in_an_empty_environment(built: Path, tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "venv", tmp_path / "venv")
    assert done.returncode == 0, done.stderr
    done = run(tmp_path / "venv/bin/pip", "install", "-q", next(built.glob("*.whl")), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    done = run(tmp_path / "venv/bin/sentient-kernel", "demo", "--format", "md", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("# ") and "loc" in done.stdout
