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
from .modules import Module, read_module
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
        ``text``, ``kind`` and ``exported``.
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
    documents += writer.newdocs()
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
                parent = self._small.setdefault(item.public.rpartition(".")[0], [])
                self._single(item, parent)
        for name in self._names.public:
            module = self._names.module(name)
            small = self._small.get(name, [])
            if module and (len(module.doc) >= _SHORTEST or small):
                text = _joined(described(name, "", module.doc), small)
                exported = module.package or "." not in name
                self._add(self._paths[name], name, text, "module", exported)
        return list(self._taken.values())

    def newdocs(self) -> list[dict[str, Any]]:
        """Returns the documents of things written in C whose docstrings stand in a module of their
        own.
        """
        found: dict[str, dict[str, Any]] = {}
        for name in sorted(self._paths):
            if not re.search(r"_add_newdocs?|_docs$", name):
                continue
            module = self._names.module(name)
            for place, what, doc in module.newdocs if module else ():
                first = what.partition(".")[0]
                here = place in self._paths and "._" not in place
                here = here and first in self._names.exported_names(place)
                shown = place if here else place.partition(".")[0]
                if len(doc) >= _SHORTEST and first in self._names.exported_names(shown):
                    title = f"{shown}.{what}"
                    text = described(short_name(title), "", doc)
                    at = f"{self._paths[name]}#{what}"
                    found.setdefault(title, _document(at, title, text, "function"))
        return list(found.values())

    def _class(self, item: NamedDefinition, public: set[tuple[str, str]]) -> None:
        """Makes the document of a class, and one for each of its methods that has much to say."""
        small: list[str] = []
        for module, qualname, name, member in self._names.members(item, public):
            public_name = f"{item.public}.{name}"
            one = NamedDefinition(module, qualname, public_name, member, item.exported)
            self._single(one, small)
        definition = item.definition
        start = definition.members.get("__init__")
        doc = _joined(definition.doc, [start.doc] if start else [])
        aliases = [
            f"{name} is another name of {other}."
            for name, other in definition.aliases.items()
            if other in definition.members
        ]
        if len(definition.signature) + len(doc) >= _SHORTEST or aliases or small:
            name = short_name(item.public)
            head = f"class {_called(name, definition.signature) or name}"
            text = _joined(described(name, head, doc), [*aliases, *small])
            place = f"{self._paths[item.module]}#{item.qualname}"
            self._add(place, item.public, text, "class", item.exported)

    def _single(self, item: NamedDefinition, small: list[str]) -> None:
        """Makes the document of a function or method, or adds to what its class or module says of
        small ones. What is known already, since another class inherits it, is passed over.
        """
        definition = item.definition
        place = f"{self._paths[item.module]}#{item.qualname}"
        if len(definition.doc) < _SHORTEST or place in self._taken:
            return
        name = short_name(item.public)
        call = _called(name, definition.signature)
        if len(definition.doc) >= _OWN_DOCUMENT:
            text = described(name, call, definition.doc)
            self._add(place, item.public, text, definition.kind, item.exported)
            return
        call = call.removeprefix("async ").partition(" -> ")[0]
        shown = call if len(call) <= _LONGEST_CALL else f"{name}()"
        small.append(described(shown or name, "", definition.doc))

    def _add(self, place: str, title: str, text: str, kind: str, exported: bool) -> None:
        self._taken.setdefault(place, _document(place, title, text, kind, exported))


def _prominence(item: NamedDefinition) -> tuple[bool, int, str]:
    """Sorts big exported classes first: what several classes inherit is best known under the name
    of the biggest.
    """
    return not item.exported, -len(item.definition.members), item.public


def _document(
    place: str, title: str, text: str, kind: str, exported: bool = True
) -> dict[str, Any]:
    text = clean(text).strip()
    return {"place": place, "title": title, "text": text, "kind": kind, "exported": exported}


def _called(name: str, signature: str) -> str:
    """Returns a signature with the full name in place of the bare one; "" for what is not called
    and so says no more than its name.
    """
    head, mark, rest = signature.partition("(")
    start = "async " if head.startswith("async ") else ""
    return f"{start}{name}({rest}" if mark else ""


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
        return request["licence"], [_document("README", request["name"], text, "readme")]
    try:
        with open(request["metadata"], "rb") as file:
            message = message_from_bytes(file.read(_LONGEST_SOURCE))
    except OSError as error:
        raise Unreadable(f"has no readable METADATA ({error.strerror})") from None
    body = message.get_payload(decode=True)
    description = body.decode("utf-8", "replace") if isinstance(body, bytes) else ""
    if not description.strip():  # as old metadata have it
        lines = str(message.get("Description", "")).splitlines()
        description = "\n".join(line.removeprefix(" " * 8) for line in lines)
    description = _undecorated(description)
    if "rst" in str(message.get("Description-Content-Type", "")):
        description = render(description)
    summary = one_line(str(message.get("Summary", "")), 400)
    text = f"{request['name']} {request['version']}: {summary}\n\n{description}"
    marks = [
        str(mark).rpartition(":: ")[2]
        for mark in message.get_all("Classifier", [])
        if str(mark).startswith("License ::")
    ]
    said = one_line(str(message.get("License-Expression") or message.get("License") or ""), 60)
    # there is always this one document: it says that the distribution was read
    text = text.strip().ljust(_SHORTEST, ".")
    return said or ", ".join(marks), [_document("README", request["name"], text, "readme")]


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
    dicts = [node for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    for key, value in [pair for one in dicts for pair in zip(one.keys, one.values, strict=True)]:
        match key, value:
            case ast.Constant(value=str(topic)), ast.Constant(value=str(text)):
                said = one_line(text.lstrip("\n").split("\n", 1)[0].strip(' "*')) or topic
                title = f"Python language reference: {said}"
                yield _document(f"{place}#{topic}", title, render(text), "reference")
