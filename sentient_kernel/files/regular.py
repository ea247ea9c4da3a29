"""Opens files of a home folder: regular ones only, and never through a symbolic link.

A home may come from somebody else. What stands where a file of it belongs may then be a link to a
file elsewhere, which would be read, written over or removed, or a pipe, on which a reader waits for
ever. POSIX resolves links in every part of a path; the parts above the home are its owner's
business, so only the last part is looked at here.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_SAFE = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_regular(path: Path, flags: int, mode: int = 0o600) -> int:
    """Opens a regular file and returns its descriptor.

    Args:
        path: Where it is; its last part may not be a link.
        flags: As for :func:`os.open`.
        mode: Its permissions, where it is made.

    Raises:
        OSError: It cannot be opened, or is a link, a folder, a pipe or a device; to be written,
            also when it has another name elsewhere.
    """
    if os.name == "nt" and path.is_symlink():
        raise _not_regular(path)
    try:
        file = os.open(path, flags | _SAFE, mode)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_regular(path) from None
        raise
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or (
        found.st_nlink > 1 and flags & (os.O_WRONLY | os.O_RDWR)
    ):
        os.close(file)
        raise _not_regular(path)
    return file


def read_regular(path: Path, most: int) -> bytes:
    """Returns the bytes of a regular file.

    Args:
        path: Where it is.
        most: Bytes that it may have: a sparse file of a terabyte travels in a few bytes.

    Raises:
        OSError: As :func:`open_regular`, or it has more bytes.
    """
    with open(open_regular(path, os.O_RDONLY), "rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError(errno.EFBIG, f"It has more than {most:,} bytes", str(path))
        return file.read(most)


def make_folder(path: Path, *, parents: bool = False) -> None:
    """Makes a folder (0700) unless it is there.

    Args:
        path: Where; its last part may not be a link to a folder elsewhere.
        parents: Whether to make those above it too.

    Raises:
        OSError: It cannot be made, or something else stands there.
    """
    path.mkdir(mode=0o700, parents=parents, exist_ok=True)
    if not is_folder(path):
        raise NotADirectoryError(errno.ENOTDIR, "It is a link to another folder", str(path))


def is_folder(path: Path) -> bool:
    """Tells whether a folder itself, not a link to one, is at a place."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_absent_or_regular(path: Path) -> bool:
    """Tells whether nothing, or a regular file with no other name (a hard link), is at a place;
    also True where nobody can look.
    """
    try:
        found = os.lstat(path)
        return stat.S_ISREG(found.st_mode) and found.st_nlink < 2
    except (OSError, ValueError):
        return True


def _not_regular(path: Path) -> OSError:
    return OSError(
        errno.EINVAL,
        "It is not a regular file, but a link, a folder or a device, or has another name elsewhere",
        str(path),
    )
