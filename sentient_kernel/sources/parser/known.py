"""Normalises metadata of pages and works: licences, dates, DOIs, names of authors. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .common import clean, one_line

_CC = re.compile(
    r"creativecommons\.org/(licenses|publicdomain)/([a-z-]{1,20})(?:/(\d\.\d))?", re.IGNORECASE
)
_DATE = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?(?![\d])")
_DOI = re.compile(r"(?<![\w.])10\.\d{4,9}/[^\s\"<>]{1,200}")
_SHORT = re.compile(r"cc-(by(?:-nc)?(?:-sa|-nd)?)")
MOST_AUTHORS = 50


def licence(text: str) -> str:
    """Returns the usual name of a licence where there is one, else what was said.

    Example:
        >>> by_sa = "https://creativecommons.org/licenses/by-sa/4.0/"
        >>> licence(by_sa), licence("cc-by"), licence("CC0 1.0")
        ('CC BY-SA 4.0', 'CC BY', 'CC0 1.0')
    """
    found = _CC.search(text)
    if found is None:
        short = _SHORT.fullmatch(text.strip().lower())
        return f"CC {short[1].upper()}" if short else one_line(text, 120)
    kind, name, version = found[1].lower(), found[2].lower(), found[3] or ""
    if kind == "publicdomain":
        return f"CC0 {version}".strip() if name == "zero" else "public domain"
    return f"CC {name.upper()} {version}".strip()


def date(text: str) -> str:
    """Returns the first date of a text as far as it is known: YYYY, YYYY-MM or YYYY-MM-DD; ""
    without one.

    Example:
        >>> date("2021/3/4"), date("Spring 2019"), date("soon")
        ('2021-03-04', '2019', '')
    """
    found = _DATE.search(text[:200])
    return joined_date(*found.groups()) if found else ""


def joined_date(year: object, month: object = None, day: object = None) -> str:
    """Returns the parts of a date as one; what is no month or day ends it."""
    parts = [str(year)] if str(year).isdigit() and len(str(year)) == 4 else []
    for part, most in ((month, 12), (day, 31)):
        if not parts or not str(part or "").isdigit() or not 1 <= int(str(part)) <= most:
            break
        parts.append(f"{int(str(part)):02d}")
    return "-".join(parts)


def doi(text: str) -> str:
    """Returns the DOI in a text, in small letters and without what leads to it; "" without one.

    Example:
        >>> doi("https://doi.org/10.5555/Sample.1.")
        '10.5555/sample.1'
    """
    found = _DOI.search(text[:2_000])
    return found[0].rstrip(".,;)]}").lower() if found else ""


def authors(names: Iterable[str]) -> list[str]:
    """Returns names once each, on one line, without addresses; at most 50."""
    shown = (one_line(name, 120) for name in names)
    return list(dict.fromkeys(name for name in shown if name and "://" not in name))[:MOST_AUTHORS]


def work(title: str, text: str, uri: str, **meta: Any) -> dict[str, Any]:
    """Returns a work as services give them: its title, its abstract (or ""), where it is, and what
    else is known of it.
    """
    return {
        "title": one_line(clean(title), 500),
        "text": clean(text).strip(),
        "uri": uri,
        "meta": {name: value for name, value in meta.items() if value},
    }
