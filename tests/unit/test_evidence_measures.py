"""What kind of figure a question asks for, and what that does to the answer."""

from __future__ import annotations

import pytest
from cpu_kit import cpu_seconds

from sentient_kernel.research.extractive.evidence import select
from sentient_kernel.research.extractive.sought import sought
from sentient_kernel.sources.base import Document, Passage


def passage(text: str, title: str = "Notes") -> Passage:
    document = Document(title=title, uri="n.txt", text=text)
    return Passage(
        document=document.id, title=title, uri="n.txt", start=0, end=len(text), text=text, score=3.0
    )


@pytest.mark.parametrize(
    ("question", "told", "not_told"),
    [
        ("How far do bees fly?", "within one kilometre", "for three days"),
        ("How long does a queen live?", "for four years", "within one kilometre of it"),
        ("How long is the bridge?", "a bridge of 300 metres", "built by 300 people"),
        ("How old is the university?", "it was founded in 1088", "it has 80,000 students"),
        (
            "How often is the hive opened?",
            "it is opened twice a week",
            "it is opened by two people",
        ),
        ("How heavy is a swarm?", "a swarm of 2 kg", "a swarm of 20 000 bees"),
        ("How warm is the cluster?", "near 35 degrees Celsius", "of 10 000 bees"),
        ("How high is the tower?", "a tower of 64 m", "a tower of 64 steps"),
        ("How high was mortality?", "it was 4.5%", "it was low"),
    ],
)
def test_measure_that_is_asked_for_is_seen(question: str, told: str, not_told: str) -> None:
    assert any(sign.search(told) for sign in sought(question).signs)
    assert not any(sign.search(not_told) for sign in sought(question).signs)


@pytest.mark.parametrize("question", ["Who flies far?", "How do bees fly?", "Why is it so high?"])
def test_question_without_a_measure_asks_for_none(question: str) -> None:
    assert not sought(question).signs


def test_sentence_with_the_measure_comes_before_one_without() -> None:
    text = (
        "Bees fly in summer, and never when it rains. Bees stay within two kilometres when they"
        " fly."
    )
    assert select("How far do bees fly?", [passage(text)], limit=1)[0].quote.startswith("Bees stay")


def test_sentence_counts_what_its_heading_says() -> None:
    text = (
        "Winter losses\n\nMost colonies die of mites in spring.\n\nSwarms\n\nMost colonies die of"
        " swarming in spring."
    )
    assert (
        select("What do colonies die of in winter?", [passage(text)], limit=1)[0].quote
        == "Most colonies die of mites in spring."
    )


@pytest.mark.parametrize("piece", ["1", "one ", "a ", "1.", "1 -", "half an ", "per "])
def test_hostile_sentence_is_read_in_no_time(piece: str) -> None:
    text = piece * (4_000 // len(piece))

    def search(text: str) -> None:
        for degree in ("far", "high", "long", "old", "often", "heavy", "hot"):
            for sign in sought(f"how {degree}").signs:
                sign.search(text)

    assert cpu_seconds(search, text) < 0.1
