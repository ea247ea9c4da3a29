"""Big answers of the cache: files named by the SHA-256 of their content.

They are written and removed only inside a write transaction of the tables, so that what is there
and what the tables say never part for longer than a crash; what a crash leaves over is swept up by
the next one who writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from sentient_kernel.files.regular import is_folder, make_folder, open_regular

_NAME = re.compile("[0-9a-f]{64}")
_OURS = re.compile(r"[0-9a-f]{64}(?:\.part)?")


class Files:
    """A folder of answers.

    Args:
        folder: Made (0700) when the first one comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._swept = False

    def read(self, name: str, size: int) -> bytes | None:
        """Returns an answer, or None when it is not there, not whole, or not what was written."""
        if not self._here(name):
            return None
        try:
            with open(open_regular(self._path(name), os.O_RDONLY), "rb") as file:
                data = file.read(size + 1)
        except OSError:
            return None
        return data if len(data) == size and sha256(data).hexdigest() == name else None

    def write(self, name: str, data: bytes) -> None:
        """Writes an answer; its name is the hash of what is in it. Raises OSError."""
        path = self._path(name)
        for folder in (self.folder, path.parent):
            make_folder(folder)
        part = path.with_suffix(".part")
        try:
            with open(open_regular(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
                file.write(data)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    def remove(self, name: str) -> None:
        """Removes an answer, if it is there."""
        if self._here(name):
            self._path(name).unlink(missing_ok=True)

    def sweep(self, known: Callable[[], set[str]]) -> None:
        """Removes what no entry points to; only the first call looks."""
        if self._swept:
            return
        self._swept = True
        names = known()
        for folder in sorted(self.folder.iterdir()) if is_folder(self.folder) else ():
            if len(folder.name) == 2 and is_folder(folder):
                for path in sorted(folder.iterdir()):
                    if _OURS.fullmatch(path.name) and path.name not in names:
                        path.unlink(missing_ok=True)

    def _here(self, name: str) -> bool:
        """Tells whether that is a name, and its folder one of ours and no link to another."""
        return (
            _NAME.fullmatch(name) is not None
            and is_folder(self.folder)
            and is_folder(self.folder / name[:2])
        )

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name
