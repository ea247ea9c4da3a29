"""Reads the documentation of one installed distribution: its README text and the docstrings of what
it offers.
"""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from email import message_from_bytes
from typing import Any

from sentient_kernel.sources.parser.common import Unreadable, clean, one_line

from .docstrings import described, render, short_name
from .modules import Definition, Module, read_module
from .naming import NamedDefinition, Names, left_out

_SHORTEST = 40
_OWN_DOCUMENT = 200
_LONGEST_SOURCE = 4 << 20
_LONGEST_CALL = 60
_DECORATION = re.compile(
    r"^[ \t]*(?:\[?!\[|<(?!https?:)[^>\n]{0,400}>[ \t]*$|\.\. (?:image|\|[^|\n]{1,80}\|"
    r" image)|:(?:target|alt|align|width|height):)"
)


def read_distribution(request: dict[str, Any]) -> dict[str, Any]:
    """Returns the documents of a distribution.

    Args:
        request: ``name``, ``version``, ``metadata`` (the path of its METADATA file, or ""),
            ``roots`` (folders, each with the paths of the Python files below it, or None for those
            that ``record``, the list of what was installed, names), ``topics`` (the path of a
            module whose dict of texts is read too).

    Returns:
        ``licence`` and ``documents``: each with ``place`` (file and qualified name), ``title``,
        ``text``, ``kind``, ``exported`` and ``also``.
    """
    gc.disable()  # syntax trees hold no circles, and looking for some takes a quarter of the time
    licence, documents = _readme(request)
    files: dict[str, tuple[str, str, bool]] = {}
    for folder, paths in request["roots"]:
        for name, (path, package) in _modules(
            _recorded(request["record"]) if paths is None else paths
        ).items():
            files.setdefault(name, (folder, path, package))

    def load(name: str) -> Module:
        folder, path, package = files[name]
        try:
            with open(os.path.join(folder, path), "rb") as file:
                source = file.read(_LONGEST_SOURCE + 1)
        except OSError:
            return Module(name, package)
        return read_module(source if len(source) <= _LONGEST_SOURCE else b"", name, package)

    names = Names(files, load)
    writer = _Writer(names, {name: path for name, (_, path, _) in files.items()})
    documents += writer.documents()
    documents += writer.newdocs(names)
    if request.get("topics"):
        documents += _topics(request["topics"], "pydoc_data/topics.py")
    return {
        "licence": licence,
        "documents": [one for one in documents if len(one["text"]) >= _SHORTEST],
    }


class _Writer:
    """Makes documents of public things: one each where there is enough to say, the short ones
    together in their class or module.
    """

    def __init__(self, names: Names, paths: dict[str, str]) -> None:
        self._names = names
        self._paths = paths
        self._small: dict[str, list[str]] = {}
        self._taken: dict[str, dict[str, Any]] = {}

    def documents(self) -> list[dict[str, Any]]:
        """Returns the documents of classes, functions and modules."""
        items = sorted(self._names.all(), key=_prominence)
        public = {(item.module, item.qualname) for item in items if item.definition.kind == "class"}
        for item in items:
            if item.definition.kind == "class":
                self._class(item, public)
            else:
                self._single(
                    item.module,
                    item.qualname,
                    item.public,
                    item.definition,
                    item,
                    item.public.rpartition(".")[0],
                )
        for name in self._names.public:
            module = self._names.module(name)
            doc = module.doc if module else ""
            small = self._small.pop(name, [])
            if module and (len(doc) >= _SHORTEST or small):
                text = _joined(described(name, "", doc), small)
                self._add(
                    self._paths[name], name, text, "module", module.package or "." not in name, []
                )
        return list(self._taken.values())

    def newdocs(self, names: Names) -> list[dict[str, Any]]:
        """Returns the documents of things written in C whose docstrings stand in a module of their
        own.
        """
        found: dict[str, dict[str, Any]] = {}
        for name in sorted(self._paths):
            if not re.search(r"_add_newdocs?|_docs$", name):
                continue
            module = names.module(name)
            for place, what, doc in module.newdocs if module else ():
                top = place.partition(".")[0]
                first = what.partition(".")[0]
                shown = (
                    place
                    if place in self._paths
                    and first in names.exported_names(place)
                    and "._" not in place
                    else top
                )
                if len(doc) >= _SHORTEST and first in names.exported_names(shown):
                    title = f"{shown}.{what}"
                    text = described(short_name(title), "", doc)
                    found.setdefault(
                        title,
                        _document(f"{self._paths[name]}#{what}", title, text, "function", True, []),
                    )
        return list(found.values())

    def _class(self, item: NamedDefinition, public: set[tuple[str, str]]) -> None:
        """Makes the document of a class, and one for each of its methods that has much to say."""
        small: list[str] = []
        for module, qualname, name, member in self._names.members(item, public):
            self._single(module, qualname, f"{item.public}.{name}", member, item, "", small)
        definition = item.definition
        start = definition.members.get("__init__")
        doc = "\n\n".join(text for text in (definition.doc, start.doc if start else "") if text)
        aliases = [
            f"{name} is another name of {other}."
            for name, other in definition.aliases.items()
            if other in definition.members
        ]
        if len(definition.signature) + len(doc) >= _SHORTEST or aliases or small:
            name = short_name(item.public)
            text = _joined(
                described(name, f"class {_called(name, definition.signature) or name}", doc),
                [*aliases, *small],
            )
            self._add(
                f"{self._paths[item.module]}#{item.qualname}",
                item.public,
                text,
                "class",
                item.exported,
                item.also,
            )

    def _single(
        self,
        module: str,
        qualname: str,
        public: str,
        definition: Definition,
        item: NamedDefinition,
        parent: str,
        small: list[str] | None = None,
    ) -> None:
        """Makes the document of a function or method, or keeps it for the document of its class or
        module.
        """
        if len(definition.doc) < _SHORTEST:
            return
        place = f"{self._paths[module]}#{qualname}"
        also = item.also if small is None else []
        if len(definition.doc) >= _OWN_DOCUMENT or place in self._taken:
            name = short_name(public)
            text = described(name, _called(name, definition.signature), definition.doc)
            self._add(place, public, text, definition.kind, item.exported, also)
        elif small is not None:
            small.append(_short(public, definition))
        else:
            self._small.setdefault(parent, []).append(_short(public, definition))

    def _add(
        self, place: str, public: str, text: str, kind: str, exported: bool, also: list[str]
    ) -> None:
        """Keeps a document; what is known already, since another class inherits it, only gets a
        further name.
        """
        if known := self._taken.get(place):
            if public != known["title"] and len(known["also"]) < 5:
                known["also"].append(public)
            return
        self._taken[place] = _document(place, public, text, kind, exported, also)


def _prominence(item: NamedDefinition) -> tuple[bool, int, str]:
    """Sorts big exported classes first: what several classes inherit is best known under the name
    of the biggest.
    """
    return not item.exported, -len(item.definition.members), item.public


def _document(
    place: str, title: str, text: str, kind: str, exported: bool, also: list[str]
) -> dict[str, Any]:
    return {
        "place": place,
        "title": title,
        "text": clean(text).strip(),
        "kind": kind,
        "exported": exported,
        "also": list(also),
    }


def _called(name: str, signature: str) -> str:
    """Returns a signature with the full name in place of the bare one; "" for what is not called
    and so says no more than its name.
    """
    head, mark, rest = signature.partition("(")
    start = "async " if head.startswith("async ") else ""
    return f"{start}{name}({rest}" if mark else ""


def _short(public: str, definition: Definition) -> str:
    """Returns what a class or module says of one of its own that has no document:
    ``Hive.harvest(frames): Takes ...``.
    """
    name = short_name(public)
    call = _called(name, definition.signature).removeprefix("async ").partition(" -> ")[0]
    shown = call if len(call) <= _LONGEST_CALL else f"{name}()"
    return described(shown or name, "", definition.doc)


def _joined(doc: str, small: list[str]) -> str:
    return "\n\n".join(text for text in (doc, *small) if text)


def _recorded(record: str) -> list[str]:
    """Returns the Python files that the list of what was installed names, those outside of its
    folder left out.
    """
    import csv

    try:
        with open(record, encoding="utf-8", errors="replace", newline="") as file:
            paths = [line[0] for line in csv.reader(file) if line]
    except OSError as error:
        raise Unreadable(f"has no readable list of its files ({error.strerror})") from None
    return [
        path
        for path in paths
        if path.endswith((".py", ".pyi")) and not path.startswith(("..", "/"))
    ]


def _modules(files: list[str]) -> dict[str, tuple[str, bool]]:
    """Returns the modules among the files of a distribution: name to (path, is a package).

    A stub (``.pyi``) stands for a module that is compiled. A folder is a package only when its
    parent is one too, or stands at
    the top: what lies deeper without an ``__init__`` is data.
    """
    have = set(files)
    found: dict[str, tuple[str, bool]] = {}
    for path in sorted(files, key=lambda path: path.endswith(".pyi")):
        parts = path.rsplit(".", 1)[0].split("/")
        package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if package else parts)
        if (
            not name
            or name in found
            or not all(part.isidentifier() for part in parts)
            or left_out(name)
        ):
            continue
        folders = ["/".join(parts[:depth]) for depth in range(2, len(parts))]
        if all(
            f"{folder}/__init__.py" in have or f"{folder}/__init__.pyi" in have
            for folder in folders
        ):
            found[name] = (path, package)
    return found


def _readme(request: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Returns the licence of a distribution, and its description as a document."""
    if not request["metadata"]:
        text = f"{request['name']} {request['version']}: {request['summary']}"
        return request["licence"], [_document("README", request["name"], text, "readme", True, [])]
    try:
        with open(request["metadata"], "rb") as file:
            message = message_from_bytes(file.read(_LONGEST_SOURCE))
    except OSError as error:
        raise Unreadable(f"has no readable METADATA ({error.strerror})") from None
    body = message.get_payload(decode=True) or b""
    description = body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
    if not description.strip():
        description = "\n".join(
            line[8:] if line.startswith(" " * 8) else line
            for line in str(message.get("Description", "")).splitlines()
        )
    summary = one_line(str(message.get("Summary", "")), 400)
    description = _undecorated(description)
    if "rst" in str(message.get("Description-Content-Type", "")):
        description = render(description)
    text = f"{request['name']} {request['version']}: {summary}\n\n{description}"
    licence = one_line(str(message.get("License-Expression") or message.get("License") or ""), 60)
    if not licence:
        marks = [
            str(mark).rpartition(":: ")[2]
            for mark in message.get_all("Classifier", [])
            if str(mark).startswith("License ::")
        ]
        licence = ", ".join(marks)
    # there is always this one document: it says that the distribution was read
    text = text.strip().ljust(_SHORTEST, ".")
    return licence, [_document("README", request["name"], text, "readme", True, [])]


def _undecorated(text: str) -> str:
    """Returns a README without the lines that only show badges and pictures."""
    return "\n".join(
        line for line in clean(text).split("\n") if not _DECORATION.match(line[:1_000])
    )


def _topics(path: str, place: str) -> Iterator[dict[str, Any]]:
    """Yields the chapters of the language reference that come with Python: a dict of texts in one
    module.
    """
    import ast

    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read(_LONGEST_SOURCE))
    except (OSError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                match key, value:
                    case ast.Constant(value=str(topic)), ast.Constant(value=str(text)):
                        title = one_line(text.lstrip("\n").split("\n", 1)[0].strip(' "*')) or topic
                        yield _document(
                            f"{place}#{topic}",
                            f"Python language reference: {title}",
                            render(text),
                            "reference",
                            True,
                            [],
                        )
