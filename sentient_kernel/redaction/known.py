"""The secret values that this process knows, and the one redactor over them.

They belong to the process, not to a workbench: an error of one may hold a key of another, and a log knows neither. A value is known when
the environment or ``.env`` gives it under a name as secrets have, when it is a secret setting, a provider's key, or part of an address
that was configured. What was known once stays known, but for what stood in a ``.env`` that is not here any more.
"""

from __future__ import annotations

import os
import re
import threading
from contextlib import suppress
from itertools import islice
from pathlib import Path

from sentient_kernel.redaction.names import is_random, is_secret, is_telling
from sentient_kernel.redaction.patterns import in_address, without_patterns
from sentient_kernel.redaction.values import Redactor

__all__ = ["hold", "hold_address", "look", "redactor", "shown"]

MOST = 1_000
"""Values that are held at once; those that were learnt first are forgotten first."""
MOST_OF_FILE = 50
"""Values that ``.env`` can make known: it may be somebody else's, and must not push out what the user has."""
LARGEST = 1_000_000
"""Bytes from which ``.env`` is not looked at: nobody keeps keys in such a file."""

_lock = threading.Lock()
_held: dict[str, str] = {}
_of_file: dict[str, str] = {}
_redactor = Redactor({})
_seen: tuple[object, ...] = ()
_variables = -1  # how many there were when they were looked through


def redactor() -> Redactor:
    """Returns the redactor over all that is known now, variables that were added a moment ago among it."""
    return _redactor if len(os.environ) == _variables else look()


def shown(text: str) -> str:
    """Returns the text of an error, a log or an address as it may be written: without known values, and without what looks like one."""
    return without_patterns(redactor().text(text))


def hold(value: str, name: str) -> None:
    """Makes a secret known. A value that would be found in ordinary words is left out.

    Args:
        value: The secret.
        name: What stands in its place.
    """
    _learn({value: name})


def hold_address(url: str, name: str) -> None:
    """Makes the secrets in an address known: its password, and parameters that are called as secrets are."""
    _learn(dict.fromkeys(in_address(url), name))


def look() -> Redactor:
    """Looks through the environment and ``.env`` for values that were not there before; returns the redactor.

    Cheap where nothing has changed: this is done whenever a run begins and whenever something fails.
    """
    global _seen, _variables
    _variables = len(os.environ)
    seen = (tuple(getattr(os.environ, "_data", os.environ).items()), _stamp())  # as it lies there: to decode it takes ten times as long
    if seen != _seen:
        _seen = seen
        found = dict[str, str]()
        for name, value in os.environ.items():
            found |= _of_variable(name, value)
        _learn(found, _of_env_file())
    return _redactor


def _of_variable(name: str, value: str) -> dict[str, str]:
    """Returns the secrets that a variable holds: itself when it is called so, or what stands in the address that it is."""
    value = value.strip()
    if "://" in value:
        return dict.fromkeys(in_address(value), name)
    if not is_secret(name, value) or (value[:1] in "/~." and os.path.exists(os.path.expanduser(value))):
        return {}
    return {value: name}


def _stamp() -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(".env")
        return status.st_mtime_ns, status.st_size
    return None


def _of_env_file() -> dict[str, str]:
    """Returns what ``.env`` holds of secrets, whether or not it counts as a setting: only values that look made by chance."""
    from dotenv import dotenv_values

    found = dict[str, str]()
    with suppress(OSError, UnicodeDecodeError):
        if not Path(".env").is_file() or os.stat(".env").st_size > LARGEST:
            return {}
        for name, value in dotenv_values(".env", interpolate=False).items():
            found |= {secret: called for secret, called in _of_variable(name, value or "").items() if is_random(secret)}
    return dict(islice(found.items(), MOST_OF_FILE))


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
