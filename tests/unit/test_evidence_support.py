"""When there is enough to answer with, and when a sentence is supported by what it cites."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sentient_kernel.errors import NotFound
from sentient_kernel.ids import DocumentId
from sentient_kernel.report.report import Citation, Claim
from sentient_kernel.research.extractive.support import supported
from sentient_kernel.research.verify.claims import NEAR, TextOf, carried, check_claim
from sentient_kernel.research.verify.rules import CUT, likeness
from sentient_kernel.sources.base import Passage

TEXT = (
    "Sandy soil drains fast. Biochar raised the water held by sand by 45%. The trial ran for nine"
    " years."
)


def verify(
    claim: str, citations: Sequence[Citation], text_of: TextOf, judged: str = "", near: float = 0.0
) -> Claim:
    return check_claim(Claim(text=claim, citations=tuple(citations)), text_of, judged, near)


def passage(text: str, score: float = 3.0, title: str = "Trial") -> Passage:
    return Passage(
        document=DocumentId(title),
        title=title,
        uri=title,
        start=0,
        end=len(text),
        text=text,
        score=score,
    )


def cited(quote: str, start: int | None = None) -> Citation:
    at = TEXT.index(quote) if start is None else start
    return Citation(
        document=DocumentId("d"), title="Trial", uri="t", start=at, end=at + len(quote), quote=quote
    )


def of(text: str | None = TEXT):  # type: ignore[no-untyped-def]
    return lambda document: text


def test_question_that_a_passage_answers_is_supported() -> None:
    support = supported("How much did biochar raise the water held by sand?", [passage(TEXT)])
    assert support.ok and not support.reason


def test_question_of_another_field_is_turned_away_with_the_words_that_nothing_mentions() -> None:
    support = supported(
        "Who won the chess olympiad of 1964 in Reykjavik?",
        [passage(TEXT), passage("A year of rain.", title="Rain")],
    )
    assert not support.ok
    assert "Reykjavik" in support.missing and "“1964”" in support.reason


def test_real_topic_with_a_detail_that_nothing_holds_is_turned_away_or_named() -> None:
    support = supported(
        "What is the melting point of tungsten-coated biochar in Bulgaria?", [passage(TEXT)]
    )
    assert not support.ok
    assert {"Bulgaria", "melting"} <= set(support.missing)


def test_nothing_found_and_nothing_asked_are_two_reasons() -> None:
    assert supported("biochar", []).reason == "The search found nothing."
    assert "names nothing" in supported("what is it", [passage(TEXT)]).reason


def test_words_that_never_meet_in_one_sentence_do_not_make_an_answer() -> None:
    scattered = [
        passage(text, 1.0, text[:4])
        for text in (
            "Bees dance.",
            "Paris is old.",
            "Tax law changes.",
            "A moon rises.",
            "Iron rusts.",
        )
    ]
    assert not supported("How do bees in Paris pay tax on iron from the moon?", scattered).ok


def test_own_sentence_of_a_source_is_supported() -> None:
    quote = "Biochar raised the water held by sand by 45%."
    found = verify(quote, [cited(quote)], of())
    assert (found.verdict, found.citations[0].placed, found.reason) == ("supported", True, "")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("Biochar raised the water held by sand by 14%.", "The number 14"),
        ("Cheese is made from the milk of goats.", "do not hold"),
        ("Biochar never raised any profit of farms in Kenya.", "denies"),
    ],
)
def test_sentence_that_says_something_else_is_unsupported_and_says_why(
    claim: str, reason: str
) -> None:
    found = verify(claim, [cited("Biochar raised the water held by sand by 45%.")], of())
    assert found.verdict == "unsupported" and reason in found.reason


def test_quote_that_does_not_stand_at_its_place_is_misplaced() -> None:
    quote = "Biochar raised the water held by sand by 45%."
    assert verify(quote, [cited(quote, start=3)], of()).verdict == "misplaced"
    assert verify(quote, [cited(quote, start=10_000)], of()).verdict == "misplaced"
    assert verify(quote, [cited(quote)], of(None)).verdict == "misplaced"


def test_document_that_is_gone_is_misplaced_not_an_error() -> None:
    def gone(document: DocumentId) -> str:
        raise NotFound("There is no such document.")

    quote = "The trial ran for nine years."
    assert verify(quote, [cited(quote)], gone).verdict == "misplaced"


def test_sentence_without_a_citation_is_unsupported() -> None:
    assert verify("Anything.", [], of()).verdict == "unsupported"


def test_one_standing_quote_is_enough_and_the_other_is_marked() -> None:
    quote = "The trial ran for nine years."
    found = verify(quote, [cited(quote), cited(quote, start=0)], of())
    assert found.verdict == "supported"
    assert [one.placed for one in found.citations] == [True, False]


def test_likeness_falls_with_a_wrong_number_a_denial_and_a_turned_direction() -> None:
    true = likeness(
        "Biochar increased yield in sand.", "In sand, biochar increased the yield of maize."
    )
    assert true == 1.0
    assert (
        likeness("Biochar increased yield by 30 percent.", "Biochar increased yield by 12 percent.")
        < 0.5
    )
    assert likeness("Biochar increased yield.", "Biochar did not increase yield.") < true
    assert likeness("Biochar increased yield in sand.", "Biochar decreased yield in sand.") < true


def test_numbers_that_are_written_as_words_count_as_numbers() -> None:
    quote = "Single foragers were followed to food more than nine kilometres away."
    assert (
        likeness("Single foragers were followed to food more than nineteen kilometres away.", quote)
        < 0.5
    )
    assert (
        likeness("Single foragers were followed to food more than 9 kilometres away.", quote) > 0.5
    )


# -- how much of a sentence is held ----------------------------------------------------------------

BUSY = "Bees danced, hummed, slept, drank, and fed young drones all winter."


@pytest.mark.parametrize(
    ("claim", "evidence", "share"),
    [
        ("Hives stood.", "They stood.", 0.5),
        ("Hives stood in Graz.", "They stood in Graz.", 0.75),  # a name counts for two words
        ("They held 12 hives.", "Hives, and 12 of them.", 0.75),  # so does a number
        ("It held 12 hives and 30 boxes.", "It held 12 hives and 40 boxes.", 0.35),  # half of 5/7
        ("It is in Graz.", "Graz", 1.0),
        (
            "The hive of Eva stood in Graz.",
            "The hive of Eva stood.",
            0.4667,
        ),  # a name that is missing
        (f"In Graz {BUSY}", BUSY, 0.49),  # however much else is held
        ("Red hives stood near barns.", "They stood.", 0.14),  # a statement of which little is held
        ("Red old hives stood near.", "Hives stood.", 0.4),
        ("The text does not mention hives.", "Hives stood.", 0.056),  # that a text is silent
        ("The text does not mention hives.", "The text does not mention hives.", 1.0),
    ],
)
def test_likeness_is_the_share_that_is_held_less_what_speaks_against_it(
    claim: str, evidence: str, share: float
) -> None:
    assert likeness(claim, evidence) == share


@pytest.mark.parametrize(
    ("claim", "evidence", "share"),
    [
        ("Biochar never raised yield.", "Biochar raised yield.", 0.45),
        ("Biochar raised yield.", "Biochar never raised yield.", 0.45),
        ("No doubt biochar raised yield.", "Biochar raised yield.", 0.6),  # denies something else
        ("Yield was not raised in sand.", "In sand, yield was not raised.", 1.0),
        ("Yield was raised.", "Yield was not significantly raised.", 0.45),
        ("Not yield, but sand.", "Yield, but sand.", 0.45),
        ("It was raised.", "It was not as it had been before raised.", 0.45),
        ("It was raised.", "It was not as it had been before then raised.", 0.8),
        ("Sand holds, not loam.", "Loam, not sand, holds.", 0.45),
    ],
)
def test_what_is_denied_is_the_first_telling_word_behind_the_negation(
    claim: str, evidence: str, share: float
) -> None:
    assert likeness(claim, evidence) == share


def test_sentence_without_telling_words_has_to_stand_there() -> None:
    assert likeness("It was so.", "And it was so, then.") == 1.0
    assert likeness("It was so.", "It was then.") == 0.0
    assert likeness("", "It was then.") == 0.0


def test_title_names_whom_a_text_is_about_and_tells_nothing_else() -> None:
    claim = "The beekeeper Langstroth kept bees."
    assert likeness(claim, "He kept bees.", "Lorenzo Langstroth") == 0.8
    assert likeness(claim, "He kept bees.") == 0.28
    assert likeness("Hives stood.", "They stood.", "Hives") == 0.5


# -- verdicts --------------------------------------------------------------------------------------


def on(claim: str, *quotes: str, title: str = "", judged: str = "", near: float = 0.0) -> Claim:
    """Checks a sentence against quotes that all stand at their places."""
    text = " ".join(quotes)
    citations = [
        Citation(
            document=DocumentId("d"),
            title=title,
            uri="u",
            start=at,
            end=at + len(quote),
            quote=quote,
        )
        for quote in quotes
        for at in [text.index(quote)]
    ]
    return verify(claim, citations, lambda _: text, judged=judged, near=near)


def test_half_is_enough_and_needs_nobody_else() -> None:
    found = on("Hives stood.", "They stood.", judged="They stood", near=1.0)
    assert (found.verdict, found.support, found.reason) == ("supported", CUT, "")


def test_one_of_several_quotes_is_enough() -> None:
    assert on("Bees dance.", "Sand drains fast.", "Bees dance.").support == 1.0


def test_nothing_and_an_empty_quote_bear_out_nothing() -> None:
    assert verify("Bees dance.", [], of()).support == 0.0
    empty = Citation(document=DocumentId("d"), title="t", uri="u", start=3, end=3, quote="")
    assert verify("Bees dance.", [empty], of()).verdict == "misplaced"


def test_statements_may_be_held_by_quotes_of_their_own_but_each_has_to_be() -> None:
    quotes = ("Eva was born in Graz.", "Moses kept bees.")
    assert on("Eva was born in Graz, and Moses kept bees.", *quotes).verdict == "supported"
    assert on("Eva was born in Graz, and Moses sold cheese.", *quotes).verdict == "unsupported"
    assert on("It was so.", *quotes).verdict == "unsupported"


@pytest.mark.parametrize(
    ("quote", "verdict"),
    [
        ("The man kept bees.", "supported"),
        ("kept bees.", "supported"),
        ("Quinby, once a baker, kept bees.", "supported"),
        ("Root kept bees.", "unsupported"),
    ],
)
def test_title_names_whom_a_quote_speaks_of_unless_it_begins_with_somebody_else(
    quote: str, verdict: str
) -> None:
    assert (
        on("The beekeeper Moses Quinby kept bees.", quote, title="Moses Quinby").verdict == verdict
    )


@pytest.mark.parametrize(
    ("claim", "quotes", "reason"),
    [
        (
            "Cheese is made of milk from goats.",
            ["Sand drains fast."],
            "Its quotes do not hold what it says.",
        ),
        (
            "Cheese is made of milk.",
            ["Sand drains fast.", "Bees dance."],
            "Its quotes do not hold what it says.",
        ),
        (
            "Cheese aged, and goats ate grass.",
            ["Cheese aged well."],
            "Its quotes do not hold that “goats ate grass”.",
        ),
        (
            "Drug B was replaced by drug A.",
            ["Drug A outperformed drug B."],
            "Its quote names another action.",
        ),
        (
            "Drug B beat drug A.",
            ["Drug A beat drug B."],
            "It swaps who did what compared with its quote.",
        ),
        (
            "Risk rose in mice.",
            ["Risk fell in mice."],
            "Its direction is the opposite of its quotes'.",
        ),
        ("Risk rose in Graz.", ["Risk rose."], "Its quotes do not name “Graz”."),
    ],
)
def test_reason_says_what_of_a_sentence_is_not_held(
    claim: str, quotes: list[str], reason: str
) -> None:
    found = on(claim, *quotes)
    assert (found.verdict, found.reason) == ("unsupported", reason)


# -- what an embedder or a model may add -----------------------------------------------------------

MEDAL = "The hive won a silver medal in 1844."


@pytest.mark.parametrize(
    ("claim", "quote", "near", "verdict"),
    [
        ("Hives won prizes abroad twice.", MEDAL, NEAR, "supported"),
        ("Hives won prizes abroad twice.", MEDAL, NEAR - 0.01, "unsupported"),
        ("Prizes, honey, wax, hive.", "It was a hive.", 1.0, "supported"),  # just a quarter is held
        ("Prizes, honey, wax, combs, hive.", "It was a hive.", 1.0, "unsupported"),
        ("In 1844 the hive won 3 silver medals.", MEDAL, 1.0, "unsupported"),
        ("The hive won prizes in Graz.", MEDAL, 1.0, "unsupported"),
        ("The hive never won a silver prize.", MEDAL, 1.0, "unsupported"),
        (
            "The text does not mention that the hive won.",
            f"We do not mention the text. {MEDAL}",
            1.0,
            "unsupported",
        ),
        ("All hives won silver prizes.", "Some hives won silver medals.", 1.0, "unsupported"),
        ("Yield of hives rose.", "Yield of hives declined.", 1.0, "unsupported"),
    ],
)
def test_similarity_in_meaning_counts_where_some_is_held_and_nothing_speaks_against_it(
    claim: str, quote: str, near: float, verdict: str
) -> None:
    found = on(claim, quote, near=near)
    assert found.verdict == verdict


def test_similarity_to_one_of_several_quotes_is_enough_and_is_told() -> None:
    found = on("Hives won prizes abroad twice.", MEDAL, "Hives never won.", near=1.0)
    assert (found.verdict, found.reason) == (
        "supported",
        "Supported: the embedding is close to its quote (1.00).",
    )


@pytest.mark.parametrize(
    ("claim", "judged", "holds"),
    [
        ("The device was well received.", "silver medal", True),
        ("The device was well received.", "medal", False),
        ("The device was well received.", "gold medal", False),
        ("The device was well received in Graz.", "silver medal", False),
        ("The hive of 1844 was well received.", "silver medal", True),
        ("The device won 3 medals.", "silver medal", False),
        ("The device was not well received.", "silver medal", False),
        ("Reception declined.", "yield rose", False),
        ("The device was praised by Eva.", "Eva liked", True),
        ("The device was praised by Eva.", "Eva beat Root", True),
        ("Root beat Eva.", "Eva beat Root", False),
    ],
)
def test_model_may_judge_by_words_that_stand_there_and_are_not_spoken_against(
    claim: str, judged: str, holds: bool
) -> None:
    quotes = [MEDAL, "Eva liked it.", "Eva beat Root.", "The yield rose."]
    assert carried(claim, judged, quotes) is holds


def test_judgement_of_a_model_is_told() -> None:
    found = on("The device was well received.", MEDAL, "Sand drains.", judged="silver medal")
    assert found.verdict == "supported" and "“silver medal”" in found.reason


@pytest.mark.parametrize(
    "question",
    ["How high was mortality?", "Which command installs honeycomb?", "What enzyme splits starch?"],
)
def test_kind_of_thing_that_is_sought_need_not_be_named(question: str) -> None:
    texts = (
        "Mortality was 4.5%.",
        "You install honeycomb with pip.",
        "Starch is split by amylase.",
    )
    assert supported(question, [passage(text) for text in texts]).ok


def test_kind_alone_is_nothing_to_go_by() -> None:
    assert not supported("How high?", [passage("A tower.")]).ok
