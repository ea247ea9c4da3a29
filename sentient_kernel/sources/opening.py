"""Makes the source that a user's word stands for."""

from __future__ import annotations

import os
import re
from pathlib import PurePath
from typing import TYPE_CHECKING

from sentient_kernel.errors import UsageError
from sentient_kernel.sources.base import Source

if TYPE_CHECKING:
    from sentient_kernel.index.store import Index
    from sentient_kernel.settings import Settings

__all__ = ["open_source"]

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,30}://")


def open_source(
    spec: str | os.PathLike[str],
    index: Index,
    *,
    settings: Settings | None = None,
    name: str | None = None,
    shown: str | None = None,
) -> Source:
    """Returns the source that ``spec`` stands for. Nothing is read yet: that is :meth:`Source.refresh`.

    Args:
        spec: ``"packages"`` (a folder of that name is ``"./packages"``), ``"packages:pandas,numpy"`` for some of them, a folder or a file.
        index: Where its passages are kept.
        settings: The workbench's settings. Local sources need none.
        name: What to call it; what it is in the index stays ``spec``, so that it is found there under any name.
        shown: What stands for the path of a folder or file in what people read; ``spec`` when not given.

    Raises:
        UsageError: It stands for nothing that can be a source; says what can.

    Example:
        >>> open_source("packages", None)
        PackagesSource('packages')
    """
    text = os.fspath(spec)
    if text == "packages" or text.startswith("packages:"):
        from sentient_kernel.sources.packages import PackagesSource

        names = [name.strip() for name in text.partition(":")[2].split(",") if name.strip()]
        if ":" in text and not names:
            raise UsageError("'packages:' names no package.", hint="Write packages:pandas,numpy or packages for all.")
        return PackagesSource(index, names=names or None, name=name or text, key=text)
    if _SCHEME.match(text):
        raise UsageError(f"{text!r} is an address on the web, which is not a source yet.", hint="Save the page to a file and add that.")
    from sentient_kernel.sources.folder import FolderSource

    return FolderSource(text, index, name=name, key=PurePath(os.path.normpath(text)).as_posix(), shown=shown)
