"""The values that sources, index and agents exchange: documents as they were read, passages of them, how a source is doing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sentient_kernel.errors import ParseError
from sentient_kernel.ids import DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
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
        """Returns the document as JSON bytes, the same for the same content; what is kept when it is cited."""
        value = {"title": self.title, "uri": self.uri, "source": self.source, "meta": self.meta, "text": self.text}
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")

    @property
    def id(self) -> DocumentId:
        """The hash of the snapshot: another text, or another place, is another document."""
        return DocumentId(hashlib.sha256(self.snapshot()).hexdigest())

    @classmethod
    def from_snapshot(cls, data: bytes) -> Document:
        """Returns the document that :meth:`snapshot` wrote. Raises ParseError when these bytes are not one: they may come from anybody."""
        try:
            value = json.loads(data)
            texts = [value.pop(name) for name in ("title", "uri", "source", "text")]
            meta = value.pop("meta")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise ParseError("What is stored in a document's place is not a document.") from None
        if value or not all(isinstance(text, str) for text in texts) or not isinstance(meta, dict):
            raise ParseError("What is stored in a document's place is not a document.")
        title, uri, source, text = texts
        return cls(title=title, uri=uri, source=source, text=text, meta=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A stretch of a document that fits a query: ``document.text[start:end] == text``."""

    SHOW: ClassVar[tuple[str, ...]] = ("title", "text", "uri", "score")

    document: DocumentId
    title: str
    uri: str
    start: int
    end: int
    text: str
    score: float
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How a source is doing: what it holds, what it could not read and why, when it was read.

    Args:
        source: The source's name.
        documents: How many documents it holds.
        passages: How many passages they make.
        read: How many were read or read again the last time.
        refused: What could not be read: (uri, reason in one sentence).
        reason: Why there is nothing, when there is nothing.
        cache: The digests that the answers have in the cache, of which the last search is made.
    """

    source: str
    documents: int = 0
    passages: int = 0
    read: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    cache: tuple[str, ...] = ()


Progress = Callable[[str, float | None], None]
"""Told what is being done and how far it is (0 to 1, or None when unknown)."""
