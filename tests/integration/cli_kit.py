"""Runs commands of the command line, in this process or in one of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sentient_kernel.cli.main import main

ROOT = Path(__file__).parents[2]


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stands on stdout, which is nothing but JSON."""
        return json.loads(self.out)


Cli = Callable[..., Done]


def inside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Cli:
    """Returns what runs commands in this process, on a home and in a working directory of their
    own.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SENTIENT_HOME", str(tmp_path / "home"))

    def run(*words: str | Path) -> Done:
        try:
            code = main([str(word) for word in words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def command(*words: str | Path) -> list[str]:
    """Returns a command for a process of its own."""
    return [sys.executable, "-W", "error", "-m", "sentient_kernel", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """Returns the environment for such a process: this package is found there without being
    installed.
    """
    return os.environ | {"PYTHONPATH": str(ROOT)} | more


def as_somebody(*words: str) -> Done:
    """Runs a command as a user who may not read everything; root is made such a one."""
    words_ = command(*words)
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("root may read everything, and there is no setpriv to change that")
        less = "-dac_override,-dac_read_search"
        words_ = ["setpriv", f"--bounding-set={less}", f"--inh-caps={less}", *words_]
    done = subprocess.run(
        words_, capture_output=True, text=True, timeout=60, check=False, env=environment()
    )
    return Done(done.returncode, done.stdout, done.stderr)


def one_sentence(err: str) -> str:
    """Returns what stands on stderr after checking that it is one line of ours."""
    (line,) = err.splitlines()
    assert line.startswith("sentient-kernel: ")
    assert "Traceback" not in line
    assert line.isprintable()
    return line.removeprefix("sentient-kernel: ")
