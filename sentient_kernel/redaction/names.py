"""Which values are secrets by what they are called, and which can be looked for at all. Pure."""

from __future__ import annotations

import re
from itertools import pairwise

__all__ = ["SHORTEST", "is_random", "is_secret", "is_telling"]

SHORTEST = 8
"""Characters below which a value is not looked for: it would be found in ordinary words."""
LONG = 20
"""Characters from which a value of one kind of characters counts too: a pass phrase, a long
number.
"""
_NAMED = frozenset(
    "APIKEY TOKEN SECRET SECRETS PASSWORD PASSWD PASSPHRASE PASS PWD CREDENTIAL CREDENTIALS".split()
)
_KEYS = frozenset("KEY KEYS AUTH".split())
_OF_KEYS = frozenset(
    "API ACCESS SECRET PRIVATE SIGNING ENCRYPTION MASTER SERVICE ACCOUNT LICENSE"
    " SUBSCRIPTION".split()
)
_NOT = frozenset(("PWD", "OLDPWD"))


def is_telling(value: str) -> bool:
    """Tells whether a value can be looked for: long enough, and no ordinary word or number.

    Example:
        >>> given = ("postgres", "12345678", "a wrong one", "short1", "hunter42x",
        ...     "correct horse battery")
        >>> [value for value in given if is_telling(value)]
        ['hunter42x', 'correct horse battery']
    """
    kinds = [
        any(map(kind, value))
        for kind in (
            str.islower,
            str.isupper,
            str.isdigit,
            lambda sign: not (sign.isalnum() or sign.isspace()),
        )
    ]
    return len(value) >= LONG or (len(value) >= SHORTEST and sum(kinds) > 1)


def is_random(value: str) -> bool:
    """Tells whether a value looks made by chance: small letters, capitals and digits take turns, as
    they do not in words and dates.

    Example:
        >>> [is_random(value) for value in ("9f8e7d6c5b4a39281706", "customer_identifier_2",
        ...     "report-2026-01-02-final")]
        [True, False, False]
    """
    kinds = [
        2 if sign.isdigit() else 1 if sign.isupper() else 0 for sign in value if sign.isalnum()
    ]
    turns = sum(one != other for one, other in pairwise(kinds))
    return len(value) >= 16 and 2 in kinds and turns * 5 >= len(kinds)


def is_secret(name: str, value: str) -> bool:
    """Tells whether a variable, a setting or a parameter of an address holds a secret. A key may be
    anything, so its value counts too.

    Example:
        >>> [is_secret(name, "a1b2c3d4") for name in ("OPENAI_API_KEY", "access-token", "PWD",
        ...     "MAX_TOKENS", "MYSQL_PWD", "SORT_KEY")]
        [True, True, False, False, True, False]
    """
    parts = set(re.split(r"[^A-Z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()))
    if name.upper() in _NOT or not is_telling(value):
        return False
    return bool(parts & _NAMED) or (
        bool(parts & _KEYS) and (bool(parts & _OF_KEYS) or is_random(value))
    )
