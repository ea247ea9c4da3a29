"""Redirects: the request that follows one, without headers that were meant for another origin.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urljoin

from sentient_kernel.errors import Blocked
from sentient_kernel.transport.guard import Rules, Target, check_url

__all__ = ["Hop"]

_ANYWHERE = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
"""Headers that may go to another origin than the one they were meant for."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A request that is about to be made.

    Args:
        target: To whom.
        rules: What it may redirect to.
        method: GET or POST.
        headers: Names in lower case.
        content: What is posted.
    """

    target: Target
    rules: Rules
    method: str
    headers: Mapping[str, str]
    content: bytes | None = None

    def redirected(self, status: int, location: str) -> Hop:
        """Returns the request that follows a redirect.

        Args:
            status: 301, 302, 303, 307 or 308.
            location: As the server sent it.

        Raises:
            Blocked: The address must not be asked, or not from here, or not with what is posted.
        """
        here = self.target
        # A page that the user did not name cannot lead to one that may be private because the user
        # did.
        rules = self.rules if here.trusted else replace(self.rules, trusted=frozenset())
        there = check_url(_joined(here.url, location), rules)
        method, headers, content = self.method, dict(self.headers), self.content
        if status == 303 or (status in (301, 302) and method == "POST"):
            method, content = "GET", None
            headers.pop("content-type", None)
        if here.scheme == "https" and there.scheme == "http":
            raise _refused(there, "a secure page leads to it without TLS", "downgrade")
        if there.origin != here.origin:
            if content is not None:
                raise _refused(there, f"what was sent is meant for {here.host!r}", "cross")
            headers = {name: value for name, value in headers.items() if name in _ANYWHERE}
        return Hop(there, rules, method, headers, content)


def _refused(there: Target, why: str, reason_code: str) -> Blocked:
    return Blocked(
        f"Not fetching from {there.host!r}: {why}.", reason_code=reason_code, host=there.host
    )


def _joined(url: str, location: str) -> str:
    """Returns where a ``Location`` leads. It came as Latin-1 and is often meant as UTF-8."""
    try:
        location = location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        pass
    try:
        return urljoin(url, location)
    except ValueError:  # no address at all; the guard says it better
        return location
