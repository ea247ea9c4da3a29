"""In which forms a secret value stands in a text, and how much of one stands at a place. Pure.

A value is looked for as it is; escaped for JSON, HTML, URLs or ``repr``; in base64, at any
alignment; in hex; and by its beginning, for texts that were cut. What somebody spells in yet
another way on purpose (reversed, as words) is not found: that nothing leaves unseen is a matter of
where it goes, not of its spelling.
"""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

from sentient_kernel.redaction.names import SHORTEST, is_random

__all__ = ["HELD", "extent", "forms", "head"]

HEAD = 32
"""Characters at most that tell a secret by its beginning."""
HELD = 4
"""Characters from which the beginning of a secret is held back in a stream."""
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


def forms(value: str) -> set[str]:
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


def _least(form: str) -> int:
    """Returns from how many characters on the beginning of a form tells it."""
    return max(12, min(HEAD, len(form) // 2))


def head(form: str) -> str:
    """Returns what a form is looked for by; of several lines only the first, as the next may be set
    in.
    """
    beginning = form[: _least(form)]
    line = beginning.partition("\n")[0].rstrip()
    return line if len(line) >= SHORTEST else beginning


def extent(form: str, text: str, start: int) -> tuple[bool, int]:
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
