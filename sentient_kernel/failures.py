"""How an exception is kept: as plain values, without local variables, with a fingerprint that groups its like."""

from __future__ import annotations

import re
import sysconfig
from functools import lru_cache
from hashlib import blake2b
from types import TracebackType

from sentient_kernel.errors import SentientError
from sentient_kernel.events import ErrorInfo

LONGEST_MESSAGE = 2_000
MOST_FRAMES = 30
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def describe(error: BaseException) -> ErrorInfo:
    """Returns what is kept of an exception.

    Args:
        error: Any exception, raised or not.

    Returns:
        Its type, message (control characters escaped, at most 2,000 characters), the frames it passed as (file, line, function), and a
        fingerprint made of the type and the frames' files and functions, so that the same fault groups together whatever its message.

    Example:
        >>> info = describe(ValueError("no such column"))
        >>> info.type, info.message, len(info.fingerprint)
        ('ValueError', 'no such column', 16)
    """
    frames = _frames(error.__traceback__)
    kind = type(error).__name__ if type(error).__module__ == "builtins" else f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, SentientError):
        kind = type(error).__name__
        message, hint, code = error.message, error.hint, error.code
    else:
        message, hint, code = _said(error), "", "error"
    print_ = blake2b("\0".join([kind, *(f"{f}:{n}" for f, _, n in frames)]).encode(), digest_size=8).hexdigest()
    where = f"{frames[-1][0]}:{frames[-1][1]} {frames[-1][2]}" if frames else ""
    return ErrorInfo(type=kind, message=clean(message), code=code, hint=clean(hint), fingerprint=print_, where=where, frames=frames)


def clean(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """Returns text with control and direction characters spelled out, cut to a length."""
    text = text if len(text) <= longest else text[:longest] + " …"
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}", text).encode("utf-8", "replace").decode()


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error that cannot even be printed must not hide that it happened
        return f"<{type(error).__name__} that cannot be printed>"


def _frames(traceback: TracebackType | None) -> tuple[tuple[str, int, str], ...]:
    frames: list[tuple[str, int, str]] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append((_short(code.co_filename), traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return tuple(frames[-MOST_FRAMES:])


@lru_cache(maxsize=4096)
def _short(path: str) -> str:
    """Returns a path without what differs between machines."""
    if "ipykernel_" in path or path.startswith("<"):
        return "<cell>" if "ipykernel_" in path else path
    for marker in ("/site-packages/", "/sentient_kernel/"):
        head, found, tail = path.replace("\\", "/").rpartition(marker)
        if found:
            return tail if marker == "/site-packages/" else f"sentient_kernel/{tail}"
    standard = sysconfig.get_path("stdlib")
    return path.removeprefix(standard + "/") if path.startswith(standard) else "/".join(path.replace("\\", "/").split("/")[-2:])
