"""What is listed under each part of a question, and what of the things that it compares."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from sentient_kernel.report.report import Report
from sentient_kernel.research.extractive.evidence import Evidence, collect
from sentient_kernel.research.extractive.plan import SubQuestion, plan
from sentient_kernel.research.extractive.write import write
from sentient_kernel.sources.base import Document, Passage

WALK = "The hive walk takes the bees out. The hive walk ends in the evening."
RUN = "The hive run brings the bees back. The hive run starts at noon."


def passages(**texts: str) -> list[Passage]:
    documents = [
        Document(title=title.replace("_", "."), uri=title, text=text)
        for title, text in texts.items()
    ]
    return [
        Passage(
            document=one.id,
            title=one.title,
            uri=one.uri,
            start=0,
            end=len(one.text),
            text=one.text,
            score=9.0 - at,
        )
        for at, one in enumerate(documents)
    ]


def collected(
    question: str, found: Sequence[Passage]
) -> tuple[tuple[SubQuestion, ...], tuple[Evidence, ...]]:
    parts = plan(question)
    return parts, collect(parts, {part.id: found for part in parts})


def written(question: str, found: Sequence[Passage]) -> Report:
    parts, chosen = collected(question, found)
    return write(question, parts, chosen, found={part.id: found for part in parts})


def test_things_compared_are_told_by_the_documents_that_are_called_so() -> None:
    found = passages(
        hive_walk=WALK,
        hive_run=RUN,
        hive_dance="Unlike hive.walk and hive.run, the dance leads nowhere.",
        hive="There are two tours with similar names, walk and run.",
        zoo_walk="The zoo walk is for cats.",
    )
    parts, chosen = collected("What is the difference between walk and run?", found)
    titles = {part.id: {one.title for one in chosen if one.part == part.id} for part in parts}
    assert titles[1] == {"hive.walk"} and titles[2] == {"hive.run"}
    assert titles[0] <= {"hive.walk", "hive.run", "hive"}
    assert "hive" in {one.title for one in chosen}  # it speaks of both, and not of itself


def test_comparison_is_answered_when_each_side_is_found_though_nothing_names_both() -> None:
    found = passages(
        hive_walk="hive.walk: Takes the bees out.", hive_run="hive.run: Brings the bees back."
    )
    parts = plan("Compare hive.walk and hive.run")
    chosen = collect(parts, {0: found, 1: found[:1], 2: found[1:]})
    made = write(
        "Compare hive.walk and hive.run",
        parts,
        chosen,
        found={0: found, 1: found[:1], 2: found[1:]},
    )
    assert [claim.text for claim in made.claims if claim.lead] == [
        one.text for one in found
    ] and not made.unanswered


def test_things_compared_that_no_document_is_called_are_taken_from_any() -> None:
    found = passages(tours=f"{WALK} {RUN}")
    assert (
        len(collected("What is the difference between the hive walk and the hive run?", found)[1])
        > 2
    )


def test_sentence_about_the_title_alone_is_not_listed_under_a_part() -> None:
    found = passages(
        cache=(
            "The cache keeps results of the cache function. The clear function clears the cache."
            " The cache works best when calls repeat."
        )
    )
    parts, chosen = collected("What does the cache keep, and how do I clear it?", found)
    assert [part.text for part in parts[1:]] == ["What does the cache keep?", "How do I clear it?"]
    under = [one.quote for one in chosen if one.part == parts[2].id]
    assert under == ["The clear function clears the cache."]


def test_second_text_of_a_chain_is_listed_under_its_part_in_other_words() -> None:
    found = passages(
        hive="Johann Imker is the inventor of the waggle hive. The waggle hive was shown in Graz.",
        imker="The waggle hive made Imker famous. Imker was born in Dornbirn.",
    )
    chosen = collected(
        "Where was the inventor of the waggle hive born, and when did he die?", found
    )[1]
    assert "Imker was born in Dornbirn." in [one.quote for one in chosen]


def test_part_without_words_of_its_own_is_not_left_empty() -> None:
    found = passages(
        sand=(
            "Biochar raised the water held by sand. Biochar held water in sand for nine years."
            " Spain is dry."
        )
    )
    parts, chosen = collected("Does biochar hold water in sand, and for how long?", found)
    assert parts[2].text == "For how long?" and len(chosen) >= 2


@pytest.mark.parametrize(
    "summaries",
    [
        ("Tell bees apart by the dance they do.",) * 4,
        (
            "Tell bees apart by the dance.",
            "Tell bees apart by the dance they do in the hive.",
            "Tell bees apart by the dance.",
        ),
    ],
)
def test_siblings_that_say_what_they_are_in_the_same_words_are_shown_once(
    summaries: tuple[str, ...],
) -> None:
    names = ("hive_tell", "zoo_tell", "sea_tell", "air_tell")
    found = passages(
        **{
            name: f"{name.replace('_', '.')}: {text}"
            for name, text in zip(names, summaries, strict=False)
        }
    )
    claims = written("How do I tell bees apart by their dance?", found).claims
    assert sum("Tell bees apart" in claim.text for claim in claims) == 1


def test_what_is_said_of_a_sibling_in_the_same_words_is_shown_once_and_not_cited_for_both() -> None:
    said = "{} takes the axis on which the bees are counted in the hive."
    found = passages(hive_loc=said.format("Loc"), hive_iloc=said.format("Iloc"))
    claims = written("On which axis are bees counted in the hive?", found).claims
    assert len(claims) == 1 and len(claims[0].citations) == 1


def test_statement_that_has_nothing_beside_a_longer_one_is_left_out() -> None:
    found = passages(
        one="Biochar raised the water held by sand by 45% in all the plots of the trial.",
        two="Biochar raised the water held by sand.",
    )
    assert [
        claim.text for claim in written("How much water does biochar hold in sand?", found).claims
    ] == [found[0].text]


def test_statement_with_another_figure_or_the_opposite_is_kept() -> None:
    found = passages(
        one="Biochar raised the water held by sand by 45% in all plots.",
        two="Biochar raised the water held by sand by 14%.",
        six="Biochar never raised the water held by sand.",
    )
    assert len(written("How much water does biochar hold in sand?", found).claims) == 3


def test_answer_holds_the_best_sentence_of_each_part_in_the_order_of_the_question() -> None:
    found = passages(
        fly=(
            "Bees fly two kilometres on most days. Bees fly far in the heath, and bees fly near in"
            " the farmland."
        ),
        sleep="A bee sleeps at night. The hive is dark.",
    )
    lead = [
        claim.text
        for claim in written("How far do bees fly, and when does a bee sleep?", found).claims
        if claim.lead
    ]
    assert "Bees fly" in lead[0] and "A bee sleeps at night." in lead
