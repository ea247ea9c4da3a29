"""The secret values that this process knows, and the redactor that takes them out of texts.

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
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from sentient_kernel.redaction.forms import HELD, extent, forms, head
from sentient_kernel.redaction.names import SHORTEST, is_random, is_secret, is_telling
from sentient_kernel.redaction.patterns import in_address, without_patterns

__all__ = ["Redactor", "hold", "hold_address", "hold_file", "redactor", "shown"]

MOST = 1_000
"""Values that are held at once; those that were learnt first are forgotten first."""
MOST_OF_FILE = 50
"""Values that a file of somebody else can make known: it must not push out what the user has."""

_SMALL = 512  # bytes up to which one search for all forms is faster than one for each


class Redactor:
    """Finds and replaces known secret values.

    Args:
        known: The values, each with what to call it.

    Example:
        >>> redactor = Redactor({"hunter42x-9Kd": "VAULT_TOKEN"})
        >>> redactor.text("it answered hunter42x-9Kd, aHVudGVyNDJ4LTlLZA==, and hunter42x-9K...")
        'it answered [hidden:VAULT_TOKEN], [hidden:VAULT_TOKEN]A==, and [hidden:VAULT_TOKEN]...'
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        names = {
            form: name
            for value, name in known.items()
            if is_telling(value)
            for form in forms(value)
        }
        self._forms = sorted(names, key=len, reverse=True)
        self._names = names
        heads, begins = dict[str, list[str]](), dict[str, list[str]]()
        for form in self._forms:
            heads.setdefault(head(form), []).append(form)
            begins.setdefault(form[:HELD], []).append(form)
        self._begins = begins
        self._heads = {
            head: [form for n in range(len(head) + 1) for form in heads.get(head[:n], ())]
            for head in heads
        }
        self._head = re.compile(
            "|".join(map(re.escape, sorted(heads, key=len, reverse=True))) or r"(?!)"
        )
        self._bytes = tuple(head.encode("utf-8", "surrogatepass") for head in heads)
        self._byte = re.compile(b"|".join(map(re.escape, self._bytes)) or rb"(?!)")
        self.longest = max(map(len, self._forms), default=0)

    def _suspect(self, data: bytes) -> bool:
        """Tells whether there may be a secret in data; this is on the way of everything that is
        written.
        """
        if len(data) < SHORTEST or not self._bytes:
            return False
        if len(data) <= _SMALL:
            return self._byte.search(data) is not None
        return any(head in data for head in self._bytes)

    def found(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        """Yields where known values stand in a text, with the name of each, and whether it is there
        as a whole.
        """
        last: tuple[int, int, str, bool] | None = None
        for start, end, name, whole in self._hits(text):
            if last is None:
                last = start, end, name, whole
            elif start < last[1]:  # one runs into the other
                last = (
                    last[0],
                    max(end, last[1]),
                    name if whole and not last[3] else last[2],
                    whole or last[3],
                )
            else:
                yield last
                last = start, end, name, whole
        if last is not None:
            yield last

    def _hits(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        """Yields the longest of what stands at each place where a form begins.

        The expression finds the longest head there; those of other forms are beginnings of that
        one, and any of them may be the one that stands there as a whole.
        """
        at = 0
        while self._bytes and (match := self._head.search(text, at)) is not None:
            start, at = match.start(), match.start() + 1
            whole, size, form = max(
                (*extent(form, text, start), form) for form in self._heads[match.group()]
            )
            if size:
                yield start, start + size, self._names[form], whole

    def held(self, text: str) -> int:
        """Returns how many characters at the end of a text may become a known value when more
        comes.
        """
        for at in range(max(0, len(text) - self.longest), len(text) - HELD + 1):
            for form in self._begins.get(text[at : at + HELD], ()):
                if len(form) > len(text) - at and form.startswith(text[at:]):
                    return len(text) - at
        return 0

    def text(self, text: str) -> str:
        """Returns a text without known values."""
        pieces, at = list[str](), 0
        for start, end, name, _ in self.found(text):
            pieces += [text[at:start], f"[hidden:{name}]"]
            at = end
        return "".join([*pieces, text[at:]]) if pieces else text

    def data(self, data: bytes) -> bytes:
        """Returns JSON without known values in its texts, keys and numbers; the same object where
        there are none.

        What is not JSON is cleaned as a text; bytes that are none stay as they are.
        """
        if not self._suspect(data):
            return data
        try:
            value = json.loads(data, object_pairs_hook=_Pairs)
            if next(self._places(value, "it", beginnings=True), None) is None:
                return data
            return json.dumps(
                self._walked(value), ensure_ascii=False, separators=(",", ":")
            ).encode("utf-8", "surrogatepass")
        except (ValueError, RecursionError):
            pass
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return data
        return (
            clean.encode("utf-8", "surrogatepass") if (clean := self.text(text)) != text else data
        )

    def _walked(self, value: Any) -> Any:
        if isinstance(value, _Pairs):
            return {self.text(name): self._walked(one) for name, one in value}
        if isinstance(value, list):
            return [self._walked(one) for one in value]
        if isinstance(value, str):
            return self.text(value)
        return value if value is None or (clean := self.text(said := str(value))) == said else clean

    def held_in(self, data: bytes) -> tuple[str, str] | None:
        """Returns the name of a known value that stands in JSON as a whole, and where in it; None
        where none does.
        """
        if not self._suspect(data):
            return None
        try:
            value = json.loads(data, object_pairs_hook=_Pairs)
        except (ValueError, RecursionError):
            value = data.decode("utf-8", "replace")
        return next(self._places(value, "it"), None)

    def _places(
        self, value: Any, path: str, *, beginnings: bool = False
    ) -> Iterator[tuple[str, str]]:
        if isinstance(value, _Pairs):
            for number, (key, one) in enumerate(value):
                yield from (
                    (name, f"{path}: its key {number + 1}")
                    for name, _ in self._places(key, path, beginnings=beginnings)
                )
                yield from self._places(one, f"{path}[{self.text(key)!r}]", beginnings=beginnings)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                yield from self._places(one, f"{path}[{number}]", beginnings=beginnings)
        elif value is not None:
            text = value if isinstance(value, str) else str(value)
            yield from (
                (name, path) for _, _, name, whole in self.found(text) if whole or beginnings
            )


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON as it is written: a key may stand in it twice."""


_lock = threading.Lock()
_held: dict[str, str] = {}
_of_file: dict[str, str] = {}
_redactor = Redactor({})
_seen: tuple[object, ...] = ()
_variables = -1  # how many there were when they were looked through


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


def redactor(*, thorough: bool = False) -> Redactor:
    """Returns the redactor over all that is known now, variables of the environment that were
    added a moment ago among it.

    Args:
        thorough: Whether to look for variables that have changed, too. Cheap where none has: this
            is done whenever a run begins and whenever something fails.
    """
    global _seen, _variables
    if thorough or len(os.environ) != _variables:
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
