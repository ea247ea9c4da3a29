"""Opens JupyterLab on the tutorials."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from sentient_kernel.errors import ConfigurationError

PACKAGE = Path(__file__).parent


def open_lab(folder: str | None = None) -> int:
    """Starts JupyterLab on a folder with the tutorials and waits for it.

    Args:
        folder: Where to put them; by default the clone's own notebooks, else ``./sentient-tutorials``.

    Returns:
        JupyterLab's exit code.

    Raises:
        ConfigurationError: JupyterLab is not installed, or the tutorials are not there.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise ConfigurationError("JupyterLab is not installed here.", hint='Install it with: pip install "sentient-kernel[notebook]"')
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # Jupyter refuses to serve root otherwise
    return subprocess.call([sys.executable, "-m", "jupyterlab", *root, str(tutorials(folder))])


def tutorials(folder: str | None) -> Path:
    """Returns the folder with the tutorials, copied there first where it has none. Files that are there are left as they are."""
    clone, packed = PACKAGE.parent / "notebooks", PACKAGE / "_tutorials"
    origin = clone if clone.is_dir() else packed
    if not origin.is_dir():
        raise ConfigurationError("The tutorials are not part of this installation.", hint="They are in the repository's notebooks folder.")
    if folder is None and origin is clone:
        return clone
    target = Path(folder or "sentient-tutorials")
    for path in sorted(origin.rglob("*")):
        copy = target / path.relative_to(origin)
        hidden = any(part.startswith(".") for part in path.relative_to(origin).parts)  # workbenches, checkpoints
        if path.is_file() and not copy.exists() and not hidden:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
    return target
