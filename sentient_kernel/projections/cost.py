"""What a run used of models and paid services, purpose by purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from sentient_kernel.describing import Described
from sentient_kernel.events import Record, UsageRecorded
from sentient_kernel.projections.drawing.table import Table


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UsageView(Described):
    """The use that one kind of work made of one model.

    Args:
        purpose: What it was used for: plan, gaps, write, repair.
        calls: Calls that were made; answers kept from an earlier time are counted in ``kept`` and
            cost nothing.
        tokens_in, tokens_out: Tokens read and written.
        reasoning: How many of those written were reasoning.
        usd: US dollars; None when no price is known.
        seconds: How long the calls took together.
    """

    NOUN: ClassVar[str] = "usage line"
    TOTAL: ClassVar[tuple[str, ...]] = (
        "calls",
        "kept",
        "tokens_in",
        "tokens_out",
        "reasoning",
        "usd",
        "seconds",
    )

    purpose: str
    model: str
    calls: int = 0
    kept: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    reasoning: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0


class Costs:
    """Folds one run's records into what it used; a run that asked no model has no line at all."""

    __slots__ = ("_views",)

    def __init__(self) -> None:
        self._views: dict[tuple[str, str], UsageView] = {}

    def apply(self, record: Record) -> None:
        """Takes one more record of the run in."""
        if record.kind != UsageRecorded.KIND:
            return
        event: UsageRecorded = record.event
        key = (event.purpose, event.model)
        seen = self._views.get(key) or UsageView(purpose=event.purpose, model=event.model)
        if event.kept:
            self._views[key] = replace(seen, kept=seen.kept + 1)
            return
        self._views[key] = replace(
            seen,
            calls=seen.calls + event.calls,
            tokens_in=seen.tokens_in + event.prompt,
            tokens_out=seen.tokens_out + event.completion,
            reasoning=seen.reasoning + event.reasoning,
            usd=None if seen.usd is None or event.usd is None else seen.usd + event.usd,
            seconds=seen.seconds + event.seconds,
        )

    @property
    def table(self) -> Table[UsageView]:
        """All lines, in the order in which they began."""
        return Table(self._views.values(), UsageView)

    @property
    def label(self) -> str:
        """Returns what was spent in a few words; empty when nothing was used."""
        return spent(self.table)


def spent(lines: Table[UsageView]) -> str:
    """Returns what was used in a few words.

    Example:
        >>> spent(Table([UsageView(purpose="write", model="m", calls=2, tokens_in=900,
        ...     tokens_out=100, usd=0.031)]))
        '$0.031 · 2 calls'
        >>> spent(Table([UsageView(purpose="plan", model="m", calls=1, tokens_in=90, tokens_out=710,
        ...     reasoning=700, usd=None)]))
        '800 tokens, 700 of them reasoning · 1 call'
        >>> spent(Table((), UsageView))
        ''
    """
    calls, kept = sum(line.calls for line in lines), sum(line.kept for line in lines)
    if not calls:
        return f"{kept} answers kept from before" if kept else ""
    known = all(line.usd is not None for line in lines)
    tokens = sum(line.tokens_in + line.tokens_out for line in lines)
    thought = sum(line.reasoning for line in lines)
    reasoning = f", {thought:,} {'tokens of' if known else 'of them'} reasoning" if thought else ""
    money = (
        f"${sum(line.usd or 0.0 for line in lines):.3f}" if known else f"{tokens:,} tokens"
    ) + reasoning
    return f"{money} · {calls} call{'' if calls == 1 else 's'}"
