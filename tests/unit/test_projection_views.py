"""The static views: what they say in each state, and that outside text stays text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import product

import pytest
from projection_log import BROKEN, RUN, Log, started

from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalRequested,
    ErrorInfo,
    ErrorRecorded,
    Fact,
    ProgressUpdated,
    ResearchUpdated,
    RunCompleted,
    RunEndedCancelled,
    RunEndedFailed,
    RunPaused,
    RunStarted,
    SourceReported,
    StepCompleted,
    StepEndedFailed,
    StepStarted,
)
from sentient_kernel.ids import ApprovalId, RunId, StepKey
from sentient_kernel.projections.approvals import Approvals
from sentient_kernel.projections.base import fold
from sentient_kernel.projections.drawing.style import _DARK, _LIGHT, CSS, escape, line, plain
from sentient_kernel.projections.drawing.views import (
    STEP_ROWS,
    approvals_html,
    errors_html,
    run_html,
    run_text,
)
from sentient_kernel.projections.errors import Errors
from sentient_kernel.projections.runs import Runs

BEGIN = StepStarted(key=StepKey("k"), name="read", title="read a page")
ASK = ApprovalRequested(
    approval=ApprovalId("a1f0"),
    key=StepKey("q"),
    ask="plan",
    question="Go ahead?",
    payload={"questions": ["Why?", "How?"]},
)
HOSTILE = [
    "<script>alert(1)</script>",
    '<img src="http://x.test/a" onerror="alert(1)">',
    "\"' onmouseover=alert(1) x='",
    "</section></style><iframe src=javascript:alert(1)>",
    "[x](javascript:alert(1)) ![i](http://x.test/b)",
    "<!-- --><svg/onload=alert(1)>",
    "&lt;b&gt; &#60;script&#62;",
    "invoice\u202egpj.exe\u2066\u200b\ufeff",
    "\x1b]8;;http://x.test\x07link\x1b]8;;\x07\x00\r",
    "\ud800 lone \U000e0041 tag",
    "`${alert(1)}` {{7*7}} %s {0}",
    "url(http://x.test/c);}body{display:none",
]
TAGS = set(
    "section h3 h4 div span p strong b i bdi ol ul li dl dt dd table thead tbody tr th td code details"
    " summary br style".split()
)
ATTRIBUTES = set(
    "class style title scope colspan role tabindex data-run data-status data-approval".split()
)


class Seen(HTMLParser):
    """Collects tags, attributes and text, and insists that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str]] = {}
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value or "")
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.text += data


def hostile_log(evil: str) -> Log:
    """Returns a run in which everything that comes from outside says the same."""
    info = ErrorInfo(
        type=evil,
        message=evil,
        hint=evil,
        where=evil,
        fingerprint=evil.encode("utf-8", "replace").hex(),
        code="x",
    )
    log = Log(RunId(evil))(
        0, RunStarted(workflow="m:research", name=evil + "n", inputs={"kwargs": {"question": evil}})
    )
    log(1, ResearchUpdated(phase="read", message=evil))(
        1, StepStarted(key=StepKey("k"), name=evil, title=evil)
    )
    log(2, StepEndedFailed(key=StepKey("k"), error=info))(
        2, SourceReported(source=evil, reason=evil, refused=((evil, evil),))
    )
    return log(
        3,
        ApprovalRequested(
            approval=ApprovalId(evil),
            key=StepKey("q"),
            question=evil,
            digest=evil,
            payload=[evil, {evil: [evil]}],
        ),
    )


def safe(text: str) -> str:
    """Returns text that JSON can carry; a lone surrogate cannot come out of a journal."""
    return text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("evil", HOSTILE)
def test_outside_text_stays_text_in_every_view(evil: str) -> None:
    evil = safe(evil)
    log = hostile_log(evil)
    ended = hostile_log(evil)(
        4,
        RunEndedFailed(
            error=ErrorInfo(type=evil, message=evil, hint=evil, where=evil, fingerprint="1")
        ),
    )
    cancelled = hostile_log(evil)(4, RunEndedCancelled(reason=evil))
    views = [run_html(*one.all()) for one in (log, ended, cancelled)] + [
        run_html(*log.all(alive=False))
    ]
    views += [
        approvals_html(fold(Approvals(), log.records).table),
        errors_html(fold(Errors(), ended.records).table),
    ]
    views += [
        table._repr_html_()
        for table in (fold(Runs(), log.records).table, *log.all()[1:2], *log.all()[3:])
    ]
    for html in views:
        seen = Seen(html)
        assert seen.tags <= TAGS
        assert {a for a in seen.attributes if not a.startswith("aria-")} <= ATTRIBUTES
        assert all(
            re.fullmatch(r"(left|width):[\d.]+%(;width:[\d.]+%)?", style)
            for style in seen.attributes.get("style", ())
        )
        assert plain(html) == html, "a hidden character came through"
    assert line(evil, 60).rstrip("…") in Seen(views[0]).text


@pytest.mark.parametrize("evil", HOSTILE)
def test_text_views_hold_no_control_sequence(evil: str) -> None:
    log = hostile_log(safe(evil))
    text = run_text(*log.all()) + str(log.all()[1]) + str(fold(Approvals(), log.records).table)
    assert plain(text) == text
    assert "\x1b" not in text


def test_escape_works_on_what_json_cannot_carry() -> None:
    assert escape("\ud800\U000e0041a") == "[U+D800][U+E0041]a"
    assert (
        escape("\u0915\u094d\u200d\u0937, newline \n and e\u0301 stay")
        == "\u0915\u094d\u200d\u0937, newline \n and e\u0301 stay"
    )


@pytest.mark.parametrize(
    ("events", "alive", "status", "says"),
    [
        ([], True, "running", ["Running"]),
        (
            [ResearchUpdated(phase="read", data={"done": 9, "total": 14}), BEGIN],
            True,
            "running",
            ["Reading", "Read 9 of 14", "1 running"],
        ),
        (
            [BEGIN, StepCompleted(key=StepKey("k")), ASK],
            True,
            "waiting",
            ["Waiting for you", "Go ahead?", "Why?", "1 done"],
        ),
        ([BEGIN, RunPaused()], True, "paused", ["Paused", "run.resume()"]),
        (
            [BEGIN, RunEndedFailed(error=BROKEN)],
            None,
            "failed",
            ["Failed", "ReadTimeout: no answer", "sources/web.py:88 fetch", "wb.resume("],
        ),
        ([BEGIN], False, "crashed", ["Crashed", "Cut off: read a page", "wb.resume(", "1 cut off"]),
        (
            [BEGIN, RunEndedCancelled(reason="wrong question")],
            None,
            "cancelled",
            ["Cancelled", "wrong question"],
        ),
        (
            [BEGIN, StepCompleted(key=StepKey("k")), RunCompleted()],
            None,
            "completed",
            ["Done", "1 done"],
        ),
    ],
)
def test_html_and_text_say_how_the_run_is(
    events: list[Fact], alive: bool | None, status: str, says: list[str]
) -> None:
    log = started("Why is the sky blue?")
    for i, event in enumerate(events):
        log(i + 1, event)
    html, text = run_html(*log.all(alive)), run_text(*log.all(alive))
    seen = Seen(html)
    assert seen.attributes["data-status"] == {status}
    assert seen.attributes["data-run"] == {RUN}
    assert "Run" in seen.attributes["aria-label"]
    for said in ["Why is the sky blue?", *says]:
        assert said in seen.text
        assert said in text


def test_an_open_question_says_exactly_how_to_answer_it() -> None:
    log = started()(1, ASK.model_copy(update={"approval": ApprovalId("old")}))(
        2, ApprovalDecided(approval=ApprovalId("old"), decision="approve")
    )
    log(3, ASK)
    for view in (Seen(run_html(*log.all())).text, run_text(*log.all())):
        assert "run.approvals[1].approve()" in view
        assert "sentient-kernel approve a1f0" in view
        assert 'run.approvals[1].reject("reason")' in view
        assert "How?" in view
        assert "[0]" not in view
    inbox = Seen(approvals_html(fold(Approvals(), log.records).table))
    assert "wb.approvals[1].approve()" in inbox.text
    assert {"Inbox", "Approval", "Answered"} <= inbox.attributes["aria-label"]


def test_a_payload_that_is_cut_says_so() -> None:
    long = started()(
        1, ASK.model_copy(update={"payload": {"all": [f"item {i}" for i in range(3_000)]}})
    )
    assert (
        "Not all of it fits here: see run.approvals[0].payload" in Seen(run_html(*long.all())).text
    )
    assert "more lines in run.approvals[0].payload" in run_text(*long.all())
    wide = started()(1, ASK.model_copy(update={"payload": "x" * 9_000}))
    assert "Not all of it fits here" in Seen(run_html(*wide.all())).text
    assert "Not all of it fits here" not in Seen(run_html(*started()(1, ASK).all())).text


def test_a_crash_whose_cause_is_known_says_it() -> None:
    run, *rest = started()(1, BEGIN).all(alive=False)
    known = replace(
        run,
        error=ErrorInfo(
            type="Crashed", code="crashed", message="The step asked for more memory than there is."
        ),
    )
    assert "more memory than there is" in Seen(run_html(known, *rest)).text
    assert "more memory than there is" in run_text(known, *rest)


def test_a_question_of_a_run_that_has_ended_is_not_asked() -> None:
    log = started()(1, ASK)(2, RunEndedFailed(error=BROKEN))
    assert "Go ahead?" not in run_html(*log.all()) + run_text(*log.all())


def test_views_are_the_same_each_time_and_text_names_no_time_unless_asked() -> None:
    log = started()(1, BEGIN)(3.5, StepCompleted(key=StepKey("k")))(9, RunCompleted())
    assert run_html(*log.all()) == run_html(*log.all())
    assert not re.search(r"\d+(\.\d)? s\b|\d\d:\d\d", run_text(*log.all()))
    assert "2.5 s" in run_text(*log.all(), times=True)


def test_a_long_run_shows_the_steps_that_need_a_look_and_counts_the_others() -> None:
    log = started()
    for i in range(200):
        log(i, StepStarted(key=StepKey(f"k{i}"), name="read", title=f"page {i}"))
        log(
            i,
            (
                StepEndedFailed(key=StepKey(f"k{i}"), error=BROKEN)
                if i == 7
                else StepCompleted(key=StepKey(f"k{i}"))
            ),
        )
    html, text = run_html(*log.all()), run_text(*log.all())
    for view in (html, text):
        assert "page 7" in view
        assert "page 199" in view
        assert "page 100" not in view
        assert f"{200 - STEP_ROWS} more" in view
    assert len(html) < 30_000


def test_a_report_comes_first_and_the_run_folds_below_it() -> None:
    log = started()(1, BEGIN)(2, StepCompleted(key=StepKey("k")))(3, RunCompleted())
    html = run_html(*log.all(), report_html='<section class="sk" aria-label="Report">R</section>')
    assert html.index('aria-label="Report"') < html.index('aria-label="Run"')
    assert "details" in Seen(html).tags


def test_a_workflow_that_is_no_research_shows_a_meter() -> None:
    log = Log()(0, RunStarted(workflow="m:f", name="soil"))(
        1, ProgressUpdated(message="half way", progress=0.5)
    )
    seen = Seen(run_html(*log.all()))
    assert seen.attributes["aria-valuenow"] == {"50"}
    assert "half way" in seen.text


def test_errors_panel_counts_what_is_no_longer_kept() -> None:
    log = started()
    for i in range(30):
        log(i, ErrorRecorded(error=BROKEN.model_copy(update={"fingerprint": str(i)})))
    errors = fold(Errors(max_groups=25), log.records)
    text = Seen(errors_html(errors.table, errors.stats)).text
    assert "30 errors" in text
    assert "30 kinds" in text
    assert "10 more kinds not shown" in text
    assert "No errors" in Seen(errors_html(Errors().table)).text


def test_style_sheet_fetches_nothing_and_touches_nothing_outside() -> None:
    assert not re.search(r"url\(|@import|@font-face|expression|</", CSS)
    bare = re.sub(r"@(media|container)[^{]*\{|\[data-jp-theme-light=\"\w+\"\] ", "", CSS)
    selectors = [s.strip() for block in re.findall(r"([^{}]+)\{", bare) for s in block.split(",")]
    assert [s for s in selectors if s and not s.startswith(".sk")] == []


JUPYTER = {
    "light": {
        "bg": "#ffffff",
        "sunk": "#eeeeee",
        "text": "#212121",
        "accent": "#1976d2",
        "ok": "#388e3c",
        "ask": "#f57c00",
        "bad": "#d32f2f",
    },
    "dark": {
        "bg": "#111111",
        "sunk": "#424242",
        "text": "#dedede",
        "accent": "#2196f3",
        "ok": "#4caf50",
        "ask": "#ff9800",
        "bad": "#f44336",
    },
}


@pytest.mark.parametrize(
    ("theme", "name"),
    list(
        product(
            ["own light", "own dark", "jupyter light", "jupyter dark"],
            ["text", "soft", "accent", "ok", "ask", "bad"],
        )
    ),
)
def test_words_stand_out_from_their_ground_in_every_theme(theme: str, name: str) -> None:
    colours = {
        "own light": _LIGHT,
        "own dark": _DARK,
        "jupyter light": JUPYTER["light"],
        "jupyter dark": JUPYTER["dark"],
    }[theme]
    rgb = {k: _rgb(v) for k, v in colours.items()}
    share = {
        n: int(found) / 100
        for n, found in re.findall(r"--sk-(accent|ok|ask|bad):color-mix\([^%]*?(\d+)%", CSS)
    }
    text, ground = rgb["text"], rgb["bg"]
    colour = (
        text
        if name == "text"
        else _mix(text, ground, 0.68)
        if name == "soft"
        else _mix(rgb[name], text, share[name])
    )
    assert _contrast(colour, ground) >= 4.5


def _rgb(text: str) -> tuple[float, ...]:
    digits = text[1:] if len(text) == 7 else "".join(c * 2 for c in text[1:])
    return tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))


def _mix(one: tuple[float, ...], other: tuple[float, ...], share: float) -> tuple[float, ...]:
    return tuple(a * share + b * (1 - share) for a, b in zip(one, other, strict=True))


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Returns the contrast ratio of WCAG 2."""

    def light(rgb: tuple[float, ...]) -> float:
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    bright, dark = sorted((light(one), light(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)
