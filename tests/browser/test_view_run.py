"""What holds of the view of a run, of the cards that ask, and of the kit under them; in a page
without Jupyter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_kit import browser
from view_kit import NARROW, NOW, WIDE, ViewPage, approval, keyed_by, run_state, step, view_page

pytestmark = [pytest.mark.browser]
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script> safe\u202etxt.exe'
PLAN = ["How much water does it hold?", "For how long?", "What does it cost?"]


@pytest.fixture(scope="module")
def chrome(needs_browser: Path) -> Iterator[Any]:
    with browser(needs_browser) as running:
        yield running


@pytest.fixture
def run(chrome: Any) -> Iterator[ViewPage]:
    """A run's view that has said hello; whatever the test does, the page must not complain."""
    with view_page(chrome, "run") as opened:
        yield opened
        assert opened.complaints == []
        assert opened.page.evaluate("() => window.hacked") is None


def asking(*asked: dict[str, Any], **changes: Any) -> dict[str, Any]:
    waits = {"status": "waiting", "word": "Waiting for you", "sign": "◆", "colour": "asks"}
    return run_state(**waits | {"approvals": keyed_by(list(asked), "id")} | changes)


def click(run: ViewPage, name: str) -> None:
    run.page.get_by_role("button", name=name, exact=True).first.click()
    run.drawn()


def names(run: ViewPage) -> list[str]:
    """Returns the accessible names of the buttons in sight."""
    found: list[str] = run.page.get_by_role("button").evaluate_all(
        "all => all.map(one => one.ariaLabel ?? one.textContent)"
    )
    return found


# ---- messages ------------------------------------------------------------------------------------------------------------


def test_a_view_says_hello_once_and_draws_what_it_is_given(run: ViewPage) -> None:
    assert run.sent() == [{"kind": "hello"}]
    assert run.page.get_by_text("Connecting to the run").is_visible()
    run.snapshot(run_state())
    shown = run.page.get_by_role("region", name="Run", exact=True)
    assert (shown.get_attribute("data-run"), shown.get_attribute("data-status")) == (
        "0199b8a2-7c1e",
        "running",
    )
    assert "Reading" in shown.inner_text() and "$0.03 of $0.50" in shown.inner_text()
    assert run.page.locator("[data-sk-view=run]").count() == 1


def test_a_patch_changes_what_it_names_and_nothing_else(run: ViewPage) -> None:
    run.snapshot(run_state(steps=keyed_by([step(0, "plan"), step(1, "search", "running")], "key")))
    run.patch(set={"steps": {"k1": step(1, "search"), "k2": step(2, "read", "running")}})
    assert [
        row.split("\n")[0] for row in run.page.locator(".sk-step .sk-name").all_inner_texts()
    ] == ["plan", "search", "read"]
    assert run.page.locator("[data-step=k1]").get_attribute("data-status") == "completed"
    run.patch(set={"steps": {"k2": None}})
    assert run.page.locator(".sk-step").count() == 2


def test_a_gap_is_answered_with_one_hello_and_only_a_snapshot_helps(run: ViewPage) -> None:
    run.snapshot(run_state())
    run.n += 1  # one is lost
    for _ in range(3):
        run.patch(set={"run": run_state(word="Wrong")["run"]})
    assert len(run.sent("hello")) == 2
    assert not run.page.get_by_text("Wrong").count()
    run.snapshot(run_state(word="Right"))
    run.patch(set={"run": run_state(word="Writing")["run"]})
    assert run.page.get_by_text("Writing").count() == 1


def test_text_that_does_not_fit_what_is_there_is_a_gap(run: ViewPage) -> None:
    run.snapshot(run_state())
    run.patch(text={"writer": [0, "Smile 😀 and "]})
    run.patch(text={"writer": [12, "go on"]})  # counted in code points
    assert run.page.locator(".sk-words").inner_text() == "Smile 😀 and go on"
    run.patch(text={"writer": [99, "!"]})
    assert len(run.sent("hello")) == 2


def test_a_view_redraws_only_what_its_selector_changed(chrome: Any) -> None:
    code = probe("""
      window.counts = {};
      const count = (name) => () => (window.counts[name] = (window.counts[name] ?? 0) + 1);
      store.select((s) => s.run.word, count("word"), signal);
      store.select((s) => s.steps, count("steps"), signal);
      store.select((s) => [s.run.cost, s.sources], count("pair"), signal);
      store.select((s) => s.steps.k0, count("one"), signal);
    """)
    with view_page(chrome, "run", code=code) as run:
        state = run_state(steps=keyed_by([step(0, "a"), step(1, "b")], "key"))
        run.snapshot(state)
        assert run.page.evaluate("window.counts") == {"word": 1, "steps": 1, "pair": 1, "one": 1}
        run.patch(set={"steps": {"k1": step(1, "b", "failed")}})
        assert run.page.evaluate("window.counts") == {"word": 1, "steps": 2, "pair": 1, "one": 1}
        # what another tab asked for
        run.snapshot(state | {"steps": state["steps"] | {"k1": step(1, "b", "failed")}})
        assert run.page.evaluate("window.counts") == {"word": 1, "steps": 2, "pair": 1, "one": 1}
        run.give("beat")
        assert run.page.evaluate("window.counts.word") == 1


def test_many_messages_in_one_frame_are_drawn_once(chrome: Any) -> None:
    with view_page(
        chrome,
        "run",
        code=probe(
            "store.select((s) => s.run.message, () => (window.draws = (window.draws ?? 0) + 1),"
            " signal);"
        ),
    ) as run:
        run.snapshot(run_state())
        run.page.evaluate(
            """([run]) => { for (let n = 2; n < 102; n++)
                 window.give({kind: "patch", n, seq: n, now: 0, set: {run: {...run, message: `m${n}`}}}); }""",
            [run_state()["run"]],
        )
        run.drawn()
        assert run.page.evaluate("window.draws") == 2


def probe(draw: str) -> str:
    """Returns the kit with a view of the test's own; ``draw`` may use root, store, link, signal."""
    from sentient_kernel.widgets.bundle import bundle

    return bundle("run").replace(
        'mount("run", drawRun)', f'mount("probe", (root, store, link, signal) => {{ {draw} }})'
    )


# ---- what a person does stays ------------------------------------------------------------------------------------------------


def test_focus_and_what_is_typed_survive_updates(run: ViewPage) -> None:
    run.snapshot(asking(approval(PLAN), steps=keyed_by([step(0, "plan", "running")], "key")))
    field = run.page.get_by_label("Steer the run")
    field.fill("look at clay too")
    field.evaluate("one => one.setSelectionRange(5, 7)")
    run.patch(
        set={"run": asking(word="Reading")["run"], "steps": {"k1": step(1, "more", "running")}}
    )
    run.snapshot(asking(approval(PLAN), approval(["x"], id="b2", i=1, digest="other")))
    now = run.page.evaluate(
        "() => [document.activeElement.ariaLabel, document.activeElement.value,"
        " document.activeElement.selectionStart]"
    )
    assert now == ["Steer the run", "look at clay too", 5]


def test_a_selection_in_text_that_grows_stays(run: ViewPage) -> None:
    run.snapshot(run_state(texts={"a": {"by": "a", "text": "Three field trials", "at": 0}}))
    run.page.evaluate(
        "() => { const node = document.querySelector('.sk-words').firstChild;"
        " getSelection().setBaseAndExtent(node, 6, node, 11); }"
    )
    run.patch(text={"a": [18, " report a rise"]})
    assert run.page.evaluate("() => String(getSelection())") == "field"
    assert run.page.locator(".sk-words").inner_text() == "Three field trials report a rise"


def test_keyed_children_keep_their_elements_and_the_focus_in_another_order(chrome: Any) -> None:
    code = probe("""
      const box = document.createElement("div");
      root.append(box);
      window.order = (names) => keyed(box, names, String, (name) => h("input", {type: "text", value: name}), () => {});
    """)
    with view_page(chrome, "run", code=code) as run:
        run.snapshot(run_state())
        run.page.evaluate(
            "() => { order(['a', 'b', 'c', 'd']); box = document.querySelectorAll('input');"
            " box[2].focus(); }"
        )
        run.page.evaluate("() => order(['d', 'c', 'x', 'a'])")
        found = run.page.evaluate(
            """() => [[...document.querySelectorAll('input')].map(one => one.value), document.activeElement.value,
                      document.querySelectorAll('input')[1] === box[2], box[1].isConnected]"""
        )
        assert found == [["d", "c", "x", "a"], "c", True, False]


# ---- a fault in a view -------------------------------------------------------------------------------------------------------


def test_a_view_that_throws_shows_a_card_reports_the_error_and_can_be_drawn_again(
    chrome: Any,
) -> None:
    code = probe("""
      if (!window.mended) throw new TypeError("no such thing");
      root.append(h("p", {}, "drawn"));
      store.select((s) => s.run.word, (word) => { if (word === "Bad") throw new Error("in an update"); }, signal);
      root.append(button("Press", () => { throw new Error("in a handler"); }));
    """)
    with view_page(chrome, "run", code=code) as run:
        run.snapshot(run_state())
        card = run.page.get_by_role("alert")
        assert "This view stopped." in card.inner_text() and "no such thing" in card.inner_text()
        [error] = run.sent("error")
        assert (error["where"], error["message"]) == (
            "probe",
            "no such thing",
        ) and "TypeError" in error["stack"]
        run.page.evaluate("() => { window.mended = true; }")
        click(run, "Draw again")
        assert run.page.get_by_text("drawn").is_visible()
        run.patch(set={"run": run_state(word="Bad")["run"]})
        assert "in an update" in run.page.get_by_role("alert").inner_text()
        run.patch(set={"run": run_state(word="Good")["run"]})
        assert run.page.get_by_role("alert").is_visible(), "a stopped view is not drawn"
        click(run, "Draw again")
        click(run, "Press")
        assert [one["message"] for one in run.sent("error")] == [
            "no such thing",
            "in an update",
            "in a handler",
        ]


def test_a_fault_in_one_part_leaves_the_others_as_they_are(run: ViewPage) -> None:
    run.snapshot(asking(approval(PLAN), steps={"k0": None}))  # a step that cannot be
    assert run.page.get_by_role("alert").count() == 1
    assert run.page.get_by_role("button", name="Approve", exact=True).is_enabled()
    assert run.sent("error")[0]["where"] == "run steps"


# ---- the run's own controls ----------------------------------------------------------------------------------------------------


def test_a_working_run_offers_pause_finish_now_cancel_and_a_line_to_steer(run: ViewPage) -> None:
    run.snapshot(run_state())
    assert names(run) == ["Pause", "Finish now", "Cancel", "Send"]
    click(run, "Pause")
    assert {k: v for k, v in run.sent("do")[-1].items() if k != "id"} == {
        "kind": "do",
        "what": "pause",
        "run": "0199b8a2-7c1e",
    }
    assert run.page.get_by_role("button", name="Pause").is_disabled(), "until there is an answer"
    run.reply()
    run.page.get_by_role("button", name="Pause", disabled=False).wait_for()
    click(run, "Finish now")
    run.reply()
    run.page.get_by_label("Steer the run").fill("leave clay out")
    run.page.get_by_label("Steer the run").press("Enter")
    assert run.sent("do")[-1]["text"] == "leave clay out"
    run.reply()
    assert run.page.get_by_label("Steer the run").input_value() == ""


def test_what_a_workflow_does_not_listen_to_is_not_offered_and_what_was_said_is_shown(
    run: ViewPage,
) -> None:
    deaf = run_state()
    deaf["run"] |= {"heeds": [], "said": ["leave clay out", "and loam"]}
    run.snapshot(deaf)
    assert names(run) == ["Pause", "Cancel"]
    assert run.page.get_by_text("“leave clay out”").is_visible()
    assert run.page.get_by_text("“and loam”").is_visible()


def test_cancel_asks_once_more_in_place(run: ViewPage) -> None:
    run.snapshot(run_state())
    click(run, "Cancel")
    assert not run.sent("do")
    assert run.page.get_by_role("group", name="Cancel this run?").is_visible()
    run.page.keyboard.press("Escape")
    assert run.page.get_by_role("button", name="Cancel", exact=True).is_visible()
    click(run, "Cancel")
    click(run, "Cancel the run")
    assert run.sent("do")[-1]["what"] == "cancel"
    run.reply()


@pytest.mark.parametrize("status", ["paused", "failed", "crashed", "cancelled"])
def test_a_run_that_stands_still_offers_resume_and_says_how_to_go_on(
    run: ViewPage, status: str
) -> None:
    trouble = {
        "heading": "It stopped",
        "text": "Because.",
        "where": "a.py:3 f",
        "next": "Say `run.resume()` to go on.",
        "soft": status == "paused",
    }
    run.snapshot(
        run_state(
            status=status,
            word=status.capitalize(),
            ended=None if status == "paused" else NOW,
            trouble=trouble,
        )
    )
    assert "Resume" in names(run) and "Pause" not in names(run) and "Send" not in names(run)
    assert run.page.locator("code", has_text="run.resume()").count() == 1
    click(run, "Resume")
    assert run.sent("do")[-1]["what"] == "resume"
    run.reply(ok=False, message="Somebody else executes it.", hint="Wait.")
    run.page.get_by_text("Somebody else executes it.").wait_for()


def test_time_ticks_while_a_run_works(run: ViewPage) -> None:
    run.snapshot(run_state(started=NOW - 10_000))
    timer = run.page.get_by_role("timer")
    before = timer.inner_text()
    run.page.wait_for_function(
        "(before) => document.querySelector('[role=timer]').innerText !== before", arg=before
    )


def test_states_are_said_in_words_and_politely(run: ViewPage) -> None:
    run.snapshot(run_state())
    live = run.page.locator("[aria-live=polite]", has_text="Reading")
    assert live.count() == 1
    run.patch(set={"approvals": {"a1b2": approval(PLAN)}})
    assert run.page.locator("[aria-live=polite]", has_text="Go ahead with this plan?").count() == 1
    assert run.page.locator(".sk-words[aria-live], [aria-live] .sk-words").count() == 0, (
        "not for every token"
    )


# ---- steps and texts -----------------------------------------------------------------------------------------------------------


def test_few_steps_are_all_there_with_why_and_tries(run: ViewPage) -> None:
    rows = [
        step(0, "plan"),
        step(1, "read", "failed", depth=1, tries="3 tries", why="Server answered 503"),
    ]
    run.snapshot(run_state(steps=keyed_by(rows, "key")))
    text = run.page.get_by_role("list", name="Steps").inner_text()
    assert (
        "3 tries" in text and "Server answered 503" in text and "failed" in text and "0.9 s" in text
    )


def test_five_thousand_steps_are_drawn_well_under_a_second_and_those_to_look_at_are_a_click_away(
    run: ViewPage,
) -> None:
    rows = [
        step(
            i,
            f"read page {i}",
            "failed" if i == 40 else "completed",
            why="HTTP 404" if i == 40 else "",
        )
        for i in range(5_000)
    ]
    state = run_state(steps=keyed_by(rows, "key"))
    took = run.page.evaluate(
        """async (state) => { const begun = performance.now();
             window.give({kind: "snapshot", n: 1, seq: 1, now: 0, state}); await new Promise(requestAnimationFrame);
             document.body.getBoundingClientRect(); return performance.now() - begun; }""",
        state,
    )
    run.n = 1
    assert took < 1_000
    assert run.page.locator(".sk-step").count() < 60
    assert run.page.locator("[data-step=k4999]").count() == 1, (
        "the newest are in sight while it works"
    )
    click(run, "✕ 1 failed")
    run.drawn()
    found = run.page.locator("[data-step=k40]")
    assert (
        "HTTP 404" in found.inner_text()
        and found.get_attribute("aria-posinset") == "41"
        and found.get_attribute("aria-setsize") == "5000"
    )


def test_a_list_of_a_hundred_thousand_rows_keeps_few_of_them_in_the_page(chrome: Any) -> None:
    code = probe("""
      const box = h("div", {style: "height:240px"});
      root.append(region("Probe", box));
      window.drawn_rows = 0;
      window.list = virtual(box, {row: 24, count: () => window.total ?? 100000, label: "Rows",
        draw: (i, el) => { window.drawn_rows++; text(el, `row ${i}`); }});
    """)
    with view_page(chrome, "run", code=code) as run:
        run.snapshot(run_state())
        rows = run.page.get_by_role("listitem")
        assert rows.count() < 40
        run.page.get_by_role("list", name="Rows").focus()
        run.page.keyboard.press("End")
        run.drawn()
        assert (
            rows.last.inner_text() == "row 99999"
            and rows.last.get_attribute("aria-posinset") == "100000"
        )
        run.page.evaluate("() => list.show(50000)")
        run.drawn()
        assert run.page.get_by_text("row 50000", exact=True).is_visible() and rows.count() < 40
        run.page.keyboard.press("Home")
        run.page.keyboard.press("PageDown")
        run.drawn()
        assert run.page.get_by_text("row 9", exact=True).is_visible()
        run.page.evaluate("() => { window.total = 3; list.redraw(); }")
        run.drawn()
        assert rows.count() == 3
        assert run.page.evaluate("() => window.drawn_rows") < 300


def test_at_most_four_texts_are_shown_and_their_end_is_in_sight(run: ViewPage) -> None:
    texts = {by: {"by": by, "text": "word " * 400, "at": 0} for by in "abcdef"}
    run.snapshot(run_state(texts=texts))
    assert run.page.locator(".sk-writer").count() == 4
    assert "2 more texts" in run.page.locator(".sk-now").inner_text()
    run.patch(text={"f": [2_000, "the end"]})
    run.drawn()
    pane = run.page.get_by_role("group", name="Written by f").locator(".sk-tail")
    assert pane.evaluate("one => one.scrollHeight - one.scrollTop - one.clientHeight") < 2


@pytest.mark.timeout(60)
def test_two_thousand_tokens_a_second_in_ten_panes_leave_the_page_idle_most_of_the_time(
    run: ViewPage,
) -> None:
    session = run.page.context.new_cdp_session(run.page)
    # processor time: a busy machine does not count
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        return next(
            one["value"]
            for one in session.send("Performance.getMetrics")["metrics"]
            if one["name"] == "TaskDuration"
        )

    run.snapshot(
        run_state(texts={f"w{i}": {"by": f"w{i}", "text": "", "at": 0} for i in range(10)})
    )
    before = spent()
    run.page.evaluate("""async () => {
          const at = Array(10).fill(0);
          for (let n = 2; n < 32; n++) {   // three seconds, a batch every 100 ms
            const text = {};
            for (let i = 0; i < 10; i++) { const more = "token ".repeat(20); text[`w${i}`] = [at[i], more]; at[i] += more.length; }
            window.give({kind: "patch", n, seq: n, now: 0, text});
            await new Promise((done) => setTimeout(done, 100));
          }
        }""")
    assert run.page.locator(".sk-words").first.inner_text().count("token") == 600
    assert spent() - before < 0.9  # of three seconds; it was a third of that


# ---- when the kernel goes ------------------------------------------------------------------------------------------------------


def test_when_sending_fails_everything_is_read_only_until_the_kernel_is_heard(
    run: ViewPage,
) -> None:
    run.snapshot(asking(approval(PLAN)))
    run.page.evaluate("() => { window.broken = true; }")
    click(run, "Approve")
    run.page.get_by_text("Kernel gone: read only").wait_for()
    assert run.page.get_by_text("nothing was sent").count() == 1
    for name in ("Approve", "Edit", "Reject", "Pause", "Cancel", "Send"):
        assert run.page.get_by_role("button", name=name, exact=True).is_disabled(), name
    assert not run.page.get_by_text("recorded").count()
    run.page.evaluate("() => { window.broken = false; }")
    run.snapshot(asking(approval(PLAN)))
    assert not run.page.get_by_text("Kernel gone").is_visible()
    assert run.page.get_by_role("button", name="Approve", exact=True).is_enabled()


def test_fifteen_seconds_of_silence_mean_that_the_kernel_is_gone_and_beats_prevent_that(
    run: ViewPage,
) -> None:
    run.page.clock.install()
    run.page.evaluate(
        "(text) => { unmount(); document.getElementById('cell').replaceChildren(); return"
        " window.show(text); }",
        run_bundle(),
    )
    run.snapshot(run_state(), drawn=False)
    for _ in range(4):
        run.page.clock.run_for(5_000)
        run.give("beat", drawn=False)
    assert not run.page.get_by_text("Kernel gone").count()
    assert {"kind": "here"} in run.sent(), "the kernel hears that somebody looks"
    run.page.clock.run_for(16_500)
    assert run.page.get_by_text("Kernel gone: read only").is_visible()
    assert run.page.get_by_role("button", name="Pause").is_disabled()
    run.give("beat", drawn=False)
    assert not run.page.get_by_text("Kernel gone").count()


def test_a_closed_workbench_is_called_that_and_not_a_kernel_that_is_gone(run: ViewPage) -> None:
    run.snapshot(asking(approval(PLAN)))
    run.give("closed")
    assert run.page.get_by_text("Workbench closed: read only").is_visible()
    for name in ("Approve", "Edit", "Reject", "Pause", "Cancel", "Send"):
        assert run.page.get_by_role("button", name=name, exact=True).is_disabled(), name
    assert not run.page.get_by_text("Kernel gone").count()


def test_a_view_that_comes_when_the_workbench_is_closed_leaves_the_place_to_what_is_kept(
    run: ViewPage,
) -> None:
    run.give("closed")
    assert run.page.get_by_text("Workbench closed: read only").is_visible()
    assert not run.page.get_by_text("Connecting").count()
    assert len(run.sent("hello")) == 1, "it asks no more"


def test_a_run_that_ended_with_a_no_offers_nothing_that_would_end_there_again(
    run: ViewPage,
) -> None:
    trouble = {"heading": "No.", "text": "", "where": "", "next": "", "soft": False, "final": True}
    run.snapshot(run_state(status="failed", word="Failed", sign="✕", colour="bad", trouble=trouble))
    assert not run.page.get_by_role("button", name="Resume", exact=True).count()


def run_bundle() -> str:
    from sentient_kernel.widgets.bundle import bundle

    return bundle("run")


# ---- the notebook around it ------------------------------------------------------------------------------------------------------


def test_plain_keys_stay_in_the_view_and_combinations_leave_it(run: ViewPage) -> None:
    run.snapshot(run_state())
    run.page.get_by_role("button", name="Pause").focus()
    for key in ("a", "r", "d", "M", "Escape", "ArrowDown"):
        run.page.keyboard.press(key)
    assert run.page.evaluate("() => window.reached.filter(key => key !== 'Shift')") == []
    run.page.keyboard.press("Control+s")
    assert "s" in run.page.evaluate("() => window.reached")
    bare = run.page.evaluate(
        "() => [...document.querySelectorAll('button, input, textarea, select, summary,"
        " [tabindex]')].filter(one => one.dataset.lmSuppressShortcuts !== 'true').length"
    )
    assert bare == 0


def test_kept_static_views_of_the_run_are_hidden_while_the_live_one_is_there(chrome: Any) -> None:
    output = (
        '<div class="jp-OutputArea-child" id="kept"><div data-kept="0199b8a2-7c1e">old</div></div>'
    )
    extra = output + '<div data-kept="another" id="other">x</div>'
    with view_page(chrome, "run", extra=extra) as run:
        assert run.page.locator("#kept").is_visible()
        run.snapshot(run_state())
        assert run.page.locator("#kept").is_hidden() and run.page.locator("#other").is_visible()
        run.page.evaluate("() => unmount()")
        assert run.page.locator("#kept").is_visible()
        assert run.page.evaluate("() => window.heard()") == 0
        assert run.sent("bye") == [{"kind": "bye"}]


def test_what_others_wrote_stays_text(run: ViewPage) -> None:
    rows = [step(0, HOSTILE, "failed", why=HOSTILE)]
    trouble = {
        "heading": HOSTILE,
        "text": HOSTILE,
        "where": HOSTILE,
        "next": HOSTILE,
        "soft": False,
    }
    state = asking(
        approval({HOSTILE: [HOSTILE, {"deep": "x" * 100_000}]}, question=HOSTILE, by=HOSTILE),
        title=HOSTILE,
        word=HOSTILE,
        message=HOSTILE,
        cost=HOSTILE,
        name=HOSTILE,
        counts=HOSTILE,
        trouble=trouble,
        steps=keyed_by(rows, "key"),
        texts={HOSTILE: {"by": HOSTILE, "text": HOSTILE * 50, "at": 0}},
        sources={
            HOSTILE: {"source": HOSTILE, "i": 0, "holds": HOSTILE, "gave": HOSTILE, "why": HOSTILE}
        },
        phases=[{"name": HOSTILE, "label": HOSTILE, "state": "now", "said": HOSTILE}],
    )
    run.snapshot(state)
    click(run, "Edit")
    assert run.page.locator("#cell img, #cell script").count() == 0
    assert "safe[U+202E]txt.exe" in run.page.get_by_role("heading", level=2).inner_text()
    assert run.page.get_by_role("region", name="Run", exact=True).bounding_box()["width"] <= WIDE


def test_attributes_that_run_code_are_refused_and_links_are_safe(chrome: Any) -> None:
    code = probe("""
      window.refused = [];
      for (const name of ["onclick", "srcdoc", "src"]) try { h("div", {[name]: "x"}); } catch (error) { window.refused.push(name); }
      root.append(h("a", {href: "javascript:alert(1)"}, "bad"), h("a", {href: "https://example.org"}, "good"));
    """)
    with view_page(chrome, "run", code=code) as run:
        run.snapshot(run_state())
        assert run.page.evaluate("window.refused") == ["onclick", "srcdoc", "src"]
        links = run.page.locator("a").evaluate_all(
            "all => all.map(one => [one.getAttribute('href'), one.rel])"
        )
        assert links == [[None, ""], ["https://example.org", "noopener noreferrer"]]


# ---- how it looks ----------------------------------------------------------------------------------------------------------------

CONTRAST = """() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith("color(") ? [n[0] * 255, n[1] * 255, n[2] * 255, n[3] ?? 1] : [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (el) => { const own = parse(getComputedStyle(el).backgroundColor);
    return own[3] >= 1 ? own : over(own, el.parentElement ? ground(el.parentElement) : [255, 255, 255, 1]); };
  const found = [];
  const walk = document.createTreeWalker(document.getElementById("cell"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const el = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !el.checkVisibility() || el.closest(":disabled")) continue;
    const back = ground(el), [a, b] = [light(over(parse(getComputedStyle(el).color), back)), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([walk.currentNode.data.slice(0, 30), Math.round(ratio * 100) / 100]);
  }
  return found;
}"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_words_stand_out_and_nothing_overflows_in_both_themes_and_widths(
    chrome: Any, theme: str, width: int
) -> None:
    rows = [
        step(i, f"read {i}", status, why="why")
        for i, status in enumerate(["completed", "failed", "retrying", "running", "interrupted"])
    ]
    state = asking(
        approval({"plan": PLAN, "usd": 0.5}, expires=NOW + 5_000),
        approval(PLAN, id="b", i=1, digest="other"),
        steps=keyed_by(rows, "key"),
        texts={"a": {"by": "a", "text": "words", "at": 0}},
        trouble={
            "heading": "Bad",
            "text": "Because.",
            "where": "a.py",
            "next": "Go on with `x`.",
            "soft": False,
        },
        sources={
            "web": {"source": "web", "i": 0, "holds": "", "gave": "nothing", "why": "rate limited"}
        },
    )
    with view_page(chrome, "run", theme=theme, width=width, motion="reduce") as run:
        run.snapshot(state)
        cards = run.page.get_by_role("region", name="Approval")
        cards.nth(1).get_by_role("button", name="Edit", exact=True).click()
        run.page.get_by_label("Item", exact=True).first.fill("How much water does sand hold?")
        cards.nth(1).get_by_role("button", name="Done editing").click()
        cards.nth(0).get_by_role("button", name="Edit", exact=True).click()
        run.drawn()
        assert run.page.evaluate(CONTRAST) == []
        assert run.page.evaluate("() => document.getElementById('cell').scrollWidth") <= width + 16
        assert (
            run.page.locator(".sk-cursor").first.evaluate(
                "one => getComputedStyle(one).animationName"
            )
            == "none"
        )
        assert run.complaints == []


# ---- what comes from elsewhere -----------------------------------------------------------------------------------------------


FOREIGN = {
    "heading": "This run comes from a file that was opened here",
    "text": (
        "Before anything of it is executed here, you are asked whether it may go on with what it"
        " names."
    ),
    "names": {
        "workflow": "sentient_kernel.research",
        "sources": [f"papers: {HOSTILE}"],
        "model": "openai:theirs",
    },
}


def test_a_run_from_elsewhere_says_so_and_what_it_names_before_it_asks(run: ViewPage) -> None:
    run.snapshot(run_state(status="paused", foreign=FOREIGN))
    note = run.page.get_by_role("note", name="From elsewhere")
    for named in (
        "comes from a file that was opened here",
        "you are asked whether",
        "openai:theirs",
        "<img src=x",
        "[U+202E]",
    ):
        assert named in note.inner_text()
    run.patch(set={"approvals": keyed_by([approval(FOREIGN["names"], ask="open")], "id")})
    assert "openai:theirs" not in note.inner_text()  # the question lists it now
    assert "openai:theirs" in run.page.get_by_role("region", name="Approval").inner_text()
    run.snapshot(run_state())
    assert not note.is_visible()


def test_what_a_run_from_elsewhere_names_is_approved_or_rejected_and_not_edited(
    run: ViewPage,
) -> None:
    run.snapshot(asking(approval(FOREIGN["names"], ask="open"), foreign=FOREIGN))
    buttons = (
        run.page.get_by_role("region", name="Approval").get_by_role("button").all_inner_texts()
    )
    assert ("Approve" in buttons, "Edit" in buttons) == (True, False)
    assert "from elsewhere" in run.page.get_by_role("region", name="Approval").inner_text()
    click(run, "Approve")
    assert run.sent("do")[-1]["decision"] == "approve"
