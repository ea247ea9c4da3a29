"""What a run from elsewhere names is listed word for word, bounded; what was asked and said there
is no question and no answer here.
"""

from __future__ import annotations

import time
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.commands import DecideApproval
from sentient_kernel.engine.state import FOREIGN, Refusal, decide, fold
from sentient_kernel.errors import NotFound
from sentient_kernel.events import (
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    ApprovalWithdrawn,
    Fact,
    Origin,
    Record,
    RunStarted,
    RunSteered,
    StepCompleted,
)
from sentient_kernel.ids import ApprovalId, BlobId, RunId, Seq, StepKey
from sentient_kernel.projections.approvals import Approvals
from sentient_kernel.projections.drawing.words import foreign_words
from sentient_kernel.projections.foreign import (
    LONGEST,
    ForeignView,
    foreign_view,
    inputs_named,
    is_cut,
    said,
)
from sentient_kernel.projections.runs import RunFold, with_liveness
from sentient_kernel.research.workflow import research_names

RUN = RunId("0190c0de-0000-7000-8000-00000000000a")
A = ApprovalId("a")
ASKED = ApprovalRequested(approval=A, key=StepKey("0" * 16), question="Send it?", digest="d")
YES = ApprovalDecided(approval=A, decision="approve", by="them", digest="d")
START = RunStarted(workflow="w", inputs={"args": ["x"], "kwargs": {}}, approve={"default": "auto"})


def log(*facts: Fact | tuple[Origin, Fact]) -> list[Record]:
    pairs: list[tuple[Origin, Fact]] = [
        one if isinstance(one, tuple) else ("", one) for one in facts
    ]
    return [
        Record(Seq(n), RUN, n * 1_000_000, fact.kind, fact.body(), origin)
        for n, (origin, fact) in enumerate(pairs, 1)
    ]


def listed(*records: Record, blob: Any = None) -> ForeignView:
    def missing(_: BlobId) -> bytes:
        raise NotFound("none")

    found = foreign_view(
        [list(records)], lambda name, inputs: inputs_named(inputs), blob or missing
    )
    assert found is not None
    return found


def test_a_run_that_was_written_here_holds_nothing_from_elsewhere() -> None:
    assert foreign_view([log(START, ASKED, YES)], lambda name, inputs: {}, lambda blob: b"") is None


def test_where_it_comes_from_is_said() -> None:
    assert listed(*log(("file", START), ("file", ASKED), START)).origin == "file"
    assert listed(*log(("file", START), ("elsewhere", ASKED))).origin == "elsewhere"
    mine = listed(*log(START, ("elsewhere", ASKED)))
    assert (mine.begun, mine.rows, mine.runs) == (False, 1, frozenset({RUN}))
    view = RunFold(RUN)
    for record in log(START, ("elsewhere", ASKED)):
        view.apply(record)
    assert foreign_words(view.view, mine)[0].startswith(
        "Parts of this run come from another installation"
    )


def test_the_digest_is_of_exactly_the_rows_from_elsewhere() -> None:
    rows = log(("file", START), ("file", RunSteered(text="one")))
    first = listed(*rows).digest
    assert listed(*rows, *log(START, START, START)[2:]).digest == first
    assert listed(rows[0], rows[1]._replace(body=RunSteered(text="two").body())).digest != first
    assert listed(*rows, *log(START, START, ("file", ASKED))[2:]).digest != first


def test_no_escape_hides_an_address() -> None:
    body = (
        b'{"key":"0000000000000000","result":"\\u0068ttps:\\/\\/user:word@Hidden.example:99\\/x?y"}'
    )
    record = Record(Seq(2), RUN, 1, "step_completed", body, "file")
    assert listed(*log(("file", START)), record).names["hosts"] == ["hidden.example:99"]


def test_big_results_are_looked_through_and_missing_ones_are_not_missed() -> None:
    held = StepCompleted(key=StepKey("0" * 16), blob=BlobId("b"))
    record = log(START, ("file", held))[1]
    assert listed(*log(("file", START)), record, blob=lambda blob: b'"http://big.example/"').names[
        "hosts"
    ] == ["big.example"]
    assert "hosts" not in listed(*log(("file", START)), record).names


def test_an_endless_list_of_addresses_is_bounded_and_quick() -> None:
    texts = [
        RunSteered(text=" ".join(f"https://h{n}x{m}.example/" for m in range(2_000)))
        for n in range(50)
    ]
    before = time.monotonic()
    found = listed(*log(("file", START), *(("file", text) for text in texts)))
    assert time.monotonic() - before < 5
    assert found.names["hosts"][-1] == "… and 95,000 more"  # type: ignore[index]
    assert found.cut == ("told", "hosts")
    assert len(str(found.names)) < 500_000


@pytest.mark.parametrize("count", [3, 999, 1_100, 20_000])
def test_all_is_listed_or_nothing_can_be_agreed_to(count: int) -> None:
    """Of sources, arguments, children, texts and addresses, whatever stands at the end, or in the
    middle of a long one.
    """
    last = "/home/victim/private"
    many = [f"/tmp/{n}" for n in range(count)] + [last]
    refs = [[f"s{n}", place, place] for n, place in enumerate(many)]
    long = "/" + "a/" * count + ".." + last + "/.." + "/b" * count
    texts = [RunSteered(text=f"about {place}") for place in many]
    shapes = {
        "sources": research_names({"args": ["Why?"], "kwargs": {"sources": refs}}),
        "arguments": inputs_named({"args": many, "kwargs": {}}),
        "named": inputs_named(
            {"args": [], "kwargs": {f"k{n}": place for n, place in enumerate(many)}}
        ),
        "long": inputs_named({"args": [long]}),
        "source": research_names({"args": ["Why?"], "kwargs": {"sources": [["s", long, long]]}}),
        "also": research_names({"args": ["", *many]}),
        "question": research_names({"args": [long]}),
        "model": research_names({"args": ["Why?"], "kwargs": {"model": long}}),
        "told": listed(*log(("file", START), *(("file", text) for text in texts))),
        "key": inputs_named({"kwargs": {long: 1}}),
    }
    for how, shape in shapes.items():
        named = shape.names if isinstance(shape, ForeignView) else shape
        cut = bool(shape.cut) if isinstance(shape, ForeignView) else is_cut(shape)
        assert cut or (last in str(named) and "…" not in str(named)), how
        assert cut == (count > 1_000), how
    children = [log(("file", RunStarted(workflow="w", inputs={"args": [place]}))) for place in many]
    found = foreign_view(children, lambda name, inputs: inputs_named(inputs), lambda blob: b"")
    assert found is not None
    assert bool(found.cut) == (count > 1_000) and (found.cut or last in str(found.names))


def test_much_of_what_fits_is_too_much_together() -> None:
    texts = [("file", RunSteered(text=f"{n:04}" + "x" * 4_000)) for n in range(900)]
    assert listed(*log(("file", START), *texts)).cut == ("all of it together",)  # type: ignore[arg-type]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda more: st.lists(more) | st.dictionaries(st.text(), more),
    )
)
def test_whatever_stands_in_the_place_of_inputs_is_listed(inputs: Any) -> None:
    for named in (
        inputs_named(inputs),
        research_names(inputs),
        research_names({"args": [], "kwargs": inputs}),
    ):
        assert isinstance(named, dict)
        assert "\u202e" not in str(named)


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    text = "/home/me/" + "x" * 10_000 + "/../../.ssh"
    assert said(text).startswith("/home/me/")
    assert "/../../.ssh (10,020 characters in all)" in said(text)
    assert len(said(text)) < LONGEST + 40
    assert said("a\u202eb") == "a[U+202E]b"


# -- questions and answers -------------------------------------------------------------------------


Way = Literal["open", "withdrawn", "approved"]


@pytest.mark.parametrize(
    ("facts", "shown", "closed"),
    [
        ([ASKED], "open", ""),
        ([ASKED, YES], "approved", "approval_decided"),
        ([("elsewhere", ASKED)], "withdrawn", FOREIGN),
        ([("elsewhere", ASKED), ("elsewhere", YES)], "withdrawn", FOREIGN),
        ([ASKED, ("file", YES)], "withdrawn", FOREIGN),
        ([ASKED, ("file", ApprovalExpired(approval=A))], "withdrawn", FOREIGN),
        (
            [ASKED, YES, ("file", ApprovalDecided(approval=A, decision="reject"))],
            "approved",
            "approval_decided",
        ),
        ([ASKED, YES, ("file", ASKED)], "approved", "approval_decided"),
        ([ASKED, YES, ("file", ApprovalWithdrawn(approval=A))], "approved", "approval_decided"),
        (
            [("file", ASKED), ("file", YES), ApprovalWithdrawn(approval=A)],
            "withdrawn",
            "approval_withdrawn",
        ),
        (
            [ASKED, YES, ApprovalWithdrawn(approval=A)],
            "withdrawn",
            "approval_withdrawn",
        ),  # of a home that was trusted later
    ],
)
def test_engine_and_views_agree_on_what_a_question_is(
    facts: list[Any], shown: Way, closed: str
) -> None:
    records = log(START, *facts)
    state = fold(RUN, records).approvals[A]
    views = Approvals()
    for record in records:
        views.apply(record)
    (view,) = views.table
    assert (view.status, len(views.open)) == (shown, shown == "open")
    assert (state.open, state.closed, state.answer is not None) == (
        shown == "open",
        closed,
        shown == "approved",
    )


def test_a_question_from_elsewhere_cannot_be_answered() -> None:
    state = fold(RUN, log(START, ("elsewhere", ASKED)))
    refused = decide(state, DecideApproval(run=RUN, approval=A, decision="approve"))
    assert isinstance(refused, Refusal)
    assert "where this run comes from" in refused.reason and "Resume" in refused.hint
    assert refused.about_answer


def test_what_a_run_from_elsewhere_names_is_not_edited() -> None:
    state = fold(RUN, log(START, ASKED.model_copy(update={"ask": "open", "payload": [1]})))
    edited = DecideApproval(run=RUN, approval=A, decision="approve", payload=[2], edited=True)
    refused = decide(state, edited)
    assert isinstance(refused, Refusal) and refused.about_answer
    assert "cannot be edited" in refused.reason


def test_a_run_is_from_elsewhere_when_anything_of_it_is() -> None:
    assert not fold(RUN, log(START, ASKED)).foreign
    assert fold(RUN, log(START, ("elsewhere", ASKED), YES)).foreign


def test_a_policy_counts_only_where_it_was_given() -> None:
    assert fold(RUN, log(START)).policy == {"default": "auto"}
    assert fold(RUN, log(("file", START))).policy == {}
    assert fold(
        RUN, log(START, ("file", RunStarted(workflow="other", approve={"default": "deny"})))
    ).policy == {"default": "auto"}


def test_a_run_that_was_asked_something_elsewhere_is_at_rest_and_waits_for_nobody_here() -> None:
    view = RunFold(RUN)
    for record in log(("elsewhere", START), ("elsewhere", ASKED)):
        view.apply(record)
    assert (with_liveness(view.view, False).status, view.view.approvals, view.view.foreign) == (
        "paused",
        (),
        True,
    )
