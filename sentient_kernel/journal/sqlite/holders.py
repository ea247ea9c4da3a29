"""Tells whether the process that holds a lease is still alive, by a lock on a file.

Each open journal that takes leases holds a lock on a small file of its own name. The system drops
the lock when the process ends, however it ends, so a crash is noticed at once. A process that is
merely frozen keeps its lock; it loses its leases when their time to live has passed. POSIX locks do
not hold against the process that has them, and closing *any* handle on the file drops them: the
names of this process's own holders are kept in memory, and their files are never opened a second
time.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
from pathlib import Path

from sentient_kernel.files.regular import is_folder, make_folder, open_regular

_NAME = re.compile(r"[0-9A-Za-z-]{1,40}\.[0-9]{1,20}\.[0-9a-f]{12}", re.ASCII)
_OURS: set[str] = set()
_GUARD = threading.Lock()

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int) -> bool:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


def _forked() -> None:
    """What the parent process holds, its child does not."""
    global _GUARD
    _OURS.clear()
    _GUARD = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def machine() -> str:
    """Returns the name of this machine as it stands in the names of holders."""
    return re.sub(r"[^0-9A-Za-z]", "-", socket.gethostname())[:40] or "-"


def is_name(value: object) -> bool:
    """Tells whether something is the name of a holder, and so may be the name of a file.

    Example:
        >>> is_name("here.42.0123456789ab"), is_name("../../thesis")
        (True, False)
    """
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


class Holder:
    """The lock of one open journal.

    Args:
        folder: Where the locks of a home are.
    """

    def __init__(self, folder: Path) -> None:
        self.name = f"{machine()}.{os.getpid()}.{os.urandom(6).hex()}"
        self._path = folder / f"{self.name}.lock"
        make_folder(folder)
        with _GUARD:
            # under its own name only when locked: a sweep would take it for a dead one's
            unlocked = self._path.with_suffix(".new")
            self._fd = os.open(
                unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600
            )
            os.write(self._fd, b"\n")
            _lock(self._fd)
            unlocked.rename(self._path)
            _OURS.add(self.name)

    def close(self) -> None:
        """Lets go of the lock and removes the file."""
        with _GUARD:
            _OURS.discard(self.name)
            os.close(self._fd)
            self._path.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Closes the handle in a forked child, where it means nothing; the parent's lock stays."""
        os.close(self._fd)


def is_alive(name: str, folder: Path, *, fresh: bool) -> bool:
    """Tells whether a holder can still be at work; changes nothing.

    Args:
        name: The holder; what is not the name of one does not live.
        folder: Where the locks of its home are.
        fresh: Whether it prolonged its lease within the lease's time to live.

    Returns:
        Whether its lease is fresh and, for one on this machine, its lock is held. The locks of
        other machines cannot be seen from here.
    """
    if not fresh or not is_name(name):
        return False
    if name.partition(".")[0] != machine():
        return True
    with _GUARD:
        ours = name in _OURS
    return ours or (is_folder(folder) and _locked(folder / f"{name}.lock"))


def sweep(folder: Path) -> None:
    """Removes the locks that crashed processes of this machine left behind."""
    for entry in os.listdir(folder):
        name = entry.removesuffix(".lock")
        with _GUARD:
            ours = name in _OURS
        if (
            entry.endswith(".lock")
            and is_name(name)
            and name.partition(".")[0] == machine()
            and not ours
        ):
            _locked(folder / entry, remove=True)


def _locked(path: Path, *, remove: bool = False) -> bool:
    """Tells whether another process holds a lock; may remove the file when none does."""
    try:
        fd = open_regular(path, os.O_RDWR)
    except OSError:
        return False
    try:
        if not _lock(fd):
            return True
        if remove and sys.platform != "win32":  # there a file that is open stays
            path.unlink(missing_ok=True)
        return False
    finally:
        os.close(fd)
