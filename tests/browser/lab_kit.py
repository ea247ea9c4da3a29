"""A real JupyterLab or Notebook in a real browser: its own folders, its own port, a token, and
commands instead of menus.
"""

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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernels_kit import add_kernels

ROOT = Path(__file__).parents[2]
NO_NEWS = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}
}
NO_SUBSHELLS = {
    "@jupyterlab/apputils-extension:kernels-settings": {"commsOverSubshells": "disabled"}
}
"""What a user sets to have comm messages wait behind a cell that runs:
``lab(folder, settings=NO_SUBSHELLS)``.
"""
PLACES = {
    "lab": "/lab/tree/{name}?token={token}&reset",
    "notebook": "/notebooks/{name}?token={token}",
}
"""Where an application shows a notebook."""
ITS_OWN = (
    "Cannot read properties of undefined (reading 'schema')",
    "Command 'filebrowser:open-path' not registered.",
)
"""What Notebook 7.6 raises by itself, an empty notebook too: while it loads its settings, and when
JupyterLab has left it a workspace.
"""
IN_APP = "window.jupyterapp"
KERNEL = f"{IN_APP}?.shell?.currentWidget?.context?.sessionContext?.session?.kernel"
CONNECTED = (
    f"() => {KERNEL}?.connectionStatus === 'connected' && ['idle',"
    f" 'busy'].includes({KERNEL}?.status)"
)
READY = f"() => {KERNEL}?.connectionStatus === 'connected' && {KERNEL}?.status === 'idle'"


@dataclass
class Lab:
    """A running JupyterLab."""

    url: str
    token: str
    folder: Path


@contextmanager
def lab(
    folder: Path,
    *,
    kernels: Sequence[str] = (),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> Iterator[Lab]:
    """Starts JupyterLab, which serves Notebook too, on ``folder / "work"`` and ends it; on failure
    the end of its log is in the error.

    Args:
        folder: A new folder, for everything it reads and writes.
        kernels: Kernel specs to have beside ``python3``: names of ``kernels_kit.LINES``.
        settings: What the user has set, by plugin, such as ``NO_SUBSHELLS``.
    """
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    for plugin, values in {**NO_NEWS, **(settings or {})}.items():
        package, _, name = plugin.partition(":")
        place = folder / "settings" / package / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(values))
    add_kernels(folder / "data", kernels)
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
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--expose-app-in-browser",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={work}",
    ]
    log = folder / "lab.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            words, cwd=work, env=environment, stdout=out, stderr=subprocess.STDOUT
        )
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
    """A notebook that is open in a page.

    Args:
        page: Playwright's page.
        url: Where it is.
        complaints: Errors that the page raised or wrote to its console; not those of the
            application itself.
    """

    page: Any
    url: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on(
            "pageerror",
            lambda error: (
                None if str(error) in ITS_OWN else self.complaints.append(f"error: {error}")
            ),
        )
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        # "leave this page?", when it was not saved
        self.page.on("dialog", lambda dialog: dialog.accept())

    # -- the page ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Loads the notebook and waits until its kernel is ready; also after :meth:`close`."""
        self.page.goto(self.url)
        self.wait_for_kernel()

    def reload(self) -> None:
        """Loads the page again, as F5 does. What was not saved is lost; the kernel goes on."""
        self.page.reload()
        self.wait_for_kernel(idle=False)

    def close(self) -> None:
        """Leaves the notebook. The kernel goes on, until ``end_kernels(server)``."""
        self.page.goto("about:blank")

    def another(self) -> Notebook:
        """Opens the same notebook in a second page of the same browser, on the same kernel."""
        second = Notebook(self.page.context.new_page(), self.url)
        second.page.goto(self.url)
        second.wait_for_kernel(idle=False)
        return second

    def wait_for_kernel(self, *, idle: bool = True) -> None:
        """Waits until the page is connected with its kernel, and by default until that is idle."""
        self.page.wait_for_function(READY if idle else CONNECTED, timeout=60_000)

    # -- the notebook ------------------------------------------------------------------------------

    def save(self) -> None:
        """Saves the notebook."""
        self.command("docmanager:save")
        self.page.wait_for_function(f"() => !{IN_APP}.shell.currentWidget.context.model.dirty")

    def restart(self) -> None:
        """Restarts the kernel, as the menu does once one has said yes."""
        self.page.evaluate(
            f"() => {IN_APP}.shell.currentWidget.context.sessionContext.session.kernel.restart()"
        )
        self.wait_for_kernel()

    def interrupt(self) -> None:
        """Interrupts the kernel, as the button does."""
        self.page.evaluate(
            f"() => {IN_APP}.shell.currentWidget.context.sessionContext.session.kernel.interrupt()"
        )

    def python(self, code: str) -> None:
        """Runs code in the kernel beside the notebook, and waits for it; behind a cell that runs it
        has to wait its turn.
        """
        self.page.evaluate(
            "(code) =>"
            f" {IN_APP}.shell.currentWidget.context.sessionContext.session.kernel.requestExecute({{code}}).done.then(()"
            " => null)",
            code,
        )

    def command(self, name: str, **arguments: Any) -> Any:
        """Runs a command of JupyterLab and waits for it."""
        return self.page.evaluate(
            f"([name, arguments]) => {IN_APP}.commands.execute(name, arguments)", [name, arguments]
        )

    def show_in(self, theme: str) -> None:
        """Changes the theme, and waits until JupyterLab's splash is gone.

        A second change within its 0.2 s makes JupyterLab 4.6 take the splash away twice, which it
        tells as an error of the page, in an empty notebook too.
        """
        self.command("apputils:change-theme", theme=theme)
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def run_all(self) -> None:
        """Runs all cells, as the menu does, and does not wait."""
        self.page.evaluate(f"() => {{ {IN_APP}.commands.execute('notebook:run-all-cells'); }}")

    def run_above(self, index: int) -> None:
        """Runs all cells before one, as the menu does, and does not wait."""
        self.page.evaluate(
            f"(i) => {{ {IN_APP}.shell.currentWidget.content.activeCellIndex = i;"
            f" {IN_APP}.commands.execute('notebook:run-all-above'); }}",
            index,
        )

    def run_cell(self, index: int) -> None:
        """Runs one cell and does not wait."""
        self.page.evaluate(
            f"(i) => {{ {IN_APP}.shell.currentWidget.content.activeCellIndex = i;"
            f" {IN_APP}.commands.execute('notebook:run-cell'); }}",
            index,
        )

    def prompts(self) -> list[str]:
        """Returns the prompts of all code cells: ``*`` while one runs or is queued."""
        found: list[str] = self.page.evaluate(
            f"""() => {IN_APP}.shell.currentWidget.content.widgets.filter(cell => cell.model.type === 'code')
                .map(cell => cell.promptNode?.textContent ?? '')"""
        )
        return found

    def wait_for_the_end(self, seconds: float = 60, *, above: int | None = None) -> None:
        """Waits until no cell runs or is queued, and all of them, or those above one, have run."""
        self.page.wait_for_function(
            f"""(above) => {IN_APP}.shell.currentWidget.context.sessionContext.session.kernel.status === 'idle'
                && {IN_APP}.shell.currentWidget.content.widgets.slice(0, above ?? undefined)
                    .every(cell => cell.model.type !== 'code' || cell.model.executionCount)""",
            arg=above,
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
        chrome = playwright.chromium.launch(
            executable_path=str(executable), args=["--no-sandbox", "--headless=new"]
        )
        try:
            yield chrome
        finally:
            chrome.close()


@contextmanager
def opened(
    chrome: Any,
    server: Lab,
    name: str,
    *,
    app: str = "lab",
    kernel: str = "",
    width: int = 1280,
    height: int = 900,
) -> Iterator[Notebook]:
    """Opens a notebook in a page of its own, its kernel ready; afterwards its pages and all kernels
    are gone.

    Args:
        name: Its path from the server's folder.
        app: ``"lab"`` or ``"notebook"``.
        kernel: The kernel spec to run it on, written into its metadata; by default what it says
            itself.
        width, height: Of the page.
    """
    if kernel:
        on_kernel(server.folder / name, kernel)
    context = chrome.new_context(viewport={"width": width, "height": height})
    try:
        notebook = Notebook(
            context.new_page(), server.url + PLACES[app].format(name=name, token=server.token)
        )
        notebook.open()
        yield notebook
    finally:
        context.close()
        end_kernels(server)


def barriers(page: Any, within: str) -> list[str]:
    """Returns what axe finds in a part of a page that shuts people out: the rule, what it is about,
    and where.

    Args:
        page: Playwright's page.
        within: A CSS selector.
    """
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=within).response["violations"]
    return [
        f"{rule['id']}: {rule['help']}:"
        f" {', '.join(str(node['target'][-1]) for node in rule['nodes'])}"
        for rule in found
    ]


def on_kernel(path: Path, name: str) -> None:
    """Writes into a notebook which kernel spec it runs on."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["kernelspec"] = {"name": name, "display_name": name, "language": "python"}
    path.write_text(json.dumps(notebook), encoding="utf-8")


def end_kernels(server: Lab) -> None:
    """Ends all kernels; a notebook that is opened afterwards gets a new one."""
    headers = {"Authorization": f"token {server.token}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{server.url}/api/sessions", headers=headers), timeout=10
    ) as answer:
        sessions = json.load(answer)
    for session in sessions:
        request = urllib.request.Request(
            f"{server.url}/api/sessions/{session['id']}", headers=headers, method="DELETE"
        )
        with urllib.request.urlopen(request, timeout=20):
            pass
