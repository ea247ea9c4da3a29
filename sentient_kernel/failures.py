"""How an exception is kept: as plain values, without local variables, with a fingerprint that
groups its like. Pure.
"""

from __future__ import annotations

import linecache
import re
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict
from functools import lru_cache
from hashlib import blake2b
from pathlib import PurePath
from types import TracebackType
from typing import NamedTuple

from sentient_kernel import redaction
from sentient_kernel.errors import ModelError, SentientError, StepFailed
from sentient_kernel.events import ErrorInfo

_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
"""Characters that a reader cannot see but that move, hide or break what is around them: controls,
lone surrogates, and what Unicode calls default ignorable. Some are needed in scripts and emoji;
there they stay (:func:`_is_joint`).
"""
_BLANK = re.compile(r"(?! )[^\S\n\t]|\u2800")
"""Blanks that are not the usual one."""

MESSAGE = 2_000
LOOKED = 4 * MESSAGE
"""Characters of a message that are looked through for secrets: no more than that could be kept of
it.
"""
CELL = "<cell>"
"""The file of a notebook's cells, whichever one: a cell that is run again is the same code."""
OURS, USERS = 1, 2
"""Whose code a place is: this package's, the user's; 0 is a library's."""
LONGEST_LINE = 160
HEAD, TAIL = 10, 40
"""Frames kept of a traceback: the first and the last ones. A recursion of a thousand says nothing
more.
"""


def plain(text: object) -> str:
    """Makes hidden characters visible: controls, direction overrides, zero-width spaces, tags and
    lone surrogates.

    Newlines and tabs stay, and so does what scripts and emoji need where it stands.

    Args:
        text: Anything; what is not a string is turned into one.

    Returns:
        The text with each such character written as ``[U+202E]``.

    Example:
        >>> plain("safe" + chr(0x202E) + "txt.exe")
        'safe[U+202E]txt.exe'
    """
    return _HIDDEN.sub(
        lambda found: found.group() if _is_joint(found.string, found.start()) else _named(found),
        str(text).replace("\r\n", "\n"),
    )


def exact(text: object) -> str:
    """Makes all that cannot be seen visible, also what :func:`plain` leaves to scripts and emoji:
    for what a person agrees to.

    Example:
        >>> exact("a hive" + chr(0xFE01) + chr(0x2003) + "of \N{HEAVY BLACK HEART}" + chr(0xFE0F))
        'a hive[U+FE01][U+2003]of \N{HEAVY BLACK HEART}[U+FE0F]'
    """
    raw = str(text).replace("\r\n", "\n")
    if raw.isascii() and raw.isprintable():
        return raw
    shown = _BLANK.sub(_named, _HIDDEN.sub(_named, raw))
    return "".join(
        f"[U+{ord(sign):04X}]" if unicodedata.category(sign) in ("Cn", "Co") else sign
        for sign in shown
    )


def without_hidden(text: str) -> str:
    """Returns a text without what :func:`plain` makes visible, and with usual blanks: for what a
    model says, which needs none of it.
    """
    seen = _HIDDEN.sub(
        lambda found: (
            found.group()
            if _is_joint(found.string, found.start()) or found.group() in "\r\n"
            else ""
        ),
        text,
    )
    return _BLANK.sub(" ", seen)


def _named(found: re.Match[str]) -> str:
    return f"[U+{ord(found.group()):04X}]"


def is_hidden(text: str, at: int) -> bool:
    """Tells whether a reader cannot see a character of a text, which no script or emoji needs
    there.
    """
    return _HIDDEN.match(text[at]) is not None and not _is_joint(text, at)


def _is_joint(text: str, at: int) -> bool:
    """Tells whether a character that is not seen belongs to the one before it: one variation of a
    symbol or an ideograph, a joiner.

    Not two in a row, and not after a character that has no such variation: whole texts can be
    written in these.
    """
    sign, before, after = text[at], text[at - 1 : at] if at else "", text[at + 1 : at + 2]
    if not before:
        return False
    kind = unicodedata.category(before)
    if sign in "\ufe0e\ufe0f":
        return (
            kind in ("So", "Sm", "Sk")
            or (after == "\u20e3" and before in "0123456789#*")
            or before in "\u203c\u2049\u3030\u303d"
        )
    if sign in "\u200c\u200d":
        if (
            after
            and kind[0] in "LM"
            and not before.isascii()
            and before not in "\u115f\u1160\u3164\uffa0"
            and _HIDDEN.match(before) is None
        ):
            return (
                unicodedata.category(after)[0] in "LM"
                and not after.isascii()
                and _HIDDEN.match(after) is None
            )
        joins = kind in ("So", "Sk") or (before == "\ufe0f" and _is_joint(text, at - 1))
        return (
            sign == "\u200d"
            and joins
            and bool(after)
            and unicodedata.category(after) in ("So", "Sm")
        )
    if "\u180b" <= sign <= "\u180d":
        return "\u1820" <= before <= "\u18aa"
    varies = "\ufe00" <= sign <= "\ufe0d" or "\U000e0100" <= sign <= "\U000e01ef"
    return varies and ("\u3400" <= before <= "\u9fff" or before >= "\U00020000") and kind == "Lo"


def describe(error: BaseException) -> ErrorInfo:
    """Returns what is kept of an exception: no object, no local variable, no secret, no path of
    this machine beyond its packages.

    Args:
        error: Any exception, raised or not.

    Returns:
        Its type (with its module unless that is Python's, the notebook's or this package's), its
        message (at most 2,000 characters, hidden ones visible), its frames as (file, line,
        function) from the outermost inwards, ``where`` as the innermost place outside installed
        libraries (of a failed step, where its function failed), ``line`` as what stands there, and
        a fingerprint of the type and the functions passed, those of this package aside. Neither
        messages nor line numbers nor the depth of a recursion count in the fingerprint, so the same
        fault stays one through edits.

    Example:
        >>> info = describe(ValueError("no such column"))
        >>> info.type, info.message, len(info.fingerprint)
        ('ValueError', 'no such column', 16)
    """
    redaction.redactor(thorough=True)
    frames, functions, place = _frames(error.__traceback__)
    if isinstance(error, StepFailed) and error.__cause__ is not None:
        inner = _frames(error.__cause__.__traceback__)[2]
        place = inner if inner.rank == USERS else place
    where = place.where
    kind = _kind(error)
    hint, code = "", "error"
    if isinstance(error, SentientError):
        message, hint, code = error.message, error.hint, error.code
    else:
        message = _said(error)
        if isinstance(error, (TypeError, AttributeError)) and "'coroutine'" in message:
            hint = f"An `await` is missing before the call whose result is used at {where}."
    mark = blake2b(
        "|".join((kind, *functions)).encode("utf-8", "replace"), digest_size=8
    ).hexdigest()
    usage = asdict(error.usage) if isinstance(error, ModelError) and error.usage is not None else {}
    # Every value was made here, so there is nothing to validate; that is 2 of 20 microseconds.
    return ErrorInfo.model_construct(
        None,
        type=kind,
        message=_kept(message),
        code=code,
        hint=_kept(hint),
        fingerprint=mark,
        where=where,
        line=_kept(place.line()),
        frames=frames,
        usage=usage,
    )


def without_secrets(error: BaseException) -> BaseException:
    """Returns an exception as it may be shown with its traceback: itself, or a likeness where it,
    or one behind it, names a secret.

    The likeness has the same name and traceback; its class is a plain ``Exception`` of that name.
    """
    chain = list(_chain(error))
    if all(redaction.shown(said) == said for one in chain for said in (_said(one), *_notes(one))):
        return error
    likenesses = {id(one): _likeness(one) for one in chain}
    for one in chain:
        like = likenesses[id(one)]
        like.__cause__ = likenesses.get(id(one.__cause__))
        like.__context__ = likenesses.get(id(one.__context__))
        like.__suppress_context__ = one.__suppress_context__
    return likenesses[id(error)]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an exception and all that stand behind it, each once."""
    known: dict[int, BaseException] = {}
    waiting = [error]
    while waiting and len(known) < HEAD + TAIL:
        one = waiting.pop()
        if id(one) not in known:
            known[id(one)] = one
            yield one
            behind = (one.__cause__, one.__context__, *getattr(one, "exceptions", ()))
            waiting += [other for other in behind if isinstance(other, BaseException)]


def _notes(error: BaseException) -> list[str]:
    return [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]


def _likeness(error: BaseException) -> BaseException:
    if isinstance(error, SentientError):
        return error
    cls = type(error)
    made: BaseException = type(
        cls.__name__, (Exception,), {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    )(redaction.shown(_said(error)[:LOOKED]))
    for note in _notes(error):
        made.add_note(redaction.shown(note))
    return made.with_traceback(error.__traceback__)


def _kind(error: BaseException) -> str:
    cls = type(error)
    own = cls.__module__ in ("builtins", "__main__") or isinstance(error, SentientError)
    return cls.__qualname__ if own else f"{cls.__module__}.{cls.__qualname__}"


class _Place(NamedTuple):
    """A line of code: whose it is (2 the user's, 1 this package's, 0 a library's), how it is said,
    and where it stands.
    """

    rank: int = 0
    where: str = ""
    filename: str = ""
    number: int = 0

    def line(self) -> str:
        """Returns what stands there, where that is the user's."""
        text = linecache.getline(self.filename, self.number) if self.rank == USERS else ""
        return text.strip()[:LONGEST_LINE]


def _frames(
    tb: TracebackType | None,
) -> tuple[tuple[tuple[str, int, str], ...], dict[str, None], _Place]:
    """Returns the frames kept, the functions passed (each once, this package's aside) and the
    innermost place of the user's, else of this package.
    """
    frames: list[tuple[str, int, str]] = []
    functions: list[str] = []
    place = _Place()
    while tb is not None:
        frame = tb.tb_frame
        code = frame.f_code
        file, rank = _owner(code.co_filename, str(frame.f_globals.get("__name__", "")))
        if rank >= place.rank:
            where = _where(file, code.co_filename, tb.tb_lineno, code.co_name)
            place = _Place(rank, where, code.co_filename, tb.tb_lineno)
        frames.append((file, tb.tb_lineno, code.co_name))
        if rank != OURS:
            functions.append(file + code.co_qualname)
        tb = tb.tb_next
    kept = frames if len(frames) <= HEAD + TAIL else frames[:HEAD] + frames[-TAIL:]
    passed = functions or [file + name for file, _, name in kept]
    return tuple(kept), dict.fromkeys(passed), place


def _where(file: str, filename: str, number: int, function: str) -> str:
    """Returns a place as people say it: ``analysis.py:12 weigh``, or ``Cell In[3], line 7``."""
    if file != CELL:
        return f"{file}:{number} {function}"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    said = getattr(getattr(shell, "compile", None), "format_code_name", lambda name: None)(filename)
    name = " ".join(said) if said else "Cell"
    return f"{name}, line {number}" + (f" in {function}" if function != "<module>" else "")


@lru_cache(maxsize=4_096)
def _owner(filename: str, module: str) -> tuple[str, int]:
    """Returns a frame's file relative to its top package, and whose it is: 2 the user's, 1 this
    package's, 0 a library's.
    """
    if filename.startswith("<ipython-input") or "ipykernel_" in filename:
        return CELL, USERS
    if filename.startswith("<"):
        return plain(filename), 0
    path = PurePath(filename)
    above = 2 if path.stem == "__init__" else 1
    depth = 1 if module == "__main__" else module.count(".") + above
    short = plain("/".join(path.parts[-depth:]))
    library = any(
        part in ("site-packages", "dist-packages") or part.startswith("python3.")
        for part in path.parts
    )
    return short, OURS if short.startswith("sentient_kernel/") else 0 if library else USERS


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001
        # somebody else's __str__; the error it hides must be recorded all the same
        return f"(its message could not be read: {type(broken).__name__})"


def _kept(text: str) -> str:
    """Returns a text without secrets, and then cut: what was cut first could end within one."""
    clean = redaction.shown(text[:LOOKED])
    return _cut(clean if len(text) <= LOOKED else clean + text[LOOKED:])


def _cut(text: str) -> str:
    if len(text) <= MESSAGE and text.isprintable():
        return text
    shown = plain(text[:MESSAGE])
    if len(text) <= MESSAGE and len(shown) <= MESSAGE:
        return shown
    return f"{shown[: MESSAGE - 40]}… ({len(text):,} characters in all)"
