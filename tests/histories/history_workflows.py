"""The workflows of the golden histories. Their names, steps and arguments never change: what was
recorded has to resume.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import sentient_kernel as sk

executed: list[str] = []
"""The steps that this process executed, in their order."""


def weigh(what: str, grams: int) -> dict[str, Any]:
    """Does something that costs."""
    executed.append(f"weigh {what}")
    return {"what": what, "grams": grams}


def price(weighed: list[dict[str, Any]], per_gram: float) -> float:
    """Does something that costs more; the process that records is killed here."""
    executed.append("price")
    if os.environ.get("SENTIENT_TEST_KILL") == "price":
        os.kill(os.getpid(), signal.SIGKILL)
    return round(sum(one["grams"] for one in weighed) * per_gram, 2)


def fail(why: str) -> None:
    """Fails."""
    raise ValueError(why)


def said(report: sk.Report) -> dict[str, Any]:
    """Returns what a report says and quotes, however it is laid out."""
    quotes = [[claim.text, [one.quote for one in claim.citations]] for claim in report.claims]
    return {"answer": report.answer, "claims": quotes}


@sk.workflow(name="histories.offer")
async def offer(ctx: sk.Context, things: dict[str, int]) -> dict[str, Any]:
    """Weighs at once, asks for the price of a gram, computes, and emits how far it is."""
    weighed = await ctx.gather(
        *(ctx.step(weigh, what, grams=grams) for what, grams in things.items())
    )
    await ctx.emit("weighed", progress=0.5)
    agreed = await ctx.approve("Is this price right?", {"per_gram": 0.5})
    total = await ctx.step(price, [one.value for one in weighed], agreed["per_gram"])
    return {"total": total, "things": len(weighed)}


@sk.workflow(name="histories.broken")
async def broken(ctx: sk.Context) -> None:
    """Fails in its only step."""
    await ctx.step(fail, "the scale is broken")
