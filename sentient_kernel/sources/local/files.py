"""Walks a folder and opens its files without ever leaving it.

Nothing is followed below the root: no link, no device, no pipe. On systems that can, each part of a
path is opened relative to the one before it with ``O_NOFOLLOW``, so that a link that is put in
place between the look and the open leads nowhere.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path, PureWindowsPath

from sentient_kernel.errors import ParseError, SourceError

LEFT_OUT = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
"""Folders that are left out, besides hidden ones (whose names begin with a dot)."""

_STEPWISE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_FOLDER = (
    os.O_RDONLY
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
_FILE = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of a folder, or what stands in its place and why it is not read.

    Args:
        relative: Its path below the root, with slashes; shown, so never with a byte that is no
            character.
        mark: What changes when the file does: time, size and identity. Empty when it is refused.
        size: Bytes.
        refused: Why it is not read, completing "NAME ...".
    """

    relative: str
    mark: str = ""
    size: int = 0
    refused: str = ""


def walk(root: Path, *, most: int = 50_000) -> Iterator[FoundFile]:
    """Yields the files below a folder in a fixed order: names sorted, files of a folder before its
    folders.

    Args:
        root: The folder, resolved.
        most: How many files are looked at; what comes after is refused as a whole.

    Raises:
        SourceError: The root itself cannot be listed.
    """
    count = 0
    folders = [""]
    while folders:
        here = folders.pop()
        try:
            with os.scandir(root / here) as listing:
                entries = sorted(listing, key=attrgetter("name"))
        except OSError as error:
            if not here:
                raise SourceError(f"{str(root)!r} cannot be listed: {_plain(error)}.") from None
            yield FoundFile(here, refused=f"cannot be listed: {_plain(error)}")
            continue
        below: list[str] = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name in LEFT_OUT:
                continue
            path = f"{here}/{entry.name}" if here else entry.name
            found = _looked_at(root, path, entry)
            if found is None:
                below += [path] if entry.is_dir(follow_symlinks=False) else []
                continue
            count += 1
            if count > most:
                why = f"is left out from here on: the folder holds more than {most:,} files"
                yield FoundFile(here or ".", refused=why)
                return
            yield found
        folders += reversed(below)


def _looked_at(root: Path, path: str, entry: os.DirEntry[str]) -> FoundFile | None:
    """Returns the file that a name stands for; None for a folder, and for a link that stays inside,
    since what it leads to is found by itself.
    """
    try:
        path.encode()
        if entry.is_dir(follow_symlinks=False):
            return None
        if entry.is_symlink():
            inside = Path(entry.path).resolve(strict=True).is_relative_to(root)
            out = FoundFile(path, refused="is a link that leads out of the folder")
            return None if inside else out
        status = entry.stat(follow_symlinks=False)
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        return FoundFile(shown, refused="has a name that is not valid UTF-8; rename it")
    except (OSError, RuntimeError) as error:
        link = entry.is_symlink()
        why = "is a link that leads nowhere" if link else f"cannot be looked at: {_plain(error)}"
        return FoundFile(path, refused=why)
    if not stat.S_ISREG(status.st_mode):
        return FoundFile(path, refused="is not a file but a pipe, a socket or a device")
    return FoundFile(path, mark_of(status), status.st_size)


def mark_of(status: os.stat_result) -> str:
    """Returns what changes when a file does."""
    return f"{status.st_mtime_ns:x}-{status.st_size:x}-{status.st_ino:x}"


def open_inside(root: Path, relative: str) -> int:
    """Opens a file below a folder for reading and returns its descriptor.

    Args:
        root: The folder, resolved.
        relative: The file's path below it, with slashes.

    Raises:
        SourceError: The path is absolute, climbs, names a drive or a home, goes over a link, or
            does not end at a plain file.
    """
    parts = relative.split("/")
    windows = PureWindowsPath(relative)
    foreign = os.name == "nt" and (
        windows.drive or windows.root or "\\" in relative or ":" in relative
    )
    if {"", ".", ".."} & set(parts) or "\0" in relative or foreign:
        raise SourceError(f"{relative!r} is not a path below the folder.")
    try:
        file = _stepwise(root, parts) if _STEPWISE else _checked(root, parts)
    except (OSError, ValueError) as error:
        raise SourceError(f"{relative!r} cannot be opened: {_plain(error)}.") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise SourceError(f"{relative!r} is not a plain file.")
    return file


def _stepwise(root: Path, parts: list[str]) -> int:
    """Opens part by part, each relative to the one before it, over no link."""
    here = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        return os.open(parts[-1], _FILE, dir_fd=here)
    finally:
        os.close(here)


def _checked(root: Path, parts: list[str]) -> int:
    """Opens a path after resolving it, where folders cannot be opened one by one."""
    path = root.joinpath(*parts)
    if path.resolve(strict=True) != path or not path.is_relative_to(root):
        raise ValueError("it goes over a link")
    return os.open(path, _FILE)


def pieces(
    file: int, most: int, take: Callable[[bytes], object] = bool, *, size: int = 1 << 18
) -> Iterator[bytes]:
    """Yields the bytes of an open file in pieces.

    Args:
        file: Its descriptor.
        most: How many bytes it may have, whatever it said before.
        take: Is given each piece, too.
        size: Of a piece.

    Raises:
        ParseError: It has more.
        SourceError: The disk says no.
    """
    total = 0
    try:
        while piece := os.read(file, size):
            total += len(piece)
            if total > most:
                raise ParseError(f"It {too_long(total, most)}.")
            take(piece)
            yield piece
    except OSError as error:
        raise SourceError(f"It cannot be read: {error.strerror}.") from None


def too_long(size: int, most: int) -> str:
    """Says that a file is too long, completing "NAME ..."."""
    return (
        f"has {size / 1e6:,.0f} MB, more than the {most / 1e6:,.0f} MB that are read from one file"
    )


def _plain(error: Exception) -> str:
    """Returns what the system says, without numbers and paths."""
    said = str(getattr(error, "strerror", None) or error)
    return said[:1].lower() + said[1:]
