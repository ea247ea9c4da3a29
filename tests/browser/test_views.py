"""The report in a browser: what it shows and how it is worked by keyboard; and what no view ever
does.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_kit import browser
from view_kit import NARROW, WIDE, ViewPage, keep_pictures, view_page
from view_samples import SAMPLES, citation, claim, done, hostile, report

pytestmark = pytest.mark.browser


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


# ---- report ------------------------------------------------------------------------------------------------------------


def test_report_says_how_the_run_stands_and_how_well_the_report_is_founded(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        said = showing(opened, done()).get_by_role("region", name="Report", exact=True).inner_text()
        assert (
            "Done" in said
            and "Does adding biochar" in said
            and "3 min 40 s" in said
            and "$0.12" in said
        )
        assert (
            "answers both parts · 6 of 6 quotes stand at their place · 1 sentence unsupported"
            in said
        )
        assert opened.complaints == []


def test_chosen_citation_shows_its_quote_marked_inside_its_context(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Citation 3: Nine years after: a field trial").first.click()
        pane = page.get_by_role("complementary", name="Evidence")
        assert pane.locator("mark").inner_text() == "still differed nine years after"
        assert (
            "Plots that were treated once still differed" in pane.inner_text()
            and "✓ at its place" in pane.inner_text()
        )
        assert page.locator('.sk-answer [aria-current="true"]').all_inner_texts() == ["3", "3"]
        assert (
            pane.get_by_role("status").inner_text()
            == "Citation 3 of 6: Nine years after: a field trial, at its place"
        )
        page.get_by_role(
            "button",
            name="Citation 6: Long-term plots, interim report, does not carry the sentence",
        ).click()
        assert "at its place" in pane.inner_text() and pane.locator("a").count() == 0


def test_citations_are_turned_by_keys_and_by_buttons(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
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
    with view_page(chrome, "report") as opened:
        page = showing(opened, done())
        weak = page.locator(".sk-weak")
        assert "".join(weak.all_text_contents()) == "It will probably persist for decades."
        assert "dotted" in weak.first.evaluate("one => getComputedStyle(one).textDecoration")
        assert "(unsupported: The quote speaks of nine years)" in page.locator(
            ".sk-answer"
        ).evaluate("one => one.textContent")


def test_disagreements_and_gaps_name_both_sides_and_every_source(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(opened, done())
        sides = page.get_by_role("group", name="Sources disagree")
        assert sides.get_by_role("listitem").count() == 2 and sides.get_by_role(
            "button"
        ).all_inner_texts() == ["2", "5"]
        gap = page.get_by_role("group", name="Not found").inner_text()
        assert (
            "What does it cost per hectare?" in gap
            and "papers/: holds nothing on it" in gap
            and "rate limited, again in 20 s" in gap
        )


def test_report_that_abstains_says_so_first(chrome: Any) -> None:
    nothing = report(
        abstained=True, answer="No source speaks of it.", claims=[], citations=[], disagreements=[]
    )
    with view_page(chrome, "report") as opened:
        page = showing(opened, done(report=nothing, word="Nothing found", sign="○", colour="asks"))
        assert (
            page.locator(".sk-answer > *")
            .first.inner_text()
            .startswith("Nothing in the sources answers this question.")
        )
        assert (
            page.locator(".sk-head .sk-asks").inner_text().endswith("Nothing found")
            and page.locator(".sk-evidence").count() == 0
        )


def test_run_without_a_report_says_why_and_shows_it_once_it_is_there(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(
            opened,
            done(
                report=None, ended=None, status="running", word="Reading", message="Reads 9 of 14"
            ),
        )
        assert "The report is not written yet. Reads 9 of 14" in page.locator("#cell").inner_text()
        opened.patch(set={"report": report()})
        assert (
            page.get_by_role("button", name="Copy (Markdown)").is_visible()
            and "not written" not in page.locator("#cell").inner_text()
        )


def test_context_is_asked_for_and_a_refusal_stands_beside_the_button(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Open in context").click()
        asked = opened.sent("need")[-1]
        assert {name: asked[name] for name in ("what", "document", "start", "end")} == {
            "what": "quote",
            "document": "d1",
            "start": 1_200,
            "end": 1_251,
        }
        opened.reply(ok=False, message="The document is not kept any more.", hint="Search again.")
        assert "The document is not kept any more." in page.locator(".sk-evidence").inner_text()
        page.get_by_role("button", name="Open in context").click()
        opened.reply(
            before="long before " * 60,
            quote="available water content increased by 45% on average",
            after=" long after" * 60,
        )
        quote = page.get_by_role("group", name="Quote in its context")
        assert quote.locator("mark").count() == 1 and len(quote.inner_text()) > 1_200
        page.get_by_role("button", name="Less context").click()
        opened.drawn()
        assert len(quote.inner_text()) < 300


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "papers/a.pdf",
        "https://user@evil.example/",
        "//evil.example",
        'https://e.example/"x',
    ],
)
def test_only_plain_web_addresses_are_links(chrome: Any, uri: str) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(
            opened,
            done(
                report=report(
                    citations=[citation(1, "One", "words", uri=uri), citation(2, "Two", "words")]
                )
            ),
        )
        assert page.locator("a").count() == 0 and uri in page.locator(".sk-evidence").inner_text()
        page.get_by_role("button", name="Next citation").click()
        link = page.locator("a")
        assert (
            link.get_attribute("href") == "https://example.org/2"
            and link.get_attribute("target") == "_blank"
        )
        assert link.get_attribute("rel") == "noopener noreferrer"


def test_copies_go_to_the_clipboard_or_are_selected_when_it_is_refused(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(opened, done(report=report(markdown="# Report", bibtex="@article{one}")))
        page.evaluate(
            "() => Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text =>"
            " { window.copied = text }}})"
        )
        page.get_by_role("button", name="Copy (Markdown)").click()
        assert (
            page.evaluate("() => window.copied") == "# Report"
            and "Markdown copied" in page.locator(".sk-acts").inner_text()
        )
        page.evaluate(
            "() => { navigator.clipboard.writeText = async () => { throw new Error('refused') } }"
        )
        page.get_by_role("button", name="BibTeX").click()
        area = page.get_by_role("textbox", name="BibTeX of the report")
        assert (
            area.input_value() == "@article{one}"
            and page.evaluate("() => String(document.getSelection())") == "@article{one}"
        )
        page.get_by_role("button", name="Close").click()
        assert not area.is_visible() and opened.complaints == [] and opened.sent("need") == []


def test_same_report_again_keeps_what_is_chosen_and_focused(chrome: Any) -> None:
    with view_page(chrome, "report") as opened:
        page = showing(opened, done())
        page.get_by_role("button", name="Citation 5: ").first.click()
        opened.snapshot(done())
        opened.patch(set={"report": report()})
        assert (
            focused(opened).startswith("Citation 5:")
            and "5 of 6" in page.locator(".sk-evidence").inner_text()
        )


def test_report_stands_in_its_run_as_a_region(chrome: Any) -> None:
    with view_page(chrome, "run") as opened:
        page = showing(opened, done())
        pane = page.get_by_role("region", name="Run", exact=True).get_by_role(
            "region", name="Report", exact=True
        )
        assert (
            "6 of 6 quotes stand at their place" in pane.inner_text()
            and pane.get_by_role("button", name="Citation 2: ").count() == 3
        )


def test_claims_without_a_known_citation_or_part_are_still_shown(chrome: Any) -> None:
    odd = report(
        claims=[claim("A sentence.", 99, part=7), claim("Another one.", verdict="unchecked")],
        citations=[],
        parts=[],
    )
    with view_page(chrome, "report") as opened:
        said = (
            showing(opened, done(report=odd))
            .locator(".sk-answer")
            .evaluate("one => one.textContent")
        )
        assert "A sentence." in said and "Another one. (not checked)" in said
        assert opened.sent("error") == []


# ---- all of them -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", SAMPLES)
def test_hostile_text_stays_text(chrome: Any, view: str) -> None:
    with view_page(chrome, view) as opened:
        page = showing(opened, hostile(SAMPLES[view]()))
        for button in page.locator("summary, .sk-cite, .sk-error-open, .sk-event").all()[:12]:
            button.click()
        opened.drawn()
        assert (
            page.locator("#cell")
            .locator("img, script, iframe, object, a[href^='javascript' i]")
            .count()
            == 0
        )
        assert page.evaluate("() => window.hacked") is None and opened.complaints == []
        assert (
            "<img src=" in page.locator("#cell").inner_text()
            and "[U+202E]" in page.locator("#cell").inner_text()
        )


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", SAMPLES)
def test_view_is_accessible_and_fits(chrome: Any, view: str, theme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]

    with view_page(chrome, view, theme=theme, width=width) as opened:
        page = showing(opened, SAMPLES[view]())
        opening = {"events": ".sk-event", "errors": ".sk-error-open", "report": ".sk-unsure"}.get(
            view, "summary"
        )
        page.locator(opening).last.click()
        if view == "events":
            opened.reply(data={"seq": 300, "kind": "step_started", "title": "read review"})
        if folder := keep_pictures():
            (folder / f"{view}-{theme}-{width}.png").write_bytes(page.locator("#cell").screenshot())
        # a cell is not a page
        about_pages = {
            "landmark-one-main",
            "page-has-heading-one",
            "region",
            "landmark-unique",
        }
        found = [v for v in Axe().run(page).response["violations"] if v["id"] not in about_pages]
        assert [(v["id"], v["nodes"][0]["html"][:200]) for v in found] == []
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), (
            "nothing sticks out"
        )
        assert opened.complaints == []
