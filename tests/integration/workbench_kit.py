"""Workflows and questions for the tests of the workbench; steps are a module's functions, whose
code does not count in their identity.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sentient_kernel as sk
from sentient_kernel.commands import SendMessage

BEES = Path(__file__).parents[2] / "notebooks" / "data" / "bees"
QUESTION = "How far do honey bees fly?"
UNANSWERABLE = "Which tungsten alloy has the highest melting point?"

calls: list[Any] = []


def double(x: int) -> int:
    calls.append(x)
    return 2 * x


def fail(x: int) -> int:
    calls.append(x)
    raise ValueError(f"no {x}")


@sk.workflow
async def doubled(ctx: sk.Context, x: int, *, times: int = 1) -> int:
    for _ in range(times):
        x = await ctx.step(double, x)
    return x


@sk.workflow
async def picky(ctx: sk.Context, x: int) -> int:
    return int(await ctx.step(fail if x % 2 else double, x))


@sk.workflow
async def asking(ctx: sk.Context, x: int) -> Any:
    await ctx.emit("half way", progress=0.5)
    return await ctx.approve("Go ahead?", {"x": x})


@sk.workflow
async def waiting(ctx: sk.Context) -> list[str]:
    """Takes one message at a time, until it is told to finish; what it was steered by is its
    result.
    """
    while not ctx.finishing:
        await ctx.step(double, await ctx.receive(timeout=30))
    return list(ctx.steers)


def tell(run: sk.Run, value: Any) -> None:
    """Sends a value to a waiting workflow."""
    run._views.engine.command(SendMessage(run=run.id, to="waiting", message=value))


async def awaited(run: sk.Run) -> Any:
    """Awaits a run in a coroutine."""
    return await run
