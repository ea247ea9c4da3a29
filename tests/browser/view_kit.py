"""Views in a page without Jupyter: a stand-in for the widget's model, JupyterLab's colours, and
messages given by hand.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sentient_kernel.widgets.bundle import bundle, style

NOW = 1_764_117_000_000
"""The kernel's clock at the first message, ms since 1970."""
WIDE, NARROW = 920, 360
# What JupyterLab 4.6 sets for its two themes, resolved.
THEMES = {
    "light": {
        "layout-color0": "#fff",
        "layout-color1": "#fff",
        "layout-color2": "#eee",
        "layout-color3": "#bdbdbd",
        "border-color0": "#bdbdbd",
        "border-color1": "#bdbdbd",
        "border-color2": "#e0e0e0",
        "border-color3": "#eee",
        "ui-font-color0": "#000",
        "ui-font-color1": "rgba(0,0,0,.87)",
        "ui-font-color2": "rgba(0,0,0,.54)",
        "ui-font-color3": "rgba(0,0,0,.38)",
        "brand-color1": "#1976d2",
        "success-color1": "#388e3c",
        "warn-color1": "#f57c00",
        "error-color1": "#d32f2f",
    },
    "dark": {
        "layout-color0": "#111",
        "layout-color1": "#212121",
        "layout-color2": "#424242",
        "layout-color3": "#616161",
        "border-color0": "#616161",
        "border-color1": "#616161",
        "border-color2": "#424242",
        "border-color3": "#212121",
        "ui-font-color0": "#fff",
        "ui-font-color1": "rgba(255,255,255,.87)",
        "ui-font-color2": "rgba(255,255,255,.54)",
        "ui-font-color3": "rgba(255,255,255,.38)",
        "brand-color1": "#2196f3",
        "success-color1": "#4caf50",
        "warn-color1": "#ff9800",
        "error-color1": "#f44336",
    },
}
FONTS = {
    "ui-font-family": 'system-ui,-apple-system,"Segoe UI",helvetica,arial,sans-serif',
    "code-font-family": 'menlo,consolas,"DejaVu Sans Mono",monospace',
}
MODEL = """
window.sent = [];          // what the page sent
window.reached = [];       // keys that left the view
window.broken = false;     // whether sending fails, as it does after a kernel restart
const handlers = {};
window.model = {
  get: (name) => undefined, set() {}, save_changes() {},
  on(name, act) { (handlers[name] ??= []).push(act); },
  off(name, act) { handlers[name] = (handlers[name] ?? []).filter((one) => one !== act); },
  send(message) { if (window.broken) throw new Error("Cannot send"); window.sent.push(structuredClone(message)); },
};
window.give = (message) => { for (const act of [...(handlers["msg:custom"] ?? [])]) act(structuredClone(message)); };
window.heard = () => (handlers["msg:custom"] ?? []).length;
document.addEventListener("keydown", (event) => window.reached.push(event.key));
window.show = async (text) => {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  window.view = (await import(url)).default;
  window.ends = new AbortController();
  window.unmount = window.view.render({ model: window.model, el: document.getElementById("cell"), signal: window.ends.signal });
};
window.drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())));
"""


class ViewPage:
    """A view that is open in a page.

    Args:
        page: Playwright's page.
        view: The name of the view.
    """

    def __init__(self, page: Any, view: str) -> None:
        self.page = page
        self.view = view
        self.n = 0
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on("request", lambda request: self._outside(request.url))

    def _outside(self, url: str) -> None:
        if not url.startswith(("about:", "blob:", "data:")):
            self.complaints.append(f"a request for {url}")

    def give(self, kind: str, *, drawn: bool = True, **fields: Any) -> None:
        """Delivers a message from the kernel, numbered, and waits until it is drawn."""
        self.n += 1
        message = {"kind": kind, "n": self.n, "seq": self.n, "now": NOW, **fields}
        self.page.evaluate("(message) => window.give(message)", message)
        if drawn:
            self.drawn()

    def snapshot(self, state: dict[str, Any], **fields: Any) -> None:
        """Delivers everything."""
        self.give("snapshot", state=state, **fields)

    def patch(self, **fields: Any) -> None:
        """Delivers changes: ``set``, ``text``, ``events``."""
        self.give("patch", **fields)

    def reply(self, *, ok: bool = True, **fields: Any) -> None:
        """Answers the newest request."""
        asked = [message for message in self.sent() if "id" in message]
        self.give("reply", id=asked[-1]["id"], ok=ok, **fields)

    def drawn(self) -> None:
        """Waits for two animation frames."""
        self.page.evaluate("() => window.drawn()")

    def sent(self, kind: str = "") -> list[dict[str, Any]]:
        """Returns what the page sent, without the name of the page; all of it or one kind."""
        found: list[dict[str, Any]] = self.page.evaluate("() => window.sent")
        return [
            {k: v for k, v in message.items() if k != "page"}
            for message in found
            if not kind or message["kind"] == kind
        ]

    def picture(self, path: Path) -> Path:
        """Takes a picture of the view, to look at."""
        self.page.locator("#cell").screenshot(path=str(path))
        return path


def page_html(theme: str, width: int, extra: str = "") -> str:
    """Returns the page that views are drawn in."""
    colours = ";".join(f"--jp-{name}:{value}" for name, value in (THEMES[theme] | FONTS).items())
    return (
        '<!doctype html><html lang="en"><meta'
        f' charset="utf-8"><title>views</title><style>{style()}</style><style>body{{{colours};margin:0;background:var(--jp-layout-color0);font-family:var(--jp-ui-font-family);font-size:13px;color:var(--jp-ui-font-color1)}}</style><body'
        f' data-jp-theme-light="{"true" if theme == "light" else "false"}">{extra}<div id="cell"'
        f' style="width:{width}px;padding:8px;box-sizing:content-box"></div></body></html>'
    )


@contextmanager
def view_page(
    chrome: Any,
    view: str,
    *,
    theme: str = "light",
    width: int = WIDE,
    code: str = "",
    extra: str = "",
    motion: str = "no-preference",
) -> Iterator[ViewPage]:
    """Opens a view, which has said hello and waits for its snapshot; afterwards the page is gone.

    Args:
        chrome: A browser of Playwright.
        view: A name of ``bundle.VIEWS``.
        theme: ``light`` or ``dark``.
        width: Of the cell, px.
        code: An ESM to show instead of the view's own.
        extra: HTML that stands in the page before the view.
        motion: ``reduce`` for people who want no movement.
    """
    context = chrome.new_context(
        viewport={"width": width + 16, "height": 900}, color_scheme=theme, reduced_motion=motion
    )
    try:
        opened = ViewPage(context.new_page(), view)
        opened.page.set_default_timeout(5_000)
        opened.page.set_content(page_html(theme, width, extra))
        opened.page.evaluate(MODEL)
        opened.page.evaluate("(text) => window.show(text)", code or bundle(view))
        yield opened
    finally:
        context.close()


def run_state(**changes: Any) -> dict[str, Any]:
    """Returns the state of a view "run": a research that reads; keys of ``run`` and of the state
    can be given.
    """
    run = {
        "id": "0199b8a2-7c1e",
        "status": "running",
        "word": "Reading",
        "sign": "●",
        "colour": "run",
        "title": (
            "Does adding biochar to sandy soil raise its water-holding capacity, and for how long?"
        ),
        "name": "",
        "workflow": "research",
        "started": NOW - 72_000,
        "updated": NOW,
        "ended": None,
        "seconds": 72.0,
        "progress": None,
        "message": "",
        "done": 5,
        "running": 2,
        "failed": 0,
        "retried": 1,
        "recoveries": 0,
        "counts": "5 done · 2 running · 1 retried",
        "cancelling": False,
        "finishing": False,
        "heeds": ["finish", "steer"],
        "said": [],
        "alive": True,
        "trouble": None,
        "cost": "$0.03 of $0.50",
    }
    state = {
        "run": run,
        "phases": [],
        "steps": {},
        "approvals": {},
        "sources": {},
        "texts": {},
        "report": None,
    }
    for key, value in changes.items():
        (state if key in state else run)[key] = value
    return state


def step(i: int, title: str, status: str = "completed", **changes: Any) -> dict[str, Any]:
    """Returns a step that began ``i`` seconds after the run."""
    begun = NOW - 72_000 + i * 1_000
    ended = None if status in ("running", "retrying") else begun + 900
    row = {
        "key": f"k{i}",
        "i": i,
        "title": title,
        "name": title.split(" ")[0],
        "depth": 0,
        "status": status,
        "tries": "",
        "attempts": 1,
        "started": begun,
        "ended": ended,
        "seconds": None if ended is None else 0.9,
        "why": "",
        "effect": "pure",
    }
    return row | changes


def keyed_by(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    """Returns rows as the maps that states hold them in."""
    return {row[key]: row for row in rows}


def approval(payload: Any, **changes: Any) -> dict[str, Any]:
    """Returns an open approval."""
    row = {
        "id": "a1b2",
        "i": 0,
        "run": "0199b8a2-7c1e",
        "ask": "plan",
        "question": "Go ahead with this plan?",
        "payload": payload,
        "digest": "7c1e90af55aa",
        "form": None,
        "status": "open",
        "requested": NOW - 5_000,
        "expires": None,
        "decided": None,
        "by": "",
        "reason": "",
        "answer": None,
        "title": "Does biochar help?",
    }
    return row | changes


def keep_pictures() -> Path | None:
    """Returns the folder that pictures of views go to when somebody wants to look at them, else
    None.
    """
    folder = os.environ.get("FACE_PICTURES")
    return Path(folder) if folder else None


def as_json(value: Any) -> str:
    """Returns a value as a JavaScript literal."""
    return json.dumps(value)
