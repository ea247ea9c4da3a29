"""Ranking: pure functions of words and scores."""

from __future__ import annotations

from dataclasses import replace

import apsw
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.index.rank import (
    DEFAULT,
    Candidate,
    Weights,
    build_query,
    clean,
    first_pass,
    fold_title,
    match_expression,
    named_titles,
    order,
    rarity,
    second_pass,
)

NOTHING = Weights(form=0, pairs=0, likeness=0, link=0)


def candidate(
    key: int, text: str, *, score: float = 1.0, document: int | None = None, title: str = ""
) -> Candidate:
    words, names = text.split(), title.split()
    return Candidate(key, key if document is None else document, score, words, words, names, names)


def query(text: str) -> tuple[str, ...]:
    return tuple(build_query(text.split(), text.split()).values())


def test_query_keeps_content_words_once() -> None:
    assert query("how do the bees find the bees food") == ("bees", "find", "food")


def test_query_of_stop_words_alone_keeps_them() -> None:
    assert query("to be or to have been") == ("to", "be", "or", "have", "been")


def test_query_looks_for_a_stem_once_and_for_32_at_most() -> None:
    asked = build_query(["bees", "bee", *map(str, range(50))], ["bee", "bee", *map(str, range(50))])
    assert tuple(asked.values())[:2] == ("bees", "0")
    assert len(asked) == 32


def test_possessive_is_dropped_and_length_bounded() -> None:
    assert clean("Darwin's bees’s") == "Darwin bees"
    assert len(clean("x" * 100_000)) == 4_000


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
        max_size=8,
    )
)
def test_match_expression_is_valid_whatever_the_words(words: list[str]) -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(x)")
    assert db.execute(
        "SELECT count(*) FROM t WHERE t MATCH ?", (match_expression(words),)
    ).fetchall() == [(0,)]


def test_rarity_falls_with_frequency_and_is_never_negative() -> None:
    values = [rarity(100, held) for held in (0, 1, 10, 50, 100)]
    assert values == sorted(values, reverse=True)
    assert values[-1] > 0


def test_without_weights_the_order_is_that_of_bm25() -> None:
    found = [
        candidate(1, "x bees", score=1.0),
        candidate(2, "bees food", score=3.0),
        candidate(3, "", score=2.0),
    ]
    asked = build_query(["bees", "food"], ["bees", "food"])
    assert order(
        second_pass(
            first_pass(asked, found, {"bees": 2.0, "food": 1.0}, NOTHING), found, {1: 1.0}, NOTHING
        )
    ) == [2, 3, 1]


def test_words_that_stand_close_together_count_more() -> None:
    asked = build_query(["bees", "food"], ["bees", "food"])
    near, far = (
        candidate(1, "bees find food " + "x " * 40),
        candidate(2, "bees " + "x " * 41 + "food"),
    )
    scores = first_pass(asked, [near, far], {"bees": 2.0, "food": 1.0}, replace(NOTHING, pairs=1.0))
    assert scores[1] > scores[2] == 1.0


def test_word_in_the_form_of_the_question_counts_more() -> None:
    asked = build_query(["infections"], ["infect"])
    same = Candidate(1, 1, 1.0, ["infections"], ["infect"], [], [])
    other = Candidate(2, 2, 1.0, ["infected"], ["infect"], [], [])
    scores = first_pass(asked, [same, other], {"infect": 2.0}, replace(NOTHING, form=0.5))
    assert scores == {1: 2.0, 2: 1.0}


def test_passage_that_resembles_the_best_rises() -> None:
    found = [
        candidate(1, "q honey wax comb", score=3.0),
        candidate(2, "q moon rocket", score=1.01),
        candidate(3, "q honey wax", score=1.0),
        candidate(4, "q", score=0.5),
    ]
    scores = {each.key: each.score for each in found}
    assert order(second_pass(scores, found, {}, replace(NOTHING, likeness=0.5, models=1))) == [
        1,
        3,
        2,
        4,
    ]


def test_passages_of_one_document_do_not_lift_each_other() -> None:
    found = [
        candidate(1, "q honey wax", score=3.0, document=7),
        candidate(2, "q honey wax", score=1.0, document=7),
        candidate(3, "q z", score=1.0),
    ]
    scores = second_pass(
        {each.key: each.score for each in found},
        found,
        {},
        replace(NOTHING, likeness=1.0, models=1),
    )
    assert scores[2] == 1.0


def test_document_that_is_named_rises_even_from_nothing() -> None:
    found = [
        candidate(1, "q", score=10.0),
        candidate(2, "q", score=1.5),
        candidate(3, "other", score=0.0),
    ]
    scores = second_pass({1: 10.0, 2: 1.5}, found, {3: 1.0}, replace(NOTHING, link=0.2))
    assert order(scores) == [1, 3, 2]
    assert scores[3] == 2.0


def test_no_candidates_give_no_scores() -> None:
    asked = build_query(["x"], ["x"])
    assert first_pass(asked, [], {"x": 1.0}) == {}
    assert second_pass({}, [], {}) == {}


def test_equal_scores_are_ordered_by_key() -> None:
    assert order({3: 1.0, 1: 1.0, 2: 2.0}) == [2, 1, 3]


def test_runs_of_words_may_be_titles_but_not_single_small_words() -> None:
    names = named_titles("the journal of bees".split())
    assert {"journal of bees", "journal", "bees", "the journal"} <= names
    assert not {"the", "of"} & names


def test_title_is_named_without_its_bracket() -> None:
    assert fold_title("Mercury (planet)") == "Mercury"
    assert fold_title("(untitled)") == "(untitled)"


def test_defaults_are_round() -> None:
    assert all(
        round(value * 20) == value * 20
        for value in (DEFAULT.form, DEFAULT.pairs, DEFAULT.likeness, DEFAULT.link)
    )
