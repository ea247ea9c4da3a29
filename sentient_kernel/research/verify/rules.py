"""The rules by which a sentence is checked against a text: one table, from which both the score and
the reason are read. Pure.

A text holds a share of a sentence's words; every rule that the sentence breaks costs it a factor,
the first of each group once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sentient_kernel.research.verify import contradictions
from sentient_kernel.research.verify.contradictions import clauses, names
from sentient_kernel.research.verify.quantities import quantities, unheld, worded
from sentient_kernel.text.words import NEGATIONS, asked, content, negated, plain, words

__all__ = ["CUT", "RULES", "Comparison", "Rule", "likeness"]

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
        self._found: dict[Rule, str | bool] = {}

    def breaks(self, rule: Rule) -> str | bool:
        """Returns what of the sentence breaks a rule; nothing where none does."""
        if rule not in self._found:
            self._found[rule] = rule.finds(self)
        return self._found[rule]

    def score(self) -> float:
        """Returns how well the text supports the sentence, 0 to 1."""
        stated = len(quantities(self.claim))
        if not self.terms and not stated:
            said = " ".join(words(self.claim))
            return 1.0 if said and said in " ".join(words(self.evidence)) else 0.0
        held, number = self.held | self.named, NUMBER * stated
        told = sum([value for term, value in self.terms.items() if term in held])
        missing = len(self.unheld) / stated if stated else 0.0
        score, broken = (
            (told + number * (1 - missing)) / (sum(self.terms.values()) + number),
            set[str](),
        )
        for rule in RULES:
            if rule.group not in broken and self.breaks(rule):
                broken.add(rule.group)
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
    return bool(negated(one.claim)) != bool(negated(one.evidence))


def _silent(one: Comparison) -> bool:
    return bool(_SILENT.search(one.claim) and not _SILENT.search(one.evidence))


def _name(one: Comparison) -> str:
    """Returns a proper name of a sentence that neither the text nor what it is about holds."""
    known = one.held | one.about
    return next((name for name, stems in one.names.items() if not stems <= known), "")


def _statement(one: Comparison) -> str:
    """Returns a statement of a sentence of which next to nothing is held, though the rest may
    be.
    """
    held, parts = one.held | one.named, clauses(one.claim)
    for part in parts:
        mine = {term: one.terms[term] for term in content(worded(part)) if term in one.terms}
        whole = sum(mine.values())
        if (
            len(mine) >= 2
            and whole >= _STATEMENT
            and sum([mine[term] for term in mine if term in held]) < _HELD * whole
        ):
            return f"that “{part}”" if len(parts) > 1 else "what it says"
    return ""


def _sense(finds: Callable[[str, str], bool]) -> Callable[[Comparison], bool]:
    return lambda one: finds(one.claim, one.evidence)


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
        _sense(contradictions.opposed),
        0.49,
        "Its direction is the opposite of its quotes'.",
    ),
    Rule(
        "turned",
        "sense",
        _sense(contradictions.turned),
        0.49,
        "Its direction is the opposite of its quote's.",
        each=True,
    ),
    Rule(
        "swapped",
        "sense",
        _sense(contradictions.swapped),
        0.49,
        "It swaps who did what compared with its quote.",
        each=True,
    ),
    Rule(
        "deed",
        "sense",
        _sense(contradictions.other_deed),
        0.49,
        "Its quote names another action.",
        each=True,
        final=False,
    ),
    Rule(
        "scope",
        "sense",
        _sense(contradictions.other_scope),
        0.49,
        "It speaks of more, or of fewer, than its quote.",
        each=True,
    ),
    Rule(
        "rate",
        "sense",
        _sense(contradictions.other_rate),
        0.49,
        "Its quote counts per another unit.",
        each=True,
    ),
    Rule(
        "hedge",
        "sense",
        _sense(contradictions.surer),
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
