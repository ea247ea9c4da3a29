"""Diagnostics of an installation, in one look: for a person who wonders, and for a bug report."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sentient_kernel.describing import Described
from sentient_kernel.installation import installation
from sentient_kernel.version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from sentient_kernel.engine import Engine
    from sentient_kernel.settings import Settings

SHOWN = (
    "sentient-kernel",
    "pydantic",
    "apsw",
    "httpx",
    "ipykernel",
    "jupyterlab",
    "notebook",
    "ipywidgets",
    "anywidget",
    "pandas",
)
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "SENTIENT_TAVILY_API_KEY", "SENTIENT_BRAVE_API_KEY")
FIXED_SQLITE = (3, 51, 3)
"""The first SQLite that cannot lose committed transactions when two connections write and
checkpoint at once (sqlite.org/wal.html).
"""


class Findings(dict[str, Any], Described):
    """What an examination found, by its subject."""

    NOUN = "doctor"

    def _about(self) -> Mapping[str, Any]:
        return self


def examine(home: Path, settings: Settings, engine: Engine) -> Findings:
    """Returns versions, the SQLite verdict, the journal's health, front end, network mode, and
    which keys are present, not their values.
    """
    import apsw

    from sentient_kernel.notebook import interaction

    version = apsw.sqlite_lib_version()
    verdict = engine.journal.verify(full=False)
    return Findings(
        {
            "python": platform.python_version(),
            "platform": platform.platform(terse=True),
            "versions": {name: _version(name) for name in SHOWN},
            "sqlite": {
                "version": version,
                "ok": tuple(map(int, version.split("."))) >= FIXED_SQLITE,
            },
            "home": str(home),
            "journal": {
                "ok": verdict.ok,
                "rows": verdict.rows,
                "damage": [d.what for d in verdict.damage],
            },
            "runs": len(engine.journal.runs()),
            "front_end": _front_end(interaction.kernel()),
            "someone_can_answer": interaction.someone_can_answer(),
            "installation": {"key": installation().problem or "kept in the state folder"},
            "settings": settings.remarks(),
            "network": {
                "mode": settings.mode,
                "offline": settings.offline,
                "model": settings.model,
            },
            "keys_present": [key for key in KEYS if os.environ.get(key)],
            "blocked_now": engine.watchdog.blocked is not None,
        }
    )


def _front_end(kernel: Any) -> str:
    if kernel is None:
        return "terminal" if sys.stdout is not None and sys.stdout.isatty() else "none"
    return f"jupyter (ipykernel {_version('ipykernel')})"


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        # used from a clone, without being installed
        return __version__ if name == "sentient-kernel" else None
