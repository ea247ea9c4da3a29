"""Which measure a question asks for: "how far" is answered in kilometres. Pure."""

from __future__ import annotations

import re

__all__ = ["measures", "named_measures"]

_NUMBER = (
    r"(?:\d[\d.,]{0,12}[\s-]{0,3}|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|fifteen|twenty|thirty|forty|fifty|hundreds?|thousands?|millions?|half"
    r" an?|several|an?)[\s-]{1,3})"
)
_LENGTH = (
    r"(?:kilomet(?:re|er)s?|(?:centi|milli)?met(?:re|er)s?|miles?|feet|foot|inch(?:es)?|yards?"
    r"|light[- ]years?|km|cm|mm|m|ft|mi)\b"
)
_TIME = (
    r"(?:seconds?|minutes?|hours?|days?|nights?|weeks?|months?|years?|decades?|centur(?:y|ies)"
    r"|sekunden?"
    r"|minuten?|stunden?|tagen?|wochen?|monaten?|jahren?|heures?|jours?|mois|ans?|años?|meses"
    r"|horas?|días?)\b"
)
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
    ("old|young", rf"\b{_NUMBER}{_TIME}|\b(?:founded|built|born)\b.{{0,60}}\d"),
    ("often|frequent|frequently", _RATE),
    ("heavy", rf"\b{_NUMBER}{_WEIGHT}"),
    ("hot|cold|warm", rf"\b{_NUMBER}{_HEAT}"),
)
_MONEY = (
    r"[$\u20ac\u00a3\u00a5] ?\d|\b\d[\d.,]{0,12}(?: ?(?:thousand|million|billion|m|bn|k))?[ -]?"
    r"(?:[$\u20ac\u00a3\u00a5]|(?:dollars?|euros?|pounds?|cents?|francs?|franken|yen|yuan|rupees?"
    r"|pence|pesos?"
    r"|crowns?|kron(?:er|or)|USD|EUR|GBP|CHF)\b)|\bfree(?: of charge)?\b(?!"
    r" (?:of|from|to)\b)|\bkostenlos\b|\bgratis\b"
)
_SHARE = (
    r"\d ?%|\bper ?cent\b|\bprozent\b|\b\d[\d,]{0,9} (?:out )?of (?:the |all |his |her |its |their"
    r" )?\d"
    r"|\b(?:half|(?:a|one|two) thirds?|(?:a|one|three) quarters?|one in \w+|all|none) of\b"
)
_DOSE = (
    r"\b\d[\d.,]{0,8}"
    r" ?(?:mg|g|\u00b5g|\u03bcg|mcg|ml|iu|units?|(?:milli|micro)?grams?|millilit(?:re|er)s?"
    r"|tablets?|drops?|%)(?!\w)"
)
_SPEED = r"\d ?(?:km/h|kph|mph|m/s|knots?)\b|\b(?:per|an?) (?:second|minute|hour|day)\b"
_VERSION = r"\b\d{1,4}\.\d{1,4}"
_OFTEN_SAID = (
    "(?:exact|total|average|mean|median|maximum|minimum|approximate|overall|normal|usual|annual"
    "|current|recommended)"
)
_NOUNS = (
    ("percentage|percent|per cent|proportion|fraction|share|prozentsatz|anteil", _SHARE),
    (
        "price|cost|fee|fare|salary|wage|rent|budget|preis|eintrittspreis|prix|tarif|precio|coût",
        _MONEY,
    ),
    ("dose|dosage", _DOSE),
    ("version", _VERSION),
    ("temperature", rf"\b{_NUMBER}{_HEAT}|\d ?\u00b0"),
    ("height|length|depth|width|distance|altitude", rf"\b{_NUMBER}{_LENGTH}"),
    ("duration|dauer|durée|duración", rf"\b{_NUMBER}{_TIME}"),
    ("weight|mass", rf"\b{_NUMBER}{_WEIGHT}"),
    ("speed|velocity", _SPEED),
)
"""Nouns for a measure, in "which dose" and "the dose of", with its signs."""
_VERBS = (
    (
        r"how much (?:money )?(?:do|does|did|will|would|has|have|is|are|was|were)\b[^?.;]{1,120}?"
        r"\b(?P<said>cost|charged?|paid|pay|earn)\b",
        _MONEY,
    ),
    (r"what (?:do|does|did|will|would)\b[^?.;]{1,120}?\b(?P<said>cost|charge)\b", _MONEY),
    (r"(?:was|wie ?viel) (?P<said>kostet|kosten)\b", _MONEY),
    (r"(?:how|wie) (?P<said>expensive|cheap|costly|teuer)\b", _MONEY),
    (
        r"how much (?:do|does|did|will|would)\b[^?.;]{1,120}?\b(?P<said>weigh)\b",
        rf"\b{_NUMBER}{_WEIGHT}",
    ),
    (r"(?P<said>in per ?cent(?:age)?|how many per ?cent)\b", _SHARE),
    (r"wie lange\b", rf"\b{_NUMBER}{_TIME}"),
    (r"how (?P<said>fast)\b", _SPEED),
    (
        (
            r"how (?:many|much)\b[^?.;]{1,120}?\b(?:each|per|every)"
            r" (?:year|month|week|day|hour|minute|second)\b"
        ),
        _RATE,
    ),
    (r"how (?P<said>efficient)\b", _SHARE),
)
_MEASURED = (
    *(
        (re.compile(rf"\bhow (?:{asked})\b", re.I), re.compile(sign, re.I))
        for asked, sign in _SIGNS
    ),
    *(
        (
            re.compile(
                r"\b(?:what|which|welche[rsn]?|quel(?:le)?s?|cuál)"
                r"(?: (?:(?:is|are|was|were) the|est l[ea]|es (?:el|la)))?"
                rf"(?: {_OFTEN_SAID}| [\w-]{{1,20}})? (?P<said>{noun})s?\b"
                r"|^(?:what|wie) (?:is|are|was|were|ist|sind|war) (?:the|der|die)(?:"
                rf" [\w-]{{1,20}}){{0,3}} (?P<said2>{noun})s?\b",
                re.I,
            ),
            re.compile(sign, re.I),
        )
        for noun, sign in _NOUNS
    ),
    *((re.compile(rf"\b{asked}", re.I), re.compile(sign, re.I)) for asked, sign in _VERBS),
)
_BEGINNING = 4_000


def measures(question: str) -> list[re.Pattern[str]]:
    """Returns the signs of the measure that a question asks for; none where it asks for no measure.

    Example:
        >>> [sign.search("It is one kilometre.")[0] for sign in measures("How far do bees fly?")]
        ['one kilometre']
    """
    return [sign for asked, sign in _MEASURED if asked.search(question[:_BEGINNING])]


def named_measures(question: str) -> list[str]:
    """Returns the words by which a question names its measure: an answer has the measure, not the
    word.

    Example:
        >>> named_measures("What is the price of honey?"), named_measures("Who sells honey?")
        (['price'], [])
    """
    found = (asked.search(question[:_BEGINNING]) for asked, _ in _MEASURED)
    return [said for match in found if match for said in match.groupdict().values() if said]
