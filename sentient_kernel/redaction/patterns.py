"""What looks like a secret without being known. Pure.

For errors, logs, tracebacks and addresses alone: anywhere else this would alter what merely looks
    so.
"""

from __future__ import annotations

import re

from sentient_kernel.redaction.names import is_random, is_secret, is_telling

__all__ = ["in_address", "without_credentials", "without_patterns"]

LONGEST = 65_536
"""Characters of a text that patterns look through; known values are looked for in all of it."""
_TRIGGERS = tuple(
    """:// key token secret pass pwd auth credential cookie bearer basic eyj akia aiza sk- sk_
        pk- pk_ rk- rk_ xai- gsk_ hf_ ghp_ gho_ ghs_ github_pat_ glpat- xox tvly-""".split()
)
"""One of these stands in every text that a pattern fits, in small letters: most texts hold none,
and are done with.
"""
_KEYS = re.compile(
    r"((?<![\w-])(?:[spr]k|key|xai|gsk|hf|ghp|gho|ghs|github_pat|glpat|xox[abprs]"
    r"|tvly)[-_])(?=[\w.*-]{0,80}[\d*])[\w.*-]{6,}"
    r"|((?<![\w-])AKIA)[0-9A-Z]{12,}|((?<![\w-])AIza)[\w-]{30,}|((?<![\w-])eyJ)[\w-]{8,}\.[\w-]{8"
    r",}(?:\.[\w-]*)?"
)
_SCHEMES = re.compile(
    r"(?i)(\b(?:bearer|basic|token)\s{1,3})(?=[\w.~+/=*-]{0,80}[\d*])[\w.~+/=*-]{6,}"
)
_HEADERS = re.compile(
    r"(?i)(\b(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[\w-]{0,40}(?:key|token|secret))"
    r"(?:['\"]?\s{0,3}[:=]\s{0,3}(?:b?['\"])?|['\"]\s{0,3},\s{0,3}b?['\"]))[^'\"\r\n]{4,}"
)
_SET = re.compile(
    r"(?i)((?:api[-_ ]?key|access[-_"
    r" ]?key|token|secret|passw(?:or)?d|passphrase|credential)s?['\"]?\s{0,3}[:=]\s{0"
    r",3}(?:b?['\"])?)"
    r"(?!\[hidden)([^\s'\",;&)\]}]{6,})"
)
_NEAR = re.compile(
    r"(?i)(\b(?:key|token|secret|password)s?\b[^\w\r\n]{1,4}(?:(?:is|was|of|for)[^\w\r\n]{1"
    r",4})?)(?!\[hidden)([\w+/=.~-]{16,})"
)
_USERINFO = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/?#@'\"<>]{1,300}@")
_PARAMETER = re.compile(r"([?&;#]([\w.%-]{1,60})=)([^&#;\s'\"<>]+)")


def without_patterns(text: str) -> str:
    """Returns a text without what looks like a secret: keys of known providers, credentials in
    headers and addresses, values beside a name.

    Example:
        >>> address = "https://ada:pw@example.org/x?api_key=k3y-12345&page=2"
        >>> without_patterns(f"Incorrect API key provided: sk-abcd****wxyz at {address}")
        'Incorrect API key provided: sk-… at https://…@example.org/x?api_key=…&page=2'
    """
    low = text.lower()
    if not any(trigger in low for trigger in _TRIGGERS):
        return text
    text, rest = text[:LONGEST], text[LONGEST:]
    text = _HEADERS.sub(r"\1…", without_credentials(text))
    text = _SCHEMES.sub(r"\1…", text)
    text = _KEYS.sub(lambda found: next(filter(None, found.groups())) + "…", text)
    text = _SET.sub(_without_value, text)
    return (
        _NEAR.sub(lambda found: found[1] + ("…" if is_random(found[2]) else found[2]), text) + rest
    )


def without_credentials(url: str) -> str:
    """Returns an address without its user, its password, and the values of parameters that are
    called as secrets are.

    Example:
        >>> without_credentials("https://example.org/feed?token=a1b2c3d4&page=2")
        'https://example.org/feed?token=…&page=2'
    """
    return _PARAMETER.sub(_without_parameter, _USERINFO.sub(r"\1…@", url))


def _without_parameter(found: re.Match[str]) -> str:
    return found[1] + "…" if is_secret(found[2], found[3]) else found[0]


def _without_value(found: re.Match[str]) -> str:
    """Hides what is set; behind a colon, where sentences go on with words, only what has a
    digit.
    """
    plain = found[1].endswith("=") or any(map(str.isdigit, found[2]))
    return found[1] + "…" if plain and is_telling(found[2]) else found[0]


def in_address(url: str) -> list[str]:
    """Returns the secrets in an address: its password, and the values of parameters that are called
    as secrets are.

    Example:
        >>> in_address("https://ada:hunter42x@example.org/feed?token=a1b2c3d4&page=2")
        ['hunter42x', 'a1b2c3d4']
    """
    from urllib.parse import parse_qsl, unquote, urlsplit

    try:
        parts = urlsplit(url.strip())
        password = parts.password
    except ValueError:
        return []
    parameters = parse_qsl(parts.query, keep_blank_values=True, separator="&")
    found = [unquote(password)] if password else []
    return found + [value for name, value in parameters if is_secret(name, value)]
