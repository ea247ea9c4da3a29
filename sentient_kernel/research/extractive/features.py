"""Signs on the surface of a sentence: that it reports a study, points back, or holds what a
question asks for. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sentient_kernel.text.words import content, words

_STUDY = re.compile(
    r"\b(?:we (?:\w+"
    r" )?(?:show|found|find|demonstrat|report|identif|observ|propos|conclud|reveal|examin"
    r"|investigat|us|perform|compar"
    r"|assess|stud|test|analy)\w*|results?|methods?|conclusions?|in this"
    r" study|background|patients|p ?[<=] ?0?\.\d)\b",
    re.I,
)
_ENTRY = re.compile(
    r"[-*+\u2022] |(?:Returns|Yields|Raises|Warns|Receives)\b[^:.]{0,90}: "
    r"|(?:Added|Changed|Deprecated) (?:in|since) version |If [^:.]{1,30}: "
    r"|\*{0,2}[a-z_]\w{0,40}(?: \([^:\n]{1,90}\)|): "
)
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
_POINTING = re.compile(
    r"[\"'(\u201c]?(?:It|This|These|They|He|She|Such|Those|That|Its|Their|His|Her)\b"
)
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
_NAME = re.compile(r"(?<=\S )[A-Z][a-z]+")
_IS = re.compile(r"\b(?:is|are|was|were|refers? to|known as|defined|called|means?)\b")
_ASKED = (
    (
        (
            r"\bhow (?:many|much|long|old|often|far|large|big|high|tall)\b|\b(?:what|which)"
            r" (?:percent|number|proportion|fraction|rate)"
        ),
        _QUANTITY,
    ),
    (r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|century|decade)\b", _DATE),
    (
        (
            r"\bwho(?:m|se)?\b|\bwhere\b|\b(?:what|which)"
            r" (?:city|country|state|place|region|continent|person|company)\b"
        ),
        _NAME,
    ),
    (r"^what (?:is|are) (?:an? |the )?[\w-]+(?: [\w-]+){0,2}\?*$", _IS),
)
_KINDS = tuple((re.compile(question, re.I), sign) for question, sign in _ASKED)
_ENDING = re.compile(r"\.(?:txt|md|rst|html?|pdf|docx|ipynb)$|\(\d\w?\)$", re.I)
_SET_APART = re.compile(r"[./:]")
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


def study(text: str) -> bool:
    """Tells whether a sentence speaks as papers do of their own work."""
    return bool(_STUDY.search(text[:_BEGINNING]))


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
        sign for asked, sign in _KINDS if (match := asked.search(text)) and match.start() <= within
    ]


def pointing(text: str) -> bool:
    """Tells whether a sentence begins with a word that points back to the one before it."""
    return bool(_POINTING.match(text))


def entry(text: str) -> bool:
    """Tells whether a line is an entry of a list, such as a parameter with what it means: its
    sentences say little by themselves.
    """
    return bool(_ENTRY.match(text))


def summary(text: str, title: str) -> bool:
    """Tells whether a sentence says of the thing that its document is about what it is:
    ``os.walk: Generates ...``.
    """
    return body(text, title) != text


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
    path, wanted = _path(title), words(name)
    for count in range(1, min(DEEPEST, len(path)) + 1):
        if words(" ".join(path[-count:])) == wanted:
            return path[:-count]
    return None


def last(title: str) -> str:
    """Returns the last name of a title: ``merge`` of ``pandas.merge (pandas 3.1)``."""
    return _path(title)[-1]


def _path(title: str) -> tuple[str, ...]:
    return tuple(_SET_APART.split(_ENDING.sub("", title.partition(" (")[0])))
