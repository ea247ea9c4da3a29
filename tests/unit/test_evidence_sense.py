"""Sentences that have the words of their quote and say something else."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from cpu_kit import cpu_seconds

from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Citation, Claim
from sentient_kernel.research.verify.claims import TextOf, check_claim
from sentient_kernel.research.verify.rules import (
    CUT,
    Comparison,
    clauses,
    directions,
    likeness,
    names,
)


def verify(
    claim: str, citations: Sequence[Citation], text_of: TextOf, judged: str = "", near: float = 0.0
) -> Claim:
    return check_claim(Claim(text=claim, citations=tuple(citations)), text_of, judged, near)


def against(claim: str, quote: str) -> str:
    """Returns the name of the first rule of sense that a sentence breaks."""
    broken = [rule.name for rule in Comparison(claim, quote).broken if rule.group == "sense"]
    return next((name for name in broken if name != "direction"), "")


QUOTE_OF = {
    "Vitamin D raises risk.": "The trial shows that vitamin D lowers risk.",
    "Vitamin D lowers risk.": "This study may hint that vitamin D lowers risk.",
    "All patients recovered.": "Only two of the ten patients recovered.",
    "Drug B was better than drug A.": "Drug A was better than drug B.",
    "Jones criticised what Smith praised.": "Smith criticised what Jones praised.",
    "Aspirin increased mortality in mice.": (
        "Aspirin reduced mortality in mice but increased it in rats."
    ),
    "Aspirin reduced mortality in rats.": (
        "Aspirin reduced mortality in mice but increased it in rats."
    ),
    "The dose is 5 mg per week.": "The dose is 5 mg per day.",
    "Few beekeepers use the hive.": "The hive is used by 75 percent of beekeepers in the world.",
    "The hive is used by 75 percent of beekeepers in Europe.": (
        "The hive is used by 75 percent of beekeepers in the world."
    ),
    "Dornbirn was founded by Johann Imker, born there in 1844.": (
        "Johann Imker was born in Dornbirn in 1844."
    ),
    "Johann Imker was born in Dornbirn in 1844 and murdered his wife Anna.": (
        "Johann Imker was born in Dornbirn in 1844."
    ),
    "The firm sold the mill.": "The firm bought the mill.",
}


@pytest.mark.parametrize("claim", QUOTE_OF)
def test_sentence_that_says_otherwise_is_not_borne_out(claim: str) -> None:
    assert likeness(claim, QUOTE_OF[claim]) < CUT


@pytest.mark.parametrize(
    ("claim", "quote"),
    [
        ("Vitamin D may lower risk.", "This study may hint that vitamin D lowers risk."),
        ("Two of ten patients recovered.", "Only two of the ten patients recovered."),
        ("Drug A was better than drug B.", "Drug A was better than drug B."),
        ("Drug B was beaten by drug A.", "Drug A beat drug B, and drug B was beaten by drug A."),
        (
            "Aspirin reduced mortality in mice.",
            "Aspirin reduced mortality in mice but increased it in rats.",
        ),
        (
            "Aspirin increased mortality in rats.",
            "Aspirin reduced mortality in mice but increased mortality in rats.",
        ),
        ("The dose is 5 mg daily.", "The dose is 5 mg per day."),
        (
            "The hive is used by three quarters of beekeepers in the world.",
            "The hive is used by 75 percent of beekeepers in the world.",
        ),
        (
            "Johann Imker, who was born in Dornbirn, kept bees.",
            "Johann Imker was born in Dornbirn and kept bees.",
        ),
    ],
)
def test_sentence_that_says_the_same_is_borne_out(claim: str, quote: str) -> None:
    assert likeness(claim, quote) >= CUT


@pytest.mark.parametrize(
    "claim", ["Drug A outperformed drug B.", "Drug B was outperformed by drug A."]
)
@pytest.mark.parametrize(
    "quote", ["Drug A outperformed drug B.", "Drug B was clearly outperformed by drug A."]
)
def test_active_and_passive_say_the_same(claim: str, quote: str) -> None:
    assert against(claim, quote) == ""
    assert likeness(claim, quote) >= CUT


@pytest.mark.parametrize(
    ("claim", "quote", "what"),
    [
        ("Drug B outperformed drug A.", "Drug A outperformed drug B.", "swapped"),
        ("Drug B was outperformed by drug A.", "Drug A was outperformed by drug B.", "swapped"),
        ("Drug B was replaced by drug A.", "Drug A outperformed drug B.", "deed"),
        ("Drug B was quickly replaced by drug A.", "Drug B was outperformed by drug A.", "deed"),
    ],
)
def test_who_did_what_is_compared_within_one_voice_and_the_deed_in_both(
    claim: str, quote: str, what: str
) -> None:
    assert against(claim, quote) == what
    assert likeness(claim, quote) < CUT


def cited(quote: str, text: str, title: str = "A page", before: str = "") -> Citation:
    at = text.index(quote)
    return Citation(
        document=DocumentId("d"),
        title=title,
        uri="u",
        start=at,
        end=at + len(quote),
        quote=quote,
        before=before,
    )


BOTH = "Some honey cures cough, and all honey cures cough."


@pytest.mark.parametrize(
    ("claim", "quote", "what"),
    [
        ("Honey cures.", "Honey may cure.", "hedge"),
        ("Honey cures cough.", "Honey may cure cough, and honey cures cough.", ""),
        ("Cheese is old.", "Honey may cure cough.", ""),
        ("All bees dance.", "Some bees sleep.", "scope"),
        ("All bees dance.", "Some bees dance, and the sun shines.", "scope"),
        ("All honey cures cough.", BOTH, ""),
        ("The firm sold apples.", "The king bought apples.", ""),
        ("The firm sold the mill.", "The firm bought the mill, and the firm sold the mill.", ""),
        ("The firm sold the mill.", "The firm bought the mill, and the firm kept the mill.", ""),
        ("The hive was built by bees.", "They built.", ""),
        ("Drug A beat drug B.", "Drug A beat drug B, and drug B beat drug A.", ""),
        ("Drug A beat drug B, and drug B beat drug A.", "Drug A beat drug B.", "swapped"),
        ("A drug cured Eva.", "Eva cured drug A.", ""),
        ("Drug A cured Eva.", "Eva cured drug A.", "swapped"),
        ("Aspirin cut risk in mice.", "Aspirin raised risk in rats, but risk fell in mice.", ""),
    ],
)
def test_a_rule_speaks_where_all_that_is_about_the_same_says_otherwise(
    claim: str, quote: str, what: str
) -> None:
    assert against(claim, quote) == what


def test_directions_are_counted_word_by_word() -> None:
    assert directions("It rose and increased, then fell.") == (2, 1)
    assert (directions("It is higher."), directions("It is lower.")) == ((1, 0), (0, 1))
    assert directions("It stands.") == (0, 0)


BIRTHS = (
    "Lorenzo Langstroth was born in Philadelphia in 1810. Moses Quinby was born in Westchester in"
    " 1810. He kept bees."
)


def test_words_of_one_statement_have_to_meet_in_one_quote() -> None:
    one, two = (cited(f"{part}.", BIRTHS) for part in BIRTHS.split(". ")[:2])
    mixed = verify("Moses Quinby was born in Philadelphia in 1810.", [one, two], lambda _: BIRTHS)
    assert mixed.verdict == "unsupported" and "No quote alone" in mixed.reason
    both = verify(
        "Langstroth was born in Philadelphia, and Quinby in Westchester.",
        [one, two],
        lambda _: BIRTHS,
    )
    assert both.verdict == "supported"


def test_who_is_named_around_a_quote_is_not_whom_it_speaks_of() -> None:
    page = cited(
        "Moses Quinby was born in Westchester in 1810.",
        BIRTHS,
        title="Lorenzo Langstroth",
        before=BIRTHS.split(". ")[0],
    )
    for claim in (
        "Lorenzo Langstroth was born in Westchester in 1810.",
        "Moses Quinby was born in Philadelphia in 1810.",
    ):
        assert verify(claim, [page], lambda _: BIRTHS).verdict == "unsupported"


def test_whom_a_quote_speaks_of_may_be_said_by_its_title_or_the_words_before_it() -> None:
    claim = "The beekeeper Quinby kept bees."
    assert (
        verify(claim, [cited("He kept bees.", BIRTHS)], lambda _: BIRTHS).verdict == "unsupported"
    )
    assert (
        verify(
            claim, [cited("He kept bees.", BIRTHS, title="Moses Quinby")], lambda _: BIRTHS
        ).verdict
        == "supported"
    )
    assert (
        verify(
            claim,
            [cited("He kept bees.", BIRTHS, before="Moses Quinby was born.")],
            lambda _: BIRTHS,
        ).verdict
        == "supported"
    )


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("The hive is used by 75 percent of beekeepers in Europe.", "do not name “Europe”"),
        (
            (
                "The hive is used by 75 percent of beekeepers in the world and killed every bear"
                " nearby."
            ),
            "killed every bear nearby",
        ),
        (
            "In the world beekeepers made the hive worthless, while bears loved honey cakes.",
            "bears loved honey cakes",
        ),
    ],
)
def test_reader_is_told_what_is_not_held(claim: str, reason: str) -> None:
    text = "The hive is used by 75 percent of beekeepers in the world."
    assert reason in verify(claim, [cited(text, text)], lambda _: text).reason


def test_clauses_and_names() -> None:
    assert clauses("It rose; but, as Eva said, it fell (twice).") == [
        "It rose",
        "as Eva said",
        "it fell",
        "twice",
    ]
    assert clauses("It was so, and bees flew.") == ["bees flew"]
    assert names("He said in Graz that Eva's Hive was The Best.") == [
        "Graz",
        "Eva's",
        "Hive",
        "Best",
    ]
    assert (names("A Graz hive."), names("He saw Al and Eva.")) == (["Graz"], ["Eva"])


@pytest.mark.parametrize(
    "piece", ["a, ", "A b ", "was x by ", "per day ", "( ", "may ", "all ", "Und 9 "]
)
def test_long_texts_take_no_longer_than_they_are_long(piece: str) -> None:
    def cost(n: int) -> float:
        return cpu_seconds(lambda text: against(text, text[::-1]), piece * n)

    assert cost(8_000) < 40 * max(cost(1_000), 0.002)


@pytest.mark.parametrize(
    "text",
    [
        (
            "All 4T1 cells co-cultured with RAW264.7 may skew O'Brien's (IL-6) results; few of"
            " them, per day, don't."
        ),
        (
            "Two thousand three hundred and thirty-two brains of 1- to 100-year-old"
            " Hutchinson\u2013Gilford patients were seen by D'Amour."
        ),
        (
            "Nothing of 6MP was given weekly, but 40 mg/m2 of it might have increased, and then"
            " decreased, half of all risks in Don't."
        ),
    ],
)
def test_every_sentence_bears_itself_out(text: str) -> None:
    assert likeness(text, text) == 1.0
