"""What a model wrote is read as the JSON that was asked for: in prose, with small faults, never
when it is cut.
"""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.models.fitting import bounded, fit
from sentient_kernel.models.stream import ChatGatherer, Events, MessagesGatherer, StreamBroken
from sentient_kernel.models.structured import loads, read, repair

PLAN: dict[str, Any] = {
    "type": "object",
    "properties": {
        "queries": {
            "type": "array",
            "items": {"type": "string", "maxLength": 80},
            "minItems": 1,
            "maxItems": 5,
        },
        "depth": {"type": "integer", "minimum": 0, "maximum": 3},
        "mode": {"enum": ["wide", "deep"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["queries"],
    "additionalProperties": False,
}
QUERIES = {k: PLAN[k] for k in ("type", "required")} | {
    "properties": {"queries": PLAN["properties"]["queries"]}
}
GOOD = '{"queries": ["bees dance", "bees in winter"], "depth": 2}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"Sure! Here is the plan:\n```json\n{GOOD}\n```\nGood luck.",
        f"The plan [1] follows. {GOOD} I hope it helps {{if not, ask}}.",
        f'First I thought of {{"queries": []}}, but better: {GOOD}',
        GOOD.replace("}", ",}"),
        "{'queries': ['bees dance', 'bees in winter'], 'depth': 2}",
        GOOD.replace("2}", '"2"}'),
        GOOD.replace("2}", '2, "confidence": 0.9}'),
    ],
)
def test_json_is_found_in_prose_and_what_is_plainly_meant_is_put_right(text: str) -> None:
    assert read(text, PLAN).value == {"queries": ["bees dance", "bees in winter"], "depth": 2}


@pytest.mark.parametrize("at", range(1, len(GOOD)))
def test_json_that_is_cut_anywhere_is_never_read(at: int) -> None:
    assert not read(GOOD[:at], PLAN).ok
    assert not read(f"Here it is: {GOOD[:at]}", PLAN).ok
    assert not read(GOOD[:at], {"type": "object"}).ok


def test_a_whole_part_of_a_cut_answer_is_not_taken_for_the_answer() -> None:
    claims = '{"claims": [{"text": "one"}, {"text": "two"}, {"te'
    assert read(claims, {"type": "object"}).problems == ("The JSON is cut off.",)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "'queries' is missing in the answer."),
        ({"queries": []}, "'queries' must have 1 to 5 items, not 0."),
        ({"queries": ["x" * 81]}, "Item 1 of 'queries' must have 0 to 80 characters, not 81."),
        ({"queries": ["a"], "depth": 7}, "'depth' must lie between 0 and 3, not at 7."),
        ({"queries": ["a"], "depth": True}, "'depth' must be integer, not boolean."),
        ({"queries": ["a"], "mode": "both"}, "'mode' must be one of 'wide', 'deep'."),
        ({"queries": None}, "'queries' must be array, not null."),
    ],
)
def test_what_does_not_fit_is_named(value: dict[str, Any], problem: str) -> None:
    assert fit(value, PLAN)[1] == [problem]
    assert problem in repair(read(json.dumps(value), PLAN).problems)


def test_small_slips_are_put_right_and_nothing_is_made_up() -> None:
    assert fit({"queries": "one", "mode": "Wide", "note": None}, PLAN) == (
        {"queries": ["one"], "mode": "wide", "note": None},
        [],
    )
    # null for "not there"
    assert fit({"queries": ["a"], "depth": None}, PLAN) == (
        {"queries": ["a"]},
        [],
    )
    assert fit(3.0, {"type": "integer"}) == (3, [])
    assert fit("yes", {"type": "boolean"}) == (True, [])
    # as it is goes before as it may be meant
    assert fit("3", {"anyOf": [{"type": "integer"}, {"type": "string"}]}) == (
        "3",
        [],
    )


def test_references_are_followed_and_circles_end() -> None:
    tree = {
        "$ref": "#/$defs/node",
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            }
        },
    }
    assert fit({"kids": [{"kids": []}]}, tree) == ({"kids": [{"kids": []}]}, [])
    assert fit({"kids": [{"kids": None}]}, tree | {"required": ["kids"]})[1] == []
    assert fit({"kids": [{"kids": True}]}, tree)[1] == [
        "'kids' in item 1 of 'kids' must be array, not boolean."
    ]
    assert fit(1, {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}) == (1, [])
    deep: Any = {}
    for _ in range(200):
        deep = {"kids": [deep]}
    assert "nested too deeply" in " ".join(fit(deep, tree)[1])


def test_every_text_and_list_gets_a_bound_and_keeps_its_own() -> None:
    made = bounded(PLAN | {"$defs": {"x": {"type": "array", "items": {"type": "string"}}}})
    assert made["properties"]["queries"] == PLAN["properties"]["queries"]
    assert made["properties"]["note"]["anyOf"][0] == {"type": "string", "maxLength": 2_000}
    assert made["$defs"]["x"] == {
        "type": "array",
        "items": {"type": "string", "maxLength": 2_000},
        "maxItems": 32,
    }
    # a member called type
    assert (
        bounded({"properties": {"type": {"type": "string"}}})["properties"]["type"]["maxLength"]
        == 2_000
    )
    assert fit("x" * 30_000, {"type": "string"})[1]
    assert fit(list(range(2_000)), {"type": "array"})[1]


@pytest.mark.parametrize(
    "text",
    [
        "{1, 2}",
        "b'x'",
        "NaN",
        '{"a": Infinity}',
        '{"a": 1e999}',
        "[" * 100_000,
        "{'a': " * 5_000,
        "x" * 10,
        "{a: 1}",
    ],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not JSON|nested"):
        loads(text)


def test_half_characters_do_not_reach_the_journal() -> None:
    value, problems = fit("\ud83d\ude00 and \ud83d", {"type": "string"})
    assert not problems and value == "😀 and �"


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read(text, PLAN)
    assert found.ok == (found.value is not None)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_what_comes_out_fits(value: Any) -> None:
    fitted, problems = fit(value, PLAN)
    if not problems:
        assert fit(fitted, PLAN) == (fitted, [])
        json.dumps(fitted).encode()


def test_brackets_without_end_take_no_time() -> None:
    for text in (
        "[" * 200_000,
        "{" * 200_000,
        "[]" * 100_000,
        '{"a":' * 50_000,
        '"' * 100_001 + "{",
        "{}" * 100 + "x" * 100_000,
    ):
        read(text, PLAN)


CHUNKS = [
    b'data: {"model": "m", "choices": [{"delta": {"content": "<thi"}}]}\n\n',
    b'data: {"choices": [{"delta": {"content": "nk>hm</th"}}]}\n\n',
    ': ping\n\ndata: {"choices": [{"delta": {"content": "ink> Honig süß"}}], "usage": null}\r\n\r\n'.encode(),
    (
        b'data: {"choices": [{"delta": {"reasoning_content": "aha"}}]}\n\ndata: {"choices":'
        b' [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    ),
    (
        b'data: {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}\n\ndata:'
        b" [DONE]\n\n"
    ),
]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_stream_is_gathered_however_it_is_cut_into_packets(size: int) -> None:
    stream = b"".join(CHUNKS)
    events, gatherer = Events(), ChatGatherer()
    shown = []
    for at in range(0, len(stream), size):
        shown += [
            text for data in events.feed(stream[at : at + size]) if (text := gatherer.feed(data))
        ]
    body = gatherer.body()
    assert gatherer.ended
    assert body["choices"][0] == {
        "index": 0,
        "message": {"role": "assistant", "content": "Honig süß", "reasoning_content": "hmaha"},
        "finish_reason": "stop",
    }
    assert (
        body["usage"] == {"prompt_tokens": 7, "completion_tokens": 3}
        and "".join(shown) == "Honig süß"
    )


@pytest.mark.parametrize("text", ["<", "<b>bold</b>", "  <thinking", "a <think>b</think>"])
def test_text_that_only_looks_like_thinking_is_text(text: str) -> None:
    gatherer = ChatGatherer()
    for sign in text:
        gatherer.feed(json.dumps({"choices": [{"delta": {"content": sign}}]}))
    assert gatherer.body()["choices"][0]["message"]["content"] == text
    assert not gatherer.ended


def test_a_thought_that_never_ends_is_no_answer() -> None:
    gatherer = ChatGatherer()
    assert (
        gatherer.feed(json.dumps({"choices": [{"delta": {"content": "<think>on and on"}}]})) == ""
    )
    assert gatherer.body()["choices"][0]["message"] == {
        "role": "assistant",
        "content": "",
        "reasoning_content": "on and on",
    }


def test_what_a_server_says_beside_its_answer_is_cut() -> None:
    long, usage = "m" * 1_000_000, {f"n{n}": n for n in range(100_000)} | {"o" * 1_000_000: 3}
    deep: Any = {"cached_tokens": 5}
    for _ in range(900):
        deep = {"d": deep}
    usage = {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "details": deep,
        "told": [long],
        "word": long,
    } | usage
    choice = {"delta": {"content": "Yes", "refusal": long}, "finish_reason": long}
    said = {
        "model": long,
        "id": long,
        "object": long,
        "choices": [choice],
        "usage": usage,
        "extra": long,
    }
    chat = ChatGatherer()
    for _ in range(3):
        chat.feed(json.dumps(said))
    messages = MessagesGatherer()
    told = {"id": long, "model": long, "content": [long], "usage": usage, "extra": long}
    messages.feed(json.dumps({"type": "message_start", "message": told}))
    for n in range(50):
        messages.feed(
            json.dumps(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": long},
                    "usage": {f"{n} {i}": i for i in range(50)},
                }
            )
        )
    for body in (chat.body(), messages.body()):
        assert len(json.dumps(body)) < 30_000
        assert len(body["model"]) == 200
    assert chat.body()["choices"][0]["message"]["content"] == "YesYesYes"
    assert {"prompt_tokens": 3, "completion_tokens": 2}.items() <= chat.usage.items()


def test_blanks_without_end_cost_no_more_than_other_text() -> None:
    gatherer = ChatGatherer()
    begun = time.process_time()
    for _ in range(30_000):
        gatherer.feed('{"choices": [{"delta": {"content": "        "}}]}')
    assert time.process_time() - begun < 3
    assert gatherer.body()["choices"][0]["message"]["content"] == " " * 240_000


@pytest.mark.parametrize("data", ["{", "[]", "3", "null", "[" * 100_000])
def test_an_event_that_is_no_object_breaks_the_stream(data: str) -> None:
    for gatherer in (ChatGatherer(), MessagesGatherer()):
        with pytest.raises(StreamBroken):
            gatherer.feed(data)


@pytest.mark.parametrize(
    "data",
    [
        '{"choices": null}',
        '{"choices": [null]}',
        '{"choices": [{"delta": null}]}',
        '{"choices": [{"delta": {"content": 3}}], "usage": 4}',
        "{}",
    ],
)
def test_odd_chunks_bring_nothing_and_break_nothing(data: str) -> None:
    gatherer = ChatGatherer()
    assert gatherer.feed(data) is None
    assert MessagesGatherer().feed(data) is None


def test_a_line_without_end_is_not_kept() -> None:
    events = Events()
    with pytest.raises(StreamBroken):
        for _ in range(10):
            events.feed(b"data: " + b"x" * 1_000_000)


REPORT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "claims": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "cites": {"type": "array", "items": {"type": "integer", "minimum": 1}},
                },
                "required": ["text", "cites"],
                "additionalProperties": False,
            },
        },
        "missing": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["claims", "missing"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "cites",
    [
        "[1, 3]",
        '["1", "3"]',
        '["[1]", "[3]"]',
        '[{"quote": 1}, {"n": "3"}]',
        '"1, 3"',
        '"[1][3]"',
        '["1, 3"]',
        '["quote 1", "#3"]',
        "[1.0, 3.0,]",
    ],
)
def test_numbers_of_quotes_are_read_in_any_shape(cites: str) -> None:
    found = read(
        f'Here you are [2]:\n{{"claims": [{{"text": "A sentence.", "cites": {cites}}}], "missing":'
        " []}",
        REPORT,
    )
    assert found.value == {"claims": [{"text": "A sentence.", "cites": [1, 3]}], "missing": []}


@pytest.mark.parametrize(
    "text",
    [
        '[{"text": "A sentence.", "cites": [1]}]',
        '```json\n[{"text": "A sentence.", "cites": 1}]\n```',
        '[{"claims": [{"text": "A sentence.", "cites": [1]}], "missing": []}]',
        '{"claims": {"text": "A sentence.", "cites": [1]}, "missing": null}',
        '{"claims": [{"text": "A sentence.", "cites": [1]}]}',
    ],
)
def test_a_list_in_place_of_its_object_and_a_list_that_was_left_out_are_read(text: str) -> None:
    assert read(text, REPORT).value == {
        "claims": [{"text": "A sentence.", "cites": [1]}],
        "missing": [],
    }


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"text": "A sentence.", "cites": [1]}',
        "[1, 2]",
        '["a"]',
        '{"claims": [{"cites": [1]}]}',
        "[]",
    ],
)
def test_what_only_resembles_the_object_is_not_read(text: str) -> None:
    assert not read(text, REPORT).ok


@given(st.text(alphabet="[]()0123456789, -{}", max_size=60))
def test_any_numbers_are_read_or_refused(text: str) -> None:
    fitted, problems = fit({"claims": [{"text": "a", "cites": text}]}, REPORT)
    assert problems or all(isinstance(n, int) and n >= 1 for n in fitted["claims"][0]["cites"])
