"""Keys of the cache: what makes two calls the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from sentient_kernel.errors import UsageError, ValueNotStorable

__all__ = ["Key", "Kind"]

Kind = Literal["model", "search", "page"]
_KINDS = frozenset(get_args(Kind))
_TELLING = ("url", "query", "model")
_SHOWN = 120


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """One call to the outside world, told apart from all others. Only its digest is ever kept.

    Args:
        kind: What is asked: a model, a search engine, or a page.
        what: All that the answer depends on, as JSON values: address, method, query, messages,
            settings. Never a key or a password.
        identity: On whose behalf it is asked, where the answer may depend on that; nobody else is
            served it.
        version: Of the code that asks and of what it makes of the answer; another version asks
            anew.

    Raises:
        UsageError: The kind is none of the three.
        ValueNotStorable: ``what`` is not JSON.

    Example:
        >>> Key("search", {"query": "bees", "k": 10}) == Key("search", {"k": 10, "query": "bees"})
        True
    """

    kind: Kind
    what: Any = field(repr=False)
    identity: str = field(default="", repr=False)
    version: str = "1"
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise UsageError(f"kind must be one of {', '.join(sorted(_KINDS))}, not {self.kind!r}.")
        _check_names(self.what)
        try:
            parts = [self.kind, self.what, self.identity, self.version]
            text = json.dumps(
                parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
            )
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueNotStorable(
                f"What a {self.kind} call depends on must be JSON: {error}."
            ) from None
        object.__setattr__(
            self, "digest", hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        )

    @property
    def label(self) -> str:
        """What is asked, for people: its kind and a few words on one line."""
        from sentient_kernel.failures import plain

        what = self.what
        if isinstance(what, dict):
            what = next((what[name] for name in _TELLING if isinstance(what.get(name), str)), "")
        told = " ".join(plain(what).split()) if isinstance(what, str) else ""
        told = told if len(told) <= _SHOWN else told[: _SHOWN - 1] + "…"
        return f"{self.kind} call {told!r}" if told else f"{self.kind} call {self.digest[:12]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _check_names(value: Any, depth: int = 0) -> None:
    """Refuses names that are not strings: JSON would make ``1`` and ``"1"`` the same."""
    if depth > 100:
        raise ValueNotStorable("What a call depends on must be at most 100 lists and dicts deep.")
    if isinstance(value, dict):
        for name, part in value.items():
            if not isinstance(name, str):
                raise ValueNotStorable(
                    f"What a call depends on must be JSON: its names must be texts, not {name!r}."
                )
            _check_names(part, depth + 1)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _check_names(part, depth + 1)
