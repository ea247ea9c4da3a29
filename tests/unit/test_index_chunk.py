"""Sentences and passages: exact offsets, sensible bounds, linear time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from cpu_kit import cpu_seconds
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.index.chunk import OVERLAP, WORDS, chunks, sentences, words

PIECES = st.sampled_from(
    [
        "a",
        "Dr.",
        "Mr. No",
        "3.5",
        "e.g.",
        "The end.",
        "Why?",
        "!",
        "\n",
        "\n\n",
        "# Head\n",
        "- item\n",
        "```\n",
        "  ",
        "今。",
        "\ud800",
        "J. R.",
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=60).map(" ".join)


def told(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. No weighs 3.5 kg. He sleeps.", ["Dr. No weighs 3.5 kg.", "He sleeps."]),
        (
            "See Fig. 2 and Smith et al. (2010). It works.",
            ["See Fig. 2 and Smith et al. (2010).", "It works."],
        ),
        ("J. R. R. Tolkien wrote. We read.", ["J. R. R. Tolkien wrote.", "We read."]),
        (
            "Oranges hold vitamin C. The rest do not.",
            ["Oranges hold vitamin C.", "The rest do not."],
        ),
        ("Bees, wasps, etc. They fly.", ["Bees, wasps, etc.", "They fly."]),
        ("Some, e.g. bees, fly. p = 0.05 holds.", ["Some, e.g. bees, fly. p = 0.05 holds."]),
        ("“It is.” She left! Did she? Yes…", ["“It is.”", "She left!", "Did she?", "Yes…"]),
        ("15-45% [1] . Without it", ["15-45% [1] .", "Without it"]),
        ("# Head\nText goes\non. More", ["# Head", "Text goes\non.", "More"]),
        (
            "Intro:\n- one\n- two. Three\n1. First\n2. Second",
            ["Intro:", "- one", "- two.", "Three", "1. First", "2. Second"],
        ),
        ("A para without a stop\n\nAnother", ["A para without a stop", "Another"]),
        (
            "Do:\n```py\na = 1. \nB = 2\n\nc\n```\nDone.",
            ["Do:", "```py\na = 1. \nB = 2\n\nc\n```", "Done."],
        ),
        (">>> f(1)\n1\n>>> g()\n2", [">>> f(1)\n1", ">>> g()\n2"]),
        ("今日は。元気です！はい", ["今日は。", "元気です！", "はい"]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, expected: list[str]) -> None:
    assert told(text) == expected


@given(TEXTS)
def test_every_visible_character_lies_in_exactly_one_sentence(text: str) -> None:
    spans = sentences(text)
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert "".join("".join(told(text)).split()) == "".join(text.split())
    assert all(piece == piece.strip() for piece in told(text))


@given(TEXTS, st.integers(min_value=2, max_value=40), st.integers(min_value=0, max_value=10))
def test_passages_cover_the_text_in_order_and_are_not_too_long(
    text: str, size: int, overlap: int
) -> None:
    spans = chunks(text, size=size, overlap=min(overlap, size // 2))
    covered = [False] * len(text)
    for start, end in spans:
        covered[start:end] = [True] * (end - start)
    assert all(seen or char.isspace() for seen, char in zip(covered, text, strict=True))
    assert all(before[0] < after[0] and before[1] < after[1] for before, after in pairwise(spans))
    assert all(words(text[start:end]) <= 3 * size + overlap for start, end in spans)


def test_passages_are_whole_sentences_of_about_equal_length_that_overlap_a_little() -> None:
    text = " ".join(
        f"Sentence number {n} speaks of the bee and what it does all day." for n in range(120)
    )
    spans = chunks(text)
    bounds = sentences(text)
    assert all(
        start in {s for s, _ in bounds} and end in {e for _, e in bounds} for start, end in spans
    )
    lengths = [words(text[start:end]) for start, end in spans]
    assert all(0.75 * WORDS <= length <= 1.25 * WORDS for length in lengths), lengths
    shared = [words(text[after[0] : before[1]]) for before, after in pairwise(spans)]
    assert all(0 < count <= OVERLAP for count in shared), shared


def test_short_text_stays_one_passage() -> None:
    text = "One two three four. " * 60
    assert len(chunks(text)) == 1
    assert chunks("  Hi. \n") == [(2, 5)]
    assert chunks(" ") == []


def test_passage_never_begins_with_a_whole_earlier_one() -> None:
    text = "Two words. Then four words come. And three more."
    spans = chunks(text, size=4, overlap=2)
    assert [text[start:end] for start, end in spans] == [
        "Two words.",
        "Then four words come.",
        "And three more.",
    ]


def test_sentence_longer_than_a_passage_is_cut_between_words() -> None:
    text = "word " * 2_000
    spans = chunks(text)
    assert len(spans) > 5
    assert all(
        text[start:end].startswith("word") and text[start:end].endswith("word")
        for start, end in spans
    )


@pytest.mark.parametrize(
    "seed",
    [
        "a ",
        "a",
        ". ",
        "\n",
        "(",
        "A. ",
        "```\n",
        "?!",
        " ",
        "1.",
        "今",
        "- \n",
        "\"' ",
        "。",
        "e.g. ",
        "\t#",
        "[1] . ",
        "\x00",
        "\u202e. ",
    ],
)
def test_hostile_text_costs_time_in_proportion_to_its_length(seed: str) -> None:
    text = (seed * 40_000)[:40_000]
    # what is quadratic takes minutes for some of these
    assert cpu_seconds(chunks, text) < 0.5
