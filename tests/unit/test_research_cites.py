"""Citations as models write them, in a sentence or beside it, lead to the quotes that they
number.
"""

from __future__ import annotations

from typing import Any

import pytest
from cpu_kit import cpu_seconds

from sentient_kernel.research.cites import cited, lifted
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.prompts import claims_of, finds_nothing, further, missing_of

BUILT = "The hive was built in 1874."


@pytest.mark.parametrize(
    "text",
    [
        "The hive was built in 1874 [1, 3].",
        "The hive was built in 1874 [1][3].",
        "The hive was built in 1874.[1,3]",
        "The hive was built in 1874【1】【3†source】.",
        "[1] [3] The hive was built in 1874.",
        "The hive was built in 1874 (1, 3).",
        "The hive was built in 1874 (quotes 1 and 3).",
        "The hive was built in 1874 [Quote 1] [Source 3].",
        "The hive was built in 1874.[^1][^3]",
        "The hive was built in 1874 [1](#one) [3](#three).",
        "The hive [1] was built in 1874 [3].",
    ],
)
def test_citations_in_a_sentence_are_read_and_taken_out(text: str) -> None:
    assert claims_of({"claims": [{"text": text, "cites": []}]}, 5) == [(BUILT, (0, 2))]


def test_ranges_name_all_that_lies_in_them() -> None:
    assert lifted("It rose [1-3].", most=9, beside=False) == ("It rose.", [1, 2, 3])
    assert cited("2–4") == [2, 3, 4] and cited(["1-2", 7]) == [1, 2, 7]
    assert len(cited("1-999")) == 2


@pytest.mark.parametrize(
    "text",
    [
        "The house covers 30 m².",
        "About 10³ bees lived in it.",
        "The wall is 3 metres² wide.",
        "The 95% CI [2, 4] was wide.",
        "It lies in the interval [40, 90].",
        "In phase (2) it rose.",
        "The harbour opened (1874).",
        "Call `items[1]` or df.iloc[1] first.",
        "The list begins at a[0].",
        "As shown in Fig. (1).",
        "See [sic] and [the board].",
    ],
)
def test_what_only_looks_like_a_citation_stays(text: str) -> None:
    assert lifted(text, most=5, beside=False) == (text, [])


def test_a_number_in_parentheses_is_said_where_numbers_stand_beside_the_sentence() -> None:
    assert lifted("The second one (2).", most=5, beside=True) == ("The second one (2).", [])


def test_a_number_beyond_the_last_quote_is_taken_out_and_leads_nowhere() -> None:
    assert claims_of({"claims": [{"text": f"{BUILT[:-1]} [99].", "cites": [1]}]}, 5) == [
        (BUILT, (0,))
    ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        {},
        [],
        "In 1874",
        "one",
        {"a": {"b": {"c": {"d": {"e": 1}}}}},
        [[[[[[1]]]]]],
        -1,
        float("nan"),
    ],
)
def test_what_is_no_number_of_a_quote_leads_nowhere(value: Any) -> None:
    assert claims_of({"claims": [{"text": BUILT, "cites": value}]}, 5) == [(BUILT, ())]


@pytest.mark.parametrize(
    "bad", ["[" * 600, "(1" * 300, "[1" * 300, "1," * 300, "¹" * 600, "[1, " * 150, "【1†" * 200]
)
def test_no_text_takes_long(bad: str) -> None:
    taken = cpu_seconds(lambda text: (lifted(text, most=9, beside=False), cited(text[:199])), bad)
    assert taken < 0.05


# -- what else comes back --------------------------------------------------------------------------

KNOWN = [
    SubQuestion(
        id=0, text="Where was the buyer of Lumen born?", query="Where was the buyer of Lumen born?"
    )
]


def test_a_follow_up_with_known_words_and_a_new_query_is_searched() -> None:
    asked = {
        "questions": [
            {"question": KNOWN[0].text, "query": "Brightwell born"},
            {"question": "", "query": "Lumen bought"},
        ]
    }
    assert [
        (part.text, part.query, part.taint) for part in further(asked, KNOWN, 3, ("notes",))
    ] == [
        ("Brightwell born", "Brightwell born", ("notes",)),
        ("Lumen bought", "Lumen bought", ("notes",)),
    ]


def test_a_query_is_searched_once() -> None:
    asked = {
        "questions": (
            [
                {"question": "Other words?", "query": "where was the buyer of lumen born"},
                {"question": "A", "query": "b"},
            ]
            * 2
        )
    }
    assert [part.query for part in further(asked, KNOWN, 3, ("notes",))] == ["b"]


@pytest.mark.parametrize(
    ("value", "nothing"),
    [
        ({"claims": [], "missing": ["where he was born"]}, True),
        ({"claims": [], "missing": []}, False),
        ({"claims": [], "missing": ["none"]}, False),
        ({"claims": [{"text": "x"}], "missing": ["y"]}, False),
        ({"missing": ["y"]}, False),
        (None, False),
        ([], False),
    ],
)
def test_a_model_finds_nothing_when_it_says_so(value: Any, nothing: bool) -> None:
    assert finds_nothing(value) is nothing
    assert "none" not in missing_of(value)
