"""What a question is about, word by word, and which of its words a text may say otherwise. Pure.

Words for the kind of answer ("percentage", "dose", "pros and cons") and words that only join, in
the question's own language, are not looked for in a text. A verb or an adjective may be told by
another: a castle that was "destroyed" has "burnt down".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from sentient_kernel.research.extractive.measures import named_measures
from sentient_kernel.text.words import KIND, STOP, WORD, asked, content, words

__all__ = ["Reading", "counted", "deed", "loose", "of_form", "reader", "sought"]

_JOINING: Mapping[str, frozenset[str]] = {
    language: frozenset(listed.split())
    for language, listed in {
        "german": (
            """der die das den dem des ein eine einer eines einem einen und oder aber auf in im
            am an zu zum zur von vom mit für bei beim nach aus über unter ist sind war waren
            wird werden wurde wurden hat haben hatte hatten kann können konnte soll sollte muss
            müssen darf dürfen wie was wer wo wann warum welche welcher welches welchen nicht
            auch sich es er sie wir ihr man als dass durch um bis vor seit gibt lange viel viele
            vielen hoch groß oft weit alt ich du mein meine ihre seine dieser diese dieses wofür
            womit wozu woher worauf"""
        ),
        "french": (
            """le la les l un une des du de d et ou mais dans en sur sous par pour avec sans est
            sont était étaient a ont avait peut faut doit que qui quoi quand comment pourquoi
            combien quel quelle quels quelles où il elle ils elles on nous vous ce cette ces son
            sa ses leur leurs ne pas plus au aux se s y temps t"""
        ),
        "spanish": (
            """el la los las un una unos unas y o pero en de del al por para con sin sobre es
            son era eran fue fueron ha han había puede debe que qué quién quiénes cuándo cómo
            dónde cuál cuáles cuánto cuántos cuánta cuántas se su sus lo le les no más este esta
            estos estas tiempo hay"""
        ),
    }.items()
}
"""Words that only join, by language; ``STOP`` has those of English."""
_MARKS = frozenset(
    "der die das den dem des ein eine einer und auf für ist wird wurde kostet wann le la les des du"
    " est quel quelle el los las una del es qué cuál cuándo cómo dónde cuánto cuántos cuánta"
    " combien wie viele".split()
)
_OF_FORM = re.compile(
    r"\b(?:(?:main|key|major|biggest|important) )?(?:pros|cons|upsides?|downsides?|takeaways?"
    r"|highlights?|gist|essence)\b"
    r"|\b(?:(?:main|key|major|biggest|important)"
    r" )?(?:advantages?|disadvantages?|benefits?|drawbacks?"
    r"|strengths?|weaknesses|findings?|conclusions?"
    r"|side effects|lessons|points|facts|details|aspects|reasons|steps)\b(?=(?: (?:and|or) \w+)?"
    r" (?:of|from|in|for|to|about)\b)",
    re.I,
)
"""Words for a kind of answer that no text calls itself by."""
_DOING = frozenset("do does did can could will would should may might must".split())
_BEING = frozenset("is are was were be been being has have had".split())
_COUNTED = re.compile(r"\bhow (?:many|much)\s+", re.I)
_PRONOUNS = frozenset("i you he she it we they".split())
_PARTICIPLE = re.compile(
    r"(?:ed|en|wn|burnt|built|made|lost|found|sold|held|kept|told|said|paid|led|lit|won)$"
)
Reading = Callable[[str], list[str]]
"""A way in which a text is read: its stems."""
_ENDINGS = frozenset(
    (
        "",
        *"e en n er es s t et te ten st r a o as os x nt ent ons ez ait".split(),
        *"é ée és ées ado ada".split(),
    )
)
"""Endings by which forms of a word differ, in the languages of ``_JOINING``."""


def sought(question: str) -> dict[str, float]:
    """Returns the stems that a question is about, with how telling each is, as ``asked`` has them.

    What names the kind of answer counts as such, and what only joins in the question's language
    does not count at all.

    Example:
        >>> sought("Which percentage of colonies died?")
        {'percentag': 0.2, 'colony': 1.0, 'died': 1.0}
    """
    return dict(_sought(question))


@lru_cache(maxsize=256)
def _sought(question: str) -> Mapping[str, float]:
    found = asked(question)
    joining = _JOINING.get(language(question), frozenset())
    dropped = {term for word in joining for term in content(word)}
    kinds = frozenset(
        term for word in (*named_measures(question), *_of_form(question)) for term in content(word)
    )
    left = {
        term: min(worth, KIND) if term in kinds else worth
        for term, worth in found.items()
        if term not in dropped
    }
    return left or found


def of_form(question: str) -> frozenset[str]:
    """Returns the stems of words for a kind of answer that no rule can tell: "pros and cons"."""
    return frozenset(term for word in _of_form(question) for term in content(word))


def _of_form(question: str) -> list[str]:
    return [match.group() for match in _OF_FORM.finditer(question[:2_000])]


def language(question: str) -> str:
    """Returns the language of a question, where rules for it stand here; empty for English."""
    said = words(question[:2_000])
    counts = {name: sum(word in listed for word in said) for name, listed in _JOINING.items()}
    best = max(counts, key=lambda name: counts[name])
    plain = sum(word in STOP and word not in _JOINING[best] for word in said)
    return best if counts[best] >= 2 and counts[best] > plain and _MARKS & frozenset(said) else ""


def reader(question: str) -> Reading:
    """Returns the way in which a text is read for a question: its stems, as ``content`` has them.

    Stems are those of English; of another language a word counts as the question's where only the
    ending differs: "Führungen" as "Führung".
    """
    if not language(question):
        forms = {form: term for term in sought(question) for form in _other_forms(term)}
        return (
            (lambda text: [forms.get(word, word) for word in content(text)]) if forms else content
        )
    terms = [term for term in sought(question) if not term[0].isdigit()]
    known: dict[str, str] = {}

    def read(text: str) -> list[str]:
        return [
            known.get(word) or known.setdefault(word, _form(word, terms)) for word in content(text)
        ]

    return read


def _other_forms(term: str) -> Iterator[str]:
    """Yields what the stemmer makes of other forms of a word: "studied" of "study", "died" of
    "die".
    """
    if len(term) > 3 and term.endswith("y"):
        yield term[:-1]
    elif term.endswith("e"):
        yield f"{term}d"


def _form(word: str, terms: Iterable[str]) -> str:
    return next((term for term in terms if _akin(word, term)), word)


def _akin(one: str, other: str) -> bool:
    """Tells whether two words differ in their ending alone."""
    same = next(
        (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return same >= 4 and one[same:] in _ENDINGS and other[same:] in _ENDINGS


def loose(question: str) -> frozenset[str]:
    """Returns the stems of a question that a text may say in other words: its verb or adjective.

    Told by their place: "What did the council *decide* about parking?", "Is thymol *effective*?",
    "How was the castle *destroyed*?". Names, numbers and what stands behind an article are none.

    Example:
        >>> loose("What did the council decide about parking?"), loose("What is the price of tin?")
        (frozenset({'decid'}), frozenset())
    """
    return frozenset(term for word in _loose(question) for term in content(word))


def deed(question: str) -> frozenset[str]:
    """Returns the verb or adjective of a question that is answered by yes or no; none of
    another.
    """
    said = words(question[:2_000])
    return loose(question) if said and said[0] in _DOING | _BEING else frozenset()


def counted(question: str) -> frozenset[str]:
    """Returns the stems of what a question wants counted or measured: "how much *coral cover* did
    ...".
    """
    match = _COUNTED.search(question[:2_000])
    said = (
        next(_runs([(word, word.lower()) for word in words(question[match.end() :])]), ("", []))
        if match
        else ("", [])
    )
    return (
        frozenset(term for word in said[1] for term in content(word))
        if match and not said[0]
        else frozenset()
    )


def _loose(question: str) -> list[str]:
    said = [(match.group(), match.group().lower()) for match in WORD.finditer(question[:2_000])]
    aux = next((at for at, (_, word) in enumerate(said) if word in _DOING | _BEING), None)
    if language(question):
        return []
    if said and said[0][1] == "who" and aux != 1:  # "Who funded the trial?"
        return [said[1][0]] if len(said) > 2 and not _named(said[1][0]) else []
    if aux is None:
        return []
    does, measured = said[aux][1] in _DOING, named_measures(question)
    tells = said[0][1] in ("what", "which", "who") or bool(_COUNTED.match(question))
    for before, run in _runs(said[aux + 1 :]):
        if len(run) == 1 and not before and tells and not does and _PARTICIPLE.search(run[0]):
            return run  # "What was decided about parking?"
        later = [word for word in run[1:] if not _named(word)]
        later = [word for word in later if word.lower() in measured] or later
        if does and before in _PRONOUNS:
            later = run[:1]
        if not does:
            later = later[-1:]
            if before in ("a", "an") or (tells and later and not _PARTICIPLE.search(later[0])):
                later = []
        if later or does:
            return later
    return []


def _runs(said: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Yields the telling words that stand side by side, each time with what stands before them."""
    before, run = "", list[str]()
    for shown, word in said:
        if word in STOP:
            if run:
                yield before, run
            before, run = word, []
        else:
            run.append(shown)
    if run:
        yield before, run


def _named(word: str) -> bool:
    return word[0].isdigit() or word[0].isupper()
