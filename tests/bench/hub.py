"""Live events within the process: what a delivery costs, and what one subscriber that never reads
costs the others.

Usage: ``python -m tests.bench.hub deliver SUBSCRIBERS EVENTS EVERY | stuck EVENTS``
"""

from __future__ import annotations

import asyncio
import gc
import json

from tests.bench._measure import Figures, Taken, folder, rss_mb, run
from tests.bench._package import Hub, Record, RunId, Seq, SqliteJournal


def event(i: int) -> Record:
    """Makes an event of some 200 bytes."""
    body = json.dumps({"seq": i, "type": "progress_update", "pad": "x" * 150}).encode()
    return Record(Seq(i + 1), RunId("r"), 0, "progress_updated", body)


async def _deliver(hub: Hub, subscribers: int, events: int, every: int) -> Figures:
    async def read(subscriber: object) -> None:
        seen = 0
        while seen < events:
            seen += len(await anext(subscriber))  # type: ignore[call-overload]

    readers = [asyncio.create_task(read(hub.subscribe())) for _ in range(subscribers)]
    await asyncio.sleep(0.2)
    with Taken() as taken:
        for i in range(events):
            hub.publish((event(i),))
            if i % every == 0:
                await asyncio.sleep(0)
        await asyncio.gather(*readers)
    return {"cpu_us_per_delivery": round(taken.cpu / subscribers / events * 1e6, 4)}


def deliver(subscribers: int, events: int, every: int) -> Figures:
    """One publisher that gives way every so many events, and subscribers that read along."""
    with SqliteJournal(folder() / "hub.db") as journal:
        hub = Hub(journal, capacity=4096)
        figures = asyncio.run(_deliver(hub, subscribers, events, every))
        hub.close()
    return figures


def stuck(events: int) -> Figures:
    """One subscriber reads along, another never does: what that takes, and whether it is told."""

    async def everything(hub: Hub) -> Figures:
        behind = hub.subscribe()
        gc.collect()
        before = rss_mb()
        await _deliver(hub, 1, events, 50)
        gc.collect()
        return {
            "growth_mb": round(rss_mb() - before, 1),
            "told_of_gap": int((await anext(behind))[0].kind == "subscriber_lagged"),
        }

    with SqliteJournal(folder() / "hub.db") as journal:
        hub = Hub(journal, capacity=4096)
        figures = asyncio.run(everything(hub))
        hub.close()
    return figures


if __name__ == "__main__":
    run(globals())
