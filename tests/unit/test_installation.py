"""The key of an installation: made once, however many processes begin at once; one that others
could know is not used.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentient_kernel import installation as module
from sentient_kernel.installation import installation

SAY = (
    "from sentient_kernel.installation import installation; print(installation().key.hex(),"
    " bool(installation().problem))"
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The state folder of a user who has none yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield tmp_path / "state" / "sentient-kernel"
    module._of.cache_clear()


def test_the_key_lies_in_the_state_folder_for_its_owner_alone(state: Path) -> None:
    made = installation()
    assert made is installation()
    assert (len(made.key), made.problem) == (32, "")
    assert (state / "key").read_bytes() == made.key
    assert [path.name for path in state.iterdir()] == ["key"]
    if os.name == "posix":
        assert ((state / "key").stat().st_mode & 0o777, state.stat().st_mode & 0o777) == (
            0o600,
            0o700,
        )
    module._of.cache_clear()
    assert installation().key == made.key
    assert made.key.hex() not in repr(made) + str(made)


def test_of_processes_that_begin_at_once_all_have_one_key(state: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SAY], stdout=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    said = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert said == {f"{(state / 'key').read_bytes().hex()} False"}
    assert [path.name for path in state.iterdir()] == ["key"]


def test_another_user_has_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = installation().key
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "other"))
    assert installation().key != mine


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(
    "fault",
    [
        "short",
        "long",
        "empty",
        "readable",
        "writable",
        "group",
        "folder",
        "a folder",
        "unreadable",
        "no room",
    ],
)
def test_a_key_that_cannot_be_relied_on_is_not_used_and_said_once(
    state: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    stored = installation().key
    module._of.cache_clear()
    key = state / "key"
    match fault:
        case "short" | "long" | "empty":
            key.write_bytes({"short": stored[:31], "long": stored + b"x", "empty": b""}[fault])
        case "readable" | "writable" | "group":
            key.chmod({"readable": 0o644, "writable": 0o602, "group": 0o660}[fault])
        case "folder":
            state.chmod(0o777)
        case "a folder":
            key.unlink()
            key.mkdir()
        case "unreadable":
            key.chmod(0)
        case "no room":
            key.unlink()
            state.rmdir()
            state.write_bytes(b"")
    caplog.set_level(logging.WARNING)
    made = installation()
    assert made is installation()
    if fault == "unreadable" and os.geteuid() == 0:
        return
    assert (len(made.key), made.key != stored) == (32, True)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == made.problem
    assert str(key) in said
    assert "counts as written elsewhere the next time" in said
    assert stored.hex() not in said


def test_a_relative_folder_is_no_state_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path))
    if os.name == "posix" and sys.platform != "darwin":
        assert module.state_folder() == tmp_path / ".local" / "state" / "sentient-kernel"


def test_a_file_system_without_links_does(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    assert installation().key == (state / "key").read_bytes()
