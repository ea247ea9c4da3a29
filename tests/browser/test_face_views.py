"""Report, events, inbox, errors and sources in a browser: what they show, how they are worked by keyboard, what they never do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from face_kit import NARROW, NOW, WIDE, Face, approval, face, keep_pictures
from face_samples import HOSTILE, SAMPLES, citation, claim, done, errors, events, hostile, inbox, report, rows
from lab_kit import browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as started:
        yield started


def showing(opened: Face, state: dict[str, Any]) -> Any:
    """Delivers a state and returns the page."""
    opened.snapshot(state)
    return opened.page


def focused(opened: Face) -> str:
    """Returns what has the focus: its accessible name, else its text."""
    name: str = opened.page.evaluate("() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")
    return name


# ---- report ------------------------------------------------------------------------------------------------------------


def test_report_says_how_the_run_stands_and_how_well_the_report_is_founded(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        said = showing(opened, done()).get_by_role("region", name="Report", exact=True).inner_text()
        assert "Done" in said and "Does adding biochar" in said and "3 min 40 s" in said and "$0.12" in said
        assert "5 of 6 citations verified · 1 sentence unsupported" in said
        assert opened.complaints == []


def test_chosen_citation_shows_its_quote_marked_inside_its_context(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Citation 3: Nine years after: a field trial").first.click()
        pane = page.get_by_role("complementary", name="Evidence")
        assert pane.locator("mark").inner_text() == "still differed significantly nine years after"
        assert "Plots that were treated once still differed" in pane.inner_text() and "✓ verified" in pane.inner_text()
        assert page.locator('.sk-answer [aria-current="true"]').all_inner_texts() == ["3", "3"]
        assert pane.get_by_role("status").inner_text() == "Citation 3 of 6: Nine years after: a field trial, verified"
        page.get_by_role("button", name="Citation 6: Long-term plots, interim report, not verified").click()
        assert "not verified" in pane.inner_text() and pane.locator("a").count() == 0


def test_citations_are_turned_by_keys_and_by_buttons(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Citation 1: ").focus()
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
        assert focused(opened) == "Citation 4: Review of field evidence, 2019"
        assert "Review of field evidence" in page.locator(".sk-evidence").inner_text()
        page.get_by_role("button", name="Next citation").press("Enter")
        page.keyboard.press("ArrowRight")
        assert "6 of 6" in page.locator(".sk-evidence").inner_text()
        page.get_by_role("button", name="Back to the sentence").click()
        assert focused(opened).startswith("Citation 6:")
        assert set(page.evaluate("() => window.reached")) == set(), "plain keys stay in the view"


def test_unsupported_sentence_is_underlined_and_says_so_in_words(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        weak = page.locator(".sk-weak")
        assert weak.all_inner_texts() == ["It will probably persist for decades."]
        assert "dotted" in weak.evaluate("one => getComputedStyle(one).textDecoration")
        assert "(unsupported: The quote speaks of nine years)" in page.locator(".sk-answer").evaluate("one => one.textContent")


def test_disagreements_and_gaps_name_both_sides_and_every_source(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        sides = page.get_by_role("group", name="Sources disagree")
        assert sides.get_by_role("listitem").count() == 2 and sides.get_by_role("button").all_inner_texts() == ["2", "5"]
        gap = page.get_by_role("group", name="Not found").inner_text()
        assert "What does it cost per hectare?" in gap and "papers/: holds nothing on it" in gap and "rate limited, again in 20 s" in gap


def test_report_that_abstains_says_so_first(chrome: Any) -> None:
    nothing = report(abstained=True, answer="No source speaks of it.", claims=[], citations=[], disagreements=[])
    with face(chrome, "report") as opened:
        page = showing(opened, done(report=nothing))
        assert page.locator(".sk-answer > *").first.inner_text().startswith("Nothing in the sources answers this question.")
        assert "Nothing found" in page.locator(".sk-head").inner_text() and page.locator(".sk-evidence").count() == 0


def test_run_without_a_report_says_why_and_shows_it_once_it_is_there(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done(report=None, ended=None, status="running", word="Reading", message="Reads 9 of 14"))
        assert "The report is not written yet. Reads 9 of 14" in page.locator("#cell").inner_text()
        opened.patch(set={"report": report()})
        assert page.get_by_role("button", name="Copy (Markdown)").is_visible() and "not written" not in page.locator("#cell").inner_text()


def test_context_is_asked_for_and_a_refusal_stands_beside_the_button(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Open in context").click()
        asked = opened.sent("need")[-1]
        assert {name: asked[name] for name in ("what", "document", "start", "end")} == {
            "what": "quote", "document": "d1", "start": 1_200, "end": 1_251,
        }  # fmt: skip
        opened.reply(ok=False, message="The document is not kept any more.", hint="Search again.")
        assert "The document is not kept any more." in page.locator(".sk-evidence").inner_text()
        page.get_by_role("button", name="Open in context").click()
        opened.reply(before="long before " * 60, quote="available water content increased by 45% on average", after=" long after" * 60)
        quote = page.get_by_role("group", name="Quote in its context")
        assert quote.locator("mark").count() == 1 and len(quote.inner_text()) > 1_200
        page.get_by_role("button", name="Less context").click()
        opened.drawn()
        assert len(quote.inner_text()) < 300


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "data:text/html,x", "papers/a.pdf", "https://user@evil.example/", "//evil.example", 'https://e.example/"x']
)
def test_only_plain_web_addresses_are_links(chrome: Any, uri: str) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done(report=report(citations=[citation(1, "One", "words", uri=uri), citation(2, "Two", "words")])))
        assert page.locator("a").count() == 0 and uri in page.locator(".sk-evidence").inner_text()
        page.get_by_role("button", name="Next citation").click()
        link = page.locator("a")
        assert [link.get_attribute(name) for name in ("href", "rel", "target")] == ["https://example.org/2", "noopener noreferrer", "_blank"]


def test_copies_go_to_the_clipboard_or_are_selected_when_it_is_refused(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text => { window.copied = text }}})")
        page.get_by_role("button", name="Copy (Markdown)").click()
        assert opened.sent("need")[-1]["format"] == "markdown" and opened.sent("need")[-1]["run"] == "0199b8a2-7c1e"
        opened.reply(text="# Report")
        assert page.evaluate("() => window.copied") == "# Report" and "Markdown copied" in page.locator(".sk-acts").inner_text()
        page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('refused') } }")
        page.get_by_role("button", name="BibTeX").click()
        opened.reply(text="@article{one}")
        area = page.get_by_role("textbox", name="BibTeX of the report")
        assert area.input_value() == "@article{one}" and page.evaluate("() => String(document.getSelection())") == "@article{one}"
        page.get_by_role("button", name="Close").click()
        assert not area.is_visible() and opened.complaints == []


def test_same_report_again_keeps_what_is_chosen_and_focused(chrome: Any) -> None:
    with face(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Citation 5: ").first.click()
        opened.snapshot(done())
        opened.patch(set={"report": report()})
        assert focused(opened).startswith("Citation 5:") and "5 of 6" in page.locator(".sk-evidence").inner_text()


def test_report_stands_in_its_run_as_a_region(chrome: Any) -> None:
    with face(chrome, "run") as opened:
        page = showing(opened, done())
        pane = page.get_by_role("region", name="Run", exact=True).get_by_role("region", name="Report", exact=True)
        assert "5 of 6 citations verified" in pane.inner_text() and pane.get_by_role("button", name="Citation 2: ").count() == 3


# ---- events ------------------------------------------------------------------------------------------------------------


def test_list_follows_the_end_until_one_scrolls_up(chrome: Any) -> None:
    with face(chrome, "events") as opened:
        page = showing(opened, events())
        listed = page.get_by_role("list", name="Events")
        assert "chapter 9, 300" in listed.inner_text() and not page.get_by_role("button", name="Go to the newest").is_visible()
        listed.evaluate("one => { one.scrollTop = 1000 }")
        opened.drawn()
        opened.patch(events=rows(301, 420))
        assert ", 420" not in listed.inner_text() and listed.evaluate("one => one.scrollTop") == 1_000
        page.get_by_role("button", name="Go to the newest · 120 new").click()
        opened.drawn()
        assert ", 420" in listed.inner_text() and focused(opened) == "Events"
        opened.patch(events=rows(421, 430))
        assert ", 430" in listed.inner_text(), "it follows again"


def test_events_are_filtered_by_words_kind_and_step(chrome: Any) -> None:
    with face(chrome, "events") as opened:
        page = showing(opened, events(dropped=700))
        figures = page.locator(".sk-figures")
        assert "300 events" in figures.inner_text() and "700 older ones not held here" in figures.inner_text()
        page.get_by_role("searchbox", name="Filter events").fill("FAILED chapter 5,")
        page.get_by_text("events of 300").or_(page.get_by_text("event of 300")).wait_for()
        assert page.get_by_role("listitem").all_inner_texts()[0].count("step failed") == 1
        page.get_by_role("searchbox", name="Filter events").fill("")
        kind = page.get_by_role("button", name="step retried 50")
        kind.click()
        page.get_by_text("50 events of 300").wait_for()
        assert kind.get_attribute("aria-pressed") == "true" and "✓" in kind.inner_text(), "not by colour alone"
        opened.patch(events=rows(301, 306))
        assert "51 events of 306" in figures.inner_text(), "what comes later is filtered too"
        kind = page.get_by_role("button", name="step retried 51")
        kind.click()
        page.get_by_role("searchbox", name="Filter events").fill("no such words")
        page.get_by_text("No event passes this filter.").wait_for()


def test_event_is_opened_by_keyboard_and_its_step_followed(chrome: Any) -> None:
    with face(chrome, "events") as opened:
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
        assert all(f"read#{seq % 40}" in text for text in page.locator(".sk-event").evaluate_all("all => all.map(one => one.textContent)"))
        page.keyboard.press("Escape")
        assert not side.is_visible() and str(seq) in focused(opened), "the focus is on the row again"
        page.get_by_role("button", name="All steps").click()
        page.get_by_text("300 events", exact=True).wait_for()


@pytest.mark.timeout(180)
def test_100_000_events_scroll_and_filter_without_long_tasks(chrome: Any) -> None:
    watch = "() => { window.longs = []; new PerformanceObserver(l => longs.push(...l.getEntries().map(e => e.duration))).observe({entryTypes: ['longtask']}) }"
    fill = """async ([first, last]) => { for (let s = first; s < last; ) { const events = [];
        for (let i = 0; i < 2000; i++, s++) events.push([s, s, ['step_started', 'step_completed'][s % 2], 'read#' + s % 40, 'chapter ' + s % 97 + ' of ' + s]);
        window.give({kind: 'patch', n: ++window.n, seq: s, now: s, events}); await new Promise(done => setTimeout(done, 30)) } }"""
    scroll = """async () => { const list = document.querySelector('.sk-events-list'); for (let i = 0; i < 60; i++) {
        list.scrollTop = i * 7919 * 24 % list.scrollHeight; await new Promise(done => requestAnimationFrame(done)) } }"""
    with face(chrome, "events") as opened:
        page = showing(opened, events(1, events=[]))
        page.evaluate("() => { window.n = 1 }")
        page.evaluate(fill, [1, 100_001])
        for attempt in range(3):  # a busy machine stretches everything: once without is enough
            page.evaluate(watch)
            page.evaluate(scroll)
            page.get_by_role("searchbox").fill(f"chapter {42 + attempt}")
            page.get_by_text("of 100,000").wait_for()
            page.get_by_role("searchbox").fill("")
            page.get_by_text("100,000 events", exact=True).wait_for()
            longs = page.evaluate("() => longs")
            if not longs:
                break
        assert longs == []
        assert page.evaluate("() => document.querySelectorAll('*').length") < 600
        session = page.context.new_cdp_session(page)
        session.send("HeapProfiler.collectGarbage")
        assert session.send("Runtime.getHeapUsage")["usedSize"] < 50_000_000


# ---- inbox, errors, sources --------------------------------------------------------------------------------------------


def test_inbox_lists_open_questions_under_their_runs_and_folds_the_answered(chrome: Any) -> None:
    with face(chrome, "inbox") as opened:
        page = showing(opened, inbox())
        region = page.get_by_role("region", name="Inbox", exact=True)
        assert "3 questions waiting" in region.inner_text() and region.get_by_role("region", name="Approval").count() == 3
        runs = region.get_by_role("group")
        assert runs.nth(0).get_attribute("aria-label") == "Does biochar help?"
        assert region.get_by_role("group", name="Clean the sensor data").get_by_role("region", name="Approval").count() == 1
        assert "grace" not in region.inner_text()
        page.get_by_text("Answered (3)").click()
        said = region.inner_text()
        assert "rejected by grace" in said and "Reason: too risky" in said and "approved with edits by ada" in said and "2025-11-26" in said


def test_new_question_is_announced_and_an_empty_inbox_says_so(chrome: Any) -> None:
    with face(chrome, "inbox") as opened:
        page = showing(opened, {"approvals": {}, "runs": {}})
        assert "Nothing waits for you" in page.locator("#cell").inner_text()
        opened.patch(set={"approvals": {"a1": approval({"n": 1}, id="a1")}})
        live = page.locator('[aria-live="polite"]')
        assert live.inner_text() == "New question from Does biochar help?: Go ahead with this plan?"
        assert "1 question waiting" in page.locator(".sk-head").inner_text()


def test_answer_given_in_the_inbox_is_seen_before_its_card_goes(chrome: Any) -> None:
    with face(chrome, "inbox") as opened:
        page = showing(opened, inbox())
        page.locator('[data-approval="a2"]').get_by_role("button", name="Approve").click()
        assert opened.sent("do")[-1]["approval"] == "a2"
        opened.reply()
        opened.patch(set={"approvals": {"a2": inbox()["approvals"]["a2"] | {"status": "approved", "by": "ada", "decided": NOW}}})
        card = page.locator('[data-approval="a2"]')
        assert "Approved" in card.inner_text() and "2 questions waiting" in page.locator(".sk-head").first.inner_text()
        assert "Answered (4)" in page.locator("#cell").inner_text()


def test_errors_are_counted_and_open_to_what_to_do(chrome: Any) -> None:
    with face(chrome, "errors") as opened:
        page = showing(opened, errors())
        said = page.get_by_role("region", name="Errors", exact=True).inner_text()
        assert "6 errors" in said and "2 kinds" in said
        assert "6 errors in the last hour, most in one minute: 5, at 00:29 UTC" in said, "the picture in words"
        assert "12 s ago" in said and "2025-11-26 00:29:48 UTC" in said and "Wait 20 s." not in said
        group = page.get_by_role("button", name="RateLimited: SearXNG answered 429")
        group.focus()
        page.keyboard.press("Enter")
        said = page.get_by_role("table", name="Kinds of errors").inner_text()
        assert group.get_attribute("aria-expanded") == "true" and "Wait 20 s." in said and "web.py:88 search" in said
        changed = errors()["errors"]["f0"] | {"count": 6, "last": NOW}
        opened.patch(set={"errors": {"f0": changed}})
        assert focused(opened).startswith("RateLimited") and group.get_attribute("aria-expanded") == "true", "it stays open and focused"


def test_no_errors_are_said_calmly(chrome: Any) -> None:
    with face(chrome, "errors") as opened:
        page = showing(opened, {"errors": {}, "stats": {"total": 0, "unique": 0, "evicted": 0, "by_type": [], "per_minute": []}, "recent": []})
        assert page.locator("#cell").inner_text().split() == ["✓", "No", "errors"]


def test_sources_say_what_they_gave_what_was_refused_and_why_nothing_came(chrome: Any) -> None:
    with face(chrome, "sources") as opened:
        page = showing(opened, done())
        papers, _, web = page.get_by_role("region", name="Sources", exact=True).locator(".sk-source").all()
        assert "11 passages" in papers.inner_text() and "48 documents held · asked 4 times · 2 not usable" in papers.inner_text()
        assert "nothing" in web.inner_text() and "Rate limited, again in 20 s." in web.inner_text()
        papers.get_by_text("What could not be used (2)").click()
        assert "It has no text, only pictures." in papers.inner_text()
        assert papers.locator("a").evaluate_all("all => all.map(one => one.href)") == ["https://example.org/busy"]


# ---- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", SAMPLES)
def test_hostile_text_stays_text(chrome: Any, view: str) -> None:
    with face(chrome, view) as opened:
        page = showing(opened, hostile(SAMPLES[view]()))
        for button in page.locator("summary, .sk-cite, .sk-error-open, .sk-event").all()[:12]:
            button.click()
        opened.drawn()
        assert page.locator("#cell").locator("img, script, iframe, object, a[href^='javascript' i]").count() == 0
        assert page.evaluate("() => window.hacked") is None and opened.complaints == []
        assert "<img src=" in page.locator("#cell").inner_text() and "[U+202E]" in page.locator("#cell").inner_text()


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", SAMPLES)
def test_view_is_accessible_and_fits(chrome: Any, view: str, theme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with face(chrome, view, theme=theme, width=width) as opened:
        page = showing(opened, SAMPLES[view]())
        opening = {"events": ".sk-event", "errors": ".sk-error-open", "report": ".sk-unsure"}.get(view, "summary")
        page.locator(opening).last.click()
        if view == "events":
            opened.reply(data={"seq": 300, "kind": "step_started", "title": "read review"})
        if folder := keep_pictures():
            (folder / f"{view}-{theme}-{width}.png").write_bytes(page.locator("#cell").screenshot())
        about_pages = {"landmark-one-main", "page-has-heading-one", "region", "landmark-unique"}  # a cell is not a page
        found = [v for v in Axe().run(page).response["violations"] if v["id"] not in about_pages]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"
        assert opened.complaints == []


def test_claims_without_a_known_citation_or_part_are_still_shown(chrome: Any) -> None:
    odd = report(claims=[claim("A sentence.", 99, part=7), claim("Another one.", verdict="unchecked")], citations=[], parts=[])
    with face(chrome, "report") as opened:
        said = showing(opened, done(report=odd)).locator(".sk-answer").evaluate("one => one.textContent")
        assert "A sentence." in said and "Another one. (not checked)" in said
        assert opened.sent("error") == []
