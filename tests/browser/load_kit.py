"""Load on live views in a real JupyterLab, and what it comes to; for the tests, and for the
figures.
"""

from __future__ import annotations

from typing import Any

from lab_kit import Lab, Notebook
from probe_kit import WATCH, busiest_second, heap, probed, run_cells, said, share, traced, wait_for

AGENTS, RATE, SECONDS = 10, 200, 10
EVENTS = 100_000
STEPS = 5_000
STREAM = f"""
sent = {{}}

@sk.workflow
async def writing(ctx, seconds):
    async def write(i):
        by, begun, n = f"agent {{i}}", time.monotonic(), 0
        while n < seconds * {RATE}:
            due = min(seconds * {RATE}, int((time.monotonic() - begun) * {RATE}))
            for n in range(n + 1, due + 1):
                word = f"{{'soil' * (i % 4)}}{{n}} " if n % 40 else f"é𝛼{{n}}.\\n"
                sent.setdefault(by, []).append(word)
                ctx.stream(word, by=by)
            await asyncio.sleep(0.005)
        return n
    await ctx.gather(*(ctx.step(write, i, title=f"agent {{i}}") for i in range({AGENTS})))
    await ctx.approve("Enough?")

run = wb.start(writing, {SECONDS})
run
"""
FLOOD = f"""
@sk.workflow
async def flood(ctx, n):
    for i in range(n):
        await ctx.emit(f"chapter {{i % 97}} of {{i}}")
        if i % 500 == 499:
            await asyncio.sleep(0)

flooded = wb.start(flood, {EVENTS} - 2)
flooded.wait(100)
"""
SHOW_EVENTS = "shown('events', flooded)"
MANY = f"""
async def read(i):
    return i

@sk.workflow
async def many(ctx, n):
    await ctx.gather(*(ctx.step(read, i, title=f"read review {{i}}") for i in range(n)), limit=100)

big = wb.start(many, {STEPS})
big.wait(60)
"""
SHOW_MANY = "big"
CELLS = (STREAM, FLOOD, SHOW_EVENTS, MANY, SHOW_MANY)
SCROLL = """async () => {
    const list = document.querySelector('.sk-events-list');
    for (let i = 0; i < 60; i++) {
        list.scrollTop = i * 7919 * 24 % list.scrollHeight;
        await new Promise(done => requestAnimationFrame(done));
    }
}"""

Figures = dict[str, Any]


def stream(book: Notebook, server: Lab) -> Figures:
    """Lets ten agents write at once; returns texts as sent and as held in the page, and how the
    page fared. Cell 0 has run.
    """
    book.page.evaluate(WATCH)
    book.run_cell(1)
    wait_for(book, "run", "Object.keys(probe.store.state?.approvals ?? {}).length")
    sent = said(book, server, "{by: ''.join(words) for by, words in sent.items()}")
    book.page.wait_for_timeout(300)
    held = probed(book, "run", "probe.store.state.texts")
    told = probed(book, "run", "probe.told")
    gaps, long = book.page.evaluate("() => [window.gaps.slice(5), window.long]")
    moments = [now for kind, now in told if kind in ("patch", "snapshot", "beat")]
    return {
        "sent": sent,
        "held": {by: one["text"] for by, one in held.items()},
        "snapshots": sum(kind == "snapshot" for kind, _ in told),
        "messages_a_second": busiest_second(moments),
        "frame_gap_p95_ms": round(share(gaps, 0.95), 1),
        "long_tasks_ms": round(sum(long)),
        "longest_task_ms": round(max(long, default=0)),
    }


def events(chrome: Any, book: Notebook, server: Lab) -> Figures:
    """Shows 100,000 events, scrolls through them and filters them; cell 0 has run."""
    page = book.page
    run_cells(book, 2, seconds=120)
    before = heap(page)
    book.run_cell(3)
    wait_for(book, "events", f"probe.store.state?.events?.length >= {EVENTS}", seconds=120)
    region = book.cell(3).get_by_role("region", name="Events")
    figures = region.locator(".sk-figures")
    figures.get_by_text(f"{EVENTS:,} events", exact=True).wait_for()
    after = heap(page)
    with traced(chrome, page) as scrolling:
        page.evaluate(SCROLL)
    with traced(chrome, page) as filtering:
        region.get_by_role("searchbox").fill("chapter 42 ")
        figures.get_by_text(f" of {EVENTS:,}").wait_for()
        kept = figures.inner_text()
        region.get_by_role("searchbox").fill("")
        figures.get_by_text(f"{EVENTS:,} events", exact=True).wait_for()
    return {
        "heap_mb": round(after - before, 1),
        "scroll_task_ms": round(max(scrolling), 1),
        "filter_task_ms": round(max(filtering), 1),
        "tasks": len(scrolling),
        "kept": kept,
        "rows_in_page": region.locator(".sk-event").count(),
    }


def redraw(book: Notebook) -> Figures:
    """Shows a run of 10,000 events a second time; returns how long that took from hello to drawn.
    Cell 0 has run.
    """
    run_cells(book, 4, 5)
    before = book.page.evaluate("() => (window.probes.run ?? []).length")
    first = before - 1
    wait_for(
        book,
        "run",
        f"probe.drawn && Object.keys(probe.store.state.steps).length === {STEPS}",
        which=first,
    )
    took = [probed(book, "run", "probe.drawn - probe.begun", which=first)]
    for again in (1, 2):
        run_cells(book, 5)
        wait_for(book, "run", "probe.drawn", which=first + again)
        took.append(probed(book, "run", "probe.drawn - probe.begun", which=first + again))
    return {"redraw_ms": round(min(took)), "redraws_ms": [round(one) for one in took]}
