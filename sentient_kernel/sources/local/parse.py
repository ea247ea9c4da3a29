"""Reads the text of a file in a child process that is limited in memory, processor time and wall
time.

A parser that crashes, hangs or eats memory takes its child with it and nothing else: the caller
gets a :class:`ParseError` of one sentence, and the next file gets a new child. A child lives over
many files, because starting one costs more than reading most.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sentient_kernel.errors import ParseError, SourceError
from sentient_kernel.sources.parser.bounds import FIELD, bounded, read_frame, send_frame
from sentient_kernel.sources.parser.common import ParsedText
from sentient_kernel.sources.parser.main import FORMATS

_BOOT = (
    "import sys, json; options = json.loads(sys.argv[1]); sys.path += options.pop('paths'); "
    "from sentient_kernel.sources.parser.main import main; main(options)"
)
_PASSED = ("LANG", "LC_ALL", "LC_CTYPE", "SYSTEMROOT", "LD_LIBRARY_PATH")
_KILLED = -getattr(signal, "SIGKILL", 9)
_LONGEST_ANSWER = 64 << 20
"""Bytes of what is read of one installed distribution."""
_LONGEST_HEAD = 16 << 20
"""Bytes of what is said of a file beside its text; the works of a service's answer stand there
too.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserLimits:
    """What one file may cost.

    Args:
        wall: Seconds until the child is ended.
        cpu: Seconds of processor time.
        memory: Bytes of address space.
        file: Bytes that the file may have.
        characters: How much text is taken from one file; what is longer is cut there and marked.
    """

    wall: float = 60.0
    cpu: int = 30
    memory: int = 1 << 30
    file: int = 50 << 20
    characters: int = 5_000_000


class Parser:
    """One child process that reads files, started when first needed and again after it has died.

    A context manager. One call at a time; :meth:`close` may come from another thread and ends a
    call that is under way.

    Args:
        limits: What one file may cost.
        formats: Further kinds of file: suffix to "module:function"; the function takes bytes and
            returns ``sentient_kernel.sources.parser.common.ParsedText``.
        paths: Folders that those modules are imported from.

    Example:
        >>> with Parser() as parser:
        ...     parser.parse([b"# Bees\\n", b"They dance."], suffix=".md", name="bees.md").title
        'Bees'
    """

    def __init__(
        self,
        limits: ParserLimits | None = None,
        *,
        formats: Mapping[str, str] | None = None,
        paths: Iterable[str] = (),
    ) -> None:
        self.limits = limits or ParserLimits()
        self.formats = {**FORMATS, **(formats or {})}
        self._further = dict(formats or {})
        self._paths = list(paths)
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self.starts = 0

    def parse(self, data: Iterable[bytes], *, suffix: str, name: str) -> ParsedText:
        """Returns the text of a file.

        Args:
            data: Its bytes, in pieces; they are handed on one by one, so that this process never
                holds them all.
            suffix: Which kind of file it is, as ``.pdf``.
            name: What to call it in an error.

        Raises:
            ParseError: It cannot be read, or not within its limits; the message begins with its
                name.
            SourceError: The child was ended from outside; another time the file may be read.
        """
        if suffix.lower() not in self.formats:
            raise ParseError(f"{name} is of a kind that cannot be read ({suffix or 'no ending'}).")
        parsed: ParsedText = self._ask({"op": "parse", "suffix": suffix.lower()}, data, name)
        if not parsed.text or parsed.text.isspace():
            raise ParseError(f"{name} holds no text.")
        return parsed

    def package(self, request: Mapping[str, Any], *, name: str) -> dict[str, Any]:
        """Returns what ``parser.python.packages.read_distribution`` finds in one installed
        distribution. Raises ParseError.
        """
        found: dict[str, Any] = self._ask({"op": "package", **request}, (), name)
        return found

    def close(self) -> None:
        """Ends the child, also in the middle of a file."""
        self._closed = True
        self._end()

    def __enter__(self) -> Parser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, request: dict[str, Any], data: Iterable[bytes], name: str) -> Any:
        """Sends one request and returns what the child found, or raises ParseError with the
        reason.
        """
        child = self._start()
        late = threading.Event()

        def expire() -> None:
            late.set()
            child.kill()

        timer = threading.Timer(self.limits.wall, expire)
        timer.daemon = True
        timer.start()
        try:
            answer = self._exchange(child, request, data)
        finally:
            timer.cancel()
        if answer is None:
            code = self._end()
            why = f"{name} {_why_it_died(code, late.is_set(), self._closed, self.limits)}."
            raise ParseError(why) if late.is_set() or code != _KILLED else SourceError(why)
        if isinstance(answer, ParsedText):
            return answer
        if "dying" in answer:
            self._end()
        if "ok" not in answer:
            raise ParseError(f"{name} {str(answer.get('refused') or answer.get('dying'))[:FIELD]}.")
        return answer["ok"]

    def _exchange(
        self, child: subprocess.Popen[bytes], request: dict[str, Any], data: Iterable[bytes]
    ) -> dict[str, Any] | ParsedText | None:
        """Writes the request and reads the answer; None when the child died over it. What ``data``
        raises passes, and ends the child.
        """
        stdin, stdout = cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)
        try:
            with suppress(BrokenPipeError):  # a child that died says why when its answer is missed
                send_frame(stdin, json.dumps(request).encode())
                if request["op"] == "parse":
                    for piece in data:
                        if piece:
                            send_frame(stdin, piece)
                    send_frame(stdin, b"")
                stdin.flush()
            return self._answer(stdout, parsing=request["op"] == "parse")
        except BaseException:
            self._end()  # in the middle of a frame the child is of no use any more
            raise

    def _answer(self, stdout: BinaryIO, *, parsing: bool) -> dict[str, Any] | ParsedText | None:
        """Reads an answer, and believes nothing of it that a child might not have been made to
        say.
        """
        try:
            body = read_frame(stdout, _LONGEST_HEAD if parsing else _LONGEST_ANSWER)
            answer = json.loads(body or b"null")
        except (ValueError, RecursionError):
            return None
        if not isinstance(answer, dict) or not (parsing and "ok" in answer):
            return answer if isinstance(answer, dict) else None
        text = read_frame(stdout, 4 * self.limits.characters)
        found = bounded(answer["ok"], self.limits.characters)
        if text is None or not isinstance(found, dict) or not isinstance(found.get("meta"), dict):
            return None
        return ParsedText(
            text=text.decode("utf-8", "replace")[: self.limits.characters],
            title=str(found.get("title") or ""),
            meta=found["meta"],
        )

    def _start(self) -> subprocess.Popen[bytes]:
        """Returns the living child, a new one if need be."""
        if self._closed:
            raise ParseError("The parser is closed.")
        if self._child and self._child.poll() is None:
            return self._child
        self._end()
        options = {
            "paths": [*_import_paths(), *self._paths],
            "formats": self._further,
            "memory": self.limits.memory,
            "cpu": self.limits.cpu,
            "characters": self.limits.characters,
        }
        # no key of the user's goes to a parser
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
        self._child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT, json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd=Path(sys.executable).anchor or None,
        )
        self.starts += 1
        return self._child

    def _end(self) -> int:
        """Ends the child and returns its exit code."""
        child, self._child = self._child, None
        if child is None:
            return 0
        if child.stdout and child.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                child.wait(0.02)  # it may be about to say by its code why it died
        child.kill()
        code = child.wait()
        for pipe in filter(None, (child.stdin, child.stdout)):
            with suppress(OSError):
                pipe.close()
        return code


def _why_it_died(code: int, late: bool, closed: bool, limits: ParserLimits) -> str:
    """Says in words why a child ended without an answer."""
    if closed:
        return "was not read: reading was stopped"
    if late:
        return f"took longer than {limits.wall:g} seconds to read"
    if code == -getattr(signal, "SIGXCPU", 24):
        return f"took more than {limits.cpu} seconds of processor time to read"
    if code == _KILLED:
        return "could not be read: its parser was ended from outside, perhaps for want of memory"
    return (
        "crashed its parser"
        f" ({signal.Signals(-code).name if -code in list(signal.Signals) else f'exit {code}'})"
    )


def _import_paths() -> list[str]:
    """Returns the folders that the child imports this package and the two parser libraries from."""
    specs = map(importlib.util.find_spec, ("selectolax", "pypdfium2"))
    libraries = [Path(spec.origin).parents[1] for spec in specs if spec and spec.origin]
    return list(dict.fromkeys(map(str, [Path(__file__).resolve().parents[3], *libraries])))
