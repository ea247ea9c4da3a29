"""Numbers as sentences state them: the same one written otherwise, and another one that looks
alike.
"""

from __future__ import annotations

import pytest

from sentient_kernel.research.verify.quantities import quantities, unheld, worded
from sentient_kernel.research.verify.rules import CUT, likeness

TABLE = (
    "Cash flows (Millions) 2018 2017 Purchases of property, plant and equipment (1,577) (1,373) Net"
    " sales 32,765 31,657"
)


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("It spent $1,577 million in FY2018.", TABLE),
        ("It spent $1.58 billion.", TABLE),
        ("It spent $1577.00.", TABLE),
        ("3M spent $1.6B.", TABLE),
        ("Nineteen of twenty-one hives", "19 of 21 hives"),
        ("It lasted 2 hours.", "It lasted 120 minutes."),
        ("They flew 2 km.", "They flew 2,000 m."),
        ("12.5% of bees", "a share of .125"),
        ("one in five", "1 in 5"),
        ("12M users", "12 million users"),
        ("40 percent", "40 % of them"),
        ("COVID-19 took three days", "after 3 days"),
        ("in the 1990s", "since 1990"),
        ("10,000 bees", "10\u202f000 bees"),
    ],
)
def test_the_same_number_written_otherwise_is_held(claim: str, evidence: str) -> None:
    assert unheld(claim, evidence) == []


@pytest.mark.parametrize(
    ("claim", "evidence", "said"),
    [
        ("It spent $1,430 million.", TABLE, "$1,430 million"),
        ("It spent $1.85 billion.", TABLE, "$1.85 billion"),
        ("They were given 5 mg.", "They were given 5 g.", "5 mg"),
        ("They flew 9 km.", "They flew eight km.", "9 km"),
        ("It weighed 20 g.", "It was 20 cm long.", "20 g"),
        ("5 million units", "5 units", "5 million"),
        ("20 m deep", "20 million years", "20 m"),
        ("born in 1845", "born in 1844", "1845"),
        ("8 hives", "8.4 hives", "8"),
    ],
)
def test_another_number_is_not(claim: str, evidence: str, said: str) -> None:
    assert unheld(claim, evidence) == [said]


@pytest.mark.parametrize(
    ("text", "value", "grain"),
    [
        ("nineteen", 19, 1),
        ("thirty", 30, 1),
        ("twenty-one", 21, 1),
        ("ninety nine", 99, 1),
        ("1.200.000", 1_200_000, 1),
        ("1,200.50", 1200.5, 0.01),
        ("3,5", 3.5, 0.1),
        ("3 hundred", 300, 100),
        ("3 thousand", 3_000, 1_000),
        ("$3k", 3_000, 1_000),
        ("4 mn", 4e6, 1e6),
        ("$4m", 4e6, 1e6),
        ("12M", 12e6, 1e6),
        ("1.25 million", 1_250_000, 10_000),
        ("4 bn", 4e9, 1e9),
        ("$4b", 4e9, 1e9),
        ("5 billion", 5e9, 1e9),
        ("2 trillion", 2e12, 1e12),
    ],
)
def test_number_is_read_with_its_scale_and_as_exactly_as_it_is_written(
    text: str, value: float, grain: float
) -> None:
    (found,) = quantities(f"It was {text}.")
    assert (found.said, found.value, found.grain) == (text, value, grain)
    assert found.scaled is (grain >= 100)


@pytest.mark.parametrize(
    ("text", "kind", "factor", "year"),
    [
        ("2 km", "length", 1000, False),
        ("1900 km", "length", 1000, False),
        ("20 m", "length", 1, False),
        ("12%", "share", 1, False),
        ("$12", "money", 1, False),
        ("1990", "", 1, True),
        ("1990s", "", 1, True),
        ("1990 bees", "", 1, True),
        ("1990 million", "", 1, False),
        ("990", "", 1, False),
    ],
)
def test_number_is_a_measure_a_year_or_neither(
    text: str, kind: str, factor: float, year: bool
) -> None:
    (found,) = quantities(text)
    assert (found.kind, found.year) == (kind, year)
    assert not kind or found.factor == factor


def test_two_numbers_in_words_are_not_one() -> None:
    assert quantities("in twenty ten")[0].value == 20


def test_a_string_of_signs_is_not_a_number() -> None:
    assert [one.said for one in quantities("9" * 30)] == ["9" * 30]
    assert quantities("9" * 31) == []
    assert (worded("9" * 30), worded("9" * 31)) == ("", "9" * 31)


def test_a_letter_belongs_to_the_number_or_to_the_name() -> None:
    assert worded("It spent $3M, 12M and 4 km on 3M tape") == "It spent , and on 3M tape"


def test_sentence_without_numbers_has_none_that_are_missing() -> None:
    assert unheld("No number.", "12 hives") == []


@pytest.mark.parametrize(
    ("claim", "evidence", "held"),
    [
        ("1 hive", "one hive", True),
        ("2 hives", "one hive", False),
        ("12 hives", "12.4 hives", True),
        ("12 hives", "12.6 hives", False),
        ("13%", "12.5%", True),
        ("$2 million", "$2.4 million", True),
        ("$2 million", "$2.6 million", False),
        ("12.4 hives", "12 hives", False),
        ("0.7 km", "700 m", True),
        ("1.5 km", "1,520 m", True),
        ("1,520 m", "1.5 km", False),
        ("1.6 km", "1 mile", False),  # a number that is written less exactly bears out none
        ("12%", "a share of 0.12", True),
        ("12", "a share of 0.12", False),
        ("100%", "1 hive", False),
        ("0.12%", "a length of 0.0012 m", False),
    ],
)
def test_number_is_held_as_exactly_as_it_is_said(claim: str, evidence: str, held: bool) -> None:
    assert (unheld(claim, evidence) == []) is held


@pytest.mark.parametrize(
    ("claim", "evidence", "held"),
    [
        ("$250 thousand", "Sales 250", True),
        ("$250 million", "Sales 250", True),
        ("$100 million", "Sales 100", True),
        ("$99 million", "Sales 99", False),
        ("$250 billion", "Sales 250", False),
        ("2,018 million", "in 2018", False),
        ("$250 million", "(in thousands) Sales 250", False),
        ("$250 thousand", "(in thousands) Sales 250", True),
        ("$99 million", "(in millions) Sales 99", True),
        ("Sales were 2.5", "(in millions) Sales $2.5 million", True),
        ("Sales were 1.6", "(in millions) Sales $1.58 million", True),
        ("Sales were 2.5", "(in thousands) Sales $2.5 thousand", True),
        ("Sales were 2.5", "(in billions) Sales $2.5 billion", True),
        ("Sales were 2.5", "Sales $2.5 million", False),
        ("in 1995", "(in millions) 1,995 million", False),
    ],
)
def test_scale_may_be_left_to_the_heading_of_a_table(claim: str, evidence: str, held: bool) -> None:
    assert (unheld(claim, evidence) == []) is held


def test_a_number_in_a_name_is_the_names() -> None:
    assert [
        one.said for one in quantities("3M sold vitamin B12 against COVID-19 in H1N1 times")
    ] == []


@pytest.mark.parametrize(
    "claim",
    [
        "The context does not provide the capital expenditure of 2018.",
        "I cannot determine the purchases of property, plant and equipment.",
        "No information on the net sales is given in the text.",
    ],
)
def test_no_quote_bears_out_that_a_text_is_silent(claim: str) -> None:
    assert likeness(claim, TABLE) < CUT


def test_a_right_number_scores_above_a_wrong_one_and_a_wrong_one_never_counts_as_borne_out() -> (
    None
):
    right = likeness(
        "Purchases of property, plant and equipment were $1,577 million in 2018.", TABLE
    )
    wrong = likeness(
        "Purchases of property, plant and equipment were $1,673 million in 2018.", TABLE
    )
    assert wrong < CUT < right


@pytest.mark.parametrize(
    "text",
    ["Pi is 3." + "14159" * 80, "x " + "9" * 400, "1" * 31 + ",5", "." + "0" * 400 + "1", "½ 7%"],
)
def test_numbers_of_any_length_are_looked_at_without_harm(text: str) -> None:
    assert likeness(text, text) > 0.9
    likeness(text, text[:-1] + "8")


def test_parts_of_a_whole_may_be_words() -> None:
    assert not unheld(
        "Three quarters of them, and a quarter of those.", "75% of them, 25% of those"
    )
    assert unheld("Three quarters of them.", "70% of them")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("A fifth, 20%, of the hives died.", "Of 60 hives 12 died."),
        ("Yield rose by 50%.", "Yield rose from 12 kg to 18 kg."),
        (
            "Yield rose by 25%, from 12 to 15 tonnes.",
            "Yields: 9, 12, 15, 18, 21, 24 and 30 tonnes.",
        ),
        ("The trial lasted 19 years.", "The trial began in 1990 and ended in 2009."),
        ("Together they held 42 hives.", "She held 12 hives, and he 30."),
        ("The ratio is 0.48.", "Assets were 120, debts 250."),
        ("Yield fell by 25%.", "Yield fell from 20 kg to 15 kg."),
        ("They were 20%.", "Of 60 hives in 3 rows and 40 boxes 12 died."),
        ("Together 15 km.", "First 5 km in 40 minutes, then 10,000 m."),
        ("They were 13%.", "Of 8 hives 1 died."),
        ("The rest is 14 kg.", "It held 44 kg for 9 minutes, then 30 kg."),
    ],
)
def test_number_that_follows_from_two_that_are_held_is_held(claim: str, evidence: str) -> None:
    assert not unheld(claim, evidence)


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("A third, 30%, of the hives died.", "Of 60 hives 12 died."),
        ("Yield rose by 60%.", "Yield rose from 12 kg to 18 kg."),
        ("The trial lasted 18 years.", "The trial began in 1990 and ended in 2009."),
        ("It grew 20 cm.", "It weighed 12 kg, and 8 kg less."),
        ("Yield rose by 25%.", "Yields: 9, 12, 15, 18, 21, 24 and 30 tonnes."),
        ("They held 3 hives.", "She held 5 hives, and he 2."),
        ("They were 20%.", "Of 60 hives in 3 rows, 2 barns and 40 boxes 12 died."),
        ("It lasted 2,007 years.", "It began in 1990, with 17 hives."),
        ("They were 13.1%.", "Of 8 hives 1 died."),
        ("The difference is 32 km.", "It rose 40 km, and weighed 8 kg."),
        ("It held 2,026.", "It began in 2009, with 17 hives."),
    ],
)
def test_number_that_follows_from_nothing_is_not(claim: str, evidence: str) -> None:
    assert unheld(claim, evidence)
