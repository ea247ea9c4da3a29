"""Load on live views in a real JupyterLab and Chromium: what the page takes and what it is sent.

Usage: ``python tests/bench/face.py [stream] [events] [redraw]``. Prints one JSON line per load, each figure beside its limit.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "browser"), str(TESTS)]

from lab_kit import browser, lab, opened  # noqa: E402
from load_kit import CELLS, Figures, events, redraw, stream  # noqa: E402
from probe_kit import WHOLE, run_cells, write  # noqa: E402

LIMITS = {
    "stream": {"frame_gap_p95_ms": 34, "messages_a_second": 20, "missing": 0},
    "events": {"heap_mb": 60, "scroll_task_ms": 50, "filter_task_ms": 50},
    "redraw": {"redraw_ms": 1_000},
}


def main(loads: list[str]) -> None:
    """Takes each load in a page and a kernel of its own."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        raise SystemExit("there is no chromium here")
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder), settings=WHOLE) as server, browser(Path(found)) as chrome:
        for load in loads:
            write(server, f"{load}.ipynb", *CELLS)
            with opened(chrome, server, f"{load}.ipynb") as book:
                run_cells(book, 0)
                if load == "stream":
                    figures = stream(book, server)
                    figures["missing"] = missing(figures)
                elif load == "events":
                    figures = events(chrome, book, server)
                else:
                    figures = redraw(book)
            limits = LIMITS[load]
            line = {"what": "face", "case": load, **figures, "limits": limits, "ok": all(figures[name] <= limits[name] for name in limits)}
            print(json.dumps(line), flush=True)


def missing(figures: Figures) -> int:
    """Takes the texts out of the figures and returns how many of them did not arrive as they were sent."""
    sent, held = figures.pop("sent"), figures.pop("held")
    return sum(not text.endswith(held.get(by, " ")) for by, text in sent.items())


if __name__ == "__main__":
    main(sys.argv[1:] or list(LIMITS))
