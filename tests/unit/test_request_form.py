"""What a request wants to know, told from how it wants it: list numbers, courtesy, wishes for
length, layout and language.
"""

from __future__ import annotations

import pytest
from cpu_kit import cpu_seconds
from hypothesis import given
from hypothesis import strategies as st
from request_forms import ASIDE, OPEN, SAME_ASIDE, SAME_OPEN

from sentient_kernel.research.extractive.plan import read
from sentient_kernel.text.words import asked, content


def subject(request: str) -> str:
    return read(request).subject


def right(request: str, wanted: str) -> bool:
    """Tells whether the telling words that are left are those of the subject."""
    return set(content(subject(request))) == set(content(wanted))


@pytest.mark.parametrize(("request_", "wanted"), OPEN, ids=[request for request, _ in OPEN])
def test_form_is_told_from_subject(request_: str, wanted: str) -> None:
    assert right(request_, wanted), subject(request_)


@pytest.mark.parametrize("question", SAME_OPEN)
def test_question_that_is_about_form_stays_whole(question: str) -> None:
    assert subject(question) == question


def test_rule_holds_for_requests_that_it_was_not_made_by() -> None:
    # of 30: "del" of "Háblame del faro" is taken off too
    assert sum(right(request, wanted) for request, wanted in ASIDE) >= 29
    assert sum(subject(question) == question for question in SAME_ASIDE) == len(SAME_ASIDE)


@pytest.mark.parametrize(
    "question",
    ["HOW FAR DO HONEY BEES FLY?", "How Far Do Honey Bees Fly?", "how far do honey bees fly?"],
)
def test_capitals_throughout_make_no_names(question: str) -> None:
    assert asked(subject(question)) == asked("How far do honey bees fly?")


def test_capital_that_begins_a_sentence_makes_no_name() -> None:
    terms = asked("How far do bees fly? Wasps sting. Mr. Langstroth of St. Louis asked.")
    assert terms["wasp"] == 1.0 and terms["langstroth"] == terms["louis"] == 2.0


def test_wishes_that_sentences_of_the_sources_cannot_follow_are_told() -> None:
    assert read("How far do bees fly? Answer in German, in two sentences.").unmet == (
        "Answer in German, in two sentences.",
    )
    assert read("Which bees sting, in a table").unmet == ("in a table",)
    assert read("How far do bees fly? Cite your sources, please.").unmet == ()


@given(st.text(max_size=300))
def test_any_request_keeps_a_subject(request_: str) -> None:
    left = subject(request_)
    assert bool(content(left)) == bool(content(request_)) and len(left) <= len(request_)


PIECES = """in a |(a) |please |with the |a|write a short |: |as an |tell me everything |- |1) |in """.split(
    "|"
)
PIECES += ["in at most ten short ", "i would like to ", "what do the the "]


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_request_is_read_in_no_time(piece: str) -> None:
    assert cpu_seconds(read, piece * (100_000 // len(piece))) < 0.3
