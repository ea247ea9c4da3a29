"""The rules by which a sentence is checked against a text: one table, from which both the score and
the reason are read. Pure.

A text holds a share of a sentence's words; every rule that the sentence breaks costs it a factor,
the first of each group once. Two sentences may have all words in common and say opposite things:
the rules of sense see the plain cases of that, and say which it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sentient_kernel.research.verify.quantities import quantities, unheld, worded
from sentient_kernel.text.words import (
    NEGATIONS,
    STOP,
    WORD,
    asked,
    content,
    negated,
    plain,
    words,
)

CUT = 0.5
"""From this likeness on a sentence counts as supported by its quotes."""
NUMBER = 2.0
"""What a number counts for among the words of a sentence: as much as a name."""
_STATEMENT = 2.0
"""What the words of a clause count for together, from which on it is a statement of its own."""
_HELD = 0.4
"""The share of a statement that has to be held."""
_REACH = 6
"""Words behind a negation of which the first that tells something is what it denies."""

_PARTS = re.compile(r"[.,;:!?()]")
_SILENT = re.compile(
    r"\b(?:contexts?|documents?|texts?|passages?|excerpts?|quotes?|sources?|filings?|information"
    r"|articles?|evidence|data)\b[^.]{0,40}?"
    r"\b(?:(?:do|does|did)(?:\s+not|n['\u2019]t)|fails?\s+to)\s+(?:\w+\s+)?"
    r"(?:provide|mention|contain|state|specify|say|include|disclose|give|answer|report|indicate"
    r"|tell|allow)"
    r"|\bno\s+(?:\w+\s+)?(?:information|mention|data|evidence)\b[^.]{0,30}?\b(?:provided|given"
    r"|available|found|in\s+the|about|on)\b"
    r"|\b(?:I|we|it\s+is)\s+(?:cannot|can['\u2019]?t|am\s+(?:not\s+able|unable)"
    r"|are\s+(?:not\s+able|unable)|not\s+possible|impossible)\b"
    r"|\b(?:is|are|was|were)\s+not\s+(?:\w+\s+)?(?:provided|mentioned|disclosed|specified|stated"
    r"|given|available)\b"
    r"|\bcannot\s+be\s+(?:determined|calculated|answered|found|computed)\b",
    re.IGNORECASE,
)
"""What says that a text is silent: no quote of that text supports it."""

_BREAK = re.compile(
    r"[;:,()\u2013\u2014]|(?<!\w)-(?!\w)|[.!?](?=\s|$)"
    r"|\b(?:and|but|which|who|whom|whose|while|whereas|because|although|though|yet|than when)\b",
    re.IGNORECASE,
)

_UP = (
    "increas",
    "enhanc",
    "elevat",
    "promot",
    "activ",
    "induc",
    "accelerat",
    "stimulat",
    "upregulat",
    "strengthen",
    "improv",
)
_DOWN = (
    "decreas",
    "reduc",
    "declin",
    "diminish",
    "weaken",
    "worsen",
    "suppress",
    "inhibit",
    "block",
    "impair",
    "prevent",
    "downregulat",
    "attenuat",
    "deplet",
)
"""Stems that say which way something goes, with whatever follows them."""
_RISES = frozenset(
    "rais ris ros risen grow grew gain higher greater more faster larger longer".split()
)
_FALLS = frozenset("lower less fall fell drop slow fewer smaller shorter slower".split())
"""The same, as they stand."""

_OPPOSITES: dict[str, set[str]] = {}
"""Words that are never both meant."""
for _pair in """above/below accept/refuse accept/reject afterwards/before agree/disagree
    alive/dead allow/forbid allowed/forbidden always/never approved/rejected
    asymptomatic/symptomatic began/ended benefit/harm beneficial/harmful best/worst
    better/worse bought/sold cause/cure causes/cures cheaper/dearer cold/hot confirm/refute
    confirmed/refuted deny/confirm early/late east/west effective/ineffective
    eastern/western fail/succeed failed/succeeded far/near female/male females/males
    first/last gained/lost guilty/innocent import/export imports/exports legal/illegal
    lost/won loss/profit majority/minority maximum/minimum necessary/unnecessary
    negative/positive negatively/positively northern/southern north/south oldest/youngest
    praised/criticised praised/criticized present/absent rich/poor safe/unsafe
    safe/dangerous sensitive/resistant significant/insignificant stronger/weaker
    tallest/shortest true/false win/lose worthless/valuable""".split():
    for _one, _other in (_pair.split("/"), reversed(_pair.split("/"))):
        _OPPOSITES.setdefault(_one, set()).add(_other)

_ALL = re.compile(
    r"\b(?:all|every|everyone|everybody|always|each|entire|entirely|completely|exclusively"
    r"|solely)\b",
    re.IGNORECASE,
)
_SOME = re.compile(
    r"\b(?:only|some|few|fewer|several|half|part|partly|partially|often|sometimes|usually|mostly"
    r"|most|many|rarely|majority|minority)\b"
    r"|\d\s?%|\bpercent\b",
    re.IGNORECASE,
)
_FEW = re.compile(r"\b(?:few|hardly|rarely|seldom|scarcely)\b", re.IGNORECASE)
_RARE = re.compile(
    r"\b(?:few|fewer|little|hardly|rarely|rare|seldom|scarce\w*|small|minority|uncommon|only"
    r"|low)\b",
    re.IGNORECASE,
)
_MAYBE = re.compile(
    r"\b(?:may|might|could|possibly|perhaps|presumably|unclear|uncertain)\b", re.IGNORECASE
)
_UNSURE = re.compile(
    r"\b(?:may|might|could|can|possibl[ey]|perhaps|presumably|unclear|uncertain|suggest\w*|likely"
    r"|seem\w*|appear\w*|probabl[ey]|potential\w*"
    r"|hypothes\w+|suspect\w*|believed?|thought|claim\w*|whether|if)\b",
    re.IGNORECASE,
)
_RATE = re.compile(
    r"(?:\bper\s+|(?<=[a-z])/|\b(?:a|an|each|every)\s+)(second|minute|hour|day|week|month|year"
    r"|night|decade|person|patient|litre|liter|kg|ml)\b"
    r"|\b(hourly|daily|weekly|monthly|yearly|annually|annual)\b",
    re.IGNORECASE,
)
_OFTEN = {
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    "yearly": "year",
    "annually": "year",
    "annual": "year",
}
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*|[.;:!?]")
_BY = re.compile(r"\b(?:am|is|are|was|were|been|being)\s+(?:\w+ly\s+)?(\w+)\s+by\b", re.IGNORECASE)
_GLUE = frozenset("the a an of in on at to from for with by and or than as drug group".split())
_FEWEST = 2
"""Telling words that two clauses have in common at least, to be about the same."""


class Comparison:
    """A sentence beside a text that is said to support it. What the rules need of both is worked
    out once.

    Args:
        claim: The sentence.
        evidence: The text.
        about: What that text is about, such as its title: what it names need not be named again.
    """

    def __init__(self, claim: str, evidence: str, about: str = "") -> None:
        self.claim = claim
        self.evidence = evidence
        self.terms = asked(worded(claim))
        # "6MP" holds a number, and is a name
        self.held = frozenset([*content(evidence), *content(worded(evidence))])
        self.names = {name: frozenset(content(name)) for name in names(claim)}
        self.about = frozenset(content(about))
        # what the text is about, and the sentence names
        self.named = self.about & frozenset().union(*self.names.values())
        self.unheld = unheld(claim, evidence)
        self.parts, self.others = clauses(claim), clauses(evidence)
        self.broken = {rule: found for rule in RULES if (found := rule.finds(self))}
        """What of the sentence breaks which rule."""

    def score(self) -> float:
        """Returns how well the text supports the sentence, 0 to 1."""
        stated = len(quantities(self.claim))
        if not self.terms and not stated:
            said = " ".join(words(self.claim))
            return 1.0 if said and said in " ".join(words(self.evidence)) else 0.0
        held, number = self.held | self.named, NUMBER * stated
        told = sum([value for term, value in self.terms.items() if term in held])
        missing = len(self.unheld) / stated if stated else 0.0
        score = (told + number * (1 - missing)) / (sum(self.terms.values()) + number)
        groups = set[str]()
        for rule in self.broken:
            if rule.group not in groups:
                groups.add(rule.group)
                score = min(score * rule.cost, rule.most)
        return round(score, 4)


class Rule(NamedTuple):
    """One rule.

    Args:
        name: Names it.
        group: Rules of one kind: only the first that is broken costs.
        finds: Returns what of a sentence breaks it.
        cost: What the score is multiplied with.
        says: The reason, as a reader is told; ``{}`` stands for what was found.
        most: The best score of a sentence that breaks it.
        each: Whether it is looked for in each quote by itself, when a reason is given; else in all
            together.
        final: Whether neither a model nor an embedder may overrule it.
    """

    name: str
    group: str
    finds: Callable[[Comparison], str | bool]
    cost: float
    says: str
    most: float = 1.0
    each: bool = False
    final: bool = True


def likeness(claim: str, evidence: str, about: str = "") -> float:
    """Returns how well a text supports a sentence, 0 to 1: its words are there, and its numbers,
    names and sense agree.

    Args:
        claim: A sentence.
        evidence: The text that is said to support it.
        about: What that text is about, such as its title: what it names need not be named again.

    Example:
        >>> likeness("The trial lasted nine years.", "The trial lasted nine years.")
        1.0
        >>> likeness("It rose by 45%.", "It rose by 14%.") < 0.5
        True
        >>> likeness("The trial lasted nine years and proved a cure.",
        ...     "The trial lasted nine years.") < 0.5
        True
    """
    return Comparison(claim, evidence, about).score()


def _number(one: Comparison) -> str:
    return one.unheld[0] if one.unheld else ""


def _denied_word(one: Comparison) -> bool:
    """Tells whether one denies a word that the other affirms."""
    claim, evidence = _denied(one.claim), _denied(one.evidence)
    return bool(claim & (one.held - evidence) or evidence & (frozenset(content(one.claim)) - claim))


def _denied(text: str) -> frozenset[str]:
    """Returns the stems of the words that a text denies: the first that tells something behind each
    negation.
    """
    found: set[str] = set()
    for part in _PARTS.split(text) if negated(text) else ():
        said = words(part)
        for at, word in enumerate(said):
            if plain(word) in NEGATIONS:  # "not significantly raised" denies raised
                behind = [one for one in said[at + 1 : at + 1 + _REACH] if not one.endswith("ly")]
                found.update(content(" ".join(behind))[:1])
    return frozenset(found)


def _denial(one: Comparison) -> bool:
    return negated(one.claim) != negated(one.evidence)


def _silent(one: Comparison) -> bool:
    return bool(_SILENT.search(one.claim) and not _SILENT.search(one.evidence))


def _name(one: Comparison) -> str:
    """Returns a proper name of a sentence that neither the text nor what it is about holds."""
    known = one.held | one.about
    missing = [name for name, stems in one.names.items() if not stems <= known]
    return missing[0] if missing else ""


def _statement(one: Comparison) -> str:
    """Returns a statement of a sentence of which next to nothing is held, though the rest may
    be.
    """
    held = one.held | one.named
    for part in one.parts:
        mine = {term: one.terms[term] for term in content(worded(part)) if term in one.terms}
        whole = sum(mine.values())
        if (
            len(mine) >= 2
            and whole >= _STATEMENT
            and sum([mine[term] for term in mine if term in held]) < _HELD * whole
        ):
            return f"that “{part}”" if len(one.parts) > 1 else "what it says"
    return ""


def clauses(text: str) -> list[str]:
    """Returns the statements that a sentence is joined of, those with telling words.

    Example:
        >>> clauses("Imker was born in Graz, and he murdered his wife Anna.")
        ['Imker was born in Graz', 'he murdered his wife Anna']
    """
    return list(filter(content, map(str.strip, _BREAK.split(text))))


def names(text: str) -> list[str]:
    """Returns the proper names of a sentence: words with a capital within it.

    Example:
        >>> names("The hive of Lorenzo Langstroth is used in Europe.")
        ['Lorenzo', 'Langstroth', 'Europe']
    """
    found: list[str] = []
    for match in WORD.finditer(text):
        word = match.group()
        before = text[max(0, match.start() - 3) : match.start()].rstrip(" \"'(\u201c\u2018")
        inside = before and before[-1] not in ".!?:;"
        titled = len(word) > 2 and word[0].isupper() and word[1:] == word[1:].lower()
        if titled and inside and {word.lower(), plain(word.lower())}.isdisjoint(STOP | NEGATIONS):
            found.append(word)
    return found


def directions(text: str) -> tuple[int, int]:
    """Returns how many words of a text say that something grows, and how many that it shrinks."""
    up = down = 0
    for word in words(text):
        form = word if word in _RISES or word in _FALLS else next(iter(content(word)), "")
        up += form in _RISES or form.startswith(_UP)
        down += form in _FALLS or form.startswith(_DOWN)
    return up, down


def opposed(one: str, other: str) -> bool:
    """Tells whether one text only says up and the other only down."""
    (up, down), (rise, fall) = directions(one), directions(other)
    return bool((up and not down and fall and not rise) or (down and not up and rise and not fall))


def _nearest(part: str, others: Sequence[str], least: int = 1) -> list[str]:
    """Returns those clauses that have most telling words in common with one; none when none has
    as many as the least.
    """
    common = [len({*content(part)}.intersection(content(other))) for other in others]
    most = max(common, default=0)
    return [other for other, n in zip(others, common, strict=True) if n == most >= least]


def _turned(one: Comparison) -> bool:
    """Tells whether a clause goes the other way than those clauses of the text that are about the
    same.
    """
    for part in one.parts:
        turned, straight = set[str](), set[str]()
        for other in one.others:
            (turned if opposed(part, other) else straight).update(content(other))
        if straight:  # whom a text speaks of is said once, and meant by all its clauses
            straight.update(content(one.others[0])[:1])
        near = _nearest(part, one.others, _FEWEST)
        if not (turned - straight).isdisjoint(content(part)):
            return True
        if near and all(_opposite(part, other) for other in near):
            return True
    return False


def _opposite(one: str, other: str) -> bool:
    """Tells whether a word stands in one clause and its opposite in the other, and neither clause
    has both.
    """
    said, told = frozenset(words(one)), frozenset(words(other))
    for word in said & _OPPOSITES.keys() - told:
        if _OPPOSITES[word] & told and not _OPPOSITES[word] & said:
            return True
    return False


def _other_scope(one: Comparison) -> bool:
    """Tells whether a sentence speaks of all where its text speaks of some, or of few where it does
    not.
    """
    if _FEW.search(one.claim) and not _RARE.search(one.evidence):
        return True
    for part in filter(_ALL.search, one.parts):
        near = _nearest(part, one.others)
        if near and all(_SOME.search(other) and not _ALL.search(other) for other in near):
            return True
    return False


def _other_deed(one: Comparison) -> bool:
    """Tells whether a sentence says by whom something was done that a text does not name: perhaps
    in other words only.
    """
    done = _BY.search(one.claim)
    return done is not None and not {*content(done[1])}.issubset(content(one.evidence))


def _other_rate(one: Comparison) -> bool:
    """Tells whether numbers are meant for something else: per day, not per week."""
    often, said = [
        {_OFTEN.get(often.lower(), "") or per.lower() for per, often in _RATE.findall(text)}
        for text in (one.claim, one.evidence)
    ]
    return bool(often and said and not often & said)


def _surer(one: Comparison) -> bool:
    """Tells whether a sentence hedges nothing, and all that a text says of the same is hedged."""
    if _UNSURE.search(one.claim) or not _MAYBE.search(one.evidence):
        return False
    near = _nearest(one.claim, one.others, _FEWEST)
    return bool(near) and all(map(_MAYBE.search, near))


def _swapped(one: Comparison) -> bool:
    """Tells whether two names change places around the same word: "A beat B", "B beat A"."""
    if bool(_BY.search(one.claim)) != bool(_BY.search(one.evidence)):
        return False
    mine, theirs = _order(one.claim), _order(one.evidence)
    return any([(b, word, a) in theirs for a, word, b in mine - theirs])


def _order(text: str) -> set[tuple[str, str, str]]:
    """Returns which word stands between which names: those that follow each other in one clause."""
    found: set[tuple[str, str, str]] = set()
    said = _TOKEN.findall(text[:2_000])
    last: tuple[int, str] | None = None
    for at, word in enumerate(said):
        name = word.lower()
        if not word[0].isalnum():
            last = None
        elif word[0].isupper() and not (name in STOP and (at == 0 or len(word) > 1)):
            if last is not None and last[1] != name:
                between = {word.lower() for word in said[last[0] + 1 : at]} - _GLUE
                found |= {(last[1], word, name) for word in between}
            last = at, name
    return found


_BELOW = CUT - 0.01
"""The best score of a sentence with a fault that no likeness of its other words makes up for."""

RULES = (
    Rule("number", "number", _number, 0.49, "The number {} is not in its quotes."),
    Rule(
        "denied word",
        "denial",
        _denied_word,
        0.45,
        "It denies what its quotes say, or the other way round.",
        final=False,
    ),
    Rule(
        "denial", "denial", _denial, 0.8, "It denies what its quotes say, or the other way round."
    ),
    Rule(
        "direction",
        "sense",
        lambda one: opposed(one.claim, one.evidence),
        0.49,
        "Its direction is the opposite of its quotes'.",
    ),
    Rule(
        "turned",
        "sense",
        _turned,
        0.49,
        "Its direction is the opposite of its quote's.",
        each=True,
    ),
    Rule(
        "swapped",
        "sense",
        _swapped,
        0.49,
        "It swaps who did what compared with its quote.",
        each=True,
    ),
    Rule(
        "deed",
        "sense",
        _other_deed,
        0.49,
        "Its quote names another action.",
        each=True,
        final=False,
    ),
    Rule(
        "scope",
        "sense",
        _other_scope,
        0.49,
        "It speaks of more, or of fewer, than its quote.",
        each=True,
    ),
    Rule(
        "rate",
        "sense",
        _other_rate,
        0.49,
        "Its quote counts per another unit.",
        each=True,
    ),
    Rule(
        "hedge",
        "sense",
        _surer,
        0.49,
        "It is surer than its quote.",
        each=True,
    ),
    Rule(
        "silence", "silence", _silent, 0.3, "It says that a text is silent, which no quote shows."
    ),
    Rule("name", "rest", _name, 0.7, "Its quotes do not name “{}”.", _BELOW),
    Rule("statement", "rest", _statement, 0.7, "Its quotes do not hold {}.", _BELOW, final=False),
)
"""All rules, the one that tells a reader most first; the score meets them in this order too."""
