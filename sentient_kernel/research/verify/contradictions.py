"""What a sentence says of its words: who does what to whom, which way it goes, of how many, how
often. Pure; by rule.

Two sentences may have all words in common and say opposite things. The rules here see the plain
cases of that, and say which it is.
"""

from __future__ import annotations

import re

from sentient_kernel.text.words import NEGATIONS, STOP, WORD, content, plain, words

__all__ = [
    "clauses",
    "directions",
    "names",
    "opposed",
    "other_deed",
    "other_rate",
    "other_scope",
    "surer",
    "swapped",
    "turned",
]

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

_OPPOSITES = [
    frozenset(pair.split("/"))
    for pair in """above/below accept/refuse accept/reject afterwards/before agree/disagree
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
        tallest/shortest true/false win/lose worthless/valuable""".split()
]
"""Words that are never both meant."""
_OTHER: dict[str, set[str]] = {}
for _pair in _OPPOSITES:
    for _one in _pair:
        _OTHER.setdefault(_one, set()).update(_pair - {_one})

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
_FEWEST = 2
"""Telling words that two clauses have in common at least, to be about the same."""


def clauses(text: str) -> list[str]:
    """Returns the statements that a sentence is joined of, those with telling words.

    Example:
        >>> clauses("Imker was born in Graz, and he murdered his wife Anna.")
        ['Imker was born in Graz', 'he murdered his wife Anna']
    """
    return [part for piece in _BREAK.split(text) if (part := piece.strip()) and content(part)]


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


def _nearest(part: str, others: list[str]) -> list[str]:
    """Returns those clauses that have most telling words in common with one; none when no word
    is.
    """
    mine = frozenset(content(part))
    common = [len(mine & frozenset(content(other))) for other in others]
    most = max(common, default=0)
    return [other for other, n in zip(others, common, strict=True) if n == most > 0]


def turned(claim: str, evidence: str) -> bool:
    """Tells whether a clause goes the other way than those clauses of the text that are about the
    same.
    """
    others = clauses(evidence)
    for part in clauses(claim):
        turned = [other for other in others if opposed(part, other)]
        straight = frozenset(
            word for other in others if other not in turned for word in content(other)
        )
        if straight:  # whom a text speaks of is said once, and meant by all its clauses
            straight |= frozenset(content(others[0])[:1])
        if (
            frozenset(content(part))
            & frozenset(word for other in turned for word in content(other)) - straight
        ):
            return True
        near = _nearest(part, others)
        if near and _alike(part, near[0]) and all(_opposite(part, other) for other in near):
            return True
    return False


def other_scope(claim: str, evidence: str) -> bool:
    """Tells whether a sentence speaks of all where its text speaks of some, or of few where it does
    not.
    """
    if _FEW.search(claim) and not _RARE.search(evidence):
        return True
    others = clauses(evidence)
    return any(
        bool(near := _nearest(part, others))
        and all(_SOME.search(other) and not _ALL.search(other) for other in near)
        for part in clauses(claim)
        if _ALL.search(part)
    )


def other_deed(claim: str, evidence: str) -> bool:
    """Tells whether a sentence says by whom something was done that a text does not name: perhaps
    in other words only.
    """
    done = _BY.search(claim)
    return done is not None and not frozenset(content(done[1])) <= frozenset(content(evidence))


def other_rate(claim: str, evidence: str) -> bool:
    """Tells whether numbers are meant for something else: per day, not per week."""
    often, said = (
        {_OFTEN.get(often.lower(), "") or per.lower() for per, often in _RATE.findall(text)}
        for text in (claim, evidence)
    )
    return bool(often and said and not often & said)


def surer(claim: str, evidence: str) -> bool:
    """Tells whether a sentence hedges nothing, and all that a text says of the same is hedged."""
    if _UNSURE.search(claim) or not _MAYBE.search(evidence):
        return False
    near = _nearest(claim, clauses(evidence))
    return bool(near) and _alike(claim, near[0]) and all(_MAYBE.search(other) for other in near)


def _alike(one: str, other: str) -> bool:
    return len(frozenset(content(one)) & frozenset(content(other))) >= _FEWEST


def _opposite(one: str, other: str) -> bool:
    """Tells whether a word stands in one clause and its opposite in the other, and neither clause
    has both.
    """
    said, told = frozenset(words(one)), frozenset(words(other))
    return any(
        word not in told and (_OTHER[word] & told) and not (_OTHER[word] & said)
        for word in said
        if word in _OTHER
    )


def swapped(claim: str, evidence: str) -> bool:
    """Tells whether two names change places around the same word: "A beat B", "B beat A"."""
    if bool(_BY.search(claim)) != bool(_BY.search(evidence)):
        return False
    mine, theirs = _order(claim), _order(evidence)
    return any((b, word, a) in theirs and (a, word, b) not in theirs for a, word, b in mine)


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
                found |= {
                    (last[1], between.lower(), name)
                    for between in said[last[0] + 1 : at]
                    if between.lower() not in _GLUE
                }
            last = at, name
    return found


_GLUE = frozenset("the a an of in on at to from for with by and or than as drug group".split())


def names(text: str) -> list[str]:
    """Returns the proper names of a sentence: words with a capital within it.

    Example:
        >>> names("The hive of Lorenzo Langstroth is used in Europe.")
        ['Lorenzo', 'Langstroth', 'Europe']
    """
    found: list[str] = []
    for match in WORD.finditer(text):
        word, before = (
            match.group(),
            text[max(0, match.start() - 3) : match.start()].rstrip(" \"'(\u201c\u2018"),
        )
        first = not before or before[-1] in ".!?:;"
        if (
            not first
            and len(word) > 2
            and word[0].isupper()
            and word[1:].lower() == word[1:]
            and word.lower() not in STOP
        ):
            found.append(word)
    return [word for word in found if plain(word.lower()) not in NEGATIONS]
