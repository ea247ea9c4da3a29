"""Finds the name that people use for a thing: ``pandas.DataFrame.loc``, not the private class and
module it is defined in.

A thing is public when a package exports it, or when neither its own name nor a part of its module's
name is private. What a private base class gives to a public class carries the public class's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from .modules import Definition, Imported, Module

LEFT_OUT = frozenset(
    """tests test conftest vendor vendored extern externals third_party examples example
        benchmarks bench docs doc setup migrations locale fixtures templates _vendor _vendored
        _extern __main__""".split()
)
"""Parts of a module's name that say: not for those who use the package."""
_INTERNAL = frozenset("core internals internal impl compat backend implementation".split())
_DEEPEST = 30


@dataclass(slots=True)
class NamedDefinition:
    """A public thing: where it is defined, what people call it, and whether a package exports it on
    purpose.
    """

    module: str
    qualname: str
    public: str
    definition: Definition
    exported: bool


class Names:
    """The public names of one distribution.

    Args:
        modules: The names of all its modules, those left out aside.
        load: Reads a module; called once for each module that is needed.
    """

    def __init__(self, modules: Iterable[str], load: Callable[[str], Module]) -> None:
        self._known = set(modules)
        self._load = load
        self._read: dict[str, Module] = {}
        self._found: dict[tuple[str, str], tuple[str, str] | None] = {}
        public = sorted(filter(_is_public, self._known), key=lambda name: (name.count("."), name))
        self.public = [name for name in public if not _INTERNAL & set(name.split(".")[1:])]
        self._named = self._exported()
        if not self._named:  # its inner modules are all that it has
            self.public = public
            self._named = self._exported()

    def module(self, name: str) -> Module | None:
        """Returns a module of this distribution, read when first asked for."""
        if name not in self._known:
            return None
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def all(self) -> list[NamedDefinition]:
        """Returns everything public that is a class or a function, by name. Members of classes are
        asked for with :meth:`members`.
        """
        named = dict(self._named)
        for name in self.public:
            module = self.module(name)
            for own, value in module.names.items() if module else ():
                if isinstance(value, Definition) and not own.startswith("_"):
                    item = NamedDefinition(name, own, f"{name}.{own}", value, "." not in name)
                    named.setdefault((name, own), item)
        return sorted(named.values(), key=lambda item: (item.public.count("."), item.public))

    def members(
        self, item: NamedDefinition, public: set[tuple[str, str]]
    ) -> Iterator[tuple[str, str, str, Definition]]:
        """Yields what a class offers: (module, qualified name, name, definition), inherited from
        private bases too.

        Args:
            item: The class.
            public: (module, qualified name) of all public classes; what they define is theirs.
        """
        own = (item.module, item.qualname)
        seen: set[str] = set()
        for module, qualname, definition in self._line(*own, item.definition):
            foreign = (module, qualname) != own and (module, qualname) in public
            for name, member in definition.documented():
                if name not in seen and not foreign:
                    yield module, f"{qualname}.{name}", name, member
                seen.add(name)
            for name, other in definition.parts.items() if not foreign else ():
                part = self.find(module, other) if name not in seen else None
                for inner_module, inner_name, inner in self._line(*part) if part else ():
                    seen.add(name)
                    for method, member in inner.documented():
                        yield inner_module, f"{inner_name}.{method}", f"{name}.{method}", member

    def exported_names(self, package: str) -> set[str]:
        """Returns the names that a package offers, whether or not it can be seen where they come
        from.
        """
        module = self.module(package)
        return {*module.names, *(module.exports or ())} if module else set()

    def find(self, module: str, name: str) -> tuple[str, str, Definition] | None:
        """Follows a name of a module to where it is defined: (module, name, definition)."""
        place = self._resolve(module, name, 0)
        if place is None:
            return None
        read = self.module(place[0])
        value = read.names.get(place[1]) if read else None
        return (*place, value) if isinstance(value, Definition) else None

    def _exported(self) -> dict[tuple[str, str], NamedDefinition]:
        """Returns what packages export, and what modules list in ``__all__``, under the shortest
        name that leads to it.
        """
        named: dict[tuple[str, str], NamedDefinition] = {}
        for package in self.public:
            module = self.module(package)
            if module is None or not (module.package or module.exports is not None):
                continue
            for name in self._offered(module):
                found = None if name.startswith("_") else self.find(package, name)
                if found is not None:
                    item = NamedDefinition(*found[:2], f"{package}.{name}", found[2], True)
                    named.setdefault(found[:2], item)
        return named

    def _offered(self, module: Module) -> list[str]:
        """Returns the names that a module offers on purpose."""
        listed = [name for name in module.exports or () if name.isidentifier()]
        if not module.package or (module.exports is not None and not module.partly):
            return listed
        own = [
            name
            for name, value in module.names.items()
            if isinstance(value, Definition) or self._ours(value)
        ]
        for star in module.stars:
            if other := self.module(star):
                own += other.exports if other.exports is not None else list(other.names)
        return list(dict.fromkeys([*listed, *own]))

    def _ours(self, value: Imported) -> bool:
        return (
            value.module.partition(".")[0] in {name.partition(".")[0] for name in self.public}
            or value.module in self._known
        )

    def _resolve(self, module: str, name: str, depth: int) -> tuple[str, str] | None:
        key = (module, name)
        if key in self._found:
            return self._found[key]
        self._found[key] = None  # a circle of imports ends here
        read = self.module(module) if depth < _DEEPEST else None
        value = read.names.get(name) if read else None
        place: tuple[str, str] | None = None
        if isinstance(value, Definition):
            place = key
        elif isinstance(value, Imported) and value.name:
            place = self._resolve(value.module, value.name, depth + 1)
        elif value is None and read:
            place = next(
                (found for star in read.stars if (found := self._resolve(star, name, depth + 1))),
                None,
            )
        self._found[key] = place
        return place

    def _line(
        self, module: str, qualname: str, definition: Definition
    ) -> Iterator[tuple[str, str, Definition]]:
        """Yields a class and its bases, as far as they are of this distribution, nearest first."""
        waiting = [(module, qualname, definition)]
        seen: set[tuple[str, str]] = set()
        while waiting and len(seen) < 50:
            module, qualname, definition = waiting.pop(0)
            if (module, qualname) in seen:
                continue
            seen.add((module, qualname))
            yield module, qualname, definition
            bases = [self._base(module, base) for base in definition.bases]
            waiting = [base for base in bases if base and base[2].kind == "class"] + waiting

    def _base(self, module: str, base: str) -> tuple[str, str, Definition] | None:
        """Follows the name of a base, or ``indexing.IndexingMixin``: a name of a module that is
        imported under a name of this one.
        """
        first, _, rest = base.partition(".")
        if not rest:
            return self.find(module, base)
        read = self.module(module)
        value = read.names.get(first) if read else None
        if not isinstance(value, Imported) or "." in rest:
            return None
        return self.find(f"{value.module}.{value.name}" if value.name else value.module, rest)


def _is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def left_out(name: str) -> bool:
    """Tells whether a module is for testing or building its package, or a copy of somebody else's.

    Example:
        >>> left_out("pandas.tests.frame.test_api"), left_out("numpy.testing")
        (True, False)
    """
    parts = name.split(".")
    return any(
        part in LEFT_OUT or part.startswith("test_") or part.endswith("_test") for part in parts
    )
