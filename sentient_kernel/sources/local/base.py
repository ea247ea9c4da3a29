"""What sources on this machine share: they keep their passages in the index, read in threads and
children, and say how they are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread

from sentient_kernel.errors import ParseError, SourceError
from sentient_kernel.ids import DocumentId
from sentient_kernel.index.store import Index
from sentient_kernel.sources.base import Document, Health, OpenSource, Passage, Progress
from sentient_kernel.sources.local.parse import Parser

_BETWEEN = 0.1  # seconds between two words of progress
_FEW = 8  # files, which are not worth a second child
Item = TypeVar("Item")
Result = TypeVar("Result")


class Stopped(Exception):
    """Unwinds a reading whose caller has gone; what was read so far is kept."""


class Work:
    """One reading: it can be stopped from another thread, and tells how far it is.

    Args:
        progress: Told on the caller's loop, a few times a second.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        self._progress = progress
        self._stopped = False
        self._parsers: list[Parser] = []
        self._told = self._began = 0.0

    def stop(self) -> None:
        """Ends the reading: the children die at once, the rest at the next look."""
        self._stopped = True
        for parser in self._parsers:
            parser.close()

    def check(self) -> None:
        """Raises Stopped when nobody waits any more."""
        if self._stopped:
            raise Stopped

    def count(self, message: str, unit: str, number: int, total: int) -> None:
        """Tells how many of all are read, how fast that goes, and about how long it still takes."""
        if number == 1:
            self._began = time.monotonic()
        self.tell(
            f"{message}, {number:,} of {total:,} {unit}"
            + pace(number - 1, total - number, time.monotonic() - self._began),
            number / total,
        )

    def tell(self, message: str, done: float | None = None) -> None:
        """Tells how far the reading is, unless it did so a moment ago."""
        self.check()
        now = time.monotonic()
        if self._progress is None or (now - self._told < _BETWEEN and done != 1.0):
            return
        self._told = now
        # the loop is gone: its owner was stopped between the check and here
        with suppress(RuntimeError):
            anyio.from_thread.run_sync(self._progress, message, done)

    def in_children(
        self,
        items: Sequence[Item],
        make: Callable[[], Parser],
        read: Callable[[Parser, Item], Result],
    ) -> Generator[tuple[Item, Result | SourceError], None, None]:
        """Yields each item with what ``read`` returned or the SourceError that it raised, as they
        get ready, few ahead at a time. At most two children do it.

        Args:
            items: What to read.
            make: Makes a parser.
            read: Reads an item with a parser.
        """
        self._parsers += [make() for _ in range(2 if len(items) > _FEW else 1)]
        free: SimpleQueue[Parser] = SimpleQueue()
        for parser in self._parsers:
            free.put(parser)
        running: dict[Future[Result | SourceError], Item] = {}
        todo = iter(items)

        def one(item: Item) -> Result | SourceError:
            parser = free.get()
            try:
                self.check()
                return read(parser, item)
            except SourceError as error:
                return error
            finally:
                free.put(parser)

        with ThreadPoolExecutor(len(self._parsers), "sentient-parse") as pool:
            try:
                while True:
                    for item in islice(todo, 2 * len(self._parsers) - len(running)):
                        running[pool.submit(one, item)] = item
                    if not running:
                        return
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running.pop(future), future.result()
                    self.check()
            finally:
                for parser in self._parsers:
                    parser.close()
                pool.shutdown(cancel_futures=True)


class LocalSource(OpenSource):
    """A source whose documents are on this machine and whose passages are in the index.

    Args:
        name: What it is called in passages and in health.
        index: Where its passages are kept; may be shared with other sources.
        key: What it is called in the index, so that it is found there under any name; its name when
            not given.
    """

    def __init__(self, name: str, index: Index, *, key: str | None = None) -> None:
        self.name = name
        self._key = key or name
        self._index = index
        self._health: Health | None = None
        self._reading = threading.Lock()

    async def refresh(self, progress: Progress | None = None) -> Health:
        """Reads what is new or changed since the last time; a second call waits for the first.

        Args:
            progress: Told what is being read and how far it is.

        Returns:
            How the source is now.

        Raises:
            SourceError: There is nothing to read from at all: the message says why.
        """
        work = Work(progress)
        try:
            self._health = await anyio.to_thread.run_sync(
                self._locked, work, abandon_on_cancel=True
            )
        except BaseException:
            work.stop()
            raise
        return self._health

    async def search(self, query: str, *, k: int = 10) -> list[Passage]:
        """Returns the k passages that fit best, best first; when there are none, ``health.reason``
        says why.

        Args:
            query: A question or some words.
            k: How many passages at most.
        """
        found = [
            self._shown(passage)
            for passage in await anyio.to_thread.run_sync(self._found, query, k)
        ]
        if not found:
            self._health = await anyio.to_thread.run_sync(self._without, query)
        elif self._health and self._health.reason:
            self._health = replace(self._health, reason="")
        return found

    def document(self, document: DocumentId) -> Document | None:
        """Returns a document that a passage of this source points to, or None."""
        return self._index.document(document)

    @property
    def health(self) -> Health:
        """How the source is doing, as of its last refresh or search."""
        return self._health or self._counted(Health(source=self.name))

    def _locked(self, work: Work) -> Health:
        while not self._reading.acquire(timeout=0.05):
            work.check()
        try:
            return self._read(work)
        finally:
            self._reading.release()

    def _read(self, work: Work) -> Health:
        raise NotImplementedError

    def _found(self, query: str, k: int) -> list[Passage]:
        return self._index.search(query, sources=[self._key], k=k)

    def _shown(self, passage: Passage) -> Passage:
        """Returns a passage as people read it: under the name that the source goes by here."""
        return replace(passage, source=self.name)

    def _counted(self, health: Health) -> Health:
        """Returns a health with the numbers of documents and passages that the index holds."""
        documents, passages = self._index.counts().get(self._key, (0, 0))
        return replace(health, documents=documents - self._empty_documents(), passages=passages)

    def _empty_documents(self) -> int:
        """Returns how many documents of the index are none that anybody could read."""
        return 0

    def _without(self, query: str) -> Health:
        """Returns the health after a search that found nothing."""
        before = self._counted(self._health or Health(source=self.name))
        if not before.documents:
            return before if before.reason else replace(before, reason="It holds no documents yet.")
        plural = "s" if before.documents != 1 else ""
        reason = f"Of its {before.documents:,} document{plural} no passage contains"
        return replace(before, reason=f"{reason} {shown(query)}.")


def shown(query: str) -> str:
    """Returns a query as it is shown in a sentence."""
    return repr(query if len(query) <= 80 else query[:79] + "…")


def pace(done: int, left: int, seconds: float) -> str:
    """Returns how fast something goes and about how long it still takes; nothing in its first
    second.

    Example:
        >>> pace(300, 700, 2.0), pace(2, 700, 4.0), pace(1, 700, 0.5)
        (' · 150 a second, about 5 s left', ' · 0.5 a second, about 23 min left', '')
    """
    if seconds < 1 or done < 1:
        return ""
    rest = left * seconds / done
    time_left = f"{rest:.0f} s" if rest < 90 else f"{rest / 60:.0f} min"
    return (
        f" · {done / seconds:,.{0 if done > 10 * seconds else 1}f} a second, about {time_left} left"
    )


def sentence(error: SourceError) -> str:
    """Returns why something was refused, as one sentence."""
    text = str(error.message if isinstance(error, ParseError) else error).strip()
    return text[:1].upper() + text[1:]
