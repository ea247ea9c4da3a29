"""Which measure a question asks for: "how far" is answered in kilometres. Pure."""

from __future__ import annotations

import re

__all__ = ["measures"]

_NUMBER = (
    r"(?:\d[\d.,]{0,12}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen"
    r"|twenty|thirty|forty|fifty|hundreds?|thousands?|millions?|half an?|several|an?)[\s-]{0,3}"
)
_LENGTH = (
    r"(?:kilomet(?:re|er)s?|(?:centi|milli)?met(?:re|er)s?|miles?|feet|foot|inch(?:es)?|yards?"
    r"|light[- ]years?|km|cm|mm|m|ft|mi)\b"
)
_TIME = r"(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|centur(?:y|ies))\b"
_WEIGHT = r"(?:kilograms?|grams?|tons?|tonnes?|pounds?|ounces?|kg|g|mg|lbs?|t)\b"
_HEAT = r"(?:degrees?\b|\u00b0|K\b)"
_RATE = (
    rf"\b(?:twice|{_NUMBER}times|hourly|daily|weekly|monthly|yearly|annually|every|each)\b"
    rf"|\b(?:per|an?) {_TIME}"
)
_SIGNS = (
    ("far|tall|wide|deep|near", rf"\b{_NUMBER}{_LENGTH}"),
    ("high", rf"\b{_NUMBER}(?:{_LENGTH}|%|per ?cent\b)"),
    ("long (?:do|does|did|can|will|has|have|had)", rf"\b{_NUMBER}{_TIME}"),
    (r"long(?! (?:do|does|did|can|will|has|have|had)\b)", rf"\b{_NUMBER}(?:{_TIME}|{_LENGTH})"),
    ("old|young", rf"\b{_NUMBER}{_TIME}|\b(?:founded|built|born)\b"),
    ("often|frequent|frequently", _RATE),
    ("heavy", rf"\b{_NUMBER}{_WEIGHT}"),
    ("hot|cold|warm", rf"\b{_NUMBER}{_HEAT}"),
)
_MEASURED = tuple((re.compile(rf"\bhow (?:{asked})\b", re.I), re.compile(sign, re.I)) for asked, sign in _SIGNS)
_BEGINNING = 4_000


def measures(question: str) -> list[re.Pattern[str]]:
    """Returns the signs of the measure that a question asks for; none where it asks for no measure.

    Example:
        >>> [sign.search("It is one kilometre.")[0] for sign in measures("How far do bees fly?")]
        ['one kilometre']
    """
    return [sign for asked, sign in _MEASURED if asked.search(question[:_BEGINNING])]
