"""Requests of remote sources: through the cache, and parsed in a child process.

One of these belongs to a workbench, and is shared by all its remote sources.
"""

from __future__ import annotations

import asyncio
import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from queue import LifoQueue
from typing import TYPE_CHECKING, Any

from sentient_kernel.cache.keys import Key, Kind
from sentient_kernel.errors import Blocked, NotRecorded, ParseError, SourceError, UsageError
from sentient_kernel.ids import DocumentId
from sentient_kernel.sources.base import Document
from sentient_kernel.sources.local.parse import Parser, ParserLimits
from sentient_kernel.sources.parser.bounds import bounded
from sentient_kernel.sources.parser.common import ParsedText

if TYPE_CHECKING:
    from sentient_kernel.cache import Cache
    from sentient_kernel.settings import Settings
    from sentient_kernel.transport import Fetcher

__all__ = ["KeptAnswer", "Outside", "Readers", "SearchCalls"]

FORMATS = {
    ".page": "sentient_kernel.sources.parser.page:page",
    ".atom": "sentient_kernel.sources.parser.works:atom",
    ".pubmed": "sentient_kernel.sources.parser.works:pubmed",
}
"""Kinds that are read from the web only, besides those that files may have."""
LIMITS = ParserLimits(wall=20.0, cpu=10, characters=1_000_000)
HELD = 20_000_000
"""Characters of documents that are held in memory; what is dropped is found in the cache."""
_MOST_SNAPSHOT = 64 << 20
_CHILDREN = 2


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered: a JSON value, and whether it was asked for now or is from the cache."""

    value: Any
    fresh: bool


class Outside:
    """Asks other machines for sources: once, guarded, and remembered.

    Args:
        settings: The workbench's.
        cache: Where answers are kept.
        fetcher: Asks; by default one is made for each event loop, as its connections belong to a
            loop.

    Raises:
        ConfigurationError: A host or domain of the settings cannot be read.
    """

    def __init__(self, settings: Settings, cache: Cache, fetcher: Fetcher | None = None) -> None:
        from sentient_kernel.transport import Rules

        self.settings = settings
        self.cache = cache
        self.rules = Rules.of(settings)
        self.readers = Readers()
        self._given = fetcher
        self._fetchers: dict[asyncio.AbstractEventLoop, Fetcher] = {}
        self._lock = threading.Lock()
        self._held: OrderedDict[DocumentId, Document] = OrderedDict()
        self._characters = 0

    @property
    def fetcher(self) -> Fetcher:
        """The fetcher of the loop that runs here."""
        from sentient_kernel.transport import Fetcher

        loop = asyncio.get_running_loop()
        with self._lock:
            found = self._fetchers.get(loop) or self._given
            if found is None:
                self._fetchers = {
                    known: one for known, one in self._fetchers.items() if not known.is_closed()
                }
                found = self._fetchers[loop] = Fetcher(self.settings)
            return found

    def owns(self, url: str) -> bool:
        """Tells whether what stands at an address is a person's own: it is not one that everybody
        may ask.
        """
        from sentient_kernel.transport import check_url

        try:
            return check_url(url, self.rules).trusted
        except Blocked:
            return True

    # -- documents ---------------------------------------------------------------------------------

    async def hold(self, documents: Iterable[Document]) -> None:
        """Holds documents in memory, and in the cache, so that a run that goes on in another
        process finds them.
        """
        for document in documents:
            name = document.id
            with self._lock:
                new = name not in self._held
                if new:
                    self._characters += len(document.text)
                self._held[name] = document
                self._held.move_to_end(name)
                while self._characters > HELD and len(self._held) > 1:
                    self._characters -= len(self._held.popitem(last=False)[1].text)
            if new:

                async def snapshot(kept: Document = document) -> bytes:
                    return kept.packed()

                with suppress(NotRecorded):  # a replay keeps nothing
                    await self.cache.call(_named(name), snapshot, ttl=float("inf"))

    def document(self, name: DocumentId) -> Document | None:
        """Returns a document that was held, by this process or an earlier one; any thread."""
        with self._lock:
            found = self._held.get(name)
        if found is not None:
            return found
        dumped = self.cache.dump(_named(name).digest)
        if dumped is None:
            return None
        with suppress(zlib.error, ParseError):  # who filled the cache could write anything
            document = Document.from_snapshot(
                zlib.decompressobj().decompress(dumped.partition(b"\n")[2], _MOST_SNAPSHOT)
            )
            return document if document.id == name else None
        return None

    # -- care --------------------------------------------------------------------------------------

    @asynccontextmanager
    async def visit(self) -> AsyncIterator[None]:
        """Lends the loop that runs here a fetcher of its own and closes it: for loops that end
        soon.
        """
        from sentient_kernel.transport import Fetcher

        loop = asyncio.get_running_loop()
        async with Fetcher(self.settings) as fetcher:
            with self._lock:
                self._fetchers[loop] = fetcher
            try:
                yield
            finally:
                with self._lock:
                    self._fetchers.pop(loop, None)

    def hang_up(self, timeout: float = 5.0) -> None:
        """Closes the connections on all loops that still turn; any thread. What is asked afterwards
        opens new ones.
        """
        with self._lock:
            fetchers, self._fetchers = self._fetchers, {}
        for loop, fetcher in fetchers.items():
            if loop.is_running():
                try:
                    here = asyncio.get_running_loop() is loop
                except RuntimeError:
                    here = False
                closing = asyncio.run_coroutine_threadsafe(fetcher.aclose(), loop)
                if not here:  # there it is closed at the loop's next turn
                    with suppress(TimeoutError):
                        closing.result(timeout)

    def close(self) -> None:
        """Closes connections and ends the children; the cache belongs to whoever made it."""
        self.hang_up()
        self.readers.close()


class SearchCalls:
    """The calls of one search: which answers it is made of, and how many of them were asked for
    now.

    Args:
        outside: Through what they go.
    """

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.made = self.brought = 0
        self.digests: dict[str, None] = {}

    async def ask(
        self,
        kind: Kind,
        what: dict[str, Any],
        asking: Callable[[], Awaitable[Any]],
        *,
        ttl: float | None = None,
    ) -> KeptAnswer:
        """Returns the answer to a call, as JSON: from the cache, or asked for now, once for all who
        want it.

        This is where answers arrive: every field of one is cut to what such a field may be
            (``parser.bounds``).

        Args:
            kind: ``search`` or ``page``.
            what: All that the answer depends on, and no secret.
            asking: Makes the call and returns a JSON value.
            ttl: Seconds for which a kept answer will do.

        Raises:
            SourceError: It could not be had, or was not recorded.
        """

        async def compute() -> bytes:
            value = bounded(await asking(), LIMITS.characters)
            dumped = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            return dumped.encode("utf-8", "surrogatepass")

        key = Key(kind, what)
        hit = await self.outside.cache.call(key, compute, ttl=ttl)
        try:
            value = bounded(json.loads(hit.data), LIMITS.characters)
        except (ValueError, RecursionError):
            raise SourceError(
                "What the cache holds of an answer cannot be read.",
                hint="Delete cache.db: it is made anew.",
            ) from None
        self.made += hit.fresh
        self.brought += hit.brought
        self.digests.setdefault(key.digest)
        return KeptAnswer(value, hit.fresh)


_FIRST = (
    b"{}\n<html><head><title>A page</title></head><body><article><h1>A page</h1>",
    b"<p>It has a sentence or two, as pages have, so that all that reads a page is there when one"
    b" comes.</p>" * 6,
    b"</article></body></html>",
)


class Readers:
    """At most two children that read what came from the web, started when first needed and kept."""

    def __init__(self, limits: ParserLimits = LIMITS) -> None:
        self._parsers = [Parser(limits, formats=FORMATS, paths=_paths()) for _ in range(_CHILDREN)]
        self._free: LifoQueue[Parser] = LifoQueue()  # the last one that was used is running
        for parser in self._parsers:
            self._free.put(parser)
        self._pool = ThreadPoolExecutor(_CHILDREN, "sentient-pages")
        self._closed = self._warm = False

    async def read(self, data: Iterable[bytes], *, suffix: str, name: str) -> ParsedText:
        """Returns the text of what came.

        Args:
            data: Its bytes, in pieces.
            suffix: Which kind it is.
            name: What to call it in an error.

        Raises:
            ParseError: It cannot be read, or not within its limits.
        """

        if self._closed:
            raise UsageError(
                "This workbench is closed.", hint="Open a new one; stored runs are all there."
            )
        return await asyncio.wrap_future(self._pool.submit(self._parse, data, suffix, name))

    def warm(self) -> None:
        """Lets the children read a page while there is something else to wait for: the first takes
        a sixth of a second.
        """
        if not self._warm and not self._closed:
            self._warm = True
            for _ in self._parsers:
                self._pool.submit(self._parse, _FIRST, ".page", "A page")

    def _parse(self, data: Iterable[bytes], suffix: str, name: str) -> ParsedText:
        parser = self._free.get()
        try:
            return parser.parse(data, suffix=suffix, name=name)
        finally:
            self._free.put(parser)

    def close(self) -> None:
        """Ends the children, also in the middle of a page."""
        self._closed = True
        for parser in self._parsers:
            parser.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        for parser in self._parsers:
            parser.close()  # a child that was just being started when it was closed


def _named(name: DocumentId) -> Key:
    return Key("page", {"document": name})


def _paths() -> list[str]:
    """Returns the folder that the child imports trafilatura from, where it is installed."""
    from importlib.util import find_spec
    from pathlib import Path

    spec = find_spec("trafilatura")
    return [str(Path(spec.origin).parents[1])] if spec is not None and spec.origin else []
