"""A real JupyterLab in a real browser: its own folders, its own port, a token, and commands instead of menus."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IN_APP = "window.jupyterapp"
READY = f"""() => {{
  const kernel = {IN_APP}?.shell?.currentWidget?.context?.sessionContext?.session?.kernel;
  return kernel?.status === 'idle' && kernel?.connectionStatus === 'connected';
}}"""


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """Starts JupyterLab on ``folder / "work"`` and ends it; on failure the end of its log is in the error."""
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_TOKEN": token,
    }
    words = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser", "--ip=127.0.0.1", f"--port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={work}",
    ]  # fmt: skip
    log = folder / "lab.log"
    with log.open("w") as out:
        process = subprocess.Popen(words, cwd=work, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait_until_up(process, f"http://127.0.0.1:{port}/api/status?token={token}", log)
            yield Lab(f"http://127.0.0.1:{port}", token, work)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not come up:\n{log.read_text()[-3000:]}")


@dataclass
class Notebook:
    """A notebook that is open in a page."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def command(self, name: str, **arguments: Any) -> Any:
        """Runs a command of JupyterLab and waits for it."""
        return self.page.evaluate(f"([name, arguments]) => {IN_APP}.commands.execute(name, arguments)", [name, arguments])

    def run_all(self) -> None:
        """Runs all cells, as the menu does, and does not wait."""
        self.page.evaluate(f"() => {{ {IN_APP}.commands.execute('notebook:run-all-cells'); }}")

    def run_cell(self, index: int) -> None:
        """Runs one cell and does not wait."""
        self.page.evaluate(
            f"(i) => {{ {IN_APP}.shell.currentWidget.content.activeCellIndex = i; {IN_APP}.commands.execute('notebook:run-cell'); }}", index
        )

    def prompts(self) -> list[str]:
        """Returns the prompts of all code cells: ``*`` while one runs or is queued."""
        found: list[str] = self.page.evaluate(
            f"""() => {IN_APP}.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')
                .map(cell => cell.promptNode?.textContent ?? '')"""
        )
        return found

    def wait_for_the_end(self, seconds: float = 60) -> None:
        """Waits until no cell runs or is queued."""
        self.page.wait_for_function(
            f"""() => {IN_APP}.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'
                && {IN_APP}.shell.currentWidget.content.widgets.every(cell => cell.model.type !== 'code' || cell.model.executionCount)""",
            timeout=seconds * 1000,
        )

    def cell(self, index: int) -> Any:
        """Returns a cell, drawn: cells far out of sight are not in the page."""
        self.page.evaluate(f"(i) => {IN_APP}.shell.currentWidget.content.scrollToItem(i)", index)
        return self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{index}"]')


@contextmanager
def browser(executable: Path) -> Iterator[Any]:
    """Starts a browser without a window and ends it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=str(executable), args=["--no-sandbox", "--headless=new"])
        try:
            yield chrome
        finally:
            chrome.close()


@contextmanager
def opened(chrome: Any, server: Lab, name: str, *, width: int = 1280, height: int = 900) -> Iterator[Notebook]:
    """Opens a notebook in a page of its own, its kernel ready; afterwards page and kernel are gone."""
    context = chrome.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    notebook = Notebook(page)
    page.on("pageerror", lambda error: notebook.complaints.append(f"error: {error}"))
    page.on("console", lambda message: notebook.complaints.append(message.text) if message.type == "error" else None)
    try:
        page.goto(f"{server.url}/lab/tree/{name}?token={server.token}&reset")
        page.wait_for_function(READY, timeout=60_000)
        yield notebook
    finally:
        context.close()
        _end_kernels(server)


def _end_kernels(server: Lab) -> None:
    headers = {"Authorization": f"token {server.token}"}
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/api/sessions", headers=headers), timeout=10) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(f"{server.url}/api/sessions/{session['id']}", headers=headers, method="DELETE")
        with urllib.request.urlopen(request, timeout=20):
            pass
