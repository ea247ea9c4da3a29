"""Answers over documentation lead with what a thing is; parameters and examples do not pass for
statements.
"""

from __future__ import annotations

from sentient_kernel.ids import DocumentId
from sentient_kernel.research.extractive.disagree import disagreements
from sentient_kernel.research.extractive.evidence import collect, select
from sentient_kernel.research.extractive.features import body, entry
from sentient_kernel.research.extractive.noise import noisy
from sentient_kernel.research.extractive.plan import plan
from sentient_kernel.research.extractive.support import supported
from sentient_kernel.research.extractive.write import write
from sentient_kernel.sources.base import Passage
from sentient_kernel.text.words import titled


def passage(title: str, text: str, score: float = 5.0) -> Passage:
    return Passage(
        document=DocumentId(title),
        title=f"{title} (lib 1)",
        uri=title,
        start=0,
        end=len(text),
        text=text,
        score=score,
    )


LOC = passage(
    "lib.Frame.loc",
    "Frame.loc: Access rows and columns by their labels.\n\nkey (label): The loc of the row, where"
    " iloc takes its number.",
)
ILOC = passage(
    "lib.Frame.iloc",
    "Frame.iloc: Access rows and columns by integer position.\n\nkey (int): The iloc of the row.",
    4.0,
)
GET = passage("lib.Index.get_loc", "Index.get_loc: Get the integer location of a label.", 3.0)


def test_an_answer_to_a_comparison_says_what_each_side_is() -> None:
    question = "What is the difference between loc and iloc?"
    parts = plan(question)
    found = {part.id: [LOC, ILOC, GET] for part in parts}
    report = write(question, parts, collect(parts, found), found=found)
    assert (
        report.answer
        == "Frame.loc: Access rows and columns by their labels. Frame.iloc: Access rows and columns"
        " by integer position."
    )


def test_what_a_thing_is_comes_before_its_parameters() -> None:
    chosen = select("Which labels does loc access?", [LOC, ILOC])
    assert chosen[0].quote == "Frame.loc: Access rows and columns by their labels."


def test_a_summary_names_what_its_document_is_about() -> None:
    assert body("Frame.loc: Access rows.", "lib.Frame.loc (lib 1)") == "Access rows."
    assert body("os.walk(top): Yields folders.", "os.walk (python 3)") == "Yields folders."
    for other in ("Other.loc: Access rows.", "Note: Access rows."):
        assert body(other, "lib.Frame.loc (lib 1)") == other


def test_entries_of_lists_are_told_from_sentences() -> None:
    entries = (
        "sep (str, default ','): What parts fields.",
        "- left: keys of the left.",
        "Raises KeyError: If it is missing.",
    )
    assert all(
        map(
            entry,
            (
                *entries,
                "limit: How many at most.",
                "Changed in version 3.0: It is gone.",
                "If True: rows are kept.",
            ),
        )
    )
    sentences = (
        "The key is looked up.",
        "Results: We found bees.",
        "Returns are rare in June.",
        "In 1998: a year.",
        "Frame.loc: Access rows.",
    )
    assert not any(map(entry, sentences))
    assert noisy("See also: DataFrame.pivot, DataFrame.melt, wide_to_long.")


def test_entries_of_lists_do_not_contradict_each_other() -> None:
    one = passage(
        "lib.merge",
        "- left: use keys from left frame that are in right frame, similar to an outer join.",
    )
    other = passage(
        "lib.join",
        "- anti: use keys from left frame that are not in right frame, similar to an outer join.",
    )
    assert (
        disagreements(select("Which keys from the left frame does a join use?", [one, other])) == ()
    )


def test_examples_do_not_answer() -> None:
    code = passage(
        "lib.Index",
        "Index: Finds texts.\n\n```\n>>> index.put('honey bees live long in winter')\n```",
    )
    assert not supported("How long do honey bees live in winter?", [code]).ok


def test_a_name_is_about_the_words_that_it_is_joined_from() -> None:
    assert "group" in titled("lib.DataFrameGroupBy.aggregate")
