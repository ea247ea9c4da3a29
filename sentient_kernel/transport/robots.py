"""What a robots.txt allows (RFC 9309). Pure.

``urllib.robotparser`` takes the first rule that matches and knows no ``*`` or ``$`` in a path, so
that it lets through what most sites mean to close; the RFC takes the longest.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

__all__ = ["EVERYTHING", "RobotsRules", "read_robots"]

_MOST_RULES = 2_000
_MOST_DELAY = 10.0


@dataclass(frozen=True, slots=True)
class RobotsRules:
    """The rules of one site for us.

    Args:
        rules: Pairs of a path's beginning and whether it is allowed, the longest first, allowing
            ones before others.
        delay: Seconds that the site asks for between two requests, at most 10.
    """

    rules: tuple[tuple[str, bool], ...] = ()
    delay: float = 0.0

    def allows(self, path: str) -> bool:
        """Tells whether a path (with its query) may be read."""
        path = _spelled(path)
        return next((allowed for pattern, allowed in self.rules if _matches(pattern, path)), True)


EVERYTHING = RobotsRules()


def read_robots(text: str, agent: str) -> RobotsRules:
    """Reads a robots.txt.

    Args:
        text: All of it.
        agent: Our name in it.

    Returns:
        The rules of the groups that name us, or else of those for everyone.

    Example:
        >>> read_robots("User-agent: *\\nDisallow: /\\nAllow: /papers/*.pdf$",
        ...     "us").allows("/papers/1.pdf")
        True
    """
    agent = agent.lower()
    groups: dict[
        str, list[tuple[str, bool]]
    ] = {}  # ours and everyone's, however many others there are
    delays: dict[str, float] = {}
    names: set[str] = set()
    naming = False
    for line in text.removeprefix("\ufeff").splitlines():
        field, colon, value = line.partition("#")[0].partition(":")
        field, value = field.strip().lower(), value.strip()
        if not colon:
            continue
        if field == "user-agent":
            if not naming:
                names.clear()
            naming = True
            if value.lower() in (agent, "*"):
                names.add(value.lower())
                groups.setdefault(value.lower(), [])
        elif field in ("allow", "disallow"):
            naming = False
            for name in names:
                if value and len(groups[name]) < _MOST_RULES:
                    groups[name].append((_spelled(value), field == "allow"))
        elif field == "crawl-delay":
            naming = False
            if value.replace(".", "", 1).isdigit() and value.isascii():
                delays.update(dict.fromkeys(names, min(float(value), _MOST_DELAY)))
    ours = agent if agent in groups else "*"
    rules = sorted(groups.get(ours, ()), key=lambda rule: (-len(rule[0]), not rule[1]))
    return RobotsRules(tuple(rules), delays.get(ours, 0.0))


def _spelled(path: str) -> str:
    """Returns a path in one spelling, whatever was written with percent signs."""
    return quote(unquote(path), safe="/*$?&=:;,@!~+'()[]%")


def _matches(pattern: str, path: str) -> bool:
    """Matches a beginning in which ``*`` is anything and a last ``$`` the end; every part is looked
    for once, from the left.
    """
    ends = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    place = len(first)
    if ends and rest:
        last = rest.pop()
        if len(path) - len(last) < place or not path.endswith(last):
            return False
        path = path[: len(path) - len(last)] if last else path
    elif ends:
        return path == first
    for part in rest:
        found = path.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True
