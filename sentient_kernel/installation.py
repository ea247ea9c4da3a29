"""This installation: a random key in the user's state folder that tells what was written here, and
the files that its user trusts.

A host's name or a user's name proves nothing: a home on disk can be copied, and made up, by
anybody. The key lies outside every home. What carries a mark made with it was written by this
user's programs; everything else was written elsewhere.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

NAME = "sentient-kernel"
KEY_BYTES = 32
_OTHERS = 0o077
_WRITERS = 0o022

log = logging.getLogger("sentient_kernel")
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Installation:
    """The key that rows are marked with.

    Args:
        key: 32 random bytes; never shown, stored in a home, or sent.
        problem: Why the key lasts no longer than this process, in one sentence; empty when it lies
            in the state folder.
    """

    key: bytes
    problem: str = ""

    def __repr__(self) -> str:
        return "Installation()"


def installation() -> Installation:
    """Returns this user's installation; its key is made when it is first needed.

    A key that cannot be read, is too short, or can be read or changed by other users is not used.
    This process then has a key of its own, and says once, through the log, what follows from that.
    """
    with _lock:  # two threads that have to do without the stored key must not make one each
        return _of(state_folder())


def state_folder() -> Path | None:
    """Returns the folder of this user that no home is in; None where the system does not say who
    the user is.
    """
    base = _given("XDG_STATE_HOME")
    try:
        if base is None and os.name == "nt":
            base = _given("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        elif base is None and sys.platform == "darwin":
            base = Path.home() / "Library" / "Application Support"
        return (base or Path.home() / ".local" / "state") / NAME
    except RuntimeError:
        return None


def config_folder() -> Path | None:
    """Returns the folder of this user's own settings; None where the system does not say who the
    user is.
    """
    base = _given("XDG_CONFIG_HOME") or (_given("APPDATA") if os.name == "nt" else None)
    try:
        return (base or Path.home() / ".config") / NAME
    except RuntimeError:
        return None


def _given(variable: str) -> Path | None:
    value = os.environ.get(variable, "")
    # a relative one is to be ignored, says the XDG specification
    return Path(value) if os.path.isabs(value) else None


# -- the key ---------------------------------------------------------------------------------------


@cache
def _of(folder: Path | None) -> Installation:
    why = "this system does not say who the user is"
    if folder is not None:
        try:
            return Installation(_stored_key(folder))
        except OSError as error:
            why = f"{folder / 'key'}: {error.strerror or error}"
        except ValueError as error:
            why = f"{folder / 'key'} {error}"
    problem = (
        f"The key of this installation cannot be used ({why}), so that what is written now counts"
        " as written elsewhere the next time a home is opened."
    )
    log.warning("%s", problem)
    return Installation(os.urandom(KEY_BYTES), problem)


def _stored_key(folder: Path) -> bytes:
    """Returns the key in a folder, made first where there is none.

    Raises:
        OSError: It cannot be read, or made.
        ValueError: It is not one that can be relied on; the message says why, to be put behind its
            path.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "key"
    if not path.exists():
        _write_private(path, os.urandom(KEY_BYTES), over=False)
    with path.open("rb") as file:
        key, about = file.read(KEY_BYTES + 1), os.fstat(file.fileno())
    if os.name == "posix":
        if about.st_uid != os.geteuid():
            raise ValueError("belongs to another user")
        if stat.S_IMODE(about.st_mode) & _OTHERS:
            raise ValueError("can be read or changed by others; chmod 600 makes it yours")
        if stat.S_IMODE(folder.stat().st_mode) & _WRITERS:
            raise ValueError("lies in a folder that others can change; chmod 700 makes it yours")
    if len(key) != KEY_BYTES:
        raise ValueError(f"does not hold {KEY_BYTES} bytes; delete it, and a new one is made")
    return key


def _write_private(path: Path, data: bytes, *, over: bool) -> None:
    """Writes a file (0600), whole or not at all.

    Args:
        path: Where.
        data: What it holds.
        over: Whether it takes the place of one that is there; otherwise, of several processes that
            write it at once, the first one wins.
    """
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(data)
        if not over:
            try:
                os.link(part, path)
            except OSError:
                # a file system without hard links: the last to rename is what all others read
                over = not os.path.lexists(path)
        if over:
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


# -- files that the user trusts --------------------------------------------------------------------


def trust_file(path: Path, data: bytes) -> None:
    """Remembers that a file, with exactly this content, is the user's own word.

    Raises:
        OSError: It cannot be remembered.
    """
    folder = state_folder()
    if folder is None:
        raise OSError("this system does not say who the user is")
    note = _note(folder, path)
    note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = os.fsencode(os.path.realpath(path))
    _write_private(note, sha256(data).hexdigest().encode() + b"\n" + place + b"\n", over=True)


def trusts_file(path: Path, data: bytes) -> bool:
    """Tells whether the user has said that a file with exactly this content is their own word."""
    folder = state_folder()
    if folder is None:
        return False
    with suppress(OSError):
        return _note(folder, path).read_bytes()[:65] == sha256(data).hexdigest().encode() + b"\n"
    return False


def _note(folder: Path, path: Path) -> Path:
    return folder / "trusted" / sha256(os.fsencode(os.path.realpath(path))).hexdigest()
