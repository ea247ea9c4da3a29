"""What sources on other machines share: they ask through the cache, rank what came, hold what they
gave, and say how it went.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from sentient_kernel.errors import Blocked, ConfigurationError, SourceError
from sentient_kernel.ids import DocumentId
from sentient_kernel.sources.base import Document, Health, OpenSource, Passage, Progress
from sentient_kernel.sources.local.base import shown
from sentient_kernel.sources.web.fetch import Outside, SearchCalls

if TYPE_CHECKING:
    from sentient_kernel.transport import Fetched

__all__ = ["Brought", "RemoteSource", "Service", "ServiceSource", "shown"]

DEADLINE = 20.0
"""Seconds for one answer of a search service, pauses between attempts included."""
WORKS = 25
"""Works that are asked of a scholarly service; the best passages of them are chosen here."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What one search brought.

    Args:
        documents: What was found and read.
        refused: What was found and could not be read: (uri, reason).
        reason: Why there is no document, where there is none.
        own: The uris of those documents that are a person's own, with the host that each came from,
            or "" for the service itself.
    """

    documents: Sequence[Document] = ()
    refused: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    own: Mapping[str, str] = field(default_factory=dict)


class RemoteSource(OpenSource):
    """A source that is asked anew for each query. Subclasses say how.

    Args:
        outside: Through what.
        name: What it is called in passages and in health.
        key: What it is called in documents, so that they are the same under any name; its name when
            not given.
    """

    service = ""
    """What people call it."""

    def __init__(self, outside: Outside, *, name: str, key: str = "") -> None:
        self.name = name
        self._key = key or name
        self._outside = outside
        self._health = Health(source=name)

    async def refresh(self, progress: Progress | None = None) -> Health:
        """Asks nothing: what is new is seen when something is searched."""
        return self._health

    async def search(self, query: str, *, k: int = 10) -> list[Passage]:
        """Returns the k passages that fit best of the documents that the service finds; without
        any, ``health.reason`` says why.

        Args:
            query: A question or some words.
            k: How many passages at most.

        Raises:
            SourceError: It could not be asked; ``health.reason`` says the same.
        """
        from sentient_kernel.sources.web.fit import fitting

        if k < 1:
            return []
        calls = SearchCalls(self._outside)
        try:
            brought = await self._brought(query, calls)
            found, passages = await anyio.to_thread.run_sync(fitting, query, brought.documents, k)
            chosen = {passage.document for passage in found}
            await self._outside.hold(
                document for document in brought.documents if document.id in chosen
            )
        except SourceError as error:
            self._health = Health(source=self.name, reason=str(error))
            raise
        reason = "" if found else brought.reason or _unfit(len(brought.documents), query)
        self._health = replace(self._after(brought, calls), passages=passages, reason=reason)
        return [
            replace(
                one,
                source=self.name,
                own=one.uri in brought.own,
                origin=brought.own.get(one.uri, ""),
            )
            for one in found
        ]

    def document(self, document: DocumentId) -> Document | None:
        """Returns a document that a passage of this source points to, or None."""
        return self._outside.document(document)

    @property
    def health(self) -> Health:
        """How the last search went: what it read, what it could not read and why."""
        return self._health

    def _after(self, brought: Brought, calls: SearchCalls) -> Health:
        return Health(
            source=self.name,
            documents=len(brought.documents),
            read=calls.made,
            refused=brought.refused,
            reason=brought.reason,
            cache=tuple(sorted(calls.digests)),
            brought=calls.brought,
        )

    async def _brought(self, query: str, calls: SearchCalls) -> Brought:
        """Brings what the service has; an answer of another form than it gives, as from a cache
        that somebody else filled, is told.
        """
        try:
            return await self._bring(query, calls)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            what = (
                f"{self.service or self.name} gave an answer of another form than it should, or the"
                " cache holds such a one"
            )
            raise SourceError(
                f"{what} ({type(error).__name__}).", hint="Delete cache.db: it is made anew."
            ) from error

    async def _bring(self, query: str, calls: SearchCalls) -> Brought:
        raise NotImplementedError

    def _no_hits(self, query: str) -> Brought:
        return Brought(reason=f"{self.service} finds nothing for {shown(query)}.")


class Service:
    """An API at the base URL that a setting names. What the user has set is trusted, though it be
    private.

    Args:
        outside: Through what.
        setting: The name of the setting.

    Raises:
        ConfigurationError: The setting is not a base URL.
    """

    def __init__(self, outside: Outside, setting: str) -> None:
        from sentient_kernel.transport import Rules, check_url

        settings = outside.settings
        self.base: str = getattr(settings, setting).strip().rstrip("/")
        self._usual = usual = type(settings).model_fields[setting].default
        # A service that was added by its name need not stand in SENTIENT_ALLOW_DOMAINS, which is
        # about what is read.
        self._trusted = (self.base,) if self.base != usual or settings.allow_domains else ()
        self._outside = outside
        try:
            check_url(self.base, Rules.of(settings, self._trusted))
        except Blocked as error:
            raise ConfigurationError(
                f"SENTIENT_{setting.upper()} cannot be used: {error.message}",
                hint="Write it like https://example.org/api.",
            ) from None

    @property
    def own(self) -> bool:
        """Whether it is on this machine or its network, as far as that shows, or at a host of
        ``SENTIENT_ALLOW_HOSTS``.
        """
        from sentient_kernel.transport import Rules, check_url

        try:
            target = check_url(self.base, Rules())
        except Blocked:
            return True
        return self._outside.rules.trusts(target.host, target.port)

    async def gives_own(self) -> bool:
        """Tells whether what it says itself is a person's own: it is, or its name leads to an
        address of one's own network.

        A service where everybody finds it is public. A name that cannot be looked up here may be
        one of a network behind a proxy.
        """
        from sentient_kernel.transport import Rules, check_url, verdict
        from sentient_kernel.transport.dns import Resolver

        if self.own or self.base == self._usual:
            return self.own
        if self._outside.settings.offline or self._outside.settings.mode == "replay":
            return True  # nobody is asked, not even for a name
        target = check_url(self.base, Rules())
        try:
            return any(map(verdict, await Resolver().resolve(target.host, target.port)))
        except (OSError, TimeoutError):
            return True

    async def get(
        self,
        path: str,
        params: Mapping[str, Any],
        *,
        headers: Mapping[str, str] | None = None,
        xml: bool = False,
    ) -> Fetched:
        """Asks it. Raises FetchFailed."""
        return await self._outside.fetcher.get(
            self.base + path,
            params=params,
            headers=headers,
            accept="xml" if xml else "json",
            deadline=DEADLINE,
            trusted=self._trusted,
        )

    async def post(
        self, path: str, json: Any, *, headers: Mapping[str, str] | None = None
    ) -> Fetched:
        """Asks it with a body. Raises FetchFailed."""
        return await self._outside.fetcher.post(
            self.base + path, json=json, headers=headers, deadline=DEADLINE, trusted=self._trusted
        )


class ServiceSource(RemoteSource):
    """A source that is a service at a base URL. Subclasses ask it.

    Args:
        outside: Through what.
        name: What it is called; the word for it when not given.
        key: As for every source on other machines.

    Raises:
        ConfigurationError: The setting is not a base URL.
    """

    setting = ""
    """The name of the setting that says where it is: the word for it, and ``_url``."""

    def __init__(self, outside: Outside, *, name: str = "", key: str = "") -> None:
        self._word = self.setting.removesuffix("_url")
        super().__init__(outside, name=name or self._word, key=key)
        self._api = Service(outside, self.setting)


def _unfit(documents: int, query: str) -> str:
    plural = "s" if documents != 1 else ""
    return f"Of {documents:,} document{plural} that it found no passage contains {shown(query)}."
