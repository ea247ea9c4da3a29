"""The guard against SSRF: which addresses may be fetched. Pure: no name is resolved here.

The rule for an address is an allow list (what is globally reachable) minus a deny list, with IPv4
addresses that hide in IPv6 ones taken out and judged too. The rule for a URL is to read it once,
strictly, and to hand on a spelling that nobody can read in another way: hosts as WHATWG's URL
standard reads them (decimal, octal, hexadecimal and short IPv4, characters that fold to ASCII), and
a refusal for what only serves to hide something (user names, percent signs or backslashes in a
host, zone ids).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING
from urllib.parse import quote

from sentient_kernel.errors import Blocked, ConfigurationError

if TYPE_CHECKING:
    from sentient_kernel.settings import Settings

__all__ = ["Rules", "Target", "check_url", "verdict"]

_V4_DENIED = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12"
            " 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 "
            "192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15"
            " 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3 "
            "168.63.129.16/32"  # Azure's wire server: a public number that only answers inside
        ).split(),
    )
)
"""IANA's special-purpose registry, written out: what ``is_global`` says of it differs between
Python's patch releases.
"""
_V6_GLOBAL = ip_network("2000::/3")
_V6_DENIED = tuple(
    map(
        ip_network,
        "2001::/23 2001:db8::/32 2620:4f:8000::/48 3ffe::/16 3fff::/20 5f00::/16".split(),
    )
)
_MAPPED, _NAT64, _SIX_TO_FOUR = map(ip_network, ("::ffff:0:0/96", "64:ff9b::/96", "2002::/16"))
_ISATAP = (0x00005EFE, 0x02005EFE)

_LOCAL_NAMES = tuple(
    "localhost localdomain local internal intranet lan home corp home.arpa onion".split()
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_START = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.I | re.S)
_PLAIN = re.compile("[^\x00-\x1f\x7f\ud800-\udfff]*")
_DOTS = str.maketrans("。．｡", "...")
_SAFE = "/:@!$&'()*+,;=~-._%?[]|"
MOST_CHARACTERS = 8_192
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be asked, in the one spelling that is used from here on.

    Args:
        url: Without fragment, host in ASCII.
        scheme: ``http`` or ``https``.
        host: A name, or an address in its usual form without brackets.
        port: The port.
        trusted: The user's own settings name this host and port, so it may be private.
    """

    url: str
    scheme: str
    host: str
    port: int
    trusted: bool

    @property
    def origin(self) -> tuple[str, str, int]:
        """What two URLs share when they may share credentials."""
        return self.scheme, self.host, self.port


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be asked.

    Args:
        trusted: Hosts and ports that may be private and need not be allowed; port 0 means 80 and
            443.
        ports: The ports that may be asked elsewhere.
        allow: Domains; when there are any, no other is asked.
        deny: Domains that are never asked.
    """

    trusted: frozenset[tuple[str, int]] = frozenset()
    ports: frozenset[int] = frozenset({80, 443})
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, trusted: Iterable[str] = ()) -> Rules:
        """Reads the rules from settings.

        Args:
            settings: ``allow_hosts``, ``allow_domains`` and ``deny_domains`` count.
            trusted: More hosts that the user's settings named, as ``host:port`` or as a base URL.

        Raises:
            ConfigurationError: One of them is not a host and port.
        """
        named = frozenset(map(_named, (*settings.allow_hosts, *trusted)))
        return cls(
            named,
            allow=tuple(map(_domain, settings.allow_domains)),
            deny=tuple(map(_domain, settings.deny_domains)),
        )

    def trusts(self, host: str, port: int) -> bool:
        """Tells whether the user named that host and port."""
        return (host, port) in self.trusted or (port in (80, 443) and (host, 0) in self.trusted)


def check_url(url: str, rules: Rules) -> Target:
    """Reads a URL and says whether it may be asked.

    Args:
        url: As it came from a person, a page or a search result.
        rules: What may be asked.

    Returns:
        The target; a name in it is still to be resolved, and each of its addresses to be judged by
        :func:`verdict`.

    Raises:
        Blocked: It may not be; the sentence names the host and the reason.

    Example:
        >>> check_url("http://0x7f.1/", Rules())
        Traceback (most recent call last):
        sentient_kernel.errors.Blocked: Not fetching from '127.0.0.1': it is an address of this
            machine or its network. ...
        >>> check_url("http://localhost:8080", Rules(trusted=frozenset({("localhost",
        ...     8080)}))).trusted
        True
    """
    text = url.strip(" \t\r\n\f")
    if len(text) > MOST_CHARACTERS:
        raise _blocked("", f"it is longer than {MOST_CHARACTERS:,} characters", "spelling")
    if not _PLAIN.fullmatch(text):
        raise _blocked("", "it holds characters that cannot be shown", "spelling")
    found = _START.fullmatch(text)
    if found is None:
        raise _blocked("", "it must begin with http:// or https://", "scheme")
    scheme, authority, path, query = found[1].lower(), found[2], found[3] or "/", found[4] or ""
    host, port, literal = _authority(authority, PORTS[scheme])
    trusted = rules.trusts(host, port)
    if not trusted:
        _check_place(host, port, literal, rules)
    if _within(host, rules.deny):
        raise _blocked(host, "SENTIENT_DENY_DOMAINS names it", "denied")
    shown = f"[{host}]" if ":" in host else host
    where = shown if port == PORTS[scheme] else f"{shown}:{port}"
    rest = quote(path, safe=_SAFE) + quote(query, safe=_SAFE)
    return Target(f"{scheme}://{where}{rest}", scheme, host, port, trusted)


def _check_place(host: str, port: int, literal: bool, rules: Rules) -> None:
    """Refuses what a stranger's URL may not name."""
    if literal and (why := verdict(host)):
        raise _blocked(host, why, "private")
    if not literal and ("." not in host or _within(host, _LOCAL_NAMES)):
        raise _blocked(host, "it is a name of this machine or its network", "private")
    if port not in rules.ports:
        raise _blocked(
            host, f"port {port} is not one of {', '.join(map(str, sorted(rules.ports)))}", "port"
        )
    if rules.allow and not _within(host, rules.allow):
        raise _blocked(host, "SENTIENT_ALLOW_DOMAINS does not name it", "denied")


def _blocked(host: str, why: str, reason_code: str) -> Blocked:
    """Words a refusal; without a host (it could not be read, or must not be shown) it is about the
    URL.
    """
    hint = (
        "Name host and port in SENTIENT_ALLOW_HOSTS if it is yours."
        if reason_code in ("private", "port")
        else ""
    )
    what = f"from {host!r}" if host else "the URL"
    return Blocked(f"Not fetching {what}: {why}.", reason_code=reason_code, host=host, hint=hint)


@lru_cache(maxsize=2_048)
def _authority(authority: str, default: int) -> tuple[str, int, bool]:
    """Reads ``host:port``; returns host, port and whether the host is an address."""
    if "@" in authority:
        raise _blocked("", "it carries a user name or password", "userinfo")
    if "\\" in authority or "%" in authority or " " in authority:
        raise _blocked("", "its host is written in a way that hides it", "spelling")
    if authority.startswith("["):
        inside, bracket, after = authority[1:].partition("]")
        host, literal = _v6(inside) if bracket else "", True
    else:
        name, colon, rest = authority.partition(":")
        after = colon + rest
        host, literal = _host(name)
    if not host:
        raise _blocked("", "its host is not valid", "spelling")
    found = re.fullmatch(r":([0-9]{0,5})", after) if after else None
    if after and found is None:
        raise _blocked(host, "its port must be a number from 1 to 65535", "spelling")
    digits = found[1] if found else ""
    if digits and not 0 < int(digits) < 65_536:
        raise _blocked(host, "its port must be a number from 1 to 65535", "spelling")
    return host, int(digits) if digits else default, literal


def _v6(text: str) -> str:
    """Returns an IPv6 address in its usual form, or "" when it is none."""
    if not text.isascii():
        return ""
    try:
        return str(IPv6Address(text))
    except ValueError:
        return ""


def _host(name: str) -> tuple[str, bool]:
    """Returns a host in ASCII and whether it is an IPv4 address; ("", False) when it is neither
    name nor address.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFKC", name).translate(_DOTS)
        if not name.isascii():
            import idna  # comes with httpx

            try:
                name = idna.encode(name, uts46=True, std3_rules=True).decode("ascii")
            except (idna.IDNAError, UnicodeError):
                return "", False
    name = name.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        address = _v4(labels)
        return address, bool(address)
    good = len(name) <= 253 and all(map(_LABEL.fullmatch, labels))
    return (name, False) if good else ("", False)


def _v4(labels: list[str]) -> str:
    """Reads an IPv4 address of one to four numbers, each decimal, octal (0...) or hexadecimal
    (0x...); "" when it is none.
    """
    if len(labels) > 4 or not all(map(_NUMBER.fullmatch, labels)):
        return ""
    numbers = []
    for label in labels:
        base = 16 if label[:2] in ("0x", "0X") else 8 if len(label) > 1 and label[0] == "0" else 10
        digits = label[2:] if base == 16 else label
        if len(digits) > 64 or (base == 8 and set(digits) & {"8", "9"}):
            return ""
        numbers.append(int(digits or "0", base))
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        return ""
    value = numbers[-1] + sum(
        number << (8 * (3 - place)) for place, number in enumerate(numbers[:-1])
    )
    return str(IPv4Address(value))


@lru_cache(maxsize=4_096)
def verdict(ip: str | IPv4Address | IPv6Address) -> str:
    """Says why an address must not be connected to.

    Args:
        ip: An address, as text or parsed.

    Returns:
        "" when it may be; else a reason that completes "Not fetching: ...".

    Example:
        >>> verdict("1.1.1.1"), verdict("2606:4700::1111"), verdict("64:ff9b::808:808")
        ('', '', '')
        >>> verdict("::ffff:10.0.0.1")
        'it is an address of this machine or its network'
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return "it is not an IP address"
    if isinstance(address, IPv4Address):
        good = address.is_global and not any(address in network for network in _V4_DENIED)
    elif address.scope_id:
        good = False
    elif address in _MAPPED or address in _NAT64:
        return verdict(IPv4Address(int(address) & 0xFFFF_FFFF))
    else:
        good = (
            address in _V6_GLOBAL
            and not any(address in network for network in _V6_DENIED)
            and not any(map(verdict, _hidden(address)))
        )
    return "" if good else "it is an address of this machine or its network"


def _hidden(address: IPv6Address) -> list[IPv4Address]:
    """Returns the IPv4 addresses that packets to an IPv6 address may end at: 6to4 (RFC 3056) and
    ISATAP (RFC 5214).
    """
    value = int(address)
    found = [IPv4Address(value >> 80 & 0xFFFF_FFFF)] if address in _SIX_TO_FOUR else []
    return (
        [*found, IPv4Address(value & 0xFFFF_FFFF)]
        if value >> 32 & 0xFFFF_FFFF in _ISATAP
        else found
    )


def _within(host: str, domains: tuple[str, ...]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in domains)


def _domain(text: str) -> str:
    """Reads a domain of a setting: ``Example.org``, ``.example.org`` and ``*.example.org`` are the
    same.
    """
    host, _ = _host(text.strip().removeprefix("*").removeprefix("."))
    if not host:
        raise ConfigurationError(f"{text!r} is not a domain.", hint="Write it like example.org.")
    return host


def _named(text: str) -> tuple[str, int]:
    """Reads ``host:port`` or a base URL of a setting; port 0 stands for 80 and 443."""
    found = _START.fullmatch(text.strip())
    try:
        host, port, _ = _authority(
            found[2] if found else text.strip(), PORTS[found[1].lower()] if found else 0
        )
    except Blocked:
        hint = "Write it like 127.0.0.1:8080 or http://127.0.0.1:8080."
        raise ConfigurationError("A host that a setting names cannot be read.", hint=hint) from None
    return host, port
