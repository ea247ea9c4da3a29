"""What is being written is kept in part, by run and author."""

from __future__ import annotations

from sentient_kernel.ids import RunId
from sentient_kernel.journal.texts import AUTHORS, RUNS, TAIL, Texts

R = RunId("r")


def test_pieces_of_one_author_follow_one_another_and_others_stand_apart() -> None:
    texts = Texts()
    assert [
        texts.add(R, "a", "one ").at,
        texts.add(R, "b", "x").at,
        texts.add(R, "a", "two").at,
    ] == [0, 0, 4]
    assert {by: text.text for by, text in texts.of(R).items()} == {"a": "one two", "b": "x"}
    assert texts.of(RunId("other")) == {}


def test_the_end_of_a_long_text_is_kept_with_its_place() -> None:
    texts = Texts()
    for i in range(10_000):
        texts.add(R, "a", f"{i:07d} ")
    text = texts.of(R)["a"]
    assert TAIL <= len(text.text) <= 2 * TAIL + 8
    assert text.at + len(text.text) == 80_000
    assert text.text.endswith("0009999 ")


def test_memory_is_bounded_in_authors_and_runs() -> None:
    texts = Texts()
    for i in range(AUTHORS + 5):
        texts.add(R, f"author {i}", "x")
    assert len(texts.of(R)) == AUTHORS
    assert "author 0" not in texts.of(R)
    for i in range(RUNS + 5):
        texts.add(RunId(f"run {i}"), "a", "x")
    assert texts.of(R) == {}
    assert texts.of(RunId(f"run {RUNS + 4}"))
