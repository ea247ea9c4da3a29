"""What holds of the card that asks a person: answers, edits, and forms made from schemas; in a page
without Jupyter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_kit import browser
from view_kit import NOW, ViewPage, approval, keyed_by, run_state, view_page

from sentient_kernel.projections.drawing.exact import marked, unmarked

pytestmark = [pytest.mark.browser]
PLAN = ["How much water does it hold?", "For how long?", "What does it cost?"]


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


@pytest.fixture
def run(chrome: Any) -> Iterator[ViewPage]:
    with view_page(chrome, "run") as opened:
        yield opened
        assert opened.complaints == []


def ask(run: ViewPage, payload: Any, *more: dict[str, Any], **changes: Any) -> Any:
    """Shows a question and returns its card."""
    asked = keyed_by([approval(payload, **changes), *more], "id")
    run.snapshot(
        run_state(
            status="waiting", word="Waiting for you", sign="◆", colour="asks", approvals=asked
        )
    )
    return run.page.get_by_role("region", name="Approval")


def click(run: ViewPage, name: str) -> None:
    run.page.get_by_role("button", name=name, exact=True).first.click()
    run.drawn()


def answer(run: ViewPage) -> dict[str, Any]:
    """Returns the newest answer that was sent, without its id."""
    return {k: v for k, v in run.sent("do")[-1].items() if k != "id"}


def edited(run: ViewPage, payload: Any, form: dict[str, Any] | None = None) -> None:
    """Shows a question with its editor open."""
    ask(run, payload, form=form)
    click(run, "Edit")


# ---- answers ---------------------------------------------------------------------------------------------------------------------


def test_a_card_says_what_is_asked_what_will_be_done_and_what_the_answer_binds_to(
    run: ViewPage,
) -> None:
    card = ask(
        run,
        {"to": ["a@x.org"], "body": "line one\nline two", "count": 2},
        ask="effect",
        expires=NOW + 23 * 3_600_000,
    )
    text = card.inner_text()
    for part in (
        "Go ahead with this plan?",
        "effect",
        "a@x.org",
        "line one\nline two",
        "count",
        "2",
        "7c1e·90af",
        "expires in",
    ):
        assert part in text, part
    assert card.get_by_role("button").evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => one.ariaLabel ??"
        " one.textContent)"
    ) == [
        "Approve",
        "Edit",
        "Reject",
    ]


def test_recorded_is_said_only_after_the_kernel_has_said_so(run: ViewPage) -> None:
    card = ask(run, PLAN)
    click(run, "Approve")
    assert answer(run) == {
        "kind": "do",
        "what": "decide",
        "approval": "a1b2",
        "run": "0199b8a2-7c1e",
        "decision": "approve",
        "edited": False,
        "payload": None,
        "reason": "",
        "digest": "7c1e90af55aa",
    }
    assert "recorded" not in card.inner_text()
    assert card.get_by_role("button", name="Approve").get_attribute("aria-busy") == "true"
    assert not card.get_by_role("button", name="Reject").is_enabled()
    run.reply()
    assert "✓ Approved · recorded" in card.inner_text()
    assert not card.get_by_role("button", name="Approve").is_visible()
    run.patch(set={"approvals": {"a1b2": approval(PLAN, status="approved", by="ada", decided=NOW)}})
    assert (
        "Approved by ada" in card.inner_text()
        and "UTC" in card.inner_text()
        and "recorded" in card.inner_text()
    )


def test_a_refusal_shows_its_sentence_and_leaves_the_form_as_it_was(run: ViewPage) -> None:
    edited(run, PLAN)
    run.page.get_by_label("Item", exact=True).first.fill("Something else?")
    click(run, "Approve with 1 edit")
    run.reply(ok=False, message="Grace answered at 14:03.", hint="Nothing was changed.")
    run.page.get_by_text("Grace answered at 14:03.").wait_for()
    assert run.page.get_by_text("Nothing was changed.").is_visible()
    assert run.page.get_by_role("status").filter(has_text="Grace answered").count() == 1
    assert not run.page.get_by_text("recorded").count()
    assert run.page.get_by_role("button", name="Approve with 1 edit").is_enabled()
    assert "Something else?" in run.page.locator("ins").inner_text()


def test_reject_asks_for_a_reason_and_escape_takes_it_back(run: ViewPage) -> None:
    card = ask(run, PLAN)
    click(run, "Reject")
    assert run.page.evaluate("() => document.activeElement.ariaLabel") == "Reason"
    run.page.keyboard.press("Escape")
    assert not run.page.get_by_label("Reason").is_visible() and not run.sent("do")
    assert run.page.evaluate("() => document.activeElement.ariaLabel") == "Reject"
    click(run, "Reject")
    run.page.get_by_label("Reason").fill("too dear")
    run.page.keyboard.press("Enter")
    assert not run.sent("do"), "Enter in an input answers nothing"
    card.get_by_role("button", name="Reject").locator("visible=true").click()
    assert (answer(run)["decision"], answer(run)["reason"]) == ("reject", "too dear")
    run.reply()
    assert "✕ Rejected" in card.inner_text()


def test_enter_in_a_field_never_approves(run: ViewPage) -> None:
    edited(run, {"subject": "Hello", "count": 2})
    for label in ("subject", "count"):
        run.page.get_by_label(label, exact=True).press("Enter")
    assert not run.sent("do")
    run.page.get_by_label("Steer the run").press("Enter")
    assert not run.sent("do")


def test_who_was_faster_is_shown(run: ViewPage) -> None:
    card = ask(run, PLAN)
    run.patch(
        set={
            "approvals": {
                "a1b2": approval(
                    PLAN, status="rejected", by="grace", decided=NOW, reason="too dear"
                )
            }
        }
    )
    assert (
        "✕ Rejected by grace: too dear" in card.inner_text()
        and not card.get_by_role("button", name="Approve").is_visible()
    )
    assert "recorded" not in card.inner_text(), "nobody answered here"


def test_when_the_question_changes_edits_of_the_old_one_are_not_sent(run: ViewPage) -> None:
    edited(run, PLAN)
    run.page.get_by_label("Item", exact=True).first.fill("Edited")
    run.patch(set={"approvals": {"a1b2": approval(["New?"], digest="ffff0000")}})
    assert run.page.get_by_text("The question has changed").is_visible()
    click(run, "Approve")
    assert (answer(run)["digest"], answer(run)["edited"]) == ("ffff0000", False)


def test_several_questions_stand_above_the_steps_each_with_its_own_answer(run: ViewPage) -> None:
    cards = ask(
        run,
        PLAN,
        approval(
            {"usd": 0.5}, id="c3", i=1, ask="spend", question="Spend more?", digest="abcd1234"
        ),
    )
    assert cards.count() == 2
    cards.nth(1).get_by_role("button", name="Approve").click()
    assert (answer(run)["approval"], answer(run)["digest"]) == ("c3", "abcd1234")


def test_a_long_payload_is_there_whole_and_scrolls_inside_its_card(run: ViewPage) -> None:
    card = ask(
        run, {"body": "word " * 20_000 + "THE END", "list": [f"item {i}" for i in range(500)]}
    )
    assert "THE END" in card.inner_text() and "item 499" in card.inner_text()
    box = card.locator(".sk-payload")
    assert box.bounding_box()["height"] < 400
    run.page.wait_for_function("() => document.querySelector('.sk-payload').tabIndex === 0")
    huge = [{"i": i, "text": "t"} for i in range(5_000)]
    card = ask(run, huge, digest="huge")
    assert '"i": 4999' in card.locator("pre").inner_text()


# ---- edits -----------------------------------------------------------------------------------------------------------------------


def test_edits_are_counted_and_marked_in_place_when_the_editor_is_closed(run: ViewPage) -> None:
    edited(run, PLAN, {"type": "array", "items": {"type": "string"}})
    items = run.page.get_by_label("Item", exact=True)
    items.nth(0).fill("How much more water does it hold?")
    click(run, "Remove item 3")
    assert run.page.get_by_role("button", name="Approve with 2 edits").is_visible()
    click(run, "Done editing")
    assert run.page.locator("ins").all_inner_texts() == ["more "] and run.page.locator(
        "del"
    ).all_inner_texts() == ["What does it cost?"]
    click(run, "Approve with 2 edits")
    assert answer(run)["edited"] is True
    assert answer(run)["payload"] == ["How much more water does it hold?", "For how long?"]
    run.reply()


def test_edits_can_be_undone_and_what_was_edited_back_is_no_edit(run: ViewPage) -> None:
    edited(run, {"a": "one", "b": 2})
    run.page.get_by_label("a", exact=True).fill("two")
    run.page.get_by_label("b", exact=True).fill("3")
    assert run.page.get_by_role("button", name="Approve with 2 edits").is_visible()
    run.page.get_by_label("a", exact=True).fill("one")
    assert run.page.get_by_role("button", name="Approve with 1 edit").is_visible()
    click(run, "Undo edits")
    click(run, "Approve")
    assert answer(run)["edited"] is False and answer(run)["payload"] is None


def test_a_moved_row_is_one_edit(run: ViewPage) -> None:
    edited(run, PLAN)
    click(run, "Move item 3 up")
    assert run.page.get_by_role("button", name="Approve with 1 edit").is_visible()
    click(run, "Done editing")
    assert "(moved" in run.page.get_by_role("region", name="Approval").inner_text()


# ---- forms -----------------------------------------------------------------------------------------------------------------------


def test_a_list_is_edited_by_keyboard_alone(run: ViewPage) -> None:
    edited(run, PLAN)
    keys = run.page.keyboard
    assert run.page.evaluate("() => document.activeElement.value") == PLAN[0]
    keys.press("Alt+ArrowDown")
    assert run.page.evaluate("() => document.activeElement.value") == PLAN[0], (
        "the focus goes with the row"
    )
    keys.press("Alt+ArrowDown")
    keys.press("Enter")
    keys.type("And for clay?")
    run.page.get_by_role("button", name="Remove item 1").focus()
    keys.press("Enter")
    click(run, "Approve with 3 edits")
    assert answer(run)["payload"] == [PLAN[2], PLAN[0], "And for clay?"]
    assert "ArrowDown" not in run.page.evaluate("() => window.reached")


SCHEMA = {
    "type": "object",
    "required": ["subject", "copies", "where"],
    "properties": {
        "subject": {"type": "string", "maxLength": 20},
        "copies": {"type": "integer", "minimum": 1, "maximum": 5},
        "urgent": {"type": "boolean"},
        "priority": {
            "enum": ["low", "normal", "high"],
            "default": "normal",
            "description": "How it is marked",
        },
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "where": {"$ref": "#/$defs/Place"},
        "people": {"type": "array", "items": {"$ref": "#/$defs/Person"}, "minItems": 1},
        "odd": {"type": "array", "prefixItems": [{"type": "string"}]},
    },
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
        "Person": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "number"}},
            "required": ["name"],
        },
    },
}
MAIL = {
    "subject": "Hi",
    "copies": 2,
    "urgent": False,
    "where": {"city": "Bern"},
    "people": [{"name": "Ada", "age": 36}],
    "odd": ["x", 1],
}


def test_a_form_is_made_from_the_schema(run: ViewPage) -> None:
    edited(run, MAIL, SCHEMA)
    page = run.page
    page.get_by_label("subject", exact=True).fill("Hello")
    page.get_by_label("copies", exact=True).fill("3")
    page.get_by_label("urgent", exact=True).check()
    page.get_by_label("priority", exact=True).select_option(label="high")
    page.get_by_label("note: give a value").check()
    page.get_by_label("note", exact=True).fill("soon")
    page.get_by_label("city", exact=True).fill("Basel")
    click(run, "Add an item to people")
    page.get_by_label("name", exact=True).nth(1).fill("Grace")
    page.get_by_label("odd as JSON").fill('["y", 2]')
    assert page.get_by_text("How it is marked").is_visible()
    page.get_by_role("button", name="Approve with 9 edits").click()
    assert answer(run)["payload"] == {
        "subject": "Hello",
        "copies": 3,
        "urgent": True,
        "priority": "high",
        "note": "soon",
        "where": {"city": "Basel"},
        "people": [{"name": "Ada", "age": 36}, {"name": "Grace"}],
        "odd": ["y", 2],
    }


def test_what_was_not_given_and_not_touched_is_not_sent(run: ViewPage) -> None:
    edited(run, MAIL, SCHEMA)
    run.page.get_by_label("subject", exact=True).fill("Hello")
    click(run, "Approve with 1 edit")
    assert answer(run)["payload"] == MAIL | {"subject": "Hello"}


@pytest.mark.parametrize(
    ("label", "wrong", "sentence"),
    [
        ("copies", "9", "At most 5."),
        ("copies", "1.5", "A whole number is needed."),
        ("copies", "", "A number is needed."),
        ("subject", "", "Write something here."),
        ("subject", "x" * 21, "At most 20 characters fit, these are 21."),
        ("odd as JSON", "[1,", "This is not JSON"),
    ],
)
def test_what_does_not_fit_is_said_and_not_sent(
    run: ViewPage, label: str, wrong: str, sentence: str
) -> None:
    edited(run, MAIL, SCHEMA)
    field = run.page.get_by_label(label, exact=True)
    field.fill(wrong)
    assert field.get_attribute("aria-invalid") == "true"
    assert sentence in run.page.locator(f"#{field.get_attribute('aria-describedby')}").inner_text()
    run.page.get_by_role("button", name="Approve").first.click()
    run.drawn()
    assert not run.sent("do")
    assert run.page.get_by_role("status").filter(has_text=sentence).count() == 1
    assert field.evaluate("one => one === document.activeElement")


def test_without_a_schema_the_form_is_made_from_the_payload(run: ViewPage) -> None:
    payload = {
        "title": "T",
        "n": 1.5,
        "on": True,
        "tags": ["a"],
        "rows": [{"x": 1}, {"x": 2}],
        "mixed": [1, "a"],
        "none": None,
    }
    edited(run, payload)
    page = run.page
    page.get_by_label("title", exact=True).fill("U")
    page.get_by_label("n", exact=True).fill("2.5")
    page.get_by_label("on", exact=True).uncheck()
    page.get_by_label("x", exact=True).nth(1).fill("3")
    page.get_by_label("mixed as JSON").fill('[1, "b"]')
    page.get_by_label("none as JSON").fill("7")
    page.get_by_role("button", name="Approve with 6 edits").click()
    assert answer(run)["payload"] == payload | {
        "title": "U",
        "n": 2.5,
        "on": False,
        "rows": [{"x": 1}, {"x": 3}],
        "mixed": [1, "b"],
        "none": 7,
    }


@pytest.mark.parametrize(
    "form",
    [
        {"$ref": "#/$defs/Loop", "$defs": {"Loop": {"$ref": "#/$defs/Loop"}}},
        {"$ref": "https://x.org/s"},
        {"not": {}},
    ],
)
def test_a_schema_that_no_form_can_be_made_of_is_edited_as_json(
    run: ViewPage, form: dict[str, Any]
) -> None:
    edited(run, {"a": 1}, form)
    run.page.get_by_label("Value as JSON").fill('{"a": 2}')
    click(run, "Approve with 1 edit")
    assert answer(run)["payload"] == {"a": 2}


# ---- numbers ---------------------------------------------------------------------------------------------------------------------

BIG = 2**63 + 1


def test_numbers_beyond_what_javascript_holds_are_shown_and_sent_digit_by_digit(
    run: ViewPage,
) -> None:
    payload = {"id": BIG, "rows": [{"n": -(2**53) - 1}, {"n": None}], "count": 1, "sum": 1e20}
    card = ask(run, marked(payload))
    assert str(BIG) in card.inner_text() and str(-(2**53) - 1) in card.inner_text()
    click(run, "Edit")
    assert card.get_by_role("button", name="Approve", exact=True).is_visible(), (
        "nothing was edited yet"
    )
    assert card.get_by_label("id").input_value() == str(BIG)
    card.get_by_label("count").fill("2")
    run.drawn()
    click(run, "Approve with 1 edit")
    assert unmarked(answer(run)["payload"]) == payload | {"count": 2}
    run.reply()
    run.patch(
        set={
            "approvals": {
                "a1b2": approval(
                    marked(payload),
                    status="edited",
                    answer=marked(payload | {"count": 2}),
                    decided=NOW,
                )
            }
        }
    )
    card.get_by_text("What was asked").click()
    assert str(BIG) in card.inner_text()


def test_a_number_beyond_what_javascript_holds_can_be_written(run: ViewPage) -> None:
    edited(run, {"id": 1, "any": [1, "x"]})
    run.page.get_by_label("id").fill(str(BIG))
    run.page.get_by_label("any as JSON").fill(f'[{BIG}, "{BIG}"]')
    run.drawn()
    click(run, "Approve with 3 edits")
    assert unmarked(answer(run)["payload"]) == {"id": BIG, "any": [BIG, str(BIG)]}


def test_numbers_of_a_long_list_stand_on_one_line(run: ViewPage) -> None:
    edited(run, [f"item {i}" for i in range(120)])
    heights = run.page.locator(".sk-item > .sk-num").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert len(heights) == 120 and max(heights) == min(heights)
