"""The values that sources, index and agents exchange: documents as they were read, passages of
them, how a source is doing.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from sentient_kernel.describing import Described
from sentient_kernel.errors import ParseError
from sentient_kernel.ids import DocumentId

MOST_META: Final = 1_000_000
"""Characters that all that is known of a document may take beside its text."""
_ID: Final = re.compile("[0-9a-f]{64}")
_META: Final = '{"meta":'
_AFTER: Final = ("source", "text", "title", "uri")
_STEP: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Document(Described):
    """A text as it stood when it was read; citations point into ``text`` by offsets.

    Args:
        title: What a person calls it.
        uri: Where it came from: a path, a URL, or ``package:NAME==VERSION/...``.
        text: The whole plain text.
        source: The name of the source that it came through.
        meta: Authors, date, licence, version, DOI, section: whatever is known, as JSON values.
    """

    title: str
    uri: str
    text: str
    source: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    def snapshot(self) -> bytes:
        """Returns the document as JSON bytes, the same for the same content; what is kept when it
        is cited.
        """
        return b"".join(self.pieces())

    @property
    def id(self) -> DocumentId:
        """The hash of the snapshot: another text, or another place, is another document."""
        hashed = hashlib.sha256()
        for piece in self.pieces():
            hashed.update(piece)
        return DocumentId(hashed.hexdigest())

    def packed(self) -> bytes:
        """Returns the snapshot, compressed by zlib."""
        deflate = zlib.compressobj(6)
        return b"".join([*(deflate.compress(piece) for piece in self.pieces()), deflate.flush()])

    def pieces(self) -> Iterator[bytes]:
        """Yields the snapshot in pieces: a text of millions of characters is not held twice."""
        yield _META.encode() + _json(self.meta)
        for name in _AFTER:
            text: str = getattr(self, name)
            yield f',"{name}":"'.encode()
            for at in range(0, len(text), _STEP):
                yield _json(text[at : at + _STEP])[1:-1]
            yield b'"'
        yield b"}"

    @classmethod
    def from_snapshot(cls, data: bytes | bytearray | str) -> Document:
        """Returns the document that :meth:`snapshot` wrote.

        It may come from anybody. So it has to stand there as :meth:`snapshot` writes it, with
        nothing but the little that ``meta`` may be before the text: anything else is refused before
        it has become a million values.

        Raises:
            ParseError: These bytes are not a document.
        """
        try:
            return cls(
                **_parts(data if isinstance(data, str) else str(data, "utf-8", "surrogatepass"))
            )
        except (ValueError, TypeError, IndexError, RecursionError):
            raise ParseError("What is stored in a document's place is not a document.") from None


def is_document_id(text: str) -> bool:
    """Tells whether that may be the id of a document: 64 hexadecimal digits."""
    return _ID.fullmatch(text) is not None


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def _parts(snapshot: str) -> dict[str, Any]:
    """Returns what a snapshot consists of. Raises ValueError, IndexError, RecursionError."""
    decode = json.JSONDecoder().raw_decode
    place = len(_META)
    parts: dict[str, Any] = {}
    if not snapshot.startswith(_META + "{"):
        raise ValueError("something else")
    parts["meta"], place = decode(snapshot[: place + MOST_META], place)
    for name in _AFTER:
        before = f',"{name}":'
        if not snapshot.startswith(before + '"', place):
            raise ValueError("something else")
        parts[name], place = decode(snapshot, place + len(before))
    if snapshot[place:] != "}":
        raise ValueError("something else")
    return parts


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Passage(Described):
    """A stretch of a document that fits a query: ``document.text[start:end] == text``.

    ``own`` says that the document is a person's own, and no page or paper that everybody may read;
    ``origin`` where such a document came from, if it was not the source itself that said it.
    """

    SHOW: ClassVar[tuple[str, ...]] = ("title", "text", "uri", "score")

    document: DocumentId
    title: str
    uri: str
    start: int
    end: int
    text: str
    score: float
    source: str = ""
    own: bool = False
    origin: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Health(Described):
    """How a source is doing: what it holds, what it could not read and why, when it was read.

    Args:
        source: The source's name.
        documents: How many documents it holds.
        passages: How many passages they make.
        read: How many were read or read again the last time.
        refused: What could not be read: (uri, reason in one sentence).
        reason: Why there is nothing, when there is nothing.
        cache: The digests that the answers have in the cache, of which the last search is made.
        brought: How many of them came with an opened file.
    """

    source: str
    documents: int = 0
    passages: int = 0
    read: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    cache: tuple[str, ...] = ()
    brought: int = field(default=0, repr=False)


Progress = Callable[[str, float | None], None]
"""Told what is being done and how far it is (0 to 1, or None when unknown)."""
