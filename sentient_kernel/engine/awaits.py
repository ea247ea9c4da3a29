"""Forgotten awaits: a call of the context, or of an async function, that a workflow makes and never
awaits does nothing.

Python warns of it on stderr, when the garbage collector comes by. Here the run fails, with the
line.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
from collections.abc import Callable, Coroutine, Iterator
from functools import lru_cache
from types import CodeType, FrameType, ModuleType
from typing import Any, NamedTuple, TypeVar

from sentient_kernel.engine.identity import syntax
from sentient_kernel.errors import UsageError

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


class PendingCall(NamedTuple):
    """A call that has to be awaited: what it is called, and where it stands."""

    coroutine: Coroutine[Any, Any, Any]
    name: str
    file: str
    line: int
    function: str

    @property
    def waits(self) -> bool:
        """True until it has begun or was closed."""
        body: Any = self.coroutine
        return not (body.cr_running or body.cr_suspended or body.cr_frame is None)


class PendingCalls:
    """The calls of one run that were made and have perhaps not begun. Lives on the engine's
    loop.
    """

    def __init__(self) -> None:
        self._made: list[PendingCall] = []

    def watch(
        self, coroutine: Coroutine[Any, Any, T], name: str, frame: FrameType
    ) -> Coroutine[Any, Any, T]:
        """Remembers a call until it begins.

        Args:
            coroutine: What has to be awaited; returned as it is.
            name: What was called.
            frame: Who has called it.
        """
        if len(self._made) >= MOST:
            self._made = [made for made in self._made if made.waits]
        code = frame.f_code
        self._made.append(
            PendingCall(coroutine, name, code.co_filename, frame.f_lineno, code.co_qualname)
        )
        return coroutine

    def forgotten(self) -> UsageError | None:
        """Returns what to say of the calls that nobody awaits, now that the workflow has ended;
        closes them.
        """
        waiting = [made for made in self._made if made.waits]
        self._made = []
        if not waiting:
            return None
        tasks = {id(task.get_coro()) for task in asyncio.all_tasks()}
        left = [made for made in waiting if id(made.coroutine) not in tasks]
        for made in left:
            made.coroutine.close()
        # of one line the outermost call, which is made last
        places = list({(made.file, made.line): made for made in left}.values())
        return (
            _said(
                [
                    (made.name, made.line, made.function, _text(made.file, made.line))
                    for made in places
                ]
            )
            if places
            else None
        )

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
    found = [(name, line, text) for name, line, text in _statements(code) if _is_async(name, fn)]
    if found:
        raise _said([(name, line, code.co_qualname, text) for name, line, text in found])


def _said(places: list[tuple[str, int, str, str]]) -> UsageError:
    said = [
        f"{name}(...) is not awaited in line {line} of {function.rpartition('.')[2]!r}: {text}"
        for name, line, function, text in places
    ]
    more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    first = places[0][0]
    return UsageError(
        f"{'; '.join(said[:SHOWN])}{more}.",
        hint=f"Write `await {first}(...)`: without it the call does not run.",
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
def _statements(code: CodeType) -> tuple[tuple[str, int, str], ...]:
    """Returns the calls by name that are statements of their own in a function: name, line,
    text.
    """
    tree, at = syntax(code), code.co_firstlineno - 1
    if tree is None or not tree.body:
        return ()
    return tuple(
        (name, node.lineno + at, _text(code.co_filename, node.lineno + at))
        for node in _own(tree.body[0])
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and (name := _dotted(node.value.func))
    )


def _own(tree: ast.AST) -> Iterator[ast.AST]:
    """Yields the parts of a function, not those of functions inside it."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield node
            yield from _own(node)


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    inner = _dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner and isinstance(node, ast.Attribute) else ""


def _text(file: str, line: int) -> str:
    text = linecache.getline(file, line).strip()
    return text if len(text) <= LINE else f"{text[:LINE]}…"
