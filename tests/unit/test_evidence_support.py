"""When there is enough to answer with, and when a sentence is borne out by what it cites."""

from __future__ import annotations

import pytest

from sentient_kernel.agents.report import Citation
from sentient_kernel.agents.support import supported
from sentient_kernel.agents.verify import likeness, verify
from sentient_kernel.errors import NotFound
from sentient_kernel.ids import DocumentId
from sentient_kernel.sources.base import Passage

TEXT = "Sandy soil drains fast. Biochar raised the water held by sand by 45%. The trial ran for nine years."


def passage(text: str, score: float = 3.0, title: str = "Trial") -> Passage:
    return Passage(document=DocumentId(title), title=title, uri=title, start=0, end=len(text), text=text, score=score)


def cited(quote: str, start: int | None = None) -> Citation:
    at = TEXT.index(quote) if start is None else start
    return Citation(document=DocumentId("d"), title="Trial", uri="t", start=at, end=at + len(quote), quote=quote)


def of(text: str | None = TEXT):  # type: ignore[no-untyped-def]
    return lambda document: text


def test_question_that_a_passage_answers_is_supported() -> None:
    support = supported("How much did biochar raise the water held by sand?", [passage(TEXT)])
    assert support.ok and not support.reason


def test_question_of_another_field_is_turned_away_with_the_words_that_nothing_mentions() -> None:
    support = supported("Who won the chess olympiad of 1964 in Reykjavik?", [passage(TEXT), passage("A year of rain.", title="Rain")])
    assert not support.ok
    assert "Reykjavik" in support.missing and "“1964”" in support.reason


def test_real_topic_with_a_detail_that_nothing_holds_is_turned_away_or_named() -> None:
    support = supported("What is the melting point of tungsten-coated biochar in Bulgaria?", [passage(TEXT)])
    assert not support.ok
    assert {"Bulgaria", "melting"} <= set(support.missing)


def test_nothing_found_and_nothing_asked_are_two_reasons() -> None:
    assert supported("biochar", []).reason == "The search found nothing."
    assert "names nothing" in supported("what is it", [passage(TEXT)]).reason


def test_words_that_never_meet_in_one_sentence_do_not_make_an_answer() -> None:
    scattered = [
        passage(text, 1.0, text[:4]) for text in ("Bees dance.", "Paris is old.", "Tax law changes.", "A moon rises.", "Iron rusts.")
    ]
    assert not supported("How do bees in Paris pay tax on iron from the moon?", scattered).ok


def test_own_sentence_of_a_source_is_supported() -> None:
    quote = "Biochar raised the water held by sand by 45%."
    found = verify(quote, [cited(quote)], of())
    assert (found.verdict, found.places, found.reason) == ("supported", (True,), "")


@pytest.mark.parametrize(
    ("claim", "reason"),
    [
        ("Biochar raised the water held by sand by 14%.", "The number 14"),
        ("Cheese is made from the milk of goats.", "do not hold"),
        ("Biochar never raised any profit of farms in Kenya.", "denies"),
    ],
)
def test_sentence_that_says_something_else_is_unsupported_and_says_why(claim: str, reason: str) -> None:
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
    assert (found.verdict, found.places) == ("supported", (True, False))


def test_likeness_falls_with_a_wrong_number_a_denial_and_a_turned_direction() -> None:
    true = likeness("Biochar increased yield in sand.", "In sand, biochar increased the yield of maize.")
    assert true == 1.0
    assert likeness("Biochar increased yield by 30 percent.", "Biochar increased yield by 12 percent.") < 0.5
    assert likeness("Biochar increased yield.", "Biochar did not increase yield.") < true
    assert likeness("Biochar increased yield in sand.", "Biochar decreased yield in sand.") < true


def test_numbers_that_are_written_as_words_count_as_numbers() -> None:
    quote = "Single foragers were followed to food more than nine kilometres away."
    assert likeness("Single foragers were followed to food more than nineteen kilometres away.", quote) < 0.5
    assert likeness("Single foragers were followed to food more than 9 kilometres away.", quote) > 0.5


@pytest.mark.parametrize("question", ["How high was mortality?", "Which command installs honeycomb?", "What enzyme splits starch?"])
def test_kind_of_thing_that_is_sought_need_not_be_named(question: str) -> None:
    texts = ("Mortality was 4.5%.", "You install honeycomb with pip.", "Starch is split by amylase.")
    assert supported(question, [passage(text) for text in texts]).ok


def test_kind_alone_is_nothing_to_go_by() -> None:
    assert not supported("How high?", [passage("A tower.")]).ok
