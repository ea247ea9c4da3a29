"""Known secret values, found and replaced in every form that programs echo them in. Pure.

They are found as they are; escaped for JSON, HTML, URLs or ``repr``; in base64, at any alignment; in hex; and by their beginning, for texts
that were cut. What somebody spells in yet another way on purpose (reversed, as words) is not found: that nothing leaves unseen is a
matter of where it goes, not of its spelling.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from sentient_kernel.redaction.names import SHORTEST, is_telling

__all__ = ["HELD", "Redactor"]

HEAD = 32
"""Characters at most that tell a secret by its beginning."""
HELD = 4
"""Characters from which the beginning of a secret is held back in a stream."""
_SMALL = 512  # bytes up to which one search for all forms is faster than one for each
_FACTS = frozenset({str, int, float, bool, type(None)})


def _forms(value: str) -> set[str]:
    """Returns how a value may stand in a text."""
    raw = value.encode("utf-8", "surrogatepass")
    found = {value, quote(value, safe=""), quote(value), quote_plus(value), html.escape(value), html.escape(value, quote=False)}
    found |= {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1], repr(raw)[2:-1]}
    found |= {json.dumps(one)[1:-1] for one in tuple(found)}
    found |= {raw.hex(), raw.hex().upper()}
    for before, dropped in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + raw).decode()[dropped:].rstrip("=")
        whole = encoded if (before + len(raw)) % 3 == 0 else encoded[:-1]  # the last sign depends on what follows
        found |= {whole, whole.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= SHORTEST}


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
        names = {form: name for value, name in known.items() if is_telling(value) for form in _forms(value)}
        self._forms = sorted(names, key=len, reverse=True)
        self._names = names
        heads = dict[str, list[str]]()
        for form in self._forms:
            heads.setdefault(form[: max(12, min(HEAD, len(form) // 2))], []).append(form)
        self._heads = heads
        self._head = re.compile("|".join(map(re.escape, sorted(heads, key=len, reverse=True))) or r"(?!)")
        self._bytes = tuple(head.encode("utf-8", "surrogatepass") for head in heads)
        self._byte = re.compile(b"|".join(map(re.escape, self._bytes)) or rb"(?!)")
        self.begins = frozenset(form[:n] for form in self._forms for n in range(HELD, len(form)))
        """What may become a known value when more comes."""
        self.longest = max(map(len, self._forms), default=0)

    def _suspect(self, data: bytes) -> bool:
        """Tells whether there may be a secret in data; this is on the way of everything that is written."""
        if len(data) < SHORTEST or not self._bytes:
            return False
        if len(data) <= _SMALL:
            return self._byte.search(data) is not None
        return any(head in data for head in self._bytes)

    def found(self, text: str) -> Iterator[tuple[int, int, str, bool]]:
        """Yields where known values stand in a text, with the name of each, and whether it is there as a whole."""
        at = 0
        while self._bytes and (match := self._head.search(text, at)) is not None:
            start = match.start()
            held = [(_common(form, text, start), form) for form in self._heads[match.group()]]
            size, form = max(held)
            at = start + size
            yield start, at, self._names[form], size == len(form)

    def text(self, text: str) -> str:
        """Returns a text without known values."""
        pieces, at = list[str](), 0
        for start, end, name, _ in self.found(text):
            pieces += [text[at:start], f"[hidden:{name}]"]
            at = end
        return "".join([*pieces, text[at:]]) if pieces else text

    def data(self, data: bytes) -> bytes:
        """Returns JSON without known values in its texts; the same object where there are none, and bytes that are no JSON as they are."""
        if not self._suspect(data):
            return data
        try:
            value = json.loads(data)
            clean = self._walked(value)
        except (ValueError, RecursionError):
            return data
        if clean == value:
            return data
        return json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")

    def _walked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._walked(one) for one in value]
        if isinstance(value, dict):
            return {self.text(name): self._walked(one) for name, one in value.items()}
        return value

    def held_in(self, data: bytes) -> tuple[str, str] | None:
        """Returns the name of a known value that stands in JSON as a whole, and where in it; None where none does."""
        if not self._suspect(data):
            return None
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = data.decode("utf-8", "replace")
        return next(self._places(value, "it"), None)

    def _places(self, value: Any, path: str) -> Iterator[tuple[str, str]]:
        if type(value) in _FACTS:
            text = value if isinstance(value, str) else str(value)
            yield from ((name, path) for _, _, name, whole in self.found(text) if whole)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                yield from self._places(one, f"{path}[{number}]")
        elif isinstance(value, dict):
            for number, (key, one) in enumerate(value.items()):
                clean = self.text(key)
                yield from ((name, f"{path}: its key {number + 1}") for name, _ in self._places(key, path))
                yield from self._places(one, f"{path}[{clean!r}]")


def _common(form: str, text: str, start: int) -> int:
    """Returns how much of a form stands at a place of a text."""
    if text.startswith(form, start):
        return len(form)
    return next((n for n, sign in enumerate(form) if text[start + n : start + n + 1] != sign), len(form))
