"""Words as the extractive agents see them: tokens with places, stems, stop words, numbers,
negation. Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache

WORD = re.compile(r"[^\W_]+(?:[.,][0-9]+)*(?:['’][^\W\d_]+)?")
_JOINED = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
WIDE = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Han, kana and hangul, as a class of characters: written without spaces, or with particles grown
on.
"""
UNSPACED = rf"{WIDE}\u0e00-\u0e7f"
"""All characters of scripts without spaces, Thai among them."""
_WIDE = re.compile(f"[{WIDE}]+")  # pairs of its signs stand for words
_GLUE = frozenset("的了吗呢嗎么麼什是在着著和与與及或也都就还還很怎哪谁誰几幾吧啊")
"""Signs of Chinese that only join and ask: a pair with one of them tells nothing."""
NUMBER = re.compile(r"(?<![^\W_])[0-9]+(?:[.,][0-9]+)*")

STOP: frozenset[str] = frozenset(
    """a about after again all also am an and any are as at be because been before being below
        between both but by can could did do does doing done during each either etc every few
        for from further get give given had has have having he her here hers him his how however
        i if in into is it its itself just let many may me might more most much must my of off
        on once one only or other our out over own per same several shall she should since so
        some such than that the their them then there therefore these they this those through
        thus to too toward towards under until up upon us use used using very via was we were
        what when where whether which while who whom whose why will with within would yet you
        your yours wie wer wem wen wo wann warum welche welcher welches welchen wieso quand
        pourquoi quel quelle quels quelles combien qué cómo dónde cuándo quién quiénes cuál
        cuáles cuánto cuántos cuántas как что где когда кто почему какой какая какое какие
        сколько ли это هل كيف متى أين ماذا لماذا كم ما من في على إلى""".split()
)
"""English words that tell nothing, and what other languages ask with; none of those that are
English words too.
"""
NEGATIONS: frozenset[str] = frozenset(
    """no not none nor neither never nothing nobody without cannot cant dont doesnt didnt isnt
        arent wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt aint fail fails
        failed failing failure lack lacks lacked lacking absence absent unable unlikely hardly
        rarely unaffected unchanged insufficient""".split()
)

# Longest first; what remains keeps at least three letters (four before the short ones).
_SUFFIXES = tuple(
    sorted(
        set(
            """izations isations ization isation ationally ational fulness iveness ousness
                ations ation ators ically ating ator ative ively ities ments ical ment ness ible
                able ance ence ents ants ions ials ably ibly ally ated ates ises izes ised ized
                ives ists isms ings ying ing ied ies ion ial ity ive ize ise ist ism ous ful ate
                ent ant ers ors est ic al ly ed es er or""".split()
        ),
        key=lambda suffix: (-len(suffix), suffix),
    )
)

_SAME = {
    form: forms.split()[0]
    for forms in """begin began begun,become became,break broke broken,bring brought,build built,
buy bought,catch caught,choose chose chosen,come came,draw drew drawn,drink drank,
drive drove driven,eat ate eaten,fall fell fallen,feel felt,fight fought,find found,
fly flew flown,forget forgot,freeze froze frozen,grow grew grown,hold held,keep kept,
know knew known,lead led,leave left,lose lost,mean meant,meet met,pay paid,ride rode,
rise rose risen,run ran,say said,see saw seen,sell sold,send sent,shoot shot,show shown,
sing sang sung,speak spoke spoken,spend spent,spin spun,stand stood,steal stole,strike struck,
swim swam,take took taken,teach taught,tell told,think thought,throw threw thrown,wear wore worn,
win won,write wrote written,child children,man men,woman women,mouse mice,foot feet,tooth teeth,
die dying,license licence licences,defense defence,offense offence,bacterium bacteria,
hypothesis hypotheses,analysis analyses,virus viruses""".split(",")
    for form in forms.split()[1:]
}


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Returns the part of an English word that its forms share: a light stemmer that prefers
    joining to keeping apart.

    Args:
        word: A word in any case.

    Example:
        >>> stem("increases") == stem("increased") == stem("increasing")
        True
        >>> stem("2019")
        '2019'
    """
    word = word.lower().replace("’", "'").removesuffix("'s").replace("'", "")
    word = _SAME.get(word, word)
    if len(word) < 4 or not word.isalpha() or not word.isascii():
        return word
    if word.endswith("s") and word[-2] not in "suic":
        word = word[:-1]
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= (4 if len(suffix) < 3 else 3):
            word = word[: -len(suffix)]
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    if word.endswith("i"):
        word = word[:-1] + "y"
    return word[:-1] if word.endswith("uct") else word


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case, in order."""
    return list(map(str.lower, WORD.findall(text)))


@lru_cache(maxsize=2048)  # a research looks at the same sentences several times
def content(text: str) -> tuple[str, ...]:
    """Returns the stems of the words that carry meaning, in order: no stop words, no negations, no
    single letters.

    Example:
        >>> content("The bees were dancing"), content("蜜蜂的舞蹈")
        (('bee', 'danc'), ('蜜蜂', '舞蹈'))
    """
    found: list[str] = []
    for word in words(text):
        if word in STOP or plain(word) in NEGATIONS:
            continue
        if not word.isascii() and _WIDE.search(word):
            found += _pairs(word)
        elif len(word) > 1 or word.isdigit():
            found.append(stem(word))
    return tuple(found)


def _pairs(word: str) -> list[str]:
    """Returns the telling pairs of neighbouring signs of a word without spaces, and what in it is
    written otherwise.
    """
    found = [stem(rest) for rest in _WIDE.split(word) if len(rest) > 1]
    for run in _WIDE.findall(word):
        pairs = [run[i : i + 2] for i in range(max(1, len(run) - 1))]
        found += [
            pair
            for pair in pairs
            if not _GLUE & set(pair) and not all("\u3040" <= sign <= "\u309f" for sign in pair)
        ]
    return found


def titled(title: str) -> frozenset[str]:
    """Returns the stems of a title, and of the words that names in it are joined from:
    ``DataFrameGroupBy`` is about a group.
    """
    return frozenset(content(f"{title} {_JOINED.sub(' ', title)}"))


def plain(word: str) -> str:
    """Returns a word without apostrophes."""
    return word.replace("’", "").replace("'", "")


def numbers(text: str) -> frozenset[str]:
    """Returns the numbers of a text, thousands separators taken out, trailing zeros of decimals
    too.

    Example:
        >>> sorted(numbers("1,200 of 3.50%"))
        ['1200', '3.5']
    """
    found = set()
    for value in NUMBER.findall(text):
        if re.fullmatch(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?", value):
            value = value.replace(",", "")
        value = value.replace(",", ".")
        found.add(value.rstrip("0").rstrip(".") if value.count(".") == 1 else value)
    return frozenset(found)


_NOT = re.compile("[不没沒無无未]|ない|なかった|ません|않|못")


def negated(text: str) -> bool:
    """Tells whether a word of a text negates."""
    if not NEGATIONS.isdisjoint(map(plain, words(text))):
        return True
    return not text.isascii() and bool(_NOT.search(text))


BROAD = 0.4
"""How telling a word is that fits everywhere."""
KIND = 0.2
"""How telling a word is for the kind of thing that is sought: the answer is one, and need not say
so.
"""
_BROAD = frozenset(
    stem(word)
    for word in """added according amount become call cause change city come compare compute
        consider country day difference different effect example find first form found good
        group happen help important include kind known large last level main make mean multiple
        name new number occur part people percent person place provide rate reason result role
        show study take term thing time type various way word work world year""".split()
)


_KIND = re.compile(
    r"\bhow"
    r" (big|broad|cold|common|cheap|deep|dense|early|expensive|far|fast|frequent|frequently|heavy"
    r"|high|hot|large|late|likely|long|low|near|often|old|quick|quickly|rare|severe|short|slow"
    r"|small"
    r"|soon|strong|tall|thick|warm|wide|young)\b"
    r"|\b(?:which|what) ([a-z]{3,40}) (?=(?:is|are|was|were|do|does|did|has|have|had|can|could|will"
    r"|would|should|[a-z]{2,40}(?:s|ed))\b)",
    re.I,
)
"""Words of a question for the kind of thing that is sought: "how high", "which command is"."""
_QUESTION = re.compile(r"(?:\w{1,20} )?(?:how|which|what)\b", re.I)
_SENTENCE_ENDS = re.compile(r"(?:[?!]|[a-z]{4}\.)[\"'\u201d\u2019)]{0,2}\s+[\"'(\u201c\u2018]?$")
"""What stands before a capital that begins a sentence: no initial and no abbreviation."""


def asked(question: str) -> dict[str, float]:
    """Returns the stems that a question is about, with how telling each is.

    Names and numbers count 2, broad words 0.4, words for the kind of thing sought 0.2, others 1.

    Args:
        question: What is asked.

    Example:
        >>> asked("How many people live in Oslo?")
        {'peopl': 0.4, 'liv': 1.0, 'oslo': 2.0}
    """
    found: dict[str, float] = {}
    kinds: set[int] = set()
    if question.rstrip().endswith("?") or _QUESTION.match(question):
        kinds.update([match.start(match.lastindex or 0) for match in _KIND.finditer(question)])
    for match in WORD.finditer(question):
        word = match.group()
        for term in content(word):
            first = match.start() == 0 or _SENTENCE_ENDS.search(
                question, max(0, match.start() - 12), match.start()
            )
            name = word[0].isdigit() or (
                word[0].isupper() and (not first or word[1:].upper() == word[1:] != "")
            )
            worth = KIND if match.start() in kinds else BROAD if term in _BROAD else 1.0
            found[term] = 2.0 if name else found.get(term, worth)
    return found
