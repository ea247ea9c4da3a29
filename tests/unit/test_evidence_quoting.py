"""What a model is shown: the best passages of every part, sentence by sentence, verbatim, within
bounds.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.ids import DocumentId
from sentient_kernel.research.extractive.plan import SubQuestion
from sentient_kernel.research.quoting import QUOTES, quoted
from sentient_kernel.sources.base import Passage

WHOLE = SubQuestion(
    id=0, text="Who is the buyer of Lumen Optics?", query="Who is the buyer of Lumen Optics?"
)
PART = SubQuestion(id=1, text="Where did it begin?", query="Brightwell history", kind="part")


def passage(
    text: str, name: str = "d", score: float = 1.0, source: str = "", start: int = 0
) -> Passage:
    return Passage(
        document=DocumentId(name),
        title=name,
        uri=f"{name}.txt",
        start=start,
        end=start + len(text),
        text=text,
        score=score,
        source=source,
        own=source == "papers",
    )


def shown(parts: Sequence[SubQuestion], *found: Sequence[Passage]) -> list[str]:
    return [one.quote for one in quoted(parts, dict(enumerate(found)))]


@given(st.text(max_size=300), st.text(max_size=60), st.integers(0, 50))
def test_every_quote_stands_verbatim_in_any_text(text: str, question: str, start: int) -> None:
    part = SubQuestion(id=0, text=question, query=question)
    for one in quoted([part], {0: [passage(text, start=start)]}):
        assert (
            text[one.start - start : one.end - start] == one.quote
            and one.before + one.quote + one.after in text
        )


def test_a_passage_that_shares_no_word_with_the_question_is_shown() -> None:
    text = "In 2016 Brightwell acquired the firm from its founder."
    assert shown([WHOLE], [passage(text)]) == [text]
    assert shown([WHOLE], []) == []


def test_a_sentence_comes_with_the_one_that_goes_on_from_it() -> None:
    text = " ".join(
        ["Rain fell on the roofs."] * 3
        + ["Lumen Optics made lenses.", "A group of brothers acquired the firm."]
    )
    pages = [passage("Lumen Optics is praised by a buyer.", f"p{n}", 5.0 - n) for n in range(4)] + [
        passage(text, "news", 0.1)
    ]
    assert "A group of brothers acquired the firm." in shown([WHOLE], pages)


def test_a_sentence_that_points_back_comes_with_the_one_before_it() -> None:
    text = "Brightwell sells glasses. It began as a workshop. Rain fell."
    pages = [passage("Brightwell has a history.", f"p{n}", 5.0 - n) for n in range(4)] + [
        passage(text, "b", 0.1)
    ]
    quotes = [one.quote for one in quoted([PART], {1: pages})]
    assert {"Brightwell sells glasses.", "It began as a workshop."} <= set(quotes)


def test_every_part_and_every_source_is_heard() -> None:
    loud = [
        passage(f"Lumen Optics has buyer number {n} of Lumen Optics.", f"web{n}", 90.0 - n, "web")
        for n in range(20)
    ]
    quiet = [passage("A ledger names Brightwell as the one who paid.", "ledger", 0.2, "papers")]
    part = [passage("Two brothers opened a workshop in Jena.", "jena", 0.1)]
    quotes = [one.quote for one in quoted([WHOLE, PART], {0: [*loud, *quiet], 1: part})]
    assert quiet[0].text in quotes and part[0].text in quotes
    assert all(
        one.own is (one.source == "papers")
        for one in quoted([WHOLE, PART], {0: [*loud, *quiet], 1: part})
    )


def test_a_place_is_quoted_once_under_the_part_that_it_answers() -> None:
    text = "Brightwell of Jena has a history. Lumen Optics has a buyer."
    found = quoted([WHOLE, PART], {0: [passage(text)], 1: [passage(text)]})
    assert [(one.quote, one.part) for one in found] == [
        ("Lumen Optics has a buyer.", 0),
        ("Brightwell of Jena has a history.", 1),
    ]


def test_headings_noise_and_repetitions_take_no_room() -> None:
    said = "The buyer of Lumen Optics is the Brightwell Group of Jena."
    pages = [
        passage(f"# Lumen\n\nhttps://x.example/{n}\n\n{said}", f"Lumen {n}", 3.0 - n / 10)
        for n in range(6)
    ]
    assert 1 <= len(shown([WHOLE], pages)) <= 2 and set(shown([WHOLE], pages)) == {said}


@pytest.mark.parametrize("length", [5, 60, 3_000])
def test_all_together_stays_within_bounds_and_every_part_keeps_its_best(length: int) -> None:
    def many(what: str) -> list[Passage]:
        filler = "x" * length
        texts = (
            " ".join(f"{what} number {n} {k} {filler} says so." for k in range(12))
            for n in range(10)
        )
        return [passage(text, f"{what}{n}", 9.0 - n) for n, text in enumerate(texts)]

    parts = [WHOLE, PART, SubQuestion(id=2, text="Jena?", query="Jena workshop", kind="part")]
    found = quoted(
        parts, {0: many("Lumen Optics"), 1: many("Brightwell history"), 2: many("Jena workshop")}
    )
    assert {one.part for one in found} == {0, 1, 2}
    assert sum(min(len(one.quote), 700) + min(len(one.title), 80) + 12 for one in found) <= QUOTES


def test_the_order_in_which_documents_come_changes_nothing() -> None:
    pages = [
        passage(f"Lumen Optics {n} has a buyer. It is number {n}.", f"p{n}", 9.0 - n)
        for n in range(5)
    ]
    assert shown([WHOLE], pages) == shown([WHOLE], sorted(pages, key=lambda one: -one.score))
