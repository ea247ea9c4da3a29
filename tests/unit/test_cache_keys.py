"""What makes two calls the same, and what of a call is written down: a digest."""

from __future__ import annotations

import asyncio
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.cache import Cache, Key
from sentient_kernel.errors import UsageError, ValueNotStorable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
)


def shuffled(value: Any) -> Any:
    """Returns the same JSON, every dict in the opposite order."""
    if isinstance(value, dict):
        return {name: shuffled(part) for name, part in reversed(value.items())}
    return [shuffled(part) for part in value] if isinstance(value, list) else value


@given(JSON)
def test_the_order_of_names_does_not_count(what: Any) -> None:
    assert Key("page", what) == Key("page", shuffled(what))


@given(JSON, JSON)
def test_other_calls_have_other_digests(one: Any, other: Any) -> None:
    assert (Key("page", one) == Key("page", other)) == same(one, other)


def same(one: Any, other: Any) -> bool:
    """Equality that tells True from 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def test_kind_identity_and_version_count() -> None:
    what = {"query": "bees"}
    keys = [
        Key("search", what),
        Key("page", what),
        Key("search", what, "ana"),
        Key("search", what, "", "2"),
        Key("search", what, "2"),
    ]
    assert len(set(keys)) == len(keys)


def test_nothing_slips_from_one_part_of_a_key_into_the_next() -> None:
    assert Key("page", "a", "b", "c") != Key("page", "a", "bc", "")
    assert Key("page", ["a", "b"]) != Key("page", "a", "b")
    assert Key("page", 1) != Key("page", "1") != Key("page", True)


def test_half_characters_are_a_key_like_others() -> None:
    assert Key("page", "\ud800") != Key("page", "\ud801")


@pytest.mark.parametrize(
    "what", [b"bytes", {1: "a"}, {"a": {None: 1}}, float("nan"), object(), {"a": {1, 2}}]
)
def test_what_is_no_json_is_no_key(what: Any) -> None:
    with pytest.raises(ValueNotStorable):
        Key("page", what)


def test_a_key_has_a_bottom() -> None:
    deep: Any = "x"
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValueNotStorable, match="deep"):
        Key("page", deep)
    for build in (lambda part: [part], lambda part: {"a": part}):
        deep = "x"
        for _ in range(100):
            deep = build(deep)
        assert Key("page", deep).digest
        with pytest.raises(ValueNotStorable, match="deep"):
            Key("page", build(deep))
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueNotStorable):
        Key("page", circle)


def test_there_are_three_kinds_of_calls() -> None:
    with pytest.raises(UsageError, match="model, page, search"):
        Key("shell", "rm")  # type: ignore[arg-type]


def test_a_key_does_not_change_with_what_it_was_made_of() -> None:
    what = {"query": "bees"}
    key = Key("search", what)
    before = key.digest
    what["query"] = "ants"
    assert key.digest == before
    with pytest.raises(FrozenInstanceError):
        key.kind = "page"  # type: ignore[misc]


def test_identity_is_shown_nowhere() -> None:
    key = Key("model", {"model": "gpt", "messages": ["hi"]}, identity="sk-canary")
    assert "canary" not in repr(key) + str(key) + key.label


def test_a_label_is_one_short_line() -> None:
    assert (
        Key("search", {"query": "How far\ndo \u202ebees fly?"}).label
        == "search call 'How far do [U+202E]bees fly?'"
    )
    assert Key("page", {"url": "https://example.org/" + "x" * 500}).label.endswith("…'")
    assert Key("page", {"url": "x" * 120}).label == f"page call {'x' * 120!r}"
    assert Key("page", {"url": "x" * 121}).label == f"page call {'x' * 119 + '…'!r}"
    assert Key("page", {"method": "GET", "url": "u", "query": "q"}).label == "page call 'u'"
    for nameless in (["a"], {"query": 3}, ""):
        key = Key("model", nameless)
        assert key.label == f"model call {key.digest[:12]}"


async def answer() -> bytes:
    return b"an answer"


def test_nothing_of_a_key_but_its_digest_is_on_disk(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.db") as cache:
        key = Key(
            "page",
            {"url": "https://example.org/canary-one", "headers": {"x": "canary-two"}},
            identity="canary-three",
        )
        asyncio.run(cache.call(key, answer))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"an answer" in written
    assert b"canary" not in written
