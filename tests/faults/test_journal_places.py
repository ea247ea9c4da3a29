"""A home that cannot be written is refused, never replaced by memory (F14). As another user: an
administrator may write anywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import sentient_kernel
from sentient_kernel.journal import SqliteJournal


def as_nobody(code: str, *args: Path) -> str:
    """Runs code without the rights of an administrator, who may write anywhere."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(sentient_kernel.__file__).parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    drop = (
        "import os; os.setgroups([]) if os.getuid() == 0 else 0; os.setgid(65534) if os.getuid() =="
        " 0 else 0; "
    )
    drop += "os.setuid(65534) if os.getuid() == 0 else 0\n"
    drop += (  # nor may it read our state folder
        "import tempfile; os.environ['XDG_STATE_HOME'] = tempfile.mkdtemp()\n"
    )
    imports = (
        "import sys\nfrom pathlib import Path\nfrom sentient_kernel.journal.sqlite.store import"
        " SqliteJournal\n"
    )
    command = [sys.executable, "-c", imports + drop + code, *map(str, args)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return result.stdout + result.stderr


TRY = """
try:
    SqliteJournal(sys.argv[1], readonly=sys.argv[2:] == ["readonly"]).close()
    print("opened")
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def reachable(tmp_path: Path) -> Path:
    """A folder that other users can get to."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return tmp_path


def test_folder_that_cannot_be_written_is_said_and_nothing_is_kept_in_memory(
    reachable: Path,
) -> None:
    home = reachable / "home"
    SqliteJournal(home / "journal.db").close()
    home.chmod(0o555)
    (home / "journal.db").chmod(0o666)
    try:
        for path in (home / "journal.db", home / "new.db", home / "deeper" / "journal.db"):
            said = as_nobody(TRY, path)
            assert said.startswith("JournalUnusable"), said
            assert str(path.name) in said
    finally:
        home.chmod(0o755)


def test_file_that_cannot_be_written_is_said_and_can_be_read(reachable: Path) -> None:
    home = reachable / "home"
    SqliteJournal(home / "journal.db").close()
    home.chmod(0o555)
    (home / "journal.db").chmod(0o444)
    (home / "journal.head").chmod(0o444)
    try:
        assert as_nobody(TRY, home / "journal.db").startswith("JournalUnusable")
        assert as_nobody(TRY, home / "journal.db", Path("readonly")) == "opened\n"
    finally:
        home.chmod(0o755)
