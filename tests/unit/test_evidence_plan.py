"""Which questions are taken apart, and which stay whole."""

from __future__ import annotations

import pytest
from cpu_kit import cpu_seconds
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.research.extractive.plan import MOST, plan
from sentient_kernel.text.words import content


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote War and Peace?",
        "How do I group rows and compute several aggregates at once?",
        "Does aspirin reduce fever and relieve pain in children?",
        "How fast were the winds around St. Augustine in the 1964 hurricane?",
        "I have a cat. Why does it purr?",
        "biochar",
        "",
    ],
)
def test_question_that_asks_one_thing_stays_whole(question: str) -> None:
    assert [part.text for part in plan(question)] == [question]


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        (
            "Does biochar hold water in sand, and for how long?",
            ["Does biochar hold water in sand?", "For how long?"],
        ),
        (
            "When was the bridge built and who designed it?",
            ["When was the bridge built?", "Who designed it?"],
        ),
        ("What is apsw? How is it installed?", ["What is apsw?", "How is it installed?"]),
        ("What is the difference between loc and iloc?", ["loc", "iloc"]),
        ("What is the difference between json.dump and json.dumps?", ["json.dump", "json.dumps"]),
        ("Compare SQLite with PostgreSQL", ["SQLite", "PostgreSQL"]),
        ("Is aspirin stronger than ibuprofen?", ["aspirin", "ibuprofen"]),
    ],
)
def test_parts_and_sides_are_appended_after_the_whole_question(
    question: str, parts: list[str]
) -> None:
    assert [part.text for part in plan(question)] == [question, *parts]


def test_form_of_a_request_is_shown_and_not_searched_for() -> None:
    whole, first, second = plan(
        "1. Please tell me when the bridge was built and who designed it. Answer in German."
    )
    assert (
        whole.text.startswith("1. Please")
        and whole.query == "when the bridge was built and who designed it."
    )
    assert (first.text, second.text) == ("When the bridge was built?", "Who designed it?")


def test_numbered_questions_are_parts() -> None:
    assert [part.text for part in plan("1. How far do bees fly?\n2. Why do wasps sting?")[1:]] == [
        "How far do bees fly?",
        "Why do wasps sting?",
    ]


@pytest.mark.parametrize(
    "question",
    [
        "What is the difference between loc and iloc?",
        "Compare bees and wasps, and when do they sleep?",
    ],
)
def test_sides_have_ids_in_order(question: str) -> None:
    parts = plan(question)
    assert len(parts) > 2 and [part.id for part in parts] == list(range(len(parts)))


def test_part_that_points_back_is_searched_with_what_it_points_to() -> None:
    part = plan("Does biochar hold water in sand, and for how long?")[2]
    assert {"biochar", "water", "sand"} <= set(part.query.split())


@given(st.text(max_size=300))
def test_any_text_gives_itself_first_then_a_few_parts_with_ids_in_order(text: str) -> None:
    parts = plan(text)
    assert parts[0].text == " ".join(text.split()) and parts[0].kind == "whole"
    assert [part.id for part in parts] == list(range(len(parts))) and len(parts) <= MOST
    assert all(content(part.query) for part in parts[1:])


@pytest.mark.parametrize(
    "piece", ["and what ", "between a and ", "vs ", ", and ", "? ", "is a better than "]
)
def test_hostile_repetition_is_planned_in_no_time(piece: str) -> None:
    assert cpu_seconds(plan, piece * 20_000) < 1.0
