"""What one call of a step is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

from sentient_kernel.engine.workflow import EffectSpec, Retry
from sentient_kernel.events import ErrorRecorded
from sentient_kernel.failures import describe
from sentient_kernel.ids import StepKey


@dataclass(slots=True)
class StepPlan:
    """What a run knows of a step's function, worked out at its first call.

    Args:
        name: What it goes by.
        prefix: The part of its calls' identity that is the same for all of them.
        once: The same without its code, for effects that must not happen twice: an edit does not undo them.
        code: Its code.
        is_async: Whether it runs on the loop.
        settled: Whether a call of it has come to its end in this run: those after it are written with their results, not before.
    """

    name: str
    prefix: bytes
    once: bytes
    code: CodeType | None
    is_async: bool
    settled: bool = False


@dataclass(slots=True)
class StepCall:
    """One call of a step, with its identity.

    Args:
        plan: What is known of its function.
        returns: The function whose annotations say what the result is; by default the step's own.
    """

    key: StepKey
    name: str
    plan: StepPlan
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    retry: Retry | None
    timeout: float | None
    effect: EffectSpec
    title: str = ""
    returns: Callable[..., Any] | None = None


class Crashed(BaseException):
    """A step ended the way a dying process does; the run stops without an end of its own, and ``fact`` is the last that it writes."""

    def __init__(self, where: str, error: BaseException) -> None:
        said = f"{type(error).__name__}({error})" if str(error) else type(error).__name__
        super().__init__(f"{where[:1].upper()}{where[1:]} ended the process: {said}.")
        self.fact: ErrorRecorded | None = ErrorRecorded(error=describe(error), origin=where)
