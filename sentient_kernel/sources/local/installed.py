"""Finds the distributions that are installed in an environment, and what would tell that one of
them has changed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sentient_kernel.sources.parser.python.naming import LEFT_OUT

_REMOTE = (
    "site-packages",
    "dist-packages",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "ensurepip",
    "pydoc_data",
    "encodings",
    "config-",
)
_FIELD = re.compile(r"^(Name|Version):(.*)$", re.MULTILINE)
_BUILT_ELSEWHERE = frozenset({"conda", "debian", "rpm"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """An installed distribution.

    Args:
        name: As it calls itself.
        version: Its version.
        stamp: Differs whenever what is installed differs.
        request: Where its files are, for the child that reads them.
        own: Whether it is not one that everybody may have: it is installed from a folder or a file,
            or from an address that is private.
    """

    name: str
    version: str
    stamp: str
    request: dict[str, Any]
    own: bool = False


def normal(name: str) -> str:
    """Returns a distribution's name as names are compared (PEP 503).

    Example:
        >>> normal("Typing_Extensions")
        'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(paths: Iterable[str]) -> list[Distribution]:
    """Returns the distributions on a path, by name; what stands earlier on the path hides what
    stands later.

    Args:
        paths: Folders, as in ``sys.path``.
    """
    found: dict[str, Distribution] = {}
    for path in dict.fromkeys(paths):
        try:
            names = sorted(os.listdir(path or "."))
        except OSError:
            continue  # a zip, or a folder that is gone: imports pass over it as well
        for name in names:
            place = Path(path or ".") / name
            if name.endswith(".dist-info") or (name.endswith(".egg-info") and place.is_dir()):
                one = _distribution(place)
                if one:
                    found.setdefault(normal(one.name), one)
    return [found[name] for name in sorted(found)]


def standard_library() -> Distribution:
    """Returns Python itself: the modules of its standard library and the chapters of its language
    reference.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    files = [
        path
        for path in _python_files(folder, "")
        if path.split("/")[0].removesuffix(".py") in sys.stdlib_module_names
    ]
    version = platform.python_version()
    topics = folder / "pydoc_data" / "topics.py"
    request = {
        "metadata": "",
        "record": "",
        "roots": [[str(folder), files]],
        "licence": "PSF-2.0",
        "topics": str(topics) if topics.exists() else "",
        "summary": "The standard library and the reference of the Python language.",
        "exported": True,  # what is public in the standard library is meant for everybody
    }
    return Distribution(
        name="python", version=version, stamp=f"{version}-{len(files)}", request=request
    )


def _distribution(place: Path) -> Distribution | None:
    """Returns the distribution that a folder of metadata describes, or None when it describes
    none.
    """
    metadata = place / ("METADATA" if place.suffix == ".dist-info" else "PKG-INFO")
    name, version = _name(metadata)
    if not name:
        return None
    record = place / "RECORD"
    roots: list[list[Any]]
    mark = _mark(record if record.exists() else metadata)
    if sources := list(_editable(place)):
        roots = [[str(folder), files] for folder, files in sources]
        mark += _marks(roots)
    elif record.exists():
        roots = [[str(place.parent), None]]
    else:
        tops = _read(place / "top_level.txt").split() or [name.replace("-", "_")]
        roots = [[str(place.parent), [file for top in tops for file in _below(place.parent, top)]]]
    own = bool(sources) or _is_own(place)
    request = {
        "metadata": str(metadata),
        "record": str(record),
        "roots": roots,
        "licence": "",
        "topics": "",
    }
    return Distribution(
        name=name,
        version=version,
        stamp=f"{version}-{mark}{'-own' * own}",
        request=request,
        own=own,
    )


def _is_own(place: Path) -> bool:
    """Tells where a distribution came from (PEP 610): one of an index, or of a public address, is
    not a person's own.

    Which index that was is written nowhere. What conda or a system brings names the folder that it
    was built in, elsewhere.
    """
    from sentient_kernel.errors import Blocked
    from sentient_kernel.transport import Rules, check_url

    if place.suffix == ".egg-info" and place.parent.name not in ("site-packages", "dist-packages"):
        return True  # it lies in its project's folder
    if (
        not (origin := _read(place / "direct_url.json"))
        or _read(place / "INSTALLER").strip() in _BUILT_ELSEWHERE
    ):
        return False
    try:
        url = str(json.loads(origin)["url"])
        check_url(url, Rules())
    except (Blocked, ValueError, KeyError, TypeError):
        return True
    return False


def _name(metadata: Path) -> tuple[str, str]:
    """Returns name and version out of the head of a METADATA file."""
    head = _read(metadata).partition("\n\n")[0]
    known = {field: value.strip() for field, value in _FIELD.findall(head)}
    return known.get("Name", ""), known.get("Version", "0")


def _editable(place: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yields where the files of an editable installation are: (folder, paths below it)."""
    try:
        origin = json.loads(_read(place / "direct_url.json") or "{}")
        editable = bool(origin.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError):
        return
    if not editable:
        return
    project = Path(unquote(urlsplit(str(origin.get("url", ""))).path))
    name = normal(_name(place / "METADATA")[0])
    for line in _read(place / "RECORD").splitlines():
        file = place.parent / line.split(",", 1)[0]
        if file.suffix == ".pth":
            for target in map(str.strip, _read(file).splitlines()):
                folder = place.parent / target
                if target and not target.startswith(("import ", "#")) and folder.is_dir():
                    yield folder, _packages(folder, name)
        elif file.name.startswith("__editable__") and file.suffix == ".py":
            for top, target in _mapping(file).items():
                path = Path(target)
                named = path.name == top.split(".")[0]
                yield path.parent, list(_below(path.parent, path.name)) if named else []
    if not place.joinpath("RECORD").exists() and project.is_dir():
        yield project, _packages(project, name)


def _packages(folder: Path, name: str) -> list[str]:
    """Returns the Python files of the packages in a folder: of the one that is named like its
    distribution, else of all.
    """
    packages = sorted(entry.parent.name for entry in folder.glob("*/__init__.py"))
    tops = [top for top in packages if top not in LEFT_OUT]
    own = [top for top in tops if normal(top) == name] or tops
    single = f"{name.replace('-', '_')}.py"
    found = [file for top in own for file in _below(folder, top)]
    return [*found, single] if (folder / single).is_file() else found


def _mapping(finder: Path) -> dict[str, str]:
    """Returns the packages that the finder of an editable installation leads to: a dict that stands
    in its source.
    """
    with suppress(SyntaxError, ValueError):
        for node in ast.parse(_read(finder)).body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id="MAPPING")], value=ast.Dict() as value)
                    | ast.AnnAssign(target=ast.Name(id="MAPPING"), value=ast.Dict() as value)
                ):
                    return {str(key): str(path) for key, path in ast.literal_eval(value).items()}
    return {}


def _below(folder: Path, top: str) -> Iterator[str]:
    """Yields the Python files of one module or package of a folder."""
    if (folder / f"{top}.py").is_file():
        yield f"{top}.py"
    yield from _python_files(folder, top)


def _python_files(folder: Path, top: str) -> Iterator[str]:
    for here, folders, files in os.walk(folder / top):
        folders[:] = sorted(
            name
            for name in folders
            if name.isidentifier() and name not in LEFT_OUT and not name.startswith(_REMOTE)
        )
        for file in sorted(files):
            if file.endswith((".py", ".pyi")):
                yield (Path(here) / file).relative_to(folder).as_posix()


def _mark(file: Path) -> str:
    with suppress(OSError):
        status = file.stat()
        return f"{status.st_mtime_ns:x}-{status.st_size:x}"
    return ""


def _marks(roots: list[list[Any]]) -> str:
    """Returns one short mark for the state of many files."""
    marks = "".join(
        f"{file}:{_mark(Path(folder) / file)}\n" for folder, files in roots for file in files
    )
    return f"-{hashlib.sha256(marks.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def _read(file: Path) -> str:
    with suppress(OSError):
        return file.read_text("utf-8", "replace")
    return ""
