"""How a workflow is declared: ``@workflow``, retries, effects, outcomes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from pydantic import JsonValue

from sentient_kernel.describing import Described
from sentient_kernel.engine.identity import defined_in_notebook, fingerprint
from sentient_kernel.errors import UnknownWorkflow, UsageError
from sentient_kernel.events import Effect
from sentient_kernel.projections.foreign import inputs_named

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon a failed step is tried again: exponential backoff with jitter.

    Args:
        attempts: Tries in all, the first one included.
        delay: Seconds before the second try; each later wait is ``factor`` times longer, up to
            ``longest``.
        factor: Growth of the wait.
        longest: The longest wait, seconds.
        jitter: Share of the wait that is drawn by chance, so that many steps do not come back at
            once.
        on: The errors worth another try; others fail at once. An error that tells it is not
            retryable fails at once too.

    Example:
        >>> [Retry(attempts=4, delay=1, jitter=0).wait(n, 0.5) for n in (1, 2, 3)]
        [1.0, 2.0, 4.0]
    """

    attempts: int = 3
    delay: float = 0.5
    factor: float = 2.0
    longest: float = 60.0
    jitter: float = 0.25
    on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        for name, least in (
            ("attempts", 1),
            ("delay", 0),
            ("factor", 1),
            ("longest", 0),
            ("jitter", 0),
        ):
            value = getattr(self, name)
            if not value >= least:
                raise UsageError(f"Retry: {name} must be at least {least}, not {value}.")
        if self.jitter > 1:
            raise UsageError(f"Retry: jitter must be at most 1, not {self.jitter}.")

    def wait(self, failed: int, chance: float) -> float:
        """Returns the seconds to wait after that many failed tries; ``chance`` is drawn from 0 to 1
        by the caller.
        """
        try:
            base = min(self.longest, self.delay * self.factor ** (failed - 1))
        except OverflowError:
            base = self.longest
        return float(min(self.longest, base * (1 + self.jitter * (2 * chance - 1))))

    def again(self, error: Exception, failed: int) -> bool:
        """True when this error deserves another try after that many failed ones."""
        return (
            failed < self.attempts
            and isinstance(error, self.on)
            and getattr(error, "retryable", True) is not False
        )


@dataclass(frozen=True, slots=True)
class EffectSpec:
    """What a step does to the world, and so what may happen to it after a crash."""

    kind: Effect = "pure"
    key: str = ""


PURE = EffectSpec()


def pure() -> EffectSpec:
    """The step changes nothing outside; it may run again. The default."""
    return PURE


def idempotent(key: str) -> EffectSpec:
    """The step may run again as long as it carries this key; a parameter named ``idempotency_key``
    receives it.
    """
    return EffectSpec("idempotent", key)


def once() -> EffectSpec:
    """The step must not happen twice: an intent is on disk before it, and after a crash in between
    a person is asked.
    """
    return EffectSpec("once")


@dataclass(frozen=True, slots=True, repr=False)
class Outcome(Described, Generic[T]):
    """What became of one of several calls: a value, or the error it ended with."""

    value: T | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """True when there is no error."""
        return self.error is None


class Workflow(Generic[P, T]):
    """An async function whose steps are recorded. Calling it inside another workflow runs it as
    part of that one.
    """

    def __init__(
        self,
        fn: Callable[Concatenate[Any, P], Awaitable[T]],
        name: str | None,
        version: str | None,
        names: Callable[[Any], dict[str, JsonValue]] | None = None,
    ) -> None:
        if not inspect.iscoroutinefunction(fn):
            raise UsageError(
                f"{getattr(fn, '__name__', fn)!r} is not a workflow.",
                hint="Write it as `async def name(ctx, ...)`.",
            )
        self._signature = inspect.signature(fn)
        if not self._signature.parameters:
            hint = "Its first parameter is the context: `async def name(ctx, ...)`."
            raise UsageError(f"Workflow {fn.__name__!r} must take the context.", hint=hint)
        self.fn = fn
        self.name = name or f"{fn.__module__}:{fn.__qualname__}"
        self.version = version
        self.names = names or inputs_named
        self.notebook = defined_in_notebook(fn)
        self._code = ""
        update_wrapper(self, fn)

    def __call__(self, ctx: Any, *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        if not hasattr(ctx, "step"):
            hint = (
                f"Write wb.start({self.fn.__name__}, ...), or inside another workflow: await"
                f" {self.fn.__name__}(ctx, ...)."
            )
            raise UsageError(
                f"{self.fn.__name__!r} is a workflow, and was called without a context.", hint=hint
            )
        made = self.fn(ctx, *args, **kwargs)
        watch = getattr(ctx, "watch_call", None)
        return made if watch is None else watch(made, self.fn.__name__, sys._getframe(1))

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"

    @property
    def code(self) -> str:
        """The hash of its source, or its version where it has one."""
        if self.version is not None:
            return f"v{self.version}"
        if self.notebook:  # what it calls may have been defined anew since
            return fingerprint(self.fn)
        self._code = self._code or fingerprint(self.fn)
        return self._code

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Checks arguments against the signature. Raises UsageError in a sentence."""
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError as error:
            raise UsageError(
                f"Workflow {self.name!r} cannot be started with these arguments: {error}."
            ) from None


# Definitions, newest last, so that a stored run finds the code that a cell or a module defines now.
_defined: dict[str, Workflow[..., Any]] = {}


def workflow(
    fn: Any = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    names: Callable[[Any], dict[str, JsonValue]] | None = None,
) -> Any:
    """Declares an async function as a workflow.

    Args:
        fn: ``async def f(ctx, ...)``; everything that is worth keeping in it happens in
            ``await ctx.step(...)``.
        name: What runs of it are stored under; by default its module and name.
        version: Stands for its code where source is not to count.
        names: A pure function of the stored inputs (``{"args": [...], "kwargs": {...}}``, whatever
            somebody wrote there) that returns what they name: paths, addresses, models, as texts. A
            person reads that before a run from elsewhere goes on here; by default all arguments are
            listed.

    Returns:
        The workflow, to be given to ``Workbench.start``. Declaring one of the same name again
        replaces it.

    Example:
        >>> @workflow
        ... async def greet(ctx, who: str) -> str:
        ...     return await ctx.step(str.upper, who)
        >>> greet
        <workflow sentient_kernel.engine.workflow:greet>
    """
    if fn is None:
        return lambda f: workflow(f, name=name, version=version, names=names)
    made: Workflow[..., Any] = Workflow(fn, name, version, names)
    _defined[made.name] = made
    return made


def find(name: str) -> Workflow[..., Any]:
    """Returns the newest definition of a stored workflow.

    Nothing is imported on a journal's word: it may come from somebody else.

    Raises:
        UnknownWorkflow: It is not defined in this process; says how to define it.
    """
    found = _defined.get(name)
    if found is None:
        name = name[:200]
        module = name.partition(":")[0]
        how = (
            "run the cell that defines it"
            if module == "__main__" or module not in sys.modules
            else "run the code that defines it"
        )
        hint = f"Import {module!r} or {how}, then resume the run."
        raise UnknownWorkflow(f"The workflow {name!r} is not defined in this process.", hint=hint)
    return found
