"""Tables: sequences that show themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from projection_log import BROKEN

from sentient_kernel.events import ErrorInfo, Record
from sentient_kernel.ids import DocumentId, RunId, Seq
from sentient_kernel.projections.drawing.table import HTML_ROWS, TEXT_ROWS, Table
from sentient_kernel.sources.base import Passage

NOON = datetime(2026, 1, 2, 12, 0, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Thing:
    """A row with a column of each sort."""

    SHOW: ClassVar[tuple[str, ...]] = ("name", "count", "at")

    name: str
    count: int = 0
    share: float | None = None
    at: datetime | None = None
    error: ErrorInfo | None = None
    parts: tuple[tuple[str, int], ...] = ()
    given: Any = None
    _decide: object = None


ONE = Thing(
    name="a",
    count=7,
    share=0.5,
    at=NOON,
    error=BROKEN,
    parts=(("x", 1),),
    given={"k": [1, Thing(name="in")]},
)


def test_a_table_is_an_immutable_sequence() -> None:
    table = Table([Thing(name="a"), Thing(name="b"), Thing(name="c")])
    assert (table[0].name, table[-1].name, len(table), [t.name for t in table]) == (
        "a",
        "c",
        3,
        ["a", "b", "c"],
    )
    assert table[1:] == Table([Thing(name="b"), Thing(name="c")])
    assert isinstance(table[1:], Table)
    assert hash(table[:1]) == hash(Table([Thing(name="a")]))
    assert table != ["a"]
    assert Thing(name="b") in table
    with pytest.raises(TypeError):
        table[0] = Thing(name="z")  # type: ignore[index]
    with pytest.raises(IndexError):
        table[3]


def test_text_is_aligned_bounded_and_without_address() -> None:
    table = Table(Thing(name=f"n{i}", count=i * 1_000, at=NOON) for i in range(TEXT_ROWS + 5))
    lines = str(table).splitlines()
    assert lines[0] == "name  count  at"
    assert lines[1] == "n0        0  2026-01-02 12:00:01 UTC"
    assert lines[20] == "n19   19000  2026-01-02 12:00:01 UTC"
    assert lines[-1] == "… and 5 more"
    assert (repr(table), repr(table[:1])) == ("Table of 25 things", "Table of 1 thing")
    assert str(Table((), Thing)) == "No things."
    assert (
        " at 0x"
        not in str(Table([Thing(name="o", given=object())]))
        + Table([Thing(name="o", given=object())])._repr_html_()
    )


def test_text_stays_aligned_with_wide_characters_and_in_one_line_with_hostile_ones() -> None:
    lines = str(
        Table([Thing(name="土壤", count=1), Thing(name="ab\ncd\x1b[2J\u202e", count=2)])
    ).splitlines()
    assert len(lines) == 3
    assert lines[1] == "土壤" + " " * 26 + "1"
    assert lines[2] == "ab cd[U+001B][2J[U+202E]" + " " * 6 + "2"


def test_html_is_bounded_and_escapes_every_cell() -> None:
    evil = '<script>alert(1)</script>"\u202e'
    html = Table([Thing(name=evil, at=NOON)] * (HTML_ROWS + 1))._repr_html_()
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;[U+202E]" in html
    assert html.count("<tr>") == HTML_ROWS + 1
    assert "51 things, the first 50 shown" in html
    assert "No things." in Table((), Thing)._repr_html_()


def test_frame_has_a_typed_column_for_each_public_field() -> None:
    frame = Table([ONE, Thing(name="b")]).to_frame()
    assert list(frame.columns) == ["name", "count", "share", "at", "error", "parts", "given"]
    assert str(frame["at"].dtype) == "datetime64[us, UTC]"
    assert frame["at"][0] == NOON
    assert frame["at"].isna()[1]
    assert (frame["count"].dtype, frame["share"].dtype) == ("int64", "float64")
    assert frame["error"][0] == "httpx.ReadTimeout: no answer"
    assert frame["error"][1] is None
    assert frame["parts"][0] == [["x", 1]]
    assert frame["given"][0]["k"][1]["name"] == "in"


def test_an_empty_frame_has_the_same_columns_and_types_as_a_full_one() -> None:
    empty, full = Table((), Thing).to_frame(), Table([ONE]).to_frame()
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)
    assert Table(()).to_frame().empty


def test_rows_may_be_named_tuples_models_and_values_of_other_rooms() -> None:
    record = Record(Seq(1), RunId("r"), 5, "heartbeat", b"{}")
    assert Table([record]).columns == ("seq", "run", "at", "kind", "body", "origin")
    assert Table([BROKEN]).to_frame()["type"][0] == "httpx.ReadTimeout"
    passage = Passage(
        document=DocumentId("d"), title="T", uri="u", start=0, end=3, text="abc", score=0.25
    )
    assert Table([passage]).to_frame()["score"][0] == 0.25
    assert repr(Table((), Passage)) == "Table of 0 passages"


def test_a_notebook_shows_the_aligned_text_and_a_list_of_tables_one_line_each() -> None:
    class Printer:
        def __init__(self, indentation: int) -> None:
            self.indentation, self.said = indentation, ""

        def text(self, said: str) -> None:
            self.said += said

    top, nested = Printer(0), Printer(1)
    table = Table([Thing(name="a")])
    table._repr_pretty_(top, False)
    table._repr_pretty_(nested, False)
    assert (top.said, nested.said) == (str(table), repr(table))
