"""What the children of the fault tests do with their lives. Everything they did is in files,
written before anything can kill them.
"""

from __future__ import annotations

import asyncio
import atexit
import ctypes
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine import Context, Engine, idempotent, once, workflow
from sentient_kernel.errors import AnswerRefused
from sentient_kernel.events import ApprovalRequested, Record
from sentient_kernel.ids import ApprovalId, RunId
from sentient_kernel.journal.sqlite.store import SqliteJournal
from sentient_kernel.testing import ChaosMonkey

FOLDER: Path
"""Where lives write what they did; whoever lives one sets it first."""


def at_exit() -> None:
    """Does what an interpreter does at its end; a forked child has to be told."""
    atexit._run_exitfuncs()


def note(file: str, what: str) -> None:
    """Adds a line to a file, in one write: what is in it survives any death of the process."""
    fd = os.open(FOLDER / file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(fd, f"{what}\n".encode())
    os.close(fd)


def notes(file: str) -> list[str]:
    """Returns the lines of a file."""
    path = FOLDER / file
    return path.read_text().splitlines() if path.exists() else []


class Person:
    """Answers what is asked about effects by looking whether they happened, and everything else
    with yes.
    """

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def __call__(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.kind == "approval_requested":
                threading.Thread(
                    target=self.answer, args=(record.run, record.event), daemon=True
                ).start()

    def look(self, run: RunId) -> None:
        """Answers what was asked before this life."""
        assert self.engine is not None
        for record in self.engine.journal.read(run=run, kinds=["approval_requested"]):
            self.answer(run, record.event)

    def answer(self, run: RunId, asked: Any) -> None:
        assert self.engine is not None
        fields: dict[str, Any] = {}
        if asked.ask == "effect":
            name = asked.question.split("'")[1]
            fields = {
                "payload": {"happened": f"did {name}" in notes("effects"), "result": "seen"},
                "edited": True,
            }
        try:
            self.engine.command(
                DecideApproval(
                    run=run, approval=asked.approval, decision="approve", by="person", **fields
                )
            )
        except AnswerRefused:
            pass  # it was answered in a former life


def opened(folder: str, person: Person | None = None, **settings: Any) -> Engine:
    """Opens an engine on a folder's journal."""
    global FOLDER
    FOLDER = Path(folder)
    engine = Engine(SqliteJournal(FOLDER / "journal.db"), on_commit=person, **settings)
    if person is not None:
        person.engine = engine
    return engine


def see(engine: Engine, run: RunId, seconds: float = 30) -> str:
    """Waits for a run's end, writes what it was, and returns it."""
    end = engine.watch(run).result(seconds)
    note(
        "ends",
        f"{end}"
        f" {json.dumps(engine.result(run)) if end == 'completed' else repr(engine.error(run))}",
    )
    return end


# -- F01: fifty steps ------------------------------------------------------------------------------


async def pure_work(i: int) -> int:
    note("effects", f"did pure {i}")
    await asyncio.sleep(0.005)
    return i


def sync_work(i: int) -> int:
    note("effects", f"did pure {i}")
    return i


async def quick_work(i: int) -> int:
    note("effects", f"did pure {i}")
    return i


def once_work(i: int, pause: float) -> Callable[[], Any]:
    """A step function of a name of its own, which does its effect in the middle of its body."""

    async def body() -> int:
        if pause:
            await asyncio.sleep(pause)
        note("effects", f"did once {i}")
        await asyncio.sleep(0.004)
        return i

    body.__qualname__ = f"once {i}"
    return body


@workflow
async def fifty(ctx: Context, n: int, pause: float) -> int:
    for i in range(n):
        if i % 5 == 4:
            await ctx.step(once_work(i, pause), effect=once())
        else:
            await ctx.step((pure_work, sync_work, quick_work)[i % 3], i)
        note("effects", f"acknowledged {i}")
    return n


def fifty_steps(folder: str, lease_ttl: float = 15.0, pause: float = 0.004) -> None:
    """Begins the run of fifty steps, or goes on with it; an effect happens so many seconds behind
    its intent.
    """
    person = Person()
    engine = opened(folder, person, lease_ttl=lease_ttl)
    run = engine.start(fifty, (50, pause), name="fifty")
    person.look(run)
    see(engine, run)
    engine.close()


# -- F02: named points -----------------------------------------------------------------------------


async def act(idempotency_key: str = "") -> str:
    note("effects", f"did act {idempotency_key}".rstrip())
    return "result"


EFFECTS = {"pure": {}, "idempotent": {"effect": idempotent("key-1")}, "once": {"effect": once()}}


@workflow
async def acting(ctx: Context, effect: str) -> list[Any]:
    said = await ctx.approve("Shall it act?", {"effect": effect}) if effect == "asked" else None
    return [said, await ctx.step(act, **EFFECTS.get(effect, {}))]


def act_and_die(folder: str, effect: str, mode: Any = "kill9", point: str | None = None) -> None:
    """Lives through one step, or dies at a named point of its life."""
    person = Person()
    name = {"asked": "Shall it act?", "answered": "Shall it act?"}.get(point or "", "act")
    engine = opened(
        folder, person, fault_hook=ChaosMonkey(mode, point=point, name=name) if point else None
    )
    run = engine.start(acting, (effect,), name="acting")
    person.look(run)
    see(engine, run)
    engine.close()


# -- F03: five ways to die in a step ---------------------------------------------------------------


def dies(mode: str) -> str:
    if notes("died"):
        return "lived"
    note("died", mode)
    if mode == "memory":
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + 64_000_000, now + 64_000_000))
        return str(len(bytearray(4_000_000_000)))
    if mode == "segfault":
        ctypes.string_at(0)
    ChaosMonkey(mode).strike()  # type: ignore[arg-type]
    time.sleep(10)
    return "survived"


@workflow
async def mortal(ctx: Context, mode: str) -> list[str]:
    await ctx.step(sync_work, 1)
    return [await ctx.step(dies, mode), "done"]


def die_in_a_step(folder: str, mode: str) -> None:
    """Begins a run that dies in its second step, or goes on with it."""
    engine = opened(folder)
    see(engine, engine.start(mortal, (mode,), name="mortal"))
    engine.close()


# -- F06, F07: an open question --------------------------------------------------------------------


@workflow
async def asking(ctx: Context, n: int) -> Any:
    said = await ctx.approve(f"Spend {n}?", {"amount": n, "items": ["a", "é"]}, ask="spend")
    note("effects", f"spent {json.dumps(said, sort_keys=True)}")
    return said


def asked(engine: Engine, name: str) -> tuple[RunId, ApprovalRequested]:
    """Begins the run that asks, or goes on with it, and returns its open question."""
    run = engine.start(asking, (1,), name=name)
    while not (live := engine.live[run]).answers:
        time.sleep(0.0005)
    (shown,) = live.state.open_approvals
    return run, shown.request


def open_question(folder: str) -> None:
    """Asks, or asks again after a restart, and writes what a person would see; then it is
    killed.
    """
    _, shown = asked(opened(folder), "question")
    note("shown", shown.model_dump_json())
    signal.pause()


def answer_and_die(folder: str, name: str, after: float) -> None:
    """Answers the open question and is killed that many seconds later; writes when the answer
    counts as recorded.
    """
    engine = opened(folder)
    run, shown = asked(engine, name)
    ChaosMonkey("kill9").after(after)
    payload = {"amount": 7, "answer": name}
    engine.command(
        DecideApproval(
            run=run,
            approval=shown.approval,
            decision="approve",
            payload=payload,
            edited=True,
            by="ada",
        )
    )
    note("recorded", name)
    signal.pause()


def go_on(folder: str, name: str) -> None:
    """Goes on with a run that asks: to its end when it was answered, else until its question is
    open again.
    """
    engine = opened(folder)
    run = engine.start(asking, (1,), name=name)
    while not (end := engine.watch(run)).done() and not engine.live[run].answers:
        time.sleep(0.0005)
    note("went on", f"{name} {end.result() if end.done() else 'open'}")
    engine.close()


# -- two kernels -----------------------------------------------------------------------------------


def executes(folder: str) -> None:
    """Executes a run that waits for an answer and a message."""
    engine = opened(folder)
    see(engine, engine.start(talking, (), name="talking"))
    engine.close()


@workflow
async def talking(ctx: Context) -> list[Any]:
    said = await ctx.approve("Go?", {"a": 1})
    note("heard", f"answer {time.time()}")
    heard = await ctx.receive()
    note("heard", f"message {time.time()}")
    return [said, heard]


# -- homes from elsewhere --------------------------------------------------------------------------


@workflow
async def walking(ctx: Context, n: int) -> int:
    for i in range(10):
        await ctx.step(pure_work, 100 * n + i)
    return n


def walk(folder: str, runs: int) -> None:
    """Begins many runs, or goes on with them."""
    engine = opened(folder)
    for run in [engine.start(walking, (n,), name=f"walk {n}") for n in range(runs)]:
        see(engine, run)
    engine.close()


async def send() -> str:
    note("effects", "sent")
    return "sent"


@workflow
async def sending(ctx: Context) -> str:
    await ctx.approve("Send it?", {"to": "everybody"}, ask="tool")
    sent: str = await ctx.step(send, effect=once())
    return sent


def send_as(folder: str, state: str, answers: list[str]) -> None:
    """Begins a run that sends something, or goes on with it, as the user of a state folder; gives
    yes to these kinds of questions.
    """
    os.environ["XDG_STATE_HOME"] = state
    engine = opened(folder)
    run = engine.start(sending, (), name="sending")
    for ask in answers:
        while not (
            asks := [
                one.request
                for one in engine.live[run].state.open_approvals
                if one.request.ask == ask
            ]
        ):
            time.sleep(0.001)
        note("asked", ask)
        engine.command(
            DecideApproval(run=run, approval=asks[0].approval, decision="approve", by=state[-1])
        )
    until = time.monotonic() + 0.5
    while (
        run in engine.live
        and not engine.live[run].state.open_approvals
        and time.monotonic() < until
    ):
        time.sleep(0.001)
    note(
        "waits for",
        (
            " ".join(one.request.ask for one in engine.live[run].state.open_approvals)
            if run in engine.live
            else "nothing"
        ),
    )
    engine.close()


def approve_and_die(folder: str, state: str) -> None:
    """Approves that something is sent, and is killed before it is."""
    os.environ["XDG_STATE_HOME"] = state
    engine = opened(folder, fault_hook=ChaosMonkey("kill9", point="before_step", name="send"))
    run = engine.start(sending, (), name="sending")
    while not (asks := engine.live[run].state.open_approvals):
        time.sleep(0.001)
    engine.command(
        DecideApproval(run=run, approval=asks[0].request.approval, decision="approve", by="them")
    )
    signal.pause()


# -- F33: fork -------------------------------------------------------------------------------------


def forks(folder: str) -> None:
    """Forks with an open engine; the child tries everything, the parent goes on."""
    engine = opened(folder)
    run = engine.start(fifty, (20, 0.0), name="fifty")
    tries: dict[str, Callable[[], Any]] = {
        "start": lambda: engine.start(fifty, (1, 0.0)),
        "resume": lambda: engine.resume(run),
        "watch": lambda: engine.watch(run),
        "command": lambda: engine.command(
            DecideApproval(run=run, approval=ApprovalId("a"), decision="approve")
        ),
        "start_soon": lambda: engine.start_soon(lambda: asyncio.sleep(0)),
        "alive": lambda: engine.alive(RunId("another")),
        "result": lambda: engine.result(run),
        "read": lambda: engine.journal.read(run=run),
        "close": engine.close,
    }
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            for name, call in tries.items():
                try:
                    call()
                    note("child", f"{name}: nothing")
                except Exception as error:  # noqa: BLE001 - that is the question
                    note("child", f"{name}: {type(error).__name__}: {error}")
            os._exit(0)
        os.waitpid(pid, 0)
    see(engine, run)
    note("verified", str(engine.journal.verify().ok))
    engine.close()


if __name__ == "__main__":
    sys.exit("lives are called by template.py")
