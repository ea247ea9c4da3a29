"""Numbers of quotes as models write them: beside a sentence in any shape, or in it as citations are
written. Pure.
"""

from __future__ import annotations

import re
from typing import Any

from sentient_kernel.models.fitting import listed

_NUMBER = r"[0-9]{1,3}(?![0-9])"
_GROUP = rf"{_NUMBER}(?:\s*(?:,|;|&|-|\u2013|\u2014|\band\b|\bto\b)\s*(?:and\s+)?{_NUMBER})*"
_LABEL = (
    r"(?:\^|#|(?:quotes?|sources?|refs?|references?|citations?|cites?|evidence|documents?|docs?)"
    r"\s*[:#]?\s*)?"
)
_BRACKETS = re.compile(
    rf"\s*(?:\[\s*{_LABEL}({_GROUP})\s*\](?:\([^()\s]*\))?"
    rf"|\u3010\s*{_LABEL}({_GROUP})(?:\u2020[^\u3011]*)?\s*\u3011)",
    re.I,
)
_SAID = re.compile(rf"\s*\(\s*(?:see\s+)?{_LABEL[:-1]}\s*({_GROUP})\s*\)", re.I)
_LAST = re.compile(rf"\s*\(\s*({_GROUP})\s*\)(?=[.!?\u3002]?\s*$)")
_CODE = re.compile(r"(?:[a-z_]\w*[._][a-z_]\w*|\))$")
_NAMED = re.compile(
    r"\b(?:fig|figure|eq|equation|table|section|step|phase|type|part|range|interval|ci)\.?$", re.I
)
_ONLY = re.compile(rf"\W*(?:{_LABEL}{_GROUP}\W*)+", re.I)
_MOST = 100
"""Numbers that are read of one answer."""


def cited(value: Any) -> list[int]:
    """Returns the numbers that a model gives beside a sentence: a list, one number, words, or
    objects that hold them.

    Example:
        >>> cited([1, "2", "[3]", {"quote": 4}]), cited("quotes 1 and 3"), cited("2-4")
        ([1, 2, 3, 4], [1, 3], [2, 3, 4])
        >>> cited([True, None, "In 1874"])
        []
    """
    found: list[int] = []
    for one in value[:_MOST] if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            one = next(iter(one.values()), None)
        if isinstance(one, str) and len(one) < 200 and _ONLY.fullmatch(one):
            found += listed(one)
        elif isinstance(one, int) and not isinstance(one, bool):
            found.append(one)
    return list(dict.fromkeys(found))[:_MOST]


def lifted(text: str, *, most: int, beside: bool) -> tuple[str, list[int]]:
    """Returns a sentence without the citations that are written into it, and their numbers.

    Args:
        text: The sentence.
        most: How many quotes there are.
        beside: Whether numbers stand beside the sentence; if so, a bare number in parentheses is
            part of what it says.

    Example:
        >>> lifted("It was built in 1874 [1, 3], and is lit \u30104\u2020source\u3011.", most=9,
        ...     beside=False)
        ('It was built in 1874, and is lit.', [1, 3, 4])
    """
    found: list[int] = []

    def take(match: re.Match[str]) -> str:
        before, numbers = (
            match.string[: match.start()],
            listed(next(filter(None, match.groups()))),
        )
        code = before.count("`") % 2 or (match.group()[0] == "[" and _CODE.search(before))
        if (
            code
            or _NAMED.search(before)
            or 0 in numbers
            or (len(numbers) > 1 and max(numbers) > most)
        ):
            return match.group()  # a place in a list, a figure, an interval
        found.extend(numbers)
        return ""

    text = _SAID.sub(take, _BRACKETS.sub(take, text))
    if (
        not found
        and not beside
        and (match := _LAST.search(text))
        and all(1 <= n <= most for n in listed(match[1]))
    ):
        text = _LAST.sub(take, text)
    return " ".join(text.split()), list(dict.fromkeys(found))
