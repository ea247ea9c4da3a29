"""The cache as sources and models use it: a call is made once, then served while it is fresh."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, TypeVar

import apsw

from sentient_kernel.cache.database import BIG, OVERHEAD, CacheEntry, CacheFile
from sentient_kernel.cache.in_flight import InFlight, LoopGone
from sentient_kernel.cache.keys import Key
from sentient_kernel.cache.recent import Hit, Recent
from sentient_kernel.clock import Clock, SystemClock
from sentient_kernel.errors import NotRecorded, ParseError, SourceError, UsageError
from sentient_kernel.installation import installation
from sentient_kernel.redaction.known import redactor

__all__ = ["Cache", "CacheStats", "Hit"]

T = TypeVar("T")
Mode = Literal["live", "record", "replay"]
Compute = Callable[[], Awaitable[bytes]]

RECORDED = 20_000
"""Answers that a cache knows to have recorded itself; those before them are asked for again."""
_USED = 256  # of what was used lately, how many are noted with a write
_DUMP = b"sentient-cache 1 "
_HEAD = re.compile(_DUMP + rb"(model|search|page) ([0-9]{1,16}) ([0-9]{1,12})\n")
_DIGEST = re.compile("[0-9a-f]{64}")

log = logging.getLogger("sentient_kernel.cache")


class ImportCount(NamedTuple):
    """How many entries of another home were taken in, and for how many there was no room."""

    taken: int
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStats:
    """What a cache has done since it was opened, and what it holds.

    Args:
        hits: Calls that were answered from what was kept.
        misses: Calls that were made.
        joined: Calls that waited for the same call of somebody else.
        stored: Answers that were kept.
        evicted: Entries that made room.
        entries: How many entries of this home there are.
        bytes: What they take.
        imported: How many entries opened files have brought.
        imported_bytes: What those take.
    """

    hits: int = 0
    misses: int = 0
    joined: int = 0
    stored: int = 0
    evicted: int = 0
    entries: int = 0
    bytes: int = 0
    imported: int = 0
    imported_bytes: int = 0


class Cache:
    """Answers of the outside world, each asked for once. Any number of threads, loops and processes
    may share the file.

    ``live``: what is kept and not older than its time to live is served, everything else is asked
    and kept. ``record``: the same, but only what this very cache has asked since it was opened
    counts as kept; so a replay finds what was served. ``replay``, and when offline: only what is
    kept is served, whatever its age.

    Args:
        path: The file; made (0600) where there is none, made anew where it is broken.
        ttl: Seconds for which an answer is served.
        most_bytes: What all answers together may take.
        mode: ``live``, ``record`` or ``replay``.
        offline: Whether the network is switched off.
        clock: Where time comes from.
        key: What tells answers that were given here from those of a home that somebody else filled;
            default: this installation's.

    Raises:
        SourceError: The file cannot be kept there.

    Example:
        >>> import tempfile
        >>> async def ask():
        ...     return b"nine kilometres"
        >>> with tempfile.TemporaryDirectory() as home, Cache(f"{home}/cache.db") as cache:
        ...     key = Key("search", {"query": "How far do bees fly?"})
        ...     hits = [asyncio.run(cache.call(key, ask)) for _ in range(2)]
        >>> [(hit.data, hit.fresh) for hit in hits]
        [(b'nine kilometres', True), (b'nine kilometres', False)]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        ttl: float = 86_400.0,
        most_bytes: int = 1_000_000_000,
        mode: Mode = "live",
        offline: bool = False,
        clock: Clock | None = None,
        key: bytes | None = None,
    ) -> None:
        self.ttl = ttl
        self.mode: Mode = mode
        self.offline = offline
        self._clock = clock or SystemClock()
        self._monotonic = self._clock.monotonic
        self._kept_only = offline or mode == "replay"
        self._recorded_only = mode == "record" and not offline
        self._file = CacheFile(Path(path), most_bytes, installation().key if key is None else key)
        self._recent = Recent()
        self._lock = threading.Lock()
        self._flights: dict[str, InFlight[Hit]] = {}
        self._recorded: dict[str, None] = {}
        self._completed = 0
        self._misses = self._joined = 0
        self._threads = ThreadPoolExecutor(2, "sentient-cache")
        self._closed = False

    async def call(
        self, key: Key, compute: Compute, *, ttl: float | None = None, brought: bool = True
    ) -> Hit:
        """Returns the answer to a call: kept, or made now, once for all who ask meanwhile.

        Args:
            key: What is asked.
            compute: Makes the call. It runs in a task of its own: to be cancelled while waiting
                here does not end it.
            ttl: Seconds for which a kept answer will do; by default that of the cache.
            brought: Whether one that an opened file brought will do, in a replay.

        Returns:
            The answer's bytes, when it was given, and whether it was made now.

        Raises:
            NotRecorded: It would have to be made, and this is a replay, or offline.
            Exception: Whatever ``compute`` raises, for all who waited; nothing is kept then.
        """
        if not self._recorded_only or key.digest in self._recorded:
            after = (
                -1e18 if self._kept_only else self._monotonic() - (self.ttl if ttl is None else ttl)
            )
            hit = self._recent.get(key.digest, after)
            if hit is not None and (brought or not hit.brought):
                return hit
        return await self._call(key, compute, self.ttl if ttl is None else ttl, brought)

    async def _call(self, key: Key, compute: Compute, ttl: float, brought: bool) -> Hit:
        while True:
            completed = self._completed  # looked at first: what completes from here on is noticed
            flight = self._flights.get(key.digest)
            if flight is None:
                asked = self._recorded_only and key.digest not in self._recorded
                if not asked and (hit := await self._find(key.digest, ttl, brought)) is not None:
                    return hit
                if self._kept_only:
                    raise self._not_recorded(key)
                flight = self._start(key, compute, ttl, completed)
            else:
                with self._lock:
                    self._joined += 1
            if flight is not None:
                try:
                    return await flight.join()
                except LoopGone:
                    self._remove(key.digest, flight)

    def _start(
        self, key: Key, compute: Compute, ttl: float, completed: int
    ) -> InFlight[Hit] | None:
        """Begins the call, unless others have begun or ended one since it was looked for."""
        with self._lock:
            if self._completed != completed or key.digest in self._flights:
                return None
            self._misses += 1
            flight = self._flights[key.digest] = InFlight(self._make(key, compute, ttl))
            return flight

    def _remove(self, digest: str, flight: InFlight[Hit] | None = None) -> None:
        with self._lock:
            if flight is None or self._flights.get(digest) is flight:
                self._flights.pop(digest, None)
                self._completed += 1

    async def _make(self, key: Key, compute: Compute, ttl: float) -> Hit:
        """Makes the call and keeps its answer."""
        try:
            try:
                data = await compute()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise SourceError(f"The {key.label} cancelled itself.", hint="Ask again.") from None
            if not isinstance(data, (bytes, bytearray)):
                raise UsageError(f"A call returns bytes, not {type(data).__name__}.")
            kept = bytes(data)
            if len(kept) < BIG:
                kept = redactor().data(kept)  # what a server echoes of a key is not handed on
            else:
                kept = await self._apart(lambda: redactor().data(kept))
            return await self._keep(key, kept, ttl)
        finally:
            self._remove(key.digest)

    # -- reading -----------------------------------------------------------------------------------

    async def _find(self, digest: str, ttl: float, brought: bool = True) -> Hit | None:
        name = bytes.fromhex(digest)
        entry = self._file.get(name, imported=brought and self.mode == "replay")
        if entry is None:
            return None
        age = self._age(digest, entry)
        if not self._serves(entry, age, ttl):
            return None
        if entry.data is not None:
            data = self._file.value(entry)
        else:
            data = await self._apart(lambda: self._file.value(entry))
        if data is None:
            self._file.drop(name)
            return None
        hit = Hit(data, entry.at / 1e6, False, not entry.own)
        self._recent.put(digest, hit, self._monotonic() - age, used=True)
        return hit

    def _age(self, digest: str, entry: CacheEntry) -> float:
        """Returns how old an entry is; who has had it in memory since knows better than the clock
        on the wall. One from the future is as old as it is far away: a clock was set back."""
        age = abs(self._clock.now_us() - entry.at) / 1e6
        born = self._recent.born(digest, entry.at / 1e6)
        return age if born is None else max(age, self._monotonic() - born)

    def _serves(self, entry: CacheEntry, age: float, ttl: float) -> bool:
        """Tells whether an entry answers a call; one from another home does so in a replay only, as
        nobody here has seen it made."""
        if not entry.own:
            return self.mode == "replay"
        return self._kept_only or age < ttl

    def _not_recorded(self, key: Key) -> NotRecorded:
        why = (
            "this is a replay"
            if self.mode == "replay"
            else "the network is switched off (SENTIENT_OFFLINE)"
        )
        return NotRecorded(
            f"There is no recorded answer to the {key.label}, and {why}.",
            hint=(
                "Run it once with SENTIENT_MODE=record, or live, with the network on; then it can"
                " be replayed."
            ),
        )

    # -- writing -----------------------------------------------------------------------------------

    async def _keep(self, key: Key, data: bytes, ttl: float) -> Hit:
        """Keeps an answer; returns the one that counts, which is another process's where that was
        faster."""
        born, at = self._monotonic(), self._clock.now_us()
        hit = Hit(data, at / 1e6, True)
        if len(data) + OVERHEAD > self._file.most_bytes:
            log.warning(
                "The answer to the %s is bigger than the cache may be, and is not kept.", key.label
            )
            return hit
        try:
            first = await self._put(key, at, data, ttl)
        except (SourceError, UsageError) as error:
            # a full disk, or closed meanwhile: the answer is here all the same
            if self.mode == "record":
                raise
            log.warning("An answer could not be kept: %s", error)
            return hit
        if first.id and first.data is not None:
            hit = Hit(first.data, first.at / 1e6, False)
            born -= self._age(key.digest, first)
        self._recent.put(key.digest, hit, born)
        if self._recorded_only:
            with self._lock:
                self._recorded[key.digest] = None
                if len(self._recorded) > RECORDED:
                    del self._recorded[next(iter(self._recorded))]
        return hit

    async def _put(self, key: Key, at: int, data: bytes, ttl: float) -> CacheEntry:
        name, used = bytes.fromhex(key.digest), self._take_used()

        def serves(there: CacheEntry) -> bool:
            return self._serves(there, self._age(key.digest, there), ttl)

        def work(patient: bool) -> CacheEntry:
            unless = None if self._recorded_only else serves
            entry = CacheEntry.of(key.kind, at, data)
            return self._file.put(name, entry, used=used, unless=unless, patient=patient)

        if len(data) < BIG:
            with suppress(apsw.BusyError):
                return work(False)
        return await self._apart(lambda: work(True))

    def _take_used(self) -> list[bytes]:
        return [bytes.fromhex(digest) for digest in self._recent.take_used(_USED)]

    async def _apart(self, work: Callable[[], T]) -> T:
        """Runs what may take long on a thread."""
        with self._lock:
            if self._closed:
                raise UsageError(f"The cache {str(self._file.path)!r} is closed.")
            done = self._threads.submit(work)
        return await asyncio.wrap_future(done)

    # -- entries in and out ------------------------------------------------------------------------

    def dump(self, digest: str) -> bytes | None:
        """Returns an entry as bytes for :meth:`load`, or None when there is none; any thread.

        Args:
            digest: That of its key.
        """
        entry = self._file.get(_name(digest), imported=True)
        data = None if entry is None else self._file.value(entry)
        if entry is None or data is None:
            return None
        return _DUMP + f"{entry.kind} {entry.at} {entry.size}\n".encode() + data

    def load_all(self, dumped: Iterable[tuple[str, bytes]]) -> ImportCount:
        """Takes in entries that another home has dumped, one by one, so that other writers have
        their turn; any thread. An entry that is here stays as it is.

        What is taken in is served in a replay only: whoever wrote it could write anything. It
        counts for itself, so that it makes no answer of this home go.

        Args:
            dumped: Digests of keys, and what :meth:`dump` returned for them there.

        Returns:
            How many were taken in, and for how many there was no room: all that opened files have
            brought may take a quarter of what the answers of this home may.

        Raises:
            ParseError: One of them is not such an entry.
        """
        told = Counter(
            self._file.bring(_name(digest), CacheEntry.of(*read_dump(entry)))
            for digest, entry in dumped
        )
        return ImportCount(told["taken"], told["no room"])

    # -- care --------------------------------------------------------------------------------------

    @property
    def most_imported(self) -> int:
        """Bytes that all answers of opened files may take."""
        return self._file.most_imported

    @property
    def stats(self) -> CacheStats:
        """What it has done, and what it holds."""
        entries, size, imported, imported_size = self._file.totals()
        with self._lock:
            return CacheStats(
                hits=self._recent.hits,
                misses=self._misses,
                joined=self._joined,
                stored=self._file.stored,
                evicted=self._file.evicted,
                entries=entries,
                bytes=size,
                imported=imported,
                imported_bytes=imported_size,
            )

    def abandon(self) -> None:
        """Ends the calls under way, also those that nobody waits for any more: for who is about to
        stop their loop. Any thread."""
        with self._lock:
            flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()

    def close(self) -> None:
        """Lets go of every file and thread; calls under way go on, their answers are not kept. Safe
        to call twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._threads.shutdown(wait=True)
        with suppress(SourceError, UsageError):  # it only says what makes room last
            self._file.note(self._take_used())
        self._file.close()
        self._recent.clear()

    def __enter__(self) -> Cache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Cache({self._file.path.name!r}, mode={self.mode!r})"


def _name(digest: str) -> bytes:
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"{digest[:80]!r} is not the digest of a key.")
    return bytes.fromhex(digest)


def read_dump(dumped: bytes) -> tuple[str, int, bytes]:
    """Returns kind, time and answer of a dumped entry. Raises ParseError when it is none."""
    head = _HEAD.match(dumped)
    if head is None or int(head[3]) != len(dumped) - head.end():
        raise ParseError(
            "This is not an entry of a cache, or not all of it.", hint="Export the run again."
        )
    return head[1].decode(), int(head[2]), dumped[head.end() :]
