"""Docstrings of all styles become text that people read, and no docstring, however odd, stops or
slows that.
"""

from __future__ import annotations

import inspect
import random
import re

import pytest
from cpu_kit import cpu_seconds
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.ids import DocumentId
from sentient_kernel.index.chunk import sentences
from sentient_kernel.sources.base import Passage
from sentient_kernel.sources.local.package_names import AskedNames, expanded, ordered
from sentient_kernel.sources.parser.python.docmarks import inline
from sentient_kernel.sources.parser.python.docstrings import described, render, short_name


def rendered(doc: str) -> str:
    return render(inspect.cleandoc(doc))


def test_numpydoc_sections_become_headings_and_one_block_for_each_parameter() -> None:
    doc = """
        Merge two frames
        on a key.

        Parameters
        ----------
        how : {'left', 'right',
            'outer'}, default 'left'
            Type of merge
            to be done.

            * left: keys of the left
              frame only.
            * right: keys of the right frame only.
        on, left_on : label
            Column to join on.
        flag

        Returns
        -------
        DataFrame
            The merged frame.

        Raises
        ------
        KeyError
            If a column is missing.

        See Also
        --------
        DataFrame.join : Join on the index.
        merge_ordered, merge_asof : Other merges.

        Notes
        -----
        A note of two
        lines.
        """
    assert rendered(doc).split("\n\n") == [
        "Merge two frames on a key.",
        "Parameters",
        "how ({'left', 'right', 'outer'}, default 'left'): Type of merge to be done.",
        "- left: keys of the left frame only.\n- right: keys of the right frame only.",
        "on, left_on (label): Column to join on.",
        "flag",
        "Returns DataFrame: The merged frame.",
        "Raises KeyError: If a column is missing.",
        "See also: DataFrame.join, merge_ordered, merge_asof.",
        "Notes",
        "A note of two lines.",
    ]


def test_google_style_reads_the_same() -> None:
    doc = """
        Adds a column.

        Args:
            header (Union[str, Text], optional): Text for the
                header. Defaults to "".
            *cells: What stands below it.

        Returns:
            The number of columns.

        Raises:
            ValueError: If it is full.

        Example:
            >>> table.add("x")
            1
        """
    assert rendered(doc).split("\n\n") == [
        "Adds a column.",
        "Parameters",
        'header (Union[str, Text], optional): Text for the header. Defaults to "".',
        "*cells: What stands below it.",
        "Returns: The number of columns.",
        "Raises ValueError: If it is full.",
        "Examples",
        '```\n>>> table.add("x")\n1\n```',
    ]


def test_fields_take_their_types_from_fields_of_their_own() -> None:
    doc = """
        Runs it.

        :param func: what
            to run
        :type func: callable
        :param int count: how often
        :returns: what it returned
        :rtype: str
        :raises ~lib.errors.Closed: if it is closed
        """
    assert rendered(doc).split("\n\n") == [
        "Runs it.",
        "Parameters",
        "func (callable): what to run",
        "count (int): how often",
        "Returns str: what it returned",
        "Raises ~lib.errors.Closed: if it is closed",
    ]


def test_marks_inside_a_line_are_resolved() -> None:
    assert (
        inline(
            "Use :meth:`~DataFrame.loc` or :ref:`the guide <basics>`, ``x[1]`` and `this"
            " <https://a.b>`__ [2]_."
        )
        == "Use `loc` or the guide, `x[1]` and this."
    )
    assert (
        inline("*args and **kwargs, a * b * c, 2**3**4, but *this* and **that**; ``*a*`` stays")
        == "*args and **kwargs, a * b * c, 2**3**4, but this and that; `*a*` stays"
    )
    assert (
        inline(r"A \*star\*, :pep:`484`, |settings.x|, a|b|c, [`Field`][lib.Field]")
        == "A *star*, PEP 484, settings.x, a|b|c, `Field`"
    )


def test_directives_are_worded_or_dropped_and_their_code_is_code() -> None:
    doc = """
        Does it.

        .. versionadded:: 1.2
        .. versionchanged:: 2.0
           It is faster.
        .. deprecated:: 3.0
        .. note::

           Mind the gap.
        .. image:: x.png
           :alt: nothing
        .. code-block:: python
           :linenos:

           x = 1

        .. a comment
        .. _target: https://x.org
        .. [1] A. Author, A book.
        """
    assert rendered(doc).split("\n\n") == [
        "Does it.",
        "Added in version 1.2.",
        "Changed in version 2.0: It is faster.",
        "Deprecated since version 3.0.",
        "Note: Mind the gap.",
        "```\nx = 1\n```",
        "[1] A. Author, A book.",
    ]


def test_examples_are_blocks_of_their_own_that_no_sentence_crosses() -> None:
    doc = """
        The result is sorted::

            a = load(x)
            b = a.sort()

        >>> b.head(2)
           n
        0  1

        Rows come first. Columns come last.
        >>> b.tail()
        """
    text = rendered(doc)
    assert [text[start:end] for start, end in sentences(text)] == [
        "The result is sorted:",
        "```\na = load(x)\nb = a.sort()\n```",
        "```\n>>> b.head(2)\n   n\n0  1\n```",
        "Rows come first.",
        "Columns come last.",
        "```\n>>> b.tail()\n```",
    ]


def test_long_code_is_cut_into_blocks_that_are_shorter_than_a_passage() -> None:
    text = render(
        "Code::\n\n"
        + "\n".join(f"    value_{n} = compute({n}, {n + 1}) + rest" for n in range(200))
    )
    blocks = text.split("\n\n")[1:]
    assert all(
        block.startswith("```\n") and block.endswith("\n```") and len(block.split()) <= 110
        for block in blocks
    )
    assert "".join(blocks).count("compute(") == 200


def test_tables_name_their_columns() -> None:
    simple = (
        "Modes:\n\n====  ==========\nMark  Meaning\n====  ==========\n'r'   read it\n'w'   write"
        " it,\n      anew\n====  ==========\n\nEnd."
    )
    assert render(simple).split("\n\n") == [
        "Modes:",
        "| Mark: 'r' | Meaning: read it |\n| Mark: 'w' | Meaning: write it, anew |",
        "End.",
    ]
    grid = "+---+-----+\n| a | b   |\n+===+=====+\n| 1 | two |\n|   | or  |\n+---+-----+\n"
    assert render(grid) == "| a: 1 | b: two or |"
    columns = "Marks are:\n    '.'    Any character\n           but one.\n    '^'    The start.\n"
    assert render(columns).endswith("- '.': Any character but one.\n- '^': The start.")


def test_lists_keep_their_items_and_what_is_nested_in_them() -> None:
    doc = (
        "Kinds:\n\n* one\n  goes on\n\n  - inner *a*\n  - inner b\n* **two** - lazy\nline\n\n1."
        " first\n2. second\n"
    )
    assert (
        render(doc)
        == "Kinds:\n\n- one goes on\n  - inner a\n  - inner b\n- two - lazy line\n1. first\n2."
        " second"
    )


def test_headings_lose_their_underlines_and_boxes_of_markdown_their_marks() -> None:
    assert (
        render("=====\nTitle\n=====\n\nText.\n\nPart\n~~~~\nMore.\n\n-----\n\nEnd.")
        == "Title\n\nText.\n\nPart\n\nMore.\n\nEnd."
    )
    assert (
        render('!!! note "Mind"\n    This.\n\n!!! abstract "Usage"\n    [x](y)\n\nEnd.')
        == "Note: Mind\n\nThis.\n\nEnd."
    )


def test_a_document_begins_with_the_signature_and_then_says_what_the_thing_is() -> None:
    assert (
        described("os.walk", "os.walk(top)", "Yields\nfolders.\n\nMore.")
        == "```\nos.walk(top)\n```\n\nos.walk: Yields folders.\n\nMore."
    )
    assert (
        described("numpy.array", "", "array(object)\n\nMakes one.")
        == "```\narray(object)\n```\n\nnumpy.array: Makes one."
    )
    assert described("a.b", "", ">>> b()\n1").startswith("a.b\n\n```\n>>> b()")
    assert [short_name(name) for name in ("lib", "lib.x.y.Cls.meth", "lib.x.Cls", "lib.x.go")] == [
        "lib",
        "Cls.meth",
        "x.Cls",
        "x.go",
    ]


@given(st.text(alphabet=" \t\nab:.`*-=~|>+[]()#@_\\{}'\"1,x", max_size=400))
def test_any_text_is_rendered_with_an_end(doc: str) -> None:
    text = described("a.b", "a.b(x)", doc)
    assert text.startswith("```\na.b")
    assert "a.b" in text.partition("\n```\n\n")[2]


PIECES = """Parameters|----------|x : int|    What it is.|Args:|    y (str): Text.|:param z: more|.. note::|.. code::|>>> x|* item|  - inner
1. one|===  ===|a    b|+---+|::|```|||Text that ends here.|!!! tip|Returns:|See Also|--------|**Bold:**|@return: it|   |\x00\ud800"""


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("", "", "    ", "        ")),
            st.sampled_from([*re.split(r"[|\n]", PIECES), "| a |"]),
        ),
        max_size=14,
    )
)
def test_any_mixture_of_marks_is_rendered(lines: list[tuple[str, str]]) -> None:
    text = render("\n".join(indent + piece for indent, piece in lines))
    assert "\n\n\n" not in text
    assert "\x00" not in text


@pytest.mark.parametrize(
    "doc",
    [
        "* " * 20_000,
        "a  b\n" * 20_000,
        "\n".join(" " * depth + "* x" for depth in range(2_000)),
        ":a:`" * 20_000,
        "x : (" + "{[(" * 20_000,
        "=== ===\n" * 10_000,
        "[" * 50_000 + "](" * 50_000,
        "a\n---\n" * 20_000,
        "Args:\n" + "    x: y\n" * 20_000,
        ".. note::\n" + "   text\n" * 20_000,
        "**" * 50_000,
        "\n".join("  " * (n % 40) + ".. note:: x" for n in range(10_000)),
    ],
    ids=range(12),
)
def test_hostile_docstrings_take_time_in_proportion(doc: str) -> None:
    quarter = doc[: len(doc) // 4]
    assert cpu_seconds(render, doc) < 20 * cpu_seconds(render, quarter) + 0.5


def test_words_of_a_docstring_are_kept() -> None:
    rng = random.Random(1)
    lines = [f"{'    ' * rng.randint(0, 2)}word{n} and more." for n in range(300)]
    text = render("\n".join(lines))
    assert all(f"word{n} " in text for n in range(300))


def passage(name: str, *, start: int = 0, score: float = 1.0) -> Passage:
    return Passage(
        document=DocumentId(name),
        title=f"{name} (lib 1)",
        uri=name,
        start=start,
        end=start + 4,
        text="text",
        score=score,
    )


def test_what_a_question_names_counts_more_and_errors_less() -> None:
    asked = AskedNames("What is the difference between loc and iloc?")
    weights = {
        name: asked.weight(passage(name), {"exported": True})
        for name in ("lib.Frame.loc", "lib.Frame.iat", "lib.IatError")
    }
    assert weights["lib.Frame.loc"] > weights["lib.Frame.iat"] > weights["lib.IatError"]
    assert AskedNames("Which error?").weight(passage("lib.LocError"), {}) > AskedNames(
        "Which one?"
    ).weight(passage("lib.LocError"), {})
    first, later = (
        AskedNames("How?").weight(passage("lib.go", start=start), {}) for start in (0, 900)
    )
    assert (
        first > later > AskedNames("How?").weight(passage("lib.go", start=900), {"exported": False})
    )
    assert AskedNames("httpx redirects").weight(passage("httpx.get"), {}) > AskedNames(
        "redirects"
    ).weight(passage("httpx.get"), {})


def test_a_document_with_several_fitting_passages_leads_and_shows_what_it_is() -> None:
    many = [passage("lib.many", start=start) for start in (500, 900, 0)]
    one = passage("lib.one")
    assert ordered([(3.0, one), (2.9, many[0]), (2.0, many[1]), (0.1, many[2])]) == [
        many[0],
        many[2],
        one,
        many[1],
    ]
    assert ordered([]) == []


def test_questions_are_asked_in_the_words_of_documentation_too() -> None:
    assert expanded("Remove data frames") == "Remove data frames removedata dataframes drop"
