"""A real Jupyter kernel, driven as a front end does: cells go in, outputs come out, interrupts in
between.
"""

from __future__ import annotations

import os
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[1]
LONG = 60.0

SETUP = """
import asyncio, threading, time
import sentient_kernel as sk
wb = sk.Workbench("home")
begun, go = threading.Event(), threading.Event()

def hold(x):
    begun.set()
    go.wait(60)
    return x

@sk.workflow
async def held(ctx, x):
    await ctx.emit("at work", progress=0.5)
    return await ctx.step(hold, x)

@sk.workflow
async def asks(ctx, x):
    return await ctx.approve("Go ahead?", {"x": x})

def threads():
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("sentient-"))

def at_work():  # all but those that come and go with what is shown
    return [name for name in threads() if name not in ("sentient-screen", "sentient-sender")]
"""


@dataclass
class Output:
    """One output message of a cell."""

    kind: str
    content: dict[str, Any]
    number: int

    @property
    def data(self) -> dict[str, Any]:
        """What is shown, by MIME type."""
        return dict(self.content.get("data", {}))


@dataclass
class Cell:
    """A cell, or another request, that was sent, and what came of it so far."""

    id: str
    outputs: list[Output] = field(default_factory=list)
    status: str = ""
    idle: bool = False
    at: float = 0.0
    answered: int = -1

    @property
    def done(self) -> bool:
        """Whether the kernel has answered and is idle again."""
        return bool(self.status) and self.idle

    @property
    def text(self) -> str:
        """What it printed, and the text of its result."""
        printed = [o.content["text"] for o in self.outputs if o.kind == "stream"]
        return "".join(
            printed
            + [o.data.get("text/plain", "") for o in self.outputs if o.kind == "execute_result"]
        )

    @property
    def error(self) -> tuple[str, str, list[str]] | None:
        """The name, the message and the traceback of its error."""
        found = [o.content for o in self.outputs if o.kind == "error"]
        return (found[0]["ename"], found[0]["evalue"], found[0]["traceback"]) if found else None

    @property
    def html(self) -> list[str]:
        """The HTML of its displays and of their updates, in order; those that show none left
        out.
        """
        return [
            o.data["text/html"]
            for o in self.outputs
            if o.kind in ("display_data", "update_display_data") and o.data.get("text/html")
        ]


class Kernel:
    """A kernel in a folder of its own. A context manager.

    Args:
        folder: Its working directory.
        before: Folders that its modules are looked for in first, such as one with another
            ipykernel; IPYKERNEL_FROM names one too.
    """

    def __init__(self, folder: Path, *, before: Sequence[Path] = ()) -> None:
        self.folder = folder
        self._path = os.pathsep.join(
            filter(None, [*map(str, before), os.environ.get("IPYKERNEL_FROM"), str(ROOT)])
        )
        self._cells: dict[str, Cell] = {}
        self._numbers = count()

    def __enter__(self) -> Kernel:
        from jupyter_client.manager import KernelManager

        self._manager = KernelManager(kernel_name="python3")
        self._log = (self.folder / "kernel.log").open("w")
        environment = os.environ | {"PYTHONPATH": self._path}
        self._manager.start_kernel(
            cwd=str(self.folder), env=environment, stdout=self._log, stderr=self._log
        )
        self._client = self._manager.client()
        self._client.start_channels()
        try:
            self._client.wait_for_ready(timeout=LONG)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._log.close()

    def send(self, code: str, *, stdin: bool = False, cell_id: str = "") -> Cell:
        """Sends a cell and does not wait for it."""
        message = self._client.session.msg("execute_request", _request(code, stdin))
        if cell_id:
            message["metadata"]["cellId"] = cell_id
        self._client.shell_channel.send(message)
        cell = self._cells[message["header"]["msg_id"]] = Cell(message["header"]["msg_id"])
        return cell

    def request(
        self, kind: str, content: dict[str, Any] | None = None, *, subshell: str | None = None
    ) -> Cell:
        """Sends another request than to run a cell, and does not wait for what comes of it."""
        message = self._client.session.msg(kind, content or {})
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        self._client.shell_channel.send(message)
        cell = self._cells[message["header"]["msg_id"]] = Cell(message["header"]["msg_id"])
        return cell

    def open_comm(self, target: str, comm: str, data: Any = None) -> None:
        """Opens a comm, as a page that is loaded again does; whatever cell runs."""
        self.request("comm_open", {"comm_id": comm, "target_name": target, "data": data or {}})

    def click(self, comm: str, *, subshell: str | None = None, **data: Any) -> Cell:
        """Sends a message on a comm, as a click on a widget does, with the time of this machine in
        ``at``; whatever cell runs.
        """
        return self.request(
            "comm_msg",
            {"comm_id": comm, "data": {"at": time.monotonic(), **data}},
            subshell=subshell,
        )

    def subshell(self) -> str:
        """Makes a subshell, as JupyterLab does for its comm messages, and returns its id."""
        asked = self._client.session.msg("create_subshell_request", {})
        self._client.control_channel.send(asked)
        while True:
            answer = self._client.get_control_msg(timeout=LONG)
            if answer["parent_header"].get("msg_id") == asked["header"]["msg_id"]:
                return str(answer["content"]["subshell_id"])

    def run(
        self, code: str, *, stdin: bool = False, cell_id: str = "", timeout: float = LONG
    ) -> Cell:
        """Runs a cell to its end."""
        return self.finish(self.send(code, stdin=stdin, cell_id=cell_id), timeout=timeout)

    def finish(self, cell: Cell, *, timeout: float = LONG) -> Cell:
        """Waits for the end of a cell."""
        self.pump(lambda: cell.done, timeout)
        return cell

    def value(self, code: str) -> str:
        """Runs a cell and returns the text of its result."""
        cell = self.run(code)
        assert cell.status == "ok", cell.error
        return cell.text

    def pump(self, enough: Any, timeout: float = LONG) -> None:
        """Takes in messages until there is enough. Raises TimeoutError."""
        until = time.monotonic() + timeout
        while not enough():
            if time.monotonic() > until:
                raise TimeoutError(f"not within {timeout:g} s")
            self._take()

    def drawn(self, display: str) -> list[Output]:
        """Returns what was drawn under one display id, in order, whichever cell ran at the time."""
        found = [
            o
            for cell in self._cells.values()
            for o in cell.outputs
            if o.content.get("transient", {}).get("display_id") == display
        ]
        return sorted(found, key=lambda output: output.number)

    def asked(self, timeout: float = LONG) -> str:
        """Waits until a cell asks for input, and returns what it asks."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            self._take()
            try:
                return str(self._client.get_stdin_msg(timeout=0.01)["content"]["prompt"])
            except queue.Empty:
                continue
        raise TimeoutError("no cell asked for input")

    def answer(self, text: str, timeout: float = LONG) -> str:
        """Waits until a cell asks for input, answers it, and returns what it asked."""
        prompt = self.asked(timeout)
        self._client.input(text)
        return prompt

    def interrupt(self, times: int = 1) -> float:
        """Interrupts the kernel as the button does; returns when."""
        for _ in range(times):
            self._manager.interrupt_kernel()
        return time.monotonic()

    def _take(self) -> None:
        for channel, take in (
            ("iopub", self._client.get_iopub_msg),
            ("shell", self._client.get_shell_msg),
        ):
            try:
                message = take(timeout=0.01 if channel == "iopub" else 0)
            except queue.Empty:
                continue
            cell = self._cells.get(message["parent_header"].get("msg_id", ""))
            if cell is None:
                continue
            kind, content = message["msg_type"], message["content"]
            if channel == "shell":
                cell.status, cell.answered = content["status"], next(self._numbers)
            elif kind == "status":
                cell.idle = content["execution_state"] == "idle"
            elif kind in (
                "stream",
                "error",
                "display_data",
                "update_display_data",
                "execute_result",
            ):
                cell.outputs.append(Output(kind, content, next(self._numbers)))
            cell.at = time.monotonic()


def _request(code: str, stdin: bool) -> dict[str, Any]:
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": stdin,
        "stop_on_error": True,
    }


@contextmanager
def prepared(folder: Path, *, before: Sequence[Path] = ()) -> Iterator[Kernel]:
    """A kernel with a workbench, a workflow that is held until ``go`` is set, and one that asks."""
    with Kernel(folder, before=before) as kernel:
        cell = kernel.run(SETUP)
        assert cell.status == "ok", cell.error
        yield kernel
