"""Events, inbox, errors and sources in a browser: what they show and how they are worked by
keyboard.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_kit import browser
from view_kit import NOW, ViewPage, approval, view_page
from view_samples import HOSTILE, done, errors, events, inbox, rows

pytestmark = pytest.mark.browser

FILL = """async ([first, last]) => {
    for (let seq = first; seq < last;) {
        const events = [];
        for (let i = 0; i < 2000; i++, seq++)
            events.push([seq, seq, ['step_started', 'step_completed'][seq % 2], 'read#' + seq % 40, `chapter ${seq % 97} of ${seq}`]);
        window.give({kind: 'patch', n: ++window.n, seq, now: seq, events});
        await new Promise(done => setTimeout(done, 30));
    }
}"""
SCROLL = """async () => {
    const list = document.querySelector('.sk-events-list');
    for (let i = 0; i < 60; i++) {
        list.scrollTop = i * 7919 * 24 % list.scrollHeight;
        await new Promise(done => requestAnimationFrame(done));
    }
}"""


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as started:
        yield started


def showing(opened: ViewPage, state: dict[str, Any]) -> Any:
    """Delivers a state and returns the page."""
    opened.snapshot(state)
    return opened.page


def focused(opened: ViewPage) -> str:
    """Returns what has the focus: its accessible name, else its text."""
    name: str = opened.page.evaluate(
        "() => document.activeElement.getAttribute('aria-label') ??"
        " document.activeElement.innerText"
    )
    return name


def wait_for(page: Any, figures: str, *, exact: bool = False) -> None:
    """Waits until the list of events says how many it shows."""
    page.locator(".sk-figures").get_by_text(figures, exact=exact).wait_for()


def task_times(trace: bytes) -> list[float]:
    """Returns how much of the processor each task of the page took, ms: what it takes on a machine
    that does nothing else.
    """
    found = json.loads(trace)["traceEvents"]
    threads = {
        (e["pid"], e["tid"]): e["args"]["name"] for e in found if e.get("name") == "thread_name"
    }
    tasks = (e for e in found if str(e.get("name", "")).endswith("RunTask"))
    return [
        e.get("tdur", 0) / 1_000
        for e in tasks
        if threads.get((e["pid"], e["tid"])) == "CrRendererMain"
    ]


# ---- events ------------------------------------------------------------------------------------------------------------


def test_list_follows_the_end_until_one_scrolls_up(chrome: Any) -> None:
    with view_page(chrome, "events") as opened:
        page = showing(opened, events())
        listed = page.get_by_role("list", name="Events")
        assert (
            "chapter 9, 300" in listed.inner_text()
            and not page.get_by_role("button", name="Go to the newest").is_visible()
        )
        listed.evaluate("one => { one.scrollTop = 1000 }")
        opened.drawn()
        opened.patch(events=rows(301, 420))
        assert (
            ", 420" not in listed.inner_text() and listed.evaluate("one => one.scrollTop") == 1_000
        )
        page.get_by_role("button", name="Go to the newest · 120 new").click()
        opened.drawn()
        assert ", 420" in listed.inner_text() and focused(opened) == "Events"
        opened.patch(events=rows(421, 430))
        assert ", 430" in listed.inner_text(), "it follows again"


def test_events_are_filtered_by_words_kind_and_step(chrome: Any) -> None:
    with view_page(chrome, "events") as opened:
        page = showing(opened, events(dropped=700))
        figures = page.locator(".sk-figures")
        assert (
            "300 events" in figures.inner_text()
            and "700 older ones not held here" in figures.inner_text()
        )
        page.get_by_role("searchbox", name="Filter events").fill("FAILED chapter 5,")
        wait_for(page, " of 300")
        assert page.get_by_role("listitem").all_inner_texts()[0].count("step failed") == 1
        heard = page.get_by_role("region", name="Events").get_by_role("status").inner_text()
        assert heard.endswith(" of 300"), "what a filter left is read out"
        page.get_by_role("searchbox", name="Filter events").fill("")
        kind = page.get_by_role("button", name="step retried 50")
        kind.click()
        wait_for(page, "50 events of 300")
        assert kind.get_attribute("aria-pressed") == "true" and "✓" in kind.inner_text(), (
            "not by colour alone"
        )
        opened.patch(events=rows(301, 306))
        assert "51 events of 306" in figures.inner_text(), "what comes later is filtered too"
        kind = page.get_by_role("button", name="step retried 51")
        kind.click()
        page.get_by_role("searchbox", name="Filter events").fill("no such words")
        page.get_by_text("No event passes this filter.").wait_for()


def test_event_is_opened_by_keyboard_and_its_step_followed(chrome: Any) -> None:
    with view_page(chrome, "events") as opened:
        page = showing(opened, events())
        page.get_by_role("list", name="Events").focus()
        for key in ("ArrowUp", "ArrowUp", "ArrowDown", "PageUp", "Enter"):
            page.keyboard.press(key)
        assert opened.sent("need")[-1]["what"] == "event"
        seq = opened.sent("need")[-1]["seq"]
        opened.reply(data={"seq": seq, "result": HOSTILE})
        side = page.get_by_role("group", name=f"Event {seq}")
        assert '"result": "<img' in side.inner_text() and side.locator("img").count() == 0
        page.get_by_role("button", name="Story of this step").click()
        page.get_by_text(f"Story of step read#{seq % 40}").wait_for()
        assert all(
            f"read#{seq % 40}" in text
            for text in page.locator(".sk-event").evaluate_all(
                "all => all.map(one => one.textContent)"
            )
        )
        page.keyboard.press("Escape")
        assert not side.is_visible() and str(seq) in focused(opened), (
            "the focus is on the row again"
        )
        page.get_by_role("button", name="All steps").click()
        wait_for(page, "300 events", exact=True)


@pytest.mark.timeout(180)
def test_100_000_events_scroll_and_filter_without_long_tasks(chrome: Any) -> None:
    with view_page(chrome, "events") as opened:
        page = showing(opened, events(1, events=[]))
        page.evaluate("() => { window.n = 1 }")
        page.evaluate(FILL, [1, 60_001])
        chrome.start_tracing(
            page=page, categories=["toplevel", "disabled-by-default-devtools.timeline"]
        )
        page.evaluate(FILL, [60_001, 100_001])
        page.evaluate(SCROLL)
        page.get_by_role("searchbox").fill("chapter 42")
        wait_for(page, "of 100,000")
        page.get_by_role("searchbox").fill("")
        wait_for(page, "100,000 events", exact=True)
        tasks = task_times(chrome.stop_tracing())
        assert len(tasks) > 100 and max(tasks) < 50, sorted(tasks)[-5:]
        assert page.evaluate("() => document.querySelectorAll('*').length") < 600
        session = page.context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        assert session.send("Runtime.getHeapUsage")["usedSize"] < 50_000_000


# ---- inbox, errors, sources --------------------------------------------------------------------------------------------


def test_inbox_lists_open_questions_under_their_runs_and_folds_the_answered(chrome: Any) -> None:
    with view_page(chrome, "inbox") as opened:
        page = showing(opened, inbox())
        region = page.get_by_role("region", name="Inbox", exact=True)
        assert (
            "3 questions waiting" in region.inner_text()
            and region.get_by_role("region", name="Approval").count() == 3
        )
        runs = region.get_by_role("group")
        assert runs.nth(0).get_attribute("aria-label") == "Does biochar help?"
        assert (
            region.get_by_role("group", name="Clean the sensor data")
            .get_by_role("region", name="Approval")
            .count()
            == 1
        )
        assert "grace" not in region.inner_text()
        page.get_by_text("Answered (3)").click()
        said = region.inner_text()
        assert (
            "rejected by grace" in said
            and "Reason: too risky" in said
            and "approved with edits by ada" in said
            and "2025-11-26" in said
        )


def test_new_question_is_announced_and_an_empty_inbox_says_so(chrome: Any) -> None:
    with view_page(chrome, "inbox") as opened:
        page = showing(opened, {"approvals": {}, "runs": {}})
        assert "Nothing waits for you" in page.locator("#cell").inner_text()
        opened.patch(set={"approvals": {"a1": approval({"n": 1}, id="a1")}})
        live = page.locator('[aria-live="polite"]')
        assert live.inner_text() == "New question from Does biochar help?: Go ahead with this plan?"
        assert "1 question waiting" in page.locator(".sk-head").inner_text()


def test_answer_given_in_the_inbox_is_seen_before_its_card_goes(chrome: Any) -> None:
    with view_page(chrome, "inbox") as opened:
        page = showing(opened, inbox())
        page.locator('[data-approval="a2"]').get_by_role("button", name="Approve").click()
        assert opened.sent("do")[-1]["approval"] == "a2"
        opened.reply()
        opened.patch(
            set={
                "approvals": {
                    "a2": (
                        inbox()["approvals"]["a2"]
                        | {
                            "status": "approved",
                            "by": "ada",
                            "decided": NOW,
                        }
                    )
                }
            }
        )
        card = page.locator('[data-approval="a2"]')
        assert (
            "Approved" in card.inner_text()
            and "2 questions waiting" in page.locator(".sk-head").first.inner_text()
        )
        assert "Answered (4)" in page.locator("#cell").inner_text()


def test_errors_are_counted_and_open_to_what_to_do(chrome: Any) -> None:
    with view_page(chrome, "errors") as opened:
        page = showing(opened, errors())
        said = page.get_by_role("region", name="Errors", exact=True).inner_text()
        assert "6 errors" in said and "2 kinds" in said
        assert "6 errors in the last hour, most in one minute: 5, at 00:29 UTC" in said, (
            "the picture in words"
        )
        assert "12 s ago" in said and "2025-11-26 00:29:48 UTC" in said and "Wait 20 s." not in said
        group = page.get_by_role("button", name="RateLimited: SearXNG answered 429")
        group.focus()
        page.keyboard.press("Enter")
        said = page.get_by_role("table", name="Kinds of errors").inner_text()
        assert (
            group.get_attribute("aria-expanded") == "true"
            and "Wait 20 s." in said
            and "web.py:88 search" in said
        )
        changed = errors()["errors"]["f0"] | {"count": 6, "last": NOW}
        opened.patch(set={"errors": {"f0": changed}})
        assert (
            focused(opened).startswith("RateLimited")
            and group.get_attribute("aria-expanded") == "true"
        ), "it stays open and focused"


def test_no_errors_are_said_calmly(chrome: Any) -> None:
    with view_page(chrome, "errors") as opened:
        none = {"total": 0, "unique": 0, "evicted": 0, "by_type": [], "per_minute": []}
        page = showing(opened, {"errors": {}, "stats": none, "recent": []})
        assert page.locator("#cell").inner_text().split() == ["✓", "No", "errors"]


def test_sources_say_what_they_gave_what_was_refused_and_why_nothing_came(chrome: Any) -> None:
    with view_page(chrome, "sources") as opened:
        page = showing(opened, done())
        papers, _, web = (
            page.get_by_role("region", name="Sources", exact=True).locator(".sk-source").all()
        )
        assert (
            "11 passages" in papers.inner_text()
            and "48 documents held · asked 4 times · 2 not usable" in papers.inner_text()
        )
        assert "nothing" in web.inner_text() and "Rate limited, again in 20 s." in web.inner_text()
        papers.get_by_text("What could not be used (2)").click()
        assert "It has no text, only pictures." in papers.inner_text()
        assert papers.locator("a").evaluate_all("all => all.map(one => one.href)") == [
            "https://example.org/busy"
        ]
