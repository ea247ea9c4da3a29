"""A notebook as one HTML file: live views become what they last showed, and nothing in it comes
from elsewhere.
"""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import sentient_kernel as sk
from sentient_kernel.notebook.to_html import WIDGET

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PROSE = """
# Bees

![A bee](bee.png) fly at $v^2$; see [a page](https://example.org/bees).

```mermaid
graph TD; A-->B
```
"""
VIEW = {"version_major": 2, "version_minor": 0, "model_id": "abc123"}
STATE = {
    "application/vnd.jupyter.widget-state+json": {
        "state": {"abc123": {"model_name": "AnyModel"}},
        "version_major": 2,
        "version_minor": 0,
    }
}


def shown(**data: Any) -> Any:
    return nbformat.v4.new_output(
        "display_data", {key.replace("_", "/"): value for key, value in data.items()}
    )


def live(**data: Any) -> Any:
    output = shown(**data)
    output.data[WIDGET] = VIEW
    return output


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    (tmp_path / "bee.png").write_bytes(PIXEL)
    code = nbformat.v4.new_code_cell
    cells = [
        nbformat.v4.new_markdown_cell(PROSE),
        code(
            "run",
            outputs=[
                live(
                    text_html="<section>the run, when it began</section>", text_plain="Run('bees')"
                )
            ],
        ),
        code(
            "run",
            outputs=[
                live(text_html="", text_plain=""),
                shown(
                    text_html=(
                        '<div class="sk-kept" data-kept="r1"><section>how it ended</section></div>'
                    ),
                    text_plain="Run('bees')",
                ),
            ],
        ),
        code("slider", outputs=[live(text_plain="IntSlider(value=3)")]),
        code("print('hello')", outputs=[nbformat.v4.new_output("stream", text="hello\n")]),
    ]
    path = tmp_path / "bees.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"widgets": STATE}), path)
    return path


def test_views_become_what_they_last_showed(notebook: Path) -> None:
    before = notebook.read_bytes()
    written = sk.to_html(notebook)
    page = written.read_text(encoding="utf-8")
    assert written == notebook.with_suffix(".html")
    assert "<section>the run, when it began</section>" in page
    assert page.count("how it ended") == 1
    assert (
        "A live view; it is shown when the notebook is opened with its kernel." in page
        and "IntSlider" not in page
    )
    assert "hello" in page and "<title>bees</title>" in page
    assert not re.search("abc123|widget-state|widget-view", page)
    assert notebook.read_bytes() == before


def test_nothing_in_it_is_fetched_from_anywhere(notebook: Path) -> None:
    page = sk.to_html(str(notebook), notebook.parent / "out.html").read_text(encoding="utf-8")
    loaded = re.findall(
        r"<(?:script|link|img|iframe|source|video|audio|embed|object)\b[^>]*?\b(?:src|href|data)=[\"']?([^\"'"
        r" >]+)",
        page,
    )
    assert len(loaded) == 1 and loaded[0].startswith("data:image/png;base64,"), (
        "the picture beside the notebook, and no more"
    )
    page = re.sub(r"/\*.*?\*/", "", page, flags=re.DOTALL)  # who wrote JupyterLab's style sheets
    assert set(re.findall(r"https?://[^\"' <)]+", page)) == {"https://example.org/bees"}, (
        "the link that a reader may click"
    )
    assert not re.search(
        r"mathjax|require(js|\.min|\.config)|cdnjs|unpkg|jsdelivr|@import|url\((?!['\"]?data:)",
        page,
        re.I,
    )
    assert "default-src 'none'" in page
    assert "$v^2$" in page, "a formula stays as it was written"


def test_the_quickstart_becomes_a_file_with_its_report(tmp_path: Path) -> None:
    notebook = Path(__file__).parents[2] / "notebooks" / "00_quickstart.ipynb"
    page = sk.to_html(notebook, tmp_path / "quickstart.html").read_text(encoding="utf-8")
    assert "Five minutes with Sentient Kernel" in page and 'aria-label="Report"' in page


@pytest.mark.parametrize(
    "content",
    ["no JSON", "{}", '{"cells": 3, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "[1]"],
)
def test_what_is_no_notebook_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "no.ipynb").write_text(content)
    with pytest.raises(
        sk.ParseError, match=r"'.*no\.ipynb' is not a notebook\. Give a file that Jupyter saved"
    ):
        sk.to_html(tmp_path / "no.ipynb")


def test_a_place_that_does_not_fit_is_refused_in_a_sentence(notebook: Path) -> None:
    with pytest.raises(
        sk.UsageError, match=r"There is no notebook '.*gone\.ipynb'\. Save it first"
    ):
        sk.to_html(notebook.parent / "gone.ipynb")
    with pytest.raises(sk.UsageError, match="is the notebook itself"):
        sk.to_html(notebook, notebook)
    with pytest.raises(sk.UsageError, match="cannot be written: No such file or directory"):
        sk.to_html(notebook, notebook.parent / "nowhere" / "out.html")


def test_without_nbconvert_it_says_what_to_install(
    notebook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nbconvert.exporters", None)
    with pytest.raises(
        sk.ConfigurationError,
        match=r'nbconvert is not installed here\. Install it with: pip install "sentient-kernel',
    ):
        sk.to_html(notebook)
