"""Checks the place of a journal: a local disk, a writable folder, a file that is a journal."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import apsw

from sentient_kernel.errors import JournalDamaged, JournalError, JournalUnusable, UsageError
from sentient_kernel.files.sqlite import Foreign, check_places, hint, make_file, why

NETWORK: frozenset[str] = frozenset(
    "9p afs afpfs beegfs ceph cifs coda davfs fuse.glusterfs fuse.rclone fuse.s3fs fuse.sshfs"
    " glusterfs gpfs lustre ncpfs nfs nfs4 panfs prl_fs pvfs2 smb2 smb3 smbfs vboxsf webdav".split()
)
"""File systems on which locks and shared memory do not work between machines, so that SQLite cannot
keep its promises there.
"""


_SMALLEST = 512
"""Bytes of the smallest page that a database can have."""
_ELSEWHERE = "Choose a folder of your own: Workbench(home=...) or SENTIENT_HOME."
_IN_THE_WAY = (
    apsw.FullError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.CantOpenError,
    apsw.AuthError,
    apsw.IOError,
)
"""What SQLite raises for the disk, the folder or another process."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


def filesystem_of(path: Path) -> str:
    """Returns the name of the file system that holds a path, as the system's list of mounts calls
    it; empty when that is not known.
    """
    if sys.platform == "win32":
        return "cifs" if str(path).startswith("\\\\") else ""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
    return pick_mount(mounts, path)


def pick_mount(mounts: str, path: Path) -> str:
    """Returns the type of the file system that a path is on.

    Args:
        mounts: The text of ``/proc/self/mountinfo``.
        path: An absolute path.

    Example:
        >>> mounts = "22 1 0:21 / / rw - ext4 /dev/sda rw\\n30 22 0:40 / /data rw - nfs4 box:/x rw"
        >>> pick_mount(mounts, Path("/data/a"))
        'nfs4'
    """
    best, found = -1, ""
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        point = _ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), left.split(" ")[4])
        parts = len(Path(point).parts)
        if parts >= best and path.is_relative_to(point):
            best, found = parts, right.split(" ")[0]
    return found


def make_room(path: Path, filesystem: str, *, readonly: bool = False) -> None:
    """Makes the folder (0700) and the file (0600) of a journal, or says why that cannot be.

    Args:
        path: The journal's absolute path.
        filesystem: The name of the file system that it is on.
        readonly: Whether the journal is only to be read; then nothing is made.

    Raises:
        JournalUnusable: The place will not do; the message says why and what to do.
    """
    if "\0" in str(path):
        raise UsageError("The path of a journal cannot hold a NUL character.")
    if filesystem in NETWORK:
        raise JournalUnusable(
            f"{path} is on a network file system ({filesystem}), where locks do not hold and a"
            " journal would be damaged.",
            hint="Put the workbench's home on a local disk: Workbench(home=...) or SENTIENT_HOME.",
        )
    if os.path.isdir(path):  # unlike Path.is_dir, it does not raise for a name that is too long
        raise JournalUnusable(f"{path} is a folder, not a journal.")
    try:
        check_places(path)
    except Foreign as error:
        raise JournalUnusable(
            f"{path} {error}.",
            hint="Look where it comes from; a journal's files stand beside each other.",
        ) from None
    if readonly:
        if not os.path.exists(path):
            raise JournalUnusable(f"There is no journal at {path}.")
        return
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_file(path)
        size = os.stat(path).st_size
    except OSError as error:
        raise JournalUnusable(
            f"{path} cannot be written: {error.strerror or error}.", hint=_ELSEWHERE
        ) from error
    # SQLite takes a file of a few bytes for an empty one, and would write over it
    if 0 < size < _SMALLEST:
        raise _not_ours(path)
    if not os.access(path, os.R_OK | os.W_OK):
        raise JournalUnusable(f"{path} cannot be written: Permission denied.", hint=_ELSEWHERE)
    if not os.access(path.parent, os.W_OK):  # SQLite needs files of its own beside the journal
        raise JournalUnusable(f"The folder of {path} cannot be written.", hint=_ELSEWHERE)


def translate(error: Exception, path: Path, doing: str = "written") -> JournalError:
    """Turns an error of SQLite into one of ours.

    Args:
        error: What SQLite raised.
        path: The journal.
        doing: What could not be done to it, as a past participle.

    Returns:
        JournalDamaged when the file is not what it was, JournalUnusable when the disk, the folder
        or another process is in the way, JournalError otherwise; the original error is its cause.
    """
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        ours: JournalError = _not_ours(path)
    else:
        kind = JournalUnusable if isinstance(error, _IN_THE_WAY) else JournalError
        ours = kind(f"{path} could not be {doing}: {why(error)}.", hint=hint(error, ""))
    ours.__cause__ = error
    return ours


def _not_ours(path: Path) -> JournalDamaged:
    saving = (
        "If it was, sentient_kernel.journal.repair(path, into) saves every row that can be read"
        " into a new file."
    )
    return JournalDamaged(f"{path} is damaged, or never was a journal.", hint=saving)
