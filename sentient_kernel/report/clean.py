"""How a quote is shown: without the markup of README files, docstrings and papers. Pure; the quote
itself stays verbatim.
"""

from __future__ import annotations

import re

LONGEST = 700
"""A sentence is shown up to so many characters; longer ones are code or lists that no mark ends."""

_MARKUP = (
    (re.compile(r"!\[[^\]\n]{0,200}\]\([^)\s]{0,500}\)"), ""),  # a badge
    (re.compile(r"\[([^\]\n]{1,200})\]\([^)\s]{0,500}\)"), r"\1"),  # a link
    (
        re.compile(r":[a-z]{2,12}(?::[a-z]{2,12})?:`~?([^`<\n]{1,120})(?: <[^>`\n]{0,200}>)?`"),
        r"\1",
    ),  # a role
    (re.compile(r"`([^`<\n]{1,200}) <[^>`\n]{0,300}>`_{0,2}"), r"\1"),
    (re.compile(r"(`{1,2})([^`\n]{1,200})\1_{0,2}"), r"\2"),
    (re.compile(r"(\*\*|__)(?=\S)([^*_\n]{1,300}?)(?<=\S)\1"), r"\2"),
    (re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,10}(?:\s[^<>]{0,300})?/?>"), ""),
    (
        re.compile(r"\s?\[[0-9]{1,3}(?:[,\u2013-] ?[0-9]{1,3}){0,9}\]"),
        "",
    ),  # the number of a reference
)
_LEADER = re.compile(
    r"^(?:#{1,6}|[-=~^*]{3,}|:[a-z]{3,8}(?:"
    r" [\w.*]{1,60}){0,3}:|[-*+\u2022\u00b7>|]|\.\.|>>>|\(?[0-9]{1,3}[.)]|\(?[a-z]\))[ \t]+"
)
_ROW = re.compile(r"\|(?: [^|]{1,300} \|){2,}$")
_GAP = re.compile(r" ([.,;:)])(?=\s|$)")


def clean(quote: str) -> str:
    """Returns a quote as a report shows it: on one line, without the markup of README files,
    docstrings and papers.

    Example:
        >>> clean("* Use :func:`~pkg.load` with **care** [12].")
        'Use pkg.load with care.'
        >>> clean("| treatment: none | colonies: 12 |")
        'treatment: none; colonies: 12'
    """
    text = quote[: 2 * LONGEST]
    for pattern, shown in _MARKUP:
        text = pattern.sub(shown, text)
    text = " ".join(text.split())
    if _ROW.fullmatch(text):
        text = text.strip("| ").replace(" | ", "; ")
    text = _GAP.sub(r"\1", _LEADER.sub("", text))
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(" ", 1)[0] + " …"
