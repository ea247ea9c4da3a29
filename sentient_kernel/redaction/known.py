"""The secret values that this process knows, and the one redactor over them.

They belong to the process, not to a workbench: an error of one may hold a key of another, and a log
knows neither. A value is known when the environment or ``.env`` gives it under a name as secrets
have, when it is a secret setting, a provider's key, or part of an address that was configured. What
was known once stays known, but for what stood in a file of somebody else.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice

from sentient_kernel.redaction.names import is_random, is_secret, is_telling
from sentient_kernel.redaction.patterns import in_address, without_patterns
from sentient_kernel.redaction.values import Redactor

__all__ = ["hold", "hold_address", "hold_file", "look", "redactor", "shown"]

MOST = 1_000
"""Values that are held at once; those that were learnt first are forgotten first."""
MOST_OF_FILE = 50
"""Values that a file of somebody else can make known: it must not push out what the user has."""

_lock = threading.Lock()
_held: dict[str, str] = {}
_of_file: dict[str, str] = {}
_redactor = Redactor({})
_seen: tuple[object, ...] = ()
_variables = -1  # how many there were when they were looked through


def redactor() -> Redactor:
    """Returns the redactor over all that is known now, variables that were added a moment ago among
    it.
    """
    return _redactor if len(os.environ) == _variables else look()


def shown(text: str) -> str:
    """Returns the text of an error, a log or an address as it may be written: without known values,
    and without what looks like one.
    """
    return without_patterns(redactor().text(text))


def hold(value: str, name: str) -> None:
    """Makes a secret known. A value that would be found in ordinary words is left out.

    Args:
        value: The secret.
        name: What stands in its place.
    """
    _learn({value: name})


def hold_address(url: str, name: str) -> None:
    """Makes the secrets in an address known: its password, and parameters that are called as
    secrets are.
    """
    _learn(dict.fromkeys(in_address(url), name))


def hold_file(variables: Mapping[str, str], *, foreign: bool) -> None:
    """Makes known what a file of variables holds of secrets, whether or not they count as settings.

    Args:
        variables: What the file sets.
        foreign: Whether somebody else may have written it: then only values that look made by
            chance are taken, and not many, and they are forgotten with the next such file.
    """
    found = _secrets_of(variables)
    if foreign:
        _learn(
            {},
            dict(
                islice(
                    ((value, name) for value, name in found.items() if is_random(value)),
                    MOST_OF_FILE,
                )
            ),
        )
    else:
        _learn(found)


def look() -> Redactor:
    """Looks through the environment for values that were not there before; returns the redactor.

    Cheap where nothing has changed: this is done whenever a run begins and whenever something
        fails.
    """
    global _seen, _variables
    _variables = len(os.environ)
    # as it lies there: to decode it takes ten times as long
    seen = tuple(getattr(os.environ, "_data", os.environ).items())
    if seen != _seen:
        _seen = seen
        _learn(_secrets_of(os.environ))
    return _redactor


def _secrets_of(variables: Mapping[str, str]) -> dict[str, str]:
    found = dict[str, str]()
    for name, value in variables.items():
        found |= _of_variable(name, value)
    return found


def _of_variable(name: str, value: str) -> dict[str, str]:
    """Returns the secrets that a variable holds: itself when it is called so, or what stands in the
    address that it is.
    """
    value = value.strip()
    if "://" in value:
        return dict.fromkeys(in_address(value), name)
    if not is_secret(name, value) or (
        value[:1] in "/~." and os.path.exists(os.path.expanduser(value))
    ):
        return {}
    return {value: name, **dict.fromkeys(_in_json(value), name)}


def _in_json(value: str) -> list[str]:
    """Returns the secrets in a value that is an object of JSON, as the key of a service account
    is.
    """
    found, rest = list[str](), list[tuple[str, object]]()
    if value[:1] == "{":
        with suppress(ValueError, RecursionError):
            rest = [("", json.loads(value))]
    while rest:
        name, one = rest.pop()
        if isinstance(one, dict):
            rest += one.items()
        elif isinstance(one, list):
            rest += [(name, part) for part in one]
        elif isinstance(one, str) and is_secret(name, one):
            found.append(one.strip())
    return found


def _learn(found: dict[str, str], of_file: dict[str, str] | None = None) -> None:
    global _redactor, _of_file
    new = {value: _label(name) for value, name in found.items() if is_telling(value)}
    with _lock:
        before = {**_of_file, **_held}
        for value, name in new.items():
            _held.setdefault(value, name)
        while len(_held) > MOST:
            del _held[next(iter(_held))]
        if of_file is not None:
            _of_file = {value: _label(name) for value, name in of_file.items()}
        if (known := {**_of_file, **_held}) != before:
            _redactor = Redactor(known)


def _label(name: str) -> str:
    """Returns a name that means nothing in JSON, HTML or Markdown."""
    return re.sub(r"[^A-Za-z0-9_.:-]+", "_", name)[:60] or "secret"
