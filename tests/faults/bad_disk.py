"""Disks that fail, fill up and lose power: SQLite VFSs that a journal is opened through."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import apsw

_NAMES = count()


class _File(apsw.VFSFile):
    """A file of the disk; every operation that changes it is asked for first and told of
    afterwards.
    """

    def __init__(self, disk: Disk, name: str | apsw.URIFilename, flags: list[int]) -> None:
        self._disk = disk
        self._name = Path(name.filename() if isinstance(name, apsw.URIFilename) else name).name
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._do("write", lambda: super(_File, self).xWrite(data, offset), offset, bytes(data))

    def xTruncate(self, size: int) -> None:
        self._do("truncate", lambda: super(_File, self).xTruncate(size), size, b"")

    def xSync(self, flags: int) -> None:
        self._do("sync", lambda: super(_File, self).xSync(flags), 0, b"")

    def _do(self, what: str, action: Callable[[], Any], at: int, data: bytes) -> None:
        with self._disk.lock:
            self._disk.before(what, self._name)
            action()
            self._disk.after(what, self._name, at, data)


class Disk:
    """A disk that works. Use ``name`` as the ``vfs`` of a journal; close it when no journal is open
    any more.
    """

    def __init__(self) -> None:
        self.name = f"disk-{next(_NAMES)}"
        self.lock = threading.Lock()
        disk = self

        class Vfs(apsw.VFS):
            def __init__(self) -> None:
                super().__init__(disk.name, "")

            def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
                assert name is not None
                return _File(disk, name, flags)

            def xDelete(self, filename: str, syncdir: bool) -> None:
                super().xDelete(filename, syncdir)
                disk.gone(Path(filename).name)

        self._vfs = Vfs()

    def before(self, what: str, name: str) -> None:
        """Is asked before each change; may raise."""

    def after(self, what: str, name: str, at: int, data: bytes) -> None:
        """Is told of each change."""

    def gone(self, name: str) -> None:
        """Is told of each file that was deleted."""

    def close(self) -> None:
        self._vfs.unregister()


class FailingDisk(Disk):
    """A disk whose n-th change fails, once, with one of the errors that disks have."""

    def __init__(self, fails: int, error: type[apsw.Error] = apsw.IOError) -> None:
        super().__init__()
        self.fails, self.error, self.changes = fails, error, 0

    def before(self, what: str, name: str) -> None:
        self.changes += 1
        if self.changes == self.fails:
            raise self.error(f"the {what} of {name} failed")


class FullDisk(Disk):
    """A disk that takes no more as long as it is ``full``."""

    full = False

    def before(self, what: str, name: str) -> None:
        if self.full and what == "write":
            raise apsw.FullError("no space")


class PoweredDisk(Disk):
    """A disk that knows what it would still hold if the power failed now: what was confirmed, and
    by chance some of what came since.
    """

    def __init__(self) -> None:
        super().__init__()
        self._safe: dict[str, bytearray] = {}
        self._since: dict[str, list[tuple[str, int, bytes]]] = {}

    def after(self, what: str, name: str, at: int, data: bytes) -> None:
        if what != "sync":
            self._since.setdefault(name, []).append((what, at, data))
            return
        image = self._safe.setdefault(name, bytearray())
        for change in self._since.pop(name, []):
            _apply(image, *change)

    def gone(self, name: str) -> None:
        self._safe.pop(name, None)
        self._since.pop(name, None)

    def power_failure(self, chance: random.Random) -> dict[str, bytes]:
        """Returns the files as they would be found. Changes that were not confirmed are there all,
        or none, or as chance has it.
        """
        keep = chance.choice([0.0, 1.0, chance.random()])
        with self.lock:
            images = {name: bytearray(image) for name, image in self._safe.items()}
            for name, changes in self._since.items():
                image = images.setdefault(name, bytearray())
                for change in changes:
                    if chance.random() < keep:
                        _apply(image, *change)
        return {name: bytes(image) for name, image in images.items()}


def _apply(image: bytearray, what: str, at: int, data: bytes) -> None:
    if what == "truncate":
        del image[at:]
        return
    if len(image) < at + len(data):
        image.extend(bytes(at + len(data) - len(image)))
    image[at : at + len(data)] = data
