"""Tells what a request is about from how it wants its answer. Pure; by rule.

"(1) Please tell me how far bees fly, in two sentences." asks how far bees fly. List numbers,
courtesy, and wishes for length, layout and language are not looked for in the sources. What could
be either stays with the subject.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sentient_kernel.index.chunk import sentences
from sentient_kernel.research.extractive import form_words as forms
from sentient_kernel.text.words import STOP, content, words

__all__ = ["Request", "read", "subject"]

MOST = 2_000
"""Characters of a request that are looked at; what follows stays as it is."""
AT_MOST = 6
"""Phrases of form that are taken from one end of a sentence."""

_ASKS = re.compile(rf"[¿\"'(]?{forms.ASKING}\b", re.I)
_NUMBERED = re.compile(r"(?:^|(?<=[\s:;,]))\(?([a-h]|[1-9])\)\s(?=\w)")
_PREFIX = re.compile(r"([^:?!.]{1,120}):\s+(?=\S)")
_COMPARES = re.compile(r"(?:compare|contrast)\b", re.I)
"""An order whose word stays: the plan looks for it."""
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


def subject(request: str) -> str:
    """Returns what a request is about, without list numbers, courtesy and wishes for its form.

    Example:
        >>> subject("(1) Please tell me how far bees fly, in two sentences. Answer in German.")
        'how far bees fly'
        >>> subject("How do I sort the rows in a table?")
        'How do I sort the rows in a table?'
    """
    return read(request).subject


def read(request: str) -> Request:
    """Returns a request, taken apart; one that is about nothing else stays whole.

    Args:
        request: What a person wrote.
    """
    kept: list[str] = []
    wishes: list[str] = []
    text = _unbracketed(_quiet(_unnumbered(request[:MOST])), wishes)
    for start, end in sentences(text):
        sentence = text[start:end]
        if _only_form(sentence):
            wishes.append(sentence)
        elif told := _told(sentence, wishes):
            kept.append(told)
    found = " ".join(kept)
    if not content(found) or found == " ".join(request.split()):
        return Request(request)
    unmet = tuple(wish for wish in wishes if forms.UNMET & frozenset(words(wish)))
    return Request(found + request[MOST:], unmet)


def _quiet(text: str) -> str:
    """Returns a text in small letters where its capitals tell no names: "HOW FAR", "How Far Do"."""
    said = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 1]
    telling = [word for word in said if word.lower() not in STOP]
    others = [word for word in said[1:] if word.lower() in STOP]
    titled = all(word[0].isupper() for word in telling) and any(map(str.istitle, others))
    loud = len(said) > 2 and (titled or all(map(str.isupper, said)))
    return text.lower() if loud else text


def _unnumbered(text: str) -> str:
    """Returns a text without the numbers of a list within it: "(a) ... and (b) ..."."""
    marks = [mark.lower() for mark in _NUMBERED.findall(text)]
    counted = (list("abcdefgh"[: len(marks)]), list("123456789"[: len(marks)]))
    runs = len(marks) > 1 and marks in counted
    return _NUMBERED.sub("", text) if runs else text


def _unbracketed(text: str, wishes: list[str]) -> str:
    """Returns a text without brackets about form, "(in German please)"; adds what they wish."""

    def leave(match: re.Match[str]) -> str:
        if not _PHRASE.fullmatch(match[1]) and not _only_form(match[1]):
            return match[0]
        wishes.append(match[1])
        return ""

    return _BRACKETED.sub(leave, text)


def _only_form(sentence: str) -> bool:
    """Tells whether a sentence says nothing but how the answer is wanted, or is mere courtesy."""
    if forms.ROLE.match(sentence) or forms.PARTING.match(sentence):
        return True
    if forms.GREETING.fullmatch(sentence):
        return True
    said = frozenset(words(sentence))
    known = all(word in forms.FORM or word in STOP or word.isdigit() for word in said)
    return known and bool(said & forms.WISH) and not sentence.endswith("?")


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
        if match is None and not _PHRASE.fullmatch(body):
            return rest
        if match is None or not content(body[: match.start()]):  # nothing but form is left
            wishes.append(rest)
            return ""
        wishes.append(match.group())
        rest = body[: match.start()].rstrip(_MARKS)
    return rest


def _opened(sentence: str, wishes: list[str]) -> tuple[str, bool, bool]:
    """Returns a sentence without what stands before its subject; adds what that wishes.

    Returns:
        What is left, whether an order stood there, and whether one to write something.
    """
    rest, ordered, made = sentence, False, False
    for _ in range(AT_MOST):
        prefix = _PREFIX.match(rest)
        first = _FIRST.match(rest)
        if first or (prefix and _only_form(prefix[1])):
            end = first.end() if first else prefix.end() if prefix else 0
            wishes.append(rest[:end])
            rest = rest[end:]
            continue
        for kind in (forms.LABEL, forms.GREETING, *forms.COURTESY, *forms.MADE, *forms.TOLD):
            match = kind.match(rest)
            if match and content(rest[match.end() :]):
                ordered, made = ordered or kind in forms.TOLD, made or kind in forms.MADE
                rest = rest[match.end() :]
                break
        else:
            break
    return rest, ordered or made or bool(_COMPARES.match(rest)), made
