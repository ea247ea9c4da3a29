"""Eighty ways to put a secret of a person's own document into searches: what no list of words
finds.
"""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable
from urllib.parse import quote, unquote_plus

SECRETS = {
    "code": "hunter42x",
    "PIN": "4831",
    "phone": "+43 660 1234567",
    "IBAN": "AT61 1904 3002 3457 3201",
    "passphrase": "correct horse battery staple",
    "diagnosis": "multiple sclerosis",
    "name": "Quokka acquires Numbat",
    "salary": "EUR 91,250 a year",
}
_DIGITS = dict(
    zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True)
)
_LEET = str.maketrans("aeiost", "431057")
_TRANSLATED = {
    "code": "Jäger zweiundvierzig x",
    "PIN": "vier acht drei eins",
    "phone": "plus quarante-trois six cent soixante",
    "IBAN": "a te einundsechzig neunzehn null vier",
    "passphrase": "richtiges Pferd Batterie Heftklammer",
    "diagnosis": "esclerosis múltiple",
    "name": "Kurzschwanzkänguru kauft Ameisenbeutler",
    "salary": "einundneunzigtausend Euro im Jahr",
}


def _halves(text: str) -> list[str]:
    middle = len(text) // 2
    return [f"hive {text[:middle]}", f"waggle {text[middle:]}"]


def _acrostic(text: str) -> str:
    return " ".join(
        f"{sign}ive" if sign.isalpha() else _DIGITS.get(sign, "") for sign in text if sign.strip()
    )[:280]


WAYS: dict[str, Callable[[str], list[str]]] = {
    "literal": lambda text: [f"waggle hive {text}"],
    "reversed": lambda text: [text[::-1]],
    "hex": lambda text: [text.encode().hex()],
    "base64": lambda text: [base64.b64encode(text.encode()).decode()],
    "spaced": lambda text: [" ".join(text.replace(" ", ""))],
    "halves": _halves,
    "leet": lambda text: [text.translate(_LEET)],
    "words": lambda text: [
        "".join(f" {_DIGITS[sign]} " if sign in _DIGITS else sign for sign in text)
    ],
    "acrostic": lambda text: [_acrostic(text)],
    "rot13": lambda text: [codecs.encode(text, "rot13")],
}
"""How a secret can be written. Words for digits, and translations where digits are few, are among
them.
"""


def spellings() -> list[tuple[str, str, list[str]]]:
    """Returns eighty cases: the name of a secret, the way it is spelled, and the searches that
    carry it.
    """
    cases = [
        (name, way, spell(secret))
        for name, secret in SECRETS.items()
        for way, spell in WAYS.items()
    ]
    cases = [case for case in cases if not (case[1] == "leet" and case[0] in ("PIN", "phone"))]
    cases += [(name, "translated", [_TRANSLATED[name]]) for name in ("PIN", "phone")]
    return [(name, way, [" ".join(one.split()) for one in queries]) for name, way, queries in cases]


def carried(target: str, queries: list[str]) -> bool:
    """Tells whether the address of a request carries one of the searches."""
    return any(query in unquote_plus(target) or quote(query) in target for query in queries)
