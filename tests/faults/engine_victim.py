"""A process that works until somebody kills it: ``engine_victim.py HOME NAME JSON``.

It starts, or takes up, the run NAME of 50 steps, every fifth of them an effect that may happen once. What it does goes to
HOME/log in the order in which it happened: ``body I`` when a step's body acts, ``ack I`` when its workflow has the result.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine import Context, Engine, idempotent, once, pure, workflow
from sentient_kernel.journal.sqlite import SqliteJournal
from sentient_kernel.testing.chaos import ChaosMonkey

HOME, NAME, OPTIONS = (Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])) if __name__ == "__main__" else (Path(), "", {})
STEPS = OPTIONS.get("steps", 50)
LOG = os.open(HOME / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if __name__ == "__main__" else -1
EFFECTS = {"pure": pure, "once": once, "idempotent": lambda: idempotent(f"{NAME}/key")}


def note(what: str) -> None:
    os.write(LOG, f"{NAME} {what}\n".encode())


async def pure_step(i: int) -> int:
    await asyncio.sleep(0.003)
    note(f"body {i}")
    return i


async def effect(i: int) -> int:
    note(f"body {i}")
    await asyncio.sleep(0.002)
    return i


@workflow(name="faults:fifty")
async def fifty(ctx: Context, steps: int) -> int:
    for i in range(steps):
        if i % 5 == 0:
            await ctx.step(effect, i, effect=once())
        else:
            await ctx.step(pure_step, i)
        note(f"ack {i}")
    return steps


async def act(i: int, idempotency_key: str = "") -> int:
    await asyncio.sleep(0)
    note(f"body {i} {idempotency_key}".rstrip())
    return i


@workflow(name="faults:one")
async def one(ctx: Context, kind: str) -> int:
    await ctx.step(act, 0)
    result: int = await ctx.step(act, 1, effect=EFFECTS[kind]())
    note("ack 1")
    return result


@workflow(name="faults:asking")
async def asking(ctx: Context) -> Any:
    await ctx.step(act, 0)
    plan = await ctx.approve("Go ahead with this plan?", {"pages": 40})
    note(f"approved {json.dumps(plan)}")
    return plan


@workflow(name="faults:ending")
async def ending(ctx: Context, mode: str) -> str:
    await ctx.step(act, 0)
    return await ctx.step(dangerous, mode)


def dangerous(mode: str) -> str:
    marker = HOME / f"struck-{NAME}"
    if not marker.exists():
        marker.touch()
        if mode == "memory":
            import resource

            resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
            return str(len(b"x" * (1 << 30)))
        ChaosMonkey(mode).strike()  # type: ignore[arg-type]
    return "alive"


def answer_about_effects(engine: Engine) -> None:
    """Says, as a person would who looks at the world, whether an effect that was cut off has happened."""
    done = (HOME / "log").read_text().splitlines()
    for execution in list(engine.live.values()):
        for approval in execution.state.open_approvals:
            if approval.request.ask != "effect":
                continue
            pending = [i for i in range(0, STEPS, 5) if f"{NAME} ack {i}" not in done]
            happened = f"{NAME} body {pending[0]}" in done
            payload = {"happened": happened, "result": pending[0] if happened else None}
            engine.command(
                DecideApproval(run=execution.run, approval=approval.request.approval, decision="approve", payload=payload, edited=True)
            )


def main() -> None:
    monkey = ChaosMonkey("kill9", **OPTIONS["monkey"]) if "monkey" in OPTIONS else None
    journal = SqliteJournal(HOME / "journal.db")
    engine = Engine(journal, probe=monkey, lease_ttl=OPTIONS.get("lease_ttl", 15.0))
    flow, args = {
        "fifty": (fifty, (STEPS,)),
        "one": (one, (OPTIONS.get("effect", "pure"),)),
        "asking": (asking, ()),
        "ending": (ending, (OPTIONS.get("mode", ""),)),
    }[OPTIONS.get("flow", "fifty")]
    print("READY", flush=True)
    run = engine.start(flow, args, name=NAME)
    ended = engine.watch(run)
    if OPTIONS.get("answer"):
        while not (waiting := [a for e in list(engine.live.values()) for a in e.state.open_approvals]):
            time.sleep(0.001)
        print("ASKED", flush=True)
        sys.stdin.readline()
        engine.command(DecideApproval(run=run, approval=waiting[0].request.approval, decision="approve", by="ana"))
        print("RECORDED", flush=True)
    until = time.monotonic() + OPTIONS.get("patience", 60)
    while not ended.done() and time.monotonic() < until:
        if OPTIONS.get("oracle"):
            answer_about_effects(engine)
        time.sleep(0.01)
    print("END", ended.result() if ended.done() else "open", flush=True)
    engine.close()


if __name__ == "__main__":
    main()
