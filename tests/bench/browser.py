"""Load on live views in a real JupyterLab and Chromium: what the page takes, and what it is sent.

Usage: ``python -m tests.bench.browser stream | events | redraw``
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from tests.bench._measure import Figures, folder, run

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "browser"), str(TESTS)]


def chromium() -> str:
    """Returns where the browser is, or nothing."""
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )


def _loaded(name: str, load: Any) -> Figures:
    from lab_kit import browser, lab, opened
    from load_kit import CELLS
    from probe_kit import WHOLE, run_cells, write

    if not (found := chromium()):
        raise SystemExit("There is no chromium here.")
    with lab(folder(), settings=WHOLE) as server, browser(Path(found)) as chrome:
        write(server, f"{name}.ipynb", *CELLS)
        with opened(chrome, server, f"{name}.ipynb") as book:
            run_cells(book, 0)
            figures: dict[str, Any] = load(chrome, book, server)
    return {key: value for key, value in figures.items() if isinstance(value, int | float)}


def stream() -> Figures:
    """Ten agents write 2,000 tokens a second: frame gaps, messages a second, texts that did not
    arrive as they were sent.
    """

    def load(_: Any, book: Any, server: Any) -> dict[str, Any]:
        import load_kit

        figures = load_kit.stream(book, server)
        figures["missing"] = sum(
            not text.endswith(figures["held"].get(by, " ")) for by, text in figures["sent"].items()
        )
        return figures

    return _loaded("stream", load)


def events() -> Figures:
    """100,000 events in a list that is scrolled and filtered."""
    import load_kit

    return _loaded("events", load_kit.events)


def redraw() -> Figures:
    """A run of 10,000 events shown a second time."""
    import load_kit

    return _loaded("redraw", lambda _, book, __: load_kit.redraw(book))


if __name__ == "__main__":
    run(globals())
