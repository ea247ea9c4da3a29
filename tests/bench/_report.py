"""Figures beside their targets: verdicts, and a table to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from tests.bench._plan import BENCHES, Bench, Target

Taken = Mapping[str, Mapping[str, list[float]]]
"""The figures of all rounds, by case and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A target and what was reached.

    Args:
        bench: The name of the bench.
        what: The figure, in words.
        taken: The figure of each round; its median counts.
        rule: The bound as it is stated.
        bound: The bound, worked out; None when what it is compared with was not taken.
        held: Whether it is reached; None when one of the two figures is missing.
        beside: The same figure of all who do that work, by name.
    """

    bench: str
    what: str
    taken: list[float]
    rule: str
    bound: float | None
    held: bool | None
    beside: dict[str, float]


def judged(names: Iterable[str], taken: Taken) -> list[Verdict]:
    """Returns a verdict on every target of some benches."""
    return [
        judge(name, BENCHES[name], target, taken)
        for name in names
        for target in BENCHES[name].targets
    ]


def judge(name: str, bench: Bench, target: Target, taken: Taken) -> Verdict:
    """Compares a figure with its target."""

    def figures(who: str, key: str) -> list[float]:
        return taken.get(bench.cases[who].key, {}).get(key, [])

    ours, their = figures(target.case, target.key), target.their or target.key
    theirs = figures(target.of, their) if target.of else [1.0]
    times, above, rule = _stated(target)
    bound = times * median(theirs) if theirs else None
    held = (
        None
        if bound is None or not ours
        else median(ours) >= bound
        if above
        else median(ours) <= bound
    )
    variant = bench.cases[target.case].variant
    others = [
        case.who
        for case in bench.cases.values()
        if case.who != target.case and case.variant == variant
    ]
    beside = {who: median(found) for who in others if (found := figures(who, their))}
    return Verdict(
        bench=name, what=target.what, taken=ours, rule=rule, bound=bound, held=held, beside=beside
    )


def _stated(target: Target) -> tuple[float, bool, str]:
    """Returns the factor or number of a bound, whether it is one from below, and the bound in
    words.
    """
    if target.less is not None:
        return 1 / target.less, False, f"{target.less:g} times less than {target.of}"
    of = f" x {target.of}" if target.of else ""
    if target.at_least is not None:
        return target.at_least, True, f">= {target.at_least:g}{of}"
    assert target.at_most is not None
    return target.at_most, False, f"<= {target.at_most:g}{of}"


def table(verdicts: Iterable[Verdict]) -> str:
    """Returns one line for each target, below the title of its bench."""
    lines: list[str] = []
    last, shown = "", ("", "")
    for one in verdicts:
        if one.bench != last:
            last = one.bench
            lines += ["", f"{last}  {BENCHES[last].title}"]
        value = plain(median(one.taken)) if one.taken else "-"
        spread = (
            f" [{plain(min(one.taken))} - {plain(max(one.taken))}]"
            if len(set(one.taken)) > 1
            else ""
        )
        bound = (
            f" = {plain(one.bound)}" if one.bound is not None and not one.rule[-1].isdigit() else ""
        )
        word = {True: "held", False: "MISSED", None: "open"}[one.held]
        known, shown = shown, (one.bench, one.what)
        beside = (
            ""
            if known == shown
            else ", ".join(f"{who} {plain(other)}" for who, other in one.beside.items())
        )
        lines.append(
            f"  {word:6}  {one.what:34}{value + spread:26} {one.rule + bound:42} {beside}".rstrip()
        )
    return "\n".join(lines)


def plain(value: float) -> str:
    """Returns a number as short as it says what it should."""
    return (
        f"{value:,.0f}"
        if abs(value) >= 1_000
        else f"{value:g}"
        if value == round(value)
        else f"{value:.3g}"
    )
