"""What every fold is, and the small readings of a record that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol, TypeVar

from sentient_kernel.clock import as_datetime
from sentient_kernel.events import Record


class LocalCall:
    """A function of this process that a value carries: it goes along with copies, and stays behind
    when the value is pickled.

    Args:
        call: The function.

    Example:
        >>> import copy, pickle
        >>> held = LocalCall(len)
        >>> copy.deepcopy([held])[0]("abc"), pickle.loads(pickle.dumps([held]))
        (3, [None])
    """

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __copy__(self) -> LocalCall:
        return self

    def __deepcopy__(self, memo: object) -> LocalCall:
        return self

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()


def _nothing() -> None:
    """What stands for a :class:`LocalCall` in another process."""


class Fold(Protocol):
    """Something that takes records one by one, in the order of seq, and can be looked at after each
    of them.
    """

    def apply(self, record: Record) -> None:
        """Takes one more record in; other kinds, and those of a later version, change nothing."""


F = TypeVar("F", bound=Fold)


def fold(into: F, records: Iterable[Record]) -> F:
    """Takes all records into a fold and returns it.

    Example:
        >>> from sentient_kernel.projections.runs import Runs
        >>> fold(Runs(), []).table
        Table of 0 runs
    """
    for record in records:
        into.apply(record)
    return into


def when(us: int | None) -> datetime | None:
    """Returns microseconds since 1970 as an aware datetime; None and 0 (not yet) as None."""
    return as_datetime(us) if us else None
