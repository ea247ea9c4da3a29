"""The child's loop: frames in, frames out, limits before everything else.

A request is a frame of JSON, then for a file the frames of its bytes and an empty one. An answer is
one frame of JSON: ``{"ok": ...}``, ``{"refused": reason}``, or ``{"dying": reason}`` after which
the child ends. What was read of a file comes in two: the JSON says what else is known of it, and a
second frame is its text in UTF-8, which no escapes make longer. A frame is four bytes of length,
big end first, and so many bytes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from .bounds import FIELD, bounded, read_frame, send_frame
from .common import ParsedText, Unreadable, clean

FORMATS: dict[str, str] = {
    ".txt": ".plain:text",
    ".text": ".plain:text",
    ".log": ".plain:text",
    ".md": ".plain:markdown",
    ".markdown": ".plain:markdown",
    ".rst": ".plain:rest",
    ".py": ".plain:python",
    ".csv": ".plain:table",
    ".tsv": ".plain:tabbed",
    ".json": ".plain:json_text",
    ".jsonl": ".plain:json_text",
    ".ipynb": ".plain:notebook",
    ".html": ".html:html",
    ".htm": ".html:html",
    ".xhtml": ".html:html",
    ".pdf": ".pdf:pdf",
    ".docx": ".office:docx",
    ".pptx": ".office:pptx",
    ".xlsx": ".office:xlsx",
    ".epub": ".office:epub",
}
"""Which function reads which kind of file."""


def main(options: dict[str, Any]) -> None:
    """Serves requests from standard input until it ends.

    Args:
        options: ``memory`` (bytes) and ``cpu`` (seconds a request), ``characters`` (most that one
            file gives), ``formats`` (further kinds, suffix to "module:function").
    """
    # Ctrl-C in a terminal reaches the whole group; the parent decides
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    # a library that prints must not get between the frames
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def send(answer: dict[str, Any], text: str | None = None) -> None:
        send_frame(answers, json.dumps(answer).encode())
        if text is not None:
            send_frame(answers, text.encode("utf-8", "replace"))
        answers.flush()

    sys.excepthook = lambda kind, error, _: send(
        {"dying": f"made its parser fail ({kind.__name__}: {str(error)[:200]})"}
    )
    _limit(options)
    formats = {**FORMATS, **options.get("formats", {})}
    while (head := read_frame(source)) is not None:
        request = json.loads(head)
        data = b""
        if request["op"] == "parse":
            data = b"".join(iter(lambda: read_frame(source) or b"", b""))
        _more_cpu(options["cpu"])
        answer, text = _answer(request, data, formats, options["characters"])
        del data
        send(answer, text)
        if "dying" in answer:
            return


def _answer(
    request: dict[str, Any], data: bytes, formats: dict[str, str], characters: int
) -> tuple[dict[str, Any], str | None]:
    """Does what is asked and says how it went, and what the text of a file is.

    What is not foreseen ends the child; its last word says what it was.
    """
    try:
        if request["op"] == "package":
            from .python.packages import read_distribution

            return {"ok": read_distribution(request)}, None
        found = _function(formats[request["suffix"]])(data)
    except Unreadable as refusal:
        return {"refused": str(refusal)[:FIELD]}, None
    except MemoryError:
        return {"dying": "needs more memory to be read than it may use"}, None
    except RecursionError:
        return {"refused": "is nested too deeply to be read"}, None
    text = clean(found.text).rstrip()
    meta = dict(found.meta)
    if len(text) > characters:
        text = text[:characters]
        meta["truncated"] = True
        if "pages" in meta:
            meta["pages"] = [start for start in meta["pages"] if start < characters]
    return {
        "ok": bounded({"title": clean(found.title[: 8 * FIELD]), "meta": meta}, characters)
    }, text


def _function(place: str) -> Callable[[bytes], ParsedText]:
    """Returns the function that reads a kind of file: "module:function", ours after a dot."""
    module, _, name = place.partition(":")
    function: Callable[[bytes], ParsedText] = getattr(
        importlib.import_module(module, __package__), name
    )
    return function


def _limit(options: dict[str, Any]) -> None:
    """Takes away what a parser never needs. On systems without such limits the parent's deadline is
    what remains.
    """
    if resource is None:
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for kind, most in ((resource.RLIMIT_AS, options["memory"]), (resource.RLIMIT_NOFILE, 64)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            pass  # macOS refuses RLIMIT_AS; the deadline and the processor limit still hold


def _more_cpu(seconds: int) -> None:
    """Grants the next request its processor time; a request that needs more ends the child with
    SIGXCPU.
    """
    if resource is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    soft = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
