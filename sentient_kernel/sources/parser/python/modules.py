"""What stands in a Python module, read with ``ast``: definitions with their docstrings, what it
imports, what it exports.

Nothing is imported or run. The syntax tree is let go at once; only names and texts are kept.
"""

from __future__ import annotations

import ast
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeVar

_LONGEST_SIGNATURE = 400
_NEWDOC = frozenset({"add_newdoc", "add_docstr"})


@dataclass(slots=True)
class Definition:
    """A class, function, method or property.

    Args:
        kind: class, function, method, property or attribute.
        doc: Its docstring, unindented.
        signature: What stands in its head, without ``def``, as far as it is worth showing.
        bases: The names of a class's bases as they are written.
        members: What stands in a class, by name.
        aliases: Further names inside a class: name to the member's name.
        parts: Attributes that hold an object of another class (an accessor): name to the class's
            name.
    """

    kind: str
    doc: str = ""
    signature: str = ""
    bases: list[str] = field(default_factory=list)
    members: dict[str, Definition] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)

    def documented(self) -> list[tuple[str, Definition]]:
        """Returns the public members that have a docstring, by name."""
        members = self.members.items()
        return [(name, one) for name, one in members if one.doc and not name.startswith("_")]


@dataclass(slots=True)
class Imported:
    """A name that comes from another module; ``name`` is "" when it is the module itself."""

    module: str
    name: str


Kept = TypeVar("Kept", Definition, Definition | Imported)


@dataclass(slots=True)
class Module:
    """What stands in a module.

    Args:
        name: Its full name.
        package: Whether it is the ``__init__`` of a package.
        doc: Its docstring.
        names: What its names stand for.
        stars: The modules it imports everything from.
        exports: What its ``__all__`` lists, as far as that can be read; None when it has none.
        partly: Whether its ``__all__`` is computed, so that ``exports`` is only a part of it.
        newdocs: Docstrings that it gives to things written in C: (place, name, docstring).
    """

    name: str
    package: bool
    doc: str = ""
    names: dict[str, Definition | Imported] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    exports: list[str] | None = None
    partly: bool = False
    newdocs: list[tuple[str, str, str]] = field(default_factory=list)


def read_module(source: bytes, name: str, package: bool) -> Module:
    """Returns what stands in the source of a module; an empty one when it is not valid Python."""
    module = Module(name, package)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return module
    module.doc = _doc(tree)
    for node in _flat(tree.body):
        _take(module, node)
    return module


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yields statements, those under ``if``, ``try`` and ``with`` too, since they are names of the
    module as well.
    """
    for node in body:
        if not isinstance(node, ast.If | ast.Try | ast.With):
            yield node
            continue
        handled = [handler.body for handler in getattr(node, "handlers", ())]
        for inner in (node.body, *handled, getattr(node, "orelse", [])):
            yield from _flat(inner)


def _take(module: Module, node: ast.stmt) -> None:
    """Notes what one statement does to the names of a module."""
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            _keep(module.names, node.name, _definition(node, "function"))
        case ast.ImportFrom():
            origin = _origin(module, node)
            for alias in node.names:
                if alias.name == "*":
                    module.stars.append(origin)
                elif not isinstance(module.names.get(alias.asname or alias.name), Definition):
                    module.names[alias.asname or alias.name] = Imported(origin, alias.name)
        case ast.Import():
            for alias in node.names:
                module.names.setdefault(
                    alias.asname or alias.name.partition(".")[0], Imported(alias.name, "")
                )
        case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
            module.exports = _strings(value)
            module.partly = not _literal(value)
        case (
            ast.AugAssign(target=ast.Name(id="__all__"), value=value)
            | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
        ):
            module.exports = (module.exports or []) + _strings(value)
            module.partly |= not _literal(value)
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)):
            module.names.setdefault(name, Imported(module.name, other))
        case ast.Expr(
            value=ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called)) as call
        ) if called in _NEWDOC:
            module.newdocs += _newdocs(call)


def _definition(
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, kind: str
) -> Definition:
    if isinstance(node, ast.ClassDef):
        found = Definition(
            "class", _doc(node), bases=[base for base in map(_dotted, node.bases) if base]
        )
        for part in _flat(node.body):
            _member(found, part)
        first = found.members.get("__init__") or found.members.get("__new__")
        found.signature = (
            f"{node.name}{first.signature[first.signature.find('(') :]}"
            if first and "(" in first.signature
            else node.name
        )
        return found
    marks = {
        _dotted(mark.func if isinstance(mark, ast.Call) else mark).rpartition(".")[2]
        for mark in node.decorator_list
    }
    if "overload" in marks:
        return Definition("overload")
    if kind == "method" and (
        any("property" in mark for mark in marks) or marks & {"cache_readonly", "setter", "getter"}
    ):
        return Definition("property", _doc(node), node.name)
    return Definition(
        kind, _doc(node), _signature(node, kind == "method" and "staticmethod" not in marks)
    )


def _member(found: Definition, node: ast.stmt) -> None:
    """Notes what one statement of a class's body gives it."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            if not node.name.startswith("_") or node.name in ("__init__", "__new__", "__call__"):
                _keep(found.members, node.name, _definition(node, "method"))
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=other)) if (
            not name.startswith("_")
        ):
            found.aliases[name] = other
        case ast.Assign(
            targets=[ast.Name(id=name)],
            value=ast.Call(args=[ast.Constant(value=str(said)), ast.Name(id=other)]),
        ) if said == name:
            found.parts[name] = other


def _keep(names: dict[str, Kept], name: str, found: Definition) -> None:
    """Keeps the definition of a name that says most: setters, overloads and fallbacks define it
    again, mostly with less.
    """
    old = names.get(name)
    if found.kind == "overload" and old is not None:
        return
    if not isinstance(old, Definition) or len(found.doc) >= len(old.doc):
        names[name] = found


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, bound: bool) -> str:
    """Returns ``name(arguments) -> result`` on one line, without ``self``; annotations go when it
    gets too long.
    """
    arguments = node.args
    positional = arguments.posonlyargs or arguments.args
    if bound and positional and positional[0].arg in ("self", "cls", "mcs", "mcls"):
        del positional[0]
    head = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    try:
        text = f"{head}{node.name}({ast.unparse(arguments)})"
        result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    except (ValueError, RecursionError):
        return f"{head}{node.name}(...)"
    if len(text) + len(result) > _LONGEST_SIGNATURE:
        names = [
            arg.arg for arg in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        ]
        return f"{head}{node.name}({', '.join(names)[:_LONGEST_SIGNATURE]})"
    return text + result


def _doc(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    match node.body[:1]:
        case [ast.Expr(value=ast.Constant(value=str(text)))]:
            return inspect.cleandoc(text) if "\n" in text else text.strip()
    return ""


def _origin(module: Module, node: ast.ImportFrom) -> str:
    """Returns the full name of the module that an import takes names from."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + (1 if module.package else 0)]
    return ".".join([*parts, node.module] if node.module else parts)


def _dotted(node: ast.expr) -> str:
    """Returns a dotted name as it is written, or "" for anything else; of ``Generic[T]`` the
    ``Generic``.
    """
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return _dotted(node.value) if isinstance(node, ast.Subscript) else ""


def _strings(node: ast.expr) -> list[str]:
    """Returns the strings that an expression lists, wherever they stand in it."""
    return [
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


def _literal(node: ast.expr) -> bool:
    """Tells whether an expression is a plain list of strings."""
    return isinstance(node, ast.List | ast.Tuple) and all(
        isinstance(part, ast.Constant) for part in node.elts
    )


def _newdocs(call: ast.Call) -> list[tuple[str, str, str]]:
    """Returns the docstrings of a call as ``add_newdoc("numpy", "ndarray", ("sort", "..."))``."""
    match call.args[:3]:
        case [ast.Constant(value=str(place)), ast.Constant(value=str(name)), value]:
            match value:
                case ast.Constant(value=str(doc)):
                    return [(place, name, inspect.cleandoc(doc))]
                case ast.Tuple():
                    pairs: list[ast.expr] = [value]
                case ast.List():
                    pairs = [pair for pair in value.elts if isinstance(pair, ast.Tuple)]
                case _:
                    return []
            texts = [text for pair in pairs if len(text := _strings(pair)) == 2]
            return [(place, f"{name}.{what}", inspect.cleandoc(doc)) for what, doc in texts]
        case [ast.Attribute() as target, ast.Constant(value=str(doc))]:
            place, _, name = _dotted(target).rpartition(".")
            return [(place, name, inspect.cleandoc(doc))]
    return []
