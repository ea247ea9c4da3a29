"""Which step is which: pure functions from code and arguments to keys.

A step is known by the run it belongs to, its name, its code or version, its arguments, and how
often the same was asked for before. So an edited workflow reuses what is unchanged and runs what is
new.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import re
import textwrap
import tokenize
from collections.abc import Callable
from functools import lru_cache, partial
from hashlib import blake2b
from types import CellType, CodeType, FunctionType
from typing import Any, TypeVar

from pydantic_core import PydanticSerializationError, to_json

from sentient_kernel.engine.codec import canonical
from sentient_kernel.errors import ValueNotStorable
from sentient_kernel.ids import ApprovalId, RunId, StepKey

F = TypeVar("F", bound=Callable[..., Any])
NOTEBOOK = "__main__"
_EMPTY = CellType()
_ADDRESS = re.compile(" at 0x[0-9a-f]+")
_QUICK = frozenset({int, str, bool, type(None)})


def unwrapped(fn: Callable[..., Any], *, decorators: bool = True) -> Any:
    """Returns the function inside partials, bound methods and decorators.

    Args:
        fn: The function.
        decorators: Whether to look inside decorators too; without them it is the function that a
            call begins in.
    """
    while True:
        if isinstance(fn, partial):
            fn = fn.func
        elif decorators and hasattr(fn, "__wrapped__"):
            fn = fn.__wrapped__
        elif inspect.ismethod(fn):
            fn = fn.__func__
        else:
            return fn


def fixed_name(name: str) -> Callable[[F], F]:
    """Gives a step function of this package the name that it goes by in every journal, whichever
    module holds it.

    A step is known by its function's module and name, which is what a notebook needs; a package
    that moves its modules would repay the steps of unfinished runs.

    Args:
        name: The room and the step, as ``"research:plan"``; the part behind the colon is shown.
    """

    def mark(fn: F) -> F:
        fn.fixed_name = name  # type: ignore[attr-defined]
        return fn

    return mark


def name_of(fn: Callable[..., Any]) -> str:
    """Returns the name that a function goes by in the journal."""
    inner = unwrapped(fn)
    if fixed := getattr(inner, "fixed_name", ""):
        return str(fixed).rpartition(":")[2]
    name = str(getattr(inner, "__qualname__", type(inner).__qualname__))
    return name.replace("<locals>.", "").rpartition(".")[2] or "step"


def defined_in_notebook(fn: Callable[..., Any]) -> bool:
    """True for what a cell or a script defines; such code changes under a run, installed code
    carries a version.
    """
    return getattr(unwrapped(fn), "__module__", None) == NOTEBOOK


def code_of(fn: Callable[..., Any], version: str | None = None) -> str:
    """Returns what stands for a step function's code in its identity, beside its place: the version
    given, else its source when a notebook defines it.
    """
    if version is not None:
        return f"v{version}"
    return fingerprint(fn) if defined_in_notebook(fn) else ""


def place_of(fn: Callable[..., Any]) -> str:
    """Returns the module and the full name of a function, of those it wraps, and what is bound to
    it and cannot change.
    """
    inner = unwrapped(fn)
    where = str(getattr(inner, "fixed_name", ""))
    if not where:
        name = getattr(inner, "__qualname__", type(inner).__qualname__)
        where = f"{getattr(inner, '__module__', '')}:{name}"
        for held in _enclosed(inner):
            where += f"({held.__module__}:{held.__qualname__})"
    while isinstance(fn, partial):
        bound = [*fn.args, *(part for pair in sorted(fn.keywords.items()) for part in pair)]
        where += "".join(f"\0{_bound(value)}" for value in bound)
        fn = fn.func
    owner = getattr(fn, "__self__", None)
    return f"{where}\0{_bound(owner)}" if _is_frozen(owner) else where


def _enclosed(fn: Any) -> list[FunctionType]:
    """Returns the functions that a function holds in its closure, as one made by a decorator
    does.
    """
    found = []
    for cell in getattr(fn, "__closure__", None) or ():
        inner = unwrapped(cell.cell_contents) if cell != _EMPTY else None
        if isinstance(inner, FunctionType) and inner is not fn:
            found.append(inner)
    return found


def _is_frozen(value: Any) -> bool:
    """True for a model or dataclass that cannot change, so that it is the same when the run is
    taken up again.
    """
    config = getattr(type(value), "model_config", {})
    frozen_model = isinstance(config, dict) and bool(config.get("frozen"))
    params = getattr(type(value), "__dataclass_params__", None)
    return frozen_model or bool(params is not None and params.frozen)


def _bound(value: Any) -> str:
    try:
        return canonical(value, "an argument bound beforehand").hex()
    except ValueNotStorable:  # a client, a connection: what it is counts, not its state
        return f"{type(value).__module__}.{type(value).__qualname__}"


def fingerprint(fn: Callable[..., Any]) -> str:
    """Returns a hash of a function's source, and of the notebook's functions and classes it uses;
    comments and layout do not count.
    """
    seen: dict[str, str] = {}
    _collect(unwrapped(fn), seen)
    owner = getattr(fn.func if isinstance(fn, partial) else fn, "__self__", None)
    _collect_class(owner if isinstance(owner, type) else type(owner), seen)
    return blake2b(repr(sorted(seen.items())).encode(), digest_size=8).hexdigest()


def step_prefix(name: str, *more: str) -> bytes:
    """Returns the part of a step's identity that is the same for every call of one function."""
    return "\0".join(("", name, *more)).encode()


def identity(prefix: bytes, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
    """Returns the identity of a call before its occurrence is counted in.

    Raises:
        ValueNotStorable: An argument cannot be kept as JSON; the message names it.
    """
    parts = [prefix]
    for i, value in enumerate(args):
        try:
            parts.append(
                to_json(value)
                if type(value) in _QUICK
                else canonical(value, f"argument {i + 1} of step {name!r}")
            )
        except PydanticSerializationError:  # a text that is none: this says so
            canonical(value, f"argument {i + 1} of step {name!r}")
    if kwargs:
        parts += [
            k.encode() + b"=" + canonical(v, f"argument {k!r} of step {name!r}")
            for k, v in sorted(kwargs.items())
        ]
    return b"\0".join(parts)


def occurrence_key(identity: bytes, occurrence: int) -> StepKey:
    """Returns the key of the n-th call with one identity (16 hexadecimal digits)."""
    return StepKey(
        blake2b(identity, digest_size=8, salt=occurrence.to_bytes(8, "little")).hexdigest()
    )


def mailbox_identity(run: RunId) -> bytes:
    """Returns the identity that the messages a run takes are counted by."""
    return b"receive\0" + run.encode()


def approval_id(run: RunId, key: StepKey) -> ApprovalId:
    """Returns the id of a question: the same after every restart."""
    return ApprovalId("a" + blake2b(f"{run}/{key}".encode(), digest_size=6).hexdigest())


def child_id(run: RunId, key: StepKey) -> RunId:
    """Returns the id of a child run: the same after every restart, sorted beside its parent."""
    tail = blake2b(f"{run}/{key}".encode(), digest_size=9).hexdigest()
    return RunId(f"{run[:14]}7{tail[:3]}-8{tail[3:6]}-{tail[6:18]}")


def digest(*parts: Any) -> str:
    """Returns what binds an answer to exactly what was shown."""
    return blake2b(
        b"\0".join(canonical(p, "the question") for p in parts), digest_size=8
    ).hexdigest()


def _collect(fn: Any, seen: dict[str, str]) -> None:
    code = getattr(fn, "__code__", None)
    name = f"{getattr(fn, '__module__', '')}.{getattr(fn, '__qualname__', type(fn).__qualname__)}"
    if name in seen:
        return
    seen[name] = _source(code) if code is not None else ""
    if code is None or getattr(fn, "__module__", None) != NOTEBOOK:
        return
    for used in _names(code):
        other = unwrapped(fn.__globals__.get(used)) if used in fn.__globals__ else None
        if isinstance(other, FunctionType) and other.__module__ == NOTEBOOK:
            _collect(other, seen)
        elif isinstance(other, type):
            _collect_class(other, seen)
    for inner in _enclosed(fn):
        _collect(inner, seen)


def _collect_class(cls: type, seen: dict[str, str]) -> None:
    """Takes in the methods and the fields of a class that the notebook defines; what instances hold
    are no code.
    """
    name = f"class {cls.__module__}.{cls.__qualname__}"
    if cls.__module__ != NOTEBOOK or name in seen:
        return
    fields = vars(cls).get("__annotations__", {})
    seen[name] = _ADDRESS.sub("", repr(sorted((field, str(fields[field])) for field in fields)))
    for part in (*cls.__bases__, *vars(cls).values()):
        inner: Any = unwrapped(part.fget or len if isinstance(part, property) else part)
        if isinstance(inner, FunctionType) and inner.__module__ == NOTEBOOK:
            _collect(inner, seen)
        elif isinstance(inner, type):
            _collect_class(inner, seen)


@lru_cache(maxsize=2048)
def _names(code: CodeType) -> tuple[str, ...]:
    names = list(code.co_names)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            names += _names(const)
    return tuple(sorted(set(names)))


@lru_cache(maxsize=2048)
def _source(code: CodeType) -> str:
    """Returns what the source says without comments, layout, docstrings and decorators; the
    bytecode where it cannot be had.
    """
    tree = syntax(code)
    if tree is None or not tree.body:
        return _bytecode(code)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.decorator_list = []
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and len(node.body) > 1:
            node.body = node.body[ast.get_docstring(node, clean=False) is not None :]
    return _spelt(tree)


def _spelt(node: Any) -> str:
    """Writes a syntax tree down, the same in every version of Python: a field that only newer ones
    have is empty for what older ones can read. (``ast.unparse`` and ``ast.dump`` do not:
    the quotes in f-strings changed in 3.12, empty fields in 3.13.)
    """
    if isinstance(node, list):
        return f"[{','.join(map(_spelt, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    given = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    return f"{type(node).__name__}({','.join(f'{name}={_spelt(value)}' for name, value in given)})"


def syntax(code: CodeType) -> ast.Module | None:
    """Returns the syntax tree of a function's source, or None where that cannot be had."""
    try:
        # Not inspect.getsource: it looks at every module that is loaded, which takes longer than
        # resuming a run.
        lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
        return ast.parse(textwrap.dedent("".join(inspect.getblock(lines))))
    except (SyntaxError, tokenize.TokenError):  # the file has changed since, perhaps
        return None


def _constant(value: Any) -> str:
    return f"frozenset({sorted(map(repr, value))})" if isinstance(value, frozenset) else repr(value)


def _bytecode(code: CodeType) -> str:
    consts = [_bytecode(c) if isinstance(c, CodeType) else _constant(c) for c in code.co_consts]
    return f"{code.co_code.hex()}|{consts}|{code.co_names}|{code.co_varnames}"
