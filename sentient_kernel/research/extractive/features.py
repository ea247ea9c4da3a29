"""Signs on the surface of a text: that a sentence reports a study, points back, or holds what a
question asks for; names in titles; rows of tables; quotes without markup. Pure.

Parsers write a row as ``| North slope | 41.0% |``; Markdown has a line of dashes under the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sentient_kernel.text.words import content, words

study = re.compile(
    r"\b(?:we (?:\w+"
    r" )?(?:show|found|find|demonstrat|report|identif|observ|propos|conclud|reveal|examin"
    r"|investigat|us|perform|compar"
    r"|assess|stud|test|analy)\w*|results?|methods?|conclusions?|in this"
    r" study|background|patients|p ?[<=] ?0?\.\d)\b",
    re.I,
).search
"""Tells whether a sentence speaks as papers do of their own work."""
entry = re.compile(
    r"[-*+\u2022] |(?:Returns|Yields|Raises|Warns|Receives)\b[^:.]{0,90}: "
    r"|(?:Added|Changed|Deprecated) (?:in|since) version |If [^:.]{1,30}: "
    r"|\*{0,2}[a-z_]\w{0,40}(?: \([^:\n]{1,90}\)|): "
).match
"""Tells whether a line is an entry of a list, such as a parameter with what it means: its sentences
say little by themselves.
"""
_SUMMARY = re.compile(r"(\w{1,80}(?:\.\w{1,80}){1,9})(?:\([^:\n]{0,60}\))?: ")
_DEFINES = re.compile(
    r"(?:Note: |[^\w\s]{1,3}\s?)?(?:The |An?"
    r" )?(.{1,60}?)(?:\(\d\w?\))?\s(?:is|are|was|were|means|refers"
    r" to|describes|denotes|lets|provides"
    r"|[-\u2013\u2014])\s"
)
_TOPIC = re.compile(
    r"(?:what|who) (?:is|are|was|were) (?:an? |the )?(?P<one>[\w.-]+(?: [\w.-]+){0,3})\W*$", re.I
)
pointing = re.compile(
    r"[\"'(\u201c]?(?:It|This|These|They|He|She|Such|Those|That|Its|Their|His|Her)\b"
).match
"""Tells whether a sentence begins with a word that points back to the one before it."""
_QUANTITY = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million"
    r"|billion|half|third|dozen)\b",
    re.I,
)
_DATE = re.compile(
    r"\b(?:1[0-9]{3}|20[0-9]{2})\b|\b(?:January|February|March|April|May|June|July|August"
    r"|September|October|November|December"
    r"|century|decade)\b"
)
_KINDS = (
    (
        r"\bhow (?:many|much|long|old|often|far|large|big|high|tall)\b|\b(?:what|which)"
        r" (?:percent|number|proportion|fraction|rate)",
        _QUANTITY,
    ),
    (r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade)\b", _DATE),
    (
        r"\bwho(?:m|se)?\b|\bwhere\b|\b(?:what|which)"
        r" (?:city|country|state|place|region|continent|person|company)\b",
        re.compile(r"(?<=\S )[A-Z][a-z]+"),
    ),
    (
        r"^what (?:is|are) (?:an? |the )?[\w-]+(?: [\w-]+){0,2}\?*$",
        re.compile(r"\b(?:is|are|was|were|refers? to|known as|defined|called|means?)\b"),
    ),
)
"""What asks for a quantity, a date, a name or a definition, with the signs of those."""
_ENDING = re.compile(r"\.(?:txt|md|rst|html?|pdf|docx|ipynb)$|\(\d\w?\)$", re.I)
ASKS = frozenset(
    "what who whom whose when where why which how does do did is are was were can could should will"
    " would has have had".split()
)
"""Words that make a question of a few words."""
DEEPEST = 3
"""Parts of a title that a name may have: "DataFrame.groupby.agg"."""
FIRST = 3
"""In so many words a question says what it asks for."""
_BEGINNING = 4000
"""Signs are looked for in so many characters."""

FARTHEST = 2_000
"""Characters between the names and a row that is read with them."""
_RULE = re.compile(r"\|?(?:\s*:?-{2,}:?\s*\|)+(?:\s*:?-{2,}:?\s*)?$")
_FIGURE = re.compile(r"\d[\d.,]*")
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
_SPACED = re.compile(r" ([.,;:)])(?=\s|$)")


def wanted(question: str, *, first: bool = False) -> list[re.Pattern[str]]:
    """Returns the signs of what a question asks for: a quantity, a date, a name, a definition.

    Args:
        question: What is asked.
        first: Whether only its first words count: "how do bees tell where food is" asks for no
            place.
    """
    text = question[:_BEGINNING]
    within = len(" ".join(text.split(" ")[:FIRST])) if first else len(text)
    return [
        sign
        for asked, sign in _KINDS
        if (match := re.search(asked, text, re.I)) and match.start() <= within
    ]


def body(text: str, title: str) -> str:
    """Returns a sentence without the name of what its document is about before it; as it is where
    there is none.

    Example:
        >>> body("os.walk: Generates the names of files.", "os.walk (python 3.11)")
        'Generates the names of files.'
    """
    match = _SUMMARY.match(text)
    named = match and f".{title.partition(' (')[0]}".endswith(f".{match[1]}")
    return text[match.end() :] if match and named else text


def topic(question: str) -> tuple[str, ...]:
    """Returns the words of what a question wants to be told of: "git reset", "What is entropy?".

    None when it asks for more than what that is.
    """
    match = _TOPIC.match(question)
    text = match["one"] if match else question.strip()
    said = words(text)
    bare = match or (
        len(said) <= 4 and not question.rstrip().endswith("?") and not ASKS & frozenset(said)
    )
    return tuple(said) if bare and content(text) else ()


def defines(text: str, named: Sequence[str]) -> bool:
    """Tells whether a sentence begins with a name and says what it is.

    Args:
        text: The sentence.
        named: The words of the name, in small letters.
    """
    match = _DEFINES.match(text)
    return match is not None and bool(named) and words(match[1]) == list(named)


def row(quote: str) -> bool:
    """Tells whether a quote is the row of a table."""
    return quote.startswith("|") and quote.count("|") > 2


def heading(quote: str, after: str) -> bool:
    """Tells whether a quote stands over a text and is no sentence of it.

    Args:
        quote: The words.
        after: What follows them.
    """
    return quote.startswith("#") or (
        after.startswith("\n\n") and len(quote.split()) <= 12 and quote.rstrip()[-1:].isalnum()
    )


def family(title: str, name: str) -> tuple[str, ...] | None:
    """Returns what stands before a name that a title ends with; None when it does not end with it.

    Example:
        >>> family("pandas.DataFrame.merge (pandas 3.1)", "merge"), family("git-reset(1)",
        ...     "git reset")
        (('pandas', 'DataFrame'), ())
        >>> family("pandas.Index.get_loc", "loc") is None
        True
    """
    names, wanted = path(title), words(name)
    for count in range(1, min(DEEPEST, len(names)) + 1):
        if words(" ".join(names[-count:])) == wanted:
            return names[:-count]
    return None


def path(title: str) -> tuple[str, ...]:
    """Returns the names in a title: ``pandas`` and ``merge`` of ``pandas.merge (pandas 3.1)``."""
    return tuple(re.split("[./:]", _ENDING.sub("", title.partition(" (")[0])))


class Row(NamedTuple):
    """A row of a table that says something.

    Args:
        text: The row as it is read: "Site: North slope; Cover: 41.0%".
        start: Where what it is read from begins: its names, or the row itself.
    """

    text: str
    start: int


def read_row(text: str, start: int, end: int, *, whole: bool = True) -> Row | None:
    """Returns the row of a table at a place, with the names of its columns.

    None where there is none, or where it is the names themselves, a rule, or a row whose names are
    not known.

    Args:
        text: The text around it.
        start: Where the row begins.
        end: Where it ends.
        whole: Whether the text begins where its document does, and is not cut out of it.

    Example:
        >>> table = "| Site | Cover | Depth |\\n|---|---|---|\\n| North | 41% | 8 m |"
        >>> read_row(table, 39, len(table)).text
        'Site: North; Cover: 41%; Depth: 8 m'
    """
    quote = text[start:end]
    cells = _cells(quote)
    if not row(quote) or _RULE.fullmatch(quote.strip()) or not any(cells):
        return None
    told = [cell for cell in cells if ": " in cell]
    if len(told) * 2 > len(cells):  # its cells have their names in them
        return Row("; ".join(filter(None, cells)), start)
    top = _top(text, start)
    block = [
        line
        for line in text[top:].split("\n\n", 1)[0].splitlines()
        if line.lstrip().startswith("|")
    ]
    ruled = len(block) > 1 and bool(_RULE.fullmatch(block[1].strip()))
    rows = [_cells(line) for line in block if not _RULE.fullmatch(line.strip())]
    known = ruled or ((whole or top > 0) and _names(rows))
    if known and 0 < start - top <= FARTHEST and len(rows[0]) >= len(cells):
        named = [
            f"{name}: {cell}" if name else cell
            for name, cell in zip(rows[0], cells, strict=False)
            if cell
        ]
        return Row("; ".join(named), top)
    if not known and len(cells) == 2 and all(cells):  # a name and what it has: "Height", "214 m"
        return Row(": ".join(cells), start)
    return None


def _cells(line: str) -> list[str]:
    return [" ".join(cell.split()) for cell in line.strip().strip("|").split("|")]


def _top(text: str, start: int) -> int:
    """Returns where the first of the lines of a table begins."""
    top = start
    while top > 0 and start - top <= FARTHEST:
        line = text.rfind("\n", 0, top - 1) + 1
        if not text[line:top].lstrip().startswith("|"):
            break
        top = line
    return top


def _names(rows: Sequence[Sequence[str]]) -> bool:
    """Tells whether the first row has the names of the columns: below it stand things of one
    kind.
    """
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if not rest or not all(_FIGURE.sub("", cell).strip() for cell in first[1:]):
        return False
    for at in range(1, len(first)):
        kinds = {_FIGURE.sub("0", row[at]) for row in rest}
        if (
            len(kinds) == 1
            and "0" in next(iter(kinds))
            and _FIGURE.sub("0", first[at]) not in kinds
        ):
            return len(rest) > 1 or len(first) > 2
    return len(first) > 2 and not any(_FIGURE.search(cell) for cell in first)


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
    text = _SPACED.sub(r"\1", _LEADER.sub("", text))
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(" ", 1)[0] + " …"
