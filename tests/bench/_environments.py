"""The peers' environments: one each, so that nobody's dependencies bend another's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.bench._measure import ROOT

PEERS = {
    "langgraph": ("langgraph", "langgraph-checkpoint-sqlite"),
    "dbos": ("dbos",),
    "burr": ("burr", "aiosqlite"),
    "diskcache": ("diskcache",),
}
"""What to install for each."""


def variable(peer: str) -> str:
    """Returns the name of the environment variable that says where a peer's Python is."""
    return f"SENTIENT_BENCH_{peer.upper()}"


def found(given: list[str]) -> dict[str, str]:
    """Returns the peers' interpreters.

    Args:
        given: ``NAME=PYTHON``, or a folder that :func:`make` has filled; what is given counts
            before the environment.
    """
    pythons = {peer: os.environ[variable(peer)] for peer in PEERS if os.environ.get(variable(peer))}
    for word in given:
        name, is_one, python = word.partition("=")
        if is_one and name not in PEERS:
            raise SystemExit(f"{name!r} must be one of {', '.join(PEERS)}.")
        where = (
            {name: Path(python)}
            if is_one
            else {peer: Path(word) / peer / "bin" / "python" for peer in PEERS}
        )
        pythons |= {
            peer: str(path.absolute()) for peer, path in where.items() if is_one or path.exists()
        }
    if missing := [path for path in pythons.values() if not Path(path).is_file()]:
        raise SystemExit(f"There is no {missing[0]!r}.")
    return pythons


def make(folder: Path) -> None:
    """Makes the environments of all peers in a folder; those that are there are left as they
    are.
    """
    for peer, distributions in PEERS.items():
        place = folder / peer
        if not (place / "bin" / "python").exists():
            print(f"{peer}: installing {', '.join(distributions)}", flush=True)
            venv.create(place, with_pip=True)
            words = [
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                *distributions,
            ]
            subprocess.run([str(place / "bin" / "python"), *words], check=True)
        print(f"{variable(peer)}={place.absolute() / 'bin' / 'python'}", flush=True)


def versions(pythons: dict[str, str]) -> dict[str, str]:
    """Returns what is installed for each peer, in words."""
    said = {"python": sys.version.split()[0]}
    for peer, python in pythons.items():
        words = [python, "-m", f"tests.bench.peer_{peer}", "versions"]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        said[peer] = (
            json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else "does not start"
        )
    return said
