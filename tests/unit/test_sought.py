"""Which words of a question a text has to hold, and which it may say otherwise or not at all."""

from __future__ import annotations

import pytest
from cpu_kit import cpu_seconds

from sentient_kernel.research.extractive.plan import read
from sentient_kernel.research.extractive.sought import sought
from sentient_kernel.research.extractive.support import supported
from sentient_kernel.sources.base import Document, Passage


def passage(text: str, title: str = "Notes") -> Passage:
    document = Document(title=title, uri="n.txt", text=text)
    return Passage(
        document=document.id, title=title, uri="n.txt", start=0, end=len(text), text=text, score=3.0
    )


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (
            "What percentage of the workers come from the island?",
            "Of the workers, 64 percent come from the island.",
        ),
        ("Which proportion of colonies died?", "One in ten colonies died."),
        ("What dose of caffeine was given?", "They took 400 mg caffeine."),
        ("What is the price of honey?", "Honey is sold for 4 euros."),
        ("How much does the ferry cost?", "The ferry is free."),
        ("What are the pros and cons of thymol?", "Thymol works only above 15 degrees."),
        ("List the key takeaways of the survey.", "The survey counted 1,204 fish."),
        (
            "Wie lange dauert eine Führung auf der Burg?",
            "Führungen auf die Burg dauern 50 Minuten.",
        ),
        ("Was kostet der Eintritt?", "Für den Eintritt zahlt man 4 Euro."),
        ("Quelle est la durée de la visite ?", "La visite prend une heure."),
    ],
)
def test_kind_of_answer_and_words_that_join_need_not_stand_there(question: str, text: str) -> None:
    assert supported(read(question).subject, [passage(text)]).ok


@pytest.mark.parametrize(
    "question",
    [
        "What is the price of tin?",
        "Wie lange dauert ein Flug nach Oslo?",
        "What dose of zinc was given?",
    ],
)
def test_thing_that_is_asked_about_has_to_stand_there(question: str) -> None:
    assert not supported(
        question, [passage("Honey is sold for 4 euros. Man zahlt eine Führung auf der Burg.")]
    ).ok


@pytest.mark.parametrize(
    ("question", "told", "not_told"),
    [
        ("How much does a cell cost per kWh?", "72 dollars", "84 percent"),
        ("What is the price of honey?", "$4 a jar", "4 jars"),
        ("What does the tour cost?", "it is free of charge", "free of lead"),
        ("What percentage of people came?", "12.5% of them", "12 people"),
        ("What share of the houses is old?", "4 of 32 houses", "32 houses"),
        ("What dose of caffeine was given?", "400 mg", "400 people"),
        ("Which version of restic is installed?", "restic 0.16.4", "restic 8"),
        ("What is the efficiency in percent?", "92 per cent", "92 people"),
        ("How much does a swarm weigh?", "2 kg", "2 euros"),
        ("What is the height of the tower?", "64 metres", "64 steps"),
        ("Was kostet eine Karte?", "4,50 Euro", "4,50 Meter"),
        ("Wie lange dauert die Tour?", "50 Minuten", "50 Meter"),
    ],
)
def test_measure_is_told_by_nouns_and_verbs_too(question: str, told: str, not_told: str) -> None:
    assert all(sign.search(told) for sign in sought(question).signs) and sought(question).signs
    assert not any(sign.search(not_told) for sign in sought(question).signs)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What did the council decide about parking?", {"decid"}),
        ("How was the castle destroyed?", {"destroy"}),
        ("Is thymol effective?", {"effect"}),
        ("Was the difference in sleep duration significant?", {"signific"}),
        ("Who funded the trial?", {"fund"}),
        ("What was decided on parking?", {"decid"}),
        ("Does Borg support Windows?", {"support"}),
        ("How much does a heat pump cost?", {"cost"}),
        ("What is the colour of the male swan?", set()),
        ("Who is the director of the museum?", set()),
        ("Is thymol an acid?", set()),
    ],
)
def test_verb_and_adjective_are_told_by_their_place(question: str, words: set[str]) -> None:
    assert sought(question).loose == words


def test_deed_is_asked_for_by_a_question_of_yes_or_no() -> None:
    assert sought("Did Clara Weidmann study in Zurich?").deed == {"study"}
    assert not sought("Where did Clara study?").deed


def test_stem_of_another_language_may_differ_in_its_ending() -> None:
    assert "führung" in sought("Wie lange dauert eine Führung auf der Burg?").read(
        "Führungen dauern lange."
    )
    assert "führung" not in sought("Wie lange dauert eine Führung auf der Burg?").read(
        "Der Führer dauert."
    )
    assert sought("How far do bees fly?").read("Bees fly.") == ["bee", "fly"]


def test_numbers_of_a_question_stay() -> None:
    assert sought("Which percentage of colonies bleached in 2019?").terms == {
        "percentag": 0.2,
        "colony": 1.0,
        "bleach": 1.0,
        "2019": 2.0,
    }


@pytest.mark.parametrize(
    "piece", ["what is the ", "how much does ", "der die ", "a b ", "pros and ", "1 "]
)
def test_hostile_question_is_read_in_no_time(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    assert cpu_seconds(lambda text: sought(text).loose, text) < 0.3
