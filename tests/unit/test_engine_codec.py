"""Values in and out of the journal: what comes back is what went in, on the first run as on every
replay.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict  # pydantic takes that of typing from Python 3.12 on

from sentient_kernel.engine import codec as _codec
from sentient_kernel.errors import NotFound, ValueNotStorable
from sentient_kernel.events import Record
from sentient_kernel.ids import BlobId, RunId, Seq, StepKey


@dataclasses.dataclass
class Point:
    x: float
    raw: bytes = b""
    tags: set[str] = dataclasses.field(default_factory=set)


class Paper(BaseModel):
    title: str
    score: float = 0.0
    tags: set[str] = set()
    body: bytes = b""
    day: dt.date | None = None


class Pair(NamedTuple):
    a: int
    b: str


class Row(TypedDict):
    raw: bytes


class Blobs:
    """Blobs in a dict."""

    def __init__(self) -> None:
        self.kept: dict[BlobId, bytes] = {}

    def put(self, data: bytes, *, sync: bool = False) -> BlobId:
        self.kept[BlobId(str(len(self.kept)))] = data
        return BlobId(str(len(self.kept) - 1))

    def get(self, blob: BlobId) -> bytes:
        if blob not in self.kept:
            raise NotFound(blob)
        return self.kept[blob]


def says_nothing(): ...


def says(hint: Any) -> Callable[[], Any]:
    """A function that says it returns that."""

    def fn() -> Any: ...

    fn.__annotations__["return"] = hint
    return fn


def both(value: Any, fn: Callable[..., Any] | None) -> tuple[Any, Any]:
    """What the workflow gets on the first run, and what it gets on a replay."""
    blobs = Blobs()
    fact, first = _codec.result("step_completed", StepKey("k"), value, "the result", fn, blobs)
    return first, _codec.stored_result(fact.body(), blobs, fn)


KEPT_AS_THEY_ARE: list[tuple[Any, Any]] = [
    (None, says_nothing),
    (True, says_nothing),
    (0, says_nothing),
    (10**40, says_nothing),
    (-1.5e-300, says_nothing),
    (0.1 + 0.2, says_nothing),
    (math.inf, says_nothing),
    (-math.inf, says(float)),
    ("", says_nothing),
    ("NaN", says_nothing),
    ("\x00\n\t\u2028\U0001f600", says_nothing),
    ({"a": [1, {"b": None}], "": 2.5}, says_nothing),
    ([math.inf, -math.inf, 1.0, "x"], says_nothing),
    (["Infinity", "x"], says_nothing),
    ({"best": math.inf, "all": [1.0, 2]}, says(dict)),
    ((1, "a"), says(tuple[int, str])),
    ({3, 1, 2}, says(set[int])),
    (frozenset({"b", "a"}), says(frozenset[str])),
    (b"\x00\xff\xfe", says(bytes)),
    ([b"\xff", b""], says(list[bytes])),
    (dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=dt.UTC), says(dt.datetime)),
    (dt.date(2024, 2, 29), says(dt.date)),
    (dt.timedelta(days=-1, microseconds=1), says(dt.timedelta)),
    (Decimal("0.10"), says(Decimal)),
    (1 + 2j, says(complex)),
    (Path("/tmp/a b"), says(Path)),
    (Pair(1, "x"), says(Pair)),
    ({1: "a", 2: "b"}, says(dict[int, str])),
    (Point(1.5, b"\xff", {"x", "y"}), says_nothing),
    (Point(1.5, b"\xff", {"x", "y"}), says(Point)),
    ([Point(1.0, b"a"), Point(2.0, b"b")], says_nothing),
    ({"p": Point(1.0, b"\xff")}, says(dict[str, Point])),
    (Point(math.inf), says_nothing),
    (Row(raw=b"\xff"), says(Row)),
    (Paper(title="A", tags={"x", "y"}, body=b"plain", day=dt.date(2024, 1, 1)), says_nothing),
    (Paper(title="A", score=math.inf), says_nothing),
    ([Paper(title="A"), Paper(title="B")], says_nothing),
    ([Paper(title="A")], says(list[Paper])),
    (Paper(title="A"), says(Paper | None)),
    (None, says(Paper | None)),
]


@pytest.mark.parametrize(
    ("value", "fn"), KEPT_AS_THEY_ARE, ids=lambda v: repr(v)[:40] if not callable(v) else ""
)
def test_result_comes_back_equal_on_first_run_and_on_replay(
    value: Any, fn: Callable[..., Any]
) -> None:
    first, replay = both(value, fn)
    assert first == replay == value
    assert type(first) is type(replay) is type(value)


@pytest.mark.parametrize("fn", [says_nothing, says(float)])
def test_nan_stays_a_number(fn: Callable[..., Any]) -> None:
    first, replay = both(math.nan, fn)
    assert math.isnan(first)
    assert math.isnan(replay)


@pytest.mark.parametrize(
    "value",
    [
        {"mean": math.nan},
        [1.0, math.nan],
        Paper(title="A", score=math.nan),
        [Paper(title="A", score=math.nan)],
    ],
)
def test_nan_inside_a_value_stays_a_number(value: Any) -> None:
    first, replay = both(value, says_nothing)
    for got in (first, replay):
        inner = (
            got["mean"]
            if isinstance(got, dict)
            else got.score
            if isinstance(got, Paper)
            else got[-1]
        )
        assert math.isnan(inner.score if isinstance(inner, Paper) else inner)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, 2), [1, 2]),
        ({2, 1}, [1, 2]),
        (Pair(1, "x"), [1, "x"]),
        (dt.date(2024, 1, 1), "2024-01-01"),
        ({1: "a"}, {"1": "a"}),
    ],
    ids=repr,
)
def test_result_without_annotation_is_plain_both_times(value: Any, kept: Any) -> None:
    assert both(value, says_nothing) == (kept, kept)


ZEROS = np.zeros((2, 2), dtype="float32")
OF_NUMPY_AND_PANDAS: list[tuple[Any, Any]] = [
    (np.int64(-3), -3),
    (np.uint8(255), 255),
    (np.float32(0.1), float(np.float32(0.1))),
    (np.float64(0.1), 0.1),
    (np.float16(math.inf), math.inf),
    (np.longdouble(0.5), 0.5),
    (np.bool_(True), True),
    (np.str_("é"), "é"),
    (np.datetime64("2024-02-29"), "2024-02-29"),
    (np.datetime64("2024-02-29T23:59:59"), "2024-02-29T23:59:59"),
    (np.datetime64("2024-02-29T00:00:00.000000001"), "2024-02-29T00:00:00.000000001"),
    (np.timedelta64(90, "s"), "PT1M30S"),
    (np.timedelta64(1000, "ns"), "PT0.000001S"),
    (np.datetime64("NaT"), None),
    (np.array([1, 2]), [1, 2]),
    (np.array(7), 7),
    (ZEROS, [[0.0, 0.0], [0.0, 0.0]]),
    (np.array([True, False]), [True, False]),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array([1.0, math.inf]), [1.0, math.inf]),
    (np.array([{"a": np.int8(1)}, None], dtype=object), [{"a": 1}, None]),
    (np.array(["2024-02-29", "NaT"], dtype="M8[ns]"), ["2024-02-29T00:00:00", None]),
    (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    ({np.int64(1): np.int64(2), "n": (np.float32(0.5), {np.int64(3)})}, {"1": 2, "n": [0.5, [3]]}),
    (pd.Series([1, 2])[0], 1),
    (pd.NA, None),
    (pd.NaT, None),
    (pd.Timestamp("2024-02-29", tz="UTC"), "2024-02-29T00:00:00Z"),
    (pd.Timestamp("2024-02-29 00:00:00.000000001"), "2024-02-29T00:00:00.000000001"),
    (pd.Timedelta("90s"), "PT1M30S"),
    (range(3), [0, 1, 2]),
]


@pytest.mark.parametrize(("value", "kept"), OF_NUMPY_AND_PANDAS, ids=lambda v: repr(v)[:40])
def test_numbers_times_and_arrays_of_numpy_and_pandas_are_plain_both_times(
    value: Any, kept: Any
) -> None:
    for got in both(value, says_nothing):
        assert got == kept and type(got) is type(kept)
    first, replay = both([value, {"deep": value}], says_nothing)
    assert first == replay == [kept, {"deep": kept}]


def test_number_of_numpy_that_is_no_number_stays_so() -> None:
    for got in (
        *both(np.float64(math.nan), says_nothing),
        *both(np.float32(math.nan), says_nothing),
    ):
        assert type(got) is float and math.isnan(got)


def test_number_of_numpy_in_a_model_or_a_dataclass_comes_back() -> None:
    assert both(Point(np.float32(0.5)), says_nothing) == (Point(0.5), Point(0.5))
    assert both([Point(np.int64(2))], says(list[Point])) == ([Point(2.0)], [Point(2.0)])


def test_number_of_numpy_counts_as_the_same_argument_as_that_of_python() -> None:
    for ours, theirs in (
        (3, np.int64(3)),
        ([1, 2], np.array([1, 2])),
        ({"a": 0.5}, {"a": np.float32(0.5)}),
    ):
        assert _codec.canonical(ours, "argument 1") == _codec.canonical(theirs, "argument 1")


def test_annotation_that_promises_something_else_gives_plain_values_both_times() -> None:
    assert both(["a", None], says(list[int])) == (["a", None], ["a", None])


def test_type_of_a_result_is_looked_up_only_where_its_function_was_defined() -> None:
    encoded = _codec.encode(Paper(title="A"), "the result")
    assert isinstance(_codec.decode(encoded.json, encoded.type, says_nothing), Paper)
    assert isinstance(_codec.decode(encoded.json, encoded.type, json.dumps), dict)
    assert isinstance(_codec.decode(b'{"title":"A"}', "subprocess", says_nothing), dict)


def test_callable_without_hash_is_typed_by_its_values() -> None:
    class Caller:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> int:
            return 1

    assert both(7, Caller()) == (7, 7)


def test_big_result_goes_to_a_blob_and_comes_back() -> None:
    text, blobs = "é" * 100_000, Blobs()
    fact, _ = _codec.result("step_completed", StepKey("k"), text, "the result", None, blobs)
    assert len(fact.body()) < 100
    assert len(blobs.kept) == 1
    assert _codec.stored_result(fact.body(), blobs, None) == text


def test_result_event_is_the_event_of_the_vocabulary() -> None:
    key = StepKey("0123456789abcdef")
    fact, _ = _codec.result("step_completed", key, Paper(title="A"), "the result", None, Blobs())
    event = Record(Seq(1), RunId("r"), 0, fact.kind, fact.body()).event
    assert (event.key, event.type, event.result["title"]) == ("0123456789abcdef", "Paper", "A")


def loop() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


def deep() -> list[Any]:
    items: list[Any] = []
    for _ in range(100_000):
        items = [items]
    return items


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (object(), "it is of type builtins.object"),
        ({"a": [1, {"b": object()}]}, "it['a'][1]['b'] is of type builtins.object"),
        ([1, lambda: 1], "it[1] is of type builtins.function"),
        (loop(), "refers to itself"),
        (deep(), "nested too deeply"),
        ("\ud800", "half a surrogate pair"),
        ({"t": "\ud800"}, "it['t'] holds half a surrogate pair"),
        ((i for i in "ab"), "it is of type builtins.generator"),
        ([(i for i in "ab")], "it[0] is of type builtins.generator"),
        ({"f": pd.DataFrame({"a": [1]})}, "it['f'] is of type pandas"),
        ({"s": pd.Series([1])}, "it['s'] is of type pandas"),
        ([pd.Period("2024")], "it[0] is of type pandas"),
        ({"x": np.longdouble(1) / 3}, "it['x'] is of type numpy.longdouble"),
        ([np.timedelta64(1, "ns")], "it[0] is of type numpy.timedelta64"),
        (np.zeros(1, dtype=[("a", int)]), "it is of type numpy.ndarray"),
        ([Point(object())], "it[0].x is of type builtins.object"),  # type: ignore[arg-type]
        (ValueError("x"), "it is of type builtins.ValueError"),
    ],
    ids=[str(i) for i in range(17)],
)
def test_what_cannot_be_kept_is_named(value: Any, named: str) -> None:
    with pytest.raises(ValueNotStorable) as raised:
        _codec.encode(value, "the result of step 'read'")
    assert str(raised.value).startswith("The result of step 'read' cannot be kept as JSON: ")
    assert named in str(raised.value)


def test_argument_that_can_be_read_only_once_is_refused_before_it_is_read() -> None:
    numbers = (i for i in range(3))
    with pytest.raises(ValueNotStorable):
        _codec.canonical(numbers, "argument 1 of step 'sum'")
    assert list(numbers) == [0, 1, 2]


# -- arguments of a workflow -----------------------------------------------------------------------


async def takes(
    ctx: Any,
    day: dt.date,
    raw: bytes,
    *points: Point,
    share: float,
    limit: int = 3,
    papers: list[Paper] | None = None,
    **more: set[int],
) -> None: ...


async def takes_anything(ctx: Any, a: Any, *rest: str, limit: int = 0) -> None: ...


def test_inputs_come_back_as_the_annotations_say() -> None:
    args: tuple[Any, ...] = (dt.date(2024, 1, 1), b"\xff", Point(1.0, b"\xff"), Point(2.0))
    kwargs: dict[str, Any] = {"share": math.inf, "papers": [Paper(title="A")], "extra": {2, 1}}
    stored = json.loads(json.dumps(_codec.inputs_of(args, kwargs)))
    assert _codec.arguments(takes, stored) == (args, kwargs)


def test_further_positional_inputs_are_not_taken_for_keyword_ones() -> None:
    stored = _codec.inputs_of(("x", "1", "2", "3"), {})
    assert _codec.arguments(takes_anything, stored) == (("x", "1", "2", "3"), {})


def test_input_that_does_not_fit_its_annotation_is_handed_on_as_it_is() -> None:
    assert _codec.arguments(takes, _codec.inputs_of(("soon", b""), {"share": 1.0}))[0][0] == "soon"


def test_frame_as_input_is_refused_with_advice() -> None:
    with pytest.raises(
        ValueNotStorable,
        match=r"Argument 'table' of the workflow is a DataFrame\. Load it in a step",
    ):
        _codec.inputs_of((), {"table": pd.DataFrame({"a": [1]})})


# -- canonical form: what stands for arguments in a step's identity --------------------------------


def test_canonical_form_ignores_the_order_of_keys_and_members() -> None:
    def form(value: Any) -> bytes:
        return _codec.canonical(value, "argument 1")

    assert form({"a": 1, "b": {"c": 2, "d": 3}}) == form({"b": {"d": 3, "c": 2}, "a": 1})
    assert form({"x", "y", "z"}) == form({"z", "y", "x"})
    assert form([1, 2]) != form([2, 1])
    assert form(1) != form(1.0) != form("1")
    assert form({"a": None}) != form({})


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=80, deadline=None)
def test_every_json_value_survives(value: Any) -> None:
    first, replay = both(value, says_nothing)
    assert first == replay
    if not ({"NaN", "Infinity", "-Infinity"} & set(_texts(value))):
        assert first == value


@given(JSON, st.randoms())
@settings(max_examples=40, deadline=None)
def test_canonical_form_does_not_depend_on_insertion_order(value: Any, chance: Any) -> None:
    assert _codec.canonical(_shuffled(value, chance), "argument 1") == _codec.canonical(
        value, "argument 1"
    )


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(t for v in value.values() for t in _texts(v))]
    if isinstance(value, list):
        return [t for v in value for t in _texts(v)]
    return [value] if isinstance(value, str) else []


def _shuffled(value: Any, chance: Any) -> Any:
    if isinstance(value, dict):
        items = [(k, _shuffled(v, chance)) for k, v in value.items()]
        chance.shuffle(items)
        return dict(items)
    return [_shuffled(v, chance) for v in value] if isinstance(value, list) else value


# -- tables ----------------------------------------------------------------------------------------

DAYS = pd.DatetimeIndex([pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02 03:04:05.123456789")])

FRAMES = {
    "floats to the last bit": pd.DataFrame(
        {"p": [1e-20, 0.1 + 0.2, 1e300, math.nan, math.inf, -0.0]}
    ),
    "big integers": pd.DataFrame({"a": [1, -2, 2**62]}),
    "small types": pd.DataFrame(
        {"u": pd.array([255], "uint8"), "f": pd.Series([0.1], dtype="float32"), "b": [True]}
    ),
    "texts with gaps": pd.DataFrame({"a": ["x", None, "é", "NaN"]}),
    "nullable": pd.DataFrame(
        {
            "i": pd.array([1, None], "Int64"),
            "s": pd.array(["x", None], "string"),
            "b": pd.array([True, None], "boolean"),
        }
    ),
    "times": pd.DataFrame(
        {
            "n": DAYS,
            "gap": [pd.NaT, DAYS[0]],
            "tz": DAYS.tz_localize("Europe/Berlin"),
            "us": DAYS.as_unit("us"),
        }
    ),
    "durations": pd.DataFrame({"a": pd.to_timedelta(["1 days", None])}),
    "categories": pd.DataFrame(
        {"a": pd.Categorical(["x", None, "x"], categories=["z", "y", "x"], ordered=True)}
    ),
    "columns of one name": pd.DataFrame([[1, "a"]], columns=["c", "c"]),
    "columns of two levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")], names=["k", None])
    ),
    "numbers as columns": pd.DataFrame({0: [1], 2: [2]}),
    "named index": pd.DataFrame({"v": [1, 2]}, index=pd.Index(["a", "b"], name="key")),
    "index of two levels": pd.DataFrame(
        {"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "n"])
    ),
    "index of times": pd.DataFrame({"v": [1, 2]}, index=DAYS.tz_localize("UTC")),
    "labels that repeat": pd.DataFrame({"v": [1, 2]}, index=[1, 1]),
    "part of a range": pd.DataFrame({"a": range(5)})[1::2],
    "JSON in cells": pd.DataFrame(
        {"a": [[1, 2], {"x": None}, "t", 1, 2.5, True, None, math.nan, math.inf]}, dtype=object
    ),
    "empty": pd.DataFrame(),
    "no rows": pd.DataFrame(
        {"a": pd.Series([], dtype="float64"), "b": pd.Series([], dtype="datetime64[ns]")}
    ),
    "numbers of numpy in cells": pd.DataFrame(
        {"a": pd.Series([np.int64(1), "x", np.float64(0.5)], dtype=object)}
    ),
    "name of columns": pd.DataFrame({"a": [1]}).rename_axis(columns="what"),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_table_comes_back_as_it_was(frame: pd.DataFrame) -> None:
    for got in both(frame, says(pd.DataFrame)):
        pd.testing.assert_frame_equal(got, frame, check_exact=True, check_freq=False)


@pytest.mark.parametrize(
    "column",
    [column for frame in FRAMES.values() for _, column in frame.items()],
    ids=lambda c: str(c.name),
)
def test_series_comes_back_as_it_was(column: Any) -> None:
    for got in (*both(column, says(pd.Series)), *both(column.rename(None), says_nothing)):
        pd.testing.assert_series_equal(
            got, column.rename(got.name), check_exact=True, check_freq=False
        )
    assert (
        both(column, None)[1].name == column.name
        and both(column.rename(None), None)[1].name is None
    )


@pytest.mark.parametrize(
    ("frame", "named"),
    [
        (
            pd.DataFrame({"c": pd.period_range("2020-01", periods=1, freq="M")}),
            "Column 'c' of the result cannot be kept: it holds type period",
        ),
        (
            pd.DataFrame({"c": [1 + 2j]}),
            "Column 'c' of the result cannot be kept: it holds type complex128",
        ),
        (pd.DataFrame({"c": [dt.date(2020, 1, 1)]}), "holds a value of type datetime.date"),
        (pd.DataFrame({"c": [object()]}), "holds a value of type builtins.object"),
        (pd.DataFrame({"c": [(1, 2)]}), "holds a value of type builtins.tuple"),
        (
            pd.DataFrame({"c": [1]}, index=pd.IntervalIndex.from_breaks([0, 1])),
            "The labels of the result cannot be kept: it holds type interval",
        ),
    ],
    ids=["period", "complex", "date", "object", "tuple", "interval"],
)
def test_column_that_cannot_be_kept_is_named(frame: pd.DataFrame, named: str) -> None:
    with pytest.raises(ValueNotStorable) as raised:
        _codec.encode(frame, "the result")
    assert named in str(raised.value)


@given(st.lists(st.floats(), max_size=20))
@settings(max_examples=30, deadline=None)
def test_every_float_in_a_table_survives(numbers: list[float]) -> None:
    frame = pd.DataFrame({"a": pd.Series(numbers, dtype="float64")})
    pd.testing.assert_frame_equal(both(frame, None)[1], frame, check_exact=True)
