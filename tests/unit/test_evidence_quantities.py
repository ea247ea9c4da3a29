"""Numbers as sentences state them: the same one written otherwise, and another one that looks alike."""

from __future__ import annotations

import pytest

from sentient_kernel.agents._quantities import quantities, unheld
from sentient_kernel.agents.verify import CUT, likeness

TABLE = "Cash flows (Millions) 2018 2017 Purchases of property, plant and equipment (1,577) (1,373) Net sales 32,765 31,657"


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


def test_a_number_in_a_name_is_the_names() -> None:
    assert [one.said for one in quantities("3M sold vitamin B12 against COVID-19 in H1N1 times")] == []


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


def test_a_right_number_scores_above_a_wrong_one_and_a_wrong_one_never_counts_as_borne_out() -> None:
    right = likeness("Purchases of property, plant and equipment were $1,577 million in 2018.", TABLE)
    wrong = likeness("Purchases of property, plant and equipment were $1,673 million in 2018.", TABLE)
    assert wrong < CUT < right


@pytest.mark.parametrize("text", ["Pi is 3." + "14159" * 80, "x " + "9" * 400, "1" * 31 + ",5", "." + "0" * 400 + "1", "½ 7%"])
def test_numbers_of_any_length_are_looked_at_without_harm(text: str) -> None:
    assert likeness(text, text) > 0.9
    likeness(text, text[:-1] + "8")


def test_parts_of_a_whole_may_be_words() -> None:
    assert not unheld("Three quarters of them, and a quarter of those.", "75% of them, 25% of those")
    assert unheld("Three quarters of them.", "70% of them")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("A fifth, 20%, of the hives died.", "Of 60 hives 12 died."),
        ("Yield rose by 50%.", "Yield rose from 12 kg to 18 kg."),
        ("Yield rose by 25%, from 12 to 15 tonnes.", "Yields: 9, 12, 15, 18, 21, 24 and 30 tonnes."),
        ("The trial lasted 19 years.", "The trial began in 1990 and ended in 2009."),
        ("Together they held 42 hives.", "She held 12 hives, and he 30."),
        ("The ratio is 0.48.", "Assets were 120, debts 250."),
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
    ],
)
def test_number_that_follows_from_nothing_is_not(claim: str, evidence: str) -> None:
    assert unheld(claim, evidence)
