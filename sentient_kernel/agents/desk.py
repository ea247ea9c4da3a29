"""What research works with: the sources that were added, the index over them, and the snapshots of what was cited."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sentient_kernel.errors import NotFound, UsageError
from sentient_kernel.ids import BlobId, DocumentId
from sentient_kernel.settings import Settings
from sentient_kernel.sources.base import Document, Health, Passage, Source

if TYPE_CHECKING:
    from sentient_kernel.index.store import Index
    from sentient_kernel.journal.base import Blobs

T = TypeVar("T")
DEFAULT = "packages"
LONGEST_QUERY = 4_000
"""Characters that a question or query may have."""


class Desk:
    """Sources by name, one index for all of them, opened when first needed.

    Args:
        index: The index's file; it can be rebuilt from the sources.
        blobs: Where snapshots of cited documents are kept for good.
        settings: For the sources.
    """

    def __init__(self, index: Path, blobs: Blobs, settings: Settings) -> None:
        self._path = index
        self._blobs = blobs
        self._settings = settings
        self._index: Index | None = None
        self._sources: dict[str, Source] = {}
        self._specs: dict[str, str] = {}
        self._lock = threading.RLock()

    @property
    def index(self) -> Index:
        """The passages of all sources."""
        with self._lock:
            if self._index is None:
                from sentient_kernel.index.store import Index

                self._index = Index(self._path)
            return self._index

    def add(self, source: Any, *, name: str | None = None) -> Source:
        """Adds a source, or returns the one that was added for the same place. Raises UsageError."""
        with self._lock:
            if isinstance(source, (str, os.PathLike)):
                spec = _spec(os.fspath(source))
                known = next((n for n, s in self._specs.items() if s == spec), None)
                if known is not None and name in (None, known):
                    return self._sources[known]
                from sentient_kernel.sources.opening import open_source

                source = open_source(spec, self.index, settings=self._settings)
            elif all(hasattr(source, part) for part in ("name", "search", "refresh", "document")):
                spec = f"source:{source.name}"
            else:
                raise UsageError(
                    f"{source!r} is no source.",
                    hint="Give a folder, a file, 'packages', or an object with name, refresh, search and document.",
                )
            key = name or source.name
            if key in self._sources and self._specs[key] != spec:
                raise UsageError(f"There is a source named {key!r} already.", hint="Give this one another name: wb.add(..., name='...').")
            self._sources[key], self._specs[key] = source, spec
            return self._sources[key]

    def names(self, given: Sequence[Any]) -> tuple[str, ...]:
        """Returns the names of the sources meant: those given, else all that were added, else the installed packages."""
        with self._lock:
            if not given:
                if not self._sources:
                    self.add(DEFAULT)
                return tuple(self._sources)
            return tuple(dict.fromkeys(self._name(one) for one in given))

    def _name(self, one: Any) -> str:
        if isinstance(one, str) and one in self._sources:
            return one
        found = next((n for n, s in self._sources.items() if s is one), None)
        if found is not None:
            return found
        source = self.add(one)
        return next(n for n, s in self._sources.items() if s is source)

    def specs(self, names: Sequence[str]) -> list[list[str]]:
        """Returns (name, what to open it by) of sources, so that a run finds them again in another process."""
        with self._lock:
            return [[name, self._specs[name]] for name in names]

    def source(self, name: str, spec: str) -> Source:
        """Returns a source by what a run stored of it. Raises NotFound when it was an object that nobody has added here."""
        with self._lock:
            if self._specs.get(name) == spec:
                return self._sources[name]
            if spec.startswith("source:"):
                raise NotFound(
                    f"The source {name!r} is an object that was not added to this workbench.",
                    hint="Add it with wb.add(...), then resume the run.",
                )
            return self.add(spec, name=name)

    async def refresh(self, name: str, spec: str) -> Health:
        """Reads what is new in a source."""
        return await self.source(name, spec).refresh(None)

    async def search(self, name: str, spec: str, query: str, k: int) -> tuple[list[Passage], Health]:
        """Returns the passages of one source that fit, and how the source is doing."""
        source = self.source(name, spec)
        passages = await source.search(query, k=k)
        return passages, source.health

    def search_now(self, query: str, names: Sequence[str], k: int) -> list[Passage]:
        """Reads what is new in sources, asks them all and returns the k best passages; for a plain cell, on any thread."""
        query = check_query(query)
        if k < 1:
            raise UsageError(f"k={k!r} asks for nothing.", hint="Give 1 or more.")

        async def ask() -> list[Passage]:
            specs = self.specs(names)
            await asyncio.gather(*(self.refresh(n, s) for n, s in specs))
            found = await asyncio.gather(*(self.search(n, s, query, k) for n, s in specs))
            return sorted((p for passages, _ in found for p in passages), key=lambda p: -p.score)[:k]

        return run_apart(ask())

    def keep(self, documents: Sequence[DocumentId]) -> list[str]:
        """Keeps snapshots of documents for good: citations point into them when the source has changed. Returns those that are gone."""
        missing = []
        for one in documents:
            document = self._look_up(one)
            if document is None:
                missing.append(str(one))
            else:
                self._blobs.put(document.snapshot())
        return missing

    def document(self, document: DocumentId) -> Document:
        """Returns a document as it stood when it was cited, or as the index has it now. Raises NotFound."""
        try:
            return Document.from_snapshot(self._blobs.get(BlobId(document)))
        except NotFound:
            found = self._look_up(document)
        if found is None:
            raise NotFound(f"There is no document {document!r} here.", hint="Citations and passages carry the ids of documents.")
        return found

    def _look_up(self, document: DocumentId) -> Document | None:
        found = self.index.document(document)
        for source in () if found is not None else tuple(self._sources.values()):
            found = found or source.document(document)
        return found

    def close(self) -> None:
        """Closes the index."""
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None


def check_query(text: str) -> str:
    """Returns a query or question without blanks around it. Raises UsageError when it is empty or too long."""
    if not isinstance(text, str):
        raise UsageError(f"A question is text, not {type(text).__name__}.")
    text = text.replace("\0", " ").encode("utf-8", "replace").decode().strip()
    if not text:
        raise UsageError("The question is empty.", hint="Say in a sentence what you want to know.")
    if len(text) > LONGEST_QUERY:
        raise UsageError(
            f"The question has {len(text):,} characters; at most {LONGEST_QUERY:,} can be searched for.", hint="Ask it in a few sentences."
        )
    return text


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on a thread of its own: in a notebook this thread's loop is taken."""
    result: list[T] = []
    error: list[BaseException] = []

    def body() -> None:
        try:
            result.append(asyncio.run(coroutine))
        except BaseException as raised:  # noqa: BLE001 - carried over to the thread that waits, and raised there
            error.append(raised)

    thread = threading.Thread(target=body, name="sentient-search", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(0.1)  # short waits let an interrupt through
    if error:
        raise error[0]
    return result[0]


def _spec(given: str) -> str:
    if given == DEFAULT or given.startswith("packages:") or "://" in given:
        return given
    return str(Path(given).expanduser().absolute())
