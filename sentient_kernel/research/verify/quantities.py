"""Numbers as sentences state them: with their scale, their unit, and how exactly they are meant.
Pure.

A sentence may write a number otherwise than its source does: "$1.58 billion" for "1,577" in a table
of millions, "12%" for "0.12", "2 km" for "2,000 m", "nineteen" for "19". What it may not do is
state another number, or the same one of another thing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations

_SCALES = {
    "hundred": 1e2,
    "thousand": 1e3,
    "k": 1e3,
    "million": 1e6,
    "mn": 1e6,
    "m": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "b": 1e9,
    "trillion": 1e12,
}
_UNITS: dict[str, tuple[str, float]] = {
    name: (kind, factor)
    for kind, names in {
        "length": (
            "nm 1e-9,µm 1e-6,μm 1e-6,mm .001,cm .01,m 1,metre 1,meter 1,km 1000,kilometre"
            " 1000,kilometer 1000,mile 1609.344,foot .3048,feet .3048,ft .3048,inch .0254"
        ),
        "mass": (
            "ng 1e-9,µg 1e-6,μg 1e-6,mcg 1e-6,mg .001,g 1,gram 1,kg 1000,kilogram 1000,tonne"
            " 1e6,pound 453.592,lb 453.592"
        ),
        "volume": "µl 1e-6,μl 1e-6,ml .001,cl .01,dl .1,l 1,litre 1,liter 1",
        "time": (
            "ms .001,millisecond .001,s 1,sec 1,second 1,min 60,minute 60,h 3600,hour 3600,day"
            " 86400,week 604800,month 2629746,year 31556952,decade 315569520,century 3155695200"
        ),
        "share": "% 1,percent 1,percentage 1,‰ .1",
        "heat": "°c 1,celsius 1",
        "money": "$ 1,dollar 1,usd 1",
        "euro": "€ 1,euro 1,eur 1",
        "pounds": "£ 1,gbp 1",
        "data": "byte 1,kb 1000,mb 1e6,gb 1e9,tb 1e12",
    }.items()
    for name, factor in ((pair.split()[0], float(pair.split()[1])) for pair in names.split(","))
}
"""Units by name: what they measure, and how much of its first unit one is."""

_SMALL = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen".split()
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_WORTH = {word: at for at, word in enumerate(_SMALL, 1)} | {
    word: 10 * at for at, word in enumerate(_TENS, 2)
}
_GROUPED = r"[0-9]{1,3}(?:[,\u00a0\u2009\u202f][0-9]{3})+(?:\.[0-9]+)?"
_NUMBER = (
    rf"(?P<number>{_GROUPED}|[0-9]+(?:[.,][0-9]+)*|(?<![\w.])\.[0-9]+)"
    rf"|\b(?P<word>(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_SMALL[:9])}))?"
    rf"|{'|'.join(_SMALL[1:])})\b"
)
_SAID = re.compile(
    rf"(?P<mark>[$€£])?\s?(?<![^\W_])(?<![0-9][.,])(?<!(?-i:[A-Z]-))(?:{_NUMBER})"
    r"(?:[\s-]?(?P<scale>hundred|thousand|million|billion|trillion|mn|bn)\b|(?P<letter>(?-i:[KMB]"
    r"|(?<=[0-9])[kmb]))\b)?"
    r"(?:[\s-]?(?P<after>°[cf]\b|[%‰]|[a-zµμ]+))?",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\b(?:fy|cy|q[1-4])[\s'’]?(?=(?:19|20)[0-9]{2}\b)", re.IGNORECASE)
_IN_SCALE = re.compile(
    r"\bin\s+(?:[a-z]+\s+)?(thousand|million|billion)s?\b|\(\s*(thousand|million|billion)s\b",
    re.IGNORECASE,
)
_PARTS = (
    (re.compile(r"\bthree[- ]quarters\b", re.IGNORECASE), "75%"),
    (re.compile(r"\b(?:a|one)[- ]quarter(?=\s+of\b)", re.IGNORECASE), "25%"),
    (re.compile(r"\bhalf(?=\s+of\b)", re.IGNORECASE), "50%"),
)
"""Parts of a whole that are written as words."""
_FEW = 4
"""Numbers that a text may hold for others to be worked out from any two of them; of more, nearly
any number follows.
"""
_LONGEST = 30
"""Digits of a number that is read as one; a longer one is a string of signs."""
_CAPITALS = frozenset("KMB")
_ONE = re.compile(r"\bone\b", re.IGNORECASE)
_YEAR = re.compile(r"(?:1[0-9]|20)[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A number that a sentence states.

    Args:
        said: As it stands there.
        value: How much, in whole numbers: 1.5 million is 1,500,000.
        grain: The smallest step that the way it is written can tell apart: 100,000 for 1.5 million.
        scaled: Whether it names its scale.
        kind: What it is a measure of, where its unit is known; else empty.
        factor: How much of the first unit of its kind one of its unit is.
        year: Whether it reads as a year.
    """

    said: str
    value: float
    grain: float
    scaled: bool
    kind: str
    factor: float
    year: bool


def quantities(text: str) -> list[Quantity]:
    """Returns the numbers of a text, in order; "one" is as often no number, and a number within a
    name ("B12", "COVID-19") is a name's.

    Example:
        >>> text = "$1.5 million for nineteen km, 12% of FY2018, vitamin B12"
        >>> [(one.value, one.kind) for one in quantities(text)]
        [(1500000.0, 'money'), (19.0, 'length'), (12.0, 'share'), (2018.0, '')]
    """
    return [stated for _, stated in _stated(_plain(text))]


def _plain(text: str) -> str:
    """Returns a text in which parts of a whole are percentages, and years stand by themselves."""
    for part, share in _PARTS:
        text = part.sub(share, text)
    return _JOINED.sub("", text)


def _stated(text: str) -> list[tuple[re.Match[str], Quantity]]:
    """Returns the numbers of a text, each with where it stands."""
    found: list[tuple[re.Match[str], Quantity]] = []
    for match in _SAID.finditer(text):
        digits = len(match["number"] or "")
        # "3M" is a name, "$3M" and "12M" are none
        name = match["letter"] in _CAPITALS and not match["mark"] and digits == 1
        if not name and digits <= _LONGEST:
            found.append((match, _quantity(match)))
    return found


def _quantity(found: re.Match[str]) -> Quantity:
    written, mark = found["number"], found["mark"] or ""
    letter, after = found["letter"] or "", (found["after"] or "").lower()
    if written is None:
        value = float(sum([_WORTH[one] for one in re.split("[- ]", found["word"].lower())]))
        grain = 1.0
    else:
        value, grain = _read(written)
    scale = _SCALES.get((found["scale"] or "").lower(), 1.0)
    if letter and (mark or letter in _CAPITALS):  # "$3m" and "12M", not "20 m"
        scale = _SCALES[letter.lower()]
    elif letter:
        after = letter.lower()
    single = _UNITS.get(after.removesuffix("s"))
    year = bool(written and _YEAR.fullmatch(written)) and scale == 1.0 and not single
    unit = None if year else _UNITS.get(after) or single
    kind, factor = unit or _UNITS.get(mark) or ("", 1.0)
    end = found.end() if unit or not found["after"] else found.start("after")
    return Quantity(
        said=found.string[found.start() : end].strip(" -"),
        value=value * scale,
        grain=grain * scale,
        scaled=scale > 1,
        kind=kind,
        factor=factor,
        year=year,
    )


def _read(written: str) -> tuple[float, float]:
    """Returns a number in digits and the step of its last digit."""
    if re.fullmatch(_GROUPED, written):
        written = re.sub(r"[^0-9.]", "", written)
    parts = re.split(r"[.,]", written)
    if len(parts) == 2:  # 3.5, and 3,5 as others write it
        return float(f"{parts[0]}.{parts[1]}"), 10.0 ** -len(parts[1])
    return float("".join(parts)), 1.0  # 1.2.3 is a version, 1.200.000 a number: each is itself


def unheld(claim: str, evidence: str) -> list[str]:
    """Returns the numbers of a sentence that a text does not hold, as the sentence writes them.

    A number that follows from two that are held is held: as a share, a ratio, a sum or a difference
        of theirs.

    Args:
        claim: The sentence.
        evidence: The text.

    Example:
        >>> unheld("Of 60 hives 12 died, 20%.", "In spring 12 of all 60 hives were dead.")
        []
        >>> unheld("It spent $1.58 billion in 2018.", "Spending (Millions) 2018: 1,577")
        []
        >>> unheld("It spent $1.85 billion in 2018.", "Spending (Millions) 2018: 1,577")
        ['$1.85 billion']
        >>> unheld("Bees fly 2 km.", "Bees fly 2,000 m."), unheld("Bees fly 2 km.",
        ...     "Bees fly 2 mm.")
        ([], ['2 km'])
    """
    held = quantities(evidence)
    named = {_SCALES[(one or other).lower()] for one, other in _IN_SCALE.findall(evidence)}
    single = bool(_ONE.search(evidence))
    known: list[Quantity] = []
    strange: list[Quantity] = []
    for one in quantities(claim):
        same = (one.value == 1 and single) or any(_same(one, other, named) for other in held)
        (known if same else strange).append(one)
    sources = known + (held if len(held) <= _FEW else [])
    return [one.said for one in strange if not _worked_out(one, sources)]


def _worked_out(said: Quantity, sources: list[Quantity]) -> bool:
    """Tells whether a number follows from two others: their sum or difference, their ratio, or by
    how much of it one exceeds the other.
    """
    if said.year or (_digits(said) < 2 and said.kind != "share"):
        return False
    for a, b in permutations(sources, 2):
        if a.year != b.year or (a.kind and b.kind and a.kind != b.kind) or not b.value:
            continue
        alike = bool(a.kind and b.kind)  # "from 12 to 15 tonnes": the unit is said once
        x, y = (a.value * a.factor, b.value * b.factor) if alike else (a.value, b.value)
        unit = said.factor if alike else 1.0
        results = [x / y]
        if said.kind == "share":
            results = [100 * x / y, 100 * (x / y - 1), 100 * (1 - x / y)]
        if a.year:
            results = [x - y] if said.kind == "time" else []
        elif said.kind in ("", a.kind, b.kind):
            results += [(x - y) / unit, (x + y) / unit]
        if any([abs(said.value - one) <= said.grain / 2 + 1e-9 * abs(one) for one in results]):
            return True
    return False


def _same(said: Quantity, held: Quantity, named: set[float]) -> bool:
    """Tells whether a number is what a text says: the same, or rounded to what is written, in units
    that can be compared.
    """
    if said.kind and held.kind and said.kind != held.kind:
        return False
    ratio = held.factor / said.factor if said.kind and held.kind else 1.0
    value, grain = held.value * ratio, held.grain * ratio
    scales = [1.0]
    if not held.scaled and not held.year:
        # a table often leaves its scale to its heading
        scales += named or ([1e3, 1e6] if said.scaled and held.value >= 100 else [])
    if not said.scaled and not said.year and held.scaled:
        scales += [1e-3, 1e-6, 1e-9] if named else []
    if said.kind == "share" and not held.kind and held.value < 1:
        scales.append(100.0)
    return any([_rounds(said, value * scale, grain * scale) for scale in scales])


def _rounds(said: Quantity, value: float, grain: float) -> bool:
    """Tells whether a number is another one, or that one rounded to the digits that it is written
    with.
    """
    slack = 1e-6 * max(abs(said.value), abs(value), 1e-9)
    if (said.scaled or _digits(said) >= 2) and not said.year and grain < said.grain:
        slack += said.grain / 2
    return abs(said.value - value) <= slack


def _digits(one: Quantity) -> int:
    return len(str(round(one.value / one.grain)))


def worded(text: str) -> str:
    """Returns a text without its numbers, their scales and their units.

    Example:
        >>> worded("It spent $1.5 million in FY2018 on 3M tape")
        'It spent  in on 3M tape'
    """
    text = _plain(text)
    kept, at = list[str](), 0
    for found, stated in _stated(text):
        unit = found["after"] or ""
        left = "" if stated.said.endswith(unit) else f" {unit}"
        kept += [text[at : found.start()], left]
        at = found.end()
    return "".join([*kept, text[at:]])
