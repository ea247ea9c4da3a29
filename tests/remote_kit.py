"""A web on this machine, and sources that ask it, for the tests of sources on other machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sentient_kernel.cache import Cache
from sentient_kernel.settings import Settings
from sentient_kernel.sources import Passage, Source, open_source
from sentient_kernel.sources.web.fetch import Outside
from sentient_kernel.transport import Fetcher
from tests.kits.services_web import ServicesWeb

QUESTION = "How high does the tide rise in the Bay of Fundy?"
TIDES = (
    "The tide is the rise and fall of the sea, caused by the pull of the moon. Spring tides come at"
    " new and full moon.\n\nIn the Bay of Fundy the water rises by as much as sixteen metres, which"
    " is a record. Harbour masters publish tables of high water for every day of the year in"
    " advance, and sailors trust them."
)
ABSTRACT = (
    "We measured the tide in the Bay of Fundy. The water rises by 16.3 metres at spring tide."
    " Models of the bay agree with it."
)
NO_WAY = 0
"""For settings that a test takes away."""


@asynccontextmanager
async def reaching(
    web: ServicesWeb, home: Path, *, clock: Any = None, **settings: Any
) -> AsyncIterator[Outside]:
    """A way to the web of the test, on the cache of a home folder."""
    chosen = Settings(
        _env_file=None,
        **{
            name: value
            for name, value in {**web.settings, **settings}.items()
            if value is not NO_WAY
        },
    )
    cache = Cache(home / "cache.db", ttl=chosen.cache_ttl, mode=chosen.mode, offline=chosen.offline)
    async with Fetcher(chosen, clock=clock) as fetcher:
        outside = Outside(chosen, cache, fetcher)
        try:
            yield outside
        finally:
            outside.close()
            cache.close()


def opened(outside: Outside, spec: str) -> Source:
    return open_source(spec, None, settings=outside.settings, outside=outside)  # type: ignore[arg-type]


async def searched(
    outside: Outside, spec: str, query: str = QUESTION, *, k: int = 10
) -> tuple[list[Passage], Source]:
    """Searches once; each passage stands at its place in its document, and the document comes back
    from its snapshot.
    """
    source = opened(outside, spec)
    found = await source.search(query, k=k)
    for passage in found:
        document = source.document(passage.document)
        assert document is not None
        assert document.text[passage.start : passage.end] == passage.text
        assert document.id == passage.document
        assert type(document).from_snapshot(document.snapshot()) == document
    return found, source
