"""How a workflow is declared: ``@workflow``, retries, effects, outcomes; and which of its calls
nobody awaits.

A call of the context, or of an async function, that a workflow makes and never awaits does nothing.
Python warns of it on stderr, when the garbage collector comes by. Here the run fails, with the
line.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, update_wrapper
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Concatenate, Generic, NamedTuple, ParamSpec, TypeVar

from pydantic import JsonValue

from sentient_kernel.describing import Described
from sentient_kernel.engine.identity import defined_in_notebook, fingerprint, syntax, unwrapped
from sentient_kernel.errors import UnknownWorkflow, UsageError
from sentient_kernel.events import Effect
from sentient_kernel.projections.foreign import inputs_named

P = ParamSpec("P")
T = TypeVar("T")

METHODS = frozenset(
    {"step", "approve", "gather", "emit", "send", "receive", "run", "until_asked_to_finish"}
)
"""What of a context has to be awaited."""
MOST = 256
"""Calls that are remembered before those which have begun are forgotten."""
SHOWN = 3
LINE = 100
"""Characters of a line that are shown."""


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


HEEDS = {
    "steers": "steer",
    "finishing": "finish",
    "asked_to_finish": "finish",
    "until_asked_to_finish": "finish",
}
"""What of a context tells a workflow that somebody steers it, or asks it to finish."""


_CODE = (FunctionType, type, Workflow)


@lru_cache(maxsize=256)
def heeded(fn: FunctionType) -> frozenset[str]:
    """Returns which requests a workflow listens to: ``steer``, ``finish``. Its code tells, and that
    of what it calls by name: workflows, and functions and classes of its own package.
    """
    packages = {fn.__module__.partition(".")[0]}
    found, seen = set[str](), set[int]()
    todo: list[Any] = [fn]
    while todo:
        one = todo.pop()
        if id(one) in seen or (one.__module__ or "").partition(".")[0] not in packages:
            continue
        seen.add(id(one))
        used: list[Any] = []
        if isinstance(one, type):
            used = [getattr(each, "fget", each) for each in vars(one).values()]
        codes = [one.__code__] if isinstance(one, FunctionType) else []
        for code in codes:
            codes += [const for const in code.co_consts if isinstance(const, CodeType)]
            found |= {HEEDS[name] for name in code.co_names if name in HEEDS}
            used += [one.__globals__.get(name) for name in code.co_names]
        packages |= {each.__module__.partition(".")[0] for each in used if type(each) is Workflow}
        todo += [unwrapped(each) for each in used if isinstance(each, _CODE)]
    return frozenset(found)


def find(name: str, known: Mapping[str, Workflow[..., Any]]) -> Workflow[..., Any]:
    """Returns the newest definition of a stored workflow, first of those that are known besides.

    Nothing is imported on a journal's word: it may come from somebody else.

    Raises:
        UnknownWorkflow: It is not defined in this process; says how to define it.
    """
    found = known.get(name) or _defined.get(name)
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


# -- forgotten awaits ------------------------------------------------------------------------------


class PendingCall(NamedTuple):
    """A call that has to be awaited: what it is called, and where it stands."""

    coroutine: Coroutine[Any, Any, Any]
    name: str
    code: CodeType
    line: int


@dataclass(slots=True)
class PendingCalls:
    """The calls of one run that were made and have perhaps not begun. Lives on the engine's
    loop.
    """

    made: list[PendingCall] = field(default_factory=list)

    def watch(
        self, coroutine: Coroutine[Any, Any, T], name: str, frame: FrameType
    ) -> Coroutine[Any, Any, T]:
        """Remembers a call until it begins.

        Args:
            coroutine: What has to be awaited; returned as it is.
            name: What was called.
            frame: Who has called it.
        """
        if len(self.made) >= MOST:
            self.made = self._waiting()
        self.made.append(PendingCall(coroutine, name, frame.f_code, frame.f_lineno))
        return coroutine

    def _waiting(self) -> list[PendingCall]:
        created = inspect.CORO_CREATED  # it has neither begun nor was it closed
        return [one for one in self.made if inspect.getcoroutinestate(one.coroutine) == created]

    def forgotten(self) -> UsageError | None:
        """Returns what to say of the calls that nobody awaits, now that the workflow has ended;
        closes them.
        """
        waiting, self.made = self._waiting(), []
        if not waiting:
            return None
        tasks = {id(task.get_coro()) for task in asyncio.all_tasks()}
        left = [made for made in waiting if id(made.coroutine) not in tasks]
        for made in left:
            made.coroutine.close()
        # of one line the outermost call, which is made last
        places = {(made.code.co_filename, made.line): made for made in left}.values()
        return _said([(made.name, made.line, made.code) for made in places]) if places else None

    def behind(self, error: Exception) -> UsageError | None:
        """Returns what to say of an error that a forgotten await has led to, where that is so;
        closes the calls that wait.
        """
        forgotten = self.forgotten()
        return forgotten if "coroutine" in str(error) else None


def check_awaits(fn: Callable[..., Any]) -> None:
    """Refuses a workflow that calls an async function as a statement of its own, without awaiting
    it.

    For the thread that starts the run, not for the loop: two threads that parse at once disturb
        each other in Python 3.11 (gh-106905).

    Args:
        fn: The function of a workflow; where its source cannot be had it passes.

    Raises:
        UsageError: There is such a call; says where.
    """
    code = getattr(fn, "__code__", None)
    if code is None or not code.co_varnames:
        return
    found = [(name, line, code) for name, line in _statements(code) if _is_async(name, fn)]
    if found:
        raise _said(found)


def _said(places: list[tuple[str, int, CodeType]]) -> UsageError:
    said = []
    for name, line, code in places[:SHOWN]:
        text = linecache.getline(code.co_filename, line).strip()
        text = text if len(text) <= LINE else f"{text[:LINE]}…"
        where = f"line {line} of {code.co_name!r}"
        said.append(f"{name}(...) is not awaited in {where}: {text}")
    if len(places) > SHOWN:
        said.append(f"and {len(places) - SHOWN} more")
    return UsageError(
        f"{'; '.join(said)}.",
        hint=f"Write `await {places[0][0]}(...)`: without it the call does not run.",
    )


def _is_async(name: str, fn: Callable[..., Any]) -> bool:
    """Tells whether a call, as it is written, gives something to await; of what only the function
    itself knows it is not known.
    """
    first, *rest = name.split(".")
    code: CodeType = fn.__code__
    if first == code.co_varnames[0]:  # the context
        return len(rest) == 1 and rest[0] in METHODS
    if first in code.co_varnames or first in code.co_cellvars or first in code.co_freevars:
        return False
    found = fn.__globals__.get(first)
    for part in rest:
        found = vars(found).get(part) if isinstance(found, ModuleType) else None
    return inspect.iscoroutinefunction(getattr(found, "fn", found))


@lru_cache(maxsize=512)
def _statements(code: CodeType) -> list[tuple[str, int]]:
    """Returns the calls by name that are statements of their own in a function: name and line."""
    tree, at = syntax(code), code.co_firstlineno - 1
    if tree is None or not tree.body:
        return []
    return [
        (name, node.lineno + at)
        for node in _own(tree.body[0])
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and all(map(str.isidentifier, (name := ast.unparse(node.value.func)).split(".")))
    ]


def _own(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields the parts of a function, not those of functions inside it."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield node
            yield from _own(node)
