"""Large whole numbers on their way to a page and back."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sentient_kernel.projections.drawing.exact import MARK, MOST, marked, unmarked

NAMES = st.sampled_from([MARK, "", "id"])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(MOST - 2, MOST + 3)
    | st.text(max_size=3)
    | st.sampled_from(["12", "-7"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


def numbers(value: Any) -> list[int]:
    if isinstance(value, dict | list):
        return [
            n
            for part in (value.values() if isinstance(value, dict) else value)
            for n in numbers(part)
        ]
    return [value] if isinstance(value, int) else []


@given(VALUES)
def test_what_is_marked_holds_no_number_that_a_page_would_round_and_comes_back_as_it_was(
    value: Any,
) -> None:
    sent = json.loads(json.dumps(marked(value)))
    assert all(abs(n) <= MOST for n in numbers(sent))
    assert unmarked(sent) == value


@given(
    st.dictionaries(NAMES, st.text(max_size=2) | st.none() | st.lists(st.integers(), max_size=2))
)
def test_anything_that_a_page_sends_is_taken(value: Any) -> None:
    unmarked(value)
