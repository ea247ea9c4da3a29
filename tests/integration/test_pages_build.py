"""The pages are built without a warning; every public name can be found in what was built."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import missing

import sentient_kernel as sk
from sentient_kernel import events
from sentient_kernel.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(300)


class Elsewhere(HTMLParser):
    """Finds what a page loads or runs from another machine."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        place = given.get("src") or (given.get("href") if tag == "link" else "") or ""
        if place.startswith(("http:", "https:", "//")):
            self.found.append(place)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the pages once, as a contributor does; a warning is an error."""
    for name in ("sphinx", "myst_nb", "pydata_sphinx_theme"):
        if importlib.util.find_spec(name) is None:
            missing(f"{name} (pip install -e '.[docs]')")
    folder = tmp_path_factory.mktemp("pages")
    words = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        str(folder / "read"),
        "docs",
        str(folder / "html"),
    ]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "html"


def test_everything_public_can_be_found(built: Path) -> None:
    head, _, packed = (built / "objects.inv").read_bytes().partition(b"zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2")
    names = {line.split(" ")[0] for line in zlib.decompress(packed).decode().splitlines()}
    wanted = {f"sentient_kernel.{'errors.' if is_error(name) else ''}{name}" for name in sk.__all__}
    wanted |= {*events.classes(), *(PREFIX + name.upper() for name in Settings.model_fields)}
    assert wanted - names == set()


def is_error(name: str) -> bool:
    """Tells whether a public name is an error."""
    value = getattr(sk, name)
    return isinstance(value, type) and issubclass(value, BaseException)


def test_the_tutorials_are_shown_with_their_outputs(built: Path) -> None:
    page = (built / "tutorials" / "00_quickstart.html").read_text()
    assert "answers the question" in page and 'aria-label="Report"' in page


def test_no_page_loads_anything_from_another_machine(built: Path) -> None:
    for page in built.rglob("*.html"):
        parser = Elsewhere()
        parser.feed(page.read_text())
        assert not parser.found, f"{page.name}: {parser.found}"
