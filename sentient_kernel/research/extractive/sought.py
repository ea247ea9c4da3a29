"""What a question is about, word by word, which of its words a text may say otherwise, and which
measure it asks for. Pure.

Words for the kind of answer ("percentage", "dose", "pros and cons") and words that only join, in
the question's own language, are not looked for in a text. A verb or an adjective may be told by
another: a castle that was "destroyed" has "burnt down". "How far" is answered in kilometres.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from sentient_kernel.text.words import KIND, STOP, WORD, asked, content, words

_JOINING = {
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
_ENDINGS = frozenset(
    (
        "",
        *"e en n er es s t et te ten st r a o as os x nt ent ons ez ait".split(),
        *"é ée és ées ado ada".split(),
    )
)
"""Endings by which forms of a word differ, in the languages of ``_JOINING``."""
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
_SPEED = r"\d ?(?:km/h|kph|mph|m/s|knots?)\b|\b(?:per|an?) (?:second|minute|hour|day)\b"
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
    (
        "dose|dosage",
        r"\b\d[\d.,]{0,8}"
        r" ?(?:mg|g|\u00b5g|\u03bcg|mcg|ml|iu|units?|(?:milli|micro)?grams?|millilit(?:re|er)s?"
        r"|tablets?|drops?|%)(?!\w)",
    ),
    ("version", r"\b\d{1,4}\.\d{1,4}"),
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
"""What asks for a measure, with the signs of an answer that has it."""


class Sought:
    """What a question looks for.

    Args:
        question: The question, or what is searched for.

    Attributes:
        terms: The stems that it is about, with how telling each is, as ``asked`` has them. What
            names the kind of answer counts as such, and what only joins in the question's language
            does not count at all.
        signs: The signs of the measure that it asks for; none where it asks for no measure.
        of_form: The stems of words for a kind of answer that no rule can tell: "pros and cons".
        counted: The stems of what it wants counted or measured: "how much *coral cover* did ...".

    Example:
        >>> sought("Which percentage of colonies died?").terms
        {'percentag': 0.2, 'colony': 1.0, 'died': 1.0}
        >>> [sign.search("It is one kilometre.")[0] for sign in sought("How far is it?").signs]
        ['one kilometre']
    """

    def __init__(self, question: str) -> None:
        beginning = question[:2_000]
        self._question = beginning
        self._words = words(beginning)
        self._language = _language(self._words)
        self._measures = list[str]()  # an answer has the measure, not the word for it
        self.signs = list[re.Pattern[str]]()
        for measure, sign in _MEASURED:
            if match := measure.search(question[:4_000]):
                self.signs.append(sign)
                self._measures += filter(None, match.groupdict().values())
        self.of_form = _stems(_OF_FORM.findall(beginning))
        kinds = self.of_form | _stems(self._measures)
        joining = _stems(_JOINING.get(self._language, ()))
        found = asked(question)
        self.terms = dict[str, float]()
        for term, worth in found.items():
            if term not in joining:
                self.terms[term] = min(worth, KIND) if term in kinds else worth
        self.terms = self.terms or found
        self._forms = dict[str, str]()
        for term in self.terms:
            if len(term) > 3 and term.endswith("y"):
                self._forms[term[:-1]] = term
            elif term.endswith("e"):
                self._forms[f"{term}d"] = term
        self.counted = frozenset[str]()
        if match := _COUNTED.search(beginning):
            before, run = next(_runs(words(beginning[match.end() :])), ("", []))
            self.counted = frozenset() if before else _stems(run)

    def read(self, text: str) -> list[str]:
        """Returns the stems of a text, as ``content`` has them, other forms of the question's words
        as those: "studied" as "study", "died" as "die".

        Stems are those of English; of another language a word counts as the question's where only
        the ending differs: "F\u00fchrungen" as "F\u00fchrung".
        """
        said = content(text)
        if self._language:
            return [_form(word, self.terms) for word in said]
        return list(map(self._forms.get, said, said))

    @property
    def loose(self) -> frozenset[str]:
        """The stems that a text may say in other words: its verb or adjective.

        Told by their place: "What did the council *decide* about parking?", "Is thymol
        *effective*?", "How was the castle *destroyed*?". Names, numbers and what stands behind an
        article are none.

        Example:
            >>> sought("What did the council decide about parking?").loose
            frozenset({'decid'})
            >>> sought("What is the price of tin?").loose
            frozenset()
        """
        said = WORD.findall(self._question)
        auxiliary = _DOING | _BEING
        aux = next((at for at, word in enumerate(self._words) if word in auxiliary), None)
        if self._language or not said:
            return frozenset()
        if self._words[0] == "who" and aux != 1:  # "Who funded the trial?"
            return _stems(said[1:2] if len(said) > 2 and not _named(said[1]) else ())
        if aux is None:
            return frozenset()
        does = self._words[aux] in _DOING
        tells = self._words[0] in ("what", "which", "who") or _COUNTED.match(self._question)
        for before, run in _runs(said[aux + 1 :]):
            if len(run) == 1 and not before and tells and not does and _PARTICIPLE.search(run[0]):
                return _stems(run)  # "What was decided about parking?"
            later = [word for word in run[1:] if not _named(word)]
            later = [word for word in later if word.lower() in self._measures] or later
            if does and before in _PRONOUNS:
                later = run[:1]
            if not does:
                later = later[-1:]
                if before in ("a", "an") or (tells and later and not _PARTICIPLE.search(later[0])):
                    later = []
            if later or does:
                return _stems(later)
        return frozenset()

    @property
    def deed(self) -> frozenset[str]:
        """Its verb or adjective where it is answered by yes or no; none of another question."""
        return self.loose if self._words[:1] and self._words[0] in _DOING | _BEING else frozenset()


sought = lru_cache(maxsize=256)(Sought)
"""Returns what a question looks for; a research looks at the same question many times."""


def _stems(listed: Iterable[str]) -> frozenset[str]:
    return frozenset(content(" ".join(listed)))


def _language(said: Sequence[str]) -> str:
    """Returns the language of a question, where rules for it stand here; empty for English."""
    counts = {name: sum(map(listed.__contains__, said)) for name, listed in _JOINING.items()}
    best = max(counts, key=counts.__getitem__)
    plain = sum(map((STOP - _JOINING[best]).__contains__, said))
    return best if counts[best] >= 2 and counts[best] > plain and _MARKS & frozenset(said) else ""


def _form(word: str, terms: Iterable[str]) -> str:
    """Returns the term that a word differs from in its ending alone; else the word."""
    for term in terms:
        same = 0
        while same < min(len(word), len(term)) and word[same] == term[same]:
            same += 1
        akin = same >= 4 and word[same:] in _ENDINGS and term[same:] in _ENDINGS
        if akin and not term[0].isdigit():
            return term
    return word


def _runs(said: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yields the telling words that stand side by side, each time with what stands before them."""
    before, run = "", list[str]()
    for word in said:
        if word.lower() not in STOP:
            run.append(word)
            continue
        if run:
            yield before, run
        before, run = word.lower(), []
    if run:
        yield before, run


def _named(word: str) -> bool:
    return word[0].isdigit() or word[0].isupper()
