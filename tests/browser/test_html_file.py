"""The HTML file of a notebook in a browser: it is drawn, it complains of nothing, and it asks
nobody for anything.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_kit import browser

import sentient_kernel as sk

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "00_quickstart.ipynb"

pytestmark = pytest.mark.browser


def test_the_file_of_a_notebook_is_shown_without_a_request(
    needs_browser: Path, tmp_path: Path
) -> None:
    written = sk.to_html(NOTEBOOK, tmp_path / "quickstart.html")
    asked: list[str] = []
    complaints: list[str] = []
    with browser(needs_browser) as chrome:
        page = chrome.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.goto(written.as_uri(), wait_until="networkidle")
        report = page.get_by_role("region", name="Report").first
        assert report.bounding_box()["width"] > 300 and "kilomet" in report.inner_text()
        picture = page.screenshot(path=tmp_path / "page.png")  # to look at: pytest keeps tmp_path
        assert len(picture) > 20_000
        assert complaints == []
        page.evaluate("() => fetch('https://example.org/').then(() => null, () => null)")
    assert [url for url in asked if not url.startswith("data:")] == [written.as_uri()], (
        "also what a script in it wants"
    )
    assert all("Content Security Policy" in complaint for complaint in complaints), complaints
