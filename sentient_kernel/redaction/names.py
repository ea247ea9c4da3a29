"""Which values and names are secrets by the look of them. Pure."""

from __future__ import annotations

import re
from math import log2

__all__ = ["SHORTEST", "is_random", "is_secret_name", "is_telling"]

SHORTEST = 8
"""Characters below which a value is not looked for: it would be found in ordinary words."""
LONG = 20
"""Characters from which a value of one kind of characters counts too: a pass phrase without blanks, a long number."""


def is_telling(value: str) -> bool:
    """Tells whether a value can be looked for: long enough, and no ordinary word or number.

    Example:
        >>> given = ("postgres", "12345678", "a wrong one", "short1", "hunter42x", "correct horse battery")
        >>> [value for value in given if is_telling(value)]
        ['hunter42x', 'correct horse battery']
    """
    kinds = [any(map(kind, value)) for kind in (str.islower, str.isupper, str.isdigit, lambda sign: not (sign.isalnum() or sign.isspace()))]
    return len(value) >= LONG or (len(value) >= SHORTEST and sum(kinds) > 1)


def is_random(value: str) -> bool:
    """Tells whether a value looks made by chance: letters and digits, and no character much more frequent than the others."""
    shares = [value.count(sign) / len(value) for sign in set(value)]
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return mixed and len(value) >= 16 and -sum(share * log2(share) for share in shares) >= 3.0


_SECRET_WORDS = frozenset("KEY KEYS APIKEY TOKEN SECRET SECRETS PASSWORD PASSWD PASSPHRASE PASS PWD CREDENTIAL CREDENTIALS AUTH".split())


def is_secret_name(name: str) -> bool:
    """Tells whether a variable, a field or a parameter is called as secrets are.

    Example:
        >>> [is_secret_name(name) for name in ("OPENAI_API_KEY", "access-token", "PWD", "TOKENIZERS_PARALLELISM", "MYSQL_PWD")]
        [True, True, False, False, True]
    """
    parts = re.split(r"[^A-Z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper())
    return name.upper() not in ("PWD", "OLDPWD") and not _SECRET_WORDS.isdisjoint(parts)
