"""Known secret values, found and replaced in every form that programs echo them in. Pure.

They are found as they are; escaped for JSON, HTML, URLs or ``repr``; in base64, at any alignment;
in hex; and by their beginning, for texts that were cut. What somebody spells in yet another way on
purpose (reversed, as words) is not found: that nothing leaves unseen is a matter of where it goes,
not of its spelling.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from sentient_kernel.redaction.names import SHORTEST, is_random, is_telling

__all__ = ["HELD", "Redactor"]

HEAD = 32
"""Characters at most that tell a secret by its beginning."""
HELD = 4
"""Characters from which the beginning of a secret is held back in a stream."""
_SMALL = 512  # bytes up to which one search for all forms is faster than one for each
_BLANKS = re.compile(r"(?:\s|\\+[nrt])+")


def _escaped(value: str) -> set[str]:
    """Returns how programs escape a value: for URLs, HTML, JSON, ``repr``."""
    url = {quote(value, safe=safe) for safe in ("", "/", "!'()*", ";/?:@&=+$,#!'()*")}
    url |= {quote_plus(value)}
    url |= {re.sub("%..", lambda found: found[0].lower(), one) for one in url}
    page = {html.escape(value), html.escape(value, quote=False)}
    page |= {one.replace("&quot;", "&#34;").replace("&#x27;", "&#39;") for one in tuple(page)}
    page |= {one.replace("+", "&#43;") for one in tuple(page)}
    quoted = {json.dumps(value, ensure_ascii=pure)[1:-1] for pure in (True, False)}
    quoted |= {one.replace("/", "\\/") for one in tuple(quoted)}
    for signs in ("[&<>]", "[&<>'+=]"):  # as Go and as .NET and Ruby write them
        quoted |= {
            re.sub(signs, lambda found: f"\\u{ord(found[0]):04x}", one) for one in tuple(quoted)
        }
    quoted |= {
        re.sub(r"\\u....", lambda found: "\\u" + found[0][2:].upper(), one) for one in tuple(quoted)
    }
    return {value, *url, *page, *quoted, repr(value)[1:-1]}


def _forms(value: str) -> set[str]:
    """Returns how a value may stand in a text."""
    raw = value.encode("utf-8", "surrogatepass")
    found = _escaped(value) | {repr(raw)[2:-1]}
    found |= {json.dumps(one)[1:-1] for one in tuple(found)}
    found |= {raw.hex(), raw.hex().upper()}
    for before, dropped in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + raw).decode()[dropped:].rstrip("=")
        # the last sign depends on what follows
        whole = encoded if (before + len(raw)) % 3 == 0 else encoded[:-1]
        found |= {whole, whole.replace("+", "-").replace("/", "_")}
    lines = [line.strip() for line in value.splitlines()]
    if len(lines) > 1:  # of a private key each line tells it, wherever the others are
        body = [line for line in lines if is_random(line)]
        found |= {form for line in (*body, "".join(body)) for form in _escaped(line)}
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
        names = {
            form: name
            for value, name in known.items()
            if is_telling(value)
            for form in _forms(value)
        }
        self._forms = sorted(names, key=len, reverse=True)
        self._names = names
        heads, begins = dict[str, list[str]](), dict[str, list[str]]()
        for form in self._forms:
            heads.setdefault(_head(form), []).append(form)
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
                (*_extent(form, text, start), form) for form in self._heads[match.group()]
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


def _least(form: str) -> int:
    """Returns from how many characters on the beginning of a form tells it."""
    return max(12, min(HEAD, len(form) // 2))


def _head(form: str) -> str:
    """Returns what a form is looked for by; of several lines only the first, as the next may be set
    in.
    """
    head = form[: _least(form)]
    line = head.partition("\n")[0].rstrip()
    return line if len(line) >= SHORTEST else head


def _extent(form: str, text: str, start: int) -> tuple[bool, int]:
    """Returns whether a form stands at a place of a text as a whole, and how much of the text it
    takes; 0 where it is too little.

    Where one of both has blanks or line ends the other may have others: programs wrap, join and set
    in what has several lines.
    """
    if text.startswith(form, start):
        return True, len(form)
    at, done, end, told = start, 0, 0, 0
    while True:
        size = _common(form, done, text, at)
        at, done = at + size, done + size
        if done == len(form):
            return True, at - start
        if not end or size >= HELD:
            end, told = at, done
        ours, theirs = _BLANKS.match(form, done), _BLANKS.match(text, at)
        if (ours is None and theirs is None) or end != at:
            return False, end - start if told >= _least(form) else 0
        done, at = ours.end() if ours else done, theirs.end() if theirs else at


def _common(form: str, done: int, text: str, at: int) -> int:
    """Returns how many characters of a form, from a place in it, stand at a place of a text."""
    low, high = 0, min(len(form) - done, len(text) - at)
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(form[done + low : done + middle], at + low):
            low = middle
        else:
            high = middle - 1
    return low
