"""What a request asks, taken apart by rules, without a model: what it is about apart from how it
wants its answer, and the questions that it holds. Pure.

"(1) Please tell me how far bees fly, in two sentences." asks how far bees fly. List numbers,
courtesy, and wishes for length, layout and language are not looked for in the sources. What could
be either stays with the subject.

Searching for clauses instead of the question is measured to hurt retrieval, so the whole question
always comes first, keeps the top places, and a part is only added where the grammar says that
something else is asked too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from sentient_kernel.index.chunk import sentences
from sentient_kernel.research.extractive import form_words as forms
from sentient_kernel.text.words import STOP, content, words

MOST = 6
"""At most so many sub-questions, the whole question among them."""
CUT = 2000
"""Rules look at so many characters of a question; what follows is context."""

SIDE = 6
"""A compared thing has at most so many words; what is longer is a sentence that the pattern hit by
chance.
"""

_ASKING = (
    r"(?:what|who|whom|whose|when|where|why|which|how|does|do|did|is|are|was|were|can|could|should"
    r"|will|would|has|have|had)"
)
_LEADING = r"(?:(?:for|in|at|by|to|from|with|under)\s+)?"
_AND_ASKS = re.compile(
    rf"\s*[,;]\s*(?:and|or|but)\s+(?={_LEADING}{_ASKING}\b)"
    rf"|\s+and\s+(?={_LEADING}(?:what|who|when|where|why|which|how)\b)"
    r"|\s*,\s+(?=(?:what|who|when|where|why|which|how)"
    r" (?:is|are|was|were|do|does|did|can|will|has|have"
    rf"|many|much|long|far|old|often|big|high)\b[^?]{{1,300}},\s*and\s+{_LEADING}{_ASKING}\b)",
    re.I,
)
_STARTS = re.compile(
    rf"\s*(?:(?:for|in|at|by|to|from|with|under|and|or|but|so|then|also)\s+)*{_ASKING}\b", re.I
)
_TERM = r"([^?,;]{1,80}?)"
_COMPARISONS = (
    re.compile(
        r"\b(?:differences?|distinction|relationship|trade-?offs?)\s+between\s+"
        rf"{_TERM}\s+and\s+([^?,;]{{1,80}})",
        re.I,
    ),
    re.compile(
        rf"\bcompar(?:e|es|ed|ing|ison of)\s+{_TERM}\s+(?:and|with|to|against)\s+([^?,;]{{1,80}})",
        re.I,
    ),
    re.compile(rf"\b(?:is|are|was|were)\s+{_TERM}\s+\w+\s+than\s+([^?,;]{{1,80}})", re.I),
    re.compile(r"^\s*(\S(?:[^?,;]{0,78}\S)?)\s+(?:vs\.?|versus)\s+([^?,;]{1,80})", re.I),
    re.compile(
        rf"\bhow\s+(?:do|does|did)\s+{_TERM}\s+(?:differ|vary)\s+from\s+([^?,;]{{1,80}})", re.I
    ),
)
_CLAUSE = re.compile(r"\s+(?:when|while|because|if|whether|that|which|who|and|or)\s+|[.?!](?=\s|$)")
_EDGE = re.compile(r"^(?:a|an|the|both|between|using|of|in)\s+", re.I)
_POINTS_BACK = frozenset("it its they them their this that these those he she him her his".split())

AT_MOST = 6
"""Phrases of form that are taken from one end of a sentence."""

_ASKS = re.compile(rf"[¿\"'(]?{forms.ASKING}\b", re.I)
_NUMBERED = re.compile(r"(?:^|(?<=[\s:;,]))\(?([a-h]|[1-9])\)\s(?=\w)")
_PREFIX = re.compile(r"([^:?!.]{1,120}):\s+(?=\S)")
_MARKS = " \t\n.!?,;:-\u2013\u2014"
_APART = re.compile(r"[,;:]\s*$|\s[-\u2013\u2014]\s*$")


def _ending(pattern: re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<=[\s,;]){pattern.pattern}$", re.I)


_MANNER, _LAYOUT, _TONGUE = map(_ending, (forms.MANNER, forms.LAYOUT, forms.TONGUE))
_PHRASES = "|".join(pattern.pattern for pattern in (forms.MANNER, forms.LAYOUT, forms.TONGUE))
_FIRST = re.compile(rf"(?:{_PHRASES})\s*[,:]\s+", re.I)
_PHRASE = re.compile(rf"(?:(?:{_PHRASES})[\s,.!]*)+", re.I)
_BRACKETED = re.compile(r"\s*[(\[]([^()\[\]]{2,60})[)\]]")


class Request(NamedTuple):
    """A request, taken apart.

    Args:
        subject: What it is about: what is searched for, and what an answer is judged by.
        unmet: Wishes for length, layout and language that sentences of the sources cannot follow.
    """

    subject: str
    unmet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubQuestion:
    """One thing that a question asks.

    Args:
        id: Its place in the plan; 0 is the whole question.
        text: What is shown to a person, in the words of the question.
        query: What is searched for: the text without its form ("please tell me"), and for a part
            that points back ("for how long?") what it points to.
        kind: ``whole``, ``part`` or ``side`` (one of two things compared).
        taint: One's own sources whose text its writer had read.
    """

    id: int
    text: str
    query: str
    kind: str = "whole"
    taint: tuple[str, ...] = ()


def plan(question: str) -> tuple[SubQuestion, ...]:
    """Returns what a question asks: itself first, then the parts that its grammar sets apart.

    Args:
        question: One question, or several in a row, in English; in other languages it stays whole.

    Returns:
        One to six sub-questions with ids 0, 1, ...

    Example:
        >>> [part.text for part in plan("Does biochar hold water in sand, and for how long?")]
        ['Does biochar hold water in sand, and for how long?', 'Does biochar hold water in sand?',
        'For how long?']
        >>> [part.text for part in plan("Who wrote War and Peace?")]
        ['Who wrote War and Peace?']
    """
    asked = " ".join(read(question).subject.split())
    found = [SubQuestion(id=0, text=" ".join(question.split()), query=asked)]
    parts = _parts(asked[:CUT])
    if len(parts) > 1:
        _append_parts(found, parts)
    for part in parts:
        _append_sides(found, part)
    return tuple(found[:MOST])


def _parts(text: str) -> list[str]:
    """Returns the questions that a text is made of, in order."""
    said = [text[start:end] for start, end in sentences(text)]
    asking = [one for one in said if one.endswith("?") or _STARTS.match(one)]
    pieces: list[str] = []
    for sentence in asking if len(asking) > 1 else [text]:
        # "The cat sat, and where did it go" tells before it asks: leave it whole
        split = _AND_ASKS.split(sentence) if _STARTS.match(sentence) else [sentence]
        pieces += [piece.strip(" ,;") for piece in split if piece.strip(" ,;?.")]
    return pieces if len(pieces) > 1 else [text]


def _append_parts(found: list[SubQuestion], parts: list[str]) -> None:
    """Appends each part that asks for something; a part with few words of its own borrows those of
    the part before it.
    """
    before = parts[0]
    for at, part in enumerate(parts):
        text = part.rstrip(" ?.,;") + "?"
        text = query = text[0].upper() + text[1:]
        few = len(set(content(part))) < 3
        thin = at > 0 and (few or not _POINTS_BACK.isdisjoint(words(part)))
        if thin:
            named = [
                word
                for word in before.strip(" ?.,;").split()
                if word.lower().strip("?.,;") not in STOP
            ]
            query = " ".join([text, *named])
        elif content(query):
            before = part
        if content(query):
            found.append(SubQuestion(id=len(found), text=text, query=query, kind="part"))


def _append_sides(found: list[SubQuestion], text: str) -> None:
    """Appends the two things that a comparison is about, each a search of its own."""
    match = next(filter(None, [pattern.search(text) for pattern in _COMPARISONS]), None)
    if not match:
        return
    sides: list[str] = []
    for group in match.groups():  # without articles and without a trailing clause
        side = _EDGE.sub("", _CLAUSE.split(group.strip())[0]).strip(" \"'?.,;:")
        if content(side) and len(side.split()) <= SIDE:
            sides.append(side)
    if len(sides) == 2 and words(sides[0]) != words(sides[1]):
        for side in sides:
            found.append(SubQuestion(id=len(found), text=side, query=side, kind="side"))


def read(request: str) -> Request:
    """Returns a request, taken apart; one that is about nothing else stays whole.

    Args:
        request: What a person wrote.

    Example:
        >>> read("(1) Please tell me how far bees fly, in two sentences. In German.").subject
        'how far bees fly'
        >>> read("How do I sort the rows in a table?").subject
        'How do I sort the rows in a table?'
    """
    kept: list[str] = []
    wishes: list[str] = []
    text = request[:CUT]
    marks = "".join(_NUMBERED.findall(text)).lower()
    if len(marks) > 1 and ("abcdefgh".startswith(marks) or "123456789".startswith(marks)):
        text = _NUMBERED.sub("", text)
    text = _quiet(text)
    for match in _BRACKETED.finditer(text):
        if _PHRASE.fullmatch(match[1]) or _only_form(match[1]):
            wishes.append(match[1])
            text = text.replace(match[0], "", 1)
    for start, end in sentences(text):
        sentence = text[start:end]
        if _only_form(sentence):
            wishes.append(sentence)
        else:
            kept.append(_told(sentence, wishes))
    found = " ".join(filter(None, kept))
    if not content(found) or found == " ".join(request.split()):
        return Request(request)
    unmet = tuple([wish for wish in wishes if not forms.UNMET.isdisjoint(words(wish))])
    return Request(found + request[CUT:], unmet)


def _quiet(text: str) -> str:
    """Returns a text in small letters where its capitals tell no names: "HOW FAR", "How Far Do"."""
    said = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 1]
    telling = [word for word in said if word.lower() not in STOP]
    others = [word for word in said[1:] if word.lower() in STOP]
    titled = all([word[0].isupper() for word in telling]) and any(map(str.istitle, others))
    loud = len(said) > 2 and (titled or all(map(str.isupper, said)))
    return text.lower() if loud else text


def _only_form(sentence: str) -> bool:
    """Tells whether a sentence says nothing but how the answer is wanted, or is mere courtesy."""
    if forms.ROLE.match(sentence) or forms.PARTING.match(sentence):
        return True
    said = frozenset(words(sentence))
    known = all(map(str.isdigit, said - forms.FORM - STOP))
    wishes = known and bool(said & forms.WISH) and not sentence.endswith("?")
    return wishes or bool(forms.GREETING.fullmatch(sentence))


def _told(sentence: str, wishes: list[str]) -> str:
    """Returns what is left of a sentence without its form; adds what it wishes."""
    rest, ordered, made = _opened(sentence, wishes)
    for _ in range(AT_MOST):
        body = rest.rstrip(_MARKS)
        asks = bool(_ASKS.match(body))
        match = _MANNER.search(body)
        for pattern, allowed in ((_LAYOUT, ordered and not asks), (_TONGUE, made and not asks)):
            found = None if match else pattern.search(body)
            if found and (allowed or _APART.search(body[: found.start()])):
                match = found
        if match and content(body[: match.start()]):
            wishes.append(match.group())
            rest = body[: match.start()].rstrip(_MARKS)
        elif match or _PHRASE.fullmatch(body):  # nothing but form is left
            wishes.append(rest)
            return ""
        else:
            break
    return rest


def _opened(sentence: str, wishes: list[str]) -> tuple[str, bool, bool]:
    """Returns a sentence without what stands before its subject; adds what that wishes.

    Returns:
        What is left, whether an order stood there, and whether one to write something.
    """
    rest, ordered, made = sentence, False, False
    openings = (forms.LABEL, forms.GREETING, *forms.COURTESY, *forms.MADE, *forms.TOLD)
    for _ in range(AT_MOST):
        prefix = _PREFIX.match(rest)
        first = _FIRST.match(rest)
        if first or (prefix and _only_form(prefix[1])):
            end = first.end() if first else prefix.end() if prefix else 0
            wishes.append(rest[:end])
            rest = rest[end:]
            continue
        for kind in openings:
            match = kind.match(rest)
            if match and content(rest[match.end() :]):
                ordered, made = ordered or kind in forms.TOLD, made or kind in forms.MADE
                rest = rest[match.end() :]
                break
        else:
            break
    # the word of that order stays: the plan looks for it
    compares = re.match(r"(?:compare|contrast)\b", rest, re.I)
    return rest, ordered or made or bool(compares), made
