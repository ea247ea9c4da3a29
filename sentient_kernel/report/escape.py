"""What makes text from outside harmless before it is drawn. Pure.

Titles, addresses, quotes and questions may be hostile. They are shown as text: escaped for the
format, with characters that would reorder or hide text spelled out, and with no link that is not
plain http or https.
"""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import urlsplit

from sentient_kernel.failures import is_hidden

_LINE = re.compile(r"\s+")


def visible(text: str, *, lines: bool = False) -> str:
    """Returns text with white space joined and with control, reordering and invisible characters
    spelled out.

    Args:
        text: Text from outside.
        lines: Whether line breaks stay.

    Example:
        >>> visible("a\\u202eb")
        'a<U+202E>b'
    """
    joined = (
        "\n".join(_LINE.sub(" ", line) for line in text.splitlines())
        if lines
        else _LINE.sub(" ", text)
    )
    if joined.isascii() and joined.isprintable():
        return joined.strip()
    shown = []
    for at, char in enumerate(joined):
        odd = (
            unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
            and char not in "\u200c\u200d"
        )
        harmless = char == "\n" or not (odd or is_hidden(joined, at))
        shown.append(char if harmless else f"<U+{ord(char):04X}>")
    return "".join(shown).strip()


def escaped(text: str, *, lines: bool = False) -> str:
    """Returns text for HTML, in an element or in a quoted attribute."""
    return html.escape(visible(text, lines=lines), quote=True)


def link(uri: str) -> str:
    """Returns an address that may be followed: http or https, with a host, no user name, no odd
    characters; else an empty string.
    """
    if not re.fullmatch(r"(?i:https?)://[!-~]+", uri) or re.search(r"[\s\"'<>\\^`{|}]", uri):
        return ""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  # raises for what is no port
    except ValueError:
        return ""
    return uri if parts.hostname and "@" not in parts.netloc else ""
