"""What ``plan.toml`` says: benches, the cases that do the work of each, and the targets of ours."""

from __future__ import annotations

import shlex
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench._environments import PEERS

OURS = "ours"
_NEEDS = {"retrieval": "data", "evidence": "data", "browser": "browser"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A function of a module that does the work of a bench.

    Args:
        who: Whose way of doing it, and which variant.
        module: A module of this folder.
        words: The function and its arguments.
        needs: An environment of a peer, ``data`` (the measuring sets) or ``browser``; without it
            the case is skipped.
        once: Whether it is taken in the first round only.
        seconds: When it is given up.
    """

    who: str
    module: str
    words: tuple[str, ...]
    needs: str
    once: bool
    seconds: int

    @property
    def key(self) -> str:
        """What its figures are kept by; benches may share a case."""
        return shlex.join((self.needs if self.needs in PEERS else OURS, self.module, *self.words))

    @property
    def variant(self) -> str:
        """Which variant of the work it does."""
        return self.who.partition(", ")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a figure of ours must reach.

    Args:
        what: The figure, in words.
        key: The figure, by name.
        at_most: The bound from above.
        at_least: The bound from below.
        less: So many times less than another case's figure.
        of: The case of whose figure the bound is a multiple; a plain number without.
        their: That figure by name, where it has another.
        case: Which of our cases.
    """

    what: str
    key: str
    at_most: float | None = None
    at_least: float | None = None
    less: float | None = None
    of: str = ""
    their: str = ""
    case: str = OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Cases that do the same work, by whose they are, and what ours must reach."""

    title: str
    cases: dict[str, Case]
    targets: tuple[Target, ...]
    asked: bool


def _bench(said: dict[str, Any]) -> Bench:
    cases = {}
    for who, line in said["cases"].items():
        module, *words = shlex.split(line)
        family = who.split(",")[0].split()[0]
        needs = _NEEDS.get(module, family if family in PEERS else "")
        once, seconds = said.get("once", False), said.get("seconds", 300)
        cases[who] = Case(
            who=who, module=module, words=tuple(words), needs=needs, once=once, seconds=seconds
        )
    targets = tuple(Target(**target) for target in said["targets"])
    return Bench(title=said["title"], cases=cases, targets=targets, asked=said.get("asked", False))


BENCHES = {
    name: _bench(said)
    for name, said in tomllib.loads(
        Path(__file__).with_name("plan.toml").read_text("utf-8")
    ).items()
}
"""Every bench by its name."""


def named(names: list[str]) -> list[str]:
    """Returns the benches to run, in the order given; without any, all that need not be named."""
    if unknown := [name for name in names if name not in BENCHES]:
        raise SystemExit(f"There is no bench {unknown[0]!r}. There are: {', '.join(BENCHES)}.")
    return names or [name for name, bench in BENCHES.items() if not bench.asked]


def cases_of(names: list[str]) -> list[Case]:
    """Returns the cases of some benches, each once."""
    return list(
        {case.key: case for name in names for case in BENCHES[name].cases.values()}.values()
    )
