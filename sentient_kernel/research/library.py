"""What research works with: the sources that were added, the index over them, and the snapshots of
what was cited.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Container, Coroutine, Iterable, Sequence
from concurrent.futures import Future, wait
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic_core import to_json

from sentient_kernel.documents import is_document_id
from sentient_kernel.engine import fixed_name
from sentient_kernel.errors import NotFound, UsageError
from sentient_kernel.ids import BlobId, DocumentId
from sentient_kernel.redaction import hold_address, redactor, without_credentials
from sentient_kernel.settings import Settings
from sentient_kernel.sources.base import (
    Document,
    Health,
    Passage,
    Progress,
    Source,
    SourceState,
)
from sentient_kernel.sources.parser.bounds import ADDRESS, FIELD, TITLE
from sentient_kernel.sources.parser.common import one_line

if TYPE_CHECKING:
    from sentient_kernel.cache import Cache
    from sentient_kernel.index.store import Index
    from sentient_kernel.journal.base import Blobs
    from sentient_kernel.sources.web.fetch import Outside
    from sentient_kernel.transport import Fetcher

T = TypeVar("T")
DEFAULT = "packages"
LONGEST_QUERY = 4_000
"""Characters that a question or query may have."""
LONGEST_PASSAGE = 10_000
"""Characters of a passage; this program's own sources make them of about 200 words."""


class Library:
    """Sources by name, one index for all of them, opened when first needed.

    A run finds its sources again by a reference: the name they go by, what to open them by, and
        what people read for that.

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
        self._added: dict[str, list[str]] = {}
        self._addresses: dict[str, str] = {}  # those with a secret in them, by what is kept of them
        self._open: dict[tuple[str, ...], Source] = {}
        self._lock = threading.RLock()
        self._closed = False
        self._fetcher: Fetcher | None = None
        self._cache: Cache | None = None
        self._outside: Outside | None = None

    @property
    def fetcher(self) -> Fetcher:
        """The one way to other machines."""
        with self._lock:
            if self._fetcher is None:
                from sentient_kernel.transport import Fetcher

                self._fetcher = Fetcher(self._settings)
            return self._fetcher

    @property
    def cache(self) -> Cache:
        """What the outside world answered: ``cache.db`` beside the index."""
        with self._lock:
            if self._cache is None:
                from sentient_kernel.cache import Cache

                settings = self._settings
                self._cache = Cache(
                    self._path.parent / "cache.db",
                    ttl=settings.cache_ttl,
                    most_bytes=settings.cache_max_size,
                    mode=settings.mode,
                    offline=settings.offline,
                )
            return self._cache

    @property
    def outside(self) -> Outside:
        """The way of sources to other machines."""
        with self._lock:
            if self._closed:
                raise UsageError(
                    "This workbench is closed.", hint="Open a new one; stored runs are all there."
                )
            if self._outside is None:
                from sentient_kernel.sources.web.fetch import Outside

                self._outside = Outside(self._settings, self.cache)
            return self._outside

    @property
    def index(self) -> Index:
        """The passages of all sources."""
        with self._lock:
            if self._closed:
                raise UsageError(
                    "This workbench is closed.", hint="Open a new one; stored runs are all there."
                )
            if self._index is None:
                from sentient_kernel.index.store import Index

                self._index = Index(self._path)
            return self._index

    def add(self, source: Any, *, name: str | None = None) -> Source:
        """Adds a source, or returns the one that was added for the same place. Raises
        UsageError.
        """
        with self._lock:
            ref = self._reference(source, name, self._added)
            opened = self.source(ref) if isinstance(source, (str, os.PathLike)) else source
            known = self._added.get(ref[0], ref)
            if known[1] != ref[1] or self._open.get(tuple(ref), opened) is not opened:
                raise UsageError(
                    f"There is a source named {ref[0]!r} already.",
                    hint="Give this one another: wb.add(..., name='...').",
                )
            self._added[ref[0]], self._open[tuple(ref)] = ref, opened
            return opened

    def references(self, given: Sequence[Any]) -> list[list[str]]:
        """Returns references to the sources meant: those given, else all that were added, else the
        installed packages.

        What is given without having been added is opened for whoever asks, and stays out of what
        others search.
        """
        with self._lock:
            if not given:
                return list(self._added.values()) or self.references([DEFAULT])
            chosen: dict[str, list[str]] = {}
            objects: dict[str, Any] = {}
            for one in given:
                ref = self._added.get(one) if isinstance(one, str) else None
                ref = ref or self._reference(one, None, {**self._added, **chosen})
                place = isinstance(one, (str, os.PathLike))
                if chosen.setdefault(ref[0], ref) != ref or (
                    not place and objects.setdefault(ref[0], one) is not one
                ):
                    raise UsageError(
                        f"Two sources are named {ref[0]!r}.",
                        hint="Give one of them another: wb.add(..., name='...').",
                    )
                if place:
                    self.source(ref)
                else:
                    self._open[tuple(ref)] = one
            return list(chosen.values())

    def _reference(self, source: Any, name: str | None, known: dict[str, list[str]]) -> list[str]:
        """Returns how a source is found again: its name, what to open it by, what people read for
        that.
        """
        if isinstance(source, (str, os.PathLike)):
            shown = os.fspath(source)
            spec = _spec(shown, known)
            if _kind(spec) == "page" and (clean := without_credentials(spec)) != spec:
                hold_address(spec, "address")
                self._addresses[clean], spec, shown = spec, clean, clean
        elif all(hasattr(source, part) for part in ("name", "search", "refresh", "document")):
            added = next(
                (ref for ref in known.values() if self._open.get(tuple(ref)) is source), None
            )
            if added is not None and name in (None, added[0]):
                return added
            return [name or source.name, f"source:{source.name}", ""]
        else:
            raise UsageError(
                f"{source!r} is not a source.",
                hint=(
                    "Give a folder, a file, 'packages', 'web', an address, or an object with name,"
                    " refresh, search and document."
                ),
            )
        same = next(
            (ref for ref in known.values() if ref[1] == spec and name in (None, ref[0])), None
        )
        return same or [name or _friendly(spec, known), spec, shown]

    def source(self, ref: Sequence[str]) -> Source:
        """Returns a source by its reference. Raises NotFound when it was an object that nobody has
        added here.
        """
        name, spec, shown = ref
        with self._lock:
            if (known := self._open.get(tuple(ref))) is not None:
                return known
            if spec.startswith("source:"):
                raise NotFound(
                    f"The source {name!r} is an object that was not added to this workbench.",
                    hint="Add it with wb.add(...), then resume the run.",
                )
            if "…" in spec and _kind(spec) == "page" and spec not in self._addresses:
                raise NotFound(
                    f"The address of the source {name!r} held a secret, which is not kept.",
                    hint="Add it again with wb.add(...), then resume the run.",
                )
            from sentient_kernel.sources.opening import open_source

            opened = self._open[tuple(ref)] = open_source(
                self._addresses.get(spec, spec),
                self.index,
                settings=self._settings,
                name=name,
                shown=shown,
                outside=lambda: self.outside,
            )
            return opened

    def states(self) -> list[SourceState]:
        """Returns how the sources stand that were added here."""
        with self._lock:
            return [SourceState.of(self.source(ref), ref[0]) for ref in self._added.values()]

    async def refresh(self, ref: Sequence[str], progress: Progress | None = None) -> Health:
        """Reads what is new in a source."""
        return _shortened(await self.source(ref).refresh(progress), ref[0])

    async def search(self, ref: Sequence[str], query: str, k: int) -> tuple[list[Passage], Health]:
        """Returns the passages of one source that fit, and how the source is doing; both under the
        name it goes by here.

        A source may be anybody's object: a passage is cut to what one may be, and one that holds a
        known secret is left out.
        """
        source, own, kept = self.source(ref), self.owns(ref), list[Passage]()
        refused = dict[tuple[str, str], None]()
        for one in await source.search(query, k=k):
            # Altered, a passage would not stand in its document; as it is, it would reach the
            # model, the journal and the report.
            if held := redactor().held_in(to_json([one.title, one.uri, one.text])):
                why = f"A passage that holds the secret {held[0]} is left out."
                refused[redactor().text(one.uri), why] = None
                continue
            text = one.text[:LONGEST_PASSAGE]
            kept.append(
                replace(
                    one,
                    title=one.title if len(one.title) <= TITLE else one_line(one.title, TITLE),
                    uri=one.uri if len(one.uri) <= ADDRESS else "",
                    text=text,
                    end=one.end if len(text) == len(one.text) else one.start + len(text),
                    source=ref[0],
                    own=own or one.own,
                    # only services speak for others
                    origin=one.origin if _kind(ref[1]) == "service" else "",
                )
            )
        health = _shortened(source.health, ref[0])
        return kept, replace(health, refused=(*health.refused, *refused))

    def owns(self, ref: Sequence[str]) -> bool:
        """Tells whether a source holds a person's own documents.

        Folders and files do, pages at hosts of ``SENTIENT_ALLOW_HOSTS``, and every object that does
        not say ``public = True``. Other pages do not. Of search services and installed packages
        each passage says it for itself, by where its text came from.
        """
        kind = _kind(ref[1])
        if kind == "page":
            return self.outside.owns(self._addresses.get(ref[1], ref[1]))
        return kind == "place" or (kind in ("object", "plugin") and not self._public(ref))

    def sends(self, ref: Sequence[str]) -> bool:
        """Tells whether what a source is asked leaves this machine: search services, and objects
        that say they are public.

        What another package brings is taken to, whatever it says. In a replay, and offline,
        services are not asked.
        """
        kind = _kind(ref[1])
        if kind == "service":
            return self._settings.mode != "replay" and not self._settings.offline
        return kind == "plugin" or (kind == "object" and self._public(ref))

    def _public(self, ref: Sequence[str]) -> bool:
        try:
            return getattr(self.source(ref), "public", False) is True
        except NotFound:
            return False  # an object that nobody gave here: it cannot be asked either

    def search_now(
        self,
        query: str,
        refs: Sequence[Sequence[str]],
        k: int,
        progress: Progress | None = None,
    ) -> list[Passage]:
        """Reads what is new in sources, asks them all and returns the k best passages; for a plain
        cell, on any thread. ``progress`` is told, on another one, what is being read.
        """
        query = check_query(query)
        if k < 1:
            raise UsageError(f"k must be at least 1, not {k!r}.")

        async def ask() -> list[Passage]:
            async with self._outside.visit() if self._outside is not None else nullcontext():
                await asyncio.gather(*(self.refresh(ref, progress) for ref in refs))
                found = await asyncio.gather(*(self.search(ref, query, k) for ref in refs))
            return sorted((p for passages, _ in found for p in passages), key=lambda p: -p.score)[
                :k
            ]

        return run_apart(ask())

    @fixed_name("research:keep")
    def keep(self, document: str) -> bool:
        """Keeps the snapshot of a document for good: citations point into it when the source has
        changed. Returns False when it is gone; a step.
        """
        found = self._look_up(DocumentId(document))
        if found is not None:
            self._blobs.take(BlobId(found.id), found.pieces())
        return found is not None

    def document(self, document: DocumentId) -> Document:
        """Returns a document as it stood when it was cited, or as the index has it now. Raises
        NotFound.
        """
        if not is_document_id(document):
            raise NotFound(
                f"{document[:80]!r} is not the id of a document.",
                hint="Citations and passages carry the ids of documents.",
            )
        try:
            return Document.from_snapshot(self._blobs.get(BlobId(document)))
        except NotFound:
            found = self._look_up(document)
        if found is None:
            raise NotFound(
                f"There is no document {document!r} here.",
                hint="Citations and passages carry the ids of documents.",
            )
        return found

    def _look_up(self, document: DocumentId) -> Document | None:
        if not is_document_id(document):
            return None
        found = self.index.document(document)
        for source in () if found is not None else tuple(self._open.values()):
            found = found or source.document(document)
        # a run that goes on in this process has not opened its sources again
        return found or self.outside.document(document)

    async def disconnect(self) -> None:
        """Ends calls that nobody waits for any more, and closes all connections; on the engine's
        loop, when its runs have stopped.
        """
        if self._cache is not None:
            self._cache.abandon()
        if self._outside is not None:
            # it waits for loops to turn, this one too
            await asyncio.to_thread(self._outside.hang_up)
        if self._fetcher is not None:
            fetcher, self._fetcher = self._fetcher, None
            await fetcher.aclose()

    def close(self) -> None:
        """Closes the index, the cache, and the way to other machines."""
        with self._lock:
            self._closed = True
        # not under the lock, which threads of the sources may want
        for part in (self._outside, self._index, self._cache):
            if part is not None:
                part.close()


def _kind(spec: str) -> Literal["place", "page", "packages", "service", "object", "plugin"]:
    """Tells what a source is by what it is opened with."""
    from sentient_kernel.sources.opening import WORDS

    if os.path.isabs(spec):
        return "place"
    if spec.startswith("source:"):
        return "object"
    if "://" in spec:
        return "page"
    if spec == "packages" or spec.startswith("packages:"):
        return "packages"
    return "service" if spec == "web" or spec in WORDS else "plugin"


def check_query(text: str) -> str:
    """Returns a query or question without blanks around it. Raises UsageError when it is empty or
    too long.
    """
    if not isinstance(text, str):
        raise UsageError(f"A question must be text, not {type(text).__name__}.")
    text = text.replace("\0", " ").encode("utf-8", "replace").decode().strip()
    if not text:
        raise UsageError("The question is empty.", hint="Say in a sentence what you want to know.")
    if len(text) > LONGEST_QUERY:
        raise UsageError(
            f"The question has {len(text):,} characters; at most {LONGEST_QUERY:,} can be searched"
            " for.",
            hint="Ask it in a few sentences.",
        )
    return text


def _shortened(health: Health, source: str) -> Health:
    refused = tuple((uri[:ADDRESS], why[:FIELD]) for uri, why in health.refused)
    return replace(health, source=source, reason=health.reason[:FIELD], refused=refused)


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on a thread of its own: in a notebook this thread's loop is
    taken.
    """
    result: Future[T] = Future()

    def body() -> None:
        try:
            result.set_result(asyncio.run(coroutine))
        except BaseException as raised:  # noqa: BLE001
            # carried over to the thread that waits, and raised there
            result.set_exception(raised)

    threading.Thread(target=body, name="sentient-search", daemon=True).start()
    while not result.done():
        wait([result], 0.1)  # short waits let an interrupt through
    return result.result()


def _spec(given: str, known: Iterable[str]) -> str:
    from sentient_kernel.sources.opening import is_place, missing

    if not given.strip():
        raise UsageError(
            "The name of a source is empty.",
            hint="Give a folder, a file, 'packages', 'web' or an address.",
        )
    if (error := missing(given, known)) is not None:
        raise error
    if not is_place(given):
        return given
    return os.path.abspath(Path(given).expanduser())


def _friendly(spec: str, taken: Container[str]) -> str:
    """Returns a short name for a place: its last part, with a number where others, or the services
    that there are, are called so.
    """
    from sentient_kernel.sources.opening import WORDS

    if not os.path.isabs(spec):  # places were made absolute: it is a word or an address
        return spec
    base = os.path.basename(spec) or spec
    names = (base if n == 1 else f"{base}-{n}" for n in count(1))
    return next(
        name for name in names if name not in taken and name not in (DEFAULT, "web", *WORDS)
    )
